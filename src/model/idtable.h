/* A hash table from bytes kept elsewhere to 32-bit numbers: only the top half of the hash and the
 * number stand in it, 8 bytes a slot.
 *
 *   slots:  [ tag | id+1 ] [ tag | id+1 ] [ 0 | 0 ] …      sorted by home, as far as clusters go
 *
 * The home of a tag is tag * n_slots >> 32, which keeps the order of the tags. So the table need
 * not be a power of two (it grows by half: 1M entries cost 11 to 16 bytes each), and growing is
 * one pass from front to back. Removal shifts back; there are no tombstones. Equal tags are no
 * identity: whoever looks up compares what the id stands for. */
#ifndef TOCSIN_MODEL_IDTABLE_H
#define TOCSIN_MODEL_IDTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct idslot {
    uint32_t tag;
    uint32_t id_plus_1; /* 0: empty */
};

struct idtable {
    struct idslot *slots;
    uint32_t n_slots;
    uint32_t count;
};

static inline uint32_t idtable_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static inline uint32_t idtable_home(const struct idtable *t, uint32_t tag)
{
    return (uint32_t)(((uint64_t)tag * t->n_slots) >> 32);
}

static inline uint32_t idtable_next(const struct idtable *t, uint32_t at)
{
    return at + 1 == t->n_slots ? 0 : at + 1;
}

/* Walks the slots that may hold `tag`: start at idtable_home(), go on with idtable_next() until
 * an empty slot. A table always has an empty slot. */

int idtable_init(struct idtable *t) MUST_USE;
void idtable_clear(struct idtable *t);
size_t idtable_bytes(const struct idtable *t);
/* Bytes that the next insertion will allocate, 0 when there is room. */
size_t idtable_growth(const struct idtable *t);
/* Makes room for one more, so that idtable_insert() cannot fail. */
int idtable_reserve(struct idtable *t) MUST_USE;
void idtable_insert(struct idtable *t, uint32_t tag, uint32_t id);
void idtable_remove(struct idtable *t, uint32_t tag, uint32_t id); /* asserts that it is there */

#endif
