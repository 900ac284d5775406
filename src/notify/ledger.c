/* The ledger: lanes, and what each was told and is owed of an incident.
 * What was told is kept by member number and not by message (told.c), so that "what does it not know yet" is
 * a comparison which survives restarts, reloads and lost answers; dropped are queues of messages, which go
 * stale. Lanes outlive their configuration for as long as an entry names them. What a lane may claim stands in a heap of its own, the most severe and
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
#include "notify/told.h"

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
    mem_free(e->rows);
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
