/* The rule files: from disk into the running rules, each accepted or refused by itself.
 *
 * A file that does not load keeps its previous version running; that version is also kept in
 * Redis, so that a restart has it. A refused file is told once, in the log, with its error, shown
 * by `status`, and raises RuleFileRejected. */
#ifndef TOCSIN_APP_RULEBOOK_H
#define TOCSIN_APP_RULEBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/wire.h"
#include "base/err.h"
#include "base/json.h"

struct rulebook;

struct rulebook *rulebook_new(void); /* NULL: no memory */
void rulebook_free(struct rulebook *b);

/* Rules that run beside the files (Tocsin's own): their names are taken. A reference is held. */
void rulebook_reserve(struct rulebook *b, struct rulefile *own);
/* A text kept in Redis from an earlier run, before the first load. */
void rulebook_keep(struct rulebook *b, const char *path, const char *text, size_t len);
void rulebook_rewrite(struct rulebook *b, struct store_table *t);

/* Reads all files that match the patterns and makes them run. Writes what happened to each file
 * and rule to `out` (an object; may be NULL). `dry_run`: loads and compares, changes nothing.
 * Returns how many files were refused. */
size_t rulebook_load(struct rulebook *b, struct wire *w, const char *const *patterns,
                     size_t n_patterns, bool dry_run, struct json *out);

/* Every file it read (rules, and what they include), for the watcher. */
void rulebook_inputs(const struct rulebook *b, void (*each)(const char *path, void *arg),
                     void *arg);
/* Files that are refused now: path and error. */
void rulebook_rejected(const struct rulebook *b,
                       void (*each)(const char *path, const char *error, void *arg), void *arg);
size_t rulebook_count(const struct rulebook *b);

/* Paths that match the patterns, *_test.lua left out; sorted, without doubles. Each and the array
 * to be freed with mem_free(). Returns how many, or -1. */
long rule_paths(const char *const *patterns, size_t n, char ***out, struct err *e);

#endif
