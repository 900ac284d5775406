/* The engine's clock follows a step of the system's only when Redis' clock says the same: a machine
 * whose clock alone is set wrong must not end silences or page the next in line. It is followed at
 * once, in both directions, and what is remembered moves along (wire_clock_stepped): easing a step
 * backwards, by running slower until it is caught up, made samples with right times late for hours.
 *
 * Every ten seconds the three are compared. What Redis says is asked by the journal, each second. */
#ifndef TOCSIN_APP_CLOCKWATCH_H
#define TOCSIN_APP_CLOCKWATCH_H

#include <stdint.h>

#include "app/wire.h"
#include "tocsin/db.h"
#include "tocsin/loop.h"

enum clock_verdict {
    CLOCK_STEADY,  /* no step worth following */
    CLOCK_FOLLOW,  /* Redis' clock agrees with the system's */
    CLOCK_REFUSED, /* Redis' clock does not, or is not known */
};

/* The decision, pure. `step_ms`: system's clock - engine's. `redis_ms`: Redis' clock - engine's,
 * NULL: not known. Steps below a second are left alone; clocks within a second of each other
 * agree. */
enum clock_verdict clock_judge(int64_t step_ms, const int64_t *redis_ms);

struct clock_watch;

/* Borrows all; begins at once, and follows nothing before the wire is live. NULL: no memory. */
struct clock_watch *clock_watch_new(struct loop *l, const struct db *d, struct wire *w);
void clock_watch_free(struct clock_watch *w); /* NULL is fine */

#endif
