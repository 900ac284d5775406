/* The ledger: lanes, and what each was told and is owed of an incident.
 * What was told is kept by member number and not by message, so that "what does it not know yet" is a
 * comparison which survives restarts, reloads and lost answers; dropped are queues of messages, which go
 * stale. Each change of told or owed writes its own row, whoever makes it. Lanes outlive their configuration
 * for as long as an entry names them. What a lane may claim stands in a heap of its own, the most severe and
 * the longest waiting first: 20,000 due messages cost the claim of one no more than their logarithm. */
#include "notify/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/keys.h"
#include "base/mem.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/record.h"

const char *const entry_state_names[] = {"idle", "waiting", "due", "claimed", "retrying", "dead"};

/* --- lanes ---------------------------------------------------------------------------------------- */

void lane_free(struct lane *l)
{
    if (!l)
        return;
    assert(l->n_due == 0); /* who is due there holds it */
    mem_free(l->name);
    mem_free(l->receiver);
    mem_free(l->channel);
    mem_free(l->due);
    mem_free(l);
}

/* "ops/webhook:2": the second webhook of receiver ops. A receiver's name may hold a slash, a
 * channel's type may not. */
struct lane *lane_get(struct notify *n, const char *name)
{
    struct lane *l = map_gets(n->lanes, name);
    const char *slash = strrchr(name, '/'), *colon;

    if (l || !slash)
        return l;
    l = mem_zalloc(sizeof *l);
    if (!l)
        return NULL;
    colon = strchr(slash, ':');
    l->name = mem_strdup(name);
    l->receiver = mem_dup(name, (size_t)(slash - name));
    l->notify = n;
    l->channel = mem_dup(slash + 1, colon ? (size_t)(colon - slash - 1) : strlen(slash + 1));
    if (l->name && l->receiver && l->channel && map_puts(n->lanes, name, l, NULL) == 0)
        return l;
    lane_free(l);
    return NULL;
}

static int lane_bind(struct notify *n, const struct config_receiver *r, size_t index)
{
    const char *type = channel_table[r->channels[index].type]->name;
    struct buf name = BUF_INIT;
    struct lane *l = NULL;
    size_t before = 1;

    for (size_t i = 0; i < index; i++)
        before += r->channels[i].type == r->channels[index].type;
    buf_addf(&name, "%s/%s", r->name, type);
    if (before > 1)
        buf_addf(&name, ":%zu", before);
    if (buf_ok(&name))
        l = lane_get(n, name.data);
    buf_free(&name);
    if (!l)
        return -1;
    l->config = r;
    l->options = &r->channels[index];
    l->index = index;
    l->tells = n->o.tells ? n->o.tells(type) : TELLS_CHANGES;
    return 0;
}

int lanes_configure(struct notify *n)
{
    struct lane *l;
    int rc = 0;

    for (size_t at = 0; (l = map_next(n->lanes, &at, NULL, NULL));) {
        l->config = NULL;
        l->options = NULL;
    }
    for (size_t i = 0; n->config && i < n->config->n_receivers; i++)
        for (size_t k = 0; k < n->config->receivers[i].n_channels; k++)
            if (lane_bind(n, &n->config->receivers[i], k))
                rc = -1;
    return rc;
}

/* --- entries -------------------------------------------------------------------------------------- */

struct entry *ledger_find(const struct incident *inc, const struct lane *lane)
{
    for (size_t i = 0; i < inc->n_entries; i++)
        if (inc->entries[i]->lane == lane)
            return inc->entries[i];
    return NULL;
}

struct entry *ledger_get(struct incident *inc, struct lane *lane)
{
    struct entry *e = ledger_find(inc, lane);
    struct buf field = BUF_INIT;

    if (e)
        return e;
    if (mem_grow((void **)&inc->entries, &inc->cap_entries, inc->n_entries + 1,
                 sizeof(struct entry *)))
        return NULL;
    e = mem_zalloc(sizeof *e);
    if (!e)
        return NULL;
    buf_addf(&field, "%s|%llu", lane->name, (unsigned long long)inc->number);
    if (field.len >= ENTRY_FIELD_MAX) /* no name of the configuration is so long */
        buf_free(&field);
    else
        e->field = buf_take(&field, NULL);
    if (!e->field) {
        mem_free(e);
        return NULL;
    }
    e->incident = inc;
    e->lane = lane;
    inc->entries[inc->n_entries++] = e;
    inc->dirty = true; /* it names its receivers */
    return e;
}

