#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "journal/block.h"

#define MAX_SERIES (1u << 20)

static uint64_t seed;

static uint64_t rnd(void) /* xorshift: the same numbers in each run */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(rnd() % n);
}

static double some_value(unsigned how, uint32_t i)
{
    static const double odd[] = {0.0,
                                 -0.0,
                                 1e300,
                                 -1e-300,
                                 5e-324,
                                 9007199254740991.0,
                                 9007199254740992.0,
                                 9007199254740993.0,
                                 0.1,
                                 1.0 / 3.0,
                                 1e22};
    uint64_t bits = rnd();
    double v;

    switch (how) {
    case 0:
        return (double)(i * 1000 + below(50));
    case 1:
        return (double)below(100000) / 1000;
    case 2:
        return odd[below(sizeof odd / sizeof *odd)];
    case 3:
        memcpy(&v, &bits, sizeof v); /* any bits, NaN and infinities among them */
        return v;
    default:
        return -(double)below(1000) / 10;
    }
}

static void some_samples(struct sample *m, size_t n, uint32_t n_series, int64_t recv_ms)
{
    uint32_t id = below(n_series);
    int64_t t_ms = recv_ms;

    for (size_t i = 0; i < n; i++) {
        id = below(8) ? (id + 1) % n_series : below(n_series);
        if (!below(10))
            t_ms = recv_ms - (int64_t)below(60000) + 100;
        m[i] =
            (struct sample){.t_ms = t_ms,
                            .series = id,
                            .v = some_value(below(5), id),
                            .weight = below(9) ? 1 : (float)below(3) + 0.5f,
                            .kind = (uint8_t)(below(9) ? id % SAMPLE_KINDS : below(SAMPLE_KINDS)),
                            .stale = !below(30)};
    }
}

static void same_samples(const struct sample *a, const struct sample *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(a[i].t_ms, b[i].t_ms);
        ck_assert_uint_eq(a[i].series, b[i].series);
        ck_assert_uint_eq(a[i].kind, b[i].kind);
        ck_assert_int_eq(a[i].stale, b[i].stale);
        ck_assert_int_eq(memcmp(&a[i].weight, &b[i].weight, sizeof a[i].weight), 0);
        if (!a[i].stale)
            ck_assert_msg(memcmp(&a[i].v, &b[i].v, sizeof a[i].v) == 0, "sample %zu: %a is not %a",
                          i, b[i].v, a[i].v);
    }
}

static void same_events(const struct logevent *a, const struct logevent *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(a[i].t_ms, b[i].t_ms);
        ck_assert_uint_eq(a[i].n_fields, b[i].n_fields);
        for (uint32_t k = 0; k < a[i].n_fields; k++) {
            const struct label *x = &a[i].fields[k], *y = &b[i].fields[k];

            ck_assert_uint_eq(x->name_len, y->name_len);
            ck_assert_uint_eq(x->value_len, y->value_len);
            ck_assert_int_eq(memcmp(x->name, y->name, x->name_len), 0);
            ck_assert_int_eq(memcmp(x->value, y->value, x->value_len), 0);
        }
    }
}

static size_t some_events(struct logevent *ev, size_t n, struct label *fields, int64_t recv_ms)
{
    static const char *const names[] = {"event", "level", "message", "service", "user.id"};
    static const char *const texts[] = {"", "x", "connection refused", "payments", "a\nb"};
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        ev[i] = (struct logevent){.t_ms = recv_ms - (int64_t)below(9000), .fields = fields + used};
        for (uint32_t k = 0; k < 5; k++)
            if (below(2)) {
                fields[used++] = label_of(names[k], texts[below(5)]);
                ev[i].n_fields++;
            }
    }
    return used;
}

struct pair {
    struct block_codec *in, *out;
    struct block_view view;
    struct buf bytes;
};

static struct pair pair_new(void)
{
    struct pair p = {.in = block_codec_new(MAX_SERIES), .out = block_codec_new(MAX_SERIES)};

    block_codec_start(p.in, 77);
    return p;
}

static void pair_free(struct pair *p)
{
    block_codec_free(p->in);
    block_codec_free(p->out);
    block_view_free(&p->view);
    buf_free(&p->bytes);
}

