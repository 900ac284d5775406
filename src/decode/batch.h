/* How decoders fill a batch: labels of a series are pushed one after the other, then the series
 * is closed, then its samples follow. Everything checks the limits. */
#ifndef DECODE_BATCH_H
#define DECODE_BATCH_H

#include "base/buf.h"
#include "decode/text_pool.h"
#include "tocsin/decode.h"

#define CLOCK_SLACK_MS 60000 /* how far ahead of our clock a time may be */

/* The kind of a series that does not say: by the name and the sender's metadata. */
#define KIND_BY_NAME SAMPLE_KINDS

struct batch_build {
    struct text_pool pool;
    struct buf plain; /* remote write after snappy */
    struct label *labels;
    size_t n_labels, cap_labels;
    size_t open;               /* first label of the series or event being filled */
    bool plain_labels;         /* batch_is_plain() is known of the series being filled */
    struct series_want *wants; /* until decode_resolve(), .hash is the index of the first label */
    uint8_t *kinds;
    size_t n_wants, cap_wants, cap_kinds;
    struct sample *samples;
    size_t cap_samples;
    struct logevent *events; /* until the batch is closed, .fields is NULL: see batch_close() */
    size_t *event_fields;    /* index of the first field of each event */
    size_t cap_events, cap_event_fields;
    struct batch_type *types; /* metadata of this request */
    size_t n_types, cap_types;
};

struct batch_type {
    const char *name;
    uint32_t len;
    uint8_t kind;
};

int batch_grow_labels(struct decode_batch *b) MUST_USE;

/* One more label or field of what is being filled. Views: not copied. -1: no memory. */
MUST_USE static inline int batch_label(struct decode_batch *b, const char *name, size_t name_len,
                                       const char *value, size_t value_len)
{
    struct batch_build *w = b->build;

    if (w->n_labels == w->cap_labels && batch_grow_labels(b) != 0)
        return -1;
    w->labels[w->n_labels++] = (struct label){name, value, (uint32_t)name_len, (uint32_t)value_len};
    return 0;
}

/* Makes the labels pushed since the last close a series; they are sorted and checked.
 * Its samples are those added until the next. */
int batch_series(struct decode_batch *b, const struct decode_input *in, uint8_t kind,
                 struct err *e) MUST_USE;
/* Takes the newest series back, which must have no samples yet. */
void batch_series_drop(struct decode_batch *b);
/* Of a closed batch: takes out the series that are not to be kept, with their samples. Returns how
 * many. */
size_t batch_keep_series(struct decode_batch *b,
                         bool (*keep)(const struct series_want *x, void *arg), void *arg);
/* Forgets the labels pushed since the last close. */
void batch_abandon(struct decode_batch *b);
/* A sample of the newest series; its time is clamped. */
int batch_sample(struct decode_batch *b, const struct decode_input *in, int64_t t_ms, double v,
                 float weight, bool stale, struct err *e) MUST_USE;
/* Makes the fields pushed since the last close an event: sorted, doubles and empty ones dropped. */
int batch_event(struct decode_batch *b, const struct decode_input *in, int64_t t_ms,
                struct err *e) MUST_USE;
/* The batch is complete: its public views are set. */
void batch_close(struct decode_batch *b);

int batch_no_memory(struct err *e);
/* Text that can be a label: UTF-8 without NUL. */
bool batch_is_text(const char *s, size_t n);
/* Are all bytes ASCII and none NUL? For many labels in one go; false says nothing (of fewer than 16
 * bytes it may be false also where it is so). Cost: a cycle or two for 16 bytes. */
bool batch_is_plain(const char *s, size_t n);
/* Sorts labels and keeps the first of those with equal names. Returns how many are left. */
size_t batch_tidy(struct label *l, size_t n);
bool batch_counts_up(const char *name, size_t len); /* _total _count _sum _bucket */

#endif
