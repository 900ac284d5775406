/* Requests as bytes (RESP2): an array of bulk strings.
 *
 *   *3\r\n $3\r\n SET\r\n $1\r\n k\r\n $5\r\n value\r\n
 *
 * hiredis has a formatter too; this one writes into memory that is already there, so that a block
 * of a megabyte is copied once. */
#ifndef TOCSIN_REDIS_WIRE_H
#define TOCSIN_REDIS_WIRE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Bytes of the array header, and of the bulk strings, of `argc` arguments; `lens` may be NULL. */
size_t wire_head_size(size_t argc);
size_t wire_args_size(int argc, const char *const *argv, const size_t *lens);
/* Write what the two above measured; return the end. */
char *wire_put_head(char *p, size_t argc);
char *wire_put_args(char *p, int argc, const char *const *argv, const size_t *lens);

/* A whole command appended to a buffer, or its arguments without the head; a failure stays in the
 * buffer. */
void wire_add(struct buf *b, int argc, const char *const *argv, const size_t *lens);
void wire_add_args(struct buf *b, int argc, const char *const *argv, const size_t *lens);

/* Arguments made from a format (see db_sendf). A format that is wrong is a bug and asserts;
 * `failed` means no memory. */
struct wire_args {
    struct buf text;
    const char **argv; /* valid after wire_args_from() */
    size_t *lens;
    size_t argc, cap_argv, cap_lens;
    bool failed;
};
void wire_args_from(struct wire_args *a, const char *fmt, va_list ap);
void wire_args_free(struct wire_args *a);

#endif
