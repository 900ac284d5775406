/* What the API answers, in words: tests/golden/cli/NAME.json must read as NAME[-variant].txt.
 * With APPROVE=1 in the environment the texts are written instead of compared. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/files.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/demo.h"
#include "cli/show.h"

#define FOLDER "tests/golden/cli/"
#define NOW    "2026-11-21T03:00:00Z"

static void receiver_test(const cJSON *j, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "ok=%d\n", show_receiver_test(j, out));
}

static void reload(const cJSON *j, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "ok=%d\n", show_reload(j, false, out));
}

static void reload_dry(const cJSON *j, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    buf_addf(out, "ok=%d\n", show_reload(j, true, out));
}

static void explained_incident(const cJSON *j, int64_t now_ms, struct buf *out)
{
    show_explained_incident(j, false, now_ms, out);
}

static void explained_incident_tree(const cJSON *j, int64_t now_ms, struct buf *out)
{
    show_explained_incident(j, true, now_ms, out);
}

static void explained_rule(const cJSON *j, int64_t now_ms, struct buf *out)
{
    show_explained_rule(j, false, now_ms, out);
}

static void explained_rule_tree(const cJSON *j, int64_t now_ms, struct buf *out)
{
    show_explained_rule(j, true, now_ms, out);
}

static void demo_lines(const cJSON *j, int64_t now_ms, struct buf *out)
{
    (void)now_ms;
    show_demo_opened(j, field_ms(j, "openedAt"), out);
    buf_addc(out, '\n');
    show_demo_opened(j, field_ms(j, "openedAt") - 300, out);
    buf_addc(out, '\n');
    show_demo_resolved(j, out);
    buf_addc(out, '\n');
}

static const struct {
    const char *json, *text;
    void (*show)(const cJSON *j, int64_t now_ms, struct buf *out);
} cases[] = {
    {"alerts", "alerts", show_alerts},
    {"empty", "alerts-none", show_alerts},
    {"incidents", "incidents", show_incidents},
    {"empty", "incidents-none", show_incidents},
    {"incident", "incident", show_incident},
    {"incident_worse", "incident_worse", show_incident},
    {"resolved", "resolved", show_incident},
    {"resolved", "resolved-demo", demo_lines},
    {"incident_worse", "incident_worse-demo", demo_lines},
    {"ack", "ack", show_ack},
    {"silence_made", "silence_made", show_silence_made},
    {"silences", "silences", show_silences},
    {"empty", "silences-none", show_silences},
    {"on_call", "on_call", show_on_call},
    {"empty", "on_call-none", show_on_call},
    {"calendar_on", "calendar_on", show_calendar},
    {"calendar_off", "calendar_off", show_calendar},
    {"calendar_never", "calendar_never", show_calendar},
    {"routes", "routes", show_routes},
    {"no_route", "no_route", show_routes},
    {"receiver_test", "receiver_test", receiver_test},
    {"deliveries", "deliveries", show_deliveries},
    {"empty", "deliveries-none", show_deliveries},
    {"delivery", "delivery", show_delivery},
    {"delivery_dead", "delivery_dead", show_delivery},
    {"history", "history", show_history},
    {"empty", "history-none", show_history},
    {"status", "status", show_status},
    {"reload", "reload", reload},
    {"reload", "reload-dry", reload_dry},
    {"reload_refused", "reload_refused", reload},
    {"explained_incident", "explained_incident", explained_incident},
    {"explained_incident", "explained_incident-tree", explained_incident_tree},
    {"explained_rule", "explained_rule", explained_rule},
    {"explained_levels", "explained_levels", explained_rule},
    {"explained_levels", "explained_levels-tree", explained_rule_tree},
    {"not_matched", "not_matched", explained_rule},
};

static char *read_golden(const char *name, const char *end, size_t *len)
{
    char path[256];
    struct err e;
    char *text;

    snprintf(path, sizeof path, FOLDER "%s%s", name, end);
    text = file_read(path, 1 << 20, len, &e);
    ck_assert_msg(text != NULL, "%s", e.text);
    return text;
}

static int64_t now(void)
{
    int64_t at_ms;

    ck_assert_int_eq(text_parse_time(NOW, strlen(NOW), &at_ms), 0);
    return at_ms;
}

START_TEST(answers_read_as_approved)
{
    size_t len;
    char *text = read_golden(cases[_i].json, ".json", &len), *expected;
    cJSON *j = cJSON_ParseWithLength(text, len);
    struct buf out = BUF_INIT;
    char path[256];
    struct err e;

    ck_assert_ptr_nonnull(j);
    cases[_i].show(j, now(), &out);
    ck_assert(buf_ok(&out));
    if (getenv("APPROVE")) {
        snprintf(path, sizeof path, FOLDER "%s.txt", cases[_i].text);
        ck_assert_int_eq(file_write(path, buf_str(&out), out.len, &e), 0);
    } else {
        expected = read_golden(cases[_i].text, ".txt", &len);
        ck_assert_str_eq(buf_str(&out), expected);
        mem_free(expected);
    }
    buf_free(&out);
    cJSON_Delete(j);
    mem_free(text);
}
END_TEST

/* An answer may lack any member and hold any type: nothing is read that is not there. */
static const char *const odd[] = {"null",
                                  "1",
                                  "\"x\"",
                                  "{}",
                                  "[]",
                                  "[1,null,\"x\",{},[]]",
                                  "{\"alerts\":{},\"groups\":[null],\"rules\":7,\"routes\":[[]]}",
                                  "{\"alerts\":[{\"text\":[null,\"\",\"P1\",\"P1: \",\": true\"]}],"
                                  "\"groups\":[{\"text\":[1],\"notifications\":{\"lanes\":[{}],"
                                  "\"incidents\":[1]}}],\"deliveries\":[{}],\"files\":[1]}"};

