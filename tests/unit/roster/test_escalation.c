/* Escalation: each sentence of its meaning on a clock of minutes. */
#include "unit.h"

#include <string.h>

#include "base/buf.h"
#include "tocsin/escalation.h"

#define MINUTE INT64_C(60000)
#define T0     INT64_C(1795800000000)

static const struct escalation_step three[] = {
    {.wait_ms = 0}, {.wait_ms = 15 * MINUTE}, {.wait_ms = 30 * MINUTE, .not_each_round = true}};
static const struct escalation_policy policy = {.name = "payments",
                                                .steps = three,
                                                .n_steps = 3,
                                                .rounds = 3,
                                                .unanswered = "everyone",
                                                .only = ESCALATION_ONLY_USUAL};

static struct escalation begun(void)
{
    struct escalation x;

    escalation_begin(&x, T0);
    return x;
}

/* Enters exactly that step at that minute (and nothing a moment before), and reaches somebody. */
static void enters(struct escalation *x, const struct escalation_policy *p, int minute,
                   unsigned round, unsigned step)
{
    struct escalation_due d = escalation_advance(x, p, T0 + minute * MINUTE - 1);

    ck_assert_msg(d.act == ESCALATION_WAIT || minute == 0, "before minute %d", minute);
    d = escalation_advance(x, p, T0 + minute * MINUTE);
    ck_assert_msg(d.act == ESCALATION_ENTER, "minute %d: %d", minute, d.act);
    ck_assert_msg(d.round == round && d.first == step && d.last == step && d.late_ms == 0,
                  "minute %d: round %u step %u to %u", minute, d.round, d.first, d.last);
    ck_assert_int_eq(x->entered_ms, T0 + minute * MINUTE);
    escalation_reached(x, d.round, d.last);
}

START_TEST(steps_rounds_and_unanswered_come_in_their_time)
{
    struct escalation x = begun();
    struct escalation_due d;

    enters(&x, &policy, 0, 1, 1);
    enters(&x, &policy, 15, 1, 2);
    enters(&x, &policy, 45, 1, 3);
    enters(&x, &policy, 75, 2, 1); /* step 1 has no wait: that of the last step entered */
    enters(&x, &policy, 90, 2, 2); /* without step 3, which is not for each round */
    enters(&x, &policy, 105, 3, 1);
    enters(&x, &policy, 120, 3, 2);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 135 * MINUTE - 1).act, ESCALATION_WAIT);
    d = escalation_advance(&x, &policy, T0 + 135 * MINUTE);
    ck_assert_int_eq(d.act, ESCALATION_TELL_UNANSWERED);
    ck_assert_int_eq(x.phase, ESCALATION_UNANSWERED);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 999 * MINUTE).act,
                     ESCALATION_WAIT); /* once */
}
END_TEST

START_TEST(the_wait_of_step_1_is_that_between_rounds)
{
    const struct escalation_step steps[] = {{.wait_ms = 5 * MINUTE}, {.wait_ms = 15 * MINUTE}};
    const struct escalation_policy p = {.steps = steps, .n_steps = 2, .rounds = 2, .only = 2};
    struct escalation x = begun();

    enters(&x, &p, 0, 1, 1); /* at once, whatever its wait */
    enters(&x, &p, 15, 1, 2);
    enters(&x, &p, 20, 2, 1);
    enters(&x, &p, 35, 2, 2);
    ck_assert_int_eq(escalation_advance(&x, &p, T0 + 40 * MINUTE).act, ESCALATION_TELL_UNANSWERED);
}
END_TEST

START_TEST(an_acknowledgement_stops_it_and_its_end_goes_on_with_the_next_step_at_once)
{
    struct escalation x = begun();

    enters(&x, &policy, 0, 1, 1);
    escalation_acknowledge(&x);
    ck_assert_int_eq(x.phase, ESCALATION_ACKNOWLEDGED);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 500 * MINUTE).act, ESCALATION_WAIT);
    escalation_resume(&x, &policy, T0 + 600 * MINUTE);
    enters(&x, &policy, 600, 1, 2);
    enters(&x, &policy, 630, 1, 3);
}
END_TEST

