/* The loop of include/tocsin/loop.h on a virtual clock, for tests that own the time.
 *
 * Same turns as the real one (what is due, stage by stage; what is ordered meanwhile waits for the next
 * turn), but nothing waits: when there is nothing to do,
 * the clock jumps to the next timer. No sockets, no signals: loop_base() is NULL and
 * loop_signal() accepts and never fires. Linked in place of net's loop. */
#ifndef TOCSIN_TESTS_SIM_FAKE_LOOP_H
#define TOCSIN_TESTS_SIM_FAKE_LOOP_H

#include <stdbool.h>

#include "tocsin/loop.h"

/* Turns until there is nothing left to do before `wall_ms`, then stands there: timers due at
 * exactly `wall_ms` have fired. The loop's clock must be a virtual one. */
void fake_loop_run_until(struct loop *l, int64_t wall_ms);
/* The same, `ms` from now. */
void fake_loop_run_for(struct loop *l, int64_t ms);
/* Turns until no timer is due now; time stands still. */
void fake_loop_settle(struct loop *l);
/* Turns, letting at most `ms` pass, until `test` says true. Returns what it said last. */
bool fake_loop_wait(struct loop *l, bool (*test)(void *arg), void *arg, int64_t ms);
#endif
