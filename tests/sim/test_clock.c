/* The clock of machine and Redis is set under the running program, from the journal to the
 * receiver, on a virtual clock. Two senders: one whose clock is right all the time, and one that has
 * the machine's. What must hold:
 *
 *   - within half a minute data of the right one counts, and its rule decides;
 *   - timers take as long as they take; windows hold what they held, once;
 *   - what fires is told once and ended once, and a kill afterwards changes nothing. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/clockwatch.h"
#include "app/wire.h"
#include "base/mem.h"
#include "fake_db.h"
#include "fake_loop.h"
#include "fake_outbound.h"

#define SEC      INT64_C(1000)
#define MINUTE   (60 * SEC)
#define HOUR     (60 * MINUTE)
#define START_MS INT64_C(1767571200000)
#define FEED_MS  (5 * SEC)

static const char config_text[] =
    "receiver 'ops' { webhook { url = 'http://ops/' } }\n"
    "route { receiver = 'ops', group_by = { 'alertname' }, group_wait = '1s' }\n";

/* 60 hits in five minutes: neither fewer nor more. */
static const char rules_text[] =
    "defaults { every = '10s' }\n"
    "alert 'Right' { priority = 'P1', value = m.right:max('30s'):by('g'), fire = above(90) }\n"
    "alert 'Same' { priority = 'P2', value = m.same:max('30s'):by('g'), lasting = '2m',\n"
    "  fire = above(90) }\n"
    "alert 'Few' { priority = 'P3', value = m.hits:increase('5m'):by('g'), fire = below(55) }\n"
    "alert 'Many' { priority = 'P3', value = m.hits:increase('5m'):by('g'), fire = above(65) }\n";

static struct world {
    struct clock *clock;
    struct fake_redis *redis;
    struct loop *loop;
    struct db *db;
    struct outbound *outbound;
    struct config *config;
    struct rulefile *file;
    struct wire *wire;
    struct clock_watch *watch;
    bool ready, dying;
    int64_t right_ms;  /* the true time less monotonic time */
    int64_t sender_ms; /* the clock of the sender that should be right, less the true time */
    int64_t redis_ms;  /* Redis' clock, less what it should be */
    double right, same;
    int told;
} w;

static void load_rules(struct wire *wire, void *arg)
{
    struct err e = {0};
    int64_t at_ms = clock_wall_ms(w.clock);

    (void)arg;
    w.file = rulefile_load("rules.lua", rules_text, sizeof rules_text - 1, NULL, &e);
    ck_assert_msg(w.file != NULL, "%s", e.text);
    ck_assert_int_eq(rules_put(wire_parts(wire)->rules, "rules.lua", w.file, at_ms, &e), 0);
    rules_link(wire_parts(wire)->rules, at_ms);
    wire_rules_loaded(wire);
}

static void kept(const char *path, const char *text, size_t len, void *arg)
{
    (void)path, (void)text, (void)len, (void)arg;
}

static void rewrite(struct store_table *t, void *arg)
{
    (void)t, (void)arg;
}

static void on_ready(const struct err *e, void *arg)
{
    (void)arg;
    ck_assert_msg(!e, "%s", e ? e->text : "");
    w.ready = true;
}

static void on_up(void *arg)
{
    (void)arg;
    if (w.wire && !w.dying)
        wire_db_up(w.wire);
}

static void on_down(const char *why, void *arg)
{
    (void)why, (void)arg;
    if (w.wire && !w.dying)
        wire_db_down(w.wire);
}

static bool is_ready(void *arg)
{
    (void)arg;
    return w.ready;
}

static struct fake_plan receive(const struct fake_message *m, void *arg)
{
    (void)m, (void)arg;
    w.told++;
    return (struct fake_plan){FAKE_TAKES, 10};
}

static const struct fake_receiver receiver = {.receive = receive};

