/* Lanes. Each has its own pace: what is due is claimed one message at a time, up to a few side by
 * side (different incidents); after a temporary failure the whole lane rests, longer each time,
 * so that a provider that is down is not asked by every incident at once.
 *
 *   due(lane) -> pump: claim -> wait until the claim is stored -> compose -> send -> judge
 *                  ^                                                            |
 *                  +------- rest timer <--- temporary, unknown <----------------+--> commit
 *
 * A message is made when its claim is stored, not before: then it is known whether it may come twice. */
#include "deliver/send.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/redact.h"
#include "deliver/compose.h"
#include "deliver/late.h"
#include "tocsin/config.h"

#define IN_FLIGHT_MAX   8 /* messages of one lane at the same time, of different incidents */
#define INBOX_AGAIN_MS  1000
#define REST_MIN_MS     500
#define REST_MAX_MS     60000
#define RETRY_AFTER_MAX 3600000 /* a provider that asks for more is asked again after an hour */

void send_free(struct send *s)
{
    struct send **at = &s->d->sends;

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    compose_drop(s);
    message_clear(&s->m);
    config_unref(s->held);
    if (s->deferred)
        s->d = NULL; /* send_stored() frees it */
    else
        mem_free(s);
}

void deliver_check_drained(struct deliver *d)
{
    void (*drained)(void *arg) = d->drained;

    if (!d->draining || !drained || d->sends)
        return;
    assert(d->stats.in_flight == 0);
    d->drained = NULL;
    timer_stop(d->drain_timer);
    drained(d->drained_arg);
}

static void note_success(struct lane *l, const struct send *s)
{
    struct deliver *d = l->d;

    l->failures = 0;
    l->stats.delivered++;
    l->stats.last_ok_ms = deliver_now_ms(d);
    l->stats.failing_since_ms = 0;
    assert(s->lane == l && l->failures == 0);
    d->stats.last_ms = deliver_now_ms(d) - s->x->at_ms;
    if (d->stats.last_ms > d->stats.worst_ms)
        d->stats.worst_ms = d->stats.last_ms;
}

/* How long the lane rests after a failure: half a second doubling up to a minute, a quarter more
 * or less so that many receivers behind one proxy do not come back together. A provider that says
 * when is believed, but "at once" would be a busy loop. */
static int64_t rest_ms(const struct lane *l, int64_t retry_after_ms)
{
    unsigned doublings = l->failures < 8 ? l->failures : 8;
    int64_t ms = REST_MIN_MS << doublings;

    if (retry_after_ms >= REST_MIN_MS)
        return retry_after_ms < RETRY_AFTER_MAX ? retry_after_ms : RETRY_AFTER_MAX;
    if (ms > REST_MAX_MS)
        ms = REST_MAX_MS;
    return ms - ms / 4 + (int64_t)(random_u64() % (uint64_t)(ms / 2 + 1));
}

static void note_failure(struct lane *l, const struct outcome *o, int64_t ms)
{
    l->stats.failed++;
    if (l->stats.failing_since_ms == 0)
        l->stats.failing_since_ms = deliver_now_ms(l->d);
    snprintf(l->last_error, sizeof l->last_error, "%.250s", o->error ? o->error : "");
    log_warn(o->kind == OUTCOME_PERMANENT ? "a receiver refused a message"
                                          : "a message could not be delivered; it is tried again",
             "lane", l->name, "error", l->last_error, NULL);
    if (o->kind == OUTCOME_PERMANENT)
        return;
    l->stats.retried++;
    if (!l->resting) /* messages that were side by side failed of the same cause: one failure */
        l->failures++;
    if (!l->resting || ms > l->rest_ms) {
        l->rest_ms = ms;
        timer_in(l->rest, ms);
    }
    l->resting = true;
    assert(l->stats.failing_since_ms != 0 && l->failures > 0 && l->rest_ms >= ms);
}

static void count(struct deliver *d, enum outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_DELIVERED:
        d->stats.delivered++;
        break;
    case OUTCOME_TEMPORARY:
        d->stats.temporary++;
        break;
    case OUTCOME_PERMANENT:
        d->stats.permanent++;
        break;
    case OUTCOME_UNKNOWN:
        d->stats.unknown++;
        break;
    case OUTCOME_RETURNED:
        break;
    }
}

