/* Rules as documents. */
#include "base/mem.h"
#include "base/text.h"
#include "model/leaf.h"
#include "tocsin/view.h"

struct alert_count {
    const struct view *v;
    int64_t firing, pending, all;
};

static void count_alert(struct alert *a, void *arg)
{
    struct alert_count *n = arg;

    if (a->labels && !view_sees_alert(n->v, a))
        return;
    n->all++;
    n->firing += a->state.firing != 0;
    n->pending += !a->state.firing && a->state.pending_ms != 0;
}

static void leaf_texts(struct json *j, const struct rule_def *d)
{
    json_array(j);
    for (size_t i = 0; i < d->n_leaves; i++) {
        struct buf text = BUF_INIT;

        leaf_text(d->leaves[i]->leaf, &text);
        json_str(j, buf_str(&text));
        buf_free(&text);
    }
    json_array_end(j);
}

static void definition_json(struct json *j, const struct rule_def *d)
{
    json_kstr(j, "name", d->name);
    json_kstr(j, "file", d->file);
    json_kint(j, "line", d->line);
    json_key(j, "priorities");
    json_array(j);
    for (size_t i = 0; i < d->n_levels; i++)
        json_str(j, priority_name(d->levels[i].priority));
    if (d->n_levels == 0 && d->priority)
        json_str(j, priority_name(d->priority));
    json_array_end(j);
    if (d->team)
        json_kstr(j, "team", d->team);
    json_kint(j, "every_ms", d->every_ms);
    json_kint(j, "lasting_ms", d->lasting_ms);
    json_kint(j, "limit", d->limit);
}

void rule_json(const struct view *v, struct json *j, struct rule *r, bool with_leaves)
{
    const struct rule_def *d = rule_definition(r);
    struct alert_rule *alerts = alert_rule_find(v->book, d->name);
    struct alert_count n = {.v = v};
    struct rule_stats s;
    int64_t warm_ms = rule_warm_ms(r);

    rule_stats(r, &s);
    if (alerts)
        alert_each_of(alerts, count_alert, &n);
    json_object(j);
    definition_json(j, d);
    json_kstr(j, "state",
              s.broken     ? "broken"
              : n.firing   ? "firing"
              : n.pending  ? "pending"
              : !s.matched ? "unmatched"
                           : "ok");
    json_kint(j, "groups", s.groups);
    json_kint(j, "overflow", s.overflow);
    json_kint(j, "hidden", s.hidden);
    if (s.hides)
        json_kstr(j, "hides", s.hides);
    json_key(j, "alerts");
    json_object(j);
    json_kint(j, "firing", n.firing);
    json_kint(j, "pending", n.pending);
    json_kint(j, "remembered", n.all);
    json_object_end(j);
    json_kint(j, "looks", (int64_t)s.looks);
    json_kint(j, "errors", (int64_t)s.errors);
    json_kstr(j, "error", s.error ? s.error : "");
    if (s.broken && s.retry_ms)
        json_ktime(j, "retryAt", s.retry_ms);
    if (s.last_tick_ms)
        json_ktime(j, "lastLook", s.last_tick_ms);
    json_kint(j, "took_us", s.last_took_us);
    json_kbool(j, "matched", s.matched);
    if (s.since_ms)
        json_ktime(j, "since", s.since_ms);
    if (warm_ms)
        json_ktime(j, "warmingUntil", warm_ms);
    json_key(j, "leaves");
    if (with_leaves)
        rule_explain_leaves(r, j);
    else
        leaf_texts(j, d);
    json_object_end(j);
}

void rules_json(const struct view *v, struct json *j, bool only_broken)
{
    const struct rules *e = v->rules;

    json_array(j);
    for (size_t i = 0; i < rules_count(e); i++) {
        const struct rule *r = rules_at(e, i);
        struct rule_stats s;

        rule_stats(r, &s);
        if ((only_broken && !s.broken) || !view_sees_rule(v, rule_definition(r)))
            continue;
        rule_json(v, j, rules_find(v->rules, rule_definition(r)->name), false);
    }
    json_array_end(j);
}

#define SUGGEST_RULES 5000 /* rules that a mistyped name is compared with, at most */

const char *rule_nearest(const struct view *v, const char *name)
{
    const struct rules *all = v->rules;
    size_t n = rules_count(all) < SUGGEST_RULES ? rules_count(all) : SUGGEST_RULES;
    const char **names = mem_zalloc((n + 1) * sizeof *names), *near;

    if (!names)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct rule_def *d = rule_definition(rules_at(all, i));

        names[i] = view_sees_rule(v, d) ? d->name : NULL;
    }
    near = text_nearest(name, names, n);
    mem_free(names);
    return near;
}
