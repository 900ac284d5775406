#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/config.h"

static char *read_file(const char *path, size_t *len, void *arg, struct err *e)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        {"etc/slack.url", "https://hooks.slack.com/services/T/B/x\n"},
        {"/run/key", "k3y\n"},
        {"etc/empty", "\n"},
        {"etc/tokens", "# who may what\n\nprom ingest * t0k\nana read,respond "
                       "team=payments,env=~\"p.*\" s3cr3t\n"},
        {"etc/tokens.bad", "prom ingest,cook * t\n"},
        {"etc/teams/a.lua", "receiver \"a\" { inbox {} }\nreturn route { match = { team = \"a\" }, "
                            "receiver = \"a\" }"},
    };

    (void)arg;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(files[i].path, path) == 0) {
            char *copy = mem_dup(files[i].text, *len = strlen(files[i].text));

            if (!copy)
                err_set(e, ERR_MEMORY, "not enough memory");
            return copy;
        }
    err_set(e, ERR_IO, "there is no such file");
    return NULL;
}

static const char *env(const char *name, void *arg)
{
    (void)arg;
    return strcmp(name, "HOOK_KEY") == 0 ? "hush" : NULL;
}

static const struct config_options options = {.read = read_file, .env = env};

static struct config *load(const char *source, struct err *e)
{
    return config_load("etc/tocsin.lua", source, strlen(source), &options, e);
}

static const char whole[] =
    "server {\n"
    "  listen = \"127.0.0.1:9393\", statsd = \"127.0.0.1:8125\",\n"
    "  external_url = \"https://tocsin.example.com/\", resolve_timeout = \"90s\",\n"
    "  redis = \"embedded\", data_dir = \"data\", rules = { \"rules/*.lua\", \"/opt/r.lua\" },\n"
    "  tls = { cert = \"cert.pem\", key = \"key.pem\" },\n"
    "  tokens = secret_file \"tokens\", redact = { \"badge_no\", \"acme-*\" }, zone = "
    "\"Europe/Berlin\",\n"
    "}\n"
    "receiver \"everyone\" { inbox {} }\n"
    "receiver \"payments\" {\n"
    "  slack { webhook_url = secret_file \"slack.url\" },\n"
    "  email { to = \"oncall@example.com\", from = \"t@example.com\", smtp = "
    "\"smtp://127.0.0.1:2525\" },\n"
    "  webhook { url = \"http://127.0.0.1:5001/\", sign = secret_env \"HOOK_KEY\",\n"
    "    send_resolved = false, headers = { [\"X-Team\"] = \"pay\" }, max_alerts = 20, timeout = "
    "\"3s\" },\n"
    "  fallback = \"everyone\", if_undelivered = \"2m\",\n"
    "}\n"
    "route {\n"
    "  receiver = \"everyone\", group_by = { \"service\", \"cluster\" },\n"
    "  group_interval = \"2m\", repeat_interval = \"3h\",\n"
    "  route { match = { team = \"payments\" }, receiver = { \"payments\", \"everyone\" },\n"
    "    group_wait = \"0s\", route { match = { env = is_not\"prod\" }, group_by = {} } },\n"
    "  route { match = { priority = re\"P[45]\" }, group_by = { \"...\" }, continue = true },\n"
    "}\n"
    "priorities { critical = \"P1\", page = \"P1\", info = \"P5\" }\n"
    "deadman { url = \"https://example.com/ping/1\", every = \"30s\" }\n";

