/* What the files behind tocsin/store.h share. */
#ifndef TOCSIN_STORE_IMPL_H
#define TOCSIN_STORE_IMPL_H

#include "store/batch.h"
#include "store/lines.h"
#include "tocsin/store.h"

struct store_table {
    struct store *store;
    struct store_table *next;
    char *key;
    bool is_zset; /* a mirror of due times: members and scores instead of fields and values */
    void (*rewrite)(struct store_table *t, void *arg); /* NULL for sorted sets */
    void *arg;
    struct batch waiting;
    struct change *flying; /* in the transaction under way */
    bool clear;            /* the key goes first: what follows is all there is */
    bool clear_flying;
};

struct waiter {
    struct waiter *next;
    uint64_t round; /* told when that round of changes is in Redis */
    void (*then)(bool durable, void *arg);
    void *arg;
};

enum store_state { STORE_IDLE, STORE_FLYING, STORE_CHECKING };

struct store {
    struct loop *loop;
    struct db *db;
    struct timer *push, *poll;
    struct store_table *tables, **tables_end;
    struct lines lines, lines_flying;
    enum store_state state;
    bool unknown;          /* what is flying may or may not have happened */
    bool must_check;       /* compare sequence numbers before anything else */
    bool failing;          /* the last attempt did not work: nobody waits for the next one */
    bool behind;           /* … or could not be made, and not all that waited is written since */
    char refused_why[200]; /* Redis' words when it refused the last attempt, else empty */
    bool mend;             /* a command inside a transaction was refused: rewritten, but … */
    int64_t mend_at_ms;    /* … not before then (monotonic) */
    bool lost;             /* a change was lost for lack of memory: the owners write all again */
    int64_t not_before_ms; /* monotonic: next attempt after a refusal */
    uint64_t seq;          /* the last transaction known to be in Redis */
    uint64_t seq_expected; /* what Redis says the last one is: `seq`, or less after a loss */
    char run_id[48];       /* of the server it is known of; "": not asked yet */
    uint64_t round;        /* of the changes that wait now */
    uint64_t round_flying; /* complete once the transaction under way is; 0: not complete by it */
    uint64_t round_done;
    struct waiter *waiters, **waiters_end;
    struct loading *loading; /* NULL: none is going on */
    size_t calls;            /* commands under way that call back here */
    bool closing;
    struct store_stats stats;
};

/* A command under way keeps the store in memory. False: the store was freed meanwhile (and is
 * gone now, if this was the last). */
void store_call(struct store *s);
bool store_returned(struct store *s);
void store_end_loading(struct store *s);
/* The sequence number in a reply to HGET, 0 when there is none. */
uint64_t store_seq_of(const struct reply *r);

#endif
