/* Clocks of sources that are off, and the windows' own time under a clock that is set. */
#include "fixture.h"

#define FEED (5 * S)

struct feed {
    struct fixture f;
    leaf_id max, count, increase;
    int64_t at_ms; /* receive time */
    int sent;
};

static struct feed feed_new(void)
{
    struct feed x = {.f = fixture_new(), .at_ms = BASE + 100 * HOUR};

    x.max = leaf_on(&x.f, "m", LEAF_MAX, 30 * S);
    x.count = leaf_on(&x.f, "m", LEAF_COUNT, MIN);
    x.increase = leaf_on(&x.f, "c", LEAF_INCREASE, MIN);
    return x;
}

static void feed_free(struct feed *x)
{
    fixture_free(&x->f);
}

/* A block of one source: a gauge and a counter that grows by one, behind by so much. */
static void send(struct feed *x, const char *job, int64_t behind_ms, double v)
{
    char m[64], c[64];

    snprintf(m, sizeof m, "m job=%s", job);
    snprintf(c, sizeof c, "c job=%s", job);
    put_late(&x->f, m, SAMPLE_GAUGE, x->at_ms, x->at_ms - behind_ms, v);
    put_late(&x->f, c, SAMPLE_CUMULATIVE, x->at_ms, x->at_ms - behind_ms, ++x->sent);
}

static void go_on(struct feed *x, const char *job, int64_t behind_ms, int64_t ms, double v)
{
    for (int64_t until_ms = x->at_ms + ms; x->at_ms < until_ms;) {
        x->at_ms += FEED;
        send(x, job, behind_ms, v);
    }
}

static double max_of(struct feed *x, const char *job)
{
    char labels[64];

    snprintf(labels, sizeof labels, "job=%s", job);
    return value_of(&x->f, x->max, labels, x->at_ms);
}

static struct clocks_off off_of(struct feed *x)
{
    struct clocks_off o;

    windows_clocks_off(x->f.w, &o);
    return o;
}

static const int64_t offs[] = {MIN, 10 * MIN, HOUR, 24 * HOUR};

/* From the first sample, and when it is set behind while it runs. */
START_TEST(a_source_that_is_behind_counts_within_half_a_minute)
{
    struct feed x = feed_new();

    go_on(&x, "right", 0, MIN, 1);
    go_on(&x, "wrong", offs[_i], 20 * S, 7);
    ck_value(max_of(&x, "wrong"), 7);
    ck_assert_uint_eq(off_of(&x).off, 1);
    ck_assert_uint_eq(off_of(&x).sources, 2);
    ck_assert_int_eq(off_of(&x).worst_ms, offs[_i]);
    go_on(&x, "right", 0, MIN, 1);
    go_on(&x, "right", offs[_i], 20 * S, 9);
    ck_value(max_of(&x, "right"), 9);
    go_on(&x, "right", offs[_i], 2 * MIN, 5);
    ck_value(value_of(&x.f, x.count, "job=right", x.at_ms), 12);
    ck_value(value_of(&x.f, x.increase, "job=right", x.at_ms), 12);
    /* and when its clock is set right, from the first sample on */
    go_on(&x, "right", 0, FEED, 11);
    ck_value(max_of(&x, "right"), 11);
    go_on(&x, "right", 0, MIN, 2);
    ck_value(value_of(&x.f, x.count, "job=right", x.at_ms), 12);
    ck_value(value_of(&x.f, x.increase, "job=right", x.at_ms), 12);
    go_on(&x, "right", 0, 10 * MIN, 2);
    ck_assert_uint_eq(off_of(&x).off, 0);
    feed_free(&x);
}
END_TEST

/* What is not far behind must be so for a minute: the last of what is under way is, for a while. */
START_TEST(a_source_that_is_a_little_behind_counts_after_a_minute)
{
    struct feed x = feed_new();

    go_on(&x, "slow", 54 * S, MIN, 1);
    ck_assert_uint_eq(off_of(&x).off, 0);
    go_on(&x, "slow", 54 * S, 2 * FEED, 7);
    ck_value(max_of(&x, "slow"), 7);
    go_on(&x, "slow", 54 * S, 10 * MIN, 1);
    ck_assert_int_eq(off_of(&x).worst_ms, 54 * S);
    feed_free(&x);
}
END_TEST

/* Small steps, each half a minute, for an hour there and back: a drift. */
START_TEST(many_small_steps_lose_nothing)
{
    struct feed x = feed_new();
    leaf_id count = leaf_on(&x.f, "m", LEAF_COUNT, 5 * MIN);

    for (int i = 0; i < 240; i++) {
        int64_t by_ms = i < 120 ? -S : S;

        go_on(&x, "a", 0, 30 * S, 1);
        if (i >= 10)
            ck_assert(fabs(value_of(&x.f, count, "job=a", x.at_ms) - 60) <= 2);
        windows_shift(x.f.w, by_ms);
        x.at_ms += by_ms;
    }
    feed_free(&x);
}
END_TEST

