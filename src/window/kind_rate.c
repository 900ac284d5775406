/* Rates: increments by the time that the samples cover.
 *
 *            T - w                                   T
 *   ---o-------|---o-------o-------o-------o-------o--|---      o: samples of one series
 *      <==========><======><======><======><======>             each increment, spread over its step
 *
 * A counter grows between its samples, so an increment lies evenly in the panes from the sample
 * before it to its own, and beside it the time that it covers. What is cut off at T - w is cut off
 * from both alike. At T what is missing is the step that has not come yet: the newest panes are
 * covered in part, and the divisor is the window less that part. So a steady counter is steady
 * whatever the jitter and the phase of its samples, one that began or ended inside the window counts
 * for its part of it, and a silent one falls: after 1.1 usual steps without a sample nothing is
 * missing any more.
 *
 * How much is missing is known of the group and not of each series: the coverage of the newest panes
 * against that of those before them. It is exact where the series of a group are sampled together,
 * or grow alike; else a group is off by the difference of their phases, weighed by their speeds.
 * Dropped: the whole increments over the mean step (a series whose step lies across T - w is counted
 * by whole steps, up to a step too much), and a time for each series and group (8 bytes a series).
 *
 * A cell is two floats, as large as that of a sum: a rate of ten thousand series is right to 1e-6.
 * Behind the ring stands the usual step of the group. Increments that are sent as such have no step:
 * they count at their time and are divided by w. */
#include <math.h>
#include <string.h>

#include "window/members.h"
#include "window/ring.h"

#define LATE_SHARE 1.1 /* of a usual step: a sample that is later than that is missing */

struct covered {
    float inc;
    float s; /* seconds covered, of all series together */
};

static const struct covered nothing;

static double *usual_step_s(const struct leaf *l, const struct slot *s)
{
    return (double *)(void *)(ring_cells(s) + (size_t)l->ring.d * sizeof(struct covered));
}

/* Follows the steps of all series; one long gap moves it by a sixteenth. */
static void note_step(double *usual_s, double step_s)
{
    double by = step_s - *usual_s, most = *usual_s / 8;

    if (*usual_s == 0)
        *usual_s = step_s;
    else
        *usual_s += (by > most ? most : by < -most ? -most : by) / 2;
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
        note_step(usual_step_s(l, s), (double)x->dt_ms / 1000);
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

static double seconds_of(const struct leaf *l, const struct slot *s, uint32_t at, uint32_t n)
{
    return add_ring(l, s, at, n)[1];
}

/* Seconds at the newest end that the group's series have not reported on yet. */
static double missing_end(const struct leaf *l, const struct slot *s, const struct span *p,
                          const struct clip *c, double usual_s)
{
    double patience_s = usual_s * LATE_SHARE, pane_s = l->pane.d;
    double silent_s = (double)(p->to_ms - s->newest_ms) / 1000;
    double ahead_s = (double)p->hi * pane_s - (double)p->to_ms / 1000; /* of the newest pane */
    uint32_t tail = (uint32_t)ceil((patience_s + ahead_s) / pane_s), held = p->hi - p->lo + 1;
    uint32_t before, gone;
    double known, whole;

    if (silent_s > patience_s || silent_s <= 0)
        return 0;
    /* panes after the head of the ring are empty, and not in the clip */
    gone = held - c->n;
    before = held > 2 * tail ? tail : held > tail ? held - tail : 0;
    if (before < tail / 2 + 1 || tail < gone)
        return silent_s; /* too short a window to compare: as if all came together */
    whole = seconds_of(l, s, c->at + c->n - (tail - gone) - before, before) / (before * pane_s);
    if (whole <= 0)
        return silent_s;
    known = seconds_of(l, s, c->at + c->n - (tail - gone), tail - gone);
    return fmax(0, tail * pane_s - ahead_s - known / whole);
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

static bool rate_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    const struct covered *cells = (const struct covered *)(void *)ring_cells(s);
    double usual_s = *usual_step_s(l, s), over_s = l->window_s;
    struct clip c;
    pair sum;

    *v = 0;
    if (!ring_clip(l, s, p, &c))
        return (s->flags & SLOT_ZERO) != 0;
    sum = add_ring(l, s, c.at, c.n);
    if (c.weight < 1)
        sum -= cell_pair(cells + c.at) * (pair){1 - c.weight, 1 - c.weight};
    if (!(s->flags & SLOT_ZERO)) {
        if (sum[0] == 0 && sum[1] == 0 && (s->newest_ms <= p->from_ms || s->newest_ms > p->to_ms))
            return false;
        if (usual_s > 0)
            over_s -= missing_end(l, s, p, &c, usual_s) + missing_begin(l, s, &c, usual_s);
    }
    *v = sum[0] / (over_s > 0 ? over_s : l->window_s);
    return isfinite(*v);
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
