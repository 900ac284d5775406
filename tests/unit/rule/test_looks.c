/* When rules look, and what becomes of their rows: blocks at given receive times, and the changes
 * of alerts that come of them, written down as "rule{labels} change @second.millis". */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rule/attach.h"
#include "tocsin/rule.h"

#define T0 INT64_C(1767571200000) /* 2026-01-05 00:00 UTC, a tick */

struct bench {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    struct buf log; /* changes since the last seen() */
};

static void on_change(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct bench *b = arg;

    if (change == CHANGE_NONE)
        return;
    buf_addf(&b->log, "%s%s", b->log.len ? "; " : "", alert_rule_def(a->rule)->name);
    labelset_text(b->labels, a->group, &b->log);
    buf_addf(&b->log, " %s @%.1f", alert_change_names[change], (double)(at_ms - T0) / 1000);
    if (a->end_reason && strcmp(a->end_reason, "condition cleared") != 0)
        buf_addf(&b->log, " (%s)", a->end_reason);
}

/* With `slice_ns` each call of the engine ends after its first rule or batch of rows. */
static struct bench *bench_sliced(uint64_t slice_ns)
{
    struct bench *b = mem_zalloc(sizeof *b);
    struct windows_options windows = {.covered = true}; /* when they look, not what is cold */
    struct alert_book_options book = {.changed = on_change, .arg = b};
    struct rules_options rules = {.slice_ns = slice_ns};

    rules.clock = b->clock = slice_ns ? clock_system() : clock_virtual(T0);
    book.labels = rules.labels = b->labels = labelsets_new(0);
    windows.series = b->series = series_table_new(b->labels, 0);
    rules.windows = b->windows = windows_new(&windows);
    rules.book = b->book = alert_book_new(&book);
    b->rules = rules_new(&rules);
    rules_skip_to(b->rules, T0 - 1);
    return b;
}

static struct bench *bench_new(void)
{
    return bench_sliced(0);
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

static void put_rules(struct bench *b, const char *path, const char *text, double at)
{
    int64_t at_ms = T0 + (int64_t)(at * 1000);
    struct err e = {0};
    struct rulefile *f = text ? rulefile_load(path, text, strlen(text), NULL, &e) : NULL;

    ck_assert_msg(f || !text, "%s", e.text);
    ck_assert_msg(rules_put(b->rules, path, f, at_ms, &e) == 0, "%s", e.text);
    rulefile_unref(f);
    rules_link(b->rules, at_ms);
}

static struct bench *bench_of(const char *rules)
{
    struct bench *b = bench_new();

    put_rules(b, "a.lua", rules, 0);
    return b;
}

/* One gauge of one host, sent by `token` at `t`, in a block received at `recv`. */
static void block(struct bench *b, double recv, const char *token, const char *name,
                  const char *host, double t, double v)
{
    struct label l[] = {label_of("__name__", name), label_of("host", host)};
    int64_t recv_ms = T0 + (int64_t)(recv * 1000);
    struct sample s = {.t_ms = T0 + (int64_t)(t * 1000), .v = v, .weight = 1};
    bool is_new;

    s.series = series_resolve(b->series, l, 2, token, SAMPLE_GAUGE, &is_new);
    rules_before_block(b->rules, recv_ms);
    windows_apply(b->windows, recv_ms, &s, 1, NULL, 0);
    rules_after_block(b->rules, recv_ms, NULL, 0);
}

static void advance(struct bench *b, double to)
{
    rules_advance(b->rules, T0 + (int64_t)(to * 1000));
}

#define seen(b, want)                                                   \
    do {                                                                \
        ck_assert_str_eq((b)->log.len ? buf_str(&(b)->log) : "", want); \
        buf_clear(&(b)->log);                                           \
    } while (0)

/* --- instants --- */

START_TEST(one_leaf_looks_within_the_block)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x, fire = above(5) }");

    block(b, 10.2, "t", "x", "a", 10.1, 9);
    seen(b, "A{host=\"a\"} fired @10.2");
    block(b, 11.2, "t", "x", "b", 11.1, 1); /* nothing to tell, nothing remembered */
    block(b, 12.2, "t", "x", "a", 12.1, 1);
    seen(b, "A{host=\"a\"} resolved @12.2");
    block(b, 13.0, "t", "x", "a", 13.4, 9); /* its clock is ahead: it counts as of its receipt */
    seen(b, "A{host=\"a\"} fired @13.0");
    bench_free(b);
}
END_TEST

