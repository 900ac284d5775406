/* The door to Redis: one asynchronous connection, pipelined, that comes back by itself.
 *
 * Not a client library: no blocking calls in the loop, no subscriptions, no cluster routing yet
 * (keys carry hash tags from the first day). Commands keep their order. A command has one of
 * four fates, and the caller is always told exactly once, from the loop:
 *
 *   DB_DONE      Redis answered; the answer is not an error
 *   DB_REFUSED   Redis answered with an error (reply->str is its text)
 *   DB_UNSENT    never left this process: it has certainly not happened
 *   DB_UNKNOWN   sent, then the connection or the deadline was lost: it may have happened
 *
 * The bytes of commands are copied at the call. Replies are valid during the callback only. */
#ifndef TOCSIN_DB_H
#define TOCSIN_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/loop.h"

struct db;

enum db_fate { DB_DONE, DB_REFUSED, DB_UNSENT, DB_UNKNOWN };

enum reply_kind { REPLY_NIL, REPLY_INT, REPLY_TEXT, REPLY_ERROR, REPLY_LIST };

struct reply {
    enum reply_kind kind;
    int64_t number;   /* REPLY_INT */
    const char *text; /* REPLY_TEXT, REPLY_ERROR; NUL-terminated as well */
    size_t len;
    const struct reply *items; /* REPLY_LIST (RESP3 maps come as key, value, key, value) */
    size_t n_items;
};

/* `reply` is NULL for DB_UNSENT and DB_UNKNOWN. */
typedef void (*db_done)(enum db_fate fate, const struct reply *reply, void *arg);
/* Does a refusal in these words end by itself? LOADING, BUSY, TRYAGAIN, CLUSTERDOWN, MASTERDOWN,
 * UNKILLABLE (errors of Redis, https://redis.io/docs/latest/develop/reference/protocol-spec/). */
bool db_refusal_passes(const char *text);
/* Is it that of a fence (db_fence)? Whoever put the fence up says what it means. */
bool db_refusal_is_fence(const char *text);

struct db_options {
    /* redis://[user:pass@]host:port/n  rediss://…  unix:/path[?db=n]
     * sentinel://[user:pass@]host:port,host:port,…/master[?db=n]: the sentinels say where the master
     * is; a fail-over is a loss of the connection, followed by one to the new master */
    const char *url;
    const char *ca_file; /* rediss: certificates to trust; NULL: the system's */
    int command_ms;      /* deadline of one command; 0: 5000 */
    /* The connection is ready (also the first time) / was lost, after the commands it had were
     * told; `why` is for people. on_down is also told why an attempt to connect failed, when that
     * is not what was told last; so two may come without an on_up between them. Neither is called
     * by db_close(). Either may be NULL. */
    void (*on_up)(void *arg);
    void (*on_down)(const char *why, void *arg);
    /* A transaction was refused because its token (db_fence) is not `token`, the one in Redis, whose number is not
     * lower; told before its own callback, and each time. May be NULL. */
    void (*on_fenced)(const char *token, void *arg);
    void *arg;
    /* seams of tests; 0 or NULL, as in the program: what is said */
    int connect_ms;         /* deadline of connect + TLS + AUTH + SELECT; 0: 3000 */
    int backoff_max_ms;     /* between attempts: 10 ms doubling with jitter up to this; 0: 2000 */
    size_t max_outstanding; /* bytes of commands not answered yet; beyond it new commands get
                               DB_UNSENT from the loop; 0: 64 MiB */
};

/* Starts connecting in the background; on_up tells when it worked. NULL: the URL is wrong (told
 * in `e` with the part that is) or no memory. Strings of `o` are copied. */
struct db *db_open(struct loop *l, const struct db_options *o, struct err *e);
/* Outstanding commands are told DB_UNSENT or DB_UNKNOWN first, inside the call. May be called from
 * any callback of `d`. NULL is fine. */
void db_close(struct db *d);
bool db_is_up(const struct db *d);
const char *db_why_down(const struct db *d); /* what on_down told last; "" while up */
size_t db_outstanding(const struct db *d);   /* bytes */
/* Which server, for people: "10.0.0.1:6379", "/run/redis.sock"; with sentinels the one that they
 * named last, or the name of the master while none has answered. */
const char *db_server(const struct db *d);
/* With sentinels: writes the redis:// URL of the server that they named last, password and all, for
 * db_blocking_open(). False: there are none (the URL of db_open() is the address), or none has
 * answered yet. */
#define DB_URL_MAX 2560
bool db_resolved_url(const struct db *d, char out[DB_URL_MAX]);
/* The address of this machine towards the server ("10.0.0.5", "fd00::5"), as others of its network may reach it.
 * -1: not up, or a unix socket. */
int db_local_host(const struct db *d, char *out, size_t size) MUST_USE;

struct db_stats {
    uint64_t commands;   /* put on the wire */
    uint64_t unsent;     /* told DB_UNSENT … */
    uint64_t over_bound; /* … of these, because of max_outstanding */
    uint64_t unknown;    /* told DB_UNKNOWN */
    uint64_t connects;   /* times the connection came up */
    uint64_t losses;     /* times it was lost after that */
};
void db_stats(const struct db *d, struct db_stats *out);

