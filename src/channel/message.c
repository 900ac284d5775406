/* A notice becomes a message: the tree that its template is given, the template, what the channel makes of
 * the result; again with fewer alerts while it is too long. A thousand alerts take some 40 ms, which no turn
 * of the loop has, so all of it is steps of one making: alerts are added some at a time, the template pauses
 * in its slice, and composing is a step of its own (writing 1 MB of JSON takes 4 ms; a channel takes 4 MB at
 * most). A thread was dropped: it would need its own Lua states and a copy of the configuration. */
#include "tocsin/channel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "channel/tree.h"
#include "channel/wording.h"

#define FEW_ALERTS    50
#define ALERTS_A_STEP 200 /* that go into the tree: some 2 ms */

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

/* How many alerts may fit, of a message that is too long with `shown` of them: at least an eighth less,
 * so that a message has few tries. */
static size_t fewer(size_t shown, size_t len, size_t max)
{
    size_t fit = (size_t)((double)shown * (double)max / (double)len), most = shown - shown / 8 - 1;

    assert(shown > 1 && len > max);
    return fit < 1 ? 1 : fit < most ? fit : most;
}

/* --- in steps ---------------------------------------------------------------------------------------- */

enum making_step { MAKING_BEGIN, MAKING_TREE, MAKING_TEMPLATE, MAKING_COMPOSE, MAKING_DONE };

struct making {
    const struct channel *ch;
    const struct config_channel *c;
    struct template *t; /* NULL: plain text */
    const char *template_error;
    const struct notice *x;
    struct message *m;
    enum making_step step;
    size_t shown;   /* alerts of this try */
    bool shortened; /* it is not the first */
    struct tree_making tree;
    struct template_run *run;
    char too_long[96];
};

struct making *message_begin(const struct message_order *o, struct message *m)
{
    struct making *k = mem_zalloc(sizeof *k);
    const struct notice *x = o->notice;
    size_t max = o->config->max_alerts;

    assert(o->channel && x && (o->template || o->template_error));
    *m = (struct message){0};
    if (!k)
        return NULL;
    *k = (struct making){.ch = o->channel,
                         .c = o->config,
                         .t = o->template,
                         .template_error = o->template_error,
                         .x = x,
                         .m = m,
                         .shown = max && max < x->n_alerts ? max : x->n_alerts};
    return k;
}

static void begin_try(struct making *k)
{
    *k->m = (struct message){.shortened = k->shortened};
    if (!k->t) {
        fail_template(k->m, k->template_error);
        k->step = MAKING_COMPOSE;
    } else if (tree_begin(&k->tree, k->x, k->shown) < 0) {
        fail_template(k->m, "no memory for the notice");
        k->step = MAKING_COMPOSE;
    } else {
        k->step = MAKING_TREE;
    }
}

static void fill_tree(struct making *k)
{
    struct err e = {.text = "no memory for the notice"};

    if (!tree_step(&k->tree, ALERTS_A_STEP))
        return;
    if (template_tree_ok(k->tree.tree))
        k->run = template_begin(k->t, template_tree_root(k->tree.tree), &budget, &e);
    k->step = k->run ? MAKING_TEMPLATE : MAKING_COMPOSE;
    if (!k->run)
        fail_template(k->m, e.text);
}

static void run_template(struct making *k, int64_t slice_us)
{
    struct err e;
    int rc = template_step(k->run, slice_us, &e);

    if (rc == 0)
        return;
    if (rc < 0)
        fail_template(k->m, e.text);
    k->step = MAKING_COMPOSE;
}

/* -1: no memory. */
static int compose(struct making *k)
{
    struct message *m = k->m;
    struct template_tree *result = template_end(k->run);
    const struct template_value *v = result ? usable(k->ch, result, m) : NULL;
    int rc;

    k->run = NULL;
    tree_end(&k->tree);
    rc = k->ch->compose(k->c, k->x, v, m);
    template_tree_free(result);
    return rc < 0 || !buf_ok(&m->body) || !buf_ok(&m->text) ? -1 : 0;
}

/* A summary with a count is better than a refusal, and a template that fails over many alerts may only
 * have spent its budget. */
static void judge_length(struct making *k)
{
    struct message *m = k->m;
    size_t len = m->body.len + m->text.len;

    k->step = MAKING_DONE;
    if (!k->t || (m->template_failed ? k->shown <= FEW_ALERTS : len <= k->ch->max_bytes))
        return;
    if (m->template_failed) {
        k->shown /= 4;
    } else if (k->shown > 1) {
        k->shown = fewer(k->shown, len, k->ch->max_bytes);
    } else {
        snprintf(k->too_long, sizeof k->too_long,
                 "its message of %zu bytes is longer than %s takes", len, k->ch->name);
        k->template_error = k->too_long;
        k->t = NULL;
    }
    k->shortened = true;
    k->step = MAKING_BEGIN;
    message_clear(m);
}

int message_step(struct making *k, int64_t slice_us)
{
    switch (k->step) {
    case MAKING_BEGIN:
        begin_try(k);
        break;
    case MAKING_TREE:
        fill_tree(k);
        break;
    case MAKING_TEMPLATE:
        run_template(k, slice_us);
        break;
    case MAKING_COMPOSE:
        if (compose(k) < 0)
            return -1;
        judge_length(k);
        break;
    case MAKING_DONE:
        assert(false); /* a message that is made has no step any more */
    }
    return k->step == MAKING_DONE;
}

void message_end(struct making *k)
{
    if (!k)
        return;
    if (k->step != MAKING_DONE)
        message_clear(k->m);
    template_tree_free(template_end(k->run));
    tree_end(&k->tree);
    mem_free(k);
}

int message_make(const struct message_order *o, struct message *m)
{
    struct making *k = message_begin(o, m);
    int rc = k ? 0 : -1;

    while (rc == 0)
        rc = message_step(k, 0);
    message_end(k);
    return rc < 0 ? -1 : 0;
}