static void process_start(void)
{
    struct db_options d = {.url = "fake:", .on_up = on_up, .on_down = on_down};
    struct wire_options o = {.load_rules = load_rules,
                             .kept_rule_file = kept,
                             .rewrite_rule_files = rewrite,
                             .ready = on_ready};
    struct err e = {0};

    w.ready = w.dying = false;
    w.loop = o.loop = loop_new(w.clock, NULL);
    fake_db_serve(w.redis);
    w.db = o.db = db_open(w.loop, &d, NULL);
    w.outbound = o.outbound = outbound_new(w.loop, NULL, NULL);
    w.config = config_load("tocsin.lua", config_text, sizeof config_text - 1, NULL, &e);
    ck_assert_msg(w.config != NULL, "%s", e.text);
    o.config = w.config;
    w.wire = wire_new(&o, &e);
    ck_assert_msg(w.wire != NULL, "%s", e.text);
    w.watch = clock_watch_new(w.loop, w.db, w.wire);
    ck_assert(fake_loop_wait(w.loop, is_ready, NULL, MINUTE));
}

static void process_kill(void)
{
    w.dying = true;
    clock_watch_free(w.watch);
    fake_db_crash(w.db, 0);
    wire_free(w.wire);
    outbound_free(w.outbound);
    db_close(w.db);
    loop_free(w.loop);
    rulefile_unref(w.file);
    config_unref(w.config);
    w.wire = NULL;
}

static void begin(int64_t ahead_ms)
{
    memset(&w, 0, sizeof w);
    w.clock = clock_virtual(START_MS + ahead_ms);
    w.right_ms = START_MS;
    w.redis = fake_redis_new(w.clock);
    fake_db_clock_off(0);
    w.right = w.same = 50;
    fake_outbound_serve(&receiver);
    process_start();
}

static void end(void)
{
    process_kill();
    fake_redis_free(w.redis);
    clock_free(w.clock);
}

static struct sample sample_of(const char *name, enum sample_kind kind, int64_t t_ms, double v)
{
    struct label l[] = {label_of("__name__", name), label_of("g", "a")};
    struct sample s = {.t_ms = t_ms, .v = v, .weight = 1, .kind = (uint8_t)kind};
    bool is_new;

    s.series = series_resolve(wire_parts(w.wire)->series, l, 2, name, kind, &is_new);
    return s;
}

static void run(int64_t ms)
{
    for (int64_t until_ms = clock_mono_ms(w.clock) + ms; clock_mono_ms(w.clock) < until_ms;) {
        int64_t machine_ms = clock_wall_ms(w.clock) + clock_step_ms(w.clock);
        struct sample s[] = {
            sample_of("right", SAMPLE_GAUGE, w.right_ms + w.sender_ms + clock_mono_ms(w.clock),
                      w.right),
            sample_of("same", SAMPLE_GAUGE, machine_ms, w.same),
            sample_of("hits", SAMPLE_DELTA, machine_ms, 1),
        };
        struct journal_request r = {.samples = s, .n_samples = 3};

        journal_append(wire_parts(w.wire)->journal, &r, NULL, NULL);
        fake_loop_run_for(w.loop, FEED_MS);
    }
}

static void find_firing(struct alert *a, void *arg)
{
    *(bool *)arg |= a->state.firing != 0;
}

static bool fires(const char *rule)
{
    struct alert_rule *r = alert_rule_find(wire_parts(w.wire)->book, rule);
    bool any = false;

    ck_assert_ptr_nonnull(r);
    alert_each_of(r, find_firing, &any);
    return any;
}

static void nothing_false(void)
{
    ck_assert_msg(!fires("Few"), "windows have lost something");
    ck_assert_msg(!fires("Many"), "windows count something twice");
    ck_assert_int_le(rules_now_ms(wire_parts(w.wire)->rules), clock_wall_ms(w.clock));
    ck_assert_int_ge(rules_now_ms(wire_parts(w.wire)->rules), clock_wall_ms(w.clock) - 15 * SEC);
}

