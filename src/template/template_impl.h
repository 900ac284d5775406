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
/* Pushes a value as Lua sees it. */
void template_push(lua_State *L, const struct template_value *v);
/* Fills `into` from the Lua value at `idx`; raises when it cannot be shown or is too large. */
void template_pull(lua_State *L, int idx, struct template_tree *t, struct template_value *into);

#endif
