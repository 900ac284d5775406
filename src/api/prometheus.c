/* Rules and alerts in Prometheus' shape. */
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
