#include "base/mem.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static long fail_countdown; /* 0: off */
static int fail_happened;
static uint64_t refusals;

void mem_fail_at(long n)
{
    assert(n >= 0);
    fail_countdown = n;
    fail_happened = 0;
}

int mem_failed(void)
{
    return fail_happened;
}

void mem_trim(void)
{
    (void)malloc_trim(0);
}

uint64_t mem_refusals(void)
{
    return refusals;
}

static int refuse(void)
{
    if (fail_countdown == 0 || --fail_countdown > 0)
        return 0;
    fail_happened = 1;
    return 1;
}

static void *counted(void *p)
{
    refusals += p == NULL;
    return p;
}

void *mem_alloc(size_t size)
{
    return counted(refuse() ? NULL : malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return counted(refuse() ? NULL : calloc(1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
    return counted(refuse() ? NULL : realloc(p, size ? size : 1));
}

void mem_free(void *p)
{
    free(p);
}

char *mem_dup(const char *s, size_t len)
{
    char *copy = mem_alloc(len + 1);

    assert(s || len == 0);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, s, len);
    copy[len] = 0;
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_dup(s, strlen(s));
}

int mem_grow(void **p, size_t *cap, size_t need, size_t size)
{
    size_t wish = *cap + *cap / 2 + 8;
    void *grown;

    assert(size > 0 && (*p || *cap == 0));
    if (need <= *cap)
        return 0;
    if (wish < need)
        wish = need;
    if (wish > SIZE_MAX / size)
        return -1;
    grown = mem_realloc(*p, wish * size);
    if (!grown)
        return -1;
    *p = grown;
    *cap = wish;
    assert(*cap >= need);
    return 0;
}