/* What is 15 s late is under way; a source that is late now and then is not off. */
START_TEST(what_is_late_for_other_reasons_keeps_its_time)
{
    struct feed x = feed_new();

    go_on(&x, "slow", 15 * S, MIN, 1);
    ck_assert_uint_eq(off_of(&x).off, 0);
    go_on(&x, "gateway", 0, MIN, 1);
    for (int i = 0; i < 12; i++) { /* two behind one address: one of them has the wrong clock */
        go_on(&x, "gateway", HOUR, FEED, 99);
        go_on(&x, "gateway", 0, FEED, 1);
    }
    ck_value(max_of(&x, "gateway"), 1);
    for (int i = 0; i < 12; i++) { /* a reading of the past, sent again and again */
        x.at_ms += FEED;
        put_late(&x.f, "m job=report", SAMPLE_GAUGE, x.at_ms, BASE + HOUR, 1);
    }
    go_on(&x, "batch", HOUR, FEED, 1); /* one of the past, and nothing after it */
    ck_assert_uint_eq(off_of(&x).off, 0);
    feed_free(&x);
}
END_TEST

/* What was kept while the network was away comes faster than time passes: each counts when it was. */
START_TEST(what_was_kept_is_no_wrong_clock)
{
    struct feed x = feed_new();

    go_on(&x, "a", 0, MIN, 1);
    x.at_ms += HOUR;
    for (int64_t behind_ms = HOUR; behind_ms > 0; behind_ms -= 4 * FEED) {
        x.at_ms += FEED;
        send(&x, "a", behind_ms, 99);
        ck_assert_uint_eq(off_of(&x).off, 0);
    }
    go_on(&x, "a", 0, 30 * S, 1);
    ck_value(max_of(&x, "a"), 1);
    feed_free(&x);
}
END_TEST

/* Blocks with a minute of samples each, oldest first. */
START_TEST(a_batch_is_judged_by_its_newest)
{
    struct feed x = feed_new();
    struct sample s[12];

    for (int block = 0; block < 2; block++, x.at_ms += MIN) {
        for (int i = 0; i < 12; i++)
            s[i] = (struct sample){.t_ms = x.at_ms - HOUR - (11 - i) * FEED,
                                   .v = 7,
                                   .series = fixture_series(&x.f, "m job=a", SAMPLE_GAUGE),
                                   .weight = 1};
        windows_apply(x.f.w, x.at_ms, s, 12, NULL, 0);
    }
    x.at_ms -= MIN;
    ck_assert_int_eq(off_of(&x).worst_ms, HOUR);
    ck_value(value_of(&x.f, x.count, "job=a", x.at_ms), 12);
    feed_free(&x);
}
END_TEST

/* The receiving clock is set, and sources go on: no sample is late for it, and none counts twice. */
START_TEST(sources_go_on_through_a_step_of_the_receiving_clock)
{
    struct feed x = feed_new();

    go_on(&x, "a", 0, 5 * MIN, 1);
    windows_shift(x.f.w, offs[_i]);
    x.at_ms += offs[_i];
    go_on(&x, "a", offs[_i], FEED, 7);
    ck_value(max_of(&x, "a"), 7);
    ck_assert_int_eq(off_of(&x).worst_ms, offs[_i]);
    go_on(&x, "a", offs[_i], 55 * S, 7);
    ck_value(value_of(&x.f, x.count, "job=a", x.at_ms), 12);
    ck_value(value_of(&x.f, x.increase, "job=a", x.at_ms), 12);
    windows_shift(x.f.w, -offs[_i]);
    x.at_ms -= offs[_i];
    go_on(&x, "a", 0, FEED, 9);
    ck_value(max_of(&x, "a"), 9);
    ck_assert_uint_eq(off_of(&x).off, 0);
    go_on(&x, "a", 0, 55 * S, 9);
    ck_value(value_of(&x.f, x.count, "job=a", x.at_ms), 12);
    ck_value(value_of(&x.f, x.increase, "job=a", x.at_ms), 12);
    feed_free(&x);
}
END_TEST

/* A step that is less than what is on time changes nothing for a source, whether it steps along or
 * not: no value is taken for an old one. */
