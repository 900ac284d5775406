/* A block read back: the head, then columns of samples, then log events.
 * Bytes from Redis may be anything, so every length is held against what is left before it is used, a
 * checksum stands over all, and counts are bounded by the bytes that could hold them before memory is taken.
 * A block is differences to those before it in its run: one that does not follow is refused and leaves the
 * codec as it was. The usual sample (the series that followed last time, nothing special) is one run length
 * and a value; the slow way is for what differs. The other direction is block.c. */
#include "journal/block.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "journal/block_bits.h"

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
        *v = block_of_bits(u);
        return 0;
    }
    u = take_varint(in);
    s->last = (int64_t)(last + ((u >> 1) ^ -(u & 1)));
    *v = block_unscale(s->last, (unsigned)(s->mode - MODE_SCALED));
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
    m->v = block_of_bits(STALE_NAN_BITS);
    if (!m->stale && take_value(&r->values, s, bits & HEAD_MODE, &m->v) != 0)
        return -1;
    followed(c, prev, id, s);
    return 0;
}

static int take_samples(struct reader *r, struct sample *m, size_t n)
{
    struct slot *prev = block_last_slot(r->c);

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

int block_decode(struct block_codec *c, const void *p, size_t n, struct block_view *v,
                 struct err *e)
{
    struct cursor in = cursor_of(p, n);
    struct lengths l = {0};

    v->n_samples = v->n_events = 0;
    if (take_head(&in, v, &l, e) != 0)
        return -1;
    if (v->index == 0)
        block_codec_start(c, v->run);
    else if (v->run != c->run || v->index != c->index)
        return err_set(e, ERR_REFUSED, "the beginning of the block's run is missing");
    if (unpack(c, &in, &l, v, e) == 0 && take_body(c, &l, v, e) == 0) {
        c->index++;
        return 0;
    }
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