START_TEST(a_whole_file_becomes_a_tree)
{
    struct err e = {0};
    struct config *c = load(whole, &e);
    const struct config_channel *ch;
    const struct config_route *r;

    ck_assert_msg(c != NULL, "%s", e.text);
    ck_assert_str_eq(c->server.external_url, "https://tocsin.example.com");
    ck_assert_int_eq(c->server.resolve_timeout_ms, 90000);
    ck_assert_str_eq(c->server.data_dir, "etc/data");
    ck_assert_str_eq(c->server.rules[0], "etc/rules/*.lua");
    ck_assert_str_eq(c->server.rules[1], "/opt/r.lua");
    ck_assert_str_eq(c->server.tls_key, "etc/key.pem");
    ck_assert(c->server.redis_embedded);
    ck_assert_uint_eq(c->server.n_tokens, 2);
    ck_assert_uint_eq(c->server.redact.n, 2);
    ck_assert_str_eq(c->server.zone, "Europe/Berlin");
    ck_assert_str_eq(c->server.redact.patterns[1], "acme-*");
    ck_assert_uint_eq(c->server.tokens[1].roles, ROLE_READ | ROLE_RESPOND);
    ck_assert_uint_eq(c->server.tokens[1].n_scope, 2);
    ck_assert_uint_eq(c->server.tokens[0].n_scope, 0);
    ck_assert_str_eq(secret_text(c->server.tokens[1].token), "s3cr3t");

    ck_assert_uint_eq(c->n_receivers, 2);
    ck_assert_ptr_eq(c->receivers[1].fallback, &c->receivers[0]);
    ck_assert_int_eq(c->receivers[1].if_undelivered_ms, 120000);
    ck_assert_int_eq(c->receivers[0].if_undelivered_ms, 300000);
    ch = c->receivers[1].channels;
    ck_assert_int_eq(ch[0].type, CHANNEL_SLACK);
    ck_assert_str_eq(secret_text(ch[0].url), "https://hooks.slack.com/services/T/B/x");
    ck_assert_int_eq(ch[1].type, CHANNEL_EMAIL);
    ck_assert_str_eq(ch[1].to[0], "oncall@example.com");
    ck_assert_int_eq(ch[1].tls, MAIL_TLS_IF_OFFERED);
    ck_assert_int_eq(ch[1].timeout_ms, 30000);
    ck_assert_str_eq(ch[1].template, "email");
    ck_assert_str_eq(secret_text(ch[2].sign), "hush");
    ck_assert(!ch[2].send_resolved && ch[1].send_resolved);
    ck_assert_str_eq(ch[2].headers[0].name, "X-Team");
    ck_assert_uint_eq(ch[2].max_alerts, 20);
    ck_assert_int_eq(ch[2].timeout_ms, 3000);

    r = c->root;
    ck_assert_str_eq(r->id, "0");
    ck_assert_int_eq(r->group_wait_ms, GROUP_WAIT_BY_PRIORITY);
    ck_assert_uint_eq(r->n_group_by, 2);
    ck_assert_str_eq(r->group_by[0], "cluster");
    ck_assert_uint_eq(r->n_children, 2);
    ck_assert_uint_eq(r->children[0]->n_receivers, 2);
    ck_assert_int_eq(r->children[0]->group_wait_ms, 0);
    ck_assert_int_eq(r->children[0]->group_interval_ms, 120000);
    ck_assert_str_eq(r->children[0]->children[0]->id, "0.0.0");
    ck_assert_uint_eq(r->children[0]->children[0]->n_receivers, 2);
    ck_assert_uint_eq(r->children[0]->children[0]->n_group_by, 0);
    ck_assert_int_eq(r->children[0]->children[0]->group_wait_ms, 0);
    ck_assert(matcher_negated(r->children[0]->children[0]->match[0]));
    ck_assert(r->children[1]->group_by_all && r->children[1]->continue_matching);
    ck_assert_int_eq(r->children[1]->group_wait_ms, GROUP_WAIT_BY_PRIORITY);
    ck_assert_ptr_eq(r->children[1]->parent, r);

    ck_assert_int_eq(config_priority_of(c, "page"), 1);
    ck_assert_int_eq(config_priority_of(c, "warning"), 0);
    ck_assert_str_eq(config_severity_of(c, 1), "critical");
    ck_assert_int_eq(c->deadman.every_ms, 30000);
    ck_assert_uint_eq(c->n_inputs, 2);
    ck_assert_uint_eq(c->n_warnings, 0);
    config_unref(config_ref(c));
    config_unref(c);
}
END_TEST

