/* Small objects of many sizes, addressed by 32-bit numbers instead of pointers.
 *
 *   ref = page (14 bits) | offset in the page in units of 4 bytes (18 bits)
 *
 * Pages are 1 MiB, so 16 GiB can be addressed. A freed object is chained into the list of its
 * size and used again for the next object of that size; pages are given back only all at once.
 * References stay valid until freed, objects do not move. */
#ifndef TOCSIN_MODEL_ARENA_H
#define TOCSIN_MODEL_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_UNIT       4
#define ARENA_PAGE_BITS  18
#define ARENA_PAGE_UNITS (1u << ARENA_PAGE_BITS)
#define ARENA_PAGE_BYTES ((size_t)ARENA_PAGE_UNITS * ARENA_UNIT)
#define ARENA_PAGES_MAX  ((1u << (32 - ARENA_PAGE_BITS)) - 1) /* the last would hold ARENA_NONE */
#define ARENA_NONE       UINT32_MAX
#define ARENA_SMALL      128 /* sizes up to this many units have a list each */
#define ARENA_CLASSES    (ARENA_SMALL + 1 + 32)
#define ARENA_OBJECT_MAX 100000 /* bytes */

struct arena {
    uint32_t **pages;
    uint32_t n_pages;
    size_t cap_pages;
    uint32_t used; /* units of the newest page */
    size_t held;   /* bytes of the objects that are there */
    uint32_t free_lists[ARENA_CLASSES];
};

void arena_init(struct arena *a);
void arena_clear(struct arena *a);
size_t arena_bytes(const struct arena *a); /* memory held */
/* Bytes of memory that an object of this size would newly take: 0 or a page. */
size_t arena_growth(const struct arena *a, size_t size);
uint32_t arena_alloc(struct arena *a, size_t size);          /* ARENA_NONE: no memory */
void arena_free(struct arena *a, uint32_t ref, size_t size); /* the size it was allocated with */

static inline void *arena_at(const struct arena *a, uint32_t ref)
{
    return a->pages[ref >> ARENA_PAGE_BITS] + (ref & (ARENA_PAGE_UNITS - 1));
}

#endif
