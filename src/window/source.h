/* What is remembered of each source (token, job, instance): was it alive before a time, so that a
 * counter that appears has grown from zero?
 *
 * Time is told in rounds: all samples within a second of the first of them, a scrape as a rule. A
 * source is alive when it has shown two rounds since it began; it begins with its first sample,
 * after a silence that is long for it, and when its process restarts. Nobody knows what a counter
 * did before that, so until then new series set bases only. 88 bytes a source, none a series. */
#ifndef TOCSIN_WINDOW_SOURCE_H
#define TOCSIN_WINDOW_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "window/source_clock.h"

#define ROUND_MS 1000

/* The metric by which a process tells when it began. */
#define START_METRIC "process_start_time_seconds"

struct source {
    int64_t first_ms, second_ms; /* rounds since it began; 0: not yet */
    int64_t round_ms;            /* the newest; 0: no sample yet */
    uint32_t usual_ms;           /* between rounds */
    uint32_t started_s;          /* latest start of its process; 0: it does not say */
    uint32_t counted;            /* block up to whose end the newest round is counted already */
    uint32_t fell : 15,
        held : 15;      /* counters in the newest round: below, not below their last value */
    uint32_t moved : 1; /* its process started anew in the newest round */
    struct source_clock clock;
};

/* A sample that is no marker of staleness. Opens a round when it is a second after the last. */
void source_note(struct source *s, int64_t t_ms);
/* In the newest round a counter was seen whose last value was `old`. */
void source_count(struct source *s, double old, double v);
/* In the newest round the process said when it started, in seconds. */
void source_started(struct source *s, double start_s);

/* A restart: the start time moved, or most of the counters that can tell fell. One that falls on
 * every scrape, because it is no counter, is outvoted by those beside it. */
static inline bool source_restarts(const struct source *s)
{
    return s->moved || s->fell > s->held;
}

/* Has it shown two rounds before this time? */
static inline bool source_has_shown(const struct source *s, int64_t t_ms)
{
    return s->second_ms != 0 && t_ms - s->second_ms >= ROUND_MS;
}

static inline bool source_alive(const struct source *s, int64_t t_ms)
{
    return source_has_shown(s, t_ms) && !(t_ms >= s->round_ms && source_restarts(s));
}

#endif
