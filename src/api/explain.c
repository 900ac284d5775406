/* Why it is (not) firing, where it went, and where it would go. */
#include "api/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/history.h"
#include "api/why.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/expr.h"

#define GROUPS_SHOWN  20
#define GROUPS_MAX    1000
#define HISTORY_SHOWN 50

/* --- one group of a rule -------------------------------------------------------------------------- */

static void notifications_json(const struct call *c, struct json *j, const struct alert *alert)
{
    struct buf b = BUF_INIT;

    notify_explain_alert(c->api->o.notify, alert, &c->actor, &b);
    if (buf_ok(&b) && b.len > 0) {
        json_key(j, "notifications");
        json_raw(j, b.data, b.len);
    }
    buf_free(&b);
}

/* Members "levels", "timers" and "text" of what the rule sees in a group. */
static void seen_json(struct api *a, struct json *j, struct rule *r, labelset group,
                      const struct alert *alert)
{
    struct buf levels = BUF_INIT;
    struct json lj = json_into(&levels);
    const struct rule_def *d = rule_definition(r);
    int64_t at_ms = rules_now_ms(a->o.rules);

    rule_explain(r, group, &lj);
    json_key(j, "levels");
    json_raw(j, buf_str(&levels), levels.len);
    json_key(j, "timers");
    why_timers(j, d, alert, at_ms);
    json_key(j, "text");
    json_array(j);
    why_lines(j, buf_str(&levels), levels.len);
    why_timer_lines(j, r, group, alert, at_ms);
    why_warming_line(j, r, group);
    json_array_end(j);
    buf_free(&levels);
}

static void group_json(const struct call *c, struct json *j, struct rule *r, labelset group,
                       const struct alert *alert)
{
    struct api *a = c->api;
    struct label l[LABELS_MAX];
    size_t n = labelset_size(a->o.labels, group);

    json_object(j);
    n = n < LABELS_MAX ? n : LABELS_MAX;
    for (size_t i = 0; i < n; i++)
        l[i] = labelset_at(a->o.labels, group, i);
    labels_json(j, "labels", l, n);
    json_kstr(j, "state", alert ? alert_phase_name(alert) : "ok");
    if (alert && alert->labels) {
        char fingerprint[20];

        snprintf(fingerprint, sizeof fingerprint, "%016llx",
                 (unsigned long long)alert->fingerprint);
        json_kstr(j, "fingerprint", fingerprint);
    }
    if (alert && alert->state.firing)
        json_kstr(j, "priority", priority_name(alert->state.firing));
    if (alert && (alert->state.firing || alert->state.pending_ms))
        json_ktime(j, "since",
                   alert->state.firing ? alert->state.active_ms : alert->state.pending_ms);
    if (alert && alert->state.nodata_ms)
        json_ktime(j, "noDataSince", alert->state.nodata_ms);
    if (alert && alert->state.gone_ms)
        json_ktime(j, "goneSince", alert->state.gone_ms);
    if (rule_warming_until_ms(r, group, false))
        json_ktime(j, "warmingUntil", rule_warming_until_ms(r, group, false));
    seen_json(a, j, r, group, alert);
    if (alert)
        notifications_json(c, j, alert);
    json_object_end(j);
}

/* --- the groups of a rule -------------------------------------------------------------------------- */

struct groups {
    const struct call *c;
    struct rule *rule;
    const struct label_list *want;
    labelset id[GROUPS_MAX];
    size_t n, firing;
};

static bool group_has(const struct labelsets *ls, labelset group, const struct label_list *want)
{
    for (size_t i = 0; i < want->n; i++) {
        size_t len;

        if (strcmp(labelset_value(ls, group, want->l[i].name, &len), want->l[i].value) != 0)
            return false;
    }
    return true;
}

/* What its alert would be called, for the scope. */
static bool in_scope(const struct groups *g, labelset group)
{
    const struct labelsets *ls = g->c->api->o.labels;
    const struct rule_def *d = rule_definition(g->rule);

    for (size_t i = 0; i < g->c->access.n_scope; i++) {
        const struct matcher *m = g->c->access.scope[i];
        size_t len;
        const char *v = labelset_value(ls, group, matcher_name(m), &len);

        if (strcmp(matcher_name(m), "alertname") == 0)
            v = d->name;
        else if (d->team && strcmp(matcher_name(m), "team") == 0)
            v = d->team;
        else
            for (size_t k = 0; k < d->n_labels; k++)
                if (strcmp(matcher_name(m), d->labels[k].name) == 0)
                    v = d->labels[k].value;
        if (!matcher_test(m, v, strlen(v)))
            return false;
    }
    return true;
}

