/* First windows of new leaves, from a journal by hand: what is in it, when it is read, and how it fails, the
 * test says. */
#include "stage.h"

#include "app/fill.h"
#include "base/log.h"
#include "base/mem.h"

#define HELD     60 /* blocks in the journal when the leaf is made, one a second, of 1 each */
#define BLOCKS   200
#define SUM(w)   "alert 'A' { value = m.hits:sum('" w "'):by('g'), fire = above(1000) }"
#define IN_FRONT INT64_C(1000)

static struct clock *clock_of_test;
static struct labelsets *labels;
static struct series_table *series;
static struct windows *windows;
static struct fills *fills;
static struct rulefile *rules;
static unsigned lines;

/* --- the journal --- */

static struct sample samples[BLOCKS];
static struct journal_block blocks[BLOCKS];
static size_t n_blocks;
static int64_t moved_ms; /* what the clock has stepped by since */

static struct scan {
    void (*block)(const struct journal_block *b, void *arg);
    void (*done)(const struct err *e, void *arg);
    void *arg;
} scan;
static unsigned scans;

int journal_id_compare(struct journal_id a, struct journal_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

void journal_scan(struct journal *j, int64_t from_ms, int64_t to_ms,
                  void (*block)(const struct journal_block *b, void *arg),
                  void (*done)(const struct err *e, void *arg), void *arg)
{
    ck_assert_ptr_nonnull(j);
    ck_assert(!scan.done); /* one at a time */
    ck_assert(from_ms == 0 && to_ms == INT64_MAX);
    scan = (struct scan){block, done, arg};
    scans++;
}

static struct journal_id id_at(size_t i)
{
    return (struct journal_id){.ms = (uint64_t)(T0 + IN_FRONT + (int64_t)i * SEC)};
}

/* --- the loop --- */

static bool works, held;

static void has_work(void *arg)
{
    (void)arg;
    works = true;
}

static bool hold(void *arg)
{
    (void)arg;
    ck_assert(!held);
    return held = true;
}

static void release(void *arg)
{
    (void)arg;
    ck_assert(held);
    held = false;
}

/* Turns until nothing but reading is left. */
static void work_off(void)
{
    while (works)
        works = fills_work(fills);
    ck_assert(!held);
}

/* The next block, as it is received: it is applied, and stands in the journal. */
static void receive(void)
{
    struct label l[] = {label_of("__name__", "hits"), label_of("g", "one")};
    int64_t at_ms = T0 + IN_FRONT + (int64_t)n_blocks * SEC + moved_ms;
    struct sample *s = &samples[n_blocks];
    bool is_new;

    ck_assert(!held);
    *s = (struct sample){.t_ms = at_ms, .v = 1, .weight = 1, .kind = SAMPLE_DELTA};
    s->series = series_resolve(series, l, 2, "t", SAMPLE_DELTA, &is_new);
    ck_assert(s->series != SERIES_NONE);
    blocks[n_blocks] = (struct journal_block){
        .id = id_at(n_blocks), .recv_ms = at_ms, .samples = s, .n_samples = 1};
    n_blocks++;
    engine_fill(windows, &(struct engine_block){.recv_ms = at_ms, .samples = s, .n_samples = 1});
}

static void receive_many(size_t n)
{
    while (n-- > 0)
        receive();
}

/* The journal gives all that it holds; `why`: it fails then. */
static void read_journal(const char *why)
{
    struct scan now = scan;
    struct err e = {0};

    ck_assert_ptr_nonnull(now.done);
    for (size_t i = 0; i < n_blocks; i++)
        now.block(&blocks[i], now.arg);
    scan = (struct scan){0};
    if (why)
        err_set(&e, ERR_IO, "%s", why);
    now.done(why ? &e : NULL, now.arg);
    work_off();
}

/* --- the leaves --- */

static void count_line(const char *line, void *arg)
{
    (void)line, (void)arg;
    lines++;
}

static void setup(void)
{
    struct windows_options o = {0};
    struct fills_options f = {0};

    static int64_t born_ms = T0;

    clock_of_test = clock_virtual(born_ms += 3600 * SEC); /* lines that repeat are told again */
    log_setup(LOG_LEVEL_INFO, false, clock_of_test);
    labels = labelsets_new(0);
    o.series = series = series_table_new(labels, 0);
    windows = windows_new(&o);
    f.journal = (struct journal *)(uintptr_t)1;
    f.windows = windows;
    f.series = series;
    f.work = has_work;
    f.hold = hold;
    f.release = release;
    fills = fills_new(&f);
    ck_assert(windows && fills);
    n_blocks = 0;
    moved_ms = 0;
    scans = lines = 0;
    works = held = false;
    scan = (struct scan){0};
    rules = NULL;
    log_divert(count_line, NULL);
}

static void teardown(void)
{
    log_divert(NULL, NULL);
    log_setup(LOG_LEVEL_INFO, false, NULL);
    fills_free(fills);
    windows_free(windows);
    rulefile_unref(rules);
    series_table_free(series);
    labelsets_free(labels);
    clock_free(clock_of_test);
}

static int64_t now_ms(void)
{
    return T0 + IN_FRONT + (int64_t)n_blocks * SEC + moved_ms;
}

static leaf_id new_leaf(const char *text)
{
    struct err e = {0};
    struct rulefile *f = stage_rules(text);
    leaf_id leaf = windows_leaf(windows, rulefile_rule(f, 0)->leaves[0]->leaf, now_ms(), &e);

    ck_assert_msg(leaf != LEAF_NONE, "%s", e.text);
    rulefile_unref(f);
    return leaf;
}

/* What its only group sums up to; 0: it has none. */
static double value_of(leaf_id leaf)
{
    uint32_t slot = 0;
    uint8_t ok = 0;
    double v = 0;

    if (windows_slots(windows, leaf) > 0)
        windows_eval(windows, leaf, now_ms(), &slot, 1, &v, &ok);
    return ok ? v : 0;
}

static void add_fill(void)
{
    fills_add(fills, id_at(n_blocks));
    work_off();
}

/* --- what is promised --- */

/* Blocks before the leaf are read, those behind it are applied to it; also those that come while the journal is
 * read, which then holds them as well. */
START_TEST(each_block_counts_once_whenever_it_comes)
{
    for (size_t meanwhile = 0; meanwhile < 3; meanwhile++) {
        leaf_id leaf;

        teardown();
        setup();
        receive_many(HELD);
        leaf = new_leaf(SUM("10m"));
        ck_assert(value_of(leaf) == 0);
        add_fill();
        ck_assert_uint_eq(fills_running(fills), 1);
        receive_many(meanwhile);
        read_journal(NULL);
        ck_assert(value_of(leaf) == (double)(HELD + meanwhile));
        receive();
        ck_assert(value_of(leaf) == (double)(HELD + meanwhile + 1));
        ck_assert_uint_eq(fills_running(fills), 0);
        ck_assert_uint_eq(fills_done(fills), 1);
        ck_assert(!windows_leaf_is_fresh(windows, leaf));
        ck_assert_uint_eq(lines, 0);
    }
}
END_TEST

START_TEST(a_filled_leaf_is_as_old_as_what_was_read)
{
    leaf_id leaf;

    receive_many(HELD);
    leaf = new_leaf(SUM("10m"));
    ck_assert_int_eq(windows_leaf_since_ms(windows, leaf), now_ms());
    add_fill();
    read_journal(NULL);
    ck_assert_int_eq(windows_leaf_since_ms(windows, leaf), blocks[0].recv_ms);
}
END_TEST

/* A start knows its leaves before it replays the journal's end. */
START_TEST(what_a_replay_shows_is_not_read_again)
{
    leaf_id leaf;
    size_t before;

    receive_many(HELD);
    leaf = new_leaf(SUM("10m"));
    fills_expect(fills);
    before = n_blocks;
    receive_many(20);
    fills_add(fills, id_at(before));
    work_off();
    read_journal(NULL);
    ck_assert(value_of(leaf) == HELD + 20);
}
END_TEST

START_TEST(one_runs_at_a_time_in_order)
{
    leaf_id first, second;

    receive_many(HELD);
    first = new_leaf(SUM("10m"));
    add_fill();
    receive();
    second = new_leaf(SUM("20m"));
    add_fill();
    ck_assert_uint_eq(fills_running(fills), 2);
    ck_assert_uint_eq(scans, 1);
    read_journal(NULL);
    ck_assert_uint_eq(scans, 2);
    ck_assert_uint_eq(fills_done(fills), 1);
    ck_assert(value_of(first) == HELD + 1 && value_of(second) == 0);
    read_journal(NULL);
    ck_assert_uint_eq(fills_running(fills), 0);
    ck_assert(value_of(first) == HELD + 1 && value_of(second) == HELD + 1);
}
END_TEST

START_TEST(leaves_of_one_turn_are_filled_together_and_once)
{
    leaf_id a, b;

    receive_many(HELD);
    a = new_leaf(SUM("10m"));
    b = new_leaf(SUM("20m"));
    add_fill();
    add_fill(); /* nothing is left that nobody reads */
    ck_assert_uint_eq(fills_running(fills), 1);
    read_journal(NULL);
    ck_assert(value_of(a) == HELD && value_of(b) == HELD);
    add_fill();
    ck_assert_uint_eq(scans, 1);
}
END_TEST

/* It warms up instead, and those that wait have their turn. */
START_TEST(a_journal_that_fails_leaves_a_young_leaf)
{
    leaf_id leaf, next;

    receive_many(HELD);
    leaf = new_leaf(SUM("10m"));
    add_fill();
    next = new_leaf(SUM("20m"));
    add_fill();
    receive_many(2);
    read_journal("Redis is away");
    ck_assert_uint_eq(lines, 1);
    ck_assert(value_of(leaf) <= 2);
    ck_assert_int_gt(windows_leaf_since_ms(windows, leaf), blocks[0].recv_ms);
    ck_assert_uint_eq(fills_running(fills), 1);
    read_journal(NULL);
    ck_assert(value_of(next) == HELD + 2);
    ck_assert_uint_eq(lines, 1);
}
END_TEST

START_TEST(an_empty_journal_is_no_failure)
{
    leaf_id leaf = new_leaf(SUM("10m"));

    add_fill();
    read_journal(NULL);
    ck_assert_uint_eq(lines, 0);
    ck_assert_uint_eq(fills_done(fills), 1);
    receive();
    ck_assert(value_of(leaf) == 1);
}
END_TEST

/* A reload may drop the rule that the leaf was made for. */
START_TEST(a_leaf_that_nobody_wants_any_more_is_held_until_the_end)
{
    leaf_id leaf;
    struct windows_stats st;

    receive_many(HELD);
    leaf = new_leaf(SUM("10m"));
    add_fill();
    windows_leaf_release(windows, leaf);
    read_journal(NULL);
    windows_stats(windows, &st);
    ck_assert_uint_eq(st.leaves, 0);
    ck_assert_uint_eq(fills_running(fills), 0);
}
END_TEST

START_TEST(a_clock_that_steps_meanwhile_moves_both)
{
    const int64_t by_ms = 3600 * SEC;
    leaf_id leaf;

    receive_many(HELD);
    leaf = new_leaf(SUM("10m"));
    add_fill();
    windows_shift(windows, by_ms);
    fills_shift(fills, by_ms);
    moved_ms = by_ms;
    for (size_t i = 0; i < n_blocks; i++) { /* as the journal gives them from then on */
        blocks[i].recv_ms += by_ms;
        samples[i].t_ms += by_ms;
    }
    read_journal(NULL);
    receive();
    ck_assert(value_of(leaf) == HELD + 1);
}
END_TEST

/* At any allocation: the leaf has all, or it is young and that is told; nobody waits for it for ever. */
START_TEST(memory_runs_out)
{
    for (long i = 1; i < 60; i++) {
        leaf_id leaf;

        teardown();
        setup();
        receive_many(HELD);
        leaf = new_leaf(SUM("10m"));
        mem_fail_at(i);
        add_fill();
        if (scan.done)
            read_journal(NULL);
        mem_fail_at(0);
        ck_assert_uint_eq(fills_running(fills), 0);
        ck_assert(!windows_leaf_is_fresh(windows, leaf));
        if (value_of(leaf) != HELD) {
            ck_assert_uint_gt(lines, 0);
            ck_assert_int_gt(windows_leaf_since_ms(windows, leaf), blocks[0].recv_ms);
        }
        receive();
        ck_assert(value_of(leaf) >= 1);
    }
}
END_TEST

/* So many that each stage takes several turns; a block comes wherever it may. */
#define MANY 6000

START_TEST(many_leaves_are_filled_in_slices_and_blocks_that_come_meanwhile_count_once)
{
    leaf_id first, last;
    unsigned turns = 0, held_turns = 0;
    char text[80];

    receive_many(HELD);
    first = new_leaf(SUM("10m"));
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text,
                 "alert 'A' { value = m.hits{ g = 'g%d' }:sum('5m'), fire = above(1) }", i);
        (void)new_leaf(text);
    }
    last = new_leaf(SUM("20m"));
    fills_add(fills, id_at(n_blocks));
    for (bool read = false; works || !read; turns++) {
        works = works && fills_work(fills);
        held_turns += held;
        if (!held && n_blocks < HELD + 20)
            receive();
        if (!works && !read) {
            struct scan now = scan;

            for (size_t i = 0; i < n_blocks; i++)
                now.block(&blocks[i], now.arg);
            scan = (struct scan){0};
            now.done(NULL, now.arg);
            read = true;
        }
    }
    ck_assert_uint_gt(turns, 20);
    ck_assert_uint_gt(held_turns, 3);
    ck_assert_uint_eq(lines, 0);
    ck_assert(value_of(first) == (double)n_blocks && value_of(last) == (double)n_blocks);
}
END_TEST

