/* What a rule measures and what it compares it with: value, fire, inputs, when, state, unless.
 * Lua evaluates `==` and `<` while it loads: a plain true or false where a condition belongs is the usual
 * mistake, and is named as that. Levels are kept in the order of their priority, a single condition is a
 * level like others, so what evaluates knows levels only. :lasting() around a whole condition becomes the
 * level's time; within one it is a condition that remembers. */
#include <string.h>

#include "lang/rulekey.h"
#include "script/safelib.h"

#define INPUTS_MAX 32
#define STATE_MAX  64

void rulekey_read_value(lua_State *L, struct rule_def *d)
{
    if (rulekey_get(L, "value") != LUA_TNIL) {
        if (value_is(L, -1, VALUE_COND))
            sandbox_fail(L, "`value` is a condition; put it in `fire`");
        if (lua_isboolean(L, -1))
            sandbox_fail(L, "`value` is a plain %s: `==`, `<` or `>` was evaluated while loading",
                         lua_toboolean(L, -1) ? "true" : "false");
        if (!node_is_number(L, -1))
            sandbox_fail(L, "`value` must be an expression, got %s", value_name(L, -1));
        d->value = &node_arg(L, -1, "value")->x;
    }
    lua_pop(L, 1);
}

static struct expr *peel_lasting(struct node *cond, int64_t *lasting_ms)
{
    if (cond->x.kind != COND_LASTING)
        return &cond->x;
    *lasting_ms = cond->x.ms;
    return cond->x.a;
}

static void add_level(struct rule_def *d, int priority, struct node *cond)
{
    struct rule_level *l = &d->levels[d->n_levels++];

    l->priority = priority;
    l->lasting_ms = d->lasting_ms;
    l->cond = peel_lasting(cond, &l->lasting_ms);
}

static void read_levels(lua_State *L, struct rule_def *d, int idx)
{
    static const char *const names[] = {"P1", "P2", "P3", "P4", "P5"};

    safelib_keys(L, idx);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const char *key = luaL_tolstring(L, -1, NULL);

        if (!rulekey_is_one_of(key, names, PRIORITIES))
            sandbox_fail(L, "fire.%s: unknown level (use P1 … P5)", key);
        lua_getfield(L, idx, key);
        if (!value_is(L, -1, VALUE_COND))
            sandbox_fail(L, "fire.%s must be a condition such as above(5), got %s", key,
                         value_name(L, -1));
        add_level(d, priority_parse(key), value_at(L, -1, VALUE_COND));
        lua_pop(L, 3);
    }
    lua_pop(L, 2);
    if (d->n_levels == 0)
        sandbox_fail(L, "`fire` is an empty table: give levels { P1 = above(10), P2 = above(5) }");
    if (d->priority)
        sandbox_fail(L, "`priority` and a table of levels in `fire` exclude each other");
    d->priority = d->levels[0].priority;
}

void rulekey_read_fire(lua_State *L, struct rule_def *d)
{
    int type = rulekey_get(L, "fire"), at = lua_gettop(L);

    if (type == LUA_TBOOLEAN)
        sandbox_fail(L,
                     "`fire` is a plain %s: `==`, `<` or `>` was evaluated while loading. Write "
                     "fire = equals(0), above(x), below(x)",
                     lua_toboolean(L, -1) ? "true" : "false");
    if (value_is(L, -1, VALUE_COND)) {
        d->priority = d->priority ? d->priority : 3;
        add_level(d, d->priority, value_at(L, -1, VALUE_COND));
    } else if (type == LUA_TTABLE) {
        read_levels(L, d, at);
    } else if (type != LUA_TNIL) {
        sandbox_fail(L,
                     "`fire` must be a condition such as above(5), or a table of levels { P1 = "
                     "above(10), P2 = above(5) }, got %s",
                     node_is_number(L, -1) ? "an expression (compare it: expr:above(…))"
                                           : value_name(L, -1));
    }
    lua_settop(L, at - 1);
}

