/* What comes and goes leaves nothing behind: rules that are loaded anew, series and groups that are
 * forgotten, alerts that end, log events of groups without number. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rule/attach.h"
#include "tocsin/rule.h"

#define START_MS  INT64_C(1767571200000)
#define MINUTE_MS 60000

struct bench {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    int64_t at_ms;
};

static void open_bench(struct bench *b)
{
    struct windows_options windows = {0};
    struct alert_book_options book = {0};
    struct rules_options rules = {0};

    b->at_ms = START_MS;
    rules.clock = b->clock = clock_virtual(START_MS);
    book.labels = rules.labels = b->labels = labelsets_new(0);
    windows.series = b->series = series_table_new(b->labels, 0);
    rules.windows = b->windows = windows_new(&windows);
    rules.book = b->book = alert_book_new(&book);
    b->rules = rules_new(&rules);
    rules_skip_to(b->rules, START_MS - 1);
}

static void close_bench(struct bench *b)
{
    rules_free(b->rules);
    alert_book_free(b->book);
    windows_free(b->windows);
    series_table_free(b->series);
    labelsets_free(b->labels);
    clock_free(b->clock);
}

/* NULL: the file is gone. */
static int put(struct bench *b, const char *path, const char *text, struct err *e)
{
    struct rulefile *f = text ? rulefile_load(path, text, strlen(text), NULL, e) : NULL;
    int rc;

    ck_assert_msg(!text || f, "%s", e->text);
    rc = rules_put(b->rules, path, f, b->at_ms, e);
    rules_link(b->rules, b->at_ms);
    rulefile_unref(f);
    return rc;
}

static void reload(struct bench *b, const char *text)
{
    struct err e = {0};

    ck_assert_msg(put(b, "churn.lua", text, &e) == 0, "%s", e.text);
}

static void sample(struct bench *b, const char *service, int pod, double v)
{
    char name[24] = "";
    struct label l[] = {label_of("__name__", "queue"), label_of("pod", name),
                        label_of("service", service)};
    struct sample s = {.t_ms = b->at_ms, .v = v, .weight = 1, .kind = SAMPLE_GAUGE};
    bool is_new;

    snprintf(name, sizeof name, "p%d", pod);
    l[1] = label_of("pod", name);
    s.series = series_resolve(b->series, l, 3, "", SAMPLE_GAUGE, &is_new);
    ck_assert_uint_ne(s.series, SERIES_NONE);
    rules_before_block(b->rules, b->at_ms);
    windows_apply(b->windows, b->at_ms, &s, 1, NULL, 0);
    rules_after_block(b->rules, b->at_ms, NULL, 0);
}

static void push(struct bench *b, uint32_t series, double v)
{
    struct sample s = {
        .t_ms = b->at_ms, .v = v, .weight = 1, .kind = SAMPLE_GAUGE, .series = series};

    rules_before_block(b->rules, b->at_ms);
    windows_apply(b->windows, b->at_ms, &s, 1, NULL, 0);
    rules_after_block(b->rules, b->at_ms, NULL, 0);
}

static void event(struct bench *b, const char *service, const char *message)
{
    struct label f[] = {label_of("level", "ERROR"), label_of("message", message),
                        label_of("service", service)};
    struct logevent e = {.t_ms = b->at_ms, .fields = f, .n_fields = 3};

    rules_before_block(b->rules, b->at_ms);
    windows_apply(b->windows, b->at_ms, NULL, 0, &e, 1);
    rules_after_block(b->rules, b->at_ms, &e, 1);
}

static void advance(struct bench *b, int64_t ms)
{
    b->at_ms += ms;
    clock_set(b->clock, b->at_ms);
    rules_advance(b->rules, b->at_ms);
    windows_expire(b->windows, b->at_ms, 1000000, NULL, NULL);
}

#define QUEUE                                                                       \
    "alert 'Queue' { value = m.queue:last('1m'), fire = above(5), every = '10s',\n" \
    "  summary = '{pod}' }\n"
#define ERRORS                                                                      \
    "alert 'Errors' { value = logs{ level = 'ERROR' }:count('1m'):by('service'),\n" \
    "  fire = above(0), every = '10s', attach = { events = 2 }, summary = 'x {event_message}' }\n"

static const char version_a[] = QUEUE ERRORS
    "alert 'Total' { value = m.queue:avg('1m'):by('service'), fire = above(3, { clear = 1 }),\n"
    "  unless = firing('Errors'), every = '10s', summary = '{service}' }\n";
static const char version_b[] =
    QUEUE "alert 'Other' { value = m.queue:avg('2m'):by('pod') / m.queue:max('1m'):by('pod'),\n"
          "  fire = above(0), lasting = '20s', expect = { { pod = 'p0' } }, every = '10s',\n"
          "  summary = '{pod}' }\n";

