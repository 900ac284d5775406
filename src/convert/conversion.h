/* One conversion: the text that grows, the report, the first error, which ends it.
 *
 * An element is what the report has one line for. It is begun, notes are added, and it ends with the next one. */
#ifndef CONVERT_CONVERSION_H
#define CONVERT_CONVERSION_H

#include "convert/doc.h"
#include "tocsin/convert.h"

struct conversion {
    const char *name; /* of the input */
    const struct convert_options *o;
    struct converted *out;
    struct err *e; /* the first error */
    bool failed;
    struct {
        bool open;
        int line;
        enum convert_verdict verdict;
        struct buf what, notes;
    } element;
};

/* The first one is kept; what follows goes on with what it has, and nothing of it is handed out. */
void conversion_fail(struct conversion *c, const struct doc_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

void element_begin(struct conversion *c, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
void element_differs(struct conversion *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void element_manual(struct conversion *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void element_end(struct conversion *c); /* nothing, where none is open */

/* Refuses what is no map, and keys that are not among `known` (ends with NULL), with the nearest one. */
void take_keys(struct conversion *c, const struct doc_node *map, const char *what,
               const char *const *known);
/* The text of a key, NULL where there is none; refuses what is no text. */
const char *take_text(struct conversion *c, const struct doc_node *map, const char *key);
/* A list, or NULL; refuses what is none. */
const struct doc_node *take_list(struct conversion *c, const struct doc_node *map, const char *key);
bool take_bool(struct conversion *c, const struct doc_node *map, const char *key, bool otherwise);
/* Prometheus' form of a duration, "1h30m"; -1: not given. */
int64_t take_duration(struct conversion *c, const struct doc_node *map, const char *key);
/* Of a text that is one; -1 after it was refused. */
int64_t duration_of(struct conversion *c, const struct doc_node *n, const char *key);

/* --- Lua --- */
void say_quoted(struct buf *out, const char *text);
void say_name(struct buf *out, const char *name); /* a key: name, or ["a name"] */
void say_duration(struct buf *out, int64_t ms);   /* "1h30m", with its quotes */
void say_indent(struct buf *out, int depth);
/* "-- …" and the line it comes from, in a column of its own. */
void say_line_of(struct buf *out, int line);
/* The text with "-- " before each line, in place of its indentation of that depth, for what cannot be said. */
void say_comment(struct buf *out, const char *text, int depth);
/* name = "…", and a newline. */
void say_text(struct buf *out, int depth, const char *name, const char *value);

#endif
