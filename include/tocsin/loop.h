/* The loop: one thread and timers; one of 0 ms is work put off to the end of the turn, or of the next.
 *
 * Everything that waits is handed a loop, so that a simulation can be the loop and drive all
 * timers from a virtual clock. Nothing here blocks. Only the rooms net and redis look behind it
 * (loop_base). */
#ifndef TOCSIN_LOOP_H
#define TOCSIN_LOOP_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct loop;
struct timer;
struct event_base; /* libevent's */

/* The order in which timers that are due run within a turn: what leaves the house comes first, what
 * enters it last, so that a flood of input cannot delay a page. */
enum loop_stage { LOOP_DELIVERY, LOOP_CONTROL, LOOP_EVALUATION, LOOP_INGEST, LOOP_STAGES };
extern const char *const loop_stage_names[LOOP_STAGES];

/* `clock` is borrowed and must outlive the loop. */
struct loop *loop_new(struct clock *clock, struct err *e);
void loop_free(struct loop *l); /* its timers must be freed before: asserted */
struct clock *loop_clock(struct loop *l);
struct event_base *loop_base(struct loop *l); /* NULL in a simulation */

void loop_run(struct loop *l);  /* until loop_stop() */
void loop_stop(struct loop *l); /* ends after the present turn */
/* One turn, which waits at most `max_ms` for something to happen. For tests that turn the loop
 * until a condition holds. */
void loop_turn(struct loop *l, int64_t max_ms);
/* Calls `fire` in the loop (not in the handler) each time signal `signo` comes. Returns -1. */
int loop_signal(struct loop *l, int signo, void (*fire)(void *arg), void *arg) MUST_USE;

/* A one-shot timer. NULL: no memory. */
struct timer *timer_new(struct loop *l, enum loop_stage stage, void (*fire)(void *arg), void *arg);
void timer_free(struct timer *t); /* stops it first; NULL is fine */
void timer_in(struct timer *t,
              int64_t ms); /* fires `ms` (>= 0) from now; replaces an earlier order */
void timer_at(struct timer *t, int64_t wall_ms); /* fires when the engine's wall clock reaches it */
void timer_stop(struct timer *t);

/* Calls `readable` whenever `fd` can be read (level-triggered). The descriptor stays the caller's.
 * NULL: no memory, or a simulation. */
struct watch;
struct watch *watch_new(struct loop *l, int fd, void (*readable)(void *arg), void *arg);
void watch_free(struct watch *w); /* NULL is fine */

/* How late the loop runs, for /metrics: time spent in each stage, the longest turn in processor
 * time, how many were longer than any should be, and the largest delay between a timer's due time
 * and its call, since the last call of this function. */
#define LOOP_LONG_TURN_NS UINT64_C(20000000)
struct loop_lag {
    uint64_t busy_ns[LOOP_STAGES];
    uint64_t turns, long_turns, worst_turn_ns;
    int64_t worst_late_ms;
};
void loop_take_lag(struct loop *l, struct loop_lag *out);

#endif
