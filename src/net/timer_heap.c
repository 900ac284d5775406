#include "net/timer_heap.h"

#include <assert.h>
#include <stdbool.h>

#include "base/mem.h"

static bool sooner(const struct timer *a, const struct timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put(struct timer_heap *h, size_t i, struct timer *t)
{
    h->at[i] = t;
    t->index = i;
}

static void rise(struct timer_heap *h, size_t i, struct timer *t)
{
    while (i > 0 && sooner(t, h->at[(i - 1) / 2])) {
        put(h, i, h->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, t);
}

static void sink(struct timer_heap *h, size_t i, struct timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < h->n && sooner(h->at[child + 1], h->at[child]))
            child++;
        if (child >= h->n || !sooner(h->at[child], t))
            break;
        put(h, i, h->at[child]);
        i = child;
    }
    put(h, i, t);
}

int timer_heap_reserve(struct timer_heap *h, size_t n)
{
    return mem_grow((void **)&h->at, &h->cap, n, sizeof *h->at);
}

void timer_heap_push(struct timer_heap *h, struct timer *t)
{
    assert(h->n < h->cap);
    rise(h, h->n++, t);
    assert(h->at[t->index] == t);
}

void timer_heap_remove(struct timer_heap *h, struct timer *t)
{
    size_t i = t->index;
    struct timer *last;

    assert(i < h->n && h->at[i] == t);
    last = h->at[--h->n];
    if (last == t)
        return;
    if (i > 0 && sooner(last, h->at[(i - 1) / 2]))
        rise(h, i, last);
    else
        sink(h, i, last);
}

struct timer *timer_heap_first(const struct timer_heap *h)
{
    return h->n ? h->at[0] : NULL;
}
