/* The addresses of a name, without blocking: /etc/hosts, then the servers of /etc/resolv.conf
 * (both read anew for each lookup, so that a changed network is noticed). */
#ifndef TOCSIN_REDIS_RESOLVE_H
#define TOCSIN_REDIS_RESOLVE_H

#include "base/err.h"
#include "tocsin/loop.h"

struct addrinfo;
struct lookup;

/* `why` is NULL on success; `list` is valid during the call only. */
typedef void (*lookup_done)(const struct addrinfo *list, const char *why, void *arg);

/* NULL with `e` when it cannot begin. `done` may come inside the call (a name of /etc/hosts). */
struct lookup *lookup_begin(struct loop *l, const char *host, int port, lookup_done done, void *arg,
                            struct err *e);
/* `done` will not be called any more; to be called before the lookup is done only. */
void lookup_forget(struct lookup *q);

#endif
