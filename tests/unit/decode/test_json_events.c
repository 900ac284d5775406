#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decoding.h"
#include "decode/decoders.h"
#include "decode/event.h"

static struct decoding d;

#define AT "@1767600000000 "

/* What the libraries write, as they write it. */
static const struct {
    const char *what, *body, *events;
} golden[] = {
    {"the plain form",
     "{\"timestamp\":\"2026-01-05T07:59:59.5Z\",\"level\":\"error\",\"service\":\"billing\","
     "\"event\":\"charge\",\"message\":\"card declined\",\"request_id\":\"r1\",\"amount\":12.50,"
     "\"retry\":false,\"none\":null,\"empty\":\"\"}",
     "@1767599999500 {amount=\"12.50\",event=\"charge\",level=\"ERROR\",message=\"card declined\","
     "request_id=\"r1\",retry=\"false\",service=\"billing\"}\n"},
    {"python-json-logger",
     "{\"asctime\": \"2026-01-05 07:59:58,123\", \"levelname\": \"ERROR\", \"name\": \"app.db\", "
     "\"message\": \"query failed\", \"funcName\": \"run\", \"lineno\": 42, \"taskName\": null, "
     "\"exc_info\": \"Traceback (most recent call last):\\n  File \\\"/app/db.py\\\", line 42, in "
     "run\\n    cur.execute(sql)\\npsycopg.errors.UndefinedTable: relation \\\"x\\\" does not "
     "exist\", \"request_id\": \"7f\"}",
     "@1767599998123 {exception=\"psycopg.errors.UndefinedTable\",fingerprint=\"F\","
     "funcName=\"run\",level=\"ERROR\",lineno=\"42\",logger=\"app.db\","
     "message=\"query failed\",request_id=\"7f\",stack=\"Traceback (most recent call last):\\n"
     "  File \\\"/app/db.py\\\", line 42, in run\\n    cur.execute(sql)\\n"
     "psycopg.errors.UndefinedTable: relation \\\"x\\\" does not exist\"}\n"},
    {"structlog",
     "{\"user\": \"bob\", \"event\": \"login failed\", \"level\": \"warning\", \"logger\": "
     "\"auth\","
     " \"timestamp\": \"2026-01-05T08:00:00.000000Z\"}",
     AT "{event=\"login failed\",level=\"WARN\",logger=\"auth\",message=\"login failed\","
        "user=\"bob\"}\n"},
    {"structlog with dict_tracebacks",
     "{\"event\": \"boom\", \"level\": \"error\", \"exception\": [{\"exc_type\": "
     "\"ZeroDivisionError\", \"exc_value\": \"division by zero\", \"syntax_error\": null, "
     "\"is_cause\": false, \"frames\": [{\"filename\": \"a.py\", \"lineno\": 3, \"name\": \"f\"}]}]"
     ", \"timestamp\": \"2026-01-05T08:00:00Z\"}",
     AT
     "{event=\"boom\",exception=\"ZeroDivisionError\",fingerprint=\"F\",level=\"ERROR\","
     "message=\"boom\",stack=\"[{\\\"exc_type\\\": \\\"ZeroDivisionError\\\", \\\"exc_value\\\": "
     "\\\"division by zero\\\", \\\"syntax_error\\\": null, \\\"is_cause\\\": false, "
     "\\\"frames\\\": [{\\\"filename\\\": \\\"a.py\\\", \\\"lineno\\\": 3, \\\"name\\\": "
     "\\\"f\\\"}]}]\"}\n"},
    {"loguru",
     "{\"text\": \"2026-01-05 08:00:00.000 | ERROR    | __main__:f:12 - it broke\\nTraceback (most "
     "recent call last):\\n\\n  File \\\"x.py\\\", line 12, in f\\n    1 / "
     "0\\n\\nZeroDivisionError: division by zero\\n\", \"record\": {\"elapsed\": {\"repr\": "
     "\"0:00:00.012\", \"seconds\": 0.012}, \"exception\": {\"type\": \"ZeroDivisionError\", "
     "\"value\": \"division by zero\", \"traceback\": true}, \"extra\": {\"service\": \"shop\", "
     "\"user\": \"bob\"}, \"file\": {\"name\": \"x.py\", \"path\": \"/x.py\"}, \"function\": "
     "\"f\", "
     "\"level\": {\"icon\": \"X\", \"name\": \"ERROR\", \"no\": 40}, \"line\": 12, \"message\": "
     "\"it broke\", \"module\": \"x\", \"name\": \"__main__\", \"process\": {\"id\": 9, \"name\": "
     "\"MainProcess\"}, \"thread\": {\"id\": 7, \"name\": \"MainThread\"}, \"time\": {\"repr\": "
     "\"2026-01-05 09:00:00.000000+01:00\", \"timestamp\": 1767600000.0}}}",
     AT "{exception=\"ZeroDivisionError\",exception.value=\"division by zero\",file.name=\"x.py\","
        "file.path=\"/x.py\",fingerprint=\"F\",function=\"f\",level=\"ERROR\",line=\"12\","
        "logger=\"__main__\",message=\"it broke\",module=\"x\",process.id=\"9\","
        "process.name=\"MainProcess\",service=\"shop\",stack=\"2026-01-05 08:00:00.000 | ERROR    |"
        " __main__:f:12 - it broke\\nTraceback (most recent call last):\\n\\n  File \\\"x.py\\\", "
        "line 12, in f\\n    1 / 0\\n\\nZeroDivisionError: division by zero\\n\",thread.id=\"7\","
        "thread.name=\"MainThread\",user=\"bob\"}\n"},
    {"loguru without an exception",
     "{\"text\": \"2026 | INFO | hi\\n\", \"record\": {\"exception\": null, \"extra\": {}, "
     "\"level\": {\"icon\": \"I\", \"name\": \"SUCCESS\", \"no\": 25}, \"message\": \"hi\", "
     "\"name\": \"m\", \"time\": {\"repr\": \"x\", \"timestamp\": 1767600000.0}}}",
     AT "{level=\"INFO\",logger=\"m\",message=\"hi\"}\n"},
    {"bunyan",
     "{\"name\":\"shop\",\"hostname\":\"h1\",\"pid\":12,\"level\":50,\"err\":{\"message\":\"no\","
     "\"name\":\"TypeError\",\"stack\":\"TypeError: no\\n    at f (/a.js:1:2)\"},\"msg\":\"no\","
     "\"time\":\"2026-01-05T08:00:00.000Z\",\"v\":0}",
     AT "{err.message=\"no\",exception=\"TypeError\",fingerprint=\"F\",hostname=\"h1\","
        "level=\"ERROR\",message=\"no\",pid=\"12\",service=\"shop\",stack=\"TypeError: no\\n    at "
        "f (/a.js:1:2)\",v=\"0\"}\n"},
    {"pino",
     "{\"level\":30,\"time\":1767600000000,\"pid\":1,\"hostname\":\"h\",\"req\":{\"id\":5},"
     "\"msg\":\"hello\"}",
     AT "{hostname=\"h\",level=\"INFO\",message=\"hello\",pid=\"1\",request_id=\"5\"}\n"},
    {"zap",
     "{\"level\":\"error\",\"ts\":1767600000.25,\"caller\":\"x/y.go:12\",\"logger\":\"main\","
     "\"msg\":\"failed\",\"error\":\"boom\",\"stacktrace\":\"main.f\\n\\t/x/y.go:12\\nmain.main\\n"
     "\\t/x/y.go:5\"}",
     "@1767600000250 {caller=\"x/y.go:12\",error=\"boom\",fingerprint=\"F\",level=\"ERROR\","
     "logger=\"main\",message=\"failed\",stack=\"main.f\\n\t/x/y.go:12\\nmain.main\\n\t/x/y.go:5\"}"
     "\n"},
    {"ECS",
     "{\"@timestamp\":\"2026-01-05T08:00:00.000Z\",\"log.level\":\"WARN\",\"message\":\"slow\","
     "\"ecs.version\":\"1.2.0\",\"service\":{\"name\":\"web\"},\"trace\":{\"id\":\"t1\"},"
     "\"error\":{\"type\":\"java.lang.IllegalStateException\",\"message\":\"bad\",\"stack_trace\":"
     "\"java.lang.IllegalStateException: bad\\n\\tat a.B.c(B.java:1)\"}}",
     AT
     "{ecs.version=\"1.2.0\",error.message=\"bad\",exception=\"java.lang.IllegalStateException\","
     "fingerprint=\"F\",level=\"WARN\",message=\"slow\",service=\"web\",stack=\"java.lang."
     "IllegalStateException: bad\\n\tat a.B.c(B.java:1)\",trace_id=\"t1\"}\n"},
    {"a type and a traceback in two fields",
     "{\"message\":\"m\",\"exception_type\":\"ValueError\",\"exception\":\"Traceback (most recent "
     "call last):\\n  File \\\"a\\\", line 1\\nValueError: x\"}",
     AT "{exception=\"ValueError\",fingerprint=\"F\",message=\"m\",stack=\"Traceback (most recent "
        "call last):\\n  File \\\"a\\\", line 1\\nValueError: x\"}\n"},
    {"own fingerprints stay",
     "{\"message\":\"m\",\"exception\":\"ValueError: x\",\"fingerprint\":\"mine\"}",
     AT "{exception=\"ValueError\",fingerprint=\"mine\",message=\"m\"}\n"},
    {"names that meet: the first stays",
     "{\"a.b\":\"1\",\"a\":{\"b\":\"2\",\"c\":[1, 2]},\"x\":\"1\",\"x\":\"2\"}",
     AT "{a.b=\"1\",a.c=\"[1, 2]\",x=\"1\"}\n"},
    {"arrays that are no text", "{\"message\":\"m\",\"tags\":[\"a\xff\"]}",
     AT "{message=\"m\",tags=\"[\\\"a\xef\xbf\xbd\\\"]\"}\n"},
    {"message and msg", "{\"msg\":\"second\",\"message\":\"first\"}",
     AT "{message=\"first\",msg=\"second\"}\n"},
    {"an unreadable time stays to be seen", "{\"message\":\"m\",\"time\":\"yesterday\"}",
     AT "{message=\"m\",time=\"yesterday\"}\n"},
    {"a duration called time", "{\"message\":\"m\",\"time\":1.5}",
     AT "{message=\"m\",time=\"1.5\"}\n"},
    {"a duration beside the time",
     "{\"message\":\"m\",\"time\":1.5,\"timestamp\":\"2026-01-05T07:59:59Z\"}",
     "@1767599999000 {message=\"m\",time=\"1.5\"}\n"},
    {"a count where the time has the better name",
     "{\"message\":\"m\",\"timestamp\":42,\"ts\":1767599999}",
     "@1767599999000 {message=\"m\",timestamp=\"42\"}\n"},
    {"the date of an order", "{\"message\":\"m\",\"created\":\"2019-05-01T00:00:00Z\"}",
     AT "{created=\"2019-05-01T00:00:00Z\",message=\"m\"}\n"},
    {"a date as a number", "{\"message\":\"m\",\"timestamp\":20261127}",
     AT "{message=\"m\",timestamp=\"20261127\"}\n"},
    {"a year is long, not too long", "{\"message\":\"m\",\"ts\":1736064000}",
     "@1736064000000 {message=\"m\"}\n"},
    {"fields that mean something to Python only",
     "{\"message\":\"m\",\"args\":\"-v\",\"msecs\":3,\"name\":\"bob\"}",
     AT "{args=\"-v\",message=\"m\",msecs=\"3\",name=\"bob\"}\n"},
    {"the same from Python",
     "{\"message\":\"m\",\"levelname\":\"INFO\",\"args\":\"x\",\"msecs\":3,\"name\":\"app\"}",
     AT "{level=\"INFO\",logger=\"app\",message=\"m\"}\n"},
    {"an unknown level stays as it is", "{\"message\":\"m\",\"level\":\"loud\"}",
     AT "{level=\"loud\",message=\"m\"}\n"},
    {"levelno alone", "{\"message\":\"m\",\"levelno\":50}", AT "{level=\"FATAL\",message=\"m\"}\n"},
    {"array", "[{\"message\":\"a\"},{\"message\":\"b\"}]",
     AT "{message=\"a\"}\n" AT "{message=\"b\"}\n"},
    {"lines", "{\"message\":\"a\"}\n{\"message\":\"b\"}\r\n\n",
     AT "{message=\"a\"}\n" AT "{message=\"b\"}\n"},
    {"nothing", "", ""},
    {"no events", "[]", ""},
};

