/* Messages that are kept here and sent nowhere: text for the page, and the whole table for whoever tests
 * templates. */
#include <stddef.h>

#include "tocsin/channel.h"
#include "channel/wording.h"

/* Bounds the inbox as a whole: 32 MiB here, 320 MiB in Redis when every message is as long. */
#define MESSAGE_MAX (32u << 10)

#define AT(field) offsetof(struct config_channel, field)
static const struct row rows[] = {{"send_resolved", ROW_BOOL, AT(send_resolved), NULL},
                                  {"template", ROW_TEXT, AT(template), NULL},
                                  {0}};

static int compose(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m)
{
    const char *text = result ? template_text(result, "text") : NULL;

    (void)c;
    if (result && result->kind == TEMPLATE_STRING)
        text = result->str;
    if (text)
        buf_adds(&m->text, text);
    else
        wording_plain(x, m->template_failed ? m->error : NULL, &m->text);
    if (result && result->kind != TEMPLATE_STRING)
        template_json(result, &m->body);
    return 0;
}

const struct channel channel_inbox = {
    .name = "inbox",
    .rows = rows,
    .timeout_ms = CHANNEL_TIMEOUT_MS,
    .transport = TRANSPORT_INBOX,
    .max_bytes = MESSAGE_MAX,
    .results = 1u << TEMPLATE_OBJECT | 1u << TEMPLATE_LIST | 1u << TEMPLATE_STRING,
    .compose = compose,
    .judge = judge_http,
};
