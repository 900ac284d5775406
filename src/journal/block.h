/* A block as bytes: what came in together, in columns. The format is drawn in block.c.
 *
 * Pure: no Redis, no clock. Blocks of a run are encoded, and decoded, in order with one codec
 * (journal/codec.h). */
#ifndef TOCSIN_JOURNAL_BLOCK_H
#define TOCSIN_JOURNAL_BLOCK_H

#include "journal/codec.h"
#include "model/sample.h"

#define BLOCK_VERSION     1
#define BLOCK_MAX_SAMPLES (1u << 24) /* in one block: far above what is written, to bound memory */
#define BLOCK_MAX_BODY    (256u << 20)

struct block_head {
    uint32_t generation; /* of the partitioning */
    int64_t recv_ms;
    const uint64_t *hashes; /* of the requests in it that have an identity */
    size_t n_hashes;
    bool waited; /* their senders were told to come again */
};

/* Appends the block to `out` and moves the codec on. -1: no memory, or a series over the codec's
 * bound; the codec is then of no more use until block_codec_start(). */
int block_encode(struct block_codec *c, const struct block_head *h, const struct sample *samples,
                 size_t n_samples, const struct logevent *events, size_t n_events, struct buf *out,
                 struct err *e) MUST_USE;

/* A decoded block. The arrays are the view's and are used again by the next decode; the bytes of
 * events lie in it too. */
struct block_view {
    struct block_head head;
    uint64_t run;
    uint32_t index;
    struct sample *samples;
    size_t n_samples, cap_samples;
    struct logevent *events;
    size_t n_events, cap_events;
    struct label *fields;
    size_t n_fields, cap_fields;
    struct label *names;
    size_t n_names, cap_names;
    uint64_t *hashes;
    size_t cap_hashes;
    struct buf body;
};
void block_view_free(struct block_view *v);

/* Any bytes will do. -1: ERR_INPUT the bytes are damaged or of a newer format; ERR_REFUSED the
 * block belongs to a run of which this codec has not seen all before it; ERR_MEMORY. After a failure
 * the codec takes the same block once more, undamaged or when it has seen those before, or the first
 * one of another run. */
int block_decode(struct block_codec *c, const void *p, size_t n, struct block_view *v,
                 struct err *e) MUST_USE;

/* block_events.c: the part of the body with log events. */
int block_put_events(const struct logevent *events, size_t n, int64_t recv_ms, struct buf *out);
int block_take_events(struct cursor *in, size_t n, int64_t recv_ms, struct block_view *v);

#endif
