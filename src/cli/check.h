/* The parts of `tocsin check`. */
#ifndef TOCSIN_CLI_CHECK_H
#define TOCSIN_CLI_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/ruleset.h"

/* What a rule keeps. */
struct rule_cost {
    size_t bytes_per_group; /* of all its leaves together */
    struct buf fields;      /* log fields that are read, "level, service" */
};
void rule_cost(const struct rule_def *d, struct rule_cost *out); /* buf_free() its fields */
/* For people: one line a rule, its leaves below. */
void show_costs(const struct ruleset *s, struct buf *out);
/* Members of one rule: "leaves", "bytes_per_group", "fields". */
void write_cost(const struct rule_def *d, struct json *j);

/* Warns of each label that routes and inhibition of `c` ask for and no rule of the set gives. -1: no memory. */
int check_labels(const struct config *c, const struct ruleset *s, ruleset_found found,
                 void *arg) MUST_USE;

/* Asks the server what each rule's selectors match and prints it; returns the exit code. */
int check_live(const struct ruleset *s);

#endif
