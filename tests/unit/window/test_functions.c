/* Each function against values worked out by hand. */
#include "fixture.h"

struct point {
    int64_t at; /* seconds after BASE */
    double v;
};

struct look {
    int64_t at;
    double expected;
};

#define END   \
    {         \
        -1, 0 \
    }

struct row {
    const char *what;
    enum leaf_fn fn;
    int64_t window_s;
    double param;
    enum sample_kind kind;
    struct point points[24];
    struct look looks[12];
};

static const struct row rows[] = {
    /* the example of the specification: 1+1x4 9+1x4, fifteen seconds apart, looked at between */
    {"increase counts the step from the sample before the window",
     LEAF_INCREASE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{0, 1}, {15, 2}, {30, 3}, {45, 4}, {60, 5}, {75, 9}, {90, 10}, {105, 11}, {120, 12}, END},
     {{20, 1},
      {35, 2},
      {50, 3},
      {65, 4},
      {80, 7},
      {95, 7},
      {140, 3},
      {179, 1},
      {180, MISSING},
      END}},
    {"rate divides by the window where nothing is missing",
     LEAF_RATE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 100}, {30, 106}, {45, 112}, END},
     {{45, 0.2}, {60, 0.4}, {90, 0.1}, {105, MISSING}, END}},
    {"no increment is 0, not missing",
     LEAF_INCREASE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 5}, {30, 5}, END},
     {{15, 0}, {30, 0}, {89, 0}, {91, MISSING}, END}},
    {"a drop is a reset: the new value is the increment",
     LEAF_INCREASE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 5}, {30, 9}, {45, 3}, {60, 4}, END},
     {{60, 8}, {75, 8}, {90, 4}, END}},
    {"deltas add directly, and an empty window is 0",
     LEAF_INCREASE,
     60,
     0,
     SAMPLE_DELTA,
     {{15, 5}, {30, 2}, END},
     {{30, 7}, {75, 2}, {200, 0}, END}},
    {"rate of observations counts them",
     LEAF_RATE,
     60,
     0,
     SAMPLE_DISTRIBUTION,
     {{15, 0.2}, {30, 0.3}, {45, 0.1}, END},
     {{45, 0.05}, {300, 0}, END}},
    {"count",
     LEAF_COUNT,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, 0}, END},
     {{45, 3}, {75, 2}, {300, 0}, END}},
    {"sum",
     LEAF_SUM,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, 0}, END},
     {{45, 3}, {75, -2}, {300, 0}, END}},
    {"avg",
     LEAF_AVG,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, 0}, END},
     {{45, 1}, {75, -1}, {90, 0}, {105, MISSING}, END}},
    {"min",
     LEAF_MIN,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, 7}, END},
     {{15, 5}, {45, -2}, {90, 7}, {105, MISSING}, END}},
    {"max",
     LEAF_MAX,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, -7}, END},
     {{45, 5}, {75, -2}, {90, -7}, {105, MISSING}, END}},
    {"stddev is that of the population",
     LEAF_STDDEV,
     60,
     0,
     SAMPLE_GAUGE,
     {{10, 2}, {15, 4}, {20, 4}, {25, 4}, {30, 5}, {35, 5}, {40, 7}, {45, 9}, END},
     {{10, 0}, {45, 2}, {104, 0}, {106, MISSING}, END}},
    {"first",
     LEAF_FIRST,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, 7}, END},
     {{45, 5}, {75, -2}, {90, 7}, {105, MISSING}, END}},
    {"delta needs two samples",
     LEAF_DELTA,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 5}, {30, -2}, {45, 7}, END},
     {{15, MISSING}, {45, 2}, {75, 9}, {90, MISSING}, END}},
    {"delta of two samples in one pane",
     LEAF_DELTA,
     600,
     0,
     SAMPLE_GAUGE,
     {{21, 5}, {22, 8}, END},
     {{30, 3}, END}},
    {"changes count the step into the window",
     LEAF_CHANGES,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 1}, {30, 1}, {45, 2}, {60, 2}, {75, 1}, END},
     {{15, 0}, {45, 1}, {75, 2}, {105, 1}, {134, 1}, {136, MISSING}, END}},
    {"resets",
     LEAF_RESETS,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 4}, {30, 1}, {45, 2}, {60, 0}, END},
     {{60, 2}, {90, 1}, {119, 1}, {121, MISSING}, END}},
    {"irate is that of the last two samples",
     LEAF_IRATE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 4}, {25, 24}, {45, 34}, END},
     {{45, 0.5}, {104, 0.5}, {105, MISSING}, END}},
    {"irate of one sample is missing",
     LEAF_IRATE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 4}, END},
     {{15, MISSING}, END}},
    {"irate over a reset",
     LEAF_IRATE,
     60,
     0,
     SAMPLE_CUMULATIVE,
     {{15, 40}, {25, 5}, END},
     {{30, 0.5}, END}},
    {"last looks back over (T - lookback, T]",
     LEAF_LAST,
     300,
     0,
     SAMPLE_GAUGE,
     {{15, 4}, {25, 6}, END},
     {{25, 6}, {324, 6}, {325, MISSING}, END}},
    {"since_last",
     LEAF_SINCE_LAST,
     0,
     0,
     SAMPLE_GAUGE,
     {{15, 4}, {25, 6}, END},
     {{25, 0}, {625, 600}, END}},
    {"quantile interpolates at rank q(n-1)",
     LEAF_QUANTILE,
     60,
     0.5,
     SAMPLE_GAUGE,
     {{15, 4}, {20, 1}, {25, 3}, {30, 2}, END},
     {{30, 2.5}, {75, 2}, {80, 2.5}, {85, 2}, {90, MISSING}, END}},
    {"quantile 0 is the minimum",
     LEAF_QUANTILE,
     60,
     0,
     SAMPLE_GAUGE,
     {{15, 4}, {20, 1}, {25, 3}, END},
     {{30, 1}, {80, 3}, END}},
    {"quantile 1 is the maximum",
     LEAF_QUANTILE,
     60,
     1,
     SAMPLE_GAUGE,
     {{15, 4}, {20, 1}, {25, 3}, END},
     {{30, 4}, {80, 3}, END}},
    {"fraction_below counts values at the limit",
     LEAF_FRACTION_BELOW,
     60,
     3,
     SAMPLE_GAUGE,
     {{15, 4}, {20, 1}, {25, 3}, {30, 9}, END},
     {{30, 0.5}, {80, 0.5}, {85, 0}, {90, MISSING}, END}},
};

