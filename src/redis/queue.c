/* Commands whose replies are still to come, in the order in which they were sent.
 * Redis answers in order, so a queue is all that ties a reply to its command; deadlines need only the
 * oldest. A deadline that passes ends the connection and not the command: what was sent may have been done,
 * and everything behind it would wait as well. A program that was held up itself gets GRACE_MS to find the
 * reply in the socket before it blames Redis. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/conn.h"
#include "redis/wire.h"

/* A reply may lie in the socket while this process was held up: when a deadline passes, the loop
 * gets this long to find it before the connection is dropped. */
#define GRACE_MS 20
/* db_close() tells commands that callbacks send while it tells others; a callback that always
 * sends again would never end. */
#define CLOSING_ROUNDS 1000

void queue_init(struct queue *q)
{
    *q = (struct queue){.end = &q->first};
}

static void push(struct queue *q, struct request *r)
{
    r->next = NULL;
    *q->end = r;
    q->end = &r->next;
    q->n++;
}

static struct request *pop(struct queue *q)
{
    struct request *r = q->first;

    if (!r)
        return NULL;
    q->first = r->next;
    if (!q->first)
        q->end = &q->first;
    q->n--;
    return r;
}

int queue_reserve(struct db *d)
{
    if (!d->spare)
        d->spare = mem_zalloc(sizeof *d->spare);
    return d->spare ? 0 : -1;
}

/* Without a record nobody could be told, so there is always one in reserve; whoever takes it asks
 * for another before the next command. */
static struct request *request_new(struct db *d, db_done done, void *arg)
{
    struct request *r = mem_zalloc(sizeof *r);

    if (!r) {
        r = d->spare;
        d->spare = NULL;
    }
    assert(r);
    r->done = done;
    r->arg = arg;
    return r;
}

static void request_free(struct request *r)
{
    mem_free(r->tx_error);
    mem_free(r->script_args);
    mem_free(r);
}

void conn_enter(struct db *d)
{
    d->depth++;
}

void conn_leave(struct db *d)
{
    if (--d->depth == 0 && d->closing)
        conn_free(d);
}

/* --- out ------------------------------------------------------------------------------------------- */

char *conn_room(struct db *d, size_t size, bool own)
{
    if (d->closing || d->state < (own ? DB_IS_GREETING : DB_IS_UP) || queue_reserve(d) != 0)
        return NULL;
    if (own)
        return link_room(d->link, size);
    if (size > d->options.max_outstanding || d->outstanding > d->options.max_outstanding - size) {
        d->stats.over_bound++;
        return NULL;
    }
    return link_room(d->link, size);
}

struct request *conn_put(struct db *d, size_t size, db_done done, void *arg)
{
    struct request *r = request_new(d, done, arg);

    link_commit(d->link, size);
    r->bytes = size;
    r->end = link_put(d->link);
    r->sent_mono_ms = clock_mono_ms(d->clock);
    r->replies = 1;
    if (!d->sent.first)
        timer_in(d->command_due, d->options.command_ms);
    push(&d->sent, r);
    d->outstanding += size;
    d->stats.commands++;
    return r;
}

static void tell_later(struct db *d, enum db_fate fate, db_done done, void *arg)
{
    struct request *r;

    if (!done)
        return;
    r = request_new(d, done, arg);
    r->fate = fate;
    push(&d->told, r);
    timer_in(d->tell, 0);
}

void conn_unsent(struct db *d, db_done done, void *arg)
{
    d->stats.unsent++;
    tell_later(d, DB_UNSENT, done, arg);
}

void conn_nothing(struct db *d, db_done done, void *arg)
{
    tell_later(d, DB_DONE, done, arg);
}

void conn_send(struct db *d, bool own, int argc, const char *const *argv, const size_t *lens,
               db_done done, void *arg)
{
    size_t size = wire_head_size((size_t)argc) + wire_args_size(argc, argv, lens);
    char *p = conn_room(d, size, own);

    assert(argc > 0);
    if (!p) {
        conn_unsent(d, done, arg);
        return;
    }
    wire_put_args(wire_put_head(p, (size_t)argc), argc, argv, lens);
    conn_put(d, size, done, arg);
}

