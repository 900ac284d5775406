/* Which labels the groups of a node carry, known at load.
 * Where two sides cannot match, the rule is refused instead of staying silent for ever, which is how such
 * mistakes are found elsewhere: in an outage. Matching is by equal labels or by a subset of them, so nothing
 * is lost by knowing only names. Where a side has whatever labels its series have (`all`), nothing is
 * claimed. */
#include <stdio.h>
#include <string.h>

#include "base/redact.h"
#include "lang/plan.h"

static bool has_name(const struct expr_keys *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->names[i], name) == 0)
            return true;
    return false;
}

static bool subset(const struct expr_keys *a, const struct expr_keys *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (!has_name(b, a->names[i]))
            return false;
    return true;
}

static const char *list_text(char *out, size_t size, const struct expr_keys *k)
{
    size_t used = 0;

    out[0] = 0;
    for (size_t i = 0; i < k->n && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", k->names[i]);
    return out;
}

static const struct expr_keys scalar_keys = {.scalar = true};

/* The labels of two sides that are matched: those of the side that has more. */
static struct expr_keys join(struct plan *p, const struct node *at, const char *what,
                             const struct node *a, const struct node *b)
{
    char ta[200], tb[200];

    if (a->x.keys.scalar || (a->follows && !b->x.keys.scalar))
        return b->x.keys;
    if (b->x.keys.scalar || b->follows)
        return a->x.keys;
    if (a->x.keys.all)
        return a->x.keys;
    if (b->x.keys.all || subset(&a->x.keys, &b->x.keys))
        return b->x.keys;
    if (subset(&b->x.keys, &a->x.keys))
        return a->x.keys;
    sandbox_fail(p->L,
                 "%s at %s:%d combines {%s} with {%s}: neither contains the other. Aggregate one "
                 "side to common labels with :by(…)/:sum_by(…)",
                 what, at->file, at->x.line, list_text(ta, sizeof ta, &a->x.keys),
                 list_text(tb, sizeof tb, &b->x.keys));
}

static const char *operator_text(const struct node *n, char *out, size_t size)
{
    switch (n->x.kind) {
    case EXPR_ARITH:
        snprintf(out, size, "`%s`", expr_arith_names[n->x.op]);
        break;
    case COND_AND:
    case COND_OR:
        snprintf(out, size, "%s", n->method);
        break;
    case EXPR_WHERE:
        snprintf(out, size, ":where()");
        break;
    default:
        snprintf(out, size, "%s()", n->method ? n->method : "the operator");
    }
    return out;
}

static struct expr_keys joined(struct plan *p, struct node *n)
{
    const struct expr *child[] = {n->x.a, n->x.b, n->x.c};
    const struct node none = {.x.keys = scalar_keys};
    struct node sum = none;
    char what[64];

    operator_text(n, what, sizeof what);
    for (size_t i = 0; i < 3; i++) {
        if (!child[i])
            continue;
        sum.x.keys = join(p, n, what, &sum, node_of(child[i]));
        sum.follows = (sum.follows || i == 0) && node_of(child[i])->follows;
    }
    n->follows = sum.follows;
    return sum.x.keys;
}

/* Grouping labels must be there, where it is known what there is. */
static void check_known(struct plan *p, const struct node *n, const struct expr_keys *has)
{
    char ta[200], tb[200];
    struct expr_keys want = {.names = n->x.labels, .n = n->x.n_labels};

    if (has->all || subset(&want, has))
        return;
    sandbox_fail(p->L, ":%s(%s) at %s:%d: the expression only has labels {%s}", n->method,
                 list_text(ta, sizeof ta, &want), n->file, n->x.line,
                 list_text(tb, sizeof tb, has));
}

static struct expr_keys minus(struct plan *p, const struct expr_keys *k, const struct node *n)
{
    struct expr_keys drop = {.names = n->x.labels, .n = n->x.n_labels}, left = {0};

    if (k->all || k->scalar)
        return *k;
    left.names = script_alloc(p->L, (k->n + 1) * sizeof *left.names);
    for (size_t i = 0; i < k->n; i++)
        if (!has_name(&drop, k->names[i]))
            left.names[left.n++] = k->names[i];
    return left;
}

static struct expr_keys leaf_keys(struct plan *p, const struct node *n)
{
    const struct leaf_spec *s = n->x.leaf;

    if (s->source == LEAF_LOGS && s->grouping == LEAF_PER_SERIES)
        sandbox_fail(p->L,
                     ":%s() on logs{…} at %s:%d needs :by(…): a log event has no fixed label set. "
                     "Use :by() for one total",
                     leaf_fn_names[s->fn], n->file, n->x.line);
    for (size_t i = 0; s->source == LEAF_LOGS && i < s->n_labels; i++)
        if (s->grouping == LEAF_BY && redact_is_secret(NULL, s->labels[i], strlen(s->labels[i])))
            sandbox_fail(
                p->L,
                ":by(\"%s\") at %s:%d: a field of this name holds secrets, which are not "
                "shown, so that all its values would be one group. Group by another field, "
                "or send a hash of it under another name",
                s->labels[i], n->file, n->x.line);
    if (s->grouping == LEAF_BY)
        return (struct expr_keys){.names = s->labels, .n = s->n_labels};
    return (struct expr_keys){.all = true};
}

/* per("service", …) as a threshold of something without that label would always be the default. */
static void check_per(struct plan *p, const struct node *cmp, const struct expr *limit)
{
    const struct expr_keys *has = &cmp->x.a->keys;
    char text[200];

    if (!limit || limit->kind != EXPR_PER || has->all || has_name(has, limit->per->label))
        return;
    sandbox_fail(p->L, "per(\"%s\", …) at %s:%d: what is compared only has labels {%s}",
                 limit->per->label, cmp->file, cmp->x.line, list_text(text, sizeof text, has));
}

void plan_keys_of_node(struct plan *p, struct node *n)
{
    struct expr *x = &n->x;

    switch (x->kind) {
    case EXPR_NUM:
    case EXPR_NOW:
    case EXPR_PER:
        x->keys = scalar_keys;
        return;
    case EXPR_VALUE:
        x->keys = p->value->x.keys;
        return;
    case EXPR_LEAF:
        x->keys = leaf_keys(p, n);
        return;
    case EXPR_AGG:
        check_known(p, n, &x->a->keys);
        x->keys = x->without ? minus(p, &x->a->keys, n)
                             : (struct expr_keys){.names = x->labels, .n = x->n_labels};
        return;
    case EXPR_ON:
    case COND_ON:
        check_known(p, n, &x->a->keys);
        x->keys = (struct expr_keys){.names = x->labels, .n = x->n_labels};
        return;
    case COND_FIRING:
        x->keys = (struct expr_keys){
            .all = !x->firing->by_given, .names = x->firing->by, .n = x->firing->n_by};
        return;
    case COND_CMP:
        check_per(p, n, x->b);
        check_per(p, n, x->c);
        x->keys = joined(p, n);
        return;
    default:
        x->keys = joined(p, n);
    }
}

static void add_part(struct plan *p, struct node *sum, struct expr *part, const char *what)
{
    if (!part)
        return;
    sum->x.keys = join(p, node_of(part), what, sum, node_of(part));
    sum->follows = sum->follows && node_of(part)->follows;
}

/* A label of the rule may not take the place of one that its groups have: two groups would come out
 * as one alert. */
static void own_label(struct plan *p, const char *key, const char *name)
{
    const struct rule_def *d = &p->rule->def;

    for (size_t i = 0; !d->keys.all && i < d->keys.n; i++)
        if (strcmp(d->keys.names[i], name) == 0)
            sandbox_fail(p->L,
                         "`%s` would hide the label \"%s\" of the data, which the rule groups by: "
                         "%sgroup without it or write it into `annotations`",
                         key, name, strcmp(key, "labels") == 0 ? "choose another name, " : "");
}

static void own_labels(struct plan *p)
{
    const struct rule_def *d = &p->rule->def;

    for (size_t i = 0; i < d->n_labels; i++)
        own_label(p, "labels", d->labels[i].name);
    if (d->team)
        own_label(p, "team", "team");
    if (d->severity)
        own_label(p, "severity", "severity");
    own_label(p, "alert", "alertname");
}

void plan_keys_of_rule(struct plan *p)
{
    struct rule_def *d = &p->rule->def;
    struct node sum = {.x.keys = scalar_keys, .follows = true};

    add_part(p, &sum, d->value, "`value`");
    for (size_t i = 0; i < d->n_inputs; i++)
        add_part(p, &sum, d->inputs[i].x, "`inputs`");
    for (size_t i = 0; i < d->n_levels; i++)
        add_part(p, &sum, d->levels[i].cond, "`fire`");
    d->keys = sum.x.keys;
    if (d->keys.scalar) /* one alert without labels */
        d->keys = (struct expr_keys){0};
    own_labels(p);
}
