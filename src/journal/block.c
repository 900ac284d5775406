/* A block:
 *
 *   version 1 | flags | generation v | run u64 | index v | recv_ms z | hashes v, u64 … |
 *   samples v | events v | raw length v | body … | xxh3 u64 of all before it
 *
 *   u64: little-endian; v: LEB128 varint; z: the same of a zigzag number. flags: 1 the body is
 *   packed with zstd (level 1), 2 the senders of the requests were told to come again.
 *
 * The body:
 *
 *   length of heads v | of times v | of values v | heads | times | values | events
 *
 *   heads:   n v, then one explicit sample, n v, …: n samples are as predicted: the series is the
 *            one that followed the last series before (or its id + 1), of the same kind, weight 1,
 *            not stale, its value in the same mode. The explicit sample names what is different:
 *              bits | id z (- last id - 1) | kind | weight f32 | mode
 *   times:   n v, z: n samples have the last time (at first recv_ms) + z
 *   values:  mode e: z of value * 10^e - the series' last (all of it, when the mode is explicit);
 *            bits: a byte (zero bytes above << 4 | bytes that follow), the bytes of the value's
 *            xor with the series' last. A stale sample has none.
 *   events:  block_events.c
 *
 * A value is scaled only when it comes back bit for bit. A series' exponent grows when it must
 * and never shrinks within the run; one that fits no exponent stays with bits. */
#include "journal/block.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "journal/block_bits.h"

#define HEADS_WORST  24 /* bytes of one sample in each column */
#define TIMES_WORST  20
#define VALUES_WORST 10
#define SCALED_MAX   9007199254740992.0 /* 2^53: beyond it integers are not exact */

static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline bool scale(double v, unsigned e, int64_t *q)
{
    double x = v * codec_pow10[e];

    if (!(fabs(x) < SCALED_MAX))
        return false;
    *q = llrint(x);
    return block_bits_of(block_unscale(*q, e)) == block_bits_of(v);
}

struct writer {
    struct block_codec *c;
    uint8_t *head, *time, *value;
    uint64_t predicted; /* samples since the last explicit one */
    float weight;
};

static uint8_t first_mode(double v, uint8_t from, int64_t *q)
{
    for (uint8_t mode = from; mode <= MODE_MAX_SCALED; mode++)
        if (scale(v, (unsigned)(mode - MODE_SCALED), q))
            return mode;
    return MODE_BITS;
}

static uint8_t *put_bits(uint8_t *p, uint64_t x)
{
    unsigned above = x ? (unsigned)__builtin_clzll(x) / 8 : 8;
    unsigned below = x ? (unsigned)__builtin_ctzll(x) / 8 : 0;
    unsigned n = 8 - above - below;

    *p++ = (uint8_t)(above << 4 | n);
    x >>= below * 8;
    for (; n > 0; n--, x >>= 8)
        *p++ = (uint8_t)x;
    return p;
}

/* Puts the value; true when it is in another mode than expected. */
static inline bool put_value(struct writer *w, struct slot *s, uint8_t expected, double v)
{
    uint8_t mode = expected;
    int64_t q = 0;

    if (mode != MODE_BITS && !scale(v, (unsigned)(mode - MODE_SCALED), &q))
        mode = first_mode(v, (uint8_t)(mode + 1), &q);
    if (mode == MODE_BITS) {
        uint64_t last = mode == expected ? (uint64_t)s->last : 0;

        w->value = put_bits(w->value, block_bits_of(v) ^ last);
        s->last = (int64_t)block_bits_of(v);
    } else {
        w->value = put_varint(w->value, zigzag(mode == expected ? q - s->last : q));
        s->last = q;
    }
    s->mode = mode;
    return mode != expected;
}

static void put_head(struct writer *w, unsigned bits, const struct sample *m, const struct slot *s)
{
    uint8_t *p = put_varint(w->head, w->predicted);

    *p++ = (uint8_t)bits;
    if (bits & HEAD_ID)
        p = put_varint(p, zigzag((int64_t)m->series - (int64_t)(uint32_t)(w->c->prev + 1)));
    if (bits & HEAD_KIND)
        *p++ = m->kind;
    if (bits & HEAD_WEIGHT) {
        memcpy(p, &m->weight, sizeof m->weight);
        p += sizeof m->weight;
        w->weight = m->weight;
    }
    if (bits & HEAD_MODE)
        *p++ = s->mode;
    w->head = p;
    w->predicted = 0;
}

static unsigned weight_bits(const struct writer *w, const struct sample *m)
{
    if (memcmp(&m->weight, &w->weight, sizeof m->weight) == 0)
        return HEAD_SAME_WEIGHT;
    return HEAD_WEIGHT;
}

