/* Incidents: listed, one, acknowledged, released. */
#include <string.h>

#include "api/handlers.h"
#include "api/later.h"
#include "model/expr.h"

struct listing {
    const struct call *c;
    struct json *j;
    struct incident_filter f;
    size_t n;
};

static void ack_json(struct json *j, const struct notice_ack *a)
{
    json_key(j, "acknowledged");
    if (!a->who || !*a->who) {
        json_null(j);
        return;
    }
    json_object(j);
    json_kstr(j, "by", a->who);
    json_kstr(j, "note", a->note ? a->note : "");
    json_ktime(j, "at", a->at_ms);
    if (a->until_ms)
        json_ktime(j, "until", a->until_ms);
    json_object_end(j);
}

/* The members of one; the braces are the caller's. */
static void view_json(const struct call *c, struct json *j, const struct incident_view *v)
{
    const char *base = c->config->server.external_url;

    json_kint(j, "number", (int64_t)v->number);
    json_kbool(j, "open", v->ended_ms == 0);
    json_kbool(j, "settled", v->settled);
    if (v->priority)
        json_kstr(j, "priority", priority_name(v->priority));
    json_kstr(j, "summary", v->summary);
    labels_json(j, "groupLabels", v->group_labels, v->n_group_labels);
    json_ktime(j, "openedAt", v->opened_ms);
    if (v->ended_ms)
        json_ktime(j, "endedAt", v->ended_ms);
    json_kint(j, "firing", (int64_t)v->firing);
    json_kint(j, "resolved", (int64_t)v->resolved);
    json_kint(j, "held", (int64_t)v->held);
    if (v->hidden)
        json_kint(j, "hidden", (int64_t)v->hidden);
    ack_json(j, &v->ack);
    if (base) {
        struct buf url = BUF_INIT;

        buf_addf(&url, "%s/i/%llu", base, (unsigned long long)v->number);
        json_kstr(j, "url", buf_str(&url));
        buf_free(&url);
    }
}

static void list_one(const struct incident_view *v, void *arg)
{
    struct listing *l = arg;

    if (l->n >= l->f.limit || (l->f.ended && v->ended_ms == 0))
        return;
    l->n++;
    json_object(l->j);
    view_json(l->c, l->j, v);
    json_object_end(l->j);
}

static void only_members(const struct incident_view *v, void *arg)
{
    struct listing *l = arg;

    l->n++;
    view_json(l->c, l->j, v);
}

void incidents_json(const struct call *c, struct json *j, const struct incident_filter *f)
{
    struct listing l = {.c = c, .j = j, .f = *f};

    json_array(j);
    /* those that are on stand among those that ended: more are asked for than shown */
    notify_incidents(c->api->o.notify, f->before, f->ended ? 10 * f->limit : f->limit, f->open,
                     &c->actor, list_one, &l);
    json_array_end(j);
}

void get_incidents(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    struct incident_filter f = {.open = call_flag(c, "open")};

    if (call_limit(c, LIMIT, LIMIT_MAX, &f.limit) || call_number(c, "after", &f.before))
        return;
    incidents_json(c, &j, &f);
    reply_json(c->r, 200, &out);
}

/* --- one, with its alerts --------------------------------------------------------------------------- */

static void shown_number(cJSON *alert, const char *key, const char *text_key, enum unit unit)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(alert, key);
    struct buf text = BUF_INIT;

    if (!cJSON_IsNumber(v))
        return;
    expr_number(&text, v->valuedouble, unit);
    cJSON_AddStringToObject(alert, text_key, buf_str(&text));
    buf_free(&text);
}

/* As alerts are listed: `state`, and figures with their unit. */
static void finish_alert(cJSON *alert)
{
    cJSON *status = cJSON_DetachItemFromObjectCaseSensitive(alert, "status");
    cJSON *unit = cJSON_DetachItemFromObjectCaseSensitive(alert, "unit");
    enum unit u = cJSON_IsNumber(unit) ? (enum unit)unit->valueint : UNIT_NONE;

    if (status)
        cJSON_AddItemToObject(alert, "state", status);
    shown_number(alert, "value", "valueText", u);
    shown_number(alert, "threshold", "thresholdText", u);
    cJSON_Delete(unit);
}

static void member_json(struct json *j, const cJSON *from, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, key);
    char *text = v ? cJSON_PrintUnformatted(v) : NULL;

    if (text) {
        json_key(j, key);
        json_raw(j, text, strlen(text));
    }
    cJSON_free(text);
}

static void receivers_json(struct json *j, const cJSON *deliveries)
{
    const cJSON *d, *before;

    json_key(j, "receivers");
    json_array(j);
    cJSON_ArrayForEach(d, deliveries)
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(d, "receiver"));
        bool again = false;

        for (before = deliveries->child; before != d && name; before = before->next) {
            const cJSON *other = cJSON_GetObjectItemCaseSensitive(before, "receiver");

            again |= cJSON_IsString(other) && strcmp(other->valuestring, name) == 0;
        }
        if (name && !again)
            json_str(j, name);
    }
    json_array_end(j);
}

int incident_json(const struct call *c, uint64_t number, struct buf *out)
{
    struct buf full = BUF_INIT;
    struct json j = json_into(out);
    struct listing l = {.c = c, .j = &j, .f = {.limit = 1}};
    cJSON *i, *alert;

    if (notify_incident_json(c->api->o.notify, number, &c->actor, &full) != 0)
        return -1;
    i = cJSON_ParseWithLength(buf_str(&full), full.len);
    buf_free(&full);
    if (!i)
        return -1;
    json_object(&j);
    notify_incidents(c->api->o.notify, number + 1, 1, false, &c->actor, only_members, &l);
    cJSON_ArrayForEach(alert, cJSON_GetObjectItemCaseSensitive(i, "alerts"))
    {
        finish_alert(alert);
    }
    member_json(&j, i, "alerts");
    receivers_json(&j, cJSON_GetObjectItemCaseSensitive(i, "deliveries"));
    member_json(&j, i, "deliveries");
    member_json(&j, i, "previous");
    json_object_end(&j);
    cJSON_Delete(i);
    return 0;
}

void get_incident(struct call *c)
{
    struct buf out = BUF_INIT;
    uint64_t number;

    if (call_incident(c, &number))
        return;
    if (incident_json(c, number, &out) != 0)
        out.failed = true;
    reply_json(c->r, 200, &out);
}

/* The one incident as it is listed. */
static void reply_incident(struct call *c, uint64_t number)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    struct listing l = {.c = c, .j = &j, .f = {.limit = 1}};

    notify_incidents(c->api->o.notify, number + 1, 1, false, &c->actor, list_one, &l);
    if (l.n == 0)
        out.failed = true;
    reply_durable(c, 200, &out);
}

void post_ack(struct call *c)
{
    int64_t for_ms;
    const char *note;
    uint64_t number;
    struct err e;

    if (call_incident(c, &number) || body_duration(c, "for", &for_ms) ||
        body_text(c, "note", &note))
        return;
    if (notify_ack(c->api->o.notify, number, for_ms, note, &c->actor, &e) != 0)
        reply_err(c->r, &e);
    else
        reply_incident(c, number);
}

void post_release(struct call *c)
{
    uint64_t number;
    struct err e;

    if (call_incident(c, &number))
        return;
    if (notify_release(c->api->o.notify, number, &c->actor, &e) != 0)
        reply_err(c->r, &e);
    else
        reply_incident(c, number);
}
