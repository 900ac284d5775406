/* Whole files, with a bound, and lists of them. */
#ifndef TOCSIN_BASE_FILES_H
#define TOCSIN_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Reads all of a regular file; a NUL follows the bytes. Free with mem_free(). NULL with `e`: the
 * path and the system's reason, or ERR_LIMIT when it is longer than `max`. */
char *file_read(const char *path, size_t max, size_t *len, struct err *e);
/* Writes a file whole: a temporary one beside it, fsync, rename. Mode 0600. */
int file_write(const char *path, const void *bytes, size_t len, struct err *e) MUST_USE;

/* The paths that match the patterns (glob(7), with {a,b} and ~), sorted, each once; `take` (may be
 * NULL: all) chooses. Free each and the array with mem_free(), or file_paths_free(). Returns how
 * many, -1 with `e`: no memory. */
long file_paths(const char *const *patterns, size_t n, bool (*take)(const char *path), char ***out,
                struct err *e) MUST_USE;
void file_paths_free(char **paths, long n);

#endif