static void round_trip(struct pair *p, const struct block_head *h, const struct sample *m, size_t n,
                       const struct logevent *ev, size_t n_ev)
{
    struct err e = {0};
    int rc;

    buf_clear(&p->bytes);
    ck_assert_int_eq(block_encode(p->in, h, m, n, ev, n_ev, &p->bytes, &e), 0);
    rc = block_decode(p->out, p->bytes.data, p->bytes.len, &p->view, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
    ck_assert_uint_eq(p->view.n_samples, n);
    ck_assert_uint_eq(p->view.n_events, n_ev);
    ck_assert_int_eq(p->view.head.recv_ms, h->recv_ms);
    ck_assert_uint_eq(p->view.head.generation, h->generation);
    ck_assert_int_eq(p->view.head.waited, h->waited);
    ck_assert_uint_eq(p->view.head.n_hashes, h->n_hashes);
    if (h->n_hashes)
        ck_assert_int_eq(memcmp(p->view.hashes, h->hashes, h->n_hashes * 8), 0);
    same_samples(m, p->view.samples, n);
    same_events(ev, p->view.events, n_ev);
}

START_TEST(whatever_goes_in_comes_out)
{
    struct sample *m = mem_alloc(5000 * sizeof *m);
    struct logevent ev[64];
    struct label fields[64 * 5];

    for (seed = 1; seed < 200; seed += 3) {
        uint64_t first = seed, hashes[] = {rnd(), 0, UINT64_MAX};
        struct pair p = pair_new();
        uint32_t n_series = 1 + below(3000);
        int64_t recv_ms = 1700000000000;

        for (int i = 0; i < 8; i++) {
            struct block_head h = {.generation = below(3),
                                   .recv_ms = recv_ms,
                                   .hashes = hashes,
                                   .n_hashes = below(4),
                                   .waited = below(2)};
            size_t n = below(4) ? below(2000) : below(3), n_ev = below(2) ? below(64) : 0;

            some_samples(m, n, n_series, recv_ms);
            some_events(ev, n_ev, fields, recv_ms);
            round_trip(&p, &h, m, n, ev, n_ev);
            recv_ms += below(20000);
            if (!below(5))
                block_codec_start(p.in, rnd());
        }
        pair_free(&p);
        seed = first;
    }
    mem_free(m);
}
END_TEST

START_TEST(times_and_receive_times_may_be_anything)
{
    static const int64_t edges[] = {0, -1, 1, INT64_MIN, INT64_MAX, 1700000000000};
    struct pair p = pair_new();
    struct sample m[6];

    for (size_t i = 0; i < 6; i++) {
        struct block_head h = {.recv_ms = edges[i]};

        for (size_t k = 0; k < 6; k++)
            m[k] = (struct sample){.t_ms = edges[k], .v = 1, .weight = 1, .series = (uint32_t)k};
        round_trip(&p, &h, m, 6, NULL, 0);
    }
    pair_free(&p);
}
END_TEST

START_TEST(a_block_needs_the_beginning_of_its_run)
{
    struct sample m = {.t_ms = 5, .v = 7, .weight = 1, .series = 3};
    struct block_head h = {.recv_ms = 9};
    struct pair p = pair_new();
    struct err e = {0};

    round_trip(&p, &h, &m, 1, NULL, 0);
    buf_clear(&p.bytes);
    ck_assert_int_eq(block_encode(p.in, &h, &m, 1, NULL, 0, &p.bytes, &e), 0); /* skipped */
    buf_clear(&p.bytes);
    ck_assert_int_eq(block_encode(p.in, &h, &m, 1, NULL, 0, &p.bytes, &e), 0);
    ck_assert_int_eq(block_decode(p.out, p.bytes.data, p.bytes.len, &p.view, &e), -1);
    ck_assert_int_eq(e.code, ERR_REFUSED);
    ck_assert_uint_eq(p.view.index, 2);
    block_codec_start(p.in, 78);
    round_trip(&p, &h, &m, 1, NULL, 0); /* a new run is read again */
    pair_free(&p);
}
END_TEST

START_TEST(series_over_the_bound_are_refused)
{
    struct sample m = {.t_ms = 5, .v = 7, .weight = 1, .series = MAX_SERIES - 1};
    struct block_head h = {.recv_ms = 9};
    struct pair p = pair_new();

    round_trip(&p, &h, &m, 1, NULL, 0);
    m.series = MAX_SERIES;
    buf_clear(&p.bytes);
    ck_assert_int_eq(block_encode(p.in, &h, &m, 1, NULL, 0, &p.bytes, NULL), -1);
    ck_assert_uint_eq(p.bytes.len, 0);
    pair_free(&p);
}
END_TEST

/* Every cut and every flipped bit is refused, and nothing else happens. */
START_TEST(damaged_blocks_are_refused)
{
    struct sample m[40];
    struct logevent ev[3];
    struct label fields[15];
    struct block_head h = {.recv_ms = 1000};
    struct pair p = pair_new();
    struct err e = {0};
    char *copy;

    seed = 9;
    some_samples(m, 40, 100, 1000);
    some_events(ev, 3, fields, 1000);
    round_trip(&p, &h, m, 40, ev, 3);
    copy = mem_dup(p.bytes.data, p.bytes.len);
    for (size_t n = 0; n < p.bytes.len; n++) {
        char *exact = mem_dup(copy, n);

        ck_assert_int_eq(block_decode(p.out, exact, n, &p.view, &e), -1);
        mem_free(exact);
    }
    for (size_t i = 0; i < p.bytes.len; i++) {
        copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
        ck_assert_int_eq(block_decode(p.out, copy, p.bytes.len, &p.view, &e), -1);
        copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
    }
    ck_assert_int_eq(block_decode(p.out, copy, p.bytes.len, &p.view, &e), 0);
    copy[0] = 2;
    ck_assert_int_eq(block_decode(p.out, copy, p.bytes.len, &p.view, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "format 2"));
    mem_free(copy);
    pair_free(&p);
}
END_TEST

START_TEST(a_failed_allocation_loses_nothing_but_the_block)
{
    struct sample m[40];
    struct logevent ev[3];
    struct label fields[15];
    struct block_head h = {.recv_ms = 1000};

    seed = 10;
    some_samples(m, 40, 100000, 1000);
    some_events(ev, 3, fields, 1000);
    for (long n = 1;; n++) {
        struct pair p = pair_new();
        struct err e = {0};
        int rc;

        mem_fail_at(n);
        rc = block_encode(p.in, &h, m, 40, ev, 3, &p.bytes, &e);
        if (rc == 0)
            rc = block_decode(p.out, p.bytes.data, p.bytes.len, &p.view, &e);
        mem_fail_at(0);
        block_codec_start(p.in, 5);
        round_trip(&p, &h, m, 40, ev, 3);
        pair_free(&p);
        if (rc == 0)
            break;
        ck_assert_int_lt(n, 1000);
    }
}
END_TEST

/* The promise of the format: counters rising by small integers and gauges of two or three
 * decimals, scraped each 15 s, take at most 2.5 bytes a sample; a series 16 bytes of memory. */
START_TEST(typical_data_is_small)
{
    enum { SERIES = 20000, ROUNDS = 8 };
    struct sample *m = mem_alloc(SERIES * sizeof *m);
    double *v = mem_zalloc(SERIES * sizeof *v);
    struct pair p = pair_new();
    size_t bytes = 0;

    seed = 4711;
    for (uint32_t i = 0; i < SERIES; i++)
        v[i] = i % 2 ? below(10000000) : below(100000) / (i % 4 ? 1000.0 : 100.0);
    for (int r = 0; r < ROUNDS; r++) {
        struct block_head h = {.recv_ms = 1700000000000 + r * 15000};

        for (uint32_t i = 0; i < SERIES; i++) {
            double e = i % 4 ? 1000.0 : 100.0;

            v[i] = i % 2 ? v[i] + below(200) : round(v[i] * e + (double)below(200) - 100) / e;
            m[i] = (struct sample){.t_ms = h.recv_ms - 50 - i / 1000,
                                   .series = i,
                                   .v = v[i],
                                   .weight = 1,
                                   .kind = i % 2 ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE};
        }
        round_trip(&p, &h, m, SERIES, NULL, 0);
        bytes += p.bytes.len;
    }
    ck_assert_msg(bytes <= SERIES * ROUNDS * 5 / 2, "%.2f bytes a sample",
                  (double)bytes / (SERIES * ROUNDS));
    ck_assert_uint_le(block_codec_bytes(p.out) - p.out->heads.cap, SERIES * 16 + 70000);
    mem_free(m);
    mem_free(v);
    pair_free(&p);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, whatever_goes_in_comes_out);
    tcase_add_test(t, times_and_receive_times_may_be_anything);
    tcase_add_test(t, a_block_needs_the_beginning_of_its_run);
    tcase_add_test(t, series_over_the_bound_are_refused);
    tcase_add_test(t, damaged_blocks_are_refused);
    tcase_add_test(t, a_failed_allocation_loses_nothing_but_the_block);
    tcase_add_test(t, typical_data_is_small);
}

UNIT_MAIN("block", add)
