/* Chunk lines: whatever arrives in whatever pieces, the same bytes come out as if it had come at once. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_chunks whole, parts;
    char *a = malloc(size + 1), *b = malloc(size + 1);

    memcpy(a, data, size);
    memcpy(b, data, size);
    http_chunks_init(&whole);
    http_chunks_init(&parts);
    http_chunks_look(&whole, a, size);
    for (size_t i = 0, n; i < size; i += n) {
        n = data[i] % 5 + 1u < size - i ? data[i] % 5 + 1u : size - i;
        http_chunks_look(&parts, b + i, n);
    }
    assert(memcmp(a, b, size) == 0 && whole.state == parts.state);
    free(a);
    free(b);
    return 0;
}
