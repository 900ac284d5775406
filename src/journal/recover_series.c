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

    return (x->first < y->first) - (x->first > y->first);
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

static void restore_chunk(struct journal *j, const struct raw_chunk *c)
{
    struct restoring to = {.j = j};
    struct err e = {0};

    if (dict_decode(c->bytes, c->len, restore, &to, &e) != 0) {
        j->recovery->damaged++;
        log_error("series cannot be read back", "error", e.text, NULL);
    }
    if (to.end > c->first && dictionary_found(&j->dictionary, c->first, to.end, to.live) != 0)
        j->rewrite_series = true;
}

static void restore_series(struct journal *j)
{
    struct recovery *r = j->recovery;

    if (r->n_chunks)
        qsort(r->chunks, r->n_chunks, sizeof *r->chunks, newest_first);
    for (size_t i = 0; i < r->n_chunks; i++) /* HSCAN may tell a field twice */
        if (i == 0 || r->chunks[i].first != r->chunks[i - 1].first)
            restore_chunk(j, &r->chunks[i]);
    recovery_forget_chunks(r);
    recovery_next(j, STEP_POINTER);
}

static int keep_chunk(struct recovery *r, const struct reply *name, const struct reply *value)
{
    void *chunks = r->chunks;
    struct raw_chunk *c;

    if (mem_grow(&chunks, &r->cap_chunks, r->n_chunks + 1, sizeof *r->chunks) != 0)
        return -1;
    r->chunks = chunks;
    c = &r->chunks[r->n_chunks];
    c->first = (uint32_t)strtoul(name->text, NULL, 10);
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
