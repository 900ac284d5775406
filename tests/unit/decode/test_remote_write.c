#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decoding.h"
#include "decode/decoders.h"
#include "protobuf.h"

static struct decoding d;
static struct buf plain, body;

static const char *run(void)
{
    const char *shown;

    buf_clear(&body);
    pb_snappy(&plain, &body);
    shown = decoding_run(&d, decode_remote_write, body.data, body.len);
    buf_clear(&plain);
    return shown;
}

static void open_all(void)
{
    decoding_open(&d);
    plain = body = BUF_INIT;
}

static void close_all(void)
{
    buf_free(&plain);
    buf_free(&body);
    decoding_close(&d);
}

START_TEST(series_become_samples)
{
    struct buf series = BUF_INIT;

    open_all();
    pb_series(&plain, "__name__=http_requests_total,code=500,job=api", 5, NOW - 10);
    pb_series(&plain, "zone=z,__name__=up,job=api", 1, NOW);
    pb_labels(&series, "__name__=many");
    pb_sample(&series, 1, NOW - 2);
    pb_sample(&series, -2.5, NOW - 1);
    pb_bytes(&plain, 1, series.data, series.len);
    buf_free(&series);
    ck_assert_str_eq(run(), "http_requests_total{code=\"500\",job=\"api\"} 5 @1767599999990 "
                            "cumulative\n"
                            "up{job=\"api\",zone=\"z\"} 1 @1767600000000 gauge\n"
                            "many{} 1 @1767599999998 gauge\n"
                            "many{} -2.5 @1767599999999 gauge\n");
    ck_assert_str_eq(run(), ""); /* an empty request is fine */
    close_all();
}
END_TEST

START_TEST(samples_may_come_before_their_labels)
{
    struct buf series = BUF_INIT;

    open_all();
    pb_sample(&series, 7, NOW);
    pb_labels(&series, "job=api,__name__=up,empty=");
    pb_varint(&series, 9, 1); /* fields of a later version are skipped */
    pb_text(&series, 10, "later");
    pb_double(&series, 11, 1);
    pb_bytes(&plain, 1, series.data, series.len);
    pb_text(&plain, 7, "later");
    buf_free(&series);
    ck_assert_str_eq(run(), "up{job=\"api\"} 7 @1767600000000 gauge\n");
    close_all();
}
END_TEST

START_TEST(a_stale_marker_is_kept_and_other_non_numbers_are_left_out)
{
    uint64_t bits = STALE_NAN_BITS;
    double stale;
    struct buf series = BUF_INIT;

    open_all();
    memcpy(&stale, &bits, sizeof stale);
    pb_series(&plain, "__name__=up", stale, NOW);
    pb_series(&plain, "__name__=only_nan", NAN, NOW);
    pb_labels(&series, "__name__=some");
    pb_sample(&series, INFINITY, NOW);
    pb_sample(&series, 3, NOW);
    pb_sample(&series, -INFINITY, NOW);
    pb_bytes(&plain, 1, series.data, series.len);
    buf_free(&series);
    ck_assert_str_eq(run(), "up{} 0 @1767600000000 gauge stale\n"
                            "some{} 3 @1767600000000 gauge\n");
    ck_assert_uint_eq(d.batch->counts.not_numbers, 3);
    ck_assert_uint_eq(series_count(d.t), 2);
    close_all();
}
END_TEST

START_TEST(what_is_not_used_is_counted)
{
    struct buf series = BUF_INIT;

    open_all();
    pb_labels(&series, "__name__=up");
    pb_sample(&series, 3, NOW);
    pb_text(&series, 3, "an exemplar");
    pb_text(&series, 4, "a native histogram");
    pb_text(&series, 4, "another");
    pb_bytes(&plain, 1, series.data, series.len);
    buf_clear(&series);
    pb_labels(&series, "__name__=native");
    pb_text(&series, 4, "a native histogram");
    pb_bytes(&plain, 1, series.data, series.len);
    pb_metadata(&plain, 3, "http_request_duration_seconds");
    buf_free(&series);
    ck_assert_str_eq(run(), "up{} 3 @1767600000000 gauge\n");
    ck_assert_uint_eq(d.batch->counts.exemplars, 1);
    ck_assert_uint_eq(d.batch->counts.histograms, 3);
    ck_assert_uint_eq(d.batch->counts.metadata, 1);
    ck_assert_uint_eq(series_count(d.t), 1);
    close_all();
}
END_TEST

