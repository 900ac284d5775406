#include "decode/memory.h"

#include "base/mem.h"

struct decode_memory *decode_memory_new(void)
{
    struct decode_memory *m = mem_zalloc(sizeof *m);

    if (!m)
        return NULL;
    m->gauges = map_new();
    m->types = map_new();
    if (m->gauges && m->types)
        return m;
    decode_memory_free(m);
    return NULL;
}

void decode_memory_free(struct decode_memory *m)
{
    if (!m)
        return;
    map_free(m->gauges, NULL);
    map_free(m->types, NULL);
    mem_free(m->levels);
    mem_free(m);
}

/* The level of a gauge by its key; NULL when it is not known. */
static double *memory_gauge(struct decode_memory *m, const char *key, size_t len)
{
    uintptr_t index = (uintptr_t)map_get(m->gauges, key, len);

    return index ? &m->levels[index - 1] : NULL;
}

double *memory_gauge_make(struct decode_memory *m, const char *key, size_t len, uint32_t max)
{
    double *known = memory_gauge(m, key, len);

    if (known)
        return known;
    if (m->n_levels >= max ||
        mem_grow((void **)&m->levels, &m->cap_levels, m->n_levels + 1, sizeof *m->levels) != 0 ||
        map_put(m->gauges, key, len, (void *)(uintptr_t)(m->n_levels + 1), NULL) != 0)
        return NULL;
    m->levels[m->n_levels] = 0;
    return &m->levels[m->n_levels++];
}

int memory_type(const struct decode_memory *m, const char *name, size_t len)
{
    return (int)(uintptr_t)map_get(m->types, name, len) - 1;
}

int memory_type_set(struct decode_memory *m, const char *name, size_t len, enum sample_kind kind)
{
    if (memory_type(m, name, len) == (int)kind)
        return 0;
    if (map_count(m->types) >= TYPES_MAX)
        return -1;
    return map_put(m->types, name, len, (void *)(uintptr_t)(kind + 1), NULL) == 0 ? 1 : -1;
}
