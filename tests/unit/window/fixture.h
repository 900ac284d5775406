/* Windows over a series table of their own, fed one sample at a time. */
#ifndef TOCSIN_TESTS_WINDOW_FIXTURE_H
#define TOCSIN_TESTS_WINDOW_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/labels.h"
#include "model/series.h"
#include "tocsin/window.h"
#include "unit.h"

#define BASE INT64_C(1767571200000) /* 2026-01-05 00:00 UTC: on every pane boundary up to an hour */
#define S    INT64_C(1000)
#define MIN  (60 * S)
#define HOUR (60 * MIN)

struct fixture {
    struct labelsets *labels;
    struct series_table *series;
    struct windows *w;
};

static inline struct windows *fixture_windows(struct fixture *f, size_t max_bytes,
                                              uint32_t max_groups)
{
    struct windows_options o = {
        .series = f->series, .max_bytes = max_bytes, .max_groups = max_groups};
    struct windows *w = windows_new(&o);

    ck_assert_ptr_nonnull(w);
    return w;
}

static inline struct fixture fixture_bounded(size_t max_bytes, uint32_t max_groups)
{
    struct fixture f = {.labels = labelsets_new(0)};

    f.series = series_table_new(f.labels, 0);
    f.w = fixture_windows(&f, max_bytes, max_groups);
    return f;
}

static inline struct fixture fixture_new(void)
{
    return fixture_bounded(0, 0);
}

static inline void fixture_free(struct fixture *f)
{
    windows_free(f->w);
    series_table_free(f->series);
    labelsets_free(f->labels);
}

/* "name a=1 b=2" to sorted labels; `text` is cut into pieces. */
static inline size_t fixture_labels(char *text, struct label *out)
{
    size_t n = 0;

    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');

        if (!equals) {
            out[n++] = label_of("__name__", word);
            continue;
        }
        *equals = 0;
        out[n++] = label_of(word, equals + 1);
    }
    n = (size_t)labels_sort(out, n);
    return n;
}

static inline uint32_t fixture_series(struct fixture *f, const char *what, enum sample_kind kind)
{
    char text[256];
    struct label l[LABELS_MAX];
    bool is_new;
    size_t n;
    uint32_t id;

    snprintf(text, sizeof text, "%s", what);
    n = fixture_labels(text, l);
    id = series_resolve(f->series, l, n, "", kind, &is_new);
    ck_assert_uint_ne(id, SERIES_NONE);
    return id;
}

static inline void fixture_apply(struct fixture *f, int64_t recv_ms, struct sample s)
{
    windows_apply(f->w, recv_ms, &s, 1, NULL, 0);
}

/* One sample that arrives at its own time. */
static inline void put(struct fixture *f, const char *what, enum sample_kind kind, int64_t t_ms,
                       double v)
{
    fixture_apply(f, t_ms,
                  (struct sample){.t_ms = t_ms,
                                  .v = v,
                                  .series = fixture_series(f, what, kind),
                                  .weight = 1,
                                  .kind = (uint8_t)kind});
}

static inline void put_late(struct fixture *f, const char *what, enum sample_kind kind,
                            int64_t recv_ms, int64_t t_ms, double v)
{
    fixture_apply(f, recv_ms,
                  (struct sample){.t_ms = t_ms,
                                  .v = v,
                                  .series = fixture_series(f, what, kind),
                                  .weight = 1,
                                  .kind = (uint8_t)kind});
}

static inline void put_stale(struct fixture *f, const char *what, enum sample_kind kind,
                             int64_t t_ms)
{
    fixture_apply(f, t_ms,
                  (struct sample){.t_ms = t_ms,
                                  .series = fixture_series(f, what, kind),
                                  .kind = (uint8_t)kind,
                                  .stale = true});
}

static inline struct leaf_spec spec_of(const char *metric, enum leaf_fn fn, int64_t window_ms)
{
    return (struct leaf_spec){
        .source = LEAF_METRIC, .fn = fn, .metric = metric, .window_ms = window_ms};
}

static inline leaf_id leaf_of(struct windows *w, const struct leaf_spec *s)
{
    struct err e = {0};
    leaf_id id = windows_leaf(w, s, BASE, &e);

    ck_assert_msg(id != LEAF_NONE, "%s", e.text);
    return id;
}

static inline leaf_id leaf_on(struct fixture *f, const char *metric, enum leaf_fn fn,
                              int64_t window_ms)
{
    struct leaf_spec s = spec_of(metric, fn, window_ms);

    return leaf_of(f->w, &s);
}

/* The same, merged by these labels. */
static inline leaf_id leaf_by(struct fixture *f, const char *metric, enum leaf_fn fn,
                              int64_t window_ms, const char **by, size_t n)
{
    struct leaf_spec s = spec_of(metric, fn, window_ms);

    s.grouping = LEAF_BY;
    s.labels = by;
    s.n_labels = n;
    return leaf_of(f->w, &s);
}

static inline uint32_t slot_in(struct fixture *f, struct windows *w, leaf_id leaf, const char *what)
{
    char text[256];
    struct label l[LABELS_MAX];

    snprintf(text, sizeof text, "%s", what);
    return windows_group_find(w, leaf, labelsets_find(f->labels, l, fixture_labels(text, l)));
}

#define MISSING (double)NAN

static inline double value_in(struct windows *w, leaf_id leaf, uint32_t slot, int64_t at_ms)
{
    double v;
    uint8_t ok;

    windows_eval(w, leaf, at_ms, &slot, 1, &v, &ok);
    if (!ok)
        ck_assert(v == 0);
    return ok ? v : MISSING;
}

static inline double value_of(struct fixture *f, leaf_id leaf, const char *labels, int64_t at_ms)
{
    return value_in(f->w, leaf, slot_in(f, f->w, leaf, labels), at_ms);
}

static inline bool same(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}

#define ck_value(got, expected)                                                                \
    do {                                                                                       \
        double got_ = (got), expected_ = (expected);                                           \
        ck_assert_msg(same(got_, expected_), "%s is %.17g, not %.17g", #got, got_, expected_); \
    } while (0)

static inline struct windows_stats stats_of(struct fixture *f)
{
    struct windows_stats s;

    windows_stats(f->w, &s);
    return s;
}

/* --- cuts kept in memory --- */
struct chunks {
    struct buf bytes;
    size_t len[4096];
    size_t n;
};

static inline int chunks_take(const void *chunk, size_t len, void *arg)
{
    struct chunks *c = arg;

    ck_assert_uint_le(len, 1u << 20);
    ck_assert_uint_lt(c->n, 4096);
    buf_add(&c->bytes, chunk, len);
    c->len[c->n++] = len;
    return 0;
}

static inline void chunks_give(const struct chunks *c, struct windows *w)
{
    struct err e = {0};
    const char *at = c->bytes.data;

    for (size_t i = 0; i < c->n; i++) {
        ck_assert_msg(windows_decode(w, at, c->len[i], &e) == 0, "%s", e.text);
        at += c->len[i];
    }
}

#endif
