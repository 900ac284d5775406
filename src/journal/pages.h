/* Reads a span of the journal's stream, oldest first, in replies of about a megabyte, and waits
 * out a Redis that is away. */
#ifndef TOCSIN_JOURNAL_PAGES_H
#define TOCSIN_JOURNAL_PAGES_H

#include "journal/journal_impl.h"

struct pages;

struct pages_options {
    struct journal_id after; /* the first block is the next one */
    int64_t to_ms;           /* the last millisecond; INT64_MAX: to the end */
    /* -1 ends the reading, with the error. May free the journal, not the pages. */
    int (*block)(struct journal_id id, const char *bytes, size_t len, void *arg, struct err *e);
    void (*done)(const struct err *e, void *arg); /* may free the pages */
    void *arg;
};

/* NULL: no memory. Begins at once. */
struct pages *pages_new(struct journal *j, const struct pages_options *o);
void pages_free(struct pages *p); /* nothing is called any more */

#endif
