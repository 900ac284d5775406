/* The extremum of each pane: min and max. A pane without samples holds the infinity that loses
 * every comparison; infinite samples are refused before they get here. */
#include <math.h>

#include "window/ring.h"

static const double above_all = (double)INFINITY, below_all = (double)-INFINITY;

static inline double less(double a, double b)
{
    return a < b ? a : b;
}

static inline double more(double a, double b)
{
    return a > b ? a : b;
}

static bool extreme_add(struct leaf *l, struct slot *s, const struct step *x,
                        double (*best)(double, double))
{
    double *cell;

    if (!(x->flags & STEP_VALUE) || !(cell = ring_at(l, s, x->second)))
        return false;
    *cell = best(*cell, x->v);
    slot_note(s, x->t_ms);
    return true;
}

/* Four candidates side by side, for the same reason as in kind_sum.c. */
#define SCAN(name, best)                                      \
    static double name(const double *p, uint32_t n, double v) \
    {                                                         \
        double a = v, b = v, c = v;                           \
        for (; n >= 4; n -= 4, p += 4) {                      \
            v = best(v, p[0]);                                \
            a = best(a, p[1]);                                \
            b = best(b, p[2]);                                \
            c = best(c, p[3]);                                \
        }                                                     \
        while (n > 0)                                         \
            v = best(v, p[--n]);                              \
        return best(best(v, a), best(b, c));                  \
    }
SCAN(scan_min, less)
SCAN(scan_max, more)

static bool extreme_value(const struct leaf *l, const struct slot *s, const struct span *p,
                          double none, double (*scan)(const double *, uint32_t, double), double *v)
{
    const double *cells = (const double *)ring_cells(s);
    struct clip c;
    uint32_t to_end;

    if (!ring_clip(l, s, p, &c))
        return false;
    to_end = l->ring.d - c.at;
    *v = scan(cells + c.at, c.n < to_end ? c.n : to_end, none);
    if (c.n > to_end)
        *v = scan(cells, c.n - to_end, *v);
    return *v != none;
}

static bool extreme_ok(double v, double none)
{
    return isfinite(v) || v == none;
}

#define KIND(which, none_, scan_, best_)                                                        \
    static bool which##_add(struct windows *w, struct leaf *l, struct slot *s,                  \
                            const struct step *x, uint32_t row)                                 \
    {                                                                                           \
        (void)w;                                                                                \
        (void)row;                                                                              \
        return extreme_add(l, s, x, best_);                                                     \
    }                                                                                           \
    static bool which##_value(const struct leaf *l, const struct slot *s, const struct span *p, \
                              double *v)                                                        \
    {                                                                                           \
        return extreme_value(l, s, p, none_, scan_, v);                                         \
    }                                                                                           \
    static void which##_merge(void *into, const void *from)                                     \
    {                                                                                           \
        *(double *)into = best_(*(double *)into, *(const double *)from);                        \
    }                                                                                           \
    static bool which##_ok(const void *cell)                                                    \
    {                                                                                           \
        return extreme_ok(*(const double *)cell, none_);                                        \
    }                                                                                           \
    const struct leaf_kind kind_##which = {                                                     \
        .name = #which,                                                                         \
        .cell = sizeof(double),                                                                 \
        .empty = &none_,                                                                        \
        .add = which##_add,                                                                     \
        .value = which##_value,                                                                 \
        .merge_cell = which##_merge,                                                            \
        .cell_ok = which##_ok,                                                                  \
    };

KIND(min, above_all, scan_min, less)
KIND(max, below_all, scan_max, more)
