/* Evaluating an expression for a run of rows at one instant: columns of numbers with a validity
 * byte each (missing data is no number), conditions in Kleene's three values. */
#ifndef TOCSIN_RULE_EVAL_H
#define TOCSIN_RULE_EVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rule/rowset.h"
#include "tocsin/alert.h"

#define BATCH 256 /* rows at a time: a column is 2 KB and stays in the first-level cache */

/* What a number is worth whose window was not seen whole. Sums of increments can only grow by what
 * was missed, so a limit that is passed already is passed for certain. */
enum cold {
    WARM,       /* all was seen, or it does not matter */
    COLD_LEAST, /* that much or more */
    COLD_MOST,  /* that much or less */
    COLD_SHARE, /* exact for the time that was seen: of a group that began in a window that was
                   seen whole, or a ratio of two windows that saw the same; "more" may be decided */
    COLD_ANY,   /* says nothing; also where there is no value yet */
};

struct column {
    double v[BATCH];
    uint8_t ok[BATCH];
    uint8_t cold[BATCH]; /* enum cold */
};

/* A truth that is unknown because some window was not seen whole. Below this room's conditions
 * only: alerts are told UNKNOWN_, and that it is warming. */
#define COLD_ (UNKNOWN_ + 1)

/* What the conditions of a rule remember of each row, between looks. */
struct condition_memory {
    uint64_t sticky[BATCH]; /* in: before, out: after this look */
    int64_t since_ms[ALERT_SINCE_MAX][BATCH];
    int64_t last_ms[BATCH]; /* instant of the look before, 0: none */
};

struct batch {
    struct rowset *rs;
    int64_t at_ms;
    bool whole; /* one of several batches that cover all rows */
    const uint32_t *rows;
    size_t n;                        /* <= BATCH */
    const struct column *value;      /* of EXPR_VALUE; NULL: not there */
    const struct expr *value_expr;   /* evaluated for EXPR_VALUE where `value` is NULL */
    struct condition_memory *memory; /* NULL: conditions remember nothing */
    const uint8_t *sticky_bit;  /* [expr.slot]: bit of a COND_CMP with a clear level, 255: none */
    const uint8_t *since_index; /* [expr.slot]: of a COND_LASTING, 255: none */
    struct alert_rule *const *firing;    /* [expr.slot]: the rule of a COND_FIRING */
    const struct label_names *firing_by; /* [expr.slot] */
    bool negated;                        /* below an odd number of ~ */
    const bool *expected;                /* [row]: groups of `expect`; NULL: none */
};

void eval_number(const struct batch *b, const struct expr *x, struct column *out);
/* The row of a `per` that applies to row i of the batch; NULL: its default. */
const struct expr_per_row *eval_per_row(const struct batch *b, const struct expr_per *p, size_t i);
bool eval_compare(enum expr_cmp cmp, double v, double limit); /* without a clear level */
/* out[i] is an enum truth, or COLD_. */
void eval_truth(const struct batch *b, const struct expr *x, uint8_t *out);

#endif
