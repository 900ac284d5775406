/* Selectors and the window functions on them: where leaves are born.
 * A selector is a value: refining it makes another one, so a file may build on one without changing what it
 * gave before. Matchers are built once and sorted by their text, since rules share a leaf whose text is the
 * same. What a window counts (seconds, bytes) follows from the metric's name and lets a threshold in another
 * unit be refused. Bounds of windows are checked here, where the line is known. */
#include <stdlib.h>
#include <string.h>

#include "lang/node.h"
#include "script/safelib.h"
#include "script/script.h"

#define LOOKBACK_MS (5 * 60 * 1000)
#define WINDOW_MIN  1000 /* the shortest pane */
#define WINDOW_MAX  (INT64_C(35) * 24 * 3600 * 1000)
#define MATCHES_MAX 32

/* --- selectors --- */

struct selector *selector_new(lua_State *L, enum leaf_source source, const char *metric)
{
    struct selector *s = script_scratch(L, sizeof *s);

    s->source = source;
    s->metric = metric;
    return s;
}

static const char *shown(const struct selector *s)
{
    return s->source == LEAF_LOGS ? "logs" : s->metric;
}

static int by_label(const void *pa, const void *pb)
{
    const struct selector_match *a = pa, *b = pb;

    return strcmp(a->label, b->label);
}

static void build(lua_State *L, struct selector_match *sm)
{
    sm->n = match_count(sm->match);
    sm->built = script_scratch(L, sm->n * sizeof *sm->built);
    for (size_t i = 0; i < sm->n; i++)
        sm->built[i] = match_build(L, sm->match, i, sm->label);
}

/* A label tested again by a further call takes the new test. */
static void put_match(lua_State *L, struct selector *s, const char *label,
                      const struct match *match)
{
    size_t i = 0;

    while (i < s->n && strcmp(s->matches[i].label, label) != 0)
        i++;
    if (i == MATCHES_MAX)
        sandbox_fail(L, "%s{…}: more than %d labels are tested", shown(s), MATCHES_MAX);
    s->matches[i].label = label;
    s->matches[i].match = match;
    build(L, &s->matches[i]);
    if (i == s->n)
        s->n++;
}

struct selector *selector_refine(lua_State *L, const struct selector *s, int table)
{
    struct selector *r = selector_new(L, s->source, s->metric);

    r->field = s->field;
    r->matches = script_scratch(L, MATCHES_MAX * sizeof *r->matches);
    r->n = s->n;
    if (s->n)
        memcpy(r->matches, s->matches, s->n * sizeof *s->matches);
    safelib_keys(L, table);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        const char *label;

        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "%s%s{…}: matchers are written `label = value`",
                         s->source == LEAF_METRIC ? "m." : "", shown(s));
        label = script_string(L, -1);
        if (s->source == LEAF_METRIC && strcmp(label, "__name__") == 0)
            sandbox_fail(L, "the metric's name is given as m.name, not as a label");
        lua_gettable(L, table);
        put_match(L, r, label, match_arg(L, -1, label));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    qsort(r->matches, r->n, sizeof *r->matches, by_label);
    return r;
}

/* --- leaves --- */

static int by_text(const void *pa, const void *pb)
{
    const struct matcher *a = *(struct matcher *const *)pa, *b = *(struct matcher *const *)pb;
    struct buf ta = BUF_INIT, tb = BUF_INIT;
    int c;

    matcher_text(a, &ta);
    matcher_text(b, &tb);
    c = strcmp(buf_str(&ta), buf_str(&tb));
    buf_free(&ta);
    buf_free(&tb);
    return c;
}

static void leaf_matchers(lua_State *L, struct leaf_spec *spec, const struct selector *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->matches[i].n;
    spec->matchers = script_alloc(L, (n + 1) * sizeof *spec->matchers);
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->matches[i].n; k++)
            spec->matchers[spec->n_matchers++] = s->matches[i].built[k];
    if (n)
        qsort(spec->matchers, n, sizeof *spec->matchers, by_text);
}

