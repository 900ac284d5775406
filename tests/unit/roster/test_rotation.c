/* Rotations: each minute of 400 days in six zones against a model that watches the clock pass each hand-off, and the
 * sentences where one can read them. */
#include "unit.h"

#include "base/text.h"
#include "roster/rotation.h"
#include "zones.h"

static struct rotation read(const char *zone, const char *start, const char *every)
{
    struct rotation r;
    struct err e = {0};

    ck_assert_msg(rotation_read(zone, start, every, &r, &e) == 0, "%s", e.text);
    return r;
}

static const struct {
    const char *start, *every;
    enum { REAL, CLOCK, MONTHS } kind;
    int64_t step_s; /* or months */
} models[] = {
    {"2026-02-02 09:00", "1w", CLOCK, 7 * 86400}, {"2026-01-25 02:30", "1d", CLOCK, 86400},
    {"2026-01-25 02:00", "2d", CLOCK, 2 * 86400}, {"2026-01-25 06:00", "8h", CLOCK, 8 * 3600},
    {"2026-01-25 00:30", "1h", CLOCK, 3600},      {"2026-01-25 02:15", "12h", CLOCK, 12 * 3600},
    {"2026-01-25 02:30", "24h", CLOCK, 86400},    {"2026-01-25 02:30", "168h", CLOCK, 7 * 86400},
    {"2026-01-25 09:00", "5h", REAL, 5 * 3600},   {"2026-01-25 09:00", "36h", REAL, 36 * 3600},
    {"2026-01-31 02:30", "1mo", MONTHS, 1},       {"2026-01-29 00:00", "2mo", MONTHS, 2},
};

static int64_t wall_of(const char *start, int months)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct tm tm = {0};
    int last;

    sscanf(start, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min);
    tm.tm_year -= 1900;
    tm.tm_mon += months - 1;
    tm.tm_year += tm.tm_mon / 12;
    tm.tm_mon %= 12;
    last = days[tm.tm_mon] + (tm.tm_mon == 1 && tm.tm_year % 4 == 0);
    tm.tm_mday = tm.tm_mday < last ? tm.tm_mday : last;
    return timegm(&tm);
}

START_TEST(every_minute_of_400_days_in_six_zones_is_in_the_shift_that_the_clock_says)
{
    int64_t *wall = read_clock_of(zones[_i]);

    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct rotation r = read(zones[_i], models[m].start, models[m].every);
        int64_t first = wall_of(models[m].start, 0), began = 0, expected = -1, last_until = 0;

        for (int64_t i = 0; i < MINUTES; i++) {
            int64_t s = FIRST_S + i * 60, k = -1, from = 0, until = 0;
            bool passed = false;

            for (;;) { /* hand-offs that the clock has passed now */
                int64_t next =
                    models[m].kind == MONTHS
                        ? wall_of(models[m].start, (int)((expected + 1) * models[m].step_s))
                        : first + (expected + 1) * models[m].step_s;

                if (models[m].kind == REAL && expected >= 0)
                    passed = s >= began + (expected + 1) * models[m].step_s;
                else
                    passed = wall[i] >= next;
                if (!passed)
                    break;
                if (++expected == 0)
                    began = s;
            }
            if (!rotation_turn(&r, s + (i & 1) * 59, &k, &from, &until))
                k = -1;
            if (k != expected || (k >= 0 && (from > s || until <= s || until % 60)) ||
                (last_until &&
                 (s < last_until ? until != last_until : s == last_until && k >= 0 && from != s)))
                ck_abort_msg("%s, %s from %s, minute %lld (%lld): turn %lld not %lld", zones[_i],
                             models[m].every, models[m].start, (long long)i, (long long)s,
                             (long long)k, (long long)expected);
            last_until = until;
        }
    }
    free(wall);
}
END_TEST

static void hands_off(const struct rotation *r, int64_t k, const char *at)
{
    int64_t at_ms;
    char said[TEXT_TIME_LEN];

    ck_assert_int_eq(text_parse_time(at, strlen(at), &at_ms), 0);
    text_time(said, rotation_handoff(r, k) * 1000);
    ck_assert_msg(rotation_handoff(r, k) == at_ms / 1000, "turn %lld: %s not %s", (long long)k,
                  said, at);
}

START_TEST(a_hand_off_keeps_its_clock_time_across_daylight_saving)
{
    struct rotation day = read("Europe/Paris", "2026-03-27 09:00", "1d"),
                    grid = read("Europe/Paris", "2026-03-28 06:00", "8h"),
                    real = read("Europe/Paris", "2026-03-28 09:00", "36h");

    hands_off(&day, 0, "2026-03-27T08:00:00Z");
    hands_off(&day, 1, "2026-03-28T08:00:00Z");
    hands_off(&day, 2, "2026-03-29T07:00:00Z"); /* 23 hours */
    hands_off(&grid, 2, "2026-03-28T21:00:00Z");
    hands_off(&grid, 3, "2026-03-29T04:00:00Z"); /* 06:00 on the clock, an hour shorter */
    hands_off(&grid, 4, "2026-03-29T12:00:00Z");
    hands_off(&real, 1, "2026-03-29T20:00:00Z"); /* 22:00: hours that have passed */
}
END_TEST

