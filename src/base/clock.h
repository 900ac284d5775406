/* The one source of time. Everything that asks for the time is handed a clock, so that a test or
 * a replay can be the clock.
 *
 * wall_ms is Unix time in milliseconds as the engine sees it: it follows steps of the system's clock
 * only in clock_follow(), and never goes back in between. mono_ms counts from an arbitrary start
 * and never steps: use it for time-outs and durations inside the process. */
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

/* Seam of tests. Virtual clocks only: the system's clock behind it is set by `by_ms`, which
 * clock_follow() takes over. */
void clock_set_system(struct clock *c, int64_t by_ms);

/* How far the system's wall clock has stepped away from the engine's, in milliseconds (positive:
 * the system is ahead). */
int64_t clock_step_ms(struct clock *c);
/* Accepts a step of the system's clock, once a second witness (Redis' clock) agrees with it, and
 * returns it: wall_ms jumps by so much, backwards too, and mono_ms goes on. Whoever remembers wall
 * times has to move them by it in the same turn (wire_clock_stepped). */
int64_t clock_follow(struct clock *c);
/* One such wall time: moves by `by_ms`. 0 (none) and INT64_MAX (never) stay. */
void clock_move(int64_t *at_ms, int64_t by_ms);

#endif