START_TEST(after_the_last_step_of_the_last_round_it_resumes_with_round_1)
{
    const struct escalation_policy p = {.steps = three, .n_steps = 2, .rounds = 1, .only = 2};
    struct escalation x = begun();

    enters(&x, &p, 0, 1, 1);
    enters(&x, &p, 15, 1, 2);
    ck_assert_int_eq(escalation_advance(&x, &p, T0 + 30 * MINUTE).act, ESCALATION_TELL_UNANSWERED);
    escalation_acknowledge(&x);
    escalation_resume(&x, &p, T0 + 60 * MINUTE);
    enters(&x, &p, 60, 1, 1);
    enters(&x, &p, 75, 1, 2);
    ck_assert_int_eq(escalation_advance(&x, &p, T0 + 90 * MINUTE).act, ESCALATION_TELL_UNANSWERED);
}
END_TEST

START_TEST(while_it_is_held_back_the_rest_of_the_wait_is_frozen)
{
    struct escalation x = begun();

    enters(&x, &policy, 0, 1, 1);
    escalation_hold(&x, true, T0 + 5 * MINUTE);
    escalation_hold(&x, true, T0 + 7 * MINUTE); /* again: nothing */
    ck_assert_int_eq(x.phase, ESCALATION_PAUSED);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 100 * MINUTE).act, ESCALATION_WAIT);
    escalation_hold(&x, false, T0 + 100 * MINUTE);
    escalation_hold(&x, false, T0 + 101 * MINUTE);
    enters(&x, &policy, 110, 1, 2);
    /* acknowledged while it is held: the end of the hold starts nothing */
    escalation_hold(&x, true, T0 + 111 * MINUTE);
    escalation_acknowledge(&x);
    escalation_hold(&x, false, T0 + 112 * MINUTE);
    ck_assert_int_eq(x.phase, ESCALATION_ACKNOWLEDGED);
    /* released while it is held: the step waits for the end of the hold */
    escalation_resume(&x, &policy, T0 + 120 * MINUTE);
    escalation_hold(&x, true, T0 + 120 * MINUTE);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 130 * MINUTE).act, ESCALATION_WAIT);
    escalation_hold(&x, false, T0 + 140 * MINUTE);
    enters(&x, &policy, 140, 1, 3);
}
END_TEST

START_TEST(a_step_that_reached_nobody_goes_on_within_a_minute)
{
    struct escalation x = begun();
    struct escalation_due d = escalation_advance(&x, &policy, T0);

    ck_assert_int_eq(d.act, ESCALATION_ENTER);
    escalation_nobody(&x, &policy, 1, 1, T0);
    enters(&x, &policy, 1, 1, 2);
    escalation_nobody(&x, &policy, 1, 1, T0 + MINUTE); /* of a step that is over */
    enters(&x, &policy, 31, 1, 3);
}
END_TEST

START_TEST(a_round_in_which_nobody_was_reached_does_not_count)
{
    const struct escalation_policy p = {
        .steps = three, .n_steps = 2, .rounds = 2, .unanswered = "all", .only = 2};
    struct escalation x = begun();
    int minute = 0;

    for (int again = 0; again < 10; again++)
        for (unsigned step = 1; step <= 2; step++, minute++) {
            struct escalation_due d = escalation_advance(&x, &p, T0 + minute * MINUTE);

            ck_assert_int_eq(d.act, ESCALATION_ENTER);
            ck_assert_uint_eq(d.round, 1);
            ck_assert_uint_eq(d.first, step);
            escalation_nobody(&x, &p, 1, step, T0 + minute * MINUTE);
        }
    enters(&x, &p, minute, 1, 1);
    enters(&x, &p, minute + 15, 1, 2);
    enters(&x, &p, minute + 30, 2, 1); /* now round 2 */
    /* its last step reaches nobody: it counts for the first, and `unanswered` keeps its time */
    ck_assert_uint_eq(escalation_advance(&x, &p, T0 + (minute + 45) * MINUTE).first, 2);
    escalation_nobody(&x, &p, 2, 2, T0 + (minute + 45) * MINUTE);
    ck_assert_int_eq(escalation_advance(&x, &p, T0 + (minute + 59) * MINUTE).act, ESCALATION_WAIT);
    ck_assert_int_eq(escalation_advance(&x, &p, T0 + (minute + 60) * MINUTE).act,
                     ESCALATION_TELL_UNANSWERED);
}
END_TEST

START_TEST(an_overdue_step_is_entered_at_once_and_says_how_late_it_is)
{
    struct escalation x = begun();
    struct escalation_due d;

    enters(&x, &policy, 0, 1, 1);
    d = escalation_advance(&x, &policy, T0 + 20 * MINUTE);
    ck_assert_int_eq(d.act, ESCALATION_ENTER);
    ck_assert_uint_eq(d.first, 2);
    ck_assert_uint_eq(d.last, 2);
    ck_assert_int_eq(d.late_ms, 5 * MINUTE);
    escalation_reached(&x, 1, 2);
    enters(&x, &policy, 50, 1, 3); /* from when it was entered */
}
END_TEST

