/* Methods and functions that make numbers from numbers.
 * Each checks here what can be known at load: that grouping says how several series become one, that units
 * fit, that labels match (keys.c). So what is evaluated is right in form, and evaluation has no errors but
 * "no value". Methods are rows of a table with an argument, because most of them differ in one constant.
 * Numbers are folded only where Lua has done it already: a tree stays as it was written, since it is shown. */
#include <string.h>

#include "lang/node.h"
#include "script/script.h"

#define WITHOUT    0x100 /* in method.arg, beside the aggregation */
#define OFFSET_MAX (INT64_C(35) * 24 * 3600 * 1000)

/* --- grouping the data of a leaf --- */

/* Where the series of a group can be merged into one window; elsewhere the user has to say how
 * several results become one. */
static bool merges(enum leaf_fn fn)
{
    return fn != LEAF_LAST && fn != LEAF_IRATE && fn != LEAF_FIRST && fn != LEAF_DELTA;
}

static int by_method(lua_State *L)
{
    const struct method *me = method_me(L);
    struct node *n = node_arg(L, 1, me->name), *r;
    const char *fn;

    if (n->x.kind != EXPR_LEAF)
        sandbox_fail(L,
                     ":%s() groups the data of one selector; on a computed expression use "
                     ":sum_%s(), :avg_%s(), :max_%s() …",
                     me->name, me->name, me->name, me->name);
    fn = leaf_fn_names[n->x.leaf->fn];
    if (!merges(n->x.leaf->fn))
        sandbox_fail(L,
                     ":%s() after :%s() is ambiguous: several series would collapse into one — say "
                     "which: :sum_%s, :max_%s, :avg_%s, :min_%s",
                     me->name, fn, me->name, me->name, me->name, me->name);
    if (n->x.leaf->grouping != LEAF_PER_SERIES)
        sandbox_fail(L, ":by() or :without() is given twice");
    if (n->x.leaf->source == LEAF_LOGS && me->arg == LEAF_WITHOUT)
        sandbox_fail(L, ":without() does not work on logs{…}: an event has no fixed labels; "
                        "name those to keep with :by(…)");
    r = node_leaf_copy(L, n);
    r->x.leaf->grouping = (enum leaf_grouping)me->arg;
    r->x.leaf->labels = arg_labels(L, 2, me->name, &r->x.leaf->n_labels);
    return node_done(L, r);
}

/* --- aggregation of results --- */

static int agg_method(lua_State *L)
{
    const struct method *me = method_me(L);
    enum expr_agg agg = (enum expr_agg)(me->arg & ~WITHOUT);
    struct node *a = node_arg(L, 1, me->name), *n;
    double q = 0;

    if (agg == AGG_QUANTILE) {
        q = lua_isnumber(L, 2) ? lua_tonumber(L, 2) : -1;
        if (!(q >= 0 && q <= 1))
            sandbox_fail(L, ":%s() quantile must be between 0 and 1, got %s", me->name,
                         lua_isnumber(L, 2) ? lua_tostring(L, 2) : value_name(L, 2));
        lua_remove(L, 2);
    }
    n = node_new(L, EXPR_AGG);
    n->method = me->name;
    n->x.a = &a->x;
    n->x.agg = agg;
    n->x.num = q;
    n->x.without = (me->arg & WITHOUT) != 0;
    n->x.labels = arg_labels(L, 2, me->name, &n->x.n_labels);
    if (agg != AGG_COUNT) {
        n->dim = a->dim;
        n->dim_name = a->dim_name;
    }
    return node_done(L, n);
}

/* --- functions of one expression --- */

static struct node *fn_new(lua_State *L, enum expr_fn fn, struct node *a, struct node *b,
                           struct node *c)
{
    struct node *n = node_new(L, EXPR_FN);

