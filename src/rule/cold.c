/* Why cold windows are not simply missing: "no data" is something that rules decide on (`missing`,
 * `expect`, :missing()), and a window that began a second ago says nothing of the kind. And why they
 * are not simply waited for: ten thousand errors in the first second of a window are ten thousand
 * errors. So each number carries what it is worth, and each comparison decides what is certain. A
 * mark per rule ("warming") was tried on paper and dropped: it would hold certain pages back. */
#include "rule/cold.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "rule/derived.h"

/* What one leaf's number can only do when more of its window is seen. */
static enum cold bound_of(enum leaf_fn fn)
{
    switch (fn) {
    case LEAF_RATE:
    case LEAF_INCREASE:
    case LEAF_COUNT:
    case LEAF_SUM:
    case LEAF_MAX:
    case LEAF_CHANGES:
    case LEAF_RESETS:
        return COLD_LEAST;
    case LEAF_MIN:
        return COLD_MOST;
    default:
        return COLD_ANY;
    }
}

/* Where the leaf has heard all and only the group is young, nothing can be added any more. */
static enum cold worth(enum leaf_fn fn, bool all_heard)
{
    enum cold bound = bound_of(fn);

    return all_heard && bound == COLD_LEAST ? COLD_SHARE : bound;
}

static bool is_of_newest(const struct leaf_spec *spec)
{
    return spec->fn == LEAF_LAST || spec->fn == LEAF_IRATE;
}

/* How long a leaf must have listened before its window may be judged. */
static int64_t reach_ms(const struct rowset *rs, const struct leaf_spec *spec)
{
    return spec->offset_ms + (spec->window_ms < rs->enough_ms ? spec->window_ms : rs->enough_ms);
}

static void since_listening(const struct batch *b, int64_t since_ms, struct column *out)
{
    double most = since_ms == INT64_MIN ? INFINITY : (double)(b->at_ms - since_ms) / 1000;

    for (size_t i = 0; i < b->n; i++)
        if (out->ok[i] && out->v[i] > most && most >= 0)
            out->v[i] = most;
}

void cold_of_leaf(const struct batch *b, const struct source *s, const uint32_t *slots,
                  struct column *out)
{
    const struct leaf_spec *spec = s->x->leaf;
    const struct windows *w = b->rs->windows;
    int64_t from_ms = b->at_ms - reach_ms(b->rs, spec);
    bool all_heard;

    memset(out->cold, WARM, b->n);
    if (spec->fn == LEAF_SINCE_LAST) {
        since_listening(b, windows_covered_from_ms(w, s->leaf, SLOT_NONE), out);
        return;
    }
    if (windows_covered(w, s->leaf, from_ms))
        return;
    all_heard = windows_covered_from_ms(w, s->leaf, SLOT_NONE) <= from_ms;
    for (size_t i = 0; i < b->n; i++) {
        if (windows_covered_from_ms(w, s->leaf, slots[i]) <= from_ms)
            continue;
        if (!out->ok[i])
            out->cold[i] = COLD_ANY;
        else if (!is_of_newest(spec))
            out->cold[i] = (uint8_t)worth(spec->fn, all_heard);
    }
}

bool cold_is_share(const struct batch *b, const struct expr *x)
{
    const struct source *p, *q;

    if (x->num <= 0 || x->a->kind != EXPR_LEAF || x->b->kind != EXPR_LEAF)
        return false;
    p = rowset_source(b->rs, x->a);
    q = rowset_source(b->rs, x->b);
    assert(p && q);
    return x->a->leaf->fn == x->b->leaf->fn && x->a->leaf->window_ms == x->b->leaf->window_ms &&
           x->a->leaf->offset_ms == x->b->leaf->offset_ms &&
           bound_of(x->a->leaf->fn) == COLD_LEAST && x->a->leaf->fn != LEAF_MAX &&
           windows_leaf_since_ms(b->rs->windows, p->leaf) ==
               windows_leaf_since_ms(b->rs->windows, q->leaf);
}

static enum cold opposite(enum cold c)
{
    return c == COLD_LEAST ? COLD_MOST : c == COLD_MOST ? COLD_LEAST : c == WARM ? WARM : COLD_ANY;
}

static enum cold added(enum cold p, enum cold q)
{
    if ((p == COLD_SHARE && q == COLD_LEAST) || (p == COLD_LEAST && q == COLD_SHARE))
        return COLD_LEAST;
    return q == WARM || p == q ? p : p == WARM ? q : COLD_ANY;
}

enum cold cold_of_arithmetic(enum expr_arith op, enum cold p, enum cold q, double pv, double qv)
{
    if (p == WARM && q == WARM)
        return WARM;
    switch (op) {
    case ARITH_ADD:
        return added(p, q);
    case ARITH_SUB:
        return q == WARM ? p : added(p, opposite(q));
    case ARITH_MUL:
        return q == WARM && qv >= 0 ? p : p == WARM && pv >= 0 ? q : COLD_ANY;
    case ARITH_DIV:
        return q == WARM && qv > 0 ? p : COLD_ANY;
    default:
        return COLD_ANY;
    }
}

enum cold cold_join(enum cold p, enum cold q)
{
    return added(p, q);
}

