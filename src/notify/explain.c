/* Why somebody was told, was not told, or will be told when.
 * The plan is computed by the code that decides (plan_desired(), route_find(), holds_find_all()), at the
 * moment of the question, and only worded here: an explanation of its own would be a second truth. What the
 * asker may not see is left out of lists and of errors, which may quote it. Cost: all members of the
 * incident for each of its lanes. */
#include "notify/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notify/desired.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/route.h"
#include "notify/scope.h"
#include "notify/view.h"

static void write_text(struct json *j, const char *key, const char *s)
{
    if (s && s[0])
        json_kstr(j, key, s);
}

static void add_hold(const struct notify *n, const struct member *m, int64_t at_ms, struct buf *out)
{
    struct inhibition i = {0};

    if (m->hold == HOLD_SILENCE) {
        buf_addf(out, "silenced by %s", m->held_by);
        return;
    }
    if (m->hold == HOLD_INHIBIT)
        inhibits_find(n->inhibits, m->key, at_ms, &i);
    if (m->hold == HOLD_INHIBIT && i.source)
        buf_addf(out, "inhibited by \"%s\", because %s is on", i.rule->name, i.source);
    else if (m->hold == HOLD_INHIBIT)
        buf_addf(out, "inhibited by \"%s\" until it is looked at once more", m->held_by);
    else
        buf_addf(out, "suppressed by %s", hold_names[m->hold]);
}

static void add_mute(const char *by, int64_t until_ms, struct buf *out)
{
    char at[TEXT_TIME_LEN];

    text_time(at, until_ms);
    buf_addf(out, "muted by calendar \"%s\" ", by);
    if (until_ms == CALENDAR_NEVER)
        buf_adds(out, "for the next two years");
    else
        buf_addf(out, "until %s", at);
}

/* What stands between this lane and its next message, in words. */
static void write_holds(struct json *j, const struct entry *e, const struct plan *p,
                        const struct actor *a, int64_t at_ms)
{
    const struct incident *inc = e->incident;

    json_key(j, "held");
    json_array(j);
    if (!e->lane->config)
        json_str(j, "its receiver is gone from the configuration");
    if (p->n_held > 0) {
        for (size_t i = 0; i < inc->n_members; i++) {
            const struct member *m = inc->members[i];
            struct buf text = BUF_INIT;
            if (!m->firing || m->hold == HOLD_NONE || !actor_sees_member(a, m))
                continue;
            add_hold(e->lane->notify, m, at_ms, &text);
            buf_addf(&text, ": %s", m->key);
            json_str(j, buf_str(&text));
            buf_free(&text);
        }
    }
    if (p->muted) {
        struct buf text = BUF_INIT;

        add_mute(p->muted_by, p->muted_until_ms, &text);
        json_str(j, buf_str(&text));
        buf_free(&text);
    }
    if (incident_acked(inc, at_ms))
        json_str(j, "acknowledged: reminders are stopped");
    if (p->due_ms > at_ms && p->reason != REASON_REPEAT)
        json_str(j, e->sent_ms == 0 ? "group_wait" : "group_interval");
    if (p->n_later > 0 && (p->due_ms == 0 || p->due_ms > at_ms))
        json_str(j,
                 "what joined or ended comes with the next message: this channel tells the first, "
                 "what is worse, and the end");
    if (e->not_before_ms > at_ms)
        json_str(j, "the last attempt failed: it is tried again later");
    if (e->state == ENTRY_DEAD)
        json_str(j, "undeliverable: see error, then retry or drop it");
    json_array_end(j);
}

void explain_delivery(struct json *j, const struct entry *e, const struct actor *a, int64_t at_ms)
{
    struct plan p;

    plan_desired(e, at_ms, NULL, &p);
    json_object(j);
    json_kstr(j, "lane", e->lane->name);
    json_kstr(j, "receiver", e->lane->receiver);
    json_kstr(j, "channel", e->lane->channel);
    json_kint(j, "incident", (int64_t)e->incident->number);
    json_kstr(j, "state",
              e->fell_back && e->state == ENTRY_RETRYING ? "fallback"
                                                         : entry_state_names[e->state]);
    json_kint(j, "seq", (int64_t)e->seq);
    json_kint(j, "told_firing", (int64_t)e->n_told);
    json_kint(j, "owed", (int64_t)e->n_owed);
    record_time(j, "first_sent", e->first_ms);
    record_time(j, "last_sent", e->last_ms);
    if (e->last_ms || e->state == ENTRY_CLAIMED)
        json_kstr(j, "last_reason", notice_reason_names[e->reason]);
    if (p.due_ms) {
        json_kstr(j, "next_reason", notice_reason_names[p.reason]);
        record_time(j, "next", p.due_ms > e->not_before_ms ? p.due_ms : e->not_before_ms);
    }
    record_time(j, "next_reminder", p.repeat_ms);
    record_time(j, "waiting_since", e->since_ms);
    json_kint(j, "attempts", e->attempts);
    if (actor_sight(a, e->incident) == SIGHT_WHOLE) /* a receiver may answer with what it got */
        write_text(j, "error", e->error);
    write_text(j, "fallback_for", e->fallback_for);
    if (e->uncertain)
        json_kbool(j, "uncertain", true);
    record_time(j, "dead_since", e->dead_ms);
    write_holds(j, e, &p, a, at_ms);
    json_object_end(j);
}

