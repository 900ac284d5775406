/* That a `when` function depends on its arguments alone.
 *
 * The engine runs it again only where inputs changed, in any order, and again in a replay, so it
 * must not remember anything. With the public API of Lua: the variables it closes over are
 * enumerated (through the functions among them). Tables are frozen, constants are noted; after
 * the trial runs and after every batch they are compared with the note, since an assignment to a
 * captured variable cannot be seen from outside. */
#include <string.h>

#include "lang/rulefile_impl.h"
#include "script/safelib.h"

#define FUNCTIONS_MAX 256

struct watch { /* stack indices */
    int seen;  /* table: function or table -> true */
    int list;  /* { function, index, value, function, index, value, … } */
    lua_Integer n;
    int functions;
    int depth;
};

static void watch_value(lua_State *L, struct watch *w, const char *name);

static bool first_time(lua_State *L, const struct watch *w)
{
    bool seen;

    lua_pushvalue(L, -1);
    seen = lua_rawget(L, w->seen) != LUA_TNIL;
    lua_pop(L, 1);
    if (seen)
        return false;
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, w->seen);
    return true;
}

static void note(lua_State *L, struct watch *w, int function, int index, int value)
{
    lua_pushvalue(L, function);
    lua_rawseti(L, w->list, ++w->n);
    lua_pushinteger(L, index);
    lua_rawseti(L, w->list, ++w->n);
    lua_pushvalue(L, value);
    lua_rawseti(L, w->list, ++w->n);
}

/* The function on top of the stack, and what it closes over. */
static void watch_function(lua_State *L, struct watch *w)
{
    int function = lua_gettop(L);
    const char *name;

    if (!first_time(L, w))
        return;
    if (++w->functions > FUNCTIONS_MAX)
        sandbox_fail(L, "`when` uses more than %d functions", FUNCTIONS_MAX);
    luaL_checkstack(L, 8, NULL);
    for (int i = 1; (name = lua_getupvalue(L, function, i)); i++) {
        note(L, w, function, i, lua_gettop(L));
        if (strcmp(name, "_ENV") != 0)
            watch_value(L, w, name);
        lua_pop(L, 1);
    }
}

static void watch_table(lua_State *L, struct watch *w, const char *name)
{
    if (safelib_frozen(L, -1) || !first_time(L, w))
        return;
    luaL_checkstack(L, 8, NULL);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_istable(L, -1) || lua_isfunction(L, -1))
            watch_value(L, w, name);
        lua_pop(L, 1);
    }
}

static void watch_value(lua_State *L, struct watch *w, const char *name)
{
    if (++w->depth > 64)
        sandbox_fail(L, "`when` uses \"%s\", which is nested too deep", name);
    if (lua_isuserdata(L, -1) && (node_is_number(L, -1) || value_is(L, -1, VALUE_COND)))
        sandbox_fail(L, "`when` uses %s \"%s\": declare it in `inputs` and read i.%s",
                     value_name(L, -1), name, name);
    if (lua_istable(L, -1))
        watch_table(L, w, name);
    else if (lua_isfunction(L, -1) && !lua_iscfunction(L, -1))
        watch_function(L, w);
    w->depth--;
}

void purity_check(lua_State *L, struct rule *r)
{
    struct watch w = {0};
    int function;

    lua_rawgeti(L, LUA_REGISTRYINDEX, r->def.when);
    function = lua_gettop(L);
    lua_newtable(L);
    w.seen = function + 1;
    lua_newtable(L);
    w.list = function + 2;
    lua_pushvalue(L, function);
    watch_function(L, &w);
    lua_pop(L, 1);
    for (lua_Integer i = 3; i <= w.n; i += 3) { /* not while walking: freezing empties tables */
        lua_rawgeti(L, w.list, i);
        if (lua_istable(L, -1))
            safelib_freeze(L, -1);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, w.list);
    r->watch_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, function - 1);
}

const char *purity_changed(lua_State *L, const struct rule *r)
{
    const char *changed = NULL, *name;
    int list;

    lua_rawgeti(L, LUA_REGISTRYINDEX, r->watch_ref);
    list = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) == LUA_TFUNCTION; i += 3) {
        int index;

        lua_rawgeti(L, list, i + 1);
        index = (int)lua_tointeger(L, -1);
        lua_rawgeti(L, list, i + 2);
        name = lua_getupvalue(L, list + 1, index);
        if (!lua_rawequal(L, -1, -2)) {
            changed = name;
            lua_pop(L, 1);
            lua_setupvalue(L, list + 1, index);
        }
        lua_settop(L, list);
    }
    lua_settop(L, list - 1);
    return changed;
}
