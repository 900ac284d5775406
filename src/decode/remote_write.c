/* Prometheus remote write 1.0: a snappy block of one protobuf message.
 *
 *   WriteRequest  { 1: TimeSeries …  3: MetricMetadata … }
 *   TimeSeries    { 1: Label …  2: Sample …  3: Exemplar …  4: Histogram … }
 *   Label         { 1: name  2: value }
 *   Sample        { 1: double value  2: int64 timestamp in ms }
 *   MetricMetadata{ 1: type  2: metric_family_name  4: help  5: unit }
 *
 * A field is a varint (number << 3 | wire type) and its value:
 *   type 0: a varint   1: 8 bytes   2: a length and as many bytes   5: 4 bytes
 *
 * Walked in place; unknown fields are skipped, as protobuf demands. A series that cannot be taken
 * costs itself: senders do not repeat what was answered 400, and its neighbours would be lost. */
#include <assert.h>
#include <math.h>
#include <snappy-c.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decode/batch.h"
#include "decode/decoders.h"

struct wire {
    const uint8_t *p, *end;
};

struct wire_field {
    uint32_t number;
    unsigned type;
    uint64_t value;      /* types 0, 1, 5 */
    struct wire message; /* type 2 */
};

static bool read_long_varint(struct wire *w, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 64 && w->p < w->end; shift += 7) {
        uint8_t byte = *w->p++;

        *v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static inline bool read_varint(struct wire *w, uint64_t *v)
{
    if (w->p == w->end || *w->p >= 0x80)
        return read_long_varint(w, v);
    *v = *w->p++;
    return true;
}

static inline bool read_fixed(struct wire *w, size_t n, uint64_t *v)
{
    *v = 0;
    if ((size_t)(w->end - w->p) < n)
        return false;
    memcpy(v, w->p, n); /* little-endian, as all machines we build for */
    w->p += n;
    return true;
}

static inline bool read_bytes(struct wire *w, struct wire *out)
{
    uint64_t n;

    if (!read_varint(w, &n) || n > (uint64_t)(w->end - w->p))
        return false;
    *out = (struct wire){w->p, w->p + n};
    w->p += n;
    return true;
}

static bool read_field(struct wire *w, struct wire_field *f)
{
    uint64_t key;

    if (!read_varint(w, &key) || key >> 3 == 0 || key >> 32 != 0)
        return false;
    f->number = (uint32_t)(key >> 3);
    f->type = key & 7;
    switch (f->type) {
    case 0:
        return read_varint(w, &f->value);
    case 1:
        return read_fixed(w, 8, &f->value);
    case 2:
        return read_bytes(w, &f->message);
    case 5:
        return read_fixed(w, 4, &f->value);
    }
    return false;
}

/* The next field when it is this message (`tag`) and shorter than 128 bytes, as nearly all are. It is handed
 * over in registers: as a part of a wire_field it would be stored in halves and loaded as a whole, for which
 * the processor waits as long as a label takes. */
static inline bool read_short(struct wire *w, uint8_t tag, struct wire *message)
{
    size_t n = (size_t)(w->end - w->p);

    if (n < 2 || w->p[0] != tag || w->p[1] >= 0x80 || w->p[1] > n - 2)
        return false;
    *message = (struct wire){w->p + 2, w->p + 2 + w->p[1]};
    w->p = message->end;
    return true;
}

static bool is(const struct wire_field *f, uint32_t number, unsigned type)
{
    return f->number == number && f->type == type;
}

struct walk {
    struct decode_batch *batch;
    const struct decode_input *in;
    size_t series;  /* the number of the one being read, from 1 */
    struct err bad; /* what is wrong with it alone */
    struct err *e;
};

/* Of walk_series() and what it calls: the series is left out, the others go on. */
#define LEFT_OUT 1

static int torn(const struct walk *k)
{
    char at[40] = "";

    if (k->series > 0)
        snprintf(at, sizeof at, "timeseries[%zu]", k->series - 1);
    return err_at(k->e, ERR_INPUT, 0, at, "not a protobuf WriteRequest: a field is torn");
}

static int leave_out(struct walk *k, const char *why)
{
    err_at(&k->bad, ERR_INPUT, 0, "labels", "%s", why);
    return LEFT_OUT;
}

/* What every sender sends: name, value, both shorter than 128 bytes. */
static bool read_usual_label(struct wire w, struct wire *name, struct wire *value)
{
    size_t n = (size_t)(w.end - w.p), name_len, value_len;

    if (n < 4 || w.p[0] != (1 << 3 | 2) || (name_len = w.p[1]) >= 0x80 || n < name_len + 4 ||
        w.p[name_len + 2] != (2 << 3 | 2))
        return false;
    value_len = w.p[name_len + 3];
    if (value_len >= 0x80 || n != name_len + value_len + 4)
        return false;
    *name = (struct wire){w.p + 2, w.p + 2 + name_len};
    *value = (struct wire){w.p + name_len + 4, w.end};
    return true;
}

static int read_odd_label(struct walk *k, struct wire w, struct wire *name, struct wire *value)
{
    struct wire_field f;

    while (w.p < w.end) {
        if (!read_field(&w, &f))
            return torn(k);
        if (is(&f, 1, 2))
            *name = f.message;
        else if (is(&f, 2, 2))
            *value = f.message;
    }
    if (!name->p)
        return leave_out(k, "a label has no name");
    if (!value->p)
        *value = (struct wire){name->p, name->p};
    return 0;
}

static int walk_label(struct walk *k, struct wire w)
{
    struct wire name = {0}, value = {0};
    int rc;

    if (!read_usual_label(w, &name, &value) && (rc = read_odd_label(k, w, &name, &value)) != 0)
        return rc;
    if (k->batch->build->n_labels - k->batch->build->open > LABELS_MAX)
        return leave_out(k, "it has more labels than any series may have");
    if (batch_label(k->batch, (const char *)name.p, (size_t)(name.end - name.p),
                    (const char *)value.p, (size_t)(value.end - value.p)) != 0)
        return batch_no_memory(k->e);
    return 0;
}

/* What every sender sends: the value, then the time. */
static bool read_usual_sample(struct wire w, uint64_t *bits, uint64_t *t_ms)
{
    if (w.end - w.p < 11 || w.p[0] != (1 << 3 | 1) || w.p[9] != (2 << 3 | 0))
        return false;
    memcpy(bits, w.p + 1, sizeof *bits);
    w.p += 10;
    return read_varint(&w, t_ms) && w.p == w.end;
}

static int walk_sample(struct walk *k, struct wire w)
{
    struct wire_field f;
    uint64_t bits = 0, t_ms = 0;
    double v;

    if (read_usual_sample(w, &bits, &t_ms))
        w.p = w.end;
    while (w.p < w.end) {
        if (!read_field(&w, &f))
            return torn(k);
        if (is(&f, 1, 1))
            bits = f.value;
        else if (is(&f, 2, 0))
            t_ms = f.value;
    }
    memcpy(&v, &bits, sizeof v);
    if (bits == STALE_NAN_BITS)
        return batch_sample(k->batch, k->in, (int64_t)t_ms, 0, 1, true, k->e);
    if (!isfinite(v)) {
        k->batch->counts.not_numbers++;
        return 0;
    }
    return batch_sample(k->batch, k->in, (int64_t)t_ms, v, 1, false, k->e);
}

static int walk_samples(struct walk *k, struct wire w)
{
    struct wire_field f;

    while (w.p < w.end) {
        if (!read_field(&w, &f))
            return torn(k);
        if (is(&f, 2, 2) && walk_sample(k, f.message) != 0)
            return -1;
    }
    return 0;
}

/* Labels come first in what every sender sends, but protobuf allows any order: samples are walked
 * when all labels have been seen. */
static int walk_series(struct walk *k, struct wire w)
{
    struct wire samples = {w.end, w.end}, first = samples;
    const uint8_t *all = w.p, *labels_end = w.p;
    struct wire_field f;
    size_t n_samples = 0, before;
    int rc;

    while (w.p < w.end) {
        const uint8_t *begin = w.p;
        struct wire part;
        bool label = read_short(&w, 1 << 3 | 2, &part);
        bool sample = !label && read_short(&w, 2 << 3 | 2, &part);

        if (!label && !sample) {
            if (!read_field(&w, &f))
                return torn(k);
            label = is(&f, 1, 2);
            sample = is(&f, 2, 2);
            part = f.message;
            k->batch->counts.exemplars += is(&f, 3, 2);
            k->batch->counts.histograms += is(&f, 4, 2);
        }
        if (label) {
            if ((rc = walk_label(k, part)) != 0)
                return rc;
            labels_end = w.p;
        }
        if (sample && n_samples++ == 0) {
            samples.p = begin;
            first = part;
        }
    }
    if (n_samples == 0) {
        batch_abandon(k->batch);
        return 0;
    }
    /* names and values of all labels, with the tags and lengths between them, in one look */
    k->batch->build->plain_labels = batch_is_plain((const char *)all, (size_t)(labels_end - all));
    rc = batch_series(k->batch, k->in, KIND_BY_NAME, &k->bad);
    k->batch->build->plain_labels = false;
    if (rc != 0)
        return k->bad.code == ERR_INPUT ? LEFT_OUT : batch_no_memory(k->e);
    before = k->batch->n_samples;
    if ((n_samples == 1 ? walk_sample(k, first) : walk_samples(k, samples)) != 0)
        return -1;
    if (k->batch->n_samples == before) /* none was a number */
        batch_series_drop(k->batch);
    return 0;
}

/* Only counters and gauges say something that the name may not; what histograms and summaries
 * are made of carries its kind in the name. */
static int walk_metadata(struct walk *k, struct wire w)
{
    struct batch_build *b = k->batch->build;
    struct wire_field f;
    struct wire name = {0};
    uint64_t type = 0;

    while (w.p < w.end) {
        if (!read_field(&w, &f))
            return torn(k);
        if (is(&f, 1, 0))
            type = f.value;
        else if (is(&f, 2, 2))
            name = f.message;
    }
    k->batch->counts.metadata++;
    if ((type != 1 && type != 2) || !name.p || name.p == name.end ||
        (size_t)(name.end - name.p) > k->in->limits->max_name)
        return 0;
    if (mem_grow((void **)&b->types, &b->cap_types, b->n_types + 1, sizeof *b->types) != 0)
        return batch_no_memory(k->e);
    b->types[b->n_types++] =
        (struct batch_type){(const char *)name.p, (uint32_t)(name.end - name.p),
                            type == 1 ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE};
    return 0;
}

static int take_series(struct walk *k, struct wire w)
{
    int rc;

    k->series++;
    k->bad.code = ERR_NONE;
    rc = walk_series(k, w);
    if (rc != LEFT_OUT)
        return rc;
    assert(k->bad.code == ERR_INPUT);
    batch_abandon(k->batch);
    if (k->batch->counts.series_refused++ > 0)
        return 0;
    k->batch->part_error = k->bad;
    err_prefix(&k->batch->part_error, "time series %zu", k->series);
    return 0;
}

static int uncompress(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct buf *plain = &b->build->plain;
    size_t len;

    if (snappy_uncompressed_length(in->body, in->len, &len) != SNAPPY_OK)
        return err_set(e, ERR_INPUT, "the body is not a snappy block");
    if (len > in->limits->max_body)
        return err_set(e, ERR_LIMIT, "the body has %zu bytes uncompressed: at most %zu are taken",
                       len, in->limits->max_body);
    if (!buf_reserve(plain, len + 1))
        return batch_no_memory(e);
    if (snappy_uncompress(in->body, in->len, plain->data, &len) != SNAPPY_OK)
        return err_set(e, ERR_INPUT, "the body is not a snappy block");
    buf_commit(plain, len);
    return 0;
}

int decode_remote_write(struct decode_batch *b, const struct decode_input *in, struct err *e)
{
    struct walk k = {.batch = b, .in = in, .e = e};
    struct wire w;
    struct wire_field f;

    b->in_parts = true;
    if (uncompress(b, in, e) != 0)
        return -1;
    w.p = (const uint8_t *)buf_str(&b->build->plain);
    w.end = w.p + b->build->plain.len;
    while (w.p < w.end) {
        if (!read_field(&w, &f))
            return torn(&k);
        if (is(&f, 1, 2)) {
            if (take_series(&k, f.message) != 0)
                return -1;
        } else if (is(&f, 3, 2) && walk_metadata(&k, f.message) != 0) {
            return -1;
        }
    }
    batch_close(b);
    return 0;
}
