/* The windows as a whole, private to this room.
 *
 * They have a time of their own: that of the clock, less its steps. Series, sources and tracks are
 * kept in it, and leaves nearly so (leaf.moved_ms).
 *
 *   series id ─> use ─> track (value, time, plan) ─> plan ─> (leaf, group) … ─> slot
 *
 * `use` is one number per series id: never seen, seen and unused, or the number of its track. */
#ifndef TOCSIN_WINDOW_WINDOWS_H
#define TOCSIN_WINDOW_WINDOWS_H

#include "base/map.h"
#include "model/matcher_index.h"
#include "model/series_table.h"
#include "tocsin/window.h"
#include "window/gone.h"
#include "window/leaf.h"
#include "window/plan.h"
#include "window/seam.h"
#include "window/source.h"
#include "window/track.h"

#define USE_NEVER   0 /* no sample yet: its first one may be a birth */
#define USE_NONE    1 /* seen; no leaf looks at it */
#define REBIND_DONE UINT32_MAX
#define USE_TRACK   2 /* and above: number of the track, plus this */
#define USE_PAGE    4096
#define TRACK_PAGE  1024

/* The leaves that look at one metric name, by their matchers. Ids with the bit set look at it as the
 * `_bucket` series of a histogram. */
#define AS_BUCKET UINT32_C(0x80000000)
struct name_leaves {
    struct matcher_index *index;
    bool dirty; /* leaves came or went: its series are bound anew before the next sample */
};

/* A matcher of log leaves, kept once: rules say `level = "ERROR"` a hundred times. */
struct log_matcher {
    struct matcher *m;
    char *text;
    const char *name;
    size_t name_len;
    uint32_t users;
    uint32_t mark; /* number of the event that it was tested on, times two, plus the outcome */
};

struct step;

struct windows {
    struct series_table *series;
    struct labelsets *labels;
    struct wmem mem;
    uint32_t max_groups;
    const struct redact_also *redact;
    bool covered;     /* see windows_options */
    bool replaying;   /* blocks are read back */
    int64_t heard_ms; /* all that came until then was seen, or noted as not seen; 0: not known */

    struct leaf **leaves; /* by id; NULL: free */
    size_t n_leaves, cap_leaves;
    uint32_t free_leaf;  /* all ids before it are taken */
    struct map *by_text; /* struct leaf */
    leaf_id *sleepers;   /* asleep, or released since */
    size_t n_sleepers, cap_sleepers;
    struct map *by_name; /* struct name_leaves */
    bool dirty;          /* some name is, or some leaf is dead: a walk begins (rebind.c) */
    uint32_t *changed;   /* symbols of the names whose series are bound anew, sorted */
    size_t n_changed, cap_changed;
    uint32_t rebind_next, rebind_end; /* see rebind.c; REBIND_DONE: no walk */
    uint32_t free_next;               /* leaves before it that are dead have died since */
    bool refused;                     /* a group was refused since series were bound last */
    size_t refused_held;              /* memory held then */
    bool unrecorded; /* some series was seen without a place to note it: no more births */

    uint32_t **use; /* pages by series id */
    size_t n_use, cap_use;
    struct track **tracks; /* pages */
    size_t n_track_pages, cap_track_pages;
    struct recent **recent; /* pages beside those of tracks; NULL: none of them needs one */
    size_t cap_recent;
    uint32_t **reported; /* pages beside those of tracks: when a series reported last */
    size_t cap_reported;
    int64_t stepped_ms; /* all steps of the clock: times of it are this much more than own ones */
    int64_t now_ms;     /* own time of the block at hand */
    uint32_t now;       /* the same as instant32() */
    uint32_t block;     /* number of the last one applied, never 0 once there was one */
    uint32_t looked_ahead; /* the last one that was looked through for restarts */
    uint32_t n_watched;
    uint32_t n_tracks, free_track;
    struct plans plans;
    struct source *sources;
    size_t cap_sources;
    struct source_clock log_clock; /* of all log events */
    struct block_times times;      /* of the block at hand */
    uint32_t looked_through;       /* number of the block whose sources know their newest times */
    int64_t off_seen_ms;           /* own time of the last sample of a source whose clock is off */
    uint32_t n_awaiting;           /* leaves that are being filled */
    struct kept *kept;
    size_t n_kept, cap_kept;
    uint32_t start_name;        /* symbol of START_METRIC */
    struct plan_entry *scratch; /* of binding */
    struct life *lives;         /* by source */
    size_t cap_lives;
    struct peer **peers; /* pages beside those of tracks */
    size_t cap_peers;
    uint32_t first_walk, last_walk; /* sources that are to be walked over, plus 1; 0: none */
    size_t cap_scratch;
    struct matcher_candidates candidates; /* leaves that may look at the series at hand */

