/* Answers about incidents, lanes and figures, as far as the asker may see them.
 * An incident that several teams share is shown to each as if it held the alerts of his scope alone: counts,
 * priority and summary are computed from these, so that nothing leaks through a sum; the number of hidden
 * ones is told. Views are made for each question: they are asked by people, a page at a time. Cost: a list
 * sorts all incidents and looks at the members of those it shows. */
#include "notify/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notify/explain.h"
#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/record.h"
#include "notify/route.h"
#include "notify/scope.h"

/* --- incidents ------------------------------------------------------------------------------------------- */

/* Of those that the actor may see. */
static const struct member *foremost(const struct incident *inc, const struct actor *a)
{
    const struct member *best = NULL;

    for (size_t i = 0; i < inc->n_members; i++) {
        const struct member *m = inc->members[i];
        if (!actor_sees_member(a, m))
            continue;
        if (!best || member_order(m, best) < 0)
            best = m;
    }
    return best;
}

static const char *summary_of(const struct member *m)
{
    for (size_t i = 0; m && i < m->n_annotations; i++)
        if (strcmp(m->annotations[i].name, "summary") == 0)
            return m->annotations[i].value;
    for (size_t i = 0; m && i < m->n_labels; i++)
        if (strcmp(m->labels[i].name, "alertname") == 0)
            return m->labels[i].value;
    return "";
}

/* The most severe it was, as far as the actor may know. */
static int priority_seen(const struct incident *inc, const struct actor *a, size_t hidden)
{
    int priority = 0;

    if (hidden == 0)
        return inc->priority;
    for (size_t i = 0; i < inc->n_members; i++) {
        const struct member *m = inc->members[i];
        if (actor_sees_member(a, m) && (priority == 0 || m->worst < priority))
            priority = m->worst;
    }
    return priority;
}

static struct incident_view view_of(const struct incident *inc, const struct actor *a)
{
    struct incident_view v = {.number = inc->number,
                              .group_labels = inc->labels,
                              .n_group_labels = inc->n_labels,
                              .opened_ms = inc->opened_ms,
                              .ended_ms = inc->ended_ms,
                              .settled = inc->settled_ms != 0,
                              .ack = {"", "", inc->ack_ms, inc->ack_until_ms},
                              .summary = summary_of(foremost(inc, a))};

    for (size_t i = 0; i < inc->n_members; i++) {
        const struct member *m = inc->members[i];
        if (!actor_sees_member(a, m)) {
            v.hidden++;
            continue;
        }
        v.firing += m->firing;
        v.resolved += !m->firing;
        v.held += m->firing && m->hold != HOLD_NONE;
    }
    v.priority = priority_seen(inc, a, v.hidden);
    if (inc->ack_ms && inc->ack_who)
        v.ack.who = inc->ack_who;
    if (inc->ack_ms && inc->ack_note && v.hidden == 0) /* a note may tell of any alert */
        v.ack.note = inc->ack_note;
    return v;
}

static struct incident **listed(const struct notify *n, bool open_only, size_t *count)
{
    struct incident **list = mem_alloc((n->n_open + n->n_kept + 1) * sizeof *list);

    *count = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < n->n_open; i++)
        if (!open_only || n->open[i]->ended_ms == 0)
            list[(*count)++] = n->open[i];
    for (size_t i = 0; !open_only && i < n->n_kept; i++)
        list[(*count)++] = n->kept[i];
    qsort(list, *count, sizeof *list, incident_newest_first);
    return list;
}

void notify_incidents(const struct notify *n, uint64_t before, size_t limit, bool open_only,
                      const struct actor *a, void (*each)(const struct incident_view *v, void *arg),
                      void *arg)
{
    size_t count;
    struct incident **list = listed(n, open_only, &count);

    for (size_t i = 0; i < count && limit > 0; i++) {
        struct incident_view v;
        if ((before && list[i]->number >= before) || !actor_sees_some(a, list[i]))
            continue;
        v = view_of(list[i], a);
        each(&v, arg);
        limit--;
    }
    mem_free(list);
}

