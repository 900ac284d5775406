/* A growable run of bytes.
 *
 * Appending never fails at the call: an allocation failure or a passed limit marks the buffer,
 * later appends do nothing, and the writer asks once, at the end, with buf_ok(). The bytes are
 * always followed by a NUL that is not counted, so `data` can be used as a C string. */
#ifndef TOCSIN_BASE_BUF_H
#define TOCSIN_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf {
    char *data; /* NULL while nothing was appended: use buf_str() for a C string */
    size_t len;
    size_t cap;
    size_t limit; /* 0: none */
    bool failed;
};

#define BUF_INIT ((struct buf){0})

void buf_free(struct buf *b);  /* leaves an empty buffer */
void buf_clear(struct buf *b); /* keeps the memory, forgets a failure */
bool buf_ok(const struct buf *b);
const char *buf_str(const struct buf *b); /* "" when empty */
/* Hands the bytes over (free with mem_free()), leaves an empty buffer. NULL when it had failed. */
char *buf_take(struct buf *b, size_t *len);

/* Makes room for `n` more bytes and returns where they go, NULL on failure; buf_commit() counts
 * those that were written. */
char *buf_reserve(struct buf *b, size_t n);
/* Gives back what it holds beyond its bytes: of what is kept and not added to any more. Where memory
 * refuses, it stays as it is. */
void buf_fit(struct buf *b);
void buf_commit(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_addv(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Little-endian and LEB128 varints, for the binary formats of journal and cut. */
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_f64(struct buf *b, double v);
void buf_add_varint(struct buf *b, uint64_t v);
void buf_add_zigzag(struct buf *b, int64_t v);
void buf_add_bytes(struct buf *b, const void *p, size_t n); /* varint length, then the bytes */

/* The reader of the same forms: bounds-checked. After a short read `failed` is set and every
 * further read yields 0; ask once at the end. Borrows the bytes. */
struct cursor {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
};

struct cursor cursor_of(const void *p, size_t n);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
double cursor_f64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_zigzag(struct cursor *c);
/* Length-prefixed bytes, as buf_add_bytes() wrote them; NULL with *n = 0 when short. */
const char *cursor_bytes(struct cursor *c, size_t *n);
/* `n` raw bytes, NULL when short. */
const void *cursor_raw(struct cursor *c, size_t n);

#endif
