/* Which of several programs on one Redis acts: one holds the lease, the others stand by.
 *
 *                     looked at: held by another one
 *   ASKING ------------------------------------------> STANDBY
 *      |  nobody holds it, or who did is gone             |  given back, gone, or silent for LEASE_SILENT_MS
 *      '------------------> HELD <------------------------'
 *                             |  a higher token stands in Redis
 *                             '--> LOST: nothing is sent or written any more
 *
 * Each holder has a token of its own, "NUMBER-RANDOM", the number one above that of the holder before it. While
 * it is held, whatever is written carries it (db_fence): a holder that slept and wakes writes nothing over what
 * its successor wrote. The holder counts a beat up every LEASE_BEAT_MS; who stands by looks every LEASE_LOOK_MS,
 * and judges silence by its own monotonic clock, and only over time in which Redis answered it and took writes. No
 * clock is compared with another one, and a Redis that was away or refused writes costs nobody the lease.
 *
 * Without Redis nothing changes: a holder stays one, and who stands by stands by. A Redis that has lost the
 * token (restored, failed over, flushed) gets it back from its holder.
 *
 * Source: M. Kleppmann, "How to do distributed locking" (2016), for the token that grows. */
#ifndef TOCSIN_LEASE_H
#define TOCSIN_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "tocsin/db.h"
#include "tocsin/loop.h"

#define LEASE_BEAT_MS   500
#define LEASE_LOOK_MS   250
#define LEASE_SILENT_MS 3000
/* Between two answers further apart than this the holder may have beaten unseen: silence counts anew. */
#define LEASE_GAP_MS 1000

struct lease;

enum lease_state { LEASE_ASKING, LEASE_STANDBY, LEASE_HELD, LEASE_LOST };

struct lease_holder {
    char name[128];   /* for people: "db1:9393" */
    char url[256];    /* its HTTP door, as others reach it; "" not said */
    char statsd[128]; /* "host:port"; "" it has none */
    uint64_t number;  /* of its token; 0: nobody is known */
};

struct lease_options {
    struct loop *loop; /* borrowed, as is `db` */
    struct db *db;
    /* Nobody else can reach this Redis: it is held once Redis is up, nothing is written about it, and there is no
     * fence. */
    bool alone;
    /* How others reach this program; asked before it is taken, while Redis is up. `number` is not looked at. */
    void (*self)(struct lease_holder *out, void *arg);
    /* From the loop. `standby`: another one holds it, or the holder is another one than before. */
    void (*held)(void *arg);
    void (*standby)(void *arg);
    void (*lost)(void *arg);
    void *arg;
};

/* From here on `db` writes nothing (unless alone) until it is held. Asks nothing before lease_db_up(). NULL: no
 * memory. */
struct lease *lease_new(const struct lease_options *o);
/* While its `db` is still there. The fence stays on it: whoever ends as another one holds the lease writes nothing in
 * doing so. NULL is fine. */
void lease_free(struct lease *l);
/* The connection is ready (on_up of db_options). */
void lease_db_up(struct lease *l);
/* A transaction was refused (on_fenced of db_options); `token` is what stands in Redis. Calls `lost` inside the call
 * when that is another holder's, of our number or above. */
void lease_fenced(struct lease *l, const char *token);
/* Gives it back, for an orderly end: who stands by takes it with its next look. `done` is told once, from the
 * loop: when Redis has it, cannot be asked, or there was nothing to give back. */
void lease_give_back(struct lease *l, void (*done)(void *arg), void *arg);

enum lease_state lease_state(const struct lease *l);
const char *lease_state_name(enum lease_state s); /* "asking", "standby", "held", "lost" */
/* Who held it when Redis was last asked; itself while HELD. */
const struct lease_holder *lease_holder(const struct lease *l);
/* Why Redis does not let it be taken; "" while it does. */
const char *lease_refusal(const struct lease *l);
/* How long ago Redis last confirmed the holder; -1: never. */
int64_t lease_age_ms(const struct lease *l);

#endif
