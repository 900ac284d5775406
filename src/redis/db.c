#include "tocsin/db.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/conn.h"
#include "redis/fence.h"
#include "redis/sentinel.h"
#include "redis/tls.h"
#include "redis/wire.h"

/* The life of a connection:
 *
 *     DOWN ──retry──> DIALING ──on_ready──> GREETING ──inspected──> UP
 *       ^                │                     │                    │
 *       └────────────────┴─────── lose ────────┴────────────────────┘
 *
 * With sentinels a state comes before DIALING:
 *
 *     DOWN ──retry──> RESOLVING ──on_master──> DIALING ──> …
 *
 * and it is lost from any state behind it when a later fail-over has made another server the
 * master, when the server turns out to be a replica (not promoted yet, or not any more: INFO in the
 * greeting, READONLY to a command), and as any other connection.
 *
 * The greeting is AUTH, SELECT, CLIENT SETNAME and the inspection in one pipeline. HELLO is not
 * needed: the replies are those of RESP2, which is what a server speaks unasked. */

#define CONNECT_MS       3000
#define COMMAND_MS       5000
#define BACKOFF_FIRST_MS 10
#define BACKOFF_MAX_MS   2000
#define OUTSTANDING_MAX  ((size_t)64 << 20)
/* A connection that held this long was good: the next failure begins with short waits again. */
#define GOOD_AFTER_MS 1000

static void on_ready(void *arg);

static void on_closed(const char *why, void *arg)
{
    struct db *d = arg;

    /* what a server says before it hangs up is the better reason */
    conn_lose(d, d->state == DB_IS_GREETING && d->greeting_error[0] ? d->greeting_error : why);
}

static void on_reply(const struct reply *reply, void *arg)
{
    conn_on_reply(arg, reply);
}

static void on_connect_due(void *arg)
{
    struct db *d = arg;
    char why[512];

    snprintf(why, sizeof why, "no connection to %s within %d ms", d->url.shown,
             d->options.connect_ms);
    conn_lose(d, why);
}

static void on_command_due(void *arg)
{
    conn_check_deadline(arg);
}

static void on_tell(void *arg)
{
    conn_tell(arg);
}

static void dial(struct db *d)
{
    struct link_events events = {on_ready, on_reply, on_closed, d};
    struct err e = {0};

    assert(d->state == DB_IS_DOWN || d->state == DB_IS_RESOLVING);
    d->state = DB_IS_DIALING;
    d->connection++;
    d->greeting_error[0] = 0;
    timer_in(d->connect_due, d->options.connect_ms);
    d->link = link_open(d->loop, &d->url, d->tls, d->turns++, &events, &e);
    if (!d->link)
        conn_lose(d, e.text);
}

static void on_retry(void *arg)
{
    struct db *d = arg;

    if (!d->sentinel) {
        dial(d);
        return;
    }
    d->state = DB_IS_RESOLVING;
    sentinel_ask(d->sentinel);
}

/* --- sentinels ------------------------------------------------------------------------------------- */

static void point(struct db *d, const char *host, int port)
{
    struct url before = d->url;
    int rc = url_point(&d->url, host, port);

    assert(rc == 0); /* sentinel.c has checked it */
    if (before.host[0] && strcmp(before.shown, d->url.shown) != 0)
        log_warn("the sentinels name another master", "name", d->url.master, "before", before.shown,
                 "at", d->url.shown, NULL);
}

static void on_master(const char *host, int port, bool is_later, void *arg)
{
    struct db *d = arg;
    bool is_other = strcmp(d->url.host, host) != 0 || d->url.port != port;
    char why[700];

    if (d->state == DB_IS_RESOLVING) {
        point(d, host, port);
        dial(d);
    } else if (d->state == DB_IS_DOWN && is_other) {
        timer_in(d->retry, 0); /* no use in waiting for the one that is gone */
    } else if (is_other && is_later) {
        snprintf(why, sizeof why, "the sentinels have made %s:%d the master in the place of %s",
                 host, port, d->url.shown);
        d->attempts = 0;
        conn_lose(d, why);
    }
}

static void on_nobody(const char *why, void *arg)
{
    struct db *d = arg;

    if (d->state == DB_IS_RESOLVING)
        conn_lose(d, why);
}

