/* `tocsin.lua` as a whole: loaded at once into a tree that never changes.
 * A reload loads another tree beside it, and who still works with the old one holds a reference: so a
 * message on its way ends under the configuration it began with, and nothing is half new. The Lua state ends
 * with the loading: nothing of the file can run later. Secrets are kept apart from the file's memory, so
 * that they can be wiped, and are no strings in Lua, so that they cannot be joined into a text that is
 * logged. Names of later versions are known by name, for a better error than "unknown". */
#include "tocsin/config.h"

#include <assert.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_impl.h"
#include "script/safelib.h"

#define INCLUDES_MAX 200

static const char *const later_names[] = {"pagerduty", "opsgenie", "telegram", "discord",
                                          "msteams",   "sms",      "pushover", "team"};

/* --- the names of the file --- */

static int unknown(lua_State *L)
{
    const char *name = luaL_tolstring(L, 2, NULL);

    for (size_t i = 0; i < sizeof later_names / sizeof *later_names; i++)
        if (strcmp(name, later_names[i]) == 0)
            sandbox_fail(L, "`%s` is not part of this version of Tocsin", name);
    lua_settop(L, 2);
    return safelib_unknown(L);
}

/* include "teams/payments.lua" gives what the file returns; with a `*` a list of that, sorted by
 * name. */
static int include(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    const char *pattern = luaL_checkstring(L, 1);
    const char *dir = f->config.dir;
    size_t skip = *dir ? strlen(dir) + 1 : 0;
    glob_t found;
    int rc;

    if (!strchr(pattern, '*'))
        return script_include(L);
    rc = glob(config_path(L, pattern), GLOB_NOSORT, NULL, &found);
    if (rc == GLOB_NOSPACE)
        sandbox_no_memory(L);
    lua_newtable(L); /* the paths first: nothing below may leak `found` */
    for (size_t i = 0; rc == 0 && i < found.gl_pathc && i < INCLUDES_MAX; i++) {
        lua_pushstring(L, found.gl_pathv[i] + skip);
        lua_pushboolean(L, true);
        lua_rawset(L, -3);
    }
    globfree(&found);
    safelib_keys(L, -1);
    lua_newtable(L);
    for (lua_Integer i = 1; lua_rawgeti(L, 3, i) != LUA_TNIL; i++) {
        lua_pushcfunction(L, script_include);
        lua_insert(L, -2);
        lua_call(L, 1, 1);
        if (lua_istable(L, -1) && luaL_len(L, -1) == 0)
            lua_pop(L, 1); /* the file returned nothing */
        else
            lua_rawseti(L, 4, luaL_len(L, 4) + 1);
    }
    lua_settop(L, 4);
    return 1;
}

static int refuse_secret(lua_State *L)
{
    sandbox_fail(L, "a secret cannot be read, joined or compared; it goes into a key as it is");
}

static void secret_metatable(lua_State *L)
{
    static const luaL_Reg refused[] = {{"__index", refuse_secret},  {"__newindex", refuse_secret},
                                       {"__concat", refuse_secret}, {"__len", refuse_secret},
                                       {"__call", refuse_secret},   {NULL, NULL}};

    lua_newtable(L);
    luaL_setfuncs(L, refused, 0);
    value_metatable(L, VALUE_SECRET);
}

static void names(lua_State *L)
{
    match_metatable(L);
    secret_metatable(L);
    match_names(L);
    config_server_names(L);
    config_receiver_names(L);
    config_route_names(L);
    config_inhibit_names(L);
    config_calendar_names(L);
    config_people_names(L);
    config_escalation_names(L);
    lua_pushcfunction(L, include);
    lua_setfield(L, -2, "include");
}

static void loaded(lua_State *L)
{
    if (*script_of(L)->box.prefix)
        sandbox_fail(L, "it has no { … }");
    config_resolve(L);
    config_resolve_inhibits(L);
}

static const struct script_kind configuration = {names, unknown, loaded};

/* --- defaults --- */

static const struct config_priority usual_priorities[] = {
    {"critical", 1}, {"error", 2}, {"info", 4}, {"none", 5}, {"warning", 3}};

