/* Leaves and groups: who is there, who was touched, who is forgotten, and the bounds. */
#include "fixture.h"

static const char *by_g[] = {"g"};

START_TEST(leaves_are_shared_by_their_text)
{
    struct fixture f = fixture_new();
    leaf_id a = leaf_on(&f, "m", LEAF_MAX, 5 * MIN), b = leaf_on(&f, "m", LEAF_MAX, 5 * MIN);
    leaf_id c = leaf_on(&f, "m", LEAF_MAX, 6 * MIN);

    ck_assert_uint_eq(a, b);
    ck_assert_uint_ne(a, c);
    ck_assert_uint_eq(stats_of(&f).leaves, 2);
    ck_assert_int_eq(windows_leaf_since_ms(f.w, a), BASE);
    ck_assert_int_eq(windows_leaf_spec(f.w, c)->window_ms, 6 * MIN);
    put(&f, "m", SAMPLE_GAUGE, BASE + S, 1);
    windows_leaf_release(f.w, a);
    ck_value(value_of(&f, b, "", BASE + S), 1); /* still used once */
    windows_leaf_release(f.w, b);
    ck_assert_uint_eq(stats_of(&f).leaves, 1);
    ck_assert_uint_eq(stats_of(&f).groups, 1);
    put(&f, "m", SAMPLE_GAUGE, BASE + 2 * S, 2);
    ck_value(value_of(&f, c, "", BASE + 2 * S), 2);
    a = leaf_on(&f, "m", LEAF_MAX, 5 * MIN); /* anew, and empty */
    ck_value(value_of(&f, a, "", BASE + 2 * S), MISSING);
    put(&f, "m", SAMPLE_GAUGE, BASE + 3 * S, 1);
    ck_value(value_of(&f, a, "", BASE + 3 * S), 1);
    fixture_free(&f);
}
END_TEST

START_TEST(refused_leaves)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = spec_of("m", LEAF_LAST, 5 * MIN);
    struct err e = {0};

    s.grouping = LEAF_BY;
    ck_assert_uint_eq(windows_leaf(f.w, &s, BASE, &e), LEAF_NONE);
    ck_assert_int_eq(e.code, ERR_INPUT);
    s = spec_of("m", LEAF_STDDEV, MIN);
    s.offset_ms = 300 * 24 * HOUR;
    ck_assert_uint_eq(windows_leaf(f.w, &s, BASE, &e), LEAF_NONE);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    ck_assert_uint_eq(leaf_group_bytes(&s), SIZE_MAX);
    s.offset_ms = 0;
    s.window_ms = 401 * 24 * HOUR;
    ck_assert_uint_eq(windows_leaf(f.w, &s, BASE, &e), LEAF_NONE);
    ck_assert_uint_eq(stats_of(&f).leaves, 0);
    fixture_free(&f);
}
END_TEST

START_TEST(matchers_and_groupings)
{
    struct fixture f = fixture_new();
    struct err e = {0};
    struct matcher *m = matcher_new("code", MATCH_REGEX, false, "5..", &e);
    struct leaf_spec s = spec_of("m", LEAF_SUM, MIN);
    static const char *without_i[] = {"code", "i"};
    leaf_id by, without, total;

    s.matchers = &m;
    s.n_matchers = 1;
    s.grouping = LEAF_BY;
    s.labels = by_g;
    s.n_labels = 1;
    by = leaf_of(f.w, &s);
    s.n_labels = 0;
    total = leaf_of(f.w, &s);
    s.grouping = LEAF_WITHOUT;
    s.labels = without_i;
    s.n_labels = 2;
    without = leaf_of(f.w, &s);
    put(&f, "m g=a i=1 code=500", SAMPLE_GAUGE, BASE + S, 1);
    put(&f, "m g=a i=2 code=503", SAMPLE_GAUGE, BASE + S, 2);
    put(&f, "m g=b i=1 code=500", SAMPLE_GAUGE, BASE + S, 4);
    put(&f, "m i=1 code=500", SAMPLE_GAUGE, BASE + S, 8);
    put(&f, "m g=a i=1 code=200", SAMPLE_GAUGE, BASE + S, 100);
    put(&f, "m g=a i=1", SAMPLE_GAUGE, BASE + S, 100);
    put(&f, "other g=a i=1 code=500", SAMPLE_GAUGE, BASE + S, 100);
    ck_assert_uint_eq(stats_of(&f).samples_unused, 3);
    ck_value(value_of(&f, by, "g=a", BASE + S), 3);
    ck_value(value_of(&f, by, "g=b", BASE + S), 4);
    ck_value(value_of(&f, by, "", BASE + S), 8); /* the label is missing */
    ck_value(value_of(&f, total, "", BASE + S), 15);
    ck_value(value_of(&f, without, "g=a", BASE + S), 3);
    ck_assert_uint_eq(windows_group_count(f.w, by), 3);
    matcher_unref(m);
    fixture_free(&f);
}
END_TEST

