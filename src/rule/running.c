/* A rule made ready to run: its sources, its memory, its groups; and taken apart.
 * All that can fail happens here, before the rule takes the place of its earlier version: a look may not
 * find that it lacks memory for what the rule is. Conditions that remember get their bit or place, numbered
 * in the order of the expression, so that a restart finds them again. What is shown as the alert's value is
 * chosen once. Groups that exist without data (`expect`, restored alerts) are pinned as rows, so that they
 * are looked at like others. */
#include "rule/running.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "rule/cold.h"
#include "rule/derived.h"
#include "rule/touched.h"

static const struct expr *skip_lasting(const struct expr *x)
{
    while (x && x->kind == COND_LASTING)
        x = x->a;
    return x;
}

/* The comparison that tells a reader most: one of `value` if there is one, else the first. */
static const struct expr *comparison_of(const struct expr *x, const struct expr *value)
{
    const struct expr *left, *right;

    x = skip_lasting(x);
    if (!x)
        return NULL;
    if (x->kind == COND_CMP)
        return x;
    if (x->kind == COND_NOT)
        return comparison_of(x->a, value);
    if (x->kind != COND_AND && x->kind != COND_OR)
        return NULL;
    left = comparison_of(x->a, value);
    right = comparison_of(x->b, value);
    if (!left || (right && left->a->kind != EXPR_VALUE && left->a != value &&
                  (right->a->kind == EXPR_VALUE || right->a == value)))
        return right;
    return left;
}

static void choose_shown(struct rule *r)
{
    for (size_t i = 0; i < r->d->n_levels; i++)
        r->compared[i] = comparison_of(r->d->levels[i].cond, r->d->value);
    r->shown = r->d->value;
    if (!r->shown && r->d->n_levels > 0 && r->compared[0])
        r->shown = r->compared[0]->a;
}

static int gather_roots(struct rule *r)
{
    const struct rule_def *d = r->d;

    r->roots = mem_zalloc((2 + d->n_levels + d->n_inputs + d->n_reasons) * sizeof *r->roots);
    if (!r->roots)
        return -1;
    if (d->value)
        r->roots[r->n_roots++] = d->value;
    for (size_t i = 0; i < d->n_levels; i++)
        r->roots[r->n_roots++] = d->levels[i].cond;
    for (size_t i = 0; i < d->n_inputs; i++)
        r->roots[r->n_roots++] = d->inputs[i].x;
    if (d->unless)
        r->roots[r->n_roots++] = d->unless;
    for (size_t i = 0; i < d->n_reasons; i++)
        if (d->reasons[i].cond)
            r->roots[r->n_roots++] = d->reasons[i].cond;
    return 0;
}

struct numbering {
    struct rule *r;
    unsigned n_sticky, n_since;
};

/* Gives conditions that remember something their bit or index. */
static int number_memory(struct numbering *n, const struct expr *x, struct err *e)
{
    if (!x)
        return 0;
    if (x->kind == COND_FIRING)
        n->r->depends = true;
    if (x->kind == COND_CMP && x->c && n->r->sticky_bit[x->slot] == 255) {
        if (n->n_sticky == 64)
            return err_set(e, ERR_LIMIT, "more than 64 conditions with `clear` in one rule");
        n->r->sticky_bit[x->slot] = (uint8_t)n->n_sticky++;
    }
    if (x->kind == COND_LASTING && n->r->since_index[x->slot] == 255) {
        if (n->n_since == ALERT_SINCE_MAX)
            return err_set(e, ERR_LIMIT, "more than %d nested :lasting() in one rule",
                           ALERT_SINCE_MAX);
        n->r->since_index[x->slot] = (uint8_t)n->n_since++;
    }
    if (x->kind == EXPR_AGG || x->kind == EXPR_ON || x->kind == COND_ON)
        return 0; /* evaluated for groups of their own, which remember nothing */
    if (number_memory(n, x->a, e) < 0 || number_memory(n, x->b, e) < 0)
        return -1;
    return number_memory(n, x->c, e);
}

