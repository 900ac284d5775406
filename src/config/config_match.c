/* Matchers of blocks, of routes and of inhibition: match = { team = "payments", service = one_of{ "a", "b" } },
 * and, in the list part, Alertmanager's texts: { 'team="payments"', "foo!=bar" }. Which of its two syntaxes a
 * text is in is found by the reader (model/matcher_parse). */
#include <stdio.h>

#include "config/config_impl.h"
#include "script/safelib.h"

#define TEXTS_MAX 1000

struct list {
    struct matcher **m;
    size_t n, cap;
};

static void add(lua_State *L, struct list *l, struct matcher *m)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        struct matcher **more = script_alloc(L, cap * sizeof *more);

        for (size_t i = 0; i < l->n; i++)
            more[i] = l->m[i];
        l->m = more;
        l->cap = cap;
    }
    l->m[l->n++] = m;
}

/* The text at the top of the stack. */
static void add_text(lua_State *L, const char *where, struct list *out)
{
    struct matcher *found[MATCHERS_PARSE_MAX];
    struct err e = {0};
    const char *text;
    size_t len;
    int n;

    if (lua_type(L, -1) != LUA_TSTRING)
        sandbox_fail(L, "%s: matchers are written `label = value` or as texts, 'label=\"value\"'",
                     where);
    text = lua_tolstring(L, -1, &len);
    sandbox_charge(L, SANDBOX_PATTERN(len));
    n = matchers_parse(text, len, found, &e);
    if (n < 0 && e.code == ERR_MEMORY)
        sandbox_no_memory(L);
    if (n < 0)
        sandbox_fail(L, "%s: %s", where, e.text);
    if (n == 0)
        sandbox_fail(L, "%s: an empty text: leave it out to match everything", where);
    script_keep_all(L, found, (size_t)n);
    for (int i = 0; i < n; i++)
        add(L, out, found[i]);
}

struct matcher **config_read_match(lua_State *L, const char *what, const char *key, size_t *count)
{
    struct list out = {0};
    char where[128];
    size_t texts;
    int at;

    *count = 0;
    if (lua_getfield(L, 1, key) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    at = lua_gettop(L);
    if (!lua_istable(L, at))
        sandbox_fail(L, "%s: %s = { team = \"payments\" } is the form", what, key);
    snprintf(where, sizeof where, "%.60s: %.60s", what, key);
    texts = arg_list_part(L, at, where, TEXTS_MAX);
    for (size_t i = 1; i <= texts; i++) {
        lua_rawgeti(L, at, (lua_Integer)i);
        add_text(L, where, &out);
        lua_pop(L, 1);
    }
    safelib_keys(L, at);
    for (lua_Integer i = 1; lua_rawgeti(L, at + 1, i) != LUA_TNIL; i++) {
        const struct match *m;
        const char *label;

        if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 &&
            lua_tointeger(L, -1) <= (lua_Integer)texts) {
            lua_pop(L, 1);
            continue;
        }
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "%s: matchers are written `label = value`", where);
        label = lua_tostring(L, -1);
        lua_pushvalue(L, -1);
        lua_gettable(L, at);
        m = match_arg(L, -1, label);
        for (size_t k = 0; k < match_count(m); k++)
            add(L, &out, match_build(L, m, k, label));
        lua_pop(L, 2);
    }
    lua_settop(L, at - 1);
    *count = out.n;
    return out.m;
}
