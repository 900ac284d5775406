/* Tests of rules: the real windows, rules and alerts in this process, on a virtual clock.
 *
 * One case is run from its start to its last check. What it feeds arrives as blocks, one for each
 * instant, in the order and by the calls by which the journal's blocks are applied; ticks lie
 * between them. No Redis, no loop, nothing is sent. The first check that does not hold ends the
 * case, so that the explanation is of that very instant. */
#ifndef TOCSIN_TESTBENCH_H
#define TOCSIN_TESTBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "tocsin/config.h"
#include "tocsin/rulefile.h"
#include "tocsin/testfile.h"

struct testbench_result {
    bool passed;
    int line;           /* of the check that does not hold */
    struct buf text;    /* what was expected and what is: one line */
    struct buf history; /* the rule's transitions until then, one a line, "" for none */
    /* {"groups":[{"labels":{…},"levels":[…as rule_explain()…]}],"leaves":[…]} of that instant */
    struct buf why;
    uint64_t looks; /* of all rules, for figures */
};

/* Runs a case against rule files that have passed rulefiles_check() together. `config` tells the
 * severity of priorities. -1 with `e`: it could not be run (no memory, a rule of its checks is not
 * there). The result is to be cleared in every case. */
int testbench_run(const struct test_case *c, struct rulefile *const *files, size_t n_files,
                  const struct config *config, struct testbench_result *out,
                  struct err *e) MUST_USE;
void testbench_result_clear(struct testbench_result *r);

#endif
