/* Tests of rules in the program's own engine, on a virtual clock.
 * A bench is the engine of the server with data by hand: blocks, instants and upkeep come in the order in
 * which the program would have them, or a test would prove another program. Time moves in steps of at most
 * UPKEEP_MS, so that what is forgotten in an hour is forgotten in a test of an hour. Dropped: jumping from
 * check to check, which is quicker and hides what happens between. Tocsin's own rules run only where a test
 * asks for one of them; their data then come every ten seconds, as in the program. What arrives at the
 * instant of a check comes before it. */
#include "app/testbench.h"

#include <assert.h>
#include <string.h>

#include "base/builtin.h"
#include "base/mem.h"
#include "base/text.h"

#define SERIES_MAX    1000000u
#define BLOCK_MAX     100000 /* items of one instant that are applied as one block */
#define UPKEEP_MS     60000 /* idle groups are looked for this often, and time moves at most so far */
#define EXPIRE_BUDGET 1000000
#define OWN_EVERY_MS  10000 /* as the program does */

/* --- what is shared with the checks --- */

bool bench_has_labels(const struct label *have, size_t n_have, const struct label *want,
                      size_t n_want)
{
    size_t at = 0;

    for (size_t i = 0; i < n_want; i++) {
        const struct label *w = &want[i];
        int order = -1;

        while (at < n_have && (order = strcmp(have[at].name, w->name)) < 0)
            at++;
        if (at == n_have || order > 0) {
            if (w->value_len > 0)
                return false;
            continue;
        }
        if (have[at].value_len != w->value_len ||
            memcmp(have[at].value, w->value, w->value_len) != 0)
            return false;
    }
    return true;
}

bool bench_held(const struct bench *b, const struct alert *a)
{
    if (a->suppressed)
        return true;
    for (size_t i = 0; i < b->n_silences; i++) {
        const struct test_silence *s = &b->c->silences[b->silences[i]];

        if (b->at_ms < b->c->start_ms + s->until_ms &&
            matchers_test_labels(s->matchers, s->n_matchers, a->labels, a->n_labels))
            return true;
    }
    return false;
}

void bench_instant(const struct bench *b, int64_t at_ms, struct buf *out)
{
    if (at_ms <= b->c->start_ms)
        buf_adds(out, "0s");
    else
        text_duration(out, at_ms - b->c->start_ms);
}

/* --- transitions are remembered --- */

static bool was_shown(const struct bench *b, const char *rule, uint64_t fingerprint)
{
    for (size_t i = b->n_changes; i-- > 0;)
        if (b->changes[i].fingerprint == fingerprint && b->changes[i].rule == rule)
            return b->changes[i].shown;
    return false;
}

static void changed(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct bench *b = arg;
    const char *rule = alert_rule_def(a->rule)->name;
    bool shown = a->state.firing != 0 && !bench_held(b, a);
    struct bench_change *c;

    if ((change == CHANGE_NONE && was_shown(b, rule, a->fingerprint) == shown) ||
        b->n_changes == BENCH_CHANGES_MAX ||
        mem_grow((void **)&b->changes, &b->cap_changes, b->n_changes + 1, sizeof *b->changes) < 0)
        return;
    c = &b->changes[b->n_changes];
    *c = (struct bench_change){.at_ms = at_ms,
                               .kind = change,
                               .priority = a->state.firing,
                               .shown = shown,
                               .rule = rule,
                               .labels = labels_dup(a->labels, a->n_labels),
                               .n_labels = a->n_labels,
                               .has_value = a->has_value,
                               .value = a->value,
                               .unit = a->unit,
                               .fingerprint = a->fingerprint};
    b->n_changes += c->labels != NULL;
}

/* --- time and data --- */

/* What the program tells of itself every ten seconds, as far as it happens on the bench: which rules
 * were set aside. */
static void feed_own(struct bench *b)
{
    for (size_t i = 0; i < rules_count(b->rules); i++) {
        const struct rule *r = rules_at(b->rules, i);
        const char *name = rule_definition(r)->name;
        struct label l[] = {label_of(SERIES_OWN_LABEL, SERIES_OWN),
                            label_of("__name__", "tocsin_rule_broken"), label_of("rule", name)};
        struct sample s = {.t_ms = b->at_ms, .weight = 1, .kind = SAMPLE_GAUGE};
        struct rule_stats st;
        bool is_new;

        rule_stats(r, &st);
        s.v = st.broken;
        if (labels_sort(l, 3) < 0)
            continue;
        s.series = series_resolve(b->series, l, 3, "", SAMPLE_GAUGE, &is_new);
        if (s.series == SERIES_NONE)
            continue;
        engine_apply(b->engine,
                     &(struct engine_block){.recv_ms = b->at_ms, .samples = &s, .n_samples = 1});
    }
}

