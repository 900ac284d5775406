/* Inside of the test bench: the engine of one case (testbench.c) and its checks (testbench_check.c). */
#ifndef TOCSIN_APP_TESTBENCH_H
#define TOCSIN_APP_TESTBENCH_H

#include "base/clock.h"
#include "tocsin/engine.h"
#include "tocsin/testbench.h"

#define BENCH_CHANGES_MAX 100000 /* transitions that are remembered of one case */

/* A transition, or (CHANGE_NONE) the moment an alert was held back or freed. */
struct bench_change {
    int64_t at_ms;
    enum alert_change kind;
    int priority;         /* that is on after it, 0: none */
    bool shown;           /* fires, and nothing holds it back */
    const char *rule;     /* of the rule's definition */
    struct label *labels; /* sorted; owned with their texts, one allocation */
    size_t n_labels;
    bool has_value;
    double value;
    enum unit unit;
    uint64_t fingerprint;
};

struct bench {
    const struct test_case *c;
    const struct config *config;
    const char *severity[PRIORITIES + 1]; /* of each priority; the book looks here */
    struct clock *clock;
    struct labelsets *labels;
    struct series_table *series;
    struct engine *engine;
    struct alert_book *book; /* the engine's, like the rules */
    struct rules *rules;
    int64_t at_ms; /* Unix time of the instant reached */
    struct bench_change *changes;
    size_t n_changes, cap_changes;
    size_t *silences; /* those made so far, by index */
    size_t n_silences, cap_silences;
    struct rulefile *own; /* Tocsin's own rules, where the test asks for one of them */
};

/* True when `want` (sorted) is part of `have` (sorted); an empty value matches a missing label. */
bool bench_has_labels(const struct label *have, size_t n_have, const struct label *want,
                      size_t n_want);
/* Held back by a silence of the test or by `unless`. */
bool bench_held(const struct bench *b, const struct alert *a);
/* "4m30s" since the start of the test. */
void bench_instant(const struct bench *b, int64_t at_ms, struct buf *out);

/* Tells of each rule whose function has failed where no t:breaks() expects it; false: there is none.
 * Cost: one look at each rule. */
bool bench_tell_broken(const struct bench *b, struct buf *out);
/* Does the check hold now? Else false, and the result is filled. */
bool bench_check(struct bench *b, const struct test_check *k, struct testbench_result *out);

#endif
