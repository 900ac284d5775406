/* An incident as a whole: its state, its entries, what is due of them. */
#ifndef TOCSIN_NOTIFY_REVIEW_H
#define TOCSIN_NOTIFY_REVIEW_H

#include <stdbool.h>
#include <stdint.h>

#define ENTRIES_ROWS_AT_LEAST 100 /* entries_store() writes so many rows, whatever the budget */

struct entry;
struct incident;
struct notify;

/* State, holds, and what every lane is owed and when, from what is known now; written where it differs. What
 * the budget of the run does not reach, lanes or rows, is left, and the incident stays marked.
 * Cost: all its members, and all of them twice for each of its lanes; 0.5 ms a lane where they are 10,000. */
void incident_review(struct notify *n, struct incident *inc, int64_t at_ms);
/* What its lanes know, into its rows, then what they are: a lane's own row is written when no other row of
 * the incident waits, so that a start finds the old state or the new. False: some are left. */
bool entries_store(struct notify *n, struct incident *inc);
/* The fallback of its receiver owes what it owes, once; nothing where there is no fallback. */
void ledger_fall_back(struct notify *n, struct entry *e, int64_t at_ms);

#endif
