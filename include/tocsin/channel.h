/* Channels: how a message looks to one provider, what its configuration is, and what its answer means.
 *
 * A channel is one file of this room and one row in channel_table[]: the keys of its block, what must hold
 * between them, composing a message from a notice, judging an answer. How a message travels is the
 * transport's business, when and to whom is notify's. Everything here is pure. */
#ifndef TOCSIN_CHANNEL_H
#define TOCSIN_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "model/config_row.h"
#include "model/notice.h"
#include "tocsin/outbound.h"
#include "tocsin/template.h"

/* --- receiver "name" { channel { … }, … } --- */
enum channel_type { CHANNEL_INBOX, CHANNEL_WEBHOOK, CHANNEL_SLACK, CHANNEL_EMAIL, CHANNEL_TYPES };

struct config_header {
    const char *name;
    const struct secret *value;
};

struct config_channel {
    enum channel_type type;
    const char *file; /* where it stands, for messages: tocsin.lua or what it includes */
    int line;
    bool send_resolved;   /* default: true */
    int timeout_ms;       /* of one attempt; default: 10 s (email: 30 s) */
    const char *template; /* rules/channels/NAME.lua; default: the channel's own name */
    /* webhook: url; slack: webhook_url. http or https, fixed at load. */
    const struct secret *url;
    const struct secret *sign; /* webhook: key of the signature header; NULL: not signed */
    const struct config_header *headers; /* webhook */
    size_t n_headers;
    const char *user; /* webhook: basic authentication; email: SMTP login */
    const struct secret *password;
    const struct secret *bearer; /* webhook */
    const char *ca_file;         /* NULL: the system's */
    bool insecure_skip_verify;
    unsigned max_alerts;       /* webhook: alerts in one message, 0: all */
    const char *slack_channel; /* slack: overrides the hook's own; NULL: the hook's */
    const char **to;           /* email: addresses */
    size_t n_to;
    const char *from;  /* email */
    const char *smtp;  /* email: smtp://host:port or smtps://host:port */
    enum mail_tls tls; /* email; never unset; default: required with a password, else if offered */
};

/* --- messages --- */
enum transport { TRANSPORT_HTTP, TRANSPORT_MAIL, TRANSPORT_INBOX };

#define CHANNEL_TIMEOUT_MS 10000 /* of one attempt, of most */

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
    const struct row *rows; /* keys of its block, into struct config_channel; the last has none */
    int timeout_ms;         /* of one attempt, where none is given */
    /* What must hold between the values that were read; fills what depends on others. -1 with `e`: the
     * block is refused. `warning` (a literal) is told, and no reason to refuse. NULL: nothing must. */
    int (*finish)(struct config_channel *c, const char **warning, struct err *e);
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

extern const struct channel *const channel_table[CHANNEL_TYPES]; /* by enum channel_type */
const struct channel *channel_find(const char *name);            /* NULL: there is none */

void message_clear(struct message *m);
/* Adds "name: value" unless a header of that name is there; line ends in the value become spaces.
 * -1: no memory, or too many. */
int message_header(struct message *m, const char *name, const char *value);
/* What a message is made of; all of it is borrowed until it is made. */
struct message_order {
    const struct channel *channel;
    const struct config_channel *config;
    struct template *template;  /* NULL: it does not load, plain text is sent */
    const char *template_error; /* says why */
    const struct notice *notice;
};
/* Runs the template over the notice and composes; falls back to plain text; keeps within the
 * channel's size by leaving alerts out and counting them. In steps, since a notice of a thousand alerts
 * takes some 40 ms: `slice_us` of processor time in the template (0: no bound), a few milliseconds
 * elsewhere. Between them the template runs nothing else. NULL: no memory. */
struct making;
struct making *message_begin(const struct message_order *o, struct message *m);
int message_step(struct making *k,
                 int64_t slice_us); /* 1: it is made, 0: call again, -1: no memory */
void message_end(struct making *k); /* clears what is not made; NULL is fine */
/* All of it in one go. -1: no memory. */
int message_make(const struct message_order *o, struct message *m);
enum outcome_kind judge_http(const struct outbound_result *r);

extern const struct channel channel_webhook, channel_slack, channel_email, channel_inbox;

#endif
