/* What a lane was told of single alerts, and is owed of them. */
#ifndef TOCSIN_NOTIFY_TOLD_H
#define TOCSIN_NOTIFY_TOLD_H

#include <stddef.h>
#include <stdint.h>

#include "notify/ledger.h"

struct item;
struct item_told;

/* What it knows of a member, by number. NULL: nothing. Cost: the logarithm of how many. */
struct told *told_find(const struct entry *e, uint32_t n);
struct owed *owed_find(const struct entry *e, uint32_t n);
/* The same of one member after the other, by rising numbers: `at` is where the last look ended, 0 at first.
 * Cost of a walk: the list, once. */
struct told *told_next(const struct entry *e, size_t *at, uint32_t n);
struct owed *owed_next(const struct entry *e, size_t *at, uint32_t n);
/* Each notes that its row is to be written (record.h). -1: no memory, and nothing has changed. What is owed
 * already stays as it is. */
int told_put(struct entry *e, const struct told *t);
void told_remove(struct entry *e, uint32_t n);
int owed_put(struct entry *e, uint32_t n, int64_t due_ms);
void owed_remove(struct entry *e, uint32_t n);
/* All that are ITEM_NEW, by rising numbers. Cost: both lists, once; as of the two below. */
int owed_put_new(struct entry *e, const struct item *items, size_t n_items, int64_t due_ms);
/* Those that `from` is owed and this one was not told of. */
int owed_put_of(struct entry *e, const struct entry *from, int64_t due_ms);
/* A message was delivered that told of these, by rising numbers, at `told_ms`: what is over is not known any
 * more, the rest is, and nothing of them is owed. -1: no memory to note what is new; the rest is noted. */
int told_delivered(struct entry *e, const struct item_told *items, size_t n_items, int64_t told_ms);
/* `maybe` of what it is owed, `maybe_ended` of what it was told: kept with their rows. */
void owed_may_be_told(struct entry *e, uint32_t n);
void told_may_be_ended(struct entry *e, uint32_t n);

#endif
