/* A chunk:
 *
 *   version 1 | flags (1: packed with zstd) | series v | raw length v | body … | xxh3 u64
 *
 * and for each series of the body, ids rising:
 *
 *   id v (- the last id) | kind | token: length v, bytes | labels v | label …
 *   label:  0                                    as the series before has it at this place
 *           1  value: length v, bytes            the same name
 *           2  name, value: length v, bytes each
 *
 * Series that come together share most labels, so most of them are one byte; that, more than
 * zstd, makes a million of them load in a second. */
#include "journal/dict.h"

#include <string.h>
#include <zstd.h>

#include "base/hash.h"
#include "base/mem.h"

#define DICT_VERSION 1
#define FLAG_PACKED  1u
#define RAW_MAX      (64u << 20)
#define TOKEN_MAX    255 /* bytes; longer names of senders are cut */

enum { LABEL_SAME, LABEL_VALUE, LABEL_NEW };

static bool same(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void put_label(struct buf *out, const struct label *l, const struct label *before)
{
    bool name = before && same(l->name, l->name_len, before->name, before->name_len);

    if (name && same(l->value, l->value_len, before->value, before->value_len)) {
        buf_add_u8(out, LABEL_SAME);
        return;
    }
    buf_add_u8(out, name ? LABEL_VALUE : LABEL_NEW);
    if (!name)
        buf_add_bytes(out, l->name, l->name_len);
    buf_add_bytes(out, l->value, l->value_len);
}

static size_t put_series(const struct series_table *t, uint32_t from, uint32_t to, struct buf *raw)
{
    struct label sets[2][LABELS_MAX + 1];
    size_t counts[2] = {0}, n = 0;
    uint32_t last = 0;

    for (uint32_t id = from; id < to; id++) {
        const struct series *s = series_get((struct series_table *)t, id);
        struct label *now = sets[n % 2], *before = sets[(n + 1) % 2];
        const char *token;

        if (!s)
            continue;
        token = series_token(t, id);
        counts[n % 2] = series_labels(t, id, now);
        buf_add_varint(raw, id - last);
        buf_add_u8(raw, s->kind);
        buf_add_bytes(raw, token, strnlen(token, TOKEN_MAX));
        buf_add_varint(raw, counts[n % 2]);
        for (size_t i = 0; i < counts[n % 2]; i++)
            put_label(raw, &now[i], i < counts[(n + 1) % 2] ? &before[i] : NULL);
        last = id;
        n++;
    }
    return n;
}

static void pack(const struct buf *raw, struct buf *out, size_t flags_at)
{
    size_t bound = ZSTD_compressBound(raw->len), n;
    char *to = buf_reserve(out, bound);

    if (!to)
        return;
    n = ZSTD_compress(to, bound, raw->data, raw->len, 1);
    if (ZSTD_isError(n) || n >= raw->len) {
        buf_add(out, raw->data, raw->len);
        return;
    }
    buf_commit(out, n);
    out->data[flags_at] = FLAG_PACKED;
}

int dict_encode(const struct series_table *t, uint32_t from, uint32_t to, struct buf *out,
                size_t *n)
{
    struct buf raw = BUF_INIT;
    size_t start = out->len;

    *n = put_series(t, from, to, &raw);
    if (*n > 0) {
        buf_add_u8(out, DICT_VERSION);
        buf_add_u8(out, 0);
        buf_add_varint(out, *n);
        buf_add_varint(out, raw.len);
        if (buf_ok(&raw) && buf_ok(out))
            pack(&raw, out, start + 1);
        else
            out->failed = true;
        if (buf_ok(out))
            buf_add_u64(out, hash_seeded(out->data + start, out->len - start, 0));
    }
    buf_free(&raw);
    if (!buf_ok(out)) {
        out->len = start;
        return -1;
    }
    return 0;
}

/* --- decoding ---------------------------------------------------------------------------------------- */

static int damaged(struct err *e)
{
    return err_set(e, ERR_INPUT, "a chunk of the series dictionary is damaged");
}

/* One label, after what the series before had there. The views lie in the chunk. */
static int take_label(struct cursor *in, struct label *l, bool has_before)
{
    uint8_t form = cursor_u8(in);
    size_t len;

    if (form > LABEL_NEW || (form != LABEL_NEW && !has_before))
        return -1;
    if (form == LABEL_NEW) {
        l->name = cursor_bytes(in, &len);
        l->name_len = (uint32_t)len;
    }
    if (form != LABEL_SAME) {
        l->value = cursor_bytes(in, &len);
        l->value_len = (uint32_t)len;
    }
    return in->failed ? -1 : 0;
}

static int take_series(struct cursor *in, struct dict_entry *d, struct label *labels,
                       size_t *n_labels, char token[TOKEN_MAX + 1])
{
    size_t had = *n_labels, len;
    uint64_t step = cursor_varint(in), n;
    const char *p;

    d->kind = (enum sample_kind)cursor_u8(in);
    p = cursor_bytes(in, &len);
    n = cursor_varint(in);
    if (in->failed || len > TOKEN_MAX || n > LABELS_MAX + 1 || d->kind >= SAMPLE_KINDS ||
        step > SERIES_NONE - 1 - d->id)
        return -1;
    memcpy(token, p, len);
    token[len] = 0;
    d->id += (uint32_t)step;
    for (size_t i = 0; i < n; i++)
        if (take_label(in, &labels[i], i < had) != 0)
            return -1;
    *n_labels = d->n_labels = (size_t)n;
    return 0;
}

static int take_all(struct cursor *in, uint64_t n,
                    int (*entry)(const struct dict_entry *d, void *arg, struct err *e), void *arg,
                    struct err *e)
{
    struct label labels[LABELS_MAX + 1];
    char token[TOKEN_MAX + 1];
    struct dict_entry d = {.labels = labels, .token = token};
    size_t n_labels = 0;

    for (; n > 0; n--) {
        if (take_series(in, &d, labels, &n_labels, token) != 0)
            return damaged(e);
        if (entry(&d, arg, e) != 0)
            return -1;
    }
    return cursor_left(in) ? damaged(e) : 0;
}

int dict_decode(const void *p, size_t len,
                int (*entry)(const struct dict_entry *d, void *arg, struct err *e), void *arg,
                struct err *e)
{
    struct cursor in = cursor_of(p, len);
    uint64_t sum = 0, n, raw_len;
    uint8_t version = cursor_u8(&in), flags = cursor_u8(&in);
    char *raw = NULL;
    size_t got;
    int rc;

    if (in.failed || len < 10)
        return damaged(e);
    if (version != DICT_VERSION)
        return err_set(e, ERR_INPUT, "the series dictionary has format %u, this program reads %u",
                       version, DICT_VERSION);
    memcpy(&sum, (const char *)p + len - 8, sizeof sum);
    in.end -= 8;
    n = cursor_varint(&in);
    raw_len = cursor_varint(&in);
    if (sum != hash_seeded(p, len - 8, 0) || in.failed || raw_len > RAW_MAX)
        return damaged(e);
    if (!(flags & FLAG_PACKED))
        return take_all(&in, n, entry, arg, e);
    raw = mem_alloc((size_t)raw_len + 1);
    if (!raw)
        return err_set(e, ERR_MEMORY, "no memory for a chunk of the series dictionary");
    got = ZSTD_decompress(raw, (size_t)raw_len, in.p, cursor_left(&in));
    if (ZSTD_isError(got) || got != raw_len) {
        rc = damaged(e);
    } else {
        in = cursor_of(raw, (size_t)raw_len);
        rc = take_all(&in, n, entry, arg, e);
    }
    mem_free(raw);
    return rc;
}