/* Fingerprints are shown as F: that they are right is another test's work. */
static const char *without_fingerprints(const char *shown)
{
    static char out[4000];
    const char *found = strstr(shown, "fingerprint=\"");

    snprintf(out, sizeof out, "%s", shown);
    if (!found || strncmp(found + 13, "mine", 4) == 0)
        return out;
    ck_assert_uint_eq(strspn(found + 13, "0123456789abcdef"), 16);
    snprintf(out, sizeof out, "%.*sF%s", (int)(found + 13 - shown), shown, found + 13 + 16);
    return out;
}

START_TEST(events_of_each_library_get_the_same_names)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        const char *shown =
            decoding_run(&d, decode_json_events, golden[i].body, strlen(golden[i].body));

        shown = without_fingerprints(shown);
        ck_assert_msg(strcmp(shown, golden[i].events) == 0, "%s:\n%s\nwanted\n%s", golden[i].what,
                      shown, golden[i].events);
        ck_assert_uint_eq(series_count(d.t), 0);
    }
    decoding_close(&d);
}
END_TEST

static const struct {
    const char *body, *error;
} refused[] = {
    {"{}", "error 1 [] an event needs at least one field"},
    {"{\"a\":1}\n{\"b\":null}", "error 2 [] an event needs at least one field"},
    {"[1]", "error 1 [] each element must be an object"},
    {"\"text\"", "error 1 [] an object or an array of objects is expected"},
    {"hello", "error 1 [] not JSON, at byte 1: a value is expected here"},
    {"{\"a\":1}\n{\"b\":nope}", "error 2 [b] not JSON, at byte 14: a value is expected here"},
    {"{\"a\":[1}", "error 1 [a] not JSON, at byte 8: a comma or ] is expected here"},
    {"{\"a\":1", "error 1 [] not JSON, at byte 7: the text ends too early"},
};

