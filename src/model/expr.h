/* A rule as data: the graph of its expressions and conditions, known completely at load.
 *
 * Built by the language (src/lang), evaluated by src/rule, drawn by explain and by the page. Nodes
 * live in the arena of their rule file, are immutable after loading and may be shared (a DAG). */
#ifndef TOCSIN_MODEL_EXPR_H
#define TOCSIN_MODEL_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "model/leaf.h"

enum expr_kind {
    /* numbers */
    EXPR_NUM,   /* .num */
    EXPR_NOW,   /* the instant of the look, Unix seconds */
    EXPR_VALUE, /* the rule's `value` */
    EXPR_LEAF,  /* .leaf */
    EXPR_ARITH, /* .op of a and b */
    EXPR_FN,    /* .fn of a, b, c (unused: NULL) */
    EXPR_AGG,   /* .agg over a, grouped by .labels */
    EXPR_PER,   /* .per: a number by the value of one label */
    EXPR_ON,    /* a, re-keyed to .labels */
    EXPR_WHERE, /* a where condition b holds, else missing */
    EXPR_BOOL,  /* 1 or 0 of condition a */
    /* conditions: true, false or unknown (Kleene) */
    COND_CMP, /* a .cmp b, sticky until c (the clear level) when c is given */
    COND_AND,
    COND_OR,
    COND_NOT,
    COND_LASTING, /* a has held for .ms without a break */
    COND_MISSING, /* a has no value */
    COND_FIRING,  /* .firing */
    COND_ON,      /* condition a, re-keyed to .labels */
};

enum expr_arith { ARITH_ADD, ARITH_SUB, ARITH_MUL, ARITH_DIV, ARITH_MOD, ARITH_POW };
enum expr_fn {
    FN_RATIO, /* a / b; .num: least b (0: none); a missing where b is there: 0 */
    FN_MAX_OF,
    FN_MIN_OF,
    FN_COALESCE,
    FN_ABS,
    FN_ROUND,
    FN_FLOOR,
    FN_CEIL,
    FN_CLAMP,   /* a between b and c */
    FN_DEFAULT, /* a, or b where a is missing */
};
enum expr_agg { AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_COUNT, AGG_STDDEV, AGG_QUANTILE };
enum expr_cmp { CMP_ABOVE, CMP_BELOW, CMP_AT_LEAST, CMP_AT_MOST, CMP_EQUALS, CMP_DIFFERS };

extern const char *const expr_arith_names[]; /* "+" "-" … */
extern const char *const expr_fn_names[];    /* "ratio" … */
extern const char *const expr_cmp_names[];   /* "above" … as in the language */
extern const char *const expr_cmp_signs[];   /* ">" "<" ">=" "<=" "=" "!=" */

struct expr_per {
    const char *label;
    double fallback;
    struct expr_per_row {
        const char *pattern; /* exact, or with `*` */
        bool glob;
        double v;
    } * rows; /* exact ones first, then globs, longest first */
    size_t n_rows;
};

struct expr_firing {
    const char *rule;
    int level; /* 1…5: at least as severe; 0: any */
    bool by_given;
    const char **by; /* sorted */
    size_t n_by;
};

/* The labels that the groups of a node carry, as known at load. */
struct expr_keys {
    bool scalar;        /* one value for all groups */
    bool all;           /* whatever labels the series have */
    const char **names; /* sorted; when neither */
    size_t n;
};

struct expr {
    enum expr_kind kind;
    int line;      /* in the rule file */
    unsigned slot; /* dense number within its rule, for per-rule tables */
    struct expr_keys keys;
    struct expr *a, *b, *c;
    double num;
    enum unit unit; /* of a number that was written with one; for messages */
    union {
        enum expr_arith op;
        enum expr_fn fn;
        enum expr_agg agg; /* AGG_QUANTILE: q in .num */
        enum expr_cmp cmp;
    };
    bool without;        /* EXPR_AGG: labels are dropped, not kept */
    const char **labels; /* EXPR_AGG, EXPR_ON, COND_ON: sorted */
    size_t n_labels;
    int64_t ms; /* COND_LASTING */
    struct leaf_spec *leaf;
    struct expr_per *per;
    struct expr_firing *firing;
};

/* One line for a node, without its children: "ratio", "above 2% (clear 1%)", a leaf's text. */
void expr_label(const struct expr *x, struct buf *out);
/* A number in the unit of a threshold: 0.231 with UNIT_RATIO is "23.1%". */
void expr_number(struct buf *out, double v, enum unit unit);
bool expr_is_cond(const struct expr *x);

#endif
