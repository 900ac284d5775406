/* What encoder (block.c, which draws the format) and decoder (block_decode.c) share. */
#ifndef TOCSIN_JOURNAL_BLOCK_BITS_H
#define TOCSIN_JOURNAL_BLOCK_BITS_H

#include <string.h>

#include "journal/codec.h"

#define FLAG_PACKED 1u
#define FLAG_WAITED 2u

enum {
    HEAD_ID = 1,
    HEAD_KIND = 2,
    HEAD_STALE = 4,
    HEAD_WEIGHT = 8,
    HEAD_SAME_WEIGHT = 16, /* as the last weight told in this block */
    HEAD_MODE = 32,
    HEAD_ALL = 63
};

static inline uint64_t block_bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline double block_of_bits(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline double block_unscale(int64_t q, unsigned e)
{
    return e ? (double)q / codec_pow10[e] : (double)q;
}

/* Of the last sample of the run, NULL before the first. */
static inline struct slot *block_last_slot(struct block_codec *c)
{
    return c->prev == UINT32_MAX ? NULL : block_codec_slot(c, c->prev);
}

#endif
