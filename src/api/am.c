/* Alertmanager's API, version 2: its errors, its status, and that of its first version nothing is left.
 * Clients show what they know: of a list's 400 the bare string, of others {"code","message"} as go-openapi
 * makes it. amtool compares versions before each command and reads the configuration out of the status, so
 * the version told is Alertmanager's whose API this is, and the configuration is one that amtool loads. */
#include "api/am.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "api/handlers.h"
#include "base/mem.h"

#define AM_VERSION "0.25.0"

void am_reply_text(struct http_request *r, int status, const char *fmt, ...)
{
    struct buf text = BUF_INIT, out = BUF_INIT;
    struct json j = json_into(&out);
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    json_str(&j, buf_str(&text));
    buf_free(&text);
    reply_json(r, status, &out);
}

void am_reply_code(struct http_request *r, int status, int code, const char *fmt, ...)
{
    struct buf text = BUF_INIT, out = BUF_INIT;
    struct json j = json_into(&out);
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    json_object(&j);
    json_kint(&j, "code", code);
    json_kstr(&j, "message", buf_str(&text));
    json_object_end(&j);
    buf_free(&text);
    reply_json(r, status, &out);
}

bool am_is_json(struct call *c)
{
    const char *type = http_content_type(c->r);

    if (strcmp(type, "application/json") == 0)
        return true;
    am_reply_code(c->r, 415, 415,
                  "unsupported media type \"%.60s\", only [application/json] are allowed", type);
    return false;
}

bool am_flag(const struct call *c, const char *name)
{
    static const char *const yes[] = {"true", "1",        "yes",     "ok", "y",
                                      "on",   "selected", "checked", "t",  "enabled"};
    const char *s = http_query(c->r, name, 0);

    for (size_t i = 0; s && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(s, yes[i]) == 0)
            return true;
    return !s;
}

int am_filters(struct call *c, struct matcher_list *out)
{
    struct err e;

    if (read_filters(c, out, &e) == 0)
        return 0;
    am_reply_text(c->r, e.code == ERR_MEMORY ? 503 : 400, "bad matcher format: %s", e.text);
    return -1;
}

void get_am_status(struct call *c)
{
    struct buf out = BUF_INIT, yaml = BUF_INIT;
    struct json j = json_into(&out);

    am_config_yaml(c->config, &yaml);
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
    json_kstr(&j, "version", AM_VERSION);
    json_kstr(&j, "revision", TOCSIN_VERSION);
    json_kstr(&j, "branch", "tocsin");
    json_kstr(&j, "buildUser", "");
    json_kstr(&j, "buildDate", "");
    json_kstr(&j, "goVersion", "");
    json_object_end(&j);
    json_key(&j, "config");
    json_object(&j);
    json_kstr(&j, "original", buf_str(&yaml));
    json_object_end(&j);
    json_ktime(&j, "uptime", c->api->started_ms);
    json_object_end(&j);
    out.failed |= !buf_ok(&yaml);
    buf_free(&yaml);
    reply_json(c->r, 200, &out);
}

void get_am_receivers(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_array(&j);
    for (size_t i = 0; i < c->config->n_receivers; i++) {
        json_object(&j);
        json_kstr(&j, "name", c->config->receivers[i].name);
        json_object_end(&j);
    }
    json_array_end(&j);
    reply_json(c->r, 200, &out);
}

void am_v1_gone(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    json_object(&j);
    json_kstr(&j, "status", "deprecated");
    json_kstr(&j, "error",
              "Alertmanager's API v1 is not served: use the equivalent route below /api/v2");
    json_object_end(&j);
    reply_json(c->r, 410, &out);
}

/* --- metrics ---------------------------------------------------------------------------------------------- */

static void sample(struct buf *out, const char *name, const char *labels, uint64_t v)
{
    buf_addf(out, "alertmanager_%s{%s} %llu\n", name, labels, (unsigned long long)v);
}

#define CHANNELS_MAX 32 /* types of channels; a dozen is more than there are */

struct sent {
    struct {
        const char *name; /* within the lane's */
        int len;
        uint64_t all, failed;
    } channel[CHANNELS_MAX];
    int n;
};

