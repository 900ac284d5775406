/* The check of all rule files together: names, and firing() across files. Who is at fault is refused
 * alone, and the rest is checked again without it. */
#ifndef TOCSIN_APP_BOOK_CHECK_H
#define TOCSIN_APP_BOOK_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "app/book_file.h"
#include "base/err.h"

#define CHECK_ERRORS 16

struct book_check { /* begin with {0} */
    struct book_file *const *files;
    size_t n;
    struct rulefile *own;
    bool dry_run;
    /* of the round, which begins anew when a file was refused: */
    struct rulefile **set;
    struct book_file **of;
    struct checking *checking; /* NULL: the next round is to begin */
    struct err errors[CHECK_ERRORS];
    size_t which[CHECK_ERRORS], round;
};

/* Of these files, beside rules whose names are taken (`own`, may be NULL); all borrowed until the end. */
void book_check_begin(struct book_check *c, struct book_file *const *files, size_t n,
                      struct rulefile *own, bool dry_run);
/* Looks at so many rules at most. True: done, and what does not fit is refused. */
bool book_check_some(struct book_check *c, size_t most);
void book_check_end(struct book_check *c); /* at any time, also when it has not begun */

#endif
