/* Rule files and configuration read without a server, for check and test. */
#ifndef TOCSIN_CLI_RULESET_H
#define TOCSIN_CLI_RULESET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tocsin/config.h"
#include "tocsin/rulefile.h"

#define RULESET_FILE_MAX (4u << 20) /* bytes of one file */

struct map;

struct ruleset {
    char **paths;            /* owned */
    struct rulefile **files; /* those that load, with their own reference */
    size_t *path_of;         /* index into paths of each file */
    size_t n_paths, n_files;
    char **beside_paths;      /* owned */
    struct rulefile **beside; /* Tocsin's own rules, and those that run beside the named files */
    size_t n_beside_paths, n_beside;
    struct map *lost; /* names of alerts in files that do not load */
};

struct ruleset_wish {
    const char *const *named; /* patterns of what is looked at */
    size_t n_named;
    const char *const *beside; /* patterns of the whole set; may match the named ones again */
    size_t n_beside;
};

/* What reading found. `line` is 0 where it is not known; the text has file and line in front. */
typedef void (*ruleset_found)(const char *path, bool is_error, const char *text, void *arg);

/* The configuration `path`, or tocsin.lua where it exists, or the built-in one. */
struct config *ruleset_config(const char *path, struct err *e);
bool ruleset_is_test(const char *path); /* x_test.lua */
/* Loads the rule files that the wish names (tests and configurations are left out), tells every
 * error and warning, then checks them together with what stands beside them. -1 with `e`: no
 * memory. Always clear it. */
int ruleset_load(struct ruleset *s, const struct ruleset_wish *w, ruleset_found found, void *arg,
                 struct err *e) MUST_USE;
/* Whether a file is a configuration: named tocsin.lua, or one of its words begins a line. */
bool ruleset_is_config(const char *path);
/* Tells every error of a configuration. */
void ruleset_config_errors(const char *path, ruleset_found found, void *arg);
void ruleset_clear(struct ruleset *s);
/* The tests beside these rule files, sorted; free with file_paths_free(). */
long ruleset_tests(const char *const *patterns, size_t n, char ***out, struct err *e) MUST_USE;
/* Folder of a path, "." for none. */
void ruleset_folder(const char *path, char *out, size_t size);

#endif
