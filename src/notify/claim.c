/* Deliver's side of the ledger: claims and their outcomes.
 * A message is planned again at the moment it is claimed: between due and claimed a silence may have begun.
 * What has become untrue is not sent, whatever made it due. The claim is stored before it is sent, so that a
 * death in between leaves "unknown" and not "never". The number of a message changes with its content alone:
 * a retry of the same content carries the same key, by which a receiver can tell that it has it. An unknown
 * fate is noted per alert: what may have been told is owed its end, what may be over is told again.
 * A turn claims for some milliseconds, counted in alerts, and lanes that are left begin the next. What a
 * message of thousands changes in the ledger is noted at once in memory and written by slices, the entry's own
 * row last: until then the next start finds a claim of unknown fate, as if the answer had not come. */
#include "tocsin/notify.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "notify/desired.h"
#include "notify/holds.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notice.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/review.h"
#include "notify/told.h"

#define MEMBERS_A_CLAIM 50 /* so many are planned and made a notice of in the time of a row */
#define RETRY_FOR_MS    (INT64_C(60) * 60 * 1000) /* a temporary failure, then it is a dead letter */

static void put_aside(struct notify *n, struct entry *e)
{
    ledger_set_due(n, e, false);
    incident_mark(n, e->incident);
}

static struct notice *claim(struct notify *n, struct entry *e, const struct plan *p, int64_t at_ms)
{
    struct notice *x;
    uint64_t seq = e->seq;

    n->claims -= 1 + (int)(e->incident->n_members / MEMBERS_A_CLAIM);
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
    if (e->state == ENTRY_DEAD)
        e->attempts = 0;
    e->digest = p->digest;
    e->reason = p->reason;
    e->state = ENTRY_CLAIMED;
    e->claimed_ms = at_ms;
    ledger_set_due(n, e, false);
    e->dirty = true;
    x->degraded = n->degraded;
    if (!entries_store(n, e->incident))
        log_error("a claim could not be written for lack of memory", "lane", e->lane->name, NULL);
    assert(!e->due_at && e->claimed_ms == at_ms && e->seq > 0);
    return x;
}

/* The first that is due there, if it may be claimed as things are; else it is reviewed before, and due again. */
static struct notice *claim_first(struct notify *n, struct lane *l, int64_t at_ms)
{
    struct entry *e = l->due[0];
    struct notice *x = NULL;
    struct item *items;
    struct plan p;

    if (e->due_ms > at_ms || !holds_refresh(n, e->incident, at_ms) ||
        incident_is_behind(e->incident)) {
        put_aside(n, e);
        return NULL;
    }
    items = mem_alloc((e->incident->n_members + 1) * sizeof *items);
    if (!items)
        return NULL;
    plan_desired(e, at_ms, items, &p);
    if (p.due_ms == 0 || p.due_ms > at_ms) /* nothing is to be said any more */
        put_aside(n, e);
    else if (owed_put_new(e, items, p.n_items, p.due_ms) || e->rows_dirty ||
             e->n_rows > ENTRIES_ROWS_AT_LEAST)
        put_aside(n, e); /* so many joined just now: their rows have turns of their own */
    else
        x = claim(n, e, &p, at_ms);
    mem_free(items);
    return x;
}

struct notice *notify_claim(struct notify *n, const char *lane)
{
    struct lane *l = map_gets(n->lanes, lane);
    int64_t at_ms = notify_now(n);
    struct notice *x = NULL;

    if (!n->started || !l)
        return NULL;
    if (!n->o.loop)
        notify_run(n);
    while (!x && l->n_due > 0 && notify_may_claim(n, l, at_ms)) {
        const struct entry *first = l->due[0];

        x = claim_first(n, l, at_ms);
        if (!x && l->n_due > 0 && l->due[0] == first)
            break; /* no memory */
    }
    if (n->first_marked)
        notify_run_soon(n);
    return x;
}

/* --- outcomes ---------------------------------------------------------------------------------------- */

static void delivered(struct notify *n, struct entry *e, const struct claim *c,
                      const struct outcome *o, int64_t at_ms)
{
    for (size_t i = 0; i < c->n_items; i++)
        n->stats.missed += c->items[i].kind == ITEM_MISSED;
    if (told_delivered(e, c->items, c->n_items, e->claimed_ms))
        log_error("no memory to note what was told: its end may not be told", "lane", e->lane->name,
                  NULL);
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
    (void)entries_store(n, e->incident); /* the rest has the turns of the review */
    incident_mark(n, e->incident);
    notify_notice_free(x);
    notify_run_soon(n);
}
