/* Increments: births, gaps, staleness, and what of it survives a restart. */
#include "fixture.h"

static leaf_id increase(struct fixture *f)
{
    return leaf_on(f, "m", LEAF_INCREASE, 10 * MIN);
}

/* A series born while its source is alive has grown from zero; with its source it sets a base. */
START_TEST(births)
{
    static const struct {
        int before; /* scrapes of the source before the series */
        double expected;
    } cases[] = {{0, 0}, {1, 0}, {2, 7}, {3, 7}};

    for (size_t i = 0; i < 4; i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = increase(&f);

        for (int k = 0; k < cases[i].before; k++) /* another metric, which no leaf needs */
            put(&f, "up job=a", SAMPLE_GAUGE, BASE + (k + 1) * 15 * S, 1);
        put(&f, "up job=b", SAMPLE_GAUGE, BASE, 1); /* another source */
        put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + MIN, 7);
        ck_value(value_of(&f, leaf, "job=a", BASE + MIN), cases[i].expected);
        ck_assert_uint_eq(stats_of(&f).births, cases[i].expected > 0);
        fixture_free(&f);
    }
}
END_TEST

/* The same scrape holds `up` and the new series: its own time is no earlier one. */
START_TEST(a_scrape_is_no_witness_of_itself)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);

    put(&f, "up job=a", SAMPLE_GAUGE, BASE + 15 * S, 1);
    put(&f, "up job=a", SAMPLE_GAUGE, BASE + 15 * S, 1);
    put(&f, "up job=a", SAMPLE_GAUGE, BASE + 30 * S, 1);
    put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + 30 * S, 7);
    ck_value(value_of(&f, leaf, "job=a", BASE + 30 * S), 0);
    fixture_free(&f);
}
END_TEST

/* A leaf that comes later finds series that are no births. */
START_TEST(a_new_leaf_begins_with_a_base)
{
    struct fixture f = fixture_new();
    leaf_id leaf;

    for (int k = 1; k <= 5; k++)
        put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + k * 15 * S, 100 + k);
    leaf = increase(&f);
    put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + 90 * S, 106);
    ck_value(value_of(&f, leaf, "job=a", BASE + 90 * S), 0);
    put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + 105 * S, 109);
    ck_value(value_of(&f, leaf, "job=a", BASE + 105 * S), 3);
    ck_assert_uint_eq(stats_of(&f).births, 0);
    fixture_free(&f);
}
END_TEST

/* Nobody knows what a counter grew by in an hour's silence; that it began anew is plain. */
START_TEST(a_step_counts_whatever_the_gap_before_it)
{
    struct fixture f = fixture_new();
    leaf_id resets = leaf_on(&f, "m", LEAF_RESETS, 5 * MIN);
    leaf_id changes = leaf_on(&f, "m", LEAF_CHANGES, 5 * MIN), grown = increase(&f);

    for (int k = 0; k < 5; k++)
        put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + k * 15 * S, 100 + k);
    put(&f, "m job=a", SAMPLE_CUMULATIVE, BASE + 30 * MIN, 3);
    ck_value(value_of(&f, resets, "job=a", BASE + 30 * MIN), 1);
    ck_value(value_of(&f, changes, "job=a", BASE + 30 * MIN), 1);
    ck_value(value_of(&f, grown, "job=a", BASE + 30 * MIN), 0);
    fixture_free(&f);
}
END_TEST

