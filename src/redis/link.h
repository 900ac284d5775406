/* One connection to Redis: resolves, connects, TLS, bytes out, replies in. Knows no commands; it
 * lives from link_open() to its first failure and is then replaced, never repaired. */
#ifndef TOCSIN_REDIS_LINK_H
#define TOCSIN_REDIS_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "redis/url.h"
#include "tocsin/db.h"
#include "tocsin/loop.h"

struct link;
struct tls;

/* All are called from the loop, and may call link_close(). After on_closed the link does nothing
 * more and waits for link_close(). */
struct link_events {
    void (*on_ready)(void *arg); /* connected, and TLS is through */
    void (*on_reply)(const struct reply *r, void *arg);
    void (*on_closed)(const char *why, void *arg);
    void *arg;
};

/* `u` and `t` (NULL: no TLS) are borrowed for the link's life. `turn` picks among several
 * addresses of a name: each attempt counts one on. `e` must not be NULL. NULL with `e` filled:
 * nothing will be called. */
struct link *link_open(struct loop *l, const struct url *u, struct tls *t, unsigned turn,
                       const struct link_events *events, struct err *e);
void link_close(struct link *k);

/* Room for exactly `n` bytes of output, to be filled before anything else is called; NULL without
 * memory. They are written when the loop comes round. */
char *link_room(struct link *k, size_t n);
void link_commit(struct link *k, size_t n);
/* Our end of a TCP connection, without its port. -1: it is none. */
int link_local_host(const struct link *k, char *out, size_t size) MUST_USE;
/* How many bytes were committed, and how many of them may have left: a command that ends
 * beyond link_sent() has certainly not been carried out. */
uint64_t link_put(const struct link *k);
uint64_t link_sent(const struct link *k);

#endif
