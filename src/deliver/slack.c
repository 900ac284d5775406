/* Slack, incoming webhook: first message, worse, resolved. It cannot edit what it has posted. */
#include <string.h>

#include "base/json.h"
#include "deliver/channel.h"
#include "deliver/wording.h"

#define BODY_MAX 35000 /* Slack cuts a text at 40,000 characters; blocks have smaller bounds */

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

static void plain_body(const struct config_channel *c, const struct notice *x, const char *error,
                       struct buf *out)
{
    struct json j = json_into(out);
    struct buf text = BUF_INIT, safe = BUF_INIT;

    wording_plain(x, error, &text);
    slack_escape(buf_str(&text), &safe);
    json_object(&j);
    json_kstr(&j, "text", buf_str(&safe));
    if (c->slack_channel)
        json_kstr(&j, "channel", c->slack_channel);
    json_object_end(&j);
    buf_free(&text);
    buf_free(&safe);
}

static int compose(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m)
{
    if (result && result->kind == TEMPLATE_OBJECT) {
        template_json(result, &m->body);
        if (c->slack_channel && m->body.len > 2) {
            m->body.len--; /* the closing brace: one member more */
            buf_adds(&m->body, ",\"channel\":");
            json_quote(&m->body, c->slack_channel, strlen(c->slack_channel));
            buf_addc(&m->body, '}');
        }
    } else {
        plain_body(c, x, m->error, &m->body);
    }
    return message_header(m, "Content-Type", "application/json");
}

/* Slack answers 200 with "ok"; 200 with anything else is a refusal in disguise. */
static enum outcome_kind judge(const struct outbound_result *r)
{
    enum outcome_kind kind = judge_http(r);

    if (kind == OUTCOME_DELIVERED && r->len >= 2 && r->body[0] == '{' &&
        memmem(r->body, r->len, "\"ok\":false", 10))
        return OUTCOME_PERMANENT;
    return kind;
}

const struct channel channel_slack = {
    .name = "slack",
    .transport = TRANSPORT_HTTP,
    .max_bytes = BODY_MAX,
    .compose = compose,
    .judge = judge,
};
