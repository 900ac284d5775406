/* route { … }: the tree as written, then as it is used: inheritance and names resolved.
 * Written and used are two passes, because a route may stand before the receiver it names, and in another
 * file. After the second nothing is looked up any more: each route holds its receivers and intervals, its
 * own or inherited, and routing is a walk. How many routes an alert can reach is bounded here, at load, so
 * that notify needs no bound for it while it pages. A file that says nothing of receivers sends everything
 * to the inbox; receivers that no route leads to are a mistake. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "config/config_impl.h"
#include "script/safelib.h"

#define ROUTES_MAX    1000 /* children of one route */
#define ROUTE_DEPTH   64
#define RECEIVERS_MAX 64
#define INTERVAL_MS   60000
#define REPEAT_MS     (4 * 3600 * 1000)

/* --- as written --- */

struct written { /* what the rows of a route fill */
    int64_t wait_ms, interval_ms, repeat_ms;
    bool continue_matching;
    const char **receivers;
    size_t n_receivers;
    const char **active;
    size_t n_active;
    const char **mute;
    size_t n_mute;
};

#define AT(field) offsetof(struct written, field)
static const struct row route_rows[] = {{"match", ROW_OTHER, 0, NULL},
                                        {"matchers", ROW_OTHER, 0, NULL},
                                        {"receiver", ROW_TEXTS, AT(receivers), NULL},
                                        {"group_by", ROW_OTHER, 0, NULL},
                                        {"group_wait", ROW_DURATION0, AT(wait_ms), NULL},
                                        {"group_interval", ROW_DURATION, AT(interval_ms), NULL},
                                        {"repeat_interval", ROW_DURATION, AT(repeat_ms), NULL},
                                        {"continue", ROW_BOOL, AT(continue_matching), NULL},
                                        {"active", ROW_TEXTS, AT(active), NULL},
                                        {"mute", ROW_TEXTS, AT(mute), NULL},
                                        {"escalation", ROW_LATER, 0, NULL},
                                        {0}};
_Static_assert(AT(n_receivers) == AT(receivers) + sizeof(char **) &&
                   AT(n_active) == AT(active) + sizeof(char **) &&
                   AT(n_mute) == AT(mute) + sizeof(char **),
               "the count comes behind");

/* `match` and `matchers` together: all of both. */
static void read_match(lua_State *L, struct config_route *r)
{
    size_t n, n_more;
    struct matcher **match = config_read_match(L, "route", "match", &n);
    struct matcher **more = config_read_match(L, "route", "matchers", &n_more);

    r->match = script_alloc(L, (n + n_more + 1) * sizeof *r->match);
    for (size_t i = 0; i < n + n_more; i++)
        r->match[r->n_match++] = i < n ? match[i] : more[i - n];
}

/* group_by = "all", as { "..." }; any other single name is a slip: it would be a list of one. */
static bool is_all(lua_State *L)
{
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;

    if (word && strcmp(word, "all") != 0 && strcmp(word, "...") != 0)
        sandbox_fail(L, "route: `group_by` takes a list, { \"%.100s\" }, or \"all\"", word);
    return word;
}

static void read_group_by(lua_State *L, struct route_block *b)
{
    struct config_route *r = &b->route;
    size_t written;

    if (lua_getfield(L, 1, "group_by") != LUA_TNIL && is_all(L)) {
        b->has_group_by = r->group_by_all = true;
    } else if (!lua_isnil(L, -1)) {
        r->group_by = arg_label_list(L, -1, "route: `group_by`", &r->n_group_by);
        written = (size_t)luaL_len(L, -1);
        if (written != r->n_group_by)
            sandbox_fail(L, "route: `group_by` names a label twice");
        for (size_t i = 0; i < r->n_group_by; i++)
            if (strcmp(r->group_by[i], "...") == 0)
                r->group_by_all = true;
        if (r->group_by_all && r->n_group_by > 1)
            sandbox_fail(L, "route: group_by = { \"...\" } stands alone: it means every label");
        if (r->group_by_all)
            r->n_group_by = 0;
        b->has_group_by = true;
    }
    lua_pop(L, 1);
}

static void take(lua_State *L, struct route_block *parent, struct route_block *child)
{
    if (child->taken)
        sandbox_fail(L, "route: the same route stands in two places");
    if (parent->n_children == ROUTES_MAX)
        sandbox_fail(L, "route: more than %d routes in one", ROUTES_MAX);
    child->taken = true;
    parent->children[parent->n_children++] = child;
}

