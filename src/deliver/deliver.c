/* Lanes. Each has its own pace: what is due is claimed one message at a time, up to a few side by
 * side (different incidents); after a temporary failure the whole lane rests, longer each time,
 * so that a provider that is down is not asked by every incident at once.
 *
 *   due(lane) -> pump: claim -> compose -> wait until the claim is stored -> send -> judge
 *                  ^                                                            |
 *                  +------- rest timer <--- temporary, unknown <----------------+--> commit */
#include "tocsin/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "deliver/channel.h"
#include "deliver/inbox.h"
#include "deliver/mime.h"
#include "deliver/templates.h"
#include "deliver/wording.h"
#include "tocsin/config.h"

#define IN_FLIGHT_MAX   8 /* messages of one lane at the same time, of different incidents */
#define REST_MIN_MS     500
#define REST_MAX_MS     60000
#define RETRY_AFTER_MAX 3600000 /* a provider that asks for more is asked again after an hour */

struct send;

struct lane {
    struct deliver *d;
    char *name, *receiver;
    size_t channel_index;
    const struct config_channel *config; /* NULL: no longer configured */
    struct timer *rest;
    bool resting;
    int64_t rest_ms;   /* length of the rest */
    unsigned failures; /* in a row */
    struct lane_stats stats;
    char last_error[256];
};

/* One message on its way: of a lane, or of a test. */
struct send {
    struct deliver *d;
    struct lane *lane; /* NULL: a test */
    struct notice *x;
    struct message m;
    const struct channel *channel;
    const struct config_channel *config;
    struct config *held; /* keeps `config` valid over a reload */
    struct outbound_call *call;
    int64_t started_ms;
    struct test *test;
    bool deferred;     /* transmit() has been ordered and has not run */
    struct send *next; /* of deliver.sends */
};

struct test {
    struct deliver *d;
    void (*each)(const struct deliver_answer *a, void *arg);
    void (*done)(void *arg);
    void *arg;
    size_t open;
};

struct deliver {
    struct deliver_options o;
    const struct config *config;
    struct map *lanes; /* name -> struct lane */
    struct templates *templates;
    struct inbox *inbox;
    struct send *sends;
    struct deliver_stats stats;
    bool draining;
    struct timer *drain_timer;
    void (*drained)(void *arg);
    void *drained_arg;
};

static void pump(struct lane *l);

static int64_t now_ms(const struct deliver *d)
{
    return clock_wall_ms(loop_clock(d->o.loop));
}

/* --- lanes --- */

static void lane_free(void *value)
{
    struct lane *l = value;

    timer_free(l->rest);
    mem_free(l->name);
    mem_free(l->receiver);
    mem_free(l);
}

static void rested(void *arg)
{
    struct lane *l = arg;

    l->resting = false;
    pump(l);
}

static struct lane *lane_new(struct deliver *d, const char *name, const char *receiver)
{
    struct lane *l = mem_zalloc(sizeof *l);

    if (!l)
        return NULL;
    l->d = d;
    l->name = mem_strdup(name);
    l->receiver = mem_strdup(receiver);
    l->rest = timer_new(d->o.loop, LOOP_DELIVERY, rested, l);
    l->stats.lane = l->name;
    l->stats.last_error = l->last_error;
    if (!l->name || !l->receiver || !l->rest || map_puts(d->lanes, name, l, NULL) < 0) {
        lane_free(l);
        return NULL;
    }
    return l;
}

static void note_lane(const char *name, const char *receiver, const char *channel, size_t index,
                      void *arg)
{
    struct deliver *d = arg;
    const struct config_receiver *r = config_receiver_find(d->config, receiver);
    struct lane *l = map_gets(d->lanes, name);

    (void)channel;
    if (!l)
        l = lane_new(d, name, receiver);
    if (!l)
        return;
    l->channel_index = index;
    l->config = r && index < r->n_channels ? &r->channels[index] : NULL;
    if (l->config) /* now, so that a mistake in it is told before a page needs it */
        (void)templates_find(d->templates, l->config->template);
}

static void find_lanes(struct deliver *d)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));)
        l->config = NULL;
    notify_lanes(d->o.notify, note_lane, d);
}

