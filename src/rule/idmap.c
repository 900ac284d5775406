#include "rule/idmap.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static uint32_t home(const struct idmap *m, uint32_t key)
{
    return (uint32_t)hash_mix(key, 0) & (m->n_slots - 1);
}

void idmap_free(struct idmap *m)
{
    mem_free(m->keys);
    mem_free(m->values);
    *m = (struct idmap){0};
}

uint32_t idmap_get(const struct idmap *m, uint32_t key)
{
    if (m->count == 0)
        return IDMAP_NONE;
    for (uint32_t i = home(m, key);; i = (i + 1) & (m->n_slots - 1)) {
        if (m->keys[i] == key)
            return m->values[i];
        if (m->keys[i] == IDMAP_NONE)
            return IDMAP_NONE;
    }
}

static void place(struct idmap *m, uint32_t key, uint32_t value)
{
    uint32_t i = home(m, key);

    while (m->keys[i] != IDMAP_NONE)
        i = (i + 1) & (m->n_slots - 1);
    m->keys[i] = key;
    m->values[i] = value;
}

static int grow(struct idmap *m)
{
    struct idmap bigger = {.n_slots = m->n_slots ? m->n_slots * 2 : 16, .count = m->count};

    bigger.keys = mem_alloc(bigger.n_slots * sizeof *bigger.keys);
    bigger.values = mem_alloc(bigger.n_slots * sizeof *bigger.values);
    if (!bigger.keys || !bigger.values) {
        idmap_free(&bigger);
        return -1;
    }
    memset(bigger.keys, 0xff, bigger.n_slots * sizeof *bigger.keys);
    for (uint32_t i = 0; i < m->n_slots; i++)
        if (m->keys[i] != IDMAP_NONE)
            place(&bigger, m->keys[i], m->values[i]);
    mem_free(m->keys);
    mem_free(m->values);
    *m = bigger;
    return 0;
}

int idmap_put(struct idmap *m, uint32_t key, uint32_t value)
{
    if ((m->count + 1) * 4 > m->n_slots * 3 && grow(m) < 0)
        return -1;
    place(m, key, value);
    m->count++;
    return 0;
}

/* Backward-shift deletion: no tombstones, so lookups stay short under churn. */
void idmap_remove(struct idmap *m, uint32_t key)
{
    uint32_t mask = m->n_slots - 1, hole, i;

    if (m->count == 0)
        return;
    for (hole = home(m, key); m->keys[hole] != key; hole = (hole + 1) & mask)
        if (m->keys[hole] == IDMAP_NONE)
            return;
    for (i = (hole + 1) & mask; m->keys[i] != IDMAP_NONE; i = (i + 1) & mask) {
        if (((i - home(m, m->keys[i])) & mask) < ((i - hole) & mask))
            continue;
        m->keys[hole] = m->keys[i];
        m->values[hole] = m->values[i];
        hole = i;
    }
    m->keys[hole] = IDMAP_NONE;
    m->count--;
}
