/* The objects of the language as Lua sees them: metatables, methods.
 * What plain Lua would do wrongly without a word (comparisons, `..`, misspelt names) is caught here: Lua
 * would compare two objects while loading and give the rule a plain true. Names of later versions are listed
 * for a clear answer. Methods are found by name among the tables of all kinds, so that one called on the
 * wrong kind says on which it is possible. */
#include <string.h>

#include "lang/language.h"
#include "lang/node.h"
#include "script/safelib.h"
#include "script/script.h"

/* Parts of the language that come with a later version: their names give a clear answer. */
static const struct {
    const char *name, *shown;
} later[] = {
    {"ewma", ":ewma{}"},
    {"seasonal", ":seasonal{}"},
    {"holt_winters", ":holt_winters{}"},
    {"distinct", ":distinct()"},
    {"first_seen", ":first_seen()"},
    {"changed", ":changed()"},
    {"slope", ":slope()"},
    {"predict", ":predict()"},
    {"time_to", ":time_to()"},
    {"rising_for", ":rising_for{}"},
    {"falling_for", ":falling_for{}"},
    {"drops", ":drops()"},
    {"unchanged_for", ":unchanged_for()"},
    {"mad", ":mad()"},
    {"zscore", ":zscore()"},
    {"top", ":top()"},
    {"take_labels", ":take_labels{}"},
    {"distinct_values_by", ":distinct_values_by()"},
    {"slo", "`slo`"},
    {"during", "during()"},
    {"schedule", "schedule()"},
};

/* Raises when `name` belongs to the language, but not to this version. */
static void method_check_later(lua_State *L, const char *name)
{
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(later[i].name, name) == 0)
            sandbox_fail(L, "%s is not part of this version of Tocsin", later[i].shown);
}

/* --- methods --- */

static const struct method *const method_tables[] = {selector_methods, expr_methods, cond_methods};
#define METHODS_MAX 128

/* The method of that name for any kind, NULL: none. */
static const struct method *method_find(const char *name, unsigned on)
{
    for (size_t t = 0; t < sizeof method_tables / sizeof *method_tables; t++)
        for (const struct method *m = method_tables[t]; m->name; m++)
            if ((m->on & on) && strcmp(m->name, name) == 0)
                return m;
    return NULL;
}

static const char *method_nearest(const char *name, unsigned on)
{
    const char *names[METHODS_MAX];
    size_t n = 0;

    for (size_t t = 0; t < sizeof method_tables / sizeof *method_tables; t++)
        for (const struct method *m = method_tables[t]; m->name && n < METHODS_MAX; m++)
            if (m->on & on)
                names[n++] = m->name;
    return text_nearest(name, names, n);
}

/* Pushes the method `key` of an object of kind `on`; raises with a suggestion when unknown. */
static int method_index(lua_State *L, enum method_on on)
{
    static const char *const kinds[] = {
        [ON_SELECTOR] = "selector", [ON_EXPR] = "expression", [ON_COND] = "condition"};
    unsigned has = on == ON_SELECTOR ? ON_SELECTOR | ON_EXPR : on; /* a selector's last value */
    const char *key = luaL_tolstring(L, 2, NULL), *near;
    const struct method *m = NULL;

    /* On a selector a window function wins over a method of its last value. */
    if (on == ON_SELECTOR)
        m = method_find(key, ON_SELECTOR);
    if (!m)
        m = method_find(key, has);
    if (m) {
        lua_pushlightuserdata(L, (void *)(size_t)m);
        lua_pushcclosure(L, m->f, 1);
        return 1;
    }
    method_check_later(L, key);
    if (has & ON_EXPR && method_find(key, ON_COND))
        sandbox_fail(L, "%s has no method \"%s\": compare first, e.g. e:above(1):%s(…)", kinds[on],
                     key, key);
    if (on == ON_EXPR && method_find(key, ON_SELECTOR))
        sandbox_fail(L, ":%s() works on a metric or log selector, not on a computed expression",
                     key);
    if (on == ON_COND && method_find(key, ON_EXPR | ON_SELECTOR))
        sandbox_fail(L,
                     "a condition has no method \"%s\": use :share_by()/:count_by() to turn it "
                     "into a number first",
                     key);
    near = method_nearest(key, has);
    if (near)
        sandbox_fail(L, "%s has no method \"%s\" — did you mean \"%s\"?", kinds[on], key, near);
    sandbox_fail(L, "%s has no method \"%s\"", kinds[on], key);
}

/* --- selectors --- */

static int selector_call(lua_State *L)
{
    struct selector *s = value_at(L, 1, VALUE_SELECTOR);
    const char *name = s->source == LEAF_LOGS ? "logs" : s->metric;
    const char *dot = s->source == LEAF_LOGS ? "" : "m.";

    if (lua_isnil(L, 2) && s->source == LEAF_LOGS)
        lua_newtable(L), lua_replace(L, 2);
    if (!lua_istable(L, 2))
        sandbox_fail(L, "%s%s(…): label matchers must be a table: %s%s{ label = \"x\" }", dot, name,
                     dot, name);
    value_push(L, VALUE_SELECTOR, selector_refine(L, s, 2));
    return 1;
}

/* m.name, m["api.latency"] */
static int metrics_index(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING || lua_rawlen(L, 2) == 0)
        sandbox_fail(L, "m.name: a metric's name is needed, got %s", value_name(L, 2));
    value_push(L, VALUE_SELECTOR, selector_new(L, LEAF_METRIC, script_string(L, 2)));
    return 1;
}

