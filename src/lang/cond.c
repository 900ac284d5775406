/* Conditions: comparisons of expressions, and what joins them.
 * Each comparison exists as a method of an expression and as a function that compares the rule's value; both
 * make the same node here. between() and outside() are two comparisons joined, so nothing behind the
 * language knows them. What can be seen to be wrong at load is refused: a clear level on the wrong side
 * would flap for ever, a threshold in another unit would never be reached. Rows of per() are sorted once,
 * the exact before the general. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/node.h"
#include "script/safelib.h"
#include "script/script.h"
#include "model/rule_def.h"

#define PER_MAX 10000

static const char *const cmp_options[] = {"clear", NULL};

/* A threshold as the user wrote it. */
static void written(const struct node *n, char *out, size_t size)
{
    if (n->n_quantities && n->quantities[0].text)
        snprintf(out, size, "%s", n->quantities[0].text);
    else
        snprintf(out, size, "%.14g", n->x.num);
}

static void check_clear(lua_State *L, enum expr_cmp op, const struct node *limit,
                        const struct node *clear, const char *name)
{
    char a[64], b[64];

    if (op == CMP_EQUALS || op == CMP_DIFFERS)
        sandbox_fail(L, "%s() has no `clear`: only above, below, at_least, at_most have one", name);
    if (limit->x.kind != EXPR_NUM || clear->x.kind != EXPR_NUM)
        return;
    if ((op == CMP_ABOVE || op == CMP_AT_LEAST) ? clear->x.num <= limit->x.num
                                                : clear->x.num >= limit->x.num)
        return;
    written(limit, a, sizeof a);
    written(clear, b, sizeof b);
    sandbox_fail(L,
                 "%s(%s, { clear = %s }): the clear level is on the wrong side of the threshold, "
                 "the alert would never be stable",
                 name, a, b);
}

static void check_units(lua_State *L, const struct node *a, const struct node *limit,
                        const char *name)
{
    for (size_t i = 0; i < limit->n_quantities; i++)
        if (limit->quantities[i].text)
            units_check(L, a, &limit->quantities[i], name);
}

struct node *cond_compare(lua_State *L, struct node *a, enum expr_cmp op, struct node *b)
{
    struct node *n = node_new(L, COND_CMP);

    n->method = expr_cmp_names[op];
    n->x.cmp = op;
    n->x.a = &a->x;
    n->x.b = &b->x;
    node_close(L, n);
    return n;
}

static struct node *compare(lua_State *L, enum expr_cmp op, struct node *a, int limit, int options,
                            const char *name)
{
    struct node *n, *b, *c = NULL;
    char what[32];

    snprintf(what, sizeof what, "%s()", name);
    b = node_limit_arg(L, limit, what);
    check_units(L, a, b, name);
    if (options && !lua_isnoneornil(L, options)) {
        if (!lua_istable(L, options))
            sandbox_fail(L, "%s: the second argument is a table of options: %s(90, { clear = 80 })",
                         what, name);
        arg_keys(L, options, what, cmp_options);
        if (lua_getfield(L, options, "clear") != LUA_TNIL) {
            c = node_limit_arg(L, -1, "clear");
            check_units(L, a, c, name);
            check_clear(L, op, b, c, name);
        }
        lua_pop(L, 1);
    }
    n = cond_compare(L, a, op, b);
    n->method = name;
    n->x.c = c ? &c->x : NULL;
    node_close(L, n);
    return n;
}

struct node *cond_join(lua_State *L, enum expr_kind kind, struct node *a, struct node *b)
{
    struct node *n = node_new(L, kind);

    n->method = kind == COND_AND ? "`&`" : "`|`";
    n->x.a = &a->x;
    n->x.b = b ? &b->x : NULL;
    node_close(L, n);
    return n;
}

static struct node *the_value(lua_State *L)
{
    struct node *n = node_new(L, EXPR_VALUE);

