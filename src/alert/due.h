/* External alerts by the instant at which something is due of them: a binary heap, soonest first. */
#ifndef TOCSIN_ALERT_DUE_H
#define TOCSIN_ALERT_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct alert_entry;

struct due_heap {
    struct due_slot {
        int64_t at_ms;
        struct alert_entry *e;
    } * slots;
    size_t n, cap;
};

/* Room for one more, so that due_add() cannot fail. -1: no memory. */
int due_reserve(struct due_heap *h) MUST_USE;
void due_add(struct due_heap *h, struct alert_entry *e, int64_t at_ms); /* it is not in the heap */
void due_move(struct due_heap *h, struct alert_entry *e, int64_t at_ms);
void due_remove(struct due_heap *h, struct alert_entry *e);
/* The soonest; NULL: there is none. Cost of all: the logarithm of how many there are. */
struct alert_entry *due_first(const struct due_heap *h, int64_t *at_ms);
void due_free(struct due_heap *h);

#endif
