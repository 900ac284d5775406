#include "unit.h"

#include <string.h>

#include "tocsin/rulefile.h"

static const struct label labels[] = {
    {"alertname", "A", 9, 1}, {"le", "0.5", 2, 3}, {"service", "web", 7, 3}};
static const struct label event[] = {{"exception", "TimeoutError", 9, 12},
                                     {"trace_id", "t1", 8, 2}};
static const struct rule_input inputs[] = {{"p99", NULL}, {"gone", NULL}};
static const double input_values[] = {1.5, 0};
static const bool input_ok[] = {true, false};

static const struct {
    const char *template, *want;
} filled[] = {
    {"{service}: {value:percent} of requests fail", "web: 23.1% of requests fail"},
    {"{value}", "23.1%"}, /* as the threshold was written */
    {"{threshold} {threshold:raw}", "2% 0.02"},
    {"{value:number} {value:round} {value:x} {value:sigma}", "0.231 0 0.231x 0.231σ"},
    {"{value:bytes} {value:duration}", "0 B 231ms"},
    {"{duration} {duration:raw}", "4m5s 245"},
    {"{priority} {level}", "P1 P1"},
    {"{p99} {p99:duration} {gone}", "1.5 1.5s ?"},
    {"{le:percent} {service:percent}", "50% web"},
    {"{event_exception} ({event_trace_id}) {event_nope}", "TimeoutError (t1) ?"},
    {"{nope} { } {} {a b} {\"x\":1} } {", "? { } {} {a b} {\"x\":1} } {"},
    {"{alertname}", "A"},
    {"", ""},
};

static struct message_values values(void)
{
    return (struct message_values){.labels = labels,
                                   .n_labels = 3,
                                   .value = 0.231,
                                   .threshold = 0.02,
                                   .has_value = true,
                                   .has_threshold = true,
                                   .unit = UNIT_RATIO,
                                   .priority = 1,
                                   .active_ms = 245000,
                                   .inputs = inputs,
                                   .input_values = input_values,
                                   .input_ok = input_ok,
                                   .n_inputs = 2,
                                   .event = event,
                                   .n_event = 2};
}

static void check(const char *template, const struct message_values *v, const char *want)
{
    struct buf out = BUF_INIT;

    message_fill(template, v, &out);
    ck_assert_msg(strcmp(buf_str(&out), want) == 0, "%s\n got: %s\nwant: %s", template,
                  buf_str(&out), want);
    buf_free(&out);
}

START_TEST(placeholders_are_filled)
{
    struct message_values v = values();

    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++)
        check(filled[i].template, &v, filled[i].want);
}
END_TEST

START_TEST(the_rules_unit_goes_before_the_thresholds)
{
    struct message_values v = values();

    v.value = 1536;
    v.unit_name = "bytes";
    check("{value}", &v, "1.5 KiB");
    v.unit_name = "seconds";
    check("{value}", &v, "25m36s");
    v.unit_name = "percent";
    check("{value}", &v, "1,536%");
    v.has_value = false;
    check("{value}", &v, "?");
}
END_TEST

START_TEST(a_message_is_cut_at_4_kib_between_characters)
{
    struct message_values v = values();
    struct buf out = BUF_INIT, template = BUF_INIT;

    buf_adds(&template, "x");
    for (int i = 0; i < 3000; i++)
        buf_adds(&template, "ä");
    message_fill(buf_str(&template), &v, &out);
    ck_assert_uint_eq(out.len, 4095);
    buf_clear(&out);
    for (int i = 0; i < 5000; i++)
        buf_adds(&template, "{service}");
    message_fill(buf_str(&template), &v, &out);
    ck_assert_uint_le(out.len, 4096);
    buf_free(&out);
    buf_free(&template);
}
END_TEST

/* As it is in selectors, by and silences: any UTF-8 name, also with a colon, with or without a formatter. */
START_TEST(a_label_of_any_name_is_filled)
{
    struct label l[3];
    struct message_values v = values();

    l[0] = label_of("http.status-code", "503");
    l[1] = label_of("größe 1", "0.5");
    l[2] = label_of("a:b", "c");
    v.labels = l;
    v.n_labels = 3;
    check("{http.status-code} {größe 1} {größe 1:percent} {a:b}", &v, "503 0.5 50% c");
    check("{größe 2} {http.status-code:nope} {größe 1", &v,
          "{größe 2} {http.status-code:nope} {größe 1");
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_label_of_any_name_is_filled);
    tcase_add_test(t, placeholders_are_filled);
    tcase_add_test(t, the_rules_unit_goes_before_the_thresholds);
    tcase_add_test(t, a_message_is_cut_at_4_kib_between_characters);
}

UNIT_MAIN("messages", add)