START_TEST(matchers_are_read_as_alertmanager_writes_them)
{
    static const char text[] =
        "receiver \"x\" { inbox {} }\n"
        "route { receiver = \"x\", group_by = \"all\",\n"
        "  route { match = { env = \"prod\" }, matchers = { 'team=\"payments\"',\n"
        "    'severity=~\"crit.*\"', \"foo!=bar\", '{\"odd name\"=\"y\",z!~q}' } },\n"
        "  route { match = { 'a=\"b\"', c = re\"d\" }, group_by = {} },\n"
        "}\n";
    static const char *const want[] = {"env=\"prod\"", "team=\"payments\"",  "severity=~\"crit.*\"",
                                       "foo!=\"bar\"", "\"odd name\"=\"y\"", "z!~\"q\""};
    struct err e = {0};
    struct config *c = load(text, &e);
    const struct config_route *r;

    ck_assert_msg(c != NULL, "%s", e.text);
    ck_assert(c->root->group_by_all && c->root->n_group_by == 0);
    r = c->root->children[0];
    ck_assert(r->group_by_all); /* inherited */
    ck_assert_uint_eq(r->n_match, 6);
    for (size_t i = 0; i < 6; i++) {
        struct buf b = BUF_INIT;

        matcher_am_text(r->match[i], &b);
        ck_assert_str_eq(buf_str(&b), want[i]);
        buf_free(&b);
    }
    r = c->root->children[1];
    ck_assert(!r->group_by_all && r->n_group_by == 0);
    ck_assert_uint_eq(r->n_match, 2);
    config_unref(c);
}
END_TEST

START_TEST(without_a_file_there_is_an_inbox)
{
    struct config *c = config_default();

    ck_assert_str_eq(c->server.listen, "127.0.0.1:9393");
    ck_assert_ptr_null(c->server.statsd);
    ck_assert_str_eq(c->server.data_dir, "data");
    ck_assert_str_eq(c->server.rules[0], "rules/*.lua");
    ck_assert_str_eq(c->receivers[0].name, "everyone");
    ck_assert_int_eq(c->receivers[0].channels[0].type, CHANNEL_INBOX);
    ck_assert_ptr_eq(c->root->receivers[0], &c->receivers[0]);
    ck_assert_int_eq(c->root->group_interval_ms, 60000);
    ck_assert_int_eq(c->root->repeat_interval_ms, 4 * 3600 * 1000);
    ck_assert_str_eq(c->root->group_by[0], "service");
    ck_assert_int_eq(config_priority_of(c, "error"), 2);
    ck_assert_str_eq(config_severity_of(c, 3), "warning");
    config_unref(c);
}
END_TEST

START_TEST(included_files_return_routes)
{
    const char *source = "receiver \"x\" { inbox {} }\n"
                         "route { receiver = \"x\", include \"teams/a.lua\" }\n";
    struct err e = {0};
    struct config *c = load(source, &e);

    ck_assert_msg(c != NULL, "%s", e.text);
    ck_assert_str_eq(c->root->children[0]->receivers[0]->name, "a");
    ck_assert_str_eq(c->inputs[0], "etc/teams/a.lua");
    config_unref(c);
}
END_TEST

static uint64_t content_of(const char *source, const struct config_options *o)
{
    struct err e = {0};
    struct config *c = config_load("etc/tocsin.lua", source, strlen(source), o, &e);
    uint64_t content;

    ck_assert_msg(c != NULL, "%s", e.text);
    content = c->content;
    config_unref(c);
    return content;
}

static char *another_secret_file(const char *path, size_t *len, void *arg, struct err *e)
{
    char *bytes = read_file(path, len, arg, e);

    if (bytes && strstr(path, "slack.url"))
        bytes[*len - 2] = bytes[*len - 2] == 'x' ? 'y' : 'x';
    return bytes;
}

static const char *another_variable(const char *name, void *arg)
{
    return env(name, arg) ? "loud" : NULL;
}

START_TEST(what_was_read_again_unchanged_is_known_as_the_same)
{
    struct config_options file = options, variable = options;
    const char *included =
        "receiver \"x\" { inbox {} }\nroute { receiver = \"x\", include \"teams/a.lua\" }\n";
    uint64_t before = content_of(whole, &options);

    file.read = another_secret_file;
    variable.env = another_variable;
    ck_assert(content_of(whole, &options) == before);
    ck_assert(content_of(included, &options) != before);
    ck_assert(content_of(whole, &file) != before);
    ck_assert(content_of(whole, &variable) != before);
}
END_TEST

