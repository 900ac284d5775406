/* Quantiles from raw values, sketches and classic histograms; distinct members of sets. */
#include "fixture.h"

static leaf_id distribution(struct fixture *f, enum leaf_fn fn, double param, int64_t window_ms)
{
    struct leaf_spec spec = spec_of("m", fn, window_ms);

    spec.param = param;
    return leaf_of(f->w, &spec);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double exact(double *values, size_t n, double q)
{
    double rank = q * (double)(n - 1), low = floor(rank);
    size_t at = (size_t)low;

    qsort(values, n, sizeof *values, ascending);
    return at + 1 < n ? values[at] + (values[at + 1] - values[at]) * (rank - low) : values[at];
}

static void observe(struct fixture *f, int64_t t_ms, double v)
{
    put(f, "m", SAMPLE_DISTRIBUTION, t_ms, v);
}

/* 255, 256 values are exact; the 257th makes a sketch, with 1 % relative error. */
START_TEST(raw_until_256)
{
    static const double qs[] = {0, 0.01, 0.5, 0.9, 0.99, 1};

    for (size_t n = 255; n <= 257; n++) {
        for (size_t k = 0; k < 6; k++) {
            struct fixture f = fixture_new();
            leaf_id leaf = distribution(&f, LEAF_QUANTILE, qs[k], 10 * MIN);
            double values[257], got, want;

            for (size_t i = 0; i < n; i++) {
                values[i] = (double)((i * 7919) % 1009) + 0.5;
                observe(&f, BASE + MIN + (int64_t)i * S, values[i]);
            }
            got = value_of(&f, leaf, "", BASE + 6 * MIN);
            want = exact(values, n, qs[k]);
            if (n <= 256)
                ck_value(got, want);
            else
                ck_assert_msg(fabs(got - want) <= 0.0101 * want + 5, "%g, not %g", got, want);
            fixture_free(&f);
        }
    }
}
END_TEST

/* Ten thousand lognormal values, and negative ones: the error of every quantile is 1 % of the
 * value at its rank. */
START_TEST(sketch_error)
{
    static double values[10000];

    for (int negative = 0; negative < 2; negative++) {
        for (int q = 0; q <= 100; q++) {
            struct fixture f = fixture_new();
            leaf_id leaf = distribution(&f, LEAF_QUANTILE, q / 100.0, HOUR);
            size_t rank;
            double got;

            srand(7);
            for (size_t i = 0; i < 10000; i++) {
                double u = 0;

                for (int k = 0; k < 12; k++)
                    u += rand() / (double)RAND_MAX;
                values[i] = exp(2 * (u - 6)) * (negative && i % 2 ? -1 : 1);
                observe(&f, BASE + MIN + (int64_t)i * 100, values[i]);
            }
            got = value_of(&f, leaf, "", BASE + 20 * MIN);
            qsort(values, 10000, sizeof *values, ascending);
            rank = (size_t)floor(q / 100.0 * 9999);
            ck_assert_msg(fabs(got - values[rank]) <= 0.01001 * fabs(values[rank]),
                          "q %d: %g, not %g", q, got, values[rank]);
            fixture_free(&f);
            if (q > 4 && q < 96)
                q += 9;
        }
    }
}
END_TEST

START_TEST(sketch_panes_expire_and_raw_begins_again)
{
    struct fixture f = fixture_new();
    leaf_id leaf = distribution(&f, LEAF_QUANTILE, 0.5, HOUR); /* panes of 5 min */
    leaf_id part = distribution(&f, LEAF_FRACTION_BELOW, 10, HOUR);

    for (int i = 0; i < 300; i++)
        observe(&f, BASE + MIN + i * 100, 10);
    for (int i = 0; i < 100; i++)
        observe(&f, BASE + 30 * MIN + i * 100, 1000);
    ck_assert_double_eq_tol(value_of(&f, leaf, "", BASE + 35 * MIN), 10, 0.1);
    ck_assert_double_eq_tol(value_of(&f, part, "", BASE + 35 * MIN), 0.75, 1e-9);
    ck_assert_double_eq_tol(value_of(&f, leaf, "", BASE + 65 * MIN), 1000, 10);
    ck_value(value_of(&f, part, "", BASE + 65 * MIN), 0);
    ck_value(value_of(&f, leaf, "", BASE + 95 * MIN), MISSING);
    observe(&f, BASE + 4 * HOUR, 3.21);
    ck_value(value_of(&f, leaf, "", BASE + 4 * HOUR), 3.21);
    fixture_free(&f);
}
END_TEST

/* Values outside of what the windows of a look can see do not count, whatever their order. */
START_TEST(raw_excludes_both_ends)
{
    for (int out = 0; out <= 40; out++) {
        struct fixture f = fixture_new();
        leaf_id leaf = distribution(&f, LEAF_QUANTILE, 0.5, MIN);
        double values[60];
        int n = 0;

        for (int i = 0; i < 60; i++) {
            double v = (i * 37) % 61 % 7; /* many equal ones */

            observe(&f, BASE + (i + 1) * S, v);
            if (i + 1 > out)
                values[n++] = v;
        }
        ck_value(value_of(&f, leaf, "", BASE + (60 + out) * S), exact(values, (size_t)n, 0.5));
        fixture_free(&f);
    }
}
END_TEST

START_TEST(late_raw_values_are_placed)
{
    struct fixture f = fixture_new();
    leaf_id leaf = distribution(&f, LEAF_QUANTILE, 1, MIN);

    observe(&f, BASE + 50 * S, 1);
    put_late(&f, "m", SAMPLE_DISTRIBUTION, BASE + 50 * S, BASE + 20 * S, 9);
    put_late(&f, "m", SAMPLE_DISTRIBUTION, BASE + 50 * S, BASE + 30 * S, 5);
    put_late(&f, "m", SAMPLE_DISTRIBUTION, BASE + 50 * S, BASE - 15 * S, 50);
    ck_value(value_of(&f, leaf, "", BASE + 50 * S), 9);
    ck_value(value_of(&f, leaf, "", BASE + 80 * S), 5);
    ck_value(value_of(&f, leaf, "", BASE + 90 * S), 1);
    fixture_free(&f);
}
END_TEST

START_TEST(an_observation_older_than_every_window_is_counted_as_late)
{
    struct fixture f = fixture_new();
    struct windows_stats st;

    distribution(&f, LEAF_QUANTILE, 1, MIN);
    observe(&f, BASE + 50 * S, 1);
    windows_stats(f.w, &st);
    ck_assert_uint_eq(st.late, 0);
    put_late(&f, "m", SAMPLE_DISTRIBUTION, BASE + 50 * S, BASE - 5 * MIN, 9);
    windows_stats(f.w, &st);
    ck_assert_uint_eq(st.late, 1);
    fixture_free(&f);
}
END_TEST

/* However long it runs, a window of few values stays exact. */
START_TEST(raw_values_leave)
{
    struct fixture f = fixture_new();
    leaf_id leaf = distribution(&f, LEAF_QUANTILE, 0.5, MIN);
    double values[60];

    for (int i = 1; i <= 1000; i++) {
        observe(&f, BASE + i * S, (i * 7919) % 1009);
        values[i % 60] = (i * 7919) % 1009;
    }
    ck_value(value_of(&f, leaf, "", BASE + 1000 * S), exact(values, 60, 0.5));
    fixture_free(&f);
}
END_TEST

/* Panes of a sketch are used again and again; what they held before must be gone. */
START_TEST(sketch_goes_round)
{
    struct fixture f = fixture_new();
    leaf_id part = distribution(&f, LEAF_FRACTION_BELOW, 10, 12 * MIN); /* panes of 1 min */

    for (int i = 0; i < 3600; i++)
        observe(&f, BASE + 100 + i * S, i % 4 == 0 ? 5 : 100);
    ck_assert_double_eq_tol(value_of(&f, part, "", BASE + HOUR), 0.25, 1e-9);
    for (int i = 0; i < 1200; i++)
        observe(&f, BASE + HOUR + 100 + i * S, i % 2 == 0 ? 5 : 100);
    ck_assert_double_eq_tol(value_of(&f, part, "", BASE + HOUR + 20 * MIN), 0.5, 1e-9);
    fixture_free(&f);
}
END_TEST

/* --- classic histograms --- */

static void scrape(struct fixture *f, const char *labels, int64_t t_ms, const char *const *le,
                   const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[128];

        snprintf(name, sizeof name, "m_bucket le=%s %s", le[i], labels);
        put(f, name, SAMPLE_CUMULATIVE, t_ms, v[i]);
    }
}

