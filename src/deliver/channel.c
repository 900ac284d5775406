#include "deliver/channel.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "deliver/tree.h"
#include "deliver/wording.h"

const struct channel *const channels[CHANNEL_TYPES] = {
    [CHANNEL_INBOX] = &channel_inbox,
    [CHANNEL_WEBHOOK] = &channel_webhook,
    [CHANNEL_SLACK] = &channel_slack,
    [CHANNEL_EMAIL] = &channel_email,
};

void message_clear(struct message *m)
{
    buf_free(&m->body);
    buf_free(&m->text);
    for (size_t i = 0; i < m->n_headers; i++)
        mem_free(m->headers[i]);
    *m = (struct message){0};
}

int message_header(struct message *m, const char *name, const char *value)
{
    struct buf b = BUF_INIT;

    if (m->n_headers + 1 >= sizeof m->headers / sizeof *m->headers)
        return -1;
    buf_addf(&b, "%s: %s", name, value);
    m->headers[m->n_headers] = buf_take(&b, NULL);
    if (!m->headers[m->n_headers])
        return -1;
    m->headers[++m->n_headers] = NULL;
    return 0;
}

/* The answer of the peer says what became of the request; without one, whether it had left. */
enum outcome_kind judge_http(const struct outbound_result *r)
{
    if (!r->ok)
        return r->maybe_done ? OUTCOME_UNKNOWN : OUTCOME_TEMPORARY;
    if (r->status >= 200 && r->status < 300)
        return OUTCOME_DELIVERED;
    if (r->status == 408 || r->status == 425 || r->status == 429 || r->status >= 500)
        return OUTCOME_TEMPORARY;
    return OUTCOME_PERMANENT;
}

static int make_once(const struct channel *ch, const struct config_channel *c, struct template *t,
                     const char *template_error, const struct notice *x, size_t max_alerts,
                     struct message *m)
{
    struct template_tree *input = notice_tree(x, max_alerts), *result = NULL;
    struct err e = {0};
    int rc;

    if (!input)
        return -1;
    if (t)
        result = template_render(t, template_tree_root(input), NULL, &e);
    template_tree_free(input);
    if (!result) {
        m->template_failed = true;
        snprintf(m->error, sizeof m->error, "%.250s", t ? e.text : template_error);
    }
    rc = ch->compose(c, x, result ? template_tree_root(result) : NULL, m);
    template_tree_free(result);
    return rc < 0 || !buf_ok(&m->body) || !buf_ok(&m->text) ? -1 : 0;
}

int message_make(const struct channel *ch, const struct config_channel *c, struct template *t,
                 const char *template_error, const struct notice *x, struct message *m)
{
    size_t max_alerts = c->max_alerts;

    for (;;) {
        size_t shown = max_alerts && max_alerts < x->n_alerts ? max_alerts : x->n_alerts;

        *m = (struct message){0};
        if (make_once(ch, c, t, template_error, x, max_alerts, m) < 0) {
            message_clear(m);
            return -1;
        }
        if (m->body.len <= ch->max_bytes || shown <= 1)
            return 0;
        /* too long for the provider: a summary with a count is better than a refusal */
        max_alerts = shown / 2;
        message_clear(m);
    }
}