/* `Same` pends for a minute when the clock is put right, and has another one to go. */
static void put_right(int64_t by_ms)
{
    struct wire_stats st;
    int told;

    w.same = 95;
    run(MINUTE);
    told = w.told;
    clock_set_system(w.clock, by_ms);
    w.right = 95;
    run(30 * SEC);
    wire_take_stats(w.wire, &st);
    ck_assert_int_eq(st.step_ms, by_ms);
    ck_assert_int_eq(clock_wall_ms(w.clock), w.right_ms + clock_mono_ms(w.clock));
    ck_assert_msg(fires("Right"), "data with right times does not count half a minute later");
    ck_assert_int_gt(w.told, told);
    ck_assert_msg(!fires("Same"), "a step is no passed time");
    nothing_false();
    run(50 * SEC);
    ck_assert_msg(fires("Same"), "two minutes are over");
    ck_assert_int_eq(w.told, told + 2);
    run(10 * MINUTE);
    nothing_false();
    ck_assert_int_eq(w.told, told + 2);
}

/* After a kill all of it is there, and both alerts end, told once. */
static void survives_a_kill(void)
{
    int told = w.told;

    process_kill();
    process_start();
    run(MINUTE);
    ck_assert(fires("Right") && fires("Same"));
    ck_assert_int_eq(w.told, told);
    w.right = w.same = 50;
    run(6 * MINUTE);
    ck_assert(!fires("Right") && !fires("Same"));
    ck_assert_int_eq(w.told, told + 2);
    nothing_false();
}

START_TEST(a_clock_that_is_set_back_makes_nothing_late)
{
    static const int64_t steps[] = {-MINUTE, -HOUR, -24 * HOUR};

    begin(-steps[_i]);
    run(10 * MINUTE);
    nothing_false();
    put_right(steps[_i]);
    survives_a_kill();
    end();
}
END_TEST

START_TEST(a_clock_that_is_set_ahead_and_back_changes_nothing)
{
    static const int64_t steps[] = {MINUTE, HOUR, 24 * HOUR};

    begin(0);
    run(10 * MINUTE);
    clock_set_system(w.clock, steps[_i]);
    run(5 * MINUTE);
    nothing_false();
    put_right(-steps[_i]);
    survives_a_kill();
    end();
}
END_TEST

/* Killed in the turn of the step, before anything of it is stored. */
START_TEST(a_kill_right_after_a_step_is_as_a_start_after_it)
{
    begin(HOUR);
    run(10 * MINUTE);
    w.right = 95;
    clock_set_system(w.clock, -HOUR);
    while (clock_step_ms(w.clock) != 0)
        fake_loop_run_for(w.loop, 1);
    process_kill();
    process_start();
    run(30 * SEC);
    ck_assert(fires("Right"));
    end();
}
END_TEST

/* --- the table: whose clock, by how much, at once or bit by bit -------------------------------------- */

enum whose { BOTH, MACHINE, SENDER, REDIS, WHOSE };
static const char *const whose_names[] = {"machine and Redis", "machine", "sender", "Redis"};

static void set_clock(enum whose whose, int64_t by_ms)
{
    if (whose == SENDER)
        w.sender_ms += by_ms;
    else if (whose == REDIS)
        fake_db_clock_off(w.redis_ms += by_ms);
    else
        clock_set_system(w.clock, by_ms);
}

/* 100 s an hour: 1 s in 36, for as long as it takes, at most an hour. */
static void drift(enum whose whose, int64_t by_ms)
{
    int64_t left_ms = by_ms < 0 ? -by_ms : by_ms;

    for (left_ms = left_ms > 100 * SEC ? 100 * SEC : left_ms; left_ms > 0; left_ms -= SEC) {
        set_clock(whose, by_ms < 0 ? -SEC : SEC);
        run(36 * SEC);
        nothing_false();
    }
}

/* Seconds until the rule on data of the right sender fires, or is off again. */
static int seconds_until(bool on, double value)
{
    int n = 0;

    for (w.right = value; fires("Right") != on; n += 5) {
        ck_assert_msg(n <= 120, "not in two minutes");
        run(FEED_MS);
    }
    return n;
}