#define SLICED_GROUPS 3000
#define SLICED_RULES                                                                             \
    "alert \"A\" { value = m.x, fire = above(5), early = false, limit = 5000 } "                 \
    "alert \"B\" { value = m.x:last():max_by(), fire = above(5), early = false } "               \
    "alert \"C\" { fire = firing(\"A\", { by = {} }), early = false } "                          \
    "alert \"D\" { inputs = { x = m.x }, when = function(i) return i.x > 5 end, early = false, " \
    "limit = 5000 }"

static void feed_groups(struct bench *b)
{
    char host[16];

    for (int i = 0; i < SLICED_GROUPS; i++) {
        snprintf(host, sizeof host, "h%d", i);
        block(b, 1, "t", "x", host, 1, i % 3 == 0 ? 9 : 1);
    }
}

START_TEST(an_instant_in_slices_decides_what_one_in_one_go_decides)
{
    struct bench *whole = bench_of(SLICED_RULES), *sliced = bench_sliced(1);
    size_t calls = 0;

    put_rules(sliced, "a.lua", SLICED_RULES, 0);
    feed_groups(whole);
    feed_groups(sliced);
    ck_assert(rules_advance(whole->rules, T0 + 10000));
    while (!rules_advance(sliced->rules, T0 + 10000)) {
        ck_assert(rules_are_looking(sliced->rules));
        ck_assert_int_eq(rules_next_ms(sliced->rules), T0 + 10000);
        calls++;
    }
    ck_assert(!rules_are_looking(sliced->rules));
    ck_assert_uint_gt(calls, 2 * SLICED_GROUPS / 256);
    ck_assert_uint_gt(whole->log.len, SLICED_GROUPS);
    ck_assert_str_eq(buf_str(&sliced->log), buf_str(&whole->log));
    bench_free(whole);
    bench_free(sliced);
}
END_TEST

START_TEST(without_early_only_ticks_look)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x, fire = above(5), early = false }");

    block(b, 10.2, "t", "x", "a", 10.1, 9);
    seen(b, "");
    ck_assert_int_eq(rules_next_ms(b->rules), T0 + 20000);
    advance(b, 19.9);
    seen(b, "");
    advance(b, 20);
    seen(b, "A{host=\"a\"} fired @20.0");
    bench_free(b);
}
END_TEST

static struct bench *two_leaves(void)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x - m.y, fire = above(5) }");

    block(b, 1.0, "p", "x", "a", 1, 1);
    block(b, 1.2, "q", "y", "a", 1, 1);
    seen(b, "");
    return b;
}

START_TEST(two_leaves_wait_for_the_other_half)
{
    struct bench *b = two_leaves();

    block(b, 11.0, "p", "x", "a", 11, 9); /* 9 - 1 would fire */
    seen(b, "");
    block(b, 12.5, "q", "y", "a", 11, 8);
    seen(b, "");
    block(b, 21.0, "q", "y", "a", 21, 1); /* its own turn, the other way round */
    seen(b, "");
    block(b, 21.3, "p", "x", "a", 21, 9);
    seen(b, "A{host=\"a\"} fired @21.3");
    bench_free(b);
}
END_TEST

START_TEST(two_leaves_wait_no_longer_than_delay)
{
    struct bench *b = two_leaves();

    block(b, 11.0, "p", "x", "a", 11, 9);
    ck_assert_int_eq(rules_next_ms(b->rules), T0 + 16000);
    advance(b, 15.999);
    seen(b, "");
    advance(b, 16.0);
    seen(b, "A{host=\"a\"} fired @16.0");
    bench_free(b);
}
END_TEST

START_TEST(a_tick_leaves_out_who_waits)
{
    struct bench *b = two_leaves();

    block(b, 2.0, "p", "x", "b", 2, 9);
    block(b, 2.1, "q", "y", "b", 2, 1);
    seen(b, "A{host=\"b\"} fired @2.1");
    block(b, 18.0, "p", "x", "a", 18, 9);
    advance(b, 20); /* looks at b alone */
    seen(b, "");
    advance(b, 22.999);
    seen(b, "");
    advance(b, 23);
    seen(b, "A{host=\"a\"} fired @23.0");
    bench_free(b);
}
END_TEST

