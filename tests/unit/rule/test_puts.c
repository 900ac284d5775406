/* Files of rules are built beside those that run, in pieces, and exchanged between two instants, in slices. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/rule.h"

#define T0 INT64_C(1767571200000) /* a tick */

struct bench {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    struct buf log;
    int64_t at_ms;
};

static struct bench b;

static void on_change(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    (void)at_ms;
    (void)arg;
    if (change == CHANGE_NONE)
        return;
    buf_addf(&b.log, "%s%s %s", b.log.len ? "; " : "", alert_rule_def(a->rule)->name,
             alert_change_names[change]);
    if (a->n_annotations)
        buf_addf(&b.log, " (%s)", a->annotations[0].value);
}

static void open_bench(void)
{
    struct windows_options windows = {.covered = true};
    struct alert_book_options book = {.changed = on_change};
    struct rules_options rules = {0};

    b = (struct bench){.at_ms = T0};
    rules.clock = b.clock = clock_virtual(T0);
    book.labels = rules.labels = b.labels = labelsets_new(0);
    windows.series = b.series = series_table_new(b.labels, 0);
    rules.windows = b.windows = windows_new(&windows);
    rules.book = b.book = alert_book_new(&book);
    b.rules = rules_new(&rules);
    rules_skip_to(b.rules, T0 - 1);
}

static void close_bench(void)
{
    rules_free(b.rules);
    alert_book_free(b.book);
    windows_free(b.windows);
    series_table_free(b.series);
    labelsets_free(b.labels);
    clock_free(b.clock);
    buf_free(&b.log);
}

static struct rulefile *load(const char *path, const char *text)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load(path, text, strlen(text), NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    return f;
}

static void put(const char *path, const char *text)
{
    struct rulefile *f = text ? load(path, text) : NULL;
    struct err e = {0};

    ck_assert_msg(rules_put(b.rules, path, f, b.at_ms, &e) == 0, "%s", e.text);
    rulefile_unref(f);
}

static void reload(const char *path, const char *text)
{
    put(path, text);
    rules_link(b.rules, b.at_ms);
}

/* A second later: one sample of `metric`. */
static void feed(const char *metric, double v)
{
    struct label l[] = {label_of("__name__", metric)};
    struct sample s = {.v = v, .weight = 1, .kind = SAMPLE_GAUGE};
    bool is_new;

    s.t_ms = b.at_ms += 1000;
    s.series = series_resolve(b.series, l, 1, "", SAMPLE_GAUGE, &is_new);
    rules_before_block(b.rules, b.at_ms);
    windows_apply(b.windows, b.at_ms, &s, 1, NULL, 0);
    rules_after_block(b.rules, b.at_ms, NULL, 0);
}

static void event(const char *service)
{
    struct label f[] = {label_of("message", service), label_of("service", service)};
    struct logevent e = {.fields = f, .n_fields = 2};

    e.t_ms = b.at_ms += 1000;
    rules_before_block(b.rules, b.at_ms);
    windows_apply(b.windows, b.at_ms, NULL, 0, &e, 1);
    rules_after_block(b.rules, b.at_ms, &e, 1);
}

static void seen(const char *want)
{
    ck_assert_str_eq(b.log.len ? buf_str(&b.log) : "", want);
    buf_clear(&b.log);
}

#define X_ABOVE(limit) "alert 'X' { value = m.x, fire = above(" #limit ") }\n"
#define Y_ABOVE(limit) "alert 'Y' { value = m.y, fire = above(" #limit ") }\n"

START_TEST(the_old_rules_judge_until_the_new_ones_are_exchanged_with_them)
{
    struct rulefile *f = load("a.lua", X_ABOVE(50) Y_ABOVE(1));
    struct err e = {0};

    open_bench();
    reload("a.lua", X_ABOVE(5));
    ck_assert_int_eq(rules_put_some(b.rules, "a.lua", f, b.at_ms, 1, &e), 0);
    feed("x", 9);
    feed("y", 9);
    seen("X fired");
    ck_assert_int_eq(rules_put_some(b.rules, "a.lua", f, b.at_ms, 1, &e), 1);
    feed("x", 1);
    feed("y", 9);
    seen("X resolved");
    ck_assert_uint_eq(rules_count(b.rules), 1);
    rules_exchange(b.rules, b.at_ms);
    ck_assert_uint_eq(rules_count(b.rules), 2);
    feed("x", 9);
    feed("y", 9);
    seen("Y fired");
    feed("x", 51);
    seen("X fired");
    ck_assert(rules_tidy(b.rules, b.at_ms, 1));
    rulefile_unref(f);
    close_bench();
}
END_TEST

/* All files at once: a rule may move between them, and names one that came with another. */
START_TEST(a_rule_that_moves_between_files_keeps_its_alert)
{
    open_bench();
    reload("a.lua", X_ABOVE(5));
    reload("b.lua", Y_ABOVE(5) "alert 'Z' { fire = firing('Y') }\n");
    feed("x", 9);
    seen("X fired");
    put("a.lua", Y_ABOVE(5));
    put("b.lua", X_ABOVE(5) "alert 'Z' { fire = firing('X') }\n");
    rules_link(b.rules, b.at_ms);
    feed("y", 9);
    seen("Y fired");
    feed("x", 1);
    seen("X resolved");
    feed("x", 9);
    seen("X fired; Z fired");
    close_bench();
}
END_TEST

