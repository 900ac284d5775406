/* A classic histogram: what each of its buckets grew by, per pane.
 *
 *   buckets | bound[cap] | order[cap] | cells: ring of panes, each with cap 32-bit increments
 *
 * A row belongs to one upper bound for as long as the block lives (plans name it), `order` lists
 * the rows by bound. Counts stay cumulative over the bounds, as they are sent. Counts are whole
 * numbers; a pane holds up to 4 thousand million of them. */
#include <math.h>

#include "window/quantile.h"
#include "window/ring.h"
#include "window/windows.h"

struct buckets {
    struct dist dist;
    uint16_t n, cap;
    double bound[];
};

static uint16_t *order_of(const struct buckets *b)
{
    return (uint16_t *)(uintptr_t)(b->bound + b->cap);
}

static uint32_t *cells_of(const struct buckets *b, uint32_t at)
{
    return (uint32_t *)(uintptr_t)(order_of(b) + b->cap) + (size_t)at * b->cap;
}

static struct buckets *buckets_of(const struct slot *s)
{
    return (struct buckets *)dist_of(s);
}

static size_t buckets_bytes(const struct leaf *l, uint32_t cap)
{
    return sizeof(struct buckets) + cap * (sizeof(double) + sizeof(uint16_t)) +
           (size_t)cap * l->ring.d * sizeof(uint32_t);
}

static struct buckets *resized(struct windows *w, const struct leaf *l, const struct slot *s,
                               uint32_t cap)
{
    struct buckets *old = buckets_of(s), *b;

    if (cap > BUCKETS_MAX || buckets_bytes(l, cap) > DIST_BYTES)
        return NULL;
    b = (struct buckets *)dist_new(w, buckets_bytes(l, cap), DIST_BUCKETS);
    if (!b)
        return NULL;
    b->cap = (uint16_t)cap;
    if (!old || old->dist.mode != DIST_BUCKETS)
        return b;
    b->n = old->n;
    memcpy(b->bound, old->bound, old->n * sizeof *old->bound);
    memcpy(order_of(b), order_of(old), old->n * sizeof(uint16_t));
    for (uint32_t at = 0; at < l->ring.d; at++)
        memcpy(cells_of(b, at), cells_of(old, at), old->n * sizeof(uint32_t));
    return b;
}

/* Capacities are multiples of 8, so that the cells are aligned. */
static uint32_t next_capacity(const struct leaf *l, const struct buckets *b)
{
    uint32_t cap;

    if (!b)
        return buckets_bytes(l, 16) <= DIST_BYTES ? 16 : 8;
    cap = (b->cap + b->cap / 2u + 7) & ~7u;
    return b->cap < BUCKETS_MAX && cap > BUCKETS_MAX ? BUCKETS_MAX : cap;
}

/* Makes sure there is a block of buckets with a free row. Raw values that a group had before its
 * first bucket was seen are dropped. */
static int make_room(struct windows *w, const struct leaf *l, struct slot *s)
{
    struct buckets *b = buckets_of(s);
    bool is_new = !b || b->dist.mode != DIST_BUCKETS;

    if (!is_new && b->n < b->cap)
        return 0;
    b = resized(w, l, s, next_capacity(l, is_new ? NULL : b));
    if (!b)
        return -1;
    dist_drop(w, s);
    dist_set(s, &b->dist);
    if (is_new) {
        s->newest_ms = 0;
        s->head = 0;
    }
    return 0;
}

uint32_t buckets_row(struct windows *w, const struct leaf *l, struct slot *s, double bound)
{
    struct buckets *b = buckets_of(s);
    uint32_t at, row;

    if (b && b->dist.mode == DIST_BUCKETS)
        for (row = 0; row < b->n; row++)
            if (b->bound[row] == bound)
                return row;
    if (make_room(w, l, s) != 0)
        return ROW_NONE;
    b = buckets_of(s);
    row = at = b->n++;
    b->bound[row] = bound;
    for (; at > 0 && b->bound[order_of(b)[at - 1]] > bound; at--)
        order_of(b)[at] = order_of(b)[at - 1];
    order_of(b)[at] = (uint16_t)row;
    return row;
}

