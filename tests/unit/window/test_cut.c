/* Cuts: hostile bytes, leaves that came or went, other orders of ids, failing allocations. */
#include "fixture.h"

static const char *by_g[] = {"g"};

struct leaves {
    leaf_id id[18];
    size_t n;
};

/* One leaf of every kind, merged and per series, with and without an offset. */
static struct leaves all_leaves(struct windows *w)
{
    static const struct {
        enum leaf_fn fn;
        int64_t window_ms, offset_ms;
        bool grouped;
        const char *metric;
    } specs[] = {
        {LEAF_RATE, 5 * MIN, 0, true, "m"},       {LEAF_INCREASE, HOUR, 0, false, "m"},
        {LEAF_MAX, HOUR, 0, false, "m"},          {LEAF_MIN, 5 * MIN, 0, true, "m"},
        {LEAF_AVG, 5 * MIN, MIN, true, "m"},      {LEAF_STDDEV, 5 * MIN, 0, true, "m"},
        {LEAF_LAST, 5 * MIN, 0, false, "m"},      {LEAF_LAST, 5 * MIN, MIN, false, "m"},
        {LEAF_IRATE, 5 * MIN, 0, false, "m"},     {LEAF_DELTA, 5 * MIN, 0, false, "m"},
        {LEAF_SINCE_LAST, 0, 0, true, "m"},       {LEAF_QUANTILE, 10 * MIN, 0, false, "m"},
        {LEAF_QUANTILE, HOUR, 0, true, "m"},      {LEAF_QUANTILE, 10 * MIN, 0, false, "h"},
        {LEAF_FRACTION_BELOW, MIN, 0, true, "h"}, {LEAF_COUNT, 10 * MIN, 0, false, "s"},
        {LEAF_SUM, 10 * MIN, MIN, false, "s"},    {LEAF_CHANGES, 5 * MIN, 0, false, "m"},
    };
    struct leaves l = {.n = sizeof specs / sizeof *specs};

    for (size_t i = 0; i < l.n; i++) {
        struct leaf_spec s = spec_of(specs[i].metric, specs[i].fn, specs[i].window_ms);

        s.offset_ms = specs[i].offset_ms;
        s.param = 0.5;
        if (specs[i].grouped) {
            s.grouping = LEAF_BY;
            s.labels = by_g;
            s.n_labels = 1;
        }
        l.id[i] = windows_leaf(w, &s, BASE, NULL);
    }
    return l;
}

static int64_t traffic_moved_ms; /* what the clock has stepped by */

static void traffic(struct fixture *f, struct windows *w, int from, int to)
{
    static const char *const le[] = {"0.1", "1", "+Inf"};
    struct windows *own = f->w;

    f->w = w;
    for (int k = from; k < to; k++) {
        int64_t at = BASE + traffic_moved_ms + k * 10 * S;
        char name[64];

        for (int i = 0; i < 6; i++) {
            snprintf(name, sizeof name, "m g=%d i=%d job=%d", i % 2, i, i % 3);
            put(f, name, SAMPLE_CUMULATIVE, at, k * (i + 1) + k % 5);
            snprintf(name, sizeof name, "h_bucket g=%d i=%d le=%s", i % 2, i / 3, le[i % 3]);
            put(f, name, SAMPLE_CUMULATIVE, at, k * (i % 3 + 1));
            snprintf(name, sizeof name, "s i=%d", i % 2);
            for (int j = 0; j < 3; j++)
                put(f, name, SAMPLE_SET, at, (k * 7919 + j * 104729 + i) % 100003);
        }
        if (k == 50)
            put_stale(f, "m g=0 i=0 job=0", SAMPLE_CUMULATIVE, at + S);
    }
    f->w = own;
}