static void play(const struct row *r)
{
    struct fixture f = fixture_new();
    struct leaf_spec spec = spec_of("m", r->fn, r->window_s * S);
    leaf_id leaf;
    size_t p = 0;

    spec.param = r->param;
    leaf = leaf_of(f.w, &spec);
    for (size_t i = 0; r->looks[i].at >= 0; i++) {
        double got;

        ck_assert(i == 0 || r->looks[i].at > r->looks[i - 1].at);
        for (; r->points[p].at >= 0 && r->points[p].at <= r->looks[i].at; p++)
            put(&f, "m", r->kind, BASE + r->points[p].at * S, r->points[p].v);
        got = value_of(&f, leaf, "", BASE + r->looks[i].at * S);
        ck_assert_msg(same(got, r->looks[i].expected) ||
                          (r->fn == LEAF_RATE && fabs(got - r->looks[i].expected) < 1e-6),
                      "%s: at %lld s %.17g, not %.17g", r->what, (long long)r->looks[i].at, got,
                      r->looks[i].expected);
    }
    fixture_free(&f);
}

START_TEST(table)
{
    play(&rows[_i]);
}
END_TEST

/* A look inside a pane: the newest pane counts whole, the oldest by its share (p = 5 s). */
START_TEST(inside_a_pane)
{
    static const struct {
        enum leaf_fn fn;
        double expected;
    } cases[] = {
        {LEAF_COUNT, 2 * 0.6 + 3}, {LEAF_SUM, 20 * 0.6 + 6}, {LEAF_MAX, 11}, {LEAF_MIN, 1}};

    for (size_t i = 0; i < 4; i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = leaf_on(&f, "m", cases[i].fn, 5 * MIN);

        put(&f, "m", SAMPLE_GAUGE, BASE + 6 * S, 9);
        put(&f, "m", SAMPLE_GAUGE, BASE + 10 * S, 11); /* both in the pane (5, 10] */
        put(&f, "m", SAMPLE_GAUGE, BASE + 11 * S, 1);
        put(&f, "m", SAMPLE_GAUGE, BASE + 300 * S, 2);
        put(&f, "m", SAMPLE_GAUGE, BASE + 307 * S, 3);
        ck_value(value_of(&f, leaf, "", BASE + 307 * S), cases[i].expected);
        fixture_free(&f);
    }
}
END_TEST

