/* Prices of the series table: nanoseconds for creating and resolving, bytes for each series.
 *
 *   bench_series [SERIES]        (a million unless given)
 *
 * Ten labels a series (with __name__), of which two belong to it alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/series.h"

#define N_LABELS 10
#define BATCH    32
#define LOOKUPS  4000000

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The labels of series `i`, as a decoder would have them: views into one buffer. */
static void make_labels(char buffer[512], struct label l[N_LABELS], uint32_t i)
{
    static const char *const names[N_LABELS] = {"__name__", "cluster", "container", "env",
                                                "instance", "job",     "namespace", "path",
                                                "pod",      "status"};
    char *at = buffer;

    for (int k = 0; k < N_LABELS; k++) {
        int len;

        l[k].name = memcpy(at, names[k], strlen(names[k]));
        l[k].name_len = (uint32_t)strlen(names[k]);
        at += l[k].name_len;
        l[k].value = at;
        if (k == 0)
            len = sprintf(at, "http_requests_%u_total", i % 50);
        else if (k == 4)
            len = sprintf(at, "10.1.%u.%u:9090", (i >> 8) & 31, i & 255);
        else if (k == 7)
            len = sprintf(at, "/item/%u", i);
        else if (k == 8)
            len = sprintf(at, "pod-%08x", i * 2654435761u);
        else
            len = sprintf(at, "%s-%u", names[k], (i / 7) % (uint32_t)(3 + k));
        l[k].value_len = (uint32_t)len;
        at += len;
    }
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void create_all(struct series_table *t, uint32_t n)
{
    char buffer[512];
    struct label l[N_LABELS];
    bool is_new;
    double made = 0;

    for (uint32_t i = 0; i < n; i++) {
        double began;

        make_labels(buffer, l, i);
        began = now_ns();
        if (series_resolve(t, l, N_LABELS, "", SAMPLE_CUMULATIVE, &is_new) == SERIES_NONE)
            exit(1);
        made += now_ns() - began;
    }
    printf("create            %6.0f ns a series\n", made / n);
}

static void look_up(struct series_table *t, uint32_t n, bool batched)
{
    static char buffers[BATCH][512];
    static struct label labels[BATCH][N_LABELS];
    struct series_want want[BATCH];
    uint64_t state = 7;
    uint32_t missed = 0;
    double took = 0;

    for (uint32_t done = 0; done < LOOKUPS; done += BATCH) {
        double began;

        for (int k = 0; k < BATCH; k++) {
            make_labels(buffers[k], labels[k], next_random(&state) % n);
            want[k] = (struct series_want){.labels = labels[k], .n = N_LABELS};
        }
        began = now_ns();
        if (batched) {
            series_lookup(t, want, BATCH);
        } else {
            for (int k = 0; k < BATCH; k++) {
                bool is_new;

                want[k].id = series_resolve(t, labels[k], N_LABELS, "", SAMPLE_CUMULATIVE, &is_new);
            }
        }
        took += now_ns() - began;
        for (int k = 0; k < BATCH; k++)
            missed += want[k].id == SERIES_NONE;
    }
    printf("%-17s %6.0f ns a sample%s\n", batched ? "resolve, batched" : "resolve, single",
           took / LOOKUPS, missed ? "  (some were missed!)" : "");
}

int main(int argc, char **argv)
{
    uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    struct labelsets *ls = labelsets_new(0);
    struct series_table *t = series_table_new(ls, 0);

    if (n == 0)
        n = 1;
    create_all(t, n);
    look_up(t, n, false);
    look_up(t, n, true);
    printf("memory            %6.0f bytes a series (table %.0f, labels %.0f)\n",
           (double)(series_bytes(t) + labelsets_bytes(ls)) / n, (double)series_bytes(t) / n,
           (double)labelsets_bytes(ls) / n);
    series_table_free(t);
    labelsets_free(ls);
    return 0;
}
