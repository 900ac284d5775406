#include "config/config_impl.h"

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
