/* POST /api/v2/alerts: the alerts of others come in.
 *
 *   body -> all of it has the form of alerts? -> one after the other into the book -> stored? -> answer
 *           (400, 422: nothing is taken)         (400 names those that are refused)   (503: not yet)
 *
 * In slices, since a body may hold thousands. The answer waits until Redis has them; while it is away they
 * are taken all the same, people are told, and the sender, who hears 503, says it again. */
#include <string.h>

#include "api/am.h"
#include "api/am_body.h"
#include "api/handlers.h"
#include "api/sliced.h"
#include "base/mem.h"
#include "base/text.h"

#define ALERTS_BODY_MAX  (8 << 20)
#define PRIORITY_UNKNOWN 3   /* of a severity that the table does not have */
#define ALERTS_AT_ONCE   250 /* before Redis has to have them */
#define NAMED_MAX        10  /* refused ones that the answer names */

struct post {
    struct sliced s;
    struct am_body all, rest; /* the whole body, and what is still to be done of it */
    bool checked;             /* all of it has the form */
    bool in_step;
    size_t n_refused;
    struct buf refused;
    struct err busy; /* one could not be taken for want of memory */
};

static void drop(struct sliced *s)
{
    struct post *p = (struct post *)s;

    buf_free(&p->refused);
    mem_free(p);
}

/* The body has not the form: nothing of it is taken. */
static bool refuse_all(struct post *p, const struct err *e)
{
    struct http_request *r = p->s.r;
    size_t n = p->rest.n > 0 ? p->rest.n - 1 : 0;

    p->s.r = NULL;
    if (e->code == ERR_LIMIT)
        am_reply_code(r, 413, 413, "%s", e->text);
    else if (*e->at)
        am_reply_code(r, 422, 602, "%zu.%s", n, e->text);
    else
        am_reply_code(r, 400, 400, "%s", e->text);
    return true;
}

static bool check_one(struct post *p, const char *element, size_t len)
{
    cJSON *o = cJSON_ParseWithLength(element, len);
    struct err e = {0};
    int rc = am_alert_check(o, &e);

    if (rc && !*e.at)
        err_prefix(&e, "alert %zu", p->rest.n - 1);
    cJSON_Delete(o);
    return rc ? refuse_all(p, &e) : false;
}

static void name_refused(struct post *p, const struct am_alert *a, const struct err *e)
{
    struct buf labels = BUF_INIT;

    p->s.api->am.invalid++;
    if (p->n_refused++ >= NAMED_MAX)
        return;
    labels_text(a->labels, a->n_labels, &labels);
    buf_addf(&p->refused, "%salert %zu %.*s: %s", p->refused.len ? "; " : "", p->rest.n - 1,
             (int)text_utf8_cut(buf_str(&labels), labels.len, 200), buf_str(&labels), e->text);
    buf_free(&labels);
}

static int put(struct post *p, const struct am_alert *a, struct err *e)
{
    const struct sliced *s = &p->s;
    int64_t now_ms = clock_wall_ms(loop_clock(s->api->o.loop));
    struct buf origin = BUF_INIT;
    struct alert_posted posted = {.labels = a->labels,
                                  .n_labels = a->n_labels,
                                  .annotations = a->annotations,
                                  .n_annotations = a->n_annotations,
                                  .url = a->url,
                                  .starts_ms = a->starts_ms,
                                  .ends_ms = a->ends_ms,
                                  .timeout_ms = s->config->server.resolve_timeout_ms,
                                  .priority = PRIORITY_UNKNOWN};
    int rc;

    for (size_t i = 0; i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, "severity") == 0 &&
            config_priority_of(s->config, a->labels[i].value))
            posted.priority = config_priority_of(s->config, a->labels[i].value);
    if (!matchers_test_labels(s->access.scope, s->access.n_scope, a->labels, a->n_labels))
        return err_set(e, ERR_REFUSED, "outside of the scope of token %s", s->access.name);
    buf_addf(&origin, "token:%s", s->access.name);
    posted.origin = buf_str(&origin);
    rc = buf_ok(&origin) ? alert_post(s->api->o.book, &posted, now_ms, e)
                         : err_set(e, ERR_MEMORY, "no memory");
    buf_free(&origin);
    if (rc == 0 && a->ends_ms && a->ends_ms <= now_ms)
        p->s.api->am.resolved++;
    else if (rc == 0)
        p->s.api->am.firing++;
    return rc;
}

