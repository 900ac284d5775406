/* Values into Lua and out of it, a bounded number at a time.
 *
 * They go in as plain tables and come out as a tree; `null` and lists are marked, since Lua's empty table is
 * neither. What has no form in a message (functions, circles) is refused by name. A message of a thousand
 * alerts has fifty thousand values, so both ways keep where they are in a walk of their own instead of on
 * C's stack: C called from Lua cannot pause in the middle of a recursion. What a walk needs of Lua stands on
 * the stack of the coroutine, one table (and, on the way out, its names) for each level. */
#include <assert.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "script/safelib.h"
#include "script/sandbox.h"
#include "template/template_impl.h"

static const char null_mark; /* `null`: a light userdata with this address */
static const char list_key;  /* registry: metatable that marks lists */

#define LEVEL_SLOTS 10 /* of Lua's stack, at most, for one level and what is called on it */

void template_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(size_t)&null_mark);
}

void template_mark_list(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
    }
    lua_setmetatable(L, -2);
}

static bool is_marked(lua_State *L, int idx)
{
    bool is;

    if (!lua_getmetatable(L, idx))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
    is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

/* Whole numbers are integers to Lua: `..` would write 3.0 otherwise. */
void template_push_number(lua_State *L, double v)
{
    if (v == floor(v) && fabs(v) < 9007199254740992.0)
        lua_pushinteger(L, (lua_Integer)v);
    else
        lua_pushnumber(L, v);
}

static void too_deep(lua_State *L)
{
    sandbox_fail(L, "the message is nested more than %d deep", TEMPLATE_DEPTH);
}

/* --- in ---------------------------------------------------------------------------------------------- */

static int room_for(size_t n)
{
    return n < 4096 ? (int)n : 4096;
}

/* Pushes it: a list or object with nothing in it yet, as another level. */
static void push_one(lua_State *L, struct template_walk *w, const struct template_value *v)
{
    bool list = v->kind == TEMPLATE_LIST;

    switch (v->kind) {
    case TEMPLATE_NULL:
        lua_pushnil(L);
        break;
    case TEMPLATE_BOOL:
        lua_pushboolean(L, v->flag);
        break;
    case TEMPLATE_NUMBER:
        template_push_number(L, v->num);
        break;
    case TEMPLATE_STRING:
        lua_pushlstring(L, v->str, v->len);
        break;
    case TEMPLATE_LIST:
    case TEMPLATE_OBJECT:
        luaL_checkstack(L, LEVEL_SLOTS, NULL);
        if (w->depth > TEMPLATE_DEPTH)
            too_deep(L);
        lua_createtable(L, list ? room_for(v->n) : 0, list ? 0 : room_for(v->n));
        if (list)
            template_mark_list(L);
        w->levels[w->depth++] = (struct template_level){.of = v, .next = v->first, .list = list};
        break;
    }
}

/* Puts the value on top into the table of the level below it. */
static void set_member(lua_State *L, struct template_level *level, const char *key)
{
    if (level->list)
        lua_rawseti(L, -2, ++level->i);
    else
        lua_setfield(L, -2, key ? key : "");
}

void template_push_begin(lua_State *L, struct template_walk *w, const struct template_value *v)
{
    w->depth = 0;
    push_one(L, w, v);
}

bool template_push_some(lua_State *L, struct template_walk *w, unsigned n)
{
    while (w->depth > 0) {
        struct template_level *level = &w->levels[w->depth - 1];
        const struct template_value *v = level->next, *of = level->of;
        unsigned before = w->depth;

        if (!v) {
            if (--w->depth > 0)
                set_member(L, level - 1, of->key);
            continue;
        }
        if (n-- == 0)
            return false;
        level->next = v->next;
        push_one(L, w, v);
        if (w->depth == before) /* else once it is full */
            set_member(L, level, v->key);
    }
    return true;
}

/* --- out --------------------------------------------------------------------------------------------- */

static void too_large(lua_State *L)
{
    sandbox_fail(L, "the message is too large");
}

/* The table on top is what `into` becomes. */
static void open_level(lua_State *L, struct template_walk *w, struct template_value *into)
{
    struct template_level *level = &w->levels[w->depth];
    int table = lua_gettop(L);

    assert(w->depth <= TEMPLATE_DEPTH);
    *level = (struct template_level){.into = into, .table = table, .differ = true};
    level->list = is_marked(L, table) || lua_rawlen(L, table) > 0;
    into->kind = level->list ? TEMPLATE_LIST : TEMPLATE_OBJECT;
    if (level->list)
        level->n = luaL_len(L, table);
    else
        safelib_keys(L, table);
    w->depth++;
}

/* Takes what is on top; a table stays there, as another level. */
static void pull_one(lua_State *L, struct template_tree *t, struct template_walk *w,
                     struct template_value *into)
{
    size_t len;
    const char *s;
    int rc = 0;

    luaL_checkstack(L, LEVEL_SLOTS, NULL);
    if (w->depth > TEMPLATE_DEPTH)
        too_deep(L);
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        into->kind = TEMPLATE_BOOL;
        into->flag = lua_toboolean(L, -1);
        break;
    case LUA_TNUMBER:
        rc = template_set_number(t, into, lua_tonumber(L, -1));
        break;
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &len);
        rc = template_set_string(t, into, s, len);
        break;
    case LUA_TTABLE:
        open_level(L, w, into);
        return;
    default:
        if (!lua_isnil(L, -1) && lua_touserdata(L, -1) != &null_mark)
            sandbox_fail(L, "a %s cannot be part of a message", luaL_typename(L, -1));
        into->kind = TEMPLATE_NULL;
    }
    if (rc < 0)
        too_large(L);
    lua_pop(L, 1);
}