START_TEST(a_file_that_is_given_up_half_way_leaves_what_ran)
{
    struct rulefile *f = load("a.lua", X_ABOVE(50) Y_ABOVE(1));
    struct err e = {0};

    open_bench();
    reload("a.lua", X_ABOVE(5));
    ck_assert_int_eq(rules_put_some(b.rules, "a.lua", f, b.at_ms, 1, &e), 0);
    reload("b.lua", "alert 'Z' { value = m.z, fire = above(5) }\n");
    ck_assert_uint_eq(rules_count(b.rules), 2);
    ck_assert_ptr_null(alert_rule_find(b.book, "Y"));
    feed("x", 9);
    feed("y", 9);
    seen("X fired");
    ck_assert_int_eq(rules_put_some(b.rules, "c.lua", f, b.at_ms, 1, &e), 0); /* at the end, too */
    rulefile_unref(f);
    close_bench();
}
END_TEST

START_TEST(rules_that_are_gone_are_ended_a_few_at_a_time)
{
    open_bench();
    reload("a.lua", X_ABOVE(5) Y_ABOVE(5));
    feed("x", 9);
    feed("y", 9);
    seen("X fired; Y fired");
    put("a.lua", NULL);
    rules_exchange(b.rules, b.at_ms);
    ck_assert_uint_eq(rules_count(b.rules), 0);
    feed("x", 1); /* nobody looks */
    seen("");
    ck_assert(!rules_tidy(b.rules, b.at_ms, 1));
    seen("X resolved");
    reload("b.lua", Y_ABOVE(5)); /* it is there again before it was ended */
    feed("y", 9);
    seen("");
    feed("y", 1);
    seen("Y resolved");
    ck_assert(rules_tidy(b.rules, b.at_ms, 1));
    close_bench();
}
END_TEST

/* What waits for the rest of its data goes on to do so while others come and go before it. */
START_TEST(what_waits_for_its_time_waits_through_a_reload)
{
    open_bench();
    reload("a.lua", X_ABOVE(5));
    reload("b.lua", "alert 'S' { value = m.x + m.y, fire = above(5), delay = '3s' }\n");
    feed("x", 0);
    feed("y", 0);
    feed("x", 9);
    seen("X fired");
    ck_assert_int_eq(rules_next_ms(b.rules), b.at_ms + 3000);
    reload("a.lua", "alert 'Z' { fire = firing('S') }\n");
    seen("X resolved");
    ck_assert_int_eq(rules_next_ms(b.rules), b.at_ms + 3000);
    rules_advance(b.rules, b.at_ms + 3000);
    seen("S fired; Z fired");
    close_bench();
}
END_TEST

#define ERRORS(name, service)                              \
    "alert '" name "' { value = logs{ service = '" service \
    "' }:count('1m'):by(), fire = above(0),\n"             \
    "  attach = { events = 1 }, summary = '{event_message}' }\n"

START_TEST(events_are_kept_by_the_rules_that_want_them_whatever_came_and_went)
{
    open_bench();
    reload("a.lua", ERRORS("A", "a"));
    reload("b.lua", ERRORS("B", "b"));
    reload("a.lua", X_ABOVE(5));
    reload("c.lua", ERRORS("C", "c") ERRORS("D", "d"));
    reload("d.lua", "alert 'Z' { fire = firing('D') }\n");
    event("b");
    event("a");
    event("d");
    event("c");
    seen("B fired (b); D fired (d); Z fired; C fired (c)");
    close_bench();
}
END_TEST

#define OF_MANY(name, i) "alert '" name #i "' { value = m.x, fire = above(" #i ") }\n"
#define OLD_FILE                         \
    OF_MANY("P", 1)                      \
    OF_MANY("P", 2)                      \
    "alert 'C' { fire = firing('D') }\n" \
    "alert 'D' { fire = firing('P2') }\n" ERRORS("A", "a") X_ABOVE(5)
#define NEW_FILE                                                                            \
    "alert 'C' { fire = firing('P2') }\n" OF_MANY("P", 2)                                   \
        OF_MANY("Q", 3) "alert 'R' { value = m.x, fire = above(1), renamed_from = 'P1' }\n" \
                        "alert 'E' { fire = firing('C') }\n" ERRORS("B", "b")

static void put_many(void)
{
    open_bench();
    put("a.lua", OLD_FILE);
    put("b.lua", Y_ABOVE(5));
    put("c.lua", OF_MANY("S", 4));
    rules_link(b.rules, b.at_ms);
    feed("x", 9);
    feed("y", 9);
    event("a");
    buf_clear(&b.log);
    put("a.lua", NEW_FILE);
    put("c.lua", NULL);
    put("d.lua", X_ABOVE(8) "alert 'Z' { fire = firing('Y') }\n");
}

