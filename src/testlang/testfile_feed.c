/* What goes in: series, samples, histograms, log events, silences.
 * Values become a list of items with times and numbers of series; the notation for rows ("0+5x10") is
 * expanded here, under the bound of a case, so the bench sees samples and no notation. Series are kept once,
 * found by walking what is there, and the walk is charged: a case has tens of them. A series without a type
 * is of the kind that its name says, as in the program. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/heartbeat.h"
#include "script/safelib.h"
#include "testlang/testfile_impl.h"

#define EVERY_MS   15000
#define EVENTS_MAX 100000 /* of one t:log() */

/* { every = "15s", from = "4m", type = "counter" } */
struct feed_options {
    int64_t every_ms, from_ms;
    int kind; /* enum sample_kind, -1: by the name */
};

static void options(lua_State *L, int idx, const char *what, struct feed_options *o)
{
    static const char *const names[] = {"every", "from", "type", NULL};
    static const char *const types[] = {"gauge", "counter", "delta"};
    static const int kinds[] = {SAMPLE_GAUGE, SAMPLE_CUMULATIVE, SAMPLE_DELTA};
    const char *type;

    *o = (struct feed_options){EVERY_MS, 0, -1};
    if (lua_isnoneornil(L, idx))
        return;
    if (!lua_istable(L, idx))
        sandbox_fail(L, "%s: options are a table: { every = \"15s\", from = \"4m\" }", what);
    arg_keys(L, idx, what, names);
    if (lua_getfield(L, idx, "every") != LUA_TNIL)
        o->every_ms = arg_duration(L, -1, "every");
    if (lua_getfield(L, idx, "from") != LUA_TNIL)
        o->from_ms = arg_duration0(L, -1, "from");
    if (lua_getfield(L, idx, "type") != LUA_TNIL) {
        type = luaL_tolstring(L, -1, NULL);
        for (int i = 0; i < 3; i++)
            if (strcmp(type, types[i]) == 0)
                o->kind = kinds[i];
        if (o->kind < 0)
            sandbox_fail(L, "%s: type must be \"gauge\", \"counter\" or \"delta\"", what);
        lua_pop(L, 1);
    }
    lua_pop(L, 3);
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), t = strlen(tail);

    return n >= t && strcmp(s + n - t, tail) == 0;
}

static enum sample_kind kind_of(const char *name, int given)
{
    if (given >= 0)
        return (enum sample_kind)given;
    if (ends_with(name, "_total") || ends_with(name, "_count") || ends_with(name, "_sum") ||
        ends_with(name, "_bucket"))
        return SAMPLE_CUMULATIVE;
    return SAMPLE_GAUGE;
}

static const char *name_arg(lua_State *L, int idx, const char *what)
{
    if (lua_type(L, idx) != LUA_TSTRING || lua_rawlen(L, idx) == 0)
        sandbox_fail(L, "%s needs the name of a metric, got %s", what, value_name(L, idx));
    return lua_tostring(L, idx);
}

static uint32_t add_series(lua_State *L, const struct label *labels, size_t n,
                           enum sample_kind kind)
{
    struct building *b = building_of(L);
    size_t i = 0;

    sandbox_charge(L, b->done.n_series / 4);
    for (; i < b->done.n_series; i++)
        if (labels_same(b->series[i].labels, b->series[i].n_labels, labels, n))
            return (uint32_t)i;
    testfile_grow(L, &b->series, &b->cap_series, i + 1, sizeof *b->series);
    b->series[i] = (struct test_series){labels, n, kind};
    b->done.n_series++;
    return (uint32_t)i;
}

static uint32_t series_arg(lua_State *L, const char *what, int given)
{
    const char *name = name_arg(L, 2, what);
    size_t n;
    const struct label *labels = testfile_labels(L, 3, what, name, &n);

    return add_series(L, labels, n, kind_of(name, given));
}

static void feed(lua_State *L, struct test_feed item)
{
    struct building *b = building_of(L);

    if (b->done.n_feed == TEST_FEED_MAX)
        sandbox_fail(L, "a test has more than %d samples and events", TEST_FEED_MAX);
    testfile_grow(L, &b->feed, &b->cap_feed, b->done.n_feed + 1, sizeof *b->feed);
    b->feed[b->done.n_feed++] = item;
}

static void feed_sample(lua_State *L, uint32_t series, int64_t at_ms, double v, bool stale)
{
    feed(L, (struct test_feed){.at_ms = at_ms,
                               .time_ms = at_ms,
                               .index = series,
                               .kind = FEED_SAMPLE,
                               .value = v,
                               .stale = stale});
}

