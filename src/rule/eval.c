/* Expressions over a batch of groups: columns in, columns out.
 * A node is evaluated for up to BATCH groups at a time, into columns on the stack: what decides about a node
 * is decided once for all of them, and nothing is allocated. A column says for each group whether there is a
 * value and how warm it is; missing goes through every operation, so no group can come out of nothing.
 * Leaves are read, never hashed (rowset.h). Dropped: compiling expressions; most of a look is memory, not
 * decisions. */
#include "rule/eval.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "rule/cold.h"
#include "rule/derived.h"

static void constant(const struct batch *b, double v, struct column *out)
{
    for (size_t i = 0; i < b->n; i++)
        out->v[i] = v;
    memset(out->ok, 1, b->n);
    memset(out->cold, WARM, b->n);
}

/* Groups that `expect` names exist although nothing was heard of them: no log event is 0 events,
 * and the time since the last sample counts from when the window began to listen. */
static void fill_expected(const struct batch *b, const struct source *s, struct column *out)
{
    const struct leaf_spec *leaf = s->x->leaf;
    int64_t since_ms = windows_leaf_since_ms(b->rs->windows, s->leaf);

    for (size_t i = 0; i < b->n; i++) {
        if (out->ok[i] || !b->expected[b->rows[i]])
            continue;
        if (leaf->source == LEAF_LOGS && !leaf->field &&
            (leaf->fn == LEAF_COUNT || leaf->fn == LEAF_RATE)) {
            out->v[i] = 0;
            out->ok[i] = 1;
        } else if (leaf->fn == LEAF_SINCE_LAST) {
            out->v[i] = (double)(b->at_ms - since_ms) / 1000;
            out->ok[i] = 1;
        }
    }
}

static void from_source(const struct batch *b, const struct expr *x, struct column *out)
{
    const struct source *s = rowset_source(b->rs, x);
    uint32_t slots[BATCH];

    for (size_t i = 0; i < b->n; i++)
        slots[i] = s->slot[b->rows[i]];
    if (s->derived) {
        derived_compute(s->derived, b->at_ms, slots, b->n, b->whole);
        for (size_t i = 0; i < b->n; i++) {
            bool there = slots[i] < s->derived->n;

            out->ok[i] = there && s->derived->ok[slots[i]];
            out->v[i] = out->ok[i] ? s->derived->v[slots[i]] : 0;
            out->cold[i] = out->ok[i] ? s->derived->cold[slots[i]]
                           : s->derived->unheard || (there && s->derived->cold[slots[i]]) ? COLD_ANY
                                                                                          : WARM;
        }
        return;
    }
    windows_eval(b->rs->windows, s->leaf, b->at_ms, slots, b->n, out->v, out->ok);
    if (b->expected)
        fill_expected(b, s, out);
    cold_of_leaf(b, s, slots, out);
}

static double modulo(double x, double y)
{
    return x - floor(x / y) * y; /* the sign of y, as Lua's % */
}

static void arithmetic(const struct batch *b, const struct expr *x, struct column *out)
{
    struct column right;

    eval_number(b, x->a, out);
    eval_number(b, x->b, &right);
    for (size_t i = 0; i < b->n; i++) {
        double p = out->v[i], q = right.v[i], v = 0;

        switch (x->op) {
        case ARITH_ADD:
            v = p + q;
            break;
        case ARITH_SUB:
            v = p - q;
            break;
        case ARITH_MUL:
            v = p * q;
            break;
        case ARITH_DIV:
            v = q == 0 ? NAN : p / q;
            break;
        case ARITH_MOD:
            v = q == 0 ? NAN : modulo(p, q);
            break;
        case ARITH_POW:
            v = pow(p, q);
            break;
        }
        out->cold[i] = (uint8_t)cold_of_arithmetic(x->op, out->cold[i], right.cold[i], p, q);
        out->ok[i] = out->ok[i] && right.ok[i] && isfinite(v);
        out->v[i] = out->ok[i] ? v : 0;
    }
}

