/* Reading JSON (RFC 8259) of strangers: one pass, token by token, without a tree and without an
 * allocation for each value. Everything is validated; depth is bounded. Several values may stand
 * one after the other (lines of JSON).
 *
 *   { "name" : "up" , "labels" : { … } , "value" : 1 }
 *   ^OBJECT  ^STRING             ^OBJECT          ^NUMBER ^OBJECT_END
 *     ^KEY              ^KEY               ^KEY
 *
 * Strings are views into the text, or into the pool where they had escapes. They never hold a
 * NUL, and are UTF-8: what is not becomes U+FFFD. */
#ifndef DECODE_JSON_READ_H
#define DECODE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "decode/text_pool.h"

#define JSON_DEPTH_MAX 32

enum json_token {
    JSON_END,
    JSON_ERROR,
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_reader {
    const char *start, *at, *end;
    struct text_pool *pool;
    const char *s; /* the token's text: string without quotes, number as written */
    size_t len;
    const char *token; /* where it begins in the text */
    unsigned depth;
    uint64_t in_object; /* one bit per depth */
    int expects;
    const char *why; /* of JSON_ERROR; NULL with it: no memory */
};

struct json_reader json_reader_of(const char *text, size_t len, struct text_pool *pool);
enum json_token json_read(struct json_reader *r);
/* After JSON_OBJECT or JSON_ARRAY: goes behind its end; the text of the whole value, as written,
 * is then in `s` and `len`. -1 on an error in it. */
int json_read_whole(struct json_reader *r) MUST_USE;
/* The value of a number token. -1: too large for a double. */
int json_read_number(const char *s, size_t len, double *v) MUST_USE;
/* The same for any text that is [-]digits[.digits] of at most 15 digits, which is read without
 * strtod(); false for all else. */
bool json_short_number(const char *s, size_t len, double *v);
int json_reader_line(const struct json_reader *r); /* of the token, from 1; cost: the text so far */
/* Fills `e` from a JSON_ERROR, or with the text given. Returns -1. */
int json_reader_fail(const struct json_reader *r, const char *field, struct err *e);
int json_reader_refuse(const struct json_reader *r, const char *field, struct err *e,
                       const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
