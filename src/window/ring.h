/* Rings of panes: what most kinds are made of. Cells of one kind have one size. */
#ifndef TOCSIN_WINDOW_RING_H
#define TOCSIN_WINDOW_RING_H

#include "window/kind.h"

static inline char *ring_cells(const struct slot *s)
{
    return (char *)(uintptr_t)(s + 1);
}

/* Moves the ring on to `pane`, emptying what it passes. */
void ring_advance(const struct leaf *l, struct slot *s, uint32_t pane);

/* The cell of the pane that ends at or after `second`; NULL: it is no longer kept. */
static inline void *ring_at(const struct leaf *l, struct slot *s, uint32_t second)
{
    uint32_t pane = pane_of(l->pane, second);

    if (pane > s->head)
        ring_advance(l, s, pane);
    else if (s->head - pane >= l->ring.d)
        return NULL;
    return ring_cells(s) + (size_t)mod32(l->ring, pane) * l->kind->cell;
}

/* The part of a span that a ring holds: `n` cells from `at` on (cyclically), the first of them
 * weighed. */
struct clip {
    uint32_t at, n;
    double weight;
};

static inline bool ring_clip(const struct leaf *l, const struct slot *s, const struct span *p,
                             struct clip *c)
{
    uint32_t hi = p->hi < s->head ? p->hi : s->head, lo = p->lo, back;

    c->weight = p->weight;
    if (s->head >= l->ring.d && lo <= s->head - l->ring.d) {
        lo = s->head - l->ring.d + 1;
        c->weight = 1;
    }
    if (s->head == 0 || lo > hi)
        return false;
    back = p->hi - lo; /* below ring.d: a span is never longer than a ring */
    c->at = p->hi_at >= back ? p->hi_at - back : p->hi_at + l->ring.d - back;
    c->n = hi - lo + 1;
    return true;
}

void ring_encode(const struct leaf *l, const struct slot *s, struct buf *out);
int ring_decode(const struct leaf *l, struct slot *s, struct cursor *c) MUST_USE;
void ring_merge(const struct leaf *l, struct slot *into, const struct slot *from);

#endif
