#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decoding.h"
#include "decode/decoders.h"

static struct decoding d;

#define AT_NOW " @1767600000000 "

static const struct {
    const char *body, *samples;
} accepted[] = {
    {"", ""},
    {"[]", ""},
    {"{\"name\":\"up\",\"value\":1}", "up{} 1" AT_NOW "gauge\n"},
    {"[{\"name\":\"api.latency\",\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"value\":-1.5}]",
     "api.latency{a=\"1\",b=\"2\"} -1.5" AT_NOW "gauge\n"},
    {"{\"name\":\"a_total\",\"value\":1}\n{\"name\":\"a\",\"value\":2}\n",
     "a_total{} 1" AT_NOW "cumulative\na{} 2" AT_NOW "gauge\n"},
    {"{\"name\":\"x_count\",\"value\":1}{\"name\":\"x_sum\",\"value\":1}"
     "{\"name\":\"x_bucket\",\"value\":1}{\"name\":\"_total\",\"value\":1}",
     "x_count{} 1" AT_NOW "cumulative\nx_sum{} 1" AT_NOW "cumulative\nx_bucket{} 1" AT_NOW
     "cumulative\n_total{} 1" AT_NOW "gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"type\":\"counter\"}", "a{} 1" AT_NOW "cumulative\n"},
    /* without a type it is the name's again */
    {"{\"name\":\"a\",\"value\":1}", "a{} 1" AT_NOW "gauge\n"},
    {"{\"name\":\"a_total\",\"value\":1,\"type\":\"gauge\"}", "a_total{} 1" AT_NOW "gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"type\":\"delta\"}", "a{} 1" AT_NOW "delta\n"},
    {"{\"name\":\"a\",\"value\":1,\"type\":\"distribution\"}", "a{} 1" AT_NOW "distribution\n"},
    {"{\"name\":\"a\",\"value\":1,\"time\":\"2026-01-05T08:00:00.250+01:00\"}",
     "a{} 1 @1767596400250 gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"time\":1767600000.5}", "a{} 1 @1767600000500 gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"time\":1767600000250}", "a{} 1 @1767600000250 gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"timestamp\":1767600000}", "a{} 1" AT_NOW "gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"time\":null,\"labels\":null}", "a{} 1" AT_NOW "gauge\n"},
    /* ahead of us: up to a minute is believed */
    {"{\"name\":\"a\",\"value\":1,\"time\":1767600060000}", "a{} 1 @1767600060000 gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"time\":1767600060001}", "a{} 1" AT_NOW "gauge\n"},
    {"{\"name\":\"a\",\"value\":1,\"labels\":{\"code\":500,\"ok\":false,\"no\":null,\"e\":\"\"}}",
     "a{code=\"500\",ok=\"false\"} 1" AT_NOW "gauge\n"},
    {"{\"name\":\"gr\\u00fc\\u00df\",\"value\":1e3}", "gr\xc3\xbc\xc3\x9f{} 1000" AT_NOW "gauge\n"},
};

START_TEST(samples_are_taken)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        ck_assert_str_eq(
            decoding_run(&d, decode_json_metrics, accepted[i].body, strlen(accepted[i].body)),
            accepted[i].samples);
    decoding_close(&d);
}
END_TEST

