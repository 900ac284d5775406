#include "journal/cut_chunk.h"

#include <string.h>
#include <zstd.h>

#include "base/hash.h"

/* version 1 | raw length v | zstd … | xxh3 u64 of all before it */

#define CUT_VERSION 1

int cut_chunk_pack(const void *p, size_t n, struct buf *out, struct err *e)
{
    size_t bound = ZSTD_compressBound(n), packed = 0;
    char *to;

    buf_clear(out);
    if (n > CUT_CHUNK_MAX)
        return err_set(e, ERR_LIMIT, "a piece of the cut is too large (%zu bytes)", n);
    buf_add_u8(out, CUT_VERSION);
    buf_add_varint(out, n);
    to = buf_reserve(out, bound);
    if (to)
        packed = ZSTD_compress(to, bound, p, n, 1);
    if (!to || ZSTD_isError(packed))
        return err_set(e, ERR_MEMORY, "no memory for a piece of the cut");
    buf_commit(out, packed);
    buf_add_u64(out, hash_seeded(out->data, out->len, 0));
    return buf_ok(out) ? 0 : err_set(e, ERR_MEMORY, "no memory for a piece of the cut");
}

int cut_chunk_unpack(const void *p, size_t n, struct buf *out, struct err *e)
{
    struct cursor in = cursor_of(p, n);
    uint8_t version = cursor_u8(&in);
    uint64_t raw, sum = 0;
    size_t got;
    char *to;

    buf_clear(out);
    if (in.failed || n < 10)
        return err_set(e, ERR_INPUT, "a piece of the cut is too short");
    if (version != CUT_VERSION)
        return err_set(e, ERR_INPUT, "the cut has format %u, this program reads %u", version,
                       CUT_VERSION);
    memcpy(&sum, (const char *)p + n - 8, sizeof sum);
    in.end -= 8;
    raw = cursor_varint(&in);
    if (sum != hash_seeded(p, n - 8, 0) || in.failed || raw > CUT_CHUNK_MAX)
        return err_set(e, ERR_INPUT, "a piece of the cut is damaged");
    to = buf_reserve(out, (size_t)raw);
    if (!to)
        return err_set(e, ERR_MEMORY, "no memory for a piece of the cut");
    got = ZSTD_decompress(to, (size_t)raw, in.p, cursor_left(&in));
    if (ZSTD_isError(got) || got != raw)
        return err_set(e, ERR_INPUT, "a piece of the cut does not unpack");
    buf_commit(out, got);
    return 0;
}
