/* Which rows a block touched, and whether all data behind them is there: what early looks go by. */
#ifndef TOCSIN_RULE_TOUCHED_H
#define TOCSIN_RULE_TOUCHED_H

#include <stdint.h>

#include "rule/running.h"

/* Takes what the last block touched: rows whose data is complete are to be looked at now, the
 * others wait. Once a block, for each rule with a leaf among those touched. Cost: the groups that
 * the block touched in the leaves of the rule, and a look at each waiting row when a group that
 * many rows share has become complete. */
void touched_take(struct rule *r, int64_t at_ms);
/* Moves the rows to be looked at at this instant to `r->picked`: those that are complete, and those
 * that have waited for `delay`. Returns how many. */
size_t touched_pick(struct rule *r, int64_t at_ms);
/* When the next row has waited long enough, INT64_MAX: none waits. */
int64_t touched_next_ms(const struct rule *r);
bool touched_waits(const struct rule *r, uint32_t row);
void touched_free(struct rule *r);

#endif
