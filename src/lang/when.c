/* Calling `when` functions: plain numbers in, a level out.
 *
 * One protected call serves a whole batch; after an error it begins again behind the group that
 * failed. `i` is one table per rule whose fields are set anew for each group; `g` answers from
 * the row itself, so labels that nobody asks for cost nothing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lang/rulefile_impl.h"
#include "script/safelib.h"

#define CALL_INSTRUCTIONS  20000
#define BATCH_INSTRUCTIONS 2000000
#define BATCH_MS           50
#define STATE_TEXT_MAX     4096

struct when_call {
    struct rule *rule;
    const struct labelsets *ls; /* NULL: a trial run, labels are made up */
    struct when_row *rows;
    size_t n, at;
    uint64_t per_call;
};

/* --- g --- */

static int group_index(lua_State *L)
{
    const struct rulefile *f = rulefile_of(L);
    const struct when_call *c = f->call;
    const char *key = luaL_tolstring(L, 2, NULL), *value;
    const struct rule_def *d;
    const struct when_row *row;
    size_t len;

    if (!c)
        sandbox_fail(L, "`g` means nothing outside of `when`");
    d = &c->rule->def;
    row = &c->rows[c->at];
    if (strcmp(key, "level") == 0) {
        lua_pushstring(L, priority_name(row->level));
    } else if (strcmp(key, "now") == 0) {
        lua_pushnumber(L, (lua_Number)row->now_ms / 1000);
    } else if (strcmp(key, "state") == 0) {
        if (d->n_state == 0)
            sandbox_fail(L, "g.state needs `state = { name = 0 }` in the rule");
        lua_rawgeti(L, LUA_REGISTRYINDEX, c->rule->state_ref);
    } else if (!c->ls) {
        lua_pushliteral(L, "1"); /* reads as text and as a number */
    } else {
        value = labelset_value(c->ls, row->labels, key, &len);
        if (len == 0 && !d->keys.all) {
            size_t i = 0;

            while (i < d->keys.n && strcmp(d->keys.names[i], key) != 0)
                i++;
            if (i == d->keys.n)
                sandbox_fail(L, "g.%s: the groups of this rule have no such label", key);
        }
        lua_pushlstring(L, value, len);
    }
    return 1;
}

static int group_write(lua_State *L)
{
    sandbox_fail(L, "g.%s cannot be set; what a rule remembers goes into g.state",
                 luaL_tolstring(L, 2, NULL));
}

static int input_unknown(lua_State *L)
{
    const char *key = luaL_tolstring(L, 2, NULL), *near = safelib_nearest(L, 1, key);

    if (near)
        sandbox_fail(L, "input \"%s\" is not declared — did you mean \"%s\"?", key, near);
    sandbox_fail(L, "input \"%s\" is not declared in `inputs`", key);
}

static int input_write(lua_State *L)
{
    sandbox_fail(L, "i.%s: the inputs cannot be added to", luaL_tolstring(L, 2, NULL));
}

static int state_unknown(lua_State *L)
{
    sandbox_fail(L, "g.state.%s is not declared in `state`", luaL_tolstring(L, 2, NULL));
}

/* --- preparing --- */

/* A table with fixed keys: others cannot be read or added. */
static int closed_table(lua_State *L, lua_CFunction read, lua_CFunction write)
{
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, read);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void make_group(lua_State *L, struct rulefile *f)
{
    lua_newtable(L);
    lua_pushcfunction(L, group_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, group_write);
    lua_setfield(L, -2, "__newindex");
    value_metatable(L, VALUE_GROUP);
    value_push(L, VALUE_GROUP, NULL);
    f->group_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void when_prepare(lua_State *L, struct rule *r)
{
    struct rulefile *f = rulefile_of(L);

    if (f->group_ref == LUA_NOREF)
        make_group(L, f);
    purity_check(L, r);
    r->input_ref = closed_table(L, input_unknown, input_write);
    if (r->def.n_state)
        r->state_ref = closed_table(L, state_unknown, state_unknown);
}

static int deciding_unknown(lua_State *L)
{
    static const char *const loading[] = {"alert",  "m",     "logs", "above",   "below",
                                          "firing", "ratio", "per",  "include", "data"};
    const char *name = luaL_tolstring(L, 2, NULL), *near;

    for (size_t i = 0; i < sizeof loading / sizeof *loading; i++)
        if (strcmp(name, loading[i]) == 0)
            sandbox_fail(L, "`%s` belongs to loading; inside `when` there are plain numbers", name);
    near = safelib_nearest(L, 1, name);
    if (near)
        sandbox_fail(L, "unknown name \"%s\" — did you mean \"%s\"?", name, near);
    sandbox_fail(L, "unknown name \"%s\"", name);
}

void when_env(lua_State *L)
{
    safelib_names(L, true);
    safelib_env(L, deciding_unknown);
}

/* --- one group --- */

static void set_inputs(lua_State *L, const struct when_call *c, int table)
{
    const struct rule_def *d = &c->rule->def;

    for (size_t i = 0; i < d->n_inputs; i++) {
        lua_pushstring(L, d->inputs[i].name);
        lua_pushnumber(L, c->rows[c->at].inputs[i]);
        lua_rawset(L, table);
    }
}

static const char *state_text(const struct when_call *c, size_t i)
{
    const struct rule_pair *given = c->rows[c->at].state;

    return given && given[i].value ? given[i].value : c->rule->def.state[i].value;
}

static void set_state(lua_State *L, const struct when_call *c)
{
    const struct rule_def *d = &c->rule->def;

    if (d->n_state == 0)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->rule->state_ref);
    for (size_t i = 0; i < d->n_state; i++) {
        const char *text = state_text(c, i);

        lua_pushstring(L, d->state[i].name);
        if (c->rule->state_is_number[i])
            lua_pushnumber(L, strtod(text, NULL));
        else
            lua_pushstring(L, text);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);
}