/* The same leaf at every offset and window gives what the leaf without an offset gave then. */
START_TEST(offset_is_the_same_leaf_earlier)
{
    static const enum leaf_fn fns[] = {LEAF_LAST,  LEAF_IRATE, LEAF_INCREASE, LEAF_MAX,
                                       LEAF_FIRST, LEAF_DELTA, LEAF_AVG,      LEAF_QUANTILE};
    static const int64_t offsets[] = {10 * S, 5 * MIN, HOUR};

    for (size_t i = 0; i < 8 * 3 - 1; i++) { /* the last one would be a sketch */
        struct fixture f = fixture_new();
        struct leaf_spec spec = spec_of("m", fns[i / 3], 5 * MIN);
        int64_t offset = offsets[i % 3];
        double then[60] = {0};
        leaf_id now, past;

        spec.param = 0.5;
        now = leaf_of(f.w, &spec);
        spec.offset_ms = offset;
        past = leaf_of(f.w, &spec);
        for (int t = 1; t <= 420; t++) {
            int64_t at = BASE + t * 10 * S;

            if (t % 7 != 0 && (t < 100 || t > 140))
                put(&f, "m", SAMPLE_GAUGE, at, (t * 37) % 101);
            if (t <= 60)
                then[t - 1] = value_of(&f, now, "", at);
            if (t * 10 * S > offset && (t * 10 * S - offset) / (10 * S) <= 60)
                ck_value(value_of(&f, past, "", at), then[(t * 10 * S - offset) / (10 * S) - 1]);
        }
        fixture_free(&f);
    }
}
END_TEST

START_TEST(stale_marker_ends_last_only)
{
    struct fixture f = fixture_new();
    leaf_id last = leaf_on(&f, "m", LEAF_LAST, 5 * MIN), max = leaf_on(&f, "m", LEAF_MAX, 5 * MIN);
    leaf_id since = leaf_on(&f, "m", LEAF_SINCE_LAST, 0);

    put(&f, "m", SAMPLE_GAUGE, BASE + 15 * S, 4);
    put_stale(&f, "m", SAMPLE_GAUGE, BASE + 30 * S);
    ck_value(value_of(&f, last, "", BASE + 30 * S), MISSING);
    ck_value(value_of(&f, max, "", BASE + 30 * S), 4);
    ck_value(value_of(&f, since, "", BASE + 30 * S), 15);
    put(&f, "m", SAMPLE_GAUGE, BASE + 45 * S, 5);
    ck_value(value_of(&f, last, "", BASE + 45 * S), 5);
    /* a marker for a series without any sample shows nothing */
    put_stale(&f, "m a=1", SAMPLE_GAUGE, BASE + 45 * S);
    ck_assert_uint_eq(windows_group_count(f.w, last), 1);
    fixture_free(&f);
}
END_TEST

