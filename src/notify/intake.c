/* Alerts come in: routed, grouped, and kept as members of incidents.
 * An alert is placed as a whole each time its routes may differ: where it must be now is compared with where
 * it is, and what it is no longer routed to it leaves. So first coming, rise, relabelling and reload are one
 * way, and a change that was missed is made good by the next. Where only figures changed, which is nearly
 * every look, they are copied and nothing is routed. Without memory for one place the others are still told,
 * and it is counted. Cost: the tree of routes per placing, at most ROUTES_MAX destinations. */
#include "notify/intake.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "notify/alert_index.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/route.h"

/* --- recent starts, for "14 in 7 days" -------------------------------------------------------------- */

static void starts_add(struct notify *n, const struct member *m)
{
    struct start *s;

    if (!n->starts)
        n->starts = mem_zalloc(STARTS_MAX * sizeof *n->starts);
    if (!n->starts)
        return;
    s = &n->starts[(n->starts_at + n->n_starts) % STARTS_MAX];
    if (n->n_starts == STARTS_MAX)
        n->starts_at = (n->starts_at + 1) % STARTS_MAX;
    else
        n->n_starts++;
    mem_free(s->labels);
    s->labels = labels_dup(m->labels, m->n_labels);
    s->n_labels = s->labels ? m->n_labels : 0;
    s->at_ms = m->starts_ms;
    n->starts_added++;
    assert(n->n_starts <= STARTS_MAX && n->starts_at < STARTS_MAX);
}

/* --- routing ---------------------------------------------------------------------------------------- */

/* Where one alert belongs: its incidents' keys, each with the routes that lead there. */
struct destination {
    struct buf key;
    struct label group[LABELS_MAX];
    size_t n_group;
    const struct config_route *routes[ROUTES_MAX];
    size_t n_routes;
};

static struct destination *destination_of(struct destination *list, size_t *n,
                                          const struct config_route *r, const struct label *l,
                                          size_t n_labels)
{
    struct destination *d = &list[*n];

    assert(*n < ROUTES_MAX);
    d->n_routes = 0;
    d->key = BUF_INIT;
    d->n_group = route_group(r, l, n_labels, d->group, LABELS_MAX);
    route_key(r, d->group, d->n_group, &d->key);
    if (!buf_ok(&d->key)) {
        buf_free(&d->key);
        return NULL;
    }
    for (size_t i = 0; i < *n; i++)
        if (strcmp(buf_str(&list[i].key), buf_str(&d->key)) == 0) {
            buf_free(&d->key);
            return &list[i];
        }
    (*n)++;
    return d;
}

static size_t destinations(struct notify *n, const struct label *l, size_t n_labels, int priority,
                           struct destination *out)
{
    const struct config_route *routes[ROUTES_MAX];
    size_t found = n->config ? route_find(n->config->root, l, n_labels, priority, routes) : 0;
    size_t count = 0;

    for (size_t i = 0; i < found; i++) {
        struct destination *d = destination_of(out, &count, routes[i], l, n_labels);
        if (d)
            d->routes[d->n_routes++] = routes[i];
    }
    return count;
}

static bool same_routes(const struct member *m, const struct destination *d)
{
    return m->n_routes == d->n_routes &&
           memcmp(m->routes, d->routes, d->n_routes * sizeof *d->routes) == 0;
}

static void set_routes(struct member *m, const struct destination *d, int64_t at_ms)
{
    const struct config_route **copy;

    if (m->n_routes && same_routes(m, d))
        return;
    if (m->routed_ms != at_ms)
        member_touch(m);
    copy = mem_alloc(d->n_routes * sizeof *copy);
    if (!copy)
        return;
    memcpy(copy, d->routes, d->n_routes * sizeof *copy);
    mem_free(m->routes);
    m->routes = copy;
    m->n_routes = d->n_routes;
    m->routed_ms = at_ms;
    assert(m->n_routes > 0);
}

static struct member *member_in(const struct notify *n, const char *key, const struct incident *inc)
{
    struct member *m = map_gets(n->members, key);

    while (m && m->incident != inc)
        m = m->next_same;
    return m;
}

/* The incident that takes the alert: the open one; one that ended within the group interval while
 * somebody is still owed the news; else a new one. */
static struct incident *incident_for(struct notify *n, const struct destination *d, int64_t at_ms)
{
    struct incident *inc = map_gets(n->by_key, buf_str(&d->key));

