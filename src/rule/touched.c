/* From the groups of leaves that a block touched to the rows of a rule, through whatever
 * aggregations lie between:
 *
 *   leaf x        {core=0,host=a} {core=1,host=a}         complete: windows_complete()
 *                        \            /
 *   max_by(host)            {host=a}                      a round of its rows (model/round.h)
 *                               |
 *   row of the rule         {host=a}  <- leaf y {host=a}  each source that came last time, again
 *
 * Each level asks only what it was told in this block, so the cost is the groups touched. A source
 * that many rows share (it is looked up by fewer labels) touches no row; a row waits while the
 * shared group's round is open, and when it closes, the rows that wait are asked once.
 *
 * The wait is a queue in order of the first touch: `delay` is one number a rule, so its head is the
 * next to run out. Rows that became complete leave a hole. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "rule/derived.h"
#include "rule/touched.h"

#define SOURCE_BITS 64 /* further sources of one rule count as the last of these */

static uint64_t bit_of(size_t source)
{
    return UINT64_C(1) << (source < SOURCE_BITS ? source : SOURCE_BITS - 1);
}

/* --- is a row complete? --- */

static bool group_complete(const struct derived *d, uint32_t slot)
{
    return slot < d->n && round_complete(&d->round[slot], d->n_members[slot]);
}

static bool slot_complete(const struct rowset *rs, const struct source *s, uint32_t slot)
{
    if (slot == SLOT_NONE)
        return true;
    if (!s->derived)
        return windows_complete(rs->windows, s->leaf, slot);
    return group_complete(s->derived, slot);
}

/* Of several sources, each that came in the last round is to have come again. */
static bool sources_complete(const struct rowset *rs, uint32_t row)
{
    const struct row_round *x = &rs->round[row];
    uint64_t want = x->expected;

    for (size_t i = 0; i < rs->n_sources; i++) {
        const struct source *s = &rs->sources[i];

        if (!s->driver && !slot_complete(rs, s, s->slot[row]))
            return false;
        if (s->driver && x->expected == 0 && s->slot[row] != SLOT_NONE)
            want |= bit_of(i); /* in the first round whoever is known is to come */
    }
    return (want & ~x->seen) == 0;
}

static bool row_complete(const struct rowset *rs, uint32_t row)
{
    if (rs->n_sources == 1)
        return slot_complete(rs, &rs->sources[0], rs->sources[0].slot[row]);
    return row < rs->round_cap && sources_complete(rs, row);
}

/* What the block at hand is taken with. */
struct taking {
    uint32_t block, now; /* its number, its instant32() */
    uint32_t delay_ms;
};

/* A source comes for the second time, or what is missing is overdue: a new round. */
static void source_came(struct row_round *x, size_t source, const struct taking *by)
{
    uint64_t bit = bit_of(source);

    if (x->seen != 0 && (x->seen & bit || by->now - x->start > by->delay_ms)) {
        x->expected = x->seen;
        x->seen = 0;
    }
    if (x->seen == 0)
        x->start = by->now;
    x->seen |= bit;
}

/* --- what the block touched --- */

/* One source tells a row once a block; of several each may, and what came is noted. */
static bool is_new(struct rowset *rs, size_t source, uint32_t row, bool complete,
                   const struct taking *by)
{
    struct row_round *x = &rs->round[row];
    bool fresh = x->block != by->block;

    x->block = by->block;
    if (complete)
        source_came(x, source, by);
    return fresh;
}

static void touch_slot(struct rowset *rs, size_t source, uint32_t slot, bool complete,
                       const struct taking *by)
{
    const struct source *s = &rs->sources[source];
    uint32_t row = s->driver && slot < s->row_of_cap ? s->row_of[slot] : ROW_NONE;

    if (!s->driver)
        rs->woken = rs->woken || complete;
    if (row == ROW_NONE || mem_grow((void **)&rs->touched, &rs->touched_cap, rs->n_touched + 1,
                                    sizeof *rs->touched) < 0)
        return; /* no memory: its tick will look */
    if (rs->n_sources == 1 || is_new(rs, source, row, complete, by))
        rs->touched[rs->n_touched++] = row;
}

static int fit(void **column, size_t *cap, size_t n, size_t size)
{
    size_t before = *cap;

    if (mem_grow(column, cap, n, size) < 0)
        return -1;
    memset((char *)*column + before * size, 0, (*cap - before) * size);
    return 0;
}

static void collect(struct rowset *rs, const struct taking *by);

/* Rows below that are complete report to their groups; what was touched goes on upwards. */
static void collect_derived(struct rowset *rs, size_t source, const struct taking *by)
{
    struct derived *d = rs->sources[source].derived;
    size_t n = 0;

    collect(&d->in, by);
    if (fit((void **)&d->reported, &d->reported_cap, d->in.n_rows, sizeof *d->reported) < 0)
        return;
    for (size_t i = 0; i < d->in.n_touched; i++) {
        uint32_t row = d->in.touched[i];
        uint32_t out = row < d->out_of_cap ? d->out_of[row] : SLOT_NONE;

        if (out == SLOT_NONE)
            continue;
        if (d->told[out] != by->block) {
            d->told[out] = by->block;
            d->in.touched[n++] = out; /* n <= i: the list is reused for groups */
        }
        if (row_complete(&d->in, row) && d->reported[row] != by->now) {
            round_report(&d->round[out], d->reported[row], by->now, by->delay_ms);
            d->reported[row] = by->now;
        }
    }
    d->in.n_touched = 0;
    for (size_t i = 0; i < n; i++)
        touch_slot(rs, source, d->in.touched[i], group_complete(d, d->in.touched[i]), by);
}

