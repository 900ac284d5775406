/* A test file: cases, and the life of `t`.
 * Loading a file only notes what each case feeds and expects, in the order of time; nothing runs. So a case
 * is data that any engine can be given, in any order of cases, and a mistake in the last case is found
 * before the first has run. `t` is of use inside its own case only, since what is noted belongs to it. The
 * sandbox is that of rules: a test cannot do what a rule cannot, and gives the same on every machine. */
#include "tocsin/testfile.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "script/safelib.h"
#include "testlang/testfile_impl.h"

/* --- t --- */

/* t:start("2026-03-02 08:55"), t:start("2026-03-02T08:55:00+01:00") */
static int testfile_start(lua_State *L)
{
    struct building *b = building_of(L);
    const char *text = luaL_checkstring(L, 2);
    char full[64];
    size_t n = strlen(text);

    /* seconds and zone may be left out */
    snprintf(full, sizeof full, "%s%s", text, n == 16 ? ":00Z" : n == 19 ? "Z" : "");
    if (n > 40 || text_parse_time(full, strlen(full), &b->done.start_ms) < 0)
        sandbox_fail(L,
                     "t:start(\"%.40s\"): a time such as \"2026-03-02 08:55\" (UTC) or "
                     "\"2026-03-02T08:55:00+01:00\" is needed",
                     text);
    return 0;
}

/* t:cold(): nothing was seen before instant 0, as at a start without data */
static int testfile_cold(lua_State *L)
{
    building_of(L)->done.cold = true;
    return 0;
}

static int testfile_config(lua_State *L)
{
    luaL_checkstring(L, 2);
    building_of(L)->done.config = script_string(L, 2);
    return 0;
}

/* t:noise(): -1 … 1, the same row in every run */
static int testfile_noise(lua_State *L)
{
    struct building *b = building_of(L);
    uint32_t x = b->noise;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    b->noise = x;
    lua_pushnumber(L, (lua_Number)x / 2147483648.0 - 1);
    return 1;
}

static const luaL_Reg test_methods[] = {{"series", testfile_series},
                                        {"gen", testfile_gen},
                                        {"sample", testfile_sample},
                                        {"stale", testfile_stale},
                                        {"timer", testfile_timer},
                                        {"histogram", testfile_histogram},
                                        {"log", testfile_log},
                                        {"ping", testfile_ping},
                                        {"silence", testfile_silence},
                                        {"start", testfile_start},
                                        {"cold", testfile_cold},
                                        {"config", testfile_config},
                                        {"noise", testfile_noise},
                                        {"at", testfile_at},
                                        {"never", testfile_never},
                                        {"breaks", testfile_breaks},
                                        {"transitions", testfile_transitions},
                                        {NULL, NULL}};

static const luaL_Reg moment_methods[] = {{"fires", testfile_fires},
                                          {"quiet", testfile_quiet},
                                          {"suppressed", testfile_suppressed},
                                          {"with", testfile_with},
                                          {NULL, NULL}};

static int unknown_method(lua_State *L)
{
    bool moment = value_is(L, 1, VALUE_MOMENT);
    const char *key = luaL_tolstring(L, 2, NULL), *near;

    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return 1;
    for (const luaL_Reg *r = moment_methods; !moment && r->name; r++)
        if (strcmp(r->name, key) == 0)
            sandbox_fail(L, ":%s() hangs on a moment: t:at(\"5m\"):%s(…)", key, key);
    near = safelib_nearest(L, -2, key);
    if (near)
        sandbox_fail(L, "%s has no method \"%s\" — did you mean \"%s\"?", moment ? "t:at(…)" : "t",
                     key, near);
    sandbox_fail(L, "%s has no method \"%s\"", moment ? "t:at(…)" : "t", key);
}

static void method_metatable(lua_State *L, enum value_kind kind, const luaL_Reg *methods)
{
    lua_newtable(L);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, unknown_method, 1);
    lua_setfield(L, -2, "__index");
    value_metatable(L, kind);
}

/* --- test("name", function(t) … end) --- */

static void free_case(struct building *b)
{
    if (!b)
        return;
    mem_free(b->series);
    mem_free(b->events);
    mem_free(b->silences);
    mem_free(b->feed);
    mem_free(b->checks);
    mem_free(b->rules);
    mem_free(b);
}

/* Stable, since what is equal in time keeps the order it was written in. */
static void sort_feed(lua_State *L, struct building *b)
{
    size_t n = b->done.n_feed, width;
    struct test_feed *from = b->feed, *to = mem_alloc((n + 1) * sizeof *to), *swap;

    if (!to)
        sandbox_no_memory(L);
    for (width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n;
            size_t hi = lo + 2 * width < n ? lo + 2 * width : n, a = lo, c = mid;

            for (size_t i = lo; i < hi; i++)
                to[i] =
                    a < mid && (c >= hi || from[a].at_ms <= from[c].at_ms) ? from[a++] : from[c++];
        }
        swap = from;
        from = to;
        to = swap;
    }
    mem_free(to);
    b->feed = from;
}

