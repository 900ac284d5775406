/* Of many lists of matchers, those that may match a set of labels: found by a label that they all
 * fix, instead of trying each.
 *
 *   {job="node", host="a"} ──> host ─> "a" ─> 17         a list stands under one exact value,
 *   {job="node", host="b"} ──> host ─> "b" ─> 18         or under each value of a `one_of`
 *   {code=~"5.."}          ──> the rest: 19              what fixes nothing is always a candidate
 *
 * A list goes to the one of its exact labels where the fewest stand already, so thousands that
 * share `job` and differ in `host` are told apart by `host`, whatever the order of their matchers.
 * It does not move later: the lists under one value are as many as were put there. Counting how
 * selective labels are in the data was dropped: rules are there before the data. */
#ifndef TOCSIN_MODEL_MATCHER_INDEX_H
#define TOCSIN_MODEL_MATCHER_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/matcher.h"

struct matcher_index;

/* NULL: no memory. Freeing NULL is fine. */
struct matcher_index *matcher_index_new(void);
void matcher_index_free(struct matcher_index *ix);
size_t matcher_index_count(const struct matcher_index *ix); /* lists that stand there */

/* Enters a list of matchers, all of which are to match, under `id`, which must not stand there yet.
 * The matchers are not kept. -1: no memory, the index as it was. Cost: a look-up for each exact
 * value in the list. */
int matcher_index_add(struct matcher_index *ix, struct matcher *const *m, size_t n,
                      uint32_t id) MUST_USE;
/* Takes out what was entered with equal matchers. Cost: the lists under the same value; of those
 * that fix no label, all that do not. */
void matcher_index_remove(struct matcher_index *ix, struct matcher *const *m, size_t n,
                          uint32_t id);

/* A growing list of ids, kept by the caller between calls. */
struct matcher_candidates {
    uint32_t *ids;
    size_t n, cap;
};

/* Puts the ids that may match these labels into `out`, each once, in ascending order: all that do
 * match are among them. Label names may be in any order; a value is looked at under its own name
 * only. -1: no memory, `out` is of no use. Cost: a look-up a label, and the sorting of what is
 * found. */
int matcher_index_find(const struct matcher_index *ix, const struct label *l, size_t n_labels,
                       struct matcher_candidates *out) MUST_USE;
void matcher_candidates_free(struct matcher_candidates *c);

#endif
