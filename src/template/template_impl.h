/* Between the parts of template.h's inside. */
#ifndef TEMPLATE_TEMPLATE_IMPL_H
#define TEMPLATE_TEMPLATE_IMPL_H

#include <lua.h>

#include "tocsin/template.h"

struct template_tree *template_tree_sized(size_t max); /* bytes; 0: the usual bound */
/* A new member of a list, or of an object that has none of that name: not looked for. */
struct template_value *template_append(struct template_tree *t, struct template_value *parent,
                                       const char *key, enum template_kind kind);
/* Give a value its content; -1 and the tree marked when memory fails. */
int template_set_string(struct template_tree *t, struct template_value *v, const char *s,
                        size_t len);
int template_set_number(struct template_tree *t, struct template_value *v, double num);

/* percent, duration … list, null: into the table on top of the stack. */
void template_names(lua_State *L);

/* Where a walk over values is: one level for each list or object that it is in. */
#define TEMPLATE_DEPTH 32
struct template_level {
    const struct template_value *of, *next; /* in: what it is made of, its next member */
    struct template_value *into;            /* out: what it becomes */
    int table;                              /* out: where it stands on Lua's stack */
    lua_Integer i, n;                       /* members so far, and of a list in all */
    bool list;
    bool differ; /* out: all names so far are strings */
};
struct template_walk {
    struct template_level levels[TEMPLATE_DEPTH + 1];
    unsigned depth; /* 0: it has ended */
};
/* Push a value as Lua sees it, `n` values a call; true when all of it is there. Between two calls the
 * stack stays as it is. */
void template_push_begin(lua_State *L, struct template_walk *w, const struct template_value *v);
bool template_push_some(lua_State *L, struct template_walk *w, unsigned n);
/* Fill the root from the value on top, which they take; they raise when it cannot be shown or is too
 * large. */
void template_pull_begin(lua_State *L, struct template_tree *t, struct template_walk *w);
bool template_pull_some(lua_State *L, struct template_tree *t, struct template_walk *w, unsigned n);

void template_push_null(lua_State *L);
void template_push_number(lua_State *L, double v);
void template_mark_list(lua_State *L); /* the table on top */

#endif