/* --- sending --- */

static void send_free(struct send *s)
{
    struct send **at = &s->d->sends;

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    message_clear(&s->m);
    config_unref(s->held);
    if (s->deferred)
        s->d = NULL; /* transmit() frees it */
    else
        mem_free(s);
}

static void check_drained(struct deliver *d)
{
    void (*drained)(void *arg) = d->drained;

    if (!d->draining || !drained || d->sends)
        return;
    d->drained = NULL;
    timer_stop(d->drain_timer);
    drained(d->drained_arg);
}

static void note_success(struct lane *l, const struct send *s)
{
    struct deliver *d = l->d;

    l->failures = 0;
    l->stats.delivered++;
    l->stats.last_ok_ms = now_ms(d);
    l->stats.failing_since_ms = 0;
    l->last_error[0] = 0;
    d->stats.last_ms = now_ms(d) - s->x->at_ms;
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
        l->stats.failing_since_ms = now_ms(l->d);
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
    struct outcome o = {.kind = kind, .error = kind == OUTCOME_DELIVERED ? NULL : error};

    if (s->m.keep.len > 0 && (kind == OUTCOME_DELIVERED || kind == OUTCOME_UNKNOWN))
        o.data = buf_str(&s->m.keep);

    count(d, kind);
    d->stats.in_flight--;
    l->stats.in_flight--;
    if (kind == OUTCOME_DELIVERED) {
        note_success(l, s);
    } else if (kind != OUTCOME_RETURNED) {
        int64_t ms = rest_ms(l, retry_after_ms);

        o.retry_ms = now_ms(d) + ms;
        note_failure(l, &o, ms);
    }
    notify_commit(d->o.notify, s->x, &o);
    send_free(s);
    if (!d->draining)
        pump(l);
    check_drained(d);
}

static void explain_answer(const struct outbound_result *r, char *out, size_t size)
{
    int shown = r->len < 160 ? (int)r->len : 160;

    if (!r->ok || r->status == 0)
        snprintf(out, size, "%s", r->error && *r->error ? r->error : "no answer");
    else
        snprintf(out, size, "%d %.*s", r->status, shown, r->body ? r->body : "");
}

static void end_test(struct test *t)
{
    if (--t->open > 0)
        return;
    t->done(t->arg);
    mem_free(t);
}

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

    t->each(&a, t->arg);
    notify_notice_free(s->x);
    send_free(s);
    end_test(t);
    check_drained(d);
}

static void answered(const struct outbound_result *r, void *arg)
{
    struct send *s = arg;
    enum outcome_kind kind = s->channel->judge(r);
    char text[512];

    s->call = NULL;
    explain_answer(r, text, sizeof text);
    if (s->test)
        finish_test(s, kind == OUTCOME_DELIVERED, r->status, r->took_ms, text);
    else
        finish(s, kind, text, r->retry_after_ms);
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
    typedef char address[MIME_ADDRESS_LEN];
    const struct config_channel *c = s->config;
    struct outbound_call *call = NULL;
    const char **to = mem_zalloc((c->n_to + 1) * sizeof *to);
    address from, *bare = mem_alloc((c->n_to + 1) * sizeof *bare);
    struct outbound_mail m = {.url = c->smtp,
                              .tls = (enum mail_tls)c->tls,
                              .user = c->user,
                              .password = secret_text(c->password),
                              .from = from,
                              .to = to,
                              .data = buf_str(&s->m.body),
                              .len = s->m.body.len,
                              .timeout_ms = c->timeout_ms,
                              .ca_file = c->ca_file,
                              .insecure_skip_verify = c->insecure_skip_verify};

    err_set(e, ERR_MEMORY, "no memory");
    if (to && bare) {
        mime_bare_address(c->from, from);
        for (size_t i = 0; i < c->n_to; i++) {
            mime_bare_address(c->to[i], bare[i]);
            to[i] = bare[i];
        }
        call = outbound_mail(s->d->o.outbound, &m, answered, s, e);
    }
    mem_free(to);
    mem_free(bare);
    return call;
}

