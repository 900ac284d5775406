/* Resolving many series at once. A lookup is a chain of four cache misses at a million series
 * (slot, series, set, pairs); walking the chain step by step for 32 series lets their misses
 * overlap. */
#include "model/series_table.h"

#define GROUP 32

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
    for (size_t i = 0; i < n; i++) {
        const struct label_set *s;

        if (candidates[i] == SERIES_NONE)
            continue;
        s = set_at(t->ls, series_slot(t, candidates[i])->labels);
        for (uint32_t p = 0; p < s->n; p++)
            __builtin_prefetch(pair_at(t->ls, s->pairs[p]));
    }
}

void series_lookup(const struct series_table *t, struct series_want *w, size_t n)
{
    uint32_t candidates[GROUP];

    for (; n > 0; w += GROUP) {
        size_t m = n < GROUP ? n : GROUP;

        for (size_t i = 0; i < m; i++) {
            w[i].hash = series_hash(t, w[i].labels, w[i].n);
            series_prefetch(t, w[i].hash);
        }
        prefetch_series(t, w, m, candidates);
        prefetch_sets(t, candidates, m);
        prefetch_pairs(t, candidates, m);
        for (size_t i = 0; i < m; i++) {
            w[i].id = candidates[i];
            if (candidates[i] != SERIES_NONE &&
                !series_is(t, series_slot(t, candidates[i]), w[i].labels, w[i].n))
                w[i].id = series_find(t, w[i].hash, w[i].labels, w[i].n);
        }
        n -= m;
        if (n == 0)
            break;
    }
}
