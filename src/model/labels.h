/* Labels, and sets of them, kept once.
 *
 * A label set is a sorted list of (name, value) without doubles and without empty values (a
 * missing label equals the empty label, everywhere). `struct label` is a view: it owns nothing.
 *
 * Interned sets: the same hundred thousand pods appear under fifty metrics, so a set is stored
 * once, as an array of pair ids, and a pair and its strings are stored once too. An id stays
 * valid while somebody holds a reference; unreferenced sets, pairs and strings are freed and
 * their ids used again. Ids are of this process: never stored. Lookups compare the bytes: hashes
 * alone are no identity, labels are chosen by strangers. */
#ifndef TOCSIN_MODEL_LABELS_H
#define TOCSIN_MODEL_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct label {
    const char *name, *value;
    uint32_t name_len, value_len;
};

#define LABELS_MAX 64 /* labels in one set; more are refused where they come in */

/* Sorts by name (bytewise) and drops labels with an empty value. Returns how many are left, or
 * -1 when a name stands twice. */
int labels_sort(struct label *l, size_t n) MUST_USE;
struct label label_of(const char *name, const char *value); /* of C strings */
/* A copy that owns its strings, NUL-terminated, in one block: free with mem_free(). NULL: no
 * memory. */
struct label *labels_dup(const struct label *l, size_t n);

typedef uint32_t labelset; /* an interned set */
#define LABELSET_NONE UINT32_MAX

struct labelsets;

struct labelsets *labelsets_new(size_t max_bytes); /* 0: no bound; NULL: no memory */
void labelsets_free(struct labelsets *ls);
size_t labelsets_bytes(const struct labelsets *ls); /* memory held */
/* Of that, what the sets, pairs and names that are there take: grows and shrinks with each. */
size_t labelsets_held(const struct labelsets *ls);
/* Seam of tests: sets that are there. */
size_t labelsets_count(const struct labelsets *ls);

/* The id of the set, created when new; the caller holds one reference more. `l` is sorted (see
 * labels_sort). LABELSET_NONE: over the bound or no memory. Cost: one hash, one compare. */
labelset labelsets_intern(struct labelsets *ls, const struct label *l, size_t n);
/* The same without creating and without a reference. */
labelset labelsets_find(const struct labelsets *ls, const struct label *l, size_t n);
labelset labelsets_empty(struct labelsets *ls); /* {}; always there, needs no reference */
void labelset_ref(struct labelsets *ls, labelset id);
void labelset_unref(struct labelsets *ls, labelset id);

size_t labelset_size(const struct labelsets *ls, labelset id);
struct label labelset_at(const struct labelsets *ls, labelset id, size_t i); /* sorted by name */
/* Value of one label, "" with *len 0 when it is missing. NUL-terminated. */
const char *labelset_value(const struct labelsets *ls, labelset id, const char *name, size_t *len);

/* --- projections: what grouping does --- */

/* A list of label names, prepared: `keep` them (by) or drop them (without). */
struct label_names {
    bool without;
    uint32_t n;
    uint32_t *symbols; /* sorted by name; symbols of `ls` */
};
int label_names_init(struct labelsets *ls, struct label_names *out, bool without,
                     const char *const *names, size_t n) MUST_USE;
void label_names_clear(struct labelsets *ls, struct label_names *names);
/* The set `id` with only those names (or without them): interned, one reference more. Cost: one
 * pass over the set and one lookup. LABELSET_NONE as in labelsets_intern(). */
labelset labelset_project(struct labelsets *ls, labelset id, const struct label_names *names);
/* The same without creating and without a reference: LABELSET_NONE when that set is not there. */
labelset labelset_project_find(const struct labelsets *ls, labelset id,
                               const struct label_names *names);
/* An id of the names of a set: equal numbers, equal lists of names (for subset matching). The
 * value is of this process. */
uint64_t labelset_signature(const struct labelsets *ls, labelset id);

/* {a="b",c="d"} with \, " and newline escaped. */
void labelset_text(const struct labelsets *ls, labelset id, struct buf *out);
void labels_text(const struct label *l, size_t n, struct buf *out);
bool labels_same(const struct label *a, size_t n_a, const struct label *b, size_t n_b);
/* Alertmanager's fingerprint: FNV-1a over sorted names and values, each followed by 0xFF. */
uint64_t labels_fingerprint(const struct label *l, size_t n);

#endif
