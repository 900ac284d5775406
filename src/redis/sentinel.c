#include "redis/sentinel.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/link.h"
#include "redis/wire.h"

/* All sentinels are asked at the same time, over one connection to each that stays open:
 *
 *     IDLE ──ask, or a second later──> ASKING ──all have answered or failed, or 500 ms──> IDLE
 *                                                    │
 *                                                    └──> on_master, on_nobody
 *
 * Asking one after another, as the guidelines for clients say, takes the word of the first that
 * answers. After a reboot of a machine that holds a sentinel and the former master, that one names
 * the former master, which still believes it is one: what is written there is lost when the two
 * learn better. Here the answer with the highest config-epoch counts: each fail-over has a higher
 * one. So a dead sentinel costs nothing, and a hung one half a second.
 *
 * The address comes from GET-MASTER-ADDR-BY-NAME and not from SENTINEL MASTER, which names the old
 * one until all replicas follow the new one; only the epoch is that command's.
 *
 * Subscribing to +switch-master was dropped: a subscription needs pings to notice a sentinel that
 * hangs, and a question at each connect for what was missed, which is what the rounds are. A round
 * costs two commands a sentinel. */

/* When the time of a round has passed, what lies in the sockets is read before it is judged. */
#define GRACE_MS 20
/* Rounds in a row without an answer that are worth a line in the log. */
#define DEAF_ROUNDS 10

enum { EPOCH_DUE = 1, ADDRESS_DUE, PASSWORD_DUE }; /* in this order from the last: `due` */

/* One sentinel. */
struct voice {
    struct sentinel *sentinel;
    struct url at;
    struct link *link; /* NULL: none */
    bool is_ready;
    bool is_asked;    /* in this round, and has neither answered nor failed */
    bool is_answered; /* in this round: the next four are of it */
    bool wants_password, gave_password;
    uint64_t epoch;
    char host[256];
    int port;
    int due;        /* replies to come; the next one is that of this name */
    unsigned turns; /* of the addresses of a name */
    char why[512];  /* why it has not answered last */
};

struct sentinel {
    struct loop *loop;
    const struct url *url;
    struct sentinel_events events;
    struct timer *begin, *end; /* of a round; one of them runs, or neither before the first */
    bool is_late;              /* the time of this round was seen to pass once */
    bool has_told;             /* on_master was called once */
    unsigned n_deaf;           /* rounds in a row that found nobody */
    size_t n_asked;            /* in this round, and not done */
    uint64_t epoch;            /* of the last answer that was told */
    size_t n_voices;
    struct voice voices[];
};

/* --- the end of a round ----------------------------------------------------------------------------- */

static const struct voice *best(const struct sentinel *s)
{
    const struct voice *found = NULL;

    for (size_t i = 0; i < s->n_voices; i++) /* at most URL_MAX_SENTINELS */
        if (s->voices[i].is_answered && (!found || s->voices[i].epoch > found->epoch))
            found = &s->voices[i];
    return found;
}

static void tell_nobody(struct sentinel *s)
{
    char why[512];
    size_t n =
        (size_t)snprintf(why, sizeof why, "no sentinel says where \"%s\" is", s->url->master);

    for (size_t i = 0; i < s->n_voices && n < sizeof why; i++)
        n += (size_t)snprintf(why + n, sizeof why - n, "; %s", s->voices[i].why);
    if (++s->n_deaf == DEAF_ROUNDS && s->has_told)
        log_warn("no sentinel answers: a fail-over of Redis would not be followed", "reason", why,
                 NULL);
    s->events.on_nobody(why, s->events.arg);
}

