/* Gone or silent: what ends while its source goes on, and what ends together with it. */
#include "fixture.h"

static const char *by_g[] = {"g"};

#define A "m i=a g=1 job=j instance=h"
#define B "m i=b g=1 job=j instance=h"

struct scene {
    struct fixture f;
    leaf_id last, most; /* of each series; the maximum of 5 minutes by g */
};

static struct scene scene_new(void)
{
    struct scene s = {.f = fixture_new()};

    s.last = leaf_on(&s.f, "m", LEAF_LAST, 5 * MIN);
    s.most = leaf_by(&s.f, "m", LEAF_MAX, 5 * MIN, by_g, 1);
    return s;
}

/* Every `step_ms` in (from, to] one sample of what is named. */
static void come(struct scene *s, const char *const *names, size_t n, int64_t from_ms,
                 int64_t to_ms, int64_t step_ms)
{
    for (int64_t at = from_ms + step_ms; at <= to_ms; at += step_ms)
        for (size_t i = 0; i < n; i++)
            put(&s->f, names[i], SAMPLE_GAUGE, BASE + at, 1);
}

static const char *const both[] = {A, B}, *const only_a[] = {A};

static enum group_life life_in(struct scene *s, leaf_id leaf, const char *labels, int64_t *ended_ms)
{
    uint32_t slot = slot_in(&s->f, s->f.w, leaf, labels);

    *ended_ms = 0;
    ck_assert_uint_ne(slot, SLOT_NONE);
    return windows_group_life(s->f.w, leaf, slot, ended_ms);
}

static bool is_gone(struct scene *s, const char *labels)
{
    int64_t ended_ms;

    return life_in(s, s->last, labels, &ended_ms) == GROUP_ENDED;
}

#define LA "i=a g=1 job=j instance=h"
#define LB "i=b g=1 job=j instance=h"

static const int64_t intervals[] = {1 * S, 10 * S, 15 * S, 60 * S, 61 * S, 300 * S, HOUR};

/* The other series of the source comes ten times in each of its intervals. */
START_TEST(a_series_is_gone_after_four_of_its_intervals_while_others_come)
{
    int64_t step = intervals[_i], end = 12 * step, ended_ms;
    struct scene s = scene_new();

    for (int64_t at = step / 10; at <= end; at += step / 10) {
        put(&s.f, A, SAMPLE_GAUGE, BASE + at, 1);
        if (at % step == 0)
            put(&s.f, B, SAMPLE_GAUGE, BASE + at, 2);
    }
    come(&s, only_a, 1, end, end + 39 * step / 10, step / 10);
    ck_assert_msg(!is_gone(&s, LB), "after 3.9 intervals of %lld ms", (long long)step);
    come(&s, only_a, 1, end + 39 * step / 10, end + 41 * step / 10, step / 10);
    ck_assert_int_eq(life_in(&s, s.last, LB, &ended_ms), GROUP_ENDED);
    ck_assert_int_eq(ended_ms, BASE + end);
    ck_assert(!is_gone(&s, LA));
    ck_value(value_of(&s.f, s.last, LB, BASE + end + 41 * step / 10), MISSING);
    ck_value(value_of(&s.f, s.last, LA, BASE + end + 41 * step / 10), 1);
    ck_assert_int_eq(life_in(&s, s.most, "g=1", &ended_ms), GROUP_LIVES);
    ck_assert_uint_eq(stats_of(&s.f).gone, 1);
    fixture_free(&s.f);
}
END_TEST

START_TEST(all_of_a_scrape_are_found_at_its_fourth_without_them)
{
    struct scene s = scene_new();

    come(&s, both, 2, 0, 300 * S, 15 * S);
    come(&s, only_a, 1, 300 * S, 345 * S, 15 * S);
    ck_assert(!is_gone(&s, LB));
    come(&s, only_a, 1, 345 * S, 360 * S, 15 * S);
    ck_assert(is_gone(&s, LB));
    fixture_free(&s.f);
}
END_TEST

START_TEST(a_silent_source_has_no_series_that_is_gone)
{
    struct scene s = scene_new();
    int64_t ended_ms;

    come(&s, both, 2, 0, 300 * S, 15 * S);
    for (int i = 1; i < 100; i++) { /* what a scraper says of it, and others that go on */
        put(&s.f, "up job=j instance=h", SAMPLE_GAUGE, BASE + (300 + i * 15) * S, 0);
        put(&s.f, "scrape_duration_seconds job=j instance=h", SAMPLE_GAUGE,
            BASE + (300 + i * 15) * S, 0);
        put(&s.f, "m i=c job=j instance=other", SAMPLE_GAUGE, BASE + (300 + i * 15) * S, 0);
    }
    ck_assert(!is_gone(&s, LA) && !is_gone(&s, LB));
    ck_assert_int_eq(life_in(&s, s.most, "g=1", &ended_ms), GROUP_LIVES);
    ck_assert_uint_eq(stats_of(&s.f).gone, 0);
    fixture_free(&s.f);
}
END_TEST