START_TEST(odd_answers_are_survived)
{
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        cJSON *j = cJSON_Parse(odd[k]);
        struct buf out = BUF_INIT;

        cases[_i].show(j, now(), &out);
        ck_assert(buf_ok(&out));
        buf_free(&out);
        cJSON_Delete(j);
    }
}
END_TEST

#define HOSTILE                                 \
    "\nFORGED 12:00 all is well\x1b[2J\xc2\x9b" \
    "31m\xe2\x80\xae\r"

static void make_hostile(cJSON *j)
{
    cJSON *child;

    if (cJSON_IsString(j)) {
        struct buf text = BUF_INIT;

        buf_addf(&text, "%s%s", j->valuestring, HOSTILE);
        ck_assert_ptr_nonnull(cJSON_SetValuestring(j, buf_str(&text)));
        buf_free(&text);
    }
    cJSON_ArrayForEach(child, j)
    {
        make_hostile(child);
    }
}

/* Every text of an answer may be a stranger's: a label, a log line, what a receiver said. */
START_TEST(no_answer_moves_the_cursor_or_forges_a_line)
{
    size_t len;
    char *text = read_golden(cases[_i].json, ".json", &len);
    cJSON *j = cJSON_ParseWithLength(text, len);
    struct buf out = BUF_INIT;

    make_hostile(j);
    ck_assert_int_eq(answer_make_visible(j), 0);
    cases[_i].show(j, now(), &out);
    ck_assert(buf_ok(&out));
    for (const char *p = buf_str(&out); *p; p++)
        ck_assert_msg(*p == '\n' || (unsigned char)*p >= 0x20, "%s", buf_str(&out));
    ck_assert_ptr_null(strstr(buf_str(&out), "\nFORGED"));
    ck_assert_ptr_null(strstr(buf_str(&out), "\xc2\x9b"));
    ck_assert_ptr_null(strstr(buf_str(&out), "\xe2\x80\xae"));
    buf_free(&out);
    cJSON_Delete(j);
    mem_free(text);
}
END_TEST

static const struct {
    const char *at, *clock, *until;
} times[] = {
    {"2026-11-21T02:14:21.900Z", "02:14:21 UTC", "02:14 UTC"},
    {"2026-11-21T23:59:59Z", "23:59:59 UTC", "23:59 UTC"},
    {"2026-11-20T23:59:59Z", "20 Nov 23:59 UTC", "23:59 UTC"},
    {"2026-11-22T01:59:59Z", "22 Nov 01:59 UTC", "01:59 UTC"},
    {"2026-11-22T02:00:00Z", "22 Nov 02:00 UTC", "22 Nov 02:00 UTC"},
    {"2025-11-21T02:00:00Z", "21 Nov 02:00 UTC", "02:00 UTC"},
    {"2026-12-01T09:05:00Z", "1 Dec 09:05 UTC", "1 Dec 09:05 UTC"},
};

START_TEST(times_name_the_day_where_it_is_not_clear)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct buf b = BUF_INIT;
        int64_t at_ms;

        ck_assert_int_eq(text_parse_time(times[i].at, strlen(times[i].at), &at_ms), 0);
        show_clock(&b, at_ms, now());
        ck_assert_str_eq(buf_str(&b), times[i].clock);
        buf_clear(&b);
        show_until(&b, at_ms, now());
        ck_assert_str_eq(buf_str(&b), times[i].until);
        buf_free(&b);
    }
}
END_TEST

START_TEST(tables_count_characters_not_bytes)
{
    struct table t = {.columns = 2};
    struct buf out = BUF_INIT;

    table_add(&t, "ü→");
    table_addf(&t, "%d", 1);
    table_add(&t, "abc");
    table_add(&t, "");
    table_print(&t, &out);
    ck_assert_str_eq(buf_str(&out), "ü→   1\nabc\n");
    buf_free(&out);
}
END_TEST

static void add(TCase *t)
{
    setenv("TZ", "UTC", 1);
    tzset();
    tcase_add_loop_test(t, answers_read_as_approved, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(t, odd_answers_are_survived, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(t, no_answer_moves_the_cursor_or_forges_a_line, 0,
                        sizeof cases / sizeof *cases);
    tcase_add_test(t, times_name_the_day_where_it_is_not_clear);
    tcase_add_test(t, tables_count_characters_not_bytes);
}

UNIT_MAIN("cli show", add)
