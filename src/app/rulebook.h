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

/* A load in slices, so that no file holds the loop: begin, step until it is true, end, tidy until it
 * is true. Nothing that runs changes before all files are checked and their rules built; the steps behind that
 * exchange all of them between two instants (wire_hold()). `dry_run`: loads and compares, changes nothing.
 * The end writes what happened to each file and rule to `out` (an object; may be NULL) and returns how many
 * files were refused. To tidy is to free what was replaced and to end the alerts of rules that are gone. One
 * at a time. */
void rulebook_begin(struct rulebook *b, struct wire *w, const char *const *patterns,
                    size_t n_patterns, bool dry_run);
/* Works for about `slice_us` of processor time, on one file at most, or on some hundreds of rules
 * (about 2 ms); 0: on all, to the end. */
bool rulebook_step(struct rulebook *b, int64_t slice_us);
size_t rulebook_end(struct rulebook *b, struct wire *w, struct json *out);
bool rulebook_tidy(struct rulebook *b, struct wire *w);
/* Seam of tests: all of that at once. */
size_t rulebook_load(struct rulebook *b, struct wire *w, const char *const *patterns,
                     size_t n_patterns);

/* Every file it read (rules, and what they include), for the watcher. */
void rulebook_inputs(const struct rulebook *b, void (*each)(const char *path, void *arg),
                     void *arg);
/* Files that are refused now: path and error. */
void rulebook_rejected(const struct rulebook *b,
                       void (*each)(const char *path, const char *error, void *arg), void *arg);

#endif