START_TEST(bad_events_are_refused_with_their_place)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        ck_assert_str_eq(
            decoding_run(&d, decode_json_events, refused[i].body, strlen(refused[i].body)),
            refused[i].error);
    decoding_close(&d);
}
END_TEST

static size_t wide_event(char *body, int fields)
{
    char *to = body + sprintf(body, "{");

    for (int i = 0; i < fields - 1; i++)
        to += sprintf(to, "\"a%03d\":1,", i);
    to += sprintf(to, "\"trace\":{\"id\":\"t\"}}");
    return (size_t)(to - body);
}

START_TEST(too_many_fields_leave_out_the_least_known)
{
    static char body[20000];

    decoding_open(&d);
    for (int n = 127; n <= 700; n = n == 129 ? 700 : n + 1) {
        decoding_run(&d, decode_json_events, body, wide_event(body, n));
        ck_assert_uint_eq(d.batch->n_events, 1);
        ck_assert_uint_eq(d.batch->events[0].n_fields, n < 128 ? n : 128);
        ck_assert_uint_eq(d.batch->counts.fields_dropped, n < 128 ? 0 : n - 128);
        if (n <= EVENT_RAW_MAX)
            ck_assert_ptr_nonnull(logevent_field(&d.batch->events[0], "trace_id", 8));
    }
    decoding_close(&d);
}
END_TEST

