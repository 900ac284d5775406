/* Deliver's side of the ledger: claims and their outcomes.
 * A message is planned again at the moment it is claimed: between due and claimed a silence may have begun.
 * What has become untrue is not sent, whatever made it due. The claim is stored before it is sent, so that a
 * death in between leaves "unknown" and not "never". The number of a message changes with its content alone:
 * a retry of the same content carries the same key, by which a receiver can tell that it has it. An unknown
 * fate is noted per alert: what may have been told is owed its end, what may be over is told again. */
#include "tocsin/notify.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "notify/desired.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notice.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/review.h"

#define RETRY_FOR_MS (INT64_C(60) * 60 * 1000) /* a temporary failure, then it is a dead letter */

static struct notice *claim(struct notify *n, struct entry *e, const struct plan *p, int64_t at_ms)
{
    struct notice *x;
    uint64_t seq = e->seq;

    assert(e->state != ENTRY_CLAIMED && p->due_ms != 0 && p->due_ms <= at_ms);
    if (e->digest != p->digest)
        e->uncertain = false;
    if (e->digest == 0 || e->digest != p->digest)
        e->seq++;
    x = notice_build(n, e, p, at_ms);
    if (!x) {
        e->seq = seq;
        return NULL;
    }
    for (size_t i = 0; i < p->n_items; i++)
        if (p->items[i].kind == ITEM_NEW && owed_put(e, p->items[i].m->n, p->due_ms))
            break;
    if (e->state == ENTRY_DEAD)
        e->attempts = 0;
    e->digest = p->digest;
    e->reason = p->reason;
    e->state = ENTRY_CLAIMED;
    e->claimed_ms = at_ms;
    ledger_set_due(n, e, false);
    x->degraded = n->degraded;
    ledger_store(n, e);
    assert(!e->due_at && e->claimed_ms == at_ms && e->seq > 0);
    return x;
}

struct notice *notify_claim(struct notify *n, const char *lane)
{
    struct lane *l = map_gets(n->lanes, lane);
    int64_t at_ms = notify_now(n);
    struct notice *x = NULL;
    struct entry *e;

    if (!n->started)
        return NULL;
    if (!n->behind) /* else the rest of the reviews has the next turn */
        notify_run(n);
    while (l && !x && l->n_due > 0) {
        struct item *items;
        struct plan p;

        e = l->due[0];
        if (e->due_ms > at_ms || e->incident->dirty_members) { /* reviewed, it is due again */
            ledger_set_due(n, e, false);
            incident_mark(n, e->incident);
            continue;
        }
        items = mem_alloc((e->incident->n_members + 1) * sizeof *items);
        if (!items)
            return NULL;
        plan_desired(e, at_ms, items, &p);
        if (p.due_ms == 0 || p.due_ms > at_ms) { /* nothing is to be said any more */
            ledger_set_due(n, e, false);
            incident_mark(n, e->incident);
        } else if (!(x = claim(n, e, &p, at_ms))) {
            mem_free(items);
            return NULL;
        }
        mem_free(items);
    }
    if (n->first_marked)
        notify_run_soon(n);
    return x;
}

/* --- outcomes ---------------------------------------------------------------------------------------- */

/* A message shows again what is as it was: nothing is to be noted of that. */
static bool is_known(const struct entry *e, const struct item_told *it)
{
    const struct told *t = told_find(e, it->n);
    const struct member *m = incident_member(e->incident, it->n);

    return it->kind == ITEM_STILL && t && m && !t->maybe_ended && t->priority == it->priority &&
           t->starts_ms == it->starts_ms && m->freed_ms <= t->told_ms;
}

