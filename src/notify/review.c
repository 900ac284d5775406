/* A review: one incident is looked at as a whole, and every lane's plan computed again.
 * State is derived, not followed: priority, end and plans come from the members and the ledger each time, so
 * no event that was missed or came twice leaves anything wrong for longer than to the next review. Members
 * have their rows in Redis before a lane may speak of them, as many a run as the budget has; until then the
 * lanes wait; and a message of thousands changes thousands of rows of the ledger, which are written before the
 * lane speaks again. Lanes are planned one after the other, from where the last run ended, until each has been
 * planned since the last change: an incident of 10,000 alerts on twenty lanes takes several turns. Where memory
 * is short nothing is decided: the incident is `incomplete` and comes again. */
#include "notify/review.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "notify/desired.h"
#include "notify/holds.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/silence_make.h"
#include "notify/told.h"

/* The review itself may cost the whole budget of a run; its rows go on nevertheless, or never. */
#define ROWS_AT_LEAST 50
/* In the time of a row of an alert: */
#define LEDGER_ROWS_A_ROW 4   /* what a lane knows of one alert is short */
#define MEMBERS_A_LOOK    500 /* state and holds of so many */
#define MEMBERS_A_PLAN    200 /* a plan of so many */

/* --- which lanes ------------------------------------------------------------------------------------ */

static void lanes_of_receiver(struct notify *n, struct incident *inc,
                              const struct config_receiver *r, const char *fallback_for)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(n->lanes, &at, NULL, NULL));) {
        struct entry *e;
        if (l->config != r)
            continue;
        e = ledger_get(inc, l);
        inc->incomplete = inc->incomplete || !e;
        if (!e || !fallback_for || e->fallback_for)
            continue;
        member_text(&e->fallback_for, fallback_for, 256);
        e->dirty = true;
    }
}

static void ensure_entries(struct notify *n, struct incident *inc)
{
    const struct config_route *last = NULL;

    for (size_t i = 0; i < inc->n_members; i++) {
        const struct member *m = inc->members[i];
        if (!m->firing)
            continue;
        for (size_t k = 0; k < m->n_routes; k++) {
            if (m->routes[k] == last)
                continue; /* thousands of one route: once */
            last = m->routes[k];
            for (size_t r = 0; r < last->n_receivers; r++)
                lanes_of_receiver(n, inc, last->receivers[r], NULL);
        }
    }
}

/* --- one entry -------------------------------------------------------------------------------------- */

/* The member of that number, of a walk by falling numbers: `at` is where the last look ended. */
static const struct member *member_before(const struct incident *inc, size_t *at, uint32_t n)
{
    while (*at > 0 && inc->members[*at - 1]->n > n)
        --*at;
    return *at > 0 && inc->members[*at - 1]->n == n ? inc->members[*at - 1] : NULL;
}

/* What is dropped without a message: ends for a channel that does not want them, and firings that
 * became due, were not delivered, and may not be told any more (recorded). */
static void forget_quietly(struct notify *n, struct entry *e, int64_t at_ms)
{
    bool resolves = e->lane->options && e->lane->options->send_resolved;
    size_t at = e->incident->n_members;

    for (size_t i = e->n_told; !resolves && i-- > 0;) {
        const struct member *m = member_before(e->incident, &at, e->told[i].n);
        if (!m || !m->firing || !ledger_routes(e, m))
            told_remove(e, e->told[i].n);
    }
    at = e->incident->n_members;
    for (size_t i = e->n_owed; i-- > 0;) {
        uint32_t number = e->owed[i].n;
        const struct member *m = member_before(e->incident, &at, number);
        if (told_find(e, number))
            owed_remove(e, number);
        else if (!m)
            ledger_expire(n, e, number, "nothing is known of it any more", at_ms);
        else if (e->owed[i].maybe && resolves)
            continue; /* its end is told */
        else if (!m->firing && m->moved)
            ledger_expire(n, e, number, "it is routed elsewhere", at_ms);
        else if (!m->firing && m->hold != HOLD_NONE)
            ledger_expire(n, e, number, "it ended while it was silenced", at_ms);
        else if (m->firing && !ledger_routes(e, m))
            ledger_expire(n, e, number, "it is routed elsewhere", at_ms);
    }
}