START_TEST(touched)
{
    struct fixture f = fixture_new();
    leaf_id a = leaf_by(&f, "m", LEAF_SUM, MIN, by_g, 1), b = leaf_on(&f, "n", LEAF_SUM, MIN);
    const leaf_id *leaves;
    const struct touched *slots;

    put(&f, "m g=a i=1 job=x", SAMPLE_GAUGE, BASE + S, 1);
    put(&f, "m g=a i=2 job=y", SAMPLE_GAUGE, BASE + S, 1);
    put(&f, "m g=b", SAMPLE_GAUGE, BASE + S, 1);
    ck_assert_uint_eq(windows_touched_leaves(f.w, &leaves), 1);
    ck_assert_uint_eq(leaves[0], a);
    ck_assert_uint_eq(windows_touched(f.w, a, &slots), 2);
    ck_assert_uint_eq(slots[0].slot, slot_in(&f, f.w, a, "g=a"));
    ck_assert_uint_eq(slots[1].slot, slot_in(&f, f.w, a, "g=b"));
    windows_clear_touched(f.w);
    ck_assert_uint_eq(windows_touched_leaves(f.w, &leaves), 0);
    ck_assert_uint_eq(windows_touched(f.w, a, &slots), 0);
    put(&f, "n", SAMPLE_GAUGE, BASE + 2 * S, 1);
    put(&f, "m g=b", SAMPLE_GAUGE, BASE + 2 * S, 1);
    ck_assert_uint_eq(windows_touched_leaves(f.w, &leaves), 2);
    ck_assert_uint_eq(leaves[0], b);
    ck_assert_uint_eq(windows_touched(f.w, a, &slots), 1);
    windows_leaf_release(f.w, a);
    windows_clear_touched(f.w);
    put(&f, "n", SAMPLE_GAUGE, BASE + 3 * S, 1);
    ck_assert_uint_eq(windows_touched_leaves(f.w, &leaves), 1);
    fixture_free(&f);
}
END_TEST

START_TEST(a_group_is_complete_when_all_of_the_last_interval_came_again)
{
    struct fixture f = fixture_new();
    leaf_id by = leaf_by(&f, "m", LEAF_SUM, MIN, by_g, 1), each = leaf_on(&f, "m", LEAF_LAST, MIN);
    uint32_t a;

    windows_watch(f.w, by, 15 * S);
    windows_watch(f.w, each, 15 * S);
    put(&f, "m g=a i=1", SAMPLE_GAUGE, BASE + S, 1); /* a group of one, as far as anybody knows */
    a = slot_in(&f, f.w, by, "g=a");
    ck_assert(windows_complete(f.w, by, a));
    put(&f, "m g=a i=2", SAMPLE_GAUGE, BASE + 2 * S, 1);
    ck_assert(!windows_complete(f.w, by, a)); /* the first interval: more may come */
    put(&f, "m g=a i=1", SAMPLE_GAUGE, BASE + 11 * S, 1);
    ck_assert(!windows_complete(f.w, by, a));
    put(&f, "m g=a i=1", SAMPLE_GAUGE, BASE + 11 * S, 1); /* a repetition tells nothing */
    ck_assert(!windows_complete(f.w, by, a));
    put(&f, "m g=a i=2", SAMPLE_GAUGE, BASE + 12 * S, 1);
    ck_assert(windows_complete(f.w, by, a));
    put(&f, "m g=a i=3", SAMPLE_GAUGE, BASE + 13 * S, 1); /* one more than before */
    ck_assert(windows_complete(f.w, by, a));
    put(&f, "m g=b", SAMPLE_GAUGE, BASE + 14 * S, 1); /* nobody's business */
    ck_assert(windows_complete(f.w, by, a));
    for (int round = 2; round < 5; round++) { /* the second one has ended */
        put(&f, "m g=a i=3", SAMPLE_GAUGE, BASE + round * 10 * S, 1);
        ck_assert(!windows_complete(f.w, by, a));
        put(&f, "m g=a i=1", SAMPLE_GAUGE, BASE + (round * 10 + 1) * S, 1);
        ck_assert(windows_complete(f.w, by, a) == (round > 2));
    }
    ck_assert(windows_complete(f.w, each, slot_in(&f, f.w, each, "g=a i=2")));
    fixture_free(&f);
}
END_TEST

