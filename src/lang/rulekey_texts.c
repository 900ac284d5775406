/* What goes out with an alert: labels, annotations, attached events; and which groups must exist.
 * Tables are read in the sorted order of their keys, because Lua's own differs from run to run, and texts,
 * hashes and messages must not. Names that Tocsin sets itself are refused instead of being overwritten.
 * summary, description and runbook_url are annotations like others but have keys of their own, and stand
 * first. */
#include <string.h>

#include "lang/rulekey.h"
#include "script/safelib.h"

#define PAIRS_MAX  64
#define EXPECT_MAX 10000
#define EVENTS_MAX 100

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
    if (rulekey_get(L, key) != LUA_TNIL) {
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

void rulekey_read_labels(lua_State *L, struct rule_def *d)
{
    static const char *const own[] = {"alertname", "priority", "severity"};

    d->labels = read_pairs(L, "labels", 0, &d->n_labels);
    for (size_t i = 0; i < d->n_labels; i++) {
        const char *name = d->labels[i].name;

        if (rulekey_is_one_of(name, own, 3))
            sandbox_fail(L, "labels.%s is set by Tocsin itself%s", name,
                         strcmp(name, "alertname") == 0 ? "" : ": use the key of that name");
        if (!text_is_label(name, strlen(name)))
            sandbox_fail(L, "labels: \"%s\" is not a label name", name);
    }
}

void rulekey_read_annotations(lua_State *L, struct rule_def *d)
{
    static const char *const usual[] = {"summary", "description", "runbook_url"};
    struct rule_pair head[3];
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        const char *text = rulekey_text(L, usual[i]);

        if (text)
            head[n++] = (struct rule_pair){usual[i], text};
    }
    d->annotations = read_pairs(L, "annotations", n, &d->n_annotations);
    for (size_t i = n; i < d->n_annotations; i++)
        if (rulekey_is_one_of(d->annotations[i].name, usual, 3))
            sandbox_fail(L, "annotations.%s has a key of its own: %s = \"…\"",
                         d->annotations[i].name, d->annotations[i].name);
    if (n)
        memcpy(d->annotations, head, n * sizeof *head);
}

void rulekey_read_expect(lua_State *L, struct rule_def *d)
{
    size_t n;
    int at;

    if (rulekey_get(L, "expect") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    at = lua_gettop(L);
    n = arg_list_part(L, at, "`expect`", EXPECT_MAX);
    if (n == 0)
        sandbox_fail(L, "`expect` is a list of label sets: { { job = \"backup\" }, … }");
    arg_list(L, at, "`expect`", EXPECT_MAX);
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
void rulekey_read_attach(lua_State *L, struct rule_def *d)
{
    static const char *const options[] = {"events", "fields", "from", NULL};
    int at;

    if (rulekey_get(L, "attach") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    at = lua_gettop(L);
    if (!lua_istable(L, at))
        sandbox_fail(L, "`attach` must be a table { events = 3, fields = { … } }");
    arg_keys(L, at, "attach", options);
    d->attach_events = 1;
    if (lua_getfield(L, at, "events") != LUA_TNIL)
        d->attach_events = rulekey_whole(L, -1, "attach.events", 0, EVENTS_MAX);
    if (lua_getfield(L, at, "fields") != LUA_TNIL)
        d->attach_fields = arg_label_list(L, -1, "attach.fields", &d->n_attach_fields);
    if (lua_getfield(L, at, "from") != LUA_TNIL) {
        struct selector *s = value_at(L, -1, VALUE_SELECTOR);
        struct node *n = value_at(L, -1, VALUE_EXPR);

        if (s && s->source == LEAF_LOGS) {
            n = node_leaf(L, s, LEAF_COUNT, 5 * 60 * 1000, 0);
            n->x.leaf->grouping = LEAF_BY;
        }
        if (!n || n->x.kind != EXPR_LEAF || n->x.leaf->source != LEAF_LOGS)
            sandbox_fail(L, "attach.from must be logs{…}, got %s", value_name(L, -1));
        d->attach_from = &n->x;
    }
    lua_settop(L, at - 1);
}
