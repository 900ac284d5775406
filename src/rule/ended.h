/* Have the series behind a row ended while their sources go on? */
#ifndef TOCSIN_RULE_ENDED_H
#define TOCSIN_RULE_ENDED_H

#include "rule/rowset.h"

/* For rows without a verdict at the instant `at_ms`, which was evaluated just now. When the last of
 * what ended did so; 0: something behind the row is only silent, or goes on; -1: not known. Cost: a
 * look at each of its sources, and at each member of an aggregation. */
int64_t ended_row_ms(struct rowset *rs, uint32_t row, int64_t at_ms);

#endif
