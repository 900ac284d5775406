#include "journal/block.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

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

#define FLAG_PACKED 1u
#define FLAG_WAITED 2u

enum {
    HEAD_ID = 1,
    HEAD_KIND = 2,
    HEAD_STALE = 4,
    HEAD_WEIGHT = 8,
    HEAD_SAME_WEIGHT = 16, /* as the last weight told in this block */
    HEAD_MODE = 32,
    HEAD_ALL = 63
};

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

static inline uint64_t bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline double of_bits(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline double unscale(int64_t q, unsigned e)
{
    return e ? (double)q / codec_pow10[e] : (double)q;
}

static inline bool scale(double v, unsigned e, int64_t *q)
{
    double x = v * codec_pow10[e];

    if (!(fabs(x) < SCALED_MAX))
        return false;
    *q = llrint(x);
    return bits_of(unscale(*q, e)) == bits_of(v);
}

/* --- encoding ---------------------------------------------------------------------------------------- */

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

        w->value = put_bits(w->value, bits_of(v) ^ last);
        s->last = (int64_t)bits_of(v);
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

static struct slot *last_slot(struct block_codec *c)
{
    return c->prev == UINT32_MAX ? NULL : block_codec_slot(c, c->prev);
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
    struct slot *prev = last_slot(c);

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

/* --- decoding ---------------------------------------------------------------------------------------- */

static int damaged(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "the block is damaged: %s", what);
}

static int grow(void *array, size_t *cap, size_t need, size_t size)
{
    void **p = array;

    return mem_grow(p, cap, need ? need : 1, size);
}

static int take_hashes(struct cursor *in, struct block_view *v)
{
    uint64_t n = cursor_varint(in);
    const void *from;

    if (in->failed || n > cursor_left(in) / sizeof *v->hashes)
        return -1;
    if (grow(&v->hashes, &v->cap_hashes, (size_t)n, sizeof *v->hashes) != 0)
        return -1;
    from = cursor_raw(in, (size_t)n * sizeof *v->hashes);
    if (n)
        memcpy(v->hashes, from, (size_t)n * sizeof *v->hashes);
    v->head.hashes = v->hashes;
    v->head.n_hashes = (size_t)n;
    return 0;
}

struct lengths {
    uint64_t samples, events, raw;
    uint8_t flags;
};

/* Everything before the body; `in` then holds the body alone. */
static int take_head(struct cursor *in, struct block_view *v, struct lengths *l, struct err *e)
{
    uint8_t version = cursor_u8(in);
    size_t n = cursor_left(in) + 1;
    const uint8_t *start = in->p - 1;
    uint64_t sum;

    if (in->failed || n < 9)
        return damaged(e, "it is too short");
    if (version != BLOCK_VERSION)
        return err_set(e, ERR_INPUT, "the block has format %u, this program reads %u", version,
                       BLOCK_VERSION);
    memcpy(&sum, start + n - 8, sizeof sum);
    if (sum != hash_seeded(start, n - 8, 0))
        return damaged(e, "its checksum is wrong");
    in->end -= 8;
    l->flags = cursor_u8(in);
    v->head.waited = l->flags & FLAG_WAITED;
    v->head.generation = (uint32_t)cursor_varint(in);
    v->run = cursor_u64(in);
    v->index = (uint32_t)cursor_varint(in);
    v->head.recv_ms = cursor_zigzag(in);
    if (take_hashes(in, v) != 0)
        return damaged(e, "its list of requests does not fit");
    l->samples = cursor_varint(in);
    l->events = cursor_varint(in);
    l->raw = cursor_varint(in);
    if (in->failed || l->raw > BLOCK_MAX_BODY)
        return damaged(e, "its head is cut short");
    /* each sample takes a byte of heads or values at least, each event two */
    if (l->samples > l->raw || l->events > l->raw || l->samples > BLOCK_MAX_SAMPLES)
        return damaged(e, "it says it holds more than it can");
    return 0;
}

static int unpack(struct block_codec *c, struct cursor *in, const struct lengths *l,
                  struct block_view *v, struct err *e)
{
    size_t packed = cursor_left(in), n;
    char *to;

    buf_clear(&v->body);
    to = buf_reserve(&v->body, (size_t)l->raw);
    if (!to)
        return err_set(e, ERR_MEMORY, "no memory for a block of %llu bytes",
                       (unsigned long long)l->raw);
    if (!(l->flags & FLAG_PACKED)) {
        if (packed != l->raw)
            return damaged(e, "its body has another length");
        if (packed)
            memcpy(to, in->p, packed);
    } else {
        n = ZSTD_decompressDCtx(c->dctx, to, (size_t)l->raw, in->p, packed);
        if (ZSTD_isError(n) || n != l->raw)
            return damaged(e, "its body does not unpack");
    }
    buf_commit(&v->body, (size_t)l->raw);
    return 0;
}

static int take_bits(struct cursor *in, uint64_t last, uint64_t *bits)
{
    uint8_t tag = cursor_u8(in);
    unsigned above = tag >> 4, n = tag & 15;
    const uint8_t *from;
    uint64_t x = 0;

    if (above + n > 8 || !(from = cursor_raw(in, n)))
        return -1;
    for (unsigned i = 0; i < n; i++)
        x |= (uint64_t)from[i] << (8 * i);
    if (n)
        x <<= 8 * (8 - above - n);
    *bits = x ^ last;
    return 0;
}

/* A varint of one byte is the usual case. */
static inline uint64_t take_varint(struct cursor *in)
{
    if (in->p < in->end && *in->p < 0x80)
        return *in->p++;
    return cursor_varint(in);
}

static inline int take_value(struct cursor *in, struct slot *s, bool is_new_mode, double *v)
{
    uint64_t last = is_new_mode ? 0 : (uint64_t)s->last, u;

    if (s->mode == MODE_BITS) {
        if (take_bits(in, last, &u) != 0)
            return -1;
        s->last = (int64_t)u;
        *v = of_bits(u);
        return 0;
    }
    u = take_varint(in);
    s->last = (int64_t)(last + ((u >> 1) ^ -(u & 1)));
    *v = unscale(s->last, (unsigned)(s->mode - MODE_SCALED));
    return in->failed ? -1 : 0;
}

struct reader {
    struct block_codec *c;
    struct cursor heads, times, values;
    float weight;
};

static uint32_t predicted(const struct block_codec *c, const struct slot *prev)
{
    return prev && prev->next ? prev->next - 1 : c->prev + 1;
}

static void followed(struct block_codec *c, struct slot **prev, uint32_t series, struct slot *s)
{
    c->prev = series;
    c->kind = s->kind;
    *prev = s;
}

/* `n` samples that are all as expected. */
static int take_predicted(struct reader *r, struct slot **prev, struct sample *m, size_t n)
{
    struct block_codec *c = r->c;

    for (size_t i = 0; i < n; i++, m++) {
        uint32_t id = predicted(c, *prev);
        struct slot *s = block_codec_slot(c, id);

        if (!s)
            return -1;
        if (!s->mode) {
            s->mode = MODE_SCALED;
            s->kind = c->kind;
        }
        m->series = id;
        m->kind = s->kind;
        m->weight = 1;
        m->stale = false;
        if (take_value(&r->values, s, false, &m->v) != 0)
            return -1;
        followed(c, prev, id, s);
    }
    return 0;
}

static int take_weight(struct reader *r, unsigned bits, float *weight)
{
    const void *from;

    if (bits & HEAD_WEIGHT) {
        from = cursor_raw(&r->heads, sizeof r->weight);
        if (!from)
            return -1;
        memcpy(&r->weight, from, sizeof r->weight);
    }
    *weight = bits & (HEAD_WEIGHT | HEAD_SAME_WEIGHT) ? r->weight : 1;
    return 0;
}

static int take_explicit(struct reader *r, struct slot **prev, struct sample *m)
{
    struct block_codec *c = r->c;
    unsigned bits = cursor_u8(&r->heads);
    uint32_t id = predicted(c, *prev);
    struct slot *s;

    if (bits & ~(unsigned)HEAD_ALL)
        return -1;
    if (bits & HEAD_ID) {
        id = (uint32_t)((uint64_t)(uint32_t)(c->prev + 1) + (uint64_t)cursor_zigzag(&r->heads));
        if (*prev)
            (*prev)->next = id + 1;
    }
    s = r->heads.failed ? NULL : block_codec_slot(c, id);
    if (!s)
        return -1;
    m->series = id;
    m->kind = bits & HEAD_KIND ? cursor_u8(&r->heads) : s->mode ? s->kind : c->kind;
    if (m->kind >= SAMPLE_KINDS || take_weight(r, bits, &m->weight) != 0)
        return -1;
    if (bits & HEAD_MODE)
        s->mode = cursor_u8(&r->heads);
    else if (!s->mode)
        s->mode = MODE_SCALED;
    if (r->heads.failed || s->mode < MODE_BITS || s->mode > MODE_MAX_SCALED)
        return -1;
    s->kind = m->kind;
    m->stale = bits & HEAD_STALE;
    m->v = of_bits(STALE_NAN_BITS);
    if (!m->stale && take_value(&r->values, s, bits & HEAD_MODE, &m->v) != 0)
        return -1;
    followed(c, prev, id, s);
    return 0;
}

static int take_samples(struct reader *r, struct sample *m, size_t n)
{
    struct slot *prev = last_slot(r->c);

    for (size_t i = 0;;) {
        uint64_t run = cursor_varint(&r->heads);

        if (r->heads.failed || run > n - i || take_predicted(r, &prev, m + i, (size_t)run) != 0)
            return -1;
        i += (size_t)run;
        if (i == n)
            break;
        if (take_explicit(r, &prev, m + i) != 0)
            return -1;
        i++;
        /* the count behind the last explicit sample is always written */
    }
    return cursor_left(&r->heads) || cursor_left(&r->values) ? -1 : 0;
}

static int take_times(struct cursor *in, struct sample *m, size_t n, int64_t recv_ms)
{
    uint64_t at = (uint64_t)recv_ms;

    for (size_t i = 0; i < n;) {
        uint64_t run = cursor_varint(in);

        at += (uint64_t)cursor_zigzag(in);
        if (in->failed || run == 0 || run > n - i)
            return -1;
        for (; run > 0; run--)
            m[i++].t_ms = (int64_t)at;
    }
    return cursor_left(in) ? -1 : 0;
}

static int take_column(struct cursor *in, uint64_t len, struct cursor *out)
{
    const void *p = len <= cursor_left(in) ? cursor_raw(in, (size_t)len) : NULL;

    if (!p)
        return -1;
    *out = cursor_of(p, (size_t)len);
    return 0;
}

static int take_body(struct block_codec *c, const struct lengths *l, struct block_view *v,
                     struct err *e)
{
    struct reader r = {.c = c, .weight = 1};
    struct cursor in = cursor_of(v->body.data, v->body.len);
    uint64_t heads = cursor_varint(&in), times = cursor_varint(&in), values = cursor_varint(&in);

    if (in.failed || take_column(&in, heads, &r.heads) != 0 ||
        take_column(&in, times, &r.times) != 0 || take_column(&in, values, &r.values) != 0)
        return damaged(e, "its columns do not fit");
    v->n_samples = v->n_events = 0;
    if (grow(&v->samples, &v->cap_samples, (size_t)l->samples, sizeof *v->samples) != 0)
        return err_set(e, ERR_MEMORY, "no memory for %llu samples", (unsigned long long)l->samples);
    if (take_samples(&r, v->samples, (size_t)l->samples) != 0)
        return damaged(e, "its samples do not read");
    if (take_times(&r.times, v->samples, (size_t)l->samples, v->head.recv_ms) != 0)
        return damaged(e, "its times do not read");
    v->n_samples = (size_t)l->samples;
    if (block_take_events(&in, (size_t)l->events, v->head.recv_ms, v) != 0)
        return damaged(e, "its log events do not read");
    v->n_events = (size_t)l->events;
    return 0;
}

int block_peek(const void *p, size_t n, struct block_view *v, struct err *e)
{
    struct cursor in = cursor_of(p, n);
    struct lengths l;

    v->n_samples = v->n_events = 0;
    return take_head(&in, v, &l, e);
}

int block_decode(struct block_codec *c, const void *p, size_t n, struct block_view *v,
                 struct err *e)
{
    struct cursor in = cursor_of(p, n);
    struct lengths l;

    v->n_samples = v->n_events = 0;
    if (take_head(&in, v, &l, e) != 0)
        goto failed;
    if (v->index == 0) {
        block_codec_start(c, v->run);
    } else if (v->run != c->run || v->index != c->index) {
        err_set(e, ERR_REFUSED, "the beginning of the block's run is missing");
        goto failed;
    }
    if (unpack(c, &in, &l, v, e) != 0 || take_body(c, &l, v, e) != 0)
        goto failed;
    c->index++;
    return 0;
failed:
    v->n_samples = v->n_events = 0;
    block_codec_start(c, 0);
    return -1;
}

void block_view_free(struct block_view *v)
{
    mem_free(v->samples);
    mem_free(v->events);
    mem_free(v->fields);
    mem_free(v->names);
    mem_free(v->hashes);
    buf_free(&v->body);
    *v = (struct block_view){0};
}
