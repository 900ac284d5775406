/* Runs a decoder on a text and shows what came out, one line for each sample or event:
 *
 *   up{job="api"} 1 @1767600000000 gauge
 *   @1767600000000 {level="ERROR",message="no"}
 *   error 3 [labels.pod] the text            line, field, text
 */
#ifndef UNIT_DECODE_DECODING_H
#define UNIT_DECODE_DECODING_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "tocsin/decode.h"

#define NOW INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */

struct decoding {
    struct decode_limits limits;
    struct labelsets *ls;
    struct series_table *t;
    struct decode_memory *memory;
    struct decode_batch *batch;
    struct decode_input in;
    struct err e;
    struct buf out;
    char *body; /* of the last run: events are views into it */
};

static inline void decoding_open(struct decoding *d)
{
    memset(d, 0, sizeof *d);
    decode_limits_fill(&d->limits);
    d->ls = labelsets_new(0);
    d->t = series_table_new(d->ls, 0);
    d->memory = decode_memory_new();
    d->batch = decode_batch_new();
    ck_assert(d->ls && d->t && d->memory && d->batch);
}

static inline void decoding_close(struct decoding *d)
{
    decode_batch_free(d->batch);
    decode_memory_free(d->memory);
    series_table_free(d->t);
    labelsets_free(d->ls);
    buf_free(&d->out);
    free(d->body);
}

static inline void decoding_show(struct decoding *d)
{
    static const char *const kinds[] = {"gauge", "cumulative", "delta", "distribution", "set"};

    for (size_t i = 0; i < d->batch->n_samples; i++) {
        const struct sample *s = &d->batch->samples[i];
        const struct series *x = series_get(d->t, s->series);
        size_t len;

        buf_adds(&d->out, series_name(d->t, x->name, &len));
        labelset_text(d->ls, x->labels, &d->out);
        buf_addc(&d->out, ' ');
        text_plain(&d->out, s->v);
        buf_addf(&d->out, " @%lld %s", (long long)s->t_ms, kinds[s->kind]);
        if (s->weight != 1)
            buf_addf(&d->out, " weight %g", (double)s->weight);
        buf_adds(&d->out, s->stale ? " stale\n" : "\n");
    }
    for (size_t i = 0; i < d->batch->n_events; i++) {
        const struct logevent *v = &d->batch->events[i];

        buf_addf(&d->out, "@%lld ", (long long)v->t_ms);
        labels_text(v->fields, v->n_fields, &d->out);
        buf_addc(&d->out, '\n');
    }
}

/* The body is copied to an allocation of exactly its size, so that a read beyond it is found. */
static inline const char *decoding_run(struct decoding *d, decode_fn decode, const void *body,
                                       size_t len)
{
    char *copy = malloc(len ? len : 1);

    memcpy(copy, body, len);
    free(d->body);
    d->body = copy;
    buf_clear(&d->out);
    buf_adds(&d->out, "");
    d->e = (struct err){0};
    d->in = (struct decode_input){copy, len, NOW, &d->limits, d->memory};
    decode_batch_clear(d->batch);
    if (decode(d->batch, &d->in, &d->e) != 0 ||
        decode_resolve(d->batch, &d->in, d->t, "", NULL, &d->e) != 0)
        buf_addf(&d->out, "error %d [%s] %s", d->e.line, d->e.at, d->e.text);
    else
        decoding_show(d);
    return buf_str(&d->out);
}

#endif