void ledger_release(struct entry *e)
{
    assert(!e->due_at);
    mem_free(e->field);
    mem_free(e->told);
    mem_free(e->owed);
    mem_free(e->fallback_for);
    mem_free(e->error);
    mem_free(e->data);
    mem_free(e);
}

void ledger_drop(struct notify *n, struct entry *e)
{
    struct incident *inc = e->incident;

    assert(e->state != ENTRY_CLAIMED); /* its outcome is still to come */
    ledger_set_due(n, e, false);
    e->due_ms = 0;
    ledger_mirror(n, e);
    for (size_t i = 0; i < inc->n_entries; i++)
        if (inc->entries[i] == e) {
            inc->entries[i] = inc->entries[--inc->n_entries];
            break;
        }
    inc->dirty = true;
    ledger_unstore(n, e);
    ledger_release(e);
}

/* Both lists are sorted by the member's number, so that a storm of thousands stays quick. */
static int by_n(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

struct told *told_find(const struct entry *e, uint32_t n)
{
    return e->n_told ? bsearch(&n, e->told, e->n_told, sizeof *e->told, by_n) : NULL;
}

struct owed *owed_find(const struct entry *e, uint32_t n)
{
    return e->n_owed ? bsearch(&n, e->owed, e->n_owed, sizeof *e->owed, by_n) : NULL;
}

/* Where a number that is not in the list goes. */
static size_t place(const void *list, size_t count, size_t size, uint32_t n)
{
    size_t i = count;

    while (i > 0 && *(const uint32_t *)((const char *)list + (i - 1) * size) > n)
        i--;
    return i;
}

int told_put(struct entry *e, const struct told *t)
{
    struct told *old = told_find(e, t->n);
    size_t i;

    if (old) {
        *old = *t;
        ledger_store_row(e, t->n);
        return 0;
    }
    e->dirty = e->dirty || e->n_told + e->n_owed == 0; /* rows are nothing without the entry's */
    if (mem_grow((void **)&e->told, &e->cap_told, e->n_told + 1, sizeof *e->told))
        return -1;
    i = place(e->told, e->n_told, sizeof *e->told, t->n);
    memmove(e->told + i + 1, e->told + i, (e->n_told - i) * sizeof *e->told);
    e->told[i] = *t;
    e->n_told++;
    assert(i == 0 || e->told[i - 1].n < t->n);
    assert(i + 1 == e->n_told || t->n < e->told[i + 1].n);
    ledger_store_row(e, t->n);
    return 0;
}

void told_remove(struct entry *e, uint32_t n)
{
    struct told *t = told_find(e, n);

    if (!t)
        return;
    e->n_told--;
    memmove(t, t + 1, (size_t)(e->told + e->n_told - t) * sizeof *t);
    ledger_store_row(e, n);
}

int owed_put(struct entry *e, uint32_t n, int64_t due_ms)
{
    size_t i;

    if (owed_find(e, n))
        return 0;
    e->dirty = e->dirty || e->n_told + e->n_owed == 0;
    if (mem_grow((void **)&e->owed, &e->cap_owed, e->n_owed + 1, sizeof *e->owed))
        return -1;
    i = place(e->owed, e->n_owed, sizeof *e->owed, n);
    memmove(e->owed + i + 1, e->owed + i, (e->n_owed - i) * sizeof *e->owed);
    e->owed[i] = (struct owed){.n = n, .due_ms = due_ms};
    e->n_owed++;
    assert(i == 0 || e->owed[i - 1].n < n);
    assert(i + 1 == e->n_owed || n < e->owed[i + 1].n);
    ledger_store_row(e, n);
    return 0;
}

void owed_remove(struct entry *e, uint32_t n)
{
    struct owed *o = owed_find(e, n);

    if (!o)
        return;
    e->n_owed--;
    memmove(o, o + 1, (size_t)(e->owed + e->n_owed - o) * sizeof *o);
    ledger_store_row(e, n);
}

void owed_may_be_told(struct entry *e, uint32_t n)
{
    struct owed *o = owed_find(e, n);

    assert(o);
    o->maybe = true;
    ledger_store_row(e, n);
}

void told_may_be_ended(struct entry *e, uint32_t n)
{
    struct told *t = told_find(e, n);

    assert(t);
    t->maybe_ended = true;
    ledger_store_row(e, n);
}

bool ledger_settled(const struct entry *e)
{
    return e->n_told == 0 && e->n_owed == 0 && e->state != ENTRY_CLAIMED;
}

void ledger_expire(struct notify *n, struct entry *e, uint32_t member, const char *why,
                   int64_t at_ms)
{
    const struct member *m = incident_member(e->incident, member);
    struct buf text = BUF_INIT;

    buf_addf(&text, "%s: not told of %s: %s", e->lane->name, m ? m->key : "an alert", why);
    notify_audit(n, at_ms, "tocsin", "expired", e->incident->number, buf_str(&text));
    buf_free(&text);
    n->stats.expired++;
    owed_remove(e, member);
    told_remove(e, member);
    assert(!owed_find(e, member) && !told_find(e, member));
}

/* --- what is due ----------------------------------------------------------------------------------- */

/* The heap of a lane: the most severe incident first, then the one that waits longest, then the oldest. */
static bool is_sooner(const struct entry *a, const struct entry *b)
{
    if (a->due_priority != b->due_priority)
        return a->due_priority < b->due_priority;
    if (a->due_since_ms != b->due_since_ms)
        return a->due_since_ms < b->due_since_ms;
    return a->incident->number < b->incident->number;
}

static void due_place(struct lane *l, size_t i, struct entry *e)
{
    l->due[i] = e;
    e->due_at = i + 1;
}

static void due_sift(struct lane *l, size_t i, struct entry *e)
{
    for (; i > 0 && is_sooner(e, l->due[(i - 1) / 2]); i = (i - 1) / 2)
        due_place(l, i, l->due[(i - 1) / 2]);
    for (size_t c; (c = 2 * i + 1) < l->n_due; i = c) {
        c += c + 1 < l->n_due && is_sooner(l->due[c + 1], l->due[c]);
        if (!is_sooner(l->due[c], e))
            break;
        due_place(l, i, l->due[c]);
    }
    due_place(l, i, e);
}

static void due_remove(struct entry *e)
{
    struct lane *l = e->lane;
    size_t i = e->due_at - 1;
    struct entry *last = l->due[--l->n_due];

    assert(l->due[i] == e || last == e);
    e->due_at = 0;
    if (last != e)
        due_sift(l, i, last);
}

void ledger_set_due(struct notify *n, struct entry *e, bool due)
{
    struct lane *l = e->lane;

    e->due_priority = due || !e->due_at ? e->incident->priority : e->due_priority;
    e->due_since_ms = due || !e->due_at ? e->since_ms : e->due_since_ms;
    if (due && e->due_at) {
        due_sift(l, e->due_at - 1, e);
    } else if (due) {
        if (mem_grow((void **)&l->due, &l->cap_due, l->n_due + 1, sizeof *l->due)) {
            incident_mark(n, e->incident); /* once more when there is memory */
            return;
        }
        l->told_due = true;
        l->n_due++;
        due_sift(l, l->n_due - 1, e);
    } else if (e->due_at) {
        due_remove(e);
    }
    assert(due == (e->due_at != 0));
}

/* The sorted set in Redis is for people and other workers: it follows, it decides nothing. */
void ledger_mirror(struct notify *n, struct entry *e)
{
    if (!n->o.store || e->mirrored_ms == e->due_ms)
        return;
    if (e->due_ms)
        store_zadd(n->o.store, KEY_DUE, e->field, e->due_ms);
    else
        store_zrem(n->o.store, KEY_DUE, e->field);
    e->mirrored_ms = e->due_ms;
}
