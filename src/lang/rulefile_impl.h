/* The inside of a rule file: its rules while they are built, and what their functions need. */
#ifndef LANG_RULEFILE_IMPL_H
#define LANG_RULEFILE_IMPL_H

#include "lang/node.h"
#include "script/script.h"
#include "tocsin/rulefile.h"

struct when_call; /* the batch in progress (when.c) */

struct rule {
    struct rule_def def;   /* first: the door hands out pointers to it */
    int input_ref;         /* registry: the table `i`, reused for every group */
    int state_ref;         /* registry: the table g.state */
    int watch_ref;         /* registry: upvalues as they were, see purity.c */
    bool *state_is_number; /* per def.state */
};

enum loading_step { LOADING_RUN, LOADING_TRY, LOADING_DONE };

struct rulefile {
    struct script script; /* first */
    struct {
        enum loading_step step;
        lua_State *co;     /* runs the file */
        int ref;           /* registry: that thread */
        size_t tried;      /* rules whose function has been tried, or that have none */
        struct map *names; /* of the rules so far -> struct rule */
    } loading;
    int refs;
    struct rule **rules;
    size_t n_rules, cap_rules;
    unsigned plans; /* stamps the copies of one rule's nodes */
    int group_ref;  /* registry: g */
    struct when_call *call;
};

static inline struct rulefile *rulefile_of(lua_State *L)
{
    return (struct rulefile *)script_of(L);
}

/* alert "Name" { … } and defaults { … }, into the table on top of the stack. */
void language_alert_names(lua_State *L);
void language_heartbeat_names(lua_State *L);
/* Copies the rule's graph into nodes of its own, finds keys, leaves, dependencies; raises where
 * they do not fit together. The def's expressions are patterns before and copies after it. */
void plan_rule(lua_State *L, struct rule *r);
/* Names that stand in the bodies of functions and that nothing declares: a branch that is seldom taken
 * would fail only then. The table on top of the stack (popped) has the names of the language, and has at
 * least one value below it. Raises at the first that is unknown, with its line. */
void names_check(lua_State *L, const char *source, size_t len);
/* Checks placeholders of a message against what the rule has. */
void message_check(lua_State *L, const struct rule *r, const char *key, const char *text);

/* --- `when` --- */
/* Pushes the environment of the second phase. */
void when_env(lua_State *L);
/* Checks that the function can only depend on its arguments, and freezes what it sees. */
void purity_check(lua_State *L, struct rule *r);
/* Compares with what purity_check() saw; the name of a variable that the function has changed
 * (and that is put back), NULL: none. */
const char *purity_changed(lua_State *L, const struct rule *r);
/* Prepares `i` and g.state, then calls the function with made-up inputs. -1 with `e`. */
void when_prepare(lua_State *L, struct rule *r);
int when_smoke(struct rulefile *f, struct rule *r, struct err *e) MUST_USE;

#endif
