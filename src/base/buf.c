/* Appending never fails at the call: a failure is kept and found by the one question at the end. The other
 * way, a code after each append, made every writer of JSON or HTML twice as long and was forgotten where it
 * mattered. A buffer grows by half; what was reserved is committed by how much was written.
 *
 * Binary forms are fixed to little-endian and LEB128 by memcpy() of what the machine has: the program runs
 * on such machines only. The reader fails once and for good, so that a decoder asks at its end as well. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void buf_free(struct buf *b)
{
    mem_free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    b->failed = false;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = 0;
}

bool buf_ok(const struct buf *b)
{
    assert(b->data ? b->len < b->cap : b->len == 0);
    return !b->failed;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b, size_t *len)
{
    char *data;

    if (!b->failed && !b->data)
        (void)buf_reserve(b, 0);
    if (b->failed) {
        buf_free(b);
        return NULL;
    }
    assert(b->data && b->data[b->len] == 0);
    data = b->data;
    if (len)
        *len = b->len;
    b->data = NULL;
    b->len = b->cap = 0;
    return data;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > SIZE_MAX - b->len - 1 || (b->limit && b->len + n > b->limit) ||
        mem_grow((void **)&b->data, &b->cap, b->len + n + 1, 1) < 0) {
        b->failed = true;
        return NULL;
    }
    assert(b->len + n < b->cap);
    b->data[b->len] = 0;
    return b->data + b->len;
}

void buf_fit(struct buf *b)
{
    char *data = b->data && b->len + 1 < b->cap ? mem_realloc(b->data, b->len + 1) : NULL;

    if (!data)
        return;
    b->data = data;
    b->cap = b->len + 1;
    assert(b->data[b->len] == 0);
}

void buf_commit(struct buf *b, size_t n)
{
    assert(!b->failed && b->len + n < b->cap); /* within what was reserved */
    b->len += n;
    b->data[b->len] = 0;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *to = buf_reserve(b, n);

    if (!to)
        return;
    if (n)
        memcpy(to, p, n);
    buf_commit(b, n);
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    char *to;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (!to) {
        b->failed = true;
        return;
    }
    vsnprintf(to, (size_t)n + 1, fmt, ap);
    buf_commit(b, (size_t)n);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_addv(b, fmt, ap);
    va_end(ap);
}

void buf_add_u8(struct buf *b, uint8_t v)
{
    buf_add(b, &v, 1);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    buf_add(b, &v, sizeof v);
}

void buf_add_f64(struct buf *b, double v)
{
    buf_add(b, &v, sizeof v);
}

void buf_add_varint(struct buf *b, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;

    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    buf_add(b, bytes, n);
}

void buf_add_zigzag(struct buf *b, int64_t v)
{
    buf_add_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void buf_add_bytes(struct buf *b, const void *p, size_t n)
{
    buf_add_varint(b, n);
    buf_add(b, p, n);
}

struct cursor cursor_of(const void *p, size_t n)
{
    const uint8_t *start = p;

    assert(p || n == 0);
    return (struct cursor){.p = start, .end = start ? start + n : start, .failed = false};
}

size_t cursor_left(const struct cursor *c)
{
    assert(c->p <= c->end);
    return c->failed ? 0 : (size_t)(c->end - c->p);
}

const void *cursor_raw(struct cursor *c, size_t n)
{
    const void *at = c->p;

    if (n > cursor_left(c)) {
        c->failed = true;
        return NULL;
    }
    c->p += n;
    return at;
}

uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_raw(c, 1);

    return p ? *p : 0;
}

uint64_t cursor_u64(struct cursor *c)
{
    const void *p = cursor_raw(c, 8);
    uint64_t v = 0;

    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

double cursor_f64(struct cursor *c)
{
    const void *p = cursor_raw(c, 8);
    double v = 0;

    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && !c->failed && c->p < c->end; shift += 7) {
        uint8_t byte = *c->p++;

        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->failed = true;
    return 0;
}

int64_t cursor_zigzag(struct cursor *c)
{
    uint64_t v = cursor_varint(c);

    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

const char *cursor_bytes(struct cursor *c, size_t *n)
{
    uint64_t len = cursor_varint(c);
    const char *p;

    *n = 0;
    if (c->failed || len > cursor_left(c)) {
        c->failed = true;
        return NULL;
    }
    p = cursor_raw(c, (size_t)len);
    *n = (size_t)len;
    assert(p && *n == len);
    return p;
}