    if (inc && inc->ended_ms != 0 && at_ms - inc->ended_ms > d->routes[0]->group_interval_ms)
        inc = NULL;
    return inc ? inc : incident_open(n, buf_str(&d->key), d->group, d->n_group, at_ms);
}

static struct member *join(struct notify *n, struct incident *inc, const char *key)
{
    struct member *m = member_new(inc, key);

    if (!m)
        return NULL;
    m->next_same = map_gets(n->members, key);
    if (map_puts(n->members, key, m, NULL) == 0) {
        inc->dirty = true; /* its next number */
        return m;
    }
    m->next_same = NULL;
    inc->n_members--;
    inc->n_at[0]--;
    member_free(m);
    return NULL;
}

static void leave(struct notify *n, struct member *m, int64_t at_ms)
{
    if (!m->firing)
        return;
    m->firing = false;
    m->moved = true;
    m->ends_ms = at_ms;
    alert_index_remove(n, m);
    member_text(&m->end_reason, "routed elsewhere", 64);
    member_touch(m);
    incident_mark(n, m->incident);
}

static void start_member(struct member *m, const struct alert *a, int64_t at_ms)
{
    m->firing = true;
    m->moved = false;
    m->worst = 0;
    m->starts_ms = a->started_ms ? a->started_ms : at_ms;
    m->ends_ms = 0;
    member_text(&m->end_reason, NULL, 0);
    m->hold = HOLD_NONE;
    m->held_by[0] = '\0';
    m->visible_ms = m->freed_ms = m->raised_ms = 0;
}

/* Copies what is known of one alert from one incident into another (a reload moved it). */
static int copy_member(struct member *to, const struct member *from)
{
    mem_free(to->labels);
    mem_free(to->annotations);
    to->labels = labels_dup(from->labels, from->n_labels);
    to->n_labels = to->labels ? from->n_labels : 0;
    to->annotations = rule_pairs_dup(from->annotations, from->n_annotations);
    to->n_annotations = to->annotations ? from->n_annotations : 0;
    member_text(&to->origin, from->origin, 256);
    member_text(&to->why, from->why, WHY_MAX);
    member_text(&to->unit_name, from->unit_name, 32);
    to->fingerprint = from->fingerprint;
    to->firing = true;
    to->moved = false;
    to->ends_ms = to->visible_ms = to->freed_ms = to->raised_ms = 0;
    to->hold = HOLD_NONE;
    to->hold_known = false;
    member_text(&to->end_reason, NULL, 0);
    to->suppressed = from->suppressed;
    to->has_value = from->has_value;
    to->has_threshold = from->has_threshold;
    member_set_priority(to, from->priority);
    to->worst = from->worst;
    to->value = from->value;
    to->peak = from->peak;
    to->threshold = from->threshold;
    to->unit = from->unit;
    to->starts_ms = from->starts_ms;
    to->nodata_ms = from->nodata_ms;
    to->gone_ms = from->gone_ms;
    return to->labels && to->annotations ? 0 : -1;
}

static void free_destinations(struct destination *d, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_free(&d[i].key);
    mem_free(d);
}

static bool among(const struct incident *inc, struct incident *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == inc)
            return true;
    return false;
}

/* Puts an alert that is on where its routes lead. `a` is what came in, or `from` what is known. */
static void place_alert(struct notify *n, const char *key, const struct alert *a,
                        const struct member *from, int64_t at_ms)
{
    struct destination *to = mem_alloc(ROUTES_MAX * sizeof *to);
    struct incident *now_in[ROUTES_MAX];
    /* cppcheck-suppress [nullPointer]: one of the two is there */
    const struct label *labels = a ? a->labels : from->labels;
    /* cppcheck-suppress [nullPointer] */
    size_t n_labels = a ? a->n_labels : from->n_labels, count, n_in = 0;
    /* cppcheck-suppress [nullPointer] */
    int priority = a ? a->state.firing : from->priority;
    bool started = false;

    if (!to)
        return;
    count = destinations(n, labels, n_labels, priority, to);
    for (size_t i = 0; i < count; i++) {
        struct incident *inc = incident_for(n, &to[i], at_ms);
        struct member *m = inc ? member_in(n, key, inc) : NULL;
        bool fresh = !m || !m->firing;

        /* a reload walks the members: nobody may be forgotten under it */
        if (inc && !m && incident_has_room(n, inc, priority, a ? at_ms : 0))
            m = join(n, inc, key);
        if (!m || (a ? member_copy(m, a) : fresh && m != from && copy_member(m, from))) {
            if (m && m->firing)
                alert_index_add(n, m); /* what is lost are texts */
            n->stats.overflow++;
            log_warn("an alert is in no incident: a bound was reached or memory is short", "alert",
                     key, NULL);
            continue;
        }
        if (fresh && a)
            start_member(m, a, at_ms);
        alert_index_add(n, m);
        if (a && a->started_ms)
            m->starts_ms = a->started_ms;
        started = started || (fresh && a);
        if (m->priority != priority)
            m->raised_ms = at_ms;
        member_set_priority(m, priority);
        if (m->worst == 0 || priority < m->worst)
            m->worst = priority;
        set_routes(m, &to[i], at_ms);
        if (a || fresh)
            member_touch(m);
        incident_mark(n, inc);
        assert(n_in < ROUTES_MAX && m->firing && m->worst <= priority);
        now_in[n_in++] = inc;
        if (started && fresh && n_in == 1)
            starts_add(n, m);
    }
    free_destinations(to, count);
    for (struct member *m = map_gets(n->members, key); m; m = m->next_same)
        if (!among(m->incident, now_in, n_in))
            leave(n, m, at_ms);
}

