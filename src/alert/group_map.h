/* From the label set of a group to its alert: open addressing over the set's number. */
#ifndef TOCSIN_ALERT_GROUP_MAP_H
#define TOCSIN_ALERT_GROUP_MAP_H

#include <stddef.h>

#include "base/err.h"
#include "model/labels.h"

struct group_map {
    struct group_slot {
        labelset group; /* LABELSET_NONE: free */
        void *value;
    } * slots;
    size_t cap; /* 0 or a power of two; at most half of it is used */
    size_t n;
};

void *group_map_get(const struct group_map *m, labelset group);               /* NULL: not there */
int group_map_put(struct group_map *m, labelset group, void *value) MUST_USE; /* -1: no memory */
void group_map_remove(struct group_map *m, labelset group);
void group_map_clear(struct group_map *m);

#endif