static void collect(struct rowset *rs, const struct taking *by)
{
    rs->n_touched = 0;
    rs->woken = false;
    if (rs->n_sources > 1 &&
        fit((void **)&rs->round, &rs->round_cap, rs->n_rows, sizeof *rs->round) < 0)
        return;
    for (size_t i = 0; i < rs->n_sources; i++) {
        const struct source *s = &rs->sources[i];
        const struct touched *t;
        size_t n;

        if (s->derived) {
            collect_derived(rs, i, by);
            continue;
        }
        n = windows_touched(rs->windows, s->leaf, &t);
        for (size_t k = 0; k < n; k++)
            touch_slot(rs, i, t[k].slot, windows_complete(rs->windows, s->leaf, t[k].slot), by);
    }
}

/* --- the queue of those that wait --- */

bool touched_waits(const struct rule *r, uint32_t row)
{
    return row < r->place_cap && r->place[row] != 0;
}

static void stop_waiting(struct rule *r, uint32_t row)
{
    uint32_t at;

    if (!touched_waits(r, row))
        return;
    at = r->place[row] - 1 - r->passed;
    assert(at < r->n_waiting && r->waiting[at].row == row);
    r->waiting[at].row = ROW_NONE;
    r->place[row] = 0;
}

/* Holes at the head go; the rest moves up when half of the queue is passed. */
static void trim_queue(struct rule *r)
{
    while (r->first_waiting < r->n_waiting && r->waiting[r->first_waiting].row == ROW_NONE)
        r->first_waiting++;
    if (r->first_waiting * 2 < r->n_waiting)
        return;
    r->n_waiting -= r->first_waiting;
    if (r->n_waiting > 0)
        memmove(r->waiting, r->waiting + r->first_waiting, r->n_waiting * sizeof *r->waiting);
    r->passed = r->n_waiting ? r->passed + (uint32_t)r->first_waiting : 0;
    r->first_waiting = 0;
}

static void start_waiting(struct rule *r, uint32_t row, int64_t at_ms)
{
    if (touched_waits(r, row) ||
        fit((void **)&r->place, &r->place_cap, (size_t)row + 1, sizeof *r->place) < 0)
        return;
    if (mem_grow((void **)&r->waiting, &r->waiting_cap, r->n_waiting + 1, sizeof *r->waiting) < 0)
        return;
    r->waiting[r->n_waiting++] = (struct waiting){.row = row, .first_ms = at_ms};
    r->place[row] = (uint32_t)r->n_waiting + r->passed;
}

static void look_now(struct rule *r, uint32_t row)
{
    stop_waiting(r, row);
    if (mem_grow((void **)&r->ready, &r->ready_cap, r->n_ready + 1, sizeof *r->ready) == 0)
        r->ready[r->n_ready++] = row;
}

static void wake(struct rule *r)
{
    for (size_t i = r->first_waiting; i < r->n_waiting; i++) {
        uint32_t row = r->waiting[i].row;

        if (row != ROW_NONE && row_complete(&r->rs, row))
            look_now(r, row);
    }
}

void touched_take(struct rule *r, int64_t at_ms)
{
    struct rowset *rs = &r->rs;
    struct taking by = {.block = windows_block(rs->windows),
                        .now = instant32(at_ms - rules_context(r->all)->stepped_ms)};

    by.delay_ms = r->d->delay_ms < INT32_MAX ? (uint32_t)r->d->delay_ms : INT32_MAX;
    rowset_sync(rs, false);
    collect(rs, &by);
    for (size_t i = 0; i < rs->n_touched; i++) {
        if (row_complete(rs, rs->touched[i]))
            look_now(r, rs->touched[i]);
        else
            start_waiting(r, rs->touched[i], at_ms);
    }
    if (rs->woken)
        wake(r);
    trim_queue(r);
}

int64_t touched_next_ms(const struct rule *r)
{
    assert(r->first_waiting == r->n_waiting || r->waiting[r->first_waiting].row != ROW_NONE);
    return r->first_waiting == r->n_waiting
               ? INT64_MAX
               : r->waiting[r->first_waiting].first_ms + r->d->delay_ms;
}

size_t touched_pick(struct rule *r, int64_t at_ms)
{
    size_t n = 0;

    trim_queue(r);
    while (touched_next_ms(r) <= at_ms) {
        look_now(r, r->waiting[r->first_waiting].row);
        trim_queue(r);
    }
    r->picks_missing =
        mem_grow((void **)&r->picked, &r->picked_cap, r->n_ready, sizeof *r->picked) < 0;
    if (r->picks_missing)
        return 0; /* kept for another instant */
    for (size_t i = 0; i < r->n_ready; i++)
        if (r->ready[i] < r->rs.n_rows && r->rs.group[r->ready[i]] != LABELSET_NONE)
            r->picked[n++] = r->ready[i];
    r->n_ready = 0;
    return n;
}

void touched_free(struct rule *r)
{
    mem_free(r->waiting);
    mem_free(r->place);
    mem_free(r->ready);
}
