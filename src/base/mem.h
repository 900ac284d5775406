/* Allocation that may fail, with a switch that makes it fail on order.
 *
 * Every allocation whose size or number comes from outside goes through here and is checked.
 * Tests call mem_fail_at(n) for n = 1, 2, 3 … until the operation passes, and so walk every
 * error path. */
#ifndef TOCSIN_BASE_MEM_H
#define TOCSIN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);             /* uninitialised; NULL on failure */
void *mem_zalloc(size_t size);            /* zeroed; NULL on failure */
void *mem_realloc(void *p, size_t size);  /* NULL on failure, `p` stays valid */
void mem_free(void *p);                   /* NULL is fine */
char *mem_strdup(const char *s);          /* NULL on failure */
char *mem_dup(const char *s, size_t len); /* copy of `len` bytes, NUL added; NULL on failure */

/* Makes room for `need` elements of `size` bytes in the array `*p` of capacity `*cap`, growing by
 * half at least. The array may move. Returns 0, or -1 with the array as it was. */
int mem_grow(void **p, size_t *cap, size_t need, size_t size);

/* Gives pages that lie free between allocations back to the kernel: what large requests have held. Cost:
 * a walk over the free chunks and a call for each, below a millisecond for some thousand of them. */
void mem_trim(void);

/* Allocations that were refused since the start. Who decides something looks at it before and after:
 * when it has moved, what was found may be half of the truth, and the decision waits. */
uint64_t mem_refusals(void);

/* Seam of tests: the n-th allocation from now on fails, once (n = 1: the next); 0 switches it off. */
void mem_fail_at(long n);
/* Seam of tests: true when the failure that was ordered has happened. */
int mem_failed(void);

#endif
