/* Options and words of a command line. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/send.h"
#include "cli/silence.h"

static const char *value;
static bool flag;
static const char **list;
static const struct option_row rows[] = {{.name = "--for", .value = &value},
                                         {.name = "--dry-run", .flag = &flag},
                                         {.name = "--rules", .list = &list}};

static struct command running = {.args = "", .what = ""};

/* Words of a line, cut at blanks. */
static int parse(const char *line, char *copy, char **argv)
{
    int argc = 0;

    strcpy(copy, line);
    value = NULL;
    flag = args_json = false;
    mem_free(list);
    list = NULL;
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    argv[argc] = NULL;
    running.name = argv[0];
    args_of(&running);
    return args_parse(argc, argv, rows, sizeof rows / sizeof *rows);
}

static const struct {
    const char *line;
    int words; /* -1: refused */
    const char *value;
    bool flag, json;
    const char *last; /* word */
} lines[] = {
    {"ack 412", 2, NULL, false, false, "412"},
    {"ack 412 --for 2h", 2, "2h", false, false, "412"},
    {"ack --for 2h 412", 2, "2h", false, false, "412"},
    {"ack --for=2h 412 --json", 2, "2h", false, true, "412"},
    {"ack --for= 412", 2, "", false, false, "412"},
    {"ack 412 --dry-run", 2, NULL, true, false, "412"},
    {"ack 412 --for", -1, NULL, false, false, NULL},
    {"ack --dry-run=1", -1, NULL, false, false, NULL},
    {"ack --forever 1", -1, NULL, false, false, NULL},
    {"ack --fo 1", -1, NULL, false, false, NULL},
    {"ack -5", 2, NULL, false, false, "-5"},
    {"ack -- --for 2h", 4, NULL, false, false, "2h"},
    {"ack a=b --dry-run -- ls --json", 5, NULL, true, false, "--json"},
};

START_TEST(options_are_taken_out_and_words_stay)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char copy[200], *argv[20];
        int n = parse(lines[i].line, copy, argv);

        ck_assert_msg(n == lines[i].words, "%s: %d", lines[i].line, n);
        if (n < 0)
            continue;
        ck_assert_pstr_eq(value, lines[i].value);
        ck_assert_int_eq(flag, lines[i].flag);
        ck_assert_int_eq(args_json, lines[i].json);
        ck_assert_str_eq(argv[n - 1], lines[i].last);
    }
}
END_TEST

START_TEST(a_list_collects)
{
    char copy[200], *argv[20];

    ck_assert_int_eq(parse("serve --rules a.lua --rules=b/*.lua --rules c", copy, argv), 1);
    ck_assert_str_eq(list[0], "a.lua");
    ck_assert_str_eq(list[1], "b/*.lua");
    ck_assert_str_eq(list[2], "c");
    ck_assert_ptr_null(list[3]);
    ck_assert_int_eq(parse("serve", copy, argv), 1);
    ck_assert_ptr_null(list);
}
END_TEST

static const struct {
    const char *word;
    uint64_t number; /* 0: refused */
} numbers[] = {
    {"1", 1},
    {"#412", 412},
    {"18446744073709551615", UINT64_MAX},
    {"18446744073709551616", 0},
    {"0", 0},
    {"#", 0},
    {"", 0},
    {"-1", 0},
    {"4x", 0},
    {"x", 0},
    {" 4", 0},
    {"+4", 0},
    {"##4", 0},
};

START_TEST(incidents_have_numbers)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t n = 0;
        bool ok = incident_number(numbers[i].word, &n);

        ck_assert_msg(ok == (numbers[i].number > 0), "%s", numbers[i].word);
        if (ok)
            ck_assert_uint_eq(n, numbers[i].number);
    }
}
END_TEST

/* --- send --- */

static const struct {
    const char *line;
    const char *json; /* NULL: refused */
} metrics[] = {
    {"queue_length 12 queue=mail",
     "{\"name\":\"queue_length\",\"value\":12,\"labels\":{\"queue\":\"mail\"}}"},
    {"x -0.5", "{\"name\":\"x\",\"value\":-0.5,\"labels\":{}}"},
    {"x 10KiB a=b=c d=", "{\"name\":\"x\",\"value\":10240,\"labels\":{\"a\":\"b=c\",\"d\":\"\"}}"},
    {"x 2% q=\"", "{\"name\":\"x\",\"value\":0.02,\"labels\":{\"q\":\"\\\"\"}}"},
    {"x", NULL},
    {"", NULL},
    {"x y", NULL},
    {"x 1 a", NULL},
    {"x 1 =b", NULL},
    {"x 1e999", NULL},
};

START_TEST(words_become_a_metric)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        char copy[200], *words[20];
        struct send_options o = {0};
        struct buf out = BUF_INIT, why = BUF_INIT;
        struct json j = json_into(&out);
        int rc;

        strcpy(copy, metrics[i].line);
        rc = send_metric_json(words, send_split(copy, words, 20), &o, &j, &why);
        ck_assert_msg((rc == 0) == (metrics[i].json != NULL), "%s", metrics[i].line);
        if (rc == 0)
            ck_assert_str_eq(buf_str(&out), metrics[i].json);
        else
            ck_assert_uint_gt(why.len, 0);
        buf_free(&out);
        buf_free(&why);
    }
}
END_TEST

