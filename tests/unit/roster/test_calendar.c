/* Calendars: each sentence of their meaning, and every minute of 400 days in six zones against a model that
 * asks of each minute what its clock shows (zones.h), and knows nothing of days, maps and steps. */
#include "unit.h"

#include "base/mem.h"
#include "base/text.h"
#include "tocsin/calendar.h"
#include "zones.h"

#define S(...)            \
    (const char *const[]) \
    {                     \
        __VA_ARGS__       \
    }
#define N(...)     (sizeof(S(__VA_ARGS__)) / sizeof(char *))
#define SPANS(...) .spans = S(__VA_ARGS__), .n_spans = N(__VA_ARGS__)
#define DATES(...) .except_dates = S(__VA_ARGS__), .n_except_dates = N(__VA_ARGS__)

static struct calendar *made(const struct calendar_config *c)
{
    struct err e = {0};
    struct calendar *cal = calendar_new(c, &e);

    ck_assert_msg(cal != NULL, "%s", e.text);
    return cal;
}

static int64_t ms(const char *time)
{
    int64_t at;

    ck_assert_int_eq(text_parse_time(time, strlen(time), &at), 0);
    return at;
}

static struct calendar_state look(struct calendar *c, int64_t at_ms)
{
    struct calendar_state s;

    ck_assert_int_eq(calendar_look(c, at_ms, &s), 0);
    ck_assert(s.from_ms <= at_ms && at_ms < s.until_ms);
    return s;
}

/* Holds or not from `at` on, and changes at `until` (NULL: never). */
static void says(struct calendar *c, const char *at, bool holds, const char *until)
{
    struct calendar_state s = look(c, ms(at));

    ck_assert_msg(s.holds == holds, "at %s", at);
    ck_assert_msg(s.until_ms == (until ? ms(until) : CALENDAR_NEVER), "at %s: %lld", at,
                  (long long)s.until_ms);
}

/* --- the model --- */

static bool office(struct shown s)
{
    return s.weekday < 5 && s.minute >= 480 && s.minute < 1200;
}

static bool weekend(struct shown s)
{
    return (s.weekday == 4 && s.minute >= 1320) || s.weekday > 4 ||
           (s.weekday == 0 && s.minute < 360);
}

static bool nights(struct shown s)
{
    return s.minute >= 1320 || s.minute < 360;
}

static bool small_hours(struct shown s)
{
    return s.minute >= 90 && s.minute < 190 && !(s.minute >= 140 && s.minute < 150);
}

static bool month_days(struct shown s)
{
    return (s.day == s.days_in && s.minute >= 1320) ||
           (s.day <= 7 && s.minute >= 540 && s.minute < 600);
}

static bool winter_and_patches(struct shown s)
{
    return (s.weekday == 5 && s.month <= 3 && s.minute >= 600 && s.minute < 840) ||
           (s.weekday == 1 && s.day >= 8 && s.day <= 14 && s.minute >= 120 && s.minute < 300);
}

static bool without_dates(struct shown s)
{
    bool yearly = (s.month == 12 && s.day == 25) || (s.month == 5 && s.day == 1);

    return nights(s) && !yearly && !(s.year == 2026 && s.month == 7 && s.day == 14);
}

static bool once(struct shown s)
{
    return s.year == 2026 && ((s.month == 12 && ((s.day == 24 && s.minute >= 720) || s.day == 25 ||
                                                 s.day == 26 || (s.day == 27 && s.minute < 480))) ||
                              (s.month == 3 && s.day == 29));
}

static const struct model {
    struct calendar_config config;
    bool (*holds)(struct shown s);
} models[] = {
    {{SPANS("Mon-Fri 08:00-20:00")}, office},
    {{SPANS("Fri 22:00 - Mon 06:00")}, weekend},
    {{SPANS("22:00-06:00")}, nights},
    {{SPANS("01:30-02:20", "02:30-03:10")}, small_hours},
    {{SPANS("day -1 22:00-24:00", "day 1-7 09:00-10:00")}, month_days},
    {{SPANS("Sat 10:00-14:00 in Jan-Mar", "Tue day 8-14 02:00-05:00")}, winter_and_patches},
    {{SPANS("22:00-06:00"), DATES("2026-07-14", "12-25", "05-01")}, without_dates},
    {{SPANS("2026-12-24 12:00 - 2026-12-27 08:00", "2026-03-29")}, once},
};
#define MODELS (sizeof models / sizeof *models)

