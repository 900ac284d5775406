#include "unit.h"

#include <stdlib.h>

#include "rule/agenda.h"

#define RANKS 5000

START_TEST(marked_ranks_are_taken_lowest_first_and_later_marks_join)
{
    struct agenda a = {0};
    uint32_t rank;

    ck_assert_int_eq(agenda_fit(&a, RANKS), 0);
    agenda_reset(&a, RANKS);
    agenda_mark(&a, 4999);
    agenda_mark(&a, 63);
    agenda_mark(&a, 64);
    agenda_mark(&a, 63);
    ck_assert(agenda_take(&a, &rank) && rank == 63);
    agenda_mark(&a, 70);
    ck_assert(agenda_take(&a, &rank) && rank == 64);
    ck_assert(agenda_take(&a, &rank) && rank == 70);
    ck_assert(agenda_take(&a, &rank) && rank == 4999);
    ck_assert(!agenda_take(&a, &rank));
    agenda_clear(&a);
}
END_TEST

START_TEST(a_mark_of_a_tick_is_told_once_and_gone_after_a_reset)
{
    struct agenda a = {0};
    uint32_t rank;

    ck_assert_int_eq(agenda_fit(&a, RANKS), 0);
    agenda_reset(&a, RANKS);
    agenda_mark(&a, 64);
    agenda_mark_whole(&a, 63);
    agenda_mark_whole(&a, 4999);
    ck_assert(agenda_take(&a, &rank) && rank == 63);
    ck_assert(agenda_take_whole(&a, 63) && !agenda_take_whole(&a, 63));
    ck_assert(agenda_take(&a, &rank) && rank == 64 && !agenda_take_whole(&a, 64));
    agenda_reset(&a, RANKS);
    ck_assert(!agenda_take(&a, &rank) && !agenda_take_whole(&a, 4999));
    agenda_clear(&a);
}
END_TEST

START_TEST(waits_run_out_in_order_whatever_was_moved_or_ended)
{
    static int64_t due[RANKS];
    static bool marked[RANKS];
    struct agenda a = {0};
    uint32_t rank;

    srand(11);
    ck_assert_int_eq(agenda_fit(&a, RANKS), 0);
    agenda_reset(&a, RANKS);
    for (int i = 0; i < RANKS; i++)
        due[i] = INT64_MAX;
    for (int round = 0; round < 20000; round++) {
        uint32_t i = (uint32_t)rand() % 200;
        int64_t least = INT64_MAX, at;

        due[i] = rand() % 3 == 0 ? INT64_MAX : rand() % 1000;
        agenda_wait(&a, i, due[i]);
        for (int k = 0; k < 200; k++)
            least = due[k] < least ? due[k] : least;
        ck_assert_int_eq(agenda_next_ms(&a), least);
        if (round % 50 != 0)
            continue;
        at = rand() % 300;
        for (int k = 0; k < 200; k++)
            marked[k] = due[k] <= at;
        agenda_mark_due(&a, at);
        while (agenda_take(&a, &rank)) {
            ck_assert(marked[rank]);
            marked[rank] = false;
            due[rank] = INT64_MAX;
        }
        for (int k = 0; k < 200; k++)
            ck_assert(!marked[k]);
    }
    agenda_clear(&a);
}
END_TEST

START_TEST(a_step_of_the_clock_moves_all_waits)
{
    struct agenda a = {0};

    ck_assert_int_eq(agenda_fit(&a, 3), 0);
    agenda_reset(&a, 3);
    agenda_wait(&a, 1, 1000);
    agenda_wait(&a, 2, 500);
    agenda_shift(&a, -100);
    ck_assert_int_eq(agenda_next_ms(&a), 400);
    agenda_wait(&a, 2, INT64_MAX);
    ck_assert_int_eq(agenda_next_ms(&a), 900);
    agenda_clear(&a);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, marked_ranks_are_taken_lowest_first_and_later_marks_join);
    tcase_add_test(t, a_mark_of_a_tick_is_told_once_and_gone_after_a_reset);
    tcase_add_test(t, waits_run_out_in_order_whatever_was_moved_or_ended);
    tcase_add_test(t, a_step_of_the_clock_moves_all_waits);
}

UNIT_MAIN("agenda", add)