/* The functions whose result counts what the metric counts. */
static bool keeps_dim(enum leaf_fn fn)
{
    return fn == LEAF_LAST || fn == LEAF_INCREASE || fn == LEAF_SUM || fn == LEAF_AVG ||
           fn == LEAF_MIN || fn == LEAF_MAX || fn == LEAF_FIRST || fn == LEAF_DELTA ||
           fn == LEAF_STDDEV || fn == LEAF_QUANTILE;
}

struct node *node_leaf(lua_State *L, const struct selector *s, enum leaf_fn fn, int64_t window_ms,
                       double param)
{
    struct node *n = node_new(L, EXPR_LEAF);
    struct leaf_spec *spec = script_scratch(L, sizeof *spec);

    spec->source = s->source;
    spec->fn = fn;
    spec->metric = s->metric;
    spec->field = s->field;
    spec->window_ms = window_ms;
    spec->param = param;
    leaf_matchers(L, spec, s);
    n->x.leaf = spec;
    if (fn == LEAF_SINCE_LAST) {
        n->dim = DIM_SECONDS;
        n->dim_name = "since_last()";
    } else if (keeps_dim(fn) && (s->metric || s->field)) {
        n->dim_name = s->field ? s->field : s->metric;
        n->dim = dim_of_name(n->dim_name);
    } else if (fn == LEAF_FRACTION_BELOW) {
        n->dim = DIM_RATIO;
        n->dim_name = "fraction_below()";
    }
    node_close(L, n);
    return n;
}

struct node *node_leaf_copy(lua_State *L, const struct node *from)
{
    struct node *n = node_new(L, EXPR_LEAF);
    struct leaf_spec *spec = script_scratch(L, sizeof *spec);

    *spec = *from->x.leaf;
    n->x.leaf = spec;
    n->dim = from->dim;
    n->dim_name = from->dim_name;
    node_close(L, n);
    return n;
}

/* --- window functions --- */

enum leaf_args { ARGS_WINDOW, ARGS_LOOKBACK, ARGS_QUANTILE, ARGS_BELOW, ARGS_NONE };

static const struct {
    enum leaf_args args;
    bool on_events; /* logs{…}:fn() */
    bool on_field;  /* logs{…}:field("x"):fn() */
} leaf_fns[LEAF_FNS] = {
    [LEAF_LAST] = {ARGS_LOOKBACK, false, false},
    [LEAF_RATE] = {ARGS_WINDOW, true, false},
    [LEAF_INCREASE] = {ARGS_WINDOW, false, false},
    [LEAF_IRATE] = {ARGS_WINDOW, false, false},
    [LEAF_COUNT] = {ARGS_WINDOW, true, true},
    [LEAF_SUM] = {ARGS_WINDOW, false, true},
    [LEAF_AVG] = {ARGS_WINDOW, false, true},
    [LEAF_MIN] = {ARGS_WINDOW, false, true},
    [LEAF_MAX] = {ARGS_WINDOW, false, true},
    [LEAF_FIRST] = {ARGS_WINDOW, false, false},
    [LEAF_DELTA] = {ARGS_WINDOW, false, false},
    [LEAF_STDDEV] = {ARGS_WINDOW, false, true},
    [LEAF_CHANGES] = {ARGS_WINDOW, false, false},
    [LEAF_RESETS] = {ARGS_WINDOW, false, false},
    [LEAF_SINCE_LAST] = {ARGS_NONE, true, false},
    [LEAF_QUANTILE] = {ARGS_QUANTILE, false, true},
    [LEAF_FRACTION_BELOW] = {ARGS_BELOW, false, true},
};

