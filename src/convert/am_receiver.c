/* receivers: each integration becomes the channel of that name.
 * What a key becomes stands in tables, a row a key, so that a kind of integration is a table and a row; only mail, whose
 * keys are put together, has a function. What this version has no channel for is written as a comment that is right
 * when it has, and told as manual: then the receiver keeps its messages in the inbox. */
#include "convert/am.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum how {
    TEXT,     /* as it is */
    LIST,     /* a text with commas, or a list */
    NUMBER,   /* as it is */
    DURATION, /* */
    SECRET,   /* and its twin with _file */
    LOOK,     /* part of the message's look: its templates are Lua here */
    DIFFERS,  /* dropped, with `note` */
    MANUAL,   /* by hand, as `note` says */
    HTTP,     /* http_config */
    QUIET,    /* read elsewhere, or without meaning here */
};

struct key {
    const char *yaml;
    enum how how;
    const char *lua, *global; /* global: where the default stands */
    const char *cut;          /* taken off the end */
    const char *note;
};

struct kind {
    const char *yaml, *channel; /* channel: NULL: by hand, as `note` says */
    bool resolved;              /* Alertmanager's send_resolved, where it is not given */
    const struct key *keys;     /* NULL: its keys are not looked at */
    const char *needs;          /* one of these keys, or its file, or its global default */
    const char *note;           /* of those without channel: what to do */
    void (*more)(struct am_block *b);
};

#define END \
    {       \
        0   \
    }
#define SEND                                           \
    {                                                  \
        "send_resolved", QUIET, NULL, NULL, NULL, NULL \
    }
#define WEB                                         \
    {                                               \
        "http_config", HTTP, NULL, NULL, NULL, NULL \
    }
#define LOOKS(name)                        \
    {                                      \
        name, LOOK, NULL, NULL, NULL, NULL \
    }

static const struct key webhook_keys[] = {SEND,
                                          {"url", SECRET, "url", NULL, NULL, NULL},
                                          WEB,
                                          {"max_alerts", NUMBER, "max_alerts", NULL, NULL, NULL},
                                          {"timeout", DURATION, "timeout", NULL, NULL, NULL},
                                          LOOKS("payload"),
                                          END};
static const struct key slack_keys[] = {
    SEND,
    {"api_url", SECRET, "webhook_url", "slack_api_url", NULL, NULL},
    {"app_token", SECRET, "bot_token", "slack_app_token", NULL, NULL},
    {"app_url", DIFFERS, NULL, NULL, NULL, "app_url: api_url of the channel, where it has one"},
    {"channel", TEXT, "channel", NULL, NULL, NULL},
    WEB,
    {"username", DIFFERS, NULL, NULL, NULL, "username, icons: Slack takes those of the app"},
    {"icon_emoji", QUIET, NULL, NULL, NULL, NULL},
    {"icon_url", QUIET, NULL, NULL, NULL, NULL},
    LOOKS("color"),
    LOOKS("title"),
    LOOKS("title_link"),
    LOOKS("pretext"),
    LOOKS("text"),
    LOOKS("message_text"),
    LOOKS("fields"),
    LOOKS("short_fields"),
    LOOKS("footer"),
    LOOKS("fallback"),
    LOOKS("callback_id"),
    LOOKS("image_url"),
    LOOKS("thumb_url"),
    LOOKS("link_names"),
    LOOKS("mrkdwn_in"),
    LOOKS("actions"),
    {"edit_messages", QUIET, NULL, NULL, NULL, NULL},
    {"update_message", QUIET, NULL, NULL, NULL, NULL},
    {"timeout", DURATION, "timeout", NULL, NULL, NULL},
    END};