static void feed_row(lua_State *L, uint32_t series, const char *row, const struct feed_options *o,
                     const char *what)
{
    int64_t at_ms = o->from_ms;
    struct notation t;
    const char *s = row, *token = row;
    size_t shown;
    int rc;

    while ((rc = notation_next(&s, &t)) > 0) {
        sandbox_charge(L, t.n / 4 + 1);
        for (uint32_t i = 0; i < t.n; i++, at_ms += o->every_ms)
            if (!t.missing)
                feed_sample(L, series, at_ms, t.from + t.step * i, t.stale);
        token = s;
    }
    token += strspn(token, " \t\r\n");
    shown = strcspn(token, " \t\r\n");
    if (rc < 0)
        sandbox_fail(L,
                     "%s: \"%.*s\" is not a row of samples (write 5, 0+95x60, 5-1x3, 1x4, _, "
                     "_x3, stale)",
                     what, (int)(shown < 40 ? shown : 40), token);
}

static const char *row_arg(lua_State *L, int idx, const char *what)
{
    if (lua_type(L, idx) != LUA_TSTRING)
        sandbox_fail(L, "%s needs a row of samples such as \"0+95x60\", got %s", what,
                     value_name(L, idx));
    return lua_tostring(L, idx);
}

/* t:series("http_requests_total", { code = "500" }, "0+5x60", { every = "15s", from = "4m" }) */
int testfile_series(lua_State *L)
{
    struct feed_options o;
    const char *row = row_arg(L, 4, "t:series()");

    options(L, 5, "t:series()", &o);
    feed_row(L, series_arg(L, "t:series()", o.kind), row, &o, "t:series()");
    return 0;
}