/* At each minute forwards (as the program asks), and by jumps backwards, where nothing is remembered. */
static void compare(struct calendar *c, const bool *expected, const char *what)
{
    int64_t *until = malloc(MINUTES * sizeof *until);

    for (int64_t i = MINUTES - 1, next = 0; i >= 0; i--) {
        if (i < MINUTES - 1 && expected[i] != expected[i + 1])
            next = (FIRST_S + (i + 1) * 60) * 1000;
        until[i] = next; /* 0: behind the days looked at */
    }
    for (int pass = 0; pass < 2; pass++)
        for (int64_t k = 0; k < MINUTES; k += pass ? 397 : 1) {
            int64_t i = pass ? MINUTES - 1 - k : k,
                    at = (FIRST_S + i * 60) * 1000 + 59999 * (i & 1);
            struct calendar_state s;

            /* Check notes each assertion in a file: of millions only those that fail */
            if (calendar_look(c, at, &s) == 0 && s.holds == expected[i] && s.from_ms <= at &&
                (until[i] ? s.until_ms == until[i]
                          : s.until_ms >= (FIRST_S + MINUTES * INT64_C(60)) * 1000))
                continue;
            ck_abort_msg("%s, minute %lld: %d, until %lld not %lld", what, (long long)i, s.holds,
                         (long long)s.until_ms, (long long)until[i]);
        }
    free(until);
}

START_TEST(every_minute_of_400_days_in_six_zones_is_as_the_clock_says)
{
    bool *expected = malloc(MINUTES);
    int64_t *wall = read_clock_of(zones[_i]);

    for (size_t m = 0; m < MODELS; m++) {
        struct calendar_config config = models[m].config;
        struct calendar *c;
        char what[80];

        config.zone = zones[_i];
        c = made(&config);
        for (int64_t i = 0; i < MINUTES; i++)
            expected[i] = models[m].holds(shown_at(wall[i]));
        snprintf(what, sizeof what, "%s, model %zu", zones[_i], m);
        compare(c, expected, what);
        calendar_free(c);
    }
    free(expected);
    free(wall);
}
END_TEST

/* `except = { calendar "…" }` takes out instants, also those of a calendar in another zone. */
START_TEST(another_calendar_takes_out_every_minute_at_which_it_holds)
{
    struct calendar *c = made(
                        &(struct calendar_config){.zone = zones[_i], SPANS("Mon-Fri 08:00-20:00")}),
                    *other = made(&(struct calendar_config){.zone = "America/New_York",
                                                            SPANS("Fri 22:00 - Mon 06:00")}),
                    *third = made(&(struct calendar_config){SPANS("day 1-7 09:00-10:00")});
    int64_t *wall = read_clock_of(zones[_i]), *there = read_clock_of("America/New_York");
    bool *expected = malloc(MINUTES);
    struct err e;

    ck_assert_int_eq(calendar_except(c, other, &e), 0);
    ck_assert_int_eq(calendar_except(other, third, &e), 0); /* is not taken out of what takes out */
    for (int64_t i = 0; i < MINUTES; i++) {
        struct shown utc = shown_at(FIRST_S + i * 60);
        bool third_holds = utc.day <= 7 && utc.minute >= 540 && utc.minute < 600;

        expected[i] = office(shown_at(wall[i])) && !(weekend(shown_at(there[i])) && !third_holds);
    }
    compare(c, expected, zones[_i]);
    calendar_free(c);
    calendar_free(other);
    calendar_free(third);
    free(expected);
    free(wall);
    free(there);
}
END_TEST

