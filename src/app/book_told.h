/* What a load of rule files has done, or would do, as its caller reads it. */
#ifndef TOCSIN_APP_BOOK_TOLD_H
#define TOCSIN_APP_BOOK_TOLD_H

#include <stddef.h>

#include "app/book_file.h"
#include "app/changes.h"
#include "base/json.h"
#include "tocsin/alert.h"

/* "files" with the verdict on each, and "rules": what has changed. Into an open object. */
void book_told_result(struct book_file *const *files, size_t n, const struct changes *d,
                      struct json *out);
/* "would_resolve": alerts that fire and whose rule is in no file any more, nor in `own` (may be NULL).
 * Cost: the rules there are, and the alerts; for a dry run only. */
void book_told_would_end(struct book_file *const *files, size_t n, const struct rulefile *own,
                         struct alert_book *alerts, struct json *out);

#endif
