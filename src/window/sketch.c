/* Many values of a group: DDSketch (Masson, Rim, Lee 2019) with a relative error of 1 %, one for
 * each of about twelve panes, kept together.
 *
 *   sketch | key[cap], ascending | counts: cap rows of one 32-bit count per pane
 *
 * A value v belongs to the bin ceil(log(|v|) / log(g)), g = 1.01 / 0.99; the key adds the sign
 * and is ascending in v, so a walk along the rows is a walk along the values. Panes expire by
 * being cleared: counts are never subtracted. The oldest pane of a window counts whole. */
#include <math.h>

#include "window/quantile.h"
#include "window/ring.h"
#include "window/windows.h"

#define GAMMA     (1.01 / 0.99)
#define SMALLEST  1e-12 /* nearer to zero is zero */
#define BIN_SHIFT 1400  /* bins of values above SMALLEST start above -1400 */
#define BIN_MAX   30000

struct sketch {
    struct dist dist;
    uint16_t n, cap;
    uint32_t head; /* newest pane */
    int16_t key[];
};

static size_t keys_bytes(uint32_t cap)
{
    return (cap * sizeof(int16_t) + 7) & ~(size_t)7;
}

static size_t sketch_bytes(const struct leaf *l, uint32_t cap)
{
    return sizeof(struct sketch) + keys_bytes(cap) + (size_t)cap * l->sketch_panes * 4;
}

static struct sketch *sketch_of(const struct slot *s)
{
    return (struct sketch *)dist_of(s);
}

static uint32_t *row_of(const struct leaf *l, const struct sketch *k, uint32_t row)
{
    uint32_t *counts = (uint32_t *)(uintptr_t)((const char *)k->key + keys_bytes(k->cap));

    return counts + (size_t)row * l->sketch_panes;
}

static int16_t key_of(double v)
{
    double bin;

    if (fabs(v) < SMALLEST)
        return 0;
    bin = ceil(log(fabs(v)) / log(GAMMA)) + BIN_SHIFT;
    bin = bin < 1 ? 1 : bin > BIN_MAX ? BIN_MAX : bin;
    return (int16_t)(v < 0 ? -bin : bin);
}

static double value_of(int16_t key)
{
    double v;

    if (key == 0)
        return 0;
    v = 2 * pow(GAMMA, (key < 0 ? -key : key) - BIN_SHIFT) / (GAMMA + 1);
    return key < 0 ? -v : v;
}

static uint32_t place_of(const struct sketch *k, int16_t key)
{
    uint32_t low = 0, high = k->n;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (k->key[mid] < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static uint32_t bins_max(const struct leaf *l)
{
    size_t fit = (DIST_BYTES - sizeof(struct sketch)) / (l->sketch_panes * 4 + 8);

    return fit < SKETCH_BINS ? (uint32_t)fit : SKETCH_BINS;
}

static bool row_is_empty(const struct leaf *l, const uint32_t *row)
{
    for (uint32_t i = 0; i < l->sketch_panes; i++)
        if (row[i])
            return false;
    return true;
}

static void drop_empty_rows(const struct leaf *l, struct sketch *k)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < k->n; i++) {
        if (row_is_empty(l, row_of(l, k, i)))
            continue;
        if (kept < i) {
            k->key[kept] = k->key[i];
            memcpy(row_of(l, k, kept), row_of(l, k, i), l->sketch_panes * 4);
        }
        kept++;
    }
    k->n = (uint16_t)kept;
}

static struct sketch *sketch_new(struct windows *w, const struct leaf *l, uint32_t cap)
{
    struct sketch *k = (struct sketch *)dist_new(w, sketch_bytes(l, cap), DIST_SKETCH);

    if (k)
        k->cap = (uint16_t)cap;
    return k;
}

static int make_room(struct windows *w, const struct leaf *l, struct slot *s)
{
    struct sketch *k = sketch_of(s), *next;
    uint32_t cap = k->cap * 2u < bins_max(l) ? k->cap * 2u : bins_max(l);

    drop_empty_rows(l, k);
    if (k->n <= k->cap / 4 * 3)
        return 0;
    if (cap <= k->cap || !(next = sketch_new(w, l, cap)))
        return k->n < k->cap ? 0 : -1;
    next->n = k->n;
    next->head = k->head;
    memcpy(next->key, k->key, k->n * sizeof *k->key);
    memcpy(row_of(l, next, 0), row_of(l, k, 0), (size_t)k->n * l->sketch_panes * 4);
    dist_drop(w, s);
    dist_set(s, &next->dist);
    return 0;
}

