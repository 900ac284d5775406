/* alert "Name" { … }: the keys of a rule, read and checked one by one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lua/rulefile_impl.h"
#include "lua/safelib.h"

#define EVERY_MS     10000
#define DELAY_MS     5000
#define FORGET_MS    (INT64_C(24) * 3600 * 1000)
#define LIMIT        10000
#define LIMIT_MAX    10000000
#define PAIRS_MAX    64
#define EXPECT_MAX   10000
#define INPUTS_MAX   32
#define EVENTS_MAX   100
#define NAME_MAX_LEN 200

static const char defaults_key; /* registry: what defaults{…} gave */

static const char *const rule_keys[] = {
    "active", "annotations", "attach",       "clear_after", "delay",    "description",
    "early",  "every",       "expect",       "fire",        "flap",     "forget",
    "inputs", "labels",      "lasting",      "limit",       "missing",  "mute",
    "notify", "priority",    "renamed_from", "runbook_url", "severity", "shadow",
    "state",  "summary",     "team",         "unit",        "unless",   "value",
    "when"};
static const char *const later_keys[] = {"active", "flap", "mute"};

static const struct {
    const char *wrong, *right;
} other_words[] = {{"for", "`lasting`"},
                   {"for_", "`lasting`"},
                   {"expr", "`value` + `fire`"},
                   {"message", "`summary`"},
                   {"details", "`description`"},
                   {"runbook", "`runbook_url`"},
                   {"keep_firing_for", "`clear_after`"},
                   {"interval", "`every`"}};

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static void check_key(lua_State *L, const char *where, const char *key)
{
    const size_t n = sizeof rule_keys / sizeof *rule_keys;
    const char *near;

    if (is_one_of(key, later_keys, sizeof later_keys / sizeof *later_keys))
        sandbox_fail(L, "%s`%s` is not part of this version of Tocsin", where, key);
    if (is_one_of(key, rule_keys, n))
        return;
    for (size_t i = 0; i < sizeof other_words / sizeof *other_words; i++)
        if (strcmp(key, other_words[i].wrong) == 0)
            sandbox_fail(L, "%sunknown key \"%s\" — use %s", where, key, other_words[i].right);
    near = text_nearest(key, rule_keys, n);
    if (near)
        sandbox_fail(L, "%sunknown key \"%s\" — did you mean \"%s\"?", where, key, near);
    sandbox_fail(L, "%sunknown key \"%s\"", where, key);
}

static void check_keys(lua_State *L, int idx, const char *where)
{
    safelib_keys(L, idx);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        check_key(L, where, luaL_tolstring(L, -1, NULL));
        lua_pop(L, 2);
    }
    lua_pop(L, 2);
}

/* In an alert the stack holds the table of the rule at 1 and the defaults at 2. */
static int get(lua_State *L, const char *key)
{
    if (lua_getfield(L, 1, key) != LUA_TNIL)
        return lua_type(L, -1);
    lua_pop(L, 1);
    return lua_getfield(L, 2, key);
}

static int64_t get_ms(lua_State *L, const char *key, int64_t otherwise, bool zero)
{
    int64_t ms = otherwise;

    if (get(L, key) != LUA_TNIL)
        ms = zero ? arg_duration0(L, -1, key) : arg_duration(L, -1, key);
    lua_pop(L, 1);
    return ms;
}

static const char *get_text(lua_State *L, const char *key)
{
    const char *text = NULL;

    if (get(L, key) != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "`%s` must be a string, got %s", key, value_name(L, -1));
        text = script_string(L, -1);
    }
    lua_pop(L, 1);
    return text;
}

