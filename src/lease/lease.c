/* One hash in Redis says who holds it; whoever reads it decides alone what that means for itself. Taking is a
 * comparison and a write in one script, so of several that find the holder gone one succeeds. An expiry of
 * Redis' own was dropped: it runs on while Redis is stopped, and would take the lease from a holder that is well;
 * counting the beats of a holder over time in which Redis answered needs no clock but one's own.
 *
 * A holder whose process is seen to be gone (process.c) is followed at once: a program that is restarted on its
 * machine does not wait for its own predecessor. */
#include "tocsin/lease.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "lease/process.h"

#define TOKEN_TEXT 48

/* What stands in Redis. */
struct record {
    char token[TOKEN_TEXT]; /* "": nothing */
    char beat[24];
    char process[PROCESS_TEXT];
    bool given_back;
    struct lease_holder holder;
};

struct lease {
    struct lease_options o;
    enum lease_state state;
    struct lease_holder self;
    char process[PROCESS_TEXT];
    char token[TOKEN_TEXT];   /* ours, held or tried for; "": none yet */
    struct record seen;       /* the last look's, or what this one wrote */
    bool has_looked;          /* an answer came at all */
    int64_t answered_mono_ms; /* the last one */
    int64_t silent_since_ms;  /* monotonic: since when the same beat has been seen without a gap */
    struct timer *timer;      /* the next look, or beat */
    bool asking;              /* a question is on its way */
    void (*given_back)(void *arg);
    void *given_back_arg;
    char refusal[160]; /* why Redis does not let it be taken, or looked at; "": it does */
    unsigned calls;    /* on their way: the lease outlives them */
    bool closing;
};

/* Asks for a write, which changes nothing: where writes are refused the holder's beats are as well, and its silence
 * says nothing. */
static const char look_script[] =
    "redis.call('HDEL',KEYS[1],'') return redis.call('HGETALL',KEYS[1])";

/* Each removes something first: behind that a server that is full takes the few bytes of a lease all the same. */
static const char take_script[] =
    "if (redis.call('HGET',KEYS[1],'token') or '')~=ARGV[1] then return 0 end "
    "redis.call('DEL',KEYS[1]) "
    "redis.call('HSET',KEYS[1],'token',ARGV[2],'beat','0','name',ARGV[3],'url',ARGV[4],"
    "'statsd',ARGV[5],'process',ARGV[6]) "
    "return 1";

/* Counts on, or puts back what a Redis that is older than memory has lost. Answers with the token that stands. */
static const char beat_script[] =
    "local t=redis.call('HGET',KEYS[1],'token') or '' "
    "if t==ARGV[1] and redis.call('HEXISTS',KEYS[1],'name')==1 then "
    "redis.call('HDEL',KEYS[1],'given_back') "
    "redis.call('HINCRBY',KEYS[1],'beat',1) return t end "
    "local function number(s) return tonumber(string.match(s,'^%d+') or '0') end "
    "if t~=ARGV[1] and number(t)>=number(ARGV[1]) then return t end "
    "redis.call('DEL',KEYS[1]) "
    "redis.call('HSET',KEYS[1],'token',ARGV[1],'beat','0','name',ARGV[2],'url',ARGV[3],"
    "'statsd',ARGV[4],'process',ARGV[5]) "
    "return ARGV[1]";

static const char give_back_script[] =
    "if redis.call('HGET',KEYS[1],'token')~=ARGV[1] then return 0 end "
    "return redis.call('HSET',KEYS[1],'given_back','1')";

static uint64_t number_of(const char *token)
{
    return strtoull(token, NULL, 10);
}

static int64_t mono_ms(const struct lease *l)
{
    return clock_mono_ms(loop_clock(l->o.loop));
}

static void finish(struct lease *l)
{
    assert(l->closing && l->calls == 0);
    mem_free(l);
}

/* Of each answer, first: false when nobody wants it any more. */
static bool returned(struct lease *l)
{
    assert(l->calls > 0);
    l->calls--;
    l->asking = false;
    if (!l->closing)
        return true;
    if (l->calls == 0)
        finish(l);
    return false;
}

static void call(struct lease *l)
{
    l->calls++;
    l->asking = true;
}

/* --- the record ------------------------------------------------------------------------------------------ */

static void take_field(struct record *r, const char *name, const char *value)
{
    const struct {
        const char *name;
        char *to;
        size_t size;
    } fields[] = {{"token", r->token, sizeof r->token},
                  {"beat", r->beat, sizeof r->beat},
                  {"process", r->process, sizeof r->process},
                  {"name", r->holder.name, sizeof r->holder.name},
                  {"url", r->holder.url, sizeof r->holder.url},
                  {"statsd", r->holder.statsd, sizeof r->holder.statsd}};

    if (strcmp(name, "given_back") == 0)
        r->given_back = true;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(name, fields[i].name) == 0)
            snprintf(fields[i].to, fields[i].size, "%s", value);
}

