/* Whole files, with a bound. */
#ifndef TOCSIN_BASE_FILES_H
#define TOCSIN_BASE_FILES_H

#include <stddef.h>

#include "base/err.h"

/* Reads all of a regular file; a NUL follows the bytes. Free with mem_free(). NULL with `e`: the
 * path and the system's reason, or ERR_LIMIT when it is longer than `max`. */
char *file_read(const char *path, size_t max, size_t *len, struct err *e);
/* Writes a file whole: a temporary one beside it, fsync, rename. Mode 0600. */
int file_write(const char *path, const void *bytes, size_t len, struct err *e) MUST_USE;

#endif
