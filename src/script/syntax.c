#include "script/syntax.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "script/sandbox.h"

/* The token after " near '": Lua quotes it, except <eof>. */
static bool near_token(const char *text, char *token, size_t size)
{
    const char *near = strstr(text, " near '");
    size_t n;

    if (!near)
        return false;
    near += strlen(" near '");
    n = strcspn(near, "'");
    if (n == 0 || n >= size)
        return false;
    memcpy(token, near, n);
    token[n] = 0;
    return true;
}

static const char *advice(const char *text)
{
    char token[64];

    if (!near_token(text, token, sizeof token))
        return "";
    if (strcmp(token, "for") == 0 && strstr(text, "unexpected symbol"))
        return ": `for` is a word of Lua, the key is `lasting`";
    if (strstr(text, "'}' expected") && (isalpha((unsigned char)*token) || strchr("_[{\"", *token)))
        return ": is a comma missing before it?";
    return "";
}

void syntax_explain(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    char file[LUA_IDSIZE];
    int line = sandbox_where(L, file, sizeof file); /* 0: no Lua runs, it is the rule file itself */

    if (!text)
        return;
    if (line)
        lua_pushfstring(L, "%s%s (included at %s:%d)", text, advice(text), file, line);
    else
        lua_pushfstring(L, "%s%s", text, advice(text));
    lua_remove(L, -2);
}