/* The list part: routes, and lists of them, as include "teams/<all>.lua" returns. */
static void read_children(lua_State *L, struct route_block *b, int list, int depth)
{
    size_t n = arg_list_part(L, list, "route", ROUTES_MAX);

    for (size_t i = 0; i < n; i++) {
        struct route_block *child;

        lua_geti(L, list, (lua_Integer)i + 1);
        child = value_at(L, -1, VALUE_ROUTE);
        if (child)
            take(L, b, child);
        else if (lua_istable(L, -1) && depth < 4)
            read_children(L, b, lua_gettop(L), depth + 1);
        else
            sandbox_fail(L, "route: entry %d is %s, not a route { … }", (int)i + 1,
                         value_name(L, -1));
        lua_pop(L, 1);
    }
}

static int route(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    struct route_block *b = script_alloc(L, sizeof *b);
    struct written w = {.wait_ms = -1, .interval_ms = -1, .repeat_ms = -1};
    char file[LUA_IDSIZE];

    if (!lua_istable(L, 1))
        sandbox_fail(L, "route { … } takes a table, got %s", value_name(L, 1));
    luaL_checkstack(L, 32, NULL);
    b->route.line = sandbox_where(L, file, sizeof file);
    b->file = script_dup(L, file, strlen(file));
    config_rows_read(L, 1, "route", route_rows, &w);
    if (w.n_receivers > RECEIVERS_MAX)
        sandbox_fail(L, "route: more than %d receivers", RECEIVERS_MAX);
    b->receivers = w.receivers;
    b->n_receivers = w.n_receivers;
    b->active = w.active;
    b->n_active = w.n_active;
    b->mute = w.mute;
    b->n_mute = w.n_mute;
    b->route.continue_matching = w.continue_matching;
    b->route.group_wait_ms = w.wait_ms;
    b->route.group_interval_ms = w.interval_ms;
    b->route.repeat_interval_ms = w.repeat_ms;
    read_match(L, &b->route);
    read_group_by(L, b);
    b->children = script_alloc(L, ROUTES_MAX * sizeof *b->children);
    read_children(L, b, 1, 0);
    b->next = f->roots;
    f->roots = b;
    value_push(L, VALUE_ROUTE, b);
    return 1;
}

void config_route_names(lua_State *L)
{
    lua_pushcfunction(L, route);
    lua_setfield(L, -2, "route");
}

/* --- as used --- */

static const struct config_receiver *receiver_named(struct config_file *f, const char *name)
{
    for (size_t i = 0; i < f->n_receivers; i++)
        if (strcmp(f->receivers[i].name, name) == 0)
            return &f->receivers[i];
    return NULL;
}

static void fail_receiver(lua_State *L, const char *file, int line, const char *what,
                          const char *name)
{
    struct config_file *f = config_file_of(L);
    const char **names = script_alloc(L, (f->n_receivers + 1) * sizeof *names), *near;

    for (size_t i = 0; i < f->n_receivers; i++)
        names[i] = f->receivers[i].name;
    near = text_nearest(name, names, f->n_receivers);
    if (near)
        config_fail_at(L, file, line, "%s: receiver \"%s\" is not defined — did you mean \"%s\"?",
                       what, name, near);
    config_fail_at(L, file, line, "%s: receiver \"%s\" is not defined", what, name);
}

static void resolve_receivers(lua_State *L, struct route_block *b)
{
    struct config_file *f = config_file_of(L);

    b->route.receivers = script_alloc(L, (b->n_receivers + 1) * sizeof *b->route.receivers);
    for (size_t i = 0; i < b->n_receivers; i++) {
        const struct config_receiver *r = receiver_named(f, b->receivers[i]);

        if (!r)
            fail_receiver(L, b->file, b->route.line, "route", b->receivers[i]);
        for (size_t k = 0; k < b->route.n_receivers; k++)
            if (b->route.receivers[k] == r)
                config_fail_at(L, b->file, b->route.line, "route: receiver \"%s\" is named twice",
                               r->name);
        b->route.receivers[b->route.n_receivers++] = r;
    }
}

