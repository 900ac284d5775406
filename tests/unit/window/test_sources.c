/* When a counter that appears has grown from zero: its source was alive, and has been since its
 * process restarted. Counters of a source that just began, again or for the first time, set bases. */
#include "fixture.h"

#define STEP  (15 * S)
#define START "process_start_time_seconds job=a"

static struct sample sample(struct fixture *f, const char *what, enum sample_kind kind,
                            int64_t t_ms, double v)
{
    return (struct sample){.t_ms = t_ms,
                           .v = v,
                           .series = fixture_series(f, what, kind),
                           .weight = 1,
                           .kind = (uint8_t)kind};
}

static leaf_id increase(struct fixture *f)
{
    return leaf_on(f, "m", LEAF_INCREASE, 10 * MIN);
}

/* One scrape as one block: two counters of the source, and its start time unless that is 0. */
static void scrape(struct fixture *f, int64_t t_ms, double started, double v)
{
    struct sample s[3] = {
        sample(f, "m job=a code=200", SAMPLE_CUMULATIVE, t_ms, v),
        sample(f, "m job=a code=404", SAMPLE_CUMULATIVE, t_ms, v / 2),
        sample(f, START, SAMPLE_GAUGE, t_ms, started),
    };

    windows_apply(f->w, t_ms, s, started > 0 ? 3 : 2, NULL, 0);
}

/* A scrape in which code=500 appears with 40, before or after all others. */
static void scrape_with_new(struct fixture *f, int64_t t_ms, double started, double v, bool first)
{
    struct sample s[4] = {
        sample(f, "m job=a code=500", SAMPLE_CUMULATIVE, t_ms, 40),
        sample(f, "m job=a code=200", SAMPLE_CUMULATIVE, t_ms, v),
        sample(f, "m job=a code=404", SAMPLE_CUMULATIVE, t_ms, v / 2),
        sample(f, started > 0 ? START : "up job=a", SAMPLE_GAUGE, t_ms, started),
    };
    struct sample newest = s[0];

    if (!first) {
        memmove(s, s + 1, 3 * sizeof *s);
        s[3] = newest;
    }
    windows_apply(f->w, t_ms, s, 4, NULL, 0);
}

static double errors(struct fixture *f, leaf_id leaf, int64_t at_ms)
{
    return value_of(f, leaf, "job=a code=500", at_ms);
}

START_TEST(a_series_of_a_source_that_restarted_is_no_birth)
{
    static const struct {
        const char *what;
        double started_before, started_after, value_after;
        double born;
    } cases[] = {
        {"nothing happened", 1000, 1000, 120, 40},
        {"no start time, nothing happened", 0, 0, 120, 40},
        {"the start time moved", 1000, 5000, 120, 0},
        {"the start time trembles", 1000, 1001, 120, 40},
        {"the other counters fell", 1000, 1000, 3, 0},
        {"the other counters fell, no start time", 0, 0, 3, 0},
        {"both", 1000, 5000, 3, 0},
    };

    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = increase(&f);
        double got;

        for (int k = 1; k <= 4; k++)
            scrape(&f, BASE + k * STEP, cases[i / 2].started_before, 100);
        scrape_with_new(&f, BASE + 5 * STEP, cases[i / 2].started_after, cases[i / 2].value_after,
                        i % 2 == 0);
        got = errors(&f, leaf, BASE + 5 * STEP);
        ck_assert_msg(same(got, cases[i / 2].born), "%s, %s in its scrape: %g", cases[i / 2].what,
                      i % 2 == 0 ? "first" : "last", got);
        fixture_free(&f);
    }
}
END_TEST

/* It was known, was forgotten, and comes back with what its new process has counted. */
START_TEST(a_series_seen_again_after_its_process_restarted_is_no_birth)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);
    int64_t t_ms = BASE;

    scrape(&f, t_ms += STEP, 1000, 100);
    scrape(&f, t_ms += STEP, 1000, 100);
    scrape_with_new(&f, t_ms += STEP, 1000, 100, true);
    ck_value(errors(&f, leaf, t_ms), 40);
    while (t_ms < BASE + 2 * HOUR)
        scrape(&f, t_ms += STEP, 1000, 100);
    windows_expire(f.w, t_ms, 1000000, NULL, NULL);
    windows_expire(f.w, t_ms, 1000000, NULL, NULL);
    ck_value(errors(&f, leaf, t_ms), MISSING);
    scrape_with_new(&f, t_ms += STEP, 9000, 5, true);
    ck_value(errors(&f, leaf, t_ms), 0);
    fixture_free(&f);
}
END_TEST

/* From the third scrape on a restarted source is one that is alive. */
START_TEST(the_first_error_after_a_restart_is_a_birth_again)
{
    static const double expected[] = {0, 0, 40, 40};

    for (int later = 0; later < 4; later++) {
        struct fixture f = fixture_new();
        leaf_id leaf = increase(&f);
        int64_t t_ms = BASE;

        for (int k = 0; k < 4; k++)
            scrape(&f, t_ms += STEP, 0, 100);
        for (int k = 0; k < later; k++)
            scrape(&f, t_ms += STEP, 0, 3 + k);
        scrape_with_new(&f, t_ms += STEP, 0, 3 + later, true);
        ck_assert_msg(same(errors(&f, leaf, t_ms), expected[later]), "%d scrapes later", later);
        fixture_free(&f);
    }
}
END_TEST

