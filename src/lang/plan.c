/* From patterns to one rule's own graph.
 *
 * Expressions are ordinary values of the file, so two rules may share them; evaluation keeps
 * state per rule and node (slots). So each rule gets a copy of what it reaches; within a rule,
 * shared nodes stay shared, and leaves with the same text become one node. Slots are dense, in
 * the order of a depth-first walk, children first. */
#include "lang/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define LEAVES_MAX 256 /* of one rule */
#define DEPS_MAX   256

/* --- copying --- */

static struct node *copy(struct plan *p, struct node *from);

static void *grown(struct plan *p, void *array, size_t n, size_t *cap, size_t size, size_t max,
                   const char *what)
{
    void *bigger;

    if (n < *cap)
        return array;
    if (n >= max)
        sandbox_fail(p->L, "more than %zu %s in one rule", max, what);
    *cap = *cap ? *cap * 2 : 4;
    bigger = script_scratch(p->L, *cap * size);
    if (n)
        memcpy(bigger, array, n * size);
    return bigger;
}

static struct node *finish(struct plan *p, struct node *n)
{
    plan_keys_of_node(p, n);
    n->hash = n->x.kind == EXPR_VALUE ? p->value->hash : plan_hash(p->L, n);
    p->nodes = grown(p, p->nodes, p->slots, &p->cap_nodes, sizeof *p->nodes, NODE_PATHS_MAX,
                     "expressions");
    n->x.slot = p->slots;
    p->nodes[p->slots++] = n;
    return n;
}

static struct node *duplicate(struct plan *p, const struct node *from)
{
    struct node *n = script_scratch(p->L, sizeof *n);

    *n = *from;
    n->copy = NULL;
    return n;
}

static void leaf_lint(struct plan *p, const struct leaf_spec *s)
{
    if (s->offset_ms > 12 * s->window_ms && s->window_ms > 0)
        script_warn(p->L, "an offset of more than twelve windows keeps much data");
}

static struct node *copy_leaf(struct plan *p, struct node *from)
{
    uint64_t hash = plan_hash(p->L, from);
    struct node *n;

    /* 64 bits of text are identity enough within one rule of at most 256 leaves */
    for (size_t i = 0; i < p->n_leaves; i++)
        if (p->leaves[i]->hash == hash)
            return p->leaves[i];
    n = finish(p, duplicate(p, from));
    leaf_lint(p, n->x.leaf);
    p->leaves =
        grown(p, p->leaves, p->n_leaves, &p->cap_leaves, sizeof *p->leaves, LEAVES_MAX, "windows");
    p->leaves[p->n_leaves++] = n;
    return n;
}

static struct node *copy_value(struct plan *p, struct node *from)
{
    if (!p->value_ref) {
        p->value_ref = duplicate(p, from);
        p->value_ref->dim = p->value->dim;
        p->value_ref->dim_name = p->value->dim_name;
        finish(p, p->value_ref);
    }
    return p->value_ref;
}

static void add_dep(struct plan *p, const char *name)
{
    if (strcmp(name, p->rule->def.name) == 0)
        sandbox_fail(p->L, "firing(\"%s\") asks for the alert itself", name);
    for (size_t i = 0; i < p->n_deps; i++)
        if (strcmp(p->deps[i], name) == 0)
            return;
    p->deps =
        grown(p, p->deps, p->n_deps, &p->cap_deps, sizeof *p->deps, DEPS_MAX, "names in firing()");
    p->deps[p->n_deps++] = name;
}

static void check_value_use(struct plan *p, const struct node *n)
{
    const struct expr *x = &n->x;

    if (!x->a || x->a->kind != EXPR_VALUE)
        return;
    if (!p->value)
        sandbox_fail(p->L, "`%s(…)` compares `value`, but the rule has no `value = …`",
                     n->method ? n->method : "fire");
    if (x->kind != COND_CMP)
        return;
    for (int side = 0; side < 2; side++) {
        const struct node *limit = node_of(side ? x->c : x->b);

        for (size_t i = 0; limit && i < limit->n_quantities; i++)
            if (limit->quantities[i].text)
                units_check(p->L, p->value, &limit->quantities[i], n->method);
    }
}

