/* Acknowledgements, and deliveries tried again or dropped by hand. */
#include "tocsin/notify.h"

#include <assert.h>
#include <string.h>

#include "notify/desired.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/scope.h"

#define ACK_MAX_MS (30 * DAY_MS)

static void touched(struct notify *n, struct incident *inc)
{
    inc->dirty = true;
    incident_store(n, inc); /* an answer waits for it */
    inc->dirty = true;      /* and pages hear of it with the review */
    incident_mark(n, inc);
    notify_run_soon(n);
}

int notify_ack(struct notify *n, uint64_t incident, int64_t for_ms, const char *note,
               const struct actor *a, struct err *e)
{
    struct incident *inc = actor_incident(n, incident, a, false, e);
    int64_t at_ms = notify_now(n);
    struct buf text = BUF_INIT;

    if (!inc)
        return -1;
    if (inc->ended_ms != 0)
        return err_set(e, ERR_REFUSED, "incident #%llu is resolved", (unsigned long long)incident);
    if (for_ms < 0 || for_ms > ACK_MAX_MS)
        return err_set(e, ERR_INPUT, "an acknowledgement lasts at most 30 days");
    inc->ack_ms = at_ms;
    inc->ack_until_ms = for_ms ? at_ms + for_ms : 0;
    member_text(&inc->ack_who, a->who, 128);
    member_text(&inc->ack_note, note, 1024);
    member_text(&inc->ack_origin, a->origin, 64);
    if (for_ms) {
        buf_adds(&text, "for ");
        text_duration(&text, for_ms);
    }
    if (note && note[0])
        buf_addf(&text, "%s%.200s", text.len ? ": " : "", note);
    assert(incident_acked(inc, at_ms));
    notify_audit(n, at_ms, a->who, "acknowledged", incident, buf_str(&text));
    buf_free(&text);
    touched(n, inc);
    return 0;
}

int notify_release(struct notify *n, uint64_t incident, const struct actor *a, struct err *e)
{
    struct incident *inc = actor_incident(n, incident, a, false, e);

    if (!inc)
        return -1;
    if (inc->ack_ms == 0)
        return err_set(e, ERR_REFUSED, "nobody has acknowledged incident #%llu",
                       (unsigned long long)incident);
    inc->ack_ms = inc->ack_until_ms = 0;
    inc->unacked_ms = notify_now(n);
    assert(!incident_acked(inc, inc->unacked_ms));
    notify_audit(n, notify_now(n), a ? a->who : "", "released", incident, "");
    touched(n, inc);
    return 0;
}

static struct entry *entry_of(const struct notify *n, uint64_t incident, const char *lane,
                              const struct actor *a, struct err *e)
{
    struct incident *inc = actor_incident(n, incident, a, true, e);
    const struct lane *l = map_gets(n->lanes, lane);
    struct entry *x = inc && l ? ledger_find(inc, l) : NULL;

    if (inc && !x)
        err_set(e, ERR_INPUT, "#%llu has nothing for %s", (unsigned long long)incident, lane);
    if (x && x->state == ENTRY_CLAIMED) {
        err_set(e, ERR_BUSY, "it is being sent right now");
        return NULL;
    }
    return x;
}

int notify_retry(struct notify *n, uint64_t incident, const char *lane, const struct actor *a,
                 struct err *e)
{
    struct entry *x = entry_of(n, incident, lane, a, e);

    if (!x)
        return -1;
    if (x->state != ENTRY_DEAD && x->since_ms == 0)
        return err_set(e, ERR_REFUSED, "nothing waits there");
    x->state = ENTRY_IDLE;
    x->not_before_ms = x->dead_ms = 0;
    x->dead_digest = 0;
    x->attempts = 0;
    x->since_ms = 0;
    x->dirty = true;
    notify_audit(n, notify_now(n), a ? a->who : "", "delivery retried", incident, lane);
    incident_mark(n, x->incident);
    notify_run_soon(n);
    return 0;
}

int notify_drop(struct notify *n, uint64_t incident, const char *lane, const struct actor *a,
                struct err *e)
{
    struct entry *x = entry_of(n, incident, lane, a, e);
    int64_t at_ms = notify_now(n);
    struct plan p;

    if (!x)
        return -1;
    while (x->n_owed > 0)
        ledger_expire(n, x, x->owed[x->n_owed - 1].n, "dropped by hand", at_ms);
    for (size_t i = x->n_told; i-- > 0;) { /* ends that are owed go as well */
        const struct member *m = incident_member(x->incident, x->told[i].n);
        if (!m || !m->firing)
            ledger_expire(n, x, x->told[i].n, "dropped by hand", at_ms);
    }
    /* what still fires is told again only when it changes, or with the next reminder */
    plan_desired(x, at_ms, NULL, &p);
    x->dead_digest = p.digest;
    x->dead_ms = at_ms;
    x->state = x->incident->ended_ms == 0 ? ENTRY_DEAD : ENTRY_IDLE;
    x->since_ms = x->not_before_ms = 0;
    x->attempts = 0;
    x->dirty = true;
    notify_audit(n, at_ms, a ? a->who : "", "delivery dropped", incident, lane);
    incident_mark(n, x->incident);
    notify_run_soon(n);
    return 0;
}
