/* Where silences are found: by id, by their incident, and those that may hold a set of labels.
 *
 *   "s31", uuid ───────────────────► record     all that are kept
 *   incident 412 ──────────────────► record ─► record (next_of)
 *   {host="a", priority="P2"} ─► standing ids ─► record     pending and active ones only
 *
 * One that has ended leaves the standing ones at once, so that a window made every night costs
 * nothing in the days that it is kept. A silence stands under a number of its own, given anew each
 * time: places in the list of silences change when one is forgotten. Its scope is not part of the
 * index: who has found it tests the whole. */
#ifndef HOLD_SILENCE_INDEX_H
#define HOLD_SILENCE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hold/record.h"
#include "model/matcher_index.h"

struct silence_index;

struct silence_index *silence_index_new(void);     /* NULL: no memory */
void silence_index_free(struct silence_index *ix); /* not the records; NULL is fine */
/* -1: no memory, the index as it was. Of two with one id the first is found. */
int silence_index_add(struct silence_index *ix, struct silence_record *r) MUST_USE;
void silence_index_remove(struct silence_index *ix, struct silence_record *r);
/* Whether labels find it from now on; what it is already costs nothing. -1: no memory, it does not
 * stand. */
int silence_index_stand(struct silence_index *ix, struct silence_record *r, bool stands) MUST_USE;

/* By "s31" or by its uuid in any case; NULL: none. Cost: two look-ups. */
struct silence_record *silence_index_by_id(const struct silence_index *ix, const char *id);
/* The first of those made for that incident, the rest by next_of. */
struct silence_record *silence_index_of(const struct silence_index *ix, uint64_t incident);
/* The standing ones that may match an alert, into `*out` (until the next call), in the order in
 * which they stood up. `priority` is found as the label "priority". -1: no memory. */
int silence_index_find(struct silence_index *ix, const struct label *l, size_t n_labels,
                       int priority, struct silence_record *const **out, size_t *n) MUST_USE;

#endif
