/* The objects of the rule language and the answers to names that do not exist. */
#ifndef LANG_LANGUAGE_H
#define LANG_LANGUAGE_H

#include <lua.h>

/* Metatables of m, selectors, expressions, conditions, matchers. */
void language_metatables(lua_State *L);
/* __index of the names of a rule file: raises, with the likeliest thing that was meant. */
int language_unknown(lua_State *L);

#endif
