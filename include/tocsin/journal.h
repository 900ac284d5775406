/* The journal: everything that comes in, in compact blocks, in a Redis stream, before anybody is
 * told that it was stored. The windows are a view of it.
 *
 * Group commit: what arrives in one turn of the loop becomes one block (split at a bound) and
 * goes out in one pipeline: MULTI, new series' labels, XADD with an explicit id, EXEC. When Redis
 * has answered, the block is handed to `apply` and then the senders are told. Ids are explicit and
 * increasing, so that our own repeat of a block whose answer was lost is refused as old and not
 * counted twice.
 *
 * Redis away: blocks wait in a bounded queue, are applied at once (pages go on), and are appended
 * first, in order, when it returns. Their senders get JOURNAL_WAITING (answer 503 with
 * Retry-After); the identical request, sent again, joins its block by its identity instead of being
 * counted twice. */
#ifndef TOCSIN_JOURNAL_H
#define TOCSIN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/sample.h"
#include "model/series.h"
#include "tocsin/db.h"
#include "tocsin/loop.h"

struct journal;

/* The order of blocks: stream id <ms>-<seq>. */
struct journal_id {
    uint64_t ms, seq;
};
int journal_id_compare(struct journal_id a, struct journal_id b);

struct journal_block {
    struct journal_id id;
    int64_t recv_ms; /* one receive time for all of it, never going back */
    const struct sample *samples;
    size_t n_samples;
    const struct logevent *events;
    size_t n_events;
    bool replayed; /* read back from Redis, not just received */
};

struct journal_options {
    struct loop *loop;
    struct db *db;
    struct series_table *series;
    const char *url;      /* of the same Redis, for the child that writes a cut: it has a
                                    connection of its own (with sentinels: to the server that `db`
                                    is connected to); rediss: it hands its bytes to the parent.
                                    NULL: no child, cuts are encoded in the loop (simulations) */
    int64_t retention_ms; /* 0: 30 min */
    double memory_share;  /* of Redis' maxmemory that blocks may take; 0: 0.25 */
    size_t max_bytes;     /* bound of blocks where Redis has no maxmemory; 0: 1 GiB */
    size_t max_pending;   /* bytes of blocks waiting for Redis; 0: 256 MiB */
    /* May a block that was received at `recv_ms` be applied in this turn? False: journal_go_on() says
     * when to ask again; what is stored meanwhile waits with it, and so do its senders. Not asked
     * while blocks are read back. NULL: always. */
    bool (*may_apply)(int64_t recv_ms, void *arg);
    /* Called for each block in order, once: apply it to the windows. */
    void (*apply)(const struct journal_block *b, void *arg);
    /* Redis was found older than memory (lost tail, stale replica, restored dump): control state
     * must be written again by its owner. The journal has already decided about its blocks. */
    void (*regressed)(void *arg);
    void *arg;
    /* seams of tests; 0 or NULL, as in the program: what is said */
    size_t max_block_samples; /* 0: 8,192: they are applied in one go */
};

struct journal *journal_new(const struct journal_options *o, struct err *e);
void journal_free(struct journal *j);

/* Recovery, once, after the connection is up: reads meta and dictionary into the series table,
 * hands the published cut to `cut_chunk` (in order; none when there is no usable cut; when it
 * fails, the cut is discarded through `cut_discard` and all blocks that Redis still has are
 * replayed), replays the blocks after it through `apply`, then calls `ready`. */
struct journal_recovery {
    int (*cut_chunk)(const void *chunk, size_t len, void *arg, struct err *e);
    void (*cut_discard)(void *arg);
    void (*ready)(const struct err *e, void *arg); /* NULL: fine */
    void *arg;
};
void journal_recover(struct journal *j, const struct journal_recovery *r);
bool journal_is_ready(const struct journal *j);
/* Progress of recovery, for /startupz: "replaying 1,204 of 3,100 blocks". */
void journal_progress(const struct journal *j, struct buf *out);

enum journal_answer {
    JOURNAL_STORED,  /* in Redis and applied: 204 */
    JOURNAL_WAITING, /* Redis is away or refuses; applied and queued: 503, the sender repeats */
    JOURNAL_REFUSED, /* a bound: 429 or 503; nothing was taken */
};
typedef void (*journal_done)(enum journal_answer answer, const struct err *e, void *arg);