    n->method = expr_fn_names[fn];
    n->x.fn = fn;
    n->x.a = &a->x;
    n->x.b = b ? &b->x : NULL;
    n->x.c = c ? &c->x : NULL;
    n->dim = a->dim;
    n->dim_name = a->dim_name;
    return n;
}

struct node *expr_default(lua_State *L, struct node *a, double v)
{
    struct node *n = fn_new(L, FN_DEFAULT, a,
                            node_number(L, (struct quantity){.v = v, .unit = UNIT_SECONDS}), NULL);

    node_close(L, n);
    return n;
}

static int unary_method(lua_State *L)
{
    const struct method *me = method_me(L);

    if (lua_gettop(L) > 1)
        sandbox_fail(L, ":%s() takes no argument", me->name);
    return node_done(L, fn_new(L, (enum expr_fn)me->arg, node_arg(L, 1, me->name), NULL, NULL));
}

static struct node *constant_arg(lua_State *L, int idx, const struct node *like, const char *what)
{
    struct quantity q = arg_quantity(L, idx, what);

    if (q.text)
        units_check(L, like, &q, what);
    return node_number(L, q);
}

static int clamp_method(lua_State *L)
{
    struct node *a = node_arg(L, 1, ":clamp()");
    struct node *lo = constant_arg(L, 2, a, ":clamp() lower bound");
    struct node *hi = constant_arg(L, 3, a, ":clamp() upper bound");

    if (lo->x.num > hi->x.num)
        sandbox_fail(L, ":clamp(): the lower bound is above the upper one");
    return node_done(L, fn_new(L, FN_CLAMP, a, lo, hi));
}

static int default_method(lua_State *L)
{
    struct node *a = node_arg(L, 1, ":default()");

    return node_done(L, fn_new(L, FN_DEFAULT, a, constant_arg(L, 2, a, ":default()"), NULL));
}

static int where_method(lua_State *L)
{
    struct node *a = node_arg(L, 1, ":where()"), *n;

    if (!value_is(L, 2, VALUE_COND))
        sandbox_fail(L, ":where() needs a condition, e.g. e:where(e:above(0)), got %s",
                     value_name(L, 2));
    n = node_new(L, EXPR_WHERE);
    n->method = "where";
    n->x.a = &a->x;
    n->x.b = value_at(L, 2, VALUE_COND);
    n->dim = a->dim;
    n->dim_name = a->dim_name;
    return node_done(L, n);
}

static int on_method(lua_State *L)
{
    struct node *a = node_arg(L, 1, ":on()"), *n = node_new(L, EXPR_ON);

    n->method = "on";
    n->x.a = &a->x;
    n->x.labels = arg_labels(L, 2, "on", &n->x.n_labels);
    n->dim = a->dim;
    n->dim_name = a->dim_name;
    return node_done(L, n);
}

/* --- offset: moves every leaf below --- */

static const char *const kinds_without_offset[] = {
    [EXPR_NOW] = "now()",
    [EXPR_VALUE] = "the value",
    [EXPR_WHERE] = "what :where() yields",
    [EXPR_BOOL] = "a share or count of conditions",
};

static struct node *moved(lua_State *L, struct node *n, int64_t ms)
{
    struct node *r;

    switch (n->x.kind) {
    case EXPR_NUM:
    case EXPR_PER:
        return n;
    case EXPR_LEAF:
        r = node_leaf_copy(L, n);
        r->x.leaf->offset_ms += ms;
        if (r->x.leaf->offset_ms > OFFSET_MAX)
            sandbox_fail(L, ":offset() is longer than the maximum of 35d");
        return r;
    case EXPR_ARITH:
    case EXPR_FN:
    case EXPR_AGG:
    case EXPR_ON:
        r = script_scratch(L, sizeof *r);
        *r = *n;
        r->x.a = n->x.a ? &moved(L, node_of(n->x.a), ms)->x : NULL;
        r->x.b = n->x.b ? &moved(L, node_of(n->x.b), ms)->x : NULL;
        r->x.c = n->x.c ? &moved(L, node_of(n->x.c), ms)->x : NULL;
        return r;
    default:
        sandbox_fail(L, ":offset() is not possible on %s", kinds_without_offset[n->x.kind]);
    }
}

