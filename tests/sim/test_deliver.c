/* Lanes on a virtual clock. Beside them stand a notify that says what is due from a script and
 * notes what was committed, and an outbound whose calls the test answers. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "fake_loop.h"
#include "tocsin/config.h"
#include "tocsin/deliver.h"

#define START_MS 1000000
#define CALLS    64

/* --- the scripted notify --- */

struct commit {
    uint64_t incident;
    enum outcome_kind kind;
    int64_t at_ms, retry_ms;
    char error[400], data[256];
};

struct notify {
    struct deliver
        *tells; /* a claim reviews first, and tells it of what became due; NULL: not so */
    struct loop *loop;
    const struct config *config;
    unsigned due[8];  /* messages that wait, by lane */
    size_t alerts[8]; /* of each */
    int64_t not_before_ms[8];
    uint64_t next_incident;
    struct commit commits[256];
    size_t n_commits, claimed;
    char lanes[8][64];
    bool sync; /* the store answers inside the call, as it must never */
    bool stuck;
    void (*waits)(bool durable, void *arg);
    void *waits_arg;
};

static int lane_number(const char *lane)
{
    const char *colon = strrchr(lane, ':');

    return colon ? atoi(colon + 1) - 1 : 0;
}

static struct notice *notice_of(const char *lane, const char *receiver, uint64_t incident,
                                int64_t at_ms)
{
    struct notice *x = mem_zalloc(sizeof *x);

    *x = (struct notice){.lane = mem_strdup(lane),
                         .receiver = mem_strdup(receiver),
                         .channel = "webhook",
                         .channel_index = (size_t)lane_number(lane),
                         .incident = incident,
                         .seq = 1,
                         .key = "key",
                         .firing = true,
                         .reason = REASON_FIRST,
                         .reason_text = "",
                         .priority = 1,
                         .group_key = "{}:{}",
                         .external_url = "",
                         .incident_url = "",
                         .ack = {"", "", 0, 0},
                         .at_ms = at_ms,
                         .since_ms = at_ms,
                         .fallback_for = "",
                         .data = ""};
    return x;
}

static void give_alerts(struct notice *x, size_t n)
{
    static struct label labels[1];

    labels[0] = label_of("alertname", "Down");
    x->alerts = mem_zalloc((n + 1) * sizeof *x->alerts);
    x->n_alerts = x->n_firing = n;
    for (size_t i = 0; i < n; i++)
        x->alerts[i] = (struct notice_alert){.firing = true,
                                             .priority = 1,
                                             .fingerprint = i + 1,
                                             .labels = labels,
                                             .n_labels = 1,
                                             .starts_ms = x->at_ms,
                                             .unit_name = "",
                                             .origin = "rule:Down",
                                             .generator_url = "",
                                             .end_reason = "",
                                             .freed_by = "",
                                             .why = ""};
}

void notify_notice_free(struct notice *x)
{
    mem_free(x->alerts);
    mem_free((char *)x->lane);
    mem_free((char *)x->receiver);
    mem_free(x);
}

struct notice *notify_claim(struct notify *n, const char *lane)
{
    int i = lane_number(lane);
    struct deliver *tells = n->tells;
    struct notice *x;
    char receiver[64];

    n->tells = NULL; /* a claim within it reviews nothing */
    if (tells)
        deliver_due(lane, tells);
    n->tells = tells;
    if (n->due[i] == 0 || clock_wall_ms(loop_clock(n->loop)) < n->not_before_ms[i])
        return NULL;
    n->due[i]--;
    n->claimed++;
    snprintf(receiver, sizeof receiver, "%.*s", (int)strcspn(lane, "/"), lane);
    x = notice_of(lane, receiver, ++n->next_incident, clock_wall_ms(loop_clock(n->loop)));
    give_alerts(x, n->alerts[i]);
    return x;
}

void notify_commit(struct notify *n, struct notice *x, const struct outcome *o)
{
    struct commit *c = &n->commits[n->n_commits++];

    *c = (struct commit){.incident = x->incident,
                         .kind = o->kind,
                         .at_ms = clock_wall_ms(loop_clock(n->loop)),
                         .retry_ms = o->retry_ms};
    snprintf(c->error, sizeof c->error, "%s", o->error ? o->error : "");
    snprintf(c->data, sizeof c->data, "%s", o->data ? o->data : "");
    if (o->kind == OUTCOME_TEMPORARY || o->kind == OUTCOME_UNKNOWN) {
        n->due[lane_number(x->lane)]++;
        n->not_before_ms[lane_number(x->lane)] = 0; /* the lane's rest alone is under test */
    }
    n->claimed--;
    notify_notice_free(x);
}

struct later {
    struct timer *timer;
    void (*then)(bool durable, void *arg);
    void *arg;
};

static void run_later(void *arg)
{
    struct later *l = arg;

    timer_free(l->timer);
    l->then(true, l->arg);
    mem_free(l);
}

