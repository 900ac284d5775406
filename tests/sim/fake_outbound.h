/* The door include/tocsin/outbound.h without a network: one receiver of everything, which decides
 * about each request as it comes. Linked in place of net's outbound.
 *
 * The receiver outlives the processes that send to it: what it has taken it has, whether or not
 * the answer ever reached somebody. */
#ifndef TOCSIN_TESTS_SIM_FAKE_OUTBOUND_H
#define TOCSIN_TESTS_SIM_FAKE_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tocsin/outbound.h"

enum fake_answer {
    FAKE_TAKES,   /* taken: 200 */
    FAKE_FAILS,   /* not taken: 503 */
    FAKE_REFUSES, /* not taken: 400 */
    FAKE_IS_AWAY, /* not taken: no connection */
    FAKE_IS_MUTE, /* taken, and the answer is lost */
};

struct fake_plan {
    enum fake_answer answer;
    int64_t after_ms; /* until the sender knows; beyond its deadline it hears of a timeout */
};

struct fake_message {
    uint64_t number;       /* 1, 2, … of all requests of this receiver's life */
    const char *url, *key; /* key: of the header Idempotency-Key, "" when there is none */
    const char *body;
    size_t len;
};

struct fake_receiver {
    struct fake_plan (*receive)(const struct fake_message *m, void *arg);
    /* The sender was told: `ok` what became of it is known to it. May be NULL. */
    void (*answered)(uint64_t number, bool ok, void *arg);
    void *arg;
};

/* Who takes what is sent from now on (borrowed). Numbers begin again. */
void fake_outbound_serve(const struct fake_receiver *r);

#endif
