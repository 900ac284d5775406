/* Sums that lose nothing: small values beside large ones, over panes, joined panes and cuts, and
 * nothing left of what has gone out of the window; numbers that no double can hold. */
#include "fixture.h"

#define BIG 1e16

static leaf_id each_second(struct fixture *f, enum leaf_fn fn)
{
    return leaf_on(f, "m", fn, MIN);
}

/* In one pane, and each in its own. */
START_TEST(a_small_value_beside_a_large_one_is_kept)
{
    static const double values[] = {1, BIG, 1, -BIG, 0.25};

    for (int64_t apart_ms = 100; apart_ms <= 10 * S; apart_ms *= 100) {
        struct fixture f = fixture_new();
        leaf_id sum = each_second(&f, LEAF_SUM), avg = each_second(&f, LEAF_AVG);

        for (int i = 0; i < 5; i++)
            put(&f, "m", SAMPLE_GAUGE, BASE + 100 + i * apart_ms, values[i]);
        ck_assert_double_eq(value_of(&f, sum, "", BASE + 50 * S), 2.25);
        ck_assert_double_eq(value_of(&f, avg, "", BASE + 50 * S), 2.25 / 5);
        fixture_free(&f);
    }
}
END_TEST

/* Of a group, with a correction of one of them. */
START_TEST(a_group_keeps_small_values_and_corrections)
{
    static const char *by[] = {"job"};
    struct fixture f = fixture_new();
    leaf_id sum = leaf_by(&f, "m", LEAF_SUM, MIN, by, 1);
    leaf_id avg = leaf_by(&f, "m", LEAF_AVG, MIN, by, 1);

    put(&f, "m job=a i=1", SAMPLE_GAUGE, BASE + S, BIG);
    put(&f, "m job=a i=2", SAMPLE_GAUGE, BASE + S, 7);
    put(&f, "m job=a i=2", SAMPLE_GAUGE, BASE + S, 5);
    put(&f, "m job=a i=3", SAMPLE_GAUGE, BASE + 2 * S, -BIG);
    ck_assert_double_eq(value_of(&f, sum, "job=a", BASE + 10 * S), 5);
    ck_assert_double_eq(value_of(&f, avg, "job=a", BASE + 10 * S), 5.0 / 3);
    fixture_free(&f);
}
END_TEST

/* A day of samples, now and then a large one; after it only what is in the window counts. */
START_TEST(nothing_is_left_of_what_has_gone_out)
{
    struct fixture f = fixture_new();
    leaf_id sum = each_second(&f, LEAF_SUM), avg = each_second(&f, LEAF_AVG);
    int64_t t_ms = BASE;

    for (int i = 0; i < 86400; i++)
        put(&f, "m", SAMPLE_GAUGE, t_ms += S, i % 1000 == 0 ? BIG * (i % 3 - 1) / 3 : 0.1);
    for (int i = 0; i < 60; i++)
        put(&f, "m", SAMPLE_GAUGE, t_ms += S, 0.1);
    ck_assert_double_eq(value_of(&f, sum, "", t_ms), 6);
    ck_assert_double_eq(value_of(&f, avg, "", t_ms), 0.1);
    fixture_free(&f);
}
END_TEST

static void give_cut(struct fixture *f, struct windows *to)
{
    static struct chunks c;

    c = (struct chunks){0};
    ck_assert_int_eq(windows_encode(f->w, chunks_take, &c), 0);
    chunks_give(&c, to);
    buf_free(&c.bytes);
}

