#include "net/http_inflate.h"

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#define STEP      65536       /* grown by doubling from here; bodies of agents are about as large */
#define STEP_MOST (64u << 20) /* zlib counts in 32 bits */

enum { WINDOW_GZIP = 15 + 16, WINDOW_ZLIB = 15, WINDOW_RAW = -15 };

/* Room for the next piece of output; with one byte above `max` so that "exactly max" and "more"
 * can be told apart. 0: full. */
static size_t next_room(const struct buf *out, size_t had, size_t max)
{
    size_t made = out->len - had, left = max - made + 1;
    size_t step = made < STEP ? STEP : made < STEP_MOST ? made : STEP_MOST;

    assert(out->len >= had && made <= max);
    return left < step ? left : step;
}

static int run(z_stream *z, bool members, size_t max, struct buf *out, struct err *e)
{
    size_t had = out->len;

    for (;;) {
        size_t room = next_room(out, had, max);
        char *to = buf_reserve(out, room);
        int rc;

        if (!to)
            return err_set(e, ERR_MEMORY, "no memory for the decompressed body");
        z->next_out = (Bytef *)to;
        z->avail_out = (uInt)room;
        rc = inflate(z, Z_NO_FLUSH);
        buf_commit(out, room - z->avail_out);
        if (out->len - had > max)
            return err_set(e, ERR_LIMIT, "the body is more than %zu bytes when decompressed", max);
        if (rc == Z_STREAM_END && members && z->avail_in > 0) {
            if (inflateReset(z) != Z_OK)
                return err_set(e, ERR_INPUT, "the compressed body is damaged");
        } else if (rc == Z_STREAM_END) {
            return z->avail_in == 0 ? 0 : err_set(e, ERR_INPUT, "bytes after the compressed body");
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return err_set(e, ERR_INPUT, "the compressed body is damaged");
        } else if (z->avail_in == 0 && z->avail_out > 0) {
            return err_set(e, ERR_INPUT, "the compressed body ends too early");
        }
    }
}

/* Clients disagree whether "deflate" has zlib's two-byte header: a valid one is a multiple of 31
 * with method 8. */
static int deflate_window(const unsigned char *in, size_t len)
{
    bool has_header = len >= 2 && (in[0] & 15) == 8 && (in[0] << 8 | in[1]) % 31 == 0;

    return has_header ? WINDOW_ZLIB : WINDOW_RAW;
}

int http_inflate(const char *encoding, const void *in, size_t len, size_t max, struct buf *out,
                 struct err *e)
{
    z_stream z = {0};
    int window, rc;

    if (!encoding || !encoding[0] || strcasecmp(encoding, "identity") == 0) {
        if (len > max)
            return err_set(e, ERR_LIMIT, "the body is more than %zu bytes", max);
        buf_add(out, in, len);
        return buf_ok(out) ? 0 : err_set(e, ERR_MEMORY, "no memory for the body");
    }
    if (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0)
        window = WINDOW_GZIP;
    else if (strcasecmp(encoding, "deflate") == 0)
        window = deflate_window(in, len);
    else
        return err_set(e, ERR_INPUT,
                       "Content-Encoding \"%.40s\" is not known: send gzip, deflate "
                       "or none",
                       encoding);
    if (len > UINT_MAX)
        return err_set(e, ERR_LIMIT, "the body is too large");
    if (inflateInit2(&z, window) != Z_OK)
        return err_set(e, ERR_MEMORY, "no memory to decompress the body");
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)len;
    rc = run(&z, window == WINDOW_GZIP, max, out, e);
    inflateEnd(&z);
    return rc;
}