static void compare(struct fixture *f, struct windows *a, struct leaves la, struct windows *b,
                    struct leaves lb, int64_t at_ms)
{
    (void)f;
    for (size_t i = 0; i < la.n; i++) {
        ck_assert_uint_eq(windows_group_count(a, la.id[i]), windows_group_count(b, lb.id[i]));
        for (uint32_t slot = 0; slot < windows_slots(a, la.id[i]); slot++) {
            labelset labels = windows_group_labels(a, la.id[i], slot);
            uint32_t other;

            if (labels == LABELSET_NONE)
                continue;
            other = windows_group_find(b, lb.id[i], labels);
            ck_assert_uint_ne(other, SLOT_NONE);
            ck_assert_int_eq(windows_newest_ms(a, la.id[i], slot),
                             windows_newest_ms(b, lb.id[i], other));
            ck_assert_int_eq(windows_covered_from_ms(a, la.id[i], slot),
                             windows_covered_from_ms(b, lb.id[i], other));
            ck_value(value_in(a, la.id[i], slot, at_ms), value_in(b, lb.id[i], other, at_ms));
        }
    }
}

/* Slots of both were given in one order. */
static void same_values(struct fixture *a, struct leaves la, int64_t a_ms, struct fixture *b,
                        struct leaves lb, int64_t b_ms)
{
    for (size_t i = 0; i < la.n; i++) {
        ck_assert_uint_eq(windows_slots(a->w, la.id[i]), windows_slots(b->w, lb.id[i]));
        for (uint32_t slot = 0; slot < windows_slots(a->w, la.id[i]); slot++) {
            ck_assert_int_eq(a_ms - windows_newest_ms(a->w, la.id[i], slot),
                             b_ms - windows_newest_ms(b->w, lb.id[i], slot));
            ck_value(value_in(a->w, la.id[i], slot, a_ms), value_in(b->w, lb.id[i], slot, b_ms));
        }
    }
}

static struct chunks cut_of(const struct windows *w)
{
    static struct chunks c;

    c = (struct chunks){0};
    ck_assert_int_eq(windows_encode(w, chunks_take, &c), 0);
    return c;
}

START_TEST(same_values_and_same_future)
{
    struct fixture f = fixture_new();
    struct windows *copy = fixture_windows(&f, 0, 0);
    struct leaves a = all_leaves(f.w), b = all_leaves(copy);
    struct chunks c, again;

    traffic(&f, f.w, 1, 200);
    c = cut_of(f.w);
    chunks_give(&c, copy);
    compare(&f, f.w, a, copy, b, BASE + 2000 * S);
    again = cut_of(copy);
    ck_assert_uint_eq(again.bytes.len, c.bytes.len);
    ck_assert_mem_eq(again.bytes.data, c.bytes.data, c.bytes.len);
    for (int k = 200; k < 400; k += 10) {
        traffic(&f, f.w, k, k + 10);
        traffic(&f, copy, k, k + 10);
        compare(&f, f.w, a, copy, b, BASE + (k + 9) * 10 * S);
    }
    ck_assert_uint_eq(stats_of(&f).births, 0);
    buf_free(&c.bytes);
    buf_free(&again.bytes);
    windows_free(copy);
    fixture_free(&f);
}
END_TEST

/* Windows under a clock that is set have at each moment the values of those under one that is not:
 * by whole panes of all leaves exactly. */
START_TEST(a_step_of_the_clock_only_renames_instants)
{
    static const int64_t steps[] = {-HOUR, -24 * HOUR, HOUR, -3 * HOUR};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct fixture a = fixture_new(), b = fixture_new();
        struct leaves la = all_leaves(a.w), lb = all_leaves(b.w);

        traffic(&a, a.w, 1, 200);
        traffic(&b, b.w, 1, 200);
        windows_shift(b.w, steps[i]);
        for (int k = 200; k < 600; k += 10) {
            same_values(&a, la, BASE + k * 10 * S, &b, lb, BASE + steps[i] + k * 10 * S);
            traffic(&a, a.w, k, k + 10);
            traffic_moved_ms = steps[i];
            traffic(&b, b.w, k, k + 10);
            traffic_moved_ms = 0;
        }
        ck_assert_uint_eq(stats_of(&b).late, stats_of(&a).late);
        ck_assert_uint_eq(stats_of(&b).births, stats_of(&a).births);
        fixture_free(&a);
        fixture_free(&b);
    }
}
END_TEST

