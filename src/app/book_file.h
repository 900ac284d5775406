/* One rule file of the rulebook, which owns it and writes what is not written here. */
#ifndef TOCSIN_APP_BOOK_FILE_H
#define TOCSIN_APP_BOOK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tocsin/rulefile.h"
#include "tocsin/store.h"

struct book_file {
    char *path;
    char *text; /* as accepted */
    size_t len;
    struct rulefile *file; /* accepted version; NULL: none yet */
    char *error;           /* why the text on disk is refused, NULL: it runs */
    /* of the load under way: */
    char *new_text;
    size_t new_len;
    struct rulefile *candidate; /* while `wanted`: being loaded */
    char root[512];             /* its includes stay below it */
    bool wanted;                /* is to be loaded, or being loaded */
    char *error_before;         /* of the load before */
    bool runs;                  /* `file` has been put into the engine */
    bool seen;                  /* still on disk */
    bool built;                 /* its rules wait for the exchange */
    bool kept_only;             /* known from Redis, not yet from disk */
    const char *verdict;        /* "unchanged", "loaded", "rejected", "removed" */
};

void book_file_free(struct book_file *f);
/* What is being loaded, and the text of it, goes. */
void book_file_drop(struct book_file *f);
/* Refuses the text on disk; logged when that is news and not of a dry run. */
void book_file_reject(struct book_file *f, bool dry_run, const char *text);
/* Reads it: afterwards it is to be loaded, is unchanged, or is refused. Cost: the file. */
void book_file_read(struct book_file *f, bool dry_run);
/* One slice of its loading (0: all of it). True: there is a verdict. */
bool book_file_load(struct book_file *f, bool dry_run, int64_t slice_us);
/* The version that runs when the text on disk does not load: the one in memory, else the one kept in Redis. */
void book_file_fall_back(struct book_file *f);
/* The version that is to run; NULL: none. */
struct rulefile *book_file_wanted(const struct book_file *f);
/* It runs, and there is no other version that could be at fault. NULL is fine. */
bool book_file_is_misfit(const struct book_file *f);
/* Accepted just now, or a kept version that does not run yet. */
bool book_file_needs_put(const struct book_file *f);
/* Its rules run from here on: the version that was built, whose text is put into `t`. */
void book_file_accept(struct book_file *f, struct store_table *t);
size_t book_file_rules(const struct rulefile *f); /* how many; NULL: 0 */

#endif