static const struct key email_keys[] = {
    SEND,
    {"to", QUIET, NULL, NULL, NULL, NULL},
    {"from", TEXT, "from", "smtp_from", NULL, NULL},
    {"smarthost", QUIET, NULL, NULL, NULL, NULL},
    {"hello", DIFFERS, NULL, NULL, NULL, "hello: the machine's own name is said"},
    {"auth_username", TEXT, "user", "smtp_auth_username", NULL, NULL},
    {"auth_password", SECRET, "password", "smtp_auth_password", NULL, NULL},
    {"auth_secret", MANUAL, NULL, "smtp_auth_secret", NULL,
     "auth_secret (CRAM-MD5): give user and password"},
    {"auth_secret_file", QUIET, NULL, NULL, NULL, NULL},
    {"auth_identity", DIFFERS, NULL, "smtp_auth_identity", NULL,
     "auth_identity: the login name is the identity"},
    {"headers", QUIET, NULL, NULL, NULL, NULL},
    LOOKS("html"),
    LOOKS("text"),
    {"require_tls", QUIET, NULL, NULL, NULL, NULL},
    {"force_implicit_tls", QUIET, NULL, NULL, NULL, NULL},
    {"tls_config", QUIET, NULL, NULL, NULL, NULL},
    {"threading", DIFFERS, NULL, NULL, NULL,
     "threading: the messages of an incident are one thread always"},
    END};
static const struct key pagerduty_keys[] = {
    SEND,
    {"routing_key", SECRET, "routing_key", NULL, NULL, NULL},
    {"service_key", MANUAL, "routing_key", NULL, NULL,
     "service_key is of PagerDuty's Events API v1: make an Events API v2 integration of the "
     "service, and give its "
     "routing_key"},
    {"service_key_file", MANUAL, "routing_key", NULL, NULL,
     "service_key_file is of PagerDuty's Events API v1: make an Events API v2 integration of the "
     "service, and give its "
     "routing_key"},
    {"url", TEXT, "api_url", "pagerduty_url", "/v2/enqueue", NULL},
    WEB,
    LOOKS("client"),
    LOOKS("client_url"),
    LOOKS("description"),
    LOOKS("details"),
    LOOKS("images"),
    LOOKS("links"),
    LOOKS("source"),
    {"severity", DIFFERS, NULL, NULL, NULL, "severity: the alert's priority decides"},
    LOOKS("class"),
    LOOKS("component"),
    LOOKS("group"),
    {"timeout", DURATION, "timeout", NULL, NULL, NULL},
    END};
static const struct key opsgenie_keys[] = {
    SEND,
    {"api_key", SECRET, "api_key", "opsgenie_api_key", NULL, NULL},
    {"api_url", TEXT, "api_url", "opsgenie_api_url", "/", NULL},
    WEB,
    {"tags", LIST, "tags", NULL, NULL, NULL},
    {"responders", MANUAL, NULL, NULL, NULL, "responders: write them as docs/channels.md says"},
    {"priority", DIFFERS, NULL, NULL, NULL, "priority: the alert's own is sent"},
    {"update_alerts", QUIET, NULL, NULL, NULL, NULL},
    LOOKS("message"),
    LOOKS("description"),
    LOOKS("source"),
    LOOKS("details"),
    LOOKS("entity"),
    LOOKS("actions"),
    LOOKS("note"),
    END};
static const struct key victorops_keys[] = {
    SEND,
    {"api_key", SECRET, "api_key", "victorops_api_key", NULL, NULL},
    {"api_url", TEXT, "api_url", "victorops_api_url", "/integrations/generic/20131114/alert/",
     NULL},
    {"routing_key", TEXT, "routing_key", NULL, NULL, NULL},
    WEB,
    LOOKS("message_type"),
    LOOKS("state_message"),
    LOOKS("entity_display_name"),
    LOOKS("monitoring_tool"),
    LOOKS("custom_fields"),
    END};
static const struct key pushover_keys[] = {
    SEND,
    {"token", SECRET, "token", NULL, NULL, NULL},
    {"user_key", SECRET, "user", NULL, NULL, NULL},
    WEB,
    LOOKS("title"),
    LOOKS("message"),
    LOOKS("url"),
    LOOKS("url_title"),
    LOOKS("html"),
    LOOKS("monospace"),
    {"priority", DIFFERS, NULL, NULL, NULL,
     "priority, retry, expire, sound: the alert's priority decides"},
    {"retry", QUIET, NULL, NULL, NULL, NULL},
    {"expire", QUIET, NULL, NULL, NULL, NULL},
    {"ttl", DIFFERS, NULL, NULL, NULL, "ttl: messages stay"},
    {"sound", QUIET, NULL, NULL, NULL, NULL},
    {"device", MANUAL, NULL, NULL, NULL, "device: all devices of the user are told"},
    END};
