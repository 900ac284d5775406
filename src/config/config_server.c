/* server { … }, priorities { … }, deadman { … }, secret_file, secret_env, and the tokens file.
 * Tokens are a file and not Lua, so that a program can write them and an error never quotes one; the line is
 * named. An empty tokens file means that nobody may do anything: who empties it wants to revoke. Memory for
 * a secret is taken before its bytes are read, and they are wiped afterwards, because an error raised by Lua
 * in between would leave them in a buffer that nobody owns. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/zone.h"
#include "config/config_impl.h"
#include "script/safelib.h"

#define SECRET_MAX 65536
#define TOKENS_MAX 1000
#define SCOPE_MAX  16

static const char *const redis_schemes[] = {"redis://", "rediss://", "unix:", "sentinel://", NULL};
static const char *const redis_later[] = {"cluster://", NULL};

/* --- secrets --- */

static int secret_file(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    struct secret *s = NULL;
    const char *path;
    char *bytes;
    size_t len, n;
    bool has_zero;

    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0)
        sandbox_fail(L, "secret_file \"path\" takes the path of a file");
    path = lua_tostring(L, 1);
    /* memory first, so that nothing can be raised while the bytes are held */
    if (mem_grow((void **)&f->secrets, &f->cap_secrets, f->n_secrets + 1, sizeof *f->secrets) < 0)
        sandbox_no_memory(L);
    bytes = script_bytes(L, config_path(L, path), path, SECRET_MAX, &len);
    n = len;
    while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r'))
        n--;
    has_zero = n > 0 && memchr(bytes, 0, n);
    if (!has_zero)
        s = secret_new(bytes, n);
    secret_wipe(bytes, len);
    mem_free(bytes);
    if (has_zero)
        sandbox_fail(L, "secret_file \"%s\": the file contains a zero byte", path);
    if (!s)
        sandbox_no_memory(L);
    f->secrets[f->n_secrets++] = s;
    value_push(L, VALUE_SECRET, s);
    return 1;
}

static int secret_env(lua_State *L)
{
    const struct config_options *o = config_file_of(L)->options;
    const char *name, *value;

    if (lua_type(L, 1) != LUA_TSTRING)
        sandbox_fail(L, "secret_env \"NAME\" takes the name of an environment variable");
    name = lua_tostring(L, 1);
    value = o && o->env ? o->env(name, o->arg) : getenv(name);
    if (!value || !*value)
        sandbox_fail(L, "secret_env \"%s\": the variable is not set", name);
    script_content(L, name, value, strlen(value));
    value_push(L, VALUE_SECRET, (void *)(size_t)config_keep_secret(L, value, strlen(value)));
    return 1;
}

/* --- tokens: lines of  name role[,role] scope token --- */

static const struct {
    const char *name;
    unsigned role;
} roles[] = {
    {"ingest", ROLE_INGEST}, {"read", ROLE_READ}, {"respond", ROLE_RESPOND}, {"admin", ROLE_ADMIN}};

struct word {
    const char *s;
    size_t n;
};

static struct word next_word(const char **p, const char *end)
{
    struct word w;

    while (*p < end && (**p == ' ' || **p == '\t' || **p == '\r'))
        (*p)++;
    w.s = *p;
    while (*p < end && **p != ' ' && **p != '\t' && **p != '\r')
        (*p)++;
    w.n = (size_t)(*p - w.s);
    return w;
}

static unsigned roles_of(lua_State *L, struct word w, int line)
{
    unsigned all = 0;

    for (size_t i = 0, n; i < w.n; i += n + 1) {
        unsigned one = 0;

        n = strcspn(w.s + i, ", \t\r\n");
        if (n > w.n - i)
            n = w.n - i;
        for (size_t r = 0; r < sizeof roles / sizeof *roles; r++)
            if (strlen(roles[r].name) == n && memcmp(roles[r].name, w.s + i, n) == 0)
                one = roles[r].role;
        if (!one)
            sandbox_fail(L, "tokens, line %d: unknown role \"%.*s\" (ingest, read, respond, admin)",
                         line, (int)(n > 40 ? 40 : n), w.s + i);
        all |= one;
    }
    return all;
}

