/* Windows that were not seen whole: what may be decided on them, and what may not. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/alert.h"
#include "tocsin/rule.h"

#define T0 INT64_C(1767571200000)

struct bench {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    struct buf log;
    double total;
};

static void on_change(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct bench *b = arg;

    if (change == CHANGE_NONE)
        return;
    buf_addf(&b->log, "%s%s %s @%.0f", b->log.len ? "; " : "", alert_rule_def(a->rule)->name,
             alert_change_names[change], (double)(at_ms - T0) / 1000);
}

static void put_rules(struct bench *b, const char *text, double at)
{
    int64_t at_ms = T0 + (int64_t)(at * 1000);
    struct err e = {0};
    struct rulefile *f = rulefile_load("a.lua", text, strlen(text), NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    ck_assert_msg(rules_put(b->rules, "a.lua", f, at_ms, &e) == 0, "%s", e.text);
    rulefile_unref(f);
    rules_link(b->rules, at_ms);
}

static struct bench *bench_new(bool covered)
{
    struct bench *b = mem_zalloc(sizeof *b);
    struct windows_options windows = {.covered = covered};
    struct alert_book_options book = {.changed = on_change, .arg = b};
    struct rules_options rules = {0};

    rules.clock = b->clock = clock_virtual(T0);
    book.labels = rules.labels = b->labels = labelsets_new(0);
    windows.series = b->series = series_table_new(b->labels, 0);
    rules.windows = b->windows = windows_new(&windows);
    rules.book = b->book = alert_book_new(&book);
    b->rules = rules_new(&rules);
    rules_skip_to(b->rules, T0 - 1);
    return b;
}

static void bench_free(struct bench *b)
{
    rules_free(b->rules);
    alert_book_free(b->book);
    windows_free(b->windows);
    series_table_free(b->series);
    labelsets_free(b->labels);
    clock_free(b->clock);
    buf_free(&b->log);
    mem_free(b);
}

/* A sample that was measured `lag` seconds before it came. */
static void late_block(struct bench *b, double at, double lag, const char *name,
                       const char *service, const char *code, double v)
{
    struct label l[] = {label_of("__name__", name), label_of("code", code),
                        label_of("service", service)};
    int64_t at_ms = T0 + (int64_t)(at * 1000);
    enum sample_kind kind = strstr(name, "total") ? SAMPLE_CUMULATIVE : SAMPLE_GAUGE;
    struct sample s = {.t_ms = at_ms - (int64_t)(lag * 1000), .v = v, .weight = 1, .kind = kind};
    bool is_new;

    s.series = series_resolve(b->series, l, 3, "t", kind, &is_new);
    rules_before_block(b->rules, at_ms);
    windows_apply(b->windows, at_ms, &s, 1, NULL, 0);
    rules_after_block(b->rules, at_ms, NULL, 0);
}

static void block(struct bench *b, double at, const char *name, const char *service,
                  const char *code, double v)
{
    late_block(b, at, 0, name, service, code, v);
}

/* A hundred requests a second, one sample a second, in (from, to]. */
static void traffic(struct bench *b, const char *service, int from, int to)
{
    for (int t = from + 1; t <= to; t++)
        block(b, t, "req_total", service, "200", b->total += 100);
}

#define seen(b, want)                                                   \
    do {                                                                \
        ck_assert_str_eq((b)->log.len ? buf_str(&(b)->log) : "", want); \
        buf_clear(&(b)->log);                                           \
    } while (0)

#define EVERY "defaults { every = '1s' }\n"

static const char *const asking_for_less[] = {
    "alert 'A' { value = m.req_total:rate('1m'):by('service'), fire = below(50) }",
    "alert 'A' { value = m.req_total:count('1m'):by('service'), fire = below(30) }",
    "alert 'A' { value = m.req_total:increase('10s'):by('service') /\n"
    "  (m.req_total:increase('1m'):by('service') / 6), fire = outside(0.5, 2) }",
    "alert 'A' { fire = m.req_total{ code = '200' }:last():count_by():missing() }",
    "alert 'A' { value = m.req_total:last():max_by('service'), fire = equals(0),\n"
    "  missing = 'fire', expect = { { service = 'a' } } }",
    "alert 'A' { value = m.req_total:count('1m'):by('service') / 60, fire = at_most(0.5) }",
    "alert 'A' { value = m.req_total:rate('1m'):by('service'), fire = ~above(50) }",
    "alert 'A' { inputs = { r = m.req_total:rate('1m'):by('service') },\n"
    "  when = function(i) return i.r < 50 and 'P1' or 'ok' end }",
    "alert 'A' { value = m.req_total:count('1m'):by('service'):sum_by(), fire = below(30) }",
};
#define N_LESS ((int)(sizeof asking_for_less / sizeof *asking_for_less))

