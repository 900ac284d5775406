/* Any bytes through one decoder and the resolution of series: no crash, no leak, and what came
 * out keeps the promises of model/sample.h. */
#ifndef TOCSIN_TESTS_FUZZ_DECODE_H
#define TOCSIN_TESTS_FUZZ_DECODE_H

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tocsin/decode.h"

#define FUZZ_NOW INT64_C(1767600000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s, size_t n)
{
    for (size_t step; n > 0; s += step, n -= step) {
        step = text_utf8(s, n);
        assert(step > 0 && *s != 0);
    }
}

static void check_event(const struct logevent *v, const struct decode_limits *limits)
{
    assert(v->n_fields > 0 && v->n_fields <= limits->max_fields);
    assert(v->t_ms <= FUZZ_NOW + 60000);
    for (uint32_t i = 0; i < v->n_fields; i++) {
        const struct label *f = &v->fields[i];

        assert(f->value_len > 0 && f->value_len <= limits->max_field && f->name_len > 0);
        check_text(f->name, f->name_len);
        check_text(f->value, f->value_len);
        assert(logevent_field(v, f->name, f->name_len) == f); /* sorted, no doubles */
    }
}

static void check_sample(const struct sample *s, struct series_table *t,
                         const struct decode_limits *limits)
{
    struct label l[LABELS_MAX + 1];
    size_t n = series_labels(t, s->series, l);

    assert(n > 0 && n <= limits->max_labels + 1);
    assert(isfinite(s->v) && isfinite(s->weight) && s->kind < SAMPLE_KINDS);
    assert(s->t_ms <= FUZZ_NOW + 60000);
    for (size_t i = 0; i < n; i++) {
        assert(l[i].value_len <= limits->max_value && l[i].name_len <= limits->max_name);
        check_text(l[i].name, l[i].name_len);
        check_text(l[i].value, l[i].value_len);
    }
}

static int fuzz_decode(decode_fn decode, const uint8_t *data, size_t size)
{
    struct decode_limits limits = {.max_body = 1 << 20, .max_samples = 1000, .max_events = 100};
    struct labelsets *ls = labelsets_new(0);
    struct series_table *t = series_table_new(ls, 0);
    struct decode_memory *memory = decode_memory_new();
    struct decode_batch *b = decode_batch_new();
    struct decode_input in = {data, size, FUZZ_NOW, &limits, memory};
    struct err e = {0};

    decode_limits_fill(&limits);
    if (decode(b, &in, &e) != 0 || decode_resolve(b, &in, t, "", NULL, &e) != 0) {
        assert(e.code != ERR_NONE && e.text[0]);
        assert(series_count(t) == 0);
    } else {
        for (size_t i = 0; i < b->n_events; i++)
            check_event(&b->events[i], &limits);
        for (size_t i = 0; i < b->n_samples; i++)
            check_sample(&b->samples[i], t, &limits);
    }
    decode_batch_free(b);
    decode_memory_free(memory);
    series_table_free(t);
    labelsets_free(ls);
    return 0;
}

#endif
