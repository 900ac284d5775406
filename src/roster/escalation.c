/* Which step of a policy comes when.
 *
 * The place of an incident is the step entered last; what comes next follows from it and the policy, so that a policy
 * that is changed by a reload goes on from where the incident is. A round counts once somebody was reached in it, so a
 * round of people who are all on leave, or of receivers that are all down, is gone through again. Steps that were
 * missed while nobody looked (a kill, a suspended machine) are entered as one, up to the end of their round: all who
 * should have been told are told now, each once, and the next wait begins. Dropped: entering each of them, which pages
 * the director in the second in which the first engineer is paged again; and only the last, by which those between are
 * never told. */
#include "tocsin/escalation.h"

#include <assert.h>

#include "base/clock.h"
#include "base/json_in.h"

#define WAIT_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

const char *const escalation_phase_names[] = {"none",   "running", "acknowledged",
                                              "paused", "done",    "unanswered"};
#define PHASES ((int)(sizeof escalation_phase_names / sizeof *escalation_phase_names))

bool escalation_takes(const struct escalation_policy *p, int priority)
{
    return priority >= 1 && priority <= 5 && (p->only >> priority & 1);
}

/* --- what comes next --- */

static bool in_round(const struct escalation_policy *p, unsigned round, unsigned step)
{
    return round == 1 || !p->steps[step - 1].not_each_round;
}

/* The first step of that round after `step` (0: its first); 0: there is none. */
static unsigned step_after(const struct escalation_policy *p, unsigned round, unsigned step)
{
    for (step++; step <= p->n_steps; step++)
        if (in_round(p, round, step))
            return step;
    return 0;
}

bool escalation_next(const struct escalation *x, const struct escalation_policy *p, unsigned *round,
                     unsigned *step)
{
    *round = x->round ? x->round : 1;
    *step = step_after(p, *round, x->step);
    if (*step)
        return true;
    if (x->reached && *round >= p->rounds)
        return false;
    *round += x->reached; /* a round in which nobody was reached does not count */
    *round = *round < p->rounds ? *round : p->rounds; /* of a policy that a reload has shortened */
    *step = step_after(p, *round, 0);
    assert(*step > 0); /* escalation_check() */
    return true;
}

/* From the entry of the last step to what comes next, `step` of a round or (0) `unanswered`. */
static int64_t wait_before(const struct escalation *x, const struct escalation_policy *p,
                           unsigned round, unsigned step)
{
    unsigned first = step ? step : step_after(p, round, 0);
    int64_t wait_ms = first ? p->steps[first - 1].wait_ms : 0;

    return wait_ms ? wait_ms : x->wait_ms ? x->wait_ms : ESCALATION_GO_ON_MS;
}

static int64_t wait_for_next(const struct escalation *x, const struct escalation_policy *p)
{
    unsigned round, step;

    if (!escalation_next(x, p, &round, &step))
        step = 0;
    return wait_before(x, p, round, step);
}

static void enter(struct escalation *x, const struct escalation_policy *p, unsigned round,
                  unsigned step, int64_t at_ms)
{
    if (round != x->round || step <= x->step)
        x->reached = false; /* a round begins, maybe the same again */
    x->round = round;
    x->step = step;
    x->entered_ms = at_ms;
    if (p->steps[step - 1].wait_ms)
        x->wait_ms = p->steps[step - 1].wait_ms;
}

/* --- time --- */

void escalation_begin(struct escalation *x, int64_t at_ms)
{
    *x = (struct escalation){.phase = ESCALATION_RUNNING, .due_ms = at_ms};
}

/* Further steps of the round that would be over by now, had the one before been entered when it was due. */
static unsigned last_missed(const struct escalation *x, const struct escalation_policy *p,
                            unsigned round, unsigned step, int64_t at_ms)
{
    int64_t due_ms = x->due_ms;
    unsigned next;

    while ((next = step_after(p, round, step)) != 0) {
        due_ms += wait_before(x, p, round, next);
        if (due_ms > at_ms)
            break;
        step = next;
    }
    return step;
}

