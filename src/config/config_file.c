#include "config/config_impl.h"

#define NAME_MAX_LEN 200 /* of receivers and whatever else has a name */

struct config_file *config_file_of(lua_State *L)
{
    struct script *s = script_of(L);

    return (struct config_file *)((char *)s - offsetof(struct config_file, script));
}

void config_once(lua_State *L, bool *given, const char *what)
{
    if (!lua_istable(L, 1))
        sandbox_fail(L, "%s { … } takes a table, got %s", what, value_name(L, 1));
    if (*given)
        sandbox_fail(L, "%s { … } is given twice", what);
    *given = true;
}

int config_named(lua_State *L, const char *what, lua_CFunction body)
{
    struct sandbox *s = sandbox_of(L);
    char file[LUA_IDSIZE];

    if (*s->prefix)
        sandbox_fail(L, "another %s begins before this one has its { … }", what);
    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0 || lua_rawlen(L, 1) > NAME_MAX_LEN)
        sandbox_fail(L, "%s \"name\" { … } needs a name", what);
    config_check_plain(L, lua_tostring(L, 1), "the name");
    lua_pushvalue(L, 1);
    lua_pushinteger(L, sandbox_where(L, file, sizeof file));
    lua_pushcclosure(L, body, 2);
    snprintf(s->prefix, sizeof s->prefix, "%s \"%.100s\": ", what, lua_tostring(L, 1));
    return 1;
}