/* The second Tuesday of each month at 02:00, and every 90 minutes' worth of each third day. */
START_TEST(rules_recur_on_the_clock_of_the_zone_and_last_as_long_as_they_say)
{
    struct calendar_config config = {
        .zone = zones[_i],
        .rules = (struct calendar_rule[]){{"2026-01-06T02:00", "3h", "FREQ=MONTHLY;BYDAY=2TU"},
                                          {"2026-01-01T02:15", "90m", "FREQ=DAILY;INTERVAL=3"},
                                          {"2026-01-05T00:00", "1d", "FREQ=WEEKLY;INTERVAL=2"}},
        .n_rules = 3};
    struct calendar *c = made(&config);
    int64_t *wall = read_clock_of(zones[_i]);
    bool *expected = calloc(MINUTES, 1);

    for (int64_t i = 1; i < MINUTES; i++) {
        struct shown s = shown_at(wall[i]);
        int64_t day = wall[i] / 86400 - 20454; /* from the first of January 2026 */
        /* the first minute at which the clock shows that time or a later one of the day */
        bool two = s.weekday == 1 && s.day >= 8 && s.day <= 14 && s.minute >= 120 && s.minute < 250;
        bool quarter = day % 3 == 0 && s.minute >= 135 && s.minute < 250;
        struct shown before = shown_at(wall[i - 1]);

        if (two && before.minute < 120 && before.day == s.day)
            for (int64_t k = i; k < i + 180 && k < MINUTES; k++)
                expected[k] = true;
        if (quarter && before.minute < 135 && before.day == s.day) {
            bool second = false; /* of an hour that comes twice */

            for (int64_t k = i - 1; k > i - 120 && k > 0; k--)
                second = second || (wall[k] >= wall[i]);
            for (int64_t k = i; !second && k < i + 90 && k < MINUTES; k++)
                expected[k] = true;
        }
        if (day % 14 == 4)
            expected[i] = true; /* a day of the calendar, whatever its length */
    }
    expected[0] = expected[1];
    compare(c, expected, zones[_i]);
    calendar_free(c);
    free(expected);
    free(wall);
}
END_TEST

/* --- the sentences, where one can read them --- */

START_TEST(a_span_in_a_skipped_hour_begins_at_the_jump_and_an_hour_that_comes_twice_counts_twice)
{
    struct calendar *c =
        made(&(struct calendar_config){.zone = "Europe/Paris", SPANS("Sun 02:30-03:30")});

    says(c, "2026-03-29T00:59:59Z", false, "2026-03-29T01:00:00Z"); /* 02:00 becomes 03:00 */
    says(c, "2026-03-29T01:00:00Z", true, "2026-03-29T01:30:00Z");
    says(c, "2026-10-25T00:30:00Z", true,
         "2026-10-25T01:00:00Z"); /* 02:30 summer, to 03:00 = 02:00 */
    says(c, "2026-10-25T01:00:00Z", false, "2026-10-25T01:30:00Z");
    says(c, "2026-10-25T01:30:00Z", true, "2026-10-25T02:30:00Z");
    calendar_free(c);
}
END_TEST

START_TEST(an_exception_takes_out_the_whole_local_date_also_of_a_span_begun_the_day_before)
{
    struct calendar *c = made(&(struct calendar_config){
        .zone = "Europe/Paris", SPANS("Thu 22:00 - Sat 06:00"), DATES("2026-12-25")});

    says(c, "2026-12-24T21:00:00Z", true, "2026-12-24T23:00:00Z");
    says(c, "2026-12-24T23:00:00Z", false, "2026-12-25T23:00:00Z");
    says(c, "2026-12-25T23:00:00Z", true, "2026-12-26T05:00:00Z");
    calendar_free(c);
}
END_TEST

START_TEST(what_does_not_change_within_two_years_has_no_end)
{
    struct calendar *c = made(&(struct calendar_config){SPANS("00:00-24:00")}),
                    *past = made(&(struct calendar_config){SPANS("2026-01-01")}),
                    *edge = made(&(struct calendar_config){SPANS("2028-01-02")});

    says(c, "2026-01-01T00:00:00Z", true, NULL);
    says(past, "2025-12-31T00:00:00Z", false, "2026-01-01T00:00:00Z");
    says(past, "2026-01-02T00:00:00Z", false, NULL);
    says(edge, "2026-01-01T00:00:00Z", false, "2028-01-02T00:00:00Z"); /* 731 days */
    says(edge, "2025-12-31T23:59:59Z", false, NULL);
    says(edge, "2026-01-01T00:00:01Z", false, "2028-01-02T00:00:00Z");
    says(edge, "2025-12-31T23:59:59Z", false, NULL); /* whatever was asked before */
    calendar_free(c);
    calendar_free(past);
    calendar_free(edge);
}
END_TEST

START_TEST(a_start_that_its_rule_does_not_name_is_no_occurrence)
{
    struct calendar_rule rule = {"2026-01-06T02:00", "3h", "FREQ=MONTHLY;BYDAY=2TU"};
    struct calendar *c = made(&(struct calendar_config){.rules = &rule, .n_rules = 1});

    says(c, "2026-01-06T02:00:00Z", false, "2026-01-13T02:00:00Z");
    says(c, "2026-01-13T02:00:00Z", true, "2026-01-13T05:00:00Z");
    calendar_free(c);
}
END_TEST