START_TEST(long_values_are_cut_between_characters)
{
    decoding_open(&d);
    d.limits.max_field = 4;
    ck_assert_str_eq(
        decoding_run(&d, decode_json_events, "{\"a\":\"1234\",\"b\":\"123\xc3\xbc\"}", 24),
        AT "{a=\"1234\",b=\"123\"}\n");
    ck_assert_uint_eq(d.batch->counts.values_cut, 1);
    decoding_close(&d);
}
END_TEST

START_TEST(numbers_of_events_have_a_bound)
{
    decoding_open(&d);
    d.limits.max_events = 2;
    decoding_run(&d, decode_json_events, "{\"a\":1}{\"a\":1}", 14);
    ck_assert_int_eq(d.e.code, ERR_NONE);
    decoding_run(&d, decode_json_events, "{\"a\":1}{\"a\":1}{\"a\":1}", 21);
    ck_assert_int_eq(d.e.code, ERR_LIMIT);
    decoding_close(&d);
}
END_TEST

START_TEST(nested_names_have_a_bound)
{
    static char body[5000];
    char *to = body;

    decoding_open(&d);
    for (int i = 0; i < 5; i++)
        to += sprintf(to, "{\"%0300d\":", i);
    to += sprintf(to, "1}}}}}");
    decoding_run(&d, decode_json_events, body, (size_t)(to - body));
    ck_assert_int_eq(d.e.code, ERR_INPUT);
    to = body + sprintf(body, "{\"%0300d\":{\"%0300d\":1}}", 1, 2);
    decoding_run(&d, decode_json_events, body, (size_t)(to - body));
    ck_assert_int_eq(d.e.code, ERR_NONE);
    ck_assert_uint_eq(d.batch->events[0].fields[0].name_len, 256);
    decoding_close(&d);
}
END_TEST