struct journal_request {
    uint64_t hash; /* what it is known by when it comes again (model/identity.h); 0: nothing */
    const struct sample *samples;
    size_t n_samples;
    const struct logevent *events;
    size_t n_events;
};
/* Takes one request, whole, into the block of this turn; everything is copied. `done` (may be
 * NULL) runs later from the loop, exactly once. */
void journal_append(struct journal *j, const struct journal_request *r, journal_done done,
                    void *arg);
/* Ready for more? False before recovery is over and while the pending queue is near its bound; `e`
 * says which. Asked before a body is decoded. */
bool journal_accepts(const struct journal *j, struct err *e);
/* Why Redis, which answers, takes no blocks: its own words, or what makes it unfit, beginning with
 * a word in capitals. "" while it takes them, or is away. What is taken meanwhile is applied, kept
 * within the bound of the pending queue, and stored when the reason is gone. Valid until the next
 * turn. */
const char *journal_trouble(const struct journal *j);

/* Blocks may be applied again, after `may_apply` has said no. */
void journal_go_on(struct journal *j);

/* The receive time up to which everything received has been applied: every block still to come has
 * a later one, so instants up to it may be evaluated. With nothing in flight it is the millisecond
 * before now. */
int64_t journal_applied_ms(const struct journal *j);
struct journal_id journal_applied_id(const struct journal *j);
/* The installation's own: the same after a restart, as identities in blocks are. 0 before the recovery
 * has read it. */
uint64_t journal_seed(const struct journal *j);

/* The clock has stepped by `by_ms`: blocks that have come are as old as they were, in reads too. Ids
 * go on from the last one. A cut is wanted at once: what the journal holds has the times before. */
void journal_clock_stepped(struct journal *j, int64_t by_ms);

/* Is it time for a cut (about two minutes of load journalled since the last, and none running)? */
bool journal_wants_cut(const struct journal *j);
/* Forks a child that writes `encode`'s chunks to Redis, then publishes them and trims behind. The
 * fork waits, some turns, until what is in flight has been applied, so that the windows stand at
 * one journal id; `encode` runs in the child (it may touch neither loop nor connections). `done`
 * hears the outcome. Returns -1 when it cannot be started (the reason is in `e`): one is running,
 * or Redis is away. */
struct journal_cut {
    int (*encode)(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg, void *arg);
    void (*done)(bool ok, const char *why, int64_t took_ms, void *arg);
    void *arg;
};
int journal_cut(struct journal *j, const struct journal_cut *c, struct err *e) MUST_USE;

/* Series the windows have forgotten (once each): their dictionary entries go when no block needs
 * them. */
void journal_forget_series(struct journal *j, uint32_t series);

/* Reads blocks of [from, to] back, oldest first, in pages; `block` gets each, `done` the end.
 * For filling a new leaf and for backtests. */
void journal_scan(struct journal *j, int64_t from_ms, int64_t to_ms,
                  void (*block)(const struct journal_block *b, void *arg),
                  void (*done)(const struct err *e, void *arg), void *arg);

/* What the start found damaged. */
struct journal_damage {
    uint64_t mended_blocks; /* damaged or missing, and read from their copy */
    uint64_t lost_blocks;   /* damaged, and there was no copy */
    uint64_t behind_blocks; /* cannot be read without one that is lost */
    uint64_t mended_chunks; /* of series labels, likewise */
    uint64_t lost_chunks;
    uint64_t nameless_samples; /* of series whose labels are gone */
    uint64_t lost_cuts;        /* the saved windows could not be used: replayed instead */
};

struct journal_stats {
    uint64_t blocks, samples, events, bytes; /* appended since start */
    uint64_t stored_bytes, stored_blocks;    /* in Redis now, about */
    uint64_t pending_bytes, pending_blocks;
    uint64_t refused, joined_retries, repeated_blocks, trimmed_blocks, cuts, cut_failures;
    int64_t last_cut_ms, last_cut_took_ms, oldest_ms;
    uint64_t replayed_blocks;
    struct journal_damage damage;
};
void journal_stats(const struct journal *j, struct journal_stats *out);

#endif
