#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "redis/fence.h"
#include "redis/url.h"
#include "tocsin/db.h"

/* hiredis' own blocking connection: a forked child uses nothing of the parent's loop. Requests
 * gather in hiredis' buffer; above this they are sent and answered, so that a cut of a gigabyte
 * does not lie in memory once more. */
#define FLUSH_ABOVE ((size_t)4 << 20)

struct db_blocking {
    redisContext *redis;
    struct url url;
    size_t queued; /* bytes, about */
    size_t unanswered;
    const struct db *fenced_as; /* NULL: not behind a fence */
};

static int io_error(const struct db_blocking *d, struct err *e)
{
    const redisContext *c = d->redis;
    /* hiredis says "Resource temporarily unavailable" where its time-out has passed */
    const char *why = c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)
                          ? "no answer in time"
                          : c->errstr;

    return err_set(e, ERR_IO, "%s: %s", d->url.shown, why);
}

static int connect_to(struct db_blocking *d, int timeout_ms, struct err *e)
{
    struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

    d->redis = d->url.is_unix ? redisConnectUnixWithTimeout(d->url.path, tv)
                              : redisConnectWithTimeout(d->url.host, d->url.port, tv);
    if (!d->redis)
        return err_set(e, ERR_MEMORY, "no memory for a connection to Redis");
    if (d->redis->err)
        return io_error(d, e);
    if (redisSetTimeout(d->redis, tv) != REDIS_OK)
        return io_error(d, e);
    return 0;
}

static int greet(struct db_blocking *d, struct err *e)
{
    char database[16];
    const char *auth[] = {"AUTH", d->url.user, d->url.password};
    const char *just_password[] = {"AUTH", d->url.password};
    const char *select[] = {"SELECT", database};
    const char *name[] = {"CLIENT", "SETNAME", "tocsin-child"};
    int rc = 0;

    snprintf(database, sizeof database, "%d", d->url.database);
    if (d->url.user[0])
        rc = db_blocking_add(d, 3, auth, NULL, e);
    else if (d->url.password[0])
        rc = db_blocking_add(d, 2, just_password, NULL, e);
    if (rc == 0 && d->url.database)
        rc = db_blocking_add(d, 2, select, NULL, e);
    if (rc != 0 || db_blocking_flush(d, e) != 0 || db_blocking_add(d, 3, name, NULL, e) != 0)
        return -1;
    /* a user that may not give names works all the same */
    return db_blocking_flush(d, e) == 0 || e->code == ERR_REFUSED ? 0 : -1;
}

struct db_blocking *db_blocking_open(const char *url, int timeout_ms, struct err *e)
{
    struct db_blocking *d = mem_zalloc(sizeof *d);
    struct err unheard;

    if (!e)
        e = &unheard;
    if (!d) {
        err_set(e, ERR_MEMORY, "no memory for a connection to Redis");
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error of the write */
    if (url_parse(url, &d->url, e) != 0)
        goto failed;
    if (d->url.is_tls || d->url.n_sentinels) {
        err_set(e, ERR_REFUSED,
                d->url.is_tls ? "a blocking connection does not speak TLS"
                              : "a blocking connection asks no sentinels");
        goto failed;
    }
    if (connect_to(d, timeout_ms, e) != 0 || greet(d, e) != 0)
        goto failed;
    return d;
failed:
    db_blocking_close(d);
    return NULL;
}

void db_blocking_close(struct db_blocking *d)
{
    if (!d)
        return;
    if (d->redis)
        redisFree(d->redis);
    mem_free(d);
}

void db_blocking_fence(struct db_blocking *d, const struct db *parent)
{
    d->fenced_as = fence_is_up(parent) ? parent : NULL;
}

static int append(struct db_blocking *d, int argc, const char *const *argv, const size_t *lens)
{
    struct buf b = BUF_INIT;
    size_t n_args = (size_t)argc + 1, head;
    char *p;
    int rc = REDIS_ERR;

    if (!d->fenced_as)
        return redisAppendCommandArgv(d->redis, argc, (const char **)argv, lens);
    head = fence_head_size(d->fenced_as, n_args);
    p = buf_reserve(&b, head);
    if (p) {
        fence_put_head(d->fenced_as, p, n_args);
        buf_commit(&b, head);
    }
    fence_add(&b, argc, argv, lens);
    if (buf_ok(&b))
        rc = redisAppendFormattedCommand(d->redis, b.data, b.len);
    buf_free(&b);
    return rc;
}

int db_blocking_add(struct db_blocking *d, int argc, const char *const *argv, const size_t *lens,
                    struct err *e)
{
    if (append(d, argc, argv, lens) != REDIS_OK)
        return io_error(d, e);
    d->unanswered++;
    for (int i = 0; i < argc; i++)
        d->queued += lens ? lens[i] : strlen(argv[i]);
    return d->queued > FLUSH_ABOVE ? db_blocking_flush(d, e) : 0;
}

/* All answers are read, also after an error among them, so that the connection stays in step. */
int db_blocking_flush(struct db_blocking *d, struct err *e)
{
    int rc = 0;

    for (; d->unanswered > 0; d->unanswered--) {
        redisReply *reply = NULL;

        errno = 0;
        if (redisGetReply(d->redis, (void **)&reply) != REDIS_OK)
            return io_error(d, e);
        if (reply->type == REDIS_REPLY_ERROR && rc == 0)
            rc = err_set(e, ERR_REFUSED, "%s: %s", d->url.shown, reply->str);
        freeReplyObject(reply);
    }
    d->queued = 0;
    return rc;
}