static const struct {
    const char *body, *error;
} refused[] = {
    {"{\"name\":\"a\"}", "error 1 [value] a sample needs a value"},
    {"{\"value\":1}", "error 1 [name] a sample needs a name"},
    {"{\"name\":\"\",\"value\":1}", "error 1 [name] the name must be text and not empty"},
    {"{\"name\":5,\"value\":1}", "error 1 [name] the name must be text and not empty"},
    {"{\"name\":\"a\",\"value\":\"1\"}", "error 1 [value] the value must be a number"},
    {"{\"name\":\"a\",\"value\":1e999}", "error 1 [value] the value must be a number"},
    {"{\"name\":\"a\",\"value\":null}", "error 1 [value] the value must be a number"},
    {"{\"name\":\"a\",\"value\":NaN}", "error 1 [value] not JSON, at byte 21: a value is expected"
                                       " here"},
    {"{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\"valeu\":1}",
     "error 2 [valeu] unknown field \"valeu\": did you mean \"value\"?"},
    {"{\"name\":\"a\",\"value\":1,\"qqqqqqq\":1}", "error 1 [qqqqqqq] unknown field \"qqqqqqq\""},
    {"{\"name\":\"a\",\"value\":1,\"value\":2}", "error 1 [value] the field stands twice"},
    {"{\"name\":\"a\",\"value\":1,\"labels\":[]}",
     "error 1 [labels] labels must be an object, as in {\"service\": \"web\"}"},
    {"{\"name\":\"a\",\"value\":1,\n\"labels\":{\"x\":{}}}",
     "error 2 [labels.x] the value of a label must be text"},
    {"{\"name\":\"a\",\"value\":1,\"labels\":{\"x\":\"1\",\"x\":\"2\"}}",
     "error 1 [labels] a label name stands twice in one series"},
    {"{\"name\":\"a\",\"value\":1,\"labels\":{\"__name__\":\"b\"}}",
     "error 1 [labels.__name__] the name stands in \"name\", not in a label __name__"},
    {"{\"name\":\"a\",\"value\":1,\"labels\":{\"\":\"b\"}}",
     "error 1 [labels.] a label needs a name"},
    {"{\"name\":\"a\",\"value\":1,\"time\":\"yesterday\"}",
     "error 1 [time] the time must be RFC 3339 text (2026-01-05T08:00:00Z) or Unix seconds or "
     "milliseconds"},
    {"{\"name\":\"a\",\"value\":1,\"time\":1e300}",
     "error 1 [time] the time must be RFC 3339 text (2026-01-05T08:00:00Z) or Unix seconds or "
     "milliseconds"},
    {"{\"name\":\"a\",\"value\":1,\"type\":\"histogram\"}",
     "error 1 [type] the type must be gauge, counter, delta or distribution"},
    {"[1]", "error 1 [] each element must be an object"},
    {"1", "error 1 [] an object or an array of objects is expected"},
    {"[{\"name\":\"a\",\"value\":1}", "error 1 [] not JSON, at byte 24: the text ends too early"},
    {"hello", "error 1 [] not JSON, at byte 1: a value is expected here"},
};

START_TEST(a_bad_request_creates_nothing)
{
    decoding_open(&d);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ck_assert_str_eq(
            decoding_run(&d, decode_json_metrics, refused[i].body, strlen(refused[i].body)),
            refused[i].error);
        ck_assert_uint_eq(series_count(d.t), 0);
    }
    decoding_close(&d);
}
END_TEST

static size_t bodies(char *body, int samples, int labels, int name, int value)
{
    char *to = body;

    for (int s = 0; s < samples; s++) {
        to += sprintf(to, "{\"name\":\"n%0*d\",\"value\":1,\"labels\":{", name - 1, s);
        for (int l = 0; l < labels; l++)
            to += sprintf(to, "%s\"l%d\":\"%0*d\"", l ? "," : "", l, value, l);
        to += sprintf(to, "}}\n");
    }
    return (size_t)(to - body);
}

START_TEST(limits_bite_exactly)
{
    static char body[100000];
    static const struct {
        int samples, labels, name, value;
        enum err_code code;
    } rows[] = {
        {9, 1, 5, 1, ERR_NONE},   {10, 1, 5, 1, ERR_NONE}, {11, 1, 5, 1, ERR_LIMIT},
        {1, 4, 5, 1, ERR_NONE},   {1, 5, 5, 1, ERR_NONE},  {1, 6, 5, 1, ERR_INPUT},
        {1, 70, 5, 1, ERR_INPUT}, {1, 1, 5, 19, ERR_NONE}, {1, 1, 5, 20, ERR_NONE},
        {1, 1, 5, 21, ERR_INPUT},
    };

    decoding_open(&d);
    d.limits.max_samples = 10;
    d.limits.max_labels = 5;
    d.limits.max_name = 8;
    d.limits.max_value = 20;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = bodies(body, rows[i].samples, rows[i].labels, rows[i].name, rows[i].value);

        decoding_run(&d, decode_json_metrics, body, len);
        ck_assert_msg(d.e.code == rows[i].code, "row %zu: %s", i, d.e.text);
    }
    decoding_close(&d);
}
END_TEST

