/* The timers that wait, soonest first: a binary heap in which each timer knows its place, so that
 * stopping one is O(log n) and allocates nothing. */
#ifndef NET_TIMER_HEAP_H
#define NET_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/loop.h"

struct timer_heap {
    struct timer **at;
    size_t n, cap;
};

enum timer_place { TIMER_IDLE, TIMER_MONO, TIMER_WALL, TIMER_DUE };

struct timer {
    struct loop *loop;
    enum loop_stage stage;
    void (*fire)(void *arg);
    void *arg;
    enum timer_place place;
    size_t index;              /* in its heap */
    struct timer *prev, *next; /* in its stage's list of due timers */
    int64_t due_ms;            /* monotonic or engine's wall clock, as its heap counts */
    int64_t late_from_ms;      /* monotonic: a delay is counted from here */
    uint64_t order;            /* equal due times fire in the order in which they were set */
};

/* Room for `n` timers in all: taken when a timer is created, so that setting one cannot fail. */
int timer_heap_reserve(struct timer_heap *h, size_t n) MUST_USE;
void timer_heap_push(struct timer_heap *h, struct timer *t);
void timer_heap_remove(struct timer_heap *h, struct timer *t);
struct timer *timer_heap_first(const struct timer_heap *h); /* NULL: empty */

#endif
