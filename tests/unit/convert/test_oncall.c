/* Exports of schedules: tests/golden/convert/NAME.json, with what the provider says of the weeks to come, becomes NAME.lua,
 * NAME.report and NAME.weeks. With APPROVE=1 in the environment these are written instead of compared. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "tocsin/convert.h"

#define FOLDER "tests/golden/convert/"
#define NOW    INT64_C(1795874400000) /* 2026-11-28T14:00:00Z */

static char *read_golden(const char *file, size_t *len)
{
    char path[128];
    struct err e = {.text = ""};
    char *text;

    snprintf(path, sizeof path, FOLDER "%s", file);
    text = file_read(path, 1 << 20, len, &e);
    ck_assert_msg(text != NULL, "%s", e.text);
    return text;
}

static void compare(const char *name, const char *end, const struct buf *got)
{
    char file[64], path[128];
    struct err e;
    size_t len;
    char *want;

    snprintf(file, sizeof file, "%s.%s", name, end);
    snprintf(path, sizeof path, FOLDER "%s", file);
    if (getenv("APPROVE")) {
        ck_assert_int_eq(file_write(path, buf_str(got), got->len, &e), 0);
        return;
    }
    want = read_golden(file, &len);
    ck_assert_msg(strcmp(want, buf_str(got)) == 0, "%s is\n%s", file, buf_str(got));
    mem_free(want);
}

static int import(const char *const *names, size_t n, struct converted *c, struct err *e)
{
    struct convert_file files[4] = {{0}};
    char *texts[4];
    int rc;

    for (size_t i = 0; i < n; i++) {
        texts[i] = read_golden(names[i], &files[i].len);
        files[i].name = names[i];
        files[i].text = texts[i];
    }
    rc = convert_oncall(files, n, NOW, c, e);
    for (size_t i = 0; i < n; i++)
        mem_free(texts[i]);
    return rc;
}

static const struct {
    const char *name, *files[2];
    size_t n, n_manual;
} exports[] = {
    {"pagerduty", {"pagerduty.json"}, 1, 0},
    {"opsgenie", {"opsgenie.json", "opsgenie-timeline.json"}, 2, 1}, /* a team takes part */
    {"grafana", {"grafana.json", "grafana-shifts.json"}, 2, 1},      /* each first Monday */
    {"team", {"team.ics"}, 1, 0},
};

START_TEST(the_next_four_weeks_are_those_of_the_provider)
{
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++) {
        struct converted c;
        struct err e = {.text = ""};

        ck_assert_msg(import(exports[i].files, exports[i].n, &c, &e) == 0, "%s", e.text);
        compare(exports[i].name, "lua", &c.lua);
        compare(exports[i].name, "report", &c.report);
        compare(exports[i].name, "weeks", &c.beside);
        ck_assert_uint_eq(c.n[CONVERT_MANUAL], exports[i].n_manual);
        ck_assert_ptr_nonnull(strstr(buf_str(&c.beside), "the export"));
        ck_assert_ptr_null(strstr(buf_str(&c.beside), "\n!"));
        converted_clear(&c);
    }
}
END_TEST

static int import_text(const char *text, struct converted *c, struct err *e)
{
    struct convert_file file = {"x.json", text, strlen(text)};

    return convert_oncall(&file, 1, NOW, c, e);
}

#define LAYER(users)                                                                           \
    "{\"name\":\"L\",\"start\":\"2026-11-02T09:00:00Z\",\"rotation_virtual_start\":\"2026-11-" \
    "02T09:00:00Z\","                                                                          \
    "\"rotation_turn_length_seconds\":604800,\"restrictions\":[],\"users\":[" users "]}"
#define USER(id)         "{\"user\":{\"id\":\"" id "\",\"summary\":\"" id "\"}}"
#define SCHEDULE(layers) "{\"name\":\"S\",\"time_zone\":\"UTC\",\"schedule_layers\":[" layers "]"

