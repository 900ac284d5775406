/* Rules and alerts in Prometheus' shape, and the one answer of Alertmanager's API that amtool asks
 * for first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/expr.h"

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
    const struct call *c;
    struct json *j;
    int worst; /* 2: one fires, 1: one is pending */
};

static void walk_alert(const struct alert *a, void *arg)
{
    struct prom_walk *w = arg;

    if (!is_active(a) || !call_sees_alert(w->c, a))
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

void get_prom_alerts(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    struct prom_walk w = {.c = c, .j = &j};

    success(&j);
    json_key(&j, "alerts");
    json_array(&j);
    alert_each(c->api->o.book, walk_alert, &w);
    json_array_end(&j);
    json_object_end(&j);
    json_object_end(&j);
    reply_json(c->r, 200, &out);
}

/* --- rules ----------------------------------------------------------------------------------------- */

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

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A repeated parameter that is given must name it. */
static bool named(const struct call *c, const char *param, const char *value)
{
    const char *s;

    if (!http_query(c->r, param, 0))
        return true;
    for (int i = 0; (s = http_query(c->r, param, i)); i++)
        if (strcmp(s, value) == 0)
            return true;
    return false;
}

static bool is_asked(const struct call *c, const struct rule_def *d)
{
    return scope_allows_rule(&c->access, d) && named(c, "rule_name[]", d->name) &&
           named(c, "file[]", d->file) && named(c, "rule_group[]", base_name(d->file));
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

static void prom_rule(const struct call *c, struct json *j, const struct rule *r)
{
    static const char *const states[] = {"inactive", "pending", "firing"};
    const struct rule_def *d = rule_definition(r);
    struct alert_rule *alerts = alert_rule_find(c->api->o.book, d->name);
    bool with_alerts = !call_flag(c, "exclude_alerts");
    struct prom_walk w = {.c = c, .j = with_alerts ? j : NULL};
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

static int by_place(const void *pa, const void *pb)
{
    const struct rule_def *a = rule_definition(*(const struct rule *const *)pa);
    const struct rule_def *b = rule_definition(*(const struct rule *const *)pb);
    int order = strcmp(a->file, b->file);

    return order ? order : a->line - b->line;
}

static void prom_group(const struct call *c, struct json *j, const struct rule *const *list,
                       size_t n)
{
    const struct rule_def *d = rule_definition(list[0]);
    int64_t took_us = 0, last_ms = 0;

    json_object(j);
    json_kstr(j, "name", base_name(d->file));
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
        prom_rule(c, j, list[i]);
    }
    json_array_end(j);
    json_knum(j, "evaluationTime", (double)took_us / 1e6);
    json_ktime(j, "lastEvaluation", last_ms);
    json_object_end(j);
}

void get_prom_rules(struct call *c)
{
    const struct rules *e = c->api->o.rules;
    const struct rule **list = mem_alloc((rules_count(e) + 1) * sizeof *list);
    const char *type = http_query(c->r, "type", 0);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    size_t n = 0, end;

    out.failed = !list;
    for (size_t i = 0; list && i < rules_count(e) && !(type && strcmp(type, "record") == 0); i++)
        if (is_asked(c, rule_definition(rules_at(e, i))))
            list[n++] = rules_at(e, i);
    if (n > 0)
        qsort(list, n, sizeof *list, by_place);
    success(&j);
    json_key(&j, "groups");
    json_array(&j);
    for (size_t i = 0; i < n; i = end) {
        const char *file = rule_definition(list[i])->file;

        for (end = i; end < n && strcmp(rule_definition(list[end])->file, file) == 0; end++)
            ;
        prom_group(c, &j, list + i, end - i);
    }
    json_array_end(&j);
    json_object_end(&j);
    json_object_end(&j);
    reply_json(c->r, 200, &out);
    mem_free(list);
}

/* --- Alertmanager -------------------------------------------------------------------------------------- */

void get_am_status(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    json_key(&j, "cluster");
    json_object(&j);
    json_kstr(&j, "status", "disabled");
    json_key(&j, "peers");
    json_array(&j);
    json_array_end(&j);
    json_object_end(&j);
    json_key(&j, "versionInfo");
    json_object(&j);
    json_kstr(&j, "version", TOCSIN_VERSION);
    json_kstr(&j, "revision", "");
    json_kstr(&j, "branch", "");
    json_kstr(&j, "buildUser", "");
    json_kstr(&j, "buildDate", "");
    json_kstr(&j, "goVersion", "");
    json_object_end(&j);
    json_key(&j, "config");
    json_object(&j);
    json_kstr(&j, "original", "");
    json_object_end(&j);
    json_ktime(&j, "uptime", c->api->started_ms);
    json_object_end(&j);
    reply_json(c->r, 200, &out);
}

void get_am_other(struct call *c)
{
    static const char text[] =
        "this version of Tocsin has of Alertmanager's API only GET /api/v2/status; its own is "
        "under /api/tocsin/v1";
    /* amtool and its kin show the text of these only: the one documented for all of a silence is
     * 500, of the lists 400; both are plain strings there */
    bool one = strncmp(http_path(c->r), "/api/v2/silence/", strlen("/api/v2/silence/")) == 0;
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_str(&j, text);
    reply_json(c->r, one ? 500 : 400, &out);
}