static bool get_flag(lua_State *L, const char *key, bool otherwise)
{
    bool flag = otherwise;

    if (get(L, key) != LUA_TNIL) {
        if (!lua_isboolean(L, -1))
            sandbox_fail(L, "`%s` must be true or false, got %s", key, value_name(L, -1));
        flag = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
    return flag;
}

static uint32_t whole_number(lua_State *L, int idx, const char *key, lua_Integer lo, lua_Integer hi)
{
    int is_integer;
    lua_Integer v = lua_tointegerx(L, idx, &is_integer);

    if (lua_type(L, idx) != LUA_TNUMBER || !is_integer || v < lo || v > hi)
        sandbox_fail(L, "`%s` must be a whole number from %d to %d", key, (int)lo, (int)hi);
    return (uint32_t)v;
}

/* --- how severe --- */

static void read_priority(lua_State *L, struct rule_def *d)
{
    d->severity = get_text(L, "severity");
    d->priority = 0;
    if (get(L, "priority") != LUA_TNIL) {
        d->priority = lua_type(L, -1) == LUA_TSTRING ? priority_parse(lua_tostring(L, -1)) : 0;
        if (!d->priority)
            sandbox_fail(L,
                         "priority \"%s\" is unknown (P1 … P5; severity = \"…\" is a free label)",
                         luaL_tolstring(L, -1, NULL));
    }
    lua_pop(L, 1);
}

static void read_missing(lua_State *L, struct rule_def *d)
{
    static const char *const words[] = {"keep", "clear", "fire"};
    const char *text = get_text(L, "missing");
    int level;

    d->missing = MISSING_KEEP;
    if (!text)
        return;
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0)
            d->missing = (enum rule_missing)i;
    level = priority_parse(text);
    if (level)
        d->missing = MISSING_FIRE;
    else if (!is_one_of(text, words, 3))
        sandbox_fail(L,
                     "missing = \"%s\": write \"keep\", \"clear\", \"fire\" or a level such as "
                     "\"P2\"",
                     text);
    d->missing_priority = level;
}

static void read_times(lua_State *L, struct rule_def *d)
{
    d->lasting_ms = get_ms(L, "lasting", 0, true);
    d->clear_after_ms = get_ms(L, "clear_after", 0, true);
    d->every_ms = get_ms(L, "every", EVERY_MS, false);
    d->delay_ms = get_ms(L, "delay", DELAY_MS, true);
    d->forget_ms = get_ms(L, "forget", FORGET_MS, false);
    if (d->every_ms < 1000)
        sandbox_fail(L, "`every` is at least 1s");
    if (d->lasting_ms && d->lasting_ms < d->every_ms)
        script_warn(L, "`lasting` is shorter than `every`: one look decides");
}

/* --- what is measured and compared --- */

static struct expr *read_value(lua_State *L)
{
    struct node *n = NULL;

    if (get(L, "value") != LUA_TNIL) {
        if (value_is(L, -1, VALUE_COND))
            sandbox_fail(L, "`value` is a condition; put it in `fire`");
        if (lua_isboolean(L, -1))
            sandbox_fail(L, "`value` is a plain %s: `==`, `<` or `>` was evaluated while loading",
                         lua_toboolean(L, -1) ? "true" : "false");
        if (!node_is_number(L, -1))
            sandbox_fail(L, "`value` must be an expression, got %s", value_name(L, -1));
        n = node_arg(L, -1, "value");
    }
    lua_pop(L, 1);
    return n ? &n->x : NULL;
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