/* --- in -------------------------------------------------------------------------------------------- */

static bool says(const struct reply *reply, const char *code)
{
    return reply->kind == REPLY_ERROR && strncmp(reply->text, code, strlen(code)) == 0;
}

/* The server has become a replica under us. Where sentinels name the master, they name another. */
static bool is_demoted(const struct db *d, const struct request *r, const struct reply *reply)
{
    return d->sentinel && d->state == DB_IS_UP &&
           (says(reply, "READONLY") ||
            (r->tx_error && strncmp(r->tx_error, "READONLY", strlen("READONLY")) == 0));
}

void conn_on_reply(struct db *d, const struct reply *reply)
{
    struct request *r = d->sent.first;
    bool demoted;
    char why[512];

    if (!r) {
        snprintf(why, sizeof why, "%s said without being asked: %.100s", d->url.shown,
                 reply->text ? reply->text : "(no text)");
        conn_lose(d, why);
        return;
    }
    if (--r->replies > 0) {
        if (reply->kind == REPLY_ERROR && !r->tx_error)
            r->tx_error = mem_strdup(reply->text);
        return;
    }
    pop(&d->sent);
    d->outstanding -= r->bytes;
    demoted = is_demoted(d, r, reply);
    conn_enter(d);
    if (r->is_tx)
        tx_finish(d, r, reply);
    else if (r->script && says(reply, "NOSCRIPT "))
        script_again(d, r);
    else if (r->done)
        r->done(reply->kind == REPLY_ERROR ? DB_REFUSED : DB_DONE, reply, r->arg);
    request_free(r);
    if (demoted && d->state == DB_IS_UP) {
        snprintf(why, sizeof why, "%s is not the master any more", d->url.shown);
        conn_lose(d, why);
    }
    conn_leave(d);
}

/* --- fates without a reply ----------------------------------------------------------------------- */

void conn_give_up(struct db *d)
{
    uint64_t sent = d->link ? link_sent(d->link) : 0;
    struct request *r;

    while ((r = pop(&d->sent))) {
        r->fate = r->end > sent ? DB_UNSENT : DB_UNKNOWN;
        if (r->fate == DB_UNSENT)
            d->stats.unsent++;
        else
            d->stats.unknown++;
        push(&d->told, r);
    }
    d->outstanding = 0;
    timer_stop(d->command_due);
}

static void tell(struct request *r)
{
    static const struct reply nothing = {.kind = REPLY_LIST};

    if (r->done)
        r->done(r->fate, r->fate == DB_DONE ? &nothing : NULL, r->arg);
    request_free(r);
}

void conn_tell(struct db *d)
{
    conn_enter(d);
    /* when a callback closes the connection, db_close() tells those that are left */
    for (size_t n = d->told.n; n > 0 && !d->closing; n--)
        tell(pop(&d->told));
    if (d->told.first && !d->closing)
        timer_in(d->tell, 0);
    conn_leave(d);
}

void conn_check_deadline(struct db *d)
{
    struct request *r = d->sent.first;
    int64_t age_ms;
    char why[512];

    if (!r)
        return;
    age_ms = clock_mono_ms(d->clock) - r->sent_mono_ms;
    if (age_ms < d->options.command_ms) {
        timer_in(d->command_due, d->options.command_ms - age_ms);
        return;
    }
    if (!r->is_late) {
        r->is_late = true;
        timer_in(d->command_due, GRACE_MS);
        return;
    }
    snprintf(why, sizeof why, "%s has not answered for %lld ms", d->url.shown, (long long)age_ms);
    conn_lose(d, why);
}

void db_close(struct db *d)
{
    struct request *r;
    int rounds = 0;

    if (!d)
        return;
    assert(!d->closing); /* closed twice */
    conn_enter(d);
    conn_give_up(d);
    d->closing = true;
    d->state = DB_IS_DOWN;
    link_close(d->link);
    d->link = NULL;
    while ((r = pop(&d->told))) {
        rounds += !d->told.first;
        assert(rounds < CLOSING_ROUNDS);
        tell(r);
    }
    conn_leave(d);
}
