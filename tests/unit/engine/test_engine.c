/* The steps of the engine, in whatever way blocks reach it. */
#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "tocsin/engine.h"

#define T0 INT64_C(1767571200000) /* 2026-01-05 00:00 UTC, a tick */
#define S  INT64_C(1000)

struct bench {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct engine *engine;
    struct buf log;
};

static void on_change(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct bench *b = arg;

    if (change != CHANGE_NONE)
        buf_addf(&b->log, "%s%s %s @%lld", b->log.len ? "; " : "", alert_rule_def(a->rule)->name,
                 alert_change_names[change], (long long)(at_ms - T0) / S);
}

static void bench_open_sliced(struct bench *b, const char *rules, uint64_t slice_ns)
{
    struct windows_options windows = {.covered = true};
    struct alert_book_options book = {.changed = on_change, .arg = b};
    struct rules_options looks = {.slice_ns = slice_ns};
    struct engine_options o = {.windows = &windows, .book = &book, .rules = &looks};
    struct err e = {0};
    struct rulefile *f = rulefile_load("a.lua", rules, strlen(rules), NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    *b = (struct bench){.clock = slice_ns ? clock_system() : clock_virtual(T0),
                        .labels = labelsets_new(0)};
    looks.clock = b->clock;
    o.labels = b->labels;
    o.series = b->series = series_table_new(b->labels, 0);
    b->engine = engine_new(&o);
    rules_skip_to(engine_rules(b->engine), T0 - 1);
    ck_assert_int_eq(rules_put(engine_rules(b->engine), "a.lua", f, T0, &e), 0);
    rules_link(engine_rules(b->engine), T0);
    rulefile_unref(f);
}

static void bench_open(struct bench *b, const char *rules)
{
    bench_open_sliced(b, rules, 0);
}

static void bench_close(struct bench *b)
{
    engine_free(b->engine);
    series_table_free(b->series);
    labelsets_free(b->labels);
    clock_free(b->clock);
    buf_free(&b->log);
}

static struct sample sample_of(struct bench *b, int64_t t_ms, double v)
{
    struct label l[] = {label_of("__name__", "x"), label_of("host", "a")};
    struct sample s = {.t_ms = t_ms, .v = v, .weight = 1};
    bool is_new;

    s.series = series_resolve(b->series, l, 2, "t", SAMPLE_GAUGE, &is_new);
    return s;
}

static void apply(struct bench *b, int64_t s, double v, bool replayed)
{
    struct sample x = sample_of(b, T0 + s * S, v);

    engine_apply(b->engine,
                 &(struct engine_block){
                     .recv_ms = T0 + s * S, .replayed = replayed, .samples = &x, .n_samples = 1});
}

static void seen(struct bench *b, const char *want)
{
    ck_assert_str_eq(b->log.len ? buf_str(&b->log) : "", want);
    buf_clear(&b->log);
}

#define RULE "alert \"A\" { value = m.x, fire = above(5), lasting = \"20s\" }"

/* The looks that were due before a block come before it, also when nobody advanced. */
START_TEST(ticks_before_a_block_see_what_was_there_before_it)
{
    struct bench b;

    bench_open(&b, RULE);
    apply(&b, 1, 9, false);
    seen(&b, "A pending @1");
    apply(&b, 45, 1, false); /* it was above all the time until then */
    seen(&b, "A fired @30; A resolved @45");
    bench_close(&b);
}
END_TEST

START_TEST(instants_decided_before_a_restart_are_not_decided_again)
{
    struct bench b;

    bench_open(&b, RULE);
    rules_decide_after(engine_rules(b.engine), T0 + 30 * S);
    apply(&b, 1, 9, true);
    apply(&b, 30, 9, true);
    seen(&b, "");
    engine_go_live(b.engine, T0 + 31 * S);
    apply(&b, 32, 9, false);
    seen(&b, "A pending @32");
    bench_close(&b);
}
END_TEST

/* Windows on their own are filled, and what was touched is not left for a look. */
START_TEST(a_fill_looks_at_nothing)
{
    struct bench b;
    struct sample x;

    bench_open(&b, RULE);
    ck_assert(engine_advance(b.engine, T0));
    x = sample_of(&b, T0 + S, 9);
    engine_fill(
        engine_windows(b.engine),
        &(struct engine_block){.recv_ms = T0 + S, .replayed = true, .samples = &x, .n_samples = 1});
    seen(&b, "");
    ck_assert(engine_advance(b.engine, T0 + 10 * S)); /* a tick sees it */
    seen(&b, "A pending @10");
    bench_close(&b);
}
END_TEST

START_TEST(a_step_of_the_clock_moves_instants_and_timers)
{
    struct bench b;

    bench_open(&b, RULE);
    apply(&b, 1, 9, false);
    engine_shift(b.engine, 3600 * S);
    buf_clear(&b.log);
    engine_advance(b.engine, T0 + 3640 * S);
    seen(&b, "A fired @3630");
    bench_close(&b);
}
END_TEST

/* A machine that is slow or busy ends a slice anywhere; nothing but the next block goes on in a replay. */
START_TEST(a_replay_goes_on_however_short_a_slice_is)
{
    struct bench b;

    bench_open_sliced(&b, RULE, 1);
    for (int64_t s = 1; s < 60; s++)
        apply(&b, s, 9, true);
    seen(&b, "A pending @1; A fired @21");
    engine_go_live(b.engine, T0 + 60 * S);
    apply(&b, 61, 1, false);
    ck_assert(rules_are_looking(engine_rules(b.engine))); /* live, its loop goes on */
    while (!engine_advance(b.engine, T0 + 61 * S))
        continue;
    seen(&b, "A resolved @61");
    bench_close(&b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_replay_goes_on_however_short_a_slice_is);
    tcase_add_test(t, ticks_before_a_block_see_what_was_there_before_it);
    tcase_add_test(t, instants_decided_before_a_restart_are_not_decided_again);
    tcase_add_test(t, a_fill_looks_at_nothing);
    tcase_add_test(t, a_step_of_the_clock_moves_instants_and_timers);
}

UNIT_MAIN("engine", add)