static const struct config_hours *resolve_hours(lua_State *L, const struct route_block *b,
                                                const char *key, const char **names, size_t n)
{
    struct config_hours *list = script_alloc(L, (n + 1) * sizeof *list);

    for (size_t i = 0; i < n; i++) {
        struct err e = {0};

        list[i].name = names[i];
        list[i].calendar = roster_calendar_named(config_file_of(L)->config.roster, names[i], &e);
        if (!list[i].calendar)
            config_fail_at(L, b->file, b->route.line, "route: `%s`: %s", key, e.text);
    }
    return list;
}

static void resolve_calendars(lua_State *L, struct route_block *b)
{
    b->route.active = resolve_hours(L, b, "active", b->active, b->n_active);
    b->route.n_active = b->n_active;
    b->route.mute = resolve_hours(L, b, "mute", b->mute, b->n_mute);
    b->route.n_mute = b->n_mute;
}

static void inherit(struct config_route *r, const struct route_block *b,
                    const struct config_route *parent)
{
    if (r->n_receivers == 0) {
        r->receivers = parent->receivers;
        r->n_receivers = parent->n_receivers;
    }
    if (!b->has_group_by) {
        r->group_by = parent->group_by;
        r->n_group_by = parent->n_group_by;
        r->group_by_all = parent->group_by_all;
    }
    if (r->group_wait_ms < 0)
        r->group_wait_ms = parent->group_wait_ms;
    if (r->group_interval_ms < 0)
        r->group_interval_ms = parent->group_interval_ms;
    if (r->repeat_interval_ms < 0)
        r->repeat_interval_ms = parent->repeat_interval_ms;
}

static void resolve_route(lua_State *L, struct route_block *b, const struct config_route *parent,
                          const char *id, int depth)
{
    struct config_route *r = &b->route;
    const struct config_route **children;
    char child_id[256];

    if (depth > ROUTE_DEPTH)
        config_fail_at(L, b->file, r->line, "route: nested more than %d deep", ROUTE_DEPTH);
    r->id = script_dup(L, id, strlen(id));
    r->parent = parent;
    resolve_receivers(L, b);
    resolve_calendars(L, b);
    if (parent)
        inherit(r, b, parent);
    if (r->repeat_interval_ms < r->group_interval_ms)
        script_warn(L, "route at %s:%d: `repeat_interval` is shorter than `group_interval`",
                    b->file, r->line);
    children = script_alloc(L, (b->n_children + 1) * sizeof *children);
    for (size_t i = 0; i < b->n_children; i++) {
        snprintf(child_id, sizeof child_id, "%.200s.%zu", id, i);
        resolve_route(L, b->children[i], r, child_id, depth + 1);
        children[i] = &b->children[i]->route;
    }
    r->children = children;
    r->n_children = b->n_children;
}

/* How many routes one alert can reach below this one: children with `continue` and one more. */
static size_t reach(const struct config_route *r)
{
    size_t sum = 0, most = 1;

    for (size_t i = 0; i < r->n_children; i++) {
        size_t n = reach(r->children[i]);

        if (sum + n > most)
            most = sum + n;
        if (r->children[i]->continue_matching)
            sum += n;
    }
    return most;
}

static void resolve_fallbacks(lua_State *L)
{
    struct config_file *f = config_file_of(L);

    for (size_t i = 0; i < f->n_receivers; i++) {
        const struct receiver_names *n = &f->pending[i];

        if (!n->fallback)
            continue;
        f->receivers[i].fallback = receiver_named(f, n->fallback);
        if (!f->receivers[i].fallback)
            fail_receiver(L, n->file, n->line, "`fallback`", n->fallback);
    }
    for (size_t i = 0; i < f->n_receivers; i++) {
        const struct config_receiver *r = f->receivers[i].fallback;

        for (size_t steps = 0; r && r != &f->receivers[i] && steps < f->n_receivers; steps++)
            r = r->fallback;
        if (r == &f->receivers[i])
            config_fail_at(L, f->pending[i].file, f->pending[i].line,
                           "receiver \"%s\": its fallbacks lead back to it", r->name);
    }
}

static bool used(const struct config_route *r, const struct config_receiver *receiver)
{
    for (size_t i = 0; i < r->n_receivers; i++)
        if (r->receivers[i] == receiver)
            return true;
    for (size_t i = 0; i < r->n_children; i++)
        if (used(r->children[i], receiver))
            return true;
    return false;
}

