/* The state of a start, shared by recover.c (its steps) and recover_series.c (the labels). */
#ifndef TOCSIN_JOURNAL_RECOVER_IMPL_H
#define TOCSIN_JOURNAL_RECOVER_IMPL_H

#include "journal/reading.h"

enum step { STEP_META, STEP_SERIES, STEP_POINTER, STEP_CUT, STEP_INFO, STEP_BLOCKS };

struct raw_chunk {
    uint32_t first;
    bool is_copy;
    char *bytes;
    size_t len;
};

struct recovery {
    struct journal_recovery r;
    enum step step;
    bool asking;
    char cursor[24]; /* of HSCAN */
    struct raw_chunk *chunks;
    size_t n_chunks, cap_chunks;
    uint64_t cut_chunks, cut_chunk; /* how many, and the next */
    uint64_t length, seen;
    uint32_t end; /* of the series that blocks name */
    struct reading *reading;
};

/* --- recover.c --- */
void recovery_next(struct journal *j, enum step step);
void recovery_fail_memory(struct journal *j); /* frees the recovery */

/* --- recover_series.c --- */
/* A page of the dictionary; after the last one all series are restored. */
void recovery_take_series(struct journal *j, const struct reply *reply);
void recovery_forget_chunks(struct recovery *r);

#endif
