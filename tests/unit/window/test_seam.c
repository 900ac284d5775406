/* A leaf that is made while data comes, and filled from what was before: it says what one says that
 * was there from the start, wherever the cut lies. */
#include "fixture.h"

#define STORIES 300
#define BLOCKS  120
#define SERIES  6

static const char *by_g[] = {"g"};

static const struct {
    enum leaf_fn fn;
    int64_t window_ms, offset_ms;
    bool grouped;
} kinds[] = {
    {LEAF_INCREASE, HOUR, 0, true},  {LEAF_INCREASE, 10 * MIN, 0, false},
    {LEAF_RATE, HOUR, 0, true},      {LEAF_RATE, 10 * MIN, MIN, false},
    {LEAF_CHANGES, HOUR, 0, false},  {LEAF_RESETS, HOUR, 0, true},
    {LEAF_COUNT, HOUR, 0, true},     {LEAF_SUM, HOUR, 0, false},
    {LEAF_AVG, 10 * MIN, 0, true},   {LEAF_MAX, HOUR, 0, true},
    {LEAF_MIN, HOUR, 0, false},      {LEAF_LAST, 5 * MIN, 0, false},
    {LEAF_IRATE, 5 * MIN, 0, false}, {LEAF_DELTA, HOUR, 0, false},
    {LEAF_QUANTILE, HOUR, 0, true},  {LEAF_FIRST, HOUR, 0, false},
    {LEAF_STDDEV, HOUR, 0, true},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static struct leaf_spec kind_spec(size_t k)
{
    struct leaf_spec s = spec_of("m", kinds[k].fn, kinds[k].window_ms);

    s.offset_ms = kinds[k].offset_ms;
    s.param = 0.5;
    if (kinds[k].grouped) {
        s.grouping = LEAF_BY;
        s.labels = by_g;
        s.n_labels = 1;
    }
    return s;
}

struct rng {
    uint64_t x;
};

static uint64_t rng_below(struct rng *r, uint64_t n) /* xorshift64* */
{
    r->x ^= r->x >> 12;
    r->x ^= r->x << 25;
    r->x ^= r->x >> 27;
    return (r->x * UINT64_C(0x2545f4914f6cdd1d) >> 33) % n;
}

struct arrival {
    struct sample s;
    int64_t recv_ms;
};

/* Series that come, pause, reset and repeat themselves, some of them only late. */
static size_t tell(struct fixture *f, struct rng *r, struct arrival *out)
{
    double v[SERIES] = {0};
    int64_t at = BASE;
    size_t n = 0;

    for (int b = 0; b < BLOCKS; b++) {
        at += 5 * S + (int64_t)rng_below(r, 15000);
        for (int i = 0; i < SERIES; i++) {
            enum sample_kind kind = i % 2 ? SAMPLE_GAUGE : SAMPLE_CUMULATIVE;
            char name[64];

            if (rng_below(r, 3) == 0 || b < i * 8)
                continue;
            snprintf(name, sizeof name, "m g=%d i=%d", i / 3, i);
            v[i] = rng_below(r, 25) == 0 ? 0 : v[i] + (double)rng_below(r, 9);
            out[n++] = (struct arrival){.recv_ms = at,
                                        .s = {.t_ms = at - (int64_t)rng_below(r, 400),
                                              .v = v[i],
                                              .weight = 1,
                                              .kind = (uint8_t)kind,
                                              .series = fixture_series(f, name, kind)}};
        }
    }
    return n;
}

static void give(struct windows *w, const struct arrival *a, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        windows_apply(w, a[i].recv_ms, &a[i].s, 1, NULL, 0);
}

/* A rate weighs what has not come yet by the usual step of its group, which follows the newest steps
 * and is another one here; all else is the same. */
static void compare(struct windows *all, leaf_id a, struct windows *w, leaf_id b, int64_t at_ms)
{
    bool rate = windows_leaf_spec(w, b)->fn == LEAF_RATE;

    ck_assert_uint_eq(windows_group_count(all, a), windows_group_count(w, b));
    for (uint32_t slot = 0; slot < windows_slots(all, a); slot++) {
        labelset labels = windows_group_labels(all, a, slot);
        double want, got;

        if (labels == LABELSET_NONE)
            continue;
        want = value_in(all, a, slot, at_ms);
        got = value_in(w, b, windows_group_find(w, b, labels), at_ms);
        if (rate && fabs(got - want) <= 0.3 * want)
            continue;
        ck_value(got, want);
    }
}

static void one_story(uint64_t seed)
{
    static struct arrival a[BLOCKS * SERIES];
    struct fixture f = fixture_new();
    struct windows *all = fixture_windows(&f, 0, 0), *scan = fixture_windows(&f, 0, 0);
    struct rng r = {(seed + 1) * UINT64_C(0x9e3779b97f4a7c15)};
    size_t n = tell(&f, &r, a), k = seed % KINDS;
    size_t made = rng_below(&r, n), filled = made + rng_below(&r, n - made);
    struct leaf_spec spec = kind_spec(k), other = kind_spec(rng_below(&r, KINDS));
    leaf_id whole = leaf_of(all, &spec), read = leaf_of(scan, &spec), late;
    struct err e = {0};

    if (rng_below(&r, 2)) { /* another leaf that looked at some of it before */
        other.grouping = LEAF_PER_SERIES;
        (void)leaf_of(f.w, &other);
    }
    give(all, a, 0, made);
    give(scan, a, 0, made);
    if (rng_below(&r, 2)) { /* made before, for a rule that did not run yet */
        size_t ahead = rng_below(&r, made + 1);

        give(f.w, a, 0, ahead);
        late = windows_leaf_ahead(f.w, &spec, a[ahead].recv_ms, &e);
        give(f.w, a, ahead, made);
        ck_assert(windows_wake(f.w, a[made].recv_ms, SIZE_MAX));
    } else {
        give(f.w, a, 0, made);
        late = windows_leaf(f.w, &spec, a[made].recv_ms, &e);
    }
    if (windows_leaf_is_fresh(f.w, late) && windows_leaf_since_ms(f.w, late) > BASE) {
        windows_leaf_await(f.w, late);
        give(f.w, a, made, filled);
        give(all, a, made, filled);
        ck_assert_int_eq(windows_adopt(f.w, scan, &late, &read, 1, &e), 0);
        windows_leaf_settle(f.w, late);
        for (size_t i = filled; i <= n; i++) {
            compare(all, whole, f.w, late, a[i > 0 ? i - 1 : 0].recv_ms);
            if (i < n) {
                give(f.w, a, i, i + 1);
                give(all, a, i, i + 1);
            }
        }
    }
    windows_free(all);
    windows_free(scan);
    fixture_free(&f);
}

START_TEST(a_filled_leaf_says_what_one_says_that_was_always_there)
{
    for (uint64_t seed = 0; seed < STORIES; seed++)
        one_story((uint64_t)_i * STORIES + seed);
}
END_TEST

static int take_chunk(const void *chunk, size_t len, void *arg)
{
    buf_add(arg, chunk, len);
    return 0;
}

START_TEST(a_leaf_that_is_asleep_takes_nothing_and_is_in_no_cut)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = spec_of("m", LEAF_COUNT, HOUR), t = spec_of("n", LEAF_COUNT, HOUR);
    struct err e = {0};
    struct buf before = BUF_INIT, after = BUF_INIT;
    leaf_id late, gone;

    put(&f, "m", SAMPLE_GAUGE, BASE + S, 10);
    ck_assert_int_eq(windows_encode(f.w, take_chunk, &before), 0);
    late = windows_leaf_ahead(f.w, &s, BASE + S, &e);
    gone = windows_leaf_ahead(f.w, &t, BASE + S, &e);
    ck_assert_int_eq(windows_encode(f.w, take_chunk, &after), 0);
    ck_assert_uint_eq(after.len, before.len);
    ck_assert_uint_eq(windows_next_fresh(f.w, 0), LEAF_NONE);
    put(&f, "m", SAMPLE_GAUGE, BASE + 2 * S, 11);
    put(&f, "m a=born", SAMPLE_GAUGE, BASE + 2 * S, 11);
    windows_leaf_release(f.w, gone); /* its rule was refused */
    ck_assert(windows_wake(f.w, BASE + 3 * S, SIZE_MAX));
    ck_assert_uint_eq(windows_next_fresh(f.w, 0), late);
    ck_assert_int_eq(windows_leaf_since_ms(f.w, late), BASE + 3 * S);
    put(&f, "m", SAMPLE_GAUGE, BASE + 4 * S, 12);
    ck_value(value_of(&f, late, "", BASE + 4 * S), 1);
    buf_free(&before);
    buf_free(&after);
    fixture_free(&f);
}
END_TEST

