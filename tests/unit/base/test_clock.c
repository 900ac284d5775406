/* A step of the system's clock is followed when told to, and moves wall time alone. */
#include "unit.h"

#include <stdlib.h>

#include "base/clock.h"

START_TEST(a_followed_step_moves_wall_time_at_once_and_monotonic_time_never)
{
    static const int64_t steps[] = {-60000, -3600000, -86400000, 3600000, 0, -1};
    struct clock *c = clock_virtual(1767571200000);

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int64_t wall_ms = clock_wall_ms(c), mono_ms = clock_mono_ms(c);

        clock_set_system(c, steps[i]);
        ck_assert_int_eq(clock_step_ms(c), steps[i]);
        ck_assert_int_eq(clock_wall_ms(c), wall_ms); /* not told to */
        ck_assert_int_eq(clock_follow(c), steps[i]);
        ck_assert_int_eq(clock_step_ms(c), 0);
        ck_assert_int_eq(clock_wall_ms(c), wall_ms + steps[i]);
        ck_assert_int_eq(clock_mono_ms(c), mono_ms);
        clock_set(c, clock_wall_ms(c) + 5);
        ck_assert_int_eq(clock_mono_ms(c), mono_ms + 5);
    }
    clock_free(c);
}
END_TEST

START_TEST(without_a_step_the_systems_clock_never_goes_back)
{
    struct clock *c = clock_system();
    int64_t before_ms = clock_wall_ms(c);

    ck_assert_int_lt(llabs(clock_step_ms(c)), 1000);
    for (int i = 0; i < 1000; i++) {
        int64_t now_ms = clock_wall_ms(c);

        ck_assert_int_ge(now_ms, before_ms);
        before_ms = now_ms;
    }
    clock_free(c);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_followed_step_moves_wall_time_at_once_and_monotonic_time_never);
    tcase_add_test(t, without_a_step_the_systems_clock_never_goes_back);
}

UNIT_MAIN("clock", add)