static void sort_checks(struct building *b)
{
    for (size_t i = 1; i < b->done.n_checks; i++) { /* nearly sorted already */
        struct test_check c = b->checks[i];
        size_t k = i;

        for (; k > 0 && b->checks[k - 1].at_ms > c.at_ms; k--)
            b->checks[k] = b->checks[k - 1];
        b->checks[k] = c;
    }
}

static void finish_case(lua_State *L, struct building *b)
{
    struct test_case *d = &b->done;

    if (d->n_checks == 0)
        sandbox_fail(L, "it checks nothing: t:at(\"5m\"):fires(…), :quiet(…), t:never(…)");
    for (size_t i = 0; i < d->n_checks; i++)
        if (b->checks[i].at_ms > d->end_ms)
            d->end_ms = b->checks[i].at_ms;
    for (size_t i = 0; i < d->n_checks; i++) {
        const struct test_check *c = &b->checks[i];

        if (c->n_spans && c->spans[c->n_spans - 1].to_ms > d->end_ms)
            d->end_ms = c->spans[c->n_spans - 1].to_ms;
    }
    if (d->end_ms == 0 && d->n_feed) /* only t:never(): to the end of the data */
        for (size_t i = 0; i < d->n_feed; i++)
            if (b->feed[i].at_ms > d->end_ms)
                d->end_ms = b->feed[i].at_ms;
    for (size_t i = 0; i < d->n_checks; i++)
        if (b->checks[i].at_ms < 0)
            b->checks[i].at_ms = d->end_ms;
    sandbox_charge(L, d->n_feed);
    sort_feed(L, b);
    sort_checks(b);
    d->series = b->series;
    d->events = b->events;
    d->silences = b->silences;
    d->feed = b->feed;
    d->checks = b->checks;
    d->rules = b->rules;
}

static int test(lua_State *L)
{
    struct testfile *f = testfile_of(L);
    struct sandbox *s = &f->script.box;
    struct building *b;
    char file[LUA_IDSIZE];

    if (lua_type(L, 1) != LUA_TSTRING || !lua_isfunction(L, 2))
        sandbox_fail(L, "test(\"what is promised\", function(t) … end) is the form");
    if (f->building)
        sandbox_fail(L, "a test inside a test");
    if (f->n_cases == TEST_CASES_MAX)
        sandbox_fail(L, "more than %d tests in one file", TEST_CASES_MAX);
    testfile_grow(L, &f->cases, &f->cap_cases, f->n_cases + 1, sizeof *f->cases);
    b = mem_zalloc(sizeof *b);
    if (!b)
        sandbox_no_memory(L);
    f->cases[f->n_cases++] = &b->done;
    f->building = b;
    b->noise = 2463534242u;
    b->done.line = sandbox_where(L, file, sizeof file);
    b->done.start_ms = TEST_START_MS;
    b->done.name = script_string(L, 1);
    snprintf(s->prefix, sizeof s->prefix, "test \"%.100s\": ", b->done.name);
    lua_pushvalue(L, 2);
    value_push(L, VALUE_TEST, b);
    lua_call(L, 1, 0);
    finish_case(L, b);
    assert(f->building == b && b->done.n_checks > 0);
    s->prefix[0] = 0;
    f->building = NULL;
    return 0;
}

/* --- the file --- */

static void names(lua_State *L)
{
    match_metatable(L);
    method_metatable(L, VALUE_TEST, test_methods);
    method_metatable(L, VALUE_MOMENT, moment_methods);
    match_names(L);
    testfile_check_names(L);
    lua_pushcfunction(L, test);
    lua_setfield(L, -2, "test");
    lua_pushcfunction(L, script_include);
    lua_setfield(L, -2, "include");
    lua_pushcfunction(L, script_data);
    lua_setfield(L, -2, "data");
}

static const struct script_kind tests = {names, safelib_unknown, NULL};

struct testfile *testfile_load(const char *path, const char *text, size_t len,
                               const struct rulefile_options *o, struct err *e)
{
    static const struct rulefile_options defaults;
    struct script_reader reader;
    struct sandbox_limits limits;
    struct testfile *f = mem_zalloc(sizeof *f);

    o = o ? o : &defaults;
    reader = (struct script_reader){o->root, o->read, o->arg};
    limits = (struct sandbox_limits){o->max_heap, o->max_instructions, 0};
    if (!f)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", path), NULL;
    if (script_open(&f->script, path, &reader, &limits, e) < 0) {
        mem_free(f);
        return NULL;
    }
    if (script_load(&f->script, &tests, text, len, e) < 0) {
        testfile_free(f);
        return NULL;
    }
    sandbox_close(&f->script.box);
    script_loaded(&f->script);
    return f;
}

void testfile_free(struct testfile *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_cases; i++)
        free_case((struct building *)f->cases[i]);
    mem_free(f->cases);
    script_free(&f->script);
    mem_free(f);
}

size_t testfile_count(const struct testfile *f)
{
    return f->n_cases;
}

const struct test_case *testfile_case(const struct testfile *f, size_t i)
{
    return f->cases[i];
}
