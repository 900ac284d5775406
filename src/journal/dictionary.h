/* Which chunks of series labels Redis holds (the hash KEY_SERIES: first id -> chunk, twice: a damaged
 * one would cost thousands of series their identity, and a third of a byte buys it back), which are
 * to be written with the next block, and which may go. */
#ifndef TOCSIN_JOURNAL_DICTIONARY_H
#define TOCSIN_JOURNAL_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

#include "journal/dict.h"
#include "tocsin/db.h"
#include "tocsin/journal.h"

struct dict_chunk {
    uint32_t first, end;    /* ids in [first, end) */
    uint32_t live;          /* series of it that are not forgotten */
    struct journal_id gone; /* no block after this one has any of them; when live is 0 */
};

struct dictionary {
    struct dict_chunk *chunks; /* by id */
    size_t n, cap;
    size_t n_gone; /* chunks with nothing live */
    uint32_t end;  /* ids below are written, or on their way with a block */
};

/* A field to be written with a block. */
struct dict_write {
    uint32_t first;
    struct buf chunk;
};

void dictionary_clear(struct dictionary *d);
/* A chunk that is in Redis (recovery). -1: no memory. */
int dictionary_found(struct dictionary *d, uint32_t first, uint32_t end, uint32_t live) MUST_USE;
/* The chunks of all series that are not written yet: appended to `*writes`. -1: no memory, the
 * dictionary as it was. */
int dictionary_take_new(struct dictionary *d, const struct series_table *t,
                        struct dict_write **writes, size_t *n) MUST_USE;
void dict_writes_free(struct dict_write *writes, size_t n);
void dictionary_forget(struct dictionary *d, uint32_t series, struct journal_id newest);
/* Adds HDEL of the chunks that no block from `oldest` on needs, and forgets them. */
void dictionary_drop(struct dictionary *d, struct journal_id oldest, struct db_tx *t);

#endif