START_TEST(signatures)
{
    struct fixture f = fixture_new();
    leaf_id leaf = leaf_on(&f, "m", LEAF_LAST, 5 * MIN);
    uint64_t names[4];
    labelset examples[4];

    ck_assert_uint_eq(windows_signatures(f.w, leaf, names, examples, 4), 0);
    put(&f, "m a=1", SAMPLE_GAUGE, BASE + S, 1);
    put(&f, "m a=2", SAMPLE_GAUGE, BASE + S, 1);
    put(&f, "m a=2 b=1", SAMPLE_GAUGE, BASE + 2 * HOUR, 1);
    ck_assert_uint_eq(windows_signatures(f.w, leaf, names, examples, 4), 2);
    ck_assert(names[0] == labelset_signature(f.labels, examples[0]));
    ck_assert_uint_eq(labelset_size(f.labels, examples[0]), 1);
    ck_assert_uint_eq(labelset_size(f.labels, examples[1]), 2);
    ck_assert_uint_eq(windows_signatures(f.w, leaf, names, examples, 1), 2);
    windows_expire(f.w, BASE + 2 * HOUR, 1000, NULL, NULL);
    ck_assert_uint_eq(windows_signatures(f.w, leaf, names, examples, 4), 1);
    ck_assert_uint_eq(labelset_size(f.labels, examples[0]), 2);
    fixture_free(&f);
}
END_TEST

static void note_forgotten(uint32_t series, void *arg)
{
    uint32_t *n = arg;

    (void)series;
    ++*n;
}

/* A group lives for max(2w, 1h) after its data, a series for as long as the leaf that needs it
 * longest; exactly then they stay, a moment later they go. */