/* Pushes the next value of a level and makes room for it in the tree; NULL: there is none any more. */
static struct template_value *next_of_list(lua_State *L, struct template_tree *t,
                                           struct template_level *level)
{
    struct template_value *m;

    if (level->i >= level->n)
        return NULL;
    m = template_append(t, level->into, NULL, TEMPLATE_NULL);
    if (!m)
        too_large(L);
    lua_geti(L, level->table, ++level->i);
    return m;
}

/* Names are texts without zeros, and differ; of others two may be one name: 5 and "5". */
static struct template_value *next_of_object(lua_State *L, struct template_tree *t,
                                             struct template_level *level)
{
    struct template_value *m;
    const char *name;
    size_t len;

    if (lua_rawgeti(L, -1, ++level->i) == LUA_TNIL) {
        lua_pop(L, 2); /* and the names */
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
        sandbox_fail(L, "a message has names that are strings, got %s", luaL_typename(L, -1));
    level->differ = level->differ && lua_type(L, -1) == LUA_TSTRING;
    lua_pushvalue(L, -1);
    name = lua_tolstring(L, -2, &len);
    m = level->differ && strlen(name) == len ? template_append(t, level->into, name, TEMPLATE_NULL)
                                             : template_object(t, level->into, name);
    if (!m)
        too_large(L);
    lua_gettable(L, level->table);
    lua_remove(L, -2);
    return m;
}

void template_pull_begin(lua_State *L, struct template_tree *t, struct template_walk *w)
{
    w->depth = 0;
    pull_one(L, t, w, template_tree_root(t));
}

bool template_pull_some(lua_State *L, struct template_tree *t, struct template_walk *w, unsigned n)
{
    while (w->depth > 0) {
        struct template_level *level = &w->levels[w->depth - 1];
        struct template_value *m;

        if (n-- == 0)
            return false;
        m = level->list ? next_of_list(L, t, level) : next_of_object(L, t, level);
        if (m) {
            pull_one(L, t, w, m);
            continue;
        }
        assert(lua_gettop(L) == level->table);
        lua_pop(L, 1);
        w->depth--;
    }
    return true;
}
