/* A hash table from bytes to a pointer. Keys are copied; open addressing, so a lookup is one
 * cache line most of the time. Not for millions of entries: series and label sets have tables
 * of their own. */
#ifndef TOCSIN_BASE_MAP_H
#define TOCSIN_BASE_MAP_H

#include <stddef.h>

#include "base/err.h"

struct map;

struct map *map_new(void);                               /* NULL: no memory */
void map_free(struct map *m, void (*drop)(void *value)); /* `drop` may be NULL */
size_t map_count(const struct map *m);

void *map_get(const struct map *m, const void *key, size_t len); /* NULL: not there */
/* Sets a value (never NULL). Returns 0 and puts the value that was there, or NULL, into `*old`
 * (may be NULL); -1 without memory, the map as it was. */
int map_put(struct map *m, const void *key, size_t len, void *value, void **old) MUST_USE;
void *map_remove(struct map *m, const void *key, size_t len); /* returns the value, or NULL */

void *map_gets(const struct map *m, const char *key);
int map_puts(struct map *m, const char *key, void *value, void **old) MUST_USE;
void *map_removes(struct map *m, const char *key);

/* Walks all entries in no order: start with *at = 0; returns the value, NULL at the end. The
 * entry just returned may be removed during the walk; nothing may be put. */
void *map_next(const struct map *m, size_t *at, const char **key, size_t *len);

#endif