int notify_explain_incident(const struct notify *n, uint64_t number, const struct actor *a,
                            struct buf *out)
{
    const struct incident *inc = incident_by_number(n, number);
    struct json j = json_into(out);

    if (!inc || !actor_sees_some(a, inc))
        return -1;
    json_object(&j);
    view_incident(&j, inc, a);
    json_key(&j, "lanes");
    json_array(&j);
    for (size_t i = 0; i < inc->n_entries; i++)
        if (actor_sees_entry(a, inc->entries[i]))
            explain_delivery(&j, inc->entries[i], a, notify_now(n));
    json_array_end(&j);
    json_object_end(&j);
    return 0;
}

/* --- routes ---------------------------------------------------------------------------------------------------- */

static void write_match(struct json *j, const struct config_route *r)
{
    json_key(j, "match");
    json_array(j);
    for (size_t i = 0; i < r->n_match; i++) {
        struct buf text = BUF_INIT;
        matcher_text(r->match[i], &text);
        json_str(j, buf_str(&text));
        buf_free(&text);
    }
    json_array_end(j);
}

/* From the root to the route above this one; as deep as routes are nested. */
static void write_above(struct json *j, const struct config_route *r)
{
    if (!r)
        return;
    write_above(j, r->parent);
    json_object(j);
    json_kstr(j, "path", r->id);
    json_kint(j, "line", r->line);
    write_match(j, r);
    json_object_end(j);
}

/* What its calendars hold back then; nothing where they do not. */
static void write_mute(struct json *j, const struct config_route *r, int64_t at_ms)
{
    struct route_mute m;

    if (route_mute(r, at_ms, &m))
        j->out->failed = true;
    else if (m.muted) {
        json_key(j, "muted");
        json_object(j);
        json_kstr(j, "by", m.by);
        if (m.until_ms != CALENDAR_NEVER)
            json_ktime(j, "until", m.until_ms);
        json_object_end(j);
    }
}

static void write_route(struct json *j, const struct config_route *r, int priority, int64_t at_ms)
{
    json_object(j);
    json_kstr(j, "path", r->id);
    json_kint(j, "line", r->line);
    write_match(j, r);
    json_key(j, "above");
    json_array(j);
    write_above(j, r->parent);
    json_array_end(j);
    json_key(j, "receivers");
    json_array(j);
    for (size_t i = 0; i < r->n_receivers; i++)
        json_str(j, r->receivers[i]->name);
    json_array_end(j);
    json_key(j, "group_by");
    json_array(j);
    if (r->group_by_all)
        json_str(j, "...");
    for (size_t i = 0; i < r->n_group_by; i++)
        json_str(j, r->group_by[i]);
    json_array_end(j);
    json_kint(j, "group_wait_ms", route_wait(r, priority));
    json_kint(j, "group_interval_ms", r->group_interval_ms);
    json_kint(j, "repeat_interval_ms", r->repeat_interval_ms);
    json_kbool(j, "continue", r->continue_matching);
    write_mute(j, r, at_ms);
    json_object_end(j);
}

