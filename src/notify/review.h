/* An incident as a whole: its state, its entries, what is due of them. */
#ifndef TOCSIN_NOTIFY_REVIEW_H
#define TOCSIN_NOTIFY_REVIEW_H

#include <stdint.h>

struct entry;
struct incident;
struct notify;

/* State, holds, and what every lane is owed and when, from what is known now; written where it differs.
 * Cost: all its members, for each of its lanes twice. */
void incident_review(struct notify *n, struct incident *inc, int64_t at_ms);
/* The fallback of its receiver owes what it owes, once; nothing where there is no fallback. */
void ledger_fall_back(struct notify *n, struct entry *e, int64_t at_ms);

#endif
