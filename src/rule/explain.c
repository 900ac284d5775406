/* What a rule sees, for people: the tree of one group with the value of every node.
 * It evaluates each node by itself with the code that decides, for a batch of one: what is shown cannot
 * differ from what was done. That computes shared nodes again, which only a person pays for. Of a comparison
 * it also tells what holds it (the clear level), of a ratio what its guard lacks: the two answers that
 * people miss most. */
#include <string.h>

#include "base/mem.h"
#include "rule/cold.h"
#include "rule/derived.h"
#include "rule/running.h"

static const char *const truth_names[] = {"false", "true", "unknown", "warming"};

static void write_text(struct json *j, const char *key, const struct expr *x)
{
    struct buf text = BUF_INIT;

    expr_label(x, &text);
    json_kstr(j, key, buf_str(&text));
    buf_free(&text);
}

static void write_shown(struct json *j, double v, enum unit unit)
{
    struct buf text = BUF_INIT;

    expr_number(&text, v, unit);
    json_kstr(j, "shown", buf_str(&text));
    buf_free(&text);
}

/* The unit a number is compared in: its threshold's, so that 0.231 reads as 23.1%. */
static enum unit unit_below(const struct expr *x, enum unit unit)
{
    return x->kind == COND_CMP && x->b->kind == EXPR_NUM ? x->b->unit : unit;
}

static void write_node(const struct batch *b, const struct expr *x, enum unit unit, struct json *j);

static void write_children(const struct batch *b, const struct expr *x, enum unit unit,
                           struct json *j)
{
    const struct expr *below[] = {x->a, x->b, x->c};
    enum unit inner = unit_below(x, unit);

    if (x->kind == EXPR_VALUE) {
        below[0] = b->value_expr;
        below[1] = below[2] = NULL;
    }
    if (x->kind == EXPR_ARITH || (x->kind == EXPR_FN && x->fn == FN_RATIO))
        inner = UNIT_NONE;
    json_key(j, "children");
    json_array(j);
    for (size_t i = 0; i < 3; i++) {
        bool limit = x->kind == COND_CMP && i > 0 && below[i] && below[i]->kind == EXPR_NUM;
        bool elsewhere = x->kind == EXPR_AGG || x->kind == EXPR_ON || x->kind == COND_ON;

        if (below[i] && !limit && !elsewhere)
            write_node(b, below[i], inner, j);
    }
    json_array_end(j);
}

/* Which row of a `per` applies: its pattern, or "default". */
static void write_per(const struct batch *b, const struct expr_per *p, struct json *j)
{
    const struct expr_per_row *row = eval_per_row(b, p, 0);
    struct buf text = BUF_INIT;

    buf_addf(&text, "%s = %s", p->label, row ? row->pattern : "default");
    json_kstr(j, "per", buf_str(&text));
    buf_free(&text);
}

static void write_limit(const struct batch *b, const struct expr *limit, enum unit unit,
                        const char *key, struct json *j)
{
    struct buf text = BUF_INIT;
    struct column c;

    eval_number(b, limit, &c);
    if (c.ok[0])
        expr_number(&text, c.v[0], limit->kind == EXPR_NUM ? limit->unit : unit);
    else
        buf_adds(&text, "(no data)");
    json_kstr(j, key, buf_str(&text));
    buf_free(&text);
}

/* A limit that is no constant has its value; what holds only because it held says so. */
static void write_comparison(const struct batch *b, const struct expr *x, bool holds,
                             enum unit unit, struct json *j)
{
    struct column v, limit;

    if (x->b->kind != EXPR_NUM)
        write_limit(b, x->b, unit, "limit", j);
    if (x->b->kind == EXPR_PER)
        write_per(b, x->b->per, j);
    if (!x->c || !holds)
        return;
    eval_number(b, x->a, &v);
    eval_number(b, x->b, &limit);
    if (v.ok[0] && limit.ok[0] && !eval_compare(x->cmp, v.v[0], limit.v[0]))
        write_limit(b, x->c, unit_below(x, unit), "heldUntil", j);
}

