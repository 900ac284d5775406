/* Incidents: listed, one, acknowledged, released. */
#include <string.h>

#include "api/handlers.h"
#include "api/later.h"

void get_incidents(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    struct incident_filter f = {.open = call_flag(c, "open")};

    if (call_limit(c, LIMIT, LIMIT_MAX, &f.limit) || call_number(c, "after", &f.before))
        return;
    incidents_json(&c->view, &j, &f);
    reply_json(c->r, 200, &out);
}

/* --- one, with its alerts --------------------------------------------------------------------------- */

void get_incident(struct call *c)
{
    struct buf out = BUF_INIT;
    uint64_t number;

    if (call_incident(c, &number))
        return;
    if (incident_json(&c->view, number, &out) != 0)
        out.failed = true;
    reply_json(c->r, 200, &out);
}

/* The one incident as it is listed. */
static void reply_incident(struct call *c, uint64_t number)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (incident_listed_json(&c->view, &j, number) != 0)
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