void notify_after(struct notify *n, void (*then)(bool durable, void *arg), void *arg)
{
    struct later *l;

    if (n->stuck) {
        n->waits = then;
        n->waits_arg = arg;
        return;
    }
    l = mem_alloc(sizeof *l);
    *l = (struct later){timer_new(n->loop, LOOP_DELIVERY, run_later, l), then, arg};
    timer_in(l->timer, 0);
}

void notify_lanes(struct notify *n,
                  void (*each)(const char *lane, const char *receiver, const char *channel,
                               size_t channel_index, void *arg),
                  void *arg)
{
    for (size_t i = 0; i < n->config->n_receivers; i++) {
        const struct config_receiver *r = &n->config->receivers[i];

        for (size_t k = 0; k < r->n_channels; k++) {
            char lane[96];

            snprintf(lane, sizeof lane, k ? "%s/%s:%zu" : "%s/%s", r->name,
                     channel_table[r->channels[k].type]->name, k + 1);
            each(lane, r->name, channel_table[r->channels[k].type]->name, k, arg);
        }
    }
}

struct notice *notify_test_notice(struct notify *n, const char *receiver, size_t channel_index)
{
    char lane[64];

    snprintf(lane, sizeof lane, "%s/webhook:%zu", receiver, channel_index + 1);
    return notice_of(lane, receiver, 0, clock_wall_ms(loop_clock(n->loop)));
}

/* --- the outbound that the test answers --- */

struct outbound_call {
    outbound_done done;
    void *arg;
    char *url, *body;
    char headers[512], to[256];
    bool open, cancelled;
    enum mail_tls tls; /* of a mail */
};
static struct outbound_call calls[CALLS];
static size_t n_calls;
static bool refuse_calls;

struct outbound_call *outbound_http(struct outbound *o, const struct outbound_http *h,
                                    outbound_done done, void *arg, struct err *e)
{
    struct outbound_call *c = &calls[n_calls % CALLS];

    (void)o;
    if (refuse_calls)
        return err_set(e, ERR_BUSY, "no connection is free"), NULL;
    mem_free(c->url);
    mem_free(c->body);
    *c = (struct outbound_call){.done = done,
                                .arg = arg,
                                .url = mem_strdup(h->url),
                                .body = mem_dup(h->body, h->len),
                                .open = true};
    for (size_t i = 0; h->headers && h->headers[i]; i++) {
        strncat(c->headers, h->headers[i], sizeof c->headers - strlen(c->headers) - 2);
        strcat(c->headers, "\n");
    }
    n_calls++;
    return c;
}

struct outbound_call *outbound_mail(struct outbound *o, const struct outbound_mail *m,
                                    outbound_done done, void *arg, struct err *e)
{
    struct outbound_http h = {.url = m->url, .body = m->data, .len = m->len};
    struct outbound_call *c = outbound_http(o, &h, done, arg, e);

    c->tls = m->tls;
    for (size_t i = 0; m->to[i]; i++)
        snprintf(c->to + strlen(c->to), sizeof c->to - strlen(c->to), "%s ", m->to[i]);
    return c;
}

void outbound_cancel(struct outbound_call *c)
{
    c->open = false;
    c->cancelled = true;
}

static void answer(size_t call, int status, int64_t retry_after_ms)
{
    struct outbound_call *c = &calls[call % CALLS];
    struct outbound_result r = {.ok = status > 0,
                                .status = status > 0 ? status : 0,
                                .body = "text",
                                .len = 4,
                                .retry_after_ms = retry_after_ms,
                                .maybe_done = status<0, .error = status> 0 ? "" : "timed out"};

    ck_assert_msg(call < n_calls && c->open, "call %zu is not open", call);
    c->open = false;
    c->done(&r, c->arg);
}

/* A mail server takes the mail, but not for one of its recipients. */
static void answer_but(size_t call, const char *to, int status, const char *reply)
{
    struct outbound_call *c = &calls[call % CALLS];
    struct outbound_refusal no = {to, status, reply};
    struct outbound_result r = {.ok = true,
                                .status = 250,
                                .body = "250 queued",
                                .len = 10,
                                .retry_after_ms = -1,
                                .error = "",
                                .refused = &no,
                                .n_refused = 1};

    ck_assert_msg(call < n_calls && c->open, "call %zu is not open", call);
    c->open = false;
    c->done(&r, c->arg);
}

/* --- a store that holds the inbox's stream --- */

struct store {
    char last_id[32]; /* of what was appended */
    void (*entry)(const char *id, const char *const *pairs, size_t n_pairs, void *arg);
    void (*done)(const struct err *e, void *arg);
    void *arg;
    int reads;
};

void store_append(struct store *s, const char *key, uint64_t max_len, const char *id,
                  const char *const *pairs)
{
    (void)key, (void)max_len, (void)pairs;
    snprintf(s->last_id, sizeof s->last_id, "%s", id);
}

void store_read_stream(struct store *s, const char *key, const char *before, size_t limit,
                       void (*entry)(const char *id, const char *const *pairs, size_t n_pairs,
                                     void *arg),
                       void (*done)(const struct err *e, void *arg), void *arg)
{
    (void)key, (void)before, (void)limit;
    s->entry = entry;
    s->done = done;
    s->arg = arg;
    s->reads++;
}

