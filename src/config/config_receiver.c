/* receiver "name" { inbox {}, webhook { … }, fallback = "other" } and the channels. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/config_impl.h"

#define CHANNELS_MAX  32
#define RECEIVERS_MAX 10000
#define HEADERS_MAX   32
#define NAME_MAX_LEN  200
#define TIMEOUT_MS    10000
#define MAIL_TIMEOUT  30000 /* mail servers greet late on purpose */
#define UNDELIVERED   (5 * 60 * 1000)

const char *const channel_type_names[CHANNEL_TYPES] = {
    [CHANNEL_INBOX] = "inbox",
    [CHANNEL_WEBHOOK] = "webhook",
    [CHANNEL_SLACK] = "slack",
    [CHANNEL_EMAIL] = "email",
};

/* --- channels --- */

#define AT(field) offsetof(struct config_channel, field)
static const struct row inbox_rows[] = {{"send_resolved", ROW_BOOL, AT(send_resolved)},
                                        {"template", ROW_TEXT, AT(template)},
                                        {NULL, ROW_OTHER, 0}};

static const struct row webhook_rows[] = {
    {"url", ROW_URL, AT(url)},
    {"sign", ROW_SECRET, AT(sign)},
    {"headers", ROW_OTHER, 0},
    {"user", ROW_TEXT, AT(user)},
    {"password", ROW_SECRET, AT(password)},
    {"bearer", ROW_SECRET, AT(bearer)},
    {"ca_file", ROW_PATH, AT(ca_file)},
    {"insecure_skip_verify", ROW_BOOL, AT(insecure_skip_verify)},
    {"max_alerts", ROW_COUNT, AT(max_alerts)},
    {"send_resolved", ROW_BOOL, AT(send_resolved)},
    {"timeout", ROW_TIMEOUT, AT(timeout_ms)},
    {"template", ROW_TEXT, AT(template)},
    {NULL, ROW_OTHER, 0}};

static const struct row slack_rows[] = {
    {"webhook_url", ROW_URL, AT(url)},
    {"channel", ROW_TEXT, AT(slack_channel)},
    {"bot_token", ROW_LATER, 0},
    {"signing_secret", ROW_LATER, 0},
    {"ca_file", ROW_PATH, AT(ca_file)},
    {"insecure_skip_verify", ROW_BOOL, AT(insecure_skip_verify)},
    {"send_resolved", ROW_BOOL, AT(send_resolved)},
    {"timeout", ROW_TIMEOUT, AT(timeout_ms)},
    {"template", ROW_TEXT, AT(template)},
    {NULL, ROW_OTHER, 0}};

static const struct row email_rows[] = {
    {"to", ROW_TEXTS, AT(to)},
    {"from", ROW_TEXT, AT(from)},
    {"smtp", ROW_TEXT, AT(smtp)},
    {"tls", ROW_OTHER, 0},
    {"user", ROW_TEXT, AT(user)},
    {"password", ROW_SECRET, AT(password)},
    {"ca_file", ROW_PATH, AT(ca_file)},
    {"insecure_skip_verify", ROW_BOOL, AT(insecure_skip_verify)},
    {"send_resolved", ROW_BOOL, AT(send_resolved)},
    {"timeout", ROW_TIMEOUT, AT(timeout_ms)},
    {"template", ROW_TEXT, AT(template)},
    {NULL, ROW_OTHER, 0}};
_Static_assert(AT(n_to) == AT(to) + sizeof(char **), "ROW_TEXTS: the count comes behind");

/* Header names are tokens (RFC 9110); values hold no line ends, or they would be further headers. */
static void check_header(lua_State *L, const char *name, const struct secret *value)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "!#$%&'*+-.^_`|~");

    if (n == 0 || name[n])
        sandbox_fail(L, "webhook: headers: \"%s\" is no header name", name);
    config_check_plain(L, secret_text(value), "webhook: the value of a header");
}

static void read_headers(lua_State *L, struct config_channel *c)
{
    struct config_header *headers;

    if (lua_getfield(L, 1, "headers") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (!lua_istable(L, -1))
        sandbox_fail(L, "webhook: headers = { [\"X-Name\"] = \"value\" } is the form");
    headers = script_alloc(L, HEADERS_MAX * sizeof *headers);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        struct config_header *h = &headers[c->n_headers];

        if (lua_type(L, -2) != LUA_TSTRING || c->n_headers == HEADERS_MAX)
            sandbox_fail(L, "webhook: headers: at most %d, written [\"X-Name\"] = \"value\"",
                         HEADERS_MAX);
        h->name = script_string(L, -2);
        h->value = config_secret(L, -1, "webhook: the value of a header");
        check_header(L, h->name, h->value);
        c->n_headers++;
        lua_pop(L, 1);
    }
    c->headers = headers;
    lua_pop(L, 1);
}

