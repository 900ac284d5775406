/* What of Lua's own library a file may use: a whitelist, each function chosen because it cannot
 * take long, grow without bound, reach outside or change what others see.
 *
 * Left out and why: string.find match gmatch gsub (one call with a hostile pattern takes minutes),
 * rep and table.move (unbounded in one call), pcall (swallows spent budgets), getmetatable and
 * the raw functions (write access to shared tables), math.random (loads must repeat), load. */
#ifndef SCRIPT_SAFELIB_H
#define SCRIPT_SAFELIB_H

#include <lua.h>
#include <stdbool.h>

/* Prepares the state: strings get their safe methods, the library goes into the registry. */
void safelib_open(lua_State *L);

/* Pushes a new table with the names every file has (ipairs, math, string …); `deciding`: those
 * of the second phase (math gets clamp and round, table loses insert's dangerous friends). */
void safelib_names(lua_State *L, bool deciding);

/* Pushes an environment over the table of names on top of the stack (popped): reading an unknown
 * name calls `unknown(name)`, writing any name raises. */
void safelib_env(lua_State *L, lua_CFunction unknown);

/* The usual `unknown`: raises, with the likeliest thing that was meant. */
int safelib_unknown(lua_State *L);
/* The same for the table at 1 and the name at 2; `metric`: it may have been meant as one. */
_Noreturn void safelib_refuse_unknown(lua_State *L, bool metric);

/* Makes the table at `idx` read-only, and all tables in it: what was in it moves to a hidden one. */
void safelib_freeze(lua_State *L, int idx);
bool safelib_frozen(lua_State *L, int idx);

/* "did you mean": the nearest string key of the table at `idx`, NULL when none is near. Valid
 * while the table lives. */
const char *safelib_nearest(lua_State *L, int idx, const char *word);
/* Pushes the keys of the table at `idx` as a list: numbers, then strings, each in order. */
void safelib_keys(lua_State *L, int idx);

#endif
