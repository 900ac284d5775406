/* What a rate promises: a steady counter is steady, whatever the jitter and phase of its samples, the
 * instant of the look and the shape of its group. */
#include "fixture.h"

#define STEP (15 * S)

static unsigned seed;

static int64_t jitter(int64_t most_ms)
{
    seed = seed * 1103515245u + 12345u;
    return (int64_t)((seed >> 8) % (unsigned)(2 * most_ms + 1)) - most_ms;
}

struct pod {
    double speed;
    int64_t phase_ms, from_ms, to_ms; /* lives from … to; counts from zero */
    int64_t step_ms;                  /* between its samples; 0: STEP */
    int64_t next_ms;
};

static leaf_id rates(struct fixture *f, int64_t window_ms)
{
    static const char *by[] = {"g"};
    struct leaf_spec s = spec_of("m", LEAF_RATE, window_ms);

    s.grouping = LEAF_BY;
    s.labels = by;
    s.n_labels = 1;
    return leaf_of(f->w, &s);
}

/* Scrapes every pod until `until_ms`, in order of time. */
static void scrape(struct fixture *f, struct pod *pods, int n, int64_t until_ms)
{
    for (;;) {
        struct pod *next = NULL;
        char what[64];

        for (int i = 0; i < n; i++)
            if (pods[i].next_ms <= until_ms && (!next || pods[i].next_ms < next->next_ms))
                next = &pods[i];
        if (!next)
            return;
        if (next->next_ms > next->from_ms && next->next_ms <= next->to_ms) {
            snprintf(what, sizeof what, "m g=a pod=%d", (int)(next - pods));
            put(f, what, SAMPLE_CUMULATIVE, next->next_ms,
                next->speed * (double)(next->next_ms - next->from_ms) / 1000);
        }
        next->phase_ms += next->step_ms ? next->step_ms : STEP;
        next->next_ms = next->phase_ms + jitter(500);
    }
}

/* Largest deviation of the group's rate from `speed`, looked at every 1.7 s. */
static double deviation(struct pod *pods, int n, int64_t window_ms, double speed)
{
    struct fixture f = fixture_new();
    leaf_id leaf = rates(&f, window_ms);
    double worst = 0;

    for (int64_t at_ms = BASE; at_ms < BASE + 20 * MIN; at_ms += 1700) {
        double got;

        /* another metric says that the source is alive before a pod is born */
        if (at_ms < BASE + MIN)
            put(&f, "up", SAMPLE_GAUGE, at_ms, 1);
        scrape(&f, pods, n, at_ms);
        if (at_ms < BASE + 3 * MIN + window_ms)
            continue;
        got = value_of(&f, leaf, "g=a", at_ms);
        worst = fmax(worst, fabs(got / speed - 1));
    }
    fixture_free(&f);
    return worst;
}

START_TEST(a_steady_counter_is_steady)
{
    static const int64_t windows[] = {30 * S, 40 * S, MIN, 100 * S, 5 * MIN, 7 * MIN};

    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        for (unsigned k = 1; k <= 10; k++) {
            struct pod one = {.speed = 100, .from_ms = BASE - HOUR, .to_ms = BASE + HOUR};
            double off;

            seed = k;
            one.phase_ms = one.next_ms = BASE + jitter(7000) + 7000;
            off = deviation(&one, 1, windows[w], 100);
            ck_assert_msg(off < 0.01, "window %lld s, seed %u: off by %.2f %%",
                          (long long)windows[w] / 1000, k, 100 * off);
        }
    }
}
END_TEST

/* Pods of one source each, their phases anywhere. */
START_TEST(a_group_of_steady_counters_is_steady)
{
    static const int64_t windows[] = {30 * S, MIN, 100 * S, 5 * MIN};

    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        struct pod pods[10];
        double off;

        seed = 7;
        for (int i = 0; i < 10; i++) {
            pods[i] = (struct pod){.speed = 10, .from_ms = BASE - HOUR, .to_ms = BASE + HOUR};
            pods[i].phase_ms = pods[i].next_ms = BASE + i * 1500 + 100;
        }
        off = deviation(pods, 10, windows[w], 100);
        ck_assert_msg(off < 0.01, "window %lld s: off by %.2f %%", (long long)windows[w] / 1000,
                      100 * off);
    }
}
END_TEST