static void write_alert(struct json *j, const struct member *m)
{
    char hex[20];

    json_object(j);
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)m->fingerprint);
    json_kstr(j, "fingerprint", hex);
    json_kstr(j, "status", m->firing ? "firing" : "resolved");
    json_kstr(j, "priority", priority_name(member_priority(m)));
    record_labels(j, "labels", m->labels, m->n_labels);
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < m->n_annotations; i++)
        json_kstr(j, m->annotations[i].name, m->annotations[i].value);
    json_object_end(j);
    record_time(j, "startsAt", m->starts_ms);
    record_time(j, "endsAt", m->ends_ms);
    if (m->has_value) {
        json_knum(j, "value", m->value);
        json_knum(j, "peak", m->peak);
    }
    if (m->has_threshold)
        json_knum(j, "threshold", m->threshold);
    json_kint(j, "unit", m->unit);
    record_time(j, "noDataSince", m->nodata_ms);
    if (m->firing || (m->end_reason && strcmp(m->end_reason, "gone") == 0))
        record_time(j, "goneSince", m->gone_ms);
    json_kstr(j, "endReason", m->end_reason ? m->end_reason : "");
    json_kstr(j, "heldBy", m->held_by[0] ? m->held_by : hold_names[m->hold]);
    json_kstr(j, "origin", m->origin ? m->origin : "");
    if (m->why) {
        json_key(j, "why");
        json_raw(j, m->why, strlen(m->why));
    }
    json_object_end(j);
}

void view_incident(struct json *j, const struct incident *inc, const struct actor *a)
{
    struct incident_view v = view_of(inc, a);

    json_kint(j, "number", (int64_t)inc->number);
    json_kstr(j, "state", inc->ended_ms == 0 ? "firing" : "resolved");
    json_kstr(j, "priority", priority_name(v.priority));
    json_kstr(j, "summary", v.summary);
    record_labels(j, "groupLabels", inc->labels, inc->n_labels);
    record_time(j, "openedAt", inc->opened_ms);
    record_time(j, "endedAt", inc->ended_ms);
    json_kint(j, "firing", (int64_t)v.firing);
    json_kint(j, "resolved", (int64_t)v.resolved);
    json_kint(j, "held", (int64_t)v.held);
    json_key(j, "ack");
    if (inc->ack_ms == 0) {
        json_null(j);
    } else {
        json_object(j);
        json_kstr(j, "who", v.ack.who);
        json_kstr(j, "note", v.ack.note);
        record_time(j, "at", v.ack.at_ms);
        record_time(j, "until", v.ack.until_ms);
        json_object_end(j);
    }
    if (inc->previous) {
        json_key(j, "previous");
        json_object(j);
        json_kint(j, "number", (int64_t)inc->previous);
        record_time(j, "at", inc->previous_ms);
        json_kint(j, "for_ms", inc->previous_for_ms);
        json_object_end(j);
    }
}

static int by_order(const void *pa, const void *pb)
{
    return member_order(*(const struct member *const *)pa, *(const struct member *const *)pb);
}

/* Without memory for the order, in the order they came. */
static void write_alerts(struct json *j, const struct incident *inc, const struct actor *a)
{
    struct member **list = mem_alloc((inc->n_members + 1) * sizeof *list);

    if (list && inc->n_members > 0) {
        memcpy(list, inc->members, inc->n_members * sizeof *list);
        qsort(list, inc->n_members, sizeof *list, by_order);
    }
    for (size_t i = 0; i < inc->n_members; i++) {
        const struct member *m = list ? list[i] : inc->members[i];

        if (actor_sees_member(a, m))
            write_alert(j, m);
    }
    mem_free(list);
}

int notify_incident_json(const struct notify *n, uint64_t number, const struct actor *a,
                         struct buf *out)
{
    const struct incident *inc = incident_by_number(n, number);
    struct json j = json_into(out);

    if (!inc || !actor_sees_some(a, inc))
        return -1;
    json_object(&j);
    view_incident(&j, inc, a);
    json_key(&j, "alerts");
    json_array(&j);
    write_alerts(&j, inc, a);
    json_array_end(&j);
    json_key(&j, "deliveries");
    json_array(&j);
    for (size_t i = 0; i < inc->n_entries; i++)
        if (actor_sees_entry(a, inc->entries[i]))
            explain_delivery(&j, inc->entries[i], a, notify_now(n));
    json_array_end(&j);
    json_object_end(&j);
    return 0;
}

/* --- Alertmanager's view ----------------------------------------------------------------------------------- */

static struct member *member_of(const struct notify *n, const struct alert *a)
{
    return a->key ? map_gets(n->members, a->key) : NULL;
}