static void take_one(struct post *p, const char *element, size_t len)
{
    cJSON *o = cJSON_ParseWithLength(element, len);
    struct am_alert a;
    struct err e = {0};

    if (!o)
        err_set(&p->busy, ERR_MEMORY, "no memory");
    else if ((am_alert_read(o, &a, &e) || put(p, &a, &e)) && e.code == ERR_MEMORY)
        p->busy = e;
    else if (e.code)
        name_refused(p, &a, &e);
    cJSON_Delete(o);
}

/* All of it is done: answered. */
static void answer(struct post *p, bool durable)
{
    struct http_request *r = p->s.r;

    p->s.r = NULL;
    if (p->busy.code || !durable) {
        http_reply_header(r, "Retry-After", "1");
        am_reply_text(r, 503, "%s",
                      p->busy.code ? p->busy.text
                                   : "taken and acted on, but not stored yet: Redis is away; "
                                     "send it again");
    } else if (p->n_refused > NAMED_MAX) {
        am_reply_text(r, 400, "%s; and %zu more", buf_str(&p->refused), p->n_refused - NAMED_MAX);
    } else if (p->n_refused) {
        am_reply_text(r, 400, "%s", buf_str(&p->refused));
    } else {
        http_reply(r, 200, NULL, NULL, 0);
    }
}

static void stored(bool durable, void *arg)
{
    struct post *p = arg;

    answer(p, durable);
    if (!p->in_step) /* else its step tells that it is over */
        sliced_end(&p->s);
}

static void go_on(bool durable, void *arg)
{
    struct post *p = arg;

    (void)durable;
    if (p->in_step)
        p->in_step = false; /* nothing to wait for */
    else
        sliced_resume(&p->s);
}

/* What has been taken is to be in Redis before more is: else one transaction would hold thousands. */
static bool pause_for_redis(struct post *p)
{
    p->in_step = true;
    notify_after(p->s.api->o.notify, go_on, p);
    if (!p->in_step)
        return false;
    p->in_step = false;
    return true;
}

static bool step(struct sliced *s)
{
    struct post *p = (struct post *)s;
    const char *element;
    struct err e = {0};
    size_t len;

    switch (am_body_next(&p->rest, &element, &len, &e)) {
    case AM_BROKEN:
        return refuse_all(p, &e);
    case AM_END:
        if (p->checked) {
            p->in_step = true;
            notify_after(s->api->o.notify, stored, p);
            p->in_step = false;
            return true;
        }
        p->checked = true;
        p->rest = p->all;
        return false;
    default:
        if (!p->checked)
            return check_one(p, element, len);
        take_one(p, element, len);
        return p->rest.n % ALERTS_AT_ONCE == 0 ? pause_for_redis(p) : false;
    }
}

void post_am_alerts(struct call *c)
{
    struct post *p;
    const void *body;
    struct err e;
    size_t len;

    if (!am_is_json(c))
        return;
    if (http_body_plain(c->r, ALERTS_BODY_MAX, &body, &len, &e) != 0) {
        am_reply_code(c->r, e.code == ERR_LIMIT ? 413 : 400, e.code == ERR_LIMIT ? 413 : 400, "%s",
                      e.text);
        return;
    }
    p = mem_zalloc(sizeof *p);
    if (!p) {
        reply_error(c->r, 503, "no_memory", "no memory");
        return;
    }
    p->all = p->rest = (struct am_body){.at = body, .end = (const char *)body + len};
    p->s.step = step;
    p->s.drop = drop;
    sliced_begin(&p->s, c);
}