struct escalation_due escalation_advance(struct escalation *x, const struct escalation_policy *p,
                                         int64_t at_ms)
{
    struct escalation_due due = {.act = ESCALATION_WAIT};

    if (x->phase != ESCALATION_RUNNING || at_ms < x->due_ms)
        return due;
    due.late_ms = at_ms - x->due_ms;
    if (!escalation_next(x, p, &due.round, &due.first)) {
        due.act = ESCALATION_TELL_UNANSWERED;
        x->phase = ESCALATION_UNANSWERED;
        x->due_ms = 0;
        return due;
    }
    due.act = ESCALATION_ENTER;
    due.last = last_missed(x, p, due.round, due.first, at_ms);
    enter(x, p, due.round, due.first, at_ms);
    if (due.last > due.first)
        enter(x, p, due.round, due.last, at_ms);
    x->due_ms = at_ms + wait_for_next(x, p);
    assert(due.last >= due.first && due.first >= 1);
    return due;
}

/* At the end of the last round, round 1 anew. */
static void step_anew(const struct escalation *x, const struct escalation_policy *p,
                      unsigned *round, unsigned *step)
{
    if (escalation_next(x, p, round, step))
        return;
    *round = 1;
    *step = step_after(p, 1, 0);
}

struct escalation_due escalation_enter_now(struct escalation *x, const struct escalation_policy *p,
                                           int64_t at_ms)
{
    struct escalation_due due = {.act = ESCALATION_ENTER};

    if (x->phase == ESCALATION_NONE || x->phase == ESCALATION_DONE)
        return (struct escalation_due){.act = ESCALATION_WAIT};
    step_anew(x, p, &due.round, &due.first);
    due.last = due.first;
    enter(x, p, due.round, due.first, at_ms);
    if (x->phase == ESCALATION_UNANSWERED)
        x->phase = ESCALATION_RUNNING;
    if (x->phase == ESCALATION_RUNNING)
        x->due_ms = at_ms + wait_for_next(x, p);
    else if (x->phase == ESCALATION_PAUSED)
        x->left_ms = wait_for_next(x, p);
    return due;
}

void escalation_reached(struct escalation *x, unsigned round, unsigned step)
{
    if (round == x->round && step <= x->step && step > 0)
        x->reached = true;
}

void escalation_nobody(struct escalation *x, const struct escalation_policy *p, unsigned round,
                       unsigned step, int64_t at_ms)
{
    unsigned next_round, next_step;

    if (round != x->round || step != x->step || !escalation_next(x, p, &next_round, &next_step))
        return;
    if (x->phase == ESCALATION_RUNNING && x->due_ms > at_ms + ESCALATION_GO_ON_MS)
        x->due_ms = at_ms + ESCALATION_GO_ON_MS;
    if (x->phase == ESCALATION_PAUSED && x->left_ms > ESCALATION_GO_ON_MS)
        x->left_ms = ESCALATION_GO_ON_MS;
}

/* --- what people and silences do --- */

void escalation_acknowledge(struct escalation *x)
{
    if (x->phase == ESCALATION_NONE || x->phase == ESCALATION_DONE)
        return;
    x->phase = ESCALATION_ACKNOWLEDGED;
    x->due_ms = x->left_ms = 0;
}

void escalation_resume(struct escalation *x, const struct escalation_policy *p, int64_t at_ms)
{
    unsigned round, step;

    if (x->phase != ESCALATION_ACKNOWLEDGED)
        return;
    if (!escalation_next(x, p, &round, &step)) {
        x->round = x->step = 0;
        x->reached = false;
    }
    x->phase = ESCALATION_RUNNING;
    x->due_ms = at_ms;
}

