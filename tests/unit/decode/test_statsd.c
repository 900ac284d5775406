#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "decoding.h"
#include "decode/decoders.h"

static struct decoding d;

#define AT " @1767600000000 "

static const struct {
    const char *lines, *samples;
} accepted[] = {
    {"a.b:1|c", "a.b{} 1" AT "delta\n"},
    {"a:1|c\n", "a{} 1" AT "delta\n"},
    {"a:1|c\r\n\n\nb:2|c", "a{} 1" AT "delta\nb{} 2" AT "delta\n"},
    {"a:1|c|@0.1", "a{} 10" AT "delta\n"},
    {"a:-2|c", "a{} -2" AT "delta\n"},
    {"m:320|ms", "m{} 0.32" AT "distribution\n"},
    {"m:320|ms|@0.1|#a:b", "m{a=\"b\"} 0.32" AT "distribution weight 10\n"},
    {"m2:320|h", "m2{} 320" AT "distribution\n"},
    {"m2:0.5|d|@0.5", "m2{} 0.5" AT "distribution weight 2\n"},
    {"a:1:2:3.5|c", "a{} 1" AT "delta\na{} 2" AT "delta\na{} 3.5" AT "delta\n"},
    {"t:1|c|#zone:eu,service:web", "t{service=\"web\",zone=\"eu\"} 1" AT "delta\n"},
    {"t:1|c|#canary,url:http://x:80/,empty:",
     "t{canary=\"true\",url=\"http://x:80/\"} 1" AT "delta\n"},
    {"t:1|c|#a:1,a:2", "t{a=\"1\"} 1" AT "delta\n"},
    {"t:1|c|#__name__:x,:y,,a:1", "t{a=\"1\"} 1" AT "delta\n"},
    {"t:1|c|#", "t{} 1" AT "delta\n"},
    {"t:1|c|c:0123abc|T1767599990", "t{} 1 @1767599990000 delta\n"},
    {"n:1e3|c", "n{} 1000" AT "delta\n"},
    {"g:333|g", "g{} 333" AT "gauge\n"},
    {"g:+10|g", "g{} 343" AT "gauge\n"},
    {"g:-4|g\ng:-4|g", "g{} 339" AT "gauge\ng{} 335" AT "gauge\n"},
    {"g:+1|g|#a:b", "g{a=\"b\"} 1" AT "gauge\n"},
    {"g:5|g\ng:+1:+1|g", "g{} 5" AT "gauge\ng{} 6" AT "gauge\ng{} 7" AT "gauge\n"},
};

START_TEST(lines_become_samples)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        ck_assert_str_eq(
            decoding_run(&d, decode_statsd, accepted[i].lines, strlen(accepted[i].lines)),
            accepted[i].samples);
        ck_assert_uint_eq(d.batch->counts.lines_refused, 0);
    }
    decoding_close(&d);
}
END_TEST

static const char *const refused[] = {
    "a",         "a:1",           "a|c",         ":1|c",       "a:|c",          "a:x|c",
    "a:1x|c",    "a:1|",          "a:1|x",       "a:1|cc",     "a:0x10|c",      "a:inf|c",
    "a:nan|c",   "a:1e999|c",     "a:1|c|@0",    "a:1|c|@1.1", "a:1|c|@-1",     "a:1|c|@",
    "a:1|c|@x",  "a:1|c|?",       "a:1|c|T0",    "a:+|g",      "a::1|c",        "a:|s",
    "a\xff:1|c", "a:1|c|#b:\xff", "_e{1,1}:a|b", "a:1:x|c",    "a:1|c|@1e-320",
};

START_TEST(a_bad_line_is_left_out_alone)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char lines[200];

        sprintf(lines, "good:1|c\n%s\ngood:2|c", refused[i]);
        ck_assert_str_eq(decoding_run(&d, decode_statsd, lines, strlen(lines)),
                         "good{} 1" AT "delta\ngood{} 2" AT "delta\n");
        ck_assert_msg(d.batch->counts.lines_refused == 1, "%s", refused[i]);
        ck_assert_int_eq(d.batch->part_error.line, 2);
        ck_assert(d.batch->part_error.text[0]);
        ck_assert_uint_eq(series_count(d.t), 1);
    }
    decoding_close(&d);
}
END_TEST

START_TEST(set_members_are_told_apart_and_stay_the_same)
{
    double first;

    decoding_open(&d);
    decoding_run(&d, decode_statsd, "u:bob:eve:bob|s", 15);
    ck_assert_uint_eq(d.batch->n_samples, 3);
    first = d.batch->samples[0].v;
    ck_assert(first == d.batch->samples[2].v);
    ck_assert(first != d.batch->samples[1].v);
    ck_assert(first >= 0 && first < 9007199254740992.0 && first == (double)(int64_t)first);
    ck_assert_int_eq(d.batch->samples[0].kind, SAMPLE_SET);
    decoding_close(&d);
}
END_TEST

START_TEST(remembered_gauges_have_a_bound)
{
    char line[50];

    decoding_open(&d);
    d.limits.max_gauges = 3;
    for (int i = 0; i < 5; i++) {
        sprintf(line, "g%d:1|g\ng%d:+1|g", i, i);
        decoding_run(&d, decode_statsd, line, strlen(line));
        ck_assert_uint_eq(d.batch->n_samples, i < 3 ? 2 : 1);
        ck_assert_uint_eq(d.batch->counts.lines_refused, i < 3 ? 0 : 1);
    }
    decoding_close(&d);
}
END_TEST

START_TEST(samples_of_one_wake_up_have_a_bound)
{
    decoding_open(&d);
    d.limits.max_samples = 3;
    decoding_run(&d, decode_statsd, "a:1|c\nb:1:2:3|c\nc:1:2|c\nd:1|c", 30);
    ck_assert_uint_eq(d.batch->n_samples, 3);
    ck_assert_uint_eq(d.batch->counts.lines_refused, 2);
    decoding_close(&d);
}
END_TEST

START_TEST(tags_have_a_bound)
{
    char line[2000];

    decoding_open(&d);
    for (int n = 39; n <= 41; n++) {
        char *to = line + sprintf(line, "a:1|c|#");

        for (int i = 0; i < n; i++)
            to += sprintf(to, "t%d:v,", i);
        decoding_run(&d, decode_statsd, line, (size_t)(to - line));
        ck_assert_uint_eq(d.batch->n_samples, n <= 40);
    }
    decoding_close(&d);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, lines_become_samples);
    tcase_add_test(t, a_bad_line_is_left_out_alone);
    tcase_add_test(t, set_members_are_told_apart_and_stay_the_same);
    tcase_add_test(t, remembered_gauges_have_a_bound);
    tcase_add_test(t, samples_of_one_wake_up_have_a_bound);
    tcase_add_test(t, tags_have_a_bound);
}

UNIT_MAIN("statsd", add)