static bool listed_already(const char *const *list, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], s) == 0)
            return true;
    return false;
}

static void add_receivers(struct notify *n, const struct member *m, struct alert_standing *out)
{
    for (size_t r = 0; r < m->n_routes; r++)
        for (size_t k = 0; k < m->routes[r]->n_receivers; k++) {
            const char *name = m->routes[r]->receivers[k]->name;
            if (listed_already(n->answer_receivers, out->n_receivers, name))
                continue;
            if (mem_grow((void **)&n->answer_receivers, &n->cap_answer_receivers,
                         out->n_receivers + 1, sizeof *n->answer_receivers))
                return;
            n->answer_receivers[out->n_receivers++] = name;
        }
}

/* The calendar of its first route, where calendars of all of them hold it; NULL: not, or no memory to know. */
static const char *muted_by(const struct member *m, int64_t at_ms)
{
    const char *by = NULL;

    for (; m; m = m->next_same)
        for (size_t i = 0; m->firing && i < m->n_routes; i++) {
            struct route_mute mute;

            if (route_mute(m->routes[i], at_ms, &mute) || !mute.muted)
                return NULL;
            by = by ? by : mute.by;
        }
    return by;
}

void notify_standing(struct notify *n, const struct alert *a, struct alert_standing *out)
{
    const struct member *m = member_of(n, a);
    struct silence *const *list = NULL;
    struct inhibition inhibition = {0};
    size_t count = 0;

    *out = (struct alert_standing){.suppressed = a->suppressed};
    if (m && m->firing &&
        holds_find_all(n->holds,
                       &(struct hold_subject){
                           .labels = m->labels, .n_labels = m->n_labels, .priority = m->priority},
                       notify_now(n), &list, &count))
        return;
    mem_free(n->answer_ids);
    n->answer_ids = mem_zalloc((count + 1) * sizeof *n->answer_ids);
    if (!n->answer_ids)
        return;
    out->silenced_by = n->answer_ids;
    for (size_t i = 0; i < count; i++)
        n->answer_ids[out->n_silenced_by++] = list[i]->id;
    if (m && m->firing)
        inhibits_find(n->inhibits, m->key, notify_now(n), &inhibition);
    out->inhibited = inhibition.rule != NULL;
    out->inhibited_by = inhibition.fingerprint;
    out->suppressed = out->suppressed || out->n_silenced_by > 0 || out->inhibited;
    out->muted_by = muted_by(m, notify_now(n));
    out->suppressed = out->suppressed || out->muted_by;
    for (; m; m = m->next_same) {
        if (!m->firing)
            continue;
        if (out->incident == 0)
            out->incident = m->incident->number;
        add_receivers(n, m, out);
    }
    out->receivers = n->answer_receivers;
}

void notify_places(const struct notify *n, const struct alert *a,
                   void (*each)(const struct alert_place *p, void *arg), void *arg)
{
    for (const struct member *m = member_of(n, a); m; m = m->next_same)
        for (size_t r = 0; m->firing && r < m->n_routes; r++)
            for (size_t k = 0; k < m->routes[r]->n_receivers; k++)
                each(&(struct alert_place){.incident = m->incident->number,
                                           .group = m->incident->labels,
                                           .n_group = m->incident->n_labels,
                                           .receiver = m->routes[r]->receivers[k]->name},
                     arg);
}

/* --- lanes and figures ---------------------------------------------------------------------------------------- */

void notify_lanes(struct notify *n,
                  void (*each)(const char *lane, const char *receiver, const char *channel,
                               size_t channel_index, void *arg),
                  void *arg)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(n->lanes, &at, NULL, NULL));)
        if (l->config || l->n_due > 0)
            each(l->name, l->receiver, l->channel, l->index, arg);
}

size_t notify_waiting(const struct notify *n, const char *lane, int64_t *since_ms)
{
    const struct lane *l = map_gets(n->lanes, lane);
    size_t count = 0;

    if (since_ms)
        *since_ms = 0;
    for (size_t i = 0; i < n->n_open; i++)
        for (size_t k = 0; k < n->open[i]->n_entries; k++) {
            const struct entry *e = n->open[i]->entries[k];
            if (e->lane != l || e->since_ms == 0 || e->state == ENTRY_DEAD)
                continue;
            count++;
            if (since_ms && (*since_ms == 0 || e->since_ms < *since_ms))
                *since_ms = e->since_ms;
        }
    return count;
}
