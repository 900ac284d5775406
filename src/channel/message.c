#include "tocsin/channel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "channel/tree.h"
#include "channel/wording.h"

#define FEW_ALERTS 50

void message_clear(struct message *m)
{
    buf_free(&m->body);
    buf_free(&m->text);
    buf_free(&m->keep);
    for (size_t i = 0; i < m->n_headers; i++)
        mem_free(m->headers[i]);
    *m = (struct message){0};
}

int message_header(struct message *m, const char *name, const char *value)
{
    struct buf b = BUF_INIT;
    size_t len = strlen(name);

    for (size_t i = 0; i < m->n_headers; i++)
        if (strncasecmp(m->headers[i], name, len) == 0 && m->headers[i][len] == ':')
            return 0;
    if (m->n_headers == MESSAGE_HEADERS_MAX)
        return -1;
    buf_addf(&b, "%s: ", name);
    for (const char *p = value; *p; p++)
        buf_addc(&b, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
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

static void fail_template(struct message *m, const char *why)
{
    m->template_failed = true;
    snprintf(m->error, sizeof m->error, "%.250s", why);
}

static const struct template_value *usable(const struct channel *ch, struct template_tree *result,
                                           struct message *m)
{
    static const char *const kinds[] = {
        [TEMPLATE_NULL] = "nothing",    [TEMPLATE_BOOL] = "a boolean",
        [TEMPLATE_NUMBER] = "a number", [TEMPLATE_STRING] = "a string",
        [TEMPLATE_LIST] = "a list",     [TEMPLATE_OBJECT] = "a table"};
    const struct template_value *v = template_tree_root(result);
    char text[128];

    if (ch->results & 1u << v->kind)
        return v;
    snprintf(text, sizeof text, "the template returned %s, which %s cannot send", kinds[v->kind],
             ch->name);
    fail_template(m, text);
    return NULL;
}

/* A result may be as long as a message; a value of it takes more memory than its JSON. */
static const struct template_budget budget = {.max_bytes = (size_t)16 << 20};

static int make_once(const struct channel *ch, const struct config_channel *c, struct template *t,
                     const char *template_error, const struct notice *x, size_t max_alerts,
                     struct message *m)
{
    struct template_tree *input = t ? notice_tree(x, max_alerts) : NULL, *result = NULL;
    const struct template_value *v = NULL;
    struct err e = {.text = "no memory for the notice"};
    int rc;

    if (input)
        result = template_render(t, template_tree_root(input), &budget, &e);
    template_tree_free(input);
    if (result)
        v = usable(ch, result, m);
    else
        fail_template(m, t ? e.text : template_error);
    rc = ch->compose(c, x, v, m);
    template_tree_free(result);
    return rc < 0 || !buf_ok(&m->body) || !buf_ok(&m->text) ? -1 : 0;
}

/* How many alerts may fit, of a message that is too long with `shown` of them: at least an eighth less,
 * so that a message has few tries. */
static size_t fewer(size_t shown, size_t len, size_t max)
{
    size_t fit = (size_t)((double)shown * (double)max / (double)len), most = shown - shown / 8 - 1;

    assert(shown > 1 && len > max);
    return fit < 1 ? 1 : fit < most ? fit : most;
}

int message_make(const struct channel *ch, const struct config_channel *c, struct template *t,
                 const char *template_error, const struct notice *x, struct message *m)
{
    size_t shown = c->max_alerts && c->max_alerts < x->n_alerts ? c->max_alerts : x->n_alerts;
    bool shortened = false;
    char too_long[96];

    for (;;) {
        *m = (struct message){.shortened = shortened};
        if (make_once(ch, c, t, template_error, x, shown, m) < 0) {
            message_clear(m);
            return -1;
        }
        if (!t ||
            (m->template_failed ? shown <= FEW_ALERTS : m->body.len + m->text.len <= ch->max_bytes))
            return 0;
        /* A summary with a count is better than a refusal, and a template that fails over many
         * alerts may only have spent its budget. */
        if (m->template_failed) {
            shown /= 4;
        } else if (shown > 1) {
            shown = fewer(shown, m->body.len + m->text.len, ch->max_bytes);
        } else {
            snprintf(too_long, sizeof too_long, "its message of %zu bytes is longer than %s takes",
                     m->body.len + m->text.len, ch->name);
            template_error = too_long;
            t = NULL;
        }
        shortened = true;
        message_clear(m);
    }
}
