/* Matchers of blocks: match = { team = "payments", service = { "a", "b" } }, of routes and of inhibition. */
#include "config/config_impl.h"
#include "script/safelib.h"

struct matcher **config_read_match(lua_State *L, const char *what, const char *key, size_t *count)
{
    struct matcher **all = NULL;
    size_t n = 0;
    int at;

    *count = 0;
    if (lua_getfield(L, 1, key) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    at = lua_gettop(L);
    if (!lua_istable(L, at))
        sandbox_fail(L, "%s: %s = { team = \"payments\" } is the form", what, key);
    safelib_keys(L, at);
    for (int pass = 0; pass < 2; pass++) { /* count, then build */
        all = pass ? script_alloc(L, (n + 1) * sizeof *all) : NULL;
        for (lua_Integer i = 1; lua_rawgeti(L, at + 1, i) != LUA_TNIL; i++) {
            const struct match *m;
            const char *label;

            if (lua_type(L, -1) != LUA_TSTRING)
                sandbox_fail(L, "%s: %s: matchers are written `label = value`", what, key);
            label = lua_tostring(L, -1);
            lua_pushvalue(L, -1);
            lua_gettable(L, at);
            m = match_arg(L, -1, label);
            for (size_t k = 0; pass && k < match_count(m); k++)
                all[(*count)++] = match_build(L, m, k, label);
            n += pass ? 0 : match_count(m);
            lua_pop(L, 2);
        }
        lua_pop(L, 1);
    }
    lua_settop(L, at - 1);
    return all;
}