static int offset_method(lua_State *L)
{
    struct node *a;

    if (value_is(L, 1, VALUE_SELECTOR))
        sandbox_fail(L,
                     ":offset() goes after the window function: sel:rate(\"5m\"):offset(\"1d\")");
    a = node_arg(L, 1, ":offset()");
    return node_done(L, moved(L, a, arg_duration(L, 2, ":offset()")));
}

/* --- functions without a receiver --- */

static int names_ratio(lua_State *L)
{
    static const char *const options[] = {"min", NULL};
    struct node *a, *b, *n;

    if (lua_gettop(L) < 2)
        sandbox_fail(L, "ratio(part, total) needs two expressions");
    a = node_arg(L, 1, "ratio part");
    b = node_arg(L, 2, "ratio total");
    n = fn_new(L, FN_RATIO, a, b, NULL);
    n->dim = a->dim != DIM_UNKNOWN && a->dim == b->dim ? DIM_RATIO : DIM_UNKNOWN;
    n->dim_name = NULL;
    if (!lua_isnoneornil(L, 3)) {
        if (!lua_istable(L, 3))
            sandbox_fail(L, "ratio(): the third argument is a table of options: { min = 50 }");
        arg_keys(L, 3, "ratio()", options);
        if (lua_getfield(L, 3, "min") != LUA_TNIL)
            n->x.num = constant_arg(L, -1, b, "ratio() min")->x.num;
    }
    return node_done(L, n);
}

static int names_fold(lua_State *L, enum expr_fn fn)
{
    const char *name = expr_fn_names[fn];
    struct node *all;
    int n = lua_gettop(L);

    if (n < 2)
        sandbox_fail(L, "%s(a, b) needs two expressions", name);
    all = node_arg(L, 1, name);
    for (int i = 2; i <= n; i++) {
        struct node *r = fn_new(L, fn, all, node_arg(L, i, name), NULL);

        if (node_of(r->x.b)->dim != all->dim && node_of(r->x.b)->x.kind != EXPR_NUM)
            r->dim = DIM_UNKNOWN;
        node_close(L, r);
        all = r;
    }
    return node_done(L, all);
}

static int names_max_of(lua_State *L)
{
    return names_fold(L, FN_MAX_OF);
}

static int names_min_of(lua_State *L)
{
    return names_fold(L, FN_MIN_OF);
}

static int names_coalesce(lua_State *L)
{
    return names_fold(L, FN_COALESCE);
}

static int names_now(lua_State *L)
{
    return node_done(L, node_new(L, EXPR_NOW));
}

static int names_const(lua_State *L)
{
    return node_done(L, node_number(L, arg_quantity(L, 1, "const()")));
}

/* apdex(selector, "300ms", "5m", "service"): (satisfied + tolerating / 2) / all, where a value
 * counts as tolerable up to four times the target. */
static int names_apdex(lua_State *L)
{
    struct selector *s = value_at(L, 1, VALUE_SELECTOR);
    struct node *part[2], *sum, *half, *n;
    struct quantity target;
    int64_t window;
    const char **labels;
    size_t n_labels;

    if (!s)
        sandbox_fail(L,
                     "apdex(m.duration_seconds, \"300ms\", \"5m\", \"service\"): the first "
                     "argument is a selector, got %s",
                     value_name(L, 1));
    target = arg_quantity(L, 2, "apdex target");
    window = arg_duration(L, 3, "apdex window");
    labels = arg_labels(L, 4, "by", &n_labels);
    for (int i = 0; i < 2; i++) {
        part[i] = node_leaf(L, s, LEAF_FRACTION_BELOW, window, target.v * (i ? 4 : 1));
        part[i]->x.leaf->grouping = LEAF_BY;
        part[i]->x.leaf->labels = labels;
        part[i]->x.leaf->n_labels = n_labels;
    }
    if (target.text) {
        struct node *like = node_leaf(L, s, LEAF_LAST, window, 0);

        units_check(L, like, &target, "apdex target");
    }
    sum = node_new(L, EXPR_ARITH);
    sum->x.op = ARITH_ADD;
    sum->x.a = &part[0]->x;
    sum->x.b = &part[1]->x;
    node_close(L, sum);
    half = node_number(L, (struct quantity){.v = 2});
    n = node_new(L, EXPR_ARITH);
    n->x.op = ARITH_DIV;
    n->x.a = &sum->x;
    n->x.b = &half->x;
    return node_done(L, n);
}

