/* By how much the clock of a source differs. */
#ifndef TOCSIN_WINDOW_SOURCE_CLOCK_H
#define TOCSIN_WINDOW_SOURCE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define FRESH_MS 15000 /* what is off by no more is on time: senders collect, and wait */

struct windows;
struct sample;
struct logevent;

/* All times in the windows' own (see windows.h), but those that say otherwise. 48 bytes. */
struct source_clock {
    int64_t heard_ms;            /* the block that brought its newest sample; 0: none did */
    int64_t to_own_ms;           /* a time of its clock plus this */
    int64_t behind_ms, since_ms; /* that it may be behind by so much, since; 0: it is not */
    int64_t block_newest_ms;     /* of its clock, in the block `block`; 0: has been judged */
    uint32_t block;
};

/* What a block brings, for the one that looks at the newest of a source in it. */
struct block_times {
    const struct sample *samples;
    size_t n_samples;
    const struct logevent *events;
    size_t n_events;
};

/* A time of the source's clock, that has come in the block at hand, as the windows count it. Cost: a
 * few comparisons; a walk over the block, once, where some source may be behind. */
int64_t source_time(struct windows *w, struct source_clock *s, int64_t t_ms);

#endif