START_TEST(replay_decides_nothing_that_was_decided)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x, fire = above(5) }");

    rules_decide_after(b->rules, T0 + 30000);
    block(b, 10.2, "t", "x", "a", 10.1, 9);
    advance(b, 30);
    seen(b, "");
    ck_assert_int_eq(alert_book_evaluated_to(b->book), 0);
    block(b, 30.001, "t", "x", "b", 30, 9); /* the windows are full: the next instants decide */
    seen(b, "A{host=\"b\"} fired @30.0");
    advance(b, 40);
    seen(b, "A{host=\"a\"} fired @40.0");
    bench_free(b);
}
END_TEST

START_TEST(time_never_goes_back)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x, fire = above(5) }");

    advance(b, 40);
    ck_assert_int_eq(rules_now_ms(b->rules), T0 + 40000);
    block(b, 35, "t", "x", "a", 34, 9); /* the clock of who received it was behind */
    seen(b, "A{host=\"a\"} fired @40.0");
    ck_assert_int_eq(rules_now_ms(b->rules), T0 + 40000);
    advance(b, 20);
    ck_assert_int_eq(rules_now_ms(b->rules), T0 + 40000);
    bench_free(b);
}
END_TEST

/* A sender whose clock is a minute ahead: T stays, other rules see their own data, and a restart
 * decides from where the last run really was. */
START_TEST(no_sender_moves_the_clock_of_others)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x:max(\"30s\"), fire = above(5) }\n"
                               "alert \"B\" { value = m.y, fire = above(5) }");

    block(b, 10.2, "p", "x", "a", 10.1, 9);
    seen(b, "A{host=\"a\"} fired @10.2");
    block(b, 11, "q", "y", "b", 71, 9); /* a minute ahead, the bound */
    seen(b, "B{host=\"b\"} fired @11.0");
    ck_assert_int_eq(rules_now_ms(b->rules), T0 + 11000);
    ck_assert_int_eq(alert_book_evaluated_to(b->book), T0 + 11000);
    advance(b, 30); /* within the window of A, if its clock is its own */
    seen(b, "");
    block(b, 31, "q", "y", "b", 91.001, 1); /* one beside the bound */
    seen(b, "B{host=\"b\"} resolved @31.0");
    ck_assert_int_eq(rules_now_ms(b->rules), T0 + 31000);
    block(b, 32, "p", "x", "a", 32, 1);
    ck_assert_int_eq(alert_book_evaluated_to(b->book), T0 + 32000);
    bench_free(b);
}
END_TEST

START_TEST(dependents_look_at_the_same_instant)
{
    struct bench *b = bench_of("alert \"B\" { fire = firing(\"A\", { by = { \"host\" } }) }\n"
                               "alert \"A\" { value = m.x, fire = above(5) }");

    block(b, 10.2, "t", "x", "a", 10.1, 9);
    seen(b, "A{host=\"a\"} fired @10.2; B{host=\"a\"} fired @10.2");
    block(b, 13.2, "t", "x", "a", 13.1, 1);
    seen(b, "A{host=\"a\"} resolved @13.2; B{host=\"a\"} resolved @13.2");
    bench_free(b);
}
END_TEST

/* --- groups of several series --- */

/* x{host, core}, a series a core, each in a block of its own. */
static void core(struct bench *b, double at, const char *host, int core, double v)
{
    char number[8] = "";
    struct label l[] = {label_of("__name__", "x"), label_of("core", number),
                        label_of("host", host)};
    int64_t at_ms = T0 + (int64_t)(at * 1000);
    struct sample s = {.t_ms = at_ms, .v = v, .weight = 1};
    bool is_new;

    snprintf(number, sizeof number, "%d", core);
    l[1] = label_of("core", number);
    s.series = series_resolve(b->series, l, 3, "t", SAMPLE_GAUGE, &is_new);
    rules_before_block(b->rules, at_ms);
    windows_apply(b->windows, at_ms, &s, 1, NULL, 0);
    rules_after_block(b->rules, at_ms, NULL, 0);
}