/* Less than a pane is taken into the past: nothing of the future is left, and nothing is lost. */
START_TEST(an_odd_step_of_the_clock_leaves_nothing_ahead)
{
    static const int64_t odd[] = {-61234, -1000, -3599999, 1, 61234};

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct fixture f = fixture_new();
        leaf_id sum = leaf_on(&f, "m", LEAF_COUNT, 5 * MIN);
        int64_t at_ms = BASE + HOUR;

        for (int k = 29; k >= 0; k--)
            put(&f, "m a=1", SAMPLE_GAUGE, at_ms - k * 5 * S, k);
        windows_shift(f.w, odd[i]);
        at_ms += odd[i];
        ck_assert_int_le(windows_newest_ms(f.w, sum, 0), at_ms);
        ck_assert_int_gt(windows_newest_ms(f.w, sum, 0), at_ms - 5 * S);
        ck_value(value_in(f.w, sum, 0, at_ms), 30);
        put(&f, "m a=1", SAMPLE_GAUGE, at_ms + 5 * S, 1);
        ck_value(value_in(f.w, sum, 0, at_ms + 5 * S), 31);
        fixture_free(&f);
    }
}
END_TEST

/* Sources are alive still, series are known still: a birth is one after a restart, an old series
 * is none. */
START_TEST(births_after_a_restart)
{
    struct fixture f = fixture_new();
    struct windows *next = fixture_windows(&f, 0, 0);
    leaf_id leaf;
    struct chunks c;

    for (int k = 1; k < 5; k++) { /* `up` is not seen again */
        put(&f, "up job=a", SAMPLE_GAUGE, BASE + k * 15 * S, 1);
        put(&f, "m job=a i=1", SAMPLE_CUMULATIVE, BASE + k * 15 * S, 1000 + k);
    }
    c = cut_of(f.w);
    windows_free(f.w);
    f.w = next;
    leaf = leaf_on(&f, "m", LEAF_INCREASE, 5 * MIN); /* only now asked for */
    for (uint32_t id = 0; id < series_end(f.series); id++)
        series_get(f.series, id)->seen_min = 0; /* as a dictionary restores them */
    chunks_give(&c, f.w);
    put(&f, "m job=a i=1", SAMPLE_CUMULATIVE, BASE + 75 * S, 1005);
    put(&f, "m job=a i=2", SAMPLE_CUMULATIVE, BASE + 75 * S, 3);
    ck_value(value_of(&f, leaf, "job=a i=1", BASE + 75 * S), 0);
    ck_value(value_of(&f, leaf, "job=a i=2", BASE + 75 * S), 3);
    ck_assert_uint_eq(stats_of(&f).births, 1);
    /* when a series was seen last is known as well */
    windows_expire(f.w, BASE + HOUR + 3 * MIN, 1000, NULL, NULL);
    ck_assert_uint_eq(series_count(f.series), 0);
    buf_free(&c.bytes);
    fixture_free(&f);
}
END_TEST

/* Killed a moment after an outage, and again: what was not heard stays so, through the cut. */
START_TEST(coverage_survives_a_cut)
{
    struct fixture f = fixture_new();
    struct windows *copy = fixture_windows(&f, 0, 0);
    struct leaf_spec s = spec_of("m", LEAF_COUNT, 10 * MIN);
    leaf_id a = leaf_of(f.w, &s), b = leaf_of(copy, &s);
    int64_t from_ms;
    struct chunks c;

    traffic(&f, f.w, 1, 20);
    ck_assert(windows_leaf_is_fresh(copy, b));
    windows_heard(f.w, BASE + 200 * S, false);
    windows_heard(f.w, BASE + 2000 * S, true);
    from_ms = windows_covered_from_ms(f.w, a, 0);
    ck_assert_int_eq(from_ms, BASE + 2000 * S);
    c = cut_of(f.w);
    chunks_give(&c, copy);
    ck_assert(!windows_leaf_is_fresh(copy, b));
    ck_assert_int_eq(windows_covered_from_ms(copy, b, 0), from_ms);
    windows_heard(copy, BASE + 2010 * S, true); /* back at once: as covered as before */
    ck_assert_int_eq(windows_covered_from_ms(copy, b, 0), from_ms);
    windows_heard(copy, BASE + 3000 * S, true);
    ck_assert_int_eq(windows_covered_from_ms(copy, b, 0), BASE + 3000 * S);
    buf_free(&c.bytes);
    windows_free(copy);
    fixture_free(&f);
}
END_TEST