    node_close(L, n);
    return n;
}

/* --- comparisons, as methods and as functions (which compare the rule's value) --- */

static void check_limit(lua_State *L, int idx, const char *name)
{
    if (lua_isnoneornil(L, idx))
        sandbox_fail(L, "%s() needs a threshold, e.g. %s(5) or %s(\"2%%\")", name, name, name);
}

static int cmp_method(lua_State *L)
{
    const struct method *me = method_me(L);
    struct node *a = node_arg(L, 1, me->name);

    check_limit(L, 2, me->name);
    return node_done(L, compare(L, (enum expr_cmp)me->arg, a, 2, 3, me->name));
}

static int cmp_function(lua_State *L)
{
    int op = (int)lua_tointeger(L, lua_upvalueindex(1));
    const char *name = expr_cmp_names[op];

    check_limit(L, 1, name);
    return node_done(L, compare(L, (enum expr_cmp)op, the_value(L), 1, 2, name));
}

/* between(lo, hi) includes both ends; outside(lo, hi) excludes them */
static int range(lua_State *L, struct node *a, int first, bool inside)
{
    const char *name = inside ? "between" : "outside";
    struct node *lo, *hi;

    if (lua_isnoneornil(L, first) || lua_isnoneornil(L, first + 1))
        sandbox_fail(L, "%s(low, high) needs two thresholds", name);
    if (!lua_isnone(L, first + 2))
        sandbox_fail(L, "%s(low, high) takes two thresholds and nothing else", name);
    lo = compare(L, inside ? CMP_AT_LEAST : CMP_BELOW, a, first, 0, name);
    hi = compare(L, inside ? CMP_AT_MOST : CMP_ABOVE, a, first + 1, 0, name);
    if (lo->x.b->kind == EXPR_NUM && hi->x.b->kind == EXPR_NUM && lo->x.b->num > hi->x.b->num)
        sandbox_fail(L, "%s(): the first threshold is above the second", name);
    return node_done(L, cond_join(L, inside ? COND_AND : COND_OR, lo, hi));
}

static int range_method(lua_State *L)
{
    return range(L, node_arg(L, 1, method_me(L)->name), 2, method_me(L)->arg);
}

static int between_function(lua_State *L)
{
    return range(L, the_value(L), 1, true);
}

static int outside_function(lua_State *L)
{
    return range(L, the_value(L), 1, false);
}

struct node *cond_missing(lua_State *L, struct node *a)
{
    struct node *n = node_new(L, COND_MISSING);

    n->method = "missing";
    n->x.a = &a->x;
    node_close(L, n);
    return n;
}

static int missing_method(lua_State *L)
{
    return node_done(L, cond_missing(L, node_arg(L, 1, ":missing()")));
}

static int missing_function(lua_State *L)
{
    return node_done(L, cond_missing(L, the_value(L)));
}

/* --- per("label", { default = 1, checkout = 0.1, ["batch-*"] = 20 }) --- */

/* Exact names first, then globs, the longest (most special) first. */
static int per_order(const void *pa, const void *pb)
{
    const struct expr_per_row *a = pa, *b = pb;
    size_t na = strlen(a->pattern), nb = strlen(b->pattern);

    if (a->glob != b->glob)
        return a->glob ? 1 : -1;
    if (a->glob && na != nb)
        return na > nb ? -1 : 1;
    return strcmp(a->pattern, b->pattern);
}