static char *state_value(lua_State *L, const struct when_call *c, size_t i)
{
    const char *name = c->rule->def.state[i].name;
    bool is_number = c->rule->state_is_number[i];
    struct buf text = BUF_INIT;
    size_t len;
    const char *s;
    char *copy;

    lua_getfield(L, -1, name);
    if (lua_type(L, -1) != (is_number ? LUA_TNUMBER : LUA_TSTRING))
        sandbox_fail(L, "g.state.%s must stay a %s", name, is_number ? "number" : "string");
    if (is_number) {
        text_plain(&text, lua_tonumber(L, -1));
        copy = buf_take(&text, &len);
    } else {
        s = lua_tolstring(L, -1, &len);
        if (len > STATE_TEXT_MAX || memchr(s, 0, len))
            sandbox_fail(L, "g.state.%s: a text of at most %d bytes is needed", name,
                         STATE_TEXT_MAX);
        copy = mem_dup(s, len);
    }
    lua_pop(L, 1);
    return copy;
}

static void free_state(struct when_row *row, size_t n)
{
    for (size_t i = 0; row->new_state && i < n; i++)
        mem_free(row->new_state[i]);
    mem_free(row->new_state);
    row->new_state = NULL;
}

/* What the function left in g.state, when something changed. The strings hang on the row from
 * the first on, so that an error on the way frees them (rulefile_when). */
static void get_state(lua_State *L, struct when_call *c)
{
    const size_t n = c->rule->def.n_state;
    struct when_row *row = &c->rows[c->at];
    bool changed = false;

    if (n == 0)
        return;
    row->new_state = mem_zalloc(n * sizeof *row->new_state);
    if (!row->new_state)
        sandbox_no_memory(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->rule->state_ref);
    for (size_t i = 0; i < n; i++) {
        row->new_state[i] = state_value(L, c, i);
        if (!row->new_state[i])
            sandbox_no_memory(L);
        changed = changed || strcmp(row->new_state[i], state_text(c, i)) != 0;
    }
    lua_pop(L, 1);
    if (!changed)
        free_state(row, n);
}

static int verdict_of(lua_State *L, const struct rule_def *d, int idx)
{
    const char *text;
    int level;

    switch (lua_type(L, idx)) {
    case LUA_TNIL:
        return -1;
    case LUA_TBOOLEAN:
        return lua_toboolean(L, idx) ? d->priority : 0;
    case LUA_TSTRING:
        text = lua_tostring(L, idx);
        level = priority_parse(text);
        if (level || strcmp(text, "ok") == 0)
            return level;
        sandbox_fail(L, "`when` must return \"P1\" … \"P5\", \"ok\", true or nil, got \"%s\"",
                     text);
    default:
        sandbox_fail(L, "`when` must return \"P1\" … \"P5\", \"ok\", true or nil, got %s",
                     value_name(L, idx));
    }
}

static void run_row(lua_State *L, struct when_call *c, int function, int inputs, int group)
{
    struct sandbox *s = sandbox_of(L);
    struct when_row *row = &c->rows[c->at];
    int top = lua_gettop(L);

    s->call_left = c->per_call;
    s->call_spent = false;
    set_inputs(L, c, inputs);
    set_state(L, c);
    lua_pushvalue(L, function);
    lua_pushvalue(L, inputs);
    lua_pushvalue(L, group);
    lua_call(L, 2, 2);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER)
        sandbox_fail(L, "the second value that `when` returns must be a number, got %s",
                     value_name(L, -1));
    row->verdict = verdict_of(L, &c->rule->def, -2);
    row->has_value = lua_type(L, -1) == LUA_TNUMBER && isfinite(lua_tonumber(L, -1));
    row->value = row->has_value ? lua_tonumber(L, -1) : 0;
    lua_settop(L, top);
    get_state(L, c);
}