static void ratio(const struct batch *b, const struct expr *x, struct column *out)
{
    struct column total;
    bool share = cold_is_share(b, x);

    eval_number(b, x->a, out);
    eval_number(b, x->b, &total);
    for (size_t i = 0; i < b->n; i++) {
        double part = out->ok[i] ? out->v[i] : 0; /* no series of errors: no errors */
        bool enough = total.ok[i] && (x->num == 0 || total.v[i] >= x->num);
        double v = enough && total.v[i] != 0 ? part / total.v[i] : NAN;

        if (out->cold[i] != WARM || total.cold[i] != WARM)
            out->cold[i] = share && enough ? COLD_SHARE : COLD_ANY;
        out->ok[i] = isfinite(v) != 0;
        out->v[i] = out->ok[i] ? v : 0;
    }
}

static void first_there_is(const struct batch *b, const struct expr *x, struct column *out)
{
    struct column other;

    eval_number(b, x->a, out);
    eval_number(b, x->b, &other);
    for (size_t i = 0; i < b->n; i++) {
        if (out->ok[i])
            continue;
        out->v[i] = other.v[i];
        out->ok[i] = other.ok[i];
        out->cold[i] = out->cold[i] == WARM ? other.cold[i] : COLD_ANY;
    }
}

static double of_two(enum expr_fn fn, double p, double q)
{
    return fn == FN_MAX_OF ? fmax(p, q) : fmin(p, q);
}

static void extremum(const struct batch *b, const struct expr *x, struct column *out)
{
    struct column other;

    eval_number(b, x->a, out);
    eval_number(b, x->b, &other);
    for (size_t i = 0; i < b->n; i++) {
        out->cold[i] = (uint8_t)cold_join(out->cold[i], other.cold[i]);
        out->ok[i] = out->ok[i] && other.ok[i];
        out->v[i] = out->ok[i] ? of_two(x->fn, out->v[i], other.v[i]) : 0;
    }
}

static void clamp(const struct batch *b, const struct expr *x, struct column *out)
{
    struct column low, high;

    eval_number(b, x->a, out);
    eval_number(b, x->b, &low);
    eval_number(b, x->c, &high);
    for (size_t i = 0; i < b->n; i++) {
        if (low.cold[i] != WARM || high.cold[i] != WARM)
            out->cold[i] = COLD_ANY;
        out->ok[i] = out->ok[i] && low.ok[i] && high.ok[i];
        out->v[i] = out->ok[i] ? fmax(low.v[i], fmin(high.v[i], out->v[i])) : 0;
    }
}

static double of_one(enum expr_fn fn, double v)
{
    switch (fn) {
    case FN_ABS:
        return fabs(v);
    case FN_ROUND:
        return round(v);
    case FN_FLOOR:
        return floor(v);
    case FN_CEIL:
        return ceil(v);
    default:
        return v;
    }
}

static void function(const struct batch *b, const struct expr *x, struct column *out)
{
    switch (x->fn) {
    case FN_RATIO:
        ratio(b, x, out);
        return;
    case FN_COALESCE:
    case FN_DEFAULT:
        first_there_is(b, x, out);
        return;
    case FN_MAX_OF:
    case FN_MIN_OF:
        extremum(b, x, out);
        return;
    case FN_CLAMP:
        clamp(b, x, out);
        return;
    case FN_ABS:
    case FN_ROUND:
    case FN_FLOOR:
    case FN_CEIL:
        eval_number(b, x->a, out);
        for (size_t i = 0; i < b->n; i++) {
            if (x->fn == FN_ABS && out->v[i] < 0 && out->cold[i] != WARM)
                out->cold[i] = COLD_ANY;
            out->v[i] = of_one(x->fn, out->v[i]);
        }
        return;
    }
}

