/* What a block codec remembers of each series within a run: its last value and which series came
 * after it. Pages of 64 KiB that are taken when a series of theirs is first seen in the run, so
 * the memory follows the active series, 16 bytes each, whatever ids were given before. */
#ifndef TOCSIN_JOURNAL_CODEC_H
#define TOCSIN_JOURNAL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/err.h"
#include "tocsin/journal.h"

#define CODEC_PAGE 4096

/* How a value stands: as bits, or as an integer of 10^-e. */
enum { MODE_UNSEEN, MODE_BITS, MODE_SCALED, MODE_MAX_SCALED = MODE_SCALED + 12 };

struct slot {
    int64_t last;  /* value as an integer (MODE_SCALED + e) or its bits (MODE_BITS) */
    uint32_t next; /* the series that followed, + 1; 0: not known */
    uint8_t mode;
    uint8_t kind;
};

struct codec_page {
    uint32_t epoch; /* the run it was last taken for */
    struct slot slots[CODEC_PAGE];
};

struct block_codec {
    struct codec_page **pages;
    size_t n_pages, cap_pages;
    uint32_t max_series;
    uint32_t epoch;
    uint64_t run;   /* 0: none; a block of index 0 must come */
    uint32_t index; /* of the next block in the run */
    uint32_t prev;  /* the series of the last sample */
    uint8_t kind;   /* of the last sample */
    struct buf heads, times, values, body, packed;
    ZSTD_CCtx *cctx;
    ZSTD_DCtx *dctx;
};

/* NULL: no memory. `max_series`: ids from it on are refused. */
struct block_codec *block_codec_new(uint32_t max_series);
void block_codec_free(struct block_codec *c);
/* Forgets all series; the next block is the first of run `run` (0: of none yet). Pages that the
 * last run did not touch are freed. Cost: little, pages are cleaned when they are taken. */
void block_codec_start(struct block_codec *c, uint64_t run);
/* Seam of tests: memory held. */
size_t block_codec_bytes(const struct block_codec *c);

/* The page of a series, taken into the run; NULL: over the bound, or no memory. */
struct codec_page *block_codec_page(struct block_codec *c, uint32_t series);

static inline struct slot *block_codec_slot(struct block_codec *c, uint32_t series)
{
    size_t at = series / CODEC_PAGE;
    struct codec_page *p = at < c->n_pages ? c->pages[at] : NULL;

    if (!p || p->epoch != c->epoch)
        p = block_codec_page(c, series);
    return p ? &p->slots[series % CODEC_PAGE] : NULL;
}

extern const double codec_pow10[];

#endif
