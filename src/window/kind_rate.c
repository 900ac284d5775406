/* Rates: increments by the time that the samples cover.
 *
 *            T - w                                   T
 *   ---o-------|---o-------o-------o-------o-------o--|---      o: samples of one series
 *      <==========><======><======><======><======>             each increment, spread over its step
 *
 * A counter grows between its samples, so an increment lies evenly in the panes from the sample
 * before it to its own, and beside it the time that it covers. What is cut off at T - w is cut off
 * from both alike. At T the steps that have not come yet are missing. Where all series reported
 * together (one series, one scrape), the divisor is the window less that time. Else nobody knows how
 * much of which series is missing: what lies before the last 1.1 usual steps is complete, whatever the
 * speeds, steps and phases of the series, and the rest is taken to have gone on like it, unless it
 * shows more already. So a steady counter is steady, one that began or ended inside the window counts
 * for its part of it, and a silent one falls: after 1.1 usual steps without a sample nothing is missing
 * any more. A fall in a group of several sources is seen a step later than in one scrape.
 *
 * Dropped: the whole increments over the mean step (a series whose step lies across T - w is counted
 * by whole steps, up to a step too much), the mean time that is missing (series of unequal speeds are
 * off by up to a third of it), and a time and speed for each series and group (16 bytes a series).
 *
 * A cell is two floats, as large as that of a sum: a rate of ten thousand series is right to 1e-6.
 * Behind the ring stands the usual step of the group. Increments that are sent as such have no step:
 * they count at their time and are divided by w. */
#include <math.h>
#include <string.h>

#include "window/members.h"
#include "window/ring.h"

#define LATE_SHARE 1.1 /* of a usual step: a sample that is later than that is missing */
#define STEPS_KEPT 32
#define TOGETHER   1e-3 /* of a usual step: no more lies between the samples of the series */

struct covered {
    float inc;
    float s; /* seconds covered, of all series together */
};

static const struct covered nothing;

static double *usual_step_s(const struct leaf *l, const struct slot *s)
{
    return (double *)(void *)(ring_cells(s) + (size_t)l->ring.d * sizeof(struct covered));
}

/* The longest usual step of the series: follows longer ones by half of itself at most, so that one gap
 * is not usual, and falls to shorter ones over STEPS_KEPT of them; `on_s` is how far the group's time
 * moves on. */
static void note_step(double *usual_s, double step_s, double on_s)
{
    if (*usual_s == 0)
        *usual_s = step_s;
    else if (step_s > *usual_s)
        *usual_s = fmin(step_s, *usual_s * 1.5);
    else
        *usual_s -= (*usual_s - step_s) * fmin(1, on_s / (STEPS_KEPT * *usual_s));
}

/* From (t - dt, t] into the panes, newest first: the ring has moved on to that of t already. */
static void spread(const struct leaf *l, struct slot *s, const struct step *x)
{
    int64_t pane_ms = (int64_t)l->pane.d * 1000, from_ms = x->t_ms - x->dt_ms, to_ms = x->t_ms;
    double per_ms = x->inc / (double)x->dt_ms;
    uint32_t pane = pane_of(l->pane, x->second);

    for (; to_ms > from_ms && pane > 0; pane--) {
        int64_t begin_ms = ((int64_t)pane - 1) * pane_ms;
        struct covered *cell = ring_at(l, s, pane * l->pane.d);

        if (!cell)
            return; /* what is older is not kept either */
        if (begin_ms < from_ms)
            begin_ms = from_ms;
        cell->inc += (float)(per_ms * (double)(to_ms - begin_ms));
        cell->s += (float)((double)(to_ms - begin_ms) / 1000);
        to_ms = begin_ms;
    }
}

static bool rate_add(struct windows *w, struct leaf *l, struct slot *s, const struct step *x,
                     uint32_t row)
{
    struct covered *cell;
    bool fresh = s->head == 0;

    (void)w;
    (void)row;
    if (!(x->flags & (STEP_ORDERED | STEP_DELTA)) || !(cell = ring_at(l, s, x->second)))
        return false;
    if (fresh)
        *usual_step_s(l, s) = 0;
    if (x->flags & STEP_PREV) {
        note_step(usual_step_s(l, s), (double)x->dt_ms / 1000,
                  x->t_ms > s->newest_ms ? (double)(x->t_ms - s->newest_ms) / 1000 : 0);
        spread(l, s, x);
    } else if (x->flags & STEP_INC) {
        cell->inc += (float)x->inc;
    }
    if (x->flags & STEP_DELTA)
        slot_flag(s, SLOT_ZERO);
    slot_note(s, x->t_ms);
    return true;
}

typedef double pair __attribute__((vector_size(16)));
typedef float half_pair __attribute__((vector_size(8)));

static pair cell_pair(const struct covered *c)
{
    half_pair v;

    memcpy(&v, c, sizeof v);
    return __builtin_convertvector(v, pair);
}

static pair add_run(const struct covered *c, uint32_t n)
{
    pair sum[4] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};

    for (; n >= 4; n -= 4, c += 4)
        for (int i = 0; i < 4; i++)
            sum[i] += cell_pair(c + i);
    while (n > 0)
        sum[0] += cell_pair(c + --n);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* `n` cells from `at` on, cyclically: increments and seconds. */
