/* Channels: one row each. A channel turns a notice into a message of its kind and says what the
 * provider's answer means; how it travels is the transport's business. */
#ifndef TOCSIN_DELIVER_CHANNEL_H
#define TOCSIN_DELIVER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "model/notice.h"
#include "tocsin/config.h"
#include "tocsin/notify.h"
#include "tocsin/outbound.h"
#include "tocsin/template.h"

enum transport { TRANSPORT_HTTP, TRANSPORT_MAIL, TRANSPORT_INBOX };

#define MESSAGE_HEADERS_MAX 48 /* 32 of the configuration and our own */

/* A message ready to go. Strings in `headers` are owned. */
struct message {
    struct buf body; /* HTTP body, whole mail, or the inbox's payload (JSON) */
    struct buf text; /* inbox: what a person reads */
    struct buf keep; /* JSON that the lane keeps for later messages of the incident; may be empty */
    char *headers[MESSAGE_HEADERS_MAX + 1]; /* HTTP; "Name: value", NULL-terminated */
    size_t n_headers;
    bool template_failed; /* or gave nothing that this channel can send */
    bool shortened;       /* alerts were left out to keep within the channel's size */
    char error[256];      /* of the template */
};

struct channel {
    const char *name;
    enum transport transport;
    enum tells tells;
    size_t max_bytes; /* longer messages are made again with fewer alerts */
    /* Fills `m` from the template's result (NULL: it failed; plain text is to be sent, and is never
     * longer than the channel takes). -1: no memory. */
    int (*compose)(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m);
    /* What the template must return, as bits 1 << TEMPLATE_…; anything else is a failure. */
    unsigned results;
    /* What an answer means. */
    enum outcome_kind (*judge)(const struct outbound_result *r);
};

extern const struct channel *const channels[CHANNEL_TYPES]; /* by enum channel_type */

void message_clear(struct message *m);
/* Adds "name: value" unless a header of that name is there; line ends in the value become spaces.
 * -1: no memory, or too many. */
int message_header(struct message *m, const char *name, const char *value);
/* Runs the template over the notice and composes; falls back to plain text; keeps within the
 * channel's size by leaving alerts out and counting them. -1: no memory. */
int message_make(const struct channel *ch, const struct config_channel *c, struct template *t,
                 const char *template_error, const struct notice *x, struct message *m);
enum outcome_kind judge_http(const struct outbound_result *r);

extern const struct channel channel_webhook, channel_slack, channel_email, channel_inbox;

#endif
