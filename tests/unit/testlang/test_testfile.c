#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "tocsin/testfile.h"

static struct testfile *load(const char *source, struct err *e)
{
    return testfile_load("rules/page_test.lua", source, strlen(source), NULL, e);
}

static const char whole[] =
    "test(\"first\", function(t)\n"
    "  t:at(\"5m\"):fires(\"HighErrorRate\", { service = \"api\" }, \"P1\")\n"
    "            :with{ value = near(0.05, 0.005), message = has\"5.0%\", trace_id = \"t1\" }\n"
    "            :quiet(\"HighErrorRate\", { service = \"tiny\" })\n"
    "  t:at(\"2m\"):quiet(\"Other\"):suppressed(\"HighErrorRate\")\n"
    "  t:series(\"http_requests_total\", { service = \"api\", code = 500 }, \"0+5x2 _ 100\")\n"
    "  t:series(\"up\", nil, \"1 stale\", { every = \"1m\", from = \"20s\" })\n"
    "  t:log(\"30s\", { service = \"api\", level = \"ERROR\" }, 2)\n"
    "  t:sample(\"up\", nil, 7, { at = \"40s\", time = \"10s\" })\n"
    "  t:silence(\"1m\", { alertname = \"X\", team = re\"a|b\" }, \"10m\")\n"
    "  t:never(\"Watchdogless\")\n"
    "  t:transitions(\"HighErrorRate\", { service = \"api\" }, { \"4m30s..5m30s P1\", \"8m ok\" "
    "})\n"
    "end)\n"
    "test(\"second\", function(t)\n"
    "  t:start(\"2026-03-02 08:55\")\n"
    "  t:cold()\n"
    "  t:config(\"tocsin.lua\")\n"
    "  t:gen(\"cpu\", {}, \"1m\", function(s) if s > 0 then return s / 60 end end, { every = "
    "\"30s\" })\n"
    "  t:histogram(\"lat\", { s = \"a\" }, { [0.5] = \"0+1x1\", inf = \"0+2x1\" })\n"
    "  t:timer(\"req\", {}, \"15s\", { 0.1, 0.2 })\n"
    "  t:stale(\"50s\", \"cpu\", {})\n"
    "  t:never(\"X\")\n"
    "end)\n";

static void check_feed(const struct test_feed *f, int64_t at_ms, int kind, unsigned index, double v)
{
    ck_assert_int_eq(f->at_ms, at_ms);
    ck_assert_int_eq(f->kind, kind);
    ck_assert_uint_eq(f->index, index);
    ck_assert_double_eq(f->value, v);
}

START_TEST(a_test_becomes_data)
{
    struct err e = {0};
    struct testfile *f = load(whole, &e);
    const struct test_case *c;

    ck_assert_msg(f != NULL, "%s", e.text);
    ck_assert_uint_eq(testfile_count(f), 2);
    c = testfile_case(f, 0);
    ck_assert_str_eq(c->name, "first");
    ck_assert_int_eq(c->line, 1);
    ck_assert_int_eq(c->start_ms, TEST_START_MS);
    ck_assert(!c->cold && testfile_case(f, 1)->cold);
    ck_assert_int_eq(c->end_ms, 8 * 60000);

    ck_assert_uint_eq(c->n_series, 2);
    ck_assert_uint_eq(c->series[0].n_labels, 3);
    ck_assert_str_eq(c->series[0].labels[0].name, "__name__");
    ck_assert_str_eq(c->series[0].labels[1].value, "500");
    ck_assert_int_eq(c->series[0].kind, SAMPLE_CUMULATIVE);
    ck_assert_int_eq(c->series[1].kind, SAMPLE_GAUGE);

    ck_assert_uint_eq(c->n_feed, 4 + 2 + 2 + 1 + 1);
    check_feed(&c->feed[0], 0, FEED_SAMPLE, 0, 0);
    check_feed(&c->feed[1], 15000, FEED_SAMPLE, 0, 5);
    check_feed(&c->feed[2], 20000, FEED_SAMPLE, 1, 1);
    check_feed(&c->feed[3], 30000, FEED_SAMPLE, 0, 10);
    check_feed(&c->feed[4], 30000, FEED_EVENT, 0, 0);
    check_feed(&c->feed[6], 40000, FEED_SAMPLE, 1, 7);
    ck_assert_int_eq(c->feed[6].time_ms, 10000);
    check_feed(&c->feed[7], 60000, FEED_SAMPLE, 0, 100);
    check_feed(&c->feed[8], 60000, FEED_SILENCE, 0, 0);
    ck_assert(c->feed[9].stale);
    ck_assert_int_eq(c->silences[0].until_ms, 11 * 60000);
    ck_assert_uint_eq(c->silences[0].n_matchers, 2);

    ck_assert_uint_eq(c->n_checks, 6);
    ck_assert_int_eq(c->checks[0].kind, CHECK_QUIET);
    ck_assert_int_eq(c->checks[0].at_ms, 120000);
    ck_assert_int_eq(c->checks[1].kind, CHECK_SUPPRESSED);
    ck_assert_int_eq(c->checks[2].kind, CHECK_FIRES);
    ck_assert_int_eq(c->checks[2].line, 2);
    ck_assert_int_eq(c->checks[2].priority, 1);
    ck_assert_uint_eq(c->checks[2].n_with, 3);
    ck_assert_str_eq(c->checks[2].with[0].key, "message");
    ck_assert_int_eq(c->checks[2].with[0].kind, WITH_HAS);
    ck_assert_str_eq(c->checks[2].with[0].text, "5.0%");
    ck_assert_int_eq(c->checks[2].with[1].kind, WITH_TEXT);
    ck_assert_double_eq(c->checks[2].with[2].tolerance, 0.005);
    ck_assert_int_eq(c->checks[4].kind, CHECK_NEVER);
    ck_assert_int_eq(c->checks[4].at_ms, c->end_ms);
    ck_assert_uint_eq(c->checks[5].n_spans, 2);
    ck_assert_int_eq(c->checks[5].spans[0].from_ms, 270000);
    ck_assert_int_eq(c->checks[5].spans[0].priority, 1);
    ck_assert_int_eq(c->checks[5].spans[1].to_ms, 480000);
    ck_assert_uint_eq(c->n_rules, 3);

    c = testfile_case(f, 1);
    ck_assert_int_eq(c->start_ms, INT64_C(1772441700000));
    ck_assert_str_eq(c->config, "tocsin.lua");
    ck_assert_uint_eq(c->n_series, 5);
    ck_assert_str_eq(c->series[1].labels[0].value, "lat_bucket");
    ck_assert_str_eq(c->series[1].labels[1].value, "0.5");
    ck_assert_str_eq(c->series[2].labels[1].value, "+Inf");
    ck_assert_str_eq(c->series[3].labels[0].value, "lat_count");
    ck_assert_int_eq(c->series[4].kind, SAMPLE_DISTRIBUTION);
    ck_assert_int_eq(c->end_ms, 60000);
    testfile_free(f);
}
END_TEST

