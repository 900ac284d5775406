#include "alert/due.h"

#include <assert.h>

#include "alert/book.h"
#include "alert/external.h"
#include "base/mem.h"

static void set(struct due_heap *h, size_t i, struct due_slot s)
{
    h->slots[i] = s;
    s.e->x->due_at = i;
}

static void up(struct due_heap *h, size_t i)
{
    struct due_slot s = h->slots[i];

    for (; i > 0 && h->slots[(i - 1) / 2].at_ms > s.at_ms; i = (i - 1) / 2)
        set(h, i, h->slots[(i - 1) / 2]);
    set(h, i, s);
}

static void down(struct due_heap *h, size_t i)
{
    struct due_slot s = h->slots[i];

    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && h->slots[child + 1].at_ms < h->slots[child].at_ms)
            child++;
        if (h->slots[child].at_ms >= s.at_ms)
            break;
        set(h, i, h->slots[child]);
    }
    set(h, i, s);
}

int due_reserve(struct due_heap *h)
{
    return mem_grow((void **)&h->slots, &h->cap, h->n + 1, sizeof *h->slots);
}

void due_add(struct due_heap *h, struct alert_entry *e, int64_t at_ms)
{
    assert(h->n < h->cap);
    h->slots[h->n] = (struct due_slot){at_ms, e};
    up(h, h->n++);
}

void due_move(struct due_heap *h, struct alert_entry *e, int64_t at_ms)
{
    size_t i = e->x->due_at;

    assert(i < h->n && h->slots[i].e == e);
    h->slots[i].at_ms = at_ms;
    up(h, i);
    down(h, e->x->due_at);
}

void due_remove(struct due_heap *h, struct alert_entry *e)
{
    size_t i = e->x->due_at;

    assert(i < h->n && h->slots[i].e == e);
    h->n--;
    if (i == h->n)
        return;
    e = h->slots[h->n].e; /* the last one takes its place */
    set(h, i, h->slots[h->n]);
    up(h, i);
    down(h, e->x->due_at);
}

struct alert_entry *due_first(const struct due_heap *h, int64_t *at_ms)
{
    if (h->n == 0)
        return NULL;
    *at_ms = h->slots[0].at_ms;
    return h->slots[0].e;
}

void due_free(struct due_heap *h)
{
    mem_free(h->slots);
    *h = (struct due_heap){0};
}