static void delivered(struct notify *n, struct entry *e, const struct claim *c,
                      const struct outcome *o, int64_t at_ms)
{
    for (size_t i = 0; i < c->n_items; i++) {
        const struct item_told *it = &c->items[i];
        struct told t = {it->n, it->priority, it->starts_ms, e->claimed_ms, false};
        owed_remove(e, it->n);
        if (is_known(e, it))
            continue;
        if (it->kind >= ITEM_RESOLVED) {
            told_remove(e, it->n);
            n->stats.missed += it->kind == ITEM_MISSED;
        } else if (told_put(e, &t)) {
            log_error("no memory to note what was told: its end may not be told", "lane",
                      e->lane->name, NULL);
        }
    }
    if (e->first_ms == 0)
        e->first_ms = at_ms;
    e->last_ms = at_ms;
    e->sent_ms = e->claimed_ms;
    e->told_ack_ms = c->ack_ms;
    e->digest = e->dead_digest = 0;
    e->since_ms = e->not_before_ms = e->dead_ms = 0;
    e->attempts = 0;
    e->uncertain = e->fell_back = false;
    e->state = ENTRY_IDLE;
    member_text(&e->error, o->error, ERROR_MAX);
    n->stats.delivered++;
    assert(e->first_ms != 0 && e->sent_ms == e->claimed_ms && e->attempts == 0);
}

static void dead(struct notify *n, struct entry *e, const char *why, int64_t at_ms)
{
    struct buf text = BUF_INIT;

    assert(e->state == ENTRY_RETRYING);
    ledger_fall_back(n, e, at_ms);
    e->state = ENTRY_DEAD;
    e->dead_ms = at_ms;
    e->dead_digest = e->digest;
    e->not_before_ms = 0;
    buf_addf(&text, "%s: %s: %s", e->lane->name, why, e->error ? e->error : "");
    notify_audit(n, at_ms, "tocsin", "dead letter", e->incident->number, buf_str(&text));
    log_error("a message could not be delivered", "lane", e->lane->name, "error", buf_str(&text),
              NULL);
    buf_free(&text);
}

/* What was new in an attempt of unknown fate may be known there: its end is owed. What had ended
 * may be over there. */
static void may_be_told(struct entry *e, const struct claim *c)
{
    for (size_t i = 0; i < c->n_items; i++) {
        const struct item_told *it = &c->items[i];
        struct told *t = told_find(e, it->n);
        if (it->kind == ITEM_NEW && owed_put(e, it->n, e->claimed_ms) == 0)
            owed_may_be_told(e, it->n);
        if (it->kind >= ITEM_RESOLVED && t)
            told_may_be_ended(e, it->n);
    }
}

static void failed(struct notify *n, struct entry *e, const struct claim *c,
                   const struct outcome *o, int64_t at_ms)
{
    e->state = ENTRY_RETRYING;
    e->not_before_ms = o->retry_ms ? o->retry_ms : at_ms + RETRY_DEFAULT_MS;
    if (o->kind == OUTCOME_RETURNED)
        return;
    e->attempts++;
    member_text(&e->error, o->error, ERROR_MAX);
    n->stats.failed++;
    if (o->kind == OUTCOME_UNKNOWN) {
        e->uncertain = true;
        may_be_told(e, c);
        n->stats.unknown++;
    }
    if (o->kind == OUTCOME_PERMANENT)
        dead(n, e, "refused", at_ms);
    else if (e->since_ms && at_ms - e->since_ms >= RETRY_FOR_MS)
        dead(n, e, "gave up", at_ms);
}

void notify_commit(struct notify *n, struct notice *x, const struct outcome *o)
{
    struct claim *c = x->memory;
    struct entry *e = c->entry;
    int64_t at_ms = notify_now(n);

    assert(e && e->state == ENTRY_CLAIMED && c->notify == n);
    if (o->data)
        member_text(&e->data, o->data, DATA_MAX);
    if (o->kind == OUTCOME_DELIVERED)
        delivered(n, e, c, o, at_ms);
    else
        failed(n, e, c, o, at_ms);
    e->dirty = true;
    assert(e->state == ENTRY_IDLE || e->state == ENTRY_RETRYING || e->state == ENTRY_DEAD);
    ledger_store(n, e);
    incident_mark(n, e->incident);
    notify_notice_free(x);
    notify_run_soon(n);
}
