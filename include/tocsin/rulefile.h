/* The rule language: source text in, checked rules out.
 *
 * Each file has a Lua state of its own, with a bounded heap and an instruction budget, in which
 * nothing outside the language exists (docs/rules.md lists it). The definition phase builds
 * expression graphs; nothing of it runs per sample. `when` functions run later, in the same
 * state, in the decision environment. A file is accepted or refused as a whole. */
#ifndef TOCSIN_RULEFILE_H
#define TOCSIN_RULEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/rule_def.h"

struct map;
struct rulefile; /* rules, their graphs, and the Lua state of their functions; counted references */

struct rulefile_options {
    const char *root; /* `include` and `data` stay below it; NULL: not allowed */
    /* seams of tests; 0 or NULL, as in the program: what is said */
    size_t max_heap;           /* 0: 64 MiB while loading and after */
    uint64_t max_instructions; /* of loading; 0: 20 million */
    /* Reads an included or data file (for tests and for the copies kept in Redis); NULL: from
     * disk. Returns bytes to be freed with mem_free(), or NULL with `e`. */
    char *(*read)(const char *path, size_t *len, void *arg, struct err *e);
    void *arg;
};

/* Loads one file. `path` is shown in errors (its last component, as in "web.lua:12: …").
 * NULL with `e`: the first error, with file and line and a suggestion. */
struct rulefile *rulefile_load(const char *path, const char *source, size_t len,
                               const struct rulefile_options *o, struct err *e);
/* The same in slices, for the loop of a server: begin, then step until it is 1. Between two steps a
 * file may only be stepped on, or given up by rulefile_unref(). `source` is not needed any more after
 * begin, `o->read` and its argument are. */
struct rulefile *rulefile_begin(const char *path, const char *source, size_t len,
                                const struct rulefile_options *o, struct err *e);
/* Works for about `slice_us` of processor time (0: as long as it takes). 1: the file is loaded; 0: it
 * goes on; -1 with `e`: refused, to be given up. Compiling (at most 1 MiB of source) and one trial of
 * one `when` function are pieces that are not cut. */
int rulefile_step(struct rulefile *f, int64_t slice_us, struct err *e) MUST_USE;
struct rulefile *rulefile_ref(struct rulefile *f);
void rulefile_unref(struct rulefile *f);
size_t rulefile_count(const struct rulefile *f);
const struct rule_def *rulefile_rule(const struct rulefile *f, size_t i);
/* Warnings found while loading ("threshold finer than the sketch's error"), "" when none. */
size_t rulefile_warnings(const struct rulefile *f, const char *const **texts);
/* Files it included or read as data, to be watched as well. */
size_t rulefile_inputs(const struct rulefile *f, const char *const **paths);

/* Checks between files: double names, unknown and circular firing() names (each error names its
 * file, so that the caller can refuse that file alone). Returns how many errors there are, at
 * most `max` are written, each with the index of the file in `which`. `order` (room for all rules
 * of all files, may be NULL) gets the rules in the order of evaluation. `elsewhere` (may be NULL)
 * has the names of alerts that exist although none of these files defines them. */
size_t rulefiles_check(struct rulefile *const *files, size_t n, struct err *errors, size_t *which,
                       size_t max, const struct rule_def **order, const struct map *elsewhere);

/* The same in pieces of at most so many rules (a chain of firing() is one piece), without an order. What is
 * handed in is borrowed until the end. NULL: no memory. */
struct checking;
struct checking *rulefiles_check_begin(struct rulefile *const *files, size_t n, struct err *errors,
                                       size_t *which, size_t max);
bool rulefiles_check_step(struct checking *c, size_t most); /* true: done */
size_t rulefiles_check_end(
    struct checking *c); /* frees it; how many errors were found until then */

/* --- `when` functions --- */
struct when_row {
    const double *inputs; /* one per rule_def.inputs, all present */
    labelset labels;      /* of the group */
    int level;            /* current level, 0: ok */
    int64_t now_ms;
    struct rule_pair *state; /* one per rule_def.state: current values; may be NULL */
    /* out: */
    int verdict; /* -1: no verdict (nil), 0: ok, 1…5 */
    bool has_value;
    double value;
    char **new_state; /* NULL, or n_state strings (mem_free() each and the array) */
    bool failed;      /* an error or its budget was spent: see `error` of the call */
};
struct when_budget {
    uint64_t per_call;  /* instructions; 0: 20,000 */
    uint64_t per_batch; /* 0: 2 million */
    int64_t batch_ms;   /* processor time; 0: 50 */
};
/* Calls the function of a rule for `n` groups. Rows after a spent batch budget get failed = true.
 * `first_error` (may be NULL) gets the first failure with file and line. Returns how many failed.
 * `ls` is where the labels live. */
size_t rulefile_when(struct rulefile *f, const struct rule_def *rule, struct labelsets *ls,
                     struct when_row *rows, size_t n, const struct when_budget *b,
                     struct err *first_error);

/* --- messages of rules: "{service}: {value:percent} of requests fail" --- */
struct message_values {
    const struct label *labels; /* all labels of the alert, sorted */
    size_t n_labels;
    double value, threshold;
    bool has_value, has_threshold;
    enum unit unit;        /* of the threshold, used where no formatter is given */
    const char *unit_name; /* rule_def.unit or NULL */
    int priority;
    int64_t active_ms;               /* {duration}: how long it has been on */
    const struct rule_input *inputs; /* names, for {p99:duration} */
    const double *input_values;
    const bool *input_ok;
    size_t n_inputs;
    const struct label *event; /* {event_FIELD}: fields of the last matching log event */
    size_t n_event;
    const char
        *reason; /* {reason}: rule_def.reasons, the text of the one that holds; may be NULL */
};
/* Fills placeholders; formatters: percent duration bytes number round x sigma raw. An unknown or
 * missing one becomes "?" (the loader has checked the names). At most 4 KiB. */
void message_fill(const char *template, const struct message_values *v, struct buf *out);

/* Text scan used by the loader and by editors: finds `and`/`or`/`not` beside a condition, a label
 * given twice in one table. Returns -1 with `e` (line set) at the first. */
int rulefile_scan(const char *source, size_t len, struct err *e) MUST_USE;

#endif