static void one_round(struct bench *b, int round)
{
    char service[24] = "";

    snprintf(service, sizeof service, "s%d", round);
    reload(b, round % 2 ? version_a : version_b);
    for (int i = 0; i < 6; i++) {
        sample(b, service, round, 10);
        event(b, service, "it broke");
        advance(b, 10000);
    }
}

START_TEST(nothing_is_left_behind)
{
    struct bench b;
    struct windows_stats w;
    struct alert_stats a;
    size_t sets;

    open_bench(&b);
    reload(&b, version_a);
    reload(&b, NULL);
    sets = labelsets_count(b.labels);
    for (int round = 1; round <= 40; round++)
        one_round(&b, round);
    alert_stats(b.book, &a);
    ck_assert_uint_gt(a.firing, 0);
    ck_assert_uint_gt(labelsets_count(b.labels), sets);
    reload(&b, NULL);
    for (int i = 0; i < 300; i++)
        advance(&b, MINUTE_MS);
    alert_stats(b.book, &a);
    windows_stats(b.windows, &w);
    ck_assert_uint_eq(a.alerts, 0);
    ck_assert_uint_eq(w.leaves, 0);
    ck_assert_uint_eq(w.groups, 0);
    ck_assert_uint_eq(series_count(b.series), 0);
    ck_assert_uint_eq(labelsets_count(b.labels), sets);
    close_bench(&b);
}
END_TEST

START_TEST(groups_that_are_gone_leave_a_running_rule)
{
    struct bench b;
    struct rule_stats st;
    struct windows_stats w;

    open_bench(&b);
    reload(&b, version_a);
    for (int i = 0; i < 200; i++) {
        char service[24] = "";

        snprintf(service, sizeof service, "s%d", i);
        sample(&b, service, i, 10);
        event(&b, service, "it broke");
        advance(&b, 10000);
    }
    for (int i = 0; i < 60 * 60; i++)
        advance(&b, MINUTE_MS);
    windows_stats(b.windows, &w);
    ck_assert_uint_eq(w.groups, 0);
    ck_assert_uint_eq(series_count(b.series), 0);
    for (size_t i = 0; i < rules_count(b.rules); i++) {
        rule_stats(rules_at(b.rules, i), &st);
        ck_assert_msg(st.groups == 0, "%s: %u groups", rule_definition(rules_at(b.rules, i))->name,
                      st.groups);
    }
    close_bench(&b);
}
END_TEST

static void retire_each(struct alert *a, void *arg)
{
    struct alert **out = arg;

    *out = a;
}

START_TEST(a_row_whose_alert_was_retired_goes_with_its_data)
{
    struct bench b;
    struct rule_stats st;
    struct alert *a = NULL;

    open_bench(&b);
    reload(&b, QUEUE);
    for (int i = 0; i < 6; i++) {
        sample(&b, "shop", 1, 10);
        advance(&b, 10000);
    }
    advance(&b, 5 * MINUTE_MS); /* its data has stopped; it still fires */
    alert_each_of(alert_rule_find(b.book, "Queue"), retire_each, &a);
    ck_assert_ptr_nonnull(a);
    alert_end(a, "retired", b.at_ms);
    for (int i = 0; i < 24 * 60; i++)
        advance(&b, MINUTE_MS);
    rule_stats(rules_at(b.rules, 0), &st);
    ck_assert_uint_eq(st.groups, 0);
    close_bench(&b);
}
END_TEST

/* The second rule of the file meets the bound of leaves; what ran before goes on, with its alerts
 * and with definitions that are still there. */
START_TEST(a_file_that_meets_a_bound_changes_nothing)
{
    static const char bad[] =
        "alert 'Queue' { value = m.queue:last('1m'), fire = above(500), every = '10s',\n"
        "  summary = '{pod}' }\n"
        "alert 'New' { value = m.queue:last('1m'), fire = above(1), every = '10s', summary = 'x' "
        "}\n"
        "alert 'Deep' { fire = ";
    struct bench b;
    struct err e = {0};
    struct buf text = BUF_INIT;

    open_bench(&b);
    reload(&b, QUEUE);
    sample(&b, "shop", 1, 10);
    advance(&b, 10000);
    buf_adds(&text, bad);
    for (int i = 0; i <= ALERT_SINCE_MAX; i++)
        buf_addf(&text, "%sm.queue:above(%d):lasting('%ds')", i ? " & " : "", i, i + 1);
    buf_adds(&text, ", every = '10s', summary = 'x' }\n");
    ck_assert_int_lt(put(&b, "churn.lua", buf_str(&text), &e), 0);
    ck_assert_ptr_nonnull(strstr(e.text, "Deep"));
    ck_assert_ptr_null(alert_rule_find(b.book, "New"));
    for (int i = 0; i < 3; i++) {
        sample(&b, "shop", 1, 10);
        advance(&b, 10000);
    }
    ck_assert_uint_eq(alert_rule_count(alert_rule_find(b.book, "Queue")), 1);
    ck_assert_str_eq(alert_rule_def(alert_rule_find(b.book, "Queue"))->name, "Queue");
    buf_free(&text);
    close_bench(&b);
}
END_TEST

