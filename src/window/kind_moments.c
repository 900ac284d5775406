/* Deviations: number, mean and squares of each pane.
 *
 * A pane keeps (n, mean, M2) and joins panes by Chan's rule: no difference of large squares, so
 * nothing cancels. Replacing a sample of the same time takes the old one out by the same rule. */
#include <math.h>

#include "window/ring.h"

struct moments {
    double n, mean, m2;
};

static const struct moments no_moments;

static void join(struct moments *a, double n, double mean, double m2)
{
    double all = a->n + n, apart = mean - a->mean;

    if (n <= 0)
        return;
    a->mean += apart * (n / all);
    a->m2 += m2 + apart * apart * (a->n * n / all);
    a->n = all;
}

static void take_out(struct moments *a, double v)
{
    double rest = a->n - 1, mean;

    if (rest <= 0) {
        *a = no_moments;
        return;
    }
    mean = a->mean + (a->mean - v) / rest;
    a->m2 -= (v - a->mean) * (v - mean);
    a->mean = mean;
    a->n = rest;
    if (a->m2 < 0)
        a->m2 = 0;
}

static bool stddev_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                       uint32_t row)
{
    struct moments *cell;

    (void)w;
    (void)row;
    if (!(x->flags & STEP_VALUE) || !(cell = ring_at(l, s, x->second)))
        return false;
    if (x->flags & STEP_REWRITE && cell->n > 0)
        take_out(cell, x->old);
    join(cell, x->weight, x->v, 0);
    slot_note(s, x->t_ms);
    return true;
}

static bool stddev_value(const struct leaf *l, const struct slot *s, const struct span *p,
                         double *v)
{
    const struct moments *cells = (const struct moments *)ring_cells(s);
    struct moments all = no_moments;
    struct clip c;

    if (!ring_clip(l, s, p, &c))
        return false;
    for (uint32_t i = 0, at = c.at; i < c.n; i++) {
        double weight = i == 0 ? c.weight : 1;

        join(&all, cells[at].n * weight, cells[at].mean, cells[at].m2 * weight);
        at = at + 1 == l->ring.d ? 0 : at + 1;
    }
    *v = all.n > 0 ? sqrt(all.m2 / all.n) : 0;
    return all.n > 0;
}

static void stddev_merge(void *into, const void *from)
{
    const struct moments *b = from;

    join(into, b->n, b->mean, b->m2);
}

static bool stddev_ok(const void *cell)
{
    const struct moments *a = cell;

    return isfinite(a->n) && a->n > 0 && !(a->m2 < 0); /* too large: its window is missing */
}

const struct leaf_kind kind_stddev = {
    .name = "stddev",
    .cell = sizeof(struct moments),
    .empty = &no_moments,
    .add = stddev_add,
    .value = stddev_value,
    .merge_cell = stddev_merge,
    .cell_ok = stddev_ok,
};
