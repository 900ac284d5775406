/* Up to 256 values of a group, in order of time and in order of value at once.
 *
 *   raw | by_time[cap] | by_value[cap] | t[cap] | v[cap] | weight[cap], only when some is not 1
 *
 * v, t and weight are cells that stay where they are; by_time and by_value are permutations of
 * cell numbers, one byte each, so keeping them sorted moves at most 256 bytes. by_time[n…cap) are
 * the free cells. Times are in units (1 ms; 1 s for spans beyond twenty days) modulo 2^32 and
 * are compared by their age. 14 bytes a value. */
#include <math.h>

#include "window/quantile.h"
#include "window/windows.h"

#define PICK_MAX 16 /* outside the window: beyond that one walk is cheaper */

struct raw {
    struct dist dist;
    uint16_t n, cap;
    uint8_t weighted;
};

struct view { /* the arrays of a block */
    struct raw *raw;
    double *v;
    uint32_t *t;
    uint16_t *weight; /* NULL: all 1 */
    uint8_t *by_time, *by_value;
};

static const uint16_t capacities[] = {8, 16, 32, 64, 96, 128, 192, RAW_MAX};

size_t raw_bytes(uint32_t cap, bool weighted)
{
    return sizeof(struct raw) + cap * (sizeof(double) + sizeof(uint32_t) + 2 + (weighted ? 2u : 0));
}

static struct view view_of(const struct slot *s)
{
    struct raw *r = (struct raw *)dist_of(s);
    size_t cap = r->cap; /* a multiple of 8: what follows stays aligned */
    uint8_t *body = (uint8_t *)(r + 1);
    struct view a = {.raw = r, .by_time = body, .by_value = body + cap};

    a.t = (uint32_t *)(body + 2 * cap);
    a.v = (double *)(body + 6 * cap);
    if (r->weighted)
        a.weight = (uint16_t *)(body + 14 * cap);
    return a;
}

static int64_t unit_ms(const struct leaf *l)
{
    return l->spec->window_ms + l->spec->offset_ms < INT64_C(1728000000) ? 1 : 1000;
}

static uint32_t units(const struct leaf *l, int64_t t_ms)
{
    return (uint32_t)(t_ms / unit_ms(l));
}