START_TEST(the_end_may_come_in_any_turn)
{
    for (unsigned turns = 0; turns < 12; turns++) {
        teardown();
        setup();
        receive_many(HELD);
        new_leaf(SUM("10m"));
        fills_add(fills, id_at(n_blocks));
        for (unsigned i = 0; i < turns; i++) {
            works = works && fills_work(fills);
            if (!works && scan.done) {
                struct scan now = scan;

                for (size_t k = 0; k < n_blocks; k++)
                    now.block(&blocks[k], now.arg);
                scan = (struct scan){0};
                now.done(NULL, now.arg);
            }
        }
    }
}
END_TEST

START_TEST(the_end_may_come_while_they_run)
{
    receive_many(HELD);
    new_leaf(SUM("10m"));
    add_fill();
    new_leaf(SUM("20m"));
    add_fill();
    ck_assert_uint_eq(fills_running(fills), 2); /* teardown frees them before the windows */
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, each_block_counts_once_whenever_it_comes);
    tcase_add_test(t, a_filled_leaf_is_as_old_as_what_was_read);
    tcase_add_test(t, what_a_replay_shows_is_not_read_again);
    tcase_add_test(t, one_runs_at_a_time_in_order);
    tcase_add_test(t, leaves_of_one_turn_are_filled_together_and_once);
    tcase_add_test(t, a_journal_that_fails_leaves_a_young_leaf);
    tcase_add_test(t, an_empty_journal_is_no_failure);
    tcase_add_test(t, a_leaf_that_nobody_wants_any_more_is_held_until_the_end);
    tcase_add_test(t, a_clock_that_steps_meanwhile_moves_both);
    tcase_add_test(t, memory_runs_out);
    tcase_add_test(t, many_leaves_are_filled_in_slices_and_blocks_that_come_meanwhile_count_once);
    tcase_add_test(t, the_end_may_come_in_any_turn);
    tcase_add_test(t, the_end_may_come_while_they_run);
}

UNIT_MAIN("app/fill", add)
