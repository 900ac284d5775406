/* The keys of an alert, each group of them read by one file (alert_def.c calls them in order).
 * The stack holds the table of the rule at 1 and the defaults at 2. */
#ifndef LANG_RULEKEY_H
#define LANG_RULEKEY_H

#include "lang/rulefile_impl.h"

/* rulekey.c */
/* A key of the rule or, where it has none, of the defaults: pushed; its type. */
int rulekey_get(lua_State *L, const char *key);
const char *rulekey_text(lua_State *L, const char *key); /* NULL: not given */
uint32_t rulekey_whole(lua_State *L, int idx, const char *key, lua_Integer lo, lua_Integer hi);
bool rulekey_is_one_of(const char *word, const char *const *list, size_t n);

/* alert_def.c */
struct rulekey_list {
    const char *const *names;
    size_t n;
};
/* Raises for the keys of the table at `idx` that `known` does not have, all at once. */
void rulekey_check(lua_State *L, int idx, const struct rulekey_list *known, const char *where);
/* kind "Name": the name is checked; returns the function `body` that takes the { … }. */
int alert_def_name(lua_State *L, const char *kind, lua_CFunction body);
/* In `body`: a new rule of that name; the stack is as said above. */
struct rule *alert_def_begin(lua_State *L, const char *kind);
/* Reads the keys of an alert from the table at 1, whose names have been checked; the rule is one of the file. */
void alert_def_end(lua_State *L, struct rule *r);

/* heartbeat.c */

/* rulekey_decide.c: value, fire, inputs, when, state, unless */
void rulekey_read_value(lua_State *L, struct rule_def *d);
void rulekey_read_fire(lua_State *L, struct rule_def *d);
void rulekey_read_inputs(lua_State *L, struct rule_def *d);
void rulekey_read_when(lua_State *L, struct rule *r);
void rulekey_read_state(lua_State *L, struct rule *r);
void rulekey_read_unless(lua_State *L, struct rule_def *d);

/* rulekey_texts.c: labels, annotations, expect, attach */
void rulekey_read_labels(lua_State *L, struct rule_def *d);
void rulekey_read_annotations(lua_State *L, struct rule_def *d);
void rulekey_read_expect(lua_State *L, struct rule_def *d);
void rulekey_read_attach(lua_State *L, struct rule_def *d);

#endif