static void check_source(lua_State *L, const struct selector *s, enum leaf_fn fn, const char *me)
{
    if (s->source == LEAF_METRIC)
        return;
    if (!s->field && !leaf_fns[fn].on_events && leaf_fns[fn].on_field)
        sandbox_fail(L, ":%s() on logs{…} needs a numeric field: logs{…}:field(\"duration_ms\"):%s",
                     me, method_me(L)->eg);
    if (!s->field && !leaf_fns[fn].on_events)
        sandbox_fail(L, ":%s() works on metrics; on logs{…} use :count(\"5m\") or :rate(\"5m\")",
                     me);
    if (s->field && !leaf_fns[fn].on_field)
        sandbox_fail(L,
                     ":%s() does not work on a field of logs; there are count, sum, avg, min, max, "
                     "stddev, quantile, fraction_below",
                     me);
}

static int64_t window_arg(lua_State *L, int idx, const char *me, const char *name)
{
    char what[64];
    int64_t ms;

    snprintf(what, sizeof what, ":%s() %s", me, name);
    ms = arg_duration(L, idx, what);
    if (ms < WINDOW_MIN)
        sandbox_fail(L, "%s %s is shorter than the minimum of 1s", what, lua_tostring(L, idx));
    if (ms > WINDOW_MAX)
        sandbox_fail(L, "%s %s is longer than the maximum of 35d", what, lua_tostring(L, idx));
    return ms;
}

static double quantile_arg(lua_State *L, const char *me)
{
    double q;

    if (lua_type(L, 2) != LUA_TNUMBER)
        sandbox_fail(L, ":%s() quantile must be between 0 and 1, got %s", me, value_name(L, 2));
    q = lua_tonumber(L, 2);
    if (!(q >= 0 && q <= 1))
        sandbox_fail(L, ":%s() quantile must be between 0 and 1, got %s", me, lua_tostring(L, 2));
    return q;
}

/* fraction_below("300ms", "5m"): the limit is a value of the metric */
static double below_arg(lua_State *L, const struct selector *s)
{
    struct quantity q = arg_quantity(L, 2, ":fraction_below() limit");
    struct node values = {0};

    values.dim_name = s->field ? s->field : s->metric;
    values.dim = values.dim_name ? dim_of_name(values.dim_name) : DIM_UNKNOWN;
    units_check(L, &values, &q, ":fraction_below");
    return q.v;
}

/* Buckets are found by the base name: the series of one bucket have no quantile. */
static void refuse_buckets(lua_State *L, const struct selector *s, const char *me)
{
    static const char suffix[] = "_bucket";
    size_t n = s->metric && s->source != LEAF_LOGS ? strlen(s->metric) : 0, k = sizeof suffix - 1;

    if (n > k && strcmp(s->metric + n - k, suffix) == 0)
        sandbox_fail(L, ":%s() finds the buckets itself: write m.%.*s instead of m.%s", me,
                     (int)(n - k), s->metric, s->metric);
}

static int leaf_method(lua_State *L)
{
    const struct method *me = method_me(L);
    struct selector *s = value_at(L, 1, VALUE_SELECTOR);
    enum leaf_fn fn = (enum leaf_fn)me->arg;
    enum leaf_args args = leaf_fns[fn].args;
    int first = args == ARGS_QUANTILE || args == ARGS_BELOW ? 3 : 2; /* index of the window */
    int most = args == ARGS_NONE ? 1 : first;
    int64_t window = 0;
    double param = 0;

    if (!s)
        sandbox_fail(L, ":%s() works on a metric or log selector, not on a computed expression",
                     me->name);
    check_source(L, s, fn, me->name);
    if (args == ARGS_QUANTILE || args == ARGS_BELOW)
        refuse_buckets(L, s, me->name);
    if (lua_gettop(L) > most)
        sandbox_fail(L, ":%s() takes %d argument(s), got %d", me->name, most - 1,
                     lua_gettop(L) - 1);
    if (args == ARGS_LOOKBACK)
        window = lua_isnoneornil(L, 2) ? LOOKBACK_MS : window_arg(L, 2, me->name, "lookback");
    else if (args != ARGS_NONE && lua_isnoneornil(L, first))
        sandbox_fail(L, ":%s() needs %s, e.g. %s", me->name,
                     first == 2              ? "window"
                     : args == ARGS_QUANTILE ? "q and window"
                                             : "limit and window",
                     first == 2              ? "\"5m\""
                     : args == ARGS_QUANTILE ? "0.99, \"5m\""
                                             : "\"300ms\", \"5m\"");
    else if (args != ARGS_NONE)
        window = window_arg(L, first, me->name, "window");
    if (args == ARGS_QUANTILE)
        param = quantile_arg(L, me->name);
    else if (args == ARGS_BELOW)
        param = below_arg(L, s);
    value_push(L, VALUE_EXPR, node_leaf(L, s, fn, window, param));
    return 1;
}

