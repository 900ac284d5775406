/* An incident as a whole: its state, its entries, what is due of them. */
#ifndef TOCSIN_NOTIFY_REVIEW_H
#define TOCSIN_NOTIFY_REVIEW_H

#include <stdint.h>

struct entry;
struct incident;
struct notify;

void incident_review(struct notify *n, struct incident *inc, int64_t at_ms);
void ledger_fall_back(struct notify *n, struct entry *e, int64_t at_ms);

#endif