START_TEST(expiry)
{
    struct fixture f = fixture_new();
    leaf_id brief = leaf_by(&f, "m", LEAF_SUM, 5 * MIN, by_g, 1);
    leaf_id full = leaf_on(&f, "m", LEAF_INCREASE, 2 * HOUR);
    uint32_t n = 0, id, slot;
    uint64_t epoch;

    put(&f, "m g=a", SAMPLE_CUMULATIVE, BASE, 1);
    put(&f, "unused", SAMPLE_GAUGE, BASE, 1);
    id = fixture_series(&f, "m g=a", SAMPLE_CUMULATIVE);
    slot = slot_in(&f, f.w, brief, "g=a");
    epoch = windows_epoch(f.w, brief);
    windows_expire(f.w, BASE + HOUR, 1000, note_forgotten, &n);
    ck_assert_uint_eq(windows_group_count(f.w, brief), 1);
    ck_assert_uint_eq(n, 0);
    windows_expire(f.w, BASE + HOUR + 61 * S, 1000, note_forgotten, &n);
    ck_assert_uint_eq(windows_group_count(f.w, brief), 0);
    ck_assert_uint_eq(windows_group_labels(f.w, brief, slot), LABELSET_NONE);
    ck_assert_uint_eq(slot_in(&f, f.w, brief, "g=a"), SLOT_NONE);
    ck_assert_uint_gt(windows_epoch(f.w, brief), epoch);
    ck_value(value_in(f.w, brief, slot, BASE + HOUR), MISSING);
    ck_assert_uint_eq(windows_group_count(f.w, full), 1);
    ck_assert_uint_eq(n, 1); /* `unused` */
    ck_assert_ptr_nonnull(series_get(f.series, id));

    /* the series is there still: its next sample brings the group back, with its base */
    epoch = windows_epoch(f.w, brief);
    put(&f, "m g=a", SAMPLE_CUMULATIVE, BASE + 2 * HOUR, 9);
    ck_assert_uint_gt(windows_epoch(f.w, brief), epoch);
    ck_value(value_of(&f, brief, "g=a", BASE + 2 * HOUR), 9);
    windows_expire(f.w, BASE + 6 * HOUR, 1000, note_forgotten, &n);
    ck_assert_uint_eq(windows_group_count(f.w, full), 1);
    windows_expire(f.w, BASE + 6 * HOUR + 61 * S, 1000, note_forgotten, &n);
    ck_assert_uint_eq(windows_group_count(f.w, full), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_null(series_get(f.series, id));
    ck_assert_uint_eq(stats_of(&f).groups, 0);
    fixture_free(&f);
}
END_TEST

/* The budget only spreads the work over calls. */
START_TEST(expiry_goes_on)
{
    struct fixture f = fixture_new();
    leaf_id leaf = leaf_on(&f, "m", LEAF_LAST, 5 * MIN);
    uint32_t n = 0;
    int calls = 0;

    for (int i = 0; i < 50; i++) {
        char name[32];

        snprintf(name, sizeof name, "m i=%d", i);
        put(&f, name, SAMPLE_GAUGE, BASE + S, i);
    }
    for (; n < 50 && calls < 100; calls++)
        windows_expire(f.w, BASE + 3 * HOUR, 7, note_forgotten, &n);
    ck_assert_uint_eq(n, 50);
    ck_assert_int_ge(calls, 14);
    ck_assert_int_le(calls, 16);
    ck_assert_uint_eq(windows_group_count(f.w, leaf), 0);
    ck_assert_uint_eq(series_count(f.series), 0);
    fixture_free(&f);
}
END_TEST

START_TEST(bound_of_groups)
{
    for (uint32_t n = 4; n <= 6; n++) {
        struct fixture f = fixture_bounded(0, 5);
        leaf_id leaf = leaf_on(&f, "m", LEAF_LAST, 5 * MIN);

        for (uint32_t i = 0; i < n; i++) {
            char name[32];

            snprintf(name, sizeof name, "m i=%u", i);
            put(&f, name, SAMPLE_GAUGE, BASE + S, i);
            put(&f, name, SAMPLE_GAUGE, BASE + 2 * S, i);
        }
        ck_assert_uint_eq(windows_group_count(f.w, leaf), n < 5 ? n : 5);
        ck_assert_uint_eq(stats_of(&f).refused_groups, n > 5);
        fixture_free(&f);
    }
}
END_TEST

/* Over the memory bound nothing grows; what is there goes on; room that comes back is used. */
START_TEST(bound_of_memory)
{
    struct fixture f = fixture_bounded((size_t)3 << 20, 0);
    leaf_id leaf = leaf_on(&f, "m", LEAF_MAX, HOUR);
    uint32_t held;
    char name[32];

    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "m i=%d", i);
        put(&f, name, SAMPLE_GAUGE, BASE + S, i);
        ck_assert_uint_le(stats_of(&f).bytes, (size_t)3 << 20);
    }
    held = windows_group_count(f.w, leaf);
    ck_assert_uint_gt(held, 1000);
    ck_assert_uint_lt(held, 20000);
    ck_assert_uint_eq(stats_of(&f).refused_groups, 20000 - held);
    put(&f, "m i=0", SAMPLE_GAUGE, BASE + 2 * S, 70);
    ck_value(value_of(&f, leaf, "i=0", BASE + 2 * S), 70);
    put(&f, "m i=19999", SAMPLE_GAUGE, BASE + 3 * HOUR, 5); /* refused, but not forgotten */
    ck_assert_uint_eq(slot_in(&f, f.w, leaf, "i=19999"), SLOT_NONE);
    windows_expire(f.w, BASE + 3 * HOUR, 1000000, NULL, NULL);
    ck_assert_uint_eq(windows_group_count(f.w, leaf), 0);
    for (int i = 0; i < 500; i++) { /* freed places are used again */
        snprintf(name, sizeof name, "m j=%d", i);
        put(&f, name, SAMPLE_GAUGE, BASE + 3 * HOUR + S, i);
    }
    ck_assert_uint_eq(windows_group_count(f.w, leaf), 500);
    fixture_free(&f);
}
END_TEST

