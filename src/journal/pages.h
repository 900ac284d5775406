/* Reads a span of a stream of blocks, oldest first, in replies of about a megabyte, and waits
 * out a Redis that is away. */
#ifndef TOCSIN_JOURNAL_PAGES_H
#define TOCSIN_JOURNAL_PAGES_H

#include "journal/journal_impl.h"

struct pages;

#define PAGES_WAIT 1 /* of `block`: nothing more until pages_go_on() */

struct pages_options {
    const char *key;         /* KEY_JOURNAL or KEY_COPY */
    struct journal_id after; /* the first block is the next one */
    int64_t to_ms;           /* the last millisecond; INT64_MAX: to the end */
    /* 0: the next one, PAGES_WAIT, or -1, which ends it with the error. May free the journal, not the pages. */
    int (*block)(struct journal_id id, const char *bytes, size_t len, void *arg, struct err *e);
    void (*done)(const struct err *e, void *arg); /* may free the pages */
    void *arg;
};

/* NULL: no memory. Begins at once. */
struct pages *pages_new(struct journal *j, const struct pages_options *o);
/* After PAGES_WAIT: with the first block after `after`. */
void pages_go_on(struct pages *p, struct journal_id after);
void pages_free(struct pages *p); /* nothing is called any more */

#endif
