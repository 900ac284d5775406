/* Log events: matchers over fields, counts, numeric fields, groups. */
#include "fixture.h"

static void event(struct fixture *f, int64_t t_ms, const char *text)
{
    char copy[256];
    struct label l[32];
    struct logevent e = {.t_ms = t_ms, .fields = l};

    snprintf(copy, sizeof copy, "%s", text);
    e.n_fields = (uint32_t)fixture_labels(copy, l);
    windows_apply(f->w, t_ms, NULL, 0, &e, 1);
}

static struct leaf_spec logs(enum leaf_fn fn, int64_t window_ms)
{
    static const char *by[] = {"service"};

    return (struct leaf_spec){.source = LEAF_LOGS,
                              .fn = fn,
                              .window_ms = window_ms,
                              .grouping = LEAF_BY,
                              .labels = by,
                              .n_labels = 1};
}

START_TEST(counts_of_what_matches)
{
    struct fixture f = fixture_new();
    struct err e = {0};
    static const char *const levels[] = {"ERROR", "FATAL"};
    struct matcher *m[2] = {matcher_new_list("level", false, levels, 2, &e),
                            matcher_new("trace_id", MATCH_PRESENT, true, NULL, &e)};
    struct leaf_spec s = logs(LEAF_COUNT, 5 * MIN);
    leaf_id all, errors, untraced, rate;
    const leaf_id *touched;
    const struct touched *slots;

    all = leaf_of(f.w, &s);
    s.matchers = m;
    s.n_matchers = 1;
    errors = leaf_of(f.w, &s);
    s.n_matchers = 2;
    untraced = leaf_of(f.w, &s);
    s = logs(LEAF_RATE, 5 * MIN);
    rate = leaf_of(f.w, &s);
    event(&f, BASE + S, "level=ERROR service=a");
    event(&f, BASE + S, "level=ERROR service=a"); /* events are never repetitions */
    event(&f, BASE + 2 * S, "level=FATAL service=b trace_id=1");
    event(&f, BASE + 3 * S, "level=INFO service=a trace_id=2");
    event(&f, BASE + 4 * S, "level=ERROR");
    ck_value(value_of(&f, all, "service=a", BASE + 5 * S), 3);
    ck_value(value_of(&f, rate, "service=a", BASE + 5 * S), 0.01);
    ck_value(value_of(&f, errors, "service=a", BASE + 5 * S), 2);
    ck_value(value_of(&f, errors, "service=b", BASE + 5 * S), 1);
    ck_value(value_of(&f, errors, "", BASE + 5 * S), 1);
    ck_value(value_of(&f, untraced, "service=a", BASE + 5 * S), 2);
    ck_assert_uint_eq(slot_in(&f, f.w, untraced, "service=b"), SLOT_NONE);
    ck_value(value_of(&f, errors, "service=a", BASE + HOUR), 0); /* known: 0, not missing */
    ck_value(value_of(&f, rate, "service=a", BASE + HOUR), 0);
    ck_assert_uint_eq(windows_touched_leaves(f.w, &touched), 4);
    ck_assert_uint_eq(windows_touched(f.w, untraced, &slots), 2);
    for (size_t i = 0; i < 2; i++)
        matcher_unref(m[i]);
    windows_leaf_release(f.w, all);
    windows_leaf_release(f.w, untraced);
    event(&f, BASE + 6 * S, "level=FATAL service=b");
    ck_value(value_of(&f, errors, "service=b", BASE + 6 * S), 2);
    windows_leaf_release(f.w, errors);
    windows_leaf_release(f.w, rate);
    fixture_free(&f);
}
END_TEST

START_TEST(numeric_fields)
{
    static const struct {
        enum leaf_fn fn;
        double expected;
    } cases[] = {{LEAF_AVG, 200}, {LEAF_MAX, 350},   {LEAF_MIN, 50},       {LEAF_COUNT, 3},
                 {LEAF_SUM, 600}, {LEAF_RATE, 0.01}, {LEAF_QUANTILE, 200}, {LEAF_LAST, 350}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f = fixture_new();
        struct leaf_spec s = logs(cases[i].fn, 5 * MIN);
        leaf_id leaf;

        s.field = "duration_ms";
        s.param = 0.5;
        leaf = leaf_of(f.w, &s);
        event(&f, BASE + S, "duration_ms=50 service=a");
        event(&f, BASE + 2 * S, "duration_ms=2e2 service=a");
        event(&f, BASE + 3 * S, "duration_ms=350.0 service=a");
        event(&f, BASE + 4 * S, "duration_ms=12ms service=a"); /* no numbers */
        event(&f, BASE + 4 * S, "duration_ms=inf service=a");
        event(&f, BASE + 4 * S, "duration=7 service=a");
        ck_value(value_of(&f, leaf, "service=a", BASE + 5 * S), cases[i].expected);
        fixture_free(&f);
    }
}
END_TEST