static int run_rows(lua_State *L)
{
    struct when_call *c = lua_touserdata(L, 1);
    struct rulefile *f = rulefile_of(L);

    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->rule->def.when);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->rule->input_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->group_ref);
    for (; c->at < c->n; c->at++)
        run_row(L, c, 1, 2, 3);
    return 0;
}

static int check_purity(lua_State *L)
{
    struct when_call *c = lua_touserdata(L, 1);
    const char *name = purity_changed(L, c->rule);

    if (name)
        sandbox_fail(L,
                     "`when` changes the local \"%s\" declared outside of it: the same inputs must "
                     "give the same answer; use `state = { … }` and g.state",
                     name);
    return 0;
}

/* --- a batch --- */

static void fail_row(struct when_call *c, size_t at)
{
    struct when_row *row = &c->rows[at];

    free_state(row, c->rule->def.n_state);
    row->failed = true;
    row->verdict = -1;
    row->has_value = false;
}

static size_t run_batch(struct rulefile *f, struct when_call *c, struct err *first)
{
    struct sandbox *s = &f->script.box;
    struct err e = {0};
    size_t failed = 0;

    f->call = c;
    snprintf(s->prefix, sizeof s->prefix, "alert \"%.100s\": ", c->rule->def.name);
    s->line = c->rule->def.line;
    while (c->at < c->n && sandbox_run(s, run_rows, c, failed ? NULL : &e) < 0) {
        fail_row(c, c->at++);
        failed++;
        for (; s->spent && c->at < c->n; failed++)
            fail_row(c, c->at++);
    }
    s->call_left = UINT64_MAX;
    s->call_spent = false;
    if (!s->spent && sandbox_run(s, check_purity, c, failed ? NULL : &e) < 0)
        for (failed = 0; failed < c->n; failed++)
            fail_row(c, failed);
    s->prefix[0] = 0;
    s->line = 0;
    f->call = NULL;
    if (failed && first)
        *first = e;
    return failed;
}

static const struct when_budget no_budget;

size_t rulefile_when(struct rulefile *f, const struct rule_def *rule, struct labelsets *ls,
                     struct when_row *rows, size_t n, const struct when_budget *b,
                     struct err *first_error)
{
    struct when_call c = {.rule = (struct rule *)rule, .ls = ls, .rows = rows, .n = n};

    assert(rule->when >= 0 && f->script.box.L);
    b = b ? b : &no_budget;
    c.per_call = b->per_call ? b->per_call : CALL_INSTRUCTIONS;
    for (size_t i = 0; i < n; i++) {
        rows[i].new_state = NULL;
        rows[i].failed = false;
    }
    f->script.box.doing = "deciding (`when`)";
    sandbox_budget(&f->script.box, b->per_batch ? b->per_batch : BATCH_INSTRUCTIONS,
                   b->batch_ms ? b->batch_ms : BATCH_MS);
    return run_batch(f, &c, first_error);
}

/* Three made-up groups: most run-time errors show while loading. */
int when_smoke(struct rulefile *f, struct rule *r, struct err *e)
{
    static const struct {
        double v;
        const char *text;
    } trials[] = {{10, "10"}, {0, "0"}, {1e15, "1e15"}};
    double *inputs = mem_alloc((r->def.n_inputs + 1) * sizeof *inputs);
    int rc = 0;

    if (!inputs)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", f->script.file);
    for (size_t t = 0; t < sizeof trials / sizeof *trials && rc == 0; t++) {
        struct when_row row = {.inputs = inputs, .labels = LABELSET_NONE};
        struct when_call c = {.rule = r, .rows = &row, .n = 1, .per_call = CALL_INSTRUCTIONS};
        size_t used;

        for (size_t i = 0; i < r->def.n_inputs; i++)
            inputs[i] = trials[t].v;
        sandbox_budget(&f->script.box, BATCH_INSTRUCTIONS, 0);
        if (run_batch(f, &c, e) > 0) {
            used = strlen(e->text);
            snprintf(e->text + used, sizeof e->text - used,
                     " (tried while loading, with all inputs %s)", trials[t].text);
            rc = -1;
        }
        free_state(&row, r->def.n_state);
    }
    mem_free(inputs);
    return rc;
}
