/* When a step of the system's clock is followed. */
#include "unit.h"

#include <stdbool.h>

#include "app/clockwatch.h"

START_TEST(a_step_needs_two_witnesses)
{
    static const struct {
        int64_t step_ms;
        bool known;
        int64_t redis_ms;
        enum clock_verdict verdict;
    } rows[] = {
        {0, true, 0, CLOCK_STEADY},
        {999, true, 999, CLOCK_STEADY},
        {-999, true, -999, CLOCK_STEADY},
        {1000, true, 1000, CLOCK_FOLLOW},
        {-1000, true, -1000, CLOCK_FOLLOW},
        {1000, true, 501, CLOCK_FOLLOW}, /* nearer to the system's clock than to ours */
        {1000, true, 500, CLOCK_REFUSED},
        {1200000, true, 1199000, CLOCK_FOLLOW},
        {1200000, true, 1198999, CLOCK_REFUSED},
        {1200000, true, 1201000, CLOCK_FOLLOW},
        {1200000, true, 1201001, CLOCK_REFUSED},
        {1200000, true, 0, CLOCK_REFUSED}, /* this machine's clock alone was set */
        {0, true, 1200000, CLOCK_STEADY},  /* Redis' alone */
        {-1200000, true, -1200000, CLOCK_FOLLOW},
        {1200000, false, 0, CLOCK_REFUSED}, /* Redis is away */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(clock_judge(rows[i].step_ms, rows[i].known ? &rows[i].redis_ms : NULL) ==
                          rows[i].verdict,
                      "row %zu", i);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_step_needs_two_witnesses);
}

UNIT_MAIN("clockwatch", add)