/* Firings whose message is due are owed from now on, whatever becomes of them. */
static void record_owed(struct entry *e, const struct incident *inc, int64_t at_ms)
{
    struct item *items = mem_alloc((inc->n_members + 1) * sizeof *items);
    struct plan p;

    if (!items) {
        e->incident->incomplete = true;
        return;
    }
    plan_desired(e, at_ms, items, &p);
    if (owed_put_new(e, items, p.n_items, p.due_ms))
        e->incident->incomplete = true;
    mem_free(items);
}

void ledger_fall_back(struct notify *n, struct entry *e, int64_t at_ms)
{
    const struct config_receiver *f = e->lane->config ? e->lane->config->fallback : NULL;

    if (!f || e->fell_back || f == e->lane->config)
        return;
    e->fell_back = true;
    e->dirty = true;
    lanes_of_receiver(n, e->incident, f, e->lane->name);
    e->incident->to_plan = SIZE_MAX; /* the others anew */
    for (size_t i = 0; i < e->incident->n_entries; i++) {
        struct entry *to = e->incident->entries[i];
        if (to->lane->config != f || !to->fallback_for)
            continue;
        if (owed_put_of(to, e, at_ms))
            return;
    }
    notify_audit(n, at_ms, "tocsin", "fallback", e->incident->number, e->lane->name);
}

static void plan_entry(struct notify *n, struct entry *e, int64_t at_ms)
{
    struct incident *inc = e->incident;
    struct plan p;

    forget_quietly(n, e, at_ms);
    if (e->state == ENTRY_CLAIMED)
        return;
    plan_desired(e, at_ms, NULL, &p);
    e->muted_until_ms = p.muted && p.muted_until_ms != CALENDAR_NEVER ? p.muted_until_ms : 0;
    e->due_ms = p.due_ms;
    if (p.due_ms != 0 && e->not_before_ms > p.due_ms)
        e->due_ms = e->not_before_ms;
    if (p.due_ms == 0 || p.due_ms > at_ms) {
        if (e->state != ENTRY_DEAD)
            e->state = p.due_ms ? ENTRY_WAITING : ENTRY_IDLE;
        if (e->state != ENTRY_DEAD && e->since_ms != 0) {
            e->since_ms = 0; /* what was owed has gone by itself */
            e->attempts = 0;
            e->dirty = true;
        }
        ledger_set_due(n, e, false);
        ledger_mirror(n, e);
        return;
    }
    if (e->state == ENTRY_DEAD)
        e->attempts = 0;
    if (e->since_ms == 0 || e->state == ENTRY_DEAD) {
        e->since_ms = p.due_ms;
        e->dirty = true;
    }
    /* also those that joined while the lane is late: its message would have told of them */
    record_owed(e, inc, at_ms);
    e->reason = p.reason;
    e->state = e->attempts ? ENTRY_RETRYING : ENTRY_DUE;
    assert(e->since_ms != 0 && p.reason != REASON_NONE);
    ledger_mirror(n, e); /* it may be claimed at the end of the review */
}

/* A lane whose receiver is gone from the configuration can be told nothing any more. */
static void expire_lane(struct notify *n, struct entry *e, int64_t at_ms)
{
    if (e->state == ENTRY_CLAIMED)
        return; /* its commit comes here again */
    while (e->n_owed > 0)
        ledger_expire(n, e, e->owed[e->n_owed - 1].n, "its receiver is gone from the configuration",
                      at_ms);
    while (e->n_told > 0)
        ledger_expire(n, e, e->told[e->n_told - 1].n, "its receiver is gone from the configuration",
                      at_ms);
    assert(ledger_settled(e));
    ledger_drop(n, e);
}

/* --- the whole -------------------------------------------------------------------------------------- */

