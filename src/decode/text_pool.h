/* Bytes that live as long as a batch and do not move: unescaped strings, joined names, copies of
 * datagrams. Only freed all at once. */
#ifndef DECODE_TEXT_POOL_H
#define DECODE_TEXT_POOL_H

#include <stddef.h>

#include "base/err.h"

struct pool_chunk;

struct text_pool {
    struct pool_chunk *newest;
    char *at, *end;
};

#define TEXT_POOL_INIT ((struct text_pool){0})

char *text_pool_take(struct text_pool *p, size_t n); /* NULL: no memory; not aligned */
/* Gives back the last `n` bytes of the piece taken last. */
void text_pool_give_back(struct text_pool *p, size_t n);
char *text_pool_copy(struct text_pool *p, const char *s, size_t n);
/* Makes text of bytes: a copy in which NULs and what is not UTF-8 stand as U+FFFD. -1: no memory. */
int text_pool_mend(struct text_pool *p, const char **s, size_t *n) MUST_USE;
void text_pool_clear(struct text_pool *p); /* keeps one chunk */
void text_pool_free(struct text_pool *p);

#endif
