#include "alert/group_map.h"

#include <assert.h>

#include "base/mem.h"

static size_t slot_of(const struct group_map *m, labelset group)
{
    /* ids are small and dense: a multiplication spreads them; strangers do not choose them */
    return (size_t)((uint64_t)group * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (m->cap - 1);
}

static size_t find(const struct group_map *m, labelset group)
{
    size_t i = slot_of(m, group);

    while (m->slots[i].group != group && m->slots[i].group != LABELSET_NONE)
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *group_map_get(const struct group_map *m, labelset group)
{
    if (m->n == 0)
        return NULL;
    return m->slots[find(m, group)].value;
}

static int grow(struct group_map *m)
{
    struct group_map bigger = {.cap = m->cap ? m->cap * 2 : 8};

    bigger.slots = mem_alloc(bigger.cap * sizeof *bigger.slots);
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < bigger.cap; i++)
        bigger.slots[i] = (struct group_slot){LABELSET_NONE, NULL};
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].group != LABELSET_NONE)
            bigger.slots[find(&bigger, m->slots[i].group)] = m->slots[i];
    bigger.n = m->n;
    mem_free(m->slots);
    *m = bigger;
    return 0;
}

int group_map_put(struct group_map *m, labelset group, void *value)
{
    size_t i;

    assert(group != LABELSET_NONE && value);
    if ((m->n + 1) * 2 > m->cap && grow(m))
        return -1;
    i = find(m, group);
    if (m->slots[i].group == LABELSET_NONE)
        m->n++;
    m->slots[i] = (struct group_slot){group, value};
    assert(m->n * 2 <= m->cap);
    return 0;
}

void group_map_remove(struct group_map *m, labelset group)
{
    size_t hole, i;

    if (m->n == 0)
        return;
    hole = find(m, group);
    if (m->slots[hole].group == LABELSET_NONE)
        return;
    assert(m->slots[hole].value);
    m->n--;
    /* what follows in the run moves up when its own place is not behind the hole */
    for (i = (hole + 1) & (m->cap - 1); m->slots[i].group != LABELSET_NONE;
         i = (i + 1) & (m->cap - 1)) {
        size_t home = slot_of(m, m->slots[i].group);
        if (((i - home) & (m->cap - 1)) < ((i - hole) & (m->cap - 1)))
            continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (struct group_slot){LABELSET_NONE, NULL};
}

void group_map_clear(struct group_map *m)
{
    mem_free(m->slots);
    *m = (struct group_map){0};
}
