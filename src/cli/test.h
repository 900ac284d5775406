/* The results of tests: for people as they come, as JSON, and as JUnit's XML. */
#ifndef TOCSIN_CLI_TEST_H
#define TOCSIN_CLI_TEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/err.h"
#include "tocsin/testbench.h"

struct test_outcome {
    const char *file, *name;
    int line;          /* of the test */
    const char *error; /* it could not be run; NULL: see result */
    struct testbench_result result;
    uint64_t took_ns;
};

struct test_report {
    size_t n_passed, n_failed;
    struct buf json_text, junit; /* of all cases so far */
    struct json json;
};

void test_report_open(struct test_report *r);
/* Counts it; a failure is printed (to standard output) unless --json was given. */
void test_report_add(struct test_report *r, const struct test_outcome *o);
/* Prints "N passed, N failed" or the JSON; writes JUnit XML to `junit` where that is not NULL.
 * -1: that file could not be written, which is told. */
int test_report_close(struct test_report *r, const char *junit) MUST_USE;
void test_report_free(struct test_report *r);

uint64_t test_clock_ns(void);

/* Returns once something was saved in the folders of these tests (none: of the configured rules).
 * Blocks. -1: nothing can be watched. */
int test_watch(const char *config_path, char *const *tests, int n_tests, struct err *e) MUST_USE;

#endif