const struct expr_per_row *eval_per_row(const struct batch *b, const struct expr_per *p, size_t i)
{
    size_t len;
    const char *value = labelset_value(b->rs->labels, b->rs->group[b->rows[i]], p->label, &len);

    for (size_t k = 0; k < p->n_rows; k++) {
        const struct expr_per_row *row = &p->rows[k];

        if (row->glob ? text_glob(row->pattern, value, len) : strcmp(row->pattern, value) == 0)
            return row;
    }
    return NULL;
}

static void per_label(const struct batch *b, const struct expr_per *p, struct column *out)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct expr_per_row *row = eval_per_row(b, p, i);

        out->v[i] = row ? row->v : p->fallback;
    }
    memset(out->ok, 1, b->n);
    memset(out->cold, WARM, b->n);
}

void eval_number(const struct batch *b, const struct expr *x, struct column *out)
{
    uint8_t truth[BATCH];

    switch (x->kind) {
    case EXPR_NUM:
        constant(b, x->num, out);
        return;
    case EXPR_NOW:
        constant(b, (double)b->at_ms / 1000, out);
        return;
    case EXPR_VALUE:
        if (b->value)
            *out = *b->value;
        else
            eval_number(b, b->value_expr, out);
        return;
    case EXPR_LEAF:
    case EXPR_AGG:
    case EXPR_ON:
        from_source(b, x, out);
        return;
    case EXPR_ARITH:
        arithmetic(b, x, out);
        return;
    case EXPR_FN:
        function(b, x, out);
        return;
    case EXPR_PER:
        per_label(b, x->per, out);
        return;
    case EXPR_WHERE:
        eval_number(b, x->a, out);
        eval_truth(b, x->b, truth);
        for (size_t i = 0; i < b->n; i++) {
            out->ok[i] = out->ok[i] && truth[i] == TRUE_;
            if (truth[i] == COLD_)
                out->cold[i] = COLD_ANY;
        }
        return;
    case EXPR_BOOL:
        eval_truth(b, x->a, truth);
        for (size_t i = 0; i < b->n; i++) {
            out->v[i] = truth[i] == TRUE_;
            out->ok[i] = truth[i] == TRUE_ || truth[i] == FALSE_;
            out->cold[i] = truth[i] == COLD_ ? COLD_ANY : WARM;
        }
        return;
    default:
        break; /* a condition: the loader has refused it here */
    }
    memset(out, 0, sizeof *out);
}

/* --- conditions --- */

bool eval_compare(enum expr_cmp cmp, double v, double limit)
{
    switch (cmp) {
    case CMP_ABOVE:
        return v > limit;
    case CMP_BELOW:
        return v < limit;
    case CMP_AT_LEAST:
        return v >= limit;
    case CMP_AT_MOST:
        return v <= limit;
    case CMP_EQUALS:
        return v == limit;
    case CMP_DIFFERS:
        return v != limit;
    }
    return false;
}

/* Once true, true until the value reaches the clear level: a value equal to it clears. */
static bool still(enum expr_cmp cmp, double v, double clear)
{
    return cmp == CMP_ABOVE || cmp == CMP_AT_LEAST ? v > clear : v < clear;
}

static void comparison(const struct batch *b, const struct expr *x, uint8_t *out)
{
    unsigned bit = x->c && b->memory ? b->sticky_bit[x->slot] : 255;
    struct column v, limit, clear;

    eval_number(b, x->a, &v);
    eval_number(b, x->b, &limit);
    if (bit != 255)
        eval_number(b, x->c, &clear);
    for (size_t i = 0; i < b->n; i++) {
        bool sticks = bit != 255 && (b->memory->sticky[i] >> bit & 1);

        if (!v.ok[i] || !limit.ok[i]) { /* the bit survives missing data */
            out[i] = v.cold[i] != WARM || limit.cold[i] != WARM ? COLD_ : UNKNOWN_;
            continue;
        }
        out[i] = eval_compare(x->cmp, v.v[i], limit.v[i]);
        if (sticks && out[i] == FALSE_) {
            if (!clear.ok[i]) {
                out[i] = UNKNOWN_;
                continue;
            }
            out[i] = still(x->cmp, v.v[i], clear.v[i]);
        }
        out[i] =
            cold_truth(x->cmp, limit.cold[i] == WARM ? v.cold[i] : COLD_ANY, out[i], b->negated);
        if (out[i] == COLD_)
            continue;
        if (bit != 255)
            b->memory->sticky[i] = (b->memory->sticky[i] & ~(UINT64_C(1) << bit)) | (uint64_t)out[i]
                                                                                        << bit;
    }
}

