/* Rules that are edited while they fire. Whatever changes (labels, team, group labels, name, file,
 * conditions) and wherever memory runs out meanwhile:
 *
 *   - who was told "firing" of a key is told its end;
 *   - nobody is told the end of what was never announced;
 *   - no alert is left without a rule;
 *   - one identity is one alert: two that are on never share a key or a fingerprint.
 *
 * What is told stands in `known`: the keys that a receiver holds to be firing. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "fake_store.h"
#include "tocsin/rule.h"

#define START_MS INT64_C(1767571200000)
#define TICK_MS  10000
#define PODS     6

struct bench {
    struct clock *clock;
    struct store *store;
    struct labelsets *labels;
    struct series_table *series;
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
    int64_t at_ms;
    double value[PODS];
    unsigned seed;
    char known[128][200]; /* keys that were told firing and not their end; "" for a free place */
    size_t n_wrong;
    char wrong[400];
};

static void wrong(struct bench *b, const char *what, const char *key)
{
    if (b->n_wrong++ == 0)
        snprintf(b->wrong, sizeof b->wrong, "%s: %s", what, key);
}

static char *known(struct bench *b, const char *key)
{
    for (size_t i = 0; i < 128; i++)
        if (strcmp(b->known[i], key) == 0)
            return b->known[i];
    return NULL;
}

static void hear(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct bench *b = arg;
    char *place;

    (void)at_ms;
    if (!a->labels) { /* no memory for them yet: it is told with the next look */
        if (change == CHANGE_RESOLVED || change == CHANGE_GONE)
            for (size_t i = 0; i < 128; i++)
                if (b->known[i][0] && a->key && strcmp(b->known[i], a->key) == 0)
                    wrong(b, "ended without its labels", b->known[i]);
        return;
    }
    place = known(b, a->key);
    if (a->state.firing) {
        if (!place)
            snprintf(known(b, ""), sizeof b->known[0], "%s", a->key);
        return;
    }
    if (place)
        place[0] = '\0';
    else if (change == CHANGE_RESOLVED || change == CHANGE_GONE)
        wrong(b, "its end was told and never its start", a->key);
}

static void bench_open(struct bench *b, unsigned seed)
{
    struct windows_options windows = {0};
    struct rules_options rules = {0};
    struct alert_book_options book = {.changed = hear, .arg = b};

    memset(b, 0, sizeof *b);
    b->seed = seed;
    b->at_ms = START_MS;
    rules.clock = b->clock = clock_virtual(START_MS);
    book.store = b->store = fake_store_new();
    book.labels = rules.labels = b->labels = labelsets_new(0);
    windows.series = b->series = series_table_new(b->labels, 0);
    rules.windows = b->windows = windows_new(&windows);
    rules.book = b->book = alert_book_new(&book);
    b->rules = rules_new(&rules);
    rules_skip_to(b->rules, START_MS - 1);
}

static void bench_close(struct bench *b)
{
    rules_free(b->rules);
    alert_book_free(b->book);
    windows_free(b->windows);
    series_table_free(b->series);
    labelsets_free(b->labels);
    fake_store_free(b->store);
    clock_free(b->clock);
}

static unsigned pick(struct bench *b, unsigned n)
{
    b->seed = b->seed * 1103515245u + 12345u;
    return (b->seed >> 16) % n;
}

static void feed(struct bench *b)
{
    static const char *const services[] = {"api", "web"};

    for (int i = 0; i < PODS; i++) {
        char pod[16];
        struct label l[] = {label_of("__name__", "queue"), label_of("pod", ""),
                            label_of("priority", i % 2 ? "high" : "low"),
                            label_of("service", services[i % 2])};
        struct sample s = {.t_ms = b->at_ms, .v = b->value[i], .weight = 1, .kind = SAMPLE_GAUGE};
        bool is_new;

        snprintf(pod, sizeof pod, "p%d", i);
        l[1] = label_of("pod", pod);
        s.series = series_resolve(b->series, l, 4, "", SAMPLE_GAUGE, &is_new);
        if (s.series == SERIES_NONE)
            continue;
        rules_before_block(b->rules, b->at_ms);
        windows_apply(b->windows, b->at_ms, &s, 1, NULL, 0);
        rules_after_block(b->rules, b->at_ms, NULL, 0);
    }
}

