/* Nanoseconds per sample applied and per group evaluated, 50k series at 15 s; bytes per series.
 * Prints, never gates. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tocsin/window.h"

#define SERIES  50000
#define SCRAPE  15000
#define SAMPLES 250 /* a little more than an hour */
#define BASE    INT64_C(1767571200000)

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t series_of(struct series_table *t, const char *metric, uint32_t i)
{
    char instance[32], service[32], path[32];
    struct label l[] = {label_of("__name__", metric), label_of("instance", instance),
                        label_of("service", service), label_of("job", "bench"),
                        label_of("path", path)};
    bool is_new;

    snprintf(instance, sizeof instance, "10.0.%u.%u", i / 50 / 250, i / 50 % 250);
    snprintf(service, sizeof service, "service-%u", i % 20);
    snprintf(path, sizeof path, "/path/%u", i % 50);
    l[1] = label_of("instance", instance);
    l[2] = label_of("service", service);
    l[4] = label_of("path", path);
    return series_resolve(t, l, (size_t)labels_sort(l, 5), "", SAMPLE_CUMULATIVE, &is_new);
}

struct run {
    const char *what;
    enum leaf_fn fn;
    int64_t window_ms;
    double param;
    bool grouped, unused;
};

static double fill(struct windows *w, const uint32_t *ids, struct sample *s)
{
    double spent = 0;

    for (int64_t k = 0; k < SAMPLES; k++) {
        int64_t t_ms = BASE + k * SCRAPE;
        double start;

        for (uint32_t i = 0; i < SERIES; i++)
            s[i] = (struct sample){
                .t_ms = t_ms,
                .v = (double)(k * 7 + (i * 2654435761u + (uint32_t)k * 40503u) % 97),
                .series = ids[i],
                .weight = 1,
                .kind = SAMPLE_CUMULATIVE};
        start = now_ns();
        windows_apply(w, t_ms, s, SERIES, NULL, 0);
        windows_clear_touched(w);
        if (k > 0)
            spent += now_ns() - start;
    }
    return spent / ((double)SERIES * (SAMPLES - 1));
}

static double evaluate(struct windows *w, leaf_id leaf)
{
    static uint32_t slots[SERIES];
    static double v[SERIES];
    static uint8_t ok[SERIES];
    uint32_t n = windows_slots(w, leaf);
    double best = INFINITY;

    for (uint32_t i = 0; i < n; i++)
        slots[i] = i;
    for (int round = 0; round < 9; round++) {
        double start = now_ns(), took;

        windows_eval(w, leaf, BASE + SAMPLES * SCRAPE + round * 1000, slots, n, v, ok);
        took = (now_ns() - start) / n;
        best = took < best ? took : best;
    }
    return best;
}

static void measure(const struct run *r, struct series_table *t, const uint32_t *ids,
                    struct sample *s)
{
    static const char *by[] = {"service"};
    struct windows_options o = {.series = t, .max_bytes = (size_t)4 << 30};
    struct windows *w = windows_new(&o);
    struct leaf_spec spec = {.source = LEAF_METRIC,
                             .fn = r->fn,
                             .window_ms = r->window_ms,
                             .metric = r->unused ? "other" : "m",
                             .param = r->param};
    struct windows_stats stats;
    struct err e = {0};
    double apply, look;
    leaf_id leaf;

    if (r->grouped) {
        spec.grouping = LEAF_BY;
        spec.labels = by;
        spec.n_labels = 1;
    }
    leaf = windows_leaf(w, &spec, BASE, &e);
    apply = fill(w, ids, s);
    look = r->unused ? 0 : evaluate(w, leaf);
    windows_stats(w, &stats);
    printf("%-28s %8.1f ns a sample %10.1f ns a group %8.1f bytes a series\n", r->what, apply, look,
           (double)stats.bytes / SERIES);
    windows_free(w);
}

int main(void)
{
    static const struct run runs[] = {
        {"unused series", LEAF_RATE, 300000, 0, false, true},
        {"rate 5m by service", LEAF_RATE, 300000, 0, true, false},
        {"count 5m by service", LEAF_COUNT, 300000, 0, true, false},
        {"last", LEAF_LAST, 300000, 0, false, false},
        {"rate 5m", LEAF_RATE, 300000, 0, false, false},
        {"max 1h", LEAF_MAX, 3600000, 0, false, false},
        {"avg 1h", LEAF_AVG, 3600000, 0, false, false},
        {"quantile(0.99) 1h", LEAF_QUANTILE, 3600000, 0.99, false, false},
        {"quantile(0.5) 1h", LEAF_QUANTILE, 3600000, 0.5, false, false},
        {"quantile(0.99) 5m by service", LEAF_QUANTILE, 300000, 0.99, true, false},
    };
    struct labelsets *ls = labelsets_new(0);
    struct series_table *t = series_table_new(ls, 0);
    uint32_t *ids = malloc(SERIES * sizeof *ids);
    struct sample *s = malloc(SERIES * sizeof *s);

    if (!ls || !t || !ids || !s)
        return 1;
    for (uint32_t i = 0; i < SERIES; i++)
        ids[i] = series_of(t, "m", i);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        measure(&runs[i], t, ids, s);
    free(s);
    free(ids);
    series_table_free(t);
    labelsets_free(ls);
    return 0;
}
