/* Why it is (not) firing, where it went, and where it would go.
 * The document is of memory and made at once, the history behind it is of Redis: it waits in a `later`, its
 * last brace taken off, and the history is put in when it comes. Without Redis it says null and the rest is
 * still told, since that is when people ask. Dropped: reading history first, which makes the answer of
 * another moment. */
#include "api/explain.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/history.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/expr.h"

#define HISTORY_SHOWN 50

/* --- with its history --------------------------------------------------------------------------------- */

static void add_history(struct history_search *s, const struct err *e, void *arg)
{
    struct later *l = arg;

    assert(!buf_ok(&l->body) || (l->body.len > 1 && l->body.data[l->body.len - 1] == '}'));
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

    if (!s || incident_explain_json(&c->view, number, &out, &incident) != 0) {
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

    rule_explain_json(&c->view, &j, r, &(struct view_labels){want->l, want->n});
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
    } else if (!r || !view_sees_rule(&c->view, rule_definition(r))) {
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
