/* Incidents as documents.
 * notify says what an actor may see, and gives it as a view; here it only becomes JSON, once for lists, one
 * incident and its explanation. A list of ended ones asks for ten times as many as it shows, since those
 * that are on stand between them: a list by state of its own would have to be kept for a question that is
 * seldom asked. */
#include <cjson/cJSON.h>
#include <string.h>

#include "model/expr.h"
#include "tocsin/view.h"

struct listing {
    const struct view *v;
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
static void members_json(const struct view *v, struct json *j, const struct incident_view *i)
{
    const char *base = v->external_url;

    json_kint(j, "number", (int64_t)i->number);
    json_kbool(j, "open", i->ended_ms == 0);
    json_kbool(j, "settled", i->settled);
    if (i->priority)
        json_kstr(j, "priority", priority_name(i->priority));
    json_kstr(j, "summary", i->summary);
    labels_json(j, "groupLabels", i->group_labels, i->n_group_labels);
    json_ktime(j, "openedAt", i->opened_ms);
    if (i->ended_ms)
        json_ktime(j, "endedAt", i->ended_ms);
    json_kint(j, "firing", (int64_t)i->firing);
    json_kint(j, "resolved", (int64_t)i->resolved);
    json_kint(j, "held", (int64_t)i->held);
    if (i->hidden)
        json_kint(j, "hidden", (int64_t)i->hidden);
    ack_json(j, &i->ack);
    if (base) {
        struct buf url = BUF_INIT;

        buf_addf(&url, "%s/i/%llu", base, (unsigned long long)i->number);
        json_kstr(j, "url", buf_str(&url));
        buf_free(&url);
    }
}

static void list_one(const struct incident_view *i, void *arg)
{
    struct listing *l = arg;

    if (l->n >= l->f.limit || (l->f.ended && i->ended_ms == 0))
        return;
    l->n++;
    json_object(l->j);
    members_json(l->v, l->j, i);
    json_object_end(l->j);
}

static void only_members(const struct incident_view *i, void *arg)
{
    struct listing *l = arg;

    l->n++;
    members_json(l->v, l->j, i);
}

void incidents_json(const struct view *v, struct json *j, const struct incident_filter *f)
{
    struct listing l = {.v = v, .j = j, .f = *f};

    json_array(j);
    /* those that are on stand among those that ended: more are asked for than shown */
    notify_incidents(v->notify, f->before, f->ended ? 10 * f->limit : f->limit, f->open, v->who,
                     list_one, &l);
    json_array_end(j);
}

int incident_listed_json(const struct view *v, struct json *j, uint64_t number)
{
    struct listing l = {.v = v, .j = j, .f = {.limit = 1}};

    notify_incidents(v->notify, number + 1, 1, false, v->who, list_one, &l);
    return l.n == 1 ? 0 : -1;
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

int incident_json(const struct view *v, uint64_t number, struct buf *out)
{
    struct buf full = BUF_INIT;
    struct json j = json_into(out);
    struct listing l = {.v = v, .j = &j, .f = {.limit = 1}};
    cJSON *full_doc, *alert;

    if (notify_incident_json(v->notify, number, v->who, &full) != 0)
        return -1;
    full_doc = cJSON_ParseWithLength(buf_str(&full), full.len);
    buf_free(&full);
    if (!full_doc)
        return -1;
    json_object(&j);
    notify_incidents(v->notify, number + 1, 1, false, v->who, only_members, &l);
    cJSON_ArrayForEach(alert, cJSON_GetObjectItemCaseSensitive(full_doc, "alerts"))
    {
        finish_alert(alert);
    }
    member_json(&j, full_doc, "alerts");
    receivers_json(&j, cJSON_GetObjectItemCaseSensitive(full_doc, "deliveries"));
    member_json(&j, full_doc, "deliveries");
    member_json(&j, full_doc, "previous");
    json_object_end(&j);
    cJSON_Delete(full_doc);
    return 0;
}