/* The guard of a ratio that is not met: what its whole is, and has to be. */
static void write_guard(const struct batch *b, const struct expr *x, struct json *j)
{
    struct column total;
    struct buf text = BUF_INIT;

    eval_number(b, x->b, &total);
    if (total.ok[0] && total.v[0] >= x->num)
        return;
    text_number(&text, total.ok[0] ? total.v[0] : 0);
    buf_adds(&text, ", needs ");
    text_number(&text, x->num);
    json_kstr(j, "guard", buf_str(&text));
    buf_free(&text);
}

static void write_node(const struct batch *b, const struct expr *x, enum unit unit, struct json *j)
{
    const struct expr *of = x->kind == EXPR_VALUE && b->value_expr ? b->value_expr : x;

    json_object(j);
    write_text(j, "node", of);
    if (expr_is_cond(x)) {
        uint8_t truth[BATCH];

        eval_truth(b, x, truth);
        json_kstr(j, "truth", truth_names[truth[0]]);
        if (of->kind == COND_CMP)
            write_comparison(b, of, truth[0] == TRUE_, unit, j);
        if (of->kind == COND_FIRING)
            json_kstr(j, "firing", of->firing->rule);
    } else {
        struct column c;

        eval_number(b, x, &c);
        json_key(j, "value");
        if (c.ok[0]) {
            json_num(j, c.v[0]);
            write_shown(j, c.v[0], unit);
        } else {
            json_null(j);
        }
        if (of->kind == EXPR_FN && of->fn == FN_RATIO && of->num > 0 && !c.ok[0])
            write_guard(b, of, j);
    }
    write_children(b, of, unit, j);
    json_object_end(j);
}

static void load_one(const struct rule *r, labelset group, struct condition_memory *m)
{
    const struct alert *a = alert_find(r->alerts, group);

    m->sticky[0] = a ? a->sticky : 0;
    m->last_ms[0] = a ? a->state.last_look_ms : 0;
    for (size_t k = 0; k < ALERT_SINCE_MAX; k++)
        m->since_ms[k][0] = a ? a->since_ms[k] : 0;
}

static int64_t last_instant(const struct rule *r)
{
    int64_t at_ms = rules_now_ms(r->all);

    return at_ms > r->last_look_ms ? at_ms : r->last_look_ms;
}

bool rule_value(struct rule *r, labelset group, double *v)
{
    uint32_t row = idmap_get(&r->rs.index, group);
    struct column c;
    struct batch b;

    if (row == IDMAP_NONE || !r->shown)
        return false;
    b = running_batch(r, &row, 1, last_instant(r));
    eval_number(&b, r->shown, &c);
    *v = c.v[0];
    return c.ok[0];
}

int64_t rule_warming_until_ms(const struct rule *r, labelset group, bool whole)
{
    uint32_t row = idmap_get(&r->rs.index, group);
    int64_t at_ms = last_instant(r);
    int64_t until_ms = row == IDMAP_NONE ? 0 : cold_until_ms(&r->rs, row, whole, at_ms);

    return until_ms > at_ms ? until_ms : 0;
}

bool rule_decides_early(const struct rule *r)
{
    return r->rs.enough_ms != INT64_MAX;
}

void rule_explain(struct rule *r, labelset group, struct json *j)
{
    uint32_t row = idmap_get(&r->rs.index, group);
    struct condition_memory memory;
    int64_t at_ms = last_instant(r);
    struct batch b;

    json_array(j);
    if (row != IDMAP_NONE) {
        b = running_batch(r, &row, 1, at_ms);
        b.memory = &memory;
        for (size_t i = 0; i < r->d->n_levels; i++) {
            load_one(r, group, &memory);
            json_object(j);
            json_kstr(j, "level", priority_name(r->d->levels[i].priority));
            json_kint(j, "lasting_ms", r->d->levels[i].lasting_ms);
            json_key(j, "tree");
            write_node(&b, r->d->levels[i].cond, UNIT_NONE, j);
            json_object_end(j);
        }
        for (size_t i = 0; i < r->d->n_inputs; i++) {
            json_object(j);
            json_kstr(j, "input", r->d->inputs[i].name);
            json_key(j, "tree");
            write_node(&b, r->d->inputs[i].x, UNIT_NONE, j);
            json_object_end(j);
        }
    }
    json_array_end(j);
}