START_TEST(a_new_rule_does_not_page_in_healthy_traffic)
{
    struct bench *b = bench_new(false);
    char text[512];

    traffic(b, "a", 0, 100);
    snprintf(text, sizeof text, EVERY "%s", asking_for_less[_i]);
    put_rules(b, text, 100.5);
    rules_advance(b->rules, T0 + 100900);
    seen(b, "");
    traffic(b, "a", 100, 300);
    seen(b, "");
    bench_free(b);
}
END_TEST

START_TEST(a_new_group_of_a_running_rule_does_not_page_in_healthy_traffic)
{
    struct bench *b = bench_new(false);
    char text[512];

    snprintf(text, sizeof text, EVERY "%s", asking_for_less[_i]);
    put_rules(b, text, 0);
    traffic(b, "a", 0, 400);
    buf_clear(&b->log); /* of the expected group, which nobody had sent anything of, at its start */
    for (int t = 400; t < 500; t++) {
        traffic(b, "a", t, t + 1);
        block(b, t + 1.1, "req_total", "b", "200", 100 * (t - 399));
    }
    seen(b, "");
    bench_free(b);
}
END_TEST

/* Of hosts that report each 15 s the second comes 7 s after the first. */
static const char *const of_all_hosts[] = {
    "alert 'A' { value = m.x:last():avg_by(), fire = below(50) }",
    "alert 'A' { value = m.x:last():sum_by(), fire = below(60) }",
    "alert 'A' { value = m.x:last():max_by(), fire = below(50) }",
    "alert 'A' { value = m.x:last():max_by() - m.x:last():min_by(), fire = below(50) }",
    "alert 'A' { value = m.x:last():quantile_by(1), fire = below(50) }",
    "alert 'A' { fire = m.x:last():above(50):count_by():below(1) }",
    "alert 'A' { fire = m.x:last():above(50):share_by():below(0.4) }",
    "alert 'A' { inputs = { x = m.x:last():avg_by() },\n"
    "  when = function(i) return i.x < 50 and 'P1' or 'ok' end }",
};
#define N_HOSTS ((int)(sizeof of_all_hosts / sizeof *of_all_hosts))

static void hosts(struct bench *b, double from, double to, double x, double y)
{
    for (double t = from; t < to; t += 15) {
        block(b, t, "x", "a", "-", x);
        block(b, t + 7, "x", "b", "-", y);
    }
}

START_TEST(an_aggregation_without_some_of_its_members_does_not_page)
{
    struct bench *b = bench_new(false);

    put_rules(b, of_all_hosts[_i], 0);
    hosts(b, 1, 120, 10, 100);
    seen(b, "");
    bench_free(b);
}
END_TEST

START_TEST(an_aggregation_decides_as_soon_as_its_members_have_come_again)
{
    struct bench *b = bench_new(false);

    put_rules(b, of_all_hosts[_i], 0);
    hosts(b, 1, 16, 10, 10);
    rules_advance(b->rules, T0 + 15900);
    seen(b, "");
    hosts(b, 16, 31, 10, 10);
    seen(b, "A fired @16");
    bench_free(b);
}
END_TEST

START_TEST(what_was_measured_before_anybody_listened_settles_nothing)
{
    struct bench *b = bench_new(false);

    put_rules(b, of_all_hosts[_i], 300);
    for (int k = 0; k < 10; k++) /* a sender works off what it has kept, host by host */
        late_block(b, 301 + k * 0.1, 150 - 15 * k, "x", "a", "-", 10);
    rules_advance(b->rules, T0 + 314000);
    seen(b, "");
    for (int k = 0; k < 10; k++)
        late_block(b, 314 + k * 0.1, 150 - 15 * k, "x", "b", "-", 100);
    hosts(b, 316, 420, 10, 100);
    seen(b, "");
    bench_free(b);
}
END_TEST

