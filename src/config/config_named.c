#include <stdio.h>
#include <string.h>

#include "config/config_impl.h"
#include "script/safelib.h"

#define NAME_MAX_LEN 200   /* of receivers and whatever else has a name */
#define ENTRIES_MAX  10000 /* blocks of one kind */

const char *config_name(lua_State *L, const char *what)
{
    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0 || lua_rawlen(L, 1) > NAME_MAX_LEN)
        sandbox_fail(L, "%s \"name\" { … } needs a name", what);
    config_check_plain(L, lua_tostring(L, 1), "the name");
    return lua_tostring(L, 1);
}

int config_named(lua_State *L, const char *what, lua_CFunction body)
{
    struct sandbox *s = sandbox_of(L);
    char file[LUA_IDSIZE];

    if (*s->prefix)
        sandbox_fail(L, "another %s begins before this one has its { … }", what);
    config_name(L, what);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, sandbox_where(L, file, sizeof file));
    lua_pushcclosure(L, body, 2);
    snprintf(s->prefix, sizeof s->prefix, "%s \"%.100s\": ", what, lua_tostring(L, 1));
    return 1;
}

struct roster_place config_here(lua_State *L)
{
    char file[LUA_IDSIZE];
    struct roster_place p = {.line = sandbox_where(L, file, sizeof file)};

    p.file = script_dup(L, file, strlen(file));
    return p;
}

void *config_grow(lua_State *L, void *list, size_t n, size_t *cap, size_t size)
{
    void *more;

    if (n < *cap)
        return list;
    if (n >= ENTRIES_MAX)
        sandbox_fail(L, "more than %d of these", ENTRIES_MAX);
    *cap = *cap ? *cap * 2 : 8;
    more = script_alloc(L, *cap * size);
    if (n)
        memcpy(more, list, n * size);
    return more;
}
