/* heartbeat "backup" { every = "1d", grace = "30m" }: a rule over the series that pings become.
 *
 * It is written out as the table of an alert and read by the same code, so windows, timers, tests, explain and
 * everything behind see a rule like others:
 *
 *   value  = seconds since the last good ping
 *   fire   = late (more than every + grace), or failed (a bad end since the last good one), or never (no good
 *            ping is known, for every + grace)
 *   reason = which of them it is, for the message
 *
 * Two things a file could not write. The time since the last ping is remembered for as long as the longest
 * heartbeat may take (leaf_spec.window_ms), and does not begin anew when Tocsin was away: what has fired would end
 * without a ping. So pings that were sent meanwhile and not repeated count as missed. And "never" counts by
 * :lasting(), whose memory is the alert's: it is in Redis, and a restart or reload does not begin it anew; the window
 * of a new rule, which is filled from the journal, would say "missing for days" in its first second.
 *
 * A start moves no deadline: a run that hangs is late when its end is. Dropped: a time of its own for the end of
 * a run, a second number to keep right that says nothing which `grace` does not. */
#include <stdio.h>
#include <string.h>

#include "lang/rulefile_impl.h"
#include "lang/rulekey.h"
#include "model/heartbeat.h"
#include "script/safelib.h"

#define PERIOD_MAX_MS (INT64_C(400) * 24 * 3600 * 1000)
#define EVERY_MIN_MS  10000 /* the grid of rules */
#define GRACE_MIN_MS  60000
#define NEVER_S       315360000.0 /* ten years: longer than anything is remembered */

static const char *const heartbeat_keys[] = {
    "annotations", "clear_after", "description", "every",        "failed",      "grace",
    "labels",      "notify",      "priority",    "renamed_from", "runbook_url", "severity",
    "shadow",      "summary",     "team",        "unless"};
static const struct rulekey_list known_keys = {heartbeat_keys,
                                               sizeof heartbeat_keys / sizeof *heartbeat_keys};

struct beat {
    const char *name;
    const char *every, *grace; /* as they are told */
    int64_t due_ms;            /* every and grace together */
    struct node *good, *bad, *begun;
    struct node *late, *failed, *never, *hung;
};

/* --- the parts --- */

static struct selector *select_job(lua_State *L, enum leaf_source source, const char *metric,
                                   const char *name)
{
    struct selector *s;

    lua_newtable(L);
    lua_pushstring(L, name);
    lua_setfield(L, -2, HEARTBEAT_LABEL);
    if (source == LEAF_LOGS) {
        lua_pushliteral(L, HEARTBEAT_LOGGER);
        lua_setfield(L, -2, "logger");
        lua_pushliteral(L, "ERROR");
        lua_setfield(L, -2, "level");
    }
    s = selector_refine(L, selector_new(L, source, metric), lua_gettop(L));
    lua_pop(L, 1);
    return s;
}

static struct node *since(lua_State *L, const struct beat *h, const char *metric)
{
    struct node *n = node_leaf(L, select_job(L, LEAF_METRIC, metric, h->name), LEAF_SINCE_LAST,
                               PERIOD_MAX_MS, 0);

    n->x.leaf->grouping = LEAF_BY; /* of nothing: there is always one, also before the first ping */
    return n;
}

static struct node *or_never(lua_State *L, struct node *n)
{
    return expr_default(L, n, NEVER_S);
}

/* Was there an `a` since the last `b`? */
static struct node *newer(lua_State *L, struct node *a, struct node *b)
{
    return cond_compare(L, or_never(L, a), CMP_BELOW, or_never(L, b));
}

static void build(lua_State *L, struct beat *h)
{
    struct quantity due = {.v = (double)h->due_ms / 1000, .unit = UNIT_SECONDS};

    h->good = since(L, h, HEARTBEAT_GOOD);
    h->bad = since(L, h, HEARTBEAT_BAD);
    h->begun = since(L, h, HEARTBEAT_BEGIN);
    h->late = cond_compare(L, h->good, CMP_ABOVE, node_number(L, due));
    h->failed = newer(L, h->bad, h->good);
    h->never = cond_lasting(L, cond_missing(L, h->good), h->due_ms);
    h->hung = cond_join(L, COND_AND, newer(L, h->begun, h->good), newer(L, h->begun, h->bad));
}

static void add_reason(lua_State *L, struct rule_def *d, struct node *cond, const char *text)
{
    d->reasons[d->n_reasons++] =
        (struct rule_reason){cond ? &cond->x : NULL, script_dup(L, text, strlen(text))};
}

static void add_reasons(lua_State *L, struct rule_def *d, const struct beat *h)
{
    char text[300];

    add_reason(L, d, h->failed, "failed: {event_message}");
    snprintf(text, sizeof text,
             "no good ping for %s and %s of grace since it was declared: none yet", h->every,
             h->grace);
    add_reason(L, d, h->never, text);
    snprintf(
        text, sizeof text,
        "it started and has not ended; last good ping {value:duration} ago, due every %s (grace "
        "%s)",
        h->every, h->grace);
    add_reason(L, d, h->hung, text);
    snprintf(text, sizeof text, "last good ping {value:duration} ago, due every %s (grace %s)",
             h->every, h->grace);
    add_reason(L, d, h->late, text);
    add_reason(L, d, NULL, "pinged again");
}

/* --- the table of an alert --- */

static void check_name(lua_State *L, const char *name)
{
    if (!heartbeat_is_name(name, strlen(name)))
        sandbox_fail(L,
                     "the name is part of an address, /ping/NAME: letters, digits, dots, _ and -, "
                     "at most %d",
                     HEARTBEAT_NAME_MAX);
}