/* "ana@example.com" or "Ana <ana@example.com>": one address, since an envelope takes one. */
static void check_mail(lua_State *L, const char *text)
{
    const char *open = strrchr(text, '<'), *address = open ? open + 1 : text;
    size_t n = strcspn(address, open ? ">" : ""), local = strcspn(address, "@");

    config_check_plain(L, text, "email: an address");
    if (local == 0 || local + 1 >= n || strcspn(address, " ,;<>\"") < n ||
        (open && strcmp(address + n, ">") != 0))
        sandbox_fail(L,
                     "email: \"%s\" is no mail address (one a string: \"a@example.com\" or "
                     "\"Name <a@example.com>\"; several: { \"a@example.com\", \"b@example.com\" })",
                     text);
}

static bool is_far(const char *smtp)
{
    static const char *const near[] = {"127.", "localhost", "[::1]"};
    const char *host = strstr(smtp, "://") + 3;

    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        if (strncmp(host, near[i], strlen(near[i])) == 0)
            return false;
    return true;
}

static void read_mail_tls(lua_State *L, struct config_channel *c)
{
    static const char *const words[] = {"none", "if offered", "required"};
    const char *text;
    int i = 0;

    if (lua_getfield(L, 1, "tls") == LUA_TNIL) {
        /* a password must not travel in the clear */
        c->tls = c->password ? CONFIG_TLS_REQUIRED : CONFIG_TLS_IF_OFFERED;
        lua_pop(L, 1);
        if (!c->password && strncmp(c->smtp, "smtp://", 7) == 0 && is_far(c->smtp))
            script_warn(L, "email: `tls` is \"if offered\", so anyone between may read the mail; "
                           "tls = \"required\" checks the server's certificate");
        return;
    }
    text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(text, "if_offered") == 0)
        text = words[CONFIG_TLS_IF_OFFERED];
    while (i < 3 && strcmp(words[i], text) != 0)
        i++;
    if (i == 3)
        sandbox_fail(L, "email: `tls` must be \"none\", \"if offered\" or \"required\"");
    c->tls = (enum config_mail_tls)i;
    lua_pop(L, 1);
}

static struct config_channel *channel_begin(lua_State *L, enum channel_type type,
                                            const struct row *rows)
{
    struct config_channel *c = script_alloc(L, sizeof *c);
    const char *name = channel_type_names[type];
    char file[LUA_IDSIZE];

    if (!lua_istable(L, 1))
        sandbox_fail(L, "%s { … } takes a table, got %s", name, value_name(L, 1));
    if (luaL_len(L, 1) > 0)
        sandbox_fail(L, "%s { … }: keys are written `name = value`", name);
    c->type = type;
    c->line = sandbox_where(L, file, sizeof file);
    c->file = script_dup(L, file, strlen(file));
    c->send_resolved = true;
    c->timeout_ms = type == CHANNEL_EMAIL ? MAIL_TIMEOUT : TIMEOUT_MS;
    c->template = name;
    config_rows_read(L, 1, name, rows, c);
    if (strchr(c->template, '/') || *c->template == '.')
        sandbox_fail(L, "%s: `template` is the name of a file in rules/channels, without folder",
                     name);
    return c;
}

static int channel_end(lua_State *L, struct config_channel *c)
{
    value_push(L, VALUE_CHANNEL, c);
    return 1;
}

static int inbox(lua_State *L)
{
    return channel_end(L, channel_begin(L, CHANNEL_INBOX, inbox_rows));
}

static int webhook(lua_State *L)
{
    struct config_channel *c = channel_begin(L, CHANNEL_WEBHOOK, webhook_rows);

    if (!c->url)
        sandbox_fail(L, "webhook needs a `url`");
    if (c->bearer && c->user)
        sandbox_fail(L, "webhook: give either `bearer` or `user` and `password`");
    if (!c->user != !c->password)
        sandbox_fail(L, "webhook: `user` and `password` go together");
    read_headers(L, c);
    return channel_end(L, c);
}

static int slack(lua_State *L)
{
    struct config_channel *c = channel_begin(L, CHANNEL_SLACK, slack_rows);

    if (!c->url)
        sandbox_fail(L, "slack needs a `webhook_url`");
    return channel_end(L, c);
}

static int email(lua_State *L)
{
    static const char *const schemes[] = {"smtp://", "smtps://", NULL};
    struct config_channel *c = channel_begin(L, CHANNEL_EMAIL, email_rows);

    if (c->n_to == 0 || !c->from || !c->smtp)
        sandbox_fail(L, "email needs `to`, `from` and `smtp`");
    for (size_t i = 0; i < c->n_to; i++)
        check_mail(L, c->to[i]);
    check_mail(L, c->from);
    config_check_url(L, c->smtp, "email: `smtp`", schemes);
    if (strchr(c->smtp + strlen("smtps://"), '@'))
        sandbox_fail(L, "email: user and password go into keys of their own, not into `smtp`");
    if (!c->user != !c->password)
        sandbox_fail(L, "email: `user` and `password` go together");
    read_mail_tls(L, c);
    return channel_end(L, c);
}