/* What looks when the third and last core of a host has reported, and not before. */
static void check_completed(const char *rule, const char *fired)
{
    struct bench *b = bench_of(rule);

    for (int i = 0; i < 3; i++) /* the first interval: nobody knows yet who is to come */
        core(b, 1 + i * 0.1, "a", i, 1);
    advance(b, 10);
    buf_clear(&b->log);
    core(b, 11, "a", 0, 9);
    seen(b, "");
    core(b, 11.1, "a", 1, 9);
    seen(b, "");
    core(b, 11.2, "a", 2, 9);
    seen(b, fired);
    bench_free(b);
}

START_TEST(aggregations_look_when_their_group_is_complete)
{
    check_completed("alert \"A\" { value = m.x:last():max_by(\"host\"), fire = above(5) }",
                    "A{host=\"a\"} fired @11.2");
    check_completed("alert \"A\" { value = m.x:last():avg_by(), fire = above(5) }",
                    "A{} fired @11.2");
    check_completed(
        "alert \"A\" { value = m.x:last():quantile_by(0.5, \"host\"), fire = above(5) }",
        "A{host=\"a\"} fired @11.2");
    check_completed("alert \"A\" { value = m.x:avg(\"1s\"):by(\"host\"), fire = above(5) }",
                    "A{host=\"a\"} fired @11.2");
    check_completed(
        "alert \"A\" { value = m.x:last():max_by(\"core\", \"host\"):sum_by(\"host\"),\n"
        "  fire = above(20) }",
        "A{host=\"a\"} fired @11.2");
    check_completed("alert \"A\" { fire = m.x:above(5):share_by(\"host\"):above(\"90%\") }",
                    "A{host=\"a\"} fired @11.2");
}
END_TEST

START_TEST(functions_look_when_their_group_is_complete)
{
    check_completed("alert \"A\" { inputs = { v = m.x:last():min_by(\"host\") },\n"
                    "  when = function(i) return i.v > 5 and \"P1\" or \"ok\", i.v end }",
                    "A{host=\"a\"} fired @11.2");
    /* what it keeps from look to look advances with ticks */
    check_completed(
        "alert \"A\" { inputs = { v = m.x:last():min_by(\"host\") }, state = { n = 0 },\n"
        "  when = function(i, g) g.state.n = g.state.n + 1\n"
        "    return i.v > 5 and \"P1\" or \"ok\" end }",
        "");
}
END_TEST

START_TEST(firing_looks_in_the_instant_of_the_rule_it_names)
{
    check_completed("alert \"B\" { fire = firing(\"A\", { by = { \"host\" } }) }\n"
                    "alert \"A\" { value = m.x:last():min_by(\"host\"), fire = above(5) }",
                    "A{host=\"a\"} fired @11.2; B{host=\"a\"} fired @11.2");
}
END_TEST

START_TEST(an_early_rule_that_wants_no_early_looks_waits_for_its_tick)
{
    check_completed(
        "alert \"A\" { value = m.x:last():max_by(\"host\"), fire = above(5), early = false }", "");
}
END_TEST

START_TEST(an_incomplete_group_waits_no_longer_than_delay)
{
    struct bench *b =
        bench_of("alert \"A\" { value = m.x:last():max_by(\"host\"), fire = above(5) }");

    for (int i = 0; i < 3; i++)
        core(b, 1 + i * 0.1, "a", i, 1);
    core(b, 3, "b", 0, 9); /* a group of one: at once */
    seen(b, "A{host=\"b\"} fired @3.0");
    core(b, 17, "a", 0, 9); /* the others have ended */
    advance(b, 20);         /* a tick leaves it out too */
    seen(b, "");
    ck_assert_int_eq(rules_next_ms(b->rules), T0 + 22000);
    advance(b, 21.999);
    seen(b, "");
    advance(b, 22);
    seen(b, "A{host=\"a\"} fired @22.0");
    core(b, 27, "a", 0, 1); /* from now on a group of one */
    seen(b, "A{host=\"a\"} resolved @27.0");
    bench_free(b);
}
END_TEST