static void read_times(lua_State *L, struct beat *h)
{
    struct buf text = BUF_INIT;
    int64_t every_ms, grace_ms;

    if (lua_getfield(L, 1, "every") == LUA_TNIL)
        sandbox_fail(L, "needs `every = \"1d\"`: how often a good ping is due");
    every_ms = arg_duration(L, -1, "every");
    h->every = script_string(L, -1);
    if (every_ms < EVERY_MIN_MS)
        sandbox_fail(L, "`every` is at least 10s");
    lua_pop(L, 1);
    grace_ms = every_ms / 10 / 1000 * 1000;
    grace_ms = grace_ms < GRACE_MIN_MS ? GRACE_MIN_MS : grace_ms;
    if (lua_getfield(L, 1, "grace") != LUA_TNIL) {
        grace_ms = arg_duration0(L, -1, "grace");
        h->grace = script_string(L, -1);
    } else {
        text_duration(&text, grace_ms);
        h->grace = script_dup(L, buf_str(&text), text.len);
        buf_free(&text);
    }
    lua_pop(L, 1);
    if (every_ms > PERIOD_MAX_MS || grace_ms > PERIOD_MAX_MS - every_ms)
        sandbox_fail(L, "`every` and `grace` are together at most 400d");
    h->due_ms = every_ms + grace_ms;
}

static void set_text(lua_State *L, int table, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, table, key);
}

/* The keys that both have, from the table at `from` into that at `to`. */
static void copy_keys(lua_State *L, int from, int to)
{
    static const char *const own[] = {"every", "grace", "failed", "priority", "labels"};

    for (size_t i = 0; i < known_keys.n; i++) {
        const char *key = known_keys.names[i];

        if (rulekey_is_one_of(key, own, sizeof own / sizeof *own))
            continue;
        lua_getfield(L, from, key);
        lua_setfield(L, to, key);
    }
}

/* What the file's defaults say about keys that a heartbeat does not have does not concern it. */
static void narrow_defaults(lua_State *L)
{
    lua_newtable(L);
    copy_keys(L, 2, lua_gettop(L));
    lua_replace(L, 2);
}

/* The rule's own labels, and the name by which it is pinged. */
static void set_labels(lua_State *L, int to, const char *name)
{
    lua_newtable(L);
    if (rulekey_get(L, "labels") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            sandbox_fail(L, "`labels` must be a table { name = \"value\" }, got %s",
                         value_name(L, -1));
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -5);
        }
    }
    lua_pop(L, 1);
    if (lua_getfield(L, -1, HEARTBEAT_LABEL) != LUA_TNIL)
        sandbox_fail(L, "labels." HEARTBEAT_LABEL " is the name of the heartbeat");
    lua_pop(L, 1);
    lua_pushstring(L, name);
    lua_setfield(L, -2, HEARTBEAT_LABEL);
    lua_setfield(L, to, "labels");
}

static int priority_key(lua_State *L, const char *key, int otherwise)
{
    int priority = otherwise;

    if (rulekey_get(L, key) != LUA_TNIL) {
        priority = lua_type(L, -1) == LUA_TSTRING ? priority_parse(lua_tostring(L, -1)) : 0;
        if (!priority)
            sandbox_fail(L, "%s \"%s\" is unknown (P1 … P5)", key, luaL_tolstring(L, -1, NULL));
    }
    lua_pop(L, 1);
    return priority;
}

/* One level, or two where what failed has a priority of its own. */
static void set_fire(lua_State *L, int to, const struct beat *h)
{
    int late = priority_key(L, "priority", 2), failed = priority_key(L, "failed", late);
    struct node *silent = cond_join(L, COND_OR, h->late, h->never);

    if (failed == late) {
        set_text(L, to, "priority", priority_name(late));
        value_push(L, VALUE_COND, cond_join(L, COND_OR, silent, h->failed));
    } else {
        lua_newtable(L);
        value_push(L, VALUE_COND, silent);
        lua_setfield(L, -2, priority_name(late));
        value_push(L, VALUE_COND, h->failed);
        lua_setfield(L, -2, priority_name(failed));
    }
    lua_setfield(L, to, "fire");
}

static void set_attach(lua_State *L, int to, const char *name)
{
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, 1);
    lua_setfield(L, -2, "events");
    value_push(L, VALUE_SELECTOR, select_job(L, LEAF_LOGS, NULL, name));
    lua_setfield(L, -2, "from");
    lua_setfield(L, to, "attach");
}

static int heartbeat_body(lua_State *L)
{
    struct rule *r = alert_def_begin(L, "heartbeat");
    struct beat h = {.name = r->def.name};
    int to;

    check_name(L, h.name);
    rulekey_check(L, 1, &known_keys, "");
    read_times(L, &h);
    build(L, &h);
    lua_newtable(L);
    to = lua_gettop(L);
    copy_keys(L, 1, to);
    set_labels(L, to, h.name);
    set_fire(L, to, &h);
    narrow_defaults(L);
    set_attach(L, to, h.name);
    value_push(L, VALUE_EXPR, h.good);
    lua_setfield(L, to, "value");
    if (!rulekey_text(L, "summary"))
        set_text(L, to, "summary", "{job}: {reason}");
    set_text(L, to, "unit", "seconds");
    set_text(L, to, "delay", "0s"); /* what failed is told at once */
    add_reasons(L, &r->def, &h);
    r->def.heartbeat = r->def.name;
    lua_replace(L, 1);
    lua_settop(L, 2);
    alert_def_end(L, r);
    return 0;
}

static int heartbeat_name(lua_State *L)
{
    return alert_def_name(L, "heartbeat", heartbeat_body);
}

void language_heartbeat_names(lua_State *L)
{
    lua_pushcfunction(L, heartbeat_name);
    lua_setfield(L, -2, "heartbeat");
}