static void move_to(struct bench *b, int64_t to_ms)
{
    int64_t step_ms = b->own ? OWN_EVERY_MS : UPKEEP_MS;

    while (b->at_ms < to_ms) {
        int64_t next_ms = to_ms - b->at_ms > step_ms ? b->at_ms + step_ms : to_ms;

        if (b->at_ms / UPKEEP_MS != next_ms / UPKEEP_MS)
            engine_expire(b->engine, b->at_ms, EXPIRE_BUDGET, NULL, NULL);
        b->at_ms = next_ms;
        clock_set(b->clock, next_ms);
        if (next_ms < to_ms)
            engine_advance(b->engine, next_ms);
        if (b->own)
            feed_own(b);
    }
}

struct block {
    struct sample *samples;
    struct logevent *events;
    size_t n_samples, n_events;
};

static int add_sample(struct bench *b, const struct test_feed *f, struct block *k, struct err *e)
{
    const struct test_series *s = &b->c->series[f->index];
    bool is_new;
    uint32_t id = series_resolve(b->series, s->labels, s->n_labels, "", s->kind, &is_new);

    if (id == SERIES_NONE)
        return err_set(e, ERR_LIMIT, "the test has more series than the bench holds");
    k->samples[k->n_samples++] = (struct sample){.t_ms = b->c->start_ms + f->time_ms,
                                                 .v = f->value,
                                                 .series = id,
                                                 .weight = 1,
                                                 .kind = (uint8_t)s->kind,
                                                 .stale = f->stale};
    return 0;
}

static int add_item(struct bench *b, const struct test_feed *f, struct block *k, struct err *e)
{
    switch ((enum test_feed_kind)f->kind) {
    case FEED_SAMPLE:
        return add_sample(b, f, k, e);
    case FEED_EVENT:
        k->events[k->n_events++] =
            (struct logevent){.t_ms = b->c->start_ms + f->time_ms,
                              .fields = b->c->events[f->index].fields,
                              .n_fields = (uint32_t)b->c->events[f->index].n_fields};
        return 0;
    case FEED_SILENCE:
        if (mem_grow((void **)&b->silences, &b->cap_silences, b->n_silences + 1,
                     sizeof *b->silences) < 0)
            return err_set(e, ERR_MEMORY, "no memory");
        b->silences[b->n_silences++] = f->index;
        return 0;
    }
    return 0;
}

/* Applies what arrives at one instant; returns how many items that were, -1 with `e`. */
static long feed_instant(struct bench *b, size_t from, struct block *k, struct err *e)
{
    const struct test_feed *feed = b->c->feed;
    size_t i = from;

    move_to(b, b->c->start_ms + feed[from].at_ms);
    k->n_samples = k->n_events = 0;
    for (; i < b->c->n_feed && i - from < BLOCK_MAX && feed[i].at_ms == feed[from].at_ms; i++)
        if (add_item(b, &feed[i], k, e) < 0)
            return -1;
    if (k->n_samples || k->n_events)
        engine_apply(b->engine, &(struct engine_block){.recv_ms = b->at_ms,
                                                       .samples = k->samples,
                                                       .n_samples = k->n_samples,
                                                       .events = k->events,
                                                       .n_events = k->n_events});
    return (long)(i - from);
}

/* --- the engine of one case --- */

static void bench_close(struct bench *b)
{
    engine_free(b->engine);
    rulefile_unref(b->own);
    series_table_free(b->series);
    labelsets_free(b->labels);
    clock_free(b->clock);
    for (size_t i = 0; i < b->n_changes; i++)
        mem_free(b->changes[i].labels);
    mem_free(b->changes);
    mem_free(b->silences);
}

static int make_parts(struct bench *b, struct err *e)
{
    struct alert_book_options book = {.severity = b->severity, .changed = changed, .arg = b};
    struct windows_options windows = {.covered = !b->c->cold};
    struct rules_options rules = {0};
    struct engine_options engine = {.windows = &windows, .book = &book, .rules = &rules};

    for (int p = 1; p <= PRIORITIES && b->config; p++)
        b->severity[p] = config_severity_of(b->config, p);
    b->clock = clock_virtual(b->at_ms);
    b->labels = labelsets_new(0);
    b->series = b->labels ? series_table_new(b->labels, SERIES_MAX) : NULL;
    rules.clock = b->clock;
    engine.labels = b->labels;
    engine.series = b->series;
    b->engine = b->series && b->clock ? engine_new(&engine) : NULL;
    if (!b->engine)
        return err_set(e, ERR_MEMORY, "no memory for the test's engine");
    b->book = engine_book(b->engine);
    b->rules = engine_rules(b->engine);
    return 0;
}

