/* What the files behind tocsin/db.h share: the connection's state and its queue of commands.
 *
 * A command is in one of two queues, or gone:
 *
 *     db_send ──> sent (in the order of the wire) ──reply──> callback
 *        │         └──connection lost──> told, with its fate ──> callback
 *        └──not up, or over the bound──> told (DB_UNSENT) ──0 ms timer──> callback
 *
 * A command is taken off its queue before its callback runs and nothing of it is used afterwards,
 * so a callback may send, or close. */
#ifndef TOCSIN_REDIS_CONN_H
#define TOCSIN_REDIS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/link.h"
#include "redis/url.h"
#include "tocsin/db.h"

struct script;
struct sentinel;

struct request {
    struct request *next;
    db_done done; /* may be NULL */
    void *arg;
    size_t bytes; /* on the wire, for the bound */
    uint64_t end; /* link_put() after it */
    int64_t sent_mono_ms;
    size_t replies; /* still to come; more than one for a transaction */
    bool is_tx;
    bool is_single;        /* a transaction of one command, whose own answer is told */
    bool is_late;          /* its deadline was seen to pass once */
    char *tx_error;        /* the first error among the answers before EXEC's */
    struct script *script; /* to be tried again as EVAL when the server does not know it */
    char *script_args;     /* ready for the wire: number of keys, keys, arguments */
    size_t n_script_args, script_args_len;
    enum db_fate fate; /* in `told` */
};

struct queue {
    struct request *first, **end;
    size_t n;
};

enum db_state { DB_IS_DOWN, DB_IS_RESOLVING, DB_IS_DIALING, DB_IS_GREETING, DB_IS_UP };

struct db {
    struct loop *loop;
    struct clock *clock;
    struct url url;            /* with sentinels it is pointed at the master that they name */
    struct sentinel *sentinel; /* NULL: the address is fixed */
    struct tls *tls;
    struct db_options options; /* strings not used after db_open() */
    enum db_state state;
    struct link *link;
    unsigned attempts;   /* since the connection was last good; of these, backoff grows */
    unsigned turns;      /* of the addresses of a name */
    uint64_t connection; /* counts connections */
    int64_t up_mono_ms;
    struct timer *retry, *connect_due, *command_due, *tell;
    struct queue sent, told;
    struct request *spare; /* for when there is no memory for a record */
    size_t outstanding;
    struct script *scripts;
    struct db_health health;
    struct db_stats stats;
    char why[512];
    char greeting_error[512];
    char *fence_key, *fence_token; /* NULL: transactions are carried out by whoever asks */
    int depth;                     /* inside a function that goes on after a callback */
    bool closing;
};

/* --- queue.c --- */
void queue_init(struct queue *q);
/* Makes sure that a record is in reserve. -1: no memory. */
int queue_reserve(struct db *d) MUST_USE;
/* Room on the wire for a command of `size` bytes; NULL: not up, over the bound, no memory. The
 * greeting (`own`) goes before the connection is up. */
char *conn_room(struct db *d, size_t size, bool own);
/* The bytes are in place: queues the command's record, with one reply to come. */
struct request *conn_put(struct db *d, size_t size, db_done done, void *arg);
void conn_unsent(struct db *d, db_done done, void *arg);  /* tells DB_UNSENT from the loop */
void conn_nothing(struct db *d, db_done done, void *arg); /* the same with DB_DONE */
void conn_send(struct db *d, bool own, int argc, const char *const *argv, const size_t *lens,
               db_done done, void *arg);
void conn_on_reply(struct db *d, const struct reply *reply);
/* All commands of the wire go to `told` with the fate they had. */
void conn_give_up(struct db *d);
/* Tells those that are in `told` now; what callbacks add waits for the timer. */
void conn_tell(struct db *d);
void conn_check_deadline(struct db *d);
void conn_enter(struct db *d);
void conn_leave(struct db *d); /* may free `d` */

/* --- db.c --- */
void conn_lose(struct db *d, const char *why);
void conn_free(struct db *d);

/* --- tx.c, script.c --- */
/* The last answer of a transaction: decides the fate and calls back. */
void tx_finish(struct db *d, struct request *r, const struct reply *exec);
/* NOSCRIPT: sends it again with the text. */
void script_again(struct db *d, struct request *r);
void scripts_free(struct db *d);

/* --- inspect.c --- */
/* db_inspect() that may run during the greeting. -1: no memory, `done` will not be called. */
int conn_inspect(struct db *d, bool own, void (*done)(bool ok, void *arg), void *arg) MUST_USE;

#endif
