/* escalation "name" { step {…}, … }; and, when the file is read, the whole roster from what all of these blocks hold.
 * The blocks are only collected while the file runs. Names are resolved afterwards and in one place (roster_new), which
 * says what is wrong of whatever kind; here its words get the file and line at which the block begins. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "config/config_impl.h"
#include "script/safelib.h"

/* --- step --- */

struct written_step {
    const char **notify;
    size_t n_notify;
    int64_t wait_ms;
    bool every_round;
};

static int step(lua_State *L)
{
#define AT(field) offsetof(struct written_step, field)
    static const struct row rows[] = {{"notify", ROW_TEXTS, AT(notify), NULL},
                                      {"wait", ROW_DURATION, AT(wait_ms), NULL},
                                      {"every_round", ROW_BOOL, AT(every_round), NULL},
                                      {0}};
    _Static_assert(AT(n_notify) == AT(notify) + sizeof(char **), "the count comes behind");
#undef AT
    struct escalation_step *s = script_alloc(L, sizeof *s);
    struct written_step w = {.every_round = true};

    if (!lua_istable(L, 1))
        sandbox_fail(L, "step { … } takes a table, got %s", value_name(L, 1));
    if (luaL_len(L, 1) > 0)
        sandbox_fail(L, "step { … }: keys are written `name = value`");
    config_rows_read(L, 1, "step", rows, &w);
    *s = (struct escalation_step){w.notify, w.n_notify, w.wait_ms, !w.every_round};
    value_push(L, VALUE_STEP, s);
    return 1;
}

/* --- escalation --- */

static void read_steps(lua_State *L, struct escalation_policy *p)
{
    size_t n = arg_list_part(L, 1, "escalation", ESCALATION_STEPS_MAX);
    struct escalation_step *steps = script_alloc(L, (n + 1) * sizeof *steps);

    for (size_t i = 0; i < n; i++) {
        const struct escalation_step *s;

        lua_geti(L, 1, (lua_Integer)i + 1);
        s = value_at(L, -1, VALUE_STEP);
        if (!s)
            sandbox_fail(L, "entry %d is %s, not a step { … }", (int)i + 1, value_name(L, -1));
        steps[i] = *s;
        lua_pop(L, 1);
    }
    p->steps = steps;
    p->n_steps = n;
}

struct written_policy {
    unsigned rounds;
    const char *unanswered;
    const char **only;
    size_t n_only;
};

static unsigned priorities(lua_State *L, const struct written_policy *w)
{
    unsigned bits = 0;

    for (size_t i = 0; i < w->n_only; i++) {
        int priority = priority_parse(w->only[i]);

        if (!priority)
            sandbox_fail(L, "`only`: \"%s\" is no priority, P1 to P5", w->only[i]);
        bits |= 1u << priority;
    }
    return bits ? bits : ESCALATION_ONLY_USUAL;
}

static int escalation_body(lua_State *L)
{
#define AT(field) offsetof(struct written_policy, field)
    static const struct row rows[] = {{"rounds", ROW_COUNT, AT(rounds), NULL},
                                      {"unanswered", ROW_TEXT, AT(unanswered), NULL},
                                      {"only", ROW_TEXTS, AT(only), NULL},
                                      {0}};
    _Static_assert(AT(n_only) == AT(only) + sizeof(char **), "the count comes behind");
#undef AT
    struct roster_parts *p = &config_file_of(L)->parts;
    struct written_policy w = {.rounds = 1};
    struct roster_escalation *x;

    if (!lua_istable(L, 1))
        sandbox_fail(L, "escalation \"name\" { … } needs a table, got %s", value_name(L, 1));
    p->escalations = config_grow(L, p->escalations, p->n_escalations, &p->cap_escalations,
                                 sizeof *p->escalations);
    x = &p->escalations[p->n_escalations];
    *x = (struct roster_escalation){.place = config_here(L)};
    x->place.line = (int)lua_tointeger(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(1));
    x->policy.name = script_string(L, -1);
    lua_pop(L, 1);
    config_rows_read(L, 1, "escalation", rows, &w);
    x->policy.rounds = w.rounds;
    x->policy.unanswered = w.unanswered;
    x->policy.only = priorities(L, &w);
    read_steps(L, &x->policy);
    p->n_escalations++;
    config_file_of(L)->script.box.prefix[0] = 0;
    return 0;
}

static int escalation(lua_State *L)
{
    return config_named(L, "escalation", escalation_body);
}

void config_escalation_names(lua_State *L)
{
    static const luaL_Reg functions[] = {{"escalation", escalation}, {"step", step}, {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
}

/* --- the whole --- */

/* `calendar "x"` somewhere, and no calendar "x" { … } anywhere. */
static void check_mentioned(lua_State *L, const struct roster_parts *p)
{
    const char **names = script_alloc(L, (p->n_calendars + 1) * sizeof *names);

    for (size_t i = 0; i < p->n_calendars; i++)
        names[i] = p->calendars[i].config.name;
    for (const struct calendar_name *c = p->mentioned; c; c = c->next) {
        const char *near;
        size_t i = 0;

        while (i < p->n_calendars && strcmp(names[i], c->name) != 0)
            i++;
        if (i < p->n_calendars)
            continue;
        near = text_nearest(c->name, names, p->n_calendars);
        config_fail_at(L, c->place.file, c->place.line, "calendar \"%s\" is not defined%s%s%s",
                       c->name, near ? " — did you mean \"" : ": it needs its { … }",
                       near ? near : "", near ? "\"?" : "");
    }
}

void config_roster_resolve(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    const struct roster_parts *p = &f->parts;
    const char **receivers = script_alloc(L, (f->n_receivers + 1) * sizeof *receivers);
    const struct roster_place *where;
    struct err e = {0};

    for (size_t i = 0; i < f->n_receivers; i++)
        receivers[i] = f->receivers[i].name;
    f->on_call =
        (struct roster_config){p->calendars,   p->n_calendars,   p->people,    p->n_people,
                               p->rotations,   p->n_rotations,   p->schedules, p->n_schedules,
                               p->escalations, p->n_escalations, receivers,    f->n_receivers};
    check_mentioned(L, p);
    f->config.roster = roster_new(&f->on_call, &where, &e);
    if (!f->config.roster && e.code == ERR_MEMORY)
        sandbox_no_memory(L);
    if (!f->config.roster && where)
        config_fail_at(L, where->file, where->line, "%s", e.text);
    if (!f->config.roster)
        sandbox_fail(L, "%s", e.text);
    f->config.on_call = &f->on_call;
    assert(f->config.on_call->n_receivers == f->config.n_receivers);
}