/* t:gen("cpu", { host = "a" }, "40m", function(s) return … end): s in seconds from the start */
int testfile_gen(lua_State *L)
{
    int64_t length = arg_duration(L, 4, "t:gen() length");
    struct feed_options o;
    uint32_t series;

    if (!lua_isfunction(L, 5))
        sandbox_fail(L, "t:gen(name, labels, \"40m\", function(s) return value end) is the form");
    options(L, 6, "t:gen()", &o);
    series = series_arg(L, "t:gen()", o.kind);
    for (int64_t at = o.from_ms; at <= o.from_ms + length; at += o.every_ms) {
        lua_pushvalue(L, 5);
        lua_pushnumber(L, (lua_Number)at / 1000);
        lua_call(L, 1, 1);
        if (lua_type(L, -1) == LUA_TNUMBER)
            feed_sample(L, series, at, lua_tonumber(L, -1), false);
        else if (!lua_isnil(L, -1))
            sandbox_fail(L, "t:gen(): the function must return a number or nil, got %s",
                         value_name(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

/* t:sample(name, labels, value, { at = "5m", time = "3m" }): arrives late, or early */
int testfile_sample(lua_State *L)
{
    static const char *const names[] = {"at", "time", "type", NULL};
    struct test_feed item = {.kind = FEED_SAMPLE};
    struct feed_options o = {.kind = -1};

    if (lua_type(L, 4) != LUA_TNUMBER || !lua_istable(L, 5))
        sandbox_fail(L,
                     "t:sample(name, labels, value, { at = \"5m\", time = \"3m\" }) is the form");
    arg_keys(L, 5, "t:sample()", names);
    item.value = lua_tonumber(L, 4);
    lua_getfield(L, 5, "at");
    item.at_ms = item.time_ms = arg_duration0(L, -1, "t:sample() at");
    if (lua_getfield(L, 5, "time") != LUA_TNIL)
        item.time_ms = arg_duration0(L, -1, "t:sample() time");
    lua_createtable(L, 0, 1);
    lua_getfield(L, 5, "type");
    lua_setfield(L, -2, "type");
    options(L, lua_gettop(L), "t:sample()", &o);
    item.index = series_arg(L, "t:sample()", o.kind);
    feed(L, item);
    return 0;
}

/* t:stale("5m", name, labels): the series ends, as Prometheus tells when a target goes away */
int testfile_stale(lua_State *L)
{
    int64_t at_ms = arg_duration0(L, 2, "t:stale()");

    lua_remove(L, 2);
    feed_sample(L, series_arg(L, "t:stale()", -1), at_ms, 0, true);
    return 0;
}

/* t:timer(name, labels, "5m", { 0.1, 0.2, 0.4 }): observed values, as StatsD timers send them */
int testfile_timer(lua_State *L)
{
    int64_t at_ms = arg_duration0(L, 4, "t:timer() at");
    size_t n = arg_list(L, 5, "t:timer() values", EVENTS_MAX);
    uint32_t series = series_arg(L, "t:timer()", SAMPLE_DISTRIBUTION);

    for (size_t i = 0; i < n; i++) {
        if (lua_geti(L, 5, (lua_Integer)i + 1) != LUA_TNUMBER)
            sandbox_fail(L, "t:timer() values are numbers, got %s", value_name(L, -1));
        feed_sample(L, series, at_ms, lua_tonumber(L, -1), false);
        lua_pop(L, 1);
    }
    return 0;
}

static void bucket_row(lua_State *L, const char *name, const char *le, const char *row,
                       const struct feed_options *o)
{
    bool all = strcmp(le, "+Inf") == 0;
    const struct label *labels;
    size_t n;

    lua_pushfstring(L, "%s_bucket", name);
    lua_newtable(L);
    if (lua_istable(L, 3)) {
        lua_pushnil(L);
        while (lua_next(L, 3)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -4);
        }
    }
    lua_pushstring(L, le);
    lua_setfield(L, -2, "le");
    labels = testfile_labels(L, lua_gettop(L), "t:histogram()", lua_tostring(L, -2), &n);
    feed_row(L, add_series(L, labels, n, SAMPLE_CUMULATIVE), row, o, "t:histogram()");
    if (all) { /* the number of observations is that of the last bucket */
        lua_pushfstring(L, "%s_count", name);
        labels = testfile_labels(L, 3, "t:histogram()", lua_tostring(L, -1), &n);
        feed_row(L, add_series(L, labels, n, SAMPLE_CUMULATIVE), row, o, "t:histogram()");
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

/* t:histogram(name, labels, { [0.1] = "0+9x60", [0.5] = "0+10x60", inf = "0+10x60" }): a classic
 * one, cumulative over its buckets and over time */
int testfile_histogram(lua_State *L)
{
    const char *name = name_arg(L, 2, "t:histogram()");
    struct feed_options o;

    if (!lua_istable(L, 4))
        sandbox_fail(L, "t:histogram(name, labels, { [0.1] = \"0+9x60\", inf = \"0+10x60\" }) is "
                        "the form");
    options(L, 5, "t:histogram()", &o);
    lua_settop(L, 5);
    safelib_keys(L, 4);
    for (lua_Integer i = 1; lua_rawgeti(L, 6, i) != LUA_TNIL; i++) {
        const char *le;

        lua_pushvalue(L, -1);
        lua_gettable(L, 4);
        le = luaL_tolstring(L, -2, NULL);
        if (strcmp(le, "inf") == 0 || strcmp(le, "Inf") == 0)
            le = "+Inf";
        bucket_row(L, name, le, row_arg(L, -2, "t:histogram()"), &o);
        lua_settop(L, 6);
    }
    return 0;
}

/* t:log("3m", { service = "api", level = "ERROR" }, 20): that many times */
int testfile_log(lua_State *L)
{
    struct building *b = building_of(L);
    int64_t at_ms = arg_duration0(L, 2, "t:log() at");
    lua_Integer times = luaL_optinteger(L, 4, 1);
    size_t i = b->done.n_events, n;
    const struct label *fields;

    if (!lua_istable(L, 3))
        sandbox_fail(L, "t:log(\"3m\", { service = \"api\", level = \"ERROR\" }) is the form");
    if (times < 1 || times > EVENTS_MAX)
        sandbox_fail(L, "t:log(): the number of times must be from 1 to %d", EVENTS_MAX);
    fields = testfile_labels(L, 3, "t:log()", NULL, &n);
    testfile_grow(L, &b->events, &b->cap_events, i + 1, sizeof *b->events);
    b->events[i] = (struct test_event){fields, n};
    b->done.n_events++;
    for (; times > 0; times--)
        feed(L, (struct test_feed){
                    .at_ms = at_ms, .time_ms = at_ms, .index = (uint32_t)i, .kind = FEED_EVENT});
    return 0;
}

/* --- pings --- */

static void ping_series(lua_State *L, const char *metric, const char *name, int64_t at_ms, double v)
{
    struct label *l = script_alloc(L, 2 * sizeof *l);
    int n;

    l[0] = label_of("__name__", metric);
    l[1] = label_of(HEARTBEAT_LABEL, name);
    n = labels_sort(l, 2);
    feed_sample(L, add_series(L, l, (size_t)n, SAMPLE_GAUGE), at_ms, v, false);
}

static void ping_event(lua_State *L, const struct heartbeat_ping *p, const char *name,
                       const char *log, int64_t at_ms)
{
    struct building *b = building_of(L);
    struct label *l = script_alloc(L, 5 * sizeof *l);
    struct buf text = BUF_INIT;
    size_t i = b->done.n_events, n = 0;

    heartbeat_message(p, log, strlen(log), &text);
    l[n++] = label_of("logger", HEARTBEAT_LOGGER);
    l[n++] = label_of(HEARTBEAT_LABEL, name);
    l[n++] = label_of("level", heartbeat_level(p));
    l[n++] = label_of("message", script_dup(L, buf_str(&text), text.len));
    buf_free(&text);
    if (strchr(log, '\n'))
        l[n++] = label_of("output", log);
    n = (size_t)labels_sort(l, n);
    testfile_grow(L, &b->events, &b->cap_events, i + 1, sizeof *b->events);
    b->events[i] = (struct test_event){l, n};
    b->done.n_events++;
    feed(L, (struct test_feed){
                .at_ms = at_ms, .time_ms = at_ms, .index = (uint32_t)i, .kind = FEED_EVENT});
}

/* t:ping("backup", { at = "1d", status = "fail", log = "disk full", duration = "90s" }): a good end without
 * options, as GET /ping/backup */
int testfile_ping(lua_State *L)
{
    static const char *const names[] = {"at", "duration", "log", "status", NULL};
    struct heartbeat_ping p = {.state = HEARTBEAT_OK};
    const char *name = name_arg(L, 2, "t:ping()"), *log = "", *metric, *status;
    int64_t at_ms = 0, lasted_ms = -1;
    double v;

    if (!heartbeat_is_name(name, strlen(name)))
        sandbox_fail(L, "t:ping(): \"%.100s\" is not the name of a heartbeat", name);
    name = script_dup(L, name, strlen(name));
    if (!lua_isnoneornil(L, 3)) {
        if (!lua_istable(L, 3))
            sandbox_fail(L, "t:ping(\"backup\", { at = \"1d\", status = \"fail\" }) is the form");
        arg_keys(L, 3, "t:ping()", names);
        if (lua_getfield(L, 3, "at") != LUA_TNIL)
            at_ms = arg_duration0(L, -1, "t:ping() at");
        if (lua_getfield(L, 3, "duration") != LUA_TNIL)
            lasted_ms = arg_duration0(L, -1, "t:ping() duration");
        if (lua_getfield(L, 3, "log") != LUA_TNIL)
            log = script_string(L, -1);
        if (lua_getfield(L, 3, "status") != LUA_TNIL) {
            status = luaL_tolstring(L, -1, NULL);
            if (heartbeat_parse(status, strlen(status), &p) != 0)
                sandbox_fail(
                    L, "t:ping(): status is \"start\", \"fail\" or an exit code, not \"%.40s\"",
                    status);
        }
    }
    metric = heartbeat_sample(&p, &v);
    ping_series(L, metric, name, at_ms, v);
    if (lasted_ms >= 0 && p.state != HEARTBEAT_STARTED)
        ping_series(L, HEARTBEAT_LASTED, name, at_ms, (double)lasted_ms / 1000);
    if (heartbeat_has_event(&p, strlen(log)))
        ping_event(L, &p, name, log, at_ms);
    return 0;
}

/* t:silence("5m", { alertname = "X" }, "10m"): from then, for that long */
int testfile_silence(lua_State *L)
{
    struct building *b = building_of(L);
    int64_t at_ms = arg_duration0(L, 2, "t:silence() at");
    int64_t length = arg_duration(L, 4, "t:silence() length");
    size_t i = b->done.n_silences, n = 0;
    struct matcher **all;

    if (!lua_istable(L, 3))
        sandbox_fail(L, "t:silence(\"5m\", { alertname = \"X\" }, \"10m\") is the form");
    all = script_alloc(L, LABELS_MAX * sizeof *all);
    safelib_keys(L, 3);
    for (lua_Integer k = 1; lua_rawgeti(L, -1, k) != LUA_TNIL; k++) {
        const char *label = luaL_tolstring(L, -1, NULL);
        const struct match *m;

        lua_getfield(L, 3, label);
        m = match_arg(L, -1, label);
        for (size_t part = 0; part < match_count(m) && n < LABELS_MAX; part++)
            all[n++] = match_build(L, m, part, label);
        lua_pop(L, 3);
    }
    testfile_grow(L, &b->silences, &b->cap_silences, i + 1, sizeof *b->silences);
    b->silences[i] = (struct test_silence){all, n, at_ms + length};
    b->done.n_silences++;
    feed(L, (struct test_feed){
                .at_ms = at_ms, .time_ms = at_ms, .index = (uint32_t)i, .kind = FEED_SILENCE});
    return 0;
}
