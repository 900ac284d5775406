/* Blocks read back from Redis and decoded, in order, each once. What is damaged, or missing before
 * others of its run, is looked for in the copy of the blocks that no cut holds yet. */
#ifndef TOCSIN_JOURNAL_READING_H
#define TOCSIN_JOURNAL_READING_H

#include "journal/journal_impl.h"

struct reading;

/* What a reading met. */
struct reading_stats {
    uint64_t blocks;   /* of the stream, readable or not */
    uint64_t mended;   /* damaged or missing there, and read from the copy */
    uint64_t lost;     /* damaged, and not in the copy */
    uint64_t behind;   /* of a run whose beginning is lost: differences from nothing known */
    uint64_t headless; /* the same at the very beginning, where older blocks were trimmed */
};

struct reading_options {
    struct journal_id after; /* the first block is the next one */
    int64_t to_ms;           /* the last millisecond; INT64_MAX: to the end, the copy's too */
    uint32_t max_series;     /* ids from it on are damage */
    /* `v` is the reading's, until the return; NULL: the block cannot be read. -1 ends the reading
     * with the error. May free the journal, not the reading. */
    int (*block)(struct journal_id id, size_t len, struct block_view *v, void *arg, struct err *e);
    void (*done)(const struct err *e, void *arg); /* may free the reading */
    void *arg;
};

/* NULL: no memory. Begins at once. */
struct reading *reading_new(struct journal *j, const struct reading_options *o);
void reading_free(struct reading *r); /* nothing is called any more. NULL is fine */
const struct reading_stats *reading_stats(const struct reading *r);

#endif
