/* Memory of the windows, counted against one bound.
 *
 * Everything whose amount depends on the data goes through here: over the bound an allocation
 * fails like one without memory, and the caller refuses the group or value. What is counted is
 * the size asked for and the allocator's share of it, so the figure is within a few per cent of
 * what the process holds. */
#ifndef TOCSIN_WINDOW_WMEM_H
#define TOCSIN_WINDOW_WMEM_H

#include <stdbool.h>
#include <stddef.h>

#define WMEM_OVERHEAD 16 /* glibc: header and rounding of a small block */

struct wmem {
    size_t held, max;
};

bool wmem_room(const struct wmem *m, size_t size);
void *wmem_alloc(struct wmem *m, size_t size); /* zeroed; NULL: over the bound, or no memory */
void wmem_free(struct wmem *m, void *p, size_t size);
/* Arrays of `size` bytes each that grow by half: 0, or -1 with everything as it was. */
int wmem_grow(struct wmem *m, void **p, size_t *cap, size_t need, size_t size);

#endif