static const char *const bounds[] = {"0.1", "0.5", "1", "+Inf"};

START_TEST(histogram_by_hand)
{
    /* grown by 10, 40, 80, 100 in the window */
    static const double from[] = {5, 5, 5, 5}, to[] = {15, 45, 85, 105};
    static const struct {
        enum leaf_fn fn;
        double param, expected;
    } cases[] = {
        {LEAF_QUANTILE, 0.05, 0.05}, /* half of the first bucket, from 0 */
        {LEAF_QUANTILE, 0.1, 0.1},
        {LEAF_QUANTILE, 0.25, 0.3},
        {LEAF_QUANTILE, 0.6, 0.75},
        {LEAF_QUANTILE, 0.8, 1},
        {LEAF_QUANTILE, 0.99, 1}, /* in +Inf: the highest finite bound */
        {LEAF_QUANTILE, 0, 0},
        {LEAF_FRACTION_BELOW, 0.5, 0.4},
        {LEAF_FRACTION_BELOW, 0.3, 0.25},
        {LEAF_FRACTION_BELOW, 0, 0},
        {LEAF_FRACTION_BELOW, -1, 0},
        {LEAF_FRACTION_BELOW, 7, 0.8},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = distribution(&f, cases[i].fn, cases[i].param, 5 * MIN);

        scrape(&f, "service=a", BASE + MIN, bounds, from, 4);
        ck_value(value_of(&f, leaf, "service=a", BASE + MIN), MISSING); /* bases only */
        scrape(&f, "service=a", BASE + 2 * MIN, bounds, to, 4);
        ck_value(value_of(&f, leaf, "service=a", BASE + 2 * MIN), cases[i].expected);
        ck_value(value_of(&f, leaf, "service=a", BASE + 8 * MIN), MISSING);
        fixture_free(&f);
    }
}
END_TEST

