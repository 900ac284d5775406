/* A body that came compressed, with a bound on what it may become. Pure. */
#ifndef NET_HTTP_INFLATE_H
#define NET_HTTP_INFLATE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the plain bytes of `in` to `out`. `encoding`: "gzip" (also of several members), "deflate"
 * (with or without zlib's header), "identity", NULL. ERR_LIMIT when it would be more than `max`
 * bytes: never more than that, and a few KiB, is allocated. Returns 0, or -1. */
int http_inflate(const char *encoding, const void *in, size_t len, size_t max, struct buf *out,
                 struct err *e) MUST_USE;

#endif