START_TEST(several_missed_steps_become_one_and_all_of_their_people_are_told)
{
    struct escalation x = begun();
    struct escalation_due d;

    enters(&x, &policy, 0, 1, 1);
    d = escalation_advance(&x, &policy, T0 + 500 * MINUTE); /* steps 2, 3 and whole rounds */
    ck_assert_int_eq(d.act, ESCALATION_ENTER);
    ck_assert_uint_eq(d.round, 1);
    ck_assert_uint_eq(d.first, 2);
    ck_assert_uint_eq(d.last, 3);
    ck_assert_int_eq(d.late_ms, 485 * MINUTE);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 500 * MINUTE).act, ESCALATION_WAIT);
    escalation_reached(&x, 1, 3);
    enters(&x, &policy, 530, 2, 1);
}
END_TEST

START_TEST(the_next_step_can_be_entered_now)
{
    struct escalation x = begun();
    struct escalation_due d;

    enters(&x, &policy, 0, 1, 1);
    d = escalation_enter_now(&x, &policy, T0 + 3 * MINUTE);
    ck_assert_int_eq(d.act, ESCALATION_ENTER);
    ck_assert_uint_eq(d.first, 2);
    escalation_reached(&x, 1, 2);
    enters(&x, &policy, 33, 1, 3);
    /* acknowledged: the acknowledgement stays, and no timer starts */
    escalation_acknowledge(&x);
    d = escalation_enter_now(&x, &policy, T0 + 40 * MINUTE);
    ck_assert_uint_eq(d.round, 2);
    ck_assert_uint_eq(d.first, 1);
    ck_assert_int_eq(x.phase, ESCALATION_ACKNOWLEDGED);
    ck_assert_int_eq(x.due_ms, 0);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 900 * MINUTE).act, ESCALATION_WAIT);
    /* of what is over, nothing */
    escalation_end(&x);
    ck_assert_int_eq(escalation_enter_now(&x, &policy, T0 + 901 * MINUTE).act, ESCALATION_WAIT);
}
END_TEST

START_TEST(nothing_on_ends_it)
{
    struct escalation x = begun();

    enters(&x, &policy, 0, 1, 1);
    escalation_end(&x);
    ck_assert_int_eq(x.phase, ESCALATION_DONE);
    ck_assert_int_eq(escalation_advance(&x, &policy, T0 + 99 * MINUTE).act, ESCALATION_WAIT);
    escalation_acknowledge(&x);
    escalation_hold(&x, true, T0);
    ck_assert_int_eq(x.phase, ESCALATION_DONE);
}
END_TEST

START_TEST(only_some_priorities_escalate)
{
    ck_assert(escalation_takes(&policy, 1) && escalation_takes(&policy, 2));
    ck_assert(!escalation_takes(&policy, 3) && !escalation_takes(&policy, 0));
}
END_TEST

START_TEST(a_clock_that_steps_takes_the_timers_along)
{
    struct escalation x = begun();

    ck_assert_uint_eq(escalation_advance(&x, &policy, T0).first, 1);
    escalation_shift(&x, 60 * MINUTE);
    ck_assert_int_eq(x.due_ms, T0 + 75 * MINUTE);
    escalation_acknowledge(&x);
    escalation_shift(&x, 60 * MINUTE);
    ck_assert_int_eq(x.due_ms, 0);
}
END_TEST

/* Also in the middle of everything: what is read back behaves the same. */
START_TEST(what_is_stored_is_words_and_numbers_and_comes_back)
{
    struct escalation x = begun(), y;

    for (int act = 0; act < 6; act++) {
        struct buf b = BUF_INIT;
        struct json j = json_into(&b);
        cJSON *o;

        if (act == 1)
            escalation_advance(&x, &policy, T0);
        if (act == 2)
            escalation_reached(&x, 1, 1);
        if (act == 3)
            escalation_hold(&x, true, T0 + 5 * MINUTE);
        if (act == 4)
            escalation_acknowledge(&x);
        if (act == 5)
            escalation_end(&x);
        json_object(&j);
        escalation_write(&x, &j);
        json_object_end(&j);
        ck_assert(act != 3 || strstr(buf_str(&b), "\"state\":\"paused\"") != NULL);
        o = cJSON_Parse(buf_str(&b));
        escalation_read(o, &y);
        ck_assert(x.phase == y.phase && x.round == y.round && x.step == y.step &&
                  x.entered_ms == y.entered_ms && x.due_ms == y.due_ms && x.left_ms == y.left_ms &&
                  x.wait_ms == y.wait_ms && x.reached == y.reached);
        cJSON_Delete(o);
        buf_free(&b);
    }
    escalation_read(NULL, &y);
    ck_assert_int_eq(y.phase, ESCALATION_NONE);
}
END_TEST