/* --- iCalendar --- */

#define ICAL(body) \
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n" body "END:VCALENDAR\r\n"
#define EVENT(body) "BEGIN:VEVENT\r\nSUMMARY:Works\r\n" body "END:VEVENT\r\n"

static struct calendar *from_ical(const char *zone, const char *text)
{
    return made(&(struct calendar_config){.zone = zone, .ical = text, .ical_len = strlen(text)});
}

START_TEST(events_of_an_icalendar_file_hold_with_their_rules_exceptions_dates_and_zones)
{
    struct calendar *c = from_ical(
        "Europe/Paris",
        ICAL(EVENT("UID:1\r\nDTSTART;TZID=America/New_York:20260105T090000\r\n"
                   "DTEND;TZID=America/New_York:20260105T110000\r\n"
                   "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4\r\n"
                   "EXDATE;TZID=America/New_York:20260112T090000,20260119T090000\r\n"
                   "RDATE;TZID=America/New_York:20260107T090000\r\n")
                 EVENT("UID:2\r\nDTSTART;VALUE=DATE:20260301\r\n")
                     EVENT("UID:3\r\nDTSTART:20260401T080000\r\nDURATION:PT30M\r\n")
                         EVENT("UID:4\r\nDTSTART:20260501T080000Z\r\nDTEND:20260501T090000Z\r\n"
                               "STATUS:CANCELLED\r\n")));

    says(c, "2026-01-01T00:00:00Z", false, "2026-01-05T14:00:00Z");
    says(c, "2026-01-05T14:00:00Z", true, "2026-01-05T16:00:00Z");
    says(c, "2026-01-05T16:00:00Z", false, "2026-01-07T14:00:00Z");
    says(c, "2026-01-07T16:00:00Z", false, "2026-01-26T14:00:00Z");
    says(c, "2026-01-26T16:00:00Z", false,
         "2026-02-28T23:00:00Z"); /* all day, in the calendar's zone */
    says(c, "2026-02-28T23:00:00Z", true, "2026-03-01T23:00:00Z");
    says(c, "2026-03-02T00:00:00Z", false, "2026-04-01T06:00:00Z"); /* a time without zone */
    says(c, "2026-04-01T06:00:00Z", true, "2026-04-01T06:30:00Z");
    says(c, "2026-04-01T06:30:00Z", false, NULL);
    calendar_free(c);
}
END_TEST

START_TEST(an_occurrence_that_was_moved_holds_where_it_was_moved_to)
{
    struct calendar *c =
        from_ical(NULL, ICAL(EVENT("UID:1\r\nDTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\n"
                                   "RRULE:FREQ=DAILY;UNTIL=20260107T090000Z\r\n")
                                 EVENT("UID:1\r\nRECURRENCE-ID:20260106T090000Z\r\n"
                                       "DTSTART:20260106T150000Z\r\nDTEND:20260106T160000Z\r\n")));

    says(c, "2026-01-05T10:00:00Z", false, "2026-01-06T15:00:00Z");
    says(c, "2026-01-06T16:00:00Z", false, "2026-01-07T09:00:00Z");
    says(c, "2026-01-07T10:00:00Z", false, NULL); /* UNTIL is included */
    calendar_free(c);
}
END_TEST

START_TEST(until_is_included_also_as_a_date_and_in_another_zone)
{
    struct calendar *date =
                        from_ical(NULL, ICAL(EVENT("DTSTART:20260105T090000Z\r\nDURATION:PT1H\r\n"
                                                   "RRULE:FREQ=DAILY;UNTIL=20260107\r\n"))),
                    *zone = from_ical(NULL,
                                      ICAL(EVENT("DTSTART;TZID=America/New_York:20260105T220000\r\n"
                                                 "DURATION:PT1H\r\n"
                                                 "RRULE:FREQ=DAILY;UNTIL=20260108T030000Z\r\n")));

    says(date, "2026-01-06T10:00:00Z", false, "2026-01-07T09:00:00Z");
    says(date, "2026-01-07T10:00:00Z", false, NULL);
    says(zone, "2026-01-07T05:00:00Z", false, "2026-01-08T03:00:00Z"); /* 22:00 there, on the 7th */
    says(zone, "2026-01-08T04:00:00Z", false, NULL);
    calendar_free(date);
    calendar_free(zone);
}
END_TEST

