/* An engine with rules and samples by hand, for tests of what stands around it. */
#ifndef TOCSIN_TESTS_UNIT_APP_STAGE_H
#define TOCSIN_TESTS_UNIT_APP_STAGE_H

#include <stdio.h>
#include <string.h>

#include "tocsin/engine.h"
#include "tocsin/rulefile.h"
#include "unit.h"

#define T0  INT64_C(1767571200000) /* 2026-01-05 00:00 UTC, a tick of every rule */
#define SEC INT64_C(1000)

#define ALERT(name, limit)                                                                    \
    "alert '" name "' { priority = 'P3', value = m.x:last():max_by('g'), fire = above(" limit \
    ") }\n"

struct stage {
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct engine *engine;
    int64_t at_ms; /* of the block that was applied last */
};

static inline void stage_open(struct stage *s)
{
    struct windows_options windows = {.covered = true};
    struct alert_book_options book = {0};
    struct rules_options rules = {0};
    struct engine_options o = {.windows = &windows, .book = &book, .rules = &rules};

    *s = (struct stage){.clock = clock_virtual(T0), .labels = labelsets_new(0), .at_ms = T0};
    rules.clock = s->clock;
    o.labels = s->labels;
    o.series = s->series = series_table_new(s->labels, 0);
    s->engine = engine_new(&o);
    ck_assert_ptr_nonnull(s->engine);
    rules_skip_to(engine_rules(s->engine), T0 - 1);
}

static inline void stage_close(struct stage *s)
{
    engine_free(s->engine);
    series_table_free(s->series);
    labelsets_free(s->labels);
    clock_free(s->clock);
}

/* A rule file, as it stands on disk. */
static inline struct rulefile *stage_rules(const char *text)
{
    struct err e = {0};
    struct rulefile *f = rulefile_load("a.lua", text, strlen(text), NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    return f;
}

static inline void stage_put(struct stage *s, struct rulefile *f)
{
    struct err e = {0};

    ck_assert_int_eq(rules_put(engine_rules(s->engine), "a.lua", f, s->at_ms, &e), 0);
    rules_link(engine_rules(s->engine), s->at_ms);
}

static inline struct sample stage_sample(struct stage *s, const char *name, const char *group,
                                         double v)
{
    struct label l[] = {label_of("__name__", name), label_of("g", group)};
    struct sample x = {.t_ms = s->at_ms, .v = v, .weight = 1, .kind = SAMPLE_GAUGE};
    bool is_new;

    x.series = series_resolve(s->series, l, 2, "t", SAMPLE_GAUGE, &is_new);
    ck_assert(x.series != SERIES_NONE);
    return x;
}

/* One sample a second later, and the look at it. */
static inline void stage_send(struct stage *s, const char *name, const char *group, double v)
{
    struct sample x;

    s->at_ms += SEC;
    clock_set(s->clock, s->at_ms);
    x = stage_sample(s, name, group, v);
    engine_apply(s->engine,
                 &(struct engine_block){.recv_ms = s->at_ms, .samples = &x, .n_samples = 1});
    ck_assert(engine_advance(s->engine, s->at_ms));
}

static inline void stage_count_firing(struct alert *a, void *arg)
{
    *(unsigned *)arg += a->state.firing != 0;
}

static inline unsigned stage_firing(struct stage *s, const char *rule)
{
    struct alert_rule *r = alert_rule_find(engine_book(s->engine), rule);
    unsigned n = 0;

    if (r)
        alert_each_of(r, stage_count_firing, &n);
    return n;
}

#endif