/* Nothing of `s` is used after an event: it may be gone. */
static void finish(struct sentinel *s)
{
    const struct voice *v = best(s);
    bool is_later;

    assert(s->n_asked == 0);
    timer_stop(s->end);
    timer_in(s->begin, SENTINEL_WATCH_MS);
    if (!v) {
        tell_nobody(s);
        return;
    }
    if (s->n_deaf >= DEAF_ROUNDS && s->has_told)
        log_info("sentinels answer again", NULL);
    s->n_deaf = 0;
    s->has_told = true;
    is_later = v->epoch > s->epoch || (v->epoch == 0 && s->epoch == 0);
    s->epoch = v->epoch;
    s->events.on_master(v->host, v->port, is_later, s->events.arg);
}

/* A voice has nothing more to say in this round. */
static void done(struct voice *v)
{
    assert(v->is_asked && v->sentinel->n_asked > 0);
    v->is_asked = false;
    if (--v->sentinel->n_asked == 0)
        finish(v->sentinel);
}

/* --- one sentinel ------------------------------------------------------------------------------------- */

static void hang_up(struct voice *v)
{
    link_close(v->link);
    v->link = NULL;
    v->is_ready = v->is_answered = v->wants_password = v->gave_password = false;
    v->due = 0;
}

static void fail(struct voice *v, const char *why)
{
    snprintf(v->why, sizeof v->why, "%s", why);
    hang_up(v);
    if (v->is_asked)
        done(v);
}

static void refuses(struct voice *v, const char *text)
{
    snprintf(v->why, sizeof v->why, "%s: %s", v->at.shown, text);
}

static bool put(struct voice *v, int argc, const char *const *argv)
{
    size_t size = wire_head_size((size_t)argc) + wire_args_size(argc, argv, NULL);
    char *p = link_room(v->link, size);

    if (!p)
        return false;
    wire_put_args(wire_put_head(p, (size_t)argc), argc, argv, NULL);
    link_commit(v->link, size);
    return true;
}