START_TEST(members_that_do_not_come_again_are_awaited_for_a_minute)
{
    struct bench *b = bench_new(false);

    put_rules(b, of_all_hosts[_i], 0);
    block(b, 1, "x", "a", "-", 10);
    rules_advance(b->rules, T0 + 59000);
    seen(b, "");
    rules_advance(b->rules, T0 + 61000);
    seen(b, "A fired @60");
    bench_free(b);
}
END_TEST

START_TEST(what_a_function_says_of_values_that_do_not_count_yet_is_known)
{
    struct bench *b = bench_new(false);
    struct rule_verdict v;
    labelset none;

    put_rules(b, of_all_hosts[N_HOSTS - 1], 0);
    none = labelsets_empty(b->labels);
    ck_assert(!rule_when(rules_find(b->rules, "A"), none, &v));
    block(b, 1, "x", "a", "-", 10);
    ck_assert(rule_when(rules_find(b->rules, "A"), none, &v));
    ck_assert_int_eq(v.level, 1);
    ck_assert(rule_warming_until_ms(rules_find(b->rules, "A"), none, false) == T0 + 60000);
    hosts(b, 16, 31, 10, 10);
    ck_assert(rule_warming_until_ms(rules_find(b->rules, "A"), none, false) == 0);
    bench_free(b);
}
END_TEST

START_TEST(it_is_warm_after_its_window)
{
    struct bench *b = bench_new(false);

    put_rules(b,
              EVERY "alert 'A' { value = m.req_total:count('1m'):by('service'), fire = below(90) }",
              0.5);
    traffic(b, "a", 1, 60);
    seen(b, "");
    traffic(b, "a", 60, 62);
    seen(b, "A fired @61");
    bench_free(b);
}
END_TEST

START_TEST(more_than_fires_on_what_is_certain)
{
    struct bench *b = bench_new(false);

    put_rules(b,
              EVERY
              "alert 'A' { value = m.req_total:increase('1m'):by('service'), fire = above(450) }",
              0.5);
    traffic(b, "a", 0, 5);
    seen(b, "");
    traffic(b, "a", 5, 8);
    seen(b, "A fired @6");
    bench_free(b);
}
END_TEST

#define SHARE(min)                                                                       \
    EVERY "alert 'A' { value = ratio(m.req_total{ code = '500' }:increase('1m'):by(),\n" \
          "  m.req_total:increase('1m'):by(), { " min " }), fire = above('2%') }"

START_TEST(a_ratio_with_min_is_true_of_the_time_both_windows_saw)
{
    struct bench *b = bench_new(false);

    put_rules(b, SHARE("min = 20"), 0.5);
    for (int t = 1; t <= 5; t++) {
        block(b, t, "req_total", "a", "200", 100 * t);
        block(b, t + 0.1, "req_total", "a", "500", 20 * t);
    }
    ck_assert_ptr_nonnull(strstr(buf_str(&b->log), "A fired @2"));
    bench_free(b);
}
END_TEST

START_TEST(a_ratio_without_min_waits)
{
    struct bench *b = bench_new(false);

    put_rules(b, SHARE(""), 0.5);
    for (int t = 1; t <= 50; t++) {
        block(b, t, "req_total", "a", "200", 100 * t);
        block(b, t + 0.1, "req_total", "a", "500", 20 * t);
    }
    seen(b, "");
    bench_free(b);
}
END_TEST

START_TEST(an_expected_group_is_judged_when_the_window_is_full)
{
    struct bench *b = bench_new(false);

    put_rules(b,
              EVERY "alert 'A' { value = m.req_total:count('1m'):by('service'), fire = below(1),\n"
                    "  missing = 'fire', expect = { { service = 'a' } } }",
              0);
    rules_advance(b->rules, T0 + 59000);
    seen(b, "");
    rules_advance(b->rules, T0 + 61000);
    seen(b, "A fired @60");
    bench_free(b);
}
END_TEST

