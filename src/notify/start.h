/* What the store has read, until the start makes it whole. */
#ifndef TOCSIN_NOTIFY_START_H
#define TOCSIN_NOTIFY_START_H

struct notify;

/* Makes what was loaded whole, once: the ledger joins its incidents, groups find theirs. */
void notify_index(struct notify *n);
/* Rows that wait for what they belong to. */
void pending_rows_free(struct notify *n);

#endif
