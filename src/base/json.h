/* Writing JSON (RFC 8259) into a buffer, without a tree: commas are put by the writer, which
 * remembers in a few bits whether a container has had its first member. Reading JSON of requests
 * and configuration is cJSON's work; ingest has a bounded reader of its own. */
#ifndef TOCSIN_BASE_JSON_H
#define TOCSIN_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
    struct buf *out;
    uint64_t has_member; /* one bit per depth; at most 60 deep, asserted */
    unsigned depth;
};

struct json json_into(struct buf *out);

void json_object(struct json *j); /* { */
void json_object_end(struct json *j);
void json_array(struct json *j); /* [ */
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_key_n(struct json *j, const char *key, size_t len);
void json_str(struct json *j, const char *s); /* NULL writes null */
void json_str_n(struct json *j, const char *s,
                size_t n);               /* bytes that are not UTF-8 become U+FFFD */
void json_num(struct json *j, double v); /* shortest that reads back; NaN, Inf: null */
void json_int(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_raw(struct json *j, const char *text, size_t n); /* a finished value */
/* key and value in one call */
void json_kstr(struct json *j, const char *key, const char *s);
void json_knum(struct json *j, const char *key, double v);
void json_kint(struct json *j, const char *key, int64_t v);
void json_kbool(struct json *j, const char *key, bool v);
void json_ktime(struct json *j, const char *key, int64_t at_ms); /* RFC 3339 in UTC, milliseconds */

/* Only the string with its quotes, for writers that do the rest themselves. */
void json_quote(struct buf *out, const char *s, size_t n);

#endif