#define T       "page_test.lua:1: "
#define X       T "test \"x\": "
#define F(body) "test(\"x\", function(t) " body " end)"
static const struct {
    const char *source, *want;
} refused[] = {
    {F(""), X "it checks nothing: t:at(\"5m\"):fires(…), :quiet(…), t:never(…)"},
    {F("t:series(\"a\", {}, \"0+5y3\")"),
     X "t:series(): \"0+5y3\" is not a row of samples (write 5, 0+95x60, 5-1x3, 1x4, _, _x3, "
       "stale)"},
    {F("t:series(\"a\", {}, \"0x1e9\")"),
     X "t:series(): \"0x1e9\" is not a row of samples (write 5, 0+95x60, 5-1x3, 1x4, _, _x3, "
       "stale)"},
    {F("t:seris(\"a\", {}, \"1\")"), X "t has no method \"seris\" — did you mean \"series\"?"},
    {F("t:fires(\"a\")"), X ":fires() hangs on a moment: t:at(\"5m\"):fires(…)"},
    {F("t:at(\"5m\"):fire(\"a\")"), X "t:at(…) has no method \"fire\" — did you mean \"fires\"?"},
    {F("t:at(\"5min\")"), X "t:at(): bad duration \"5min\" (write 30s, 5m, 1h30m, 7d, 2w)"},
    {F("t:at(\"5m\"):fires(\"a\", {}, \"P9\")"),
     X ":fires(rule, labels, level): the level must be P1 … P5"},
    {F("t:at(\"5m\"):quiet(\"a\"):with{ value = 1 }"), X ":with{…} follows :fires(…)"},
    {F("t:transitions(\"a\", {}, { \"5m..4m P1\" })"),
     X "t:transitions(): \"5m..4m P1\" is not of the form \"4m30s..5m30s P1\""},
    {F("t:start(\"yesterday\")"),
     X "t:start(\"yesterday\"): a time such as \"2026-03-02 08:55\" (UTC) or "
       "\"2026-03-02T08:55:00+01:00\" is needed"},
    {F("t:series(\"a\", {}, \"1\", { evry = \"1m\" })"),
     X "t:series() has no option \"evry\" — did you mean \"every\"?"},
    {F("test(\"y\", function() end)"), X "a test inside a test"},
    {F("t:gen(\"a\", {}, \"30d\", function() return 1 end, { every = \"1s\" })"), NULL},
    {"test(\"x\")", T "test(\"what is promised\", function(t) … end) is the form"},
    {"alert \"A\" {}", T "unknown name \"alert\" — did you mean \"assert\"?"},
};

START_TEST(mistakes_are_told)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err e = {0};
        struct testfile *f = load(refused[i].source, &e);

        ck_assert_msg(!f, "accepted: %s", refused[i].source);
        if (refused[i].want)
            ck_assert_msg(strcmp(e.text, refused[i].want) == 0, "%s\n got: %s\nwant: %s",
                          refused[i].source, e.text, refused[i].want);
    }
}
END_TEST

START_TEST(noise_repeats)
{
    const char *source =
        F("t:gen(\"a\", {}, \"1h\", function() return t:noise() end) t:never(\"A\")");
    struct err e = {0};
    struct testfile *a = load(source, &e), *b = load(source, &e);
    const struct test_case *x = testfile_case(a, 0), *y = testfile_case(b, 0);

    ck_assert_uint_eq(x->n_feed, 241);
    for (size_t i = 0; i < x->n_feed; i++) {
        ck_assert_double_eq(x->feed[i].value, y->feed[i].value);
        ck_assert(x->feed[i].value >= -1 && x->feed[i].value <= 1);
    }
    ck_assert(x->feed[0].value != x->feed[1].value);
    testfile_free(a);
    testfile_free(b);
}
END_TEST

START_TEST(every_failed_allocation_is_survived)
{
    for (long n = 1;; n++) {
        struct err e = {0};
        struct testfile *f;

        mem_fail_at(n);
        f = load(whole, &e);
        if (!mem_failed()) {
            mem_fail_at(0);
            ck_assert_ptr_nonnull(f);
            testfile_free(f);
            return;
        }
        mem_fail_at(0);
        testfile_free(f);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_test_becomes_data);
    tcase_add_test(t, mistakes_are_told);
    tcase_add_test(t, noise_repeats);
    tcase_add_test(t, every_failed_allocation_is_survived);
}

UNIT_MAIN("test files", add)
