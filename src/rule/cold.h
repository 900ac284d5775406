/* Windows that were not seen whole: what their numbers are worth, and what may be decided on them. */
#ifndef TOCSIN_RULE_COLD_H
#define TOCSIN_RULE_COLD_H

#include "rule/eval.h"

/* Notes beside the values of a leaf what they are worth. A value of the time since the last sample
 * counts from when somebody listened. */
void cold_of_leaf(const struct batch *b, const struct source *s, const uint32_t *slots,
                  struct column *out);
/* Both windows of a ratio have seen the same time, with enough in it for the ratio's `min`. */
bool cold_is_share(const struct batch *b, const struct expr *x);
enum cold cold_of_arithmetic(enum expr_arith op, enum cold p, enum cold q, double pv, double qv);
/* Of whatever grows with each of several numbers: sums, the greater, the smaller. */
enum cold cold_join(enum cold p, enum cold q);
/* `members`: joined; `partial`: some may not have been heard of yet. */
enum cold cold_of_aggregate(enum expr_agg agg, enum cold members, bool partial);
/* What a comparison that came out as `truth` means: itself where it is certain, else COLD_. That too
 * little was seen for "more" is no news, unless the rule asks for that (`negated`). */
uint8_t cold_truth(enum expr_cmp cmp, enum cold v, uint8_t truth, bool negated);

#define LONG_WINDOW_MS (INT64_C(3600) * 1000)

/* Instant from which no window behind a row has to be waited for (`whole`: from which all of them
 * are full); at_ms or earlier: none has. ROW_NONE: a group that is not there. */
int64_t cold_until_ms(const struct rowset *rs, uint32_t row, bool whole, int64_t at_ms);
/* The same for the windows of the leaves below, whatever the groups. */
int64_t cold_leaves_until_ms(const struct rowset *rs);
/* Since when all leaves below have listened. */
int64_t cold_listening_ms(const struct rowset *rs);
/* How long leaves have listened, at the latest, when all that is below an aggregation has
 * reported. */
#define COLD_SETTLE_MS 60000
/* Some group below may not have been heard of: the leaves are younger than `within_ms`, or than
 * their windows. */
bool cold_sources(const struct rowset *rs, int64_t at_ms, int64_t within_ms);

#endif
