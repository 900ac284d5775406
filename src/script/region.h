/* Memory that is freed all at once: what one loaded file is made of.
 *
 * Everything a rule or configuration file turns into lives as long as the file, so it is cut from
 * a few blocks. It is bounded, since the file decides how much there is of it. */
#ifndef SCRIPT_REGION_H
#define SCRIPT_REGION_H

#include <stddef.h>

struct region_block;

struct region {
    struct region_block *blocks;
    size_t used, size; /* of the newest block */
    size_t total, max; /* bytes in all; max 0: no bound */
};

void region_init(struct region *a, size_t max);
void region_free(struct region *a);
void *region_alloc(struct region *a, size_t n); /* zeroed; NULL: over the bound or no memory */
char *region_dup(struct region *a, const char *s, size_t len); /* NUL added */
char *region_strdup(struct region *a, const char *s);

#endif
