/* person "name" { … }, rotation "name" { … }, schedule "name" { … }: read as they stand.
 * What they name is looked up when the whole file is read, because people stand in one file and rotations in another
 * (tocsin/roster.h says what is refused). */
#include <ctype.h>
#include <string.h>

#include "config/config_impl.h"
#include "script/safelib.h"

#define NOTIFY_MAX 20 /* entries of `notify` of a person */

/* The entry that begins: place, and whether the argument is a table. */
static struct roster_place begin(lua_State *L, const char *what)
{
    struct roster_place p = config_here(L);

    if (!lua_istable(L, 1))
        sandbox_fail(L, "%s \"name\" { … } needs a table, got %s", what, value_name(L, 1));
    p.line = (int)lua_tointeger(L, lua_upvalueindex(2));
    return p;
}

static const char *name_of(lua_State *L)
{
    const char *name;

    lua_pushvalue(L, lua_upvalueindex(1));
    name = script_string(L, -1);
    lua_pop(L, 1);
    return name;
}

static int done(lua_State *L)
{
    config_file_of(L)->script.box.prefix[0] = 0;
    return 0;
}

static const char *text_at(lua_State *L, const char *what)
{
    if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) == 0)
        sandbox_fail(L, "%s: a text is needed, got %s", what, value_name(L, -1));
    if (strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))
        sandbox_fail(L, "%s contains a zero byte", what);
    return script_string(L, -1);
}

/* --- person --- */

/* { after = "3m", "ana-sms" } */
static void read_later(lua_State *L, struct roster_notify *out)
{
    static const struct row rows[] = {
        {"after", ROW_DURATION0, offsetof(struct roster_notify, after_ms), NULL}, {0}};
    int idx = lua_gettop(L);
    size_t n = arg_list_part(L, idx, "notify", NOTIFY_MAX);
    const char **names = script_alloc(L, (n + 1) * sizeof *names);

    if (n == 0)
        sandbox_fail(L, "notify: { after = \"3m\", \"ana-sms\" } is the form");
    config_rows_read(L, idx, "notify", rows, out);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, idx, (lua_Integer)i + 1);
        names[i] = text_at(L, "notify: a receiver");
        lua_pop(L, 1);
    }
    out->receivers = names;
    out->n_receivers = n;
}

