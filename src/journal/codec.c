#include "journal/codec.h"

#include <string.h>

#include "base/mem.h"

_Static_assert(sizeof(struct slot) == 16, "a series costs 16 bytes");

const double codec_pow10[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

struct block_codec *block_codec_new(uint32_t max_series)
{
    struct block_codec *c = mem_zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->max_series = max_series;
    c->cctx = ZSTD_createCCtx();
    c->dctx = ZSTD_createDCtx();
    if (!c->cctx || !c->dctx) {
        block_codec_free(c);
        return NULL;
    }
    block_codec_start(c, 0);
    return c;
}

void block_codec_free(struct block_codec *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_pages; i++)
        mem_free(c->pages[i]);
    mem_free(c->pages);
    buf_free(&c->heads);
    buf_free(&c->times);
    buf_free(&c->values);
    buf_free(&c->body);
    buf_free(&c->packed);
    ZSTD_freeCCtx(c->cctx);
    ZSTD_freeDCtx(c->dctx);
    mem_free(c);
}

void block_codec_start(struct block_codec *c, uint64_t run)
{
    for (size_t i = 0; i < c->n_pages; i++)
        if (c->pages[i] && c->pages[i]->epoch != c->epoch) {
            mem_free(c->pages[i]);
            c->pages[i] = NULL;
        }
    if (++c->epoch == 0) { /* after 2^32 runs: no page may look current */
        for (size_t i = 0; i < c->n_pages; i++) {
            mem_free(c->pages[i]);
            c->pages[i] = NULL;
        }
        c->epoch = 1;
    }
    c->run = run;
    c->index = 0;
    c->prev = UINT32_MAX;
    c->kind = SAMPLE_GAUGE;
}

struct codec_page *block_codec_page(struct block_codec *c, uint32_t series)
{
    size_t at = series / CODEC_PAGE;
    void *pages = c->pages;

    if (series >= c->max_series)
        return NULL;
    if (at >= c->n_pages) {
        if (mem_grow(&pages, &c->cap_pages, at + 1, sizeof *c->pages) != 0)
            return NULL;
        c->pages = pages;
        memset(c->pages + c->n_pages, 0, (at + 1 - c->n_pages) * sizeof *c->pages);
        c->n_pages = at + 1;
    }
    if (!c->pages[at] && !(c->pages[at] = mem_alloc(sizeof **c->pages)))
        return NULL;
    memset(c->pages[at]->slots, 0, sizeof c->pages[at]->slots);
    c->pages[at]->epoch = c->epoch;
    return c->pages[at];
}

size_t block_codec_bytes(const struct block_codec *c)
{
    size_t n = sizeof *c + c->cap_pages * sizeof *c->pages;

    for (size_t i = 0; i < c->n_pages; i++)
        if (c->pages[i])
            n += sizeof *c->pages[i];
    return n + c->heads.cap + c->times.cap + c->values.cap + c->body.cap + c->packed.cap;
}