START_TEST(a_source_without_an_instance_is_never_judged)
{
    static const char *const names[] = {"m i=a job=j", "m i=b job=j"};
    struct scene s = scene_new();

    come(&s, names, 2, 0, 300 * S, 15 * S);
    put_stale(&s.f, "m i=b job=j", SAMPLE_GAUGE, BASE + 315 * S);
    come(&s, names, 1, 300 * S, 3000 * S, 15 * S);
    ck_assert(!is_gone(&s, "i=b job=j"));
    fixture_free(&s.f);
}
END_TEST

/* The marker comes before or behind the others of its scrape. */
START_TEST(a_marker_ends_a_series_at_once_when_others_of_its_scrape_came)
{
    struct scene s = scene_new();

    come(&s, both, 2, 0, 30 * S, 15 * S);
    if (_i == 0)
        put(&s.f, A, SAMPLE_GAUGE, BASE + 45 * S, 1);
    put_stale(&s.f, B, SAMPLE_GAUGE, BASE + 45 * S);
    if (_i == 1) {
        ck_assert(!is_gone(&s, LB));
        put(&s.f, A, SAMPLE_GAUGE, BASE + 45 * S, 1);
    }
    ck_assert(is_gone(&s, LB));
    ck_assert(!is_gone(&s, LA));
    put(&s.f, B, SAMPLE_GAUGE, BASE + 60 * S, 3); /* it is back */
    ck_assert(!is_gone(&s, LB));
    ck_value(value_of(&s.f, s.last, LB, BASE + 60 * S), 3);
    fixture_free(&s.f);
}
END_TEST

START_TEST(markers_of_all_series_at_once_are_silence)
{
    struct scene s = scene_new();
    int64_t ended_ms;

    come(&s, both, 2, 0, 300 * S, 15 * S);
    put_stale(&s.f, A, SAMPLE_GAUGE, BASE + 315 * S);
    put_stale(&s.f, B, SAMPLE_GAUGE, BASE + 315 * S);
    put(&s.f, "up job=j instance=h", SAMPLE_GAUGE, BASE + 315 * S, 0);
    ck_assert(!is_gone(&s, LA) && !is_gone(&s, LB));
    /* an hour later it comes back without one of them, which has four intervals from there */
    come(&s, only_a, 1, 3900 * S, 3960 * S, 15 * S);
    ck_assert(!is_gone(&s, LA) && !is_gone(&s, LB));
    come(&s, only_a, 1, 3960 * S, 3975 * S, 15 * S);
    ck_assert_int_eq(life_in(&s, s.last, LB, &ended_ms), GROUP_ENDED);
    ck_assert_int_eq(ended_ms, BASE + 3915 * S);
    fixture_free(&s.f);
}
END_TEST

START_TEST(a_source_that_comes_back_has_not_lost_what_comes_a_moment_later)
{
    struct scene s = scene_new();

    come(&s, both, 2, 0, 300 * S, 15 * S);
    put(&s.f, A, SAMPLE_GAUGE, BASE + 500 * S, 1);
    ck_assert(!is_gone(&s, LB));
    put(&s.f, B, SAMPLE_GAUGE, BASE + 500 * S, 1);
    ck_assert_uint_eq(stats_of(&s.f).gone, 0);
    fixture_free(&s.f);
}
END_TEST

START_TEST(a_group_has_ended_with_the_last_of_its_series)
{
    static const char *const three[] = {A, B, "m i=c g=2 job=j instance=h"};
    struct scene s = scene_new();
    int64_t ended_ms;

    come(&s, three, 3, 0, 300 * S, 15 * S);
    come(&s, three + 1, 2, 300 * S, 600 * S, 15 * S);
    ck_assert(is_gone(&s, LA));
    ck_assert_int_eq(life_in(&s, s.most, "g=1", &ended_ms), GROUP_LIVES);
    come(&s, three + 2, 1, 600 * S, 700 * S, 15 * S);
    ck_assert_int_eq(life_in(&s, s.most, "g=1", &ended_ms), GROUP_ENDED);
    ck_assert_int_eq(ended_ms, BASE + 600 * S);
    put(&s.f, A, SAMPLE_GAUGE, BASE + 705 * S, 1);
    ck_assert_int_eq(life_in(&s, s.most, "g=1", &ended_ms), GROUP_LIVES);
    /* series that are forgotten leave their groups */
    windows_expire(s.f.w, BASE + 3 * HOUR, 1000, NULL, NULL);
    windows_expire(s.f.w, BASE + 3 * HOUR, 1000, NULL, NULL);
    ck_assert_uint_eq(series_count(s.f.series), 0);
    fixture_free(&s.f);
}
END_TEST

