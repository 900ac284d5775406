/* Control state in Redis: alerts, incidents, silences, acknowledgements, the ledger.
 *
 * Their owners keep it in memory and tell the store what changed; at the end of the turn all
 * changes go out as one transaction (MULTI … EXEC), so that Redis always holds a state that
 * existed. Later changes of the same field within a turn replace earlier ones. While Redis is
 * away the newest value of every changed field is kept and written when it returns; when Redis
 * comes back older than memory (another run id, or a sequence number lower than ours), every
 * table is written again by its owner.
 *
 * Each commit carries `tocsin:{c}:meta` seq = n, the number of the last transaction. */
#ifndef TOCSIN_STORE_H
#define TOCSIN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/db.h"
#include "tocsin/loop.h"

struct store;
struct store_table; /* one Redis hash: field -> bytes */

struct store *store_new(struct loop *l, struct db *d); /* NULL: no memory */
/* Forgets what waits and who waits. Before db_close() of its connection. */
void store_free(struct store *s);

/* Declares a table under `key` ("tocsin:{c}:alerts"). `rewrite` is called when the whole table
 * must be written again: it calls store_put() for every field (and store_zadd() for what it
 * mirrors in a sorted set: those are emptied too). Stands until store_free(). NULL: no memory. */
struct store_table *store_table(struct store *s, const char *key,
                                void (*rewrite)(struct store_table *t, void *arg), void *arg);

/* Reads all declared tables, calling `field` for each of their fields, then `done`. Once, before
 * anything is put. While Redis is away, or refuses in words that pass by themselves, it is asked
 * again every second; `done` with an error: it refuses for good, or there is no memory. */
void store_load(struct store *s,
                void (*field)(struct store_table *t, const char *field, size_t field_len,
                              const char *value, size_t len, void *arg),
                void (*done)(const struct err *e, void *arg), void *arg);

void store_put(struct store_table *t, const char *field, const void *value, size_t len);
void store_del(struct store_table *t, const char *field);
/* Adds an entry to a capped stream (XADD key MAXLEN ~ n id …). `id` may be NULL ("*") or explicit
 * ("412-0"). `pairs`: name, value, …, NULL. While Redis is away at most 10,000 entries wait (the
 * oldest go, counted). */
void store_append(struct store *s, const char *key, uint64_t max_len, const char *id,
                  const char *const *pairs);
/* Sets or removes a member of a sorted set (kept as a mirror of what is due, for people and for
 * other workers). */
void store_zadd(struct store *s, const char *key, const char *member, int64_t score);
void store_zrem(struct store *s, const char *key, const char *member);

/* Calls `then`, from the loop, once everything put so far is in Redis (durable = true), or at once
 * with durable = false while Redis is away or refuses (what was put is kept and written later). */
void store_after(struct store *s, void (*then)(bool durable, void *arg), void *arg);
bool store_is_clean(const struct store *s); /* nothing waits */
/* Redis was away or refused, and not all of what was put meanwhile is written yet: a kill would lose
 * it. */
bool store_is_behind(const struct store *s);
/* The connection is up: what waits is written in this turn, not with the next look. */
void store_redis_is_back(struct store *s);
/* Why Redis, which answers, takes no control state: in its own words; "" while it does, or is
 * away. Valid until the next turn. */
const char *store_trouble(const struct store *s);
/* Writes every table again (journal's `regressed`, or after FLUSHALL by hand). */
void store_rewrite(struct store *s);

/* Reads a stream backwards, newest first, at most `limit` entries before id `before` (NULL: from
 * the newest); `entry` gets name/value pairs. For history and inbox pages. */
void store_read_stream(struct store *s, const char *key, const char *before, size_t limit,
                       void (*entry)(const char *id, const char *const *pairs, size_t n_pairs,
                                     void *arg),
                       void (*done)(const struct err *e, void *arg), void *arg);

struct store_stats {
    uint64_t commits, fields, failures, rewrites, dropped_entries;
    size_t waiting_fields;
};
void store_stats(const struct store *s, struct store_stats *out);

#endif