START_TEST(new_series_have_a_budget_by_the_minute)
{
    struct decode_budget budget = {0};
    struct err e;
    static char body[10000];
    size_t len = bodies(body, 3, 0, 5, 1);

    decoding_open(&d);
    d.limits.new_series_per_minute = 4;
    d.in = (struct decode_input){body, len, NOW, &d.limits, d.memory};
    ck_assert_int_eq(decode_json_metrics(d.batch, &d.in, &e), 0);
    ck_assert_int_eq(decode_resolve(d.batch, &d.in, d.t, "", &budget, &e), 0);
    ck_assert_uint_eq(d.batch->counts.new_series, 3);
    decode_batch_clear(d.batch);
    d.in.len = bodies(body, 5, 0, 6, 1);
    ck_assert_int_eq(decode_json_metrics(d.batch, &d.in, &e), 0);
    ck_assert_int_eq(decode_resolve(d.batch, &d.in, d.t, "", &budget, &e), -1);
    ck_assert_int_eq(e.code, ERR_BUSY);
    ck_assert_uint_eq(series_count(d.t), 3);
    d.in.now_ms += 60000;
    d.limits.new_series_per_minute = 5;
    ck_assert_int_eq(decode_resolve(d.batch, &d.in, d.t, "", &budget, &e), 0);
    ck_assert_uint_eq(series_count(d.t), 8);
    decoding_close(&d);
}
END_TEST

START_TEST(a_full_table_takes_all_of_a_request_or_nothing)
{
    static char body[10000];
    size_t len = bodies(body, 3, 0, 5, 1);

    decoding_open(&d);
    series_table_free(d.t);
    d.t = series_table_new(d.ls, 2);
    decoding_run(&d, decode_json_metrics, body, len);
    ck_assert_int_eq(d.e.code, ERR_BUSY);
    ck_assert_uint_eq(series_count(d.t), 0);
    len = bodies(body, 2, 0, 5, 1);
    decoding_run(&d, decode_json_metrics, body, len);
    ck_assert_int_eq(d.e.code, ERR_NONE);
    ck_assert_uint_eq(series_count(d.t), 2);
    decoding_close(&d);
}
END_TEST

START_TEST(failed_allocations_refuse_the_request)
{
    static char body[10000];
    size_t len = bodies(body, 30, 3, 5, 4);
    long at = 1;

    for (;; at++) {
        decoding_open(&d);
        mem_fail_at(at);
        d.in = (struct decode_input){body, len, NOW, &d.limits, d.memory};
        if (decode_json_metrics(d.batch, &d.in, &d.e) == 0 &&
            decode_resolve(d.batch, &d.in, d.t, "", NULL, &d.e) == 0)
            break;
        ck_assert(mem_failed());
        ck_assert(d.e.code == ERR_MEMORY || d.e.code == ERR_BUSY);
        ck_assert_uint_eq(series_count(d.t), 0);
        mem_fail_at(0);
        decoding_close(&d);
    }
    mem_fail_at(0);
    ck_assert_uint_eq(d.batch->n_samples, 30);
    ck_assert_int_gt(at, 30);
    decoding_close(&d);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, samples_are_taken);
    tcase_add_test(t, a_bad_request_creates_nothing);
    tcase_add_test(t, limits_bite_exactly);
    tcase_add_test(t, new_series_have_a_budget_by_the_minute);
    tcase_add_test(t, a_full_table_takes_all_of_a_request_or_nothing);
    tcase_add_test(t, failed_allocations_refuse_the_request);
}

UNIT_MAIN("json_metrics", add)
