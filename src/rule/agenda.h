/* Which rules look at the instant at hand, and when the next ones will: so that an instant costs
 * the rules that have something to do in it, not all of them.
 *
 * Rules are numbered by their rank: their place in the order of evaluation, where a rule stands
 * after those it depends on. Three things are kept:
 *
 *   marked    a bit a rank, with a bit for each word above it: taken lowest first, and a look that
 *             marks a higher rank (a rule that depends on it) is taken in the same round
 *   whole     a bit a rank: its mark is of a tick, for a look at all groups. A tick of a hundred thousand
 *             rules sets bits and touches none of them
 *   waiting   a heap of ranks by the time when their wait runs out, each of which knows its place
 *             in it, so that a wait can be moved or ended
 *
 * A list sorted by rank was dropped: a tick marks all rules of a grid, and sorting them would cost
 * more than what most of them look at. All memory is made by agenda_fit(), nothing else fails. */
#ifndef TOCSIN_RULE_AGENDA_H
#define TOCSIN_RULE_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct agenda {
    size_t n, cap;           /* ranks; that there is room for */
    uint64_t *marked;        /* [rank / 64] */
    uint64_t *words;         /* bits of the words that are not 0 */
    uint64_t *whole;         /* [rank / 64] */
    uint32_t *heap, *places; /* [place] -> rank; [rank] -> 1 + place, 0: it does not wait */
    int64_t *due_ms;         /* [rank] */
    size_t n_waiting;
};

/* Room for `n` ranks. -1: no memory, as it was. */
int agenda_fit(struct agenda *a, size_t n) MUST_USE;
void agenda_clear(struct agenda *a); /* gives its memory back */
/* Empty, for `n` ranks; agenda_fit() has made room. Cost: n. */
void agenda_reset(struct agenda *a, size_t n);

void agenda_mark(struct agenda *a, uint32_t rank);
void agenda_mark_whole(struct agenda *a, uint32_t rank);
/* Was it marked so? Forgets it. */
bool agenda_take_whole(struct agenda *a, uint32_t rank);
/* Takes the lowest marked rank. False: none is marked. Cost: the words between, n / 4096 at most. */
bool agenda_take(struct agenda *a, uint32_t *rank);

/* The rank waits until `due_ms`, and no longer for what it waited for before; INT64_MAX: it does not
 * wait. Cost: log n. */
void agenda_wait(struct agenda *a, uint32_t rank, int64_t due_ms);
int64_t agenda_next_ms(const struct agenda *a); /* INT64_MAX: none waits */
/* Marks those whose wait has run out at `at_ms`, which then wait no more. */
void agenda_mark_due(struct agenda *a, int64_t at_ms);
/* The clock has stepped: all waits move with it. Cost: those that wait. */
/* Walks the ranks that are marked or wait, each once, in no order: start with *at = 0. */
bool agenda_each(const struct agenda *a, size_t *at, uint32_t *rank);
void agenda_shift(struct agenda *a, int64_t by_ms);

#endif