static void sum_up(struct notify *n, struct incident *inc)
{
    int64_t ended_ms = 0;
    int priority = 0;

    for (size_t i = 0; i < inc->n_members; i++) {
        const struct member *m = inc->members[i];
        if (m->firing && (priority == 0 || m->priority < priority))
            priority = m->priority;
        if (!m->firing && m->ends_ms > ended_ms)
            ended_ms = m->ends_ms;
    }
    if (priority != 0) {
        inc->dirty = inc->dirty || inc->priority != priority || inc->ended_ms != 0;
        inc->priority = priority;
        inc->ended_ms = 0;
        for (size_t i = 0; i < inc->n_entries; i++) /* a rise goes ahead of what is less severe */
            if (inc->entries[i]->due_at)
                ledger_set_due(n, inc->entries[i], true);
        return;
    }
    if (inc->ended_ms != 0)
        return;
    for (size_t i = 0; i < inc->n_members; i++) /* its record is the worst it was */
        if (inc->members[i]->worst && inc->members[i]->worst < inc->priority)
            inc->priority = inc->members[i]->worst;
    inc->ended_ms = ended_ms ? ended_ms : inc->opened_ms;
    inc->dirty = true;
    silences_end_with(n, inc->number);
}

static void ack_check(struct notify *n, struct incident *inc, int64_t at_ms)
{
    if (inc->ack_ms == 0 || inc->ack_until_ms == 0 || at_ms < inc->ack_until_ms)
        return;
    if (inc->ended_ms == 0)
        inc->ack_ended_ms = inc->ack_until_ms;
    notify_audit(n, at_ms, inc->ack_who, "acknowledgement ran out", inc->number, "");
    inc->unacked_ms = inc->ack_until_ms;
    inc->ack_ms = inc->ack_until_ms = 0;
    inc->dirty = true;
    assert(!incident_acked(inc, at_ms));
}

static void sooner(int64_t *next_ms, int64_t at_ms)
{
    if (at_ms != 0 && (*next_ms == 0 || at_ms < *next_ms))
        *next_ms = at_ms;
}

/* It is owed a message that may go out now. */
static bool is_due(const struct entry *e, int64_t at_ms)
{
    return (e->state == ENTRY_DUE || e->state == ENTRY_RETRYING) && e->lane->config &&
           e->due_ms != 0 && e->due_ms <= at_ms;
}

/* When time alone changes something for this entry; not after now when that has come since it was planned. */
static int64_t entry_next(const struct entry *e, int64_t at_ms)
{
    int64_t next_ms = 0;

    if (e->state == ENTRY_CLAIMED || e->lane->config == NULL)
        return 0;
    if (e->due_ms != 0 && !is_due(e, at_ms))
        sooner(&next_ms, e->due_ms);
    if (e->muted_until_ms > at_ms)
        sooner(&next_ms, e->muted_until_ms);
    if (e->since_ms != 0 && !e->fell_back && e->lane->config->fallback && e->state != ENTRY_DEAD)
        sooner(&next_ms, e->since_ms + e->lane->config->if_undelivered_ms);
    return next_ms;
}

static bool all_settled(const struct incident *inc)
{
    for (size_t i = 0; i < inc->n_entries; i++) {
        const struct entry *e = inc->entries[i];
        if (e->state == ENTRY_CLAIMED || (!ledger_settled(e) && e->state != ENTRY_DEAD))
            return false;
    }
    return true;
}

static void expire_lanes(struct notify *n, struct incident *inc, int64_t at_ms)
{
    for (size_t i = inc->n_entries; i-- > 0;)
        if (!inc->entries[i]->lane->config)
            expire_lane(n, inc->entries[i], at_ms);
}

static void plan_with_fallback(struct notify *n, struct entry *e, int64_t at_ms)
{
    const struct config_receiver *r = e->lane->config;

    if (!r)
        return; /* gone by a reload while its message is on its way */
    plan_entry(n, e, at_ms);
    if (e->since_ms != 0 && e->state != ENTRY_DEAD && r->fallback &&
        at_ms >= e->since_ms + r->if_undelivered_ms)
        ledger_fall_back(n, e, at_ms);
}

/* One lane after the other, in turn, until each was planned since the last change; one at least. False: the
 * rest has the next run. */
static bool plan_entries(struct notify *n, struct incident *inc, int64_t at_ms)
{
    bool some = false;

    expire_lanes(n, inc, at_ms);
    while (inc->n_entries > 0 && inc->to_plan > 0) {
        if (some && n->budget <= 0)
            return false;
        inc->plan_at = inc->plan_at < inc->n_entries ? inc->plan_at : 0;
        inc->to_plan = (inc->to_plan < inc->n_entries ? inc->to_plan : inc->n_entries) - 1;
        plan_with_fallback(n, inc->entries[inc->plan_at++], at_ms);
        n->budget -= (int)(inc->n_members / MEMBERS_A_PLAN);
        some = true;
    }
    inc->to_plan = 0;
    return true;
}