static int put_sample(struct writer *w, struct slot **prev, const struct sample *m)
{
    struct block_codec *c = w->c;
    uint32_t expected = *prev && (*prev)->next ? (*prev)->next - 1 : c->prev + 1;
    struct slot *s = block_codec_slot(c, m->series);
    unsigned bits = 0;

    if (!s)
        return -1;
    if (m->series != expected) {
        bits |= HEAD_ID;
        if (*prev)
            (*prev)->next = m->series + 1;
    }
    if (m->kind != (s->mode ? s->kind : c->kind))
        bits |= HEAD_KIND;
    if (m->weight != 1)
        bits |= weight_bits(w, m);
    if (m->stale)
        bits |= HEAD_STALE;
    else if (put_value(w, s, s->mode ? s->mode : MODE_SCALED, m->v))
        bits |= HEAD_MODE;
    if (m->stale && !s->mode)
        s->mode = MODE_SCALED;
    s->kind = c->kind = m->kind;
    if (bits)
        put_head(w, bits, m, s);
    else
        w->predicted++;
    c->prev = m->series;
    *prev = s;
    return 0;
}

static void put_times(struct writer *w, const struct sample *m, size_t n, int64_t recv_ms)
{
    int64_t last = recv_ms;

    for (size_t i = 0; i < n;) {
        size_t run = 1;

        while (i + run < n && m[i + run].t_ms == m[i].t_ms)
            run++;
        w->time = put_varint(w->time, run);
        w->time = put_varint(w->time, zigzag((int64_t)((uint64_t)m[i].t_ms - (uint64_t)last)));
        last = m[i].t_ms;
        i += run;
    }
}

static uint8_t *room(struct buf *b, size_t n)
{
    buf_clear(b);
    return (uint8_t *)buf_reserve(b, n);
}

/* The three columns of samples into c->heads, times and values. */
static int put_columns(struct block_codec *c, const struct sample *m, size_t n, int64_t recv_ms)
{
    struct writer w = {.c = c, .weight = 1};
    struct slot *prev = block_last_slot(c);

    w.head = room(&c->heads, n * HEADS_WORST + 10);
    w.time = room(&c->times, n * TIMES_WORST);
    w.value = room(&c->values, n * VALUES_WORST);
    if (!w.head || !w.time || !w.value)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (put_sample(&w, &prev, &m[i]) != 0)
            return -1;
    w.head = put_varint(w.head, w.predicted);
    put_times(&w, m, n, recv_ms);
    buf_commit(&c->heads, (size_t)(w.head - (uint8_t *)c->heads.data));
    buf_commit(&c->times, (size_t)(w.time - (uint8_t *)c->times.data));
    buf_commit(&c->values, (size_t)(w.value - (uint8_t *)c->values.data));
    return 0;
}

static void put_body(struct block_codec *c, const struct logevent *events, size_t n,
                     int64_t recv_ms)
{
    buf_clear(&c->body);
    buf_add_varint(&c->body, c->heads.len);
    buf_add_varint(&c->body, c->times.len);
    buf_add_varint(&c->body, c->values.len);
    buf_add(&c->body, c->heads.data, c->heads.len);
    buf_add(&c->body, c->times.data, c->times.len);
    buf_add(&c->body, c->values.data, c->values.len);
    if (block_put_events(events, n, recv_ms, &c->body) != 0)
        c->body.failed = true;
}

/* Packs the body when that makes it smaller. */
static bool pack(struct block_codec *c)
{
    size_t bound = ZSTD_compressBound(c->body.len), n;
    uint8_t *to = room(&c->packed, bound);

    if (!to || c->body.len < 32)
        return false;
    n = ZSTD_compressCCtx(c->cctx, to, bound, c->body.data, c->body.len, 1);
    if (ZSTD_isError(n) || n >= c->body.len)
        return false;
    buf_commit(&c->packed, n);
    return true;
}

int block_encode(struct block_codec *c, const struct block_head *h, const struct sample *samples,
                 size_t n_samples, const struct logevent *events, size_t n_events, struct buf *out,
                 struct err *e)
{
    size_t from = out->len;
    bool packed;

    if (n_samples > BLOCK_MAX_SAMPLES)
        return err_set(e, ERR_LIMIT, "a block of %zu samples is too large", n_samples);
    if (put_columns(c, samples, n_samples, h->recv_ms) != 0)
        return err_set(e, ERR_MEMORY, "no memory for a block, or a series over the bound");
    put_body(c, events, n_events, h->recv_ms);
    packed = pack(c);
    buf_add_u8(out, BLOCK_VERSION);
    buf_add_u8(out, (uint8_t)((packed ? FLAG_PACKED : 0) | (h->waited ? FLAG_WAITED : 0)));
    buf_add_varint(out, h->generation);
    buf_add_u64(out, c->run);
    buf_add_varint(out, c->index);
    buf_add_zigzag(out, h->recv_ms);
    buf_add_varint(out, h->n_hashes);
    buf_add(out, h->hashes, h->n_hashes * sizeof *h->hashes);
    buf_add_varint(out, n_samples);
    buf_add_varint(out, n_events);
    buf_add_varint(out, c->body.len);
    buf_add(out, packed ? c->packed.data : c->body.data, packed ? c->packed.len : c->body.len);
    if (!buf_ok(out) || !buf_ok(&c->body) || c->body.len > BLOCK_MAX_BODY) {
        out->len = from;
        return err_set(e, ERR_MEMORY, "no memory for a block");
    }
    buf_add_u64(out, hash_seeded(out->data + from, out->len - from, 0));
    if (!buf_ok(out)) {
        out->len = from;
        return err_set(e, ERR_MEMORY, "no memory for a block");
    }
    c->index++;
    return 0;
}
