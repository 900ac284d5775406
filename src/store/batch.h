/* Changes of one table: the newest for each field, in the order the fields were first changed. */
#ifndef TOCSIN_STORE_BATCH_H
#define TOCSIN_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"

struct change {
    struct change *next;
    char *field;
    size_t field_len;
    char *value; /* NULL: the field goes */
    size_t len;
    int64_t score; /* of a sorted set's member; `value` then only says that it stays */
};

struct batch {
    struct map *by_field; /* NULL until the first change */
    struct change *first, **end;
    size_t n, bytes;
};

void batch_init(struct batch *b);
void batch_clear(struct batch *b); /* forgets all changes; frees everything */

/* Sets what becomes of a field; `value` NULL removes it. -1: no memory, the batch as it was. */
int batch_put(struct batch *b, const char *field, size_t field_len, const char *value, size_t len,
              int64_t score) MUST_USE;
/* Gives back the oldest change with its field forgotten (free with changes_free), or NULL. */
struct change *batch_take(struct batch *b);
/* Puts changes that were taken (a list by `next`) back, except where a field has a newer one.
 * They are the batch's or freed afterwards. -1: no memory, and what could not be put back is gone. */
int batch_give_back(struct batch *b, struct change *older) MUST_USE;
void changes_free(struct change *list);

#endif