static int prepare_slots(struct rule *r, struct err *e)
{
    struct numbering n = {.r = r};
    size_t slots = r->d->n_slots ? r->d->n_slots : 1;

    r->sticky_bit = mem_alloc(slots);
    r->since_index = mem_alloc(slots);
    r->firing = mem_zalloc(slots * sizeof *r->firing);
    r->firing_by = mem_zalloc(slots * sizeof *r->firing_by);
    if (!r->sticky_bit || !r->since_index || !r->firing || !r->firing_by)
        return err_set(e, ERR_MEMORY, "no memory for the rule");
    memset(r->sticky_bit, 255, slots);
    memset(r->since_index, 255, slots);
    for (size_t i = 0; i < r->n_roots; i++)
        if (number_memory(&n, r->roots[i], e) < 0)
            return -1;
    r->early = r->d->early && r->d->n_state == 0; /* what is kept advances with ticks */
    return 0;
}

static bool has_driver(const struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++)
        if (rs->sources[i].driver)
            return true;
    return false;
}

/* Rows for groups that exist without data: those of `expect`, and those with restored alerts. */
static int pin_row(struct rule *r, labelset group, bool expected)
{
    uint32_t row = rowset_row(&r->rs, group);
    size_t before = r->expected_cap;

    if (row == ROW_NONE)
        return -1;
    r->rs.pinned[row] = true;
    if (mem_grow((void **)&r->expected, &r->expected_cap, row + 1, sizeof *r->expected) < 0)
        return -1;
    memset(r->expected + before, 0, (r->expected_cap - before) * sizeof *r->expected);
    if (expected)
        r->expected[row] = r->has_expected = true;
    return 0;
}

static void pin_alert(struct alert *a, void *arg)
{
    (void)pin_row(arg, a->group, false); /* running_pin_alerts() sees that memory was short */
}

static int pin_expected(struct rule *r, struct err *e)
{
    struct labelsets *ls = r->rs.labels;
    int rc;

    for (size_t i = 0; i < r->d->n_expect; i++) {
        labelset group = labelsets_intern(ls, r->d->expect[i].labels, r->d->expect[i].n);

        if (group == LABELSET_NONE)
            return err_set(e, ERR_LIMIT, "no room for the label sets of `expect`");
        rc = pin_row(r, group, true);
        labelset_unref(ls, group);
        if (rc)
            return err_set(e, ERR_MEMORY, "no memory for the groups of `expect`");
    }
    return 0;
}

/* A rule with windows of days is of use before the days are over: it decides once its shortest
 * window was seen, and says so. */
static int64_t enough_ms(const struct rule_def *d)
{
    int64_t least_ms = INT64_MAX, most_ms = 0;

    for (size_t i = 0; i < d->n_leaves; i++) {
        int64_t window_ms = d->leaves[i]->leaf->window_ms;

        if (window_ms > 0 && window_ms < least_ms)
            least_ms = window_ms;
        if (window_ms > most_ms)
            most_ms = window_ms;
    }
    return most_ms > LONG_WINDOW_MS ? least_ms < LONG_WINDOW_MS ? least_ms : LONG_WINDOW_MS
                                    : INT64_MAX;
}