/* --- receivers --- */

static void grow(lua_State *L, struct config_file *f)
{
    size_t cap = f->cap_receivers ? f->cap_receivers * 2 : 8;
    struct config_receiver *r;
    struct receiver_names *p;

    if (f->n_receivers < f->cap_receivers)
        return;
    if (f->n_receivers >= RECEIVERS_MAX)
        sandbox_fail(L, "more than %d receivers", RECEIVERS_MAX);
    r = script_alloc(L, cap * sizeof *r);
    p = script_alloc(L, cap * sizeof *p);
    if (f->n_receivers) {
        memcpy(r, f->receivers, f->n_receivers * sizeof *r);
        memcpy(p, f->pending, f->n_receivers * sizeof *p);
    }
    f->receivers = r;
    f->pending = p;
    f->cap_receivers = cap;
}

static void read_channels(lua_State *L, struct config_receiver *r)
{
    size_t n = arg_list_part(L, 1, "receiver", CHANNELS_MAX);
    struct config_channel *channels;

    if (n == 0)
        sandbox_fail(L, "it has no channel (inbox {}, webhook { … }, slack { … }, email { … })");
    channels = script_alloc(L, n * sizeof *channels);
    for (size_t i = 0; i < n; i++) {
        const struct config_channel *c;

        lua_geti(L, 1, (lua_Integer)i + 1);
        c = value_at(L, -1, VALUE_CHANNEL);
        if (!c)
            sandbox_fail(L, "entry %d is %s, not a channel such as inbox {}", (int)i + 1,
                         value_name(L, -1));
        channels[i] = *c;
        lua_pop(L, 1);
    }
    r->channels = channels;
    r->n_channels = n;
}

static int receiver_body(lua_State *L)
{
    static const struct row rows[] = {
        {"fallback", ROW_OTHER, 0},
        {"if_undelivered", ROW_DURATION, offsetof(struct config_receiver, if_undelivered_ms)},
        {NULL, ROW_OTHER, 0}};
    struct config_file *f = config_file_of(L);
    struct config_receiver *r;
    struct receiver_names *names;
    char file[LUA_IDSIZE];

    if (!lua_istable(L, 1))
        sandbox_fail(L, "receiver \"name\" { … } needs a table, got %s", value_name(L, 1));
    lua_pushvalue(L, lua_upvalueindex(1));
    grow(L, f);
    r = &f->receivers[f->n_receivers];
    names = &f->pending[f->n_receivers];
    r->name = script_string(L, -1);
    names->line = r->line = (int)lua_tointeger(L, lua_upvalueindex(2));
    sandbox_where(L, file, sizeof file);
    names->file = script_dup(L, file, strlen(file));
    r->if_undelivered_ms = UNDELIVERED;
    for (size_t i = 0; i < f->n_receivers; i++)
        if (strcmp(f->receivers[i].name, r->name) == 0)
            sandbox_fail(L, "defined twice (first at %s:%d)", f->pending[i].file,
                         f->receivers[i].line);
    config_rows_read(L, 1, "receiver", rows, r);
    if (lua_getfield(L, 1, "fallback") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING)
            sandbox_fail(L, "`fallback` is the name of another receiver, got %s",
                         value_name(L, -1));
        names->fallback = script_string(L, -1);
    }
    read_channels(L, r);
    f->n_receivers++;
    f->script.box.prefix[0] = 0;
    return 0;
}

static int receiver(lua_State *L)
{
    struct sandbox *s = sandbox_of(L);
    char file[LUA_IDSIZE];

    if (*s->prefix)
        sandbox_fail(L, "another receiver begins before this one has its { … }");
    if (lua_type(L, 1) != LUA_TSTRING || lua_rawlen(L, 1) == 0 || lua_rawlen(L, 1) > NAME_MAX_LEN)
        sandbox_fail(L, "receiver \"name\" { … } needs a name");
    config_check_plain(L, lua_tostring(L, 1), "the name of a receiver");
    lua_pushvalue(L, 1);
    lua_pushinteger(L, sandbox_where(L, file, sizeof file));
    lua_pushcclosure(L, receiver_body, 2);
    snprintf(s->prefix, sizeof s->prefix, "receiver \"%.100s\": ", lua_tostring(L, 1));
    return 1;
}

void config_receiver_names(lua_State *L)
{
    static const luaL_Reg functions[] = {{"receiver", receiver}, {"inbox", inbox},
                                         {"webhook", webhook},   {"slack", slack},
                                         {"email", email},       {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
}
