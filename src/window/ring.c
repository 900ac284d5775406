#include "window/ring.h"

#include <math.h>
#include <string.h>

static void empty_cells(const struct leaf *l, struct slot *s, uint32_t at, uint32_t n)
{
    size_t size = l->kind->cell;
    char *cell = ring_cells(s) + at * size;

    for (uint32_t i = 0; i < n; i++, cell += size)
        memcpy(cell, l->kind->empty, size);
}

void ring_advance(const struct leaf *l, struct slot *s, uint32_t pane)
{
    uint32_t n = pane - s->head, first, rest;

    if (s->head == 0 || n >= l->ring.d) {
        empty_cells(l, s, 0, l->ring.d);
    } else {
        first = mod32(l->ring, s->head + 1);
        rest = l->ring.d - first;
        empty_cells(l, s, first, n < rest ? n : rest);
        if (n > rest)
            empty_cells(l, s, 0, n - rest);
    }
    s->head = pane;
}

static uint32_t oldest(const struct leaf *l, const struct slot *s)
{
    return s->head >= l->ring.d ? s->head - l->ring.d + 1 : 1;
}

static const char *cell_of(const struct leaf *l, const struct slot *s, uint32_t pane)
{
    return ring_cells(s) + (size_t)mod32(l->ring, pane) * l->kind->cell;
}

static char *extra_of(const struct leaf *l, const struct slot *s)
{
    return ring_cells(s) + (size_t)l->ring.d * l->kind->cell;
}

/* count | (distance from head, words of the cell) … newest first | the numbers
 * behind the ring; cells are 8-byte words. */
void ring_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    size_t size = l->kind->cell;
    uint32_t n = 0;

    for (uint32_t pane = s->head; s->head && pane >= oldest(l, s); pane--)
        n += memcmp(cell_of(l, s, pane), l->kind->empty, size) != 0;
    buf_add_varint(out, n);
    for (uint32_t pane = s->head; n > 0; pane--) {
        const char *cell = cell_of(l, s, pane);

        if (memcmp(cell, l->kind->empty, size) == 0)
            continue;
        buf_add_varint(out, s->head - pane);
        for (size_t at = 0; at < size; at += sizeof(double)) {
            double word;

            memcpy(&word, cell + at, sizeof word);
            number_encode(out, word);
        }
        n--;
    }
    for (size_t at = 0; at < l->kind->extra; at += sizeof(double)) {
        double word;

        memcpy(&word, extra_of(l, s) + at, sizeof word);
        number_encode(out, s->head ? word : 0);
    }
}

int ring_decode(const struct leaf *l, struct slot *s, struct cursor *c)
{
    uint64_t n = cursor_varint(c);
    size_t size = l->kind->cell;
    uint32_t head = pane_of(l->pane, second_of(s->newest_ms));

    if (c->failed || n > l->ring.d || (n > 0 && head == 0))
        return -1;
    if (head)
        ring_advance(l, s, head);
    for (; n > 0; n--) {
        uint64_t back = cursor_varint(c);
        double words[4];

        for (size_t i = 0; i < size / sizeof *words; i++)
            words[i] = number_decode(c);
        if (c->failed || back >= l->ring.d || back >= s->head || !l->kind->cell_ok(words))
            return -1;
        memcpy(ring_cells(s) + (size_t)mod32(l->ring, s->head - (uint32_t)back) * size, words,
               size);
    }
    for (size_t at = 0; at < l->kind->extra; at += sizeof(double)) {
        double word = number_decode(c);

        if (c->failed || !isfinite(word) || word < 0)
            return -1;
        memcpy(extra_of(l, s) + at, &word, sizeof word);
    }
    return 0;
}

/* Of the numbers behind the ring the larger one holds. */
void ring_merge(const struct leaf *l, struct slot *into, const struct slot *from)
{
    for (size_t at = 0; at < l->kind->extra; at += sizeof(double)) {
        double a, b;

        memcpy(&a, extra_of(l, into) + at, sizeof a);
        memcpy(&b, extra_of(l, from) + at, sizeof b);
        if (into->head == 0 || b > a)
            memcpy(extra_of(l, into) + at, &b, sizeof b);
    }
    if (from->head > into->head)
        ring_advance(l, into, from->head);
    for (uint32_t pane = from->head; from->head && pane >= oldest(l, from); pane--) {
        if (into->head - pane >= l->ring.d)
            break;
        l->kind->merge_cell((char *)(uintptr_t)cell_of(l, into, pane), cell_of(l, from, pane));
    }
}
