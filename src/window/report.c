/* Which groups of several series are complete.
 *
 * A group of a leaf that keeps one window per series is complete whenever it is touched. Where a
 * leaf merges series (`:by`, the buckets of a histogram), each of its groups has a round, and each
 * of its series the receive time of its last report, kept beside its track for all such leaves
 * together. So a report costs two cache lines, whatever the size of the group. Kept only for leaves
 * that somebody watches. A cut has how many a group expects, so that a restart waits for as many;
 * when each reported it has not: the first round after a start is a partial one. */
#include <assert.h>

#include "window/windows.h"

bool leaf_merges(const struct leaf *l)
{
    return l->spec->source != LEAF_LOGS &&
           (l->spec->grouping != LEAF_PER_SERIES || l->bucket_metric);
}

void windows_watch(struct windows *w, leaf_id leaf, int64_t delay_ms)
{
    struct leaf *l = w->leaves[leaf];

    assert(!l->dead && delay_ms >= 0);
    if (!leaf_merges(l))
        return; /* events have no series that could be missing */
    w->n_watched += !l->watched;
    l->watched = true;
    if (delay_ms > l->round_ms)
        l->round_ms = delay_ms < INT32_MAX ? (uint32_t)delay_ms : INT32_MAX;
}

uint32_t windows_block(const struct windows *w)
{
    return w->block;
}

bool windows_complete(const struct windows *w, leaf_id leaf, uint32_t slot)
{
    const struct leaf *l = w->leaves[leaf];
    const struct group_round *r;

    if (!l->watched)
        return true;
    if (slot >= l->cap_rounds)
        return false;
    r = &l->rounds[slot];
    /* what a new group brings with its first block is taken as whole */
    return round_complete(&r->round, r->born == w->block ? 1 : UINT32_MAX);
}

/* NULL: no memory. Its groups stay incomplete, so that looks wait for their delay. */
static uint32_t *reported_at(struct windows *w, uint32_t use)
{
    uint32_t n = use - USE_TRACK, page = n / TRACK_PAGE;

    if (page >= w->cap_reported && wmem_grow(&w->mem, (void **)&w->reported, &w->cap_reported,
                                             page + 1u, sizeof(uint32_t *)) != 0)
        return NULL;
    if (!w->reported[page])
        w->reported[page] = wmem_alloc(&w->mem, TRACK_PAGE * sizeof(uint32_t));
    return w->reported[page] ? &w->reported[page][n % TRACK_PAGE] : NULL;
}

void report_forget(struct windows *w, uint32_t use)
{
    uint32_t n = use - USE_TRACK, page = n / TRACK_PAGE;

    if (page < w->cap_reported && w->reported[page])
        w->reported[page][n % TRACK_PAGE] = 0;
}

void report_forget_group(struct leaf *l, uint32_t slot)
{
    if (slot < l->cap_rounds)
        l->rounds[slot] = (struct group_round){0};
}

static bool fit(struct windows *w, struct leaf *l, uint32_t slot)
{
    return slot < l->cap_rounds || wmem_grow(&w->mem, (void **)&l->rounds, &l->cap_rounds,
                                             l->n_slots, sizeof *l->rounds) == 0;
}

void report_new_group(struct windows *w, struct leaf *l, uint32_t slot)
{
    if (l->watched && w->block != 0 && fit(w, l, slot))
        l->rounds[slot] = (struct group_round){.born = w->block};
}

uint32_t report_expected(const struct leaf *l, uint32_t slot)
{
    const struct round *r = slot < l->cap_rounds ? &l->rounds[slot].round : NULL;

    return !r ? 0 : r->n > r->expected ? r->n : r->expected;
}

void report_restore(struct windows *w, struct leaf *l, uint32_t slot, uint32_t expected)
{
    if (l->watched && fit(w, l, slot))
        l->rounds[slot].round = (struct round){.expected = expected, .partial = true};
}

void report_series(struct windows *w, const struct plan *p, uint32_t use)
{
    uint32_t *last = NULL;

    for (uint32_t i = 0; i < p->n; i++) {
        struct leaf *l = w->leaves[p->e[i].leaf_row % LEAVES_MAX];
        uint32_t slot = p->e[i].slot;

        if (l->dead || !l->watched)
            continue;
        if (!last && !(last = reported_at(w, use)))
            return;
        if (*last == w->now)
            return; /* told already */
        if (fit(w, l, slot))
            round_report(&l->rounds[slot].round, *last, w->now, l->round_ms);
    }
    if (last)
        *last = w->now;
}
