/* Which series have ended while their source goes on, and which groups have none left that has not.
 *
 * A source is judged where it is one instance of something. It goes on while samples of it come that
 * are not about its scrape; a series of it has ended with a marker of staleness, or by its absence for
 * four of its usual intervals, counted from when the source went on last without a break. What ends
 * together with its source is not gone, it is silent.
 *
 *   source ─> life ─> first track <─> next <─> …
 *
 * Nothing is looked for while everything comes: a life counts who reported in one and a half of its
 * shortest intervals. Only where somebody did not, and once in five minutes, its tracks are walked
 * over, some at each block. All of it follows from the blocks alone, so a replay finds the same. */
#ifndef TOCSIN_WINDOW_GONE_H
#define TOCSIN_WINDOW_GONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/sample.h"
#include "model/series.h"

struct windows;
struct leaf;
struct plan;

/* Of one source. Only the first four survive in a cut, the rest follows from its tracks. */
struct life {
    int64_t real_ms;    /* its newest sample; 0: none yet */
    int64_t resumed_ms; /* since then without a break */
    int64_t mark_ms;    /* newest marker that nothing came after; 0: none */
    int64_t usual_ms;   /* the shortest of its series; 0: not known */
    int64_t epoch_ms;   /* since when `n_reported` counts */
    int64_t due_ms;     /* before it nothing of it can be gone by absence */
    int64_t swept_ms;   /* real_ms at the last walk */
    int64_t next_ms;    /* `due_ms` and `usual_ms` of the walk at hand */
    int64_t shortest_ms;
    uint32_t first;  /* use of a track; 0: none */
    uint32_t cursor; /* where the walk goes on */
    uint32_t n, n_gone, n_marked, n_reported;
    uint32_t next_walk; /* source that is walked over next, plus 1 */
    bool queued;
};

/* Neighbours of a track in the list of its source, as uses; 0: none. Pages beside those of tracks. */
struct peer {
    uint32_t before : 31;
    uint32_t gone : 1; /* it has ended while its source goes on */
    uint32_t after;
};

/* How many series a group has, where a leaf merges them. */
struct group_ends {
    uint32_t series, ended;
    int64_t last_ms; /* when the last of the ended ones did */
};

/* A track of a series has come, or leaves: its source and groups count it. Without memory a source is
 * not judged, a group not ended. */
void gone_link(struct windows *w, uint32_t use);
void gone_unlink(struct windows *w, uint32_t use);
/* The groups of a plan count the series of this track, or no longer. */
void gone_join(struct windows *w, const struct plan *p, uint32_t use);
void gone_leave(struct windows *w, const struct plan *p, uint32_t use);
/* A sample or marker of a source that has a life, before the track takes it. `use`: of its track, or
 * what is below USE_TRACK where no leaf looks at the series. */
void gone_hear(struct windows *w, const struct series *from, uint32_t use, const struct sample *s,
               int64_t now_ms);
/* At the end of a block of `n` samples: walks that are due, 2,048 tracks and a quarter of `n` at most. */
void gone_walk(struct windows *w, size_t n);
/* Takes from a cut, or from other windows, that the series of a track is gone. */
void gone_restore(struct windows *w, uint32_t use);
/* A track has been taken from a cut: its source counts the marker that came after its newest value. */
void gone_restore_mark(struct windows *w, uint32_t use);
/* The clock of a source was ahead, and its track begins anew: so does the source. */
void gone_set_back(struct windows *w, uint32_t use);
/* Memory for the life of a source that a cut speaks of; NULL: there is none. */
struct life *gone_life(struct windows *w, uint32_t source);
bool gone_is(const struct windows *w, uint32_t use); /* a track's series */
void gone_free(struct windows *w);

#endif