struct rule *running_new(struct rules *e, struct rulefile *file, const struct rule_def *d,
                         int64_t at_ms, struct err *e_out)
{
    const struct rules_context *c = rules_context(e);
    struct rule *r = mem_zalloc(sizeof *r);

    if (!r) {
        err_set(e_out, ERR_MEMORY, "no memory for the rule");
        return NULL;
    }
    r->all = e;
    r->d = d;
    r->file = rulefile_ref(file);
    r->stats.since_ms = at_ms;
    if (gather_roots(r) < 0) {
        err_set(e_out, ERR_MEMORY, "no memory for the rule");
        goto fail;
    }
    choose_shown(r);
    if (prepare_slots(r, e_out) < 0 || rowset_init(&r->rs, c->windows, c->labels, &d->keys,
                                                   r->roots, r->n_roots, at_ms, e_out) < 0)
        goto fail;
    rowset_set_enough(&r->rs, enough_ms(d));
    if (attachments_init(&r->attached, d, c->labels, c->redact) < 0) {
        err_set(e_out, ERR_MEMORY, "no memory for the rule's log events");
        goto fail;
    }
    r->single = !d->keys.all && d->keys.n == 0;
    if (r->single && pin_row(r, labelsets_empty(c->labels), false)) {
        err_set(e_out, ERR_MEMORY, "no memory for the rule's rows");
        goto fail;
    }
    if (pin_expected(r, e_out) < 0)
        goto fail;
    r->early = r->early && has_driver(&r->rs);
    return r;
fail:
    err_prefix(e_out, "alert \"%s\"", d->name);
    running_free(r);
    return NULL;
}

void running_register(struct rule *r, int64_t at_ms)
{
    r->alerts = alert_rule_put(rules_context(r->all)->book, r->d, at_ms);
    assert(r->alerts);
    running_pin_alerts(r);
}

void running_pin_alerts(struct rule *r)
{
    uint64_t refusals = mem_refusals();

    alert_each_of(r->alerts, pin_alert, r);
    r->pins_missing = mem_refusals() != refusals;
}

void running_free(struct rule *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->firing_by && i < r->d->n_slots; i++)
        label_names_clear(r->rs.labels, &r->firing_by[i]);
    attachments_clear(&r->attached);
    if (r->rs.labels)
        rowset_clear(&r->rs);
    mem_free(r->roots);
    mem_free(r->sticky_bit);
    mem_free(r->since_index);
    mem_free(r->firing);
    mem_free(r->firing_by);
    mem_free(r->expected);
    touched_free(r);
    mem_free(r->picked);
    rulefile_unref(r->file);
    mem_free(r);
}

static int link_firing(struct rule *r, const struct expr *x, struct err *e)
{
    const struct rules_context *c = rules_context(r->all);

    if (!x)
        return 0;
    if (x->kind == COND_FIRING) {
        const struct expr_firing *f = x->firing;
        struct rule *other = rules_find(r->all, f->rule);
        const struct expr_keys *keys = other ? &other->d->keys : NULL;

        r->firing[x->slot] = other ? other->alerts : NULL;
        label_names_clear(c->labels, &r->firing_by[x->slot]);
        r->firing_by[x->slot] = (struct label_names){0};
        if (!other)
            return 0;
        if (f->by_given)
            return label_names_init(c->labels, &r->firing_by[x->slot], false, f->by, f->n_by);
        /* without `by`: all labels that its alerts are known to have */
        if (!keys->all)
            return label_names_init(c->labels, &r->firing_by[x->slot], false, keys->names, keys->n);
        return label_names_init(c->labels, &r->firing_by[x->slot], true, NULL, 0);
    }
    if (link_firing(r, x->a, e) < 0 || link_firing(r, x->b, e) < 0)
        return -1;
    return link_firing(r, x->c, e);
}

int running_link(struct rule *r, struct err *e)
{
    r->linked = false;
    for (size_t i = 0; i < r->n_roots; i++)
        if (link_firing(r, r->roots[i], e) < 0)
            return err_set(e, ERR_MEMORY, "alert \"%s\": no memory for firing()", r->d->name);
    r->linked = true;
    return 0;
}

struct batch running_batch(const struct rule *r, const uint32_t *rows, size_t n, int64_t at_ms)
{
    return (struct batch){
        .rs = (struct rowset *)&r->rs,
        .at_ms = at_ms,
        .rows = rows,
        .n = n,
        .value_expr = r->d->value,
        .sticky_bit = r->sticky_bit,
        .since_index = r->since_index,
        .firing = r->firing,
        .firing_by = r->firing_by,
        .expected = r->has_expected ? r->expected : NULL,
    };
}
