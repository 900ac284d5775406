/* What is to be seen: t:at("5m"):fires(…):with{…}:quiet(…), t:never(…), t:transitions(…).
 * A check hangs on a moment, and a chain goes on from it, so that a test reads as what is seen then. with{ …
 * } belongs to the check before it. Each keeps the line it was written at: a failure points to that and not
 * to the case. Rules that are named become those the case is about, which `check` asks to know what is
 * tested. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "script/safelib.h"
#include "testlang/testfile_impl.h"

#define CHECKS_MAX 10000
#define SPANS_MAX  1000

static const char *rule_arg(lua_State *L, const char *what)
{
    struct building *b = building_of(L);
    const char *name;

    if (lua_type(L, 2) != LUA_TSTRING)
        sandbox_fail(L, "%s takes the name of an alert, got %s", what, value_name(L, 2));
    name = lua_tostring(L, 2);
    for (size_t i = 0; i < b->done.n_rules; i++)
        if (strcmp(b->rules[i], name) == 0)
            return b->rules[i];
    testfile_grow(L, &b->rules, &b->cap_rules, b->done.n_rules + 1, sizeof *b->rules);
    b->rules[b->done.n_rules] = script_string(L, 2);
    return b->rules[b->done.n_rules++];
}

/* Adds a check of the rule at 2 with the labels at 3. */
static struct test_check *check(lua_State *L, enum test_check_kind kind, int64_t at_ms,
                                const char *what)
{
    struct building *b = building_of(L);
    struct test_check c = {.kind = kind, .at_ms = at_ms};
    char file[LUA_IDSIZE];

    if (b->done.n_checks == CHECKS_MAX)
        sandbox_fail(L, "a test has more than %d checks", CHECKS_MAX);
    c.line = sandbox_where(L, file, sizeof file);
    c.rule = rule_arg(L, what);
    c.labels = testfile_labels(L, 3, what, NULL, &c.n_labels);
    testfile_grow(L, &b->checks, &b->cap_checks, b->done.n_checks + 1, sizeof *b->checks);
    b->checks[b->done.n_checks] = c;
    return &b->checks[b->done.n_checks++];
}

/* t:at("5m"): what follows is looked at then; everything that arrived up to then counts. */
int testfile_at(lua_State *L)
{
    int64_t *at_ms = script_alloc(L, sizeof *at_ms);

    building_of(L);
    *at_ms = arg_duration0(L, 2, "t:at()");
    value_push(L, VALUE_MOMENT, at_ms);
    return 1;
}

static int64_t moment(lua_State *L)
{
    const int64_t *at_ms = value_at(L, 1, VALUE_MOMENT);

    if (!at_ms)
        sandbox_fail(L, "a check hangs on a moment: t:at(\"5m\"):fires(…), not t.fires(…)");
    return *at_ms;
}

static int chain(lua_State *L)
{
    lua_settop(L, 1);
    return 1;
}

int testfile_fires(lua_State *L)
{
    struct test_check *c;
    int priority = 0;

    if (!lua_isnoneornil(L, 4)) {
        priority = lua_type(L, 4) == LUA_TSTRING ? priority_parse(lua_tostring(L, 4)) : 0;
        if (!priority)
            sandbox_fail(L, ":fires(rule, labels, level): the level must be P1 … P5");
    }
    c = check(L, CHECK_FIRES, moment(L), ":fires()");
    c->priority = priority;
    return chain(L);
}

int testfile_quiet(lua_State *L)
{
    check(L, CHECK_QUIET, moment(L), ":quiet()");
    return chain(L);
}

int testfile_suppressed(lua_State *L)
{
    check(L, CHECK_SUPPRESSED, moment(L), ":suppressed()");
    return chain(L);
}

/* --- with{ … } --- */

static void with_value(lua_State *L, struct test_with *w)
{
    const struct test_with *made = value_at(L, -1, VALUE_EXPECTED);

    if (made) { /* near(…), has"…" */
        w->kind = made->kind;
        w->text = made->text;
        w->number = made->number;
        w->tolerance = made->tolerance;
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
        w->kind = WITH_NUMBER;
        w->number = lua_tonumber(L, -1);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        w->kind = WITH_TEXT;
        w->text = script_string(L, -1);
    } else {
        sandbox_fail(L, ":with{ %s = … } takes a text, a number, near(…) or has\"…\", got %s",
                     w->key, value_name(L, -1));
    }
}

