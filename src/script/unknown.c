/* What a file is told of a name that nothing declares. */
#include <string.h>

#include "script/safelib.h"
#include "script/sandbox.h"

/* Names of plain Lua that files do not have. */
static const char *const removed[] = {
    "io",     "os",         "debug",  "coroutine",    "package",      "require",
    "load",   "loadfile",   "dofile", "pcall",        "xpcall",       "rawget",
    "rawset", "rawequal",   "rawlen", "getmetatable", "setmetatable", "collectgarbage",
    "utf8",   "loadstring", "_G"};

static bool is_removed(const char *name)
{
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        if (strcmp(removed[i], name) == 0)
            return true;
    return false;
}

_Noreturn void safelib_refuse_unknown(lua_State *L, bool metric)
{
    const char *name = luaL_tolstring(L, 2, NULL), *near;

    if (is_removed(name))
        sandbox_fail(L,
                     "\"%s\" does not exist in files of Tocsin (see the list of Lua functions "
                     "in docs/rules.md)",
                     name);
    near = safelib_nearest(L, 1, name);
    if (near)
        sandbox_fail(L, "unknown name \"%s\" — did you mean \"%s\"?", name, near);
    sandbox_fail(L, "unknown name \"%s\"%s%s%s", name, metric ? " (a metric is written m." : "",
                 metric ? name : "", metric ? ")" : "");
}

int safelib_unknown(lua_State *L)
{
    safelib_refuse_unknown(L, false);
}