/* --- a process --- */

struct world {
    struct clock *clock;
    struct loop *loop;
    struct config *config;
    struct notify notify;
    struct deliver *d;
};

static struct config *load_config(const char *text)
{
    struct err e = {0};
    struct config *c = config_load("tocsin.lua", text, strlen(text), NULL, &e);

    ck_assert_msg(c, "%s", e.text);
    return c;
}

static void quiet(const char *line, void *arg)
{
    (void)line, (void)arg;
}

static const char *const two_lanes =
    "receiver 'ops' { webhook { url = 'http://127.0.0.1:1/a' }, webhook { url = "
    "'http://127.0.0.1:1/b' } }\nroute { receiver = 'ops' }\n";

static void open_stored_world(struct world *w, const char *config, struct store *store)
{
    struct deliver_options o = {.notify = &w->notify, .store = store};
    struct err e = {0};

    *w = (struct world){.clock = clock_virtual(START_MS)};
    log_divert(quiet, NULL);
    n_calls = 0;
    refuse_calls = false;
    w->loop = o.loop = loop_new(w->clock, NULL);
    w->config = load_config(config);
    w->notify.loop = w->loop;
    w->notify.config = o.config = w->config;
    w->d = deliver_new(&o, &e);
    ck_assert_msg(w->d, "%s", e.text);
}

static void open_world(struct world *w, const char *config)
{
    open_stored_world(w, config, NULL);
}

static void close_world(struct world *w)
{
    deliver_free(w->d);
    ck_assert_uint_eq(w->notify.claimed, 0); /* every claim has been given back */
    fake_loop_settle(w->loop);
    loop_free(w->loop);
    config_unref(w->config);
    clock_free(w->clock);
    for (size_t i = 0; i < CALLS; i++) {
        mem_free(calls[i].url);
        mem_free(calls[i].body);
        calls[i] = (struct outbound_call){0};
    }
}

static void due(struct world *w, int lane, unsigned n)
{
    w->notify.due[lane] += n;
    deliver_due(lane ? "ops/webhook:2" : "ops/webhook", w->d);
    fake_loop_settle(w->loop);
}

static const struct commit *last_commit(const struct world *w)
{
    ck_assert_uint_gt(w->notify.n_commits, 0);
    return &w->notify.commits[w->notify.n_commits - 1];
}

static int64_t now(const struct world *w)
{
    return clock_wall_ms(w->clock);
}

START_TEST(what_is_due_is_sent_and_committed)
{
    struct world w;
    struct deliver_stats s;

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    ck_assert_uint_eq(n_calls, 1);
    ck_assert_str_eq(calls[0].url, "http://127.0.0.1:1/a");
    ck_assert_ptr_nonnull(strstr(calls[0].headers, "Idempotency-Key: key\n"));
    fake_loop_run_for(w.loop, 40);
    answer(0, 200, -1);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_DELIVERED);
    deliver_stats(w.d, &s);
    ck_assert_uint_eq(s.delivered, 1);
    ck_assert_uint_eq(s.in_flight, 0);
    ck_assert_int_eq(s.last_ms, 40);
    close_world(&w);
}
END_TEST

static const char *const mail_lane =
    "receiver 'ops' { email { to = { 'ana@a.example', 'Bo <bo@a.example>' }, from = 't@a.example', "
    "smtp = 'smtp://127.0.0.1:1' } }\nroute { receiver = 'ops' }\n";

static void mail_due(struct world *w)
{
    w->notify.due[0]++;
    deliver_due("ops/email", w->d);
    fake_loop_settle(w->loop);
}

START_TEST(lanes_that_hang_leave_room_for_the_others)
{
    struct world w;

    open_world(&w, two_lanes);
    due(&w, 0, 10);
    ck_assert_uint_eq(n_calls, 8);
    for (size_t i = 0; i < 8; i++)
        answer(i, 0, -1); /* it hung: from then on one message asks whether it is back */
    fake_loop_run_for(w.loop, 3000);
    ck_assert_uint_eq(n_calls, 9);
    due(&w, 1, 1); /* of the same host */
    ck_assert_uint_eq(n_calls, 10);
    answer(8, 200, -1); /* it is back */
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 18);
    close_world(&w);
}
END_TEST

START_TEST(a_refused_recipient_costs_only_himself)
{
    struct world w;
    struct deliver_stats s;

    open_world(&w, mail_lane);
    mail_due(&w);
    ck_assert_str_eq(calls[0].to, "ana@a.example bo@a.example ");
    answer_but(0, "bo@a.example", 550, "550 gone");
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_DELIVERED);
    ck_assert_str_eq(last_commit(&w)->error, "taken, but not for bo@a.example: 550 gone");
    fake_loop_run_for(w.loop, 2 * 3600 * 1000);
    ck_assert_uint_eq(n_calls, 1); /* a refusal for good is not asked again */
    deliver_stats(w.d, &s);
    ck_assert_uint_eq(s.refused_recipients, 1);
    mail_due(&w); /* and the lane does not rest */
    ck_assert_uint_eq(n_calls, 2);
    close_world(&w);
}
END_TEST