START_TEST(a_long_window_decides_once_the_shortest_was_seen)
{
    struct bench *b = bench_new(false);
    struct label service = label_of("service", "a");
    labelset group;

    put_rules(b,
              EVERY "alert 'A' { fire = m.req_total:count('6h'):by('service'):below(1e6)\n"
                    "  & m.req_total:count('1m'):by('service'):below(90) }",
              0.5);
    traffic(b, "a", 0, 60);
    seen(b, "");
    traffic(b, "a", 60, 62);
    seen(b, "A fired @61");
    /* and says until when its longest is not full */
    group = labelsets_find(b->labels, &service, 1);
    ck_assert_int_eq(rule_warming_until_ms(rules_find(b->rules, "A"), group, false), 0);
    ck_assert_int_eq(rule_warming_until_ms(rules_find(b->rules, "A"), group, true),
                     T0 + 6 * 3600 * 1000 + 500);
    bench_free(b);
}
END_TEST

START_TEST(a_firing_alert_stays_through_a_time_nobody_listened)
{
    struct bench *b = bench_new(false);

    put_rules(
        b,
        EVERY
        "alert 'A' { value = m.x:max('1m'):by('service'), fire = above(5), missing = 'clear' }",
        0);
    block(b, 1, "x", "a", "-", 9);
    seen(b, "A fired @1");
    windows_heard(b->windows, T0 + 1000, false);
    windows_heard(b->windows, T0 + 301000, true);
    rules_skip_to(b->rules, T0 + 300999);
    rules_advance(b->rules, T0 + 302000);
    seen(b, ""); /* it does not clear because nothing was heard */
    rules_advance(b->rules, T0 + 370000);
    seen(b, "A resolved @361");
    bench_free(b);
}
END_TEST

START_TEST(a_short_time_nobody_listened_uncovers_nothing)
{
    struct bench *b = bench_new(false);

    put_rules(b,
              EVERY "alert 'A' { value = m.req_total:count('10m'):by('service'), fire = below(1) }",
              0);
    windows_heard(b->windows, T0 + 600000, false);
    ck_assert(windows_covered(b->windows, 0, T0));
    windows_heard(b->windows, T0 + 750000, true); /* a quarter of the window */
    ck_assert(windows_covered(b->windows, 0, T0));
    windows_heard(b->windows, T0 + 900001, true); /* and more than that */
    ck_assert(!windows_covered(b->windows, 0, T0));
    ck_assert_int_eq(windows_covered_from_ms(b->windows, 0, SLOT_NONE), T0 + 900001);
    bench_free(b);
}
END_TEST

START_TEST(windows_of_rule_tests_count_as_seen)
{
    struct bench *b = bench_new(true);

    put_rules(b,
              EVERY "alert 'A' { value = m.req_total:count('1m'):by('service'), fire = below(30) }",
              0.5);
    traffic(b, "a", 0, 2);
    seen(b, "A fired @1");
    bench_free(b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, a_new_rule_does_not_page_in_healthy_traffic, 0, N_LESS);
    tcase_add_loop_test(t, a_new_group_of_a_running_rule_does_not_page_in_healthy_traffic, 0,
                        N_LESS);
    tcase_add_loop_test(t, an_aggregation_without_some_of_its_members_does_not_page, 0, N_HOSTS);
    tcase_add_loop_test(t, an_aggregation_decides_as_soon_as_its_members_have_come_again, 0,
                        N_HOSTS);
    tcase_add_loop_test(t, what_was_measured_before_anybody_listened_settles_nothing, 0, N_HOSTS);
    tcase_add_loop_test(t, members_that_do_not_come_again_are_awaited_for_a_minute, 0, N_HOSTS);
    tcase_add_test(t, what_a_function_says_of_values_that_do_not_count_yet_is_known);
    tcase_add_test(t, it_is_warm_after_its_window);
    tcase_add_test(t, more_than_fires_on_what_is_certain);
    tcase_add_test(t, a_ratio_with_min_is_true_of_the_time_both_windows_saw);
    tcase_add_test(t, a_ratio_without_min_waits);
    tcase_add_test(t, an_expected_group_is_judged_when_the_window_is_full);
    tcase_add_test(t, a_long_window_decides_once_the_shortest_was_seen);
    tcase_add_test(t, a_firing_alert_stays_through_a_time_nobody_listened);
    tcase_add_test(t, a_short_time_nobody_listened_uncovers_nothing);
    tcase_add_test(t, windows_of_rule_tests_count_as_seen);
}

UNIT_MAIN("warming", add)