/* A total that many rows share holds them back while its round is open, and wakes them. */
START_TEST(a_shared_total_wakes_the_rows_that_wait_for_it)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x:last():max_by(\"host\") /\n"
                               "  m.x:last():sum_by(), fire = above(\"90%\") }");

    for (int at = 1; at <= 11; at += 10) {
        core(b, at, "a", 0, 1);
        core(b, at + 0.1, "b", 0, 1);
    }
    advance(b, 20);
    buf_clear(&b->log);
    core(b, 21, "a", 0, 99); /* 99 of 100 with the old b; b may have risen as well */
    seen(b, "");
    core(b, 21.1, "b", 0, 1);
    seen(b, "A{host=\"a\"} fired @21.1");
    core(b, 31.1, "b", 0, 99); /* the other way round */
    seen(b, "");
    core(b, 31.2, "a", 0, 1);
    seen(b, "A{host=\"a\"} resolved @31.2; A{host=\"b\"} fired @31.2");
    bench_free(b);
}
END_TEST

/* A group that was forgotten and is seen again is looked at like any other. */
START_TEST(a_group_that_comes_back_looks_early_again)
{
    struct bench *b =
        bench_of("alert \"A\" { value = m.x:last():max_by(\"host\"), fire = above(5) }");

    core(b, 1, "b", 0, 1);
    core(b, 2, "a", 0, 1);
    core(b, 3590, "a", 0, 1);
    windows_expire(b->windows, T0 + 3700000, 1000, NULL, NULL);
    advance(b, 3710);
    core(b, 3711, "b", 0, 9);
    seen(b, "A{host=\"b\"} fired @3711.0");
    bench_free(b);
}
END_TEST

/* What an early look computes for the groups it looks at is what a whole one would. */
START_TEST(a_part_is_computed_like_the_whole)
{
    static const char *const hosts[] = {"a", "b", "c"};
    struct bench *b = bench_of(
        "alert \"S\" { value = m.x:last():sum_by(\"host\"), fire = above(1000) }\n"
        "alert \"Q\" { value = m.x:last():quantile_by(1, \"host\"), fire = above(1000) }\n"
        "alert \"T\" { value = m.x:last():max_by(\"host\"):sum_by(), fire = above(1000) }");
    double last[3][4] = {{0}}, sum, most, total;
    uint32_t seed = 7;

    for (int step = 0; step < 400; step++) {
        int h = (int)((seed = seed * 1664525 + 1013904223) >> 16) % 3, c = (int)(seed >> 24) % 4;
        double got;

        last[h][c] = (seed >> 8) % 100 + 1;
        core(b, 1 + step * 0.05, hosts[h], c, last[h][c]);
        total = 0;
        for (int i = 0; i < 3; i++) {
            struct label l = label_of("host", hosts[i]);
            labelset group = labelsets_find(b->labels, &l, 1);

            sum = most = 0;
            for (int k = 0; k < 4; k++) {
                sum += last[i][k];
                most = last[i][k] > most ? last[i][k] : most;
            }
            total += most;
            if (most == 0)
                continue;
            ck_assert(rule_value(rules_find(b->rules, "S"), group, &got));
            ck_assert_double_eq(got, sum);
            ck_assert(rule_value(rules_find(b->rules, "Q"), group, &got));
            ck_assert_double_eq(got, most);
        }
        ck_assert(rule_value(rules_find(b->rules, "T"), labelsets_empty(b->labels), &got));
        ck_assert_double_eq(got, total);
    }
    bench_free(b);
}
END_TEST

/* --- reloads --- */

START_TEST(a_reload_keeps_what_is_on)
{
    static const char text[] = "alert \"A\" { value = m.x, fire = above(5), lasting = \"30s\" }";
    struct bench *b = bench_of(text);

    block(b, 10, "t", "x", "a", 10, 9);
    seen(b, "A{host=\"a\"} pending @10.0");
    put_rules(b, "a.lua", text, 20); /* the same, so its time runs on */
    advance(b, 30);
    seen(b, "");
    advance(b, 40);
    seen(b, "A{host=\"a\"} fired @40.0");
    put_rules(b, "b.lua", "alert \"B\" { value = m.y, fire = above(5) }", 41);
    seen(b, "");
    put_rules(b, "a.lua", NULL, 45);
    seen(b, "A{host=\"a\"} resolved @45.0 (rule removed)");
    ck_assert_ptr_null(rules_find(b->rules, "A"));
    ck_assert_uint_eq(rules_count(b->rules), 1);
    bench_free(b);
}
END_TEST