static int per_function(lua_State *L)
{
    struct expr_per *per;
    struct node *n;
    size_t rows;
    char what[96];

    if (lua_type(L, 1) != LUA_TSTRING || !lua_istable(L, 2))
        sandbox_fail(L, "per(\"label\", { default = x, [\"name-*\"] = y }) is the form");
    if (lua_getfield(L, 2, "default") == LUA_TNIL)
        sandbox_fail(L, "per(\"%s\", {…}) needs a `default`", lua_tostring(L, 1));
    lua_pop(L, 1);
    safelib_keys(L, 2);
    rows = (size_t)luaL_len(L, -1);
    if (rows > PER_MAX)
        sandbox_fail(L, "per(\"%s\", {…}) has more than %d rows", lua_tostring(L, 1), PER_MAX);
    n = node_new(L, EXPR_PER);
    n->method = "per";
    n->x.per = per = script_alloc(L, sizeof *per);
    per->label = script_string(L, 1);
    per->rows = script_alloc(L, rows * sizeof *per->rows);
    n->quantities = script_scratch(L, rows * sizeof *n->quantities);
    for (lua_Integer i = 1; lua_rawgeti(L, 3, i) != LUA_TNIL; i++) {
        struct quantity q;
        const char *key;

        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "per(\"%s\", {…}): rows are written `name = threshold`", per->label);
        key = lua_tostring(L, -1);
        lua_pushvalue(L, -1);
        lua_gettable(L, 2);
        snprintf(what, sizeof what, "per(\"%.30s\").%.40s", per->label, key);
        q = n->quantities[n->n_quantities++] = arg_quantity(L, -1, what);
        if (strcmp(key, "default") == 0) {
            per->fallback = q.v;
            n->x.unit = q.unit;
        } else {
            per->rows[per->n_rows].pattern = script_string(L, -2);
            per->rows[per->n_rows].glob = strchr(key, '*') != NULL;
            per->rows[per->n_rows++].v = q.v;
        }
        lua_pop(L, 2);
    }
    qsort(per->rows, per->n_rows, sizeof *per->rows, per_order);
    return node_done(L, n);
}

/* --- firing("Other", { by = { "service" }, level = "P2" }) --- */

static int firing_function(lua_State *L)
{
    static const char *const options[] = {"by", "level", NULL};
    struct node *n = node_new(L, COND_FIRING);
    struct expr_firing *f = script_alloc(L, sizeof *f);

    if (lua_type(L, 1) != LUA_TSTRING)
        sandbox_fail(L, "firing(\"OtherAlert\") takes the name of an alert, got %s",
                     value_name(L, 1));
    n->method = "firing";
    n->x.firing = f;
    f->rule = script_string(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        if (!lua_istable(L, 2))
            sandbox_fail(L, "firing(): options are a table: { by = { \"service\" } }");
        arg_keys(L, 2, "firing()", options);
        if (lua_getfield(L, 2, "by") != LUA_TNIL) {
            f->by = arg_label_list(L, -1, "firing() by", &f->n_by);
            f->by_given = true;
        }
        if (lua_getfield(L, 2, "level") != LUA_TNIL) {
            f->level = lua_type(L, -1) == LUA_TSTRING ? priority_parse(lua_tostring(L, -1)) : 0;
            if (!f->level)
                sandbox_fail(L, "firing(): level must be P1 … P5");
        }
    }
    n->follows = !f->by_given;
    return node_done(L, n);
}

/* --- on conditions --- */

struct node *cond_lasting(lua_State *L, struct node *a, int64_t ms)
{
    struct node *n = node_new(L, COND_LASTING);

    n->method = "lasting";
    n->x.a = &a->x;
    n->x.ms = ms;
    n->follows = a->follows;
    node_close(L, n);
    return n;
}

static int lasting_method(lua_State *L)
{
    struct node *a = value_at(L, 1, VALUE_COND);
    int64_t ms;

    if (!a)
        sandbox_fail(L, ":lasting() works on conditions: above(5):lasting(\"5m\")");
    ms = arg_duration(L, 2, ":lasting()");
    return node_done(L, cond_lasting(L, a, ms));
}

