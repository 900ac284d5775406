/* alert "Name" { … }: the keys of a rule, read and checked one by one.
 * A key is known by name in one list: a misspelt one is refused with the nearest, one that another tool has
 * with the word that is used here, one of a later version as such. All unknown keys of a rule are told at
 * once. Whoever reads a key asks rulekey_get(), so that defaults{ … } hold for all keys alike. Keys that
 * belong together are read in rulekey_decide.c and rulekey_texts.c; what needs the whole set of rules is
 * checked in check.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "lang/rulekey.h"
#include "script/safelib.h"

#define EVERY_MS     10000
#define DELAY_MS     5000
#define FORGET_MS    (INT64_C(24) * 3600 * 1000)
#define GONE_MS      (INT64_C(15) * 60 * 1000)
#define LIMIT        10000
#define LIMIT_MAX    10000000
#define NAME_MAX_LEN 200
#define ALERT_UNITS  300 /* of the budget: reading and planning a simple one takes about 10 us */

static const char defaults_key; /* registry: what defaults{…} gave */

static const char *const rule_keys[] = {
    "active",       "annotations", "attach",   "clear_after", "delay",  "description", "early",
    "every",        "expect",      "fire",     "flap",        "forget", "gone",        "inputs",
    "labels",       "lasting",     "limit",    "missing",     "mute",   "notify",      "priority",
    "renamed_from", "runbook_url", "severity", "shadow",      "state",  "summary",     "team",
    "unit",         "unless",      "value",    "when"};
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

static const struct rulekey_list alert_keys = {rule_keys, sizeof rule_keys / sizeof *rule_keys};

static bool is_key(const struct rulekey_list *known, const char *key)
{
    return rulekey_is_one_of(key, known->names, known->n) &&
           !rulekey_is_one_of(key, later_keys, sizeof later_keys / sizeof *later_keys);
}

/* Fails for `key`, which is none; `more` names the others that are none either, or is "". */
static void refuse_key(lua_State *L, const struct rulekey_list *known, const char *where,
                       const char *key, const char *more)
{
    const char *near;

    if (rulekey_is_one_of(key, later_keys, sizeof later_keys / sizeof *later_keys))
        sandbox_fail(L, "%s`%s` is not part of this version of Tocsin%s", where, key, more);
    for (size_t i = 0; i < sizeof other_words / sizeof *other_words; i++)
        if (strcmp(key, other_words[i].wrong) == 0 &&
            (known == &alert_keys || strcmp(key, "runbook") == 0))
            sandbox_fail(L, "%sunknown key \"%s\" — use %s%s", where, key, other_words[i].right,
                         more);
    near = text_nearest(key, known->names, known->n);
    if (near)
        sandbox_fail(L, "%sunknown key \"%s\" — did you mean \"%s\"?%s", where, key, near, more);
    sandbox_fail(L, "%sunknown key \"%s\"%s", where, key, more);
}

void rulekey_check(lua_State *L, int idx, const struct rulekey_list *known, const char *where)
{
    char first[64] = "", more[200] = "";
    size_t used = 0;

    safelib_keys(L, idx);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const char *key = luaL_tolstring(L, -1, NULL);

        if (!is_key(known, key) && !*first)
            snprintf(first, sizeof first, "%s", key);
        else if (!is_key(known, key) && used < sizeof more)
            used += (size_t)snprintf(more + used, sizeof more - used, "%s\"%.40s\"",
                                     used ? ", " : " (nor is there ", key);
        lua_pop(L, 2);
    }
    lua_pop(L, 2);
    if (used && used < sizeof more - 1)
        snprintf(more + used, sizeof more - used, ")");
    if (*first)
        refuse_key(L, known, where, first, more);
}

static int64_t get_ms(lua_State *L, const char *key, int64_t otherwise, bool zero)
{
    int64_t ms = otherwise;

    if (rulekey_get(L, key) != LUA_TNIL)
        ms = zero ? arg_duration0(L, -1, key) : arg_duration(L, -1, key);
    lua_pop(L, 1);
    return ms;
}

