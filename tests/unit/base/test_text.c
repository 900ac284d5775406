#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *text;
    int64_t ms; /* 0: refused */
} durations[] = {
    {"30s", 30000},     {"5m", 300000}, {"1h30m", 5400000}, {"7d", 604800000},
    {"2w", 1209600000}, {"500ms", 500}, {"1.5h", 5400000},  {"", 0},
    {"5min", 0},        {"5", 0},       {"m", 0},           {"0s", 0},
    {"-5m", 0},         {"5 m", 0},     {"1..5h", 0},
};

START_TEST(durations_are_parsed_whole)
{
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        int64_t ms = 0;
        int rc = text_parse_duration(durations[i].text, strlen(durations[i].text), &ms);

        ck_assert_msg((rc == 0) == (durations[i].ms > 0), "%s", durations[i].text);
        if (rc == 0)
            ck_assert_int_eq(ms, durations[i].ms);
    }
}
END_TEST

static const struct {
    const char *text;
    double v;
    enum unit unit;
    int ok;
} quantities[] = {
    {"2%", 0.02, UNIT_RATIO, 1},
    {"400ms", 0.4, UNIT_SECONDS, 1},
    {"10GiB", 10737418240, UNIT_BYTES, 1},
    {"5k", 5000, UNIT_NONE, 1},
    {"12", 12, UNIT_NONE, 1},
    {"-3.5", -3.5, UNIT_NONE, 1},
    {"1h30m", 5400, UNIT_SECONDS, 1},
    {"2 %", 0.02, UNIT_RATIO, 1},
    {"", 0, UNIT_NONE, 0},
    {"x", 0, UNIT_NONE, 0},
    {"2%%", 0, UNIT_NONE, 0},
    {"5min", 0, UNIT_NONE, 0},
};

START_TEST(quantities_carry_their_unit)
{
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
        double v;
        enum unit unit;
        int rc = text_parse_quantity(quantities[i].text, strlen(quantities[i].text), &v, &unit);

        ck_assert_msg((rc == 0) == quantities[i].ok, "%s", quantities[i].text);
        if (rc == 0) {
            ck_assert_double_eq_tol(v, quantities[i].v, 1e-9);
            ck_assert_int_eq(unit, quantities[i].unit);
        }
    }
}
END_TEST

/* The last day of a month is one, the day after it is none. */
START_TEST(a_time_has_a_day_that_there_is)
{
    static const struct {
        const char *text;
        int rc;
    } days[] = {{"2026-01-31T00:00:00Z", 0},  {"2026-02-28T00:00:00Z", 0},
                {"2026-02-29T00:00:00Z", -1}, {"2028-02-29T00:00:00Z", 0},
                {"2028-02-30T00:00:00Z", -1}, {"2100-02-29T00:00:00Z", -1},
                {"2026-04-31T00:00:00Z", -1}, {"2026-12-31T23:59:59Z", 0},
                {"2026-12-32T00:00:00Z", -1}, {"2026-06-00T00:00:00Z", -1}};
    int64_t at_ms;

    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        ck_assert_msg(text_parse_time(days[i].text, 20, &at_ms) == days[i].rc, "%s", days[i].text);
}
END_TEST

START_TEST(times_round_trip_and_zones_count)
{
    char text[TEXT_TIME_LEN];
    int64_t at_ms;
    const char *zoned = "2026-01-05T08:00:00.5+01:00";

    ck_assert_int_eq(text_parse_time(zoned, strlen(zoned), &at_ms), 0);
    text_time(text, at_ms);
    ck_assert_str_eq(text, "2026-01-05T07:00:00.500Z");
    ck_assert_int_eq(text_parse_time("2026-13-05T08:00:00Z", 20, &at_ms), -1);
    ck_assert_int_eq(text_parse_time("2026-01-05", 10, &at_ms), -1);
}
END_TEST

static void check_form(void (*form)(struct buf *, double), double v, const char *want)
{
    struct buf b = BUF_INIT;

    form(&b, v);
    ck_assert_str_eq(buf_str(&b), want);
    buf_free(&b);
}

START_TEST(numbers_read_well)
{
    check_form(text_number, 5120, "5,120");
    check_form(text_number, 0.04, "0.04");
    check_form(text_number, -1234567, "-1,234,567");
    check_form(text_percent, 0.231, "23.1%");
    check_form(text_percent, 0.02, "2%");
    check_form(text_seconds, 2.8, "2.8s");
    check_form(text_seconds, 0.4, "400ms");
    check_form(text_seconds, 4740, "1h19m");
    check_form(text_bytes, 1610612736, "1.5 GiB");
    check_form(text_plain, 0.1, "0.1");
}
END_TEST

/* The fewest digits, from six on, that read back. */
static void plain_reference(char out[40], double v)
{
    for (int digits = 6; digits <= 17; digits++) {
        if (v == floor(v) && fabs(v) < 1e15)
            snprintf(out, 40, "%.0f", v);
        else
            snprintf(out, 40, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

START_TEST(plain_numbers_read_back_and_have_no_digit_too_many)
{
    static const double some[] = {
        0,      1,      -1,        0.5,     -0.25,          1767571200.123, 1e-4, 0.001,
        0.0014, 999999, 1e6,       1e12,    999999999999.9, 123456.789,     1e15, 1e300,
        5e-324, -1e-5,  0.1 + 0.2, 2.0 / 3, 100.25,         1e11 + 0.001};
    unsigned long long state = 88172645463325252ull;
    char want[40];

    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        plain_reference(want, some[i]);
        check_form(text_plain, some[i], want);
    }
    for (int i = 0; i < 20000; i++) {
        double v;

        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        v = (double)(long long)(state >> (i % 50)) / (i % 3 == 0 ? 1000 : i % 3 == 1 ? 10 : 7);
        plain_reference(want, i % 2 ? v : -v);
        check_form(text_plain, i % 2 ? v : -v, want);
    }
}
END_TEST

START_TEST(the_nearest_word_is_suggested)
{
    static const char *const names[] = {"lasting", "clear_after", "summary"};

    ck_assert_str_eq(text_nearest("lastin", names, 3), "lasting");
    ck_assert_ptr_null(text_nearest("zzzzzzzz", names, 3));
}
END_TEST

START_TEST(globs_match_whole_strings)
{
    ck_assert(text_glob("batch-*", "batch-7", 7));
    ck_assert(text_glob("*", "", 0));
    ck_assert(text_glob("a*b*c", "axxbyyc", 7));
    ck_assert(!text_glob("batch-*", "xbatch-7", 8));
    ck_assert(!text_glob("abc", "abcd", 4));
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, durations_are_parsed_whole);
    tcase_add_test(t, quantities_carry_their_unit);
    tcase_add_test(t, times_round_trip_and_zones_count);
    tcase_add_test(t, a_time_has_a_day_that_there_is);
    tcase_add_test(t, numbers_read_well);
    tcase_add_test(t, plain_numbers_read_back_and_have_no_digit_too_many);
    tcase_add_test(t, the_nearest_word_is_suggested);
    tcase_add_test(t, globs_match_whole_strings);
}

UNIT_MAIN("text", add)