START_TEST(metadata_tells_kinds_before_and_after_the_series)
{
    open_all();
    pb_series(&plain, "__name__=cpu_seconds", 1, NOW);
    pb_series(&plain, "__name__=jobs_total", 1, NOW);
    ck_assert_str_eq(run(), "cpu_seconds{} 1 @1767600000000 gauge\n"
                            "jobs_total{} 1 @1767600000000 cumulative\n");
    pb_metadata(&plain, 1, "cpu_seconds");
    pb_metadata(&plain, 2, "jobs_total");
    pb_metadata(&plain, 1, "later_seconds");
    pb_metadata(&plain, 2, "usual");
    ck_assert_str_eq(run(), "");
    pb_series(&plain, "__name__=cpu_seconds", 1, NOW);
    pb_series(&plain, "__name__=jobs_total", 1, NOW);
    pb_series(&plain, "__name__=later_seconds", 1, NOW);
    pb_series(&plain, "__name__=usual", 1, NOW);
    ck_assert_str_eq(run(), "cpu_seconds{} 1 @1767600000000 cumulative\n"
                            "jobs_total{} 1 @1767600000000 gauge\n"
                            "later_seconds{} 1 @1767600000000 cumulative\n"
                            "usual{} 1 @1767600000000 gauge\n");
    close_all();
}
END_TEST

START_TEST(a_bad_series_costs_itself_and_is_told_with_its_number)
{
    static const struct {
        const char *labels, *error, *at;
    } rows[] = {
        {"job=api", "time series 2: a series has no name", "name"},
        {"__name__=,job=api", "time series 2: a series has no name", "name"},
        {"__name__=up,job=api,job=web", "time series 2: a label name stands twice in one series",
         "labels"},
        {"__name__=up,job=\xff", "time series 2: a label is not UTF-8 text", "labels"},
        {"__name__=up\n,job=a", "time series 2: \"up?\" cannot be a name", "name"},
        {"__name__=up,a\tb=a", "time series 2: \"a?b\" cannot be a name", "labels"},
        {"__name__=up,\xff=a", "time series 2: \"?\" cannot be a name", "labels"},
        {"__name__=up,service=a\nb", "time series 2: \"a?b\" cannot be a name", "service"},
        {"__name__=up,__origin__=tocsin", "time series 2: the label __origin__ marks", "labels"},
    };

    open_all();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pb_series(&plain, "__name__=fine", 1, NOW);
        pb_series(&plain, rows[i].labels, 1, NOW);
        pb_series(&plain,
                  "__name__=gr\xc3\xb6\xc3\x9f"
                  "e-1",
                  2, NOW);
        ck_assert_str_eq(run(), "fine{} 1 @1767600000000 gauge\n"
                                "gr\xc3\xb6\xc3\x9f"
                                "e-1{} 2 @1767600000000 gauge\n");
        ck_assert_uint_eq(series_count(d.t), 2);
        ck_assert_uint_eq(d.batch->counts.series_refused, 1);
        ck_assert_msg(strncmp(d.batch->part_error.text, rows[i].error, strlen(rows[i].error)) == 0,
                      "%s", d.batch->part_error.text);
        ck_assert_str_eq(d.batch->part_error.at, rows[i].at);
    }
    close_all();
}
END_TEST

START_TEST(label_limits_are_exact)
{
    char labels[4000];

    open_all();
    for (unsigned n = 39; n <= 70; n += n == 41 ? 22 : 1) {
        char *to = labels + sprintf(labels, "__name__=up");

        for (unsigned i = 0; i < n; i++)
            to += sprintf(to, ",l%u=v", i);
        pb_series(&plain, labels, 1, NOW);
        run();
        ck_assert_uint_eq(d.batch->counts.series_refused, n > 40);
        ck_assert_uint_eq(d.batch->n_samples, n <= 40);
    }
    close_all();
}
END_TEST

/* Cut anywhere, a request is refused or shorter by whole fields, and never read beyond its end. */
START_TEST(torn_requests_are_refused)
{
    struct buf whole = BUF_INIT;
    int refused = 0;

    open_all();
    pb_series(&whole, "__name__=up,job=api", 1, NOW);
    pb_series(&whole, "__name__=up,job=web", 1, NOW);
    for (size_t n = 1; n < whole.len; n++) {
        buf_add(&plain, whole.data, n);
        run();
        refused += d.e.code == ERR_INPUT;
    }
    ck_assert_int_eq(refused, (int)whole.len - 2); /* all but the cut between the two */
    buf_free(&whole);
    close_all();
}
END_TEST

