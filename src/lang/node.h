/* Expression nodes while a rule file is loaded, and the methods that make them.
 *
 * A node made by the file may be used by several rules, so it is a pattern: each rule gets a copy
 * with its own slots (plan.c). `x` comes first, so an expr of this room is a node. */
#ifndef LANG_NODE_H
#define LANG_NODE_H

#include <lua.h>

#include "script/value.h"
#include "model/expr.h"
#include "model/leaf.h"

#define NODE_DEPTH_MAX 100   /* everybody who walks a graph may recurse */
#define NODE_PATHS_MAX 20000 /* nodes of the graph written out as a tree */

/* What a number counts, as far as its metric's name tells. */
enum dim { DIM_UNKNOWN, DIM_SECONDS, DIM_MS, DIM_BYTES, DIM_PERCENT, DIM_RATIO };

struct node {
    struct expr x;
    const char *file;            /* where it was written: x.line is a line of this file */
    const char *method;          /* as the user called it, for errors: "above", "sum_by" */
    struct quantity *quantities; /* EXPR_NUM, EXPR_PER: as written, for the check of units */
    size_t n_quantities;
    unsigned depth, paths;
    enum dim dim;
    const char *dim_name; /* the metric or field that dim comes from */
    bool follows;         /* its keys are those of whatever stands beside it (firing()) */
    uint64_t hash;        /* of its text, the same in every process (plan.c) */
    unsigned plan;        /* which rule `copy` belongs to */
    struct node *copy;
};

/* m.name{ label = matcher }, logs{ field = matcher } */
struct selector {
    enum leaf_source source;
    const char *metric;
    const char *field; /* logs{…}:field("duration_ms") */
    struct selector_match {
        const char *label;
        const struct match *match;
        struct matcher **built; /* match_count() of them */
        size_t n;
    } * matches; /* sorted by label */
    size_t n;
};

enum method_on { ON_SELECTOR = 1, ON_EXPR = 2, ON_COND = 4 };

struct method {
    const char *name;
    unsigned on;     /* of enum method_on */
    lua_CFunction f; /* its struct method is upvalue 1, see method_me() */
    int arg;
    const char *eg; /* for errors: rate("5m") */
};
extern const struct method selector_methods[], expr_methods[], cond_methods[]; /* name NULL ends */

const struct method *method_me(lua_State *L);

/* --- making nodes; children are given before node_done() --- */
struct node *node_new(lua_State *L, enum expr_kind kind);
/* Checks the bounds and pushes it as an expression or condition. Returns 1. */
int node_done(lua_State *L, struct node *n);
void node_close(lua_State *L, struct node *n); /* the same without pushing */
struct node *node_number(lua_State *L, struct quantity q);
static inline struct node *node_of(const struct expr *x)
{
    return (struct node *)x;
}

/* The expression at `idx`: a selector means its last value, a number or quantity a constant.
 * `what` names the place. per() is refused unless asked for. */
struct node *node_arg(lua_State *L, int idx, const char *what);
struct node *node_limit_arg(lua_State *L, int idx, const char *what); /* per() allowed */
struct node *cond_arg(lua_State *L, int idx, const char *what);
bool node_is_number(lua_State *L, int idx); /* an expression, not a condition */

/* --- leaves --- */
struct selector *selector_new(lua_State *L, enum leaf_source source, const char *metric);
struct selector *selector_refine(lua_State *L, const struct selector *s, int table);
struct node *node_leaf(lua_State *L, const struct selector *s, enum leaf_fn fn, int64_t window_ms,
                       double param);
/* A copy of a leaf node with other spec fields to be changed by the caller. */
struct node *node_leaf_copy(lua_State *L, const struct node *n);

/* --- units (decision: a quantity that cannot fit the name is an error) --- */
enum dim dim_of_name(const char *name);
/* Raises when `q` cannot be a value of `n`. `shown` is how it was written: above("90%"). */
void units_check(lua_State *L, const struct node *n, const struct quantity *q, const char *what);
void units_arith(struct node *n); /* of an arithmetic node from its children */

/* --- for rules that are made here, not by a file --- */
struct node *expr_default(lua_State *L, struct node *a, double seconds);
struct node *cond_compare(lua_State *L, struct node *a, enum expr_cmp op, struct node *b);
struct node *cond_join(lua_State *L, enum expr_kind kind, struct node *a, struct node *b);
struct node *cond_missing(lua_State *L, struct node *a);
struct node *cond_lasting(lua_State *L, struct node *a, int64_t ms);

int cond_and(lua_State *L); /* metamethods */
int cond_or(lua_State *L);
int cond_not(lua_State *L);

/* --- the names of files, into the table on top of the stack --- */
void language_selector_names(lua_State *L); /* m, logs */
void language_expr_names(lua_State *L);     /* ratio, max_of, …, apdex */
void language_cond_names(lua_State *L);     /* above, …, firing */

#endif
