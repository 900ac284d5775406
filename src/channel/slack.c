/* Slack, incoming webhook. It cannot edit what it has posted and takes one message a second, so it
 * tells the first, what is worse, and the end: not each change. */
#include <cjson/cJSON.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tocsin/channel.h"
#include "channel/wording.h"

#define BODY_MAX  35000 /* Slack cuts a text at 40,000 characters; blocks have smaller bounds */
#define PLAIN_MAX 6000  /* escaped it is at most five times as long */

#define AT(field) offsetof(struct config_channel, field)
static const struct row rows[] = {
    {"webhook_url", ROW_URL, AT(url), NULL},
    {"channel", ROW_TEXT, AT(slack_channel), NULL},
    {"bot_token", ROW_LATER, 0, NULL},
    {"signing_secret", ROW_LATER, 0, NULL},
    {"ca_file", ROW_PATH, AT(ca_file), NULL},
    {"insecure_skip_verify", ROW_BOOL, AT(insecure_skip_verify), NULL},
    {"send_resolved", ROW_BOOL, AT(send_resolved), NULL},
    {"timeout", ROW_TIMEOUT, AT(timeout_ms), NULL},
    {"template", ROW_TEXT, AT(template), NULL},
    {0}};

static int finish(struct config_channel *c, const char **warning, struct err *e)
{
    (void)warning;
    return c->url ? 0 : err_set(e, ERR_INPUT, "slack needs a `webhook_url`");
}

/* &, < and > are the only characters with a meaning in Slack's text (its formatting rules). */
static void slack_escape(const char *s, struct buf *out)
{
    for (; *s; s++) {
        if (*s == '&')
            buf_adds(out, "&amp;");
        else if (*s == '<')
            buf_adds(out, "&lt;");
        else if (*s == '>')
            buf_adds(out, "&gt;");
        else
            buf_addc(out, *s);
    }
}

static void text_body(const char *text, size_t n, struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    json_key(&j, "text");
    json_str_n(&j, text, n);
    json_object_end(&j);
}

static void plain_body(const struct notice *x, const char *error, struct buf *out)
{
    struct buf text = BUF_INIT, safe = BUF_INIT;

    wording_plain(x, error, &text);
    if (text.len > PLAIN_MAX)
        text.data[text_utf8_cut(text.data, text.len, PLAIN_MAX)] = '\0';
    slack_escape(buf_str(&text), &safe);
    text_body(buf_str(&safe), safe.len, out);
    buf_free(&text);
    buf_free(&safe);
}

/* The channel that was configured, unless the template says another: one member more. */
static void add_channel(const struct template_value *result, const char *channel, struct buf *body)
{
    if (body->len < 2 || body->data[body->len - 1] != '}' || template_get(result, "channel"))
        return;
    body->len--;
    buf_adds(body, body->len > 1 ? ",\"channel\":" : "\"channel\":");
    json_quote(body, channel, strlen(channel));
    buf_addc(body, '}');
}

static int compose(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m)
{
    if (!result)
        plain_body(x, m->error, &m->body);
    else if (result->kind == TEMPLATE_STRING)
        text_body(result->str, result->len, &m->body);
    else
        template_json(result, &m->body);
    if (c->slack_channel)
        add_channel(result, c->slack_channel, &m->body);
    return message_header(m, "Content-Type", "application/json");
}

/* Slack answers 200 with "ok"; {"ok":false} with 200 is a refusal in disguise. */
static enum outcome_kind judge(const struct outbound_result *r)
{
    static const char *const passing[] = {"ratelimited", "rate_limited",        "internal_error",
                                          "fatal_error", "service_unavailable", "request_timeout"};
    enum outcome_kind kind = judge_http(r);
    const char *error;
    cJSON *answer;

    if (kind != OUTCOME_DELIVERED || r->len == 0 || r->body[0] != '{')
        return kind;
    answer = cJSON_ParseWithLength(r->body, r->len);
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
        kind = OUTCOME_PERMANENT;
        error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
        for (size_t i = 0; error && i < sizeof passing / sizeof *passing; i++)
            if (strcmp(error, passing[i]) == 0)
                kind = OUTCOME_TEMPORARY;
    }
    cJSON_Delete(answer);
    return kind;
}

const struct channel channel_slack = {
    .name = "slack",
    .rows = rows,
    .timeout_ms = CHANNEL_TIMEOUT_MS,
    .finish = finish,
    .transport = TRANSPORT_HTTP,
    .tells = TELLS_WORSE,
    .max_bytes = BODY_MAX,
    .results = 1u << TEMPLATE_OBJECT | 1u << TEMPLATE_STRING,
    .compose = compose,
    .judge = judge,
};