START_TEST(a_greylisted_recipient_is_tried_again_alone)
{
    struct world w;

    open_world(&w, mail_lane);
    mail_due(&w);
    answer_but(0, "bo@a.example", 450, "450 greylisted");
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_DELIVERED);
    fake_loop_run_for(w.loop, 59999);
    ck_assert_uint_eq(n_calls, 1);
    fake_loop_run_for(w.loop, 1);
    ck_assert_uint_eq(n_calls, 2);
    ck_assert_str_eq(calls[1].to, "bo@a.example ");
    ck_assert_str_eq(calls[1].body, calls[0].body);
    answer(1, 451, -1); /* not yet: two minutes */
    fake_loop_run_for(w.loop, 120000);
    ck_assert_uint_eq(n_calls, 3);
    answer(2, 250, -1);
    fake_loop_run_for(w.loop, 2 * 3600 * 1000);
    ck_assert_uint_eq(n_calls, 3);
    ck_assert_uint_eq(w.notify.n_commits, 1);
    close_world(&w);
}
END_TEST

/* A word of the configuration is one thing from the file to the mail server. */
START_TEST(a_mail_is_encrypted_as_its_channel_says)
{
    static const struct {
        const char *said;
        enum mail_tls sent;
    } cases[] = {{"", MAIL_TLS_IF_OFFERED},
                 {", tls = 'none'", MAIL_TLS_NONE},
                 {", tls = 'if offered'", MAIL_TLS_IF_OFFERED},
                 {", tls = 'if_offered'", MAIL_TLS_IF_OFFERED},
                 {", tls = 'required'", MAIL_TLS_REQUIRED},
                 {", user = 'u', password = 'p'", MAIL_TLS_REQUIRED}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        char config[512];

        snprintf(config, sizeof config,
                 "receiver 'ops' { email { to = 'ana@a.example', from = 't@a.example', "
                 "smtp = 'smtp://127.0.0.1:1'%s } }\nroute { receiver = 'ops' }\n",
                 cases[i].said);
        open_world(&w, config);
        mail_due(&w);
        ck_assert_uint_eq(n_calls, 1);
        ck_assert_int_eq(calls[(n_calls - 1) % CALLS].tls, cases[i].sent);
        close_world(&w);
    }
}
END_TEST

START_TEST(a_greylisted_recipient_gets_the_newer_mail_instead)
{
    struct world w;

    open_world(&w, mail_lane);
    mail_due(&w);
    answer_but(0, "bo@a.example", 450, "450 greylisted");
    w.notify.next_incident = 0; /* once more the same incident */
    mail_due(&w);
    answer(1, 250, -1);
    fake_loop_run_for(w.loop, 2 * 3600 * 1000);
    ck_assert_uint_eq(n_calls, 2);
    close_world(&w);
}
END_TEST

START_TEST(a_greylisted_recipient_is_given_up_after_an_hour)
{
    struct world w;

    open_world(&w, mail_lane);
    mail_due(&w);
    answer_but(0, "bo@a.example", 450, "450 greylisted");
    for (size_t minute = 0, told = 1; minute < 180; minute++) {
        fake_loop_run_for(w.loop, 60000);
        if (told < n_calls)
            answer(told++, 0, -1);
    }
    ck_assert_uint_eq(n_calls, 11); /* after 1, 2, 4, 8, 8 … min */
    mail_due(&w);
    answer_but(n_calls - 1, "bo@a.example", 450, "450 greylisted");
    fake_loop_run_for(w.loop, 60000); /* delivery ends with a try on its way */
    close_world(&w);
}
END_TEST

START_TEST(eight_incidents_of_a_lane_are_in_flight_at_most)
{
    struct world w;

    open_world(&w, two_lanes);
    due(&w, 0, 10);
    ck_assert_uint_eq(n_calls, 8);
    answer(3, 200, -1);
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 9);
    due(&w, 1, 1); /* the other lane has its own */
    ck_assert_uint_eq(n_calls, 10);
    close_world(&w);
}
END_TEST

START_TEST(a_claim_that_finds_more_due_fills_no_lane_twice)
{
    struct world w;

    open_world(&w, two_lanes);
    w.notify.tells = w.d;
    due(&w, 0, 20);
    ck_assert_uint_eq(n_calls, 8);
    answer(3, 200, -1); /* its place goes to one */
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 9);
    close_world(&w);
}
END_TEST

START_TEST(a_lane_that_fails_rests_longer_each_time_and_the_other_goes_on)
{
    struct world w;
    int64_t want = 500, before;

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    for (size_t i = 0; i < 12; i++) {
        int64_t rest;

        before = now(&w);
        answer(i, 503, -1);
        fake_loop_settle(w.loop);
        ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_TEMPORARY);
        ck_assert_str_eq(last_commit(&w)->error, "503 text");
        rest = last_commit(&w)->retry_ms - before;
        ck_assert_int_ge(rest, want - want / 4);
        ck_assert_int_le(rest, want + want / 4 + 1);
        ck_assert_uint_eq(n_calls, i + 1); /* not before its rest is over */
        fake_loop_run_for(w.loop, rest - 1);
        ck_assert_uint_eq(n_calls, i + 1);
        fake_loop_run_for(w.loop, 1);
        ck_assert_uint_eq(n_calls, i + 2);
        want = want * 2 < 60000 ? want * 2 : 60000;
    }
    due(&w, 1, 1);
    ck_assert_str_eq(calls[n_calls - 1].url, "http://127.0.0.1:1/b");
    close_world(&w);
}
END_TEST