static const struct {
    const char *text, *level, *python;
} levels[] = {
    {"error", "ERROR", NULL},    {"ERROR", "ERROR", NULL}, {"Warning", "WARN", NULL},
    {"critical", "FATAL", NULL}, {"trace", "DEBUG", NULL}, {"notice", "INFO", NULL},
    {"dpanic", "FATAL", NULL},   {"", NULL, NULL},         {"errors", NULL, NULL},
    {"E", "ERROR", NULL},        {"10", "DEBUG", "DEBUG"}, {"20", "DEBUG", "INFO"},
    {"30", "INFO", "WARN"},      {"40", "WARN", "ERROR"},  {"50", "ERROR", "FATAL"},
    {"60", "FATAL", "FATAL"},    {"0", "FATAL", "DEBUG"},  {"3", "ERROR", "DEBUG"},
    {"4", "WARN", "DEBUG"},      {"6", "INFO", "DEBUG"},   {"7", "DEBUG", "DEBUG"},
    {"25", "DEBUG", "INFO"},     {"-4", "DEBUG", "DEBUG"}, {"1234567", NULL, NULL},
};

START_TEST(levels_have_five_names)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        size_t n = strlen(levels[i].text);

        ck_assert_pstr_eq(event_level(levels[i].text, n), levels[i].level);
        ck_assert_pstr_eq(event_level_python(levels[i].text, n), levels[i].python);
    }
}
END_TEST

static const struct {
    const char *text;
    int64_t t_ms; /* -1: unreadable */
} times[] = {
    {"2026-01-05T08:00:00Z", NOW},
    {"2026-01-05T09:00:00.5+01:00", NOW + 500},
    {"1767600000", NOW},
    {"1767600000.123", NOW + 123},
    {"1767600000123", NOW + 123},
    {"1767600000123456", NOW + 123},
    {"1767600000123456789", NOW + 123},
    {"2026-01-05 07:59:58,123", NOW - 1877}, /* without a zone: near now it is UTC */
    {"2026-01-05 07:40:00", NOW - 1200000},
    {"2026-01-05 07:39:59", -1},
    {"2026-01-05 09:00:00,000", -1},
    {"2026-01-05", -1},
    {"", -1},
    {"0", -1},
    {"-5", -1},
    {"99999999999999999999999", -1},
    {"soon", -1},
    {"1.2.3", -1},
};

START_TEST(times_are_read_as_loggers_write_them)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t t_ms = -1;
        int rc = event_time(times[i].text, strlen(times[i].text), NOW, &t_ms);

        ck_assert_msg((rc == 0) == (times[i].t_ms >= 0), "%s", times[i].text);
        if (rc == 0)
            ck_assert_msg(t_ms == times[i].t_ms, "%s: %lld", times[i].text, (long long)t_ms);
    }
}
END_TEST

