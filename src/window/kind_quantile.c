/* Quantiles: one of three forms a group, and how it goes from one to the next.
 * Few values are kept as they are and answer exactly; beyond RAW_MAX they become bins of 1 %, and once all
 * panes of these have passed the group begins anew with values. Histograms that were counted by the sender
 * stay apart: bins of theirs and ours cannot be added. The forms are told apart by a word in the block, and
 * each stands in a file of its own. Dropped: t-digests, whose answer depends on the order in which windows
 * are merged. */
#include "window/quantile.h"
#include "window/windows.h"

static bool is_mode(const struct slot *s, enum dist_mode mode)
{
    const struct dist *d = dist_of(s);

    return d && d->mode == mode;
}

static bool quantile_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                         uint32_t row)
{
    if (row != ROW_NONE)
        return is_mode(s, DIST_BUCKETS) && buckets_add(l, s, x, row);
    if (!(x->flags & STEP_VALUE) || is_mode(s, DIST_BUCKETS))
        return false;
    if (is_mode(s, DIST_SKETCH)) {
        if (!sketch_is_over(l, s, x->second))
            return sketch_add(w, l, s, x);
        dist_drop(w, s);
    }
    switch (raw_add(w, l, s, x)) {
    case RAW_ADDED:
        return true;
    case RAW_FULL:
        return sketch_from_raw(w, l, s) == 0 && sketch_add(w, l, s, x);
    case RAW_REFUSED:
        break;
    }
    return false;
}

static bool quantile_value(const struct leaf *l, const struct slot *s, const struct span *p,
                           double *v)
{
    static bool (*const values[2][3])(const struct leaf *, const struct slot *, const struct span *,
                                      double *) = {
        {raw_quantile, sketch_quantile, buckets_quantile},
        {raw_fraction, sketch_fraction, buckets_fraction},
    };
    const struct dist *d = dist_of(s);

    *v = 0;
    return d && values[l->spec->fn == LEAF_FRACTION_BELOW][d->mode](l, s, p, v);
}

static int quantile_merge(struct windows *w, const struct leaf *l, struct slot *into,
                          const struct leaf *from_leaf, const struct slot *from);

struct merging {
    struct windows *w;
    struct leaf *l;
    struct slot *s;
};

static void merge_value(int64_t t_ms, double v, double weight, void *arg)
{
    struct merging *m = arg;
    struct step x = {
        .t_ms = t_ms, .second = second_of(t_ms), .v = v, .weight = weight, .flags = STEP_VALUE};

    (void)quantile_add(m->w, m->l, m->s, &x, ROW_NONE);
}

static int quantile_merge(struct windows *w, const struct leaf *l, struct slot *into,
                          const struct leaf *from_leaf, const struct slot *from)
{
    struct merging m = {w, (struct leaf *)(uintptr_t)l, into};

    if (!dist_of(from))
        return 0;
    if (is_mode(from, DIST_BUCKETS))
        return buckets_merge(w, l, into, from_leaf, from);
    if (is_mode(into, DIST_BUCKETS))
        return 0;
    if (is_mode(from, DIST_RAW)) {
        raw_each(from_leaf, from, merge_value, &m);
        return 0;
    }
    if (!is_mode(into, DIST_SKETCH) && sketch_from_raw(w, l, into) != 0)
        return -1;
    return sketch_merge(w, l, into, from_leaf, from);
}

/* 0: nothing; else 1 + mode, and the block */
static void quantile_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    const struct dist *d = dist_of(s);

    buf_add_u8(out, d ? (uint8_t)(d->mode + 1) : 0);
    if (!d)
        return;
    if (d->mode == DIST_RAW)
        raw_encode(l, s, out);
    else if (d->mode == DIST_SKETCH)
        sketch_encode(l, s, out);
    else
        buckets_encode(l, s, out);
}

static int quantile_decode(struct windows *w, const struct leaf *l, struct slot *s,
                           struct cursor *c)
{
    uint8_t mode = cursor_u8(c);

    if (c->failed || mode > DIST_BUCKETS + 1)
        return -1;
    if (mode == 0)
        return 0;
    if (mode == DIST_BUCKETS + 1)
        return buckets_decode(w, l, s, c);
    if (is_mode(s, DIST_BUCKETS)) /* has become a histogram since */
        return 0;
    return mode == DIST_RAW + 1 ? raw_decode(w, l, s, c) : sketch_decode(w, l, s, c);
}

/* Plans name the rows of a histogram: its block stays for as long as they do. */
static void quantile_clear(struct windows *w, const struct leaf *l, struct slot *s, bool keep_rows)
{
    (void)l;
    if (!keep_rows || !is_mode(s, DIST_BUCKETS))
        dist_drop(w, s);
}

static void quantile_prefetch(const struct leaf *l, const struct slot *s, const struct span *p,
                              int stage)
{
    const struct dist *d = dist_of(s);

    (void)p;
    if (!d)
        return;
    if (stage == 0)
        __builtin_prefetch(d);
    else if (d->mode == DIST_RAW)
        raw_prefetch(l, s, stage);
}

const struct leaf_kind kind_quantile = {
    .name = "quantile",
    .extra = sizeof(struct dist *),
    .add = quantile_add,
    .value = quantile_value,
    .merge = quantile_merge,
    .encode = quantile_encode,
    .decode = quantile_decode,
    .clear = quantile_clear,
    .prefetch = quantile_prefetch,
};
