/* Expressions that make groups of their own: aggregations over computed values (sum_by …), and
 * re-keyed ones (:on). Computed for one instant, for all groups on ticks and for those that are
 * looked at otherwise, and kept until the next instant or block. */
#ifndef TOCSIN_RULE_DERIVED_H
#define TOCSIN_RULE_DERIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "model/round.h"
#include "rule/rowset.h"

struct derived {
    const struct expr *x;
    struct rowset in; /* rows of the expression below */
    struct label_names names;
    uint32_t *out_of; /* [in row] -> slot */
    size_t out_of_cap;
    uint32_t *next; /* [in row]: the next one of its group, ROW_NONE: the last */
    size_t next_cap;
    uint32_t *reported; /* [in row]: when its data was complete last (touched.c) */
    size_t reported_cap;
    uint32_t synced; /* in rows below this have a group */
    uint64_t in_generation;
    labelset *group;      /* [slot] */
    double *v;            /* [slot]; of conditions 1 or 0 */
    uint8_t *ok, *cold;   /* enum cold */
    bool unheard;         /* a group that is not there may be one that was not heard of yet */
    int64_t listening_ms; /* since when all leaves below have listened */
    int64_t *awaited_ms;  /* [slot]: its members are to report again after this instant, 0: all
                             have, INT64_MAX: it was not looked at yet */
    struct tally *tally;
    uint32_t *first;     /* [slot]: its first in row */
    uint32_t *n_members; /* [slot]: in rows */
    uint32_t *done;      /* [slot]: the computing that it has its value from */
    struct round *round; /* [slot]: which of its rows have reported (touched.c) */
    uint32_t *told;      /* [slot]: block that touched it last */
    uint32_t n;
    size_t cap;
    struct idmap index;
    uint64_t epoch; /* grows when slots are void */
    int64_t at_ms;  /* instant it was computed for, and the block */
    uint32_t at_block;
    uint32_t serial; /* of that computing */
    bool all;        /* it has been computed for all groups */
};

struct derived *derived_new(struct windows *w, struct labelsets *ls, const struct expr *x,
                            int64_t now_ms, struct err *e);
void derived_free(struct derived *d);
/* New groups of what is below. `whole`: see rowset_sync(). */
void derived_sync(struct derived *d, bool whole);
/* The values of `n` slots (SLOT_NONE is none); `whole`: of all, which is cheaper than by parts.
 * Cost: the rows below these. */
void derived_compute(struct derived *d, int64_t at_ms, const uint32_t *slots, size_t n, bool whole);
int64_t derived_newest_ms(struct derived *d, uint32_t slot); /* cost: the rows below it */
uint32_t derived_find(const struct derived *d, labelset group);
/* Members of a group that nobody has heard of may still come. */
bool derived_is_partial(const struct derived *d, uint32_t slot);

#endif
