#include "window/wmem.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

bool wmem_room(const struct wmem *m, size_t size)
{
    return m->held < m->max && size <= m->max - m->held;
}

void *wmem_alloc(struct wmem *m, size_t size)
{
    void *p;

    if (!wmem_room(m, size + WMEM_OVERHEAD))
        return NULL;
    p = mem_zalloc(size);
    if (p)
        m->held += size + WMEM_OVERHEAD;
    return p;
}

void wmem_free(struct wmem *m, void *p, size_t size)
{
    if (!p)
        return;
    m->held -= size + WMEM_OVERHEAD;
    mem_free(p);
}

/* The new part is zeroed; NULL leaves the old block as it was. */
static void *wmem_resize(struct wmem *m, void *p, size_t old, size_t size)
{
    char *next;

    if (!p)
        return wmem_alloc(m, size);
    if (size > old && !wmem_room(m, size - old))
        return NULL;
    next = mem_realloc(p, size);
    if (!next)
        return NULL;
    if (size > old)
        memset(next + old, 0, size - old);
    m->held = m->held - old + size;
    return next;
}

int wmem_grow(struct wmem *m, void **p, size_t *cap, size_t need, size_t size)
{
    size_t wish = *cap + *cap / 2 + 8;
    void *next;

    if (need <= *cap)
        return 0;
    if (wish < need)
        wish = need;
    if (wish > SIZE_MAX / size)
        return -1;
    next = wmem_resize(m, *p, *cap * size, wish * size);
    if (!next)
        return -1;
    *p = next;
    *cap = wish;
    return 0;
}
