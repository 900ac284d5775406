/* Sums per pane of what cannot cancel: increase, count, changes, resets; and members of sets.
 *
 * A pane without samples holds -0.0, one with samples a sum that is never -0.0: IEEE 754 adds
 * -0.0 and -0.0 to -0.0, and anything else to something else. So one plain addition of all panes
 * tells both the sum and whether there was any sample, without a branch, and whole numbers stay
 * exact. No running total is kept: it would drift, and sixty additions cost less than the cache
 * misses before them. */
#include <math.h>
#include <string.h>

#include "window/members.h"
#include "window/ring.h"

static const double no_samples = -0.0;

/* What the sample adds to its pane. False: this function does not look at it. */
static bool contribution(enum leaf_fn fn, const struct step *x, double *c)
{
    switch (fn) {
    case LEAF_COUNT:
        *c = x->weight;
        return (x->flags & STEP_VALUE) != 0;
    case LEAF_CHANGES:
        *c = (x->flags & STEP_CHANGED) != 0;
        return (x->flags & STEP_ORDERED) != 0;
    case LEAF_RESETS:
        *c = (x->flags & STEP_DROPPED) != 0;
        return (x->flags & STEP_ORDERED) != 0;
    default: /* increase */
        *c = x->flags & STEP_INC ? x->inc : 0;
        return (x->flags & (STEP_ORDERED | STEP_DELTA)) != 0;
    }
}

static bool is_empty(double sum)
{
    return sum == 0 && signbit(sum);
}

static bool sum_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                    uint32_t row)
{
    double c, *cell;

    (void)row;
    if (x->flags & STEP_SET || s->flags & SLOT_SET)
        return members_wanted(l) && members_add(w, l, s, x);
    if (!contribution(l->spec->fn, x, &c))
        return false;
    cell = ring_at(l, s, x->second);
    if (!cell)
        return false;
    if (x->flags & STEP_REWRITE && !is_empty(*cell))
        c = 0;             /* it is counted already */
    c = *cell + (c + 0.0); /* + 0.0: a contribution of -0.0 is a sample as well */
    if (!isfinite(c))
        return false;
    *cell = c;
    if (x->flags & STEP_DELTA)
        slot_flag(s, SLOT_ZERO);
    slot_note(s, x->t_ms);
    return true;
}

typedef double pair __attribute__((vector_size(16)));

/* Eight sums side by side: the latency of one addition is not paid sixty times. */
static double add_cells(const double *p, uint32_t n, double start)
{
    pair sum[4] = {{start, -0.0}, {-0.0, -0.0}, {-0.0, -0.0}, {-0.0, -0.0}}, next[4];

    for (; n >= 8; n -= 8, p += 8) {
        memcpy(next, p, sizeof next);
        for (int i = 0; i < 4; i++)
            sum[i] += next[i];
    }
    sum[0] += sum[1];
    sum[2] += sum[3];
    sum[0] += sum[2];
    start = sum[0][0] + sum[0][1];
    while (n > 0)
        start += p[--n];
    return start;
}

static double add_clip(const struct leaf *l, const double *cells, const struct clip *c)
{
    uint32_t to_end = l->ring.d - c->at, n = c->n, at = c->at;
    double sum = -0.0;

    if (c->weight < 1) {
        sum = cells[at] * c->weight;
        if (--n == 0)
            return sum;
        at = at + 1 == l->ring.d ? 0 : at + 1;
        to_end = l->ring.d - at;
    }
    if (n <= to_end)
        return add_cells(cells + at, n, sum);
    return add_cells(cells, n - to_end, add_cells(cells + at, to_end, sum));
}

static bool sum_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct clip c;

    if (s->flags & SLOT_SET)
        return members_value(l, s, p, v);
    *v = ring_clip(l, s, p, &c) ? add_clip(l, (const double *)ring_cells(s), &c) : -0.0;
    if (is_empty(*v)) {
        *v = 0;
        if (l->spec->fn != LEAF_COUNT && !(s->flags & SLOT_ZERO))
            return false;
    }
    return true;
}

static void sum_merge(void *into, const void *from)
{
    *(double *)into += *(const double *)from;
}

static bool sum_ok(const void *cell)
{
    return isfinite(*(const double *)cell);
}

const struct leaf_kind kind_sum = {
    .name = "sum",
    .cell = sizeof(double),
    .empty = &no_samples,
    .add = sum_add,
    .value = sum_value,
    .merge_cell = sum_merge,
    .cell_ok = sum_ok,
};