/* One command. `lens` may be NULL when all arguments are C strings; `done` may be NULL.
 * The callback never runs inside the call. */
void db_send(struct db *d, int argc, const char *const *argv, const size_t *lens, db_done done,
             void *arg);
/* The same from a format: %s C string, %b bytes (const void *, size_t), %lld, %llu; arguments are
 * separated by single spaces outside of the values. */
void db_sendf(struct db *d, db_done done, void *arg, const char *fmt, ...);

/* A transaction: commands gathered here go out as MULTI … EXEC in one write. `done` gets EXEC's
 * list (DB_DONE), or DB_REFUSED with the first error, which may be that of one command inside: it
 * then says which were carried out by their own items, since EXEC does not roll back. */
struct db_tx;
struct db_tx *db_tx_new(struct db *d); /* NULL: no memory */
void db_tx_add(struct db_tx *t, int argc, const char *const *argv, const size_t *lens);
void db_tx_addf(struct db_tx *t, const char *fmt, ...);
size_t db_tx_bytes(const struct db_tx *t);
void db_tx_commit(struct db_tx *t, db_done done,
                  void *arg); /* frees `t`; an empty one is DB_DONE */
void db_tx_drop(struct db_tx *t);

/* One command that writes, under the fence where there is one; `done` gets its own answer. Format: db_sendf().
 * Whatever changes something goes through here or a transaction; db_send() and db_sendf() are for what reads. */
void db_writef(struct db *d, db_done done, void *arg, const char *fmt, ...);

/* From here on each transaction and db_writef() carries `token`, "NUMBER-…": Redis carries it out only while field
 * "token" of the hash `key` is exactly that, and refuses all of it with FENCED else. A lower number, or none, is that
 * of a Redis that has lost ours: ours is put back, and it is carried out. Both are copied. Not between the begin of a
 * transaction and its commit. Without a fence a transaction is MULTI/EXEC; with one it is a script that does the
 * same, in which HGET is the only command that reads. It stays until the connection is closed for good.
 * Cost: one HGET, and one copy of the arguments inside Redis. -1: no memory, the old fence stays. */
int db_fence(struct db *d, const char *key, const char *token) MUST_USE;

/* A Lua script by its digest (EVALSHA, loaded on NOSCRIPT and tried once more). `script` must
 * live as long as `d`. */
void db_script(struct db *d, const char *script, int n_keys, int argc, const char *const *argv,
               const size_t *lens, db_done done, void *arg);

/* What kind of server this is; asked at each (re)connect and on db_inspect(). */
struct db_health {
    bool known;
    char version[16];
    char run_id[48]; /* changes when the server restarts */
    bool evicting;   /* maxmemory-policy is not noeviction, and maxmemory is set */
    bool aof;        /* appendonly yes */
    bool aof_always; /* appendfsync always */
    bool is_replica;
    uint64_t max_memory; /* bytes; 0: none set */
    uint64_t used_memory;
    int64_t clock_offset_ms; /* Redis' clock - ours, measured at half the round trip */
};
const struct db_health *db_health(const struct db *d);
/* Why nothing may be written to such a server although it answers, for people, beginning with a
 * word in capitals as Redis' own refusals do; NULL: it is fit, or not known. */
static inline const char *db_health_unfit(const struct db_health *h)
{
    if (!h->known)
        return NULL;
    if (h->is_replica)
        return "REPLICA: this Redis is a replica; make it the master (REPLICAOF NO ONE), or give "
               "the master's address";
    if (h->evicting)
        return "EVICTING: this Redis evicts keys when it is full, which would drop silences and "
               "alerts without a word; set maxmemory-policy noeviction";
    return NULL;
}
/* Asks INFO, CONFIG (where allowed) and TIME; `done` is told when db_health() is fresh. */
void db_inspect(struct db *d, void (*done)(bool ok, void *arg), void *arg);

/* A blocking connection for a forked child, that shares nothing with the parent's (not for the
 * loop). Works without libevent. Not for rediss: and sentinel: there it returns NULL with
 * ERR_REFUSED (db_resolved_url() tells what the sentinels said). */
struct db_blocking;
struct db_blocking *db_blocking_open(const char *url, int timeout_ms, struct err *e);
void db_blocking_close(struct db_blocking *d);
/* What is added from here on carries the fence that `parent` had at the fork; where it had none, nothing does. */
void db_blocking_fence(struct db_blocking *d, const struct db *parent);
/* Queues one command (and waits only when some MiB are queued). db_blocking_flush() sends, reads
 * all answers and fails on the first error among them (ERR_REFUSED: from Redis, and the connection
 * may be used further; else it is of no more use). */
int db_blocking_add(struct db_blocking *d, int argc, const char *const *argv, const size_t *lens,
                    struct err *e) MUST_USE;
int db_blocking_flush(struct db_blocking *d, struct err *e) MUST_USE;

#endif
