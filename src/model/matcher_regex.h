/* A regular expression with bounded cost: PCRE2 with JIT, anchored at both ends. Only this file
 * pair knows the library. */
#ifndef TOCSIN_MODEL_MATCHER_REGEX_H
#define TOCSIN_MODEL_MATCHER_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define REGEX_PATTERN_MAX 65536 /* bytes */
#define REGEX_SUBJECT_MAX 4096  /* bytes; longer subjects are cut */

struct regex;

struct regex *regex_new(const char *pattern, size_t len, struct err *e);
void regex_free(struct regex *r); /* NULL is fine */
bool regex_matches(const struct regex *r, const char *s, size_t n);

#endif
