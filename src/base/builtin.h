/* Files of rules/ that are built into the program: channel templates and Tocsin's own alerts.
 * The table is generated (contrib/builtin) and linked into the program and the tests. */
#ifndef TOCSIN_BASE_BUILTIN_H
#define TOCSIN_BASE_BUILTIN_H

#include <stddef.h>

struct builtin_file {
    const char *path; /* "rules/channels/slack.lua" */
    const char *text;
    size_t len;
};

extern const struct builtin_file builtin_files[]; /* ends with a NULL path */

/* NULL: no such file. */
const struct builtin_file *builtin_find(const char *path);

#endif