/* False: no memory, and the connection is closed. */
static bool ask(struct voice *v)
{
    const struct url *u = v->sentinel->url;
    const char *auth[] = {"AUTH", u->user, u->password};
    const char *just_password[] = {"AUTH", u->password};
    const char *address[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", u->master};
    const char *state[] = {"SENTINEL", "MASTER", u->master};
    bool ok = true;

    assert(v->is_ready && v->is_asked && v->due == 0);
    v->due = ADDRESS_DUE;
    if (v->wants_password) {
        v->due = PASSWORD_DUE;
        v->gave_password = true;
        ok = u->user[0] ? put(v, 3, auth) : put(v, 2, just_password);
    }
    v->wants_password = false;
    if (ok && put(v, 3, address) && put(v, 3, state))
        return true;
    refuses(v, "no memory for a question");
    hang_up(v);
    return false;
}

static void take_address(struct voice *v, const struct reply *r)
{
    struct url probe;
    const char *host = r->n_items == 2 ? r->items[0].text : NULL;
    const char *port = r->n_items == 2 ? r->items[1].text : NULL;

    v->epoch = 0;
    v->is_answered = false;
    if (r->kind == REPLY_ERROR && strncmp(r->text, "NOAUTH", 6) == 0 && !v->gave_password &&
        v->sentinel->url->password[0])
        v->wants_password = true;
    else if (r->kind == REPLY_ERROR)
        refuses(v, r->text);
    else if (r->kind == REPLY_NIL)
        refuses(v, "knows no master of this name");
    else if (!host || !port || url_point(&probe, host, atoi(port)) != 0)
        refuses(v, "its answer holds no address");
    else
        v->is_answered = true;
    if (!v->is_answered)
        return;
    memcpy(v->host, probe.host, sizeof v->host);
    v->port = probe.port;
}

/* name, value, name, value … A user that may not ask has epoch 0: its answer counts least. */
static void take_epoch(struct voice *v, const struct reply *r)
{
    for (size_t i = 0; i + 1 < r->n_items; i += 2)
        if (r->items[i].text && r->items[i + 1].text &&
            strcmp(r->items[i].text, "config-epoch") == 0)
            v->epoch = strtoull(r->items[i + 1].text, NULL, 10);
}

static void on_reply(const struct reply *r, void *arg)
{
    struct voice *v = arg;
    int due = v->due;

    if (due == 0) {
        fail(v, "a sentinel said something without being asked");
        return;
    }
    v->due--;
    if (due == ADDRESS_DUE)
        take_address(v, r);
    if (due != EPOCH_DUE)
        return;
    take_epoch(v, r);
    if (!v->wants_password || !ask(v))
        done(v);
}

static void on_ready(void *arg)
{
    struct voice *v = arg;

    v->is_ready = true;
    if (v->is_asked && !ask(v))
        done(v);
}

static void on_closed(const char *why, void *arg)
{
    fail(arg, why);
}

/* --- rounds ------------------------------------------------------------------------------------------ */

/* False: it has failed, and `done` is not called. */
static bool dial(struct voice *v)
{
    struct link_events events = {on_ready, on_reply, on_closed, v};
    struct err e = {0};

    v->link = link_open(v->sentinel->loop, &v->at, NULL, v->turns++, &events, &e);
    if (!v->link)
        snprintf(v->why, sizeof v->why, "%.*s", (int)sizeof v->why - 1, e.text);
    return v->link;
}

static void on_begin(void *arg)
{
    struct sentinel *s = arg;

    assert(s->n_asked == 0);
    s->is_late = false;
    s->n_asked = s->n_voices; /* all, before the first can be done */
    for (size_t i = 0; i < s->n_voices; i++)
        s->voices[i].is_asked = true;
    timer_in(s->end, SENTINEL_ANSWER_MS);
    for (size_t i = 0; i < s->n_voices; i++) {
        struct voice *v = &s->voices[i];

        v->is_answered = false;
        snprintf(v->why, sizeof v->why, "%.300s: no answer within %d ms", v->at.shown,
                 SENTINEL_ANSWER_MS);
        assert(!v->link || v->is_ready); /* else the round before has closed it */
        if (v->link ? !ask(v) : !dial(v)) {
            v->is_asked = false;
            s->n_asked--;
        }
    }
    if (s->n_asked == 0)
        finish(s);
}

static void on_end(void *arg)
{
    struct sentinel *s = arg;

    if (!s->is_late) {
        s->is_late = true;
        timer_in(s->end, GRACE_MS);
        return;
    }
    for (size_t i = 0; i < s->n_voices; i++)
        if (s->voices[i].is_asked) {
            s->voices[i].is_asked = false;
            hang_up(&s->voices[i]);
        }
    s->n_asked = 0;
    finish(s);
}

void sentinel_ask(struct sentinel *s)
{
    if (s->n_asked == 0)
        timer_in(s->begin, 0);
}

/* --- the door ---------------------------------------------------------------------------------------- */

struct sentinel *sentinel_new(struct loop *l, const struct url *u,
                              const struct sentinel_events *events, struct err *e)
{
    struct sentinel *s = mem_zalloc(sizeof *s + u->n_sentinels * sizeof s->voices[0]);

    assert(u->n_sentinels > 0 && events->on_master && events->on_nobody);
    if (!s)
        goto failed;
    s->loop = l;
    s->url = u;
    s->events = *events;
    s->n_voices = u->n_sentinels;
    for (size_t i = 0; i < s->n_voices; i++) {
        int rc = url_point(&s->voices[i].at, u->sentinels[i].host, u->sentinels[i].port);

        assert(rc == 0); /* url_parse() has read it */
        s->voices[i].sentinel = s;
    }
    s->begin = timer_new(l, LOOP_CONTROL, on_begin, s);
    s->end = timer_new(l, LOOP_CONTROL, on_end, s);
    if (s->begin && s->end)
        return s;
failed:
    sentinel_free(s);
    err_set(e, ERR_MEMORY, "no memory for the sentinels of Redis");
    return NULL;
}

void sentinel_free(struct sentinel *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_voices; i++)
        link_close(s->voices[i].link);
    timer_free(s->begin);
    timer_free(s->end);
    mem_free(s);
}
