/* What is remembered of each series that some leaf needs: its newest value and time, how far apart its
 * samples usually are, and, where a late repetition would count twice, the times of its last eight. */
#ifndef TOCSIN_WINDOW_TRACK_H
#define TOCSIN_WINDOW_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "model/sample.h"
#include "window/kind.h"

/* 24 bytes, and 8 that tie it to its series and plan.
 *
 *   when:   2 older intervals (20 bits) | all recent (1) | base only, or marked (1) | time of the newest, ms (42)
 *   steps:  number of intervals (4 bits) | 6 newest intervals (60 bits, the newest lowest)
 *
 * An interval is ten bits, as small floating-point numbers are: 4 of exponent, 6 of mantissa; below
 * 64 s the nearest whole second, above it (64 + m) << (e - 1) seconds, rounded up, 1.6 % off at most,
 * and 24 days are the longest. Kept in order of arrival, so the median of the last eight is found when
 * somebody asks for it, and not before. */
struct track {
    double v;
    uint64_t when, steps;
    uint32_t plan;
    uint32_t series; /* SERIES_NONE: free, `plan` is the next free one */
};

/* The eight newest times of the samples taken, newest first: their lower 32 bits of milliseconds,
 * which no two samples within 49 days share. Whoever sends a long stretch again sends what is older
 * than these, and whether it was there nobody knows: it counts as late, and changes nothing. With
 * fewer than eight samples the first time fills the rest; `all recent` tells that the series has had
 * none but these. 32 bytes. */
#define RECENT 8
struct recent {
    uint32_t t[RECENT];
};

#define TRACK_TIME_MASK ((UINT64_C(1) << 42) - 1)
#define TRACK_BASE_ONLY \
    (UINT64_C(1) << 42)                  /* no value yet, and the first is none of an increment */
#define TRACK_MARKED     TRACK_BASE_ONLY /* once it has one: a marker of staleness came after it */
#define TRACK_ALL_RECENT (UINT64_C(1) << 43)
#define STALENESS_MS     300000

static inline int64_t track_time(const struct track *t)
{
    return (int64_t)(t->when & TRACK_TIME_MASK);
}

/* No value yet; `base_only`: the series is older than this track, so its first value is none of
 * an increment. */
void track_init(struct track *t, uint32_t series, uint32_t plan, bool base_only);
/* The median of its last eight intervals, 1 s at least; 0: it has not shown three yet. */
int64_t track_usual_ms(const struct track *t);

struct track_counts {
    uint64_t late, duplicate, births, resets, gaps;
};

/* For cuts: the code that all of its intervals have, 0 also for none; UINT32_MAX: they differ. */
uint32_t track_one_interval(const struct track *t);
/* The other way round: gives its known number of intervals that code. */
void track_all_intervals(struct track *t, uint32_t code);

/* Its newest time is of a clock that was ahead, and has been set right since: the next value is the
 * first of a series that was known before. */
void track_set_back(struct track *t);

/* As if all samples had been at the newest time: what was before is not known. */
void recent_init(struct recent *r, struct track *t);

/* Takes a gauge or cumulative sample and says what it means for each function. False: nothing (a
 * repetition, or one that nobody can tell from one). `alive`: its source was so before it. `recent`:
 * NULL where late samples mean nothing, or there was no memory. */
bool track_take(struct track *t, struct recent *recent, const struct sample *s, bool alive,
                struct step *x, struct track_counts *counts);

#endif
