/* Webhook: Alertmanager's body, version 4, and whatever else a template makes of it.
 * Who has a receiver for Alertmanager should not have to change it, so names, empty times and the agent are
 * its own. A program reads this, not a person: a template that fails may cost the text, not the alerts, so
 * the plain body is built here in C. Headers of the configuration come first and replace ours, except that a
 * signature covers the body as it is sent. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "tocsin/channel.h"
#include "channel/wording.h"

#define BODY_MAX     (4u << 20)
#define PLAIN_ALERTS 1000

#define AT(field) offsetof(struct config_channel, field)
static const struct row rows[] = {
    {"url", ROW_URL, AT(url), NULL},
    {"sign", ROW_SECRET, AT(sign), NULL},
    {"headers", ROW_HEADERS, AT(headers), NULL},
    {"user", ROW_TEXT, AT(user), NULL},
    {"password", ROW_SECRET, AT(password), NULL},
    {"bearer", ROW_SECRET, AT(bearer), NULL},
    {"ca_file", ROW_PATH, AT(ca_file), NULL},
    {"insecure_skip_verify", ROW_BOOL, AT(insecure_skip_verify), NULL},
    {"max_alerts", ROW_COUNT, AT(max_alerts), NULL},
    {"send_resolved", ROW_BOOL, AT(send_resolved), NULL},
    {"timeout", ROW_TIMEOUT, AT(timeout_ms), NULL},
    {"template", ROW_TEXT, AT(template), NULL},
    {0}};
_Static_assert(AT(n_headers) == AT(headers) + sizeof(void *),
               "ROW_HEADERS: the count comes behind");

static int finish(struct config_channel *c, const char **warning, struct err *e)
{
    (void)warning;
    if (!c->url)
        return err_set(e, ERR_INPUT, "webhook needs a `url`");
    if (c->bearer && c->user)
        return err_set(e, ERR_INPUT, "webhook: give either `bearer` or `user` and `password`");
    if (!c->user != !c->password)
        return err_set(e, ERR_INPUT, "webhook: `user` and `password` go together");
    return 0;
}

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

static void add_labels(struct json *j, const char *key, const struct label *l, size_t n)
{
    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < n; i++) {
        json_key_n(j, l[i].name, l[i].name_len);
        json_str_n(j, l[i].value, l[i].value_len);
    }
    json_object_end(j);
}

static void add_pairs(struct json *j, const char *key, const struct rule_pair *p, size_t n)
{
    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < n; i++)
        if (*p[i].value)
            json_kstr(j, p[i].name, p[i].value);
    json_object_end(j);
}

static void add_time(struct json *j, const char *key, int64_t at_ms)
{
    if (at_ms)
        json_ktime(j, key, at_ms);
    else
        json_kstr(j, key, "0001-01-01T00:00:00Z");
}

static void add_alert(struct json *j, const struct notice_alert *a)
{
    char fingerprint[17];

    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)a->fingerprint);
    json_object(j);
    json_kstr(j, "status", a->firing ? "firing" : "resolved");
    add_labels(j, "labels", a->labels, a->n_labels);
    add_pairs(j, "annotations", a->annotations, a->n_annotations);
    add_time(j, "startsAt", a->starts_ms);
    add_time(j, "endsAt", a->ends_ms);
    json_kstr(j, "generatorURL", a->generator_url);
    json_kstr(j, "fingerprint", fingerprint);
    json_object_end(j);
}

/* The same body without a template: who reads it acts on `alerts`, so a template that is broken
 * must not empty them. What went wrong stands in `text`. */
static void plain_body(const struct config_channel *c, const struct notice *x, const char *error,
                       struct buf *out)
{
    struct json j = json_into(out);
    struct buf text = BUF_INIT, receiver = BUF_INIT;
    size_t shown = c->max_alerts && c->max_alerts < x->n_alerts ? c->max_alerts : x->n_alerts;

    shown = shown < PLAIN_ALERTS ? shown : PLAIN_ALERTS;
    wording_plain(x, error, &text);
    wording_receiver(x, &receiver);
    json_object(&j);
    json_kstr(&j, "receiver", buf_str(&receiver));
    json_kstr(&j, "status", x->firing ? "firing" : "resolved");
    json_key(&j, "alerts");
    json_array(&j);
    for (size_t i = 0; i < shown; i++)
        add_alert(&j, &x->alerts[i]);
    json_array_end(&j);
    json_kstr(&j, "notification_reason", notice_reason_names[x->reason]);
    add_labels(&j, "groupLabels", x->group_labels, x->n_group_labels);
    add_labels(&j, "commonLabels", x->common_labels, x->n_common_labels);
    add_pairs(&j, "commonAnnotations", x->common_annotations, x->n_common_annotations);
    json_kstr(&j, "externalURL", x->external_url);
    json_kstr(&j, "version", "4");
    json_kstr(&j, "groupKey", x->group_key);
    json_kint(&j, "truncatedAlerts", (int64_t)(x->truncated + x->n_alerts - shown));
    json_kstr(&j, "text", buf_str(&text));
    json_object_end(&j);
    out->failed = out->failed || !buf_ok(&text) || !buf_ok(&receiver);
    buf_free(&text);
    buf_free(&receiver);
}

static int compose(const struct config_channel *c, const struct notice *x,
                   const struct template_value *result, struct message *m)
{
    char seq[24];

    if (!result)
        plain_body(c, x, m->error, &m->body);
    else if (result->kind == TEMPLATE_STRING)
        buf_add(&m->body, result->str, result->len);
    else
        template_json(result, &m->body);
    snprintf(seq, sizeof seq, "%llu", (unsigned long long)x->seq);
    for (size_t i = 0; i < c->n_headers; i++) /* first: they replace ours */
        if (message_header(m, c->headers[i].name, secret_text(c->headers[i].value)) < 0)
            return -1;
    if (message_header(m, "Content-Type", "application/json") < 0 ||
        message_header(m, "User-Agent", "Alertmanager/0.27.0 Tocsin/" TOCSIN_VERSION) < 0 ||
        message_header(m, "Idempotency-Key", x->key) < 0 ||
        message_header(m, "X-Tocsin-Sequence", seq) < 0)
        return -1;
    return c->sign ? add_signature(m, c->sign) : 0;
}

const struct channel channel_webhook = {
    .name = "webhook",
    .rows = rows,
    .timeout_ms = CHANNEL_TIMEOUT_MS,
    .finish = finish,
    .transport = TRANSPORT_HTTP,
    .max_bytes = BODY_MAX,
    .results = 1u << TEMPLATE_OBJECT | 1u << TEMPLATE_LIST | 1u << TEMPLATE_STRING,
    .compose = compose,
    .judge = judge_http,
};