START_TEST(a_rule_may_move_between_files)
{
    static const char text[] = "alert \"A\" { value = m.x, fire = above(5) }";
    struct bench *b = bench_of(text);
    struct err e = {0};
    struct rulefile *f = rulefile_load("b.lua", text, strlen(text), NULL, &e);

    block(b, 10, "t", "x", "a", 10, 9);
    seen(b, "A{host=\"a\"} fired @10.0");
    ck_assert_int_eq(rules_put(b->rules, "a.lua", NULL, T0 + 15000, &e), 0);
    ck_assert_int_eq(rules_put(b->rules, "b.lua", f, T0 + 15000, &e), 0);
    rules_link(b->rules, T0 + 15000);
    rulefile_unref(f);
    advance(b, 20);
    seen(b, "");
    block(b, 21, "t", "x", "a", 21, 1);
    seen(b, "A{host=\"a\"} resolved @21.0");
    bench_free(b);
}
END_TEST

/* --- functions that fail --- */

START_TEST(a_failing_function_is_quarantined)
{
    struct bench *b = bench_of(
        "alert \"W\" { inputs = { x = m.x }, when = function(i)\n"
        "  if i.x == 12345 then error(\"no\") end return i.x > 5 and \"P2\" or \"ok\" end }\n"
        "alert \"A\" { value = m.x, fire = above(5) }");
    const struct rule *w = rules_find(b->rules, "W");
    struct rule_stats s;

    for (int host = 0; host < 3; host++) /* one of four fails: less than half */
        block(b, 1, "t", "x", (const char *[]){"a", "b", "c"}[host], 1, 1);
    block(b, 1, "t", "x", "d", 1, 12345);
    seen(b, "A{host=\"d\"} fired @1.0");
    advance(b, 20);
    rule_stats(w, &s);
    ck_assert_uint_eq(s.errors, 3); /* one early, two ticks */
    ck_assert(!s.broken);
    advance(b, 30); /* the third bad tick */
    rule_stats(w, &s);
    ck_assert(s.broken && *s.error);
    ck_assert_int_eq(s.retry_ms, T0 + 90000);
    block(b, 31, "t", "x", "a", 31, 9);
    seen(b, "A{host=\"a\"} fired @31.0"); /* the others go on */
    block(b, 35, "t", "x", "d", 35, 1);
    seen(b, "A{host=\"d\"} resolved @35.0");
    advance(b, 80);
    seen(b, "");
    advance(b, 90); /* tried again: it works */
    seen(b, "W{host=\"a\"} fired @90.0");
    rule_stats(w, &s);
    ck_assert(!s.broken);
    bench_free(b);
}
END_TEST

/* --- rows --- */

START_TEST(expected_groups_have_rows)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x:since_last():by(\"host\"), "
                               "fire = above(25), expect = { { host = \"a\" } } }");

    advance(b, 20);
    seen(b, "");
    advance(b, 30);
    seen(b, "A{host=\"a\"} fired @30.0");
    block(b, 31, "t", "x", "a", 31, 1);
    seen(b, "A{host=\"a\"} resolved @31.0");
    bench_free(b);
}
END_TEST

START_TEST(totals_have_a_row_from_the_start)
{
    struct bench *b = bench_of(
        "alert \"A\" { value = m.x:max(\"1m\"):by(), fire = above(5), missing = \"fire\" }");

    advance(b, 10);
    seen(b, "A{} fired @0.0");
    block(b, 11, "t", "x", "a", 11, 1);
    seen(b, "A{} resolved @11.0");
    bench_free(b);
}
END_TEST

START_TEST(limit_keeps_who_came_first)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x, fire = above(5), limit = 2 }");
    struct rule_stats s;

    block(b, 1, "t", "x", "a", 1, 9);
    block(b, 2, "t", "x", "b", 2, 9);
    block(b, 3, "t", "x", "c", 3, 9);
    seen(b, "A{host=\"a\"} fired @1.0; A{host=\"b\"} fired @2.0");
    advance(b, 10);
    rule_stats(rules_find(b->rules, "A"), &s);
    ck_assert_uint_eq(s.overflow, 1);
    block(b, 11, "t", "x", "a", 11, 1); /* makes room */
    advance(b, 20);
    seen(b, "A{host=\"a\"} resolved @11.0; A{host=\"c\"} fired @20.0");
    bench_free(b);
}
END_TEST