/* Looks on, with data, until all is told that there is to tell. */
static void run(struct bench *b, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        feed(b);
        b->at_ms += TICK_MS;
        clock_set(b->clock, b->at_ms);
        rules_advance(b->rules, b->at_ms);
        windows_expire(b->windows, b->at_ms, 1000000, NULL, NULL);
    }
}

struct version {
    struct buf text[2]; /* of a.lua and b.lua */
};

static const char *const names[] = {"A", "B", "C"};

/* A set of rules as somebody may save it: names, labels, groups and conditions at random. */
static void write_version(struct bench *b, struct version *v)
{
    static const char *const values[] = {"m.queue:last('1m')", "m.queue:max('1m'):by('service')",
                                         "m.queue:last('1m'):max_by('priority')",
                                         "m.queue:sum('1m'):by('pod', 'service')"};
    static const char *const extras[] = {"",
                                         ", labels = { tier = '1' }",
                                         ", labels = { tier = '2' }",
                                         ", team = 'x'",
                                         ", team = 'y', labels = { area = 'shop' }",
                                         ", severity = 'bad'"};
    bool taken[3] = {false, false, false};

    for (int f = 0; f < 2; f++)
        v->text[f] = BUF_INIT;
    for (int i = 0; i < 3; i++) {
        struct buf *out = &v->text[pick(b, 2)];
        unsigned name = pick(b, 3), from = pick(b, 3);

        if (taken[name])
            continue;
        taken[name] = true;
        buf_addf(out, "alert '%s' { every = '10s', value = %s, fire = above(%u)%s", names[name],
                 values[pick(b, 4)], pick(b, 3) * 4, extras[pick(b, 6)]);
        if (pick(b, 3) == 0)
            buf_adds(out, ", lasting = '20s'");
        if (pick(b, 2) == 0 && from != name)
            buf_addf(out, ", renamed_from = '%s'", names[from]);
        buf_adds(out, " }\n");
    }
}

/* One load of both files; `fail` orders the n-th allocation to fail while they are put and linked.
 * True when it happened. */
static bool load(struct bench *b, const struct version *v, long fail)
{
    static const char *const paths[] = {"a.lua", "b.lua"};
    struct rulefile *f[2];
    struct err e = {0};
    bool failed;

    for (int i = 0; i < 2; i++) {
        f[i] = rulefile_load(paths[i], buf_str(&v->text[i]), v->text[i].len, NULL, &e);
        ck_assert_msg(f[i] != NULL, "%s\n%s", e.text, buf_str(&v->text[i]));
    }
    mem_fail_at(fail);
    for (int i = 0; i < 2; i++)
        if (rules_put(b->rules, paths[i], f[i], b->at_ms, &e) < 0)
            ck_assert(fail > 0);
    rules_link(b->rules, b->at_ms);
    failed = mem_failed();
    mem_fail_at(0);
    for (int i = 0; i < 2; i++)
        rulefile_unref(f[i]);
    return failed;
}

struct on {
    struct bench *b;
    size_t n;
    char keys[128][200];
    uint64_t fingerprints[128];
};

static void note_on(const struct alert *a, void *arg)
{
    struct on *on = arg;

    if (!alert_rule_def(a->rule))
        wrong(on->b, "an alert without a rule", a->origin);
    if (a->state.firing == 0 || !a->labels)
        return;
    for (size_t i = 0; i < on->n; i++)
        if (strcmp(on->keys[i], a->key) == 0 || on->fingerprints[i] == a->fingerprint)
            wrong(on->b, "two alerts of one identity", a->key);
    ck_assert_uint_lt(on->n, 128);
    on->fingerprints[on->n] = a->fingerprint;
    snprintf(on->keys[on->n++], sizeof on->keys[0], "%s", a->key);
}

/* What a receiver holds to be firing is what fires. */
static void check(struct bench *b, const char *when)
{
    static struct on on;

    memset(&on, 0, sizeof on);
    on.b = b;
    alert_each(b->book, note_on, &on);
    for (size_t i = 0; i < on.n; i++)
        if (!known(b, on.keys[i]))
            wrong(b, "it fires and nobody was told", on.keys[i]);
    for (size_t i = 0; i < 128; i++) {
        bool fires = b->known[i][0] == '\0';

        for (size_t k = 0; k < on.n; k++)
            fires = fires || strcmp(on.keys[k], b->known[i]) == 0;
        if (!fires)
            wrong(b, "it fires for the receiver only", b->known[i]);
    }
    ck_assert_msg(b->n_wrong == 0, "%s: %s", when, b->wrong);
}