START_TEST(what_is_gone_touches_its_groups)
{
    struct scene s = scene_new();
    const leaf_id *leaves;

    come(&s, both, 2, 0, 300 * S, 15 * S);
    come(&s, only_a, 1, 300 * S, 345 * S, 15 * S);
    windows_clear_touched(s.f.w);
    put(&s.f, "other job=j instance=h", SAMPLE_GAUGE, BASE + 360 * S, 1); /* no leaf looks at it */
    ck_assert(is_gone(&s, LB));
    ck_assert_uint_eq(windows_touched_leaves(s.f.w, &leaves), 2);
    fixture_free(&s.f);
}
END_TEST

START_TEST(a_restart_goes_on_where_it_was)
{
    int64_t at = (300 + _i * 5) * S, ended_ms, ended_there_ms;
    struct scene s = scene_new(), t;
    static struct chunks c;

    c = (struct chunks){.bytes = BUF_INIT};
    come(&s, both, 2, 0, 300 * S, 5 * S);
    come(&s, only_a, 1, 300 * S, at, 5 * S);
    if (_i % 2)
        put_stale(&s.f, B, SAMPLE_GAUGE, BASE + at);
    ck_assert_int_eq(windows_encode(s.f.w, chunks_take, &c), 0);
    t = s;
    t.f.w = fixture_windows(&s.f, 0, 0);
    (void)leaf_on(&t.f, "m", LEAF_LAST, 5 * MIN);
    (void)leaf_by(&t.f, "m", LEAF_MAX, 5 * MIN, by_g, 1);
    chunks_give(&c, t.f.w);
    for (int k = 0; k < 8; k++) {
        enum group_life life = life_in(&s, s.last, LB, &ended_ms);

        ck_assert_int_eq(life_in(&t, t.last, LB, &ended_there_ms), life);
        ck_assert_int_eq(ended_there_ms, ended_ms);
        ck_assert_int_eq(life_in(&s, s.most, "g=1", &ended_ms),
                         life_in(&t, t.most, "g=1", &ended_there_ms));
        put(&s.f, A, SAMPLE_GAUGE, BASE + at + (k + 1) * 5 * S, 1);
        put(&t.f, A, SAMPLE_GAUGE, BASE + at + (k + 1) * 5 * S, 1);
    }
    ck_assert(is_gone(&s, LB));
    windows_free(t.f.w);
    buf_free(&c.bytes);
    fixture_free(&s.f);
}
END_TEST

/* Which of two thousand comes when is left to chance: the walk finds those that were absent for four
 * intervals, and none besides, whatever else is forgotten, bound again or comes back. */
START_TEST(nobody_is_missed_among_many)
{
    enum { MANY = 2000 };
    static int64_t newest[MANY];
    static bool there[MANY];
    struct scene s = scene_new();
    uint64_t seed = 7;
    char name[80];

    for (int i = 0; i < MANY; i++)
        there[i] = true;
    for (int k = 1; k < 60; k++) {
        for (int i = 0; i < MANY; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (k > 5 && (seed >> 33) % 40 == 0)
                there[i] = !there[i];
            snprintf(name, sizeof name, "m i=%d g=%d job=j instance=h", i, i % 3);
            if (!there[i] && i > 0)
                continue;
            put(&s.f, name, SAMPLE_GAUGE, BASE + k * 15 * S, 1);
            newest[i] = k;
        }
        for (int i = 1; i < MANY; i++) {
            snprintf(name, sizeof name, "i=%d g=%d job=j instance=h", i, i % 3);
            /* some intervals of those that came and went are longer */
            if (is_gone(&s, name))
                ck_assert_int_ge(k - newest[i], 4);
            else
                ck_assert_int_lt(k - newest[i], 20);
        }
    }
    ck_assert_uint_gt(stats_of(&s.f).gone, 1000);
    fixture_free(&s.f);
}
END_TEST

static void add(TCase *tc)
{
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_series_is_gone_after_four_of_its_intervals_while_others_come, 0,
                        (int)(sizeof intervals / sizeof *intervals));
    tcase_add_test(tc, all_of_a_scrape_are_found_at_its_fourth_without_them);
    tcase_add_test(tc, a_silent_source_has_no_series_that_is_gone);
    tcase_add_test(tc, a_source_without_an_instance_is_never_judged);
    tcase_add_loop_test(tc, a_marker_ends_a_series_at_once_when_others_of_its_scrape_came, 0, 2);
    tcase_add_test(tc, markers_of_all_series_at_once_are_silence);
    tcase_add_test(tc, a_source_that_comes_back_has_not_lost_what_comes_a_moment_later);
    tcase_add_test(tc, a_group_has_ended_with_the_last_of_its_series);
    tcase_add_test(tc, what_is_gone_touches_its_groups);
    tcase_add_loop_test(tc, a_restart_goes_on_where_it_was, 0, 9);
    tcase_add_test(tc, nobody_is_missed_among_many);
}

UNIT_MAIN("gone", add)
