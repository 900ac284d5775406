/* Resolving many series at once. A sender repeats its series in the order in which they first came, so the
 * next one mostly is the one whose id follows: it is compared, without a hash and without a look into the
 * table. That keeps memory in order, too: neighbours share their labels.
 *
 * Where the order breaks, a lookup is a chain of four cache misses at a million series (slot, series, set,
 * pairs); walking the chain step by step for up to 32 series lets their misses overlap. One series is
 * looked up so at first, twice as many each time that nothing follows. */
#include <assert.h>

#include "model/series_table.h"

#define GROUP 32
#define AHEAD 8 /* series between the one that is compared and the one whose labels are fetched */

/* --- by order ------------------------------------------------------------------------------------- */

static void prefetch_set_pairs(const struct series_table *t, labelset labels)
{
    const struct label_set *s = set_at(t->ls, labels);

    for (uint32_t p = 0; p < s->n; p++)
        __builtin_prefetch(pair_at(t->ls, s->pairs[p]));
}

static labelset labels_of(const struct series_table *t, uint32_t id)
{
    if (id / SERIES_PAGE >= t->n_pages || !t->pages[id / SERIES_PAGE])
        return LABELSET_NONE;
    return series_slot(t, id)->labels;
}

/* Of the series in a row: each set once, its pairs when it has had time to come. */
static void prefetch_ahead(const struct series_table *t, uint32_t id)
{
    labelset near = labels_of(t, id + AHEAD / 2), far = labels_of(t, id + AHEAD);

    if (far != LABELSET_NONE && far != labels_of(t, id + AHEAD - 1))
        __builtin_prefetch(set_at(t->ls, far));
    if (near != LABELSET_NONE && near != labels_of(t, id + AHEAD / 2 - 1))
        prefetch_set_pairs(t, near);
}

/* How many of them are the series from `id` on. */
static size_t take_followers(const struct series_table *t, uint32_t id, struct series_want *w,
                             size_t n)
{
    size_t i = 0;

    for (; i < n && labels_of(t, id) != LABELSET_NONE; i++, id++) {
        prefetch_ahead(t, id);
        if (!series_is(t, series_slot(t, id), w[i].labels, w[i].n))
            break;
        w[i].id = id;
    }
    return i;
}

/* --- by hash -------------------------------------------------------------------------------------- */

static void prefetch_series(const struct series_table *t, const struct series_want *w, size_t n,
                            uint32_t *candidates)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t tag = idtable_tag(w[i].hash), at = idtable_home(&t->ids, tag);

        candidates[i] = SERIES_NONE;
        for (; t->ids.slots[at].id_plus_1; at = idtable_next(&t->ids, at)) {
            if (t->ids.slots[at].tag != tag)
                continue;
            candidates[i] = t->ids.slots[at].id_plus_1 - 1;
            __builtin_prefetch(series_slot(t, candidates[i]));
            break;
        }
    }
}

static void prefetch_sets(const struct series_table *t, const uint32_t *candidates, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (candidates[i] != SERIES_NONE)
            __builtin_prefetch(set_at(t->ls, series_slot(t, candidates[i])->labels));
}

static void prefetch_pairs(const struct series_table *t, const uint32_t *candidates, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (candidates[i] != SERIES_NONE)
            prefetch_set_pairs(t, series_slot(t, candidates[i])->labels);
}

static void look_up(const struct series_table *t, struct series_want *w, size_t n)
{
    uint32_t candidates[GROUP];

    assert(n <= GROUP);
    for (size_t i = 0; i < n; i++) {
        w[i].hash = series_hash(t, w[i].labels, w[i].n);
        series_prefetch(t, w[i].hash);
    }
    prefetch_series(t, w, n, candidates);
    prefetch_sets(t, candidates, n);
    prefetch_pairs(t, candidates, n);
    for (size_t i = 0; i < n; i++) {
        w[i].id = candidates[i];
        if (candidates[i] != SERIES_NONE &&
            !series_is(t, series_slot(t, candidates[i]), w[i].labels, w[i].n))
            w[i].id = series_find(t, w[i].hash, w[i].labels, w[i].n);
    }
}

void series_lookup(const struct series_table *t, struct series_want *w, size_t n)
{
    uint32_t last = SERIES_NONE;

    for (size_t at = 0, group = 1, m; at < n; at += m) {
        size_t followed = last == SERIES_NONE ? 0 : take_followers(t, last + 1, w + at, n - at);

        at += followed;
        group = followed > 0 ? 1 : group < GROUP ? group * 2 : GROUP;
        m = n - at < group ? n - at : group;
        if (m == 0)
            break;
        look_up(t, w + at, m);
        last = w[at + m - 1].id;
    }
}
