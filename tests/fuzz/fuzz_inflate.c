/* Compressed bodies: never more than the bound, whatever they say. The first byte chooses the
 * encoding, the second the bound. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encodings[] = {"gzip", "deflate", "identity", "br"};
    struct buf out = BUF_INIT;
    struct err e;
    size_t max;

    if (size < 2)
        return 0;
    max = (size_t)data[1] * 16;
    if (http_inflate(encodings[data[0] % 4], data + 2, size - 2, max, &out, &e) == 0)
        assert(out.len <= max);
    else
        assert(e.text[0]);
    buf_free(&out);
    return 0;
}
