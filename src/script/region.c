#include "script/region.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_FIRST 2048 /* many rule files hold one or two rules */
#define BLOCK_MAX   65536

struct region_block {
    struct region_block *next;
    max_align_t data[];
};

void region_init(struct region *a, size_t max)
{
    *a = (struct region){.max = max};
}

void region_free(struct region *a)
{
    while (a->blocks) {
        struct region_block *b = a->blocks;

        a->blocks = b->next;
        mem_free(b);
    }
    *a = (struct region){.max = a->max};
}

static int region_grow(struct region *a, size_t need)
{
    size_t size = a->size ? a->size * 2 : BLOCK_FIRST;
    struct region_block *b;

    if (size > BLOCK_MAX)
        size = BLOCK_MAX;
    if (size < need)
        size = need;
    if (a->max && (size > a->max || a->total > a->max - size))
        return -1;
    b = mem_alloc(sizeof *b + size);
    if (!b)
        return -1;
    b->next = a->blocks;
    a->blocks = b;
    a->used = 0;
    a->size = size;
    a->total += size;
    return 0;
}

void *region_alloc(struct region *a, size_t n)
{
    size_t unit = sizeof(max_align_t);
    void *p;

    assert(a->used <= a->size);
    if (n > (size_t)1 << 30)
        return NULL;
    n = (n + unit - 1) / unit * unit;
    if ((!a->blocks || n > a->size - a->used) && region_grow(a, n) < 0)
        return NULL;
    p = (char *)a->blocks->data + a->used;
    a->used += n;
    memset(p, 0, n);
    return p;
}

char *region_dup(struct region *a, const char *s, size_t len)
{
    char *copy = region_alloc(a, len + 1);

    if (copy && len)
        memcpy(copy, s, len);
    return copy;
}

char *region_strdup(struct region *a, const char *s)
{
    return region_dup(a, s, strlen(s));
}
