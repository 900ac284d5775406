/* The walk over open incidents by which very many alerts are counted. */
#ifndef TOCSIN_NOTIFY_STATS_H
#define TOCSIN_NOTIFY_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "tocsin/notify.h"

struct stats_walk {
    struct timer *timer; /* NULL: no loop, everything is counted at once */
    bool runs, known;    /* `last` is of a whole walk */
    size_t at;           /* the next of the open ones, then of the kept */
    struct notify_stats sum, last;
};

/* The timer's function: goes on with the walk of the struct notify. */
void stats_slice(void *arg);

#endif
