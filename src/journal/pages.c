#include "journal/pages.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define PAGE_BYTES ((size_t)1 << 20) /* where reading back is fastest */
#define PAGE_FIRST 16
#define PAGE_MAX   1000

struct pages {
    struct journal *journal;
    struct pages_options o;
    struct timer *again;
    size_t count;
    bool busy, gone;
};

static void ask(void *arg);

struct pages *pages_new(struct journal *j, const struct pages_options *o)
{
    struct pages *p = mem_zalloc(sizeof *p);

    if (!p)
        return NULL;
    p->journal = j;
    p->o = *o;
    p->count = PAGE_FIRST;
    p->again = timer_new(j->o.loop, LOOP_INGEST, ask, p);
    if (!p->again) {
        mem_free(p);
        return NULL;
    }
    timer_in(p->again, 0);
    return p;
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    timer_free(p->again);
    p->again = NULL;
    p->gone = true;
    if (!p->busy)
        mem_free(p);
}

/* After a reply: the reading has failed, is at its end, or goes on; or it waits to be told. */
enum taken { FAILED, AT_END, MORE, WAITING };

static enum taken take(struct pages *p, const struct reply *reply, struct err *e)
{
    size_t bytes = 1;

    for (size_t i = 0; i < reply->n_items && !p->gone; i++) {
        const struct reply *entry = &reply->items[i];
        const struct reply *parts = entry->n_items == 2 ? &entry->items[1] : NULL;
        int rc;

        if (!parts)
            continue;
        p->o.after = journal_id_parse(entry->items[0].text);
        if (parts->n_items < 2 || strcmp(parts->items[0].text, BLOCK_FIELD) != 0)
            continue; /* not ours */
        bytes += parts->items[1].len;
        rc = p->o.block(p->o.after, parts->items[1].text, parts->items[1].len, p->o.arg, e);
        if (rc != 0) {
            p->count = PAGE_FIRST; /* what follows in this reply is asked for again */
            return rc == PAGES_WAIT ? WAITING : FAILED;
        }
    }
    if (reply->n_items < p->count)
        return AT_END;
    p->count = p->count * PAGE_BYTES / bytes + 1;
    if (p->count > PAGE_MAX)
        p->count = PAGE_MAX;
    return MORE;
}

static void handle(struct pages *p, enum db_fate fate, const struct reply *reply)
{
    enum taken taken = MORE;
    struct err e = {0};

    if (fate == DB_REFUSED) {
        err_set(&e, ERR_REFUSED, "the journal cannot be read: %s", reply->text);
        taken = FAILED;
    } else if (fate == DB_DONE) {
        taken = take(p, reply, &e);
    }
    if (p->gone || taken == WAITING)
        return;
    if (taken == MORE)
        timer_in(p->again, fate == DB_DONE ? 0 : POLL_AWAY_MS);
    else
        p->o.done(taken == FAILED ? &e : NULL, p->o.arg);
}

void pages_go_on(struct pages *p, struct journal_id after)
{
    assert(!p->gone && journal_id_compare(after, p->o.after) >= 0);
    p->o.after = after;
    timer_in(p->again, 0);
}

static void on_page(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct pages *p = arg;

    if (!p->gone)
        handle(p, fate, reply); /* may free both */
    journal_returned(p->journal);
    p->busy = false;
    if (p->gone)
        mem_free(p);
}

static void ask(void *arg)
{
    struct pages *p = arg;
    char from[JOURNAL_ID_LEN], to[JOURNAL_ID_LEN] = "+";

    if (!db_is_up(p->journal->o.db)) {
        timer_in(p->again, POLL_AWAY_MS);
        return;
    }
    journal_id_text(from, p->o.after);
    if (p->o.to_ms != INT64_MAX)
        snprintf(to, sizeof to, "%" PRId64, p->o.to_ms);
    p->busy = true;
    journal_call(p->journal);
    db_sendf(p->journal->o.db, on_page, p, "XRANGE %s (%s %s COUNT %llu", p->o.key, from, to,
             (unsigned long long)p->count);
}