/* What stands inside `outer` is evaluated for groups that keep no state over the looks. */
static void check_memoryless(struct plan *p, const struct node *outer, const struct expr *x)
{
    const struct node *n = node_of(x);

    if (!x || x->kind == EXPR_LEAF)
        return;
    if (x->kind == COND_CMP && x->c)
        sandbox_fail(p->L,
                     "`clear` of %s(…) at %s:%d remembers nothing inside an aggregation (:%s); put "
                     "it outside",
                     n->method, n->file, x->line, outer->method);
    if (x->kind == COND_LASTING)
        sandbox_fail(p->L,
                     ":lasting(…) at %s:%d remembers nothing inside an aggregation (:%s); put it "
                     "outside",
                     n->file, x->line, outer->method);
    if (x->kind == COND_FIRING)
        sandbox_fail(p->L,
                     "firing(\"%s\") at %s:%d has no groups inside an aggregation (:%s); put it "
                     "outside",
                     x->firing->rule, n->file, x->line, outer->method);
    check_memoryless(p, outer, x->a);
    check_memoryless(p, outer, x->b);
    check_memoryless(p, outer, x->c);
}

static struct node *copy(struct plan *p, struct node *from)
{
    struct node *n;

    if (from->plan == p->stamp)
        return from->copy;
    check_value_use(p, from);
    if (from->x.kind == EXPR_LEAF) {
        n = copy_leaf(p, from);
    } else if (from->x.kind == EXPR_VALUE) {
        n = copy_value(p, from);
    } else {
        if (from->x.kind == EXPR_AGG || from->x.kind == EXPR_ON || from->x.kind == COND_ON)
            check_memoryless(p, from, from->x.a);
        n = duplicate(p, from);
        n->x.a = from->x.a ? &copy(p, node_of(from->x.a))->x : NULL;
        n->x.b = from->x.b ? &copy(p, node_of(from->x.b))->x : NULL;
        n->x.c = from->x.c ? &copy(p, node_of(from->x.c))->x : NULL;
        if (n->x.kind == COND_FIRING)
            add_dep(p, n->x.firing->rule);
        finish(p, n);
    }
    from->plan = p->stamp;
    from->copy = n;
    return n;
}

static struct expr *copy_part(struct plan *p, struct expr *x)
{
    return x ? &copy(p, node_of(x))->x : NULL;
}

/* --- lints over the levels --- */

static const struct expr *bare(const struct expr *x)
{
    while (x->kind == COND_LASTING)
        x = x->a;
    return x;
}

/* Compared are neighbours that test the same expression with constant thresholds. */
static void check_levels(struct plan *p)
{
    const struct rule_def *d = &p->rule->def;

    for (size_t i = 1; i < d->n_levels; i++) {
        const struct expr *hi = bare(d->levels[i - 1].cond), *lo = bare(d->levels[i].cond);
        bool up, down;

        if (hi->kind != COND_CMP || lo->kind != COND_CMP || hi->cmp != lo->cmp ||
            node_of(hi->a)->hash != node_of(lo->a)->hash || hi->b->kind != EXPR_NUM ||
            lo->b->kind != EXPR_NUM)
            continue;
        up = hi->cmp == CMP_ABOVE || hi->cmp == CMP_AT_LEAST;
        down = hi->cmp == CMP_BELOW || hi->cmp == CMP_AT_MOST;
        if ((up && hi->b->num < lo->b->num) || (down && hi->b->num > lo->b->num))
            sandbox_fail(p->L,
                         "level %s (%s %g) is easier to reach than %s (%s %g): priorities are "
                         "inverted",
                         priority_name(d->levels[i - 1].priority), expr_cmp_names[hi->cmp],
                         hi->b->num, priority_name(d->levels[i].priority), expr_cmp_names[lo->cmp],
                         lo->b->num);
        if ((up || down) && hi->b->num == lo->b->num &&
            d->levels[i - 1].lasting_ms <= d->levels[i].lasting_ms)
            script_warn(p->L, "level %s can never show: %s has the same threshold",
                        priority_name(d->levels[i].priority),
                        priority_name(d->levels[i - 1].priority));
    }
}

/* --- attach --- */

static bool uses_logs(const struct plan *p)
{
    for (size_t i = 0; i < p->n_leaves; i++)
        if (p->leaves[i]->x.leaf->source == LEAF_LOGS)
            return true;
    return false;
}