void escalation_hold(struct escalation *x, bool held, int64_t at_ms)
{
    if (held && x->phase == ESCALATION_RUNNING) {
        x->phase = ESCALATION_PAUSED;
        x->left_ms = x->due_ms > at_ms ? x->due_ms - at_ms : 0;
        x->due_ms = 0;
    } else if (!held && x->phase == ESCALATION_PAUSED) {
        x->phase = ESCALATION_RUNNING;
        x->due_ms = at_ms + x->left_ms;
        x->left_ms = 0;
    }
}

void escalation_end(struct escalation *x)
{
    if (x->phase == ESCALATION_NONE)
        return;
    x->phase = ESCALATION_DONE;
    x->due_ms = x->left_ms = 0;
}

void escalation_shift(struct escalation *x, int64_t by_ms)
{
    clock_move(&x->entered_ms, by_ms);
    clock_move(&x->due_ms, by_ms);
}

/* --- a policy --- */

static bool gives_wait(const struct escalation_policy *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].wait_ms)
            return true;
    return false;
}

int escalation_check(const struct escalation_policy *p, struct err *e)
{
    if (p->n_steps == 0)
        return err_set(e, ERR_INPUT, "it has no step: step { notify = \"schedule:…\" }");
    if (p->n_steps > ESCALATION_STEPS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d steps", ESCALATION_STEPS_MAX);
    if (p->rounds < 1 || p->rounds > ESCALATION_ROUNDS_MAX)
        return err_set(e, ERR_INPUT, "`rounds` is a number from 1 to %d", ESCALATION_ROUNDS_MAX);
    for (size_t i = 0; i < p->n_steps; i++) {
        if (i > 0 && p->steps[i].wait_ms <= 0)
            return err_set(e, ERR_INPUT,
                           "step %zu: `wait` is missing, the time after step %zu: wait = \"15m\"",
                           i + 1, i);
        if (p->steps[i].wait_ms < 0 || p->steps[i].wait_ms > WAIT_MAX_MS)
            return err_set(e, ERR_INPUT, "step %zu: `wait` is at most 7d", i + 1);
    }
    if (p->rounds > 1 && step_after(p, 2, 0) == 0)
        return err_set(e, ERR_INPUT,
                       "no step is left for the second round: one must be without "
                       "every_round = false");
    if ((p->rounds > 1 || p->unanswered) && !gives_wait(p))
        return err_set(e, ERR_INPUT,
                       "step 1: `wait` is missing, the time until the next round or `unanswered`");
    if ((p->only & ~0x3Eu) || p->only == 0)
        return err_set(e, ERR_INPUT, "`only` names priorities: { \"P1\", \"P2\" }");
    return 0;
}

/* --- as it is stored --- */

void escalation_write(const struct escalation *x, struct json *j)
{
    json_kstr(j, "state", escalation_phase_names[x->phase]);
    json_kint(j, "round", x->round);
    json_kint(j, "step", x->step);
    json_ktime(j, "enteredAt", x->entered_ms);
    json_ktime(j, "dueAt", x->due_ms);
    json_kint(j, "left_ms", x->left_ms);
    json_kint(j, "wait_ms", x->wait_ms);
    json_kbool(j, "reached", x->reached);
}

void escalation_read(const cJSON *o, struct escalation *out)
{
    int64_t round = json_in_whole(o, "round"), step = json_in_whole(o, "step"),
            left = json_in_whole(o, "left_ms"), wait = json_in_whole(o, "wait_ms");

    *out = (struct escalation){
        .phase = (enum escalation_phase)json_in_word(o, "state", escalation_phase_names, PHASES),
        .round = round > 0 && round <= ESCALATION_ROUNDS_MAX ? (unsigned)round : 0,
        .step = step > 0 && step <= ESCALATION_STEPS_MAX ? (unsigned)step : 0,
        .entered_ms = json_in_time(o, "enteredAt"),
        .due_ms = json_in_time(o, "dueAt"),
        .left_ms = left > 0 && left <= WAIT_MAX_MS ? left : 0,
        .wait_ms = wait > 0 && wait <= WAIT_MAX_MS ? wait : 0,
        .reached = json_in_bool(o, "reached")};
    if (out->round == 0)
        out->step = 0;
}
