/* One running rule: its definition, its rows, what its conditions need, what is to be looked at. */
#ifndef TOCSIN_RULE_RUNNING_H
#define TOCSIN_RULE_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include "rule/attach.h"
#include "rule/eval.h"
#include "rule/rowset.h"
#include "tocsin/rule.h"

/* A group that was touched and waits for the rest of its data. */
struct waiting {
    uint32_t row;     /* ROW_NONE: it waits no more */
    int64_t first_ms; /* instant of the first touch */
};

/* A look that has begun: rows picked, and how many of them were looked at. */
struct open_look {
    bool open, whole; /* whole: a tick, which looks at about all there are */
    size_t n, done;
    int64_t at_ms;
    uint64_t errors_before, busy_ns;
    uint64_t refusals; /* mem_refusals() when it was left */
};

struct rule {
    struct rules *all;
    uint32_t rank;             /* place in the order of evaluation */
    uint32_t attach_id;        /* among those that keep events, where it does */
    struct rule *next_in_file; /* the rule behind it in its file */
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
    bool single;             /* one group without labels, there from the start */
    bool early;              /* may look between ticks */
    bool depends;            /* on other rules: looks when one of them changed */
    bool changed;            /* one of its alerts changed at the present instant */
    bool look_due;           /* its tick has come, or a rule it depends on changed */
    bool uses_noted;         /* its leaves name it */
    bool leaving;            /* an exchange has replaced it, or does */
    bool linked;             /* firing() knows its rules; without that nothing is decided */
    bool pins_missing;       /* there was no memory for the rows of some alerts */
    struct waiting *waiting; /* in order of the first touch (touched.c) */
    size_t first_waiting, n_waiting, waiting_cap;
    uint32_t passed; /* places that have left the head of `waiting` */
    uint32_t *place; /* [row]: 1 + its place in `waiting` + `passed`, 0: it does not wait */
    size_t place_cap;
    uint32_t *ready; /* rows whose data is complete, to be looked at now */
    size_t n_ready, ready_cap;
    bool picks_missing;   /* there was no memory to pick what is ready */
    uint32_t taken_block; /* whose touches it has */
    uint32_t *picked;     /* rows gathered for the look at hand */
    size_t picked_cap;
    struct open_look look;
    int64_t last_look_ms;
    uint64_t refusals;           /* mem_refusals() when the present look began */
    struct attachments attached; /* last log events of each group, for messages */
    /* misbehaviour of a `when` function */
    unsigned bad_ticks;
    uint64_t early_failures; /* since the last tick */
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

/* Begins a look at all rows, leaving out those that wait for the rest of their data, or at what was
 * touched and is complete or has waited long enough. No look is open. */
void look_all(struct rule *r, int64_t at_ms);
void look_touched(struct rule *r, int64_t at_ms);
/* Looks on at what the open look has picked, a batch of rows at a time, until `until_ns` of the
 * monotonic clock. False: rows are left, and nothing they look at may change until it is called
 * again. */
bool look_on(struct rule *r, uint64_t until_ns) MUST_USE;

static inline bool look_is_open(const struct rule *r)
{
    return r->look.open;
}

struct rules_context {
    struct labelsets *labels;
    struct windows *windows;
    struct alert_book *book;
    struct clock *clock;
    const struct redact_also *redact;
    int64_t stepped_ms; /* all steps of the clock: rounds count on through them */
};
const struct rules_context *rules_context(const struct rules *e);

/* A batch over rows of this rule with everything but the memory filled in. */
struct batch running_batch(const struct rule *r, const uint32_t *rows, size_t n, int64_t at_ms);

#endif
