#include <string.h>

#include "base/mem.h"
#include "script/safelib.h"
#include "testlang/testfile_impl.h"

struct testfile *testfile_of(lua_State *L)
{
    return (struct testfile *)script_of(L);
}

struct building *building_of(lua_State *L)
{
    struct building *b = testfile_of(L)->building;

    if (!b)
        sandbox_fail(L, "`t` is used after its test");
    return b;
}

void testfile_grow(lua_State *L, void *array, size_t *cap, size_t need, size_t size)
{
    if (mem_grow((void **)array, cap, need, size) < 0)
        sandbox_no_memory(L);
}

const struct label *testfile_labels(lua_State *L, int idx, const char *what, const char *name,
                                    size_t *n)
{
    struct label *labels;
    size_t max = 1;
    int kept;

    *n = 0;
    if (lua_isnoneornil(L, idx) && !name)
        return NULL;
    if (!lua_isnoneornil(L, idx) && !lua_istable(L, idx))
        sandbox_fail(L, "%s: labels are a table { service = \"api\" }, got %s", what,
                     value_name(L, idx));
    if (lua_istable(L, idx))
        safelib_keys(L, idx);
    else
        lua_newtable(L);
    max += (size_t)luaL_len(L, -1);
    labels = script_alloc(L, max * sizeof *labels);
    if (name)
        labels[(*n)++] = label_of("__name__", script_dup(L, name, strlen(name)));
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const char *key = luaL_tolstring(L, -1, NULL);

        lua_getfield(L, idx, key);
        if (lua_istable(L, -1) || lua_isfunction(L, -1) || lua_isuserdata(L, -1))
            sandbox_fail(L, "%s: %s must be a text or a number, got %s", what, key,
                         value_name(L, -1));
        luaL_tolstring(L, -1, NULL);
        labels[(*n)++] = label_of(script_string(L, -3), script_string(L, -1));
        lua_pop(L, 4);
    }
    lua_pop(L, 2);
    kept = labels_sort(labels, *n);
    if (kept < 0)
        sandbox_fail(L, "%s: a label stands twice", what);
    *n = (size_t)kept;
    return labels;
}