/* Who asks meanwhile gets rules that are there, by place and by name. */
static void ask(void)
{
    struct rule_stats stats;

    ck_assert_uint_gt(rules_count(b.rules), 0);
    for (size_t i = 0; i < rules_count(b.rules); i++) {
        const struct rule *r = rules_at(b.rules, i);

        rule_stats(r, &stats);
        r = rules_find(b.rules, rule_definition(r)->name);
        ck_assert_ptr_nonnull(r);
        rule_stats(r, &stats);
    }
}

static void go_on(struct buf *out)
{
    while (!rules_tidy(b.rules, b.at_ms, 1))
        continue;
    for (size_t i = 0; i < rules_count(b.rules); i++)
        buf_addf(out, "%s ", rule_definition(rules_at(b.rules, i))->name);
    feed("x", 1);
    feed("y", 1);
    event("a");
    event("b");
    feed("x", 9);
    buf_adds(out, buf_str(&b.log));
}

START_TEST(an_exchange_in_slices_ends_as_one_in_one_go_and_leaves_what_is_asked_meanwhile)
{
    struct buf whole = BUF_INIT, sliced = BUF_INIT;
    size_t slices = 1;

    put_many();
    rules_exchange(b.rules, b.at_ms);
    go_on(&whole);
    close_bench();
    put_many();
    for (; !rules_exchange_some(b.rules, b.at_ms, 1); slices++)
        ask();
    ck_assert_uint_gt(slices, 50);
    go_on(&sliced);
    close_bench();
    ck_assert_str_eq(buf_str(&sliced), buf_str(&whole));
    ck_assert_ptr_nonnull(strstr(buf_str(&whole), "R fired"));
    buf_free(&whole);
    buf_free(&sliced);
}
END_TEST

START_TEST(a_program_may_end_in_any_slice_of_an_exchange)
{
    bool done = false;

    for (size_t n = 0; !done; n++) {
        put_many();
        for (size_t i = 0; i < n && !done; i++)
            done = rules_exchange_some(b.rules, b.at_ms, 1);
        close_bench();
    }
}
END_TEST

/* The clock steps between two slices: what came and what waits goes on from the new time. */
START_TEST(a_step_of_the_clock_in_an_exchange_moves_it_too)
{
    struct rule_stats stats;
    size_t n = 0;

    put_many();
    while (!rules_exchange_some(b.rules, b.at_ms, 1))
        if (++n == 10) {
            windows_shift(b.windows, 60000);
            rules_shift(b.rules, 60000);
            alert_book_shift(b.book, 60000);
            b.at_ms += 60000;
        }
    for (size_t i = 0; i < rules_count(b.rules); i++) {
        rule_stats(rules_at(b.rules, i), &stats);
        ck_assert_int_ge(stats.since_ms, T0);
        ck_assert_int_le(stats.since_ms, b.at_ms);
    }
    feed("x", 1);
    ck_assert_ptr_nonnull(strstr(buf_str(&b.log), "P2 resolved"));
    close_bench();
}
END_TEST

/* Whatever allocation fails: the file is refused and what ran goes on, or it runs whole. */
START_TEST(without_memory_a_file_is_refused_as_a_whole)
{
    struct rulefile *f =
        load("b.lua", Y_ABOVE(1) ERRORS("A", "a") "alert 'Z' { fire = firing('X') }\n");
    bool done = false;

    open_bench();
    reload("a.lua", X_ABOVE(5));
    for (long n = 1; !done; n++) {
        struct err e = {0};
        int rc;

        mem_fail_at(n);
        rc = rules_put(b.rules, "b.lua", f, b.at_ms, &e);
        done = !mem_failed();
        mem_fail_at(0);
        if (rc < 0)
            ck_assert_uint_eq(rules_count(b.rules), 1);
        rules_link(b.rules, b.at_ms);
        ck_assert_uint_eq(rules_count(b.rules), rc < 0 ? 1 : 4);
        feed("x", 9);
        feed("x", 1);
        seen(rc < 0 ? "X fired; X resolved" : "X fired; Z fired; X resolved; Z resolved");
        reload("b.lua", NULL);
    }
    rulefile_unref(f);
    close_bench();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, the_old_rules_judge_until_the_new_ones_are_exchanged_with_them);
    tcase_add_test(t, a_rule_that_moves_between_files_keeps_its_alert);
    tcase_add_test(t, a_file_that_is_given_up_half_way_leaves_what_ran);
    tcase_add_test(t, rules_that_are_gone_are_ended_a_few_at_a_time);
    tcase_add_test(t, what_waits_for_its_time_waits_through_a_reload);
    tcase_add_test(t, events_are_kept_by_the_rules_that_want_them_whatever_came_and_went);
    tcase_add_test(t,
                   an_exchange_in_slices_ends_as_one_in_one_go_and_leaves_what_is_asked_meanwhile);
    tcase_add_test(t, a_program_may_end_in_any_slice_of_an_exchange);
    tcase_add_test(t, a_step_of_the_clock_in_an_exchange_moves_it_too);
    tcase_add_test(t, without_memory_a_file_is_refused_as_a_whole);
}

UNIT_MAIN("puts", add)
