/* Matchers: a test of one label or field. A missing label is the empty string.
 *
 * Regular expressions are PCRE2 with JIT, anchored at both ends, with a match limit (a hostile
 * pattern stops after about 0.3 ms and counts as no match) and subjects cut at 4 KiB. */
#ifndef TOCSIN_MODEL_MATCHER_H
#define TOCSIN_MODEL_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/labels.h"

enum matcher_op {
    MATCH_EQUAL,
    MATCH_REGEX,
    MATCH_GLOB, /* `*` only */
    MATCH_CONTAINS,
    MATCH_ONE_OF,
    MATCH_PRESENT,  /* any value but the empty one */
    MATCH_AT_LEAST, /* the value read as a number */
    MATCH_BELOW,
};

extern const char *const matcher_op_names[]; /* as stored: "equal", "one_of", … */

struct matcher; /* immutable after creation; shared by reference counting */

/* `name` is the label. `negate`: is_not(…). Strings are copied. NULL with `e` filled: a bad
 * regular expression (with its offset), one longer than 64 KiB, or no memory. */
struct matcher *matcher_new(const char *name, enum matcher_op op, bool negate, const char *value,
                            struct err *e);
struct matcher *matcher_new_list(const char *name, bool negate, const char *const *values, size_t n,
                                 struct err *e); /* MATCH_ONE_OF */
struct matcher *matcher_new_number(const char *name, enum matcher_op op, bool negate, double limit,
                                   struct err *e); /* MATCH_AT_LEAST, MATCH_BELOW */
/* Alertmanager's form: name="v", name!="v", name=~"re", name!~"re", in its classic syntax (quotes may
 * be left out), else in its UTF-8 syntax ("any name"="v"); what both take is read as the classic one
 * reads it. One matcher: braces and commas around it are refused. */
struct matcher *matcher_parse(const char *text, size_t len, struct err *e);
/* The same of a text that may hold several: {a="b",c=~d}, with or without braces; an empty one has
 * none. Puts them into `out` (room for MATCHERS_PARSE_MAX), each to be given back. Returns how many,
 * -1 with `e`. */
#define MATCHERS_PARSE_MAX 64
int matchers_parse(const char *text, size_t len, struct matcher **out, struct err *e) MUST_USE;
struct matcher *matcher_ref(struct matcher *m);
void matcher_unref(struct matcher *m); /* NULL is fine */

const char *matcher_name(const struct matcher *m);
enum matcher_op matcher_op(const struct matcher *m);
bool matcher_negated(const struct matcher *m);
const char *matcher_value(const struct matcher *m); /* as written; of a list: joined by | */
/* The values that it takes, when these can be listed and the missing label is none of them: of `=`
 * one, of `one_of` its list. Borrowed. 0: they cannot. */
size_t matcher_values(const struct matcher *m, const char *const **values);
/* The values of a MATCH_ONE_OF as it was made, sorted; borrowed. 0: another kind. */
size_t matcher_list(const struct matcher *m, const char *const **values);
bool matcher_test(const struct matcher *m, const char *value, size_t len);
bool matcher_matches_empty(const struct matcher *m);
/* Canonical text, the same for equal matchers: code~"5..", level in{ERROR|FATAL} … */
void matcher_text(const struct matcher *m, struct buf *out);
/* Alertmanager's text where it has one (=, !=, =~, !~), for silences and messages; a name that is no
 * plain word is quoted, so that matcher_parse() reads all of them again. */
void matcher_am_text(const struct matcher *m, struct buf *out);

/* All of them match the set. */
bool matchers_test_set(struct matcher *const *m, size_t n, const struct labelsets *ls, labelset id);
bool matchers_test_labels(struct matcher *const *m, size_t n, const struct label *l,
                          size_t n_labels);

#endif
