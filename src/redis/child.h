/* Starting, asking and ending the embedded redis-server's process. */
#ifndef TOCSIN_REDIS_CHILD_H
#define TOCSIN_REDIS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "redis/guard.h"

/* Forks and executes `binary` (looked up in PATH without a '/') in the directory, in a session of
 * its own, holding redis.lock through `lock_fd`. Returns its id once the program runs, or -1. */
pid_t child_start(const struct guard *g, const char *binary, int lock_fd, struct err *e);

/* What answers on the socket. Waits at most `timeout_ms`. */
enum child_state { CHILD_SILENT, CHILD_LOADING, CHILD_READY };
/* *pid: who listens there, 0 when nobody does. */
enum child_state child_ask(const struct guard *g, int timeout_ms, pid_t *pid);
/* For one that was adopted: its limit may be of an earlier start. */
void child_set_memory(const struct guard *g, uint64_t max_memory);

/* A descriptor that becomes readable when the process ends; -1 with ESRCH: it has. */
int child_watch(pid_t pid);
/* Asks it to end (SIGTERM: it writes its files and goes), and ends it by force after `patience_ms`.
 * `watch` is from child_watch(). False: it is still there. */
bool child_stop(int watch, int patience_ms);
/* How it ended, for people ("signal 9", "status 1"); "" when it was not ours to wait for. */
void child_verdict(pid_t pid, char *out, size_t cap);

#endif
