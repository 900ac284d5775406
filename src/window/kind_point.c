/* Functions of the newest sample alone: last, irate, since_last. One number, no panes.
 *
 * The newest one counts even when it is ahead of the look (by a minute at most): it is what is
 * known. A staleness marker sets a flag that the next value clears. */
#include <math.h>
#include <string.h>

#include "window/kind.h"

static double *number_of(const struct slot *s)
{
    return (double *)(uintptr_t)(s + 1);
}

static bool last_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                     uint32_t row)
{
    (void)w;
    (void)l;
    (void)row;
    if (x->t_ms < s->newest_ms)
        return false;
    if (x->flags & STEP_STALE) {
        slot_flag(s, SLOT_STALE);
        slot_note(s, x->t_ms); /* what is older and comes late ends nothing of it */
        return true;
    }
    if (!(x->flags & STEP_VALUE))
        return false;
    *number_of(s) = x->v;
    slot_unflag(s, SLOT_STALE);
    slot_note(s, x->t_ms);
    return true;
}

static bool last_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    (void)l;
    *v = *number_of(s);
    return !(s->flags & SLOT_STALE) && s->newest_ms > p->from_ms;
}

/* The number of an irate without one (the first sample, a gap before it) is NaN. */
static bool irate_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                      uint32_t row)
{
    int64_t dt_ms = x->dt_ms;
    bool known = (x->flags & STEP_PREV) != 0;

    (void)w;
    (void)l;
    (void)row;
    if (!(x->flags & (STEP_ORDERED | STEP_DELTA)) || x->t_ms < s->newest_ms)
        return false;
    if (x->flags & STEP_DELTA) {
        dt_ms = x->t_ms - s->newest_ms;
        known = s->newest_ms > 0 && dt_ms > 0;
    }
    *number_of(s) = known ? x->inc / ((double)dt_ms / 1000) : (double)NAN;
    if (isinf(*number_of(s)))
        *number_of(s) = (double)NAN;
    slot_note(s, x->t_ms);
    return true;
}

static bool irate_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    (void)l;
    *v = *number_of(s);
    return !isnan(*v) && s->newest_ms > p->from_ms;
}

static int point_merge(struct windows *w, const struct leaf *l, struct slot *into,
                       const struct leaf *from_leaf, const struct slot *from)
{
    (void)w;
    (void)l;
    (void)from_leaf;
    if (from->newest_ms > into->newest_ms)
        *number_of(into) = *number_of(from);
    return 0;
}

static void point_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    double v = *number_of(s);
    bool unknown = isnan(v);

    (void)l;
    buf_add_u8(out, unknown);
    number_encode(out, unknown ? 0 : v);
}

static int point_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    bool unknown = cursor_u8(c) != 0;
    double v = number_decode(c);

    (void)w;
    (void)l;
    if (c->failed || !isfinite(v))
        return -1;
    *number_of(s) = unknown ? (double)NAN : v;
    return 0;
}

const struct leaf_kind kind_last = {
    .name = "last",
    .extra = sizeof(double),
    .wants_stale = true,
    .add = last_add,
    .value = last_value,
    .merge = point_merge,
    .encode = point_encode,
    .decode = point_decode,
};

const struct leaf_kind kind_irate = {
    .name = "irate",
    .extra = sizeof(double),
    .add = irate_add,
    .value = irate_value,
    .merge = point_merge,
    .encode = point_encode,
    .decode = point_decode,
};

static bool since_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                      uint32_t row)
{
    (void)w;
    (void)l;
    (void)row;
    slot_note(s, x->t_ms);
    return true;
}

static bool since_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    (void)l;
    *v = s->newest_ms < p->to_ms ? (double)(p->to_ms - s->newest_ms) / 1000 : 0;
    return s->newest_ms > 0;
}

static int since_merge(struct windows *w, const struct leaf *l, struct slot *into,
                       const struct leaf *from_leaf, const struct slot *from)
{
    (void)w;
    (void)l;
    (void)into;
    (void)from_leaf;
    (void)from;
    return 0; /* the head of the slot is all there is */
}

static void since_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    (void)l;
    (void)s;
    (void)out;
}

static int since_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    (void)w;
    (void)l;
    (void)s;
    return c->failed ? -1 : 0;
}

const struct leaf_kind kind_since_last = {
    .name = "since_last",
    .add = since_add,
    .value = since_value,
    .merge = since_merge,
    .encode = since_encode,
    .decode = since_decode,
};