START_TEST(a_zone_that_the_system_does_not_know_is_taken_from_the_file)
{
    struct calendar *c = from_ical(
        NULL,
        ICAL("BEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\n"
             "DTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n"
             "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n"
             "DTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
             "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n" EVENT(
                 "UID:1\r\nDTSTART;TZID=W. Europe Standard Time:20260105T090000\r\n"
                 "DTEND;TZID=W. Europe Standard Time:20260105T100000\r\n"
                 "RRULE:FREQ=MONTHLY;BYMONTHDAY=5\r\n")));

    says(c, "2026-01-05T08:00:00Z", true, "2026-01-05T09:00:00Z");
    says(c, "2026-07-01T00:00:00Z", false, "2026-07-05T07:00:00Z");
    calendar_free(c);
}
END_TEST

/* --- refused --- */

static const char *refused(const struct calendar_config *config)
{
    static struct err e;
    struct calendar *c;

    e = (struct err){0};
    c = calendar_new(config, &e);
    if (c && calendar_check(c, &e) == 0)
        e = (struct err){.text = "it was taken"};
    calendar_free(c);
    return e.text;
}

START_TEST(what_is_wrong_is_refused_with_what_is_meant)
{
    const struct {
        struct calendar_config config;
        const char *said;
    } cases[] = {
        {{.zone = "Europe/Pariss", SPANS("Mon")}, "did you mean \"Europe/Paris\"?"},
        {{SPANS("Mon", "Mon-Fry")}, "did you mean \"Fri\"?"},
        {{SPANS("Mon"), DATES("2026-13-01")}, "except: \"2026-13-01\" is no date"},
        {{SPANS("Mon"), DATES("25.12.")}, "except: \"25.12.\" is no date"},
        {{.rules = &(struct calendar_rule){"2026-01-06", "3h", "FREQ=DAILY"}, .n_rules = 1},
         "rrule: start = \"2026-01-06\" is no time of the form \"2026-01-06T02:00\""},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3", "FREQ=DAILY"}, .n_rules = 1},
         "rrule: lasts = \"3\" is no duration"},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3h", "FREQ=OFTEN"}, .n_rules = 1},
         "rule = \"FREQ=OFTEN\": the rule is not understood"},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3h", "FREQ=SECONDLY"},
          .n_rules = 1},
         "a rule recurs daily or less often"},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3h", "FREQ=DAILY;COUNT=10001"},
          .n_rules = 1},
         "COUNT of at most 10000"},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3h",
                                           "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"},
          .n_rules = 1},
         "the rule never holds"},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3h",
                                           "FREQ=DAILY;UNTIL=10130053T090000Z"},
          .n_rules = 1},
         "UNTIL is no date or time"},
        {{.rules = &(struct calendar_rule){"2026-01-06T02:00", "3h", "FREQ=DAILY;UNTIL=20260230"},
          .n_rules = 1},
         "UNTIL is no date or time"},
        {{.ical = "hello", .ical_len = 5}, "ical: it is no iCalendar text"},
        {{.ical = ICAL(EVENT("UID:1\r\n")), .ical_len = sizeof ICAL(EVENT("UID:1\r\n")) - 1},
         "ical: the event \"Works\": it has no DTSTART"},
        {{.ical = ICAL(EVENT("DTSTART;TZID=Mars/Base:20260105T090000\r\n")),
          .ical_len = sizeof ICAL(EVENT("DTSTART;TZID=Mars/Base:20260105T090000\r\n")) - 1},
         "the event \"Works\": the time zone \"Mars/Base\" is neither one of the system nor"},
        {{.ical = ICAL(EVENT("DTSTART:20260105T090000Z\r\nRRULE:FREQ=DALLY\r\n")),
          .ical_len = sizeof ICAL(EVENT("DTSTART:20260105T090000Z\r\nRRULE:FREQ=DALLY\r\n")) - 1},
         "the event \"Works\": "},
        /* nothing that could hold */
        {{.name = "a"}, "it has no times"},
        {{.ical = ICAL(""), .ical_len = sizeof ICAL("") - 1}, "it has no times"},
        {{SPANS("day 30 in Feb")}, "it can never hold"},
        {{SPANS("day 31 in Jun,Nov")}, "it can never hold"},
        {{SPANS("2026-12-25"), DATES("12-25")}, "it can never hold"},
        {{SPANS("day 1 in May 08:00-09:00")}, "column 14"},
        /* rare, and fine */
        {{SPANS("Mon day 29 in Feb")}, "it was taken"},
        {{SPANS("1999-12-31")}, "it was taken"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = refused(&cases[i].config);

        ck_assert_msg(strstr(said, cases[i].said) != NULL, "%zu: %s", i, said);
    }
}
END_TEST

