/* A redis-server of our own, as a child, on a unix socket in the data directory.
 *
 * Two locks guard the directory. `tocsin.lock` is a POSIX lock of this process and not inherited:
 * a second Tocsin is refused with the first one's process id. `redis.lock` is an flock() on a
 * descriptor that redis-server inherits, so that a server left behind by a killed Tocsin is
 * recognised: adopted when the socket answers PING, waited for (with a bound) when it does not,
 * because a dying server or its rewrite child may still hold the files. Without it two servers
 * would write the same files, and all keys of one would be lost without an error.
 *
 * The server runs with appendonly yes, appendfsync always, noeviction, no port, socket mode 0600,
 * in a session of its own, started with the directory as its working directory (socket paths are
 * short), and is started again when it dies. */
#ifndef TOCSIN_EMBEDDED_H
#define TOCSIN_EMBEDDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "tocsin/loop.h"

struct embedded;

struct embedded_options {
    const char *dir;     /* created (0700) when missing */
    uint64_t max_memory; /* bytes; 0: a quarter of the machine's memory, at most 4 GiB */
    /* seams of tests; 0 or NULL, as in the program: what is said */
    const char *binary; /* NULL: redis-server from PATH */
    int start_ms; /* how long a start or an orphan may take; 0: 60000 (it may load its files) */
};

/* Takes the locks, then starts or adopts a server and returns when it answers (blocking: called
 * once, before the loop runs). On failure tells why and what to do. */
struct embedded *embedded_open(struct loop *l, const struct embedded_options *o, struct err *e);
/* Stops the server (SHUTDOWN, then waits) and releases the locks. `leave_running`: only releases
 * our lock, so that the next start adopts it. */
void embedded_close(struct embedded *s, bool leave_running);
const char *embedded_url(const struct embedded *s); /* for db_open() */
/* Seam of tests. */
pid_t embedded_pid(const struct embedded *s);
/* Seam of tests: how often it was started anew. */
uint64_t embedded_restarts(const struct embedded *s);

#endif
