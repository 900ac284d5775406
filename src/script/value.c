#include "script/value.h"

#include <lauxlib.h>

#include "script/sandbox.h"

static const char metatable_keys[VALUE_KINDS]; /* registry: their addresses */

static const char *const kind_names[VALUE_KINDS] = {
    [VALUE_METRICS] = "m", /* the table of metrics */
    [VALUE_SELECTOR] = "a selector", [VALUE_MATCH] = "a matcher", [VALUE_EXPR] = "an expression",
    [VALUE_COND] = "a condition",    [VALUE_GROUP] = "the group", [VALUE_SECRET] = "a secret",
    [VALUE_CHANNEL] = "a channel",   [VALUE_ROUTE] = "a route",   [VALUE_TEST] = "the test",
    [VALUE_CALENDAR] = "a calendar", [VALUE_STEP] = "a step",     [VALUE_FILE] = "a file",
};

void value_push(lua_State *L, enum value_kind kind, void *p)
{
    struct value *v = lua_newuserdatauv(L, sizeof *v, 0);

    v->kind = kind;
    v->p = p;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_keys[kind]) == LUA_TTABLE)
        lua_setmetatable(L, -2);
    else
        lua_pop(L, 1);
}

static struct value *value_of(lua_State *L, int idx)
{
    return lua_type(L, idx) == LUA_TUSERDATA ? lua_touserdata(L, idx) : NULL;
}

/* What loading built is gone when rules decide, though a table of the file may still hold it. */
static bool is_kind(lua_State *L, const struct value *v, enum value_kind kind)
{
    if (!v || v->kind != kind)
        return false;
    if (kind <= VALUE_COND && sandbox_of(L)->deciding)
        sandbox_fail(L, "%s is of no use in `when`: declare what it needs in `inputs`",
                     kind_names[kind]);
    return true;
}

void *value_at(lua_State *L, int idx, enum value_kind kind)
{
    struct value *v = value_of(L, idx);

    return is_kind(L, v, kind) ? v->p : NULL;
}

bool value_is(lua_State *L, int idx, enum value_kind kind)
{
    return is_kind(L, value_of(L, idx), kind);
}

void value_metatable(lua_State *L, enum value_kind kind)
{
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_keys[kind]);
}

const char *value_name(lua_State *L, int idx)
{
    struct value *v = value_of(L, idx);

    return v ? kind_names[v->kind] : luaL_typename(L, idx);
}