/* The row for a key; where there is no room for one more, that of its neighbour. */
static uint32_t *row_for(struct windows *w, const struct leaf *l, struct slot *s, int16_t key)
{
    struct sketch *k = sketch_of(s);
    uint32_t at = place_of(k, key);

    if (at < k->n && k->key[at] == key)
        return row_of(l, k, at);
    if (k->n == k->cap && make_room(w, l, s) != 0)
        return row_of(l, k, at < k->n ? at : k->n - 1u);
    k = sketch_of(s);
    at = place_of(k, key);
    memmove(k->key + at + 1, k->key + at, (k->n - at) * sizeof *k->key);
    memmove(row_of(l, k, at + 1), row_of(l, k, at), (size_t)(k->n - at) * l->sketch_panes * 4);
    memset(row_of(l, k, at), 0, l->sketch_panes * 4);
    k->key[at] = key;
    k->n++;
    return row_of(l, k, at);
}

static bool advance(const struct leaf *l, struct sketch *k, uint32_t pane)
{
    uint32_t n;

    if (pane <= k->head)
        return k->head - pane < l->sketch_panes;
    n = k->head == 0 || pane - k->head > l->sketch_panes ? l->sketch_panes : pane - k->head;
    for (uint32_t i = 0; i < k->n; i++)
        for (uint32_t j = 0; j < n; j++)
            row_of(l, k, i)[(pane - j) % l->sketch_panes] = 0;
    k->head = pane;
    return true;
}

static bool add_count(struct windows *w, const struct leaf *l, struct slot *s, uint32_t pane,
                      int16_t key, uint32_t count)
{
    uint32_t *cell;

    if (!advance(l, sketch_of(s), pane))
        return false;
    cell = row_for(w, l, s, key) + pane % l->sketch_panes;
    *cell = *cell > UINT32_MAX - count ? UINT32_MAX : *cell + count;
    return true;
}

static uint32_t whole(double weight)
{
    return weight < 1 ? 1 : weight > 1e9 ? 1000000000 : (uint32_t)lround(weight);
}

bool sketch_add(struct windows *w, const struct leaf *l, struct slot *s, const struct step *x)
{
    if (!add_count(w, l, s, pane_of(l->sketch, x->second), key_of(x->v), whole(x->weight)))
        return false;
    slot_note(s, x->t_ms);
    return true;
}

bool sketch_is_over(const struct leaf *l, const struct slot *s, uint32_t second)
{
    uint32_t pane = pane_of(l->sketch, second);

    return pane > sketch_of(s)->head && pane - sketch_of(s)->head >= l->sketch_panes;
}

struct filling {
    struct windows *w;
    const struct leaf *l;
    struct slot *s;
};

static void fill(int64_t t_ms, double v, double weight, void *arg)
{
    struct filling *f = arg;

    (void)add_count(f->w, f->l, f->s, pane_of(f->l->sketch, second_of(t_ms)), key_of(v),
                    whole(weight));
}

int sketch_from_raw(struct windows *w, const struct leaf *l, struct slot *s)
{
    struct slot space[2] = {*s};
    struct filling f = {w, l, space};
    struct sketch *k = sketch_new(w, l, 64);

    if (!k)
        return -1;
    dist_set(space, &k->dist);
    if (dist_of(s))
        raw_each(l, s, fill, &f);
    dist_drop(w, s);
    dist_set(s, dist_of(space));
    return 0;
}