static void read_notify(lua_State *L, struct roster_person *p)
{
    struct roster_notify *list;
    size_t n;

    if (lua_getfield(L, 1, "notify") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    n = arg_list(L, lua_gettop(L), "notify", NOTIFY_MAX);
    if (n == 0)
        sandbox_fail(L, "notify is empty");
    list = script_alloc(L, n * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, -1, (lua_Integer)i + 1);
        if (lua_istable(L, -1)) {
            read_later(L, &list[i]);
        } else {
            const char **one = script_alloc(L, sizeof *one);

            one[0] = text_at(L, "notify: a receiver");
            list[i].receivers = one;
            list[i].n_receivers = 1;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    p->notify = list;
    p->n_notify = n;
}

static int person_body(lua_State *L)
{
#define AT(field) offsetof(struct roster_person, field)
    static const struct row rows[] = {{"receiver", ROW_TEXT, AT(receiver), NULL},
                                      {"email", ROW_TEXT, AT(email), NULL},
                                      {"slack", ROW_TEXT, AT(slack), NULL},
                                      {"zone", ROW_TEXT, AT(zone), NULL},
                                      {"notify", ROW_OTHER, 0, NULL},
                                      {0}};
#undef AT
    struct roster_parts *p = &config_file_of(L)->parts;
    struct roster_place place = begin(L, "person");
    struct roster_person *x;

    p->people = config_grow(L, p->people, p->n_people, &p->cap_people, sizeof *p->people);
    x = &p->people[p->n_people];
    *x = (struct roster_person){.name = name_of(L), .place = place};
    config_rows_read(L, 1, "person", rows, x);
    read_notify(L, x);
    p->n_people++;
    return done(L);
}

static int person(lua_State *L)
{
    return config_named(L, "person", person_body);
}

/* --- rotation --- */

static int rotation_body(lua_State *L)
{
#define AT(field) offsetof(struct roster_rotation, field)
    static const struct row rows[] = {{"zone", ROW_TEXT, AT(zone), NULL},
                                      {"start", ROW_TEXT, AT(start), NULL},
                                      {"every", ROW_TEXT, AT(every), NULL},
                                      {"people", ROW_TEXTS, AT(people), NULL},
                                      {0}};
    _Static_assert(AT(n_people) == AT(people) + sizeof(char **), "the count comes behind");
#undef AT
    struct roster_parts *p = &config_file_of(L)->parts;
    struct roster_place place = begin(L, "rotation");
    struct roster_rotation *x;

    p->rotations =
        config_grow(L, p->rotations, p->n_rotations, &p->cap_rotations, sizeof *p->rotations);
    x = &p->rotations[p->n_rotations];
    *x = (struct roster_rotation){.name = name_of(L), .place = place};
    config_rows_read(L, 1, "rotation", rows, x);
    if (!x->start || !x->every)
        sandbox_fail(L, "`%s` is missing: %s", x->start ? "every" : "start",
                     x->start ? "every = \"1w\""
                              : "start = \"2026-11-02 09:00\", its first hand-off");
    if (x->n_people == 0)
        sandbox_fail(L, "it has no people: people = { \"ana\", \"bo\" }");
    p->n_rotations++;
    return done(L);
}

static int rotation(lua_State *L)
{
    return config_named(L, "rotation", rotation_body);
}

/* --- schedule --- */

/* "rotation:payments", and not "08:00-20:00" or "Mon 08:00-20:00". */
static bool is_name(const char *text)
{
    const char *p = text;

    while (isalpha((unsigned char)*p))
        p++;
    return p > text && *p == ':';
}

static void read_row(lua_State *L, struct roster_row *row)
{
    int idx = lua_gettop(L);
    size_t n;
    const char **spans, **who;

    if (!lua_istable(L, idx))
        sandbox_fail(L,
                     "a row is written { \"Mon-Fri 09:00-18:00\", \"rotation:payments\" }, got %s",
                     value_name(L, idx));
    n = arg_list(L, idx, "a row", CALENDAR_SPANS_MAX);
    spans = script_alloc(L, (n + 1) * sizeof *spans);
    who = script_alloc(L, (n + 1) * sizeof *who);
    row->spans = spans;
    row->who = who;
    for (size_t i = 0; i < n; i++) {
        const char *text;

        lua_geti(L, idx, (lua_Integer)i + 1);
        text = text_at(L, "a row");
        if (is_name(text))
            who[row->n_who++] = text;
        else
            spans[row->n_spans++] = text;
        lua_pop(L, 1);
    }
}

static int schedule_body(lua_State *L)
{
#define AT(field) offsetof(struct roster_schedule, field)
    static const struct row rows[] = {
        {"zone", ROW_TEXT, AT(zone), NULL}, {"otherwise", ROW_TEXTS, AT(otherwise), NULL}, {0}};
    _Static_assert(AT(n_otherwise) == AT(otherwise) + sizeof(char **), "the count comes behind");
#undef AT
    struct roster_parts *p = &config_file_of(L)->parts;
    struct roster_place place = begin(L, "schedule");
    struct roster_schedule *x;
    struct roster_row *list;
    size_t n = arg_list_part(L, 1, "schedule", ROSTER_ROWS_MAX);

    p->schedules =
        config_grow(L, p->schedules, p->n_schedules, &p->cap_schedules, sizeof *p->schedules);
    x = &p->schedules[p->n_schedules];
    *x = (struct roster_schedule){.name = name_of(L), .place = place};
    config_rows_read(L, 1, "schedule", rows, x);
    list = script_alloc(L, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, 1, (lua_Integer)i + 1);
        read_row(L, &list[i]);
        lua_pop(L, 1);
    }
    x->rows = list;
    x->n_rows = n;
    p->n_schedules++;
    return done(L);
}

static int schedule(lua_State *L)
{
    return config_named(L, "schedule", schedule_body);
}

void config_people_names(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"person", person}, {"rotation", rotation}, {"schedule", schedule}, {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
}
