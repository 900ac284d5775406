/* What a lane should be told, and when: the one place where that is decided. Pure.
 *
 * Each alert of the incident is compared with what the lane was told of it:
 *
 *                      told firing                  not told
 *   on, not held       STILL RAISED LOWERED FREED   NEW
 *   on, held           nothing                      nothing
 *   (also by calendars of the route that leads here)
 *   ended              RESOLVED (through any hold)  MISSED when its firing was owed, else nothing
 *   routed elsewhere   MOVED                        nothing
 *
 * Who may have been told, by an attempt whose fate nobody knows, is told the end in every case;
 * who may have been told the end is told anew when it is on again.
 *
 * Every difference has an instant at which it may go out; the earliest makes the plan due, and
 * the message then carries all of them. Cost: all members twice, 50 ns each: they, what was told and what is
 * owed stand in the same order and are walked beside each other. Dropped: counts that every change would have
 * to keep right; a plan that is made anew is right whatever was missed. */
#include "notify/desired.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/route.h"
#include "notify/told.h"

#define INTERVAL_DEFAULT_MS 60000
#define OPEN_STEPS          16 /* changes of calendars that are looked back over */

static const struct config_route *route_to(const struct member *m, const struct lane *lane)
{
    for (size_t i = 0; i < m->n_routes; i++)
        if (route_reaches(m->routes[i], lane))
            return m->routes[i];
    return NULL;
}

/* A fallback gets what others fail to deliver, and the rest of what it was told in their place. */
static const struct config_route *ledger_route(const struct entry *e, const struct member *m)
{
    const struct config_route *r = route_to(m, e->lane);
    bool known;

    if (r || !e->fallback_for)
        return r;
    known = told_find(e, m->n) || owed_find(e, m->n);
    for (size_t i = 0; i < e->incident->n_entries && !r; i++) {
        const struct entry *o = e->incident->entries[i];
        if (!o->lane->config || o->lane->config->fallback != e->lane->config)
            continue;
        if (known || o->fell_back)
            r = route_to(m, o->lane);
    }
    return r;
}

bool ledger_routes(const struct entry *e, const struct member *m)
{
    return ledger_route(e, m) != NULL;
}

/* The state of one computation. */
struct view {
    const struct entry *e;
    int64_t at_ms;
    struct item *items;
    struct plan *p;
    bool acked, resolves;
    bool any_on;   /* something is on for it and not held, told or not */
    int top_known; /* most severe that it was told of and that is on and not held */
    int64_t interval_ms, repeat_ms;
    int top_told;         /* most severe that it was told of and that is still on */
    int top_new;          /* of those that are not told */
    int top_ended;        /* told, of those that are over */
    int64_t first_new_ms; /* the earliest of them */
    const struct config_route *new_route;
    int64_t visible_ms; /* since then something it was told of is on and not held */
    bool first, any_told, any_visible_told;
    const struct config_route *asked_route; /* of `mute` */
    struct route_mute mute;
    int64_t
        open_ms; /* it is not muted since then, but was before; 0: not known to have been; -1: not asked yet */
    const char *open_by;
    bool failed;                           /* no memory to ask a calendar */
    unsigned kinds;                        /* bit per item_kind, of what is a reason to send */
    size_t at_told, at_owed;               /* where the walk is in the lists of the entry */
    const struct config_route *last_route; /* thousands of one route: asked once */
    bool last_reaches;
};

static const struct config_route *route_of(struct view *v, const struct member *m)
{
    for (size_t i = 0; i < m->n_routes; i++) {
        const struct config_route *r = m->routes[i];
        if (r != v->last_route) {
            v->last_route = r;
            v->last_reaches = route_reaches(r, v->e->lane);
        }
        if (v->last_reaches)
            return r;
    }
    return v->e->fallback_for ? ledger_route(v->e, m) : NULL;
}

