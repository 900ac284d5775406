/* A small shop: the metrics and log events of four services, second by second. Pure: the same
 * calls give the same traffic, so that a demo always breaks in the same way. */
#ifndef TOCSIN_CLI_SHOP_H
#define TOCSIN_CLI_SHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define SHOP_SERVICES 4
#define SHOP_BUCKETS  9

struct shop {
    uint64_t noise; /* state of the generator */
    int bad_for;    /* seconds since the bad deploy, 0: it is healthy */
    struct shop_service {
        double owed;         /* failed requests not yet counted whole */
        uint64_t ok, failed; /* requests until now */
        uint64_t bucket[SHOP_BUCKETS];
        double seconds; /* spent in requests */
    } service[SHOP_SERVICES];
};

void shop_open(struct shop *s);
/* One second passes: counts its requests. `bad`: the deploy of checkout is out. */
void shop_second(struct shop *s, bool bad);
/* The metrics as they stand now, as lines of JSON. */
void shop_metrics(const struct shop *s, struct buf *out);
/* What was logged in this second, as lines of JSON; may be nothing. */
void shop_events(struct shop *s, struct buf *out);
/* The event that a deploy leaves. */
void shop_deploy_event(const char *version, struct buf *out);

#endif
