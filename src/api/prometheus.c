/* Rules and alerts in Prometheus' shape, and the one answer of Alertmanager's API that amtool asks
 * for first. */
#include <string.h>

#include "api/handlers.h"
#include "base/mem.h"

void get_prom_alerts(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    prom_alerts_json(&c->view, &j);
    reply_json(c->r, 200, &out);
}

/* --- rules ----------------------------------------------------------------------------------------- */

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
    return view_sees_rule(&c->view, d) && named(c, "rule_name[]", d->name) &&
           named(c, "file[]", d->file) && named(c, "rule_group[]", prom_group_name(d->file));
}

void get_prom_rules(struct call *c)
{
    const struct rules *e = c->api->o.rules;
    const struct rule **list = mem_alloc((rules_count(e) + 1) * sizeof *list);
    const char *type = http_query(c->r, "type", 0);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);
    size_t n = 0;

    out.failed = !list;
    for (size_t i = 0; list && i < rules_count(e) && !(type && strcmp(type, "record") == 0); i++)
        if (is_asked(c, rule_definition(rules_at(e, i))))
            list[n++] = rules_at(e, i);
    prom_rules_json(&c->view, &j, list, n, !call_flag(c, "exclude_alerts"));
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
