/* What a leaf does with its samples: one kind for each way to keep them. */
#ifndef TOCSIN_WINDOW_KIND_H
#define TOCSIN_WINDOW_KIND_H

#include "base/buf.h"
#include "window/leaf.h"

enum step_flags {
    STEP_VALUE = 1,    /* v is a value of the series */
    STEP_ORDERED = 2,  /* newer than all before it */
    STEP_INC = 4,      /* inc is known */
    STEP_PREV = 8,     /* dt_ms is known: no gap before it */
    STEP_CHANGED = 16, /* v differs from the value before it, whatever the gap */
    STEP_DROPPED = 32, /* v is below it */
    STEP_DELTA = 64,   /* inc adds directly: sent as an increment, or an observation, or an event */
    STEP_REWRITE = 128, /* replaces `old`, which had the same time */
    STEP_STALE = 256,   /* a staleness marker: nothing but its time means anything */
    STEP_SET = 512,     /* v is the hash of a member */
};

/* A sample, as its series sees it. */
struct step {
    int64_t t_ms;
    uint32_t second;
    unsigned flags;
    double v, inc, old, weight;
    int64_t dt_ms;
};

struct leaf_kind {
    const char *name;
    uint32_t cell;     /* bytes of a pane in the ring behind the slot; 0: no ring there */
    uint32_t extra;    /* bytes behind the slot without a ring, or behind the ring: numbers */
    const void *empty; /* a pane without samples */
    bool wants_stale;

    /* Takes one sample. False: it was too old, or there was no memory. `row`: of a histogram. */
    bool (*add)(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                uint32_t row);
    bool (*value)(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
    /* Rings only: joins two panes; is this a pane that add() could have made? */
    void (*merge_cell)(void *into, const void *from);
    bool (*cell_ok)(const void *cell);
    /* Others only. decode() goes on from what is there (rows that were bound). */
    int (*merge)(struct windows *w, const struct leaf *l, struct slot *into,
                 const struct leaf *from_leaf, const struct slot *from) MUST_USE;
    void (*encode)(const struct leaf *l, const struct slot *s, struct buf *out);
    int (*decode)(struct windows *w, const struct leaf *l, struct slot *s,
                  struct cursor *c) MUST_USE;
    void (*clear)(struct windows *w, const struct leaf *l, struct slot *s, bool keep_rows);
    /* Brings what value() will read nearer, in `stages` steps, each a few groups after the one
     * before it. NULL: the first lines of the slot are all. */
    void (*prefetch)(const struct leaf *l, const struct slot *s, const struct span *p, int stage);
};

const struct leaf_kind *leaf_kind_of(const struct leaf_spec *spec);

/* The state of one group, whatever its kind. The head of the slot is written and read here. */
void slot_encode(const struct leaf *l, const struct slot *s, struct buf *out);
int slot_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c) MUST_USE;
int slot_merge(struct windows *w, const struct leaf *l, struct slot *into,
               const struct leaf *from_leaf, const struct slot *from) MUST_USE;
void slot_clear(struct windows *w, const struct leaf *l, struct slot *s, bool keep_rows);

static inline void slot_note(struct slot *s, int64_t t_ms)
{
    if (t_ms > s->newest_ms)
        s->newest_ms = t_ms;
}

/* Numbers in cuts: whole ones, which most are, as varints; others as they are. */
void number_encode(struct buf *out, double v);
double number_decode(struct cursor *c);

extern const struct leaf_kind kind_sum, kind_total, kind_rate, kind_min, kind_max, kind_avg,
    kind_stddev, kind_ends, kind_last, kind_irate, kind_since_last, kind_quantile;

#endif