bool db_resolved_url(const struct db *d, char out[DB_URL_MAX])
{
    _Static_assert(DB_URL_MAX == URL_TEXT_MAX, "one bound");
    if (!d->sentinel || !d->url.host[0])
        return false;
    url_write(&d->url, out);
    return true;
}

/* 10 ms, 20, 40 … up to the bound, of which a random half to whole: many clients of one server
 * must not come back in step. */
static int64_t backoff_ms(const struct db *d)
{
    int64_t max_ms = d->options.backoff_max_ms;
    int64_t ms = d->attempts < 20 ? (int64_t)BACKOFF_FIRST_MS << d->attempts : max_ms;

    if (ms > max_ms)
        ms = max_ms;
    return ms - (int64_t)(random_u64() % (uint64_t)(ms / 2 + 1));
}

void conn_lose(struct db *d, const char *why)
{
    bool was_up = d->state == DB_IS_UP;
    bool is_news = was_up || strcmp(d->why, why) != 0;

    if (d->closing)
        return;
    if (was_up) {
        d->stats.losses++;
        if (clock_mono_ms(d->clock) - d->up_mono_ms >= GOOD_AFTER_MS)
            d->attempts = 0;
    }
    d->state = DB_IS_DOWN;
    if (d->why != why)
        snprintf(d->why, sizeof d->why, "%s", why);
    conn_give_up(d);
    link_close(d->link);
    d->link = NULL;
    timer_stop(d->connect_due);
    timer_in(d->retry, backoff_ms(d));
    d->attempts++;
    conn_enter(d);
    conn_tell(d);
    if (is_news && !d->closing && d->options.on_down)
        d->options.on_down(d->why, d->options.arg);
    conn_leave(d);
}

/* --- greeting -------------------------------------------------------------------------------------- */

static void keep_error(struct db *d, const char *what, const struct reply *reply)
{
    if (!d->greeting_error[0])
        snprintf(d->greeting_error, sizeof d->greeting_error, "%s refuses %s: %s", d->url.shown,
                 what, reply->text);
}

static void on_auth(enum db_fate fate, const struct reply *reply, void *arg)
{
    if (fate == DB_REFUSED)
        keep_error(arg, "the user or password", reply);
}

static void on_select(enum db_fate fate, const struct reply *reply, void *arg)
{
    if (fate == DB_REFUSED)
        keep_error(arg, "the database", reply);
}

static void on_ping(enum db_fate fate, const struct reply *reply, void *arg)
{
    /* says NOAUTH, LOADING, MASTERDOWN where other commands would too; PING itself may be what
     * the user is not allowed */
    if (fate == DB_REFUSED && strncmp(reply->text, "NOPERM", 6) != 0)
        keep_error(arg, "to work", reply);
}

/* Sentinels name a new master before it knows, and an old one until they have learned better. */
static void keep_replica(struct db *d)
{
    if (d->sentinel && d->health.known && d->health.is_replica && !d->greeting_error[0])
        snprintf(d->greeting_error, sizeof d->greeting_error,
                 "%s, which the sentinels call the master \"%s\", is a replica", d->url.shown,
                 d->url.master);
}

static void on_inspected(bool ok, void *arg)
{
    struct db *d = arg;

    (void)ok; /* a user that may not ask INFO works all the same; db_health() says "not known" */
    if (d->closing || d->state != DB_IS_GREETING)
        return;
    keep_replica(d);
    if (d->greeting_error[0]) {
        conn_lose(d, d->greeting_error);
        return;
    }
    d->state = DB_IS_UP;
    d->up_mono_ms = clock_mono_ms(d->clock);
    d->why[0] = 0;
    d->stats.connects++;
    timer_stop(d->connect_due);
    if (d->options.on_up)
        d->options.on_up(d->options.arg);
}

static void on_ready(void *arg)
{
    struct db *d = arg;
    char database[16];
    const char *auth[] = {"AUTH", d->url.user, d->url.password};
    const char *just_password[] = {"AUTH", d->url.password};
    const char *select[] = {"SELECT", database};
    const char *name[] = {"CLIENT", "SETNAME", "tocsin"};
    const char *ping[] = {"PING"};

    d->state = DB_IS_GREETING;
    snprintf(database, sizeof database, "%d", d->url.database);
    if (d->url.user[0])
        conn_send(d, true, 3, auth, NULL, on_auth, d);
    else if (d->url.password[0])
        conn_send(d, true, 2, just_password, NULL, on_auth, d);
    if (d->url.database)
        conn_send(d, true, 2, select, NULL, on_select, d);
    conn_send(d, true, 1, ping, NULL, on_ping, d);
    conn_send(d, true, 3, name, NULL, NULL, NULL);
    if (conn_inspect(d, true, on_inspected, d) != 0)
        conn_lose(d, "no memory for a connection to Redis");
}