/* In the wrong time and in the right one again, a bad value is told once and a good one is. */
static int bad_and_good(int64_t limit_s)
{
    int told = w.told, bad = seconds_until(true, 95), good;

    ck_assert_int_le(bad, limit_s);
    run(MINUTE);
    ck_assert(fires("Right"));
    ck_assert_int_eq(w.told, told + 1);
    good = seconds_until(false, 50);
    ck_assert_int_le(good, 60); /* the window's 30 s, a tick, and a group's wait */
    run(2 * MINUTE);
    ck_assert_int_eq(w.told, told + 2);
    nothing_false();
    return bad;
}

static void row(enum whose whose, int64_t by_ms, bool slowly, bool kill)
{
    int there, back;

    begin(0);
    fake_db_clock_is_right(whose == MACHINE);
    run(6 * MINUTE);
    if (slowly)
        drift(whose, by_ms);
    else
        set_clock(whose, by_ms);
    run(FEED_MS);
    if (kill) {
        process_kill();
        process_start();
    }
    there = bad_and_good(30);
    if (slowly)
        drift(whose, -by_ms);
    else
        set_clock(whose, -by_ms);
    run(FEED_MS);
    back = bad_and_good(30);
    printf("%-18s %+7lld s %-6s %-5s %3d s %3d s\n", whose_names[whose], (long long)(by_ms / SEC),
           slowly ? "drift" : "step", kill ? "kill" : "", there, back);
    end();
}

START_TEST(data_counts_whosever_clock_is_set)
{
    static const int64_t by[] = {MINUTE, 10 * MINUTE, HOUR, 24 * HOUR};

    for (size_t i = 0; i < sizeof by / sizeof *by; i++)
        for (int sign = -1; sign <= 1; sign += 2)
            row((enum whose)_i, sign * by[i], false, false);
    for (int sign = -1; sign <= 1; sign += 2) {
        row((enum whose)_i, sign * 100 * SEC, true, false);
        row((enum whose)_i, sign * HOUR, false, true);
    }
}
END_TEST

/* Stopped by a signal, or with the machine: nobody listens meanwhile, and all clocks go on. What was not
 * seen is no zero, and nothing that was set for a later time is forgotten. */
START_TEST(a_suspended_program_goes_on_with_what_it_has_seen)
{
    static const int64_t away[] = {20 * SEC, 2 * MINUTE, 4 * MINUTE, 10 * MINUTE, HOUR, 24 * HOUR};
    int told;

    begin(0);
    run(6 * MINUTE);
    clock_set(w.clock, clock_wall_ms(w.clock) + away[_i]);
    for (int i = 0; i < 80; i++) {
        run(FEED_MS);
        ck_assert_msg(!fires("Few"), "after %d s: what was not seen counts as nothing", 5 * i);
        ck_assert_msg(!fires("Many"), "after %d s: something counts twice", 5 * i);
    }
    nothing_false();
    told = w.told;
    bad_and_good(30);
    ck_assert_int_eq(w.told, told + 2);
    clock_set(w.clock, clock_wall_ms(w.clock) + away[_i]);
    printf("%-18s %+7lld s %-6s %-5s %3d s\n", "suspended", (long long)(away[_i] / SEC), "", "",
           bad_and_good(30));
    end();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, a_clock_that_is_set_back_makes_nothing_late, 0, 3);
    tcase_add_loop_test(t, a_clock_that_is_set_ahead_and_back_changes_nothing, 0, 3);
    tcase_add_test(t, a_kill_right_after_a_step_is_as_a_start_after_it);
    tcase_add_loop_test(t, data_counts_whosever_clock_is_set, 0, WHOSE);
    tcase_add_loop_test(t, a_suspended_program_goes_on_with_what_it_has_seen, 0, 6);
}

UNIT_MAIN("clock", add)
