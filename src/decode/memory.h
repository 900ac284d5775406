/* What decoders remember from request to request, each table with a bound. */
#ifndef DECODE_MEMORY_H
#define DECODE_MEMORY_H

#include "base/map.h"
#include "tocsin/decode.h"

#define TYPES_MAX      50000 /* metric families whose type is remembered */
#define TYPES_EVERY_MS 10000 /* least time between two walks over all series */

struct decode_memory {
    struct map *gauges; /* series text -> index + 1 into `levels` */
    double *levels;
    size_t n_levels, cap_levels;
    struct map *types;   /* metric name -> enum sample_kind + 1, where its name says another */
    bool types_are_news; /* the series that are there have not been told */
    int64_t types_applied_ms;
};

/* The same, made with level 0 when new; NULL: over the bound or no memory. */
double *memory_gauge_make(struct decode_memory *m, const char *key, size_t len, uint32_t max);
/* The kind told by metadata, -1 when none was. */
int memory_type(const struct decode_memory *m, const char *name, size_t len);
/* Remembers it. Returns 1 when that is news, 0 when it was known, -1 over the bound. */
int memory_type_set(struct decode_memory *m, const char *name, size_t len, enum sample_kind kind);

#endif