static pair add_ring(const struct leaf *l, const struct slot *s, uint32_t at, uint32_t n)
{
    const struct covered *cells = (const struct covered *)(void *)ring_cells(s);
    uint32_t to_end;

    at = at >= l->ring.d ? at - l->ring.d : at;
    to_end = l->ring.d - at;
    if (n <= to_end)
        return add_run(cells + at, n);
    return add_run(cells + at, to_end) + add_run(cells, n - to_end);
}

/* The newest end of a window, where some series have not reported yet: its panes, and the part of it
 * that is past. Before it all steps are there. */
struct tail {
    uint32_t panes, held; /* held: of the clip, which ends with the newest sample */
    double s;
};

static bool tail_of(const struct leaf *l, const struct span *p, const struct clip *c,
                    double usual_s, struct tail *t)
{
    double pane_s = l->pane.d, ahead_s = (double)p->hi * pane_s - (double)p->to_ms / 1000;
    uint32_t after = p->hi - p->lo + 1 - c->n; /* panes without any sample */

    t->panes = (uint32_t)ceil((usual_s * LATE_SHARE + ahead_s) / pane_s);
    t->held = t->panes > after ? t->panes - after : 0;
    t->s = t->panes * pane_s - ahead_s;
    return t->panes >= after && t->held < c->n;
}

/* Have all series reported at the newest time, as in one scrape? Then so much is missing of each. */
static bool is_together(const struct leaf *l, const struct slot *s, const struct clip *c,
                        const struct tail *t, double silent_s, double usual_s)
{
    uint32_t n = c->n - t->held, before = n < t->panes ? n : t->panes;
    double whole = add_ring(l, s, c->at + n - before, before)[1] / (before * (double)l->pane.d);
    double known = add_ring(l, s, c->at + n, t->held)[1];

    return whole <= 0 || fabs(t->s - silent_s - known / whole) <= usual_s * TOGETHER;
}

/* Seconds at the oldest end before the first sample of all, when that is within a step of it. */
static double missing_begin(const struct leaf *l, const struct slot *s, const struct clip *c,
                            double usual_s)
{
    const struct covered *cells = (const struct covered *)(void *)ring_cells(s);
    uint32_t most = (uint32_t)ceil(usual_s * LATE_SHARE / l->pane.d), n = 0, at = c->at;
    double part;

    for (; n < c->n && n <= most; n++) {
        if (cells[at].inc != 0 || cells[at].s > 0)
            break;
        at = at + 1 == l->ring.d ? 0 : at + 1;
    }
    if (n == 0 || n >= c->n || n > most || cells[at].s <= 0)
        return 0;
    part = n + 1 < c->n ? cells[at + 1 == l->ring.d ? 0 : at + 1].s : 0;
    return (n - 1 + c->weight) * l->pane.d +
           (part > cells[at].s ? l->pane.d * (1 - cells[at].s / part) : 0);
}

static pair inside(const struct leaf *l, const struct slot *s, const struct clip *c, uint32_t n)
{
    const struct covered *cells = (const struct covered *)(void *)ring_cells(s);
    pair sum = add_ring(l, s, c->at, n), out = {1 - c->weight, 1 - c->weight};

    return c->weight < 1 ? sum - cell_pair(cells + c->at) * out : sum;
}

/* What a counter grew by, per second: what is missing at the newest end is filled up. */
static double growth(const struct leaf *l, const struct slot *s, const struct span *p,
                     const struct clip *c, double inc)
{
    double usual_s = *usual_step_s(l, s), silent_s = (double)(p->to_ms - s->newest_ms) / 1000;
    double begin_s = missing_begin(l, s, c, usual_s), over_s = l->window_s - begin_s;
    double whole_s, before;
    struct tail t;

    if (over_s <= 0)
        return inc / l->window_s;
    if (fabs(silent_s) > usual_s * LATE_SHARE) /* silent, or a look at what is complete */
        return inc / over_s;
    silent_s = fmax(silent_s, 0);
    if (!tail_of(l, p, c, usual_s, &t) || is_together(l, s, c, &t, silent_s, usual_s))
        return over_s > silent_s ? inc / (over_s - silent_s) : inc / over_s;
    whole_s = over_s - t.s;
    if (whole_s < over_s / 4)
        return inc / (over_s - silent_s);
    before = inside(l, s, c, c->n - t.held)[0];
    return (before + fmax(inc - before, before / whole_s * t.s)) / over_s;
}

static bool rate_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct clip c;
    pair sum;

    *v = 0;
    if (!ring_clip(l, s, p, &c))
        return (s->flags & SLOT_ZERO) != 0;
    sum = inside(l, s, &c, c.n);
    *v = sum[0] / l->window_s;
    if (s->flags & SLOT_ZERO)
        return true;
    if (sum[0] == 0 && sum[1] == 0 && (s->newest_ms <= p->from_ms || s->newest_ms > p->to_ms))
        return false;
    if (*usual_step_s(l, s) > 0)
        *v = growth(l, s, p, &c, sum[0]);
    return true;
}

static void rate_merge(void *into, const void *from)
{
    struct covered *a = into;
    const struct covered *b = from;

    a->inc += b->inc;
    a->s += b->s;
}

/* An increment that is too large for a float makes its window missing. */
static bool rate_ok(const void *cell)
{
    const struct covered *a = cell;

    return isfinite(a->s) && a->s >= 0;
}

const struct leaf_kind kind_rate = {
    .name = "rate",
    .cell = sizeof(struct covered),
    .extra = sizeof(double),
    .empty = &nothing,
    .add = rate_add,
    .value = rate_value,
    .merge_cell = rate_merge,
    .cell_ok = rate_ok,
};