/* What a message advises to raise can be raised: at the least and the most of each, and as a whole. */
START_TEST(every_limit_can_be_set)
{
    static const struct {
        const char *key, *least, *most;
        size_t at;
    } rows[] = {
#define LIMIT(key, field, least, most) {key, least, most, offsetof(struct config_limits, field)}
        LIMIT("redis_memory", redis_memory, "\"64MiB\"", "\"4TiB\""),
        LIMIT("journal_percent", journal_percent, "5", "60"),
        LIMIT("journal_memory", journal_memory, "\"16MiB\"", "\"4TiB\""),
        LIMIT("retention", retention_ms, "\"1m\"", "\"7d\""),
        LIMIT("pending_memory", pending_memory, "\"8MiB\"", "\"256GiB\""),
        LIMIT("window_memory", window_memory, "\"16MiB\"", "\"4TiB\""),
        LIMIT("groups", groups, "100", "100000000"),
        LIMIT("series", series, "1000", "100000000"),
        LIMIT("new_series_per_minute", new_series_per_minute, "100", "100000000"),
        LIMIT("label_memory", label_memory, "\"1MiB\"", "\"4TiB\""),
        LIMIT("label_memory_per_token", label_memory_per_token, "\"1MiB\"", "\"4TiB\""),
        LIMIT("incidents", incidents, "10", "1000000"),
        LIMIT("incidents_keep", incidents_keep_ms, "\"1h\"", "\"400d\""),
        LIMIT("silences", silences, "10", "1000000"),
        LIMIT("history", history, "1000", "100000000"),
#undef LIMIT
    };
    static const struct config_limits none;
    struct err e = {0};
    struct config *c = load("", &e);

    ck_assert_uint_eq(sizeof rows / sizeof *rows * sizeof(uint64_t), sizeof none);
    ck_assert_mem_eq(&c->limits, &none, sizeof none); /* each room has its default */
    config_unref(c);
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        const char *value = i % 2 ? rows[i / 2].most : rows[i / 2].least;
        struct config_limits rest;
        uint64_t set;
        char source[128];

        snprintf(source, sizeof source, "limits { %s = %s }", rows[i / 2].key, value);
        c = load(source, &e);
        ck_assert_msg(c != NULL, "%s: %s", source, e.text);
        rest = c->limits;
        memcpy(&set, (char *)&rest + rows[i / 2].at, sizeof set);
        ck_assert_msg(set > 0, "%s", source);
        memset((char *)&rest + rows[i / 2].at, 0, sizeof set);
        ck_assert_mem_eq(&rest, &none, sizeof none);
        config_unref(c);
    }
}
END_TEST

