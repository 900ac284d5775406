/* Distributions: quantile and fraction_below. A group is one of three things:
 *
 *   raw      up to 256 values, exact                                      (raw.c)
 *   sketch   beyond that: counts in bins of 1 % relative error, per pane  (sketch.c)
 *   buckets  classic histograms: increments of their buckets, per pane    (buckets.c)
 *
 * The slot holds a pointer to a block that starts with `struct dist`. */
#ifndef TOCSIN_WINDOW_QUANTILE_H
#define TOCSIN_WINDOW_QUANTILE_H

#include <string.h>

#include "window/kind.h"

#define RAW_MAX     256    /* values of one group kept as they are */
#define SKETCH_BINS 2048   /* of one group; further values go to the nearest */
#define BUCKETS_MAX 256    /* of one histogram */
#define DIST_BYTES  262144 /* of one group: a chunk of a cut must hold it */
#define ROW_NONE    1023   /* `row` of samples that are no bucket */

enum dist_mode { DIST_RAW, DIST_SKETCH, DIST_BUCKETS };

struct dist {
    uint32_t bytes;
    uint8_t mode;
};

static inline struct dist *dist_of(const struct slot *s)
{
    struct dist *d;

    memcpy(&d, s + 1, sizeof d);
    return d;
}

static inline void dist_set(struct slot *s, struct dist *d)
{
    memcpy(s + 1, &d, sizeof d);
}

struct dist *dist_new(struct windows *w, size_t bytes, enum dist_mode mode); /* NULL: counted */
void dist_drop(struct windows *w, struct slot *s);

/* --- raw.c --- */
enum raw_added { RAW_ADDED, RAW_REFUSED, RAW_FULL };
enum raw_added raw_add(struct windows *w, const struct leaf *l, struct slot *s,
                       const struct step *x);
bool raw_quantile(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
bool raw_fraction(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
size_t raw_bytes(uint32_t cap, bool weighted);
void raw_prefetch(const struct leaf *l, const struct slot *s, int stage);
void raw_encode(const struct leaf *l, const struct slot *s, struct buf *out);
int raw_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c) MUST_USE;
/* Calls `each` for all values, oldest first. */
void raw_each(const struct leaf *l, const struct slot *s,
              void (*each)(int64_t t_ms, double v, double weight, void *arg), void *arg);

/* --- sketch.c --- */
int sketch_from_raw(struct windows *w, const struct leaf *l, struct slot *s) MUST_USE;
bool sketch_add(struct windows *w, const struct leaf *l, struct slot *s, const struct step *x);
/* Has nothing been added for longer than it keeps? Then raw values may begin again. */
bool sketch_is_over(const struct leaf *l, const struct slot *s, uint32_t second);
bool sketch_quantile(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
bool sketch_fraction(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
int sketch_merge(struct windows *w, const struct leaf *l, struct slot *into,
                 const struct leaf *from_leaf, const struct slot *from) MUST_USE;
void sketch_encode(const struct leaf *l, const struct slot *s, struct buf *out);
int sketch_decode(struct windows *w, const struct leaf *l, struct slot *s,
                  struct cursor *c) MUST_USE;

/* --- buckets.c --- */
/* The row of the bucket with this upper bound, learned when new; ROW_NONE: too many, no memory. */
uint32_t buckets_row(struct windows *w, const struct leaf *l, struct slot *s, double bound);
bool buckets_add(const struct leaf *l, struct slot *s, const struct step *x, uint32_t row);
bool buckets_quantile(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
bool buckets_fraction(const struct leaf *l, const struct slot *s, const struct span *p, double *v);
int buckets_merge(struct windows *w, const struct leaf *l, struct slot *into,
                  const struct leaf *from_leaf, const struct slot *from) MUST_USE;
void buckets_encode(const struct leaf *l, const struct slot *s, struct buf *out);
int buckets_decode(struct windows *w, const struct leaf *l, struct slot *s,
                   struct cursor *c) MUST_USE;

#endif
