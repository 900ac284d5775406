/* Escalation of an incident: which step of a policy is entered when, until somebody has it.
 *
 * A pure state machine: time is what the caller says; whom a step tells, and whether they could be reached, the
 * caller finds out and tells. Times are Unix milliseconds.
 *
 *   begin ─► running ──due──► step 2 … ─► next round … ─► unanswered
 *             │  ▲
 *    hold(on) ▼  │ hold(off): what was left of the wait goes on
 *            paused           acknowledge ─► acknowledged ── resume ─► running, next step at once
 *
 * The state is a plain struct, kept by the caller with the incident; 0 is "none yet". */
#ifndef TOCSIN_ESCALATION_H
#define TOCSIN_ESCALATION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

#define ESCALATION_STEPS_MAX  20
#define ESCALATION_ROUNDS_MAX 100
#define ESCALATION_ONLY_USUAL (1u << 1 | 1u << 2) /* P1 and P2 */
#define ESCALATION_GO_ON_MS   60000 /* nobody was reached: the next step comes within this time */

/* --- a policy, as it is written; borrowed by whoever uses it --- */
struct escalation_step {
    const char *const
        *notify; /* "schedule:payments" "person:ana" …: not looked at here (tocsin/roster.h) */
    size_t n_notify;
    int64_t wait_ms; /* after the step before it was entered; 0: not given (only of the first) */
    bool not_each_round; /* every_round = false: in the first round only */
};

struct escalation_policy {
    const char *name;
    const struct escalation_step *steps;
    size_t n_steps;
    unsigned rounds;        /* at least 1 */
    const char *unanswered; /* receiver that is told once that nobody answered; NULL: none */
    unsigned only;          /* priorities that escalate: bit 1 is P1 */
};

/* -1 with `e`: no step, a later one without wait, no step left for the second round, numbers beyond the bounds,
 * a wait that nothing gives. */
int escalation_check(const struct escalation_policy *p, struct err *e) MUST_USE;
bool escalation_takes(const struct escalation_policy *p, int priority);

/* --- where an incident is --- */
enum escalation_phase {
    ESCALATION_NONE,
    ESCALATION_RUNNING,
    ESCALATION_ACKNOWLEDGED,
    ESCALATION_PAUSED,
    ESCALATION_DONE, /* nothing of the incident is on any more */
    ESCALATION_UNANSWERED
};
extern const char *const escalation_phase_names[]; /* "none" "running" "acknowledged" … */

struct escalation {
    enum escalation_phase phase;
    unsigned round, step; /* entered last, from 1; 0: none yet */
    int64_t entered_ms;   /* when that was */
    int64_t due_ms;       /* of the next step, or of `unanswered`; 0: no timer runs */
    int64_t left_ms;      /* of the wait, while it is paused */
    int64_t wait_ms;      /* of the last step that had one: what a round without any waits for */
    bool reached;         /* somebody, in this round */
};

/* What is to be done now. */
enum escalation_act { ESCALATION_WAIT, ESCALATION_ENTER, ESCALATION_TELL_UNANSWERED };
struct escalation_due {
    enum escalation_act act;
    unsigned round;
    unsigned first,
        last; /* steps whose people are told, each once; more than one where several were missed */
    int64_t late_ms; /* how long ago it was due: the messages say so */
};

/* The first message of a priority that escalates is due, and not all is held back: the first step is due at once. */
void escalation_begin(struct escalation *x, int64_t at_ms);
/* Enters what is due: the state moves on, and the caller tells those people. Where several steps of a round were
 * missed, they become one. ESCALATION_WAIT: nothing is due. Cost: the steps of the policy. */
struct escalation_due escalation_advance(struct escalation *x, const struct escalation_policy *p,
                                         int64_t at_ms);
/* Enters the next step now, also of one that is acknowledged or paused: then no timer starts. After the last step of
 * the last round it is the first of round 1. Of one that never began or is done: ESCALATION_WAIT. */
struct escalation_due escalation_enter_now(struct escalation *x, const struct escalation_policy *p,
                                           int64_t at_ms);
/* What became of a step: somebody was reached; or nobody was on call, or every send failed, so that the next step
 * comes within ESCALATION_GO_ON_MS. What is said of a step that is no longer the last one changes no timer. */
void escalation_reached(struct escalation *x, unsigned round, unsigned step);
void escalation_nobody(struct escalation *x, const struct escalation_policy *p, unsigned round,
                       unsigned step, int64_t at_ms);

void escalation_acknowledge(struct escalation *x);
/* Released, broken, or run out: the next step at once; after the last of the last round, round 1 anew. Only of one
 * that is acknowledged. */
void escalation_resume(struct escalation *x, const struct escalation_policy *p, int64_t at_ms);
/* All of it is held back (silenced, muted, inhibited), or no longer: what is left of the wait is frozen, and goes
 * on from there. Saying it again changes nothing. */
void escalation_hold(struct escalation *x, bool held, int64_t at_ms);
void escalation_end(struct escalation *x); /* nothing of the incident is on */
/* The clock has stepped. */
void escalation_shift(struct escalation *x, int64_t by_ms);

/* The round and step that come next, without entering them; false: `unanswered` comes next, or nothing. */
bool escalation_next(const struct escalation *x, const struct escalation_policy *p, unsigned *round,
                     unsigned *step);

/* As it is stored: the members of an object, words and numbers. What is missing or not understood reads as none. */
void escalation_write(const struct escalation *x, struct json *j);
void escalation_read(const cJSON *o, struct escalation *out);

#endif
