/* Spans as people write them: what is read, and what is said of the rest. */
#include "unit.h"

#include <string.h>

#include "roster/span.h"

#define MON (INT64_C(20458)) /* 2026-01-05 */

static bool in(const char *text, int64_t day, int minute)
{
    uint64_t minutes[DAY_WORDS] = {0};
    struct err e = {0};
    struct span_days days;
    struct span s;

    ck_assert_msg(span_parse(text, strlen(text), &s, &e) == 0, "%s: %s", text, e.text);
    span_days_of(day, &days);
    span_mark(&s, &days, minutes);
    return span_bit(minutes, minute);
}

START_TEST(a_span_holds_from_its_start_to_just_before_its_end)
{
    static const struct {
        const char *text;
        int day, minute; /* days from Monday the 5th of January 2026 */
        bool holds;
    } cases[] = {
        {"Mon-Fri 08:00-20:00", 0, 479, false},
        {"Mon-Fri 08:00-20:00", 0, 480, true},
        {"Mon-Fri 08:00-20:00", 4, 1199, true},
        {"Mon-Fri 08:00-20:00", 4, 1200, false},
        {"Mon-Fri 08:00-20:00", 5, 600, false},
        {"  monday - friday  08:00 - 20:00 ", 4, 600, true},
        {"Sat,Sun", 5, 0, true},
        {"Sat,Sun", 6, 1439, true},
        {"Sat,Sun", 7, 0, false},
        {"Fri-Mon", 0, 0, true},
        {"Fri-Mon", 1, 0, false},
        {"08:00-12:00,13:00-17:00", 3, 719, true},
        {"08:00-12:00,13:00-17:00", 3, 720, false},
        {"08:00-12:00,13:00-17:00", 3, 780, true},
        {"00:00-24:00", 3, 1439, true},
        {"Sat 10:00-14:00 in Jan-Mar", 5, 600, true},
        {"Sat 10:00-14:00 in Feb,Apr-Dec", 5, 600, false},
        {"Sat 10:00-14:00 in Nov-Jan", 5, 600, true},
        {"in January", 0, 0, true},
        {"in Feb", 0, 0, false},
        {"day -1 22:00-24:00", 26, 1320, true}, /* the 31st */
        {"day -1 22:00-24:00", 25, 1320, false},
        {"day -3--1", 24, 0, true},
        {"day -3--1", 23, 0, false},
        {"day 1-7", 2, 1439, true},
        {"day 1-7", 3, 0, false},
        {"day 1,15 06:00-07:00", 10, 360, true},
        {"Tue day 8-14 02:00-05:00", 8, 120, true}, /* the second Tuesday */
        {"Tue day 8-14 02:00-05:00", 1, 120, false},
        {"Tue day 8-14 02:00-05:00", 9, 120, false},
        /* across midnight: the day is that of the start */
        {"Mon 22:00-06:00", 0, 1320, true},
        {"Mon 22:00-06:00", 1, 359, true},
        {"Mon 22:00-06:00", 1, 360, false},
        {"Mon 22:00-06:00", 0, 300, false},
        {"day 31 22:00-06:00 in Jan", 27, 300, true},
        /* across days and the week's end */
        {"Fri 22:00 - Mon 06:00", 4, 1319, false},
        {"Fri 22:00 - Mon 06:00", 4, 1320, true},
        {"Fri 22:00 - Mon 06:00", 6, 700, true},
        {"Fri 22:00 - Mon 06:00", 7, 359, true},
        {"Fri 22:00 - Mon 06:00", 7, 360, false},
        {"Sat 00:00 - Mon 00:00", 6, 1439, true},
        {"Sat 00:00 - Mon 00:00", 7, 0, false},
        {"Fri 22:00-Fri 06:00", 4, 400, false},
        {"Fri 22:00-Fri 06:00", 4, 359, true},
        {"Fri 22:00-Fri 06:00", 3, 0, true},
        /* once */
        {"2026-01-05 12:00 - 2026-01-08 08:00", 0, 719, false},
        {"2026-01-05 12:00 - 2026-01-08 08:00", 0, 720, true},
        {"2026-01-05 12:00 - 2026-01-08 08:00", 3, 479, true},
        {"2026-01-05 12:00 - 2026-01-08 08:00", 3, 480, false},
        {"2026-01-05", 0, 1439, true},
        {"2026-01-05", 1, 0, false},
        {"2026-01-05 - 2026-01-07", 2, 1439, true},
        {"2026-01-05 - 2026-01-07", 3, 0, false},
        {"2026-01-05 22:00-06:00", 1, 359, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(in(cases[i].text, MON + cases[i].day, cases[i].minute) == cases[i].holds,
                      "%s: day %d, minute %d", cases[i].text, cases[i].day, cases[i].minute);
}
END_TEST

START_TEST(a_mistake_is_told_with_its_column_and_what_is_meant)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"Mon-Fry 08:00-20:00", "\"Mon-Fry 08:00-20:00\", column 5: \"Fry\" is no day of the week "
                                "— did you mean \"Fri\"?"},
        {"Wendesday",
         "column 1: \"Wendesday\" is no day of the week — did you mean \"Wednesday\"?"},
        {"Mon 8:00-20:00", "column 5: \"8:00\" is no time — did you mean \"08:00\"?"},
        {"Mon 08:00-25:00", "column 11: \"25:00\" is no time"},
        {"Mon 08:00", "column 10: a hyphen and the time at which it ends are missing"},
        {"Mon 08:00-", "column 11: nothing is no time"},
        {"Mon 20:00-20:00", "column 5: it ends when it begins; the whole day is \"00:00-24:00\""},
        {"24:00-06:00", "column 1: a time begins at \"00:00\" of the next day"},
        {"Sat in Janaury", "column 8: \"Janaury\" is no month — did you mean \"January\"?"},
        {"day 32", "column 5: there is no day 32 in a month"},
        {"day 7-1", "column 5: it ends before it begins: \"day 1-7\"?"},
        {"day -1-5", "both ends are counted from the same end of the month"},
        {"day x", "column 5: a day of the month is a number"},
        {"05-01", "a day of each year is written \"day 1 in May\""},
        {"2026-02-30", "column 1: \"2026-02-30\" is no date from 1970 to 2199"},
        {"2026-12-27 - 2026-12-24", "column 1: it ends before it begins"},
        {"2026-12-24 12:00", "a hyphen and the time at which it ends are missing"},
        {"2026-12-24 12:00 - 2026-12-27", "the time at which it ends is missing"},
        {"2026-12-24 12:00-13:00 in Dec", "nothing may follow the end"},
        {"Mon,Tue 22:00 - Wed 06:00", "one day begins it: write a span for each of them"},
        {"Mon 08:00-09:00 Tue", "column 17: \"Tue\" is not understood here"},
        {"Mon 08:00–20:00", "column 10: a hyphen"},
        {"", "a span is empty"},
        {"   ", "a span is empty"},
    };
    struct span s;
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        e = (struct err){0};
        ck_assert_msg(span_parse(cases[i].text, strlen(cases[i].text), &s, &e) == -1, "%s",
                      cases[i].text);
        ck_assert_int_eq(e.code, ERR_INPUT);
        ck_assert_msg(strstr(e.text, cases[i].said) != NULL, "%s: %s", cases[i].text, e.text);
    }
}
END_TEST