START_TEST(same_time_last_write_wins)
{
    static const struct {
        enum leaf_fn fn;
        double expected;
    } cases[] = {{LEAF_LAST, 8},   {LEAF_COUNT, 2},    {LEAF_SUM, 12},
                 {LEAF_AVG, 6},    {LEAF_FIRST, 4},    {LEAF_DELTA, 4},
                 {LEAF_STDDEV, 2}, {LEAF_QUANTILE, 6}, {LEAF_CHANGES, 1}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        struct leaf_spec spec = spec_of("m", cases[i].fn, MIN);
        leaf_id leaf;

        spec.param = 0.5;
        leaf = leaf_of(f.w, &spec);
        put(&f, "m", SAMPLE_GAUGE, BASE + 15 * S, 4);
        put(&f, "m", SAMPLE_GAUGE, BASE + 30 * S, 99);
        put(&f, "m", SAMPLE_GAUGE, BASE + 30 * S, 8);
        put(&f, "m", SAMPLE_GAUGE, BASE + 30 * S, 8); /* an exact repetition counts as nothing */
        ck_value(value_of(&f, leaf, "", BASE + 30 * S), cases[i].expected);
        ck_assert_uint_eq(stats_of(&f).duplicate, 1);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(refused_and_clamped)
{
    struct fixture f = fixture_new();
    leaf_id count = leaf_on(&f, "m", LEAF_COUNT, 5 * MIN);
    leaf_id last = leaf_on(&f, "m", LEAF_LAST, 5 * MIN);
    int64_t at = BASE + MIN;

    put(&f, "m", SAMPLE_GAUGE, at, 1);
    put(&f, "m", SAMPLE_GAUGE, at + S, (double)NAN);
    put(&f, "m", SAMPLE_GAUGE, at + S, (double)INFINITY);
    put(&f, "m", SAMPLE_GAUGE, at + S, (double)-INFINITY);
    ck_assert_uint_eq(stats_of(&f).nan_refused, 3);
    put_late(&f, "m", SAMPLE_GAUGE, at, -5, 1);
    put_late(&f, "m", SAMPLE_GAUGE, at, 0, 1);
    put_late(&f, "m", SAMPLE_GAUGE, at, at - HOUR, 1); /* older than the ring */
    ck_assert_uint_eq(stats_of(&f).late, 3);
    ck_value(value_of(&f, count, "", at), 1);
    put_late(&f, "m", SAMPLE_GAUGE, at, at - S, 1); /* late for last, not for count */
    ck_assert_uint_eq(stats_of(&f).late, 3);
    ck_value(value_of(&f, count, "", at), 2);
    put_late(&f, "m", SAMPLE_GAUGE, at, at + 60000, 2); /* a minute ahead is in order */
    ck_assert_uint_eq(stats_of(&f).future, 0);
    put_late(&f, "m", SAMPLE_GAUGE, at + 30 * S, at + 90001, 3); /* more is clamped */
    ck_assert_uint_eq(stats_of(&f).future, 1);
    ck_value(value_of(&f, count, "", at + MIN), 4);
    ck_value(value_of(&f, last, "", at + MIN), 3);
    fixture_free(&f);
}
END_TEST

/* Also the first one of its group, for which there is nothing older yet. */
START_TEST(what_no_window_will_ever_see_is_counted_as_late)
{
    static const struct {
        enum sample_kind kind;
        const char *what;
        int64_t age_ms;
        unsigned late;
    } cases[] = {
        {SAMPLE_GAUGE, "m host=a", 5 * MIN - 1, 0},
        {SAMPLE_GAUGE, "m host=b", 5 * MIN, 1},
        {SAMPLE_GAUGE, "m host=c", 24 * HOUR, 2},
        {SAMPLE_DISTRIBUTION, "m host=d", 5 * MIN, 3},
        {SAMPLE_DELTA, "m host=e", 5 * MIN, 4},
        {SAMPLE_CUMULATIVE, "m host=f", 10 * MIN - 1, 4}, /* where increments begin */
        {SAMPLE_CUMULATIVE, "m host=g", 10 * MIN, 5},
        {SAMPLE_GAUGE, "other host=a", 24 * HOUR, 5}, /* nobody asks for it */
    };
    struct fixture f = fixture_new();
    int64_t at = BASE + 48 * HOUR;

    leaf_on(&f, "m", LEAF_MAX, 5 * MIN);
    leaf_on(&f, "m", LEAF_INCREASE, MIN);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_late(&f, cases[i].what, cases[i].kind, at, at - cases[i].age_ms, 1);
        ck_assert_msg(stats_of(&f).late == cases[i].late, "%s: %u late", cases[i].what,
                      (unsigned)stats_of(&f).late);
    }
    fixture_free(&f);
}
END_TEST

/* What is ahead counts when it came, so that the window at T has it; a repetition stays one. */
START_TEST(a_sample_ahead_counts_as_of_its_receipt)
{
    struct fixture f = fixture_new();
    leaf_id count = leaf_on(&f, "m", LEAF_COUNT, 10 * S), sum = leaf_on(&f, "m", LEAF_SUM, 10 * S);
    leaf_id last = leaf_on(&f, "m", LEAF_LAST, 5 * MIN);
    int64_t at = BASE + MIN;

    put_late(&f, "m", SAMPLE_GAUGE, at, at + 30 * S, 5);
    ck_value(value_of(&f, last, "", at), 5);
    ck_value(value_of(&f, sum, "", at), 5);
    ck_assert_int_eq(windows_newest_ms(f.w, last, 0), at);
    put_late(&f, "m", SAMPLE_GAUGE, at + S, at + 30 * S, 5); /* the same again */
    ck_value(value_of(&f, count, "", at + S), 1);
    put_late(&f, "m", SAMPLE_GAUGE, at + 2 * S, at + 32 * S, 7);
    put_late(&f, "m", SAMPLE_GAUGE, at + 2 * S, at + 33 * S, 8); /* one block, two readings */
    ck_value(value_of(&f, count, "", at + 2 * S), 3);
    ck_value(value_of(&f, last, "", at + 2 * S), 8);
    ck_assert_uint_eq(stats_of(&f).future, 0);
    fixture_free(&f);
}
END_TEST

START_TEST(weights)
{
    struct fixture f = fixture_new();
    struct leaf_spec spec = spec_of("m", LEAF_QUANTILE, MIN);
    leaf_id sum = leaf_on(&f, "m", LEAF_SUM, MIN), count = leaf_on(&f, "m", LEAF_COUNT, MIN);
    leaf_id avg = leaf_on(&f, "m", LEAF_AVG, MIN), rate = leaf_on(&f, "m", LEAF_RATE, MIN), median;
    uint32_t id = fixture_series(&f, "m", SAMPLE_DISTRIBUTION);

    spec.param = 0.5;
    median = leaf_of(f.w, &spec);
    for (int i = 0; i < 2; i++)
        fixture_apply(&f, BASE + 15 * S,
                      (struct sample){.t_ms = BASE + 15 * S,
                                      .v = i == 0 ? 2 : 8,
                                      .series = id,
                                      .kind = SAMPLE_DISTRIBUTION,
                                      .weight = i == 0 ? 1 : 5});
    ck_value(value_of(&f, sum, "", BASE + 15 * S), 42);
    ck_value(value_of(&f, count, "", BASE + 15 * S), 6);
    ck_value(value_of(&f, avg, "", BASE + 15 * S), 7);
    ck_value(value_of(&f, rate, "", BASE + 15 * S), 0.1);
    ck_value(value_of(&f, median, "", BASE + 15 * S), 8); /* 2 8 8 8 8 8 */
    fixture_free(&f);
}
END_TEST

/* A gauge that is sent again late counts once; one older than the last eight is never new. */
START_TEST(late_repetitions)
{
    struct fixture f = fixture_new();
    leaf_id sum = leaf_on(&f, "m", LEAF_SUM, 5 * MIN), max = leaf_on(&f, "m", LEAF_MAX, 5 * MIN);
    int64_t at = BASE + 9 * 10 * S;

    for (int i = 0; i < 9; i++)
        put(&f, "m", SAMPLE_GAUGE, BASE + (i + 1) * 10 * S, 1);
    put_late(&f, "m", SAMPLE_GAUGE, at, BASE + 20 * S, 1); /* the eighth from the end */
    ck_value(value_of(&f, sum, "", at), 9);
    ck_assert_uint_eq(stats_of(&f).duplicate, 1);
    put_late(&f, "m", SAMPLE_GAUGE, at, BASE + 25 * S, 1); /* late, and new */
    put_late(&f, "m", SAMPLE_GAUGE, at, BASE + 25 * S, 7); /* now it is known, whatever it says */
    ck_value(value_of(&f, sum, "", at), 10);
    ck_value(value_of(&f, max, "", at), 1);
    ck_assert_uint_eq(stats_of(&f).duplicate, 2);
    put_late(&f, "m", SAMPLE_GAUGE, at, BASE + 10 * S, 1); /* nobody remembers */
    ck_value(value_of(&f, sum, "", at), 10);
    ck_assert_uint_eq(stats_of(&f).late, 1);
    fixture_free(&f);
}
END_TEST

/* A leaf that comes later remembers from then on; one of the newest sample, never. */
START_TEST(late_repetitions_of_a_new_leaf)
{
    struct fixture f = fixture_new();
    leaf_id last = leaf_on(&f, "m", LEAF_LAST, 5 * MIN), count;

    put(&f, "m", SAMPLE_GAUGE, BASE + 10 * S, 1);
    put(&f, "m", SAMPLE_GAUGE, BASE + 20 * S, 1);
    put_late(&f, "m", SAMPLE_GAUGE, BASE + 25 * S, BASE + 10 * S, 5);
    ck_assert_uint_eq(stats_of(&f).duplicate, 0);
    ck_value(value_of(&f, last, "", BASE + 30 * S), 1);
    count = leaf_on(&f, "m", LEAF_COUNT, 5 * MIN);
    put(&f, "m", SAMPLE_GAUGE, BASE + 30 * S, 1);
    put(&f, "m", SAMPLE_GAUGE, BASE + 40 * S, 1);
    put_late(&f, "m", SAMPLE_GAUGE, BASE + 45 * S, BASE + 30 * S, 1);
    ck_value(value_of(&f, count, "", BASE + 50 * S), 2);
    ck_assert_uint_eq(stats_of(&f).duplicate, 1);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, table, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(t, inside_a_pane);
    tcase_add_test(t, offset_is_the_same_leaf_earlier);
    tcase_add_test(t, stale_marker_ends_last_only);
    tcase_add_test(t, same_time_last_write_wins);
    tcase_add_test(t, refused_and_clamped);
    tcase_add_test(t, what_no_window_will_ever_see_is_counted_as_late);
    tcase_add_test(t, a_sample_ahead_counts_as_of_its_receipt);
    tcase_add_test(t, weights);
    tcase_add_test(t, late_repetitions);
    tcase_add_test(t, late_repetitions_of_a_new_leaf);
}

UNIT_MAIN("window functions", add)