/* Tocsin's own rules run where the test expects something of one of them: in the program they always
 * do, beside what is configured. */
static int put_own_rules(struct bench *b, struct err *e)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    bool wanted = false;

    assert(f);
    b->own = rulefile_load(f->path, f->text, f->len, NULL, e);
    if (!b->own)
        return -1;
    for (size_t i = 0; i < b->c->n_rules && !wanted; i++)
        for (size_t k = 0; k < rulefile_count(b->own) && !wanted; k++)
            wanted = strcmp(rulefile_rule(b->own, k)->name, b->c->rules[i]) == 0 &&
                     !rules_find(b->rules, b->c->rules[i]);
    if (wanted)
        return rules_put(b->rules, f->path, b->own, b->at_ms, e);
    rulefile_unref(b->own);
    b->own = NULL;
    return 0;
}

static int put_rules(struct bench *b, struct rulefile *const *files, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (rulefile_count(files[i]) == 0)
            continue;
        if (rules_put(b->rules, rulefile_rule(files[i], 0)->file, files[i], b->at_ms, e) < 0)
            return -1;
    }
    rules_link(b->rules, b->at_ms);
    if (put_own_rules(b, e) < 0)
        return -1;
    rules_link(b->rules, b->at_ms);
    rules_skip_to(b->rules, b->at_ms - 1);
    for (size_t i = 0; i < b->c->n_rules; i++)
        if (!rules_find(b->rules, b->c->rules[i]))
            return err_set(e, ERR_INPUT, "there is no rule \"%s\" in the files under test",
                           b->c->rules[i]);
    return 0;
}

static uint64_t count_looks(const struct bench *b)
{
    uint64_t looks = 0;

    for (size_t i = 0; i < rules_count(b->rules); i++) {
        struct rule_stats s;

        rule_stats(rules_at(b->rules, i), &s);
        looks += s.looks;
    }
    return looks;
}

static void add_broken(const struct bench *b, struct buf *out)
{
    struct buf broken = BUF_INIT;

    if (bench_tell_broken(b, &broken))
        buf_addf(out, "\n%s", buf_str(&broken));
    buf_free(&broken);
}

/* Feed and checks in the order of time; what arrives at the instant of a check comes first. */
static int run(struct bench *b, struct block *k, struct testbench_result *out, struct err *e)
{
    const struct test_case *c = b->c;
    size_t fed = 0, checked = 0;

    while (checked < c->n_checks) {
        const struct test_check *check = &c->checks[checked];

        if (fed < c->n_feed && c->feed[fed].at_ms <= check->at_ms) {
            long n = feed_instant(b, fed, k, e);

            if (n < 0)
                return -1;
            fed += (size_t)n;
            continue;
        }
        move_to(b, c->start_ms + check->at_ms);
        engine_advance(b->engine, b->at_ms);
        if (!bench_check(b, check, out)) {
            out->line = check->line;
            add_broken(b, &out->text);
            return 0;
        }
        checked++;
    }
    /* a rule that was set aside proves nothing by being quiet */
    out->passed = !bench_tell_broken(b, &out->text);
    return 0;
}

int testbench_run(const struct test_case *c, struct rulefile *const *files, size_t n_files,
                  const struct config *config, struct testbench_result *out, struct err *e)
{
    struct bench b = {.c = c, .config = config, .at_ms = c->start_ms};
    size_t room = c->n_feed < BLOCK_MAX ? c->n_feed : BLOCK_MAX;
    struct block k = {.samples = mem_alloc((room + 1) * sizeof *k.samples),
                      .events = mem_alloc((room + 1) * sizeof *k.events)};
    int rc = -1;

    *out = (struct testbench_result){.line = c->line};
    if (!k.samples || !k.events)
        err_set(e, ERR_MEMORY, "no memory for the test's data");
    else if (make_parts(&b, e) == 0 && put_rules(&b, files, n_files, e) == 0)
        rc = run(&b, &k, out, e);
    if (rc == 0)
        out->looks = count_looks(&b);
    bench_close(&b);
    mem_free(k.samples);
    mem_free(k.events);
    return rc;
}

void testbench_result_clear(struct testbench_result *r)
{
    buf_free(&r->text);
    buf_free(&r->history);
    buf_free(&r->why);
}