        if (!is_one_of(key, names, PRIORITIES))
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

static void read_fire(lua_State *L, struct rule_def *d)
{
    int type = get(L, "fire"), at = lua_gettop(L);

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

static void read_inputs(lua_State *L, struct rule_def *d)
{
    if (get(L, "inputs") != LUA_TNIL) {
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

static void read_when(lua_State *L, struct rule *r)
{
    struct rule_def *d = &r->def;
    int type = get(L, "when");

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

static void read_state(lua_State *L, struct rule *r)
{
    struct rule_pair *state;
    int at;

    if (get(L, "state") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    at = lua_gettop(L);
    if (r->def.when < 0)
        sandbox_fail(L, "`state` belongs to a `when` function");
    if (!lua_istable(L, at))
        sandbox_fail(L, "`state` must be a table such as { n = 0 }, got %s", value_name(L, at));
    safelib_keys(L, at);
    if (luaL_len(L, -1) > PAIRS_MAX)
        sandbox_fail(L, "`state` has more than %d entries", PAIRS_MAX);
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

static void read_unless(lua_State *L, struct rule_def *d)
{
    if (get(L, "unless") != LUA_TNIL) {
        if (!value_is(L, -1, VALUE_COND))
            sandbox_fail(L, "`unless` must be a condition such as firing(\"Other\"), got %s",
                         node_is_number(L, -1) ? "an expression (forgot :above()/:below()?)"
                                               : value_name(L, -1));
        d->unless = value_at(L, -1, VALUE_COND);
    }
    lua_pop(L, 1);
}

/* --- labels and texts --- */

static const char *pair_value(lua_State *L, int idx, const char *key, const char *name)
{
    int type = lua_type(L, idx);

    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        sandbox_fail(L, "%s.%s must be a string, got %s", key, name, value_name(L, idx));
    luaL_tolstring(L, idx, NULL);
    name = script_string(L, -1);
    lua_pop(L, 1);
    return name;
}

/* The pairs of a table, behind `head` places left free for the caller. */
static struct rule_pair *read_pairs(lua_State *L, const char *key, size_t head, size_t *n)
{
    struct rule_pair *pairs = NULL;
    size_t count = 0;
    int at;

    *n = head;
    if (get(L, key) != LUA_TNIL) {
        at = lua_gettop(L);
        if (!lua_istable(L, at))
            sandbox_fail(L, "`%s` must be a table { name = \"value\" }, got %s", key,
                         value_name(L, at));
        safelib_keys(L, at);
        count = (size_t)luaL_len(L, -1);
    } else {
        lua_newtable(L);
        at = lua_gettop(L) - 1;
    }
    if (count > PAIRS_MAX)
        sandbox_fail(L, "`%s` has at most %d entries", key, PAIRS_MAX);
    if (head + count > 0)
        pairs = script_alloc(L, (head + count) * sizeof *pairs);
    for (lua_Integer i = 1; lua_rawgeti(L, at + 1, i) != LUA_TNIL; i++) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "`%s` has entries written name = \"value\"", key);
        pairs[*n].name = script_string(L, -1);
        lua_gettable(L, at);
        pairs[*n].value = pair_value(L, -1, key, pairs[*n].name);
        (*n)++;
        lua_pop(L, 1);
    }
    lua_settop(L, at - 1);
    return pairs;
}

static void read_labels(lua_State *L, struct rule_def *d)
{
    static const char *const own[] = {"alertname", "priority", "severity"};

    d->labels = read_pairs(L, "labels", 0, &d->n_labels);
    for (size_t i = 0; i < d->n_labels; i++) {
        const char *name = d->labels[i].name;

        if (is_one_of(name, own, 3))
            sandbox_fail(L, "labels.%s is set by Tocsin itself%s", name,
                         strcmp(name, "alertname") == 0 ? "" : ": use the key of that name");
        if (!text_is_label(name, strlen(name)))
            sandbox_fail(L, "labels: \"%s\" is not a label name", name);
    }
}

static void read_annotations(lua_State *L, struct rule_def *d)
{
    static const char *const usual[] = {"summary", "description", "runbook_url"};
    struct rule_pair head[3];
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        const char *text = get_text(L, usual[i]);

        if (text)
            head[n++] = (struct rule_pair){usual[i], text};
    }
    d->annotations = read_pairs(L, "annotations", n, &d->n_annotations);
    for (size_t i = n; i < d->n_annotations; i++)
        if (is_one_of(d->annotations[i].name, usual, 3))
            sandbox_fail(L, "annotations.%s has a key of its own: %s = \"…\"",
                         d->annotations[i].name, d->annotations[i].name);
    if (n)
        memcpy(d->annotations, head, n * sizeof *head);
}

static void read_expect(lua_State *L, struct rule_def *d)
{
    size_t n;
    int at;

    if (get(L, "expect") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    at = lua_gettop(L);
    n = arg_list(L, at, "`expect`", EXPECT_MAX);
    d->expect = script_alloc(L, (n + 1) * sizeof *d->expect);
    for (size_t i = 0; i < n; i++) {
        struct rule_expect *e = &d->expect[d->n_expect++];

        if (lua_geti(L, at, (lua_Integer)i + 1) != LUA_TTABLE)
            sandbox_fail(L, "`expect` is a list of label sets: { { job = \"backup\" }, … }");
        safelib_keys(L, at + 1);
        if (luaL_len(L, -1) > PAIRS_MAX)
            sandbox_fail(L, "`expect`: more than %d labels in one set", PAIRS_MAX);
        e->labels = script_alloc(L, (size_t)luaL_len(L, -1) * sizeof *e->labels);
        for (lua_Integer k = 1; lua_rawgeti(L, at + 2, k) != LUA_TNIL; k++) {
            const char *name;

            if (lua_type(L, -1) != LUA_TSTRING)
                sandbox_fail(L, "`expect` is a list of label sets: { { job = \"backup\" }, … }");
            name = script_string(L, -1);
            lua_gettable(L, at + 1);
            e->labels[e->n++] = label_of(name, pair_value(L, -1, "expect", name));
            lua_pop(L, 1);
        }
        if (labels_sort(e->labels, e->n) < 0)
            sandbox_fail(L, "`expect`: a label stands twice");
        lua_settop(L, at);
    }
    lua_pop(L, 1);
}

/* attach = { events = 3, fields = { "trace_id" }, from = logs{…} } */
static void read_attach(lua_State *L, struct rule_def *d)
{
    static const char *const options[] = {"events", "fields", "from", NULL};
    int at;

    if (get(L, "attach") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    at = lua_gettop(L);
    if (!lua_istable(L, at))
        sandbox_fail(L, "`attach` must be a table { events = 3, fields = { … } }");
    arg_keys(L, at, "attach", options);
    d->attach_events = 1;
    if (lua_getfield(L, at, "events") != LUA_TNIL)
        d->attach_events = whole_number(L, -1, "attach.events", 0, EVENTS_MAX);
    if (lua_getfield(L, at, "fields") != LUA_TNIL)
        d->attach_fields = arg_label_list(L, -1, "attach.fields", &d->n_attach_fields);
    if (lua_getfield(L, at, "from") != LUA_TNIL) {
        struct selector *s = value_at(L, -1, VALUE_SELECTOR);
        struct node *n = value_at(L, -1, VALUE_EXPR);

        if (s && s->source == LEAF_LOGS) {
            n = leaf_new(L, s, LEAF_COUNT, 5 * 60 * 1000, 0);
            n->x.leaf->grouping = LEAF_BY;
        }
        if (!n || n->x.kind != EXPR_LEAF || n->x.leaf->source != LEAF_LOGS)
            sandbox_fail(L, "attach.from must be logs{…}, got %s", value_name(L, -1));
        d->attach_from = &n->x;
    }
    lua_settop(L, at - 1);
}

/* --- the whole --- */

static void check_form(lua_State *L, struct rule_def *d)
{
    if (d->when >= 0 && d->n_levels)
        sandbox_fail(L, "give either `fire` or `when`, not both");
    if (d->when < 0 && d->n_levels == 0)
        sandbox_fail(L, "needs `fire = …` (or `when = function(i) … end`)");
    if (d->when < 0 && d->n_inputs)
        sandbox_fail(L, "`inputs` are for a `when` function; with `fire` use `value`");
    if (d->missing == MISSING_FIRE && !d->missing_priority)
        d->missing_priority = d->n_levels ? d->levels[0].priority : d->priority;
}

static void read_rest(lua_State *L, struct rule_def *d)
{
    d->limit = LIMIT;
    if (get(L, "limit") != LUA_TNIL)
        d->limit = whole_number(L, -1, "limit", 1, LIMIT_MAX);
    lua_pop(L, 1);
    d->early = get_flag(L, "early", true) && d->n_state == 0; /* state advances on ticks */
    d->notify = get_flag(L, "notify", true);
    d->shadow = get_flag(L, "shadow", false);
    d->team = get_text(L, "team");
    d->unit = get_text(L, "unit");
    d->renamed_from = get_text(L, "renamed_from");
}

static void read_rule(lua_State *L, struct rule *r)
{
    struct rule_def *d = &r->def;

    check_keys(L, 1, "");
    read_priority(L, d);
    read_times(L, d);
    read_missing(L, d);
    read_fire(L, d);
    read_inputs(L, d);
    read_when(L, r);
    check_form(L, d);
    d->value = read_value(L);
    read_state(L, r);
    read_unless(L, d);
    read_labels(L, d);
    read_annotations(L, d);
    read_expect(L, d);
    read_attach(L, d);
    read_rest(L, d);
    plan_rule(L, r);
    for (size_t i = 0; i < d->n_annotations; i++)
        message_check(L, r, d->annotations[i].name, d->annotations[i].value);
}

static int alert_body(lua_State *L)
{
    struct rulefile *f = rulefile_of(L);
    struct rule *r;

    if (!lua_istable(L, 1))
        sandbox_fail(L, "alert \"Name\" { … } needs a table, got %s", value_name(L, 1));
    lua_settop(L, 1);
    luaL_checkstack(L, 40, NULL);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &defaults_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    r = script_alloc(L, sizeof *r);
    r->input_ref = r->state_ref = r->watch_ref = LUA_NOREF;
    lua_pushvalue(L, lua_upvalueindex(1));
    r->def.name = script_string(L, -1);
    lua_pop(L, 1);
    for (size_t i = 0; i < f->n_rules; i++)
        if (strcmp(f->rules[i]->def.name, r->def.name) == 0)
            sandbox_fail(L, "defined twice (first at %s:%d)", f->script.file,
                         f->rules[i]->def.line);
    r->def.file = f->script.path;
    r->def.line = (int)lua_tointeger(L, lua_upvalueindex(2));
    read_rule(L, r);
    if (mem_grow((void **)&f->rules, &f->cap_rules, f->n_rules + 1, sizeof *f->rules) < 0)
        sandbox_no_memory(L);
    f->rules[f->n_rules++] = r;
    f->script.box.prefix[0] = 0;
    return 0;
}

static int alert_name(lua_State *L)
{
    struct sandbox *s = sandbox_of(L);
    char file[LUA_IDSIZE];

    if (*s->prefix)
        sandbox_fail(L, "another alert begins before this one has its { … }");
    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0 || lua_rawlen(L, 1) > NAME_MAX_LEN)
        sandbox_fail(L, "alert \"Name\" { … } needs a name");
    lua_pushvalue(L, 1);
    lua_pushinteger(L, sandbox_where(L, file, sizeof file));
    lua_pushcclosure(L, alert_body, 2);
    snprintf(s->prefix, sizeof s->prefix, "alert \"%.100s\": ", lua_tostring(L, 1));
    return 1;
}

static int defaults(lua_State *L)
{
    if (!lua_istable(L, 1))
        sandbox_fail(L, "defaults { … } takes a table, got %s", value_name(L, 1));
    check_keys(L, 1, "defaults{}: ");
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &defaults_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &defaults_key);
    }
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 2);
    }
    return 0;
}

void alert_names(lua_State *L)
{
    lua_pushcfunction(L, alert_name);
    lua_setfield(L, -2, "alert");
    lua_pushcfunction(L, defaults);
    lua_setfield(L, -2, "defaults");
}
