/* Entries on their way to capped streams, in order; bounded, the oldest go. */
#ifndef TOCSIN_STORE_LINES_H
#define TOCSIN_STORE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/db.h"

#define LINES_MAX 10000 /* waiting, as the door says */

struct line; /* one XADD */

struct lines {
    struct line *first, **end;
    size_t n;
    uint64_t dropped;
};

void lines_init(struct lines *l);
void lines_clear(struct lines *l);
/* XADD key MAXLEN ~ max_len id pairs…; `id` NULL: "*". -1: no memory. */
int lines_put(struct lines *l, const char *key, uint64_t max_len, const char *id,
              const char *const *pairs) MUST_USE;
/* Moves lines to `t` and to the end of `flying` until `t` holds `max_bytes`. */
void lines_send(struct lines *l, struct db_tx *t, size_t max_bytes, struct lines *flying);
/* Puts those that were sent back in front. */
void lines_give_back(struct lines *l, struct lines *flying);

#endif
