/* Any bytes into the decoders of dictionary chunks and of pieces of a cut, with the checksum set
 * right, which would keep the fuzzer out. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "journal/cut_chunk.h"
#include "journal/dict.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int touch(const struct dict_entry *d, void *arg, struct err *e)
{
    size_t *sum = arg;

    (void)e;
    assert(d->n_labels <= LABELS_MAX + 1 && d->kind < SAMPLE_KINDS && d->id < SERIES_NONE);
    for (size_t i = 0; i < d->n_labels; i++) {
        for (uint32_t k = 0; k < d->labels[i].name_len; k++)
            *sum += (unsigned char)d->labels[i].name[k];
        for (uint32_t k = 0; k < d->labels[i].value_len; k++)
            *sum += (unsigned char)d->labels[i].value[k];
    }
    *sum += strlen(d->token);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n + 8);
    uint64_t sum = hash_seeded(p, n, 0);
    struct buf out = BUF_INIT;
    size_t seen = 0;

    memcpy(copy, p, n);
    memcpy(copy + n, &sum, sizeof sum);
    (void)!dict_decode(copy, n + 8, touch, &seen, NULL);
    (void)!cut_chunk_unpack(copy, n + 8, &out, NULL);
    (void)!dict_decode(p, n, touch, &seen, NULL);
    (void)!cut_chunk_unpack(p, n, &out, NULL);
    buf_free(&out);
    free(copy);
    return 0;
}