/* Two instances with different bounds, merged; bounds that appear later; a reset. */
START_TEST(histogram_merges_and_learns)
{
    static const char *by[] = {"service"};
    static const char *const more[] = {"0.25", "1", "+Inf"};
    static const double zero[] = {0, 0, 0, 0}, a[] = {10, 40, 80, 100}, b[] = {20, 60, 60};
    struct fixture f = fixture_new();
    struct leaf_spec spec = spec_of("m", LEAF_QUANTILE, 5 * MIN);
    leaf_id leaf;

    spec.param = 0.5;
    spec.grouping = LEAF_BY;
    spec.labels = by;
    spec.n_labels = 1;
    leaf = leaf_of(f.w, &spec);
    scrape(&f, "service=a i=1", BASE + MIN, bounds, zero, 4);
    scrape(&f, "service=a i=2", BASE + MIN, more, zero, 3);
    scrape(&f, "service=a i=1", BASE + 2 * MIN, bounds, a, 4);
    scrape(&f, "service=a i=2", BASE + 2 * MIN, more, b, 3);
    /* up to 0.1: 10, 0.25: 20, 0.5: 40, 1: 140, +Inf: 160; rank 80 */
    ck_value(value_of(&f, leaf, "service=a", BASE + 2 * MIN), 0.5 + 0.5 * 40 / 100);
    ck_assert_uint_eq(windows_group_count(f.w, leaf), 1);
    scrape(&f, "service=a i=1", BASE + 3 * MIN, bounds, zero, 4); /* a restart: nothing grew */
    ck_value(value_of(&f, leaf, "service=a", BASE + 3 * MIN), 0.7);
    fixture_free(&f);
}
END_TEST

START_TEST(histogram_odd_bounds)
{
    static const char *const odd[] = {"-2", "0", "nonsense", "3", "+Inf"};
    static const char *const open[] = {"1", "2"};
    static const double zero[5] = {0}, v[] = {10, 20, 7, 30, 30};
    struct fixture f = fixture_new();
    leaf_id half = distribution(&f, LEAF_QUANTILE, 0.1, 5 * MIN);

    scrape(&f, "s=1", BASE + MIN, odd, zero, 5);
    scrape(&f, "s=1", BASE + 2 * MIN, odd, v, 5);
    ck_value(value_of(&f, half, "s=1", BASE + 2 * MIN), -2); /* the first bound is below zero */
    scrape(&f, "s=2", BASE + MIN, open, zero, 2);
    scrape(&f, "s=2", BASE + 2 * MIN, open, v, 2);
    ck_value(value_of(&f, half, "s=2", BASE + 2 * MIN), MISSING); /* no +Inf: no total */
    fixture_free(&f);
}
END_TEST

/* A bucket that missed a scrape has less than the one below it, which cannot be. */
START_TEST(histogram_with_a_hole)
{
    static const double zero[4] = {0};
    static const char *const three[] = {"0.1", "0.5", "+Inf"};
    static const double w[] = {10, 40, 100};
    struct fixture f = fixture_new();
    leaf_id leaf = distribution(&f, LEAF_FRACTION_BELOW, 1, 5 * MIN);

    scrape(&f, "s=1", BASE + MIN, bounds, zero, 4);
    scrape(&f, "s=1", BASE + 2 * MIN, three, w, 3);
    ck_value(value_of(&f, leaf, "s=1", BASE + 2 * MIN), 0.4);
    fixture_free(&f);
}
END_TEST

