/* Why it is (not) firing and where it went, as documents.
 * The tree is the rule's own (rule_explain()), and what follows in words is made of the same document
 * (why.h), so that words and tree agree. Of many groups those that fire are shown first, GROUPS_SHOWN of
 * them, and the rest is counted: an explanation that has to be searched explains nothing. Groups of others
 * are not counted in for who has a scope. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/zone.h"
#include "view/why.h"

#define GROUPS_SHOWN 20
#define GROUPS_MAX   1000

/* --- one group of a rule -------------------------------------------------------------------------- */

static void notifications_json(const struct view *v, struct json *j, const struct alert *alert)
{
    struct buf b = BUF_INIT;

    notify_explain_alert(v->notify, alert, v->who, &b);
    if (buf_ok(&b) && b.len > 0) {
        json_key(j, "notifications");
        json_raw(j, b.data, b.len);
    }
    buf_free(&b);
}

/* Members "levels", "timers" and "text" of what the rule sees in a group. */
static void seen_json(const struct view *v, struct json *j, struct rule *r, labelset group,
                      const struct alert *alert)
{
    struct buf levels = BUF_INIT;
    struct json lj = json_into(&levels);
    const struct rule_def *d = rule_definition(r);
    int64_t at_ms = rules_now_ms(v->rules);

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

static void group_json(const struct view *v, struct json *j, struct rule *r, labelset group,
                       const struct alert *alert)
{
    struct label l[LABELS_MAX];
    size_t n = labelset_size(v->labels, group);

    json_object(j);
    n = n < LABELS_MAX ? n : LABELS_MAX;
    for (size_t i = 0; i < n; i++)
        l[i] = labelset_at(v->labels, group, i);
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
    seen_json(v, j, r, group, alert);
    if (alert)
        notifications_json(v, j, alert);
    json_object_end(j);
}

/* --- the groups of a rule -------------------------------------------------------------------------- */

struct groups {
    const struct view *v;
    struct rule *rule;
    const struct view_labels *want;
    labelset id[GROUPS_MAX];
    size_t n, firing;
};

static bool group_has(const struct labelsets *ls, labelset group, const struct view_labels *want)
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
    const struct labelsets *ls = g->v->labels;
    const struct rule_def *d = rule_definition(g->rule);

    for (size_t i = 0; i < g->v->who->n_scope; i++) {
        const struct matcher *m = g->v->who->scope[i];
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

    if (g->n == GROUPS_MAX || !group_has(g->v->labels, a->group, g->want) || !in_scope(g, a->group))
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
    struct alert_rule *alerts = alert_rule_find(g->v->book, rule_definition(g->rule)->name);
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
    struct alert_rule *alerts = alert_rule_find(g->v->book, rule_definition(g->rule)->name);

    json_key(j, "groups");
    json_array(j);
    for (size_t i = 0; i < g->n && i < GROUPS_SHOWN; i++)
        group_json(g->v, j, g->rule, g->id[i], alerts ? alert_find(alerts, g->id[i]) : NULL);
    json_array_end(j);
    json_kint(j, "more", g->n > GROUPS_SHOWN ? (int64_t)(g->n - GROUPS_SHOWN) : 0);
}

void rule_explain_json(const struct view *v, struct json *j, struct rule *r,
                       const struct view_labels *want)
{
    struct groups *g = mem_zalloc(sizeof *g);

    json_object(j);
    json_key(j, "rule");
    rule_json(v, j, r, false);
    json_ktime(j, "at", rules_now_ms(v->rules));
    if (g) {
        *g = (struct groups){.v = v, .rule = r, .want = want};
        find_groups(g);
        groups_json(j, g);
        json_key(j, "leaves");
        rule_explain_leaves(r, j);
        if (g->firing == 0)
            why_not(v, j, r, want, g->n);
    } else {
        j->out->failed = true;
    }
    json_object_end(j);
    mem_free(g);
}

/* --- an incident ------------------------------------------------------------------------------------- */

/* Its name: that of its rule, or what its sender calls it. */
static const char *name_of(const struct alert *a)
{
    for (size_t i = 0; a->external && i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, "alertname") == 0)
            return a->labels[i].value;
    return alert_rule_name(a);
}

/* What is decided elsewhere has no tree: who said so, and until when. */
static void sender_json(struct json *j, const struct alert *a)
{
    const char *colon = strchr(a->origin, ':');
    struct buf text = BUF_INIT;
    char time[ZONE_TIME_LEN];

    zone_time(time, a->expires_ms, true);
    buf_adds(&text, "sent");
    if (colon && colon[1])
        buf_addf(&text, " by the token %s", colon + 1);
    if (a->expires_ms)
        buf_addf(&text, "; ends %s unless it is sent again", time);
    json_key(j, "text");
    json_array(j);
    json_str(j, buf_str(&text));
    json_array_end(j);
    buf_free(&text);
}

static void incident_alert(const struct view *v, struct json *j, const cJSON *told)
{
    const char *hex = cJSON_GetStringValue(cJSON_GetObjectItem(told, "fingerprint"));
    struct alert *alert = hex ? alert_by_fingerprint(v->book, strtoull(hex, NULL, 16)) : NULL;
    struct rule *r = alert ? rules_find(v->rules, alert_rule_name(alert)) : NULL;

    if (!alert || !alert->labels)
        return; /* it has ended and is forgotten */
    json_object(j);
    json_kstr(j, "fingerprint", hex);
    json_kstr(j, "rule", name_of(alert));
    labels_json(j, "labels", alert->labels, alert->n_labels);
    json_kstr(j, "state", alert_phase_name(alert));
    if (alert->state.firing)
        json_kstr(j, "priority", priority_name(alert->state.firing));
    if (r)
        seen_json(v, j, r, alert->group, alert);
    else if (alert->external)
        sender_json(j, alert);
    json_object_end(j);
}

/* The document without its history; the incident itself in `parsed`, to be deleted. */
int incident_explain_json(const struct view *v, uint64_t number, struct buf *out, cJSON **parsed)
{
    struct buf incident = BUF_INIT, notifications = BUF_INIT;
    struct json j = json_into(out);
    const cJSON *alert;
    int shown = 0;

    *parsed = NULL;
    if (incident_json(v, number, &incident) == 0)
        *parsed = cJSON_ParseWithLength(buf_str(&incident), incident.len);
    if (!*parsed || notify_explain_incident(v->notify, number, v->who, &notifications) != 0) {
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
            incident_alert(v, &j, alert);
    }
    json_array_end(&j);
    json_key(&j, "notifications");
    json_raw(&j, buf_str(&notifications), notifications.len);
    json_object_end(&j);
    buf_free(&incident);
    buf_free(&notifications);
    return 0;
}
