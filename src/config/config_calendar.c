/* calendar "name" { … } and file "path".
 * `calendar "x"` alone is a value, for `except`; called with a table it is a definition. So a calendar may stand before or
 * behind those it excepts, and in another file. What the texts mean is checked when the file is read (tocsin/roster.h),
 * with the line on which the calendar begins. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_impl.h"
#include "script/safelib.h"

#define FILE_MAX_BYTES (1024 * 1024)

struct text {
    const char *bytes;
    size_t len;
};

/* --- file "path" --- */

static int read_file(lua_State *L)
{
    struct text *t = script_alloc(L, sizeof *t);
    const char *path;
    char *bytes, *copy;

    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0)
        sandbox_fail(L, "file \"path\" takes the path of a file");
    path = lua_tostring(L, 1);
    bytes = script_bytes(L, config_path(L, path), path, FILE_MAX_BYTES, &t->len);
    copy = region_dup(&config_file_of(L)->script.region, bytes, t->len);
    mem_free(bytes);
    if (!copy)
        sandbox_no_memory(L);
    t->bytes = copy;
    value_push(L, VALUE_FILE, t);
    return 1;
}

/* --- what a calendar is made of --- */

static const char *text_at(lua_State *L, int idx, const char *what, const char *example)
{
    if (lua_type(L, idx) != LUA_TSTRING)
        sandbox_fail(L, "%s is a text such as %s, got %s", what, example, value_name(L, idx));
    if (strlen(lua_tostring(L, idx)) != lua_rawlen(L, idx))
        sandbox_fail(L, "%s contains a zero byte", what);
    return script_string(L, idx);
}

static void read_spans(lua_State *L, int idx, struct calendar_config *c)
{
    size_t n = arg_list_part(L, idx, "calendar", CALENDAR_SPANS_MAX);
    const char **spans = script_alloc(L, (n + 1) * sizeof *spans);

    for (size_t i = 0; i < n; i++) {
        lua_geti(L, idx, (lua_Integer)i + 1);
        spans[i] = text_at(L, lua_gettop(L), "a span", "\"Mon-Fri 08:00-20:00\"");
        lua_pop(L, 1);
    }
    c->spans = spans;
    c->n_spans = n;
}

static void read_except_entry(lua_State *L, struct roster_calendar *c, const char **dates,
                              const char **names)
{
    const struct calendar_name *other = value_at(L, -1, VALUE_CALENDAR);

    if (other)
        names[c->n_except++] = other->name;
    else
        dates[c->config.n_except_dates++] = text_at(L, lua_gettop(L), "an entry of `except`",
                                                    "\"2026-12-25\", or calendar \"holidays\"");
}