/* A lane is RECEIVER/CHANNEL, or RECEIVER/CHANNEL:2. */
static void count_lane(const struct lane_stats *s, void *arg)
{
    struct sent *sum = arg;
    const char *slash = strrchr(s->lane, '/'), *name = slash ? slash + 1 : s->lane;
    int len = (int)strcspn(name, ":"), i = 0;

    while (i < sum->n &&
           (sum->channel[i].len != len || strncmp(sum->channel[i].name, name, (size_t)len) != 0))
        i++;
    if (i == CHANNELS_MAX)
        return;
    if (i == sum->n) {
        sum->channel[i].name = name;
        sum->channel[i].len = len;
        sum->n++;
    }
    sum->channel[i].all += s->delivered + s->failed;
    sum->channel[i].failed += s->failed;
}

static void notification_metrics(const struct api *a, const struct notify_stats *n, struct buf *out)
{
    struct sent sum = {.n = 0};

    deliver_lanes(a->o.deliver, count_lane, &sum);
    buf_adds(out, "# HELP alertmanager_notifications_total Attempts to notify.\n"
                  "# TYPE alertmanager_notifications_total counter\n");
    for (int i = 0; i < sum.n; i++)
        buf_addf(out, "alertmanager_notifications_total{integration=\"%.*s\"} %llu\n",
                 sum.channel[i].len, sum.channel[i].name, (unsigned long long)sum.channel[i].all);
    buf_adds(out, "# HELP alertmanager_notifications_failed_total Attempts that failed.\n"
                  "# TYPE alertmanager_notifications_failed_total counter\n");
    for (int i = 0; i < sum.n; i++)
        buf_addf(out, "alertmanager_notifications_failed_total{integration=\"%.*s\"} %llu\n",
                 sum.channel[i].len, sum.channel[i].name,
                 (unsigned long long)sum.channel[i].failed);
    buf_adds(out, "# HELP alertmanager_dispatcher_aggregation_groups Incidents that are open.\n"
                  "# TYPE alertmanager_dispatcher_aggregation_groups gauge\n");
    buf_addf(out, "alertmanager_dispatcher_aggregation_groups %zu\n", n->incidents_open);
}

void am_metrics(const struct api *a, struct buf *out)
{
    struct notify_stats n;

    notify_stats(a->o.notify, &n);
    buf_adds(out, "# HELP alertmanager_build_info The Alertmanager whose API this is.\n"
                  "# TYPE alertmanager_build_info gauge\n");
    sample(out, "build_info",
           "version=\"" AM_VERSION "\",revision=\"" TOCSIN_VERSION
           "\",branch=\"tocsin\",goversion=\"\"",
           1);
    buf_adds(out, "# HELP alertmanager_alerts Alerts that fire, by what is told of them.\n"
                  "# TYPE alertmanager_alerts gauge\n");
    sample(out, "alerts", "state=\"active\"", n.firing - n.held);
    sample(out, "alerts", "state=\"suppressed\"", n.held);
    buf_adds(out, "# HELP alertmanager_alerts_received_total Alerts posted to /api/v2/alerts.\n"
                  "# TYPE alertmanager_alerts_received_total counter\n");
    sample(out, "alerts_received_total", "status=\"firing\",version=\"v2\"", a->am.firing);
    sample(out, "alerts_received_total", "status=\"resolved\",version=\"v2\"", a->am.resolved);
    buf_adds(out, "# HELP alertmanager_alerts_invalid_total Alerts of these that were refused.\n"
                  "# TYPE alertmanager_alerts_invalid_total counter\n");
    sample(out, "alerts_invalid_total", "version=\"v2\"", a->am.invalid);
    buf_adds(out, "# HELP alertmanager_silences Silences by state.\n"
                  "# TYPE alertmanager_silences gauge\n");
    sample(out, "silences", "state=\"active\"", n.silences_active);
    sample(out, "silences", "state=\"pending\"", n.silences_pending);
    sample(out, "silences", "state=\"expired\"", n.silences_expired);
    notification_metrics(a, &n, out);
}
