/* Lua's syntax errors, with what to write instead where the usual slip of a rule file is known:
 * a comma forgotten in a table, a key of other languages that is a word of Lua's. */
#ifndef SCRIPT_SYNTAX_H
#define SCRIPT_SYNTAX_H

#include <lua.h>

/* Replaces the message on top of the stack by one that says more; a file that is being included
 * names who includes it. */
void syntax_explain(lua_State *L);

#endif