static const struct key sns_keys[] = {
    SEND,
    {"topic_arn", TEXT, "topic_arn", NULL, NULL, NULL},
    {"api_url", TEXT, "api_url", NULL, NULL, NULL},
    {"sigv4", QUIET, NULL, NULL, NULL, NULL},
    {"phone_number", MANUAL, NULL, NULL, NULL, "phone_number: send to a topic"},
    {"target_arn", MANUAL, NULL, NULL, NULL, "target_arn: send to a topic"},
    WEB,
    LOOKS("subject"),
    LOOKS("message"),
    LOOKS("attributes"),
    END};
static const struct key telegram_keys[] = {
    SEND,
    {"bot_token", SECRET, "bot_token", "telegram_bot_token", NULL, NULL},
    {"chat_id", TEXT, "chat_id", NULL, NULL, NULL},
    {"chat_id_file", MANUAL, NULL, NULL, NULL, "chat_id_file: write the number as chat_id"},
    {"message_thread_id", NUMBER, "topic", NULL, NULL, NULL},
    {"api_url", TEXT, "api_url", "telegram_api_url", NULL, NULL},
    WEB,
    LOOKS("message"),
    {"parse_mode", QUIET, NULL, NULL, NULL, NULL},
    {"disable_notifications", DIFFERS, NULL, NULL, NULL,
     "disable_notifications: the phone decides whether it sounds"},
    END};
static const struct key discord_keys[] = {
    SEND,
    {"webhook_url", SECRET, "webhook_url", NULL, NULL, NULL},
    WEB,
    LOOKS("content"),
    LOOKS("title"),
    LOOKS("message"),
    {"username", DIFFERS, NULL, NULL, NULL, "username, avatar_url: those of the webhook"},
    {"avatar_url", QUIET, NULL, NULL, NULL, NULL},
    END};
static const struct key teams_keys[] = {SEND,
                                        {"webhook_url", SECRET, "webhook_url", NULL, NULL, NULL},
                                        WEB,
                                        LOOKS("title"),
                                        LOOKS("summary"),
                                        LOOKS("text"),
                                        END};
static const struct key webex_keys[] = {
    SEND,
    {"room_id", TEXT, "room_id", NULL, NULL, NULL},
    {"api_url", TEXT, "api_url", "webex_api_url", "/v1/messages", NULL},
    WEB,
    LOOKS("message"),
    END};
static const struct key jira_keys[] = {
    SEND,
    {"api_url", TEXT, "url", "jira_api_url", "/rest/api/2", NULL},
    {"api_type", QUIET, NULL, NULL, NULL, NULL},
    {"project", TEXT, "project", NULL, NULL, NULL},
    {"issue_type", TEXT, "issue_type", NULL, NULL, NULL},
    {"resolve_transition", TEXT, "done", NULL, NULL, NULL},
    {"reopen_transition", DIFFERS, NULL, NULL, NULL,
     "reopen_transition: an incident that comes again is a new issue"},
    {"reopen_duration", QUIET, NULL, NULL, NULL, NULL},
    {"wont_fix_resolution", DIFFERS, NULL, NULL, NULL, "wont_fix_resolution: not looked at"},
    WEB,
    LOOKS("summary"),
    LOOKS("description"),
    LOOKS("labels"),
    LOOKS("priority"),
    LOOKS("fields"),
    LOOKS("custom_fields"),
    END};