/* A distribution over the bound stops growing and is counted; it does not fail. */
START_TEST(bound_of_distributions)
{
    struct fixture f = fixture_bounded((size_t)1536 << 10, 0);
    leaf_id leaf = leaf_on(&f, "m", LEAF_QUANTILE, HOUR);
    char name[32];

    for (int k = 0; k < 200; k++)
        for (int i = 0; i < 400; i++) {
            snprintf(name, sizeof name, "m i=%d", i);
            put(&f, name, SAMPLE_GAUGE, BASE + k * S + S, i);
        }
    ck_assert_uint_gt(stats_of(&f).refused_values, 0);
    ck_assert_uint_le(stats_of(&f).bytes, (size_t)1536 << 10);
    ck_value(value_of(&f, leaf, "i=7", BASE + MIN), 7);
    fixture_free(&f);
}
END_TEST

static void replay(struct windows *w, struct fixture *f, int from, int to)
{
    for (int k = from; k < to; k++)
        for (int i = 0; i < 6; i++) {
            char name[48];
            struct sample s;

            snprintf(name, sizeof name, "m g=%d i=%d", i % 2, i);
            s = (struct sample){.t_ms = BASE + k * 15 * S,
                                .v = k * i + k % 7,
                                .series = fixture_series(f, name, SAMPLE_CUMULATIVE),
                                .weight = 1,
                                .kind = SAMPLE_CUMULATIVE};
            windows_apply(w, s.t_ms, &s, 1, NULL, 0);
        }
}

/* A leaf that comes late and adopts what a replay made of the journal says the same as one that
 * was there from the beginning. */
START_TEST(adopting_is_as_if_always_there)
{
    static const enum leaf_fn fns[] = {LEAF_INCREASE, LEAF_COUNT,    LEAF_SUM,       LEAF_AVG,
                                       LEAF_MIN,      LEAF_MAX,      LEAF_STDDEV,    LEAF_CHANGES,
                                       LEAF_RESETS,   LEAF_QUANTILE, LEAF_SINCE_LAST};

    for (size_t n = 0; n < sizeof fns / sizeof *fns; n++) {
        struct fixture f = fixture_new();
        struct windows *always = fixture_windows(&f, 0, 0), *scan = fixture_windows(&f, 0, 0);
        leaf_id there, late, scanned;
        struct leaf_spec s = spec_of("m", fns[n], fns[n] == LEAF_SINCE_LAST ? 0 : 10 * MIN);
        struct err e = {0};

        s.grouping = LEAF_BY;
        s.labels = by_g;
        s.n_labels = 1;
        s.param = 0.5;
        there = leaf_of(always, &s);
        replay(always, &f, 1, 90);
        replay(f.w, &f, 1, 60);
        scanned = windows_leaf(scan, &s, BASE - 5, &e);
        replay(scan, &f, 1, 60);
        late = leaf_of(f.w, &s);
        ck_assert_int_eq(windows_adopt(f.w, scan, &late, &scanned, 1, &e), 0);
        ck_assert_int_eq(windows_leaf_since_ms(f.w, late), BASE - 5);
        ck_assert(!windows_leaf_is_fresh(f.w, late));
        for (uint32_t slot = 0; slot < windows_slots(f.w, late); slot++)
            ck_assert_int_eq(
                windows_covered_from_ms(f.w, late, slot),
                windows_covered_from_ms(
                    scan, scanned,
                    windows_group_find(scan, scanned, windows_group_labels(f.w, late, slot))));
        replay(f.w, &f, 60, 90);
        for (int k = 89; k < 120; k += 3)
            for (int g = 0; g < 2; g++) {
                char group[16];

                snprintf(group, sizeof group, "g=%d", g);
                ck_value(
                    value_in(f.w, late, slot_in(&f, f.w, late, group), BASE + k * 15 * S),
                    value_in(always, there, slot_in(&f, always, there, group), BASE + k * 15 * S));
            }
        windows_free(scan);
        windows_free(always);
        fixture_free(&f);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, leaves_are_shared_by_their_text);
    tcase_add_test(t, refused_leaves);
    tcase_add_test(t, matchers_and_groupings);
    tcase_add_test(t, touched);
    tcase_add_test(t, a_group_is_complete_when_all_of_the_last_interval_came_again);
    tcase_add_test(t, signatures);
    tcase_add_test(t, expiry);
    tcase_add_test(t, expiry_goes_on);
    tcase_add_test(t, bound_of_groups);
    tcase_add_test(t, bound_of_memory);
    tcase_add_test(t, bound_of_distributions);
    tcase_add_test(t, adopting_is_as_if_always_there);
}

UNIT_MAIN("groups", add)