static void deliver_to_inbox(struct send *s)
{
    int rc = inbox_add(s->d->inbox, s->x, buf_str(&s->m.text), buf_str(&s->m.body));

    if (s->test)
        finish_test(s, rc == 0, 200, 0, rc == 0 ? "kept in the inbox" : "no memory");
    else
        finish(s, rc == 0 ? OUTCOME_DELIVERED : OUTCOME_TEMPORARY, "no memory", -1);
}

/* The claim is stored (or Redis is away, and a page that may come twice beats none). */
static void transmit(bool durable, void *arg)
{
    struct send *s = arg;
    struct err e;

    (void)durable;
    s->deferred = false;
    if (!s->d) { /* delivery ended while it waited */
        mem_free(s);
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
    if (s->call)
        return;
    if (s->test)
        finish_test(s, false, 0, 0, e.text);
    else
        finish(s, e.code == ERR_INPUT ? OUTCOME_PERMANENT : OUTCOME_TEMPORARY, e.text, -1);
}

static int compose_send(struct send *s)
{
    const struct named_template *nt = templates_find(s->d->templates, s->config->template);

    if (!nt || message_make(s->channel, s->config, nt->t, nt->error, s->x, &s->m) < 0)
        return -1;
    s->d->stats.truncated += s->m.shortened;
    if (s->m.template_failed) {
        s->d->stats.template_errors++;
        log_error("a channel template failed; plain text is sent", "channel", s->config->template,
                  "error", s->m.error, NULL);
    }
    return 0;
}

static struct send *send_new(struct deliver *d, struct lane *l, struct notice *x,
                             const struct config_channel *c)
{
    struct send *s = mem_zalloc(sizeof *s);

    if (!s)
        return NULL;
    *s = (struct send){.d = d, .lane = l, .x = x, .config = c, .next = d->sends};
    s->channel = channels[c->type];
    s->held = config_ref(d->config);
    s->started_ms = now_ms(d);
    d->sends = s;
    return s;
}

static void give_back(struct deliver *d, struct notice *x, const char *why)
{
    struct outcome o = {.kind = OUTCOME_RETURNED, .error = why, .retry_ms = now_ms(d) + 1000};

    notify_commit(d->o.notify, x, &o);
}

static void pump(struct lane *l)
{
    struct deliver *d = l->d;
    struct notice *x;

    while (!d->draining && !l->resting && l->config && l->stats.in_flight < IN_FLIGHT_MAX &&
           (x = notify_claim(d->o.notify, l->name))) {
        struct send *s = send_new(d, l, x, l->config);

        if (!s) {
            give_back(d, x, "no memory");
            l->resting = true;
            timer_in(l->rest, REST_MIN_MS);
            return;
        }
        d->stats.in_flight++;
        l->stats.in_flight++;
        if (compose_send(s) < 0) {
            finish(s, OUTCOME_TEMPORARY, "no memory for the message", -1);
            return;
        }
        s->deferred = true;
        notify_after(d->o.notify, transmit, s);
    }
}

void deliver_due(const char *lane, void *deliver)
{
    struct deliver *d = deliver;
    struct lane *l = map_gets(d->lanes, lane);

    if (!l) {
        find_lanes(d);
        l = map_gets(d->lanes, lane);
    }
    if (l)
        pump(l);
}

bool deliver_edits(const char *channel, void *deliver)
{
    (void)channel;
    (void)deliver;
    return false; /* an incoming webhook, a mail and a webhook cannot be changed once sent */
}

/* --- tests of receivers, previews --- */

int deliver_test(struct deliver *d, const char *receiver,
                 void (*each)(const struct deliver_answer *a, void *arg), void (*done)(void *arg),
                 void *arg, struct err *e)
{
    const struct config_receiver *r = config_receiver_find(d->config, receiver);
    struct test *t = r ? mem_zalloc(sizeof *t) : NULL;

    if (!r)
        return err_set(e, ERR_INPUT, "there is no receiver \"%s\"", receiver);
    if (!t)
        return err_set(e, ERR_MEMORY, "no memory");
    *t = (struct test){.d = d, .each = each, .done = done, .arg = arg, .open = 1};
    for (size_t i = 0; i < r->n_channels; i++) {
        struct notice *x = notify_test_notice(d->o.notify, receiver, i);
        struct send *s = x ? send_new(d, NULL, x, &r->channels[i]) : NULL;

        if (!s) {
            if (x)
                notify_notice_free(x);
            continue;
        }
        s->test = t;
        t->open++;
        if (compose_send(s) < 0)
            finish_test(s, false, 0, 0, "no memory for the message");
        else
            transmit(true, s);
    }
    end_test(t);
    return 0;
}

void deliver_render(struct deliver *d, const struct notice *x, struct buf *out)
{
    const struct config_receiver *r = config_receiver_find(d->config, x->receiver);
    const struct config_channel *c =
        r && x->channel_index < r->n_channels ? &r->channels[x->channel_index] : NULL;
    const struct named_template *nt = c ? templates_find(d->templates, c->template) : NULL;
    struct message m;

    if (!nt || message_make(channels[c->type], c, nt->t, nt->error, x, &m) < 0) {
        wording_plain(x, NULL, out);
        return;
    }
    buf_add(out, buf_str(&m.body), m.body.len);
    message_clear(&m);
}

/* --- life --- */

static void drain_timed_out(void *arg)
{
    struct deliver *d = arg;
    void (*drained)(void *arg) = d->drained;

    d->drained = NULL;
    if (drained)
        drained(d->drained_arg);
}

struct deliver *deliver_new(const struct deliver_options *o, struct err *e)
{
    struct deliver *d = mem_zalloc(sizeof *d);

    if (!d) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    d->o = *o;
    d->config = o->config;
    d->lanes = map_new();
    d->templates = templates_new(o->templates);
    d->inbox = inbox_new(o->store);
    d->drain_timer = timer_new(o->loop, LOOP_DELIVERY, drain_timed_out, d);
    if (!d->lanes || !d->templates || !d->inbox || !d->drain_timer) {
        err_set(e, ERR_MEMORY, "no memory");
        deliver_free(d);
        return NULL;
    }
    find_lanes(d);
    return d;
}

void deliver_free(struct deliver *d)
{
    if (!d)
        return;
    while (d->sends) {
        struct send *s = d->sends;

        if (s->call)
            outbound_cancel(s->call);
        if (s->test)
            notify_notice_free(s->x);
        else
            give_back(d, s->x, "shutting down");
        if (s->test && --s->test->open == 0)
            mem_free(s->test);
        send_free(s);
    }
    map_free(d->lanes, lane_free);
    templates_free(d->templates);
    inbox_free(d->inbox);
    timer_free(d->drain_timer);
    mem_free(d);
}

/* Those that no configuration has any more, once nothing of theirs is on its way. */
static void drop_gone_lanes(struct deliver *d)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));) {
        if (l->config || l->stats.in_flight)
            continue;
        map_removes(d->lanes, l->name);
        lane_free(l);
    }
}

