/* A chunk of the dictionary as bytes: the labels, token and kind of some series. The format is
 * drawn in dict.c. Pure; any bytes may be decoded. */
#ifndef TOCSIN_JOURNAL_DICT_H
#define TOCSIN_JOURNAL_DICT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/sample.h"
#include "model/series.h"

#define DICT_CHUNK 4096 /* series in one chunk at most */

struct dict_entry {
    uint32_t id;
    enum sample_kind kind;
    const struct label *labels; /* sorted, with __name__ */
    size_t n_labels;
    const char *token; /* NUL-terminated */
};

/* Appends a chunk of the live series in [from, to) to `out` (nothing when there is none) and says
 * how many there are. -1: no memory. */
int dict_encode(const struct series_table *t, uint32_t from, uint32_t to, struct buf *out,
                size_t *n) MUST_USE;
/* Calls `entry` for each series of a chunk, ids rising; it may stop with -1 and an error.
 * -1: that, or ERR_INPUT: the bytes are damaged. */
int dict_decode(const void *p, size_t len,
                int (*entry)(const struct dict_entry *d, void *arg, struct err *e), void *arg,
                struct err *e) MUST_USE;

#endif
