/* Sums and averages of values, which may cancel: compensated in each pane and over the panes, so
 * that 1e16, 1 and -1e16 are 1. No running total is kept: each look adds up the panes of its window,
 * so nothing is left of what has gone out of it. A pane of a sum without samples holds -0.0, as in
 * kind_sum.c. */
#include <math.h>

#include "base/total.h"
#include "window/members.h"
#include "window/ring.h"

struct mean {
    double n;
    struct total v;
};

static const struct total no_total = {-0.0, 0};
static const struct mean no_mean;

static void take(struct total *t, const struct step *x, bool replaces)
{
    if (replaces)
        total_add(t, -x->old * x->weight);
    total_add(t, x->v * x->weight + 0.0);
}

static bool sum_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                    uint32_t row)
{
    struct total *cell;

    (void)row;
    if (x->flags & STEP_SET || s->flags & SLOT_SET)
        return members_add(w, l, s, x);
    if (!(x->flags & STEP_VALUE) || !(cell = ring_at(l, s, x->second)))
        return false;
    take(cell, x, x->flags & STEP_REWRITE && !(cell->sum == 0 && signbit(cell->sum)));
    if (x->flags & STEP_DELTA)
        slot_flag(s, SLOT_ZERO);
    slot_note(s, x->t_ms);
    return true;
}

static bool avg_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                    uint32_t row)
{
    struct mean *cell;
    bool replaces;

    (void)w;
    (void)row;
    if (!(x->flags & STEP_VALUE) || !(cell = ring_at(l, s, x->second)))
        return false;
    replaces = x->flags & STEP_REWRITE && cell->n > 0;
    take(&cell->v, x, replaces);
    cell->n += replaces ? 0 : x->weight;
    slot_note(s, x->t_ms);
    return true;
}

static struct mean weighed(struct mean m, double weight)
{
    return (struct mean){m.n * weight, {m.v.sum * weight, m.v.lost * weight}};
}

static void join(struct mean *a, struct mean b)
{
    a->n += b.n;
    total_join(&a->v, b.v);
}

static struct mean mean_at(const struct leaf *l, const struct slot *s, uint32_t at)
{
    const void *cells = ring_cells(s);

    if (l->kind == &kind_avg)
        return ((const struct mean *)cells)[at];
    return (struct mean){0, ((const struct total *)cells)[at]};
}

/* Four sums side by side: the latency of one addition is not paid sixty times. */
static struct mean add_clip(const struct leaf *l, const struct slot *s, const struct clip *c)
{
    struct mean part[4] = {{0, {0, 0}}};
    uint32_t at = c->at;

    part[0] = weighed(mean_at(l, s, at), c->weight);
    for (uint32_t i = 1; i < c->n; i++) {
        at = at + 1 == l->ring.d ? 0 : at + 1;
        join(&part[i % 4], mean_at(l, s, at));
    }
    for (int i = 1; i < 4; i++)
        join(&part[0], part[i]);
    return part[0];
}

static bool sum_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct clip c;

    if (s->flags & SLOT_SET)
        return members_value(l, s, p, v);
    *v = ring_clip(l, s, p, &c) ? total_of(add_clip(l, s, &c).v) + 0.0 : 0;
    return isfinite(*v);
}

static bool avg_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct mean all;
    struct clip c;

    if (!ring_clip(l, s, p, &c))
        return false;
    all = add_clip(l, s, &c);
    *v = all.n > 0 ? total_of(all.v) / all.n : 0;
    return all.n > 0 && isfinite(*v);
}

static void sum_merge(void *into, const void *from)
{
    total_join(into, *(const struct total *)from);
}

static void avg_merge(void *into, const void *from)
{
    join(into, *(const struct mean *)from);
}

/* A sum that is too large for a double is one that add() could have made. */
static bool sum_ok(const void *cell)
{
    (void)cell;
    return true;
}

static bool avg_ok(const void *cell)
{
    const struct mean *m = cell;

    return isfinite(m->n) && m->n > 0;
}

const struct leaf_kind kind_total = {
    .name = "sum",
    .cell = sizeof(struct total),
    .empty = &no_total,
    .add = sum_add,
    .value = sum_value,
    .merge_cell = sum_merge,
    .cell_ok = sum_ok,
};

const struct leaf_kind kind_avg = {
    .name = "avg",
    .cell = sizeof(struct mean),
    .empty = &no_mean,
    .add = avg_add,
    .value = avg_value,
    .merge_cell = avg_merge,
    .cell_ok = avg_ok,
};
