/* One running rule: its definition, its rows, what its conditions need, what is to be looked at. */
#ifndef TOCSIN_RULE_RUNNING_H
#define TOCSIN_RULE_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include "rule/attach.h"
#include "rule/eval.h"
#include "rule/rowset.h"
#include "tocsin/rule.h"

/* A group that was touched and waits for its other sources (several leaves only). */
struct dirty {
    uint32_t row;
    uint32_t source;  /* who sent what touched it last */
    int64_t first_ms; /* instant of the first touch */
};

struct rule {
    struct rules *engine;
    const struct rule_def *d;
    struct rulefile *file; /* a reference: keeps `d` */
    struct alert_rule *alerts;
    struct rowset rs;
    struct expr **roots; /* value, levels, inputs, unless: whatever shares the rows */
    size_t n_roots;
    const struct expr *shown;                /* what {value} is, may be NULL */
    const struct expr *compared[PRIORITIES]; /* the comparison whose limit is {threshold} */
    /* by expr.slot */
    uint8_t *sticky_bit, *since_index;
    struct alert_rule **firing;
    struct label_names *firing_by;
    bool *expected; /* [row] */
    size_t expected_cap;
    bool has_expected;
    bool single;       /* one group without labels, there from the start */
    bool early;        /* may look between ticks */
    bool depends;      /* on other rules: looks when one of them changed */
    bool changed;      /* one of its alerts changed at the present instant */
    bool look_due;     /* a rule it depends on changed */
    bool linked;       /* firing() knows its rules; without that nothing is decided */
    bool pins_missing; /* there was no memory for the rows of some alerts */
    struct dirty *dirty;
    size_t n_dirty, dirty_cap;
    uint32_t *dirty_at; /* [row]: 1 + its place in `dirty`, 0: not there */
    size_t dirty_at_cap;
    uint32_t *picked; /* rows gathered for the look at hand */
    size_t picked_cap;
    int64_t last_look_ms;
    uint64_t refusals;           /* mem_refusals() when the present look began */
    struct attachments attached; /* last log events of each group, for messages */
    /* misbehaviour of a `when` function */
    unsigned bad_ticks;
    unsigned retries;
    struct rule_stats stats;
    char error[256];
};

struct rule *running_new(struct rules *e, struct rulefile *file, const struct rule_def *d,
                         int64_t at_ms, struct err *e_out);
/* Gives the rule its alerts, those of the version that ran before: to be done when nothing else of
 * its file can be refused, and they are reserved in the book. */
void running_register(struct rule *r, int64_t at_ms);
/* Rows for its alerts, which are looked at without data too. */
void running_pin_alerts(struct rule *r);
void running_free(struct rule *r);
/* Resolves the names given to firing() once all rules are there. -1: no memory; the rule is not
 * looked at until it is done. */
int running_link(struct rule *r, struct err *e) MUST_USE;

/* Looks at `n` rows at the instant `at_ms`: evaluates, steps the alerts. */
void look_rows(struct rule *r, const uint32_t *rows, size_t n, int64_t at_ms);
/* Looks at all rows, leaving out those that wait for their other half. */
void look_all(struct rule *r, int64_t at_ms);
/* Looks at what was touched and is complete; what is not stays. Returns when the next of the rest
 * has waited long enough, INT64_MAX when none is left. */
int64_t look_touched(struct rule *r, int64_t at_ms);
/* Remembers that a block touched groups of a source. */
void note_touched(struct rule *r, struct source *s, const struct touched *t, size_t n,
                  int64_t at_ms);

struct rules_context {
    struct labelsets *labels;
    struct windows *windows;
    struct alert_book *book;
    struct clock *clock;
    const struct redact_also *redact;
};
const struct rules_context *rules_context(const struct rules *e);

/* A batch over rows of this rule with everything but the memory filled in. */
struct batch running_batch(const struct rule *r, const uint32_t *rows, size_t n, int64_t at_ms);

#endif
