/* A YAML document as a tree: text, maps and lists, each with its line. Bounded in size, depth and in what
 * aliases make of it, so that a walk over the tree needs no bound of its own. The only file that knows libyaml. */
#ifndef CONVERT_DOC_H
#define CONVERT_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "script/region.h"

#define DOC_BYTES_MAX  ((size_t)4 << 20)
#define DOC_DEPTH_MAX  64
#define DOC_WEIGHT_MAX 200000 /* nodes, each counted as often as aliases name it */
#define DOC_KEYS_MAX   1000   /* of one map */
#define DOC_ALIAS_MAX  1000   /* anchors, and uses of them */

enum doc_kind { DOC_TEXT, DOC_MAP, DOC_LIST };

struct doc_node {
    enum doc_kind kind;
    int line;         /* from 1 */
    bool quoted;      /* a text between quotes, or of several lines: never null, true or false */
    const char *text; /* DOC_TEXT; "" for others */
    struct doc_node **items; /* DOC_LIST: entries; DOC_MAP: values, in the order written */
    struct doc_node **keys;  /* DOC_MAP: texts, each once; a merge (<<) is resolved */
    size_t n;
    size_t weight, depth;
};

struct doc {
    struct region region;
    struct doc_node *root; /* NULL: an empty document */
};

/* Reads the first document of the text. -1 with `e`: no YAML, a bound, a key that stands twice; `e` names
 * `name` and the line. Clear it in either case. */
int doc_read(struct doc *d, const char *name, const char *text, size_t len, struct err *e) MUST_USE;
void doc_clear(struct doc *d);

/* The value of a key; NULL where there is none, `map` is none, or the value is null. */
const struct doc_node *doc_get(const struct doc_node *map, const char *key);
bool doc_is_null(const struct doc_node *n); /* nothing, ~, null; NULL too */

#endif