/* n samples `interval` apart, then one `gap` later: is its increment counted? */
START_TEST(gaps)
{
    static const struct {
        int64_t interval_s, gap_s;
        int n;
        bool counted;
    } cases[] = {
        {15, 299, 10, true},  {15, 300, 10, true},    {15, 301, 10, false},    {60, 300, 10, true},
        {60, 301, 10, false}, {200, 600, 10, true},   {200, 613, 10, false},   {300, 899, 3, true},
        {300, 920, 3, false}, {3600, 10800, 9, true}, {3600, 11100, 9, false}, {15, 301, 1, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = leaf_on(&f, "m", LEAF_INCREASE, 10 * S);
        int64_t at = BASE;
        uint64_t before;

        for (int k = 0; k < cases[i].n; k++, at += cases[i].interval_s * S)
            put(&f, "m", SAMPLE_CUMULATIVE, at, k);
        at += (cases[i].gap_s - cases[i].interval_s) * S;
        before = stats_of(&f).gaps;
        put(&f, "m", SAMPLE_CUMULATIVE, at, cases[i].n + 4);
        ck_assert_msg(same(value_of(&f, leaf, "", at), cases[i].counted ? 5 : 0),
                      "every %lld s, then after %lld s", (long long)cases[i].interval_s,
                      (long long)cases[i].gap_s);
        ck_assert_uint_eq(stats_of(&f).gaps - before, !cases[i].counted);
        put(&f, "m", SAMPLE_CUMULATIVE, at + 2 * S, cases[i].n + 6); /* the new base holds */
        ck_value(value_of(&f, leaf, "", at + 10 * S), 2);
        fixture_free(&f);
    }
}
END_TEST

/* The usual interval is the median of the last eight: three long ones among them change nothing,
 * five do. */
START_TEST(usual_interval_is_a_median)
{
    for (int longs = 0; longs <= 8; longs++) {
        struct fixture f = fixture_new();
        leaf_id leaf = leaf_on(&f, "m", LEAF_INCREASE, 10 * S);
        int64_t at = BASE;

        put(&f, "m", SAMPLE_CUMULATIVE, at, 0);
        for (int k = 0; k < 20; k++)
            put(&f, "m", SAMPLE_CUMULATIVE, at += 15 * S, k);
        for (int k = 0; k < longs; k++)
            put(&f, "m", SAMPLE_CUMULATIVE, at += 280 * S, 30 + k);
        put(&f, "m", SAMPLE_CUMULATIVE, at += 800 * S, 100);
        ck_assert_msg((value_of(&f, leaf, "", at) > 0) == (longs >= 5), "%d", longs);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(stale_marker_is_a_gap_in_time_only)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);

    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 15 * S, 10);
    put_stale(&f, "m", SAMPLE_CUMULATIVE, BASE + 30 * S);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 200 * S, 14); /* within the staleness time: goes on */
    ck_value(value_of(&f, leaf, "", BASE + 200 * S), 4);
    put_stale(&f, "m", SAMPLE_CUMULATIVE, BASE + 215 * S);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 790 * S, 40); /* beyond three times 185 s: a new base */
    ck_value(value_of(&f, leaf, "", BASE + 790 * S), 4);
    fixture_free(&f);
}
END_TEST

START_TEST(late_and_repeated)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);

    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 15 * S, 10);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 45 * S, 30);
    put_late(&f, "m", SAMPLE_CUMULATIVE, BASE + 45 * S, BASE + 30 * S, 20);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 45 * S, 30);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 45 * S, 31); /* another value of the same time */
    ck_value(value_of(&f, leaf, "", BASE + 45 * S), 20);
    ck_assert_uint_eq(stats_of(&f).late, 1);
    ck_assert_uint_eq(stats_of(&f).duplicate, 2);
    put(&f, "m", SAMPLE_CUMULATIVE, BASE + 60 * S, 35);
    ck_value(value_of(&f, leaf, "", BASE + 60 * S), 25);
    fixture_free(&f);
}
END_TEST

/* Adjacent windows add up, and so do series: nothing is extrapolated. */
START_TEST(additive)
{
    static const char *by[] = {"job"};
    struct fixture f = fixture_new();
    leaf_id each = leaf_on(&f, "m", LEAF_INCREASE, 5 * MIN);
    leaf_id all = leaf_by(&f, "m", LEAF_INCREASE, 5 * MIN, by, 1);
    double total = 0;

    for (int k = 0; k <= 80; k++)
        for (int i = 0; i < 4; i++) {
            char name[32];

            snprintf(name, sizeof name, "m job=a i=%d", i);
            put(&f, name, SAMPLE_CUMULATIVE, BASE + k * 15 * S, k * (i + 1));
            if (k % 20 == 0 && k > 0 && i == 3) {
                double sum = 0;

                for (int j = 0; j < 4; j++) {
                    snprintf(name, sizeof name, "job=a i=%d", j);
                    sum += value_of(&f, each, name, BASE + k * 15 * S);
                }
                ck_value(value_of(&f, all, "job=a", BASE + k * 15 * S), sum);
                total += sum;
            }
        }
    ck_value(total, 80 * 10);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, births);
    tcase_add_test(t, a_scrape_is_no_witness_of_itself);
    tcase_add_test(t, a_new_leaf_begins_with_a_base);
    tcase_add_test(t, a_step_counts_whatever_the_gap_before_it);
    tcase_add_test(t, gaps);
    tcase_add_test(t, usual_interval_is_a_median);
    tcase_add_test(t, stale_marker_is_a_gap_in_time_only);
    tcase_add_test(t, late_and_repeated);
    tcase_add_test(t, additive);
}

UNIT_MAIN("counters", add)