START_TEST(a_hand_off_at_a_skipped_time_is_at_the_jump_and_one_that_comes_twice_at_the_first)
{
    struct rotation spring = read("Europe/Paris", "2026-03-28 02:30", "1d"),
                    autumn = read("Europe/Paris", "2026-10-24 02:30", "1d"),
                    half = read("Australia/Lord_Howe", "2026-10-03 02:15", "1d");

    hands_off(&spring, 1, "2026-03-29T01:00:00Z");
    hands_off(&spring, 2, "2026-03-30T00:30:00Z");
    hands_off(&autumn, 1, "2026-10-25T00:30:00Z");
    hands_off(&autumn, 2, "2026-10-26T01:30:00Z");
    hands_off(&half, 1, "2026-10-03T15:30:00Z"); /* 02:00 becomes 02:30 there */
}
END_TEST

START_TEST(of_two_hand_offs_at_one_instant_the_later_one_counts)
{
    struct rotation r = read("Europe/Paris", "2026-03-29 00:00", "1h");
    int64_t k, from, until, at;

    ck_assert_int_eq(text_parse_time("2026-03-29T01:00:00Z", 20, &at), 0);
    ck_assert(rotation_turn(&r, at / 1000, &k, &from, &until));
    ck_assert_int_eq(k, 3); /* that of 03:00; 02:00 is passed over */
    ck_assert_int_eq(from, at / 1000);
    ck_assert_int_eq(until, at / 1000 + 3600);
}
END_TEST

START_TEST(months_keep_their_day_or_end_on_the_last)
{
    struct rotation r = read(NULL, "2027-10-31 08:00", "1mo");

    hands_off(&r, 1, "2027-11-30T08:00:00Z");
    hands_off(&r, 2, "2027-12-31T08:00:00Z");
    hands_off(&r, 4, "2028-02-29T08:00:00Z");
    hands_off(&r, 16, "2029-02-28T08:00:00Z");
    hands_off(&r, 17, "2029-03-31T08:00:00Z");
}
END_TEST

START_TEST(before_the_start_nobody_is_on_call)
{
    struct rotation r = read(NULL, "2026-11-02 09:00", "1w");
    int64_t k, from, until, start;

    ck_assert_int_eq(text_parse_time("2026-11-02T09:00:00Z", 20, &start), 0);
    ck_assert(!rotation_turn(&r, start / 1000 - 1, &k, &from, &until));
    ck_assert_int_eq(until, start / 1000);
    ck_assert(rotation_turn(&r, start / 1000, &k, &from, &until));
    ck_assert_int_eq(k, 0);
    ck_assert_int_eq(until - from, 7 * 86400);
}
END_TEST

START_TEST(what_is_no_rotation_is_refused)
{
    static const char *const cases[][3] = {
        {"2026-11-02", "1w", "start = \"2026-11-02\" is no time of the form \"2026-11-02 09:00\""},
        {"2026-02-30 09:00", "1w", "is no time"},
        {"2026-11-02 09:00", "weekly",
         "every = \"weekly\" is none of \"8h\", \"1d\", \"1w\", \"1mo\""},
        {"2026-11-02 09:00", "0d", "is none of"},
        {"2026-11-02 09:00", "1001d", "is none of"},
        {"2026-11-02 09:00", "1m", "is none of"},
        {"2026-11-02 09:00", "", "is none of"},
    };
    struct rotation r;
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(rotation_read("UTC", cases[i][0], cases[i][1], &r, &e), -1);
        ck_assert_msg(strstr(e.text, cases[i][2]) != NULL, "%s", e.text);
    }
    ck_assert_int_eq(rotation_read("UTC", "2026-11-02 09:00", "1000d", &r, &e), 0);
    ck_assert_int_eq(rotation_read("Nowhere", "2026-11-02 09:00", "1d", &r, &e), -1);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(
        c, every_minute_of_400_days_in_six_zones_is_in_the_shift_that_the_clock_says, 0, ZONES);
    tcase_add_test(c, a_hand_off_keeps_its_clock_time_across_daylight_saving);
    tcase_add_test(
        c, a_hand_off_at_a_skipped_time_is_at_the_jump_and_one_that_comes_twice_at_the_first);
    tcase_add_test(c, of_two_hand_offs_at_one_instant_the_later_one_counts);
    tcase_add_test(c, months_keep_their_day_or_end_on_the_last);
    tcase_add_test(c, before_the_start_nobody_is_on_call);
    tcase_add_test(c, what_is_no_rotation_is_refused);
}

UNIT_MAIN("roster/rotation", add)