START_TEST(what_the_provider_says_otherwise_is_shown)
{
    static const char text[] = "{\"schedule\":" SCHEDULE(
        LAYER(USER("ana") "," USER("bo"))) ",\"final_schedule\":{\"rendered_schedule_entries\":["
                                           "{\"start\":\"2026-11-28T14:00:00Z\",\"end\":\"2026-11-"
                                           "30T09:00:00Z\",\"user\":{\"id\":\"bo\"}},"
                                           "{\"start\":\"2026-11-30T09:00:00Z\",\"end\":\"2026-12-"
                                           "26T14:00:00Z\",\"user\":{\"id\":\"ana\"}}]}}}";
    struct converted c;
    struct err e = {.text = ""};

    ck_assert_msg(import_text(text, &c, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(c.n[CONVERT_MANUAL], 1);
    ck_assert_ptr_nonnull(
        strstr(buf_str(&c.report), "four weeks of \"S\": manual: 293 h 0 min of them differ"));
    ck_assert_ptr_nonnull(
        strstr(buf_str(&c.beside), "! Mon 2026-12-07 09:00  ana                   bo\n"));
    converted_clear(&c);
}
END_TEST

START_TEST(the_first_layer_counts_most)
{
    static const char text[] =
        "{\"schedule\":" SCHEDULE(LAYER(USER("ana")) "," LAYER(USER("bo"))) "}}";
    struct converted c;
    struct err e = {.text = ""};

    ck_assert_msg(import_text(text, &c, &e) == 0, "%s", e.text);
    ck_assert_ptr_nonnull(strstr(buf_str(&c.beside), "ana\n"));
    ck_assert_ptr_null(strstr(buf_str(&c.beside), "bo"));
    ck_assert_ptr_nonnull(strstr(buf_str(&c.report), "does not say who is on call in them"));
    converted_clear(&c);
}
END_TEST

START_TEST(names_that_are_the_same_are_told_apart)
{
    static const char text[] = "{\"schedules\":[" SCHEDULE(LAYER(
        "{\"user\":{\"id\":\"1\",\"name\":\"Ana\"}},"
        "{\"user\":{\"id\":\"2\",\"name\":\"ana\"}}")) "}," SCHEDULE(LAYER("{\"user\":{\"id\":"
                                                                           "\"1\",\"name\":\"Ana\"}"
                                                                           "}")) "}]}";
    struct converted c;
    struct err e = {.text = ""};

    ck_assert_msg(import_text(text, &c, &e) == 0, "%s", e.text);
    ck_assert_ptr_nonnull(strstr(buf_str(&c.lua), "people = { \"ana\", \"ana-2\" }"));
    ck_assert_ptr_nonnull(strstr(buf_str(&c.lua), "rotation \"S L 2\""));
    ck_assert_ptr_nonnull(strstr(buf_str(&c.lua), "schedule \"S 2\""));
    converted_clear(&c);
}
END_TEST

START_TEST(what_is_no_export_is_refused)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "x.json: x.json: neither JSON nor iCalendar"},
        {"{\"a\":1}", "x.json: file 1 is no export of PagerDuty, Opsgenie, Grafana OnCall or "
                      "iCalendar that holds a "
                      "schedule"},
        {"[]", "x.json: file 1 is no export of PagerDuty, Opsgenie, Grafana OnCall or iCalendar "
               "that holds a "
               "schedule"},
        {"{\"schedules\":[]}",
         "x.json: file 1 is no export of PagerDuty, Opsgenie, Grafana OnCall or iCalendar that "
         "holds a schedule"},
    };
    struct converted c;
    struct err e;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_eq(import_text(rows[i].text, &c, &e), -1);
        ck_assert_str_eq(e.text, rows[i].error);
    }
    ck_assert_int_eq(convert_oncall(NULL, 0, NOW, &c, &e), -1);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, the_next_four_weeks_are_those_of_the_provider);
    tcase_add_test(t, what_the_provider_says_otherwise_is_shown);
    tcase_add_test(t, the_first_layer_counts_most);
    tcase_add_test(t, names_that_are_the_same_are_told_apart);
    tcase_add_test(t, what_is_no_export_is_refused);
}

UNIT_MAIN("oncall", add)
