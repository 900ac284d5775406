#include "model/idtable.h"

#include <assert.h>

#include "base/mem.h"

#define FIRST_SLOTS 16

int idtable_init(struct idtable *t)
{
    t->slots = mem_zalloc(FIRST_SLOTS * sizeof *t->slots);
    t->n_slots = FIRST_SLOTS;
    t->count = 0;
    return t->slots ? 0 : -1;
}

void idtable_clear(struct idtable *t)
{
    mem_free(t->slots);
    *t = (struct idtable){0};
}

size_t idtable_bytes(const struct idtable *t)
{
    return (size_t)t->n_slots * sizeof *t->slots;
}

/* Kept at most three quarters full: a miss then looks at 8 slots on average, one cache line. */
static bool full(const struct idtable *t)
{
    return (uint64_t)t->count * 4 >= (uint64_t)t->n_slots * 3;
}

static uint64_t grown(const struct idtable *t)
{
    return (uint64_t)t->n_slots + t->n_slots / 2;
}

size_t idtable_growth(const struct idtable *t)
{
    return full(t) ? (size_t)grown(t) * sizeof *t->slots : 0;
}

static void put(struct idtable *t, struct idslot slot)
{
    uint32_t at = idtable_home(t, slot.tag);

    while (t->slots[at].id_plus_1 != 0)
        at = idtable_next(t, at);
    t->slots[at] = slot;
}

int idtable_reserve(struct idtable *t)
{
    struct idtable next = {.count = t->count};

    if (!full(t))
        return 0;
    if (grown(t) > UINT32_MAX)
        return -1;
    next.n_slots = (uint32_t)grown(t);
    next.slots = mem_zalloc(idtable_bytes(&next));
    if (!next.slots)
        return -1;
    for (uint32_t i = 0; i < t->n_slots; i++)
        if (t->slots[i].id_plus_1 != 0)
            put(&next, t->slots[i]);
    mem_free(t->slots);
    *t = next;
    return 0;
}

void idtable_insert(struct idtable *t, uint32_t tag, uint32_t id)
{
    assert(id != UINT32_MAX && !full(t));
    put(t, (struct idslot){tag, id + 1});
    t->count++;
}

/* May the entry at `at`, whose home is `home`, move back to the hole? Only when its home is not
 * between the two (cyclically). */
static bool may_fill(uint32_t hole, uint32_t home, uint32_t at)
{
    return hole <= at ? home <= hole || home > at : home <= hole && home > at;
}

void idtable_remove(struct idtable *t, uint32_t tag, uint32_t id)
{
    uint32_t hole = idtable_home(t, tag);

    while (t->slots[hole].tag != tag || t->slots[hole].id_plus_1 != id + 1) {
        assert(t->slots[hole].id_plus_1 != 0);
        hole = idtable_next(t, hole);
    }
    for (uint32_t at = idtable_next(t, hole); t->slots[at].id_plus_1 != 0;
         at = idtable_next(t, at)) {
        if (!may_fill(hole, idtable_home(t, t->slots[at].tag), at))
            continue;
        t->slots[hole] = t->slots[at];
        hole = at;
    }
    t->slots[hole] = (struct idslot){0};
    t->count--;
}