/* share_by: the mean of 0 and 1; count_by: their sum */
static int share_method(lua_State *L)
{
    const struct method *me = method_me(L);
    struct node *a = value_at(L, 1, VALUE_COND), *bit, *n;

    if (!a)
        sandbox_fail(L, ":%s() works on conditions: e:above(5):%s(\"service\")", me->name,
                     me->name);
    bit = node_new(L, EXPR_BOOL);
    bit->x.a = &a->x;
    node_close(L, bit);
    n = node_new(L, EXPR_AGG);
    n->method = me->name;
    n->x.a = &bit->x;
    n->x.agg = (enum expr_agg)me->arg;
    n->x.labels = arg_labels(L, 2, me->name, &n->x.n_labels);
    if (me->arg == AGG_AVG) {
        n->dim = DIM_RATIO;
        n->dim_name = "share_by()";
    }
    return node_done(L, n);
}

static int cond_on_method(lua_State *L)
{
    struct node *a = value_at(L, 1, VALUE_COND), *n;

    if (!a)
        sandbox_fail(L, ":on() works on conditions and expressions");
    n = node_new(L, COND_ON);
    n->method = "on";
    n->x.a = &a->x;
    n->x.labels = arg_labels(L, 2, "on", &n->x.n_labels);
    return node_done(L, n);
}

const struct method cond_methods[] = {
    {"above", ON_EXPR, cmp_method, CMP_ABOVE, "above(5)"},
    {"below", ON_EXPR, cmp_method, CMP_BELOW, "below(5)"},
    {"at_least", ON_EXPR, cmp_method, CMP_AT_LEAST, "at_least(5)"},
    {"at_most", ON_EXPR, cmp_method, CMP_AT_MOST, "at_most(5)"},
    {"equals", ON_EXPR, cmp_method, CMP_EQUALS, "equals(0)"},
    {"differs", ON_EXPR, cmp_method, CMP_DIFFERS, "differs(0)"},
    {"between", ON_EXPR, range_method, true, "between(1, 5)"},
    {"outside", ON_EXPR, range_method, false, "outside(1, 5)"},
    {"missing", ON_EXPR, missing_method, 0, "missing()"},
    {"lasting", ON_COND, lasting_method, 0, "above(5):lasting(\"5m\")"},
    {"share_by", ON_COND, share_method, AGG_AVG, "above(5):share_by(\"service\")"},
    {"count_by", ON_COND, share_method, AGG_SUM, "above(5):count_by(\"service\")"},
    {"on", ON_COND, cond_on_method, 0, "above(5):on(\"service\")"},
    {NULL, 0, NULL, 0, NULL},
};

/* --- & | ~ --- */

static int cond_pair(lua_State *L, enum expr_kind kind, const char *sign)
{
    char what[32];
    struct node *a, *b, *n;

    snprintf(what, sizeof what, "both sides of `%s`", sign);
    a = cond_arg(L, 1, what);
    b = cond_arg(L, 2, what);
    n = cond_join(L, kind, a, b);
    n->follows = a->follows && b->follows;
    value_push(L, VALUE_COND, n);
    return 1;
}

int cond_and(lua_State *L)
{
    return cond_pair(L, COND_AND, "&");
}

int cond_or(lua_State *L)
{
    return cond_pair(L, COND_OR, "|");
}

int cond_not(lua_State *L)
{
    struct node *a = value_at(L, 1, VALUE_COND), *n;

    if (!a)
        sandbox_fail(L, "`~` negates a condition, such as ~expr:above(5), got %s",
                     value_name(L, 1));
    n = node_new(L, COND_NOT);
    n->method = "`~`";
    n->x.a = &a->x;
    n->follows = a->follows;
    return node_done(L, n);
}

void language_cond_names(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"between", between_function}, {"outside", outside_function}, {"missing", missing_function},
        {"per", per_function},         {"firing", firing_function},   {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
    for (int op = CMP_ABOVE; op <= CMP_DIFFERS; op++) {
        lua_pushinteger(L, op);
        lua_pushcclosure(L, cmp_function, 1);
        lua_setfield(L, -2, expr_cmp_names[op]);
    }
}
