/* What the language's objects are to C: a userdata with a kind and a pointer into the region. */
#ifndef SCRIPT_VALUE_H
#define SCRIPT_VALUE_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/expr.h"
#include "model/matcher.h"

enum value_kind {
    VALUE_METRICS,  /* m */
    VALUE_SELECTOR, /* struct selector */
    VALUE_MATCH,    /* struct match */
    VALUE_EXPR,     /* struct node */
    VALUE_COND,     /* struct node */
    VALUE_GROUP,    /* g of a `when` function */
    VALUE_SECRET,   /* configuration: struct secret */
    VALUE_CHANNEL,  /* configuration: struct config_channel */
    VALUE_ROUTE,    /* configuration: struct route_block */
    VALUE_CALENDAR, /* configuration: struct calendar_name */
    VALUE_STEP,     /* configuration: struct escalation_step */
    VALUE_FILE,     /* configuration: the bytes of a file */
    VALUE_TEST,     /* tests: t */
    VALUE_MOMENT,   /* tests: what t:at() returns */
    VALUE_EXPECTED, /* tests: near(…), has"…" */
    VALUE_KINDS
};

struct value {
    enum value_kind kind;
    void *p;
};

/* Pushes an object with the metatable of its kind (value_metatable). */
void value_push(lua_State *L, enum value_kind kind, void *p);
/* The pointer when the value at `idx` is of this kind, else NULL. */
void *value_at(lua_State *L, int idx, enum value_kind kind);
bool value_is(lua_State *L, int idx, enum value_kind kind);
/* Sets the metatable of a kind: the table on top of the stack, popped. */
void value_metatable(lua_State *L, enum value_kind kind);
/* "an expression", "a condition", "a selector" …, or Lua's name of the type. */
const char *value_name(lua_State *L, int idx);

/* --- matchers, before they have a label: re"5..", one_of{…}, is_not(…) --- */
struct match {
    enum matcher_op op;
    bool negate;
    const char *value;
    const char **list; /* MATCH_ONE_OF */
    size_t n_list;
    double num;         /* MATCH_AT_LEAST, MATCH_BELOW */
    struct match **all; /* all_of{…} */
    size_t n_all;
};

void match_metatable(lua_State *L);
/* Sets the functions re glob contains one_of gte lt is_not all_of and `present` in the table on
 * top of the stack. */
void match_names(lua_State *L);
/* The matcher a user wrote for `label`, at `idx`: a string, number, boolean or an object. */
const struct match *match_arg(lua_State *L, int idx, const char *label);
/* How many matchers it becomes (more than one: all_of), and the i-th of them, owned by the
 * script. */
size_t match_count(const struct match *m);
struct matcher *match_build(lua_State *L, const struct match *m, size_t i, const char *label);

/* --- arguments. `what` names the place in errors: ":rate() window", "lasting". --- */
struct quantity {
    double v;
    enum unit unit;
    const char *text; /* as written; NULL: a plain number */
};

int64_t arg_duration(lua_State *L, int idx, const char *what);  /* milliseconds, positive */
int64_t arg_duration0(lua_State *L, int idx, const char *what); /* 0 and "0s" too */
struct quantity arg_quantity(lua_State *L, int idx, const char *what);
/* Label names from `idx` to the top of the stack, sorted, without doubles; `me` is the method. */
const char **arg_labels(lua_State *L, int idx, const char *me, size_t *n);
/* The same from a list at `idx`. */
const char **arg_label_list(lua_State *L, int idx, const char *what, size_t *n);
/* Checks that the table at `idx` has only string keys among `names` (NULL-terminated). */
void arg_keys(lua_State *L, int idx, const char *what, const char *const *names);
/* Length of a list, raising when the table at `idx` is none, is longer than `max`, or has entries
 * that a walk from 1 to its length would pass over: named ones, or those behind a hole. */
size_t arg_list(lua_State *L, int idx, const char *what, size_t max);
/* The same of a table that may have named entries as well. */
size_t arg_list_part(lua_State *L, int idx, const char *what, size_t max);

#endif