static void take_alert(struct alert *a, void *arg)
{
    struct groups *g = arg;

    if (g->n == GROUPS_MAX || !group_has(g->c->api->o.labels, a->group, g->want) ||
        !in_scope(g, a->group))
        return;
    g->id[g->n++] = a->group;
    if (a->state.firing) { /* those come first */
        labelset first = g->id[g->firing];

        g->id[g->firing++] = a->group;
        g->id[g->n - 1] = first;
    }
}

/* Firing ones, other alerts, then groups of which nothing is remembered. */
static void find_groups(struct groups *g)
{
    struct alert_rule *alerts = alert_rule_find(g->c->api->o.book, rule_definition(g->rule)->name);
    labelset rows[GROUPS_MAX];
    size_t n;

    if (alerts)
        alert_each_of(alerts, take_alert, g);
    n = rule_groups(g->rule, g->want->l, g->want->n, rows, GROUPS_MAX);
    for (size_t i = 0; i < n && g->n < GROUPS_MAX; i++)
        if (!(alerts && alert_find(alerts, rows[i])) && in_scope(g, rows[i]))
            g->id[g->n++] = rows[i];
}

static void groups_json(struct json *j, const struct groups *g)
{
    struct alert_rule *alerts = alert_rule_find(g->c->api->o.book, rule_definition(g->rule)->name);

    json_key(j, "groups");
    json_array(j);
    for (size_t i = 0; i < g->n && i < GROUPS_SHOWN; i++)
        group_json(g->c, j, g->rule, g->id[i], alerts ? alert_find(alerts, g->id[i]) : NULL);
    json_array_end(j);
    json_kint(j, "more", g->n > GROUPS_SHOWN ? (int64_t)(g->n - GROUPS_SHOWN) : 0);
}

static void rule_document(struct call *c, struct json *j, struct rule *r,
                          const struct label_list *want)
{
    struct groups *g = mem_zalloc(sizeof *g);

    json_object(j);
    json_key(j, "rule");
    rule_json(c, j, r, false);
    json_ktime(j, "at", rules_now_ms(c->api->o.rules));
    if (g) {
        *g = (struct groups){.c = c, .rule = r, .want = want};
        find_groups(g);
        groups_json(j, g);
        json_key(j, "leaves");
        rule_explain_leaves(r, j);
        if (g->firing == 0)
            why_not(c->api, j, r, want, g->n);
    } else {
        j->out->failed = true;
    }
    json_object_end(j);
    mem_free(g);
}

/* --- an incident ------------------------------------------------------------------------------------- */

static void incident_alert(struct api *a, struct json *j, const cJSON *told)
{
    const char *hex = cJSON_GetStringValue(cJSON_GetObjectItem(told, "fingerprint"));
    struct alert *alert = hex ? alert_by_fingerprint(a->o.book, strtoull(hex, NULL, 16)) : NULL;
    struct rule *r = alert ? rules_find(a->o.rules, alert_rule_name(alert)) : NULL;

    if (!alert || !alert->labels)
        return; /* it has ended and is forgotten */
    json_object(j);
    json_kstr(j, "fingerprint", hex);
    json_kstr(j, "rule", alert_rule_name(alert));
    labels_json(j, "labels", alert->labels, alert->n_labels);
    json_kstr(j, "state", alert_phase_name(alert));
    if (alert->state.firing)
        json_kstr(j, "priority", priority_name(alert->state.firing));
    if (r)
        seen_json(a, j, r, alert->group, alert);
    json_object_end(j);
}

/* The document without its history; the incident itself in `parsed`, to be deleted. */
static int incident_document(struct call *c, uint64_t number, struct buf *out, cJSON **parsed)
{
    struct buf incident = BUF_INIT, notifications = BUF_INIT;
    struct json j = json_into(out);
    const cJSON *alert;
    int shown = 0;

    *parsed = NULL;
    if (incident_json(c, number, &incident) == 0)
        *parsed = cJSON_ParseWithLength(buf_str(&incident), incident.len);
    if (!*parsed ||
        notify_explain_incident(c->api->o.notify, number, &c->actor, &notifications) != 0) {
        buf_free(&incident);
        buf_free(&notifications);
        return -1;
    }
    json_object(&j);
    json_key(&j, "incident");
    json_raw(&j, incident.data, incident.len);
    json_key(&j, "alerts");
    json_array(&j);
    cJSON_ArrayForEach(alert, cJSON_GetObjectItem(*parsed, "alerts"))
    {
        if (shown++ < GROUPS_SHOWN)
            incident_alert(c->api, &j, alert);
    }
    json_array_end(&j);
    json_key(&j, "notifications");
    json_raw(&j, buf_str(&notifications), notifications.len);
    json_object_end(&j);
    buf_free(&incident);
    buf_free(&notifications);
    return 0;
}

/* --- with its history --------------------------------------------------------------------------------- */

