#include "lang/node.h"

#include <math.h>
#include <string.h>

#include "script/script.h"

const struct method *method_me(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

struct node *node_new(lua_State *L, enum expr_kind kind)
{
    struct node *n = script_scratch(L, sizeof *n);
    char file[LUA_IDSIZE];

    n->x.kind = kind;
    n->x.line = sandbox_where(L, file, sizeof file);
    /* nearly always the file itself, whose name is kept already */
    n->file = strcmp(file, script_of(L)->file) == 0 ? script_of(L)->file
                                                    : script_dup(L, file, strlen(file));
    return n;
}

void node_close(lua_State *L, struct node *n)
{
    const struct expr *child[] = {n->x.a, n->x.b, n->x.c};

    n->depth = n->paths = 1;
    for (size_t i = 0; i < 3; i++) {
        if (!child[i])
            continue;
        if (node_of(child[i])->depth >= n->depth)
            n->depth = node_of(child[i])->depth + 1;
        n->paths += node_of(child[i])->paths;
    }
    if (n->depth > NODE_DEPTH_MAX)
        sandbox_fail(L, "this expression is nested more than %d deep", NODE_DEPTH_MAX);
    if (n->paths > NODE_PATHS_MAX)
        sandbox_fail(L, "this expression has more than %d parts", NODE_PATHS_MAX);
}

int node_done(lua_State *L, struct node *n)
{
    node_close(L, n);
    value_push(L, expr_is_cond(&n->x) ? VALUE_COND : VALUE_EXPR, n);
    return 1;
}

struct node *node_number(lua_State *L, struct quantity q)
{
    struct node *n = node_new(L, EXPR_NUM);

    n->x.num = q.v;
    n->x.unit = q.unit;
    n->quantities = script_scratch(L, sizeof q);
    n->quantities[0] = q;
    n->n_quantities = 1;
    node_close(L, n);
    return n;
}

bool node_is_number(lua_State *L, int idx)
{
    return value_is(L, idx, VALUE_EXPR) || value_is(L, idx, VALUE_SELECTOR);
}

struct node *node_limit_arg(lua_State *L, int idx, const char *what)
{
    struct node *n = value_at(L, idx, VALUE_EXPR);
    struct selector *s = value_at(L, idx, VALUE_SELECTOR);

    if (n)
        return n;
    if (s && s->source == LEAF_LOGS)
        sandbox_fail(L, "%s: logs{…} selects events; say what of them, e.g. :count(\"5m\"):by()",
                     what);
    if (s)
        return node_leaf(L, s, LEAF_LAST, 5 * 60 * 1000, 0);
    if (value_is(L, idx, VALUE_COND))
        sandbox_fail(L, "%s is a condition; use :share_by()/:count_by() to turn it into a number",
                     what);
    if (value_is(L, idx, VALUE_METRICS))
        sandbox_fail(L, "%s is `m` itself: name a metric, m.name", what);
    return node_number(L, arg_quantity(L, idx, what));
}

struct node *node_arg(lua_State *L, int idx, const char *what)
{
    struct node *n = node_limit_arg(L, idx, what);

    if (n->x.kind == EXPR_PER)
        sandbox_fail(L, "per(…) is a threshold: it goes into above(…), below(…) and their kin");
    return n;
}

struct node *cond_arg(lua_State *L, int idx, const char *what)
{
    struct node *n = value_at(L, idx, VALUE_COND);

    if (n)
        return n;
    sandbox_fail(L, "%s must be conditions such as expr:above(5), got %s", what,
                 node_is_number(L, idx) ? "an expression (forgot :above()/:below()?)"
                                        : value_name(L, idx));
}