START_TEST(a_small_step_of_the_receiving_clock_holds_no_value_back)
{
    static const int64_t steps[] = {-14 * S, -S, S, 14 * S};

    for (int along = 0; along < 2; along++) {
        struct feed x = feed_new();
        leaf_id last = leaf_on(&x.f, "m", LEAF_LAST, MIN);

        go_on(&x, "a", 0, MIN, 1);
        windows_shift(x.f.w, steps[_i]);
        x.at_ms += steps[_i];
        go_on(&x, "a", along ? 0 : steps[_i], FEED, 7);
        ck_value(value_of(&x.f, last, "job=a", x.at_ms), 7);
        ck_assert_uint_eq(off_of(&x).off, 0);
        feed_free(&x);
    }
}
END_TEST

/* Up to a minute ahead a sample keeps its time. That is forgotten once its clock is right. */
START_TEST(a_source_that_was_ahead_is_followed_back)
{
    struct feed x = feed_new();
    leaf_id last = leaf_on(&x.f, "m", LEAF_LAST, MIN);

    go_on(&x, "a", -60 * S, 5 * MIN, 1);
    ck_value(value_of(&x.f, last, "job=a", x.at_ms), 1);
    go_on(&x, "a", 0, FEED, 7);
    ck_value(value_of(&x.f, last, "job=a", x.at_ms), 7);
    go_on(&x, "a", 0, MIN, 8);
    ck_value(value_of(&x.f, last, "job=a", x.at_ms), 8);
    ck_value(value_of(&x.f, x.increase, "job=a", x.at_ms), 12);
    feed_free(&x);
}
END_TEST

START_TEST(a_cut_knows_which_clocks_are_off)
{
    struct feed x = feed_new();
    struct chunks c = {0};
    struct windows *before = x.f.w;

    go_on(&x, "a", HOUR, MIN, 1);
    windows_shift(before, -MIN);
    x.at_ms -= MIN;
    go_on(&x, "a", HOUR - MIN, MIN, 1);
    ck_assert_int_eq(windows_encode(before, chunks_take, &c), 0);
    x.f.w = fixture_windows(&x.f, 0, 0);
    x.max = leaf_on(&x.f, "m", LEAF_MAX, 30 * S);
    x.count = leaf_on(&x.f, "m", LEAF_COUNT, MIN);
    chunks_give(&c, x.f.w);
    go_on(&x, "a", HOUR - MIN, FEED, 7);
    ck_value(max_of(&x, "a"), 7);
    ck_assert_int_eq(off_of(&x).worst_ms, HOUR - MIN);
    ck_value(value_of(&x.f, x.count, "job=a", x.at_ms), 12);
    buf_free(&c.bytes);
    windows_free(before);
    feed_free(&x);
}
END_TEST

static void log_at(struct feed *x, int64_t behind_ms)
{
    struct label l[] = {label_of("level", "ERROR")};
    struct logevent e = {.t_ms = x->at_ms - behind_ms, .fields = l, .n_fields = 1};

    x->at_ms += FEED;
    e.t_ms += FEED;
    windows_apply(x->f.w, x->at_ms, NULL, 0, &e, 1);
}

/* They have no source: all of them together must be behind. */
START_TEST(log_events_that_are_all_behind_count_too)
{
    struct feed x = feed_new();
    struct leaf_spec s = {.source = LEAF_LOGS, .fn = LEAF_COUNT, .window_ms = MIN};
    leaf_id logs = leaf_of(x.f.w, &s);

    for (int i = 0; i < 15; i++)
        log_at(&x, HOUR);
    ck_assert_uint_eq(off_of(&x).worst, SOURCE_LOGS);
    ck_value(value_of(&x.f, logs, "", x.at_ms), 12);
    log_at(&x, 0);
    ck_assert_uint_eq(off_of(&x).off, 0);
    for (int i = 0; i < 13; i++) {
        log_at(&x, HOUR);
        log_at(&x, 0);
    }
    ck_value(value_of(&x.f, logs, "", x.at_ms), 6);
    feed_free(&x);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, a_source_that_is_behind_counts_within_half_a_minute, 0, 4);
    tcase_add_test(t, a_source_that_is_a_little_behind_counts_after_a_minute);
    tcase_add_test(t, many_small_steps_lose_nothing);
    tcase_add_test(t, what_is_late_for_other_reasons_keeps_its_time);
    tcase_add_test(t, what_was_kept_is_no_wrong_clock);
    tcase_add_test(t, a_batch_is_judged_by_its_newest);
    tcase_add_loop_test(t, sources_go_on_through_a_step_of_the_receiving_clock, 0, 4);
    tcase_add_loop_test(t, a_small_step_of_the_receiving_clock_holds_no_value_back, 0, 4);
    tcase_add_test(t, a_source_that_was_ahead_is_followed_back);
    tcase_add_test(t, a_cut_knows_which_clocks_are_off);
    tcase_add_test(t, log_events_that_are_all_behind_count_too);
}

UNIT_MAIN("clocks", add)