/* Ten pods are replaced one after the other, a minute apart; the new one begins when the old one
 * ends. What was not scraped before the end is lost, which is half a step of one pod in ten. */
START_TEST(a_rolling_deploy_does_not_move_a_rate)
{
    static const int64_t windows[] = {MIN, 2 * MIN, 5 * MIN};

    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        struct pod pods[20];
        double off, lost;

        seed = 11;
        for (int i = 0; i < 10; i++) {
            int64_t at_ms = BASE + 9 * MIN + i * MIN;

            pods[i] = (struct pod){.speed = 10, .from_ms = BASE - HOUR, .to_ms = at_ms};
            pods[10 + i] = (struct pod){.speed = 10, .from_ms = at_ms, .to_ms = BASE + HOUR};
            pods[i].phase_ms = pods[i].next_ms = BASE + i * 1500 + 100;
            pods[10 + i].phase_ms = pods[10 + i].next_ms = BASE + i * 1500 + 700;
        }
        off = deviation(pods, 20, windows[w], 100);
        lost = 0.1 * 15 / ((double)windows[w] / 1000) * (double)(windows[w] + MIN - 1) / MIN;
        ck_assert_msg(off < 0.01 + lost, "window %lld s: off by %.2f %%",
                      (long long)windows[w] / 1000, 100 * off);
    }
}
END_TEST

/* Fast and slow ones, their phases anywhere, and, from the fourth seed on, of unequal steps. */
START_TEST(a_group_of_unequal_counters_is_steady)
{
    static const double speeds[] = {1, 1000, 3, 40, 0.5, 200, 7, 90, 20, 5};
    static const int64_t windows[] = {30 * S, MIN, 2 * MIN, 5 * MIN};

    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        for (unsigned k = 1; k <= 6; k++) {
            struct pod pods[10];
            double off, all = 0;

            seed = k;
            for (int i = 0; i < 10; i++) {
                pods[i] =
                    (struct pod){.speed = speeds[i], .from_ms = BASE - HOUR, .to_ms = BASE + HOUR};
                pods[i].phase_ms = pods[i].next_ms = BASE + jitter(7400) + 7500;
                pods[i].step_ms = k <= 3 ? STEP : (i % 3 + 1) * 5 * S;
                all += speeds[i];
            }
            off = deviation(pods, 10, windows[w], all);
            ck_assert_msg(off < 0.01, "window %lld s, seed %u: off by %.2f %%",
                          (long long)windows[w] / 1000, k, 100 * off);
        }
    }
}
END_TEST

START_TEST(a_silent_counter_falls_to_nothing)
{
    struct fixture f = fixture_new();
    leaf_id leaf = rates(&f, MIN);
    struct pod one = {.speed = 100, .from_ms = BASE - HOUR, .to_ms = BASE + 5 * MIN};
    double before = 101;

    one.phase_ms = one.next_ms = BASE;
    seed = 3;
    scrape(&f, &one, 1, BASE + 5 * MIN);
    for (int s = 20; s < 40; s += 5) {
        double v = value_of(&f, leaf, "g=a", BASE + 5 * MIN + s * S);

        ck_assert_double_lt(v, before);
        before = v;
    }
    ck_assert_double_lt(before, 50);
    ck_value(value_of(&f, leaf, "g=a", BASE + 6 * MIN + 10 * S), MISSING);
    fixture_free(&f);
}
END_TEST

/* The first errors of a kind are a birth: whole, over the window. */
START_TEST(what_is_born_inside_counts_for_its_part)
{
    struct fixture f = fixture_new();
    leaf_id leaf = rates(&f, MIN);

    for (int k = 1; k <= 8; k++)
        put(&f, "up", SAMPLE_GAUGE, BASE + k * STEP, 1);
    put(&f, "m g=a", SAMPLE_CUMULATIVE, BASE + 2 * MIN, 6);
    ck_assert_double_eq_tol(value_of(&f, leaf, "g=a", BASE + 2 * MIN), 0.1, 1e-6);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_steady_counter_is_steady);
    tcase_add_test(t, a_group_of_steady_counters_is_steady);
    tcase_add_test(t, a_rolling_deploy_does_not_move_a_rate);
    tcase_add_test(t, a_group_of_unequal_counters_is_steady);
    tcase_add_test(t, a_silent_counter_falls_to_nothing);
    tcase_add_test(t, what_is_born_inside_counts_for_its_part);
}

UNIT_MAIN("rates", add)