int testfile_with(lua_State *L)
{
    struct building *b = building_of(L);
    struct test_check *c = b->done.n_checks ? &b->checks[b->done.n_checks - 1] : NULL;
    struct test_with *with;

    if (!c || c->kind != CHECK_FIRES)
        sandbox_fail(L, ":with{…} follows :fires(…)");
    if (!lua_istable(L, 2))
        sandbox_fail(L, ":with{…} takes a table, got %s", value_name(L, 2));
    safelib_keys(L, 2);
    with = script_alloc(L, ((size_t)luaL_len(L, -1) + 1) * sizeof *with);
    for (lua_Integer i = 1; lua_rawgeti(L, 3, i) != LUA_TNIL; i++) {
        struct test_with *w = &with[c->n_with];

        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, ":with{ key = value } is the form");
        w->key = script_string(L, -1);
        lua_gettable(L, 2);
        with_value(L, w);
        c->n_with++;
        lua_pop(L, 1);
    }
    c->with = with;
    return chain(L);
}

static int names_near(lua_State *L)
{
    struct test_with *w = script_alloc(L, sizeof *w);

    w->kind = WITH_NUMBER;
    w->number = arg_quantity(L, 1, "near()").v;
    w->tolerance = lua_isnoneornil(L, 2) ? 1e-9 : arg_quantity(L, 2, "near()").v;
    value_push(L, VALUE_EXPECTED, w);
    return 1;
}

static int names_has(lua_State *L)
{
    struct test_with *w = script_alloc(L, sizeof *w);

    if (lua_type(L, 1) != LUA_TSTRING)
        sandbox_fail(L, "has\"text\" takes a text, got %s", value_name(L, 1));
    w->kind = WITH_HAS;
    w->text = script_string(L, 1);
    value_push(L, VALUE_EXPECTED, w);
    return 1;
}

void testfile_check_names(lua_State *L)
{
    lua_pushcfunction(L, names_near);
    lua_setfield(L, -2, "near");
    lua_pushcfunction(L, names_has);
    lua_setfield(L, -2, "has");
}

/* --- over the whole test --- */

int testfile_never(lua_State *L)
{
    check(L, CHECK_NEVER, -1, "t:never()"); /* the end, when it is known */
    return 0;
}

/* t:breaks("W", has"attempt to"): its function fails in this test, and that is what is meant */
int testfile_breaks(lua_State *L)
{
    struct test_with *with = NULL;
    struct test_check *c;

    if (!lua_isnoneornil(L, 3)) {
        with = script_alloc(L, sizeof *with);
        with->key = "error";
        lua_settop(L, 3);
        with_value(L, with);
        if (with->kind == WITH_NUMBER)
            sandbox_fail(L, "t:breaks(rule, has\"part of the error\") is the form");
    }
    lua_settop(L, 2);
    c = check(L, CHECK_BREAKS, -1, "t:breaks()");
    c->with = with;
    c->n_with = with != NULL;
    return 0;
}

static int64_t span_time(lua_State *L, const char *text, const char *s, size_t n)
{
    int64_t ms;

    if ((n == 1 && *s == '0') || (n == 2 && memcmp(s, "0s", 2) == 0))
        return 0;
    if (text_parse_duration(s, n, &ms) < 0)
        sandbox_fail(L, "t:transitions(): \"%s\" is not of the form \"4m30s..5m30s P1\"", text);
    return ms;
}

/* "4m30s..5m30s P1", "9m ok" */
static struct test_span span_of(lua_State *L, const char *text)
{
    size_t n = strcspn(text, " ");
    const char *dots = strstr(text, ".."), *level = text + n + strspn(text + n, " ");
    struct test_span s;

    if (dots && dots > text + n)
        dots = NULL;
    s.from_ms = span_time(L, text, text, dots ? (size_t)(dots - text) : n);
    s.to_ms = dots ? span_time(L, text, dots + 2, (size_t)(text + n - dots) - 2) : s.from_ms;
    s.priority = priority_parse(level);
    if (s.to_ms < s.from_ms || (!s.priority && strcmp(level, "ok") != 0))
        sandbox_fail(L, "t:transitions(): \"%s\" is not of the form \"4m30s..5m30s P1\"", text);
    return s;
}

int testfile_transitions(lua_State *L)
{
    size_t n = arg_list(L, 4, "t:transitions()", SPANS_MAX);
    struct test_span *spans = script_alloc(L, (n + 1) * sizeof *spans);
    struct test_check *c = check(L, CHECK_TRANSITIONS, -1, "t:transitions()");

    for (size_t i = 0; i < n; i++) {
        if (lua_geti(L, 4, (lua_Integer)i + 1) != LUA_TSTRING)
            sandbox_fail(L, "t:transitions(rule, labels, { \"4m..5m P1\", \"8m..9m ok\" }) is the "
                            "form");
        spans[i] = span_of(L, lua_tostring(L, -1));
        if (i > 0 && spans[i].from_ms < spans[i - 1].from_ms)
            sandbox_fail(L, "t:transitions(): the spans are not in order");
        lua_pop(L, 1);
    }
    c->spans = spans;
    c->n_spans = n;
    return 0;
}