static void clear_panes(struct buckets *b, uint32_t at, uint32_t n)
{
    memset(cells_of(b, at), 0, (size_t)n * b->cap * sizeof(uint32_t));
}

static void advance(const struct leaf *l, struct slot *s, uint32_t pane)
{
    struct buckets *b = buckets_of(s);
    uint32_t n = pane - s->head, first, rest;

    if (s->head == 0 || n >= l->ring.d) {
        clear_panes(b, 0, l->ring.d);
    } else {
        first = mod32(l->ring, s->head + 1);
        rest = l->ring.d - first;
        clear_panes(b, first, n < rest ? n : rest);
        if (n > rest)
            clear_panes(b, 0, n - rest);
    }
    s->head = pane;
}

static bool add_count(const struct leaf *l, struct slot *s, uint32_t pane, uint32_t row,
                      double count)
{
    uint32_t *cell;

    if (pane > s->head)
        advance(l, s, pane);
    else if (s->head - pane >= l->ring.d)
        return false;
    cell = cells_of(buckets_of(s), mod32(l->ring, pane)) + row;
    if (count > 0)
        *cell = count + *cell >= UINT32_MAX ? UINT32_MAX : *cell + (uint32_t)llround(count);
    return true;
}

bool buckets_add(const struct leaf *l, struct slot *s, const struct step *x, uint32_t row)
{
    if (!(x->flags & (STEP_ORDERED | STEP_DELTA)) || row >= buckets_of(s)->n)
        return false;
    if (!add_count(l, s, pane_of(l->pane, x->second), row, x->flags & STEP_INC ? x->inc : 0))
        return false;
    slot_note(s, x->t_ms);
    return true;
}

/* Bounds ascending with the counts up to each: as they are in the window, smoothed where a bucket
 * missed a scrape, closed by +Inf. */
struct steps {
    uint32_t n;
    double bound[BUCKETS_MAX], count[BUCKETS_MAX];
};

static void add_pane(const struct buckets *b, uint32_t at, double weight, double *counts)
{
    const uint32_t *cells = cells_of(b, at);

    for (uint32_t row = 0; row < b->n; row++)
        counts[row] += weight * cells[row];
}

static bool steps_of(const struct leaf *l, const struct slot *s, const struct span *p,
                     struct steps *t)
{
    const struct buckets *b = buckets_of(s);
    double counts[BUCKETS_MAX] = {0};
    struct clip c;

    if (b->n == 0 || !ring_clip(l, s, p, &c))
        return false;
    for (uint32_t i = 0, at = c.at; i < c.n; i++) {
        add_pane(b, at, i == 0 ? c.weight : 1, counts);
        at = at + 1 == l->ring.d ? 0 : at + 1;
    }
    t->n = b->n;
    for (uint32_t i = 0; i < b->n; i++) {
        t->bound[i] = b->bound[order_of(b)[i]];
        t->count[i] = counts[order_of(b)[i]];
        if (i > 0 && t->count[i] < t->count[i - 1])
            t->count[i] = t->count[i - 1];
    }
    return isinf(t->bound[t->n - 1]) && t->count[t->n - 1] > 0;
}

/* Where bucket i begins, and how many lie below it. The first one begins at zero, unless its
 * bound is below zero. */
static double lower_edge(const struct steps *t, uint32_t i, double *before)
{
    *before = i > 0 ? t->count[i - 1] : 0;
    if (i > 0)
        return t->bound[i - 1];
    return t->bound[0] < 0 ? t->bound[0] : 0;
}