START_TEST(a_cut_and_adopted_panes_keep_what_was_rounded_off)
{
    struct fixture f = fixture_new();
    struct windows *cut = fixture_windows(&f, 0, 0), *joined = fixture_windows(&f, 0, 0);
    struct leaf_spec spec = spec_of("m", LEAF_SUM, MIN);
    leaf_id leaf = leaf_of(f.w, &spec);
    leaf_id in_cut = leaf_of(cut, &spec), in_joined = leaf_of(joined, &spec);
    struct err e = {0};
    struct windows *old = f.w;

    put(&f, "m", SAMPLE_GAUGE, BASE + 100, BIG);
    put(&f, "m", SAMPLE_GAUGE, BASE + 200, 1);
    give_cut(&f, cut);
    f.w = joined; /* what came while the older part was read */
    put(&f, "m", SAMPLE_GAUGE, BASE + 300, 0.5);
    ck_assert_int_eq(windows_adopt(joined, old, &in_joined, &leaf, 1, &e), 0);
    put(&f, "m", SAMPLE_GAUGE, BASE + 400, -BIG);
    ck_assert_double_eq(value_of(&f, in_joined, "", BASE + 10 * S), 1.5);
    f.w = cut;
    put(&f, "m", SAMPLE_GAUGE, BASE + 400, -BIG);
    ck_assert_double_eq(value_of(&f, in_cut, "", BASE + 10 * S), 1);
    windows_free(joined);
    windows_free(old);
    fixture_free(&f);
}
END_TEST

START_TEST(a_deviation_is_that_of_the_values_however_far_from_zero)
{
    struct fixture f = fixture_new();
    leaf_id leaf = each_second(&f, LEAF_STDDEV);

    for (int i = 0; i < 60; i++)
        put(&f, "m", SAMPLE_GAUGE, BASE + i * S + S, 1e9 + i % 2);
    ck_assert_double_eq_tol(value_of(&f, leaf, "", BASE + MIN), 0.5, 1e-9);
    fixture_free(&f);
}
END_TEST

/* What is too large for a double makes its own window missing, and costs no cut. */
START_TEST(a_value_near_the_end_of_doubles_costs_itself)
{
    static const enum leaf_fn fns[] = {LEAF_RATE,  LEAF_INCREASE, LEAF_IRATE,          LEAF_COUNT,
                                       LEAF_SUM,   LEAF_AVG,      LEAF_STDDEV,         LEAF_FIRST,
                                       LEAF_DELTA, LEAF_QUANTILE, LEAF_FRACTION_BELOW, LEAF_MAX,
                                       LEAF_MIN,   LEAF_LAST,     LEAF_CHANGES,        LEAF_RESETS};
    struct fixture f = fixture_new();
    struct windows *next = fixture_windows(&f, 0, 0);
    leaf_id leaves[sizeof fns / sizeof *fns];
    static const enum sample_kind kinds[] = {SAMPLE_CUMULATIVE, SAMPLE_GAUGE, SAMPLE_DELTA};

    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++) {
        struct leaf_spec spec = spec_of("m", fns[i], MIN);

        spec.param = 0.5;
        leaves[i] = leaf_of(f.w, &spec);
        ck_assert_uint_eq(leaf_of(next, &spec), leaves[i]);
        spec.offset_ms = MIN;
        (void)leaf_of(f.w, &spec);
        (void)leaf_of(next, &spec);
    }
    for (int k = 0; k < 3; k++) {
        char name[32];

        snprintf(name, sizeof name, "m i=%d", k);
        for (int i = 1; i <= 12; i++)
            put(&f, name, kinds[k], BASE + i * 100, (i % 3 - 1) * 1.7e308);
        put(&f, name, kinds[k], BASE + 20 * S, 1);
    }
    give_cut(&f, next);
    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++) {
        double v = value_of(&f, leaves[i], "i=1", BASE + 20 * S);

        ck_assert(!isinf(v));
        ck_value(value_in(next, leaves[i], slot_in(&f, next, leaves[i], "i=1"), BASE + 20 * S), v);
    }
    put(&f, "m i=1", SAMPLE_GAUGE, BASE + 3 * MIN, 5);
    ck_value(value_of(&f, leaves[4], "i=1", BASE + 3 * MIN), 5);
    windows_free(next);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_small_value_beside_a_large_one_is_kept);
    tcase_add_test(t, a_group_keeps_small_values_and_corrections);
    tcase_add_test(t, nothing_is_left_of_what_has_gone_out);
    tcase_add_test(t, a_cut_and_adopted_panes_keep_what_was_rounded_off);
    tcase_add_test(t, a_deviation_is_that_of_the_values_however_far_from_zero);
    tcase_add_test(t, a_value_near_the_end_of_doubles_costs_itself);
}

UNIT_MAIN("sums", add)