START_TEST(hostile_fields_are_refused)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a length of 2^64 - 1 */
        {"\x0a\xff\xff\xff\xff\x0f", 6},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11}, /* a varint without end */
        {"\x00\x01", 2},                                      /* field number 0 */
        {"\x0b\x0c", 2},                                      /* groups */
        {"\x0f", 1},                                          /* wire type 7 */
        {"\x09\x01\x02", 3},                                  /* 8 bytes, 2 there */
        {"\x0a", 1},
    };

    open_all();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_add(&plain, rows[i].bytes, rows[i].n);
        run();
        ck_assert_msg(d.e.code == ERR_INPUT, "row %zu", i);
    }
    close_all();
}
END_TEST

START_TEST(snappy_is_bounded_before_it_is_unpacked)
{
    static const char bomb[] = "\xff\xff\xff\xff\x0f"
                               "abc",
                      huge[] = "\x80\x80\x80\x40x";

    open_all();
    ck_assert_str_eq(decoding_run(&d, decode_remote_write, "", 0),
                     "error 0 [] the body is not a snappy block");
    ck_assert_str_eq(decoding_run(&d, decode_remote_write, "\xff\xff\xff", 3),
                     "error 0 [] the body is not a snappy block");
    ck_assert_str_eq(decoding_run(&d, decode_remote_write,
                                  "\x0a"
                                  "abc",
                                  4),
                     "error 0 [] the body is not a snappy block");
    decoding_run(&d, decode_remote_write, bomb, sizeof bomb - 1);
    ck_assert_int_eq(d.e.code, ERR_LIMIT);
    decoding_run(&d, decode_remote_write, huge, sizeof huge - 1);
    ck_assert_int_eq(d.e.code, ERR_LIMIT);
    d.limits.max_body = 100;
    for (size_t n = 99; n <= 101; n++) {
        struct buf series = BUF_INIT;

        pb_labels(&series, "__name__=up");
        pb_sample(&series, 1, NOW);
        pb_bytes(&plain, 1, series.data, series.len);
        buf_free(&series);
        buf_addc(&plain, 0x3a); /* field 7, filled up */
        buf_addc(&plain, (char)(n - plain.len - 1));
        while (plain.len < n)
            buf_addc(&plain, 'x');
        run();
        ck_assert_msg(d.e.code == (n <= 100 ? ERR_NONE : ERR_LIMIT), "%zu: %s", n, d.e.text);
    }
    close_all();
}
END_TEST

START_TEST(failed_allocations_refuse_the_request)
{
    open_all();
    for (int i = 0; i < 50; i++) {
        char labels[100];

        sprintf(labels, "__name__=metric%d,job=api,pod=p%d", i, i);
        pb_series(&plain, labels, i, NOW);
    }
    pb_metadata(&plain, 1, "metric7");
    pb_snappy(&plain, &body);
    for (long at = 1;; at++) {
        decoding_close(&d);
        decoding_open(&d);
        d.in = (struct decode_input){body.data, body.len, NOW, &d.limits, d.memory};
        mem_fail_at(at);
        if (decode_remote_write(d.batch, &d.in, &d.e) == 0 &&
            decode_resolve(d.batch, &d.in, d.t, "", NULL, &d.e) == 0)
            break;
        ck_assert(d.e.code == ERR_MEMORY || d.e.code == ERR_BUSY);
        mem_fail_at(0);
        ck_assert_uint_eq(series_count(d.t), 0);
    }
    mem_fail_at(0);
    ck_assert_uint_ge(series_count(d.t), 50);
    close_all();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, series_become_samples);
    tcase_add_test(t, samples_may_come_before_their_labels);
    tcase_add_test(t, a_stale_marker_is_kept_and_other_non_numbers_are_left_out);
    tcase_add_test(t, what_is_not_used_is_counted);
    tcase_add_test(t, metadata_tells_kinds_before_and_after_the_series);
    tcase_add_test(t, a_bad_series_costs_itself_and_is_told_with_its_number);
    tcase_add_test(t, label_limits_are_exact);
    tcase_add_test(t, torn_requests_are_refused);
    tcase_add_test(t, hostile_fields_are_refused);
    tcase_add_test(t, snappy_is_bounded_before_it_is_unpacked);
    tcase_add_test(t, failed_allocations_refuse_the_request);
}

UNIT_MAIN("remote_write", add)