START_TEST(a_span_is_bounded)
{
    char text[SPAN_TEXT_MAX + 2], times[300] = "00:00-00:01";
    struct span s;
    struct err e = {0};

    memset(text, ' ', sizeof text);
    memcpy(text, "Mon", 3);
    ck_assert_int_eq(span_parse(text, SPAN_TEXT_MAX, &s, &e), 0);
    ck_assert_int_eq(span_parse(text, SPAN_TEXT_MAX + 1, &s, &e), -1);
    ck_assert_int_eq(span_parse("Mon\0", 4, &s, &e), -1);
    for (int i = 1; i < SPAN_TIMES_MAX; i++)
        strcat(times, ",00:00-00:01");
    ck_assert_int_eq(span_parse(times, strlen(times), &s, &e), 0);
    strcat(times, ",00:00-00:01");
    ck_assert_int_eq(span_parse(times, strlen(times), &s, &e), -1);
}
END_TEST

START_TEST(the_next_other_minute_is_found)
{
    uint64_t minutes[DAY_WORDS] = {0};

    ck_assert_int_eq(span_bits_until(minutes, 0), DAY_MIN);
    for (int m = 480; m < DAY_MIN; m++)
        minutes[m / 64] |= UINT64_C(1) << (m % 64);
    ck_assert_int_eq(span_bits_until(minutes, 0), 480);
    ck_assert_int_eq(span_bits_until(minutes, 479), 480);
    ck_assert_int_eq(span_bits_until(minutes, 480), DAY_MIN);
    ck_assert_int_eq(span_bits_until(minutes, DAY_MIN - 1), DAY_MIN);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, a_span_holds_from_its_start_to_just_before_its_end);
    tcase_add_test(c, a_mistake_is_told_with_its_column_and_what_is_meant);
    tcase_add_test(c, a_span_is_bounded);
    tcase_add_test(c, the_next_other_minute_is_found);
}

UNIT_MAIN("roster/span", add)
