#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "journal/recover_impl.h"

/* All chunks of the dictionary are gathered first and restored from the newest to the oldest: a
 * series that was forgotten and came back stands there twice, under two ids, and the newer one is
 * the living one. */

void recovery_forget_chunks(struct recovery *r)
{
    for (size_t i = 0; i < r->n_chunks; i++)
        mem_free(r->chunks[i].bytes);
    mem_free(r->chunks);
    r->chunks = NULL;
    r->n_chunks = r->cap_chunks = 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct raw_chunk *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? 1 : -1;
    return x->is_copy - y->is_copy;
}

struct restoring {
    struct journal *j;
    uint32_t live, end;
};

static int restore(const struct dict_entry *d, void *arg, struct err *e)
{
    struct restoring *to = arg;

    if (series_restore(to->j->o.series, d->id, d->labels, d->n_labels, d->token, d->kind, e) == 0)
        to->live++;
    else if (e->code != ERR_INPUT)
        return -1;
    to->end = d->id + 1;
    return 0;
}

/* -1: it is damaged, and nothing of it was restored. */
static int restore_chunk(struct journal *j, const struct raw_chunk *c, struct err *e)
{
    struct restoring to = {.j = j};

    if (dict_decode(c->bytes, c->len, restore, &to, e) != 0 && to.end == 0)
        return -1;
    if (to.end > c->first && dictionary_found(&j->dictionary, c->first, to.end, to.live) != 0)
        j->rewrite_series = true;
    return 0;
}

/* `n` chunks of the same series: the first that can be read counts. `before`: where the next chunk
 * begins, or UINT32_MAX. */
static void restore_one_of(struct journal *j, const struct raw_chunk *c, size_t n, uint32_t before)
{
    uint32_t end = before - c->first > DICT_CHUNK ? c->first + DICT_CHUNK : before;
    char first[16];
    struct err e = {0}, other;

    snprintf(first, sizeof first, "%u", c->first);
    if (restore_chunk(j, &c[0], &e) == 0)
        return;
    for (size_t i = 1; i < n; i++)
        if (restore_chunk(j, &c[i], &other) == 0) {
            j->stats.damage.mended_chunks++;
            log_warn("a chunk of series labels is damaged; it was read from its copy", "chunk",
                     first, "error", e.text, NULL);
            return;
        }
    j->stats.damage.lost_chunks++;
    log_error("labels of series cannot be read back: what had come in of them is lost", "chunk",
              first, "error", e.text, NULL);
    series_set_end(j->o.series, end); /* their ids are never given again */
    if (dictionary_found(&j->dictionary, c->first, end, 0) != 0)
        j->rewrite_series = true;
}

static void restore_series(struct journal *j)
{
    struct recovery *r = j->recovery;
    uint32_t before = UINT32_MAX;

    if (r->n_chunks)
        qsort(r->chunks, r->n_chunks, sizeof *r->chunks, newest_first);
    for (size_t i = 0, n; i < r->n_chunks; i += n) { /* HSCAN may tell a field twice, too */
        for (n = 1; i + n < r->n_chunks && r->chunks[i + n].first == r->chunks[i].first;)
            n++;
        restore_one_of(j, &r->chunks[i], n, before);
        before = r->chunks[i].first;
    }
    recovery_forget_chunks(r);
    recovery_next(j, STEP_POINTER);
}

static int keep_chunk(struct recovery *r, const struct reply *name, const struct reply *value)
{
    void *chunks = r->chunks;
    struct raw_chunk *c;
    char *end;

    if (mem_grow(&chunks, &r->cap_chunks, r->n_chunks + 1, sizeof *r->chunks) != 0)
        return -1;
    r->chunks = chunks;
    c = &r->chunks[r->n_chunks];
    c->first = (uint32_t)strtoul(name->text, &end, 10);
    c->is_copy = *end == '+';
    c->len = value->len;
    c->bytes = mem_dup(value->text, value->len);
    if (!c->bytes)
        return -1;
    r->n_chunks++;
    return 0;
}

void recovery_take_series(struct journal *j, const struct reply *reply)
{
    struct recovery *r = j->recovery;
    const struct reply *page = reply->n_items == 2 ? &reply->items[1] : NULL;

    for (size_t i = 0; page && i + 1 < page->n_items; i += 2)
        if (keep_chunk(r, &page->items[i], &page->items[i + 1]) != 0) {
            recovery_fail_memory(j);
            return;
        }
    snprintf(r->cursor, sizeof r->cursor, "%s", page ? reply->items[0].text : "0");
    if (strcmp(r->cursor, "0") == 0)
        restore_series(j);
    else
        recovery_next(j, STEP_SERIES);
}