/* Counts of each row over the panes inside; returns their sum. */
static double total(const struct leaf *l, const struct sketch *k, const struct span *p,
                    double counts[SKETCH_BINS])
{
    uint32_t hi = p->sketch_hi < k->head ? p->sketch_hi : k->head, lo = p->sketch_lo, n, from;
    double all = 0;

    if (k->head >= l->sketch_panes && lo <= k->head - l->sketch_panes)
        lo = k->head - l->sketch_panes + 1;
    n = lo <= hi ? hi - lo + 1 : 0;
    from = lo % l->sketch_panes;
    for (uint32_t i = 0; i < k->n; i++) {
        const uint32_t *row = row_of(l, k, i);
        uint64_t sum = 0;

        for (uint32_t j = 0, at = from; j < n; j++) {
            sum += row[at];
            at = at + 1 == l->sketch_panes ? 0 : at + 1;
        }
        counts[i] = (double)sum;
        all += counts[i];
    }
    return all;
}

bool sketch_quantile(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    const struct sketch *k = sketch_of(s);
    double counts[SKETCH_BINS], all = total(l, k, p, counts), rank, passed = 0;
    uint32_t i = 0;

    if (all <= 0)
        return false;
    rank = l->spec->param * (all - 1);
    for (; i < k->n; i++) {
        passed += counts[i];
        if (passed > rank)
            break;
    }
    *v = value_of(k->key[i < k->n ? i : k->n - 1u]);
    return true;
}

bool sketch_fraction(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    const struct sketch *k = sketch_of(s);
    double counts[SKETCH_BINS], all = total(l, k, p, counts), below = 0;
    int16_t limit = key_of(l->spec->param);

    for (uint32_t i = 0; i < k->n && k->key[i] <= limit; i++)
        below += counts[i];
    *v = all > 0 ? below / all : 0;
    return all > 0;
}

int sketch_merge(struct windows *w, const struct leaf *l, struct slot *into,
                 const struct leaf *from_leaf, const struct slot *from)
{
    const struct sketch *b = sketch_of(from);

    if (b->head)
        (void)advance(l, sketch_of(into), b->head);
    for (uint32_t i = 0; i < b->n; i++)
        for (uint32_t back = 0; back < from_leaf->sketch_panes && back < b->head; back++) {
            uint32_t pane = b->head - back;
            uint32_t count = row_of(from_leaf, b, i)[pane % from_leaf->sketch_panes];

            if (count > 0)
                (void)add_count(w, l, into, pane, b->key[i], count);
        }
    return 0;
}

/* head | rows | (key, number, (back, count) …) … */
void sketch_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    const struct sketch *k = sketch_of(s);

    buf_add_varint(out, leaf_wall_pane(l, l->sketch, k->head));
    buf_add_varint(out, k->n);
    for (uint32_t i = 0; i < k->n; i++) {
        const uint32_t *row = row_of(l, k, i);
        uint32_t n = 0;

        for (uint32_t back = 0; back < l->sketch_panes; back++)
            n += row[back] > 0;
        buf_add_zigzag(out, k->key[i]);
        buf_add_varint(out, n);
        for (uint32_t back = 0; back < l->sketch_panes && n > 0; back++) {
            uint32_t count = row[(k->head - back) % l->sketch_panes];

            if (count == 0)
                continue;
            buf_add_varint(out, back);
            buf_add_varint(out, count);
        }
    }
}

static int decode_row(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    int64_t key = cursor_zigzag(c);
    uint64_t n = cursor_varint(c);
    uint32_t head = sketch_of(s)->head;

    if (c->failed || key < -BIN_MAX || key > BIN_MAX || n > l->sketch_panes)
        return -1;
    for (; n > 0; n--) {
        uint64_t back = cursor_varint(c), count = cursor_varint(c);

        if (c->failed || back >= l->sketch_panes || back >= head || count > UINT32_MAX)
            return -1;
        (void)add_count(w, l, s, head - (uint32_t)back, (int16_t)key, (uint32_t)count);
    }
    return 0;
}

int sketch_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    uint64_t head = cursor_varint(c), rows = cursor_varint(c);
    struct sketch *k;

    if (c->failed || head > TIME_MAX_S || rows > SKETCH_BINS)
        return -1;
    k = sketch_new(w, l, 64);
    if (!k)
        return -1;
    k->head = (uint32_t)head;
    dist_set(s, &k->dist);
    for (; rows > 0; rows--)
        if (decode_row(w, l, s, c) != 0)
            return -1;
    return 0;
}