void deliver_configure(struct deliver *d, const struct config *c)
{
    struct lane *l;

    d->config = c; /* messages in flight hold the old one */
    templates_forget(d->templates);
    find_lanes(d);
    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));) {
        timer_stop(l->rest);
        l->resting = false; /* the mistake may just have been mended */
        l->failures = 0;
        pump(l);
    }
    drop_gone_lanes(d);
}

void deliver_drain(struct deliver *d, int64_t wait_ms, void (*drained)(void *arg), void *arg)
{
    d->draining = true;
    d->drained = drained;
    d->drained_arg = arg;
    timer_in(d->drain_timer, wait_ms);
    check_drained(d);
}

void deliver_inbox(struct deliver *d, uint64_t after, uint64_t before, size_t limit,
                   struct json *out)
{
    inbox_json(d->inbox, after, before, limit, out);
}

void deliver_inbox_restore(struct deliver *d, const char *id, const char *const *pairs, size_t n)
{
    inbox_restore(d->inbox, id, pairs, n);
}

void deliver_lanes(const struct deliver *d, void (*each)(const struct lane_stats *s, void *arg),
                   void *arg)
{
    struct lane *l;

    for (size_t at = 0; (l = map_next(d->lanes, &at, NULL, NULL));)
        if (l->config || l->stats.in_flight)
            each(&l->stats, arg);
}

void deliver_stats(const struct deliver *d, struct deliver_stats *out)
{
    *out = d->stats;
}
