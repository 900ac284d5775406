#include "fixture.h"

#define SERIES 30000 /* more than the walk passes over with a few blocks */

static uint32_t ids[SERIES];

static void make_series(struct fixture *f)
{
    char text[48];

    for (int i = 0; i < SERIES; i++) {
        snprintf(text, sizeof text, "m i=%d", i);
        ids[i] = fixture_series(f, text, SAMPLE_GAUGE);
    }
}

static void put_all(struct fixture *f, int64_t at_ms, double v)
{
    static struct sample samples[SERIES];

    for (int i = 0; i < SERIES; i++)
        samples[i] = (struct sample){.t_ms = at_ms, .v = v, .series = ids[i], .kind = SAMPLE_GAUGE};
    windows_apply(f->w, at_ms, samples, SERIES, NULL, 0);
}

START_TEST(a_leaf_that_a_reload_adds_takes_the_next_sample_of_every_series)
{
    struct fixture f = fixture_new();
    leaf_id old = leaf_on(&f, "m", LEAF_LAST, 5 * MIN), added;

    make_series(&f);
    put_all(&f, BASE + S, 1);
    ck_assert_uint_eq(windows_group_count(f.w, old), SERIES);
    added = leaf_on(&f, "m", LEAF_MAX, 5 * MIN);
    windows_leaf_release(f.w, old);
    put_all(&f, BASE + 2 * S, 2); /* one block: the walk has not come far */
    ck_assert_uint_eq(windows_group_count(f.w, added), SERIES);
    fixture_free(&f);
}
END_TEST

START_TEST(what_a_reload_took_away_is_freed_also_for_silent_series)
{
    struct fixture f = fixture_new();
    leaf_id old = leaf_on(&f, "m", LEAF_MAX, HOUR), other = leaf_on(&f, "m", LEAF_LAST, 5 * MIN);
    struct windows_stats with, without;

    make_series(&f);
    put_all(&f, BASE + S, 1);
    windows_stats(f.w, &with);
    windows_leaf_release(f.w, old);
    for (int i = 0; i < 2 * (SERIES * 50 / 20000 + 2); i++)
        windows_expire(f.w, BASE + 2 * S, 20000, NULL, NULL);
    windows_stats(f.w, &without);
    ck_assert_uint_lt(without.bytes, with.bytes / 2);
    ck_assert_uint_eq(windows_group_count(f.w, other), SERIES);
    put_all(&f, BASE + 3 * S, 3);
    ck_value(value_in(f.w, other, slot_in(&f, f.w, other, "i=77"), BASE + 3 * S), 3);
    fixture_free(&f);
}
END_TEST

START_TEST(a_change_during_the_walk_begins_it_anew)
{
    struct fixture f = fixture_new();
    leaf_id first = leaf_on(&f, "m", LEAF_LAST, 5 * MIN), second, third;

    make_series(&f);
    put_all(&f, BASE + S, 1);
    second = leaf_on(&f, "m", LEAF_MAX, 5 * MIN);
    windows_expire(f.w, BASE + S, 5000, NULL, NULL);
    third = leaf_on(&f, "m", LEAF_MIN, 5 * MIN);
    windows_expire(f.w, BASE + S, 5000, NULL, NULL);
    windows_leaf_release(f.w, first);
    put_all(&f, BASE + 2 * S, 1);
    ck_assert_uint_eq(windows_group_count(f.w, second), SERIES);
    ck_assert_uint_eq(windows_group_count(f.w, third), SERIES);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_leaf_that_a_reload_adds_takes_the_next_sample_of_every_series);
    tcase_add_test(t, what_a_reload_took_away_is_freed_also_for_silent_series);
    tcase_add_test(t, a_change_during_the_walk_begins_it_anew);
}

UNIT_MAIN("rebind", add)