void rulekey_read_inputs(lua_State *L, struct rule_def *d)
{
    if (rulekey_get(L, "inputs") != LUA_TNIL) {
        int at = lua_gettop(L);

        if (!lua_istable(L, at))
            sandbox_fail(L, "`inputs` must be a table { name = expression, … }, got %s",
                         value_name(L, at));
        safelib_keys(L, at);
        if (luaL_len(L, -1) > INPUTS_MAX)
            sandbox_fail(L, "`inputs` has more than %d entries", INPUTS_MAX);
        d->inputs = script_alloc(L, (size_t)luaL_len(L, -1) * sizeof *d->inputs);
        for (lua_Integer i = 1; lua_rawgeti(L, at + 1, i) != LUA_TNIL; i++) {
            struct rule_input *in = &d->inputs[d->n_inputs++];

            if (lua_type(L, -1) != LUA_TSTRING)
                sandbox_fail(L, "`inputs` must be a table { name = expression, … }");
            in->name = script_string(L, -1);
            lua_gettable(L, at);
            if (!node_is_number(L, -1))
                sandbox_fail(L, "inputs.%s must be an expression, got %s", in->name,
                             value_name(L, -1));
            in->x = &node_arg(L, -1, in->name)->x;
            lua_pop(L, 1);
        }
        lua_settop(L, at);
    }
    lua_pop(L, 1);
}

void rulekey_read_when(lua_State *L, struct rule *r)
{
    struct rule_def *d = &r->def;
    int type = rulekey_get(L, "when");

    d->when = -1;
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (type != LUA_TFUNCTION || lua_iscfunction(L, -1))
        sandbox_fail(L,
                     "`when` must be a function, got %s (a comparison was evaluated at load time?)",
                     value_name(L, -1));
    if (d->n_inputs == 0)
        sandbox_fail(L, "`when` needs `inputs = { name = expression, … }`");
    d->when = luaL_ref(L, LUA_REGISTRYINDEX);
    d->priority = d->priority ? d->priority : 3;
}

void rulekey_read_state(lua_State *L, struct rule *r)
{
    struct rule_pair *state;
    int at;

    if (rulekey_get(L, "state") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    at = lua_gettop(L);
    if (r->def.when < 0)
        sandbox_fail(L, "`state` belongs to a `when` function");
    if (!lua_istable(L, at))
        sandbox_fail(L, "`state` must be a table such as { n = 0 }, got %s", value_name(L, at));
    safelib_keys(L, at);
    if (luaL_len(L, -1) > STATE_MAX)
        sandbox_fail(L, "`state` has more than %d entries", STATE_MAX);
    state = script_alloc(L, (size_t)luaL_len(L, -1) * sizeof *state);
    r->state_is_number = script_alloc(L, (size_t)luaL_len(L, -1));
    for (lua_Integer i = 1; lua_rawgeti(L, at + 1, i) != LUA_TNIL; i++) {
        size_t n = r->def.n_state++;

        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "`state` must be a table such as { n = 0 }");
        state[n].name = script_string(L, -1);
        lua_gettable(L, at);
        if (lua_type(L, -1) != LUA_TNUMBER && lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "state.%s must be a number or a string, got %s", state[n].name,
                         value_name(L, -1));
        r->state_is_number[n] = lua_type(L, -1) == LUA_TNUMBER;
        state[n].value = script_string(L, -1);
        lua_pop(L, 1);
    }
    r->def.state = state;
    lua_settop(L, at - 1);
}

void rulekey_read_unless(lua_State *L, struct rule_def *d)
{
    if (rulekey_get(L, "unless") != LUA_TNIL) {
        if (!value_is(L, -1, VALUE_COND))
            sandbox_fail(L, "`unless` must be a condition such as firing(\"Other\"), got %s",
                         node_is_number(L, -1) ? "an expression (forgot :above()/:below()?)"
                                               : value_name(L, -1));
        d->unless = value_at(L, -1, VALUE_COND);
    }
    lua_pop(L, 1);
}
