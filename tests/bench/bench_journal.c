/* The journal's figures: bytes and nanoseconds a sample of the block format, and how long the
 * labels of a million series take to come back. Prints; never judges. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "journal/block.h"
#include "journal/dict.h"
#include "model/series.h"

#define ROUNDS 8

static uint64_t seed = 88172645463325252u;

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % n);
}

struct shape {
    const char *name;
    double (*next)(uint32_t i, double last);
};

static double next_counter(uint32_t i, double last)
{
    return last + (i % 3 ? below(300) : 0);
}

static double next_gauge(uint32_t i, double last)
{
    double e = i % 4 ? 1000 : 100;

    return round(last * e + (double)below(200) - 100) / e;
}

static double next_mixed(uint32_t i, double last)
{
    return i % 2 ? next_counter(i, round(last)) : next_gauge(i, last);
}

static double next_random(uint32_t i, double last)
{
    (void)i, (void)last;
    return (double)below(1u << 30) / 7;
}

static const struct shape shapes[] = {
    {"counters", next_counter},
    {"gauges", next_gauge},
    {"both", next_mixed},
    {"random doubles", next_random},
};

struct samples {
    struct sample *m;
    size_t n_series, per_block;
};

static void fill(struct samples *s, const struct shape *shape, int64_t recv_ms, int round_no)
{
    for (uint32_t i = 0; i < s->n_series; i++) {
        double last = round_no ? s->m[i].v : below(1000000);

        s->m[i] = (struct sample){.t_ms = recv_ms - i / 500 % 100,
                                  .v = shape->next(i, last),
                                  .series = i,
                                  .weight = 1,
                                  .kind = i % 2 ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE};
    }
}

static void bench_codec(struct clock *clock, const struct shape *shape, struct samples *s)
{
    struct block_codec *in = block_codec_new(UINT32_MAX), *out = block_codec_new(UINT32_MAX);
    struct block_view v = {0};
    struct buf bytes = BUF_INIT;
    uint64_t encode_ns = 0, decode_ns = 0, at;
    size_t total = 0, n = 0;

    block_codec_start(in, 1);
    for (int r = 0; r < ROUNDS; r++) {
        struct block_head h = {.recv_ms = 1700000000000 + r * 15000};

        fill(s, shape, h.recv_ms, r);
        for (size_t from = 0; from < s->n_series; from += s->per_block) {
            size_t count = s->n_series - from < s->per_block ? s->n_series - from : s->per_block;

            buf_clear(&bytes);
            at = clock_mono_ns(clock);
            if (block_encode(in, &h, s->m + from, count, NULL, 0, &bytes, NULL) != 0)
                abort();
            encode_ns += clock_mono_ns(clock) - at;
            at = clock_mono_ns(clock);
            if (block_decode(out, bytes.data, bytes.len, &v, NULL) != 0)
                abort();
            decode_ns += clock_mono_ns(clock) - at;
            total += bytes.len;
            n += count;
        }
    }
    printf("%-16s %8zu series, %6zu a block: %5.2f B/sample, encode %5.1f ns, decode %5.1f ns\n",
           shape->name, s->n_series, s->per_block, (double)total / (double)n,
           (double)encode_ns / (double)n, (double)decode_ns / (double)n);
    block_codec_free(in);
    block_codec_free(out);
    block_view_free(&v);
    buf_free(&bytes);
}

/* --- the labels of a million series --------------------------------------------------------------------- */

#define SERIES 1000000u

static struct series_table *table_new(void)
{
    return series_table_new(labelsets_new(0), 0);
}

static void table_free(struct series_table *t)
{
    struct labelsets *ls = series_labelsets(t);

    series_table_free(t);
    labelsets_free(ls);
}

/* As a fleet has them: 20 metrics of each of 50,000 pods. */
static void add_series(struct series_table *t, uint32_t i)
{
    char metric[32], pod[32], instance[40];
    struct label l[6];
    bool is_new;

    snprintf(metric, sizeof metric, "http_server_metric_%u_total", i % 20);
    snprintf(pod, sizeof pod, "checkout-7d9f8b-%05u", i / 20);
    snprintf(instance, sizeof instance, "10.%u.%u.%u:9090", i / 20 / 65536, i / 20 / 256 % 256,
             i / 20 % 256);
    l[0] = label_of("__name__", metric);
    l[1] = label_of("instance", instance);
    l[2] = label_of("job", "kubernetes-pods");
    l[3] = label_of("namespace", i / 20 % 3 ? "payments" : "search");
    l[4] = label_of("pod", pod);
    l[5] = label_of("region", "eu-west-1");
    if (series_resolve(t, l, 6, "prod", SAMPLE_CUMULATIVE, &is_new) == SERIES_NONE)
        abort();
}

static int restore(const struct dict_entry *d, void *arg, struct err *e)
{
    return series_restore(arg, d->id, d->labels, d->n_labels, d->token, d->kind, e);
}

static void bench_dictionary(struct clock *clock)
{
    struct series_table *t = table_new(), *back = table_new();
    struct buf *chunks = mem_zalloc((SERIES / DICT_CHUNK + 1) * sizeof *chunks);
    size_t n_chunks = 0, bytes = 0, n;
    uint64_t at, encode_ns, decode_ns;

    for (uint32_t i = 0; i < SERIES; i++)
        add_series(t, i);
    at = clock_mono_ns(clock);
    for (uint32_t from = 0; from < SERIES; from += DICT_CHUNK)
        if (dict_encode(t, from, from + DICT_CHUNK, &chunks[n_chunks++], &n) != 0)
            abort();
    encode_ns = clock_mono_ns(clock) - at;
    at = clock_mono_ns(clock);
    for (size_t i = n_chunks; i-- > 0;)
        if (dict_decode(chunks[i].data, chunks[i].len, restore, back, NULL) != 0)
            abort();
    decode_ns = clock_mono_ns(clock) - at;
    for (size_t i = 0; i < n_chunks; i++) {
        bytes += chunks[i].len;
        buf_free(&chunks[i]);
    }
    printf(
        "dictionary       %8u series: %5.2f B each, written in %4.0f ms, read back in %4.0f ms\n",
        SERIES, (double)bytes / SERIES, (double)encode_ns / 1e6, (double)decode_ns / 1e6);
    mem_free(chunks);
    table_free(t);
    table_free(back);
}

int main(void)
{
    static const size_t n_series[] = {10000, 1000000}, per_block[] = {1000, 10000};
    struct clock *clock = clock_system();

    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            struct samples s = {mem_alloc(n_series[k] * sizeof *s.m), n_series[k], per_block[k]};

            bench_codec(clock, &shapes[i], &s);
            mem_free(s.m);
        }
    bench_dictionary(clock);
    clock_free(clock);
    return 0;
}