START_TEST(rows_go_with_their_groups)
{
    struct bench *b = bench_of("alert \"A\" { value = m.x, fire = above(5), forget = \"3h\" }");
    int64_t later_ms = T0 + INT64_C(2) * 3600 * 1000;
    struct rule_stats s;

    block(b, 1, "t", "x", "quiet", 1, 1);
    block(b, 2, "t", "x", "fires", 2, 9);
    seen(b, "A{host=\"fires\"} fired @2.0");
    advance(b, 10);
    rule_stats(rules_find(b->rules, "A"), &s);
    ck_assert_uint_eq(s.groups, 2);
    windows_expire(b->windows, later_ms, 1000, NULL, NULL);
    rules_skip_to(b->rules, later_ms);
    rules_advance(b->rules, later_ms + 10000);
    rule_stats(rules_find(b->rules, "A"), &s);
    ck_assert_uint_eq(s.groups, 1); /* the one with an alert stays, without data */
    seen(b, "A{host=\"fires\"} no data @7210.0");
    rules_skip_to(b->rules, T0 + 10801999);
    rules_advance(b->rules, T0 + 10810000);
    seen(b, "A{host=\"fires\"} forgotten @10810.0 (forgotten)");
    rules_advance(b->rules, T0 + 10820000);
    rule_stats(rules_find(b->rules, "A"), &s);
    ck_assert_uint_eq(s.groups, 0);
    bench_free(b);
}
END_TEST

/* --- events for messages --- */

static struct attachments attached_to(struct bench *b, const char *rule)
{
    struct attachments a;

    ck_assert_int_eq(
        attachments_init(&a, rule_definition(rules_find(b->rules, rule)), b->labels, NULL), 0);
    return a;
}

static void note(struct bench *b, struct attachments *a, const char *host, const char *text,
                 int64_t t_ms)
{
    struct label group = label_of("host", host);
    struct label fields[] = {label_of("api_key", "s3cret"), label_of("host", host),
                             label_of("level", "ERROR"), label_of("message", text),
                             label_of("X-Auth-Token", "s3cret")};
    struct logevent e = {.t_ms = t_ms, .fields = fields};

    e.n_fields = (uint32_t)labels_sort(fields, 5);
    ck_assert_uint_ne(labelsets_intern(b->labels, &group, 1), LABELSET_NONE);
    attachments_note(a, &e);
}

static char *shown(struct attachments *a, struct bench *b, const char *host)
{
    struct label group = label_of("host", host);
    struct buf text = BUF_INIT;
    struct json j = json_into(&text);

    attachments_json(a, labelsets_find(b->labels, &group, 1), &j);
    return buf_take(&text, NULL);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    while ((text = strstr(text, part))) {
        n++;
        text += strlen(part);
    }
    return n;
}

#define LOG_RULE                                                                          \
    "alert \"A\" { value = logs{ level = \"ERROR\" }:count(\"1m\"):by(\"host\"), fire = " \
    "above(5), "                                                                          \
    "attach = { events = 3 } }\n"                                                         \
    "alert \"N\" { value = m.x, fire = above(5) }"

START_TEST(events_are_kept_without_secrets)
{
    struct bench *b = bench_of(LOG_RULE);
    struct attachments a = attached_to(b, "A"), none = attached_to(b, "N");
    char *text;

    ck_assert_ptr_null(none.from);
    note(b, &none, "a", "no rule asks for it", T0);
    note(b, &a, "a", "first", T0 + 1);
    note(b, &a, "a", "second", T0 + 2);
    note(b, &a, "b", "elsewhere", T0 + 3);
    text = shown(&a, b, "a");
    ck_assert_ptr_null(strstr(text, "s3cret"));
    ck_assert_uint_eq(count_of(text, "[redacted]"), 4);
    ck_assert(strstr(text, "second") < strstr(text, "first")); /* newest first */
    ck_assert_ptr_null(strstr(text, "elsewhere"));
    mem_free(text);
    attachments_clear(&a);
    attachments_clear(&none);
    bench_free(b);
}
END_TEST

