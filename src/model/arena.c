#include "model/arena.h"

#include <assert.h>

#include "base/mem.h"

void arena_init(struct arena *a)
{
    *a = (struct arena){.used = ARENA_PAGE_UNITS};
    for (size_t i = 0; i < ARENA_CLASSES; i++)
        a->free_lists[i] = ARENA_NONE;
}

void arena_clear(struct arena *a)
{
    for (uint32_t i = 0; i < a->n_pages; i++)
        mem_free(a->pages[i]);
    mem_free(a->pages);
    arena_init(a);
}

size_t arena_bytes(const struct arena *a)
{
    return a->n_pages * ARENA_PAGE_BYTES + a->cap_pages * sizeof *a->pages;
}

/* The list of objects of this size, and how many units they take: exact when small, powers of two
 * beyond. */
static unsigned class_of(size_t size, uint32_t *units)
{
    unsigned list = ARENA_SMALL;
    uint32_t n = (uint32_t)((size + ARENA_UNIT - 1) / ARENA_UNIT);

    assert(size > 0 && size <= ARENA_OBJECT_MAX);
    if (n <= ARENA_SMALL) {
        *units = n;
        return n;
    }
    for (*units = ARENA_SMALL; *units < n; list++)
        *units *= 2;
    return list;
}

size_t arena_growth(const struct arena *a, size_t size)
{
    uint32_t units;
    unsigned list = class_of(size, &units);

    if (a->free_lists[list] != ARENA_NONE || a->used + units <= ARENA_PAGE_UNITS)
        return 0;
    return ARENA_PAGE_BYTES;
}

static int add_page(struct arena *a)
{
    uint32_t *page;

    if (a->n_pages >= ARENA_PAGES_MAX ||
        mem_grow((void **)&a->pages, &a->cap_pages, a->n_pages + 1, sizeof *a->pages) != 0)
        return -1;
    page = mem_alloc(ARENA_PAGE_BYTES);
    if (!page)
        return -1;
    a->pages[a->n_pages++] = page;
    a->used = 0;
    assert(a->n_pages <= ARENA_PAGES_MAX);
    return 0;
}

uint32_t arena_alloc(struct arena *a, size_t size)
{
    uint32_t units, ref;
    unsigned list = class_of(size, &units);

    ref = a->free_lists[list];
    if (ref != ARENA_NONE) {
        a->free_lists[list] = *(uint32_t *)arena_at(a, ref);
        a->held += (size_t)units * ARENA_UNIT;
        return ref;
    }
    if (a->used + units > ARENA_PAGE_UNITS && add_page(a) != 0)
        return ARENA_NONE;
    ref = ((a->n_pages - 1) << ARENA_PAGE_BITS) | a->used;
    a->used += units;
    a->held += (size_t)units * ARENA_UNIT;
    assert(ref != ARENA_NONE && a->used <= ARENA_PAGE_UNITS);
    return ref;
}

void arena_free(struct arena *a, uint32_t ref, size_t size)
{
    uint32_t units;
    unsigned list = class_of(size, &units);

    assert(ref >> ARENA_PAGE_BITS < a->n_pages);
    assert(a->held >= (size_t)units * ARENA_UNIT);
    a->held -= (size_t)units * ARENA_UNIT;
    *(uint32_t *)arena_at(a, ref) = a->free_lists[list];
    a->free_lists[list] = ref;
}