static const struct {
    const char *text, *type;
    bool stack;
} exceptions[] = {
    {"ValueError", "ValueError", false},
    {"app.errors.Broken: no 5", "app.errors.Broken", false},
    {"something odd happened", "something odd happened", false},
    {"None", "", false},
    {"true", "", false},
    {"(<class 'app.Broken'>, Broken('x'), <traceback object at 0x7f1>)", "app.Broken", false},
    {"Traceback (most recent call last):\n  File \"a\", line 1\nKeyError: 'x'\n\nDuring handling "
     "of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
     "  File \"b\", line 2\nValueError: y",
     "ValueError", true},
    {"java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: y",
     "java.lang.IllegalStateException", true},
    {"Exception in thread \"main\" java.lang.Error: x\n\tat a.B.c(B.java:1)", "java.lang.Error",
     true},
    {"TypeError: x\n    at f (/a.js:1:2)", "TypeError", true},
    {"panic: x\n\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1", "panic", true},
    {"[{\"exc_type\":\"A\",\"frames\":[]},{\"exc_type\":\"B\"}]", "A", true},
    {"[]", "", false},
    {"[1]", "", true},
    {"two\nlines", "", true},
    {"Error\n    at f (/a.js:1:2)", "Error", true},
    {"Traceback (most recent call last):\n  File \"a\", line 1\nKeyboardInterrupt\n",
     "KeyboardInterrupt", true},
    {"two words\nin two lines", "", true},
};

START_TEST(exceptions_are_taken_apart)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        size_t n = strlen(exceptions[i].text);
        char *copy = malloc(n);
        struct event_text type, stack;

        memcpy(copy, exceptions[i].text, n);
        event_exception(copy, n, &type, &stack);
        ck_assert_msg(type.n == strlen(exceptions[i].type) &&
                          memcmp(type.s, exceptions[i].type, type.n) == 0,
                      "%s: %.*s", exceptions[i].text, (int)type.n, type.s);
        ck_assert_msg((stack.n > 0) == exceptions[i].stack, "%s", exceptions[i].text);
        free(copy);
    }
}
END_TEST

static uint64_t fingerprint(const char *type, const char *stack)
{
    return event_fingerprint((struct event_text){type, strlen(type)},
                             (struct event_text){stack, strlen(stack)});
}

START_TEST(fingerprints_forget_numbers_addresses_and_messages)
{
    uint64_t a =
        fingerprint("E", "Traceback:\n  File \"a.py\", line 10, in f\n    g(0x7f3a)\nE: 5");

    ck_assert(a ==
              fingerprint("E", "Traceback:\n  File \"a.py\", line 99, in f\n    g(0x1)\nE: x"));
    ck_assert(a == fingerprint("E", "Other head:\r\n  File \"a.py\", line 9, in f\r\n    "
                                    "g(0xabcdef0)\r\nE: \"bob\""));
    ck_assert(a != fingerprint("F", "Traceback:\n  File \"a.py\", line 10, in f\n    g(0x7f3a)\n"));
    ck_assert(a != fingerprint("E", "Traceback:\n  File \"b.py\", line 10, in f\n    g(0x7f3a)\n"));
    ck_assert(fingerprint("E", "\n\tat a.B@1f2e3d.c(B.java:1)") ==
              fingerprint("E", "\n\tat a.B@9abc.c(B.java:22)"));
    ck_assert(fingerprint("E", "") != fingerprint("F", ""));
    ck_assert(fingerprint("", "main.f\nmain.g") != fingerprint("", "main.f\nmain.h"));
}
END_TEST

START_TEST(failed_allocations_refuse_the_request)
{
    const char *body = golden[1].body;

    for (long at = 1;; at++) {
        decoding_open(&d);
        d.in = (struct decode_input){body, strlen(body), NOW, &d.limits, d.memory};
        mem_fail_at(at);
        if (decode_json_events(d.batch, &d.in, &d.e) == 0)
            break;
        mem_fail_at(0);
        ck_assert_int_eq(d.e.code, ERR_MEMORY);
        decoding_close(&d);
    }
    mem_fail_at(0);
    ck_assert_uint_eq(d.batch->n_events, 1);
    decoding_close(&d);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, events_of_each_library_get_the_same_names);
    tcase_add_test(t, bad_events_are_refused_with_their_place);
    tcase_add_test(t, too_many_fields_leave_out_the_least_known);
    tcase_add_test(t, long_values_are_cut_between_characters);
    tcase_add_test(t, numbers_of_events_have_a_bound);
    tcase_add_test(t, nested_names_have_a_bound);
    tcase_add_test(t, levels_have_five_names);
    tcase_add_test(t, times_are_read_as_loggers_write_them);
    tcase_add_test(t, exceptions_are_taken_apart);
    tcase_add_test(t, fingerprints_forget_numbers_addresses_and_messages);
    tcase_add_test(t, failed_allocations_refuse_the_request);
}

UNIT_MAIN("json_events", add)