/* "*": everything; else matchers joined by commas: team=payments,env=prod */
static void scope_of(lua_State *L, struct word w, int line, struct config_token *t)
{
    if (w.n == 1 && *w.s == '*')
        return;
    t->scope = script_alloc(L, SCOPE_MAX * sizeof *t->scope);
    for (size_t i = 0; i < w.n;) {
        const char *comma = memchr(w.s + i, ',', w.n - i);
        size_t n = comma ? (size_t)(comma - w.s) - i : w.n - i;
        struct err e = {0};
        struct matcher *m;

        if (t->n_scope == SCOPE_MAX)
            sandbox_fail(L, "tokens, line %d: more than %d matchers in a scope", line, SCOPE_MAX);
        m = matcher_parse(w.s + i, n, &e);
        if (!m && e.code == ERR_MEMORY)
            sandbox_no_memory(L);
        if (!m)
            sandbox_fail(L, "tokens, line %d: the scope (`*` or label=value): %s", line, e.text);
        t->scope[t->n_scope++] = script_keep(L, m);
        i += n + 1;
    }
}

static void token_line(lua_State *L, const char *p, const char *end, int line,
                       struct config_token *tokens, size_t *n)
{
    struct word name = next_word(&p, end), role, scope, token;
    struct config_token *t = &tokens[*n];

    if (name.n == 0 || *name.s == '#')
        return;
    role = next_word(&p, end);
    scope = next_word(&p, end);
    token = next_word(&p, end);
    if (token.n == 0 || next_word(&p, end).n > 0)
        sandbox_fail(L, "tokens, line %d: the form is  name role[,role] scope token", line);
    if (*n == TOKENS_MAX)
        sandbox_fail(L, "tokens: more than %d", TOKENS_MAX);
    for (size_t i = 0; i < *n; i++)
        if (strlen(tokens[i].name) == name.n && memcmp(tokens[i].name, name.s, name.n) == 0)
            sandbox_fail(L, "tokens, line %d: \"%.*s\" is there twice", line,
                         (int)(name.n > 40 ? 40 : name.n), name.s);
    t->name = script_dup(L, name.s, name.n);
    t->roles = roles_of(L, role, line);
    scope_of(L, scope, line, t);
    t->token = config_keep_secret(L, token.s, token.n);
    (*n)++;
}