/* Something that is sent as a counter and goes up and down hides no first error. */
START_TEST(one_that_falls_on_every_scrape_is_outvoted)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);
    int64_t t_ms = BASE;

    for (int k = 0; k < 9; k++) {
        scrape(&f, t_ms += STEP, 0, 100 + k);
        put(&f, "m job=a code=odd", SAMPLE_CUMULATIVE, t_ms, 50 - k);
    }
    put(&f, "m job=a code=odd", SAMPLE_CUMULATIVE, t_ms += STEP, 9);
    scrape_with_new(&f, t_ms, 0, 200, true);
    ck_value(errors(&f, leaf, t_ms), 40);
    fixture_free(&f);
}
END_TEST

/* Another source that restarts in the same block, or a process of the past that is told late. */
START_TEST(a_restart_is_of_its_own_source_and_time)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);
    int64_t t_ms = BASE;
    struct sample s[3];

    for (int k = 0; k < 4; k++) {
        scrape(&f, t_ms += STEP, 1000, 100);
        put(&f, "m job=b", SAMPLE_CUMULATIVE, t_ms, 100);
    }
    t_ms += STEP;
    s[0] = sample(&f, "m job=b", SAMPLE_CUMULATIVE, t_ms, 1);
    s[1] = sample(&f, "m job=a code=500", SAMPLE_CUMULATIVE, t_ms, 40);
    s[2] = sample(&f, START, SAMPLE_GAUGE, t_ms - 2 * STEP, 9000);
    windows_apply(f.w, t_ms, s, 3, NULL, 0);
    ck_value(errors(&f, leaf, t_ms), 40);
    fixture_free(&f);
}
END_TEST

/* Nobody knows what counters did while nothing came from their source for long: what is new then
 * may have been there all the time. What is long, its own rounds tell. */
START_TEST(a_source_that_was_silent_for_long_begins_anew)
{
    static const struct {
        int64_t usual_s, silent_s;
        double born;
    } cases[] = {{15, 300, 40}, {15, 301, 0}, {15, 7200, 0}, {600, 1800, 40}, {600, 1801, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        leaf_id leaf = increase(&f);
        int64_t t_ms = BASE;

        for (int k = 0; k < 6; k++)
            put(&f, "up job=a", SAMPLE_GAUGE, t_ms += cases[i].usual_s * S, 1);
        put(&f, "m job=a code=500", SAMPLE_CUMULATIVE, t_ms += cases[i].silent_s * S, 40);
        ck_assert_msg(same(errors(&f, leaf, t_ms), cases[i].born), "every %lld s, silent for %lld",
                      (long long)cases[i].usual_s, (long long)cases[i].silent_s);
        fixture_free(&f);
    }
}
END_TEST

/* Samples that come with their own milliseconds are one scrape all the same. */
START_TEST(a_push_of_many_times_is_one_round)
{
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);

    for (int k = 0; k < 9; k++)
        put(&f, "up job=a", SAMPLE_GAUGE, BASE + k, k);
    put(&f, "m job=a code=500", SAMPLE_CUMULATIVE, BASE + 10, 40);
    ck_value(errors(&f, leaf, BASE + MIN), 0);
    fixture_free(&f);
}
END_TEST

START_TEST(a_cut_keeps_what_is_known_of_a_restart)
{
    static struct chunks c;
    struct fixture f = fixture_new();
    leaf_id leaf = increase(&f);
    struct windows *next = fixture_windows(&f, 0, 0);
    struct leaf_spec spec = spec_of("m", LEAF_INCREASE, 10 * MIN);
    int64_t t_ms = BASE;

    for (int k = 0; k < 4; k++)
        scrape(&f, t_ms += STEP, 1000, 100);
    put(&f, START, SAMPLE_GAUGE, t_ms += STEP, 9000);
    c = (struct chunks){0};
    ck_assert_int_eq(windows_encode(f.w, chunks_take, &c), 0);
    leaf = leaf_of(next, &spec);
    chunks_give(&c, next);
    buf_free(&c.bytes);
    windows_free(f.w);
    f.w = next;
    put(&f, "m job=a code=500", SAMPLE_CUMULATIVE, t_ms, 40);
    ck_value(errors(&f, leaf, t_ms), 0);
    put(&f, "m job=a code=501", SAMPLE_CUMULATIVE, t_ms += STEP, 40);
    ck_value(value_of(&f, leaf, "job=a code=501", t_ms), 0);
    put(&f, "m job=a code=502", SAMPLE_CUMULATIVE, t_ms += STEP, 40);
    ck_value(value_of(&f, leaf, "job=a code=502", t_ms), 40);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_series_of_a_source_that_restarted_is_no_birth);
    tcase_add_test(t, a_series_seen_again_after_its_process_restarted_is_no_birth);
    tcase_add_test(t, the_first_error_after_a_restart_is_a_birth_again);
    tcase_add_test(t, one_that_falls_on_every_scrape_is_outvoted);
    tcase_add_test(t, a_restart_is_of_its_own_source_and_time);
    tcase_add_test(t, a_source_that_was_silent_for_long_begins_anew);
    tcase_add_test(t, a_push_of_many_times_is_one_round);
    tcase_add_test(t, a_cut_keeps_what_is_known_of_a_restart);
}

UNIT_MAIN("sources", add)
