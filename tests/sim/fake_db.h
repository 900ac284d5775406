/* The door include/tocsin/db.h onto a fake_redis, with faults on order. Linked in place of the
 * room redis.
 *
 * db_open() connects to the server given to fake_db_serve(), whatever the URL; each process of a
 * simulation opens its own. Commands travel `latency_ms` of virtual time and are carried out in
 * order when they arrive; their callbacks come at once after that, from the loop. A command (a
 * transaction is one) has a number: its place among all commands sent on this connection's handle
 * since it was opened, from 1. Faults are ordered by that number, and each bites once. */
#ifndef TOCSIN_TESTS_SIM_FAKE_DB_H
#define TOCSIN_TESTS_SIM_FAKE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_redis.h"
#include "tocsin/db.h"

/* The server that db_open() reaches from now on (borrowed). */
void fake_db_serve(struct fake_redis *r);
/* Redis' clock stays right when the machine's is set; at first it is the machine's. */
void fake_db_clock_is_right(bool yes);
/* Redis' clock alone is off by so much, on top of that. */
void fake_db_clock_off(int64_t ms);

void fake_db_latency(struct db *d, int64_t ms); /* 0 at first: the next turn */
/* How long a lost connection stays away before it comes back by itself; 0 (at first): 50 ms. */
void fake_db_away(struct db *d, int64_t ms);

enum fake_fault {
    FAKE_LOSE_ANSWER,  /* carried out, then the connection breaks: its fate is DB_UNKNOWN */
    FAKE_LOSE_COMMAND, /* the connection breaks before it arrives: DB_UNKNOWN, not carried out */
    FAKE_UNSENT,       /* the connection breaks before it left: DB_UNSENT */
    FAKE_REFUSE,       /* an OOM error, not carried out */
    FAKE_RESTART,      /* as FAKE_LOSE_ANSWER, and the server has another run id */
};
/* At command number `n`. All after it that are on their way are DB_UNKNOWN and not carried out
 * (where the connection breaks). */
void fake_db_fault(struct db *d, enum fake_fault fault, uint64_t n);
uint64_t fake_db_sent(const struct db *d); /* the number of the last command */
bool fake_db_bitten(const struct db *d);   /* all faults ordered have happened */

/* Connection down until fake_db_up(): what is on its way becomes DB_UNKNOWN. `executed`: how many
 * of those the server still carried out. */
void fake_db_down(struct db *d, size_t executed);
void fake_db_up(struct db *d);
/* kill -9 of the process that holds `d`: the first `executed` commands on their way are still
 * carried out, and from now on nobody is told of anything until db_close(), which the test calls
 * after it has freed what the process had. */
void fake_db_crash(struct db *d, size_t executed);

#endif