START_TEST(a_success_ends_the_counting_of_failures)
{
    struct world w;
    int64_t before;

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    for (size_t i = 0; i < 4; i++) {
        answer(i, 500, -1);
        fake_loop_run_for(w.loop, 10000);
    }
    answer(4, 200, -1);
    due(&w, 0, 1);
    before = now(&w);
    answer(5, 500, -1);
    ck_assert_int_le(last_commit(&w)->retry_ms - before, 626);
    close_world(&w);
}
END_TEST

START_TEST(messages_that_fail_together_are_one_failure)
{
    struct world w;
    int64_t before;

    open_world(&w, two_lanes);
    due(&w, 0, 8);
    before = now(&w);
    for (size_t i = 0; i < 8; i++)
        answer(i, 500, -1);
    fake_loop_run_for(w.loop, 1300); /* twice the second rest would not be over */
    ck_assert_int_le(last_commit(&w)->retry_ms - before, 1300);
    ck_assert_uint_eq(n_calls, 9); /* one asks whether it is back */
    answer(8, 200, -1);
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 16); /* and the rest follow */
    close_world(&w);
}
END_TEST

START_TEST(a_provider_that_says_when_is_believed_within_bounds)
{
    static const struct {
        int64_t asked_ms, least_ms, most_ms;
    } cases[] = {{7000, 7000, 7000},
                 {0, 375, 626}, /* at once would be a busy loop */
                 {499, 375, 626},
                 {500, 500, 500},
                 {3600000, 3600000, 3600000},
                 {86400000, 3600000, 3600000}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        int64_t before;

        open_world(&w, two_lanes);
        due(&w, 0, 1);
        before = now(&w);
        answer(0, 429, cases[i].asked_ms);
        fake_loop_settle(w.loop);
        ck_assert_int_ge(last_commit(&w)->retry_ms - before, cases[i].least_ms);
        ck_assert_int_le(last_commit(&w)->retry_ms - before, cases[i].most_ms);
        fake_loop_run_until(w.loop, last_commit(&w)->retry_ms - 1);
        ck_assert_uint_eq(n_calls, 1);
        fake_loop_run_for(w.loop, 1);
        ck_assert_uint_eq(n_calls, 2);
        close_world(&w);
    }
}
END_TEST

START_TEST(an_unknown_fate_is_sent_again_and_a_refusal_is_not)
{
    struct world w;
    struct deliver_stats s;

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    answer(0, -1, -1);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_UNKNOWN);
    fake_loop_run_for(w.loop, 1000);
    ck_assert_uint_eq(n_calls, 2);
    answer(1, 400, -1);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_PERMANENT);
    ck_assert_str_eq(last_commit(&w)->error, "400 text");
    fake_loop_run_for(w.loop, 600000);
    ck_assert_uint_eq(n_calls, 2);
    due(&w, 0, 1); /* a refusal is of one message: the lane does not rest */
    ck_assert_uint_eq(n_calls, 3);
    deliver_stats(w.d, &s);
    ck_assert_uint_eq(s.unknown, 1);
    ck_assert_uint_eq(s.permanent, 1);
    close_world(&w);
}
END_TEST

START_TEST(a_call_that_cannot_begin_is_tried_again)
{
    struct world w;

    open_world(&w, two_lanes);
    refuse_calls = true;
    due(&w, 0, 1);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_TEMPORARY);
    ck_assert_str_eq(last_commit(&w)->error, "no connection is free");
    refuse_calls = false;
    fake_loop_run_for(w.loop, 1000);
    ck_assert_uint_eq(n_calls, 1);
    close_world(&w);
}
END_TEST

START_TEST(a_reload_ends_the_rest_and_keeps_what_is_in_flight)
{
    struct world w;
    struct config *other =
        load_config("receiver 'ops' { webhook { url = 'http://127.0.0.1:1/new' } }"
                    "\nroute { receiver = 'ops' }\n");

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    answer(0, 500, -1);
    due(&w, 1, 1); /* in flight on a lane that is about to go */
    w.notify.config = other;
    deliver_configure(w.d, other);
    config_unref(w.config);
    w.config = other;
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 3);
    ck_assert_str_eq(calls[2].url, "http://127.0.0.1:1/new");
    answer(1, 200, -1);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_DELIVERED);
    due(&w, 1, 1);
    ck_assert_uint_eq(n_calls, 3); /* nobody to send it */
    close_world(&w);
}
END_TEST

static void count(void *arg)
{
    ++*(int *)arg;
}

