/* The parts of `tocsin silence`. */
#ifndef TOCSIN_CLI_SILENCE_H
#define TOCSIN_CLI_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What is asked for; NULL and 0: not given. Strings are borrowed. */
struct silence_wish {
    const char *const *matchers;
    size_t n_matchers;
    uint64_t incident; /* instead of matchers */
    const char *id, *for_, *until, *start, *comment;
    long wide; /* the count that a guard rail asks for */
    bool any_priority;
};

/* The body of POST silences. */
void silence_body(const struct silence_wish *w, bool dry_run, struct buf *out);

int silence_list(int n, char **matchers, const char *state, const char *limit);
int silence_expire(int n, char **ids);
/* words: MATCHER… -- COMMAND…; the exit code is the command's. */
int silence_during(const struct silence_wish *w, int n, char **words);

#endif