static void add_history(struct history_search *s, const struct err *e, void *arg)
{
    struct later *l = arg;

    if (buf_ok(&l->body))
        l->body.data[--l->body.len] = '\0';
    if (e) {
        buf_adds(&l->body, ",\"history\":null}");
    } else {
        buf_adds(&l->body, ",\"history\":[");
        buf_add(&l->body, buf_str(&s->found), s->found.len);
        buf_adds(&l->body, "]}");
        l->body.failed |= s->found.failed;
    }
    later_end(l);
}

static void answer_with_history(struct call *c, struct buf *document, struct history_search *s,
                                void (*finish)(struct later *l))
{
    struct later *l = s ? later_new(c) : NULL;

    if (!s)
        reply_error(c->r, 503, "no_memory", "no memory");
    if (!l) {
        buf_free(document);
        history_search_free(s);
        return;
    }
    l->body = *document;
    l->finish = finish;
    history_start(s, add_history, l);
}

int explain_incident(struct call *c, uint64_t number, void (*finish)(struct later *l))
{
    struct history_search *s = history_search_new(c, HISTORY_SHOWN);
    struct buf out = BUF_INIT;
    cJSON *incident;

    if (!s || incident_document(c, number, &out, &incident) != 0) {
        history_search_free(s);
        buf_free(&out);
        return -1;
    }
    if (history_want_incident(s, incident) != 0) {
        history_search_free(s);
        s = NULL;
    }
    cJSON_Delete(incident);
    answer_with_history(c, &out, s, finish);
    return 0;
}

static void explain_rule(struct call *c, struct rule *r, struct label_list *want)
{
    struct history_search *s = history_search_new(c, HISTORY_SHOWN);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    rule_document(c, &j, r, want);
    if (s && history_want(s, rule_definition(r)->name, NULL) != 0) {
        history_search_free(s);
        s = NULL;
    }
    if (s) {
        s->labels = *want;
        *want = (struct label_list){0};
    }
    answer_with_history(c, &out, s, NULL);
}

void get_explain(struct call *c)
{
    const char *name = http_query(c->r, "rule", 0);
    struct rule *r = name ? rules_find(c->api->o.rules, name) : NULL;
    struct label_list want;
    uint64_t incident = 0;

    if (call_number(c, "incident", &incident))
        return;
    if (incident) {
        if (explain_incident(c, incident, NULL) != 0)
            reply_error(c->r, 404, "not_found", "there is no incident #%llu",
                        (unsigned long long)incident);
    } else if (!name) {
        reply_error(c->r, 400, "bad_request", "explain what? give incident or rule");
    } else if (!r || !scope_allows_rule(&c->access, rule_definition(r))) {
        reply_no_rule(c, name);
    } else if (call_labels(c, &want) == 0) {
        explain_rule(c, r, &want);
        label_list_free(&want);
    }
}

/* --- GET route --------------------------------------------------------------------------------------- */

static int route_priority(struct call *c, const struct label_list *l, int *priority)
{
    const char *s = http_query(c->r, "priority", 0);

    *priority = s && *s ? priority_parse(s) : 0;
    if (s && *s && *priority == 0) {
        reply_error(c->r, 400, "bad_request", "priority: expected P1 to P5");
        return -1;
    }
    for (size_t i = 0; i < l->n && *priority == 0; i++)
        if (strcmp(l->l[i].name, "severity") == 0)
            *priority = config_priority_of(c->config, l->l[i].value);
    if (*priority == 0)
        *priority = 3;
    return 0;
}

void get_route(struct call *c)
{
    const char *at = http_query(c->r, "at", 0);
    int64_t at_ms = call_now_ms(c);
    struct buf out = BUF_INIT, routes = BUF_INIT;
    struct json j = json_into(&out);
    struct label_list l;
    int priority;

    if (at && *at && text_parse_time(at, strlen(at), &at_ms) != 0) {
        reply_error(c->r, 400, "bad_request", "at: expected a time such as 2026-01-05T08:00:00Z");
        return;
    }
    if (call_labels(c, &l) != 0)
        return;
    if (route_priority(c, &l, &priority) == 0) {
        notify_explain_route(c->api->o.notify, l.l, l.n, priority, at_ms, &routes);
        json_object(&j);
        labels_json(&j, "labels", l.l, l.n);
        json_kstr(&j, "priority", priority_name(priority));
        if (buf_ok(&routes) && routes.len > 2) { /* its members, without the braces */
            buf_addc(&out, ',');
            buf_add(&out, routes.data + 1, routes.len - 2);
        }
        json_object_end(&j);
        out.failed |= routes.failed;
        reply_json(c->r, 200, &out);
    }
    buf_free(&routes);
    label_list_free(&l);
}
