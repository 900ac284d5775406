/* Notify as a whole: made, started, configured, run.
 * A run does all that has come up since the last one: silences that begin or end, incidents that are marked
 * or due, old ones. It is ordered for the end of the turn by whoever changes something, so a thousand alerts
 * of one group cost one review, and it does REVIEW_A_RUN rows at most, so that a storm costs many turns and
 * not a long one. Silences and reviews alternate until nothing is left: the end of an incident may end a
 * silence. Without a loop (tests, replay) a run is whole. Before the start nothing is sent: what the journal
 * replays is only noted. */
#include "notify/notify_impl.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "notify/incident.h"
#include "notify/inhibit.h"
#include "notify/intake.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/record.h"
#include "notify/review.h"
#include "notify/silence.h"
#include "notify/silence_job.h"
#include "notify/slice.h"
#include "notify/start.h"

#define SWEEP_EVERY_MS (10 * 60 * 1000)
/* A run reviews and writes so much, in rows of some 20 us; the rest waits for the next turn. */
#define REVIEW_A_RUN 250
#define CLAIMS_A_RUN 100 /* besides, messages of one alert; one of 10,000 counts as 200 */

/* --- tables are written again ------------------------------------------------------------------------- */

static void each_incident(struct notify *n, void (*each)(struct notify *n, struct incident *inc))
{
    for (size_t i = 0; i < n->n_open; i++)
        each(n, n->open[i]);
    for (size_t i = 0; i < n->n_kept; i++)
        each(n, n->kept[i]);
}

static void store_entries(struct notify *n, struct incident *inc)
{
    for (size_t i = 0; i < inc->n_entries; i++) {
        struct entry *e = inc->entries[i];
        ledger_store_all(n, e);
        e->mirrored_ms = 0; /* the sorted set was cleared as well */
        ledger_mirror(n, e);
    }
}

static void rewrite_groups(struct store_table *t, void *arg)
{
    (void)t;
    each_incident(arg, incident_store_all);
    numbers_store(arg);
}

static void rewrite_ledger(struct store_table *t, void *arg)
{
    (void)t;
    each_incident(arg, store_entries);
}