static void finish(struct send *s, enum outcome_kind kind, const char *error,
                   int64_t retry_after_ms)
{
    struct deliver *d = s->d;
    struct lane *l = s->lane;
    struct outcome o = {.kind = kind, .error = error};

    if (s->m.keep.len > 0 && (kind == OUTCOME_DELIVERED || kind == OUTCOME_UNKNOWN))
        o.data = buf_str(&s->m.keep);

    count(d, kind);
    assert(!s->test && d->stats.in_flight > 0 && l->stats.in_flight > 0);
    d->stats.in_flight--;
    l->stats.in_flight--;
    if (kind == OUTCOME_DELIVERED) {
        note_success(l, s);
        snprintf(l->last_error, sizeof l->last_error, "%.250s", error ? error : "");
    } else if (kind != OUTCOME_RETURNED) {
        int64_t ms = rest_ms(l, retry_after_ms);

        o.retry_ms = deliver_now_ms(d) + ms;
        note_failure(l, &o, ms);
    }
    notify_commit(d->o.notify, s->x, &o);
    send_free(s);
    if (!d->draining)
        lane_pump(l);
    deliver_check_drained(d);
}

/* An answer may repeat what it was sent, and an error the address with its key: both are kept. */
static void explain_answer(const struct send *s, const struct outbound_result *r, char *out,
                           size_t size)
{
    size_t shown = r->body && r->len < 160 ? r->len : r->body ? 160 : 0;
    const struct redact_also *also = &s->held->server.redact;
    struct buf b = BUF_INIT;

    if (!r->ok || r->status == 0) {
        const char *error = r->error && *r->error ? r->error : "no answer";

        redact_text(also, error, strlen(error), &b);
    } else {
        buf_addf(&b, "%d ", r->status);
        redact_text(also, r->body ? r->body : "", shown, &b);
    }
    snprintf(out, size, "%s", buf_ok(&b) ? buf_str(&b) : "no memory to say it");
    buf_free(&b);
}

void test_release(struct test *t)
{
    assert(t->open > 0);
    if (--t->open > 0)
        return;
    t->done(t->arg);
    mem_free(t);
}

/* Tells the test, and frees the message. */
static void finish_test(struct send *s, bool ok, int status, int64_t took_ms, const char *text)
{
    struct deliver_answer a = {.receiver = s->x->receiver,
                               .channel = s->x->channel,
                               .channel_index = s->x->channel_index,
                               .ok = ok,
                               .status = status,
                               .took_ms = took_ms,
                               .text = text};
    struct deliver *d = s->d;
    struct test *t = s->test;
    char broken[400];

    assert(t && t->each);
    if (ok && s->m.template_failed) { /* a test is to find it, though a page would go out */
        snprintf(broken, sizeof broken, "plain text was sent, because the template failed: %s",
                 s->m.error);
        a.ok = false;
        a.text = broken;
    }
    t->each(&a, t->arg);
    notify_notice_free(s->x);
    send_free(s);
    test_release(t);
    deliver_check_drained(d);
}

static void answered(const struct outbound_result *r, void *arg)
{
    struct send *s = arg;
    enum outcome_kind kind = s->channel->judge(r);
    char text[512];

    s->call = NULL;
    explain_answer(s, r, text, sizeof text);
    if (r->n_refused > 0)
        late_explain(r, text, sizeof text);
    if (s->test) {
        finish_test(s, kind == OUTCOME_DELIVERED && r->n_refused == 0, r->status, r->took_ms, text);
        return;
    }
    if (kind == OUTCOME_DELIVERED && s->channel->transport == TRANSPORT_MAIL)
        late_follow(s, r->refused, r->n_refused);
    finish(s, kind, kind == OUTCOME_DELIVERED && r->n_refused == 0 ? NULL : text,
           r->retry_after_ms);
}

static struct outbound_call *start_http(struct send *s, struct err *e)
{
    const struct config_channel *c = s->config;
    struct outbound_http h = {.method = "POST",
                              .url = secret_text(c->url),
                              .headers = (const char *const *)s->m.headers,
                              .body = buf_str(&s->m.body),
                              .len = s->m.body.len,
                              .timeout_ms = c->timeout_ms,
                              .user = c->user,
                              .password = secret_text(c->password),
                              .bearer = secret_text(c->bearer),
                              .ca_file = c->ca_file,
                              .insecure_skip_verify = c->insecure_skip_verify};

    return outbound_http(s->d->o.outbound, &h, answered, s, e);
}

static struct outbound_call *start_mail(struct send *s, struct err *e)
{
    return late_mail(s->d,
                     &(struct late_mail){s->config, s->config->to, s->config->n_to,
                                         buf_str(&s->m.body), s->m.body.len},
                     answered, s, e);
}