START_TEST(late_and_old_events)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = logs(LEAF_COUNT, MIN);
    leaf_id leaf = leaf_of(f.w, &s);
    char text[64] = "service=a";
    struct label l[4];
    struct logevent e = {.fields = l, .n_fields = (uint32_t)fixture_labels(text, l)};

    event(&f, BASE + 10 * MIN, "service=a");
    e.t_ms = BASE + 10 * MIN - 30 * S;
    windows_apply(f.w, BASE + 10 * MIN, NULL, 0, &e, 1);
    e.t_ms = BASE;
    windows_apply(f.w, BASE + 10 * MIN, NULL, 0, &e, 1);
    e.t_ms = BASE + HOUR;
    windows_apply(f.w, BASE + 10 * MIN, NULL, 0, &e, 1);
    ck_value(value_of(&f, leaf, "service=a", BASE + 10 * MIN), 3);
    ck_assert_uint_eq(stats_of(&f).late, 1);
    ck_assert_uint_eq(stats_of(&f).future, 1);
    fixture_free(&f);
}
END_TEST

/* Groups of logs live for a day. */
/* Once, however many windows would have wanted it. */
START_TEST(an_event_too_old_for_every_window_is_counted_once)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = logs(LEAF_COUNT, 5 * MIN), t = logs(LEAF_COUNT, 10 * MIN);
    leaf_id five = leaf_of(f.w, &s), ten = leaf_of(f.w, &t);
    struct label l[] = {label_of("service", "a")};
    struct logevent e = {.fields = l, .n_fields = 1};
    int64_t at = BASE + HOUR;

    e.t_ms = at - 10 * MIN + 1;
    windows_apply(f.w, at, NULL, 0, &e, 1);
    ck_assert_uint_eq(stats_of(&f).late, 0);
    ck_value(value_of(&f, ten, "service=a", at), 1);
    ck_assert_uint_eq(slot_in(&f, f.w, five, "service=a"), SLOT_NONE);
    e.t_ms = at - 10 * MIN;
    windows_apply(f.w, at, NULL, 0, &e, 1);
    ck_assert_uint_eq(stats_of(&f).late, 1);
    ck_value(value_of(&f, ten, "service=a", at), 1);
    fixture_free(&f);
}
END_TEST

/* Labels are shown wherever an alert is: what differs in its secret alone is one group. */
START_TEST(no_secret_becomes_a_label)
{
    static const char *const words[] = {"badge_no"};
    const struct redact_also also = {words, 1};
    const char *by[] = {"badge_no", "url"};
    struct fixture f = fixture_new();
    struct windows_options o = {.series = f.series, .redact = &also};
    struct windows *w = windows_new(&o);
    struct leaf_spec s = logs(LEAF_COUNT, 5 * MIN);
    struct label l[] = {label_of("badge_no", "7"), label_of("url", "")};
    struct logevent e = {.t_ms = BASE + S, .fields = l, .n_fields = 2};
    leaf_id leaf;

    s.labels = by;
    s.n_labels = 2;
    leaf = leaf_of(w, &s);
    for (int i = 0; i < 3; i++) {
        static const char *const urls[] = {"https://bob:a1@h/x", "https://bob:b2@h/x", "/plain"};

        l[1] = label_of("url", urls[i]);
        windows_apply(w, BASE + S, NULL, 0, &e, 1);
    }
    ck_value(value_in(w, leaf,
                      slot_in(&f, w, leaf, "badge_no=[redacted] url=https://bob:[redacted]@h/x"),
                      BASE + S),
             2);
    ck_value(value_in(w, leaf, slot_in(&f, w, leaf, "badge_no=[redacted] url=/plain"), BASE + S),
             1);
    ck_assert_uint_eq(labelsets_count(f.labels), 3);
    windows_free(w);
    fixture_free(&f);
}
END_TEST

START_TEST(groups_live_for_a_day)
{
    struct fixture f = fixture_new();
    struct leaf_spec s = logs(LEAF_COUNT, MIN);
    leaf_id leaf = leaf_of(f.w, &s);

    event(&f, BASE, "service=a");
    windows_expire(f.w, BASE + 24 * HOUR, 100, NULL, NULL);
    ck_value(value_of(&f, leaf, "service=a", BASE + 24 * HOUR), 0);
    windows_expire(f.w, BASE + 24 * HOUR + 1, 100, NULL, NULL);
    ck_assert_uint_eq(windows_group_count(f.w, leaf), 0);
    ck_assert_uint_eq(stats_of(&f).groups, 0);
    event(&f, BASE + 25 * HOUR, "service=b");
    ck_value(value_of(&f, leaf, "service=b", BASE + 25 * HOUR), 1);
    fixture_free(&f);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, counts_of_what_matches);
    tcase_add_test(t, numeric_fields);
    tcase_add_test(t, late_and_old_events);
    tcase_add_test(t, an_event_too_old_for_every_window_is_counted_once);
    tcase_add_test(t, no_secret_becomes_a_label);
    tcase_add_test(t, groups_live_for_a_day);
}

UNIT_MAIN("log leaves", add)