#define T "tocsin.lua:1: "
#define R "receiver \"x\" { inbox {} } "
static const struct {
    const char *source, *want;
} refused[] = {
    {"server { listn = \"x\" }", T "server: unknown key \"listn\" — did you mean \"listen\"?"},
    {"server { listen = \"9393\" }",
     T "server: listen = \"9393\": an address with a port is needed, e.g. \"127.0.0.1:9393\""},
    {"server { listen = \"a:65536\" }",
     T "server: listen = \"a:65536\": the port must be a number from 0 to 65535"},
    {"server { syslog = \"127.0.0.1:5514\" }",
     T "server: `syslog` is not part of this version of Tocsin"},
    {"server { zone = \"Berlin\" }",
     T "server: `zone`: there is no time zone \"Berlin\"; did you mean \"Europe/Berlin\"?"},
    {"server { redact = \"**\" }",
     T "server: redact: \"**\" is no word: a name (\"badge_no\") or a form (\"acme-*\") is needed"},
    {"server { redact = { \"a\", \"b=c\" } }", T
     "server: redact: \"b=c\" is no word: a name (\"badge_no\") or a form (\"acme-*\") is needed"},
    {"server { redis = \"mysql://x\" }",
     T "server: `redis` must be \"embedded\", redis://…, rediss://…, unix:/path "
       "or sentinel://host,host/master"},
    {"server { redis = \"cluster://a:1\" }",
     T "server: redis = \"cluster://…\" is not part of this version of Tocsin"},
    {"server { peer_url = \"10.0.0.5:9393\" }", T "server: `peer_url` must begin with http://"},
    {"server { redis_ca = \"ca.pem\" }", T "server: `redis_ca` is for a redis = \"rediss://…\""},
    {"limits {} limits {}", T "limits { … } is given twice"},
    {"limits { serie = 5000 }", T "limits: unknown key \"serie\" — did you mean \"series\"?"},
    {"limits { series = 999 }", T "limits: `series` is from 1000 to 100000000"},
    {"limits { series = 100000001 }", T "limits: `series` is from 1000 to 100000000"},
    {"limits { series = 0 }", T "limits: `series` must be a whole number, at least 1"},
    {"limits { series = 1000.5 }", T "limits: `series` must be a whole number, at least 1"},
    {"limits { window_memory = 64 }",
     T "limits: `window_memory` must be a size such as \"512MiB\" or \"2GiB\""},
    {"limits { window_memory = \"64s\" }",
     T "limits: `window_memory` must be a size such as \"512MiB\" or \"2GiB\""},
    {"limits { window_memory = \"-1GiB\" }",
     T "limits: `window_memory` must be a size such as \"512MiB\" or \"2GiB\""},
    {"limits { redis_memory = \"63MiB\" }", T "limits: `redis_memory` is from 64 MiB to 4 TiB"},
    {"limits { retention = \"59s\" }", T "limits: `retention` is from 1m to 1w"},
    {"limits { journal_percent = 61 }", T "limits: `journal_percent` is from 5 to 60"},
    {"server {} server {}", T "server { … } is given twice"},
    {"server { tls = { cert = \"x\" } }", T "server: tls needs both `cert` and `key`"},
    {"server { tokens = secret_file \"tokens.bad\" }",
     T "tokens, line 1: unknown role \"cook\" (ingest, read, respond, admin)"},
    {"server { tokens = secret_file \"nope\" }", T "\"nope\": there is no such file"},
    {"server { redis = secret_file \"empty\" }", T "server: `redis`: the secret_file is empty"},
    {"server { redis = secret_env \"NOPE\" }", T "secret_env \"NOPE\": the variable is not set"},
    {"receiver \"x\" { webhook {} }", T "receiver \"x\": webhook needs a `url`"},
    {"receiver \"x\" { webhook { url = \"ftp://x\" } }",
     T "receiver \"x\": webhook: `url` must begin with http://"},
    {"receiver \"x\" { webhook { url = \"http:///x\" } }",
     T "receiver \"x\": webhook: `url` is no URL"},
    {"receiver \"x\" { webhook { url = \"http://a\", headers = { [\"X-A\"] = \"a\\r\\nB: c\" } } }",
     T "receiver \"x\": webhook: `headers`: the value of a header contains a control character"},
    {"receiver \"x\" { webhook { url = \"http://a\", timeout = \"11m\" } }",
     T "receiver \"x\": webhook: `timeout` is at most 10m"},
    {"receiver \"x\" { slack { bot_token = \"x\" } }",
     T "receiver \"x\": slack: `bot_token` is not part of this version of Tocsin"},
    {"receiver \"x\" { pagerduty { routing_key = \"x\" } }",
     T "receiver \"x\": `pagerduty` is not part of this version of Tocsin"},
    {"receiver \"x\" { email { to = \"nobody\", from = \"a@b\", smtp = \"smtp://h\" } }",
     T "receiver \"x\": email: \"nobody\" is no mail address (one a string: \"a@example.com\" or "
       "\"Name <a@example.com>\"; several: { \"a@example.com\", \"b@example.com\" })"},
    {"receiver \"x\" { email { to = \"a@b, c@d\", from = \"a@b\", smtp = \"smtp://h\" } }",
     T "receiver \"x\": email: \"a@b, c@d\" is no mail address (one a string: \"a@example.com\" or "
       "\"Name <a@example.com>\"; several: { \"a@example.com\", \"b@example.com\" })"},
    {"receiver \"x\" { email { to = \"a@b\", from = \"a@b\", smtp = \"smtp://h\", tls = \"yes\" } "
     "}",
     T "receiver \"x\": email: `tls` must be \"none\", \"if offered\" or \"required\""},
    {"receiver \"x\" { email { to = \"a@b\\r\\nBcc: c@d\", from = \"a@b\", smtp = \"smtp://h\" } }",
     T "receiver \"x\": email: an address contains a control character"},
    {"receiver \"x\" {}",
     T "receiver \"x\": it has no channel (inbox {}, webhook { … }, slack { … }, email { … })"},
    {"receiver \"x\" { inbox {} } local t = { receiver = \"x\" } for i = 1, 65 do t[i] = route { "
     "receiver = \"x\", continue = true } end route(t)",
     "tocsin.lua: route: one alert can reach 65 routes (`continue`), and may reach 64: give a "
     "route "
     "several receivers, receiver = { \"a\", \"b\" }"},
    {"server { deny_outgoing = \"10.0.0.0/33\" }",
     T "server: deny_outgoing: \"10.0.0.0/33\" is not a network: write \"169.254.0.0/16\" or "
       "\"fd00::/8\""},
    {R R, T "receiver \"x\": defined twice (first at tocsin.lua:1)"},
    {R, T "receivers are defined, but no route leads to one: add route { receiver = \"x\" }"},
    {R "route {}", T "the root route needs a `receiver`"},
    {R "route { receiver = \"y\" }", T "route: receiver \"y\" is not defined"},
    {"receiver \"payments\" { inbox {} }\nroute { receiver = \"payment\" }",
     "tocsin.lua:2: route: receiver \"payment\" is not defined — did you mean \"payments\"?"},
    {R "route { receiver = \"x\", match = { a = \"b\" } }",
     T "the root route takes every alert: `match` belongs to the routes inside it"},
    {R "route { receiver = \"x\", continue = true }",
     T "`continue` means nothing on the root route"},
    {R "route { receiver = \"x\" } route { receiver = \"x\" }",
     T "a second root route (the first is at tocsin.lua:1): put it inside that one"},
    {R "route { receiver = \"x\", group_by = { \"a\", \"a\" } }",
     T "route: `group_by` names a label twice"},
    {R "route { receiver = \"x\", group_by = { \"a\", \"...\" } }",
     T "route: group_by = { \"...\" } stands alone: it means every label"},
    {R "route { receiver = \"x\", group_by = \"a\" }",
     T "route: `group_by` takes a list, { \"a\" }, or \"all\""},
    {R "route { receiver = \"x\", route { matchers = { 'a=b', 'a' } } }",
     T "route: matchers: matcher `a`: after the name one of = != =~ !~ is expected"},
    {R "route { receiver = \"x\", route { matchers = { '' } } }",
     T "route: matchers: an empty text: leave it out to match everything"},
    {R "route { receiver = \"x\", route { matchers = { 7 } } }",
     T "route: matchers: matchers are written `label = value` or as texts, 'label=\"value\"'"},
    {R "route { receiver = \"x\", matchers = { 'a=b' } }",
     T "the root route takes every alert: `match` belongs to the routes inside it"},
    {R "route { receiver = \"x\", repeat_interval = \"0s\" }",
     T "route: `repeat_interval`: a duration must be positive"},
    {R "route { receiver = \"x\", active = \"hours\" }",
     T "the root route is always active: `active` and `mute` belong to the routes inside it"},
    {R
     "calendar \"hours\" { \"08:00-20:00\" } route { receiver = \"x\", route { mute = { \"hours\", "
     "\"hour\" } } }",
     T "route: `mute`: there is no calendar \"hour\" — did you mean \"hours\"?"},
    {R "route { receiver = \"x\", grup_by = {} }",
     T "route: unknown key \"grup_by\" — did you mean \"group_by\"?"},
    {"receiver \"x\" { inbox {}, fallback = \"y\" }\nreceiver \"y\" { inbox {}, fallback = \"x\" "
     "}\n"
     "route { receiver = \"x\" }",
     "tocsin.lua:1: receiver \"x\": its fallbacks lead back to it"},
    {"inhibit \"a\" {}", T "inhibit \"a\": needs `source`: which alerts hold others back, source = "
                           "{ alertname = \"…\" }"},
    {"inhibit \"a\" { source = { a = \"b\" } }",
     T "inhibit \"a\": needs `target`: which alerts are held back, target = { alertname = \"…\" }"},
    {"inhibit \"a\" { source = { a = \"b\" }, target = { a = \"c\" }, equals = {} }",
     T "inhibit \"a\": inhibit: unknown key \"equals\" — did you mean \"equal\"?"},
    {"local function h(n, s, t) inhibit(n) { source = { kind = s }, target = { kind = t } } end "
     "h(\"x\", \"a\", \"b\") h(\"y\", \"b\", \"a\")",
     "tocsin.lua: inhibit \"x\" and \"y\" hold each other: the target of each leads to the source "
     "of the other, so nobody would be told of either; take one of them out"},
    {"inhibit \"a\" { source = { a = \"b\" }, target = { a = \"c\" } } inhibit \"a\" { source = { "
     "a = \"b\" }, target = { a = \"c\" } }",
     T "inhibit \"a\": defined twice (first at line 1)"},
    {"priorities { critical = \"P0\" }", T "priorities: critical must be \"P1\" … \"P5\""},
    {"deadman { every = \"1m\" }", T "deadman needs a `url`"},
    {"recever \"x\" {}", T "unknown name \"recever\" — did you mean \"receiver\"?"},
    {"include \"../x.lua\"", T "\"../x.lua\": a path below etc is needed, without `..`"},
    {"local s = secret_env \"HOOK_KEY\" error(\"\" .. s)",
     T "a secret cannot be read, joined or compared; it goes into a key as it is"},
    {"while true do end",
     T "too much work while loading: the budget of instructions is spent (an endless loop?)"},
};

