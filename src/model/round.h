/* Is the data of a group complete? Members report again and again; a round is what they report
 * until one of them is heard for the second time, or until `longest` has passed. So rounds follow
 * the senders' own rhythm, and nobody needs to know an interval:
 *
 *   reports   a b c | a b c | a b   | a b       c has ended: its round stays open, and the wait for
 *   complete      ^       ^         .     ^     the rest is bounded by who asks (a rule's `delay`)
 *
 * The longest time is what finds the rhythm again when the first round began in the middle of it.
 * Instants are receive times as instant32() gives them, 0 for never; a member is told once each. */
#ifndef TOCSIN_MODEL_ROUND_H
#define TOCSIN_MODEL_ROUND_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct round {
    uint32_t start;    /* its first report */
    uint32_t n;        /* members that have reported in it */
    uint32_t expected; /* that did in the round before; 0: nobody knows */
    bool partial;      /* it may have begun before anybody counted: it tells nothing of who ended */
};

/* Milliseconds modulo 2^32, never 0. What was heard last 25 to 49 days ago may look newer than it
 * is, which ends a round early. */
static inline uint32_t instant32(int64_t at_ms)
{
    uint32_t t = (uint32_t)at_ms;

    return t ? t : 1;
}

/* A member reports at `at`, having reported last at `before`. */
static inline void round_report(struct round *r, uint32_t before, uint32_t at, uint32_t longest)
{
    bool again = before != 0 && (int32_t)(before - r->start) >= 0;

    assert(at != 0 && before != at);
    if (r->n > 0 && (again || at - r->start > longest)) {
        if (!r->partial || r->n > r->expected)
            r->expected = r->n;
        r->partial = false;
        r->n = 0;
    }
    if (r->n++ == 0)
        r->start = at;
}

/* All that reported in the last round have reported again. Where that is not known it is for who
 * asks to know how many there are. */
static inline bool round_complete(const struct round *r, uint32_t members)
{
    return r->n >= (r->expected > 0 ? r->expected : members);
}

#endif
