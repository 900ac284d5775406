/* Expressions that make groups of their own: aggregations over computed values (sum_by …), and
 * re-keyed ones (:on). Computed for all groups at once, at one instant, and kept until the next. */
#ifndef TOCSIN_RULE_DERIVED_H
#define TOCSIN_RULE_DERIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "rule/rowset.h"

struct derived {
    const struct expr *x;
    struct rowset in; /* rows of the expression below */
    struct label_names names;
    uint32_t *out_of; /* [in row] -> slot */
    size_t out_of_cap;
    uint64_t in_generation;
    labelset *group; /* [slot] */
    double *v;       /* [slot]; of conditions 1 or 0 */
    uint8_t *ok;
    struct tally *tally;
    int64_t *newest_ms; /* [slot]: of the samples behind it */
    int64_t newest_at_ms;
    uint32_t n;
    size_t cap;
    struct idmap index;
    uint64_t epoch; /* grows when slots are void */
    int64_t at_ms;  /* instant it was computed for */
};

struct derived *derived_new(struct windows *w, struct labelsets *ls, const struct expr *x,
                            int64_t now_ms, struct err *e);
void derived_free(struct derived *d);
void derived_sync(struct derived *d); /* new groups of what is below */
void derived_compute(struct derived *d, int64_t at_ms);
int64_t derived_newest_ms(struct derived *d, uint32_t slot); /* as of the last computing */
uint32_t derived_find(const struct derived *d, labelset group);

#endif
