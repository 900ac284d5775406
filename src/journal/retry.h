/* Requests that are known when they come again (model/identity.h): which block holds them, and for
 * ten minutes after it is in Redis, that they are stored. So they are counted once.
 *
 * Those with a name of their own are known from their arrival on, and stay known however often they
 * come. Of the others only those whose senders were told to come again although their samples were
 * taken; one of these is forgotten when it has come. */
#ifndef TOCSIN_JOURNAL_RETRY_H
#define TOCSIN_JOURNAL_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "journal/pending.h"

#define RETRY_KEEP_MS  (10 * 60 * 1000) /* senders give up before that */
#define RETRY_KEEP_MAX 65536            /* stored ones; beyond it the oldest are forgotten */

struct retry {
    struct retry *prev, *next; /* among the stored ones, oldest first */
    uint64_t hash;
    struct pending *block; /* NULL: it is stored */
    int64_t stored_ms;
    bool joined; /* a later sender waits for the block and will be told */
};

struct retries {
    struct map *by_hash; /* NULL: empty */
    struct retry *first, *last;
    size_t n_stored;
};

void retries_clear(struct retries *r);
struct retry *retry_find(const struct retries *r, uint64_t hash); /* or NULL */
/* A request with a name of its own goes into the block. Forgets it for lack of memory. */
void retries_enter(struct retries *r, struct pending *block, uint64_t hash);
/* The block comes to nothing: nobody was told that it was taken. */
void retries_abandon(struct retries *r, const struct pending *block);
/* The senders of the block's requests are told to come again. Forgets one for lack of memory. */
void retries_wait(struct retries *r, struct pending *block);
/* The block is in Redis. */
void retries_stored(struct retries *r, struct pending *block, int64_t now_ms);
/* A request of which only the hash is known (recovery). */
void retries_found(struct retries *r, uint64_t hash, int64_t stored_ms);
void retry_forget(struct retries *r, struct retry *one);
void retries_expire(struct retries *r, int64_t now_ms);

#endif