static void read_except(lua_State *L, int idx, struct roster_calendar *c)
{
    bool is_list;
    size_t n;
    const char **dates, **names;

    if (lua_getfield(L, idx, "except") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    is_list = lua_istable(L, -1);
    n = is_list ? arg_list(L, lua_gettop(L), "`except`", CALENDAR_DATES_MAX) : 1;
    dates = script_alloc(L, (n + 1) * sizeof *dates);
    names = script_alloc(L, (n + 1) * sizeof *names);
    c->config.except_dates = dates;
    c->except = names;
    if (!is_list)
        read_except_entry(L, c, dates, names);
    for (size_t i = 0; is_list && i < n; i++) {
        lua_geti(L, -1, (lua_Integer)i + 1);
        read_except_entry(L, c, dates, names);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void read_ical(lua_State *L, int idx, struct calendar_config *c)
{
    const struct text *t;

    if (lua_getfield(L, idx, "ical") != LUA_TNIL) {
        t = value_at(L, -1, VALUE_FILE);
        if (!t)
            sandbox_fail(L, "`ical` takes file \"holidays.ics\", got %s", value_name(L, -1));
        c->ical = t->bytes;
        c->ical_len = t->len;
    }
    lua_pop(L, 1);
}

#define AT(field) offsetof(struct calendar_rule, field)
static const struct row rule_rows[] = {{"start", ROW_TEXT, AT(start), NULL},
                                       {"lasts", ROW_TEXT, AT(lasts), NULL},
                                       {"rule", ROW_TEXT, AT(rule), NULL},
                                       {0}};
#undef AT

static void read_rule(lua_State *L, struct calendar_rule *r)
{
    if (!lua_istable(L, -1))
        sandbox_fail(L, "rrule: { start = …, lasts = …, rule = … } is the form");
    config_rows_read(L, -1, "rrule", rule_rows, r);
    if (!r->start || !r->lasts || !r->rule)
        sandbox_fail(
            L,
            "rrule: `%s` is missing: rrule = { start = \"2026-01-06T02:00\", lasts = \"3h\", "
            "rule = \"FREQ=MONTHLY;BYDAY=2TU\" }",
            !r->start   ? "start"
            : !r->lasts ? "lasts"
                        : "rule");
}

static void read_rules(lua_State *L, int idx, struct calendar_config *c)
{
    struct calendar_rule *rules;
    size_t n;

    if (lua_getfield(L, idx, "rrule") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    n = arg_list_part(L, lua_gettop(L), "rrule", CALENDAR_RULES_MAX);
    rules = script_alloc(L, (n + 1) * sizeof *rules);
    c->rules = rules;
    c->n_rules = n ? n : 1;
    if (n == 0)
        read_rule(L, &rules[0]);
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, -1, (lua_Integer)i + 1);
        read_rule(L, &rules[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* --- the block --- */

static int define(lua_State *L)
{
    static const struct row rows[] = {
        {"zone", ROW_TEXT, offsetof(struct calendar_config, zone), NULL},
        {"except", ROW_OTHER, 0, NULL},
        {"ical", ROW_OTHER, 0, NULL},
        {"rrule", ROW_OTHER, 0, NULL},
        {0}};
    struct config_file *f = config_file_of(L);
    struct roster_parts *p = &f->parts;
    const struct calendar_name *name = value_at(L, 1, VALUE_CALENDAR);
    struct sandbox *s = sandbox_of(L);
    struct roster_calendar *c;

    if (!name || *s->prefix)
        sandbox_fail(L, "a calendar is defined by itself, calendar \"name\" { … }");
    snprintf(s->prefix, sizeof s->prefix, "calendar \"%.100s\": ", name->name);
    if (!lua_istable(L, 2))
        sandbox_fail(L, "it needs a table, got %s", value_name(L, 2));
    for (size_t i = 0; i < p->n_calendars; i++)
        if (strcmp(p->calendars[i].config.name, name->name) == 0)
            sandbox_fail(L, "defined twice (first at %s:%d)", p->calendars[i].place.file,
                         p->calendars[i].place.line);
    p->calendars =
        config_grow(L, p->calendars, p->n_calendars, &p->cap_calendars, sizeof *p->calendars);
    c = &p->calendars[p->n_calendars];
    c->config.name = name->name;
    c->place = name->place;
    config_rows_read(L, 2, "calendar", rows, &c->config);
    read_spans(L, 2, &c->config);
    read_except(L, 2, c);
    read_ical(L, 2, &c->config);
    read_rules(L, 2, &c->config);
    p->n_calendars++;
    s->prefix[0] = 0;
    return 0;
}

static int calendar(lua_State *L)
{
    struct roster_parts *p = &config_file_of(L)->parts;
    struct calendar_name *c = script_alloc(L, sizeof *c);

    config_name(L, "calendar");
    c->name = script_string(L, 1);
    c->place = config_here(L);
    c->next = p->mentioned;
    p->mentioned = c;
    value_push(L, VALUE_CALENDAR, c);
    return 1;
}

void config_calendar_names(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, define);
    lua_setfield(L, -2, "__call");
    value_metatable(L, VALUE_CALENDAR);
    lua_pushcfunction(L, calendar);
    lua_setfield(L, -2, "calendar");
    lua_pushcfunction(L, read_file);
    lua_setfield(L, -2, "file");
}
