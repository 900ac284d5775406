/* An alert as a document.
 * One document for list, page and command. Members that Alertmanager has (status, silencedBy, fingerprint)
 * are called as there, so that a script needs few changes; ours stand beside them. Numbers come with their
 * text in the rule's unit. The phase is asked of the policy and not stored: a threshold that was changed
 * changes what is said at once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/expr.h"
#include "tocsin/view.h"

static const char *const phase_names[] = {"ok", "pending", "firing", "clearing"};

static enum alert_phase phase_of(const struct alert *a)
{
    const struct rule_def *d = alert_rule_def(a->rule);
    struct alert_policy p;

    if (!d)
        return a->state.firing ? ALERT_FIRING : a->state.pending_ms ? ALERT_PENDING : ALERT_OK;
    alert_policy_of(d, &p);
    return alert_phase(&p, &a->state);
}

const char *alert_phase_name(const struct alert *a)
{
    return phase_names[phase_of(a)];
}

const char *alert_rule_name(const struct alert *a)
{
    const struct rule_def *d = alert_rule_def(a->rule);

    return d ? d->name : "";
}

static void number_json(struct json *j, const char *key, const char *text_key, double v,
                        enum unit unit)
{
    struct buf text = BUF_INIT;

    json_knum(j, key, v);
    expr_number(&text, v, unit);
    json_kstr(j, text_key, buf_str(&text));
    buf_free(&text);
}

static void standing_json(struct json *j, const struct alert *a, const struct alert_standing *s)
{
    char fingerprint[17];

    json_key(j, "receivers");
    json_array(j);
    for (size_t i = 0; i < s->n_receivers; i++) {
        json_object(j);
        json_kstr(j, "name", s->receivers[i]);
        json_object_end(j);
    }
    json_array_end(j);
    json_key(j, "status");
    json_object(j);
    json_kstr(j, "state",
              !a->state.firing ? "unprocessed"
              : s->suppressed  ? "suppressed"
                               : "active");
    json_key(j, "silencedBy");
    json_array(j);
    for (size_t i = 0; i < s->n_silenced_by; i++)
        json_str(j, s->silenced_by[i]);
    json_array_end(j);
    json_key(j, "inhibitedBy");
    json_array(j);
    if (s->inhibited_by) {
        snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, s->inhibited_by);
        json_str(j, fingerprint);
    }
    json_array_end(j);
    json_key(j, "mutedBy");
    json_array(j);
    if (s->muted_by)
        json_str(j, s->muted_by);
    json_array_end(j);
    json_object_end(j);
}

static void url_json(const struct view *v, struct json *j, const struct alert *alert,
                     uint64_t incident)
{
    const char *base = v->external_url;
    struct buf url = BUF_INIT;

    if (incident)
        buf_addf(&url, "%s/i/%llu#%016llx", base ? base : "", (unsigned long long)incident,
                 (unsigned long long)alert->fingerprint);
    else
        buf_addf(&url, "%s/rules", base ? base : "");
    json_kstr(j, "generatorURL", buf_str(&url));
    buf_free(&url);
}

static void times_json(struct json *j, const struct alert *a)
{
    int64_t starts_ms = a->state.firing       ? a->state.active_ms
                        : a->state.pending_ms ? a->state.pending_ms
                                              : a->started_ms;

    if (starts_ms)
        json_ktime(j, "startsAt", starts_ms);
    if (a->ended_ms && !a->state.firing && !a->state.pending_ms)
        json_ktime(j, "endsAt", a->ended_ms);
    if (a->state.last_look_ms)
        json_ktime(j, "updatedAt", a->state.last_look_ms);
    if (a->state.nodata_ms)
        json_ktime(j, "noDataSince", a->state.nodata_ms);
    if (a->state.gone_ms)
        json_ktime(j, "goneSince", a->state.gone_ms);
}

static void values_json(struct json *j, const struct alert *a)
{
    json_kstr(j, "state", alert_phase_name(a));
    if (a->state.firing)
        json_kstr(j, "priority", priority_name(a->state.firing));
    if (a->has_value) {
        number_json(j, "value", "valueText", a->value, a->unit);
        if (a->state.firing)
            json_knum(j, "peak", a->peak);
    }
    if (a->has_threshold)
        number_json(j, "threshold", "thresholdText", a->threshold, a->unit);
}

static void warming_json(const struct view *v, struct json *j, const struct alert *a)
{
    const struct rule *r = rules_find(v->rules, alert_rule_name(a));
    int64_t until_ms = r && a->warming ? rule_warming_until_ms(r, a->group, false) : 0;

    if (until_ms)
        json_ktime(j, "warmingUntil", until_ms);
    else if (r && a->state.firing && rule_decides_early(r) &&
             (until_ms = rule_warming_until_ms(r, a->group, true)))
        json_ktime(j, "windowsFullAt", until_ms);
}

void alert_json(const struct view *v, struct json *j, const struct alert *a, bool with_why)
{
    struct alert_standing s = {0};
    char fingerprint[20];

    notify_standing(v->notify, a, &s);
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)a->fingerprint);
    json_object(j);
    json_kstr(j, "fingerprint", fingerprint);
    labels_json(j, "labels", a->labels, a->n_labels);
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < a->n_annotations; i++)
        json_kstr(j, a->annotations[i].name, a->annotations[i].value);
    json_object_end(j);
    times_json(j, a);
    warming_json(v, j, a);
    url_json(v, j, a, s.incident);
    standing_json(j, a, &s);
    values_json(j, a);
    if (s.incident)
        json_kint(j, "incident", (int64_t)s.incident);
    json_kstr(j, "rule", alert_rule_name(a));
    json_kstr(j, "origin", a->origin);
    if (a->end_reason)
        json_kstr(j, "endReason", a->end_reason);
    if (with_why) {
        json_key(j, "why");
        if (a->why && *a->why)
            json_raw(j, a->why, strlen(a->why));
        else
            json_null(j);
    }
    json_object_end(j);
}