START_TEST(a_drain_waits_for_what_is_in_flight_and_claims_no_more)
{
    struct world w;
    int drained = 0;

    open_world(&w, two_lanes);
    due(&w, 0, 9);
    deliver_drain(w.d, 5000, count, &drained);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(drained, 0);
        answer(i, 200, -1);
        fake_loop_settle(w.loop);
    }
    ck_assert_int_eq(drained, 1);
    ck_assert_uint_eq(n_calls, 8);
    fake_loop_run_for(w.loop, 10000);
    ck_assert_int_eq(drained, 1);
    close_world(&w);
    open_world(&w, two_lanes);
    drained = 0;
    deliver_drain(w.d, 5000, count, &drained);
    ck_assert_int_eq(drained, 1); /* nothing to wait for */
    close_world(&w);
}
END_TEST

START_TEST(a_drain_has_a_bound_and_what_is_left_is_given_back)
{
    struct world w;
    int drained = 0;

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    deliver_drain(w.d, 5000, count, &drained);
    fake_loop_run_for(w.loop, 4999);
    ck_assert_int_eq(drained, 0);
    fake_loop_run_for(w.loop, 1);
    ck_assert_int_eq(drained, 1);
    deliver_free(w.d);
    w.d = NULL;
    ck_assert(calls[0].cancelled);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_RETURNED);
    close_world(&w);
}
END_TEST

START_TEST(what_waits_for_redis_when_delivery_ends_is_given_back)
{
    struct world w;

    open_world(&w, two_lanes);
    w.notify.stuck = true;
    due(&w, 0, 1);
    ck_assert_uint_eq(n_calls, 0); /* not before the claim is stored */
    deliver_free(w.d);
    w.d = NULL;
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_RETURNED);
    w.notify.waits(true, w.notify.waits_arg); /* the store tells it afterwards: nothing happens */
    ck_assert_uint_eq(n_calls, 0);
    close_world(&w);
}
END_TEST

/* It was claimed before anybody knew that Redis hangs: the claim is not stored, and that is said. */
START_TEST(a_message_whose_claim_could_not_be_stored_says_that_it_may_come_twice)
{
    struct world w;

    for (int durable = 0; durable < 2; durable++) {
        open_world(&w, two_lanes);
        w.notify.stuck = true;
        due(&w, 0, 1);
        w.notify.waits(durable, w.notify.waits_arg);
        ck_assert_uint_eq(n_calls, 1);
        ck_assert_msg(strstr(calls[0].body, durable ? "\"degraded\":false" : "\"degraded\":true"),
                      "%s", calls[0].body);
        answer(0, 200, -1);
        close_world(&w);
    }
}
END_TEST

struct answers {
    int n, ok, done, status[4];
    char text[4][200];
};

static void note_answer(const struct deliver_answer *a, void *arg)
{
    struct answers *out = arg;

    out->status[out->n] = a->status;
    snprintf(out->text[out->n], sizeof out->text[0], "%s", a->text);
    out->ok += a->ok;
    out->n++;
}

static void note_done(void *arg)
{
    ((struct answers *)arg)->done++;
}

START_TEST(a_test_message_goes_through_every_channel_past_the_rest)
{
    struct world w;
    struct answers got = {0};
    struct err e;

    open_world(&w, two_lanes);
    due(&w, 0, 1);
    answer(0, 500, -1); /* the lane rests now; somebody who mends it wants to see */
    ck_assert_int_eq(deliver_test(w.d, "ops", note_answer, note_done, &got, &e), 0);
    ck_assert_uint_eq(n_calls, 3);
    answer(2, 404, -1);
    ck_assert_int_eq(got.done, 0);
    answer(1, 200, -1);
    ck_assert_int_eq(got.done, 1);
    ck_assert_int_eq(got.n, 2);
    ck_assert_int_eq(got.ok, 1);
    ck_assert_int_eq(got.status[0], 404);
    ck_assert_str_eq(got.text[0], "404 text");
    ck_assert_uint_eq(w.notify.n_commits, 1); /* the ledger knows nothing of tests */
    ck_assert_int_eq(deliver_test(w.d, "opps", note_answer, note_done, &got, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "opps"));
    close_world(&w);
}
END_TEST

START_TEST(a_test_finds_a_template_that_is_not_there)
{
    struct world w;
    struct answers got = {0};
    struct err e;

    open_world(&w,
               "receiver 'ops' { webhook { url = 'http://127.0.0.1:1/a', template = 'nothere' } }\n"
               "route { receiver = 'ops' }\n");
    ck_assert_int_eq(deliver_test(w.d, "ops", note_answer, note_done, &got, &e), 0);
    answer(0, 200, -1); /* the plain text was taken */
    ck_assert_int_eq(got.done, 1);
    ck_assert_int_eq(got.ok, 0);
    ck_assert_str_eq(got.text[0], "plain text was sent, because the template failed: there is no "
                                  "template nothere.lua");
    close_world(&w);
}
END_TEST