/* Units between the newest sample and `t_ms`; a time after it has age 0. */
static uint32_t age_of(const struct leaf *l, const struct slot *s, int64_t t_ms)
{
    int64_t age = s->newest_ms / unit_ms(l) - t_ms / unit_ms(l);

    return age < 0 ? 0 : age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

static double weight_of(const struct view *a, uint8_t id)
{
    return a->weight ? a->weight[id] : 1;
}

/* The first place in by_value whose value is not below `v` (or, `after`, is above it). */
static uint32_t rank_of(const struct view *a, double v, bool after)
{
    uint32_t low = 0, high = a->raw->n;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        double there = a->v[a->by_value[mid]];

        if (there < v || (after && there == v))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void remove_at(struct view *a, uint32_t place)
{
    uint8_t id = a->by_time[place];
    uint32_t n = --a->raw->n, rank;

    a->raw->n++;
    rank = rank_of(a, a->v[id], false);
    while (a->by_value[rank] != id)
        rank++;
    a->raw->n--;
    memmove(a->by_value + rank, a->by_value + rank + 1, n - rank);
    memmove(a->by_time + place, a->by_time + place + 1, n - place);
    a->by_time[n] = id;
}

static void insert(struct view *a, uint32_t newest, uint32_t t, double v, double weight)
{
    uint32_t n = a->raw->n, place = n, rank = rank_of(a, v, true);
    uint8_t id = a->by_time[n];

    while (place > 0 && newest - a->t[a->by_time[place - 1]] < newest - t)
        place--;
    memmove(a->by_time + place + 1, a->by_time + place, n - place);
    a->by_time[place] = id;
    memmove(a->by_value + rank + 1, a->by_value + rank, n - rank);
    a->by_value[rank] = id;
    a->v[id] = v;
    a->t[id] = t;
    if (a->weight)
        a->weight[id] = (uint16_t)(weight > 65535 ? 65535 : weight < 1 ? 1 : lround(weight));
    a->raw->n++;
}

/* A larger block, or one with weights, with the same values. */
static int grow(struct windows *w, struct slot *s, uint32_t cap, bool weighted)
{
    struct raw *r = (struct raw *)dist_new(w, raw_bytes(cap, weighted), DIST_RAW);
    struct view old, next;
    struct slot *copy, space[2] = {{0}};
    uint8_t moved[RAW_MAX];

    if (!r)
        return -1;
    r->cap = (uint16_t)cap;
    r->weighted = weighted;
    copy = &space[0];
    dist_set(copy, &r->dist);
    next = view_of(copy);
    for (uint32_t i = 0; i < cap; i++)
        next.by_time[i] = (uint8_t)i;
    if (dist_of(s)) {
        old = view_of(s);
        r->n = old.raw->n;
        for (uint32_t i = 0; i < r->n; i++) {
            next.v[i] = old.v[old.by_time[i]];
            next.t[i] = old.t[old.by_time[i]];
            if (next.weight)
                next.weight[i] = (uint16_t)weight_of(&old, old.by_time[i]);
        }
        for (uint32_t i = 0; i < r->n; i++)
            moved[old.by_time[i]] = (uint8_t)i;
        for (uint32_t i = 0; i < r->n; i++)
            next.by_value[i] = moved[old.by_value[i]];
        dist_drop(w, s);
    }
    dist_set(s, &r->dist);
    return 0;
}

static uint32_t next_capacity(uint32_t n)
{
    size_t i = 0;

    while (capacities[i] <= n && capacities[i] < RAW_MAX)
        i++;
    return capacities[i];
}

static void evict(const struct leaf *l, const struct slot *s, struct view *a)
{
    uint32_t newest = units(l, s->newest_ms);
    uint32_t keep = (uint32_t)((l->spec->window_ms + l->spec->offset_ms) / unit_ms(l));

    while (a->raw->n > 0 && newest - a->t[a->by_time[0]] >= keep)
        remove_at(a, 0);
}

static void take_back(const struct leaf *l, const struct step *x, struct view *a)
{
    for (uint32_t place = a->raw->n; place > 0; place--) {
        uint8_t id = a->by_time[place - 1];

        if (a->t[id] != units(l, x->t_ms))
            return;
        if (a->v[id] == x->old) {
            remove_at(a, place - 1);
            return;
        }
    }
}

enum raw_added raw_add(struct windows *w, const struct leaf *l, struct slot *s,
                       const struct step *x)
{
    bool weighted = x->weight != 1;
    struct view a;

    if (s->newest_ms - x->t_ms >= l->spec->window_ms + l->spec->offset_ms)
        return RAW_REFUSED;
    if (!dist_of(s) && grow(w, s, capacities[0], weighted) != 0)
        return RAW_REFUSED;
    slot_note(s, x->t_ms);
    a = view_of(s);
    evict(l, s, &a);
    if (x->flags & STEP_REWRITE)
        take_back(l, x, &a);
    if (a.raw->n == RAW_MAX)
        return RAW_FULL;
    if (a.raw->n == a.raw->cap || (weighted && !a.weight)) {
        uint32_t cap = a.raw->n == a.raw->cap ? next_capacity(a.raw->n) : a.raw->cap;

        if (grow(w, s, cap, weighted || a.weight) != 0)
            return RAW_REFUSED;
        a = view_of(s);
    }
    insert(&a, units(l, s->newest_ms), units(l, x->t_ms), x->v, x->weight);
    return RAW_ADDED;
}

/* The values outside a span are the `front` oldest and the `back` newest. */
struct inside {
    uint32_t front, back;
};

static struct inside inside_of(const struct leaf *l, const struct slot *s, const struct span *p,
                               const struct view *a)
{
    uint32_t newest = units(l, s->newest_ms), n = a->raw->n;
    uint32_t from_age = age_of(l, s, p->from_ms), to_age = age_of(l, s, p->to_ms);
    struct inside in = {0, 0};

    if (p->from_ms >= s->newest_ms) {
        in.front = n;
        return in;
    }
    while (in.front < n && newest - a->t[a->by_time[in.front]] >= from_age)
        in.front++;
    while (to_age > 0 && in.front + in.back < n &&
           newest - a->t[a->by_time[n - 1 - in.back]] < to_age)
        in.back++;
    return in;
}

/* The value of rank k among those inside, where few are outside: it stands at k plus the number of
 * those outside that are not above it, which only the value can tell. Going up from k finds the
 * first place that fits. */
static double pick(const struct view *a, struct inside in, uint32_t k)
{
    uint32_t n = a->raw->n, at = k, next;

    for (;; at = next) {
        double v = a->v[a->by_value[at]];

        next = k;
        for (uint32_t i = 0; i < in.front; i++)
            next += a->v[a->by_time[i]] <= v;
        for (uint32_t i = 0; i < in.back; i++)
            next += a->v[a->by_time[n - 1 - i]] <= v;
        if (next == at)
            return v;
    }
}

/* Walks the values inside, in order, from the smaller end or from the larger one, until `skip`
 * of them have passed: where values are left out or weighed there is no index to jump to. */
static double walk(const struct view *a, struct inside in, double skip, double all)
{
    uint64_t out[RAW_MAX / 64] = {0};
    uint32_t n = a->raw->n;
    bool down = skip > all / 2;
    double passed = 0;
    uint8_t id = 0;

    for (uint32_t i = 0; i < in.front + in.back; i++) {
        id = a->by_time[i < in.front ? i : n - 1 - (i - in.front)];
        out[id / 64] |= UINT64_C(1) << (id % 64);
    }
    if (down)
        skip = all - 1 - skip;
    for (uint32_t i = 0; i < n; i++) {
        id = a->by_value[down ? n - 1 - i : i];
        if (out[id / 64] >> (id % 64) & 1)
            continue;
        passed += weight_of(a, id);
        if (passed > skip)
            break;
    }
    return a->v[id];
}

static double total_weight(const struct view *a, struct inside in)
{
    double all = 0;

    if (!a->weight)
        return a->raw->n - in.front - in.back;
    for (uint32_t i = in.front; i + in.back < a->raw->n; i++)
        all += a->weight[a->by_time[i]];
    return all;
}

/* Rank q(n-1) of the values in order, between two of them their interpolation. A value of weight
 * 10 stands there ten times. */
bool raw_quantile(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct view a = view_of(s);
    struct inside in = inside_of(l, s, p, &a);
    double all = total_weight(&a, in), rank, below, low, high;

    if (all <= 0)
        return false;
    rank = l->spec->param * (all - 1);
    below = floor(rank);
    if (in.front + in.back <= PICK_MAX && !a.weight) {
        low = pick(&a, in, (uint32_t)below);
        high = rank > below ? pick(&a, in, (uint32_t)below + 1) : low;
    } else {
        low = walk(&a, in, below, all);
        high = rank > below ? walk(&a, in, below + 1, all) : low;
    }
    *v = low + (high - low) * (rank - below);
    return true;
}

bool raw_fraction(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    struct view a = view_of(s);
    struct inside in = inside_of(l, s, p, &a);
    double all = total_weight(&a, in), below = 0;

    for (uint32_t i = in.front; i + in.back < a.raw->n; i++) {
        uint8_t id = a.by_time[i];

        below += a.v[id] <= l->spec->param ? weight_of(&a, id) : 0;
    }
    *v = all > 0 ? below / all : 0;
    return all > 0;
}

/* 0: the head of the block and the oldest places; 1: the order at the rank; 2: the values. */
void raw_prefetch(const struct leaf *l, const struct slot *s, int stage)
{
    const struct raw *r = (const struct raw *)dist_of(s);
    struct view a;
    uint32_t at;

    if (stage == 0) {
        __builtin_prefetch(r);
        return;
    }
    if (r->n == 0)
        return;
    a = view_of(s);
    at = l->spec->fn == LEAF_QUANTILE ? (uint32_t)(l->spec->param * (r->n - 1)) : 0;
    if (stage == 1) {
        __builtin_prefetch(a.by_value + at);
        __builtin_prefetch(&a.t[a.by_time[0]]);
        return;
    }
    __builtin_prefetch(&a.v[a.by_value[at]]);
    __builtin_prefetch(&a.v[a.by_value[at + 1 < r->n ? at + 1 : at]]);
    __builtin_prefetch(&a.v[a.by_time[0]]);
}

void raw_each(const struct leaf *l, const struct slot *s,
              void (*each)(int64_t t_ms, double v, double weight, void *arg), void *arg)
{
    struct view a = view_of(s);
    uint32_t newest = units(l, s->newest_ms);

    for (uint32_t i = 0; i < a.raw->n; i++) {
        uint8_t id = a.by_time[i];
        int64_t age_ms = (int64_t)(newest - a.t[id]) * unit_ms(l);

        each(s->newest_ms - age_ms, a.v[id], weight_of(&a, id), arg);
    }
}

/* n | weighted | (age, value, weight when weighted) … oldest first */
void raw_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    struct view a = view_of(s);
    uint32_t newest = units(l, s->newest_ms);

    buf_add_varint(out, a.raw->n);
    buf_add_u8(out, a.raw->weighted);
    for (uint32_t i = 0; i < a.raw->n; i++) {
        uint8_t id = a.by_time[i];

        buf_add_varint(out, newest - a.t[id]);
        number_encode(out, a.v[id]);
        if (a.weight)
            buf_add_varint(out, a.weight[id]);
    }
}

int raw_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    uint64_t n = cursor_varint(c);
    bool weighted = cursor_u8(c) != 0;
    uint32_t newest = units(l, s->newest_ms);
    struct view a;

    if (c->failed || n > RAW_MAX)
        return -1;
    if (grow(w, s, next_capacity(n > 0 ? (uint32_t)n - 1 : 0), weighted) != 0)
        return -1;
    a = view_of(s);
    for (; n > 0; n--) {
        uint64_t age = cursor_varint(c);
        double v = number_decode(c);
        uint64_t weight = weighted ? cursor_varint(c) : 1;

        if (c->failed || age > INT32_MAX || !isfinite(v) || weight < 1 || weight > 65535)
            return -1;
        insert(&a, newest, newest - (uint32_t)age, v, (double)weight);
    }
    return 0;
}
