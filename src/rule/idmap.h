/* A hash table from one 32-bit id to another, for the rows of a rule: a million of them in 16 MB. */
#ifndef TOCSIN_RULE_IDMAP_H
#define TOCSIN_RULE_IDMAP_H

#include <stdint.h>

#include "base/err.h"

#define IDMAP_NONE UINT32_MAX

struct idmap {
    uint32_t *keys; /* IDMAP_NONE: free */
    uint32_t *values;
    uint32_t n_slots, count;
};

void idmap_free(struct idmap *m);
uint32_t idmap_get(const struct idmap *m, uint32_t key); /* IDMAP_NONE: not there */
int idmap_put(struct idmap *m, uint32_t key, uint32_t value) MUST_USE;
void idmap_remove(struct idmap *m, uint32_t key);

#endif
