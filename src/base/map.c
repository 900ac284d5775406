/* Linear probing over slots of {hash, key, value}.
 * A removal leaves a tombstone (key kept NULL, value = &gone), and rehashing drops them. Load is kept under
 * 3/4. The hash is kept beside the key, so a probe compares strings once and growing hashes nothing. Keys
 * are copies: a map that borrowed them would tie the life of every owner to it. Dropped: chains, an
 * allocation and a miss more for each entry. */
#include "base/map.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct slot {
    uint64_t hash;
    char *key;
    size_t len;
    void *value;
};

struct map {
    struct slot *slots;
    size_t n_slots; /* a power of two */
    size_t count;
    size_t used; /* count + tombstones */
};

static char gone;

static bool live(const struct slot *s)
{
    return s->value && s->value != &gone;
}

struct map *map_new(void)
{
    struct map *m = mem_zalloc(sizeof *m);

    if (!m)
        return NULL;
    m->n_slots = 8;
    m->slots = mem_zalloc(m->n_slots * sizeof *m->slots);
    if (!m->slots) {
        mem_free(m);
        return NULL;
    }
    return m;
}

void map_free(struct map *m, void (*drop)(void *value))
{
    if (!m)
        return;
    assert(m->count <= m->used && m->used < m->n_slots);
    for (size_t i = 0; i < m->n_slots; i++) {
        if (!live(&m->slots[i]))
            continue;
        mem_free(m->slots[i].key);
        if (drop)
            drop(m->slots[i].value);
    }
    mem_free(m->slots);
    mem_free(m);
}

size_t map_count(const struct map *m)
{
    return m->count;
}

static struct slot *find(const struct map *m, const void *key, size_t len, uint64_t hash)
{
    size_t mask = m->n_slots - 1;

    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct slot *s = &m->slots[i];

        if (!s->value)
            return NULL;
        if (s->value != &gone && s->hash == hash && s->len == len && memcmp(s->key, key, len) == 0)
            return s;
    }
}

static int rehash(struct map *m)
{
    size_t n = m->n_slots;
    struct slot *fresh;

    while ((m->count + 1) * 2 > n)
        n *= 2;
    fresh = mem_zalloc(n * sizeof *fresh);
    if (!fresh)
        return -1;
    for (size_t i = 0; i < m->n_slots; i++) {
        const struct slot *s = &m->slots[i];
        size_t to = s->hash & (n - 1);

        if (!live(s))
            continue;
        while (fresh[to].value)
            to = (to + 1) & (n - 1);
        fresh[to] = *s;
    }
    mem_free(m->slots);
    m->slots = fresh;
    m->n_slots = n;
    m->used = m->count;
    assert(m->used < m->n_slots && (n & (n - 1)) == 0);
    return 0;
}

void *map_get(const struct map *m, const void *key, size_t len)
{
    const struct slot *s = find(m, key, len, hash_bytes(key, len));

    return s ? s->value : NULL;
}

int map_put(struct map *m, const void *key, size_t len, void *value, void **old)
{
    uint64_t hash = hash_bytes(key, len);
    struct slot *s = find(m, key, len, hash);
    size_t i;
    char *copy;

    assert(value);
    if (old)
        *old = s ? s->value : NULL;
    if (s) {
        s->value = value;
        return 0;
    }
    if ((m->used + 1) * 4 > m->n_slots * 3 && rehash(m) < 0)
        return -1;
    copy = mem_dup(key, len);
    if (!copy)
        return -1;
    for (i = hash & (m->n_slots - 1); live(&m->slots[i]);)
        i = (i + 1) & (m->n_slots - 1);
    if (!m->slots[i].value)
        m->used++;
    m->slots[i] = (struct slot){.hash = hash, .key = copy, .len = len, .value = value};
    m->count++;
    assert(m->count <= m->used && m->used < m->n_slots); /* a search ends at an empty slot */
    return 0;
}

void *map_remove(struct map *m, const void *key, size_t len)
{
    struct slot *s = find(m, key, len, hash_bytes(key, len));
    void *value;

    if (!s)
        return NULL;
    value = s->value;
    mem_free(s->key);
    s->key = NULL;
    s->value = &gone;
    assert(m->count > 0);
    m->count--;
    return value;
}

void *map_gets(const struct map *m, const char *key)
{
    return map_get(m, key, strlen(key));
}

int map_puts(struct map *m, const char *key, void *value, void **old)
{
    return map_put(m, key, strlen(key), value, old);
}

void *map_removes(struct map *m, const char *key)
{
    return map_remove(m, key, strlen(key));
}

void *map_next(const struct map *m, size_t *at, const char **key, size_t *len)
{
    while (*at < m->n_slots) {
        const struct slot *s = &m->slots[(*at)++];

        if (!live(s))
            continue;
        if (key)
            *key = s->key;
        if (len)
            *len = s->len;
        return s->value;
    }
    return NULL;
}
