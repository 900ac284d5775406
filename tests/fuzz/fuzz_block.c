/* Any bytes into the decoder of blocks. The checksum would keep the fuzzer out, so it is set
 * right first; what decodes is encoded again and must decode to the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "journal/block.h"

#define MAX_SERIES 100000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void again(const struct block_view *v)
{
    struct block_codec *in = block_codec_new(MAX_SERIES), *out = block_codec_new(MAX_SERIES);
    struct block_view w = {0};
    struct buf bytes = BUF_INIT;
    int rc;

    block_codec_start(in, 1);
    rc = block_encode(in, &v->head, v->samples, v->n_samples, v->events, v->n_events, &bytes, NULL);
    assert(rc == 0);
    rc = block_decode(out, bytes.data, bytes.len, &w, NULL);
    assert(rc == 0 && w.n_samples == v->n_samples && w.n_events == v->n_events);
    for (size_t i = 0; i < w.n_samples; i++) {
        const struct sample *a = &v->samples[i], *b = &w.samples[i];

        assert(a->series == b->series && a->kind == b->kind && a->t_ms == b->t_ms);
        assert(a->stale == b->stale && memcmp(&a->weight, &b->weight, sizeof a->weight) == 0);
        assert(a->stale || memcmp(&a->v, &b->v, sizeof a->v) == 0);
    }
    buf_free(&bytes);
    block_view_free(&w);
    block_codec_free(in);
    block_codec_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct block_codec *c = block_codec_new(MAX_SERIES);
    struct block_view v = {0};
    uint8_t *copy = malloc(n + 8);
    uint64_t sum;

    memcpy(copy, p, n);
    sum = hash_seeded(copy, n, 0);
    memcpy(copy + n, &sum, sizeof sum);
    if (block_decode(c, copy, n + 8, &v, NULL) == 0)
        again(&v);
    (void)block_decode(c, p, n, &v, NULL);
    free(copy);
    block_view_free(&v);
    block_codec_free(c);
    return 0;
}