    struct matcher_index *log_leaves;
    struct log_matcher *log_matchers;
    size_t n_log_matchers, cap_log_matchers;
    uint32_t free_log_matcher; /* all places before it are taken */
    struct map *by_matcher;    /* canonical text -> its place, plus 1 */
    uint32_t event_mark;

    leaf_id *touched; /* leaves with touched groups */
    size_t n_touched, cap_touched;

    uint32_t expire_series; /* where the next windows_expire() goes on */
    size_t expire_leaf;
    uint32_t expire_slot;
    bool expire_in_series;

    struct windows_stats stats;
    struct track_counts counts;
};

/* --- windows.c --- */
static inline uint32_t use_of(const struct windows *w, uint32_t series)
{
    size_t page = series / USE_PAGE;

    return page < w->n_use && w->use[page] ? w->use[page][series % USE_PAGE] : USE_NEVER;
}

static inline struct track *track_at(const struct windows *w, uint32_t use)
{
    uint32_t n = use - USE_TRACK;

    return &w->tracks[n / TRACK_PAGE][n % TRACK_PAGE];
}

/* NULL: the track has none. What stands there is of use only where the plan counts values. */
static inline struct recent *recent_at(const struct windows *w, uint32_t use)
{
    uint32_t n = use - USE_TRACK, page = n / TRACK_PAGE;

    return page < w->cap_recent && w->recent[page] ? &w->recent[page][n % TRACK_PAGE] : NULL;
}

/* Makes a place for the recent times of a track that needs it from now on. Without memory late
 * repetitions are counted again. */
void recent_new(struct windows *w, uint32_t use);
void leaf_free(struct windows *w, struct leaf *l);
int use_set(struct windows *w, uint32_t series, uint32_t use) MUST_USE; /* -1: no memory */
uint32_t track_new(struct windows *w); /* USE_TRACK + number; USE_NONE: no memory */
void track_free(struct windows *w, uint32_t use);
struct source *source_at(struct windows *w, uint32_t source); /* NULL: no memory */

/* --- bind.c --- */
void name_leaves_free(void *n);                            /* NULL is fine */
int bind_leaf(struct windows *w, struct leaf *l) MUST_USE; /* into the index of names */
void unbind_leaf(struct windows *w, struct leaf *l);
void bind_woken(struct windows *w, const struct leaf *l); /* its series are bound anew */
/* Finds out where the samples of a series go; returns its use. A series that was seen before it
 * had a track begins with its next value as a base. */
uint32_t bind_series(struct windows *w, uint32_t id, bool base_only);
/* The labels of the series' group in a leaf, with a reference; LABELSET_NONE: no memory. */
labelset bind_labels(struct windows *w, const struct leaf *l, const struct series *s,
                     bool as_bucket);

/* --- rebind.c --- */
void rebind_begin(struct windows *w);
/* Moves the walk on by about `budget` series, begins it when leaves have changed since. */
void rebind_walk(struct windows *w, size_t budget);
/* Before anything is done with a series at or behind `rebind_next`. False: it was as it should be. */
bool rebind_series(struct windows *w, uint32_t id);

/* --- apply.c --- */
/* False: the leaf did not take it. */
bool windows_add_to_leaf(struct windows *w, const struct plan_entry *e, int64_t wall_ms,
                         struct step *x);

/* --- events.c --- */
int events_bind(struct windows *w, struct leaf *l) MUST_USE;
void events_unbind(struct windows *w, struct leaf *l);
void events_apply(struct windows *w, const struct logevent *events, size_t n);

/* --- report.c --- */
/* A series has reported, in the block at hand, to the groups of its plan. */
void report_series(struct windows *w, const struct plan *p, uint32_t use);
void report_forget(struct windows *w, uint32_t use); /* its track is free for another series */
void report_new_group(struct windows *w, struct leaf *l, uint32_t slot);
void report_forget_group(struct leaf *l, uint32_t slot);
/* For cuts: how many series a group expects, 0 for not known. */
uint32_t report_expected(const struct leaf *l, uint32_t slot);
void report_restore(struct windows *w, struct leaf *l, uint32_t slot, uint32_t expected);
bool leaf_merges(const struct leaf *l); /* its groups have several series */

/* --- apply.c --- */
/* Brings a time of a source into what windows can hold, in own time: at most a minute ahead of the
 * block. 0: it is before 1970, or far in the future; counted. */
int64_t windows_clamp(struct windows *w, struct source_clock *from, int64_t t_ms);
struct step;
void step_into(const struct leaf *l, int64_t wall_ms, struct step *x); /* in times of the leaf */

/* --- shift.c --- */
void leaf_move(const struct windows *w, struct leaf *l); /* to where all steps have moved it */

/* What is done in slices counts looks of about 20 ns: to pass over a series is one. */
#define BIND_COST 50 /* of binding a series, or of taking over a group */
#define LEAF_COST 5  /* of a look at a leaf */

#endif