static const char attaching[] = ERRORS;

/* One group more than there is room for: the one that was quiet longest goes, not the new one. */
START_TEST(the_group_quiet_longest_makes_room)
{
    struct labelsets *ls = labelsets_new(0);
    struct err e = {0};
    struct rulefile *f = rulefile_load("x.lua", attaching, strlen(attaching), NULL, &e);
    struct attachments a;
    const struct label *fields;
    labelset first = 0, last = 0;
    size_t sets;

    ck_assert_msg(f != NULL, "%s", e.text);
    ck_assert_int_eq(attachments_init(&a, rulefile_rule(f, 0), ls, NULL), 0);
    sets = labelsets_count(ls);
    for (int i = 0; i <= ATTACH_GROUPS_MAX; i++) {
        char service[24] = "";
        struct label l[] = {label_of("level", "ERROR"), label_of("password", "secret"),
                            label_of("service", service)};
        struct logevent event = {.t_ms = START_MS + i, .fields = l, .n_fields = 3};

        snprintf(service, sizeof service, "s%d", i);
        l[2] = label_of("service", service);
        last = labelsets_intern(ls, &l[2], 1);
        first = i == 0 ? last : first;
        attachments_note(&a, &event);
        labelset_unref(ls, last); /* only the attachments hold it now */
    }
    ck_assert_uint_eq(map_count(a.groups), ATTACH_GROUPS_MAX);
    ck_assert_uint_eq(labelsets_count(ls), sets + ATTACH_GROUPS_MAX);
    ck_assert_uint_eq(attachments_newest(&a, first, &fields), 0);
    ck_assert_uint_eq(attachments_newest(&a, last, &fields), 3);
    ck_assert_str_eq(fields[1].value, "[redacted]");
    attachments_clear(&a);
    ck_assert_uint_eq(labelsets_count(ls), sets);
    rulefile_unref(f);
    labelsets_free(ls);
}
END_TEST

/* A series of fewer labels goes on, and its value is above the limit. */
START_TEST(a_group_that_ended_takes_no_value_from_another)
{
    static const struct label whole[] = {{"__name__", "queue", 8, 5}};
    static const struct label part[] = {{"__name__", "queue", 8, 5}, {"pod", "p1", 3, 2}};
    struct bench b;
    struct rule_stats st;
    uint32_t all, one;
    bool is_new;

    open_bench(&b);
    all = series_resolve(b.series, whole, 1, "", SAMPLE_GAUGE, &is_new);
    one = series_resolve(b.series, part, 2, "", SAMPLE_GAUGE, &is_new);
    reload(&b, QUEUE);
    push(&b, one, 1);
    for (int i = 0; i < 26 * 60; i++) {
        push(&b, all, 10);
        advance(&b, MINUTE_MS);
    }
    rule_stats(rules_at(b.rules, 0), &st);
    ck_assert_uint_eq(st.groups, 1);
    ck_assert_uint_eq(alert_rule_count(alert_rule_find(b.book, "Queue")), 1);
    close_bench(&b);
}
END_TEST

/* What an alert is shown with: its labels and the text of its event. */
START_TEST(texts_find_their_group_where_its_label_holds_a_secret)
{
    static const char rule[] =
        "alert 'Seen' { value = logs{}:count('1m'):by('url'), fire = above(0), every = '10s',\n"
        "  attach = { events = 1 }, summary = '{url} {event_message}' }\n";
    struct label l[] = {label_of("message", "it broke"), label_of("url", "https://bob:hunter2@h/")};
    struct bench b;
    struct alert *a = NULL;
    struct logevent e = {.fields = l, .n_fields = 2};

    open_bench(&b);
    reload(&b, rule);
    e.t_ms = b.at_ms;
    rules_before_block(b.rules, b.at_ms);
    windows_apply(b.windows, b.at_ms, NULL, 0, &e, 1);
    rules_after_block(b.rules, b.at_ms, &e, 1);
    advance(&b, 10000);
    alert_each_of(alert_rule_find(b.book, "Seen"), retire_each, &a);
    ck_assert_ptr_nonnull(a);
    ck_assert_uint_eq(a->n_annotations, 1);
    ck_assert_str_eq(a->annotations[0].value, "https://bob:[redacted]@h/ it broke");
    close_bench(&b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, nothing_is_left_behind);
    tcase_add_test(t, groups_that_are_gone_leave_a_running_rule);
    tcase_add_test(t, a_row_whose_alert_was_retired_goes_with_its_data);
    tcase_add_test(t, a_file_that_meets_a_bound_changes_nothing);
    tcase_add_test(t, the_group_quiet_longest_makes_room);
    tcase_add_test(t, a_group_that_ended_takes_no_value_from_another);
    tcase_add_test(t, texts_find_their_group_where_its_label_holds_a_secret);
}

UNIT_MAIN("churn", add)