/* Their ids, and below "silences" until when and by whom. */
static void write_silences(struct json *j, const struct notify *n, const struct hold_subject *a,
                           int64_t at_ms)
{
    struct silence *const *list;
    size_t count;

    if (holds_find_all(n->holds, a, at_ms, &list, &count))
        j->out->failed = true;
    json_key(j, "silenced_by");
    json_array(j);
    for (size_t i = 0; i < count; i++)
        json_str(j, list[i]->short_id);
    json_array_end(j);
    json_key(j, "silences");
    json_array(j);
    for (size_t i = 0; i < count; i++) {
        json_object(j);
        json_kstr(j, "short", list[i]->short_id);
        json_ktime(j, "until", list[i]->ends_ms);
        write_text(j, "by", list[i]->by);
        write_text(j, "comment", list[i]->comment);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_routes(struct json *j, const struct notify *n, const struct label *l,
                         size_t n_labels, int priority, int64_t at_ms)
{
    const struct config_route *routes[ROUTES_MAX];
    size_t count = n->config ? route_find(n->config->root, l, n_labels, priority, routes) : 0;

    json_key(j, "routes");
    json_array(j);
    for (size_t i = 0; i < count; i++)
        write_route(j, routes[i], priority, at_ms);
    json_array_end(j);
}

void notify_explain_route(const struct notify *n, const struct label *l, size_t n_labels,
                          int priority, int64_t at_ms, struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    write_routes(&j, n, l, n_labels, priority, at_ms);
    write_silences(&j, n,
                   &(struct hold_subject){.labels = l, .n_labels = n_labels, .priority = priority},
                   at_ms);
    json_object_end(&j);
}

void notify_explain_alert(const struct notify *n, const struct alert *a, const struct actor *who,
                          struct buf *out)
{
    const struct rule_def *d = a->rule ? alert_rule_def(a->rule) : NULL;
    struct json j = json_into(out);
    const struct member *m = a->key ? map_gets(n->members, a->key) : NULL;

    json_object(&j);
    if (d && !d->notify)
        json_kstr(&j, "nowhere", "its rule has notify = false");
    if (d && d->shadow)
        json_kstr(&j, "nowhere", "its rule runs in shadow");
    if (a->state.firing == 0)
        json_kstr(&j, "nowhere", "it does not fire");
    if (a->labels) {
        write_routes(&j, n, a->labels, a->n_labels, a->state.firing, notify_now(n));
        if (a->state.firing || a->state.pending_ms) /* what was made after its end held nothing */
            write_silences(&j, n,
                           &(struct hold_subject){.labels = a->labels,
                                                  .n_labels = a->n_labels,
                                                  .priority = a->state.firing},
                           notify_now(n));
    }
    json_kbool(&j, "suppressed", a->suppressed);
    json_key(&j, "incidents");
    json_array(&j);
    for (; m; m = m->next_same) {
        json_object(&j);
        view_incident(&j, m->incident, who);
        json_key(&j, "lanes");
        json_array(&j);
        for (size_t i = 0; i < m->incident->n_entries; i++)
            if (actor_sees_entry(who, m->incident->entries[i]))
                explain_delivery(&j, m->incident->entries[i], who, notify_now(n));
        json_array_end(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
}

/* --- deliveries ----------------------------------------------------------------------------------------------------- */

static bool notable(const struct entry *e)
{
    return e->state == ENTRY_CLAIMED || e->state == ENTRY_RETRYING || e->state == ENTRY_DEAD ||
           e->fell_back || e->error; /* a recipient of its mail was refused */
}

void notify_deliveries_json(const struct notify *n, bool all, size_t limit, const struct actor *a,
                            struct buf *out)
{
    struct incident **list = mem_alloc((n->n_open + n->n_kept + 1) * sizeof *list);
    struct json j = json_into(out);
    size_t count = 0;

    json_array(&j);
    for (size_t i = 0; list && i < n->n_open; i++)
        list[count++] = n->open[i];
    for (size_t i = 0; list && i < n->n_kept; i++)
        if (n->kept[i]->n_entries > 0)
            list[count++] = n->kept[i];
    if (list)
        qsort(list, count, sizeof *list, incident_newest_first);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < list[i]->n_entries && limit > 0; k++) {
            const struct entry *e = list[i]->entries[k];
            if (!notable(e) && !(all && list[i]->settled_ms == 0))
                continue;
            if (!actor_sees_entry(a, e))
                continue;
            explain_delivery(&j, e, a, notify_now(n));
            limit--;
        }
    json_array_end(&j);
    mem_free(list);
}

int notify_delivery_json(const struct notify *n, uint64_t incident, const char *lane,
                         const struct actor *a, struct buf *out)
{
    const struct incident *inc = incident_by_number(n, incident);
    const struct lane *l = map_gets(n->lanes, lane);
    const struct entry *e = inc && l ? ledger_find(inc, l) : NULL;
    struct json j = json_into(out);

    if (!e || !actor_sees_entry(a, e))
        return -1;
    explain_delivery(&j, e, a, notify_now(n));
    return 0;
}