/* Where the last events come from: logs{…} alone is grouped as the rule is. */
static void plan_attach(struct plan *p)
{
    struct rule_def *d = &p->rule->def;
    struct node *n;

    if (!d->attach_from) {
        if (d->attach_events && !uses_logs(p))
            sandbox_fail(p->L, "`attach` needs logs{…}: give attach = { from = logs{ … }, … }");
        return;
    }
    n = node_leaf_copy(p->L, node_of(d->attach_from));
    if (n->x.leaf->grouping == LEAF_BY && n->x.leaf->n_labels == 0 && !d->keys.all) {
        n->x.leaf->labels = d->keys.names;
        n->x.leaf->n_labels = d->keys.n;
    }
    d->attach_from = &n->x;
}

static void set_fire_hash(struct plan *p)
{
    struct rule_def *d = &p->rule->def;
    uint64_t h = FNV_START;

    for (size_t i = 0; i < d->n_levels; i++) {
        h = hash_fnv1a(h, &d->levels[i].priority, sizeof d->levels[i].priority);
        h = hash_fnv1a(h, &node_of(d->levels[i].cond)->hash, sizeof h);
    }
    for (size_t i = 0; i < d->n_inputs; i++) {
        h = hash_fnv1a(h, d->inputs[i].name, strlen(d->inputs[i].name) + 1);
        h = hash_fnv1a(h, &node_of(d->inputs[i].x)->hash, sizeof h);
    }
    d->fire_hash = h;
}

/* --- what stays --- */

static struct leaf_spec *kept_leaf(lua_State *L, const struct leaf_spec *from)
{
    struct leaf_spec *s = script_alloc(L, sizeof *s);

    *s = *from;
    return s;
}

static struct expr *moved(struct expr *all, struct expr *x)
{
    return x ? &all[x->slot] : NULL;
}

/* The nodes of loading carry much that evaluation does not need; the rule keeps plain ones, side
 * by side in the order of their slots. */
static void keep(struct plan *p)
{
    struct rule_def *d = &p->rule->def;
    struct expr *all = script_alloc(p->L, (p->slots + 1) * sizeof *all), *x;

    for (unsigned i = 0; i < p->slots; i++) {
        all[i] = p->nodes[i]->x;
        all[i].a = moved(all, all[i].a);
        all[i].b = moved(all, all[i].b);
        all[i].c = moved(all, all[i].c);
        if (all[i].leaf)
            all[i].leaf = kept_leaf(p->L, all[i].leaf);
    }
    d->value = moved(all, d->value);
    d->unless = moved(all, d->unless);
    for (size_t i = 0; i < d->n_inputs; i++)
        d->inputs[i].x = moved(all, d->inputs[i].x);
    for (size_t i = 0; i < d->n_levels; i++)
        d->levels[i].cond = moved(all, d->levels[i].cond);
    for (size_t i = 0; i < d->n_reasons; i++)
        d->reasons[i].cond = moved(all, d->reasons[i].cond);
    if (d->attach_from) {
        x = script_alloc(p->L, sizeof *x);
        *x = *d->attach_from;
        x->leaf = kept_leaf(p->L, x->leaf);
        d->attach_from = x;
    }
    d->leaves = script_alloc(p->L, (p->n_leaves + 1) * sizeof *d->leaves);
    for (size_t i = 0; i < p->n_leaves; i++)
        d->leaves[d->n_leaves++] = &all[p->leaves[i]->x.slot];
    d->deps = script_alloc(p->L, (p->n_deps + 1) * sizeof *d->deps);
    if (p->n_deps)
        memcpy(d->deps, p->deps, p->n_deps * sizeof *d->deps);
    d->n_deps = p->n_deps;
    d->n_slots = p->slots;
}

void plan_rule(lua_State *L, struct rule *r)
{
    struct rule_def *d = &r->def;
    struct plan p = {.L = L, .rule = r, .stamp = ++rulefile_of(L)->plans};

    d->value = copy_part(&p, d->value);
    p.value = node_of(d->value);
    for (size_t i = 0; i < d->n_inputs; i++)
        d->inputs[i].x = copy_part(&p, d->inputs[i].x);
    for (size_t i = 0; i < d->n_levels; i++)
        d->levels[i].cond = copy_part(&p, d->levels[i].cond);
    plan_keys_of_rule(&p);
    d->unless = copy_part(&p, d->unless);
    for (size_t i = 0; i < d->n_reasons; i++)
        d->reasons[i].cond = copy_part(&p, d->reasons[i].cond);
    plan_attach(&p);
    check_levels(&p);
    set_fire_hash(&p);
    keep(&p);
}