/* 255, 256 bounds are learnt; what comes after them is refused and counted. */
START_TEST(histogram_rows_are_bounded)
{
    for (int n = 255; n <= 257; n++) {
        struct fixture f = fixture_new();
        leaf_id leaf = distribution(&f, LEAF_QUANTILE, 0.5, 5 * MIN);

        for (int round = 0; round < 2; round++) {
            put(&f, "m_bucket le=+Inf", SAMPLE_CUMULATIVE, BASE + (round + 1) * MIN, round * n);
            for (int i = 1; i < n; i++) {
                char name[64];

                snprintf(name, sizeof name, "m_bucket le=%d", i);
                put(&f, name, SAMPLE_CUMULATIVE, BASE + (round + 1) * MIN, round * i);
            }
        }
        ck_assert_uint_eq(stats_of(&f).refused_groups, n > 256);
        ck_value(value_of(&f, leaf, "", BASE + 2 * MIN), n / 2.0);
        fixture_free(&f);
    }
}
END_TEST

/* A long offset leaves room for fewer rows, never for none. */
START_TEST(histogram_in_the_distant_past)
{
    static const double zero[4] = {0}, v[] = {10, 40, 80, 100};
    struct fixture f = fixture_new();
    struct leaf_spec spec = spec_of("m", LEAF_QUANTILE, 5 * MIN);
    leaf_id leaf;

    spec.param = 0.25;
    spec.offset_ms = 48 * HOUR;
    leaf = leaf_of(f.w, &spec);
    scrape(&f, "s=1", BASE + MIN, bounds, zero, 4);
    scrape(&f, "s=1", BASE + 2 * MIN, bounds, v, 4);
    ck_value(value_of(&f, leaf, "s=1", BASE + 5 * MIN), MISSING);
    ck_value(value_of(&f, leaf, "s=1", BASE + 48 * HOUR + 5 * MIN), 0.3);
    ck_assert_uint_eq(stats_of(&f).refused_groups, 0);
    fixture_free(&f);
}
END_TEST

/* --- sets --- */

static double member(int i)
{
    uint64_t h = (uint64_t)(i + 1) * UINT64_C(0x9E3779B97F4A7C15);

    return (double)(h >> 11);
}

START_TEST(distinct_members)
{
    static const struct {
        int n;
        double tolerance;
    } cases[] = {{0, 0}, {1, 0}, {16, 0}, {17, 0}, {255, 0}, {256, 0}, {257, 40}, {20000, 2000}};

    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = leaf_on(&f, "m", LEAF_COUNT, 10 * MIN);
        double got;

        for (int round = 0; round < 2; round++)
            for (int k = 0; k < cases[i].n; k++)
                put(&f, "m", SAMPLE_SET, BASE + MIN + round * MIN, member(k));
        got = value_of(&f, leaf, "", BASE + 3 * MIN);
        ck_assert_msg(fabs(got - cases[i].n) <= cases[i].tolerance, "%g of %d", got, cases[i].n);
        ck_assert_double_eq_tol(value_of(&f, leaf, "", BASE + 40 * MIN), 0, 0.5);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(members_leave_with_the_window)
{
    struct fixture f = fixture_new();
    leaf_id leaf = leaf_on(&f, "m", LEAF_SUM, 10 * MIN), rate = leaf_on(&f, "m", LEAF_RATE, MIN);

    for (int k = 0; k < 2000; k++) /* never more than sixty of them at a time: exact throughout */
        put(&f, "m", SAMPLE_SET, BASE + k * 10 * S, member(k));
    ck_value(value_of(&f, leaf, "", BASE + 1999 * 10 * S), 60);
    ck_assert_uint_eq(slot_in(&f, f.w, rate, ""), SLOT_NONE); /* a set has no rate */
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, raw_until_256);
    tcase_add_test(t, sketch_error);
    tcase_add_test(t, sketch_panes_expire_and_raw_begins_again);
    tcase_add_test(t, raw_excludes_both_ends);
    tcase_add_test(t, late_raw_values_are_placed);
    tcase_add_test(t, an_observation_older_than_every_window_is_counted_as_late);
    tcase_add_test(t, histogram_by_hand);
    tcase_add_test(t, histogram_merges_and_learns);
    tcase_add_test(t, histogram_odd_bounds);
    tcase_add_test(t, histogram_with_a_hole);
    tcase_add_test(t, histogram_rows_are_bounded);
    tcase_add_test(t, histogram_in_the_distant_past);
    tcase_add_test(t, raw_values_leave);
    tcase_add_test(t, sketch_goes_round);
    tcase_add_test(t, distinct_members);
    tcase_add_test(t, members_leave_with_the_window);
}

UNIT_MAIN("distributions", add)
