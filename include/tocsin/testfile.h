/* Test files (x_test.lua): what goes in, when, and what is to be seen, as plain data.
 *
 * Loading runs each test's function once, in the sandbox; it records series, events, silences and
 * expectations. Whoever has an engine feeds it in order of arrival on a virtual clock and looks
 * at the checks (src/cli/test.c). Times are milliseconds since the start of the test. */
#ifndef TOCSIN_TESTFILE_H
#define TOCSIN_TESTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "tocsin/rulefile.h"

/* Monday 2026-01-05 00:00 UTC, unless t:start() says otherwise. */
#define TEST_START_MS INT64_C(1767571200000)

struct testfile;

struct test_series {
    const struct label *labels; /* sorted, __name__ among them */
    size_t n_labels;
    enum sample_kind kind;
};

struct test_event {
    const struct label *fields; /* sorted */
    size_t n_fields;
};

struct test_silence {
    struct matcher *const *matchers;
    size_t n_matchers;
    int64_t until_ms;
};

enum test_feed_kind { FEED_SAMPLE, FEED_EVENT, FEED_SILENCE };

struct test_feed {
    int64_t at_ms;   /* when it arrives */
    int64_t time_ms; /* its own time; nearly always the same */
    uint32_t index;  /* into series, events or silences */
    uint8_t kind;    /* enum test_feed_kind */
    bool stale;      /* FEED_SAMPLE: staleness marker */
    double value;    /* FEED_SAMPLE */
};

/* with{ value = near(0.05, 0.005), message = has"5.0%", trace_id = "t1" } */
enum test_with_kind { WITH_TEXT, WITH_NUMBER, WITH_HAS };
struct test_with {
    const char *key; /* "value", "threshold", "message" (the filled summary), else an annotation,
                        a label or a field of an attached event */
    enum test_with_kind kind;
    const char *text;         /* WITH_TEXT: equal; WITH_HAS: contained */
    double number, tolerance; /* WITH_NUMBER */
};

struct test_span { /* "4m30s..5m30s P1": in this span the alert changes to that */
    int64_t from_ms, to_ms;
    int priority; /* 0: ok */
};

enum test_check_kind {
    CHECK_FIRES,       /* an alert with (at least) these labels fires, at `priority` if given */
    CHECK_QUIET,       /* none with these labels fires; a suppressed one is not quiet */
    CHECK_SUPPRESSED,  /* one fires, held back by `unless` */
    CHECK_NEVER,       /* none fires at any time of the test */
    CHECK_TRANSITIONS, /* its changes are exactly these spans, in order */
    CHECK_BREAKS,      /* its function fails, with the text of its one `with` where it has one */
};

struct test_check {
    enum test_check_kind kind;
    int line;
    int64_t at_ms; /* CHECK_NEVER, CHECK_TRANSITIONS, CHECK_BREAKS: the end of the test */
    const char *rule;
    const struct label *labels; /* sorted; a subset of the alert's is enough */
    size_t n_labels;
    int priority; /* CHECK_FIRES: 1…5, 0: any */
    const struct test_with *with;
    size_t n_with;
    const struct test_span *spans;
    size_t n_spans;
};

struct test_case {
    const char *name;
    int line;
    int64_t start_ms;   /* Unix time of instant 0 */
    int64_t end_ms;     /* of the last check */
    bool cold;          /* t:cold(): windows that reach back before instant 0 were not seen whole */
    const char *config; /* t:config("tocsin.lua"), below the root; NULL: none */
    const struct test_series *series;
    size_t n_series;
    const struct test_event *events;
    size_t n_events;
    const struct test_silence *silences;
    size_t n_silences;
    const struct test_feed *feed; /* sorted by at_ms, as written where equal */
    size_t n_feed;
    const struct test_check *checks; /* sorted by at_ms, as written where equal */
    size_t n_checks;
    const char *const *rules; /* names in its checks, each once */
    size_t n_rules;
};

/* Loads one file and runs the functions of its tests. `o` as for rule files (include, data); may
 * be NULL. NULL with `e`: the first error, with file and line. */
struct testfile *testfile_load(const char *path, const char *source, size_t len,
                               const struct rulefile_options *o, struct err *e);
void testfile_free(struct testfile *f); /* NULL is fine */
size_t testfile_count(const struct testfile *f);
const struct test_case *testfile_case(const struct testfile *f, size_t i);

#endif