static void read_record(struct record *r, const struct reply *reply)
{
    *r = (struct record){0};
    for (size_t i = 0; i + 1 < reply->n_items; i += 2)
        if (reply->items[i].kind == REPLY_TEXT && reply->items[i + 1].kind == REPLY_TEXT)
            take_field(r, reply->items[i].text, reply->items[i + 1].text);
    r->holder.number = number_of(r->token);
}

/* --- held, lost ------------------------------------------------------------------------------------------ */

static void become_held(struct lease *l)
{
    assert(l->state != LEASE_HELD && l->state != LEASE_LOST);
    if (!l->o.alone && db_fence(l->o.db, KEY_CONTROL_LEASE, l->token) != 0) {
        timer_in(l->timer, LEASE_LOOK_MS); /* without it nothing may be written: once more */
        return;
    }
    l->state = LEASE_HELD;
    l->refusal[0] = 0;
    l->seen = (struct record){.holder = l->self};
    l->seen.holder.number = number_of(l->token);
    timer_in(l->timer, LEASE_BEAT_MS);
    assert(l->o.alone || lease_holder(l)->number > 0);
    l->o.held(l->o.arg);
}

static void become_lost(struct lease *l)
{
    assert(l->state == LEASE_HELD);
    l->state = LEASE_LOST;
    timer_stop(l->timer);
    l->o.lost(l->o.arg);
}

void lease_fenced(struct lease *l, const char *token)
{
    if (l->state == LEASE_HELD && number_of(token) >= number_of(l->token) &&
        strcmp(token, l->token) != 0)
        become_lost(l);
}

static void on_beat(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct lease *l = arg;

    if (!returned(l) || l->state != LEASE_HELD)
        return;
    timer_in(l->timer, LEASE_BEAT_MS);
    if (fate != DB_DONE || reply->kind != REPLY_TEXT)
        return; /* one that cannot be asked changes nothing */
    l->answered_mono_ms = mono_ms(l);
    if (strcmp(reply->text, l->token) != 0)
        become_lost(l);
}

static void beat(struct lease *l)
{
    const char *argv[] = {KEY_CONTROL_LEASE, l->token,       l->self.name,
                          l->self.url,       l->self.statsd, l->process};

    call(l);
    db_script(l->o.db, beat_script, 1, 6, argv, NULL, on_beat, l);
}

/* --- asking, standing by --------------------------------------------------------------------------------- */

/* Told once for each reason: until it ends, nobody acts. */
static void keep_refusal(struct lease *l, const char *why)
{
    if (strcmp(l->refusal, why) == 0)
        return;
    snprintf(l->refusal, sizeof l->refusal, "%s", why);
    log_warn("Redis does not let this Tocsin take the lease: it waits", "reason", why, NULL);
}

static void on_taken(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct lease *l = arg;

    if (!returned(l))
        return;
    if (fate == DB_DONE && reply->kind == REPLY_INT && reply->number == 1)
        become_held(l);
    else if (fate == DB_REFUSED) {
        keep_refusal(l, reply->text);
        l->silent_since_ms = mono_ms(l); /* the holder could not beat either */
    }
    if (l->state != LEASE_HELD)
        timer_in(l->timer, LEASE_LOOK_MS); /* which also tells what became of one of unknown fate */
}

static void take(struct lease *l)
{
    const char *argv[] = {KEY_CONTROL_LEASE, l->seen.token,  l->token,  l->self.name,
                          l->self.url,       l->self.statsd, l->process};

    l->o.self(&l->self, l->o.arg);
    snprintf(l->token, sizeof l->token, "%" PRIu64 "-%016" PRIx64, number_of(l->seen.token) + 1,
             random_u64());
    call(l);
    db_script(l->o.db, take_script, 1, 7, argv, NULL, on_taken, l);
}

/* May what was just read be taken over? Silence is counted over answers without a gap between them. */
static bool is_free(struct lease *l, const struct record *now, int64_t at_ms)
{
    bool first = !l->has_looked;
    bool same =
        !first && strcmp(now->token, l->seen.token) == 0 && strcmp(now->beat, l->seen.beat) == 0;

    if (!same || at_ms - l->answered_mono_ms > LEASE_GAP_MS)
        l->silent_since_ms = at_ms;
    if (now->given_back || (now->token[0] && process_is_gone(now->process)))
        return true;
    /* one that was there a moment ago puts its token back */
    if (!now->token[0] && first)
        return true;
    return at_ms - l->silent_since_ms >= LEASE_SILENT_MS;
}