START_TEST(mistakes_are_told)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct err e = {0};
        struct config *c = load(refused[i].source, &e);

        ck_assert_msg(!c, "accepted: %s", refused[i].source);
        ck_assert_msg(strcmp(e.text, refused[i].want) == 0, "%s\n got: %s\nwant: %s",
                      refused[i].source, e.text, refused[i].want);
    }
}
END_TEST

START_TEST(what_cannot_work_well_is_warned_of)
{
    const char *source = "receiver \"x\" { inbox {} }\nreceiver \"lonely\" { inbox {} }\n"
                         "route { receiver = \"x\", group_interval = \"5m\", repeat_interval = "
                         "\"1m\" }\n";
    struct err e = {0};
    struct config *c = load(source, &e);

    ck_assert_msg(c != NULL, "%s", e.text);
    ck_assert_uint_eq(c->n_warnings, 2);
    ck_assert_ptr_nonnull(strstr(c->warnings[0], "`repeat_interval` is shorter"));
    ck_assert_ptr_nonnull(strstr(c->warnings[1], "\"lonely\" at tocsin.lua:2: no route leads"));
    config_unref(c);
}
END_TEST

START_TEST(every_failed_allocation_is_survived)
{
    for (long n = 1;; n++) {
        struct err e = {0};
        struct config *c;

        mem_fail_at(n);
        c = load(whole, &e);
        if (!mem_failed()) {
            mem_fail_at(0);
            ck_assert_ptr_nonnull(c);
            config_unref(c);
            return;
        }
        mem_fail_at(0);
        /* Lua collects and asks again, so a single failure may pass unseen */
        if (c)
            config_unref(c);
        else
            ck_assert_msg(e.code == ERR_MEMORY || e.code == ERR_LIMIT, "%ld: %s", n, e.text);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, every_limit_can_be_set);
    tcase_add_test(t, a_whole_file_becomes_a_tree);
    tcase_add_test(t, matchers_are_read_as_alertmanager_writes_them);
    tcase_add_test(t, without_a_file_there_is_an_inbox);
    tcase_add_test(t, included_files_return_routes);
    tcase_add_test(t, what_was_read_again_unchanged_is_known_as_the_same);
    tcase_add_test(t, mistakes_are_told);
    tcase_add_test(t, what_cannot_work_well_is_warned_of);
    tcase_add_test(t, every_failed_allocation_is_survived);
}

UNIT_MAIN("config", add)