enum cold cold_of_aggregate(enum expr_agg agg, enum cold members, bool partial)
{
    if (members == WARM && !partial)
        return WARM;
    switch (agg) {
    case AGG_SUM:
    case AGG_MAX:
        if (members == COLD_SHARE && !partial)
            return COLD_SHARE;
        return members == COLD_ANY || members == COLD_MOST ? COLD_ANY : COLD_LEAST;
    case AGG_COUNT:
        return COLD_LEAST;
    case AGG_MIN:
        return members == WARM || members == COLD_MOST ? COLD_MOST : partial ? COLD_ANY : members;
    default:
        return COLD_ANY;
    }
}

uint8_t cold_truth(enum expr_cmp cmp, enum cold v, uint8_t truth, bool negated)
{
    bool more = cmp == CMP_ABOVE || cmp == CMP_AT_LEAST;
    bool less = cmp == CMP_BELOW || cmp == CMP_AT_MOST;
    bool certain = v == WARM || (v == COLD_SHARE && more && (truth == TRUE_ || !negated)) ||
                   (v == COLD_LEAST && ((more && truth == TRUE_) || (less && truth == FALSE_))) ||
                   (v == COLD_MOST && ((less && truth == TRUE_) || (more && truth == FALSE_)));

    return certain ? truth : COLD_;
}

/* --- until when --- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t leaf_until_ms(const struct rowset *rs, const struct source *s, uint32_t slot,
                             bool whole, int64_t at_ms)
{
    const struct leaf_spec *spec = s->x->leaf;
    int64_t from_ms = windows_covered_from_ms(rs->windows, s->leaf, slot), until_ms;

    if (spec->window_ms == 0 || spec->fn == LEAF_SINCE_LAST || from_ms == INT64_MIN)
        return 0;
    until_ms = from_ms + (whole ? spec->offset_ms + spec->window_ms : reach_ms(rs, spec));
    if (is_of_newest(spec) && slot != SLOT_NONE) {
        double v;
        uint8_t ok;

        windows_eval(rs->windows, s->leaf, at_ms, &slot, 1, &v, &ok);
        return ok ? 0 : until_ms;
    }
    return until_ms;
}

/* Until when some leaf below is younger than `within_ms` or than its window; 0: none is. Without
 * `newest_too` only those that judge more than the newest value. */
static int64_t sources_until_ms(const struct rowset *rs, int64_t within_ms, bool newest_too)
{
    int64_t until_ms = 0;

    for (size_t i = 0; i < rs->n_sources; i++) {
        const struct source *s = &rs->sources[i];
        const struct leaf_spec *spec;
        int64_t from_ms, reach;

        if (s->derived) {
            until_ms = later(until_ms, sources_until_ms(&s->derived->in, within_ms, newest_too));
            continue;
        }
        spec = s->x->leaf;
        from_ms = windows_covered_from_ms(rs->windows, s->leaf, SLOT_NONE);
        if (from_ms == INT64_MIN || spec->fn == LEAF_SINCE_LAST ||
            (!newest_too && (spec->window_ms == 0 || is_of_newest(spec))))
            continue;
        reach = reach_ms(rs, spec);
        if (reach - spec->offset_ms > within_ms)
            reach = spec->offset_ms + within_ms;
        until_ms = later(until_ms, from_ms + reach);
    }
    return until_ms;
}

int64_t cold_until_ms(const struct rowset *rs, uint32_t row, bool whole, int64_t at_ms)
{
    int64_t until_ms = 0;

    for (size_t i = 0; i < rs->n_sources; i++) {
        const struct source *s = &rs->sources[i];
        uint32_t slot = row < rs->n_rows ? s->slot[row] : SLOT_NONE;
        const struct derived *d = s->derived;

        if (!d) {
            until_ms = later(until_ms, leaf_until_ms(rs, s, slot, whole, at_ms));
            continue;
        }
        if (derived_is_partial(d, slot))
            until_ms = later(until_ms, sources_until_ms(&d->in, COLD_SETTLE_MS, true));
        /* one walk over the rows below, for one group that a person asks about */
        for (uint32_t in = 0; slot != SLOT_NONE && in < d->in.n_rows; in++)
            if (in < d->out_of_cap && d->out_of[in] == slot)
                until_ms = later(until_ms, cold_until_ms(&d->in, in, whole, at_ms));
        if (slot == SLOT_NONE)
            until_ms = later(until_ms, cold_until_ms(&d->in, ROW_NONE, whole, at_ms));
    }
    return until_ms;
}

int64_t cold_leaves_until_ms(const struct rowset *rs)
{
    return sources_until_ms(rs, INT64_MAX, false);
}

int64_t cold_listening_ms(const struct rowset *rs)
{
    int64_t since_ms = INT64_MIN;

    for (size_t i = 0; i < rs->n_sources; i++) {
        const struct source *s = &rs->sources[i];

        since_ms =
            later(since_ms, s->derived ? cold_listening_ms(&s->derived->in)
                                       : windows_covered_from_ms(rs->windows, s->leaf, SLOT_NONE));
    }
    return since_ms;
}

bool cold_sources(const struct rowset *rs, int64_t at_ms, int64_t within_ms)
{
    return sources_until_ms(rs, within_ms, true) > at_ms;
}
