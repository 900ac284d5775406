/* How many different values there are: exact while they are few, registers beyond.
 * A few members are kept as hashes with the second they were last seen, so that they leave the window one by
 * one; beyond a bound they become HyperLogLog registers for each pane, which cannot forget a single one but
 * are of a fixed size. The way is one way for as long as the group has data. Merging takes the greater
 * register, so it does not matter in which order. */
#include "window/members.h"

#include <math.h>
#include <string.h>

#include "window/ring.h"
#include "window/windows.h"

/* exact:     members | hash[cap], ascending | second last seen[cap]
 * registers: members | 1024 bytes for each pane of the ring */
struct members {
    uint32_t bytes, n, cap; /* cap 0: registers */
    uint32_t head;          /* newest pane of the registers */
    uint64_t body[];
};

static struct members *members_of(const struct slot *s)
{
    struct members *m;

    memcpy(&m, s + 1, sizeof m);
    return m;
}

static void members_set(struct slot *s, struct members *m)
{
    memcpy(s + 1, &m, sizeof m);
}

static uint32_t *seen_of(const struct members *m)
{
    return (uint32_t *)(uintptr_t)(m->body + m->cap);
}

static uint8_t *registers_of(const struct leaf *l, const struct members *m, uint32_t pane)
{
    return (uint8_t *)(uintptr_t)m->body + (size_t)(pane % l->sketch_panes) * MEMBERS_REGISTERS;
}

static struct members *members_new(struct windows *w, size_t body, uint32_t cap)
{
    struct members *m = wmem_alloc(&w->mem, sizeof *m + body);

    if (!m) {
        w->stats.refused_values++;
        return NULL;
    }
    m->bytes = (uint32_t)(sizeof *m + body);
    m->cap = cap;
    return m;
}

static struct members *exact_new(struct windows *w, uint32_t cap)
{
    return members_new(w, cap * (sizeof(uint64_t) + sizeof(uint32_t)), cap);
}

static struct members *registers_new(struct windows *w, const struct leaf *l)
{
    return members_new(w, (size_t)l->sketch_panes * MEMBERS_REGISTERS, 0);
}

void members_clear(struct windows *w, struct slot *s)
{
    struct members *m = members_of(s);

    if (m)
        wmem_free(&w->mem, m, m->bytes);
    members_set(s, NULL);
}

/* The finisher of splitmix64. Members come hashed, but a weak hash must not spoil the registers;
 * no secret seed, since registers outlive the process. */
static uint64_t mixed(uint64_t h)
{
    h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 31);
}

static bool registers_advance(const struct leaf *l, struct members *m, uint32_t pane)
{
    if (pane <= m->head)
        return m->head - pane < l->sketch_panes;
    if (m->head == 0 || pane - m->head >= l->sketch_panes)
        memset(m->body, 0, (size_t)l->sketch_panes * MEMBERS_REGISTERS);
    else
        for (uint32_t k = m->head + 1; k <= pane; k++)
            memset(registers_of(l, m, k), 0, MEMBERS_REGISTERS);
    m->head = pane;
    return true;
}

static bool registers_add(const struct leaf *l, struct members *m, uint64_t hash, uint32_t second)
{
    uint32_t pane = pane_of(l->sketch, second);
    uint64_t h = mixed(hash);
    uint8_t rank = (uint8_t)(__builtin_clzll((h << 10) | 512) + 1), *r;

    if (!registers_advance(l, m, pane))
        return false;
    r = registers_of(l, m, pane) + (h >> 54);
    if (rank > *r)
        *r = rank;
    return true;
}

static int become_registers(struct windows *w, const struct leaf *l, struct slot *s)
{
    struct members *old = members_of(s), *m = registers_new(w, l);

    if (!m)
        return -1;
    for (uint32_t i = 0; i < old->n; i++)
        (void)registers_add(l, m, old->body[i], seen_of(old)[i]);
    members_clear(w, s);
    members_set(s, m);
    return 0;
}

/* Members that no look can ask for any more make room. */
static void drop_expired(const struct leaf *l, struct members *m, int64_t newest_ms)
{
    int64_t from_s = (newest_ms - l->spec->window_ms) / 1000;
    uint32_t kept = 0, *seen = seen_of(m);

    for (uint32_t i = 0; i < m->n; i++) {
        if (seen[i] <= from_s)
            continue;
        m->body[kept] = m->body[i];
        seen[kept++] = seen[i];
    }
    m->n = kept;
}

