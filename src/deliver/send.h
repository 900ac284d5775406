/* Lanes and the messages on their way. */
#ifndef TOCSIN_DELIVER_SEND_H
#define TOCSIN_DELIVER_SEND_H

#include "base/map.h"
#include "tocsin/channel.h"
#include "deliver/inbox.h"
#include "deliver/templates.h"
#include "tocsin/deliver.h"

struct send;

struct lane {
    struct deliver *d;
    char *name, *receiver;
    size_t channel_index;
    const struct config_channel *config; /* NULL: no longer configured */
    struct timer *rest;
    bool resting;
    bool pumping;      /* claims, right now */
    int64_t rest_ms;   /* length of the rest */
    unsigned failures; /* in a row */
    struct lane_stats stats;
    char last_error[256];
};

/* One message on its way: of a lane, or of a test. */
struct send {
    struct deliver *d;
    struct lane *lane; /* NULL: a test */
    struct notice *x;
    struct message m;
    const struct channel *channel;
    const struct config_channel *config;
    struct config *held; /* keeps `config` valid over a reload */
    struct outbound_call *call;
    struct test *test;
    bool deferred;         /* send_stored() has been ordered and has not run */
    bool queued;           /* in deliver.making: compose.c */
    struct making *making; /* half made */
    void (*made)(struct send *s, bool ok);
    struct send *next_making;
    struct send *next; /* of deliver.sends */
};

struct test {
    struct deliver *d;
    void (*each)(const struct deliver_answer *a, void *arg);
    void (*done)(void *arg);
    void *arg;
    size_t open;
};

struct deliver {
    struct deliver_options o;
    const struct config *config;
    struct map *lanes; /* name -> struct lane */
    struct templates *templates;
    struct inbox *inbox;
    struct send *sends;
    struct send
        *making; /* those whose message is not made yet, the first of them half: compose.c */
    struct timer *make_timer;
    struct late *late; /* recipients that are tried again: late.c */
    struct deliver_stats stats;
    bool draining;
    bool halted; /* draining, and what waits is not sent either */
    struct timer *drain_timer;
    void (*drained)(void *arg);
    void *drained_arg;
};

static inline int64_t deliver_now_ms(const struct deliver *d)
{
    return clock_wall_ms(loop_clock(d->o.loop));
}

/* Claims and sends what is due on the lane, as long as it may. */
void lane_pump(struct lane *l);

/* Takes the notice over, holds the configuration; `l` NULL: of a test. NULL: no memory. */
struct send *send_new(struct deliver *d, struct lane *l, struct notice *x,
                      const struct config_channel *c);
#define CONNECTIONS 256
/* Half of the connections are free: what is not the first message of its lane may go. */
static inline bool send_has_room(const struct deliver *d)
{
    return d->stats.in_flight < (d->o.max_sends ? d->o.max_sends : CONNECTIONS) / 2;
}

/* Makes the message and sends it; a callback of the store, and called at once for tests. Takes `send`. */
void send_stored(bool durable, void *send);
void send_free(struct send *s);
void test_release(struct test *t); /* the last one tells that the test is done, and frees it */

/* Hands a claimed notice back unsent. */
void notice_give_back(struct deliver *d, struct notice *x, const char *why);
/* Tells whoever waits for the drain, when nothing is on its way any more. */
void deliver_check_drained(struct deliver *d);

#endif
