#include "journal/dictionary.h"

#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"

/* Ids rise, and all that were given since the last block are written with the next one, so the
 * chunks are disjoint ranges. A chunk stays while one of its series lives: series that come
 * together mostly go together. */

void dictionary_clear(struct dictionary *d)
{
    mem_free(d->chunks);
    *d = (struct dictionary){0};
}

/* The first chunk that begins after `series`. */
static size_t place(const struct dictionary *d, uint32_t series)
{
    size_t low = 0, high = d->n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (d->chunks[mid].first <= series)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int dictionary_found(struct dictionary *d, uint32_t first, uint32_t end, uint32_t live)
{
    void *chunks = d->chunks;
    size_t at = place(d, first);

    if (mem_grow(&chunks, &d->cap, d->n + 1, sizeof *d->chunks) != 0)
        return -1;
    d->chunks = chunks;
    memmove(d->chunks + at + 1, d->chunks + at, (d->n - at) * sizeof *d->chunks);
    d->chunks[at] = (struct dict_chunk){.first = first, .end = end, .live = live};
    d->n++;
    d->n_gone += live == 0;
    if (end > d->end)
        d->end = end;
    return 0;
}

void dict_writes_free(struct dict_write *writes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_free(&writes[i].chunk);
    mem_free(writes);
}

static int take_chunk(struct dictionary *d, const struct series_table *t, uint32_t from,
                      uint32_t to, struct dict_write *w)
{
    size_t live;

    *w = (struct dict_write){.first = from};
    if (dict_encode(t, from, to, &w->chunk, &live) != 0)
        return -1;
    buf_fit(&w->chunk);
    return live ? dictionary_found(d, from, to, (uint32_t)live) : 0;
}

int dictionary_take_new(struct dictionary *d, const struct series_table *t,
                        struct dict_write **writes, size_t *n)
{
    uint32_t end = series_end(t), was = d->end;
    size_t had = d->n, most = (end - was + DICT_CHUNK - 1) / DICT_CHUNK;
    struct dict_write *w;

    *writes = NULL;
    *n = 0;
    if (end <= was)
        return 0;
    w = mem_zalloc(most * sizeof *w);
    if (!w)
        return -1;
    for (uint32_t from = was; from < end;) {
        uint32_t to = end - from > DICT_CHUNK ? from + DICT_CHUNK : end;

        if (take_chunk(d, t, from, to, &w[*n]) != 0) {
            dict_writes_free(w, *n + 1);
            d->n = had;
            d->end = was;
            *n = 0;
            return -1;
        }
        *n += w[*n].chunk.len > 0;
        from = to;
    }
    d->end = end;
    *writes = w;
    return 0;
}

void dictionary_forget(struct dictionary *d, uint32_t series, struct journal_id newest)
{
    size_t at = place(d, series);
    struct dict_chunk *c = at > 0 ? &d->chunks[at - 1] : NULL;

    if (!c || series >= c->end || c->live == 0)
        return;
    if (--c->live == 0) {
        c->gone = newest;
        d->n_gone++;
    }
}

void dictionary_drop(struct dictionary *d, struct journal_id oldest, struct db_tx *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->n; i++) {
        const struct dict_chunk *c = &d->chunks[i];

        if (c->live == 0 && journal_id_compare(c->gone, oldest) < 0) {
            db_tx_addf(t, "HDEL %s %llu %llu+", KEY_SERIES, (unsigned long long)c->first,
                       (unsigned long long)c->first);
            d->n_gone--;
        } else {
            d->chunks[kept++] = *c;
        }
    }
    d->n = kept;
}
