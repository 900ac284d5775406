/* Which names of Lua a file sees, and what these cost.
 * A list of what is given, not of what is taken away: what Lua gains later is not seen. What takes time in
 * C, where Lua does not count, is charged by the bytes it touches (searching, copying, comparing), so a
 * budget cannot be slept through in string.rep or a pattern. Whatever differs between two runs of a file is
 * replaced: order of pairs, addresses, clocks, chance. A file must give the same rules on every machine. */
#include "script/safelib.h"

#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "script/sandbox.h"

/* A unit is about 30 ns (sandbox_charge()). */
#define COPY_BYTES   16 /* bytes a unit: copied, compared, changed one by one */
#define SEARCH_BYTES 8  /* searched */
#define UNPACK_MAX   64
#define PRINT_MAX    512

static const char libs_key;   /* registry: the original library tables, never seen by files */
static const char string_key; /* registry: the safe methods of strings */

/* --- functions of our own --- */

static int safe_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (safelib_frozen(L, 1)) {
        lua_getmetatable(L, 1);
        lua_getfield(L, -1, "__index");
        lua_replace(L, 1);
        lua_settop(L, 2);
    }
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

static int pairs_step(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));

    for (;;) {
        lua_settop(L, 1);
        i++;
        if (lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_gettable(L, 1) == LUA_TNIL)
            continue; /* removed during the walk */
        lua_pushinteger(L, i);
        lua_replace(L, lua_upvalueindex(2));
        return 2;
    }
}

/* Sorted, because Lua's own order differs between two runs of the same file. */
static int safe_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    safelib_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, pairs_step, 2);
    lua_pushvalue(L, 1);
    return 2;
}

/* Addresses of tables differ between runs too, so they are not shown. */
static int safe_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_istable(L, 1) || lua_isfunction(L, 1) || lua_isuserdata(L, 1))
        lua_pushstring(L, luaL_typename(L, 1));
    else
        luaL_tolstring(L, 1, NULL);
    return 1;
}

static int safe_print(lua_State *L)
{
    char text[PRINT_MAX];
    size_t used = 0;

    text[0] = 0;
    for (int i = 1; i <= lua_gettop(L) && used < sizeof text; i++) {
        const char *s = luaL_tolstring(L, i, NULL);

        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 1 ? " " : "", s);
        lua_pop(L, 1);
    }
    sandbox_charge(L, 1000);
    log_info("a file prints", "file", sandbox_of(L)->label, "text", text, (char *)NULL);
    return 0;
}

static int safe_unpack(lua_State *L)
{
    lua_Integer from = luaL_optinteger(L, 2, 1), to;

    luaL_checktype(L, 1, LUA_TTABLE);
    to = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (from > to)
        return 0;
    if ((lua_Unsigned)to - (lua_Unsigned)from >= UNPACK_MAX)
        sandbox_fail(L, "table.unpack gives at most %d values", UNPACK_MAX);
    luaL_checkstack(L, UNPACK_MAX, NULL);
    for (lua_Integer i = from; i <= to; i++)
        lua_geti(L, 1, i);
    return (int)(to - from) + 1;
}

static int math_clamp(lua_State *L)
{
    lua_Number x = luaL_checknumber(L, 1), lo = luaL_checknumber(L, 2), hi = luaL_checknumber(L, 3);

    lua_pushnumber(L, x < lo ? lo : x > hi ? hi : x);
    return 1;
}

static int math_round(lua_State *L)
{
    lua_Number x = luaL_checknumber(L, 1);
    lua_Integer digits = luaL_optinteger(L, 2, 0);
    lua_Number scale = pow(10, (lua_Number)(digits < -15 ? -15 : digits > 15 ? 15 : digits));

    lua_pushnumber(L, round(x * scale) / scale);
    return 1;
}

static int string_split(lua_State *L)
{
    size_t len, sep_len;
    const char *s = luaL_checklstring(L, 1, &len), *sep = luaL_checklstring(L, 2, &sep_len), *hit;
    lua_Integer n = 0;

    luaL_argcheck(L, sep_len > 0, 2, "an empty separator");
    sandbox_charge(L, len / SEARCH_BYTES);
    lua_newtable(L);
    while ((hit = memmem(s, len, sep, sep_len))) {
        lua_pushlstring(L, s, (size_t)(hit - s));
        lua_rawseti(L, -2, ++n);
        len -= (size_t)(hit - s) + sep_len;
        s = hit + sep_len;
        sandbox_charge(L, 4);
    }
    lua_pushlstring(L, s, len);
    lua_rawseti(L, -2, ++n);
    return 1;
}

