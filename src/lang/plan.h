/* Working state while one rule's graph is copied (plan.c, keys.c). */
#ifndef LANG_PLAN_H
#define LANG_PLAN_H

#include "lang/rulefile_impl.h"

struct plan {
    lua_State *L;
    struct rule *rule;
    unsigned stamp;
    unsigned slots;
    struct node **nodes; /* by slot */
    size_t cap_nodes;
    struct node *value;     /* the copy of the rule's value, NULL before it is made */
    struct node *value_ref; /* the one EXPR_VALUE */
    struct node **leaves;   /* distinct ones */
    size_t n_leaves, cap_leaves;
    const char **deps;
    size_t n_deps, cap_deps;
};

uint64_t plan_hash(lua_State *L, const struct node *n);
/* Sets x.keys (and follows) of a copy whose children have theirs. */
void plan_keys_of_node(struct plan *p, struct node *n);
/* The keys of a rule: those of all its parts together. */
void plan_keys_of_rule(struct plan *p);

#endif