bool entries_store(struct notify *n, struct incident *inc)
{
    bool all = true;

    for (size_t i = 0; i < inc->n_entries; i++) {
        struct entry *e = inc->entries[i];
        size_t most = n->budget > 0 ? (size_t)n->budget * LEDGER_ROWS_A_ROW : 0;
        if (!ledger_rows_wait(e))
            continue;
        if (!e->stored) /* rows are nothing without it */
            ledger_store(n, e);
        if (most < ENTRIES_ROWS_AT_LEAST)
            most = ENTRIES_ROWS_AT_LEAST;
        n->budget -= (int)(ledger_rows_store(e, most) / LEDGER_ROWS_A_ROW);
        inc->incomplete = inc->incomplete || e->rows_dirty;
        all = all && !ledger_rows_wait(e);
    }
    for (size_t i = 0; all && i < inc->n_entries; i++)
        if (inc->entries[i]->dirty)
            ledger_store(n, inc->entries[i]);
    return all;
}

/* Its alerts have their rows before any lane speaks of them. False: the rest has the next run. */
static bool store_members(struct notify *n, struct incident *inc)
{
    bool all;
    int most = n->budget > ROWS_AT_LEAST ? n->budget : ROWS_AT_LEAST;

    n->budget -= (int)members_store(n, inc, (size_t)most);
    all = !inc->dirty_members || inc->incomplete; /* incomplete: no memory, it comes by itself */
    if (inc->dirty && (all || !inc->one_record))
        incident_store(n, inc);
    if (all && !inc->dirty_members && !inc->dirty)
        inc->one_record = false;
    return all;
}

/* The lanes that may speak now, and when time alone changes something. */
static int64_t release_lanes(struct notify *n, struct incident *inc, int64_t at_ms)
{
    int64_t next_ms = 0;

    for (size_t i = 0; i < inc->n_entries; i++) {
        struct entry *e = inc->entries[i];
        ledger_set_due(n, e, is_due(e, at_ms));
        sooner(&next_ms, entry_next(e, at_ms));
    }
    if (inc->ack_ms != 0)
        sooner(&next_ms, inc->ack_until_ms);
    return next_ms;
}

/* As far as the budget reaches. False: the rest has the next run, or comes when there is memory. */
static bool review(struct notify *n, struct incident *inc, int64_t at_ms)
{
    inc->to_plan = inc->changed ? SIZE_MAX : inc->to_plan;
    inc->changed = false; /* what changes from here on, also by this review, has the next */
    for (size_t i = 0; i < inc->n_members; i++)
        hold_update(n, inc->members[i], at_ms);
    sum_up(n, inc);
    ack_check(n, inc, at_ms);
    n->budget -= 1 + (int)(inc->n_members / MEMBERS_A_LOOK);
    if (!store_members(n, inc) || !entries_store(n, inc))
        return false;
    ensure_entries(n, inc);
    return plan_entries(n, inc, at_ms) && entries_store(n, inc);
}

void incident_review(struct notify *n, struct incident *inc, int64_t at_ms)
{
    int64_t next_ms;

    inc->incomplete = false;
    if (!review(n, inc, at_ms)) {
        if (inc->incomplete)
            incident_schedule(n, inc, at_ms + RETRY_DEFAULT_MS);
        else
            incident_mark_rest(n, inc);
        return;
    }
    next_ms = release_lanes(n, inc, at_ms);
    if (inc->incomplete)
        sooner(&next_ms, at_ms + RETRY_DEFAULT_MS);
    if (inc->ended_ms != 0 && inc->settled_ms == 0 && all_settled(inc)) {
        incident_settle(n, inc, at_ms);
        next_ms = 0;
    }
    incident_schedule(n, inc, inc->settled_ms && next_ms == 0 ? 0 : next_ms);
    if ((inc->dirty || inc->dirty_members) && !store_members(n, inc))
        incident_mark_rest(n, inc);
}