static int string_starts_with(lua_State *L)
{
    size_t len, head_len;
    const char *s = luaL_checklstring(L, 1, &len), *head = luaL_checklstring(L, 2, &head_len);

    sandbox_charge(L, 1 + head_len / COPY_BYTES);
    lua_pushboolean(L, head_len <= len && memcmp(s, head, head_len) == 0);
    return 1;
}

static int string_contains(lua_State *L)
{
    size_t len, part_len;
    const char *s = luaL_checklstring(L, 1, &len), *part = luaL_checklstring(L, 2, &part_len);

    sandbox_charge(L, 1 + len / SEARCH_BYTES);
    lua_pushboolean(L, memmem(s, len, part, part_len) != NULL);
    return 1;
}

/* Compiled patterns are kept: rules match with constant ones. */
static struct matcher *regex_of(lua_State *L, const char *pattern)
{
    struct sandbox *s = sandbox_of(L);
    unsigned at = s->next_regex;
    struct err e = {0};
    struct matcher *m;
    char *copy;

    for (unsigned i = 0; i < SANDBOX_REGEXES; i++)
        if (s->regexes[i].pattern && strcmp(s->regexes[i].pattern, pattern) == 0)
            return s->regexes[i].m;
    sandbox_charge(L, SANDBOX_PATTERN(strlen(pattern)));
    m = matcher_new("text", MATCH_REGEX, false, pattern, &e);
    if (!m)
        sandbox_fail(L, "match_re: %s", e.text);
    copy = mem_strdup(pattern);
    if (!copy) {
        matcher_unref(m);
        sandbox_no_memory(L);
    }
    mem_free(s->regexes[at].pattern);
    matcher_unref(s->regexes[at].m);
    s->regexes[at].pattern = copy;
    s->regexes[at].m = m;
    s->next_regex = (at + 1) % SANDBOX_REGEXES;
    return m;
}

static int string_match_re(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len), *pattern = luaL_checkstring(L, 2);

    sandbox_charge(L, 20 + len / SEARCH_BYTES);
    lua_pushboolean(L, matcher_test(regex_of(L, pattern), s, len));
    return 1;
}

/* --- the whitelist --- */

/* Calls one of Lua's own functions after paying for the data it will walk over: the hook does not
 * see the time spent inside. */
static int paid(lua_State *L)
{
    lua_CFunction f = lua_tocfunction(L, lua_upvalueindex(1));
    uint64_t cost = 1;

    for (int i = 1; i <= lua_gettop(L); i++)
        if (lua_type(L, i) == LUA_TSTRING)
            cost += lua_rawlen(L, i) / COPY_BYTES;
        else if (lua_istable(L, i))
            cost += lua_rawlen(L, i);
    sandbox_charge(L, cost);
    return f(L);
}

/* Sorting does not pause, neither in C nor in a function that compares, so it is bounded: n log n
 * comparisons of what lies in the table. */
#define SORT_UNITS 250000 /* about 8 ms */

static int safe_sort(lua_State *L)
{
    lua_CFunction f = lua_tocfunction(L, lua_upvalueindex(1));
    uint64_t n = lua_istable(L, 1) ? lua_rawlen(L, 1) : 0, steps = 1, units = n * 2;

    while (steps < 64 && n >> steps)
        steps++;
    for (uint64_t i = 1; i <= n && units * steps <= SORT_UNITS; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i) == LUA_TSTRING)
            units += lua_rawlen(L, -1) / COPY_BYTES;
        lua_pop(L, 1);
    }
    if (units * steps > SORT_UNITS)
        sandbox_fail(L,
                     "table.sort: too much to sort at once: some 8,000 short values are possible");
    sandbox_charge(L, 1 + units * steps);
    return sandbox_call_bounded(L, f, SORT_UNITS * 2);
}

struct own_function {
    const char *name;
    lua_CFunction f;
};

static const char *const base_names[] = {"ipairs", "select", "type", "tonumber",
                                         "assert", "error",  NULL};
static const struct own_function base_own[] = {{"next", safe_next},
                                               {"pairs", safe_pairs},
                                               {"tostring", safe_tostring},
                                               {"print", safe_print},
                                               {NULL, NULL}};