static int selector_index(lua_State *L)
{
    return method_index(L, ON_SELECTOR);
}

static int expr_index(lua_State *L)
{
    return method_index(L, ON_EXPR);
}

static int cond_index(lua_State *L)
{
    return method_index(L, ON_COND);
}

static int refuse_write(lua_State *L)
{
    sandbox_fail(L, "%s cannot be changed", value_name(L, 1));
}

/* --- arithmetic, and the operators that would mislead --- */

static int arith(lua_State *L)
{
    int op = (int)lua_tointeger(L, lua_upvalueindex(1));
    struct node *n, *a, *b;
    char what[32];

    snprintf(what, sizeof what, "left side of `%s`", expr_arith_names[op]);
    a = node_arg(L, 1, what);
    snprintf(what, sizeof what, "right side of `%s`", expr_arith_names[op]);
    b = node_arg(L, 2, what);
    n = node_new(L, EXPR_ARITH);
    n->x.op = (enum expr_arith)op;
    n->x.a = &a->x;
    n->x.b = &b->x;
    units_arith(n);
    return node_done(L, n);
}

static int negate(lua_State *L)
{
    struct node *a = node_arg(L, 1, "`-`"), *minus = node_number(L, (struct quantity){.v = -1}), *n;

    n = node_new(L, EXPR_ARITH);
    n->x.op = ARITH_MUL;
    n->x.a = &a->x;
    n->x.b = &minus->x;
    n->dim = a->dim;
    n->dim_name = a->dim_name;
    return node_done(L, n);
}

static int refuse_compare(lua_State *L)
{
    sandbox_fail(L, "`<`, `>`, `<=`, `>=`, `==` cannot be used on expressions (Lua would turn the "
                    "result into true/false at load time). Write  fire = above(x) / below(x),  or  "
                    "expr:above(x),  or use a  when = function(i) … end");
}

static int refuse_concat(lua_State *L)
{
    sandbox_fail(L, "an expression cannot be joined to a string; use placeholders in `summary`: "
                    "\"{service} at {value:percent}\"");
}

static int refuse_idiv(lua_State *L)
{
    sandbox_fail(L, "`//` does not work on expressions; write (a / b):floor()");
}

static int refuse_cond_arith(lua_State *L)
{
    sandbox_fail(L, "conditions are joined with `&`, `|`, `~`, not calculated with; use "
                    ":share_by()/:count_by() to turn one into a number");
}

static int refuse_expr_call(lua_State *L)
{
    sandbox_fail(L, "an expression cannot be called; label matchers go right after the metric "
                    "name: m.name{ label = \"x\" }:rate(\"5m\")");
}

static int refuse_cond_call(lua_State *L)
{
    sandbox_fail(L, "a condition cannot be called");
}

static const char *const arith_events[] = {"__add", "__sub", "__mul", "__div", "__mod", "__pow"};

static const luaL_Reg misleading[] = {{"__lt", refuse_compare}, {"__le", refuse_compare},
                                      {"__eq", refuse_compare}, {"__concat", refuse_concat},
                                      {"__idiv", refuse_idiv},  {"__newindex", refuse_write},
                                      {"__band", cond_and},     {"__bor", cond_or},
                                      {"__bnot", cond_not},     {NULL, NULL}};

static void number_metatable(lua_State *L, lua_CFunction index, lua_CFunction call,
                             enum value_kind kind)
{
    lua_newtable(L);
    luaL_setfuncs(L, misleading, 0);
    for (int op = ARITH_ADD; op <= ARITH_POW; op++) {
        lua_pushinteger(L, op);
        lua_pushcclosure(L, arith, 1);
        lua_setfield(L, -2, arith_events[op]);
    }
    lua_pushcfunction(L, negate);
    lua_setfield(L, -2, "__unm");
    lua_pushcfunction(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, call);
    lua_setfield(L, -2, "__call");
    value_metatable(L, kind);
}

static void cond_metatable(lua_State *L)
{
    lua_newtable(L);
    luaL_setfuncs(L, misleading, 0);
    for (int op = ARITH_ADD; op <= ARITH_POW; op++) {
        lua_pushcfunction(L, refuse_cond_arith);
        lua_setfield(L, -2, arith_events[op]);
    }
    lua_pushcfunction(L, refuse_cond_arith);
    lua_setfield(L, -2, "__unm");
    lua_pushcfunction(L, cond_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_cond_call);
    lua_setfield(L, -2, "__call");
    value_metatable(L, VALUE_COND);
}

void language_metatables(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, metrics_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    value_metatable(L, VALUE_METRICS);
    number_metatable(L, selector_index, selector_call, VALUE_SELECTOR);
    number_metatable(L, expr_index, refuse_expr_call, VALUE_EXPR);
    cond_metatable(L);
    match_metatable(L);
}

/* --- unknown names --- */

int language_unknown(lua_State *L)
{
    const char *name = luaL_tolstring(L, 2, NULL);
    const struct method *m = method_find(name, ON_SELECTOR | ON_EXPR | ON_COND);

    if (m)
        sandbox_fail(L, "`%s` is a method: m.x:%s", name, m->eg);
    method_check_later(L, name);
    safelib_refuse_unknown(L, true);
}
