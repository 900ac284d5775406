/* What comes in: samples of series, and log events. */
#ifndef TOCSIN_MODEL_SAMPLE_H
#define TOCSIN_MODEL_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/labels.h"

enum sample_kind {
    SAMPLE_GAUGE,        /* a level */
    SAMPLE_CUMULATIVE,   /* a counter that only grows, until it is reset */
    SAMPLE_DELTA,        /* an increment since the last one */
    SAMPLE_DISTRIBUTION, /* one observed value (a timer, a size); `weight` of them */
    SAMPLE_SET,          /* a member of a set, as a hash below 2^53 */
    SAMPLE_KINDS
};

struct sample {
    int64_t t_ms;
    double v;
    uint32_t series; /* dense id, see model/series.h */
    float weight;    /* of a distribution sent with a sampling rate of 0.1: 10; else 1 */
    uint8_t kind;    /* enum sample_kind */
    bool stale;      /* Prometheus' staleness marker: the series has ended; v means nothing */
};

/* Prometheus' staleness marker is a NaN with this bit pattern (model/value in its sources). */
#define STALE_NAN_BITS UINT64_C(0x7ff0000000000002)

/* A log event: its time and its fields as text, normalised by ingest. The names every protocol's
 * fields are mapped to: level, service, event, message, logger, request_id, trace_id, span_id,
 * exception, stack, fingerprint; others keep theirs, nested ones joined by dots. Fields are
 * sorted by name and have no empty values; they are views into the request or block. */
struct logevent {
    int64_t t_ms;
    const struct label *fields;
    uint32_t n_fields;
};

#define LOGEVENT_FIELDS_MAX 128

/* Value of a field, NULL when it has none. Cost: binary search. */
const struct label *logevent_field(const struct logevent *e, const char *name, size_t len);

#endif