static const char *const math_names[] = {
    "abs",       "ceil", "floor", "fmod", "max",  "min",        "modf",       "sqrt", "exp",
    "log",       "sin",  "cos",   "tan",  "asin", "acos",       "atan",       "deg",  "rad",
    "tointeger", "type", "ult",   "huge", "pi",   "maxinteger", "mininteger", NULL};
static const struct own_function math_own[] = {
    {"clamp", math_clamp}, {"round", math_round}, {NULL, NULL}};
static const char *const string_names[] = {"format", "lower", "upper",   "sub", "len",
                                           "byte",   "char",  "reverse", NULL};
static const struct own_function string_own[] = {{"split", string_split},
                                                 {"starts_with", string_starts_with},
                                                 {"contains", string_contains},
                                                 {"match_re", string_match_re},
                                                 {NULL, NULL}};
static const char *const table_names[] = {"insert", "remove", "concat", "sort", NULL};
static const struct own_function table_own[] = {{"unpack", safe_unpack}, {NULL, NULL}};
static const char *const table_names_deciding[] = {"insert", "concat", "sort", NULL};
static const struct own_function none[] = {{NULL, NULL}};

/* Copies `names` of the table at `from` and adds `own` to the table on top. */
static void fill(lua_State *L, int from, const char *const *names, const struct own_function *own)
{
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        if (lua_iscfunction(L, -1))
            lua_pushcclosure(L, strcmp(*names, "sort") == 0 ? safe_sort : paid, 1);
        lua_setfield(L, -2, *names);
    }
    for (; own->name; own++) {
        lua_pushcfunction(L, own->f);
        lua_setfield(L, -2, own->name);
    }
}

static const char *const left_out[] = {"find",     "match", "gmatch", "gsub",
                                       "rep",      "dump",  "pack",   "unpack",
                                       "packsize", "move",  "random", "randomseed"};

static bool is_left_out(const char *key)
{
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (strcmp(left_out[i], key) == 0)
            return true;
    return false;
}

static int unknown_member(lua_State *L)
{
    const char *lib = lua_tostring(L, lua_upvalueindex(1));
    const char *key = luaL_tolstring(L, 2, NULL);
    const char *near = is_left_out(key) ? NULL : safelib_nearest(L, 1, key);

    if (near)
        sandbox_fail(L, "%s.%s does not exist here — did you mean \"%s\"?", lib, key, near);
    sandbox_fail(L, "%s.%s does not exist here", lib, key);
}

/* A member that does not exist is an error, not nil. */
static void strict(lua_State *L, const char *lib)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, lib);
    lua_pushcclosure(L, unknown_member, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

static void push_lib(lua_State *L, const char *lib, const char *const *names,
                     const struct own_function *own)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &libs_key);
    lua_getfield(L, -1, lib);
    lua_newtable(L);
    fill(L, lua_absindex(L, -2), names, own);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* An unknown member of a library table: the hidden table gets the error. */
static void push_frozen_lib(lua_State *L, const char *lib, const char *const *names,
                            const struct own_function *own)
{
    push_lib(L, lib, names, own);
    safelib_freeze(L, -1);
    lua_getmetatable(L, -1);
    lua_getfield(L, -1, "__index");
    strict(L, lib);
    lua_pop(L, 2);
}

static const luaL_Reg opened[] = {{"_G", luaopen_base},
                                  {"string", luaopen_string},
                                  {"table", luaopen_table},
                                  {"math", luaopen_math},
                                  {NULL, NULL}};

void safelib_open(lua_State *L)
{
    lua_newtable(L);
    for (const luaL_Reg *r = opened; r->name; r++) {
        lua_pushcfunction(L, r->func);
        lua_pushstring(L, r->name);
        lua_call(L, 1, 1);
        lua_setfield(L, -2, r->name);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &libs_key);
    push_lib(L, "string", string_names, string_own);
    strict(L, "string");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &string_key);
    /* luaopen_string() gave strings a metatable that does arithmetic and finds string.rep. */
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_settop(L, 1);
}

void safelib_names(lua_State *L, bool deciding)
{
    push_lib(L, "_G", base_names, base_own);
    push_frozen_lib(L, "math", math_names, math_own);
    lua_setfield(L, -2, "math");
    push_frozen_lib(L, "string", string_names, string_own);
    lua_setfield(L, -2, "string");
    push_frozen_lib(L, "table", deciding ? table_names_deciding : table_names,
                    deciding ? none : table_own);
    lua_setfield(L, -2, "table");
}
