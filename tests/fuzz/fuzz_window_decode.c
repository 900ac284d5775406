/* Anything as a run of chunks of a cut (each: two bytes of length, then its bytes), into windows
 * with a leaf of every kind; then samples, looks, a cut of the result and expiry. */
#include <stdlib.h>
#include <string.h>

#include "tocsin/window.h"

#define BASE INT64_C(1767571200000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static leaf_id leaves[LEAF_FNS * 3];

static void register_leaves(struct windows *w)
{
    static const char *by[] = {"g"};

    for (int i = 0; i < LEAF_FNS * 3; i++) {
        enum leaf_fn fn = (enum leaf_fn)(i / 3);
        struct leaf_spec s = {.source = LEAF_METRIC, .fn = fn, .metric = "m", .param = 0.5};

        s.window_ms = fn == LEAF_SINCE_LAST ? 0 : 300000;
        if (i % 3 == 1)
            s.offset_ms = 60000;
        if (i % 3 == 2) {
            s.grouping = LEAF_BY;
            s.labels = by;
            s.n_labels = 1;
        }
        leaves[i] = windows_leaf(w, &s, BASE, NULL);
    }
}

static void add_series(struct series_table *t)
{
    static const char *const les[] = {"0.1", "1", "+Inf"};
    bool is_new;

    for (int i = 0; i < 6; i++) {
        char g[2] = {(char)('a' + i % 2), 0};
        struct label l[3] = {label_of("__name__", i < 3 ? "m" : "m_bucket"), label_of("g", g),
                             label_of("le", i < 3 ? "" : les[i - 3])};

        series_resolve(t, l, (size_t)labels_sort(l, 3), "", SAMPLE_CUMULATIVE, &is_new);
    }
}

static void use(struct windows *w)
{
    for (uint32_t k = 0; k < 40; k++) {
        struct sample s = {.t_ms = BASE + 400000 + k * 5000,
                           .v = k * 3,
                           .series = k % 6,
                           .weight = 1,
                           .kind = (uint8_t)(k % 7 == 0 ? k % SAMPLE_KINDS : SAMPLE_CUMULATIVE)};

        windows_apply(w, s.t_ms, &s, 1, NULL, 0);
    }
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
        for (uint32_t slot = 0; leaves[i] != LEAF_NONE && slot < windows_slots(w, leaves[i]);
             slot++) {
            double v;
            uint8_t ok;

            windows_eval(w, leaves[i], BASE + 600000, &slot, 1, &v, &ok);
            if (!ok && v != 0)
                abort();
        }
}

static int drop(const void *chunk, size_t len, void *arg)
{
    (void)chunk;
    (void)arg;
    if (len > 1u << 20)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct labelsets *ls = labelsets_new(0);
    struct series_table *t = series_table_new(ls, 0);
    struct windows_options o = {.series = t, .max_bytes = 32u << 20, .max_groups = 64};
    struct windows *w = windows_new(&o);
    struct windows_stats stats;
    struct err e;

    add_series(t);
    register_leaves(w);
    while (size > 2) {
        size_t len = (size_t)data[0] << 8 | data[1];

        len = len > size - 2 ? size - 2 : len;
        if (windows_decode(w, data + 2, len, &e) != 0 && e.code == ERR_NONE)
            abort();
        data += 2 + len;
        size -= 2 + len;
    }
    use(w);
    if (windows_encode(w, drop, NULL) != 0)
        abort();
    windows_expire(w, BASE + INT64_C(400) * 86400000, 100000, NULL, NULL);
    windows_stats(w, &stats);
    if (stats.bytes > o.max_bytes)
        abort();
    windows_free(w);
    series_table_free(t);
    labelsets_free(ls);
    return 0;
}