static void read_tokens(lua_State *L, struct config_server *s, int idx)
{
    const struct secret *file;
    struct config_token *tokens;
    const char *p, *end;
    int line = 1;

    if (lua_getfield(L, idx, "tokens") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    /* an emptied file revokes all tokens, as one without a line that counts does */
    file = value_at(L, -1, VALUE_SECRET);
    if (!file)
        file = config_secret(L, -1, "server: `tokens`");
    tokens = script_alloc(L, (TOKENS_MAX + 1) * sizeof *tokens);
    p = secret_text(file);
    for (; *p; p = *end ? end + 1 : end, line++) {
        end = p + strcspn(p, "\n");
        token_line(L, p, end, line, tokens, &s->n_tokens);
    }
    s->tokens = tokens;
    s->tokens_given = true;
    if (s->n_tokens == 0)
        script_warn(L, "server: `tokens` has no line that counts: nobody may do anything");
    lua_pop(L, 1);
}

/* --- server --- */

#define AT(field) offsetof(struct config_server, field)
static const struct row server_rows[] = {
    {"listen", ROW_TEXT, AT(listen), NULL},
    {"statsd", ROW_TEXT, AT(statsd), NULL},
    {"syslog", ROW_LATER, 0, NULL},
    {"peer_url", ROW_TEXT, AT(peer_url), NULL},
    {"peer_ca", ROW_PATH, AT(peer_ca), NULL},
    {"external_url", ROW_TEXT, AT(external_url), NULL},
    {"resolve_timeout", ROW_DURATION, AT(resolve_timeout_ms), NULL},
    {"redis", ROW_SECRET, AT(redis), NULL},
    {"data_dir", ROW_PATH, AT(data_dir), NULL},
    {"redis_ca", ROW_PATH, AT(redis_ca), NULL},
    {"deny_outgoing", ROW_TEXTS, AT(deny_outgoing), NULL},
    {"rules", ROW_TEXTS, AT(rules), NULL},
    {"tls", ROW_OTHER, 0, NULL},
    {"tokens", ROW_OTHER, 0, NULL},
    {"log", ROW_OTHER, 0, NULL},
    {"redact", ROW_TEXTS, AT(redact), NULL},
    {"zone", ROW_TEXT, AT(zone), NULL},
    {0},
};
_Static_assert(AT(redact.n) == AT(redact.patterns) + sizeof(char **), "the same");
_Static_assert(AT(n_deny_outgoing) == AT(deny_outgoing) + sizeof(char **), "the same");
_Static_assert(AT(n_rules) == AT(rules) + sizeof(char **), "ROW_TEXTS: the count comes behind");

static const struct row tls_rows[] = {
    {"cert", ROW_PATH, AT(tls_cert), NULL}, {"key", ROW_PATH, AT(tls_key), NULL}, {0}};

static bool begins(const char *s, const char *head)
{
    return strncmp(s, head, strlen(head)) == 0;
}

/* "169.254.0.0/16", "fd00::/8", or one address. */
static void check_network(lua_State *L, const char *text)
{
    unsigned char address[16];
    char host[64], *end = NULL;
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    bool v6 = strchr(text, ':');
    long bits = slash ? strtol(slash + 1, &end, 10) : 0;

    snprintf(host, sizeof host, "%.*s", (int)(len < sizeof host ? len : 0), text);
    if (inet_pton(v6 ? AF_INET6 : AF_INET, host, address) != 1 ||
        (slash && (slash[1] < '0' || slash[1] > '9' || *end || bits > (v6 ? 128 : 32))))
        sandbox_fail(L,
                     "server: deny_outgoing: \"%.60s\" is not a network: write "
                     "\"169.254.0.0/16\" or \"fd00::/8\"",
                     text);
}

static bool begins_with_one(const char *s, const char *const *heads)
{
    for (; *heads; heads++)
        if (begins(s, *heads))
            return true;
    return false;
}

static void check_redis(lua_State *L, struct config_server *s)
{
    const char *text = secret_text(s->redis);

    s->redis_embedded = strcmp(text, "embedded") == 0;
    for (size_t i = 0; redis_later[i]; i++)
        if (begins(text, redis_later[i]))
            sandbox_fail(L, "server: redis = \"%s…\" is not part of this version of Tocsin",
                         redis_later[i]);
    if (!s->redis_embedded && !begins_with_one(text, redis_schemes))
        sandbox_fail(L, "server: `redis` must be \"embedded\", redis://…, rediss://…, unix:/path "
                        "or sentinel://host,host/master");
    if (s->redis_ca && !begins(text, "rediss://"))
        sandbox_fail(L, "server: `redis_ca` is for a redis = \"rediss://…\"");
}

static void read_log(lua_State *L, struct config_server *s, int idx)
{
    if (lua_getfield(L, idx, "log") != LUA_TNIL) {
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";

        s->log_json = strcmp(text, "json") == 0;
        if (!s->log_json && strcmp(text, "text") != 0)
            sandbox_fail(L, "server: `log` must be \"text\" or \"json\"");
    }
    lua_pop(L, 1);
}

/* `*` alone would hide every word. */
static void check_redact(lua_State *L, const struct redact_also *also)
{
    if (also->n > REDACT_PATTERNS)
        sandbox_fail(L, "server: `redact` takes at most %d words", REDACT_PATTERNS);
    for (size_t i = 0; i < also->n; i++) {
        const char *word = also->patterns[i];

        if (strlen(word) > REDACT_PATTERN_MAX)
            sandbox_fail(L, "server: redact: \"%.40s…\" is longer than %d bytes", word,
                         REDACT_PATTERN_MAX);
        if (word[strspn(word, "*")] == '\0' || strpbrk(word, " \t\n=:"))
            sandbox_fail(L,
                         "server: redact: \"%.40s\" is no word: a name (\"badge_no\") or a form "
                         "(\"acme-*\") is needed",
                         word);
    }
}

static const char *without_slash(lua_State *L, const char *url)
{
    size_t n = strlen(url);

    while (n > 0 && url[n - 1] == '/')
        n--;
    return script_dup(L, url, n);
}

static int server(lua_State *L)
{
    static const char *const http[] = {"http://", "https://", NULL};
    struct config_file *f = config_file_of(L);
    struct config_server *s = &f->config.server;
    struct err e;

    config_once(L, &f->server_given, "server");
    config_rows_read(L, 1, "server", server_rows, s);
    config_check_address(L, s->listen, "server: listen");
    if (s->statsd)
        config_check_address(L, s->statsd, "server: statsd");
    if (s->external_url) {
        config_check_url(L, s->external_url, "server: `external_url`", http);
        s->external_url = without_slash(L, s->external_url);
    }
    if (s->peer_url) {
        config_check_url(L, s->peer_url, "server: `peer_url`", http);
        s->peer_url = without_slash(L, s->peer_url);
    }
    for (size_t i = 0; i < s->n_rules; i++)
        s->rules[i] = config_path(L, s->rules[i]);
    check_redis(L, s);
    for (size_t i = 0; i < s->n_deny_outgoing; i++)
        check_network(L, s->deny_outgoing[i]);
    check_redact(L, &s->redact);
    if (s->zone && zone_check(s->zone, &e) < 0)
        sandbox_fail(L, "server: `zone`: %s", e.text);
    if (lua_getfield(L, 1, "tls") != LUA_TNIL) {
        if (!lua_istable(L, -1))
            sandbox_fail(L, "server: tls = { cert = \"…\", key = \"…\" } is the form");
        config_rows_read(L, -1, "server: tls", tls_rows, s);
        if (!s->tls_cert || !s->tls_key)
            sandbox_fail(L, "server: tls needs both `cert` and `key`");
    }
    lua_pop(L, 1);
    read_log(L, s, 1);
    read_tokens(L, s, 1);
    return 0;
}

/* --- priorities, deadman --- */

static int priorities(lua_State *L)
{
    struct config_file *f = config_file_of(L);
    struct config_priority *list;
    size_t n = 0;

    config_once(L, &f->priorities_given, "priorities");
    safelib_keys(L, 1);
    list = script_alloc(L, ((size_t)luaL_len(L, -1) + 1) * sizeof *list);
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) != LUA_TNIL; i++) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "priorities { severity = \"P1\", … } is the form");
        list[n].severity = script_string(L, -1);
        lua_gettable(L, 1);
        list[n].priority = lua_type(L, -1) == LUA_TSTRING ? priority_parse(lua_tostring(L, -1)) : 0;
        if (!list[n].priority)
            sandbox_fail(L, "priorities: %s must be \"P1\" … \"P5\"", list[n].severity);
        n++;
        lua_pop(L, 1);
    }
    f->config.priorities = list;
    f->config.n_priorities = n;
    return 0;
}

static int deadman(lua_State *L)
{
    static const struct row rows[] = {
        {"url", ROW_URL, offsetof(struct config_deadman, url), NULL},
        {"every", ROW_DURATION, offsetof(struct config_deadman, every_ms), NULL},
        {0}};
    struct config_file *f = config_file_of(L);

    config_once(L, &f->deadman_given, "deadman");
    config_rows_read(L, 1, "deadman", rows, &f->config.deadman);
    if (!f->config.deadman.url)
        sandbox_fail(L, "deadman needs a `url`");
    if (f->config.deadman.every_ms < 1000)
        sandbox_fail(L, "deadman: `every` is at least 1s");
    return 0;
}

void config_server_names(lua_State *L)
{
    static const luaL_Reg functions[] = {{"server", server},
                                         {"priorities", priorities},
                                         {"deadman", deadman},
                                         {"secret_file", secret_file},
                                         {"secret_env", secret_env},
                                         {"limits", config_limits},
                                         {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
}
