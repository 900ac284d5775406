/* The channels' templates, loaded when first asked for: from a folder, else those built in. */
#ifndef TOCSIN_DELIVER_TEMPLATES_H
#define TOCSIN_DELIVER_TEMPLATES_H

#include <stdbool.h>

#include "tocsin/template.h"

struct templates;

struct named_template {
    struct template *t; /* NULL: it does not load; plain text is sent */
    bool built_in, missing;
    char error[256];
};

/* NAME.lua from the folder (NULL: none), else the one built in. `nt->t` is to be freed. Cost: a file
 * is read. */
void template_read(const char *folder, const char *name, struct named_template *nt);

/* `folder` is borrowed; NULL: built-in templates only. NULL: no memory. */
struct templates *templates_new(const char *folder);
void templates_free(struct templates *t); /* NULL is fine */
/* NAME.lua, from memory after the first time; also one that does not load, with its error, told
 * once in the log. Valid until templates_forget(). NULL: no memory. Cost of the first time: a file
 * is read. */
const struct named_template *templates_find(struct templates *t, const char *name);
/* Files may have changed: all are loaded again when asked for. */
void templates_forget(struct templates *t);

#endif