static void deliver_to_inbox(struct send *s)
{
    int rc = inbox_add(s->d->inbox, s->x, buf_str(&s->m.text), buf_str(&s->m.body));

    if (s->test)
        finish_test(s, rc == 0, 200, 0, rc == 0 ? "kept in the inbox" : "no memory");
    else
        finish(s, rc == 0 ? OUTCOME_DELIVERED : OUTCOME_TEMPORARY, rc == 0 ? NULL : "no memory",
               -1);
}

static void fail(struct send *s, enum outcome_kind kind, const char *error)
{
    if (s->test)
        finish_test(s, false, 0, 0, error);
    else
        finish(s, kind, error, -1);
}

/* Sends it, now that its message is there. */
static void made(struct send *s, bool ok)
{
    struct err e;

    assert(!s->call && !s->deferred && !s->d->halted);
    if (!ok) {
        fail(s, OUTCOME_TEMPORARY, "no memory for the message");
        return;
    }
    s->d->stats.sent++;
    if (s->d->o.shadow && !s->test) {
        finish(s, OUTCOME_DELIVERED, NULL, -1);
        return;
    }
    if (s->channel->transport == TRANSPORT_INBOX) {
        deliver_to_inbox(s);
        return;
    }
    s->call = s->channel->transport == TRANSPORT_HTTP ? start_http(s, &e) : start_mail(s, &e);
    if (!s->call)
        fail(s, e.code == ERR_INPUT ? OUTCOME_PERMANENT : OUTCOME_TEMPORARY, e.text);
}

/* The claim is stored (or Redis is away, and a page that may come twice beats none). */
void send_stored(bool durable, void *arg)
{
    struct send *s = arg;

    assert(s->test || s->deferred);
    s->deferred = false;
    if (!s->d) { /* delivery ended while it waited */
        mem_free(s);
        return;
    }
    if (s->d->halted)
        return;
    if (!durable && !s->test)
        s->x->degraded = true;
    compose_begin(s, made);
}

struct send *send_new(struct deliver *d, struct lane *l, struct notice *x,
                      const struct config_channel *c)
{
    struct send *s = mem_zalloc(sizeof *s);

    assert(x && c && c->type < CHANNEL_TYPES);
    if (!s)
        return NULL;
    *s = (struct send){.d = d, .lane = l, .x = x, .config = c, .next = d->sends};
    s->channel = channel_table[c->type];
    s->held = config_ref(d->config);
    d->sends = s;
    return s;
}

void notice_give_back(struct deliver *d, struct notice *x, const char *why)
{
    struct outcome o = {
        .kind = OUTCOME_RETURNED, .error = why, .retry_ms = deliver_now_ms(d) + 1000};

    notify_commit(d->o.notify, x, &o);
}

/* All inbox lanes go on, or rest before the next try. */
static void inbox_was_read(const struct err *e, void *arg)
{
    struct deliver *d = arg;
    struct lane *l;

    if (e)
        log_warn("the stored inbox could not be read; it is tried again", "error", e->text, NULL);
    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));) {
        if (!l->config || l->config->type != CHANNEL_INBOX || l->resting)
            continue;
        l->resting = true;
        timer_in(l->rest, e ? INBOX_AGAIN_MS : 0);
    }
}

/* One message of a lane may always go: nobody waits for the lanes of others. More side by side only
 * while the lane is well and half of the connections are free, so that many receivers that hang
 * leave room for one message of everybody else. */
static bool may_send(const struct lane *l)
{
    assert(l->stats.in_flight <= IN_FLIGHT_MAX);
    if (l->stats.in_flight == 0)
        return true;
    return l->failures == 0 && l->stats.in_flight < IN_FLIGHT_MAX && send_has_room(l->d);
}

static void pump(struct lane *l)
{
    struct deliver *d = l->d;
    struct notice *x;

    if (l->config && l->config->type == CHANNEL_INBOX && !l->resting &&
        !inbox_is_known(d->inbox, inbox_was_read, d))
        return;
    while (!d->draining && !l->resting && l->config && may_send(l) &&
           (x = notify_claim(d->o.notify, l->name))) {
        struct send *s = send_new(d, l, x, l->config);

        if (!s) {
            notice_give_back(d, x, "no memory");
            l->resting = true;
            timer_in(l->rest, REST_MIN_MS);
            return;
        }
        d->stats.in_flight++;
        l->stats.in_flight++;
        assert(l->stats.in_flight <= IN_FLIGHT_MAX);
        s->deferred = true;
        notify_after(d->o.notify, send_stored, s);
    }
}

/* A claim reviews what is marked, and that may tell this very lane that something is due: the pump
 * that claims goes on until nothing is, another within it would take its places. */
void lane_pump(struct lane *l)
{
    if (l->pumping)
        return;
    l->pumping = true;
    pump(l);
    l->pumping = false;
}