static void randomize(struct bench *b)
{
    for (int i = 0; i < PODS; i++)
        b->value[i] = pick(b, 12);
}

START_TEST(who_was_told_firing_is_told_the_end_through_any_edit)
{
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct bench b;
        struct version v;
        char when[60];

        bench_open(&b, seed);
        for (int round = 0; round < 12; round++) {
            write_version(&b, &v);
            if (pick(&b, 2))
                randomize(&b);
            load(&b, &v, 0);
            run(&b, 1 + (int)pick(&b, 4));
            snprintf(when, sizeof when, "seed %u round %d", seed, round);
            check(&b, when);
            buf_free(&v.text[0]);
            buf_free(&v.text[1]);
        }
        bench_close(&b);
    }
}
END_TEST

/* Firing alerts under one version, then another is loaded with every allocation failing in turn;
 * with memory back and the same files loaded again, all is as if it had never been short. */
START_TEST(no_memory_holds_an_edit_and_decides_nothing)
{
    for (unsigned seed = 1; seed <= 4; seed++) {
        bool failed = true;

        for (long n = 1; failed; n++) {
            struct bench b;
            struct version v[2];
            char when[60];

            bench_open(&b, seed);
            for (int i = 0; i < PODS; i++)
                b.value[i] = 9;
            write_version(&b, &v[0]);
            write_version(&b, &v[1]);
            load(&b, &v[0], 0);
            run(&b, 4);
            failed = load(&b, &v[1], n);
            run(&b, 2);
            snprintf(when, sizeof when, "seed %u allocation %ld", seed, n);
            ck_assert_msg(b.n_wrong == 0, "%s: %s", when, b.wrong);
            load(&b, &v[1], 0);
            run(&b, 4);
            check(&b, when);
            for (int i = 0; i < 4; i++)
                buf_free(&v[i / 2].text[i % 2]);
            bench_close(&b);
        }
    }
}
END_TEST

/* Looks of a rule that fires, one of its allocations failing: nothing ends by that. */
START_TEST(no_memory_in_a_look_ends_no_alert)
{
    static const char *const rules[] = {
        "alert 'Agg' { every = '10s', value = m.queue:last('1m'):quantile_by(0.5, 'service'),\n"
        "  fire = above(5), missing = 'clear' }\n",
        "alert 'Fn' { every = '10s', inputs = { q = m.queue:last('1m') }, missing = 'clear',\n"
        "  when = function(i) return i.q > 5 end }\n",
        "alert 'Base' { every = '10s', value = m.queue:last('1m'), fire = above(5) }\n"
        "alert 'Dep' { every = '10s', fire = firing('Base', { by = { 'service' } }) & "
        "m.queue:max('1m'):by('service'):above(5), missing = 'clear' }\n"};

    for (size_t r = 0; r < 3; r++) {
        for (long n = 1; n < 80; n++) {
            struct bench b;
            struct version v = {.text = {BUF_INIT, BUF_INIT}};
            struct alert_stats before, after;

            bench_open(&b, 1);
            for (int i = 0; i < PODS; i++)
                b.value[i] = 9;
            buf_adds(&v.text[0], rules[r]);
            load(&b, &v, 0);
            run(&b, 8); /* a minute, until a quantile over groups is taken for complete */
            alert_stats(b.book, &before);
            ck_assert_uint_gt(before.firing, 0);
            feed(&b);
            mem_fail_at(n);
            b.at_ms += TICK_MS;
            rules_advance(b.rules, b.at_ms);
            mem_fail_at(0);
            alert_stats(b.book, &after);
            ck_assert_msg(after.firing == before.firing, "rule %zu, allocation %ld: %u of %u fire",
                          r, n, after.firing, before.firing);
            run(&b, 2);
            check(&b, "after it");
            buf_free(&v.text[0]);
            buf_free(&v.text[1]);
            bench_close(&b);
        }
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_set_timeout(t, 300);
    tcase_add_test(t, who_was_told_firing_is_told_the_end_through_any_edit);
    tcase_add_test(t, no_memory_holds_an_edit_and_decides_nothing);
    tcase_add_test(t, no_memory_in_a_look_ends_no_alert);
}

UNIT_MAIN("edits", add)
