/* All errors of a text that a person wrote (rules, configuration, tests), not only the first.
 *
 * Loading ends at the first error, because Lua does. What is told further comes from loading again
 * without the piece that was wrong: a piece begins where a line begins with a word in its first
 * column and reaches to the next one, which is how people write files of `alert "X" { … }`. A piece
 * that uses a name which a wrong piece declared is left out as well: its errors would only follow
 * from the first. So there is one error a piece, none is invented, and a file written in one line
 * shows one. */
#ifndef TOCSIN_SCRIPT_ERRORS_H
#define TOCSIN_SCRIPT_ERRORS_H

#include <stddef.h>

#include "base/err.h"

#define SCRIPT_ERRORS_MAX 50 /* of one file; each costs one loading */

/* Loads a text as what it is meant to be and throws it away; 0, or -1 with the first error. */
typedef int (*script_load)(const char *text, size_t len, void *arg, struct err *e);
typedef void (*script_error_found)(const struct err *e, void *arg);

/* Tells every error of `text` (`len` bytes) to `found`, in the order of their lines. `name` is the
 * file's name as it stands in errors (its last component): an error of an included file ends the
 * search. Returns how many were told; at least one when `load` fails. Blocking; costs at most
 * SCRIPT_ERRORS_MAX loadings, so it is for commands, not for the loop of a server. */
size_t script_errors(const char *name, const char *text, size_t len, script_load load,
                     script_error_found found, void *arg);

/* Calls `found` for every name in `alert "NAME"` of a text, also one that does not load. */
void script_alert_names(const char *text, size_t len,
                        void (*found)(const char *name, size_t len, void *arg), void *arg);

#endif
