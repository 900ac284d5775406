/* How a step backwards is caught up: at half speed, never back, never still. */
#include "unit.h"

#include "base/clock.h"

START_TEST(a_step_backwards_is_caught_up_at_half_speed)
{
    static const struct {
        int64_t since_ms, right_ms, shown_ms;
    } rows[] = {
        {0, 90000, 100000},      /* ten seconds ahead */
        {1, 90001, 100000},      /* half a millisecond is none yet */
        {2, 90002, 100001},      /* it goes on */
        {10000, 100000, 105000}, /* half of it is caught up */
        {19998, 109998, 109999}, /* one millisecond is left */
        {20000, 110000, 110000}, /* all of it */
        {30000, 120000, 120000}, /* and then it is the right time */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(clock_eased_ms(100000, rows[i].since_ms, rows[i].right_ms),
                         rows[i].shown_ms);
}
END_TEST

START_TEST(the_systems_clock_never_goes_back)
{
    struct clock *c = clock_system();
    int64_t before_ms = clock_wall_ms(c);

    ck_assert_int_lt(llabs(clock_step_ms(c)), 1000);
    for (int i = 0; i < 1000; i++) {
        int64_t now_ms;

        clock_follow(c);
        now_ms = clock_wall_ms(c);
        ck_assert_int_ge(now_ms, before_ms);
        before_ms = now_ms;
    }
    clock_free(c);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_step_backwards_is_caught_up_at_half_speed);
    tcase_add_test(t, the_systems_clock_never_goes_back);
}

UNIT_MAIN("clock", add)