START_TEST(calendars_are_bounded)
{
    const char **spans = malloc((CALENDAR_SPANS_MAX + 1) * sizeof *spans),
               **dates = malloc((CALENDAR_DATES_MAX + 1) * sizeof *dates);
    struct calendar_config c = {.spans = spans,
                                .n_spans = CALENDAR_SPANS_MAX,
                                .except_dates = dates,
                                .n_except_dates = CALENDAR_DATES_MAX};
    struct calendar *one, *other;
    struct err e = {0};

    for (int i = 0; i <= CALENDAR_SPANS_MAX; i++)
        spans[i] = "Mon";
    for (int i = 0; i <= CALENDAR_DATES_MAX; i++)
        dates[i] = "2026-01-05";
    one = made(&c);
    c.n_spans++;
    ck_assert_ptr_null(calendar_new(&c, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT);
    c.n_spans--;
    c.n_except_dates++;
    ck_assert_ptr_null(calendar_new(&c, &e));
    other = made(&(struct calendar_config){SPANS("Tue")});
    for (int i = 0; i < CALENDAR_EXCEPTS_MAX; i++)
        ck_assert_int_eq(calendar_except(one, other, &e), 0);
    ck_assert_int_eq(calendar_except(one, other, &e), -1);
    calendar_free(one);
    calendar_free(other);
    free(spans);
    free(dates);
}
END_TEST

START_TEST(without_memory_nothing_is_decided)
{
    static const char text[] =
        ICAL(EVENT("UID:1\r\nDTSTART:20260105T090000Z\r\nDTEND:20260105T100000Z\r\n"
                   "RRULE:FREQ=DAILY\r\nEXDATE:20260106T090000Z\r\nRDATE:20260106T150000Z\r\n"));
    struct calendar_rule rule = {"2026-01-06T02:00", "3h", "FREQ=DAILY"};
    struct calendar_config config = {
        SPANS("Mon"), DATES("2026-12-25"),         .zone = "Europe/Paris",
        .ical = text, .ical_len = sizeof text - 1, .rules = &rule,
        .n_rules = 1};
    struct calendar *c = NULL;
    struct calendar_state s;
    struct err e;
    long n = 0;

    while (!c) {
        e = (struct err){0};
        mem_fail_at(++n);
        c = calendar_new(&config, &e);
        if (!c)
            ck_assert_int_eq(e.code, ERR_MEMORY);
        ck_assert(n < 200);
    }
    ck_assert_int_gt(n, 10);
    mem_fail_at(1);
    ck_assert_int_eq(calendar_look(c, ms("2026-01-05T09:30:00Z"), &s), -1);
    mem_fail_at(0);
    says(c, "2026-01-05T09:30:00Z", true, "2026-01-05T23:00:00Z"); /* all of Monday in Paris */
    calendar_free(c);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, every_minute_of_400_days_in_six_zones_is_as_the_clock_says, 0, ZONES);
    tcase_add_loop_test(c, another_calendar_takes_out_every_minute_at_which_it_holds, 0, ZONES);
    tcase_add_loop_test(c, rules_recur_on_the_clock_of_the_zone_and_last_as_long_as_they_say, 0,
                        ZONES);
    tcase_add_test(
        c, a_span_in_a_skipped_hour_begins_at_the_jump_and_an_hour_that_comes_twice_counts_twice);
    tcase_add_test(c,
                   an_exception_takes_out_the_whole_local_date_also_of_a_span_begun_the_day_before);
    tcase_add_test(c, what_does_not_change_within_two_years_has_no_end);
    tcase_add_test(c, a_start_that_its_rule_does_not_name_is_no_occurrence);
    tcase_add_test(c, events_of_an_icalendar_file_hold_with_their_rules_exceptions_dates_and_zones);
    tcase_add_test(c, an_occurrence_that_was_moved_holds_where_it_was_moved_to);
    tcase_add_test(c, until_is_included_also_as_a_date_and_in_another_zone);
    tcase_add_test(c, a_zone_that_the_system_does_not_know_is_taken_from_the_file);
    tcase_add_test(c, what_is_wrong_is_refused_with_what_is_meant);
    tcase_add_test(c, calendars_are_bounded);
    tcase_add_test(c, without_memory_nothing_is_decided);
}

UNIT_MAIN("roster/calendar", add)
