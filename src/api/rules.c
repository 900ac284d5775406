/* The running rules, for people. */
#include "api/handlers.h"

void reply_no_rule(struct call *c, const char *name)
{
    const char *near = rule_nearest(&c->view, name);

    if (near)
        reply_error(c->r, 404, "not_found", "there is no rule %s: did you mean %s?", name, near);
    else
        reply_error(c->r, 404, "not_found", "there is no rule %s", name);
}

void get_rules(struct call *c)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    rules_json(&c->view, &j, false);
    reply_json(c->r, 200, &out);
}

void get_rule(struct call *c)
{
    struct rule *r = rules_find(c->api->o.rules, c->arg[0]);
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (!r || !view_sees_rule(&c->view, rule_definition(r))) {
        reply_no_rule(c, c->arg[0]);
        return;
    }
    rule_json(&c->view, &j, r, true);
    reply_json(c->r, 200, &out);
}
