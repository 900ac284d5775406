/* Webhook: Alertmanager's body, version 4, and whatever else a template makes of it. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "deliver/channel.h"
#include "deliver/wording.h"

#define BODY_MAX (4u << 20)

/* X-Tocsin-Signature: sha256=HEX of HMAC-SHA256(key, body). */
static int add_signature(struct message *m, const struct secret *key)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char text[8 + 2 * EVP_MAX_MD_SIZE] = "sha256=";

    if (!HMAC(EVP_sha256(), secret_text(key), (int)secret_len(key),
              (const unsigned char *)buf_str(&m->body), m->body.len, mac, &n))
        return -1;
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 7 + 2 * i, 3, "%02x", mac[i]);
    return message_header(m, "X-Tocsin-Signature", text);
}

static void plain_body(const struct notice *x, const char *error, struct buf *out)
{
    struct json j = json_into(out);
    struct buf text = BUF_INIT;

    wording_plain(x, error, &text);
    json_object(&j);
    json_kstr(&j, "version", "4");
    json_kstr(&j, "receiver", x->receiver);
    json_kstr(&j, "status", x->firing ? "firing" : "resolved");
    json_kstr(&j, "groupKey", x->group_key);
    json_kstr(&j, "text", buf_str(&text));
    json_key(&j, "alerts");
    json_array(&j);
    json_array_end(&j);
    json_object_end(&j);
    buf_free(&text);
}

static int compose(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m)
{
    char seq[24];

    if (result && (result->kind == TEMPLATE_OBJECT || result->kind == TEMPLATE_LIST))
        template_json(result, &m->body);
    else if (result && result->kind == TEMPLATE_STRING)
        buf_add(&m->body, result->str, result->len);
    else
        plain_body(x, m->error, &m->body);
    snprintf(seq, sizeof seq, "%llu", (unsigned long long)x->seq);
    if (message_header(m, "Content-Type", "application/json") < 0 ||
        message_header(m, "User-Agent", "Alertmanager/0.27.0 Tocsin/" TOCSIN_VERSION) < 0 ||
        message_header(m, "Idempotency-Key", x->key) < 0 ||
        message_header(m, "X-Tocsin-Sequence", seq) < 0)
        return -1;
    for (size_t i = 0; i < c->n_headers; i++)
        if (message_header(m, c->headers[i].name, secret_text(c->headers[i].value)) < 0)
            return -1;
    return c->sign ? add_signature(m, c->sign) : 0;
}

const struct channel channel_webhook = {
    .name = "webhook",
    .transport = TRANSPORT_HTTP,
    .max_bytes = BODY_MAX,
    .compose = compose,
    .judge = judge_http,
};