static void rewrite_silences(struct store_table *t, void *arg)
{
    struct notify *n = arg;

    (void)t;
    for (size_t i = 0; i < holds_count(n->holds); i++)
        silence_store(n, holds_at(n->holds, i));
    numbers_store(n);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void on_timer(void *arg)
{
    notify_run(arg);
}

static bool make_parts(struct notify *n)
{
    n->lanes = map_new();
    n->by_number = map_new();
    n->by_key = map_new();
    n->last_of = map_new();
    n->members = map_new();
    n->firing = alert_index_new();
    n->holds = holds_new();
    n->inhibits = inhibits_new(n->config->inhibits, n->config->n_inhibits);
    if (!n->lanes || !n->by_number || !n->by_key || !n->last_of || !n->members || !n->firing ||
        !n->holds || !n->inhibits)
        return false;
    if (n->o.loop && (!(n->timer = timer_new(n->o.loop, LOOP_DELIVERY, on_timer, n)) ||
                      !(n->counted.timer = timer_new(n->o.loop, LOOP_CONTROL, stats_slice, n))))
        return false;
    if (!n->o.store)
        return true;
    n->groups = store_table(n->o.store, KEY_GROUPS, rewrite_groups, n);
    n->ledger = store_table(n->o.store, KEY_LEDGER, rewrite_ledger, n);
    n->silences_table = store_table(n->o.store, KEY_SILENCES, rewrite_silences, n);
    return n->groups && n->ledger && n->silences_table;
}

static void defaults(struct notify_options *o)
{
    if (o->late_ms == 0)
        o->late_ms = 10 * 60 * 1000;
    if (o->max_incidents == 0)
        o->max_incidents = 10000;
    if (o->keep_incidents_ms == 0)
        o->keep_incidents_ms = 30 * DAY_MS;
    if (o->max_silences == 0)
        o->max_silences = 10000;
}

struct notify *notify_new(const struct notify_options *o)
{
    struct notify *n = mem_zalloc(sizeof *n);

    assert(o->clock && o->config);
    if (!n)
        return NULL;
    n->o = *o;
    defaults(&n->o);
    n->config = o->config;
    n->o.config = NULL; /* a reload frees it: `config` is the one there is */
    n->next_number = n->next_silence = 1;
    n->born_ms = notify_now(n);
    if (make_parts(n) && lanes_configure(n) == 0)
        return n;
    notify_free(n);
    return NULL;
}

static void drop_lane(void *lane)
{
    lane_free(lane);
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    timer_free(n->timer);
    timer_free(n->counted.timer);
    n->timer = NULL;
    n->closing = true;
    silence_jobs_free(n);
    hold_spread_free(n);
    while (n->n_open > 0)
        incident_free(n, n->open[--n->n_open]);
    while (n->n_kept > 0)
        incident_free(n, n->kept[--n->n_kept]);
    holds_free(n->holds);
    inhibits_free(n->inhibits);
    for (size_t i = 0; n->starts && i < STARTS_MAX; i++)
        mem_free(n->starts[i].labels);
    map_free(n->lanes, drop_lane);
    map_free(n->by_number, NULL);
    map_free(n->by_key, NULL);
    map_free(n->last_of, NULL);
    map_free(n->members, NULL);
    alert_index_free(n->firing);
    mem_free(n->starts);
    mem_free(n->open);
    mem_free(n->kept);
    mem_free(n->heap);
    mem_free(n->answer_ids);
    mem_free(n->answer_receivers);
    pending_rows_free(n);
    buf_free(&n->scratch);
    mem_free(n);
}

/* --- running -------------------------------------------------------------------------------------------- */

static struct incident *due_by_time(const struct notify *n, int64_t at_ms)
{
    struct incident *inc = heap_top(n);

    return inc && inc->next_ms <= at_ms ? inc : NULL;
}

/* 100,000 may become due in one instant: each is taken from the heap when its turn has room for it. */
static void review_marked(struct notify *n, int64_t at_ms, int budget)
{
    n->budget = budget;
    while (n->budget > 0) {
        struct incident *inc = due_by_time(n, at_ms);
        if (inc) {
            incident_schedule(n, inc, 0);
            incident_mark(n, inc);
        }
        inc = n->first_marked;
        if (!inc)
            break;
        incident_unmark(n, inc);
        incident_review(n, inc, at_ms);
    }
    n->behind = n->first_marked || due_by_time(n, at_ms);
    assert(budget < INT_MAX || n->budget > 0);
}

/* What holds messages back changes at this instant. */
static bool holds_are_due(const struct notify *n, int64_t at_ms)
{
    int64_t hold_ms = holds_next_ms(n->holds), inhibit_ms = inhibit_next_ms(n);

    return (hold_ms != 0 && hold_ms <= at_ms) || (inhibit_ms != 0 && inhibit_ms <= at_ms);
}

bool notify_may_claim(struct notify *n, struct lane *l, int64_t at_ms)
{
    if (!n->o.loop)
        return true;
    if (n->claims > 0 && (n->running || (!n->lanes_wait && !holds_are_due(n, at_ms))))
        return true;
    l->told_due = n->lanes_wait = true;
    notify_run_soon(n);
    return false;
}

/* Those that the last run had no claims left for come first. */
static void tell_lanes(struct notify *n)
{
    size_t from = n->first_lane, k = 0;
    struct lane *l;

    n->lanes_wait = false;
    n->first_lane = 0;
    for (int round = 0; n->o.due && round < 2; round++, k = 0)
        for (size_t at = 0; (l = map_next(n->lanes, &at, NULL, NULL)); k++) {
            bool waited = n->lanes_wait;
            if (!l->told_due || (round == 0) != (k >= from))
                continue;
            l->told_due = false;
            if (l->n_due > 0)
                n->o.due(l->name, n->o.arg);
            if (n->lanes_wait && !waited)
                n->first_lane = k;
        }
}

void notify_run(struct notify *n)
{
    int64_t at_ms = notify_now(n), next_ms;
    struct slice slice = slice_of(n);
    bool all, swept = true;

    if (n->running || !n->started)
        return; /* deliver claims from within `due`; nobody does before the start */
    n->running = true;
    n->deferred = false;
    do { /* the end of an incident may end a silence, which frees others */
        all = silences_tick(n, at_ms, &slice);
        all = inhibit_run(n, at_ms) && all;
        review_marked(n, at_ms, n->o.loop ? REVIEW_A_RUN : INT_MAX);
    } while (all && !n->behind && holds_next_ms(n->holds) == 0 && holds_count(n->holds) > 0);
    all = silence_jobs_step(n, &slice) && all;
    n->behind = n->behind || !all;
    if (at_ms >= n->sweep_ms) {
        swept = incidents_sweep(n, at_ms);
        if (swept)
            n->sweep_ms = at_ms + SWEEP_EVERY_MS;
    }
    n->claims = CLAIMS_A_RUN;
    tell_lanes(n);
    n->running = false;
    next_ms = notify_next_ms(n);
    if (!n->timer)
        return;
    if (n->first_marked || !all || !swept || n->lanes_wait || n->deferred) {
        n->deferred = false; /* whatever was ordered meanwhile */
        notify_run_soon(n);
    } else if (next_ms != 0)
        timer_at(n->timer, next_ms);
    else
        timer_stop(n->timer);
}

int64_t notify_next_ms(const struct notify *n)
{
    const struct incident *inc = heap_top(n);
    int64_t next_ms = inc ? inc->next_ms : 0, hold_ms = holds_next_ms(n->holds);
    int64_t inhibit_ms = inhibit_next_ms(n);

    if (inhibit_ms != 0 && (next_ms == 0 || inhibit_ms < next_ms))
        next_ms = inhibit_ms;
    if (hold_ms != 0 && (next_ms == 0 || hold_ms < next_ms))
        next_ms = hold_ms;
    if (n->first_marked || n->first_job || n->spread.done != n->spread.version)
        return notify_now(n);
    return next_ms;
}

/* --- what comes in ---------------------------------------------------------------------------------------- */

void notify_alert(struct notify *n, const struct alert *a, enum alert_change change, int64_t at_ms)
{
    (void)change;    /* the state of the alert says it all, also when a change was missed */
    if (!n->started) /* the journal is replayed over what was loaded */
        notify_index(n);
    inhibit_alert(n, a, at_ms);
    intake_alert(n, a, at_ms);
    if (!n->started)
        review_marked(n, at_ms,
                      INT_MAX); /* what is due is owed, also when the replay ends it again */
    else if (n->first_marked)
        notify_run_soon(n);
}

/* Rerouting may open incidents and add members: those that are met again have their routes. */
void notify_reroute(struct notify *n, int64_t at_ms)
{
    for (size_t i = 0; i < n->n_open; i++)
        for (size_t k = 0; k < n->open[i]->n_members; k++)
            n->open[i]->members[k]->n_routes = 0;
    for (size_t i = 0; i < n->n_open; i++)
        for (size_t k = 0; k < n->open[i]->n_members; k++)
            if (n->open[i]->members[k]->n_routes == 0)
                intake_reroute(n, n->open[i]->members[k], at_ms);
}

void notify_configure(struct notify *n, const struct config *c)
{
    int64_t at_ms = notify_now(n);

    if (c == n->config) /* it never changes */
        return;
    n->config = c;
    if (lanes_configure(n))
        log_error("no memory for all lanes of the configuration", NULL);
    notify_reroute(n, at_ms);
    inhibit_configure(n, c);
    for (size_t i = 0; i < n->n_open; i++)
        incident_mark(n, n->open[i]);
    for (size_t i = 0; i < n->n_kept; i++) /* dead letters of lanes that are gone */
        if (n->kept[i]->n_entries > 0)
            incident_mark(n, n->kept[i]);
    notify_run_soon(n);
}

void notify_sources_known_at(struct notify *n, int64_t at_ms)
{
    assert(!n->started);
    n->sources_ms = at_ms;
}

void notify_clock_was_ahead(struct notify *n)
{
    assert(!n->started);
    n->clock_was_ahead = true;
}

void notify_set_degraded(struct notify *n, bool degraded)
{
    n->degraded = degraded;
}

void notify_after(struct notify *n, void (*then)(bool durable, void *arg), void *arg)
{
    if (n->o.store)
        store_after(n->o.store, then, arg);
    else
        then(false, arg);
}
