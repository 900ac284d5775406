/* The data directory of the embedded server: its two locks, its configuration, its socket.
 *
 *   tocsin.lock   POSIX lock of this process: gone when it ends, however it ends; not inherited
 *   redis.lock    flock() on a description that redis-server inherits: held while the server or a
 *                 child of it (a rewrite of the files) lives, whoever started it
 *   redis.conf redis.sock redis.log appendonlydir/ */
#ifndef TOCSIN_REDIS_GUARD_H
#define TOCSIN_REDIS_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct guard {
    char *dir;    /* absolute */
    char *socket; /* path that fits into sun_path */
    char *url;    /* for db_open() */
    int dir_fd;   /* -1: none */
    int own_lock; /* -1: none */
};

/* Makes the directory (0700) and takes tocsin.lock. -1: nothing is held. */
int guard_open(struct guard *g, const char *dir, struct err *e) MUST_USE;
void guard_close(struct guard *g);

/* A descriptor that holds redis.lock, to be inherited and then closed here; -1 with errno
 * EWOULDBLOCK while a server or a child of it lives. Close-on-exec. */
int guard_redis_lock(const struct guard *g);

/* Writes redis.conf, and puts a large redis.log aside. */
int guard_prepare(const struct guard *g, uint64_t max_memory, struct err *e) MUST_USE;
/* The last line of redis.log, for people; "" when there is none. */
void guard_last_log(const struct guard *g, char *out, size_t cap);

/* A quarter of what this machine, or this container, has, at most 4 GiB. */
uint64_t guard_default_memory(void);

#endif