static void due_at(struct plan *p, int64_t at_ms)
{
    if (p->due_ms == 0 || at_ms < p->due_ms)
        p->due_ms = at_ms > 0 ? at_ms : 1;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* With the other changes: at the next group interval, at once when that has passed. */
static int64_t batched(const struct view *v, int64_t changed_ms)
{
    return v->e->sent_ms == 0 ? changed_ms : later(changed_ms, v->e->sent_ms + v->interval_ms);
}

static void add_item(struct view *v, struct member *m, enum item_kind kind, int told_priority)
{
    struct {
        uint32_t n, firing;
        int64_t starts_ms;
        int64_t priority;
    } content = {m->n, kind < ITEM_RESOLVED, m->starts_ms, m->priority};

    if (v->items)
        v->items[v->p->n_items] = (struct item){m, kind, told_priority};
    v->p->n_items++;
    v->p->n_firing += kind < ITEM_RESOLVED;
    v->p->digest = hash_fnv1a(v->p->digest, &content, sizeof content);
    if (kind < ITEM_RESOLVED && (v->p->priority == 0 || m->priority < v->p->priority))
        v->p->priority = m->priority;
    if (kind >= ITEM_RESOLVED) {
        int known = m->worst ? m->worst : told_priority ? told_priority : m->priority;
        if (v->top_ended == 0 || known < v->top_ended)
            v->top_ended = known;
    }
}

static void is_reason(struct view *v, enum item_kind kind, int64_t due_ms)
{
    v->kinds |= 1u << kind;
    due_at(v->p, due_ms);
}

/* Whether it is told of something of that priority that it does not know yet, or waits for a
 * message about something else, at the latest the reminder. */
static bool tells_now(const struct view *v, int priority)
{
    return v->e->lane->tells != TELLS_WORSE || v->acked || v->top_known == 0 ||
           priority < v->top_known;
}

/* What is over is part of the next message; a reason for one when nothing is on any more. */
static bool tells_ends(const struct view *v)
{
    return v->e->lane->tells != TELLS_WORSE || !v->any_on;
}

/* Do calendars of its route hold messages of it now? Out of memory nothing is decided: the plan is made again soon. */
static bool is_muted(struct view *v, const struct config_route *r)
{
    if (r->n_active + r->n_mute == 0)
        return false;
    if (r != v->asked_route) {
        v->asked_route = r;
        v->open_ms = -1;
        v->failed = v->failed || route_mute(r, v->at_ms, &v->mute);
    }
    return v->mute.muted || v->failed;
}

static void note_mute(struct view *v)
{
    struct plan *p = v->p;

    if (v->failed || (p->muted && p->muted_until_ms <= v->mute.until_ms))
        return;
    p->muted = true;
    p->muted_by = v->mute.by;
    p->muted_until_ms = v->mute.until_ms;
}

/* When calendars of its route last stopped holding messages back, into v->open_ms; 0: not within OPEN_STEPS changes. */
static void find_open(struct view *v, const struct config_route *r)
{
    struct route_mute m = v->mute;
    int64_t at_ms = v->at_ms;

    v->open_ms = 0;
    for (int i = 0; i < OPEN_STEPS && !m.muted && m.from_ms > 0; i++) {
        at_ms = m.from_ms - 1;
        if (route_mute(r, at_ms, &m))
            return;
    }
    if (!m.muted)
        return;
    v->open_ms = m.until_ms;
    v->open_by = m.by;
    assert(v->open_ms <= v->at_ms);
}

/* What was due while calendars of its route held it back is due since they do not. It is not muted now. */
static int64_t open_for(struct view *v, const struct config_route *r, int64_t due_ms)
{
    if (r->n_active + r->n_mute == 0 || r != v->asked_route || due_ms >= v->mute.from_ms)
        return due_ms;
    if (v->open_ms < 0)
        find_open(v, r);
    return later(due_ms, v->open_ms);
}

/* It came while calendars of its route held messages back: it goes out since they do not any more. */
static bool came_muted(struct view *v, const struct member *m, const struct config_route *r)
{
    int64_t open_ms = open_for(v, r, m->visible_ms);

    if (open_ms == m->visible_ms)
        return false;
    v->p->freed_by = v->open_by;
    v->p->freed_by_hours = true;
    is_reason(v, ITEM_FREED, open_ms);
    return true;
}

static void look_new(struct view *v, struct member *m, const struct config_route *r)
{
    add_item(v, m, ITEM_NEW, 0);
    if (m->freed_ms != 0 && m->freed_ms == m->visible_ms) {
        v->p->freed_by = m->freed_by;
        is_reason(v, ITEM_FREED, m->freed_ms);
        return;
    }
    if (came_muted(v, m, r))
        return;
    if (!v->first && !tells_now(v, m->priority)) {
        v->p->n_later++;
        return;
    }
    v->kinds |= 1u << ITEM_NEW;
    if (v->first) { /* the group wait is that of the most severe: known at the end */
        if (v->first_new_ms == 0 || m->visible_ms < v->first_new_ms)
            v->first_new_ms = m->visible_ms;
        if (v->top_new == 0 || m->priority < v->top_new)
            v->top_new = m->priority;
        v->new_route = r;
        return;
    }
    if (v->top_told != 0 && m->priority < v->top_told)
        due_at(v->p, m->visible_ms + route_wait(r, m->priority));
    due_at(v->p, batched(v, m->visible_ms));
}

static void look_told(struct view *v, struct member *m, const struct told *t,
                      const struct config_route *r)
{
    int64_t open_ms;

    v->any_visible_told = true;
    open_ms = open_for(v, r, m->visible_ms);
    if (v->visible_ms == 0 || open_ms < v->visible_ms)
        v->visible_ms = open_ms;
    if (m->priority < t->priority) {
        add_item(v, m, ITEM_RAISED, t->priority);
        if (!tells_now(v, m->priority)) {
            v->p->n_later++;
            return;
        }
        if (m->priority < v->top_told)
            is_reason(v, ITEM_RAISED, open_for(v, r, m->raised_ms + route_wait(r, m->priority)));
        is_reason(v, ITEM_RAISED, open_for(v, r, batched(v, m->raised_ms)));
    } else if (m->freed_ms > t->told_ms && !v->acked) {
        add_item(v, m, ITEM_FREED, t->priority);
        v->p->freed_by = m->freed_by;
        is_reason(v, ITEM_FREED, m->freed_ms);
    } else if (m->priority > t->priority) {
        add_item(v, m, ITEM_LOWERED, t->priority);
        if (v->e->lane->tells == TELLS_ALL)
            is_reason(v, ITEM_LOWERED, batched(v, m->raised_ms));
    } else {
        add_item(v, m, ITEM_STILL, t->priority);
    }
}

static void look_ended(struct view *v, struct member *m, const struct told *t, const struct owed *o)
{
    if (t) {
        if (!v->resolves)
            return;
        add_item(v, m, m->moved ? ITEM_MOVED : ITEM_RESOLVED, t->priority);
        if (!tells_ends(v))
            v->p->n_later++;
        else
            is_reason(v, m->moved ? ITEM_MOVED : ITEM_RESOLVED, batched(v, m->ends_ms));
    } else if (o && ((m->hold == HOLD_NONE && !m->moved) || (o->maybe && v->resolves))) {
        add_item(v, m, ITEM_MISSED, 0);
        is_reason(v, ITEM_MISSED, o->due_ms);
    }
}

static void look(struct view *v, struct member *m)
{
    const struct entry *e = v->e;
    const struct told *t = told_next(e, &v->at_told, m->n);
    const struct owed *o = owed_next(e, &v->at_owed, m->n);
    const struct config_route *r = route_of(v, m);

    v->any_told = v->any_told || (t && m->firing);
    if (!m->firing) {
        look_ended(v, m, t, o);
        return;
    }
    if (!r) {
        if ((!t && !(o && o->maybe)) || !v->resolves)
            return;
        add_item(v, m, ITEM_MOVED, t ? t->priority : m->priority);
        if (!tells_ends(v))
            v->p->n_later++;
        else
            is_reason(v, ITEM_MOVED, batched(v, m->routed_ms));
        return;
    }
    if (m->hold != HOLD_NONE) {
        v->p->n_held++;
        v->p->firing = v->p->firing || t;
        return;
    }
    if (is_muted(v, r)) {
        v->p->n_held++;
        v->p->firing = v->p->firing || t;
        note_mute(v);
        return;
    }
    v->p->firing = true;
    if (v->repeat_ms == 0 || r->repeat_interval_ms < v->repeat_ms)
        v->repeat_ms = r->repeat_interval_ms;
    if (t && !t->maybe_ended)
        look_told(v, m, t, r);
    else
        look_new(v, m, r);
}

static enum notice_reason reason_of(const struct view *v)
{
    static const struct {
        unsigned kinds;
        enum notice_reason reason;
    } order[] = {
        {1u << ITEM_FREED, REASON_SILENCE_ENDED},
        {1u << ITEM_RAISED, REASON_RAISED},
        {1u << ITEM_NEW, REASON_NEW_ALERTS},
    };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (v->kinds & order[i].kinds)
            return order[i].reason == REASON_NEW_ALERTS && v->first ? REASON_FIRST
                                                                    : order[i].reason;
    if (v->kinds & 1u << ITEM_RESOLVED)
        return v->p->firing ? REASON_SOME_RESOLVED : REASON_RESOLVED;
    if (v->kinds & 1u << ITEM_MISSED)
        return REASON_MISSED;
    if (v->kinds & 1u << ITEM_MOVED)
        return REASON_MOVED;
    return v->kinds & 1u << ITEM_LOWERED ? REASON_LOWERED : REASON_NONE;
}

/* Reminders and acknowledgements: reasons to speak that are no change of an alert. */
static void look_at_time(struct view *v)
{
    const struct entry *e = v->e;
    const struct incident *inc = e->incident;
    struct plan *p = v->p;

    if (v->any_visible_told && inc->ack_ended_ms > e->sent_ms && !v->acked) {
        if (p->reason == REASON_NONE || p->due_ms > inc->ack_ended_ms)
            p->reason = REASON_ACK_ENDED;
        due_at(p, inc->ack_ended_ms);
    }
    if (e->lane->tells == TELLS_ALL && v->any_told && e->told_ack_ms != inc->ack_ms) {
        if (p->reason == REASON_NONE || p->due_ms > v->at_ms)
            p->reason = REASON_ACK;
        due_at(p, v->at_ms);
    }
    if (!v->any_visible_told || v->acked || e->sent_ms == 0)
        return;
    /* one that was held back or acknowledged when it was due comes when that ends */
    p->repeat_ms = later(e->sent_ms + v->repeat_ms, later(v->visible_ms, inc->unacked_ms));
    if (p->reason != REASON_NONE && p->due_ms <= p->repeat_ms)
        return;
    if (p->reason == REASON_NONE)
        p->reason = REASON_REPEAT;
    due_at(p, p->repeat_ms);
}

/* A dead letter is tried again when its content changes, or with the next reminder. */
static void stay_dead(const struct view *v)
{
    const struct entry *e = v->e;
    struct plan *p = v->p;

    if (p->due_ms == 0 || p->digest != e->dead_digest)
        return;
    p->due_ms = p->n_firing > 0 ? e->dead_ms + v->repeat_ms : 0;
    p->repeat_ms = p->due_ms;
}

/* What the looks at the single alerts need to know of all. */
static void look_ahead(struct view *v, const struct member *m)
{
    const struct config_route *r = route_of(v, m);
    const struct told *t = told_next(v->e, &v->at_told, m->n);

    if (t && m->firing && (v->top_told == 0 || t->priority < v->top_told))
        v->top_told = t->priority;
    if (!r)
        return;
    if (v->interval_ms == 0 || r->group_interval_ms < v->interval_ms)
        v->interval_ms = r->group_interval_ms;
    if (!m->firing || m->hold != HOLD_NONE || is_muted(v, r))
        return;
    v->any_on = true;
    if (t && !t->maybe_ended && (v->top_known == 0 || t->priority < v->top_known))
        v->top_known = t->priority;
}

void plan_desired(const struct entry *e, int64_t at_ms, struct item *items, struct plan *out)
{
    struct incident *inc = e->incident;
    struct view v = {.e = e, .at_ms = at_ms, .items = items, .p = out, .first = e->sent_ms == 0};

    *out = (struct plan){.items = items, .digest = FNV_START};
    v.acked = incident_acked(inc, at_ms);
    v.resolves = e->lane->options && e->lane->options->send_resolved;
    for (size_t i = 0; i < inc->n_members; i++)
        look_ahead(&v, inc->members[i]);
    if (v.interval_ms == 0)
        v.interval_ms = INTERVAL_DEFAULT_MS;
    v.at_told = 0;
    for (size_t i = 0; i < inc->n_members; i++)
        look(&v, inc->members[i]);
    if (v.first_new_ms != 0)
        due_at(out, v.first_new_ms + route_wait(v.new_route, v.top_new));
    if (out->priority == 0) /* who was paged for a P1 reads that the P1 is over */
        out->priority = v.top_ended ? v.top_ended : inc->priority;
    out->reason = reason_of(&v);
    look_at_time(&v);
    if (v.failed)
        inc->incomplete = true;
    if (e->state == ENTRY_DEAD)
        stay_dead(&v);
    assert(out->due_ms == 0 || out->reason != REASON_NONE);
    assert(out->n_firing <= out->n_items);
}
