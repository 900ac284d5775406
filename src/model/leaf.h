/* What a rule asks of the data: one selector, one function, one window, one grouping.
 *
 * Leaves with the same canonical text are the same leaf, whoever asks for it. */
#ifndef TOCSIN_MODEL_LEAF_H
#define TOCSIN_MODEL_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/matcher.h"

enum leaf_fn {
    LEAF_LAST, /* newest value not older than window_ms (the lookback), not stale */
    LEAF_RATE,
    LEAF_INCREASE,
    LEAF_IRATE,
    LEAF_COUNT,
    LEAF_SUM,
    LEAF_AVG,
    LEAF_MIN,
    LEAF_MAX,
    LEAF_FIRST,
    LEAF_DELTA,
    LEAF_STDDEV,
    LEAF_CHANGES,
    LEAF_RESETS,
    LEAF_SINCE_LAST,
    LEAF_QUANTILE,       /* param: q in 0…1 */
    LEAF_FRACTION_BELOW, /* param: x; share of values <= x */
    LEAF_FNS
};
extern const char *const leaf_fn_names[LEAF_FNS];

enum leaf_source { LEAF_METRIC, LEAF_LOGS };
enum leaf_grouping {
    LEAF_PER_SERIES, /* one window per series; labels: all but __name__ */
    LEAF_BY,
    LEAF_WITHOUT,
};

struct leaf_spec {
    enum leaf_source source;
    enum leaf_fn fn;
    enum leaf_grouping grouping;
    const char *metric;        /* LEAF_METRIC: the name (base name of a classic histogram) */
    struct matcher **matchers; /* sorted by canonical text */
    size_t n_matchers;
    const char *field;   /* LEAF_LOGS: numeric field the function works on; NULL: events */
    const char **labels; /* grouping names, sorted */
    size_t n_labels;
    /* LEAF_SINCE_LAST: 0, or of a heartbeat how long its groups are remembered; then time in which
     * nobody listened counts too, up to a quarter of it */
    int64_t window_ms;
    int64_t offset_ms; /* :offset(d) */
    double param;
};

/* Canonical text: http_requests_total{code~"5.."} increase(2m) by(service) */
void leaf_text(const struct leaf_spec *s, struct buf *out);
/* A deep copy (matchers by reference); free with leaf_spec_free(). NULL: no memory. */
struct leaf_spec *leaf_spec_dup(const struct leaf_spec *s);
void leaf_spec_free(struct leaf_spec *s);
/* Length of one pane for a window: the smallest of 1 2 5 10 15 30 s, 1 2 5 10 15 30 min, 1 2 6 h
 * that is at least window/60 (sketches: window/12). */
int64_t leaf_pane_ms(int64_t window_ms, bool sketch);

#endif