/* Link-local addresses: where clouds keep the credentials of a machine, and no receiver lives. */
static const char *const metadata[] = {"169.254.0.0/16", "fe80::/10", "fd00:ec2::254"};

static int set_defaults(lua_State *L)
{
    struct config *c = &config_file_of(L)->config;

    c->server.listen = "127.0.0.1:9393";
    c->server.redis = config_keep_secret(L, "embedded", strlen("embedded"));
    c->server.redis_embedded = true;
    c->server.resolve_timeout_ms = 5 * 60000;
    c->server.data_dir = config_path(L, "data");
    c->server.rules = script_alloc(L, sizeof *c->server.rules);
    c->server.rules[0] = config_path(L, "rules/*.lua");
    c->server.n_rules = 1;
    c->server.deny_outgoing = script_alloc(L, sizeof metadata);
    memcpy(c->server.deny_outgoing, metadata, sizeof metadata);
    c->server.n_deny_outgoing = sizeof metadata / sizeof *metadata;
    c->priorities = usual_priorities;
    c->n_priorities = sizeof usual_priorities / sizeof *usual_priorities;
    c->deadman.every_ms = 60000;
    return 0;
}

static void free_file(struct config_file *f)
{
    for (size_t i = 0; i < f->n_secrets; i++)
        secret_free(f->secrets[i]);
    mem_free(f->secrets);
    roster_free(f->config.roster);
    script_free(&f->script);
    mem_free(f);
}

static const char *folder_of(struct script *s)
{
    size_t n = (size_t)(s->file - s->path);

    while (n > 1 && s->path[n - 1] == '/')
        n--;
    return region_dup(&s->region, s->path, n);
}

struct config *config_load(const char *path, const char *text, size_t len,
                           const struct config_options *o, struct err *e)
{
    struct script_reader reader = {.read = o ? o->read : NULL, .arg = o ? o->arg : NULL};
    struct config_file *f = mem_zalloc(sizeof *f);

    if (!f)
        return err_set(e, ERR_MEMORY, "%s: not enough memory", path), NULL;
    f->refs = 1;
    f->options = o;
    if (script_open(&f->script, path, &reader, NULL, e) < 0) {
        mem_free(f);
        return NULL;
    }
    f->config.path = f->script.path;
    f->config.dir = f->script.reader.root = folder_of(&f->script);
    if (!f->config.dir) {
        err_set(e, ERR_MEMORY, "%s: not enough memory", path);
        free_file(f);
        return NULL;
    }
    if (sandbox_run(&f->script.box, set_defaults, NULL, e) < 0 ||
        script_load(&f->script, &configuration, text, len, e) < 0) {
        free_file(f);
        return NULL;
    }
    sandbox_close(&f->script.box);
    script_loaded(&f->script);
    f->config.inputs = f->script.inputs;
    f->config.n_inputs = f->script.n_inputs;
    f->config.content = f->script.content;
    f->config.warnings = f->script.warnings;
    f->config.n_warnings = f->script.n_warnings;
    assert(f->config.root && f->config.roster && f->config.n_receivers > 0 && f->refs == 1);
    return &f->config;
}

struct config *config_default(void)
{
    struct config *c = config_load("", "", 0, NULL, NULL);

    return c;
}

struct config *config_ref(const struct config *c)
{
    struct config_file *f = (struct config_file *)(size_t)c;

    assert(f->refs > 0);
    f->refs++;
    return &f->config;
}

void config_unref(const struct config *c)
{
    struct config_file *f = (struct config_file *)(size_t)c;

    assert(!f || f->refs > 0);
    if (f && --f->refs == 0)
        free_file(f);
}

const struct config_receiver *config_receiver_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_receivers; i++)
        if (strcmp(c->receivers[i].name, name) == 0)
            return &c->receivers[i];
    return NULL;
}

int config_priority_of(const struct config *c, const char *severity)
{
    for (size_t i = 0; i < c->n_priorities; i++)
        if (strcmp(c->priorities[i].severity, severity) == 0)
            return c->priorities[i].priority;
    return 0;
}

const char *config_severity_of(const struct config *c, int priority)
{
    for (size_t i = 0; i < c->n_priorities; i++)
        if (c->priorities[i].priority == priority)
            return c->priorities[i].severity;
    return NULL;
}
