/* Read-only tables and environments.
 *
 * A frozen table is emptied into a hidden one that only its metatable knows; reads go there,
 * writes find the key missing and end in an error. The identity of the table stays, so whoever
 * holds it sees the same contents. The metatable is marked at index 1, and `getmetatable` does
 * not exist in files, so the hidden table cannot be reached. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "script/safelib.h"
#include "script/sandbox.h"

static const char marker; /* its address marks frozen tables */

#define FREEZE_DEPTH  32
#define NEAREST_NAMES 256

static int frozen_write(lua_State *L)
{
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);

    sandbox_fail(L, "\"%s\" cannot be set: this table is read-only after loading", key);
}

static int frozen_len(lua_State *L)
{
    lua_getmetatable(L, 1);
    lua_getfield(L, -1, "__index");
    lua_pushinteger(L, luaL_len(L, -1));
    return 1;
}

bool safelib_frozen(lua_State *L, int idx)
{
    bool is;

    if (!lua_istable(L, idx) || !lua_getmetatable(L, idx))
        return false;
    lua_rawgeti(L, -1, 1);
    is = lua_touserdata(L, -1) == &marker;
    lua_pop(L, 2);
    return is;
}

static void freeze(lua_State *L, int idx, int depth)
{
    idx = lua_absindex(L, idx);
    if (depth > FREEZE_DEPTH)
        sandbox_fail(L, "a table used by `when` is nested more than %d deep", FREEZE_DEPTH);
    if (safelib_frozen(L, idx))
        return;
    luaL_checkstack(L, 8, NULL);
    lua_newtable(L); /* the hidden one */
    lua_createtable(L, 1, 4);
    lua_pushlightuserdata(L, (void *)(size_t)&marker);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, frozen_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, frozen_len);
    lua_setfield(L, -2, "__len");
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -6);
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, idx); /* clearing fields is allowed during a walk */
    }
    lua_setmetatable(L, idx); /* before the children: a cycle ends here */
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_istable(L, -1))
            freeze(L, -1, depth + 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void safelib_freeze(lua_State *L, int idx)
{
    freeze(L, idx, 0);
}

static int env_write(lua_State *L)
{
    const char *key = luaL_tolstring(L, 2, NULL);

    sandbox_fail(L, "global \"%s\": declare it with `local %s = …`", key, key);
}

void safelib_env(lua_State *L, lua_CFunction unknown)
{
    lua_createtable(L, 0, 1); /* of the names: what happens to unknown ones */
    lua_pushcfunction(L, unknown);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_newtable(L); /* the environment stays empty, so every write is caught */
    lua_createtable(L, 1, 3);
    lua_pushlightuserdata(L, (void *)(size_t)&marker);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, env_write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* Of a frozen table or environment the hidden table, else the table itself; pushed. */
static void push_contents(lua_State *L, int idx)
{
    if (safelib_frozen(L, idx)) {
        lua_getmetatable(L, idx);
        lua_getfield(L, -1, "__index");
        lua_remove(L, -2);
    } else {
        lua_pushvalue(L, idx);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *safelib_nearest(lua_State *L, int idx, const char *word)
{
    const char *names[NEAREST_NAMES];
    size_t n = 0;

    push_contents(L, idx);
    lua_pushnil(L);
    while (n < NEAREST_NAMES && lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING)
            names[n++] = lua_tostring(L, -2);
        lua_pop(L, 1);
    }
    if (n == NEAREST_NAMES)
        lua_pop(L, 1); /* the key of an unfinished walk */
    lua_pop(L, 1);
    if (n == 0)
        return NULL;
    qsort(names, n, sizeof *names, by_text); /* where two are as near, always the same one */
    return text_nearest(word, names, n);
}

struct key {
    int rank; /* numbers, strings, false, true, the rest */
    double num;
    const char *s;
    size_t len;
    lua_Integer at; /* index in the unsorted list */
};

static int key_order(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    int c;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->rank == 0 && a->num != b->num)
        return a->num < b->num ? -1 : 1;
    if (a->rank == 1) {
        c = memcmp(a->s, b->s, a->len < b->len ? a->len : b->len);
        if (c || a->len != b->len)
            return c ? c : a->len < b->len ? -1 : 1;
    }
    return a->at < b->at ? -1 : 1;
}

static void key_fill(lua_State *L, int idx, struct key *k, lua_Integer at)
{
    *k = (struct key){.rank = 4, .at = at};
    switch (lua_type(L, idx)) {
    case LUA_TNUMBER:
        k->rank = 0;
        k->num = lua_tonumber(L, idx);
        break;
    case LUA_TSTRING:
        k->rank = 1;
        k->s = lua_tolstring(L, idx, &k->len);
        break;
    case LUA_TBOOLEAN:
        k->rank = lua_toboolean(L, idx) ? 3 : 2;
        break;
    default:
        break;
    }
}

#define FEW_KEYS 64

/* The keys of the table on the top, where they are few and all of them texts, as nearly always. */
static bool text_keys(lua_State *L, struct key keys[FEW_KEYS], size_t *n)
{
    *n = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        if (*n == FEW_KEYS || lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            return false;
        }
        key_fill(L, -1, &keys[*n], (lua_Integer)*n);
        ++*n;
    }
    return true;
}

#define KEYS_MAX 16384 /* C cannot pause: sorting them takes some 15 ms */

void safelib_keys(lua_State *L, int idx)
{
    lua_Integer n = 0;
    struct key *keys, few[FEW_KEYS];
    size_t n_few;

    luaL_checkstack(L, 8, NULL);
    push_contents(L, idx);
    if (text_keys(L, few, &n_few)) {
        sandbox_charge(L, (uint64_t)n_few * 16);
        qsort(few, n_few, sizeof *few, key_order);
        lua_createtable(L, (int)n_few, 0);
        for (size_t i = 0; i < n_few; i++) { /* the contents keep the texts alive */
            lua_pushlstring(L, few[i].s, few[i].len);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        lua_replace(L, -2);
        return;
    }
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, -3)) {
        if (++n > KEYS_MAX)
            sandbox_fail(L, "a table of more than %d keys is too large to go through in order",
                         KEYS_MAX);
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, n);
    }
    sandbox_charge(L, (uint64_t)n * 16);
    keys = lua_newuserdatauv(L, (size_t)n * sizeof *keys + 1, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -2, i);
        key_fill(L, -1, &keys[i - 1], i);
        lua_pop(L, 1); /* the list keeps the string alive */
    }
    if (n)
        qsort(keys, (size_t)n, sizeof *keys, key_order);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -3, keys[i - 1].at);
        lua_rawseti(L, -2, i);
    }
    lua_replace(L, -4); /* contents, list, keys: only the sorted list is left */
    lua_pop(L, 2);
}