static int field_method(lua_State *L)
{
    struct selector *s = value_at(L, 1, VALUE_SELECTOR), *r;

    if (!s || s->source != LEAF_LOGS)
        sandbox_fail(L, ":field() works on logs{…} only");
    if (lua_type(L, 2) != LUA_TSTRING || lua_rawlen(L, 2) == 0)
        sandbox_fail(L, ":field() needs the name of a numeric field, e.g. \"duration_ms\"");
    r = script_scratch(L, sizeof *r);
    *r = *s;
    r->field = script_string(L, 2);
    value_push(L, VALUE_SELECTOR, r);
    return 1;
}

const struct method selector_methods[] = {
    {"last", ON_SELECTOR, leaf_method, LEAF_LAST, "last()"},
    {"rate", ON_SELECTOR, leaf_method, LEAF_RATE, "rate(\"5m\")"},
    {"increase", ON_SELECTOR, leaf_method, LEAF_INCREASE, "increase(\"5m\")"},
    {"irate", ON_SELECTOR, leaf_method, LEAF_IRATE, "irate(\"5m\")"},
    {"count", ON_SELECTOR, leaf_method, LEAF_COUNT, "count(\"5m\")"},
    {"sum", ON_SELECTOR, leaf_method, LEAF_SUM, "sum(\"5m\")"},
    {"avg", ON_SELECTOR, leaf_method, LEAF_AVG, "avg(\"5m\")"},
    {"min", ON_SELECTOR, leaf_method, LEAF_MIN, "min(\"5m\")"},
    {"max", ON_SELECTOR, leaf_method, LEAF_MAX, "max(\"5m\")"},
    {"first", ON_SELECTOR, leaf_method, LEAF_FIRST, "first(\"5m\")"},
    {"delta", ON_SELECTOR, leaf_method, LEAF_DELTA, "delta(\"5m\")"},
    {"stddev", ON_SELECTOR, leaf_method, LEAF_STDDEV, "stddev(\"5m\")"},
    {"changes", ON_SELECTOR, leaf_method, LEAF_CHANGES, "changes(\"5m\")"},
    {"resets", ON_SELECTOR, leaf_method, LEAF_RESETS, "resets(\"5m\")"},
    {"since_last", ON_SELECTOR, leaf_method, LEAF_SINCE_LAST, "since_last()"},
    {"quantile", ON_SELECTOR, leaf_method, LEAF_QUANTILE, "quantile(0.99, \"5m\")"},
    {"fraction_below", ON_SELECTOR, leaf_method, LEAF_FRACTION_BELOW,
     "fraction_below(\"300ms\", \"5m\")"},
    {"field", ON_SELECTOR, field_method, 0, "field(\"duration_ms\")"},
    {NULL, 0, NULL, 0, NULL},
};

void language_selector_names(lua_State *L)
{
    value_push(L, VALUE_METRICS, NULL);
    lua_setfield(L, -2, "m");
    value_push(L, VALUE_SELECTOR, selector_new(L, LEAF_LOGS, NULL));
    lua_setfield(L, -2, "logs");
}
