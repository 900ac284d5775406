/* Channel templates: what a message looks like is a Lua file (rules/channels/NAME.lua).
 *
 * The file returns a function; it is called with one table (the message's data) and returns a
 * table or a string. Both directions go through a plain tree of C values, so that nothing outside
 * this room sees Lua, and C does the escaping when it writes JSON, mail headers or HTML.
 *
 *     return function(msg)
 *         return { text = msg.title, blocks = list{ … } }
 *     end
 *
 * Each template has a Lua state of its own with the bounds of the rules. A template that fails
 * gives an error with file and line; the caller then sends plain text with that error in it.
 *
 * Names a template may use, beside the safe parts of Lua (docs/rules.md): percent(x) duration(s)
 * bytes(x) number(x) round(x, digits) clock(t) time(t) date(t) pluralise(n, "alert") join(list,
 * sep) html_escape(s) slack_escape(s) truncate(s, bytes) list{…} null. Times are Unix seconds. */
#ifndef TOCSIN_TEMPLATE_H
#define TOCSIN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum template_kind {
    TEMPLATE_NULL,
    TEMPLATE_BOOL,
    TEMPLATE_NUMBER,
    TEMPLATE_STRING,
    TEMPLATE_LIST,
    TEMPLATE_OBJECT,
};

/* A node: read the fields, change none. Strings are NUL-terminated and may hold any bytes. */
struct template_value {
    enum template_kind kind;
    bool flag;       /* TEMPLATE_BOOL */
    double num;      /* TEMPLATE_NUMBER */
    const char *str; /* TEMPLATE_STRING */
    size_t len;
    const char *key;                     /* name in the object it is a member of, NULL in a list */
    struct template_value *first, *last; /* members of a list or object, in order */
    struct template_value *next;         /* next member of the same parent */
    size_t n;                            /* members */
};

/* --- building a tree ---
 * The tree owns its values and copies strings. A failed allocation, or a parent that is NULL,
 * yields NULL and marks the tree; so build all of it and ask once, with template_tree_ok().
 * `key` is the member's name when `parent` is an object (the last one of a name wins), else NULL.
 * The root is an object. At most 16 MiB. */
struct template_tree;
struct template_tree *template_tree_new(void); /* NULL: no memory */
void template_tree_free(struct template_tree *t);
bool template_tree_ok(const struct template_tree *t);
struct template_value *template_tree_root(struct template_tree *t);

struct template_value *template_object(struct template_tree *t, struct template_value *parent,
                                       const char *key);
struct template_value *template_list(struct template_tree *t, struct template_value *parent,
                                     const char *key);
/* A NULL string adds nothing: in the template it is nil. */
struct template_value *template_string(struct template_tree *t, struct template_value *parent,
                                       const char *key, const char *s);
struct template_value *template_string_n(struct template_tree *t, struct template_value *parent,
                                         const char *key, const char *s, size_t len);
struct template_value *template_number(struct template_tree *t, struct template_value *parent,
                                       const char *key, double v);
struct template_value *template_bool(struct template_tree *t, struct template_value *parent,
                                     const char *key, bool v);

/* --- reading one --- */
const struct template_value *template_get(const struct template_value *v, const char *key);
/* A member that is a string (numbers are written out); NULL when there is none. */
const char *template_text(const struct template_value *v, const char *key);
/* Writes a value as JSON, members in the order of the tree (a template's own: sorted by name). */
void template_json(const struct template_value *v, struct buf *out);

/* --- templates --- */
struct template;

/* `path` is shown in errors (its last component). NULL with `e`: a syntax error, or an error
 * while the file ran. */
struct template *template_load(const char *path, const char *source, size_t len, struct err *e);
void template_free(struct template *t); /* NULL is fine */

struct template_budget {
    uint64_t instructions; /* 0: 2 million */
    int64_t cpu_ms;        /* 0: 200 */
    size_t max_bytes;      /* of the result; 0: 1 MiB */
};

/* Calls the template with `input`, in steps between which other work may be done: a message of a thousand
 * alerts takes some 30 ms in all. One message at a time runs in a template. `input` stays until
 * template_end(). `b` may be NULL. NULL with `e`: no memory. */
struct template_run;
struct template_run *template_begin(struct template *t, const struct template_value *input,
                                    const struct template_budget *b, struct err *e);
/* About `slice_us` of processor time, and no more than some 5,000 values of the message (0: to its end).
 * 1: it has ended, 0: call again, -1 with `e`: it has failed. */
int template_step(struct template_run *r, int64_t slice_us, struct err *e);
/* Frees it (NULL is fine). The result is a new tree, to be freed; its root is what the template returned
 * (a string, list or object). NULL when it has not ended, or failed. */
struct template_tree *template_end(struct template_run *r);
/* All of it in one go (seam of tests). NULL with `e`. */
struct template_tree *template_render(struct template *t, const struct template_value *input,
                                      const struct template_budget *b, struct err *e);

#endif