START_TEST(secrets_in_values_never_reach_what_is_kept)
{
    static const char *const own[] = {"acme-*"};
    struct redact_also also = {own, 1};
    struct bench *b = bench_of(LOG_RULE);
    struct attachments a = attached_to(b, "A");
    char *text;

    a.redact = &also;
    note(b, &a, "a", "login failed: password='s3cret word' for bob", T0);
    note(b, &a, "a", "GET https://bob:s3cret@db/?token=s3cret acme-s3cret took 3 s", T0 + 1);
    text = shown(&a, b, "a");
    ck_assert_ptr_null(strstr(text, "s3cret"));
    ck_assert_ptr_nonnull(strstr(text, "for bob"));
    ck_assert_ptr_nonnull(strstr(text, "took 3 s"));
    mem_free(text);
    attachments_clear(&a);
    bench_free(b);
}
END_TEST

START_TEST(events_are_bounded)
{
    struct bench *b = bench_of(LOG_RULE);
    struct attachments a = attached_to(b, "A");
    char *longest = mem_alloc(5001), *text, host[16];

    memset(longest, 'x', 5000);
    longest[5000] = 0;
    for (int i = 1; i <= 4; i++)
        note(b, &a, "a", i == 4 ? longest : i == 1 ? "oldest" : "middle", T0 + i);
    text = shown(&a, b, "a");
    ck_assert_uint_eq(count_of(text, "\"time\""), 3);
    ck_assert_ptr_null(strstr(text, "oldest"));
    ck_assert_uint_eq(count_of(text, "x"), 1024); /* of one value */
    mem_free(text);
    for (int i = 0; i < ATTACH_GROUPS_MAX + 5; i++) {
        snprintf(host, sizeof host, "h%d", i);
        note(b, &a, host, "m", T0 + 10 + i);
    }
    ck_assert_uint_eq(map_count(a.groups), ATTACH_GROUPS_MAX);
    mem_free(longest);
    attachments_clear(&a);
    bench_free(b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, one_leaf_looks_within_the_block);
    tcase_add_test(t, an_instant_in_slices_decides_what_one_in_one_go_decides);
    tcase_add_test(t, without_early_only_ticks_look);
    tcase_add_test(t, two_leaves_wait_for_the_other_half);
    tcase_add_test(t, two_leaves_wait_no_longer_than_delay);
    tcase_add_test(t, a_tick_leaves_out_who_waits);
    tcase_add_test(t, replay_decides_nothing_that_was_decided);
    tcase_add_test(t, time_never_goes_back);
    tcase_add_test(t, no_sender_moves_the_clock_of_others);
    tcase_add_test(t, aggregations_look_when_their_group_is_complete);
    tcase_add_test(t, functions_look_when_their_group_is_complete);
    tcase_add_test(t, firing_looks_in_the_instant_of_the_rule_it_names);
    tcase_add_test(t, an_early_rule_that_wants_no_early_looks_waits_for_its_tick);
    tcase_add_test(t, an_incomplete_group_waits_no_longer_than_delay);
    tcase_add_test(t, a_shared_total_wakes_the_rows_that_wait_for_it);
    tcase_add_test(t, a_group_that_comes_back_looks_early_again);
    tcase_add_test(t, a_part_is_computed_like_the_whole);
    tcase_add_test(t, dependents_look_at_the_same_instant);
    tcase_add_test(t, a_reload_keeps_what_is_on);
    tcase_add_test(t, a_rule_may_move_between_files);
    tcase_add_test(t, a_failing_function_is_quarantined);
    tcase_add_test(t, expected_groups_have_rows);
    tcase_add_test(t, totals_have_a_row_from_the_start);
    tcase_add_test(t, limit_keeps_who_came_first);
    tcase_add_test(t, rows_go_with_their_groups);
    tcase_add_test(t, events_are_kept_without_secrets);
    tcase_add_test(t, secrets_in_values_never_reach_what_is_kept);
    tcase_add_test(t, events_are_bounded);
}

UNIT_MAIN("looks", add)