static void stand_by(struct lease *l, bool is_news)
{
    bool was = l->state == LEASE_STANDBY;

    l->state = LEASE_STANDBY;
    timer_in(l->timer, LEASE_LOOK_MS);
    if (!was || is_news)
        l->o.standby(l->o.arg);
}

static void on_look(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct lease *l = arg;
    int64_t at_ms = mono_ms(l);
    struct record now;
    bool can_take, is_news;

    if (!returned(l))
        return;
    assert(l->state == LEASE_ASKING || l->state == LEASE_STANDBY);
    if (fate != DB_DONE) {
        if (fate == DB_REFUSED)
            keep_refusal(l, reply->text);
        timer_in(l->timer, LEASE_LOOK_MS);
        return;
    }
    l->refusal[0] = 0;
    read_record(&now, reply);
    if (l->token[0] && strcmp(now.token, l->token) == 0) { /* taken, by an answer that was lost */
        become_held(l);
        return;
    }
    can_take = is_free(l, &now, at_ms);
    is_news = strcmp(now.token, l->seen.token) != 0;
    l->seen = now;
    l->has_looked = true;
    l->answered_mono_ms = at_ms;
    if (can_take)
        take(l);
    else
        stand_by(l, is_news);
}

static void look(struct lease *l)
{
    const char *argv[] = {KEY_CONTROL_LEASE};

    call(l);
    db_script(l->o.db, look_script, 1, 1, argv, NULL, on_look, l);
}

static void on_timer(void *arg)
{
    struct lease *l = arg;

    if (l->asking || !db_is_up(l->o.db))
        return; /* its answer, or lease_db_up(), goes on */
    if (l->o.alone) {
        if (l->state == LEASE_ASKING) {
            l->o.self(&l->self, l->o.arg);
            become_held(l);
        }
    } else if (l->state == LEASE_HELD)
        beat(l);
    else if (l->state != LEASE_LOST)
        look(l);
}

void lease_db_up(struct lease *l)
{
    timer_in(l->timer, 0);
}

/* --- the end --------------------------------------------------------------------------------------------- */

static void on_given_back(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct lease *l = arg;

    (void)fate, (void)reply; /* one that was not told is found out by silence */
    if (returned(l))
        l->given_back(l->given_back_arg);
}

void lease_give_back(struct lease *l, void (*done)(void *arg), void *arg)
{
    const char *argv[] = {KEY_CONTROL_LEASE, l->token};

    assert(!l->given_back && done);
    l->given_back = done;
    l->given_back_arg = arg;
    timer_stop(l->timer);
    call(l);
    if (l->state == LEASE_HELD && !l->o.alone)
        db_script(l->o.db, give_back_script, 1, 2, argv, NULL, on_given_back, l);
    else
        db_sendf(l->o.db, on_given_back, l, "PING");
}

/* --- life ------------------------------------------------------------------------------------------------ */

struct lease *lease_new(const struct lease_options *o)
{
    struct lease *l = mem_zalloc(sizeof *l);

    assert(o->loop && o->db && o->held && o->standby && o->lost && o->self);
    if (!l)
        return NULL;
    l->o = *o;
    process_self(l->process);
    /* whoever does not hold it writes nothing, whatever it may try: no holder has this token */
    if (!o->alone && db_fence(o->db, KEY_CONTROL_LEASE, "0") != 0) {
        mem_free(l);
        return NULL;
    }
    l->timer = timer_new(o->loop, LOOP_CONTROL, on_timer, l);
    if (!l->timer) {
        mem_free(l);
        return NULL;
    }
    assert(l->state == LEASE_ASKING);
    return l;
}

void lease_free(struct lease *l)
{
    if (!l)
        return;
    timer_free(l->timer);
    l->timer = NULL;
    l->closing = true;
    if (l->calls == 0)
        finish(l);
}

enum lease_state lease_state(const struct lease *l)
{
    return l->state;
}

const char *lease_state_name(enum lease_state s)
{
    static const char *const names[] = {"asking", "standby", "held", "lost"};

    assert((size_t)s < sizeof names / sizeof *names);
    return names[s];
}

const struct lease_holder *lease_holder(const struct lease *l)
{
    return &l->seen.holder;
}

const char *lease_refusal(const struct lease *l)
{
    return l->refusal;
}

int64_t lease_age_ms(const struct lease *l)
{
    return l->answered_mono_ms ? mono_ms(l) - l->answered_mono_ms : -1;
}