START_TEST(the_step_over_the_seam_counts_once)
{
    struct fixture f = fixture_new();
    struct windows *scan = fixture_windows(&f, 0, 0);
    struct leaf_spec s = spec_of("m", LEAF_INCREASE, HOUR);
    leaf_id read = leaf_of(scan, &s), late;
    struct fixture past = {f.labels, f.series, scan};
    struct err e = {0};

    put(&f, "m", SAMPLE_CUMULATIVE, BASE + S, 10);
    put(&past, "m", SAMPLE_CUMULATIVE, BASE + S, 10);
    late = windows_leaf(f.w, &s, BASE + 2 * S, &e);
    windows_leaf_await(f.w, late);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 11 * S, 17);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 21 * S, 19);
    ck_assert_int_eq(windows_adopt(f.w, scan, &late, &read, 1, &e), 0);
    windows_leaf_settle(f.w, late);
    ck_value(value_of(&f, late, "", BASE + 21 * S), 9);
    windows_free(scan);
    fixture_free(&f);
}
END_TEST

START_TEST(a_leaf_whose_past_cannot_be_read_goes_on_with_what_it_has)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = spec_of("m", LEAF_COUNT, HOUR), t = spec_of("m", LEAF_INCREASE, HOUR);
    leaf_id count, increase;

    put(&f, "m", SAMPLE_CUMULATIVE, BASE + S, 10);
    count = leaf_of(f.w, &s);
    increase = leaf_of(f.w, &t);
    windows_leaf_await(f.w, count);
    windows_leaf_await(f.w, increase);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 11 * S, 17);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 21 * S, 19);
    windows_leaf_settle(f.w, count);
    windows_leaf_settle(f.w, increase);
    ck_value(value_of(&f, count, "", BASE + 21 * S), 2);
    ck_value(value_of(&f, increase, "", BASE + 21 * S), 2);
    fixture_free(&f);
}
END_TEST

