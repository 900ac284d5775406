/* Rules and alerts in Prometheus' shape.
 * For tools that read /api/v1/rules and /api/v1/alerts: names, states and the form of numbers are theirs.
 * What Prometheus has no word for (levels, groups of a file) is put the nearest way: a rule is one entry
 * with its conditions joined in one line. Nothing of ours is added to it, since strict readers fail. Cost:
 * all alerts of the rules that are listed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/expr.h"
#include "tocsin/view.h"

/* As Go writes a float with exponent: the shortest that reads back, "2.31e-01". */
static void value_text(double v, char out[40])
{
    if (isnan(v)) {
        strcpy(out, "NaN");
        return;
    }
    if (isinf(v)) {
        strcpy(out, v > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 0; digits <= 17; digits++) {
        snprintf(out, 40, "%.*e", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

static void prom_alert(struct json *j, const struct alert *a)
{
    char value[40];

    value_text(a->has_value ? a->value : 0, value);
    json_object(j);
    labels_json(j, "labels", a->labels, a->n_labels);
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < a->n_annotations; i++)
        json_kstr(j, a->annotations[i].name, a->annotations[i].value);
    json_object_end(j);
    json_kstr(j, "state", a->state.firing ? "firing" : "pending");
    json_ktime(j, "activeAt", a->state.pending_ms ? a->state.pending_ms : a->state.active_ms);
    json_kstr(j, "value", value);
    json_object_end(j);
}

static bool is_active(const struct alert *a)
{
    return a->labels && (a->state.firing || a->state.pending_ms);
}

struct prom_walk {
    const struct view *v;
    struct json *j;
    int worst; /* 2: one fires, 1: one is pending */
};

static void walk_alert(const struct alert *a, void *arg)
{
    struct prom_walk *w = arg;

    if (!is_active(a) || !view_sees_alert(w->v, a))
        return;
    if (w->worst < (a->state.firing ? 2 : 1))
        w->worst = a->state.firing ? 2 : 1;
    if (w->j)
        prom_alert(w->j, a);
}

static void walk_alert_of(struct alert *a, void *arg)
{
    walk_alert(a, arg);
}

static void success(struct json *j)
{
    json_object(j);
    json_kstr(j, "status", "success");
    json_key(j, "data");
    json_object(j);
}

#define TEXT_DEPTH_MAX 20

/* An expression in one line: what tools show as the query. */
static void expr_text(const struct rule_def *d, const struct expr *x, struct buf *b, int depth)
{
    const struct expr *below[] = {x->a, x->b, x->c};
    bool limit = x->kind == COND_CMP, first = true;

    if (x->kind == EXPR_VALUE && d->value) {
        expr_text(d, d->value, b, depth + 1);
        return;
    }
    if (depth > TEXT_DEPTH_MAX) {
        buf_adds(b, "…");
        return;
    }
    if (limit) {
        expr_text(d, x->a, b, depth + 1);
        buf_addc(b, ' ');
        expr_label(x, b);
        if (x->b && x->b->kind != EXPR_NUM) {
            buf_addc(b, ' ');
            expr_text(d, x->b, b, depth + 1);
        }
        return;
    }
    expr_label(x, b);
    for (size_t i = 0; i < 3; i++) {
        if (!below[i])
            continue;
        buf_adds(b, first ? "(" : ", ");
        first = false;
        expr_text(d, below[i], b, depth + 1);
    }
    if (!first)
        buf_addc(b, ')');
}

static void query_text(const struct rule_def *d, struct buf *b)
{
    for (size_t i = 0; i < d->n_levels; i++) {
        buf_addf(b, "%s%s: ", i ? "; " : "", priority_name(d->levels[i].priority));
        expr_text(d, d->levels[i].cond, b, 0);
    }
    for (size_t i = 0; i < d->n_inputs; i++) {
        buf_addf(b, "%s%s = ", i ? "; " : "", d->inputs[i].name);
        expr_text(d, d->inputs[i].x, b, 0);
    }
}

const char *prom_group_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? slash + 1 : file;
}

static void rule_labels(struct json *j, const struct rule_def *d)
{
    json_key(j, "labels");
    json_object(j);
    for (size_t i = 0; i < d->n_labels; i++)
        json_kstr(j, d->labels[i].name, d->labels[i].value);
    if (d->team)
        json_kstr(j, "team", d->team);
    if (d->severity)
        json_kstr(j, "severity", d->severity);
    json_object_end(j);
    json_key(j, "annotations");
    json_object(j);
    for (size_t i = 0; i < d->n_annotations; i++)
        json_kstr(j, d->annotations[i].name, d->annotations[i].value);
    json_object_end(j);
}

static void prom_rule(const struct view *v, struct json *j, const struct rule *r, bool with_alerts)
{
    static const char *const states[] = {"inactive", "pending", "firing"};
    const struct rule_def *d = rule_definition(r);
    struct alert_rule *alerts = alert_rule_find(v->book, d->name);
    struct prom_walk w = {.v = v, .j = with_alerts ? j : NULL};
    struct buf query = BUF_INIT;
    struct rule_stats s;

    rule_stats(r, &s);
    query_text(d, &query);
    json_object(j);
    json_kstr(j, "name", d->name);
    json_kstr(j, "query", buf_str(&query));
    json_knum(j, "duration", (double)d->lasting_ms / 1000);
    json_knum(j, "keepFiringFor", (double)d->clear_after_ms / 1000);
    rule_labels(j, d);
    if (with_alerts) {
        json_key(j, "alerts");
        json_array(j);
    }
    if (alerts)
        alert_each_of(alerts, walk_alert_of, &w);
    if (with_alerts)
        json_array_end(j);
    json_kstr(j, "state", states[w.worst]);
    json_kstr(j, "health", s.broken ? "err" : s.looks ? "ok" : "unknown");
    json_kstr(j, "lastError", s.broken && s.error ? s.error : "");
    json_kstr(j, "type", "alerting");
    json_knum(j, "evaluationTime", (double)s.last_took_us / 1e6);
    json_ktime(j, "lastEvaluation", s.last_tick_ms);
    json_object_end(j);
    buf_free(&query);
}

static void prom_group(const struct view *v, struct json *j, const struct rule *const *list,
                       size_t n, bool with_alerts)
{
    const struct rule_def *d = rule_definition(list[0]);
    int64_t took_us = 0, last_ms = 0;

    json_object(j);
    json_kstr(j, "name", prom_group_name(d->file));
    json_kstr(j, "file", d->file);
    json_knum(j, "interval", (double)d->every_ms / 1000);
    json_kint(j, "limit", 0);
    json_key(j, "rules");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        struct rule_stats s;

        rule_stats(list[i], &s);
        took_us += s.last_took_us;
        last_ms = s.last_tick_ms > last_ms ? s.last_tick_ms : last_ms;
        prom_rule(v, j, list[i], with_alerts);
    }
    json_array_end(j);
    json_knum(j, "evaluationTime", (double)took_us / 1e6);
    json_ktime(j, "lastEvaluation", last_ms);
    json_object_end(j);
}

void prom_alerts_json(const struct view *v, struct json *j)
{
    struct prom_walk w = {.v = v, .j = j};

    success(j);
    json_key(j, "alerts");
    json_array(j);
    alert_each(v->book, walk_alert, &w);
    json_array_end(j);
    json_object_end(j);
    json_object_end(j);
}

static int by_place(const void *pa, const void *pb)
{
    const struct rule_def *a = rule_definition(*(const struct rule *const *)pa);
    const struct rule_def *b = rule_definition(*(const struct rule *const *)pb);
    int order = strcmp(a->file, b->file);

    return order ? order : a->line - b->line;
}

void prom_rules_json(const struct view *v, struct json *j, const struct rule **list, size_t n,
                     bool with_alerts)
{
    size_t end;

    if (n > 0)
        qsort(list, n, sizeof *list, by_place);
    success(j);
    json_key(j, "groups");
    json_array(j);
    for (size_t i = 0; i < n; i = end) {
        const char *file = rule_definition(list[i])->file;

        for (end = i; end < n && strcmp(rule_definition(list[end])->file, file) == 0; end++)
            ;
        prom_group(v, j, list + i, end - i, with_alerts);
    }
    json_array_end(j);
    json_object_end(j);
    json_object_end(j);
}
