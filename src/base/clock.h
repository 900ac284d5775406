/* The one source of time. Everything that asks for the time is handed a clock, so that a test or
 * a replay can be the clock.
 *
 * wall_ms is Unix time in milliseconds as the engine sees it: it never goes back, never stands
 * still, and follows steps of the system's clock only when told to (clock_follow). mono_ms counts from an arbitrary
 * start and never steps: use it for time-outs and durations inside the process. */
#ifndef TOCSIN_BASE_CLOCK_H
#define TOCSIN_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock;

struct clock *clock_system(void);           /* a new clock on the system's; NULL: no memory */
struct clock *clock_virtual(int64_t at_ms); /* stands still until clock_set() */
void clock_free(struct clock *c);

int64_t clock_wall_ms(struct clock *c);
int64_t clock_mono_ms(struct clock *c);
uint64_t clock_mono_ns(struct clock *c);

/* Virtual clocks only: moves to `at_ms`; going back asserts. Monotonic time moves along. */
void clock_set(struct clock *c, int64_t at_ms);

/* How far the system's wall clock has stepped away from the engine's, in milliseconds (positive:
 * the system is ahead). 0 for virtual clocks. */
int64_t clock_step_ms(struct clock *c);
/* Accepts a step of the system's clock, once a second witness (Redis' clock) agrees with it.
 * After a step backwards wall_ms runs at half speed until it is caught up, so that what waits for
 * a time goes on happening, late rather than not at all. */
void clock_follow(struct clock *c);

/* The pure part of that: the time shown `since_ms` after it showed `from_ms`, while the right one is
 * `right_ms`. */
int64_t clock_eased_ms(int64_t from_ms, int64_t since_ms, int64_t right_ms);

#endif