START_TEST(the_inbox_keeps_and_shows)
{
    struct world w;
    struct buf b = BUF_INIT;
    struct json j;

    open_world(&w, "receiver 'ops' { inbox {} }\nroute { receiver = 'ops' }\n");
    w.notify.due[0] = 3;
    deliver_due("ops/inbox", w.d);
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 0);
    ck_assert_uint_eq(w.notify.n_commits, 3);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_DELIVERED);
    j = json_into(&b);
    deliver_inbox(w.d, 1, 0, 1, &j);
    ck_assert_msg(strncmp(buf_str(&b), "[{\"n\":2,", 8) == 0, "%s", buf_str(&b));
    ck_assert_ptr_null(strstr(buf_str(&b), "\"n\":3"));
    buf_clear(&b);
    j = json_into(&b);
    deliver_inbox(w.d, 0, 3, 10, &j);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "[{\"n\":2,"));
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"n\":1,"));
    ck_assert_ptr_null(strstr(buf_str(&b), "\"n\":3"));
    buf_free(&b);
    close_world(&w);
}
END_TEST

START_TEST(an_inbox_goes_on_behind_what_is_stored)
{
    static const char *const pairs[] = {"at", "1", "text", "old", NULL};
    struct store store = {0};
    struct err e = {.text = "away"};
    struct world w;

    open_stored_world(&w, "receiver 'ops' { inbox {} }\nroute { receiver = 'ops' }\n", &store);
    w.notify.due[0] = 2;
    deliver_due("ops/inbox", w.d);
    fake_loop_run_for(w.loop, 5000);
    ck_assert_uint_eq(w.notify.n_commits, 0); /* which number? */
    ck_assert_int_eq(store.reads, 1);
    store.done(&e, store.arg);
    fake_loop_run_for(w.loop, 999);
    ck_assert_int_eq(store.reads, 1);
    fake_loop_run_for(w.loop, 1);
    ck_assert_int_eq(store.reads, 2);
    store.entry("41-0", pairs, 2, store.arg);
    store.done(NULL, store.arg);
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(w.notify.n_commits, 2);
    ck_assert_str_eq(store.last_id, "43-0");
    deliver_inbox_restore(w.d, "43-0", pairs, 2); /* read by somebody else meanwhile */
    deliver_inbox_restored(w.d);
    w.notify.due[0] = 1;
    deliver_due("ops/inbox", w.d);
    fake_loop_settle(w.loop);
    ck_assert_str_eq(store.last_id, "44-0");
    close_world(&w);
}
END_TEST

START_TEST(a_message_whose_template_is_missing_still_goes_out)
{
    struct world w;
    struct deliver_stats s;

    open_world(&w, "receiver 'ops' { webhook { url = 'http://127.0.0.1:1/', template = 'none' } }\n"
                   "route { receiver = 'ops' }\n");
    due(&w, 0, 1);
    ck_assert_uint_eq(n_calls, 1);
    ck_assert_ptr_nonnull(strstr(calls[0].body, "there is no template none.lua"));
    deliver_stats(w.d, &s);
    ck_assert_uint_eq(s.template_errors, 1);
    answer(0, 200, -1);
    close_world(&w);
}
END_TEST

START_TEST(a_mails_subject_is_kept_for_the_next_one)
{
    struct world w;

    open_world(&w, "receiver 'ops' { email { to = 'a@example.com', from = 'b@example.com', "
                   "smtp = 'smtp://127.0.0.1:1' } }\nroute { receiver = 'ops' }\n");
    w.notify.due[0] = 1;
    deliver_due("ops/email", w.d);
    fake_loop_settle(w.loop);
    answer(0, 250, -1);
    ck_assert_ptr_nonnull(strstr(last_commit(&w)->data, "{\"subject\":\"[#1] "));
    close_world(&w);
}
END_TEST

static size_t count_of(const char *text, const char *word)
{
    size_t n = 0;

    while ((text = strstr(text, word))) {
        n++;
        text += strlen(word);
    }
    return n;
}

/* Half of a message of a thousand alerts is made. */
static void begin_large(struct world *w, const char *config)
{
    open_world(w, config);
    w->notify.alerts[0] = NOTICE_ALERTS_MAX;
    w->notify.due[0] = 1;
    deliver_due("ops/webhook", w->d);
    for (int turns = 0; turns < 5; turns++)
        loop_turn(w->loop, 0);
    ck_assert_uint_eq(n_calls, 0);
    ck_assert_uint_eq(w->notify.claimed, 1);
}

START_TEST(a_message_of_a_thousand_alerts_is_made_over_turns_and_other_lanes_go_on)
{
    struct world w;
    int turns = 0;

    begin_large(&w, "receiver 'ops' { webhook { url = 'http://127.0.0.1:1/a' }, slack { "
                    "webhook_url = 'http://127.0.0.1:1/b' } }\nroute { receiver = 'ops' }\n");
    w.notify.due[1] = 1;
    deliver_due("ops/slack:2", w.d);
    loop_turn(w.loop, 0); /* in which its claim is stored */
    ck_assert_uint_eq(n_calls, 1);
    ck_assert_str_eq(calls[0].url, "http://127.0.0.1:1/b");
    for (; n_calls < 2; turns++)
        loop_turn(w.loop, 0);
    ck_assert_int_ge(turns, 5);
    ck_assert_uint_eq(count_of(calls[1].body, "\"fingerprint\""), NOTICE_ALERTS_MAX);
    answer(1, 200, -1);
    ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_DELIVERED);
    close_world(&w);
}
END_TEST

