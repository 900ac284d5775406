#include "decode/text_pool.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define CHUNK_MIN ((size_t)64 * 1024)
#define KEPT_MAX  ((size_t)1024 * 1024) /* a larger chunk is not kept for the next request */

struct pool_chunk {
    struct pool_chunk *older;
    size_t size;
    char bytes[];
};

static char *take_from_new_chunk(struct text_pool *p, size_t n)
{
    size_t size = p->newest ? p->newest->size * 2 : CHUNK_MIN;
    struct pool_chunk *c;

    if (size > KEPT_MAX)
        size = KEPT_MAX;
    if (size < n)
        size = n;
    if (size > SIZE_MAX - sizeof *c)
        return NULL;
    c = mem_alloc(sizeof *c + size);
    if (!c)
        return NULL;
    c->older = p->newest;
    c->size = size;
    p->newest = c;
    p->at = c->bytes + n;
    p->end = c->bytes + size;
    return c->bytes;
}

char *text_pool_take(struct text_pool *p, size_t n)
{
    char *taken = p->at;

    if (!taken || (size_t)(p->end - p->at) < n)
        return take_from_new_chunk(p, n);
    p->at += n;
    return taken;
}

void text_pool_give_back(struct text_pool *p, size_t n)
{
    assert(n <= (size_t)(p->at - p->newest->bytes));
    p->at -= n;
}

char *text_pool_copy(struct text_pool *p, const char *s, size_t n)
{
    char *copy = text_pool_take(p, n);

    if (copy && n > 0)
        memcpy(copy, s, n);
    return copy;
}

int text_pool_mend(struct text_pool *p, const char **s, size_t *n)
{
    const char *from = *s, *end = *s + *n;
    char *copy = text_pool_take(p, 3 * *n), *to = copy;

    if (!copy)
        return -1;
    while (from < end) {
        size_t step = *from ? text_utf8(from, (size_t)(end - from)) : 0;

        memcpy(to, step ? from : "\xef\xbf\xbd", step ? step : 3);
        to += step ? step : 3;
        from += step ? step : 1;
    }
    text_pool_give_back(p, 3 * *n - (size_t)(to - copy));
    *s = copy;
    *n = (size_t)(to - copy);
    return 0;
}

static void free_from(struct pool_chunk *c)
{
    while (c) {
        struct pool_chunk *older = c->older;

        mem_free(c);
        c = older;
    }
}

void text_pool_clear(struct text_pool *p)
{
    struct pool_chunk *kept = p->newest;

    if (!kept)
        return;
    if (kept->size > KEPT_MAX) {
        text_pool_free(p);
        return;
    }
    free_from(kept->older);
    kept->older = NULL;
    p->at = kept->bytes;
    p->end = kept->bytes + kept->size;
}

void text_pool_free(struct text_pool *p)
{
    free_from(p->newest);
    *p = TEXT_POOL_INIT;
}
