/* Probes with reasons, and own metrics. */
#include "api/am.h"
#include "api/handlers.h"

static void probe(struct call *c, bool (*ask)(struct json *out, void *arg))
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    bool ok = ask(&j, c->api->o.arg);

    reply_json(c->r, ok ? 200 : 503, &out);
}

void get_livez(struct call *c)
{
    probe(c, c->api->o.live);
}

void get_readyz(struct call *c)
{
    probe(c, c->api->o.ready);
}

void get_startupz(struct call *c)
{
    probe(c, c->api->o.started);
}

static void line(struct call *c, bool (*ask)(struct json *out, void *arg), const char *what)
{
    struct buf reasons = BUF_INIT, out = BUF_INIT;
    struct json j = json_into(&reasons);
    bool ok = ask(&j, c->api->o.arg);

    buf_addf(&out, "Tocsin is %s%s.\n", ok ? "" : "not ", what);
    buf_free(&reasons);
    http_reply_buf(c->r, ok ? 200 : 503, "text/plain; charset=utf-8", &out);
}

void get_healthy(struct call *c)
{
    line(c, c->api->o.live, "Healthy");
}

void get_ready(struct call *c)
{
    line(c, c->api->o.ready, "Ready");
}

void get_metrics(struct call *c)
{
    struct buf out = BUF_INIT;

    c->api->o.metrics(&out, c->api->o.arg);
    am_metrics(c->api, &out);
    http_reply_buf(c->r, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}