static const struct key mattermost_keys[] = {
    SEND,
    {"webhook_url", SECRET, "webhook_url", "mattermost_webhook_url", NULL, NULL},
    WEB,
    {"channel", DIFFERS, NULL, NULL, NULL, "channel: the webhook's own"},
    {"username", DIFFERS, NULL, NULL, NULL, "username, icons: those of the webhook"},
    {"icon_url", QUIET, NULL, NULL, NULL, NULL},
    {"icon_emoji", QUIET, NULL, NULL, NULL, NULL},
    LOOKS("text"),
    LOOKS("fallback"),
    LOOKS("color"),
    LOOKS("pretext"),
    LOOKS("author_name"),
    LOOKS("author_link"),
    LOOKS("author_icon"),
    LOOKS("title"),
    LOOKS("title_link"),
    LOOKS("fields"),
    LOOKS("thumb_url"),
    LOOKS("footer"),
    LOOKS("footer_icon"),
    LOOKS("image_url"),
    LOOKS("attachments"),
    LOOKS("type"),
    LOOKS("props"),
    LOOKS("priority"),
    END};

static void slack(struct am_block *b);
static void email(struct am_block *b);
static void sns(struct am_block *b);

static const struct kind kinds[] = {
    {"webhook_configs", "webhook", true, webhook_keys, "url", NULL, NULL},
    {"slack_configs", "slack", false, slack_keys, "api_url app_token", NULL, slack},
    {"email_configs", "email", false, email_keys, NULL, NULL, email},
    {"pagerduty_configs", "pagerduty", true, pagerduty_keys, "routing_key service_key", NULL, NULL},
    {"opsgenie_configs", "opsgenie", true, opsgenie_keys, "api_key", NULL, NULL},
    {"victorops_configs", "victorops", true, victorops_keys, "api_key", NULL, NULL},
    {"pushover_configs", "pushover", true, pushover_keys, "token", NULL, NULL},
    {"sns_configs", "sns", true, sns_keys, "topic_arn target_arn phone_number", NULL, sns},
    {"telegram_configs", "telegram", true, telegram_keys, "bot_token", NULL, NULL},
    {"discord_configs", "discord", true, discord_keys, "webhook_url", NULL, NULL},
    {"msteamsv2_configs", "teams", true, teams_keys, "webhook_url", NULL, NULL},
    {"msteams_configs", "teams", true, teams_keys, "webhook_url", NULL, NULL},
    {"webex_configs", "webex", true, webex_keys, "room_id", NULL, NULL},
    {"jira_configs", "jira", true, jira_keys, "project", NULL, NULL},
    {"mattermost_configs", "mattermost", true, mattermost_keys, "webhook_url", NULL, NULL},
    {"rocketchat_configs", NULL, false, NULL, NULL,
     "make an incoming webhook in Rocket.Chat, and write rocketchat { webhook_url = … }: "
     "Alertmanager uses "
     "a token of its API",
     NULL},
    {"wechat_configs", NULL, false, NULL, NULL,
     "WeChat has no channel here: use a webhook with a template of your own", NULL},
    {"incidentio_configs", NULL, true, NULL, NULL,
     "incident.io has no channel here: use a webhook with a template of your own", NULL},
    {"jsm_configs", NULL, true, NULL, NULL,
     "Jira Service Management has no channel here: opsgenie { … } speaks the same API where its "
     "address is "
     "given as api_url",
     NULL},
    {"signl4_configs", NULL, true, NULL, NULL,
     "SIGNL4 has no channel here: use a webhook with a template of your own", NULL},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* --- single kinds --- */

static bool has_own(const struct am_block *b, const char *key, const char *twin)
{
    return doc_get(b->node, key) || doc_get(b->node, twin);
}

/* Of a webhook and a token one counts: the block's own before the global one. */
static bool slack_speaks_by(const struct am_block *b, const char *key)
{
    bool token = has_own(b, "app_token", "app_token_file");

    if (!token && !has_own(b, "api_url", "api_url_file"))
        token = doc_get(b->am->global, "slack_app_token") ||
                doc_get(b->am->global, "slack_app_token_file");
    return token == (strcmp(key, "app_token") == 0);
}

static void slack(struct am_block *b)
{
    if (b->known && slack_speaks_by(b, "api_url"))
        element_differs(
            &b->am->c,
            "a webhook of Slack hears of the first, of what is worse and of the end; what "
            "joins or ends in between comes with the next message");
}

/* "a@x, B <b@x>" */
static void put_addresses(struct am_block *b, const char *to)
{
    size_t n = 1;

    for (const char *s = to; *s; s++)
        n += *s == ',';
    buf_adds(&b->out, "    to = ");
    buf_adds(&b->out, n > 1 ? "{ " : "");
    for (const char *s = to; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
        char one[320];
        const char *comma = strchr(s, ',');
        int len = comma ? (int)(comma - s) : (int)strlen(s);

        while (len > 0 && *s == ' ')
            s++, len--;
        while (len > 0 && s[len - 1] == ' ')
            len--;
        snprintf(one, sizeof one, "%.*s", len < 300 ? len : 300, s);
        say_quoted(&b->out, one);
        buf_adds(&b->out, comma ? ", " : "");
    }
    buf_adds(&b->out, n > 1 ? " },\n" : ",\n");
}

static void mail_headers(struct am_block *b)
{
    const struct doc_node *h = doc_get(b->node, "headers");
    struct buf list = BUF_INIT;

    if (h && h->kind != DOC_MAP)
        conversion_fail(&b->am->c, h, "headers: keys and values are expected");
    for (size_t i = 0; h && h->kind == DOC_MAP && i < h->n; i++) {
        const char *name = h->keys[i]->text, *value = h->items[i]->text;

        if (strcasecmp(name, "Subject") == 0) {
            element_differs(&b->am->c,
                            "the subject is Tocsin's own and stays the same for all messages of "
                            "an incident");
        } else if (strcasecmp(name, "Reply-To") == 0 && !strstr(value, "{{") &&
                   b->am->c.o->has("email", "reply_to", b->am->c.o->arg)) {
            am_put_text(b, "reply_to", value);
        } else if (strcasecmp(name, "From") == 0 || strcasecmp(name, "To") == 0) {
            element_differs(&b->am->c, "header %s: that of the key is written", name);
        } else if (!strstr(value, "{{") && am_has(b, "headers")) {
            buf_adds(&list, "      ");
            say_name(&list, name);
            buf_adds(&list, " = ");
            say_quoted(&list, value);
            buf_adds(&list, ",\n");
        } else if (strstr(value, "{{")) {
            element_manual(&b->am->c, "header %s is made by a template: it is a fixed text here",
                           name);
        }
    }
    if (list.len > 0)
        buf_addf(&b->out, "    headers = {\n%s    },\n", buf_str(&list));
    b->out.failed |= !buf_ok(&list);
    buf_free(&list);
}

static void email(struct am_block *b)
{
    struct conversion *c = &b->am->c;
    const struct doc_node *smarthost = am_value(b, "smarthost", "smtp_smarthost"),
                          *tls = am_value(b, "tls_config", "smtp_tls_config");
    const char *to = take_text(c, b->node, "to"), *port, *ca;
    bool required =
        take_bool(c, doc_get(b->node, "require_tls") ? b->node : b->am->global,
                  doc_get(b->node, "require_tls") ? "require_tls" : "smtp_require_tls", true);
    bool implicit;

    if (!to || !*to)
        conversion_fail(c, b->node, "email_configs: `to` is missing");
    if (!am_value(b, "from", "smtp_from"))
        conversion_fail(c, b->node, "email_configs: neither `from` nor the global smtp_from");
    port = smarthost ? strrchr(smarthost->text, ':') : NULL;
    if (!port || !port[1])
        conversion_fail(c, smarthost ? smarthost : b->node,
                        "email_configs: smarthost, or the global smtp_smarthost, is host:port");
    if (c->failed)
        return;
    implicit = strcmp(port, ":465") == 0 || take_bool(c, b->node, "force_implicit_tls", false);
    if (strstr(to, "{{"))
        am_put_text(b, "to", to);
    else
        put_addresses(b, to);
    buf_adds(&b->out, "    smtp = \"");
    buf_adds(&b->out, implicit ? "smtps://" : "smtp://");
    buf_addf(&b->out, "%s%s\",\n", *smarthost->text == ':' ? "localhost" : "", smarthost->text);
    if (!implicit)
        buf_addf(&b->out, "    tls = \"%s\",\n", required ? "required" : "none");
    if (!am_value(b, "auth_username", "smtp_auth_username") !=
        !(am_value(b, "auth_password", "smtp_auth_password") ||
          am_value(b, "auth_password_file", "smtp_auth_password_file")))
        element_manual(c, "user and password go together: give both or none");
    ca = take_text(c, tls, "ca_file");
    if (ca)
        am_put_text(b, "ca_file", ca);
    if (take_bool(c, tls, "insecure_skip_verify", false))
        buf_adds(&b->out, "    insecure_skip_verify = true,\n");
    if (doc_get(tls, "cert_file") || doc_get(tls, "cert") || doc_get(tls, "server_name"))
        element_manual(c, "tls_config: only ca_file and insecure_skip_verify have keys here");
    mail_headers(b);
}

static void sns(struct am_block *b)
{
    static const char *const known[] = {"region",
                                        "access_key",
                                        "secret_key",
                                        "profile",
                                        "role_arn",
                                        "external_id",
                                        "use_fips_sts_endpoint",
                                        NULL};
    struct conversion *c = &b->am->c;
    const struct doc_node *v4 = doc_get(b->node, "sigv4");
    const char *region = take_text(c, v4, "region"), *key = take_text(c, v4, "access_key");

    take_keys(c, v4, "sigv4", known);
    if (region)
        am_put_text(b, "region", region);
    if (key)
        am_put_text(b, "access_key", key);
    am_put_secret(b, "secret_key", "secret_key", doc_get(v4, "secret_key"), NULL);
    if (!key || doc_get(v4, "profile") || doc_get(v4, "role_arn"))
        element_manual(
            c, "sigv4: give access_key and secret_key; profiles, roles and the machine's own "
               "credentials are not used");
}

/* --- all kinds --- */

static bool is_default_template(const struct doc_node *n, const char *yaml)
{
    return n->kind == DOC_TEXT && strstr(n->text, ".default.") && strncmp(n->text, "{{", 2) == 0 &&
           !strstr(n->text + 2, "{{") && *yaml;
}

static void put_list(struct am_block *b, const struct key *k, const struct doc_node *v)
{
    if (v->kind == DOC_TEXT && strstr(v->text, "{{")) {
        am_put_text(b, k->lua, v->text);
        return;
    }
    buf_addf(&b->out, "    %s = { ", k->lua);
    if (v->kind == DOC_TEXT) {
        for (const char *s = v->text; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
            char one[200];

            while (*s == ' ')
                s++;
            snprintf(one, sizeof one, "%.*s", (int)(strcspn(s, ",") < 190 ? strcspn(s, ",") : 190),
                     s);
            say_quoted(&b->out, one);
            buf_adds(&b->out, strchr(s, ',') ? ", " : "");
        }
    }
    for (size_t i = 0; v->kind == DOC_LIST && i < v->n; i++) {
        say_quoted(&b->out, v->items[i]->text);
        buf_adds(&b->out, i + 1 < v->n ? ", " : "");
    }
    buf_adds(&b->out, " },\n");
}

static void put_number(struct am_block *b, const struct key *k, const struct doc_node *v)
{
    size_t n = strspn(v->text, "0123456789");

    if (v->kind != DOC_TEXT || n == 0 || v->text[n])
        conversion_fail(&b->am->c, v, "%s: a whole number is expected", k->yaml);
    else if (strcmp(v->text, "0") != 0)
        buf_addf(&b->out, "    %s = %s,\n", k->lua, v->text);
}

static void put_value(struct am_block *b, const struct key *k, const struct doc_node *v)
{
    char cut[512];
    size_t n, end = k->cut ? strlen(k->cut) : 0;
    int64_t ms;

    if (k->how == LIST) {
        put_list(b, k, v);
    } else if (k->how == NUMBER) {
        put_number(b, k, v);
    } else if (k->how == DURATION) {
        ms = duration_of(&b->am->c, v, k->yaml);
        if (ms > 0) {
            buf_addf(&b->out, "    %s = ", k->lua);
            say_duration(&b->out, ms);
            buf_adds(&b->out, ",\n");
        }
    } else if (v->kind != DOC_TEXT) {
        conversion_fail(&b->am->c, v, "%s: a text is expected", k->yaml);
    } else {
        n = strlen(v->text);
        if (n >= end && end && strcmp(v->text + n - end, k->cut) == 0)
            n -= end;
        snprintf(cut, sizeof cut, "%.*s", (int)(n < 500 ? n : 500), v->text);
        am_put_text(b, k->lua, cut);
    }
}

/* The names of those that were left out because of their look, for one note. */
static void put_key(struct am_block *b, const struct key *k, struct buf *looks)
{
    char twin[64], global_twin[64] = "";
    const struct doc_node *v = am_value(b, k->yaml, k->global), *file;

    switch (k->how) {
    case SECRET:
        if (strcmp(b->channel, "slack") == 0 && !slack_speaks_by(b, k->yaml))
            break;
        snprintf(twin, sizeof twin, "%.50s_file", k->yaml);
        if (k->global)
            snprintf(global_twin, sizeof global_twin, "%.50s_file", k->global);
        file = am_value(b, twin, k->global ? global_twin : NULL);
        if (doc_get(b->node, twin) && v && !doc_get(b->node, k->yaml))
            v = NULL; /* its own file, not the global text */
        if (doc_get(b->node, k->yaml) && file && !doc_get(b->node, twin))
            file = NULL;
        if ((v || file) && am_has(b, k->lua))
            am_put_secret(b, k->lua, k->yaml, v, file);
        break;
    case LOOK:
        if (v && !is_default_template(v, k->yaml))
            buf_addf(looks, "%s%s", looks->len ? ", " : "", k->yaml);
        break;
    case DIFFERS:
        if (v)
            element_differs(&b->am->c, "%s", k->note);
        break;
    case MANUAL:
        if (v)
            element_manual(&b->am->c, "%s", k->note);
        if (v && k->lua)
            am_put_place(b, k->lua);
        break;
    case HTTP:
        am_http(b);
        break;
    case QUIET:
        break;
    default:
        if (v && am_has(b, k->lua))
            put_value(b, k, v);
    }
}

static void check_keys(struct am_block *b, const struct kind *kind)
{
    const char *names[96];
    static char twins[32][64]; /* one thread; their texts are needed until the call returns */
    size_t n = 0, n_twins = 0;

    for (const struct key *k = kind->keys; k->yaml; k++) {
        assert(n < 94 && n_twins < 32);
        names[n++] = k->yaml;
        if (k->how == SECRET) {
            snprintf(twins[n_twins], sizeof twins[0], "%.50s_file", k->yaml);
            names[n++] = twins[n_twins++];
        }
    }
    names[n] = NULL;
    take_keys(&b->am->c, b->node, kind->yaml, names);
}

static const char *global_of(const struct kind *kind, const char *yaml)
{
    for (const struct key *k = kind->keys; k->yaml; k++)
        if (strcmp(k->yaml, yaml) == 0)
            return k->global;
    return NULL;
}

static void check_needs(struct am_block *b, const struct kind *kind)
{
    const char *s = kind->needs;

    while (s && *s) {
        char name[48], twin[56], global_twin[56] = "";
        const char *global;

        snprintf(name, sizeof name, "%.*s", (int)strcspn(s, " "), s);
        snprintf(twin, sizeof twin, "%s_file", name);
        global = global_of(kind, name);
        if (global)
            snprintf(global_twin, sizeof global_twin, "%.50s_file", global);
        if (am_value(b, name, global) || am_value(b, twin, global ? global_twin : NULL))
            return;
        s += strcspn(s, " ");
        s += *s == ' ';
    }
    if (kind->needs)
        conversion_fail(&b->am->c, b->node, "%s: `%.*s` is missing", kind->yaml,
                        (int)strcspn(kind->needs, " "), kind->needs);
}

/* Returns whether the receiver has a channel by it. */
static bool block(struct am *am, const char *receiver, const struct kind *kind,
                  const struct doc_node *node, size_t number)
{
    struct am_block b = {am, receiver, kind->channel, node, number, false, BUF_INIT};
    struct buf looks = BUF_INIT, whole = BUF_INIT;
    struct conversion *c = &am->c;

    element_begin(c, node->line, "receiver \"%s\" %s", receiver, kind->yaml);
    if (!kind->channel) {
        element_manual(c, "%s", kind->note);
        buf_addf(&c->out->lua, "  -- %s, line %d: by hand\n", kind->yaml, node->line);
        return false;
    }
    b.known = c->o->has(kind->channel, NULL, c->o->arg);
    if (!b.known)
        element_manual(c,
                       "`%s` is not part of this version of Tocsin; it stands there as a comment",
                       kind->channel);
    check_keys(&b, kind);
    check_needs(&b, kind);
    for (const struct key *k = kind->keys; k->yaml && !c->failed; k++)
        put_key(&b, k, &looks);
    if (kind->more && !c->failed)
        kind->more(&b);
    if (take_bool(c, node, "send_resolved", kind->resolved) == false)
        buf_adds(&b.out, "    send_resolved = false,\n");
    if (looks.len > 0)
        element_differs(c,
                        "%s: the message has Tocsin's own look; one of yours is a file in "
                        "rules/channels, named by `template`",
                        buf_str(&looks));
    if (strcmp(kind->yaml, "msteams_configs") == 0)
        element_manual(
            c, "Microsoft has ended these connectors: make a workflow in Teams, and give its "
               "address");
    buf_addf(&whole, "  %s {", kind->channel);
    say_line_of(&whole, node->line);
    buf_addf(&whole, "%s  },\n", buf_str(&b.out));
    if (b.known)
        buf_adds(&c->out->lua, buf_str(&whole));
    else
        say_comment(&c->out->lua, buf_str(&whole), 1);
    c->out->lua.failed |= !buf_ok(&whole) || !buf_ok(&b.out) || !buf_ok(&looks);
    buf_free(&whole);
    buf_free(&b.out);
    buf_free(&looks);
    return b.known;
}

static void receiver(struct am *am, const struct doc_node *r)
{
    const char *known[KINDS + 3] = {"name", "labels"}, *name = take_text(&am->c, r, "name");
    struct buf *out = &am->c.out->lua;
    size_t n_channels = 0, n_written = 0;

    for (size_t i = 0; i < KINDS; i++)
        known[i + 2] = kinds[i].yaml;
    take_keys(&am->c, r, "receivers", known);
    if (!name || !*name)
        conversion_fail(&am->c, r, "receivers: a name is missing");
    if (am->c.failed)
        return;
    if (am_receiver_named(am, name) != r)
        conversion_fail(&am->c, r, "the receiver \"%s\" is defined twice", name);
    buf_adds(out, "\nreceiver ");
    say_quoted(out, name);
    buf_adds(out, " {");
    say_line_of(out, r->line);
    for (size_t i = 0; i < KINDS; i++) {
        const struct doc_node *list = take_list(&am->c, r, kinds[i].yaml);

        for (size_t k = 0; list && k < list->n; k++, n_written++)
            n_channels += block(am, name, &kinds[i], list->items[k], k + 1);
    }
    if (n_channels == 0) {
        if (n_written == 0) {
            element_begin(&am->c, r->line, "receiver \"%s\"", name);
            element_differs(&am->c,
                            "it has no integration: what comes to it is kept in the inbox and "
                            "sent nowhere");
        }
        buf_adds(out, "  inbox {},\n");
    }
    buf_adds(out, "}\n");
}

const struct doc_node *am_receiver_named(const struct am *am, const char *name)
{
    const struct doc_node *list = doc_get(am->root, "receivers");

    for (size_t i = 0; list && list->kind == DOC_LIST && i < list->n; i++) {
        const struct doc_node *own = doc_get(list->items[i], "name");

        if (own && strcmp(own->text, name) == 0)
            return list->items[i];
    }
    return NULL;
}

void am_receivers(struct am *am)
{
    const struct doc_node *list = take_list(&am->c, am->root, "receivers");

    for (size_t i = 0; list && i < list->n && !am->c.failed; i++)
        receiver(am, list->items[i]);
}