START_TEST(what_is_kept_at_a_seam_moves_with_the_clock_and_goes_with_its_leaf)
{
    struct fixture f = fixture_new();
    struct windows *scan = fixture_windows(&f, 0, 0);
    struct leaf_spec s = spec_of("m", LEAF_INCREASE, HOUR), t = spec_of("m", LEAF_COUNT, HOUR);
    leaf_id read = leaf_of(scan, &s), late, gone;
    struct fixture past = {f.labels, f.series, scan};
    struct err e = {0};

    put(&f, "m", SAMPLE_CUMULATIVE, BASE + S, 10);
    put(&past, "m", SAMPLE_CUMULATIVE, BASE + S, 10);
    late = windows_leaf(f.w, &s, BASE + 2 * S, &e);
    gone = windows_leaf(f.w, &t, BASE + 2 * S, &e);
    windows_leaf_await(f.w, late);
    windows_leaf_await(f.w, gone);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 11 * S, 17);
    windows_shift(f.w, 2 * HOUR);
    windows_shift(scan, 2 * HOUR);
    windows_leaf_release(f.w, gone);
    ck_assert_int_eq(windows_adopt(f.w, scan, &late, &read, 1, &e), 0);
    windows_leaf_settle(f.w, late);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 2 * HOUR + 21 * S, 19);
    ck_value(value_of(&f, late, "", BASE + 2 * HOUR + 21 * S), 9);
    windows_free(scan);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, a_filled_leaf_says_what_one_says_that_was_always_there, 0, 8);
    tcase_add_test(t, a_leaf_that_is_asleep_takes_nothing_and_is_in_no_cut);
    tcase_add_test(t, the_step_over_the_seam_counts_once);
    tcase_add_test(t, a_leaf_whose_past_cannot_be_read_goes_on_with_what_it_has);
    tcase_add_test(t, what_is_kept_at_a_seam_moves_with_the_clock_and_goes_with_its_leaf);
}

UNIT_MAIN("seam", add)