/* Room for one more: by forgetting, by growing, or as registers. */
static int make_room(struct windows *w, const struct leaf *l, struct slot *s)
{
    struct members *m = members_of(s), *grown;

    drop_expired(l, m, s->newest_ms);
    if (m->n <= m->cap / 4 * 3)
        return 0;
    if (m->cap == MEMBERS_EXACT)
        return m->n < m->cap ? 0 : become_registers(w, l, s);
    grown = exact_new(w, m->cap * 4);
    if (!grown)
        return m->n < m->cap ? 0 : -1;
    grown->n = m->n;
    memcpy(grown->body, m->body, m->n * sizeof *m->body);
    memcpy(seen_of(grown), seen_of(m), m->n * sizeof(uint32_t));
    members_clear(w, s);
    members_set(s, grown);
    return 0;
}

static uint32_t place_of(const struct members *m, uint64_t hash)
{
    uint32_t low = 0, high = m->n;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (m->body[mid] < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool insert(struct windows *w, const struct leaf *l, struct slot *s, uint64_t hash,
                   uint32_t second)
{
    struct members *m = members_of(s);
    uint32_t at, *seen;

    if (m->cap == 0)
        return registers_add(l, m, hash, second);
    at = place_of(m, hash);
    seen = seen_of(m);
    if (at < m->n && m->body[at] == hash) {
        if (second > seen[at])
            seen[at] = second;
        return true;
    }
    if (m->n == m->cap) {
        if (make_room(w, l, s) != 0)
            return false;
        return insert(w, l, s, hash, second);
    }
    memmove(m->body + at + 1, m->body + at, (m->n - at) * sizeof *m->body);
    memmove(seen + at + 1, seen + at, (m->n - at) * sizeof *seen);
    m->body[at] = hash;
    seen[at] = second;
    m->n++;
    return true;
}

/* Makes the slot one that counts members; what it summed up before is forgotten. */
static int become_set(struct windows *w, const struct leaf *l, struct slot *s)
{
    struct members *m = l->spec->offset_ms > 0 ? registers_new(w, l) : exact_new(w, 16);

    if (!m)
        return -1;
    slot_unflag(s, SLOT_ZERO);
    slot_flag(s, SLOT_SET);
    s->head = 0;
    members_set(s, m);
    return 0;
}

bool members_add(struct windows *w, const struct leaf *l, struct slot *s, const struct step *x)
{
    if (!(x->flags & STEP_SET) || x->v < 0 || x->v > 9007199254740992.0)
        return false;
    if (!(s->flags & SLOT_SET) && become_set(w, l, s) != 0)
        return false;
    if (s->newest_ms - x->t_ms >= l->spec->window_ms + l->spec->offset_ms)
        return false;
    slot_note(s, x->t_ms);
    return insert(w, l, s, (uint64_t)x->v, x->second);
}

static double estimate(const uint8_t *registers)
{
    double sum = 0, m = MEMBERS_REGISTERS, raw;
    unsigned zeros = 0;

    for (size_t i = 0; i < MEMBERS_REGISTERS; i++) {
        sum += ldexp(1, -registers[i]);
        zeros += registers[i] == 0;
    }
    raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    return raw <= 2.5 * m && zeros > 0 ? m * log(m / zeros) : raw;
}

static double registers_value(const struct leaf *l, const struct members *m, const struct span *p)
{
    uint32_t hi = p->sketch_hi < m->head ? p->sketch_hi : m->head, lo = p->sketch_lo;
    uint8_t all[MEMBERS_REGISTERS] = {0};

    if (m->head >= l->sketch_panes && lo <= m->head - l->sketch_panes)
        lo = m->head - l->sketch_panes + 1;
    for (uint32_t pane = lo; pane <= hi; pane++) {
        const uint8_t *r = registers_of(l, m, pane);

        for (size_t i = 0; i < MEMBERS_REGISTERS; i++)
            all[i] = r[i] > all[i] ? r[i] : all[i];
    }
    return round(estimate(all));
}

bool members_value(const struct leaf *l, const struct slot *s, const struct span *p, double *v)
{
    const struct members *m = members_of(s);
    uint32_t n = 0;

    if (m->cap == 0) {
        *v = registers_value(l, m, p);
        return true;
    }
    for (uint32_t i = 0; i < m->n; i++)
        n += seen_of(m)[i] > p->from_ms / 1000;
    *v = n;
    return true;
}

static void merge_registers(const struct leaf *l, struct members *into,
                            const struct leaf *from_leaf, const struct members *from)
{
    for (uint32_t back = 0; back < from_leaf->sketch_panes && back < from->head; back++) {
        uint32_t pane = from->head - back;
        const uint8_t *b = registers_of(from_leaf, from, pane);
        uint8_t *a;

        if (!registers_advance(l, into, pane))
            return;
        a = registers_of(l, into, pane);
        for (size_t i = 0; i < MEMBERS_REGISTERS; i++)
            a[i] = b[i] > a[i] ? b[i] : a[i];
    }
}

int members_merge(struct windows *w, const struct leaf *l, struct slot *into,
                  const struct leaf *from_leaf, const struct slot *from)
{
    const struct members *b;

    if (!(from->flags & SLOT_SET))
        return 0;
    b = members_of(from);
    if (!(into->flags & SLOT_SET) && become_set(w, l, into) != 0)
        return -1;
    if (b->cap == 0) {
        if (members_of(into)->cap > 0 && become_registers(w, l, into) != 0)
            return -1;
        merge_registers(l, members_of(into), from_leaf, b);
        return 0;
    }
    for (uint32_t i = 0; i < b->n; i++)
        (void)insert(w, l, into, b->body[i], seen_of(b)[i]);
    return 0;
}

static bool pane_is_empty(const uint8_t *registers)
{
    for (size_t i = 0; i < MEMBERS_REGISTERS; i++)
        if (registers[i])
            return false;
    return true;
}

/* 0 | n | (hash, second) …       or 1 | head | n | (back, 1024 bytes) … */
void members_encode(const struct leaf *l, const struct slot *s, struct buf *out)
{
    const struct members *m = members_of(s);
    uint32_t kept = m->head < l->sketch_panes ? m->head : l->sketch_panes, n = 0;

    buf_add_u8(out, m->cap == 0);
    if (m->cap > 0) {
        buf_add_varint(out, m->n);
        for (uint32_t i = 0; i < m->n; i++) {
            buf_add_varint(out, m->body[i]);
            buf_add_varint(out, leaf_wall_s(l, seen_of(m)[i]));
        }
        return;
    }
    for (uint32_t back = 0; back < kept; back++)
        n += !pane_is_empty(registers_of(l, m, m->head - back));
    buf_add_varint(out, leaf_wall_pane(l, l->sketch, m->head));
    buf_add_varint(out, n);
    for (uint32_t back = 0; back < kept; back++) {
        const uint8_t *r = registers_of(l, m, m->head - back);

        if (pane_is_empty(r))
            continue;
        buf_add_varint(out, back);
        buf_add(out, r, MEMBERS_REGISTERS);
    }
}

static int decode_registers(const struct leaf *l, struct members *m, struct cursor *c)
{
    uint64_t head = cursor_varint(c), n = cursor_varint(c);

    if (c->failed || head > TIME_MAX_S || n > l->sketch_panes)
        return -1;
    m->head = (uint32_t)head;
    for (; n > 0; n--) {
        uint64_t back = cursor_varint(c);
        const uint8_t *r = cursor_raw(c, MEMBERS_REGISTERS);

        if (!r || back >= l->sketch_panes || back >= head)
            return -1;
        for (size_t i = 0; i < MEMBERS_REGISTERS; i++)
            if (r[i] > 55)
                return -1;
        memcpy(registers_of(l, m, (uint32_t)(head - back)), r, MEMBERS_REGISTERS);
    }
    return 0;
}

int members_decode(struct windows *w, const struct leaf *l, struct slot *s, struct cursor *c)
{
    bool registers = cursor_u8(c) != 0;
    uint64_t n;

    s->head = 0;
    members_set(s, registers ? registers_new(w, l) : exact_new(w, 16));
    if (!members_of(s)) {
        slot_unflag(s, SLOT_SET);
        return -1;
    }
    if (registers)
        return decode_registers(l, members_of(s), c);
    n = cursor_varint(c);
    if (c->failed || n > MEMBERS_EXACT)
        return -1;
    for (; n > 0; n--) {
        uint64_t hash = cursor_varint(c), second = cursor_varint(c);

        if (c->failed || second > TIME_MAX_S || members_of(s)->cap == 0)
            return -1;
        (void)insert(w, l, s, hash, (uint32_t)second);
    }
    return 0;
}
