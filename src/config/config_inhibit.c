/* inhibit "name" { source = { … }, target = { … }, equal = { … } }: what is not told while something else is on. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_impl.h"

static void grow(lua_State *L, struct config_file *f)
{
    size_t cap = f->cap_inhibits ? 2 * f->cap_inhibits : 16;
    struct inhibit_rule *all;

    if (f->config.n_inhibits < f->cap_inhibits)
        return;
    if (f->config.n_inhibits == INHIBITS_MAX)
        sandbox_fail(L, "more than %d of them", INHIBITS_MAX);
    cap = cap > INHIBITS_MAX ? INHIBITS_MAX : cap;
    all = script_alloc(L, cap * sizeof *all);
    if (f->config.n_inhibits)
        memcpy(all, f->inhibits, f->config.n_inhibits * sizeof *all);
    f->inhibits = all;
    f->config.inhibits = all;
    f->cap_inhibits = cap;
}

static struct matcher **read_side(lua_State *L, const char *key, size_t *n)
{
    struct matcher **m = config_read_match(L, "inhibit", key, n);

    if (*n == 0)
        sandbox_fail(L, "needs `%s`: which alerts %s, %s = { alertname = \"…\" }", key,
                     strcmp(key, "source") == 0 ? "hold others back" : "are held back", key);
    return m;
}

static int inhibit_body(lua_State *L)
{
    static const struct row rows[] = {{"source", ROW_OTHER, 0, NULL},
                                      {"target", ROW_OTHER, 0, NULL},
                                      {"equal", ROW_OTHER, 0, NULL},
                                      {0}};
    struct config_file *f = config_file_of(L);
    struct inhibit_rule *r;

    if (!lua_istable(L, 1))
        sandbox_fail(L, "inhibit \"name\" { … } needs a table, got %s", value_name(L, 1));
    lua_pushvalue(L, lua_upvalueindex(1));
    grow(L, f);
    r = &f->inhibits[f->config.n_inhibits];
    *r = (struct inhibit_rule){.name = script_string(L, -1),
                               .line = (int)lua_tointeger(L, lua_upvalueindex(2))};
    lua_pop(L, 1);
    for (size_t i = 0; i < f->config.n_inhibits; i++)
        if (strcmp(f->inhibits[i].name, r->name) == 0)
            sandbox_fail(L, "defined twice (first at line %d)", f->inhibits[i].line);
    config_rows_read(L, 1, "inhibit", rows, r);
    r->source = read_side(L, "source", &r->n_source);
    r->target = read_side(L, "target", &r->n_target);
    if (lua_getfield(L, 1, "equal") != LUA_TNIL)
        r->equal = arg_label_list(L, -1, "inhibit: `equal`", &r->n_equal);
    lua_pop(L, 1);
    f->config.n_inhibits++;
    f->script.box.prefix[0] = 0;
    return 0;
}

static int inhibit(lua_State *L)
{
    return config_named(L, "inhibit", inhibit_body);
}

void config_inhibit_names(lua_State *L)
{
    lua_pushcfunction(L, inhibit);
    lua_setfield(L, -2, "inhibit");
}

void config_resolve_inhibits(lua_State *L)
{
    const struct config *c = &config_file_of(L)->config;
    size_t next, at = inhibit_rules_circle(c->inhibits, c->n_inhibits, &next);

    if (next == SIZE_MAX)
        sandbox_no_memory(L);
    if (at < c->n_inhibits)
        sandbox_fail(
            L,
            "inhibit \"%s\" and \"%s\" hold each other: the target of each leads to the source of "
            "the other, so nobody would be told of either; take one of them out",
            c->inhibits[at].name, c->inhibits[next].name);
}