/* Without a cut all that the journal has is read back, and that is what the windows have seen. */
START_TEST(a_replay_covers_what_it_reads)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = spec_of("m", LEAF_COUNT, 10 * MIN);
    struct err e = {0};
    leaf_id leaf = windows_leaf(f.w, &s, BASE + HOUR, &e);

    ck_assert(!windows_covered(f.w, leaf, BASE + 10 * S));
    windows_heard(f.w, BASE + 10 * S, true);
    windows_heard(f.w, BASE + 20 * S, true);
    ck_assert(windows_covered(f.w, leaf, BASE + 10 * S));
    ck_assert_int_eq(windows_leaf_since_ms(f.w, leaf), BASE + 10 * S);
    windows_reset(f.w);
    ck_assert_int_eq(windows_leaf_since_ms(f.w, leaf), BASE + HOUR);
    fixture_free(&f);
}
END_TEST

START_TEST(leaves_that_came_or_went)
{
    struct fixture f = fixture_new();
    struct windows *next = fixture_windows(&f, 0, 0);
    leaf_id fresh;
    struct chunks c;

    all_leaves(f.w);
    traffic(&f, f.w, 1, 30);
    c = cut_of(f.w);
    windows_free(f.w);
    f.w = next;
    fresh = leaf_on(&f, "m", LEAF_MAX, 7 * MIN);
    chunks_give(&c, f.w);
    ck_assert_uint_eq(stats_of(&f).groups, 0);
    traffic(&f, f.w, 30, 32);
    ck_assert_uint_eq(windows_group_count(f.w, fresh), 6);
    buf_free(&c.bytes);
    fixture_free(&f);
}
END_TEST

/* A cut over the bound of groups keeps what fits. */
START_TEST(decoding_within_bounds)
{
    for (uint32_t max = 5; max <= 7; max++) {
        struct fixture f = fixture_new();
        struct windows *next = fixture_windows(&f, 0, max);
        leaf_id leaf = leaf_on(&f, "m", LEAF_MAX, HOUR);
        struct leaf_spec s = spec_of("m", LEAF_MAX, HOUR);
        struct chunks c;

        for (int i = 0; i < 6; i++) {
            char name[32];

            snprintf(name, sizeof name, "m i=%d", i);
            put(&f, name, SAMPLE_GAUGE, BASE + S, i);
        }
        c = cut_of(f.w);
        ck_assert_uint_eq(windows_group_count(f.w, leaf), 6);
        windows_free(f.w);
        f.w = next;
        leaf = leaf_of(f.w, &s);
        chunks_give(&c, f.w);
        ck_assert_uint_eq(windows_group_count(f.w, leaf), max < 6 ? max : 6);
        ck_assert((stats_of(&f).refused_groups > 0) == (max < 6));
        buf_free(&c.bytes);
        fixture_free(&f);
    }
}
END_TEST

/* Every byte of a real cut turned over in some way, and every prefix: refused or harmless, and
 * what is decoded can be looked at and cut again. */