static bool get_flag(lua_State *L, const char *key, bool otherwise)
{
    bool flag = otherwise;

    if (rulekey_get(L, key) != LUA_TNIL) {
        if (!lua_isboolean(L, -1))
            sandbox_fail(L, "`%s` must be true or false, got %s", key, value_name(L, -1));
        flag = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
    return flag;
}

/* --- how severe --- */

static void read_priority(lua_State *L, struct rule_def *d)
{
    d->severity = rulekey_text(L, "severity");
    d->priority = 0;
    if (rulekey_get(L, "priority") != LUA_TNIL) {
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
    const char *text = rulekey_text(L, "missing");
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
    else if (!rulekey_is_one_of(text, words, 3))
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
    d->gone_ms = get_ms(L, "gone", GONE_MS, true);
    if (d->every_ms < 1000)
        sandbox_fail(L, "`every` is at least 1s");
    if (d->lasting_ms && d->lasting_ms < d->every_ms)
        script_warn(L, "`lasting` is shorter than `every`: one look decides");
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

static void read_unit(lua_State *L, struct rule_def *d)
{
    const char *near;

    d->unit = rulekey_text(L, "unit");
    if (!d->unit || text_unit(d->unit) != UNIT_NONE)
        return;
    near = text_nearest(d->unit, text_unit_names + 1, UNITS - 1);
    if (near)
        sandbox_fail(L, "unit = \"%s\" is unknown — did you mean \"%s\"?", d->unit, near);
    sandbox_fail(L,
                 "unit = \"%s\" is unknown: write \"ratio\", \"percent\", \"seconds\" or \"bytes\"",
                 d->unit);
}

static void read_rest(lua_State *L, struct rule_def *d)
{
    d->limit = LIMIT;
    if (rulekey_get(L, "limit") != LUA_TNIL)
        d->limit = rulekey_whole(L, -1, "limit", 1, LIMIT_MAX);
    lua_pop(L, 1);
    d->early = get_flag(L, "early", true) && d->n_state == 0; /* state advances on ticks */
    d->notify = get_flag(L, "notify", true);
    d->shadow = get_flag(L, "shadow", false);
    d->team = rulekey_text(L, "team");
    read_unit(L, d);
    d->renamed_from = rulekey_text(L, "renamed_from");
}

static void read_rule(lua_State *L, struct rule *r)
{
    struct rule_def *d = &r->def;

    read_priority(L, d);
    read_times(L, d);
    read_missing(L, d);
    rulekey_read_fire(L, d);
    rulekey_read_inputs(L, d);
    rulekey_read_when(L, r);
    check_form(L, d);
    rulekey_read_value(L, d);
    rulekey_read_state(L, r);
    rulekey_read_unless(L, d);
    rulekey_read_labels(L, d);
    rulekey_read_annotations(L, d);
    rulekey_read_expect(L, d);
    rulekey_read_attach(L, d);
    read_rest(L, d);
    plan_rule(L, r);
    for (size_t i = 0; i < d->n_annotations; i++)
        message_check(L, r, d->annotations[i].name, d->annotations[i].value);
}

struct rule *alert_def_begin(lua_State *L, const char *kind)
{
    struct rulefile *f = rulefile_of(L);
    struct rule *r, *first;

    if (!lua_istable(L, 1))
        sandbox_fail(L, "%s \"Name\" { … } needs a table, got %s", kind, value_name(L, 1));
    lua_settop(L, 1);
    luaL_checkstack(L, 40, NULL);
    sandbox_charge(L, ALERT_UNITS);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &defaults_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    r = script_alloc(L, sizeof *r);
    r->input_ref = r->state_ref = r->watch_ref = LUA_NOREF;
    lua_pushvalue(L, lua_upvalueindex(1));
    r->def.name = script_string(L, -1);
    lua_pop(L, 1);
    first = f->loading.names ? map_gets(f->loading.names, r->def.name) : NULL;
    if (first)
        sandbox_fail(L, "defined twice (first at %s:%d)", f->script.file, first->def.line);
    r->def.file = f->script.path;
    r->def.line = (int)lua_tointeger(L, lua_upvalueindex(2));
    return r;
}

void alert_def_end(lua_State *L, struct rule *r)
{
    struct rulefile *f = rulefile_of(L);

    read_rule(L, r);
    if (mem_grow((void **)&f->rules, &f->cap_rules, f->n_rules + 1, sizeof *f->rules) < 0)
        sandbox_no_memory(L);
    if ((!f->loading.names && !(f->loading.names = map_new())) ||
        map_puts(f->loading.names, r->def.name, r, NULL) < 0)
        sandbox_no_memory(L);
    f->rules[f->n_rules++] = r;
    f->script.box.prefix[0] = 0;
}

static int alert_body(lua_State *L)
{
    struct rule *r = alert_def_begin(L, "alert");

    rulekey_check(L, 1, &alert_keys, "");
    alert_def_end(L, r);
    return 0;
}

/* Names stand in log lines, subjects, paths and on terminals. */
static void check_name(lua_State *L, const char *kind, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            sandbox_fail(L,
                         "the name of %s %s has byte %d at place %d: letters, digits, spaces "
                         "and signs only",
                         *kind == 'a' ? "an" : "a", kind, (unsigned char)name[i], (int)i + 1);
}

int alert_def_name(lua_State *L, const char *kind, lua_CFunction body)
{
    struct sandbox *s = sandbox_of(L);
    char file[LUA_IDSIZE];

    if (*s->prefix)
        sandbox_fail(L, "another %s begins before this one has its { … }", kind);
    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0 || lua_rawlen(L, 1) > NAME_MAX_LEN)
        sandbox_fail(L, "%s \"Name\" { … } needs a name of at most %d bytes", kind, NAME_MAX_LEN);
    check_name(L, kind, lua_tostring(L, 1), lua_rawlen(L, 1));
    lua_pushvalue(L, 1);
    lua_pushinteger(L, sandbox_where(L, file, sizeof file));
    lua_pushcclosure(L, body, 2);
    snprintf(s->prefix, sizeof s->prefix, "%s \"%.100s\": ", kind, lua_tostring(L, 1));
    return 1;
}

static int alert_name(lua_State *L)
{
    return alert_def_name(L, "alert", alert_body);
}

static int defaults(lua_State *L)
{
    if (!lua_istable(L, 1))
        sandbox_fail(L, "defaults { … } takes a table, got %s", value_name(L, 1));
    rulekey_check(L, 1, &alert_keys, "defaults{}: ");
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

void language_alert_names(lua_State *L)
{
    lua_pushcfunction(L, alert_name);
    lua_setfield(L, -2, "alert");
    lua_pushcfunction(L, defaults);
    lua_setfield(L, -2, "defaults");
}