/* The inputs of a `when` function for one row; false: not all have data. */
static bool fill_inputs(struct rule *r, const struct batch *b, double *values)
{
    struct column c;

    for (size_t k = 0; k < r->d->n_inputs; k++) {
        eval_number(b, r->d->inputs[k].x, &c);
        if (!c.ok[0])
            return false;
        values[k] = c.v[0];
    }
    return true;
}

static void ask_when(const struct rule *r, struct when_row *row, struct rule_verdict *out)
{
    (void)rulefile_when(r->file, r->d, r->rs.labels, row, 1, NULL, NULL);
    *out = (struct rule_verdict){row->verdict, row->has_value, row->failed, row->value};
    for (size_t s = 0; row->new_state && s < r->d->n_state; s++)
        mem_free(row->new_state[s]);
    mem_free(row->new_state);
}

bool rule_when(struct rule *r, labelset group, struct rule_verdict *out)
{
    uint32_t index = idmap_get(&r->rs.index, group);
    const struct alert *a = alert_find(r->alerts, group);
    struct batch b = running_batch(r, &index, 1, last_instant(r));
    struct when_row row = {.labels = group, .level = a ? a->state.firing : 0, .now_ms = b.at_ms};
    struct rule_pair *state;
    double *values;
    bool all = false;

    if (r->d->when < 0 || index == IDMAP_NONE)
        return false;
    values = mem_alloc((r->d->n_inputs + 1) * sizeof *values);
    state = mem_alloc((r->d->n_state + 1) * sizeof *state);
    if (values && state && fill_inputs(r, &b, values)) {
        for (size_t s = 0; s < r->d->n_state; s++) {
            state[s] = r->d->state[s];
            if (a && a->when_state)
                state[s].value = a->when_state[s];
        }
        row.inputs = values;
        row.state = r->d->n_state ? state : NULL;
        ask_when(r, &row, out);
        all = true;
    }
    mem_free(state);
    mem_free(values);
    return all;
}

static void write_groups(const struct windows *w, leaf_id leaf, struct json *j)
{
    uint32_t slots = windows_slots(w, leaf);
    int64_t newest_ms = 0;

    for (uint32_t slot = 0; slot < slots; slot++) {
        int64_t at_ms = windows_newest_ms(w, leaf, slot);

        newest_ms = at_ms > newest_ms ? at_ms : newest_ms;
    }
    json_kint(j, "groups", windows_group_count(w, leaf));
    json_ktime(j, "since", windows_leaf_since_ms(w, leaf));
    if (newest_ms)
        json_ktime(j, "newest", newest_ms);
}

void rule_explain_leaves(struct rule *r, struct json *j)
{
    json_array(j);
    for (size_t i = 0; i < r->d->n_leaves; i++) {
        const struct expr *x = r->d->leaves[i];
        /* the rule holds it, at its top or below an aggregation: this only asks which one */
        leaf_id leaf = windows_leaf(r->rs.windows, x->leaf, last_instant(r), NULL);

        json_object(j);
        write_text(j, "leaf", x);
        json_kint(j, "line", x->line);
        if (leaf != LEAF_NONE) {
            write_groups(r->rs.windows, leaf, j);
            windows_leaf_release(r->rs.windows, leaf);
        }
        json_kint(j, "bytes_per_group", (int64_t)leaf_group_bytes(x->leaf));
        json_object_end(j);
    }
    json_array_end(j);
}

static bool has_labels(const struct labelsets *ls, labelset group, const struct label *want,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *value = labelset_value(ls, group, want[i].name, &len);

        if (len != want[i].value_len || memcmp(value, want[i].value, len) != 0)
            return false;
    }
    return true;
}

size_t rule_groups(struct rule *r, const struct label *want, size_t n, labelset *out, size_t max)
{
    size_t found = 0;

    rowset_sync(&r->rs, true);
    for (uint32_t row = 0; row < r->rs.n_rows && found < max; row++) {
        labelset group = r->rs.group[row];

        if (group != LABELSET_NONE && has_labels(r->rs.labels, group, want, n))
            out[found++] = group;
    }
    return found;
}
