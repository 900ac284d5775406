/* Expressions in words: what explain, tests and errors call a node.
 * An expression is data without behaviour: rules build it, evaluation reads it, and a node is named here
 * only, so that page, command and test call it by the same words. A threshold is written in the unit that it
 * was given in. A tree is shown node by node: a whole rule in one line could not be read. */
#include "model/expr.h"

#include <assert.h>
#include <math.h>

const char *const expr_arith_names[] = {"+", "-", "*", "/", "%", "^"};
const char *const expr_fn_names[] = {"ratio", "max_of", "min_of", "coalesce", "abs",
                                     "round", "floor",  "ceil",   "clamp",    "default"};
static const char *const expr_agg_names[] = {"sum",   "avg",    "min",     "max",
                                             "count", "stddev", "quantile"};
const char *const expr_cmp_names[] = {"above", "below", "at_least", "at_most", "equals", "differs"};
const char *const expr_cmp_signs[] = {">", "<", ">=", "<=", "=", "!="};

void expr_number(struct buf *out, double v, enum unit unit)
{
    switch (unit) {
    case UNIT_RATIO:
        text_percent(out, v);
        return;
    case UNIT_SECONDS:
        text_seconds(out, v);
        return;
    case UNIT_BYTES:
        text_bytes(out, v);
        return;
    case UNIT_PERCENT:
        text_number(out, v);
        buf_addc(out, '%');
        return;
    case UNIT_NONE:
        break;
    }
    text_number(out, v);
}

bool expr_is_cond(const struct expr *x)
{
    return x->kind >= COND_CMP;
}

static void add_names(struct buf *out, const char *word, const char *const *names, size_t n)
{
    buf_addf(out, "%s(", word);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s%s", i > 0 ? "," : "", names[i]);
    buf_addc(out, ')');
}

/* A threshold is usually a number; where it is an expression, only that it is one is told. */
static void add_operand(struct buf *out, const struct expr *x)
{
    if (x->kind == EXPR_NUM)
        expr_number(out, x->num, x->unit);
    else
        expr_label(x, out);
}

static void label_cmp(const struct expr *x, struct buf *out)
{
    assert(x->cmp <= CMP_DIFFERS);
    buf_addf(out, "%s ", expr_cmp_names[x->cmp]);
    if (x->b)
        add_operand(out, x->b);
    if (x->c) {
        buf_adds(out, " (clear ");
        add_operand(out, x->c);
        buf_addc(out, ')');
    }
}

static void label_agg(const struct expr *x, struct buf *out)
{
    assert(x->agg <= AGG_QUANTILE);
    buf_adds(out, expr_agg_names[x->agg]);
    if (x->agg == AGG_QUANTILE) {
        buf_addc(out, ' ');
        text_plain(out, x->num);
    }
    buf_addc(out, ' ');
    add_names(out, x->without ? "without" : "by", x->labels, x->n_labels);
}

static void label_firing(const struct expr_firing *f, struct buf *out)
{
    assert(f->level >= 0 && f->level <= 5);
    buf_addf(out, "firing %s", f->rule);
    if (f->level > 0)
        buf_addf(out, " at P%d", f->level);
    if (f->by_given) {
        buf_addc(out, ' ');
        add_names(out, "by", f->by, f->n_by);
    }
}

static void label_ratio(const struct expr *x, struct buf *out)
{
    buf_adds(out, expr_fn_names[x->fn]);
    if (x->fn == FN_RATIO && x->num > 0) {
        buf_adds(out, " (of at least ");
        text_number(out, x->num);
        buf_addc(out, ')');
    }
}

void expr_label(const struct expr *x, struct buf *out)
{
    switch (x->kind) {
    case EXPR_NUM:
        expr_number(out, x->num, x->unit);
        break;
    case EXPR_NOW:
        buf_adds(out, "now");
        break;
    case EXPR_VALUE:
        buf_adds(out, "value");
        break;
    case EXPR_LEAF:
        leaf_text(x->leaf, out);
        break;
    case EXPR_ARITH:
        buf_adds(out, expr_arith_names[x->op]);
        break;
    case EXPR_FN:
        label_ratio(x, out);
        break;
    case EXPR_AGG:
        label_agg(x, out);
        break;
    case EXPR_PER:
        buf_addf(out, "per %s", x->per->label);
        break;
    case EXPR_ON:
    case COND_ON:
        add_names(out, "on", x->labels, x->n_labels);
        break;
    case EXPR_WHERE:
        buf_adds(out, "where");
        break;
    case EXPR_BOOL:
        buf_adds(out, "bool");
        break;
    case COND_CMP:
        label_cmp(x, out);
        break;
    case COND_AND:
        buf_adds(out, "and");
        break;
    case COND_OR:
        buf_adds(out, "or");
        break;
    case COND_NOT:
        buf_adds(out, "not");
        break;
    case COND_LASTING:
        buf_adds(out, "lasting ");
        text_duration(out, x->ms);
        break;
    case COND_MISSING:
        buf_adds(out, "missing");
        break;
    case COND_FIRING:
        label_firing(x->firing, out);
        break;
    }
}