static void warn_unused(lua_State *L, const struct config_file *f)
{
    for (size_t i = 0; i < f->n_receivers; i++) {
        bool is_fallback = false;

        for (size_t k = 0; k < f->n_receivers; k++)
            is_fallback = is_fallback || f->receivers[k].fallback == &f->receivers[i];
        if (!is_fallback && !used(f->config.root, &f->receivers[i]))
            script_warn(L, "receiver \"%s\" at %s:%d: no route leads to it", f->receivers[i].name,
                        f->pending[i].file, f->receivers[i].line);
    }
}

/* "everyone" with the inbox, where a file says nothing about receivers. */
static void default_receiver(lua_State *L, struct config_file *f)
{
    static const struct config_channel inbox = {
        .type = CHANNEL_INBOX, .send_resolved = true, .timeout_ms = 10000, .template = "inbox"};

    f->receivers = script_alloc(L, sizeof *f->receivers);
    f->pending = script_alloc(L, sizeof *f->pending);
    f->receivers[0] = (struct config_receiver){.name = "everyone",
                                               .channels = &inbox,
                                               .n_channels = 1,
                                               .if_undelivered_ms = 5 * 60 * 1000};
    f->pending[0].file = f->script.file;
    f->n_receivers = 1;
}

static struct route_block *default_root(lua_State *L, struct config_file *f)
{
    struct route_block *b = script_alloc(L, sizeof *b);
    const char **name = script_alloc(L, sizeof *name);

    name[0] = f->receivers[0].name;
    b->file = f->script.file;
    b->receivers = name;
    b->n_receivers = 1;
    b->route.group_wait_ms = b->route.group_interval_ms = b->route.repeat_interval_ms = -1;
    return b;
}

static struct route_block *find_root(lua_State *L, struct config_file *f)
{
    struct route_block *root = NULL;

    for (struct route_block *b = f->roots; b; b = b->next) {
        if (b->taken)
            continue;
        if (root) /* the list has the newest first: `root` was written later */
            config_fail_at(L, root->file, root->route.line,
                           "a second root route (the first is at %s:%d): put it inside that one",
                           b->file, b->route.line);
        root = b;
    }
    return root;
}

static void check_root(lua_State *L, const struct route_block *b)
{
    if (b->n_receivers == 0)
        config_fail_at(L, b->file, b->route.line, "the root route needs a `receiver`");
    if (b->route.n_match)
        config_fail_at(L, b->file, b->route.line,
                       "the root route takes every alert: `match` belongs to the routes inside it");
    if (b->n_active || b->n_mute)
        config_fail_at(
            L, b->file, b->route.line,
            "the root route is always active: `active` and `mute` belong to the routes inside it");
    if (b->route.continue_matching)
        config_fail_at(L, b->file, b->route.line, "`continue` means nothing on the root route");
}

static void root_defaults(lua_State *L, struct route_block *b)
{
    static const char *const service = "service";
    struct config_route *r = &b->route;

    if (r->group_wait_ms < 0)
        r->group_wait_ms = GROUP_WAIT_BY_PRIORITY;
    if (r->group_interval_ms < 0)
        r->group_interval_ms = INTERVAL_MS;
    if (r->repeat_interval_ms < 0)
        r->repeat_interval_ms = REPEAT_MS;
    if (!b->has_group_by) {
        r->group_by = script_alloc(L, sizeof *r->group_by);
        r->group_by[0] = service;
        r->n_group_by = 1;
        b->has_group_by = true;
    }
}

void config_resolve(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    struct route_block *root = find_root(L, f);

    if (!root && f->n_receivers > 0)
        config_fail_at(
            L, f->pending[0].file, f->pending[0].line,
            "receivers are defined, but no route leads to one: add route { receiver = \"%s\" }",
            f->receivers[0].name);
    if (f->n_receivers == 0)
        default_receiver(L, f);
    if (!root)
        root = default_root(L, f);
    check_root(L, root);
    root_defaults(L, root);
    resolve_fallbacks(L);
    f->config.receivers = f->receivers;
    f->config.n_receivers = f->n_receivers;
    config_roster_resolve(L); /* routes name its calendars */
    resolve_route(L, root, NULL, "0", 0);
    if (reach(&root->route) > CONFIG_ROUTES_MAX)
        sandbox_fail(L,
                     "route: one alert can reach %d routes (`continue`), and may reach %d: give a "
                     "route several receivers, receiver = { \"a\", \"b\" }",
                     (int)reach(&root->route), CONFIG_ROUTES_MAX);
    f->config.root = &root->route;
    assert(f->config.root->n_receivers > 0 && !f->config.root->parent);
    warn_unused(L, f);
}
