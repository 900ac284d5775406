/* Times as people read them, around the changes of the clock in spring and autumn. */
#include <stdlib.h>
#include <string.h>

#include "base/zone.h"
#include "unit.h"

START_TEST(times_have_their_zone_on_both_sides_of_a_change)
{
    static const struct {
        const char *zone;
        int64_t at_ms;
        const char *said, *with_seconds;
    } cases[] = {
        {"Europe/Berlin", INT64_C(1774745999999), "01:59 CET", "01:59:59 CET"},
        {"Europe/Berlin", INT64_C(1774746000000), "03:00 CEST", "03:00:00 CEST"},
        {"Europe/Berlin", INT64_C(1792888200000), "02:30 CEST", "02:30:00 CEST"},
        {"Europe/Berlin", INT64_C(1792891800000), "02:30 CET", "02:30:00 CET"},
        {"America/New_York", INT64_C(1772953199000), "01:59 EST", "01:59:59 EST"},
        {"America/New_York", INT64_C(1772953200000), "03:00 EDT", "03:00:00 EDT"},
        {"Asia/Kolkata", INT64_C(1767667260000), "08:11 IST", "08:11:00 IST"},
        {"America/Sao_Paulo", INT64_C(1767667260000), "23:41 -03", "23:41:00 -03"},
        {"UTC", INT64_C(1767667260000), "02:41 UTC", "02:41:00 UTC"},
        {"UTC", -1, "23:59 UTC", "23:59:59 UTC"},
    };
    char out[ZONE_TIME_LEN];
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(zone_check(cases[i].zone, &e) == 0, "%s", cases[i].zone);
        ck_assert_int_eq(zone_use(cases[i].zone), 0);
        zone_time(out, cases[i].at_ms, false);
        ck_assert_str_eq(out, cases[i].said);
        zone_time(out, cases[i].at_ms, true);
        ck_assert_str_eq(out, cases[i].with_seconds);
    }
}
END_TEST

START_TEST(without_a_name_it_is_the_zone_of_the_machine)
{
    char out[ZONE_TIME_LEN];

    setenv("TZ", "Asia/Tokyo", 1);
    ck_assert_int_eq(zone_use(NULL), 0);
    zone_time(out, INT64_C(1767667260000), false);
    ck_assert_str_eq(out, "11:41 JST");
}
END_TEST

START_TEST(an_unknown_zone_is_an_error_that_names_the_one_meant)
{
    static const char *const cases[][2] = {
        {"Europe/Berlni", "did you mean \"Europe/Berlin\"?"},
        {"europe/berlin", "did you mean \"Europe/Berlin\"?"},
        {"Berlin", "did you mean \"Europe/Berlin\"?"},
        {"", "there is no time zone \"\""},
        {"../../../etc/passwd", "there is no time zone"},
        {"/etc/localtime", "there is no time zone"},
        {"Europe", "there is no time zone"},
        {"tzdata.zi", "there is no time zone"},
        {"zone.tab", "there is no time zone"},
        {"Moon/Tranquillity", "a name is of the form \"Europe/Berlin\""},
    };
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(zone_check(cases[i][0], &e), -1);
        ck_assert_msg(strstr(e.text, cases[i][1]), "%s: %s", cases[i][0], e.text);
    }
}
END_TEST

START_TEST(without_a_database_it_says_what_to_install)
{
    struct err e;

    setenv("TZDIR", "/nonexistent", 1);
    ck_assert_int_eq(zone_check("Europe/Berlin", &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "install the package tzdata"));
    ck_assert_int_eq(zone_check("UTC", &e), 0);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, times_have_their_zone_on_both_sides_of_a_change);
    tcase_add_test(t, without_a_name_it_is_the_zone_of_the_machine);
    tcase_add_test(t, an_unknown_zone_is_an_error_that_names_the_one_meant);
    tcase_add_test(t, without_a_database_it_says_what_to_install);
}

UNIT_MAIN("zone", add)