START_TEST(a_policy_that_cannot_be_followed_is_refused)
{
    static const struct escalation_step none[] = {{.wait_ms = 0}, {.wait_ms = 0}},
                                        first_only[] = {
                                            {.wait_ms = MINUTE, .not_each_round = true}};
    static const struct {
        struct escalation_policy p;
        const char *said;
    } cases[] = {
        {{.n_steps = 0, .rounds = 1, .only = 2}, "it has no step"},
        {{.steps = none, .n_steps = 2, .rounds = 1, .only = 2}, "step 2: `wait` is missing"},
        {{.steps = none, .n_steps = 1, .rounds = 2, .only = 2}, "step 1: `wait` is missing"},
        {{.steps = none, .n_steps = 1, .rounds = 1, .unanswered = "x", .only = 2},
         "step 1: `wait` is missing"},
        {{.steps = first_only, .n_steps = 1, .rounds = 2, .only = 2},
         "no step is left for the second round"},
        {{.steps = first_only, .n_steps = 1, .rounds = 0, .only = 2}, "`rounds` is a number"},
        {{.steps = first_only, .n_steps = 1, .rounds = 1, .only = 0}, "`only` names priorities"},
        {{.steps = first_only, .n_steps = 1, .rounds = 1, .only = 1}, "`only` names priorities"},
    };
    struct err e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(escalation_check(&cases[i].p, &e), -1);
        ck_assert_msg(strstr(e.text, cases[i].said) != NULL, "%s", e.text);
    }
    ck_assert_int_eq(escalation_check(&policy, &e), 0);
}
END_TEST

/* A reload may put a shorter policy under an incident at any place. */
START_TEST(a_changed_policy_goes_on_from_where_the_incident_is)
{
    static const struct escalation_policy shorter = {
        .steps = three, .n_steps = 1, .rounds = 1, .only = 2};

    for (unsigned round = 0; round <= 4; round++)
        for (unsigned step = 0; step <= 4; step++)
            for (int reached = 0; reached < 2; reached++) {
                struct escalation x = {
                    ESCALATION_RUNNING, round, round ? step : 0, T0, T0, 0, 0, reached};
                struct escalation_due d = escalation_advance(&x, &shorter, T0);

                ck_assert_int_ne(d.act, ESCALATION_WAIT);
                ck_assert(d.act != ESCALATION_ENTER || (d.first == 1 && d.last == 1));
            }
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, steps_rounds_and_unanswered_come_in_their_time);
    tcase_add_test(c, the_wait_of_step_1_is_that_between_rounds);
    tcase_add_test(c, an_acknowledgement_stops_it_and_its_end_goes_on_with_the_next_step_at_once);
    tcase_add_test(c, after_the_last_step_of_the_last_round_it_resumes_with_round_1);
    tcase_add_test(c, while_it_is_held_back_the_rest_of_the_wait_is_frozen);
    tcase_add_test(c, a_step_that_reached_nobody_goes_on_within_a_minute);
    tcase_add_test(c, a_round_in_which_nobody_was_reached_does_not_count);
    tcase_add_test(c, an_overdue_step_is_entered_at_once_and_says_how_late_it_is);
    tcase_add_test(c, several_missed_steps_become_one_and_all_of_their_people_are_told);
    tcase_add_test(c, the_next_step_can_be_entered_now);
    tcase_add_test(c, nothing_on_ends_it);
    tcase_add_test(c, only_some_priorities_escalate);
    tcase_add_test(c, a_clock_that_steps_takes_the_timers_along);
    tcase_add_test(c, what_is_stored_is_words_and_numbers_and_comes_back);
    tcase_add_test(c, a_policy_that_cannot_be_followed_is_refused);
    tcase_add_test(c, a_changed_policy_goes_on_from_where_the_incident_is);
}

UNIT_MAIN("roster/escalation", add)