void language_expr_names(lua_State *L)
{
    static const luaL_Reg functions[] = {{"ratio", names_ratio},   {"max_of", names_max_of},
                                         {"min_of", names_min_of}, {"coalesce", names_coalesce},
                                         {"now", names_now},       {"const", names_const},
                                         {"apdex", names_apdex},   {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
}

const struct method expr_methods[] = {
    {"by", ON_EXPR, by_method, LEAF_BY, "rate(\"5m\"):by(\"service\")"},
    {"without", ON_EXPR, by_method, LEAF_WITHOUT, "rate(\"5m\"):without(\"pod\")"},
    {"sum_by", ON_EXPR, agg_method, AGG_SUM, "sum_by(\"service\")"},
    {"avg_by", ON_EXPR, agg_method, AGG_AVG, "avg_by(\"service\")"},
    {"min_by", ON_EXPR, agg_method, AGG_MIN, "min_by(\"service\")"},
    {"max_by", ON_EXPR, agg_method, AGG_MAX, "max_by(\"service\")"},
    {"count_by", ON_EXPR, agg_method, AGG_COUNT, "count_by(\"service\")"},
    {"stddev_by", ON_EXPR, agg_method, AGG_STDDEV, "stddev_by(\"service\")"},
    {"quantile_by", ON_EXPR, agg_method, AGG_QUANTILE, "quantile_by(0.9, \"service\")"},
    {"sum_without", ON_EXPR, agg_method, AGG_SUM | WITHOUT, "sum_without(\"pod\")"},
    {"avg_without", ON_EXPR, agg_method, AGG_AVG | WITHOUT, "avg_without(\"pod\")"},
    {"min_without", ON_EXPR, agg_method, AGG_MIN | WITHOUT, "min_without(\"pod\")"},
    {"max_without", ON_EXPR, agg_method, AGG_MAX | WITHOUT, "max_without(\"pod\")"},
    {"count_without", ON_EXPR, agg_method, AGG_COUNT | WITHOUT, "count_without(\"pod\")"},
    {"stddev_without", ON_EXPR, agg_method, AGG_STDDEV | WITHOUT, "stddev_without(\"pod\")"},
    {"quantile_without", ON_EXPR, agg_method, AGG_QUANTILE | WITHOUT,
     "quantile_without(0.9, \"pod\")"},
    {"abs", ON_EXPR, unary_method, FN_ABS, "abs()"},
    {"round", ON_EXPR, unary_method, FN_ROUND, "round()"},
    {"floor", ON_EXPR, unary_method, FN_FLOOR, "floor()"},
    {"ceil", ON_EXPR, unary_method, FN_CEIL, "ceil()"},
    {"clamp", ON_EXPR, clamp_method, 0, "clamp(0, 1)"},
    {"default", ON_EXPR, default_method, 0, "default(0)"},
    {"where", ON_EXPR, where_method, 0, "where(m.y:above(0))"},
    {"offset", ON_EXPR, offset_method, 0, "rate(\"5m\"):offset(\"1d\")"},
    {"on", ON_EXPR, on_method, 0, "on(\"service\")"},
    {NULL, 0, NULL, 0, NULL},
};
