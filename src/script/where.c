#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "script/sandbox.h"

/* The innermost line of Lua that runs. Allocates nothing, so that the allocator may ask. */
int sandbox_line(lua_State *L, char *file, size_t size)
{
    lua_Debug ar;

    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0) {
            snprintf(file, size, "%s", ar.short_src);
            return ar.currentline;
        }
    }
    return 0;
}

int sandbox_where(lua_State *L, char *file, size_t size)
{
    int line = sandbox_line(L, file, size);

    if (line)
        return line;
    snprintf(file, size, "%s", sandbox_of(L)->label);
    return sandbox_of(L)->line;
}

struct sandbox *sandbox_of(lua_State *L)
{
    struct sandbox *s;

    memcpy(&s, lua_getextraspace(L), sizeof s);
    assert(s && s->L);
    return s;
}
