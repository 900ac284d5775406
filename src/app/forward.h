/* What a standby hands on: requests and datagrams that came to it go to the holder of the lease, and the holder's
 * answers come back. */
#ifndef TOCSIN_APP_FORWARD_H
#define TOCSIN_APP_FORWARD_H

#include <stdint.h>

#include "base/err.h"
#include "tocsin/http.h"
#include "tocsin/lease.h"
#include "tocsin/loop.h"

struct forward;

/* `name`: of this program, told to the holder. `ca_file`: of an https holder; NULL: the system's. */
struct forward *forward_new(struct loop *l, const char *name, const char *ca_file, struct err *e);
/* Requests that are on their way are answered with 503. NULL is fine. */
void forward_free(struct forward *f);
/* The same, but others may follow: whom they were sent to acts no more, and may never answer. */
void forward_abandon(struct forward *f);
/* Answers `r`, later, as `holder` does: with 503 when there is none, none that answers, or when another standby
 * has sent it here already. Cost: one copy of the body, and one of the answer. */
void forward_request(struct forward *f, struct http_request *r, const struct lease_holder *holder);
/* A datagram of StatsD; dropped when the holder takes none. */
void forward_datagram(struct forward *f, const char *data, size_t len,
                      const struct lease_holder *holder);

struct forward_stats {
    uint64_t requests, datagrams;
    uint64_t failed; /* answered with 503, or dropped */
};
void forward_stats(const struct forward *f, struct forward_stats *out);

#endif
