/* Writes remote-write requests: protobuf fields, and a snappy block around them. */
#ifndef UNIT_DECODE_PROTOBUF_H
#define UNIT_DECODE_PROTOBUF_H

#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static inline void pb_bytes(struct buf *b, unsigned field, const void *p, size_t n)
{
    buf_add_varint(b, field << 3 | 2);
    buf_add_bytes(b, p, n);
}

static inline void pb_text(struct buf *b, unsigned field, const char *s)
{
    pb_bytes(b, field, s, strlen(s));
}

static inline void pb_varint(struct buf *b, unsigned field, uint64_t v)
{
    buf_add_varint(b, field << 3);
    buf_add_varint(b, v);
}

static inline void pb_double(struct buf *b, unsigned field, double v)
{
    buf_add_varint(b, field << 3 | 1);
    buf_add_f64(b, v);
}

/* "__name__=up,job=api" as labels of a time series */
static inline void pb_labels(struct buf *series, const char *labels)
{
    char copy[1000];

    strcpy(copy, labels);
    for (char *part = strtok(copy, ","); part; part = strtok(NULL, ",")) {
        struct buf label = BUF_INIT;
        char *eq = strchr(part, '=');

        *eq = 0;
        pb_text(&label, 1, part);
        pb_text(&label, 2, eq + 1);
        pb_bytes(series, 1, label.data, label.len);
        buf_free(&label);
    }
}

static inline void pb_sample(struct buf *series, double v, int64_t t_ms)
{
    struct buf sample = BUF_INIT;

    pb_double(&sample, 1, v);
    pb_varint(&sample, 2, (uint64_t)t_ms);
    pb_bytes(series, 2, sample.data, sample.len);
    buf_free(&sample);
}

static inline void pb_series(struct buf *request, const char *labels, double v, int64_t t_ms)
{
    struct buf series = BUF_INIT;

    pb_labels(&series, labels);
    pb_sample(&series, v, t_ms);
    pb_bytes(request, 1, series.data, series.len);
    buf_free(&series);
}

static inline void pb_metadata(struct buf *request, unsigned type, const char *name)
{
    struct buf metadata = BUF_INIT;

    pb_varint(&metadata, 1, type);
    pb_text(&metadata, 2, name);
    pb_text(&metadata, 4, "help");
    pb_bytes(request, 3, metadata.data, metadata.len);
    buf_free(&metadata);
}

static inline void pb_snappy(const struct buf *plain, struct buf *out)
{
    size_t n = snappy_max_compressed_length(plain->len);
    char *to = buf_reserve(out, n);

    if (snappy_compress(plain->data ? plain->data : "", plain->len, to, &n) != SNAPPY_OK)
        abort();
    buf_commit(out, n);
}

#endif
