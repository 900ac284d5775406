/* The start: fields as the store reads them, and a comparison with the alerts that are on.
 * Redis gives hash fields in any order, so what belongs to another row waits in a list that is sorted once
 * and goes in by kind and number; a row that cannot be read costs itself. Then the alerts of the book are
 * compared with the members: what ended while nobody looked ends now, and what should be known is owed, by
 * the review that always does it. Dropped: one record for each incident with all of its alerts, which a
 * change of one wrote again in full. */
#include "notify/start.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "notify/clock.h"
#include "notify/incident.h"
#include "notify/inhibit.h"
#include "notify/intake.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/restore.h"

struct pending_row {
    enum {
        ROW_ALERT,
        ROW_ENTRY,
        ROW_OF_ENTRY
    } kind; /* in the order in which they find their place */
    uint64_t incident;
    uint32_t member; /* 0: none, the row is of an entry as a whole */
    char *field, *json;
    size_t len;
};

static uint64_t read_next(const char *value, size_t len)
{
    char text[24] = "";

    if (len < sizeof text)
        memcpy(text, value, len);
    return strtoull(text, NULL, 10);
}

/* Redis gives the rows in any order: what belongs to another waits for it. */
static int keep_for_later(struct notify *n, const struct pending_row *row, size_t field_len)
{
    struct pending_row *p;

    if (mem_grow((void **)&n->pending, &n->cap_pending, n->n_pending + 1, sizeof *n->pending))
        return -1;
    p = &n->pending[n->n_pending];
    *p = *row;
    p->field = mem_dup(row->field, field_len);
    p->json = mem_dup(row->json, row->len);
    if (p->field && p->json) {
        n->n_pending++;
        return 0;
    }
    mem_free(p->field);
    mem_free(p->json);
    return -1;
}

void pending_rows_free(struct notify *n)
{
    for (size_t i = 0; i < n->n_pending; i++) {
        mem_free(n->pending[i].field);
        mem_free(n->pending[i].json);
    }
    mem_free(n->pending);
    n->pending = NULL;
    n->n_pending = n->cap_pending = 0;
}

/* "412#17", "ops/webhook|412", "ops/webhook|412#17": what stands behind the last bar, and the lattice. */
static void read_numbers(const char *field, size_t len, struct pending_row *out)
{
    const char *bar = memrchr(field, '|', len), *from = bar ? bar + 1 : field;
    size_t left = len - (size_t)(from - field);
    const char *lattice = memchr(from, '#', left);

    out->incident = read_next(from, lattice ? (size_t)(lattice - from) : left);
    out->member =
        lattice ? (uint32_t)read_next(lattice + 1, left - (size_t)(lattice + 1 - from)) : 0;
}

bool notify_load(struct notify *n, struct store_table *t, const char *field, size_t field_len,
                 const char *value, size_t len)
{
    bool next = field_len == 4 && memcmp(field, "next", 4) == 0;
    /* of views, for as long as keep_for_later() copies them */
    struct pending_row row = {
        .field = (char *)(uintptr_t)field, .json = (char *)(uintptr_t)value, .len = len};
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
    } else if (t == n->groups && !memchr(field, '#', field_len)) {
        rc = restore_incident(n, value, len, &e);
    } else if (t == n->silences_table) {
        rc = restore_silence(n, value, len, &e);
    } else {
        read_numbers(field, field_len, &row);
        row.kind = t == n->groups ? ROW_ALERT : row.member ? ROW_OF_ENTRY : ROW_ENTRY;
        rc = keep_for_later(n, &row, field_len) ? err_set(&e, ERR_MEMORY, "no memory") : 0;
    }
    if (rc)
        log_error("a record in Redis cannot be read and is left out", "table",
                  t == n->groups   ? KEY_GROUPS
                  : t == n->ledger ? KEY_LEDGER
                                   : KEY_SILENCES,
                  "field", field, "error", e.text, NULL);
    return true;
}

/* Alerts of incidents, then entries, then what these know of the alerts; each by its numbers. */
static int by_kind_and_number(const void *a, const void *b)
{
    const struct pending_row *x = a, *y = b;

    if (x->kind != y->kind)
        return (int)x->kind - (int)y->kind;
    if (x->incident != y->incident)
        return x->incident < y->incident ? -1 : 1;
    return (x->member > y->member) - (x->member < y->member);
}

static struct entry *entry_of_row(const struct notify *n, const struct pending_row *p)
{
    const struct incident *inc = incident_by_number(n, p->incident);
    size_t len = (size_t)(strrchr(p->field, '#') - p->field);

    for (size_t i = 0; inc && i < inc->n_entries; i++)
        if (strlen(inc->entries[i]->field) == len &&
            memcmp(inc->entries[i]->field, p->field, len) == 0)
            return inc->entries[i];
    return NULL;
}

static int restore_pending(struct notify *n, const struct pending_row *p, struct err *e)
{
    struct entry *x;

    if (p->kind == ROW_ALERT)
        return restore_member(n, p->incident, p->json, p->len, e);
    if (p->kind == ROW_ENTRY)
        return restore_entry(n, p->json, p->len, e);
    x = entry_of_row(n, p);
    return x ? restore_row(x, p->member, p->json, p->len, e)
             : err_set(e, ERR_INPUT, "its entry is not there");
}

static void whole(struct incident *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i]->n_entries; k++)
            restored_entry(list[i]->entries[k]);
}

static void restore_rows(struct notify *n)
{
    if (n->n_pending > 0)
        qsort(n->pending, n->n_pending, sizeof *n->pending, by_kind_and_number);
    for (size_t i = 0; i < n->n_pending; i++) {
        const struct pending_row *p = &n->pending[i];
        struct err e = {0};

        if (restore_pending(n, p, &e) == 0)
            continue;
        log_error("a record in Redis cannot be read and is left out", "table",
                  p->kind == ROW_ALERT ? KEY_GROUPS : KEY_LEDGER, "field", p->field, "error",
                  e.text, NULL);
    }
    pending_rows_free(n);
    whole(n->open, n->n_open);
    whole(n->kept, n->n_kept);
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
    inhibit_alert(c->n, a, c->at_ms);
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
    restore_rows(n);
    assert(n->n_pending == 0 && !n->pending);
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
    n->book = book;
    if (book)
        compare(n, book, at_ms);
    notify_reroute(n, at_ms);
    for (size_t i = 0; i < n->n_open; i++)
        incident_mark(n, n->open[i]);
    holds_settle(n->holds, at_ms);
    notify_run(n);
}