START_TEST(hostile_bytes)
{
    struct fixture f = fixture_new();
    struct leaves l;
    struct chunks c;
    size_t at = 0;

    l = all_leaves(f.w);
    traffic(&f, f.w, 1, 60);
    c = cut_of(f.w);
    for (size_t i = 0; i < c.n; at += c.len[i++]) {
        for (size_t k = 0; k < c.len[i]; k += 1 + c.len[i] / 300) {
            struct windows *w = fixture_windows(&f, 0, 0);
            char *copy = mem_dup(c.bytes.data + at, c.len[i]);
            struct chunks again;
            struct err e = {0};

            l = all_leaves(w);
            copy[k] ^= (char)(1 + (k * 37 + i) % 255);
            if (windows_decode(w, copy, c.len[i], &e) != 0)
                ck_assert_int_ne(e.code, ERR_NONE);
            if (windows_decode(w, c.bytes.data + at, k, &e) != 0)
                ck_assert_int_ne(e.code, ERR_NONE);
            for (size_t j = 0; j < l.n; j++)
                for (uint32_t slot = 0; slot < windows_slots(w, l.id[j]); slot++)
                    value_in(w, l.id[j], slot, BASE + 10 * MIN);
            if (k % 5 == 0) {
                again = cut_of(w);
                buf_free(&again.bytes);
            }
            mem_free(copy);
            windows_free(w);
        }
    }
    buf_free(&c.bytes);
    fixture_free(&f);
}
END_TEST

/* The n-th allocation fails, for every n: no leak, no crash, and afterwards everything goes on. */
START_TEST(failing_allocations)
{
    bool passed = false;

    for (long n = 1; !passed; n += 1 + n / 40) {
        struct fixture f = fixture_new();
        struct leaves l;

        for (int i = 0; i < 3; i++) { /* the series table has failing tests of its own */
            struct windows *quiet = fixture_windows(&f, 0, 0);

            traffic(&f, quiet, 1, 2);
            windows_free(quiet);
        }
        mem_fail_at(n);
        l = all_leaves(f.w);
        traffic(&f, f.w, 1, 40);
        passed = !mem_failed();
        mem_fail_at(0);
        traffic(&f, f.w, 40, 60);
        windows_expire(f.w, BASE + 30 * 24 * HOUR, 100000, NULL, NULL);
        for (size_t i = 0; i < l.n; i++)
            if (l.id[i] != LEAF_NONE)
                ck_assert_uint_eq(windows_group_count(f.w, l.id[i]), 0);
        ck_assert_uint_eq(stats_of(&f).groups, 0);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(failing_allocations_of_a_cut)
{
    struct fixture f = fixture_new();
    struct chunks c;
    bool passed = false;

    all_leaves(f.w);
    traffic(&f, f.w, 1, 60);
    c = cut_of(f.w);
    for (long n = 1; !passed; n++) {
        struct windows *w = fixture_windows(&f, 0, 0);
        const char *at = c.bytes.data;
        struct err e = {0};

        all_leaves(w);
        mem_fail_at(n);
        for (size_t i = 0; i < c.n; at += c.len[i++])
            if (windows_decode(w, at, c.len[i], &e) != 0)
                ck_assert(mem_failed());
        passed = !mem_failed();
        mem_fail_at(0);
        traffic(&f, w, 60, 64);
        windows_free(w);
    }
    buf_free(&c.bytes);
    fixture_free(&f);
}
END_TEST

START_TEST(failing_construction)
{
    struct fixture f = fixture_new();
    struct windows_options o = {.series = f.series};
    struct windows *w = NULL;

    for (long n = 1; !w; n++) {
        mem_fail_at(n);
        w = windows_new(&o);
        ck_assert_int_eq(w == NULL, mem_failed());
    }
    mem_fail_at(0);
    windows_free(w);
    windows_free(NULL);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, same_values_and_same_future);
    tcase_add_test(t, births_after_a_restart);
    tcase_add_test(t, coverage_survives_a_cut);
    tcase_add_test(t, a_replay_covers_what_it_reads);
    tcase_add_test(t, a_step_of_the_clock_only_renames_instants);
    tcase_add_test(t, an_odd_step_of_the_clock_leaves_nothing_ahead);
    tcase_add_test(t, leaves_that_came_or_went);
    tcase_add_test(t, decoding_within_bounds);
    tcase_add_test(t, hostile_bytes);
    tcase_add_test(t, failing_construction);
    tcase_add_test(t, failing_allocations);
    tcase_add_test(t, failing_allocations_of_a_cut);
}

UNIT_MAIN("cuts", add)