static uint8_t both(uint8_t p, uint8_t q)
{
    if (p == FALSE_ || q == FALSE_)
        return FALSE_;
    if (p == TRUE_ && q == TRUE_)
        return TRUE_;
    return p == COLD_ || q == COLD_ ? COLD_ : UNKNOWN_;
}

static uint8_t either(uint8_t p, uint8_t q)
{
    if (p == TRUE_ || q == TRUE_)
        return TRUE_;
    if (p == FALSE_ && q == FALSE_)
        return FALSE_;
    return p == COLD_ || q == COLD_ ? COLD_ : UNKNOWN_;
}

/* While it holds, the instant since which it does; while data is missing its time stands still, and
 * what it has is kept as -1 - milliseconds. */
static void lasting(const struct batch *b, const struct expr *x, uint8_t *out)
{
    unsigned index = b->memory ? b->since_index[x->slot] : 255;

    eval_truth(b, x->a, out);
    if (index == 255)
        return;
    for (size_t i = 0; i < b->n; i++) {
        int64_t *since_ms = &b->memory->since_ms[index][i];

        if (out[i] == UNKNOWN_ || out[i] == COLD_) {
            if (*since_ms > 0)
                *since_ms = -1 - (b->memory->last_ms[i] - *since_ms);
            continue;
        }
        if (out[i] == FALSE_) {
            *since_ms = 0;
            continue;
        }
        if (*since_ms <= 0)
            *since_ms = *since_ms == 0 ? b->at_ms : b->at_ms - (-1 - *since_ms);
        out[i] = b->at_ms - *since_ms >= x->ms;
    }
}

static void rule_fires(const struct batch *b, const struct expr *x, uint8_t *out)
{
    const struct alert_rule *other = b->firing ? b->firing[x->slot] : NULL;

    for (size_t i = 0; i < b->n; i++)
        out[i] = other && alert_rule_fires(other, x->firing->level, &b->firing_by[x->slot],
                                           b->rs->group[b->rows[i]]);
}

void eval_truth(const struct batch *b, const struct expr *x, uint8_t *out)
{
    uint8_t right[BATCH];
    struct column c;
    struct batch inner;

    switch (x->kind) {
    case COND_CMP:
        comparison(b, x, out);
        return;
    case COND_AND:
    case COND_OR:
        eval_truth(b, x->a, out);
        eval_truth(b, x->b, right);
        for (size_t i = 0; i < b->n; i++)
            out[i] = x->kind == COND_AND ? both(out[i], right[i]) : either(out[i], right[i]);
        return;
    case COND_NOT:
        inner = *b;
        inner.negated = !b->negated;
        eval_truth(&inner, x->a, out);
        for (size_t i = 0; i < b->n; i++)
            out[i] = out[i] == TRUE_ || out[i] == FALSE_ ? !out[i] : out[i];
        return;
    case COND_LASTING:
        lasting(b, x, out);
        return;
    case COND_MISSING:
        eval_number(b, x->a, &c);
        for (size_t i = 0; i < b->n; i++)
            out[i] = c.ok[i] ? FALSE_ : c.cold[i] == WARM ? TRUE_ : COLD_;
        return;
    case COND_FIRING:
        rule_fires(b, x, out);
        return;
    case COND_ON:
        from_source(b, x, &c);
        for (size_t i = 0; i < b->n; i++)
            out[i] = c.cold[i] != WARM ? COLD_ : !c.ok[i] ? UNKNOWN_ : c.v[i] != 0;
        return;
    default:
        memset(out, UNKNOWN_, b->n);
        return;
    }
}
