/* The start: fields as the store reads them, and a comparison with the alerts that are on. */
#include <stdlib.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "notify/impl.h"

/* Redis gives the tables in any order: ledger entries wait for the incidents they belong to. */
static int keep_for_later(struct notify *n, const char *json, size_t len)
{
    struct pending_entry *p;

    if (mem_grow((void **)&n->pending, &n->cap_pending, n->n_pending + 1, sizeof *n->pending))
        return -1;
    p = &n->pending[n->n_pending];
    p->json = mem_dup(json, len);
    p->len = len;
    if (!p->json)
        return -1;
    n->n_pending++;
    return 0;
}

static uint64_t read_next(const char *value, size_t len)
{
    char text[24] = "";

    if (len < sizeof text)
        memcpy(text, value, len);
    return strtoull(text, NULL, 10);
}

bool notify_load(struct notify *n, struct store_table *t, const char *field, size_t field_len,
                 const char *value, size_t len)
{
    bool next = field_len == 4 && memcmp(field, "next", 4) == 0;
    struct err e = {0};
    int rc = 0;

    if (!t || (t != n->groups && t != n->ledger && t != n->silences_table))
        return false;
    if (next && t == n->groups) {
        if (read_next(value, len) > n->next_number)
            n->next_number = read_next(value, len);
    } else if (next && t == n->silences_table) {
        if (read_next(value, len) > n->next_silence)
            n->next_silence = read_next(value, len);
    } else if (t == n->groups) {
        rc = restore_incident(n, value, len, &e);
    } else if (t == n->silences_table) {
        rc = restore_silence(n, value, len, &e);
    } else {
        rc = keep_for_later(n, value, len) ? err_set(&e, ERR_MEMORY, "no memory") : 0;
    }
    if (rc)
        log_error("a record in Redis cannot be read and is left out", "table",
                  t == n->groups   ? KEY_GROUPS
                  : t == n->ledger ? KEY_LEDGER
                                   : KEY_SILENCES,
                  "field", field, "error", e.text, NULL);
    return true;
}

static void restore_ledger(struct notify *n)
{
    for (size_t i = 0; i < n->n_pending; i++) {
        struct err e = {0};
        if (restore_entry(n, n->pending[i].json, n->pending[i].len, &e))
            log_error("a record in " KEY_LEDGER " cannot be read and is left out", "error", e.text,
                      "begins", n->pending[i].json, NULL);
        mem_free(n->pending[i].json);
    }
    mem_free(n->pending);
    n->pending = NULL;
    n->n_pending = n->cap_pending = 0;
}

struct comparison {
    struct notify *n;
    struct map *on; /* keys of the alerts that fire in the book */
    int64_t at_ms;
    bool in_part; /* no memory for all of `on` */
};

static void take_in(const struct alert *a, void *arg)
{
    struct comparison *c = arg;

    if (a->state.firing == 0 || !a->labels)
        return;
    if (map_puts(c->on, a->key, c, NULL))
        c->in_part = true;
    intake_alert(c->n, a, c->at_ms);
}

static void compare(struct notify *n, struct alert_book *book, int64_t at_ms)
{
    struct comparison c = {.n = n, .on = map_new(), .at_ms = at_ms};

    if (!c.on)
        return;
    alert_each(book, take_in, &c);
    for (size_t i = 0; i < n->n_open; i++)
        for (size_t k = 0; k < n->open[i]->n_members; k++) {
            struct member *m = n->open[i]->members[k];
            if (m->firing && !c.in_part && !map_gets(c.on, m->key))
                intake_end(n, m, "it is not on any more", at_ms);
        }
    map_free(c.on, NULL);
}

/* The newest incident of a group is the one that stands under its key. */
static void index_incidents(struct notify *n)
{
    for (size_t i = 0; i < n->n_open; i++) {
        struct incident *inc = n->open[i], *other = map_gets(n->by_key, inc->key);
        if (other && other->number > inc->number)
            continue;
        if (map_puts(n->by_key, inc->key, inc, NULL))
            log_error("no memory for an incident", NULL);
    }
    for (size_t i = 0; i < n->n_kept; i++)
        if (map_puts(n->last_of, n->kept[i]->key, n->kept[i], NULL))
            return;
}

void notify_index(struct notify *n)
{
    if (n->indexed)
        return;
    n->indexed = true;
    restore_ledger(n);
    index_incidents(n);
    if (lanes_configure(n))
        log_error("no memory for all lanes of the configuration", NULL);
}

void notify_start(struct notify *n, struct alert_book *book)
{
    int64_t at_ms = notify_now(n);

    notify_index(n);
    for (size_t i = 0; n->clock_was_ahead && i < n->n_open; i++)
        incident_not_after(n->open[i], at_ms);
    n->started = true;
    if (book)
        compare(n, book, at_ms);
    notify_reroute(n, at_ms);
    for (size_t i = 0; i < n->n_open; i++)
        incident_mark(n, n->open[i]);
    holds_settle(n->holds, at_ms);
    notify_run(n);
}