/* --- open and close -------------------------------------------------------------------------------- */

static int or_default(int ms, int otherwise)
{
    return ms > 0 ? ms : otherwise;
}

static void set_options(struct db *d, const struct db_options *o)
{
    d->options = *o;
    d->options.url = d->options.ca_file = NULL;
    d->options.connect_ms = or_default(o->connect_ms, CONNECT_MS);
    d->options.command_ms = or_default(o->command_ms, COMMAND_MS);
    d->options.backoff_max_ms = or_default(o->backoff_max_ms, BACKOFF_MAX_MS);
    if (!o->max_outstanding)
        d->options.max_outstanding = OUTSTANDING_MAX;
}

struct db *db_open(struct loop *l, const struct db_options *o, struct err *e)
{
    struct db *d = mem_zalloc(sizeof *d);
    struct sentinel_events events = {on_master, on_nobody, d};

    assert(l && o->url);
    if (!d) {
        err_set(e, ERR_MEMORY, "no memory for a connection to Redis");
        return NULL;
    }
    d->loop = l;
    d->clock = loop_clock(l);
    queue_init(&d->sent);
    queue_init(&d->told);
    set_options(d, o);
    if (url_parse(o->url, &d->url, e) != 0) {
        err_prefix(e, "the address of Redis");
        goto failed;
    }
    if (d->url.is_tls && !(d->tls = tls_new(o->ca_file, e)))
        goto failed;
    if (d->url.n_sentinels && !(d->sentinel = sentinel_new(l, &d->url, &events, e)))
        goto failed;
    d->retry = timer_new(l, LOOP_CONTROL, on_retry, d);
    d->connect_due = timer_new(l, LOOP_CONTROL, on_connect_due, d);
    d->command_due = timer_new(l, LOOP_CONTROL, on_command_due, d);
    d->tell = timer_new(l, LOOP_CONTROL, on_tell, d);
    if (!d->retry || !d->connect_due || !d->command_due || !d->tell || queue_reserve(d) != 0) {
        err_set(e, ERR_MEMORY, "no memory for a connection to Redis");
        goto failed;
    }
    timer_in(d->retry, 0);
    return d;
failed:
    conn_free(d);
    return NULL;
}

void conn_free(struct db *d)
{
    timer_free(d->retry);
    timer_free(d->connect_due);
    timer_free(d->command_due);
    timer_free(d->tell);
    sentinel_free(d->sentinel);
    tls_free(d->tls);
    scripts_free(d);
    fence_free(d);
    mem_free(d->spare);
    mem_free(d);
}

/* --- questions and commands ------------------------------------------------------------------------ */

bool db_is_up(const struct db *d)
{
    return d->state == DB_IS_UP;
}

const char *db_why_down(const struct db *d)
{
    return d->why;
}

const char *db_server(const struct db *d)
{
    return d->url.shown;
}

int db_local_host(const struct db *d, char *out, size_t size)
{
    return d->state == DB_IS_UP ? link_local_host(d->link, out, size) : -1;
}

size_t db_outstanding(const struct db *d)
{
    return d->outstanding;
}

void db_stats(const struct db *d, struct db_stats *out)
{
    *out = d->stats;
}

const struct db_health *db_health(const struct db *d)
{
    return &d->health;
}

void db_send(struct db *d, int argc, const char *const *argv, const size_t *lens, db_done done,
             void *arg)
{
    conn_send(d, false, argc, argv, lens, done, arg);
}

void db_sendf(struct db *d, db_done done, void *arg, const char *fmt, ...)
{
    struct wire_args a;
    va_list ap;

    va_start(ap, fmt);
    wire_args_from(&a, fmt, ap);
    va_end(ap);
    if (a.failed)
        conn_unsent(d, done, arg);
    else
        conn_send(d, false, (int)a.argc, a.argv, a.lens, done, arg);
    wire_args_free(&a);
}