/* --- what the alert book tells ------------------------------------------------------------------------ */

static bool wants_messages(const struct alert *a)
{
    const struct rule_def *d = a->rule ? alert_rule_def(a->rule) : NULL;

    return a->state.firing != 0 && a->labels && (!d || (d->notify && !d->shadow));
}

/* Only figures changed: no message depends on them. One that could not be routed for lack of
 * memory is placed again. */
static bool only_values(const struct member *m, const struct alert *a)
{
    for (; m; m = m->next_same)
        if (m->firing && (a->relabelled || m->n_routes == 0 || m->priority != a->state.firing ||
                          m->starts_ms != a->started_ms || m->suppressed != a->suppressed ||
                          (m->nodata_ms != 0) != (a->state.nodata_ms != 0) ||
                          (m->gone_ms != 0) != (a->state.gone_ms != 0)))
            return false;
    return true;
}

static void follow_values(struct member *m, const struct alert *a)
{
    for (; m; m = m->next_same) {
        struct rule_pair *pairs;
        if (!m->firing)
            continue;
        member_values(m, a);
        pairs = rule_pairs_dup(a->annotations, a->n_annotations);
        if (!pairs)
            continue;
        mem_free(m->annotations);
        m->annotations = pairs;
        m->n_annotations = a->n_annotations;
    }
}

void intake_end(struct notify *n, struct member *m, const char *reason, int64_t at_ms)
{
    if (!m->firing)
        return;
    m->firing = false;
    m->ends_ms = at_ms;
    alert_index_remove(n, m);
    member_text(&m->end_reason, reason, 128);
    member_touch(m);
    incident_mark(n, m->incident);
}

void intake_alert(struct notify *n, const struct alert *a, int64_t at_ms)
{
    struct member *known;

    if (!a->labels)
        return;
    assert(a->key);
    known = map_gets(n->members, a->key);
    if (wants_messages(a)) {
        bool on = false;
        for (struct member *m = known; m; m = m->next_same)
            on = on || m->firing;
        if (on && only_values(known, a))
            follow_values(known, a);
        else
            place_alert(n, a->key, a, NULL, at_ms);
    } else {
        const char *reason = a->state.firing ? "its rule sends no messages now" : a->end_reason;
        for (struct member *m = known; m; m = m->next_same) {
            if (m->firing && a->state.firing == 0)
                member_values(m, a);
            intake_end(n, m, reason ? reason : "condition cleared", at_ms);
        }
    }
}

/* One that has ended stays where it is; its routes say at which pace its end is told. */
static void route_ended(struct notify *n, struct member *m)
{
    struct destination *to = mem_alloc(ROUTES_MAX * sizeof *to);
    size_t count;

    if (!to)
        return;
    count = destinations(n, m->labels, m->n_labels, m->priority, to);
    for (size_t i = 0; i < count; i++)
        if (strcmp(buf_str(&to[i].key), m->incident->key) == 0)
            set_routes(m, &to[i], m->routed_ms);
    free_destinations(to, count);
}

void intake_reroute(struct notify *n, struct member *m, int64_t at_ms)
{
    if (m->firing)
        place_alert(n, m->key, NULL, m, at_ms);
    else
        route_ended(n, m);
}
