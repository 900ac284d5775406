/* A rule as its author wrote it: checked, complete, immutable. The running rule is another thing
 * (src/rule); it points here. */
#ifndef TOCSIN_MODEL_RULE_DEF_H
#define TOCSIN_MODEL_RULE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/expr.h"
#include "model/labels.h"

#define PRIORITIES 5 /* P1 (now) to P5; 0 stands for "ok" */

enum rule_missing { MISSING_KEEP, MISSING_CLEAR, MISSING_FIRE };

struct rule_level {
    int priority;       /* 1…5 */
    struct expr *cond;  /* without its outermost :lasting */
    int64_t lasting_ms; /* of this level: its own, else the rule's */
};

struct rule_input {
    const char *name;
    struct expr *x;
};

struct rule_pair {
    const char *name, *value;
};
/* A copy in one block, to be freed with mem_free(). NULL: no memory. */
struct rule_pair *rule_pairs_dup(const struct rule_pair *pairs, size_t n);

struct rule_expect {      /* a label set that must exist */
    struct label *labels; /* sorted */
    size_t n;
};

struct rule_reason {   /* what the message says while a condition holds */
    struct expr *cond; /* NULL: when no other does */
    const char *text;  /* a template, as annotations are */
};
#define RULE_REASONS 5

struct rule_def {
    const char *name, *file; /* file: path as loaded */
    int line;
    struct expr *value;                   /* may be NULL */
    struct rule_level levels[PRIORITIES]; /* most severe first; none for `when` rules */
    size_t n_levels;
    struct rule_input *inputs; /* of a `when` rule */
    size_t n_inputs;
    int when;                      /* handle of the function in its rule file, -1: none */
    const struct rule_pair *state; /* declared `state`: initial values as text */
    size_t n_state;
    int priority;         /* 1…5: of `when` rules returning true, and of missing = "fire" */
    const char *severity; /* the user's own label string, or NULL: from the priority */
    int64_t lasting_ms, clear_after_ms, every_ms, delay_ms, forget_ms, gone_ms;
    enum rule_missing missing;
    int missing_priority; /* MISSING_FIRE: level */
    bool early;           /* false: ticks only */
    bool notify, shadow;
    uint32_t limit; /* groups */
    struct rule_expect *expect;
    size_t n_expect;
    struct expr *unless;         /* may be NULL */
    const char **active, **mute; /* calendars */
    size_t n_active, n_mute;
    struct rule_pair *labels,
        *annotations; /* annotations: summary, description, runbook_url first */
    size_t n_labels, n_annotations;
    const char *team;
    const char *unit; /* of the value, for formatters; may be NULL */
    const char **attach_fields;
    size_t n_attach_fields;
    uint32_t attach_events;
    struct expr *attach_from; /* a log leaf; NULL: the value's */
    struct expr_keys keys;    /* labels of its alerts */
    struct expr **leaves;     /* distinct leaves */
    size_t n_leaves;
    const char **deps; /* names given to firing() */
    size_t n_deps;
    unsigned n_slots;   /* expr.slot is below this */
    uint64_t fire_hash; /* of the conditions' canonical text: same text, same number */
    const char *renamed_from;
    const char *heartbeat; /* of a heartbeat: what it is pinged as, which is its name; else NULL */
    struct rule_reason reasons[RULE_REASONS]; /* for {reason}: the first that holds */
    size_t n_reasons;
};

/* "P1" … "P5", "ok" for 0. */
const char *priority_name(int priority);
/* 1…5 of "P1" … "P5", 0 otherwise. */
int priority_parse(const char *name);

#endif
