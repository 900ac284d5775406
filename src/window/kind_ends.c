/* The first and the last entry of each pane, by their own times: first, delta, and, where an
 * offset asks for what was the newest some time ago, last and irate.
 *
 * Times are milliseconds into the pane, counted from 1; 0 is a pane without samples. The highest
 * bit of last_at marks an entry without a value (a staleness marker; an irate over a gap). */
#include <math.h>
#include <string.h>

#include "window/ring.h"

#define NO_VALUE UINT32_C(0x80000000)

struct ends {
    double first, last;
    uint32_t first_at, last_at;
};

static const struct ends no_ends;

/* Per second, where the time is known and a double can hold it. */
static void speed(double inc, int64_t dt_ms, double *v, bool *known)
{
    *v = dt_ms > 0 ? inc / ((double)dt_ms / 1000) : 0;
    *known = dt_ms > 0 && isfinite(*v);
    if (!*known)
        *v = 0;
}

static bool entry_of(const struct leaf *l, const struct slot *s, const struct step *x, double *v,
                     bool *has_value)
{
    bool to_last = l->spec->fn == LEAF_LAST;

    *has_value = !(x->flags & STEP_STALE);
    *v = x->v;
    if (x->flags & STEP_STALE)
        return to_last;
    if (l->spec->fn != LEAF_IRATE)
        return (x->flags & STEP_VALUE) != 0;
    if (x->flags & STEP_DELTA) {
        int64_t dt_ms = s->newest_ms ? x->t_ms - s->newest_ms : 0;

        speed(x->inc, dt_ms, v, has_value);
        return dt_ms >= 0;
    }
    speed(x->inc, x->flags & STEP_PREV ? x->dt_ms : 0, v, has_value);
    return (x->flags & STEP_ORDERED) != 0;
}

static bool ends_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                     uint32_t row)
{
    struct ends *cell;
    bool has_value;
    uint32_t at;
    double v;

    (void)w;
    (void)row;
    if (!entry_of(l, s, x, &v, &has_value) || !(cell = ring_at(l, s, x->second)))
        return false;
    at = (uint32_t)(x->t_ms - ((int64_t)pane_of(l->pane, x->second) - 1) * l->pane.d * 1000);
    if (at >= (cell->last_at & ~NO_VALUE)) {
        cell->last = v;
        cell->last_at = has_value ? at : at | NO_VALUE;
    }
    if (cell->first_at == 0 || at <= cell->first_at) {
        cell->first = v;
        cell->first_at = at;
    }
    if (!(x->flags & STEP_STALE))
        slot_note(s, x->t_ms);
    return true;
}

static const struct ends *cell_at(const struct leaf *l, const struct slot *s, const struct clip *c,
                                  uint32_t i)
{
    uint32_t at = c->at + i;

    return (const struct ends *)ring_cells(s) + (at >= l->ring.d ? at - l->ring.d : at);
}

static bool newest_entry(const struct ends *cell, int64_t pane_start_ms, int64_t from_ms, double *v)
{
    *v = cell->last;
    return !(cell->last_at & NO_VALUE) && pane_start_ms + cell->last_at > from_ms;
}

static bool ends_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    uint32_t low, high;
    const struct ends *first, *last;
    struct clip c;

    if (!ring_clip(l, s, p, &c))
        return false;
    for (high = c.n; high > 0 && cell_at(l, s, &c, high - 1)->last_at == 0;)
        high--;
    if (high == 0)
        return false;
    last = cell_at(l, s, &c, high - 1);
    if (l->spec->fn == LEAF_LAST || l->spec->fn == LEAF_IRATE) {
        uint32_t newest_pane = p->hi < s->head ? p->hi : s->head, back = c.n - high;

        return newest_entry(last, ((int64_t)newest_pane - back - 1) * l->pane.d * 1000, p->from_ms,
                            v);
    }
    for (low = 0; cell_at(l, s, &c, low)->last_at == 0;)
        low++;
    first = cell_at(l, s, &c, low);
    *v = l->spec->fn == LEAF_FIRST ? first->first : last->last - first->first;
    return l->spec->fn == LEAF_FIRST || first != last || first->first_at != first->last_at;
}

static void ends_merge(void *into, const void *from)
{
    struct ends *a = into;
    const struct ends *b = from;

    if (b->last_at == 0)
        return;
    if ((b->last_at & ~NO_VALUE) > (a->last_at & ~NO_VALUE)) {
        a->last = b->last;
        a->last_at = b->last_at;
    }
    if (a->first_at == 0 || b->first_at < a->first_at) {
        a->first = b->first;
        a->first_at = b->first_at;
    }
}

static bool ends_ok(const void *cell)
{
    struct ends a;

    memcpy(&a, cell, sizeof a);
    return isfinite(a.first) && isfinite(a.last) && a.first_at > 0 &&
           a.first_at <= (a.last_at & ~NO_VALUE) && (a.last_at & ~NO_VALUE) <= 21600000;
}

const struct leaf_kind kind_ends = {
    .name = "ends",
    .cell = sizeof(struct ends),
    .empty = &no_ends,
    .wants_stale = true,
    .add = ends_add,
    .value = ends_value,
    .merge_cell = ends_merge,
    .cell_ok = ends_ok,
};
