#include "lang/rulekey.h"

#include <string.h>

#include "script/safelib.h"

bool rulekey_is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

/* In an alert the stack holds the table of the rule at 1 and the defaults at 2. */
int rulekey_get(lua_State *L, const char *key)
{
    if (lua_getfield(L, 1, key) != LUA_TNIL)
        return lua_type(L, -1);
    lua_pop(L, 1);
    return lua_getfield(L, 2, key);
}

const char *rulekey_text(lua_State *L, const char *key)
{
    const char *text = NULL;

    if (rulekey_get(L, key) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "`%s` must be a string, got %s", key, value_name(L, -1));
        text = script_string(L, -1);
    }
    lua_pop(L, 1);
    return text;
}

uint32_t rulekey_whole(lua_State *L, int idx, const char *key, lua_Integer lo, lua_Integer hi)
{
    int is_integer;
    lua_Integer v = lua_tointegerx(L, idx, &is_integer);

    if (lua_type(L, idx) != LUA_TNUMBER || !is_integer || v < lo || v > hi)
        sandbox_fail(L, "`%s` must be a whole number from %d to %d", key, (int)lo, (int)hi);
    return (uint32_t)v;
}