START_TEST(a_small_message_waits_for_one_large_one_of_its_template_at_most)
{
    struct world w;

    open_world(&w, two_lanes);
    w.notify.alerts[0] = NOTICE_ALERTS_MAX;
    w.notify.due[0] = 3;
    deliver_due("ops/webhook", w.d);
    for (int turns = 0; turns < 5; turns++)
        loop_turn(w.loop, 0);
    due(&w, 1, 2);
    ck_assert_uint_eq(n_calls, 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_str_eq(calls[i].url,
                         i == 1 || i == 2 ? "http://127.0.0.1:1/b" : "http://127.0.0.1:1/a");
    close_world(&w);
}
END_TEST

START_TEST(a_reload_while_a_message_is_half_made_costs_no_message)
{
    struct world w;
    struct config *other = load_config(two_lanes);

    begin_large(&w, two_lanes);
    w.notify.config = other;
    deliver_configure(w.d, other);
    config_unref(w.config);
    w.config = other;
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 1);
    ck_assert_uint_eq(count_of(calls[0].body, "\"fingerprint\""), NOTICE_ALERTS_MAX);
    answer(0, 200, -1);
    ck_assert_uint_eq(w.notify.n_commits, 1);
    close_world(&w);
}
END_TEST

START_TEST(an_end_while_a_message_is_half_made_gives_it_back_and_a_drain_waits_for_it)
{
    struct world w;
    int drained = 0;

    begin_large(&w, two_lanes);
    deliver_drain(w.d, 5000, count, &drained);
    fake_loop_settle(w.loop);
    ck_assert_uint_eq(n_calls, 1);
    ck_assert_int_eq(drained, 0);
    answer(0, 200, -1);
    ck_assert_int_eq(drained, 1);
    close_world(&w);
    for (int halted = 0; halted < 2; halted++) {
        begin_large(&w, two_lanes);
        if (halted) { /* somebody else holds the lease */
            deliver_halt(w.d);
            fake_loop_settle(w.loop);
        }
        deliver_free(w.d);
        w.d = NULL;
        ck_assert_uint_eq(n_calls, 0);
        ck_assert_int_eq(last_commit(&w)->kind, OUTCOME_RETURNED);
        close_world(&w);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, what_is_due_is_sent_and_committed);
    tcase_add_test(t, lanes_that_hang_leave_room_for_the_others);
    tcase_add_test(t, a_refused_recipient_costs_only_himself);
    tcase_add_test(t, a_greylisted_recipient_is_tried_again_alone);
    tcase_add_test(t, a_mail_is_encrypted_as_its_channel_says);
    tcase_add_test(t, a_greylisted_recipient_gets_the_newer_mail_instead);
    tcase_add_test(t, a_greylisted_recipient_is_given_up_after_an_hour);
    tcase_add_test(t, eight_incidents_of_a_lane_are_in_flight_at_most);
    tcase_add_test(t, a_claim_that_finds_more_due_fills_no_lane_twice);
    tcase_add_test(t, a_lane_that_fails_rests_longer_each_time_and_the_other_goes_on);
    tcase_add_test(t, a_success_ends_the_counting_of_failures);
    tcase_add_test(t, messages_that_fail_together_are_one_failure);
    tcase_add_test(t, a_provider_that_says_when_is_believed_within_bounds);
    tcase_add_test(t, an_unknown_fate_is_sent_again_and_a_refusal_is_not);
    tcase_add_test(t, a_call_that_cannot_begin_is_tried_again);
    tcase_add_test(t, a_reload_ends_the_rest_and_keeps_what_is_in_flight);
    tcase_add_test(t, a_drain_waits_for_what_is_in_flight_and_claims_no_more);
    tcase_add_test(t, a_drain_has_a_bound_and_what_is_left_is_given_back);
    tcase_add_test(t, what_waits_for_redis_when_delivery_ends_is_given_back);
    tcase_add_test(t, a_message_whose_claim_could_not_be_stored_says_that_it_may_come_twice);
    tcase_add_test(t, a_test_message_goes_through_every_channel_past_the_rest);
    tcase_add_test(t, a_test_finds_a_template_that_is_not_there);
    tcase_add_test(t, the_inbox_keeps_and_shows);
    tcase_add_test(t, an_inbox_goes_on_behind_what_is_stored);
    tcase_add_test(t, a_message_whose_template_is_missing_still_goes_out);
    tcase_add_test(t, a_mails_subject_is_kept_for_the_next_one);
    tcase_add_test(t, a_message_of_a_thousand_alerts_is_made_over_turns_and_other_lanes_go_on);
    tcase_add_test(t, a_small_message_waits_for_one_large_one_of_its_template_at_most);
    tcase_add_test(t, a_reload_while_a_message_is_half_made_costs_no_message);
    tcase_add_test(t, an_end_while_a_message_is_half_made_gives_it_back_and_a_drain_waits_for_it);
}

UNIT_MAIN("deliver", add)