bool buckets_quantile(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct steps t;
    double rank, edge, before;
    uint32_t i = 0;

    if (!steps_of(l, s, p, &t))
        return false;
    rank = l->spec->param * t.count[t.n - 1];
    while (i + 1 < t.n && (t.count[i] <= 0 || t.count[i] < rank))
        i++;
    if (isinf(t.bound[i])) {
        *v = i > 0 ? t.bound[i - 1] : 0;
        return i > 0;
    }
    edge = lower_edge(&t, i, &before);
    *v = edge;
    if (t.count[i] > before)
        *v += (t.bound[i] - edge) * (rank - before) / (t.count[i] - before);
    return true;
}

bool buckets_fraction(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct steps t;
    double x = l->spec->param, edge, before, all;
    uint32_t i = 0;

    if (!steps_of(l, s, p, &t))
        return false;
    all = t.count[t.n - 1];
    while (i < t.n && x >= t.bound[i])
        i++;
    *v = 1;
    if (i == t.n)
        return true;
    edge = lower_edge(&t, i, &before);
    *v = before / all;
    if (!isinf(t.bound[i]) && x > edge)
        *v = (before + (t.count[i] - before) * (x - edge) / (t.bound[i] - edge)) / all;
    return true;
}

int buckets_merge(struct windows *w, const struct leaf *l, struct slot *into,
                  const struct leaf *from_leaf, const struct slot *from)
{
    const struct buckets *b = buckets_of(from);
    uint32_t row;

    for (uint32_t i = 0; i < b->n; i++) {
        row = buckets_row(w, l, into, b->bound[i]);
        if (row == ROW_NONE)
            return -1;
        for (uint32_t back = 0; back < from_leaf->ring.d && back < from->head; back++) {
            uint32_t pane = from->head - back;
            uint32_t count = cells_of(b, mod32(from_leaf->ring, pane))[i];

            (void)add_count(l, into, pane, row, count);
        }
    }
    return 0;
}

/* head | rows | (bound, number, (back, count) …) … */
void buckets_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    const struct buckets *b = buckets_of(s);
    uint32_t kept = s->head < l->ring.d ? s->head : l->ring.d;

    buf_add_varint(out, leaf_wall_pane(l, l->pane, s->head));
    buf_add_varint(out, b->n);
    for (uint32_t row = 0; row < b->n; row++) {
        uint32_t n = 0;

        for (uint32_t back = 0; back < kept; back++)
            n += cells_of(b, mod32(l->ring, s->head - back))[row] > 0;
        buf_add_f64(out, b->bound[row]);
        buf_add_varint(out, n);
        for (uint32_t back = 0; back < kept; back++) {
            uint32_t count = cells_of(b, mod32(l->ring, s->head - back))[row];

            if (count == 0)
                continue;
            buf_add_varint(out, back);
            buf_add_varint(out, count);
        }
    }
}

static int decode_row(struct windows *w, const struct leaf *l, struct slot *s, uint32_t head,
                      struct cursor *c)
{
    double bound = cursor_f64(c);
    uint64_t n = cursor_varint(c);
    uint32_t row;

    if (c->failed || isnan(bound) || n > l->ring.d)
        return -1;
    row = buckets_row(w, l, s, bound);
    if (row == ROW_NONE)
        return -1;
    if (head > s->head)
        advance(l, s, head);
    for (; n > 0; n--) {
        uint64_t back = cursor_varint(c), count = cursor_varint(c);

        if (c->failed || back >= l->ring.d || back >= head || count > UINT32_MAX)
            return -1;
        (void)add_count(l, s, head - (uint32_t)back, row, (double)count);
    }
    return 0;
}

int buckets_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    uint64_t head = cursor_varint(c), rows = cursor_varint(c);
    int64_t newest_ms = s->newest_ms;

    if (c->failed || head > TIME_MAX_S || rows > BUCKETS_MAX || make_room(w, l, s) != 0)
        return -1;
    for (; rows > 0; rows--)
        if (decode_row(w, l, s, (uint32_t)head, c) != 0)
            return -1;
    s->newest_ms = newest_ms;
    return 0;
}
