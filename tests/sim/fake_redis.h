/* A Redis in memory, in this process: the data and the commands that Tocsin uses, nothing of the
 * wire. fake_db.c puts a connection with faults before it.
 *
 * Deterministic: hashes list their fields sorted, time is the clock's. Errors have the texts of
 * the real server where the program acts on them. Commands it does not know are refused with
 * "ERR unknown command", so a test cannot pass because something was ignored. */
#ifndef TOCSIN_TESTS_SIM_FAKE_REDIS_H
#define TOCSIN_TESTS_SIM_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "tocsin/db.h"

struct fake_redis;
struct fake_dump; /* the data as it was at some moment */

struct fake_redis *fake_redis_new(struct clock *clock); /* `clock` is borrowed */
void fake_redis_free(struct fake_redis *r);

/* Runs one command. The reply is valid until the next call. */
const struct reply *fake_redis_run(struct fake_redis *r, int argc, const char *const *argv,
                                   const size_t *lens);
/* The same from C strings, NULL at the end, for what a test looks at. */
const struct reply *fake_redis_ask(struct fake_redis *r, ...) __attribute__((sentinel));
/* Runs `n` commands as MULTI … EXEC would: refused whole when memory is out for a write among
 * them (`*aborted`), else a list with an answer or error of each. */
struct fake_command {
    int argc;
    const char *const *argv;
    const size_t *lens;
};
const struct reply *fake_redis_exec(struct fake_redis *r, const struct fake_command *c, size_t n,
                                    bool *aborted);

/* --- what a test decides --- */
void fake_redis_refuse_writes(struct fake_redis *r, bool oom); /* "OOM command not allowed …" */
/* The same with these words (kept by the caller); NULL: writes are taken again. */
void fake_redis_refuse_all_with(struct fake_redis *r, const char *error); /* reads too; NULL: not */
void fake_redis_refuse_with(struct fake_redis *r, const char *error);
/* What INFO tells of its kind. Neither changes what is carried out. */
void fake_redis_kind(struct fake_redis *r, bool is_replica, bool evicting);
/* What INFO tells: maxmemory (0: none) and used_memory (0: what the data takes). */
void fake_redis_memory(struct fake_redis *r, uint64_t max_memory, uint64_t used_memory);
/* Keeps a copy of the data. Going back to it is what a server does that lost its tail: the data is
 * older and the run id another. The dump stays the caller's. */
struct fake_dump *fake_redis_dump(const struct fake_redis *r);
void fake_dump_free(struct fake_dump *d);
void fake_redis_restore(struct fake_redis *r, const struct fake_dump *d);
/* The process ends and starts again with all its data: only the run id changes. */
void fake_redis_restart(struct fake_redis *r);
const char *fake_redis_run_id(const struct fake_redis *r);
uint64_t fake_redis_commands(const struct fake_redis *r); /* run since the start */

#endif