START_TEST(types_and_times_are_passed_on)
{
    char *metric[] = {"x", "1"}, level[] = "level=ERROR", *event[] = {level};
    struct send_options o = {.type = "delta", .time = "2026-01-05T00:00:00Z"};
    struct buf out = BUF_INIT, why = BUF_INIT;
    struct json j = json_into(&out);

    ck_assert_int_eq(send_metric_json(metric, 2, &o, &j, &why), 0);
    ck_assert_str_eq(buf_str(&out), "{\"name\":\"x\",\"value\":1,\"labels\":{},\"type\":\"delta\","
                                    "\"time\":\"2026-01-05T00:00:00Z\"}");
    buf_clear(&out);
    j = json_into(&out);
    ck_assert_int_eq(send_event_json(event, 1, "no \"stock\"", &o, &j, &why), 0);
    ck_assert_str_eq(buf_str(&out), "{\"timestamp\":\"2026-01-05T00:00:00Z\","
                                    "\"message\":\"no \\\"stock\\\"\",\"level\":\"ERROR\"}");
    buf_free(&out);
    buf_free(&why);
}
END_TEST

START_TEST(a_line_is_cut_into_words_with_a_bound)
{
    char line[] = "  a\tb  c\r\n", *words[3];

    ck_assert_uint_eq(send_split(line, words, 3), 3);
    ck_assert_str_eq(words[2], "c");
    strcpy(line, "a b c");
    ck_assert_uint_eq(send_split(line, words, 2), 2);
    strcpy(line, " \n");
    ck_assert_uint_eq(send_split(line, words, 2), 0);
}
END_TEST

/* --- silences --- */

static void body_is(const struct silence_wish *w, bool dry_run, const char *expected)
{
    struct buf out = BUF_INIT;

    silence_body(w, dry_run, &out);
    ck_assert_str_eq(buf_str(&out), expected);
    buf_free(&out);
}

START_TEST(a_silence_is_asked_for_as_the_api_wants_it)
{
    const char *matchers[] = {"service=checkout", "code=~\"5..\""};
    struct silence_wish by_number = {.incident = 412}, timed = {.incident = 412, .for_ = "1h"},
                        by_matchers = {.matchers = matchers,
                                       .n_matchers = 2,
                                       .until = "2026-11-21T04:00:00Z",
                                       .comment = "c",
                                       .id = "s31",
                                       .wide = 214,
                                       .any_priority = true};

    setenv("USER", "ana", 1);
    body_is(&by_number, false,
            "{\"incident\":412,\"untilResolved\":true,\"comment\":\"\",\"createdBy\":\"ana\"}");
    body_is(&timed, true,
            "{\"incident\":412,\"for\":\"1h\",\"comment\":\"\",\"createdBy\":\"ana\","
            "\"dryRun\":true}");
    body_is(&by_matchers, false,
            "{\"matchers\":[\"service=checkout\",\"code=~\\\"5..\\\"\"],\"id\":\"s31\","
            "\"endsAt\":\"2026-11-21T04:00:00Z\",\"comment\":\"c\",\"createdBy\":\"ana\","
            "\"wide\":214,\"anyPriority\":true}");
}
END_TEST

START_TEST(queries_are_escaped)
{
    struct buf out = BUF_INIT;

    url_escape(&out, "a-Z_0.~/&=+ \"ü\n%");
    ck_assert_str_eq(buf_str(&out), "a-Z_0.~%2F%26%3D%2B%20%22%C3%BC%0A%25");
    buf_free(&out);
}
END_TEST

/* Usage mistakes end with 2 and ask no server. */
static const char *const mistakes[] = {
    "ack",
    "ack x",
    "ack 1 2",
    "release",
    "silence",
    "silence x",
    "silence a=b",
    "silence 1 --wide none",
    "silence expire",
    "silence during a=b",
    "silence during -- ls",
    "silence during a=b --",
    "route",
    "route x",
    "calendar",
    "calendar a b",
    "calendar a --at noon",
    "calendar a --zone UTC",
    "oncall a b",
    "oncall --at 9am",
    "oncall --zone Mars --at 2026-11-09T08:00",
    "receiver test",
    "receiver x y z",
    "deliveries show 1",
    "deliveries show x lane",
    "incidents x",
    "incidents 1 2",
    "explain",
    "explain Rule x",
    "status x",
    "reload x",
    "send",
    "send x",
    "send metric x",
    "send metric x abc",
    "send event x",
    "demo x",
    "demo --for 5min",
    "serve x",
    "serve --workers 2",
    "nonsense",
    "history --bogus",
};

START_TEST(mistakes_end_with_2)
{
    char copy[200], *argv[20] = {(char *)"tocsin"};
    int argc = 1;

    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    strcpy(copy, mistakes[_i]);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    ck_assert_int_eq(cli_main(argc, argv), EXIT_USAGE);
}
END_TEST

START_TEST(every_command_has_help)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
    for (const struct command *c = commands; c->name; c++) {
        char *argv[] = {(char *)"tocsin", (char *)c->name, (char *)"--help", NULL};

        ck_assert_int_eq(cli_main(3, argv), EXIT_YES);
    }
}
END_TEST

START_TEST(a_server_that_is_not_there_is_3)
{
    char *argv[] = {(char *)"tocsin", (char *)"status", (char *)"--url",
                    (char *)"http://127.0.0.1:1", NULL};

    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    ck_assert_int_eq(cli_main(4, argv), EXIT_UNREACHED);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, options_are_taken_out_and_words_stay);
    tcase_add_test(t, a_list_collects);
    tcase_add_test(t, incidents_have_numbers);
    tcase_add_test(t, words_become_a_metric);
    tcase_add_test(t, types_and_times_are_passed_on);
    tcase_add_test(t, a_line_is_cut_into_words_with_a_bound);
    tcase_add_test(t, a_silence_is_asked_for_as_the_api_wants_it);
    tcase_add_test(t, queries_are_escaped);
    tcase_add_loop_test(t, mistakes_end_with_2, 0, sizeof mistakes / sizeof *mistakes);
    tcase_add_test(t, every_command_has_help);
    tcase_add_test(t, a_server_that_is_not_there_is_3);
}

UNIT_MAIN("cli args", add)
