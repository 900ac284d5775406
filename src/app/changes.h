/* What a load of rule files changes, gathered file by file and told to people. */
#ifndef TOCSIN_APP_CHANGES_H
#define TOCSIN_APP_CHANGES_H

#include <stdbool.h>

#include "app/wire.h"
#include "base/buf.h"
#include "base/json.h"
#include "tocsin/rulefile.h"

#define CHANGES_TOLD 200 /* of each kind, by name; of more only how many */

struct change_list {
    struct buf names; /* "A, B"; what has changed: "A limit 2% → 30% · B" */
    size_t n;
};

struct changes { /* begin with {0} */
    struct change_list added, changed, removed;
};

/* One file: the version that runs and the one that is to run; NULL: none. The alerts and incidents
 * of `p` say what a new limit will end. Cost: the rules of both, and the alerts of those that changed. */
void changes_add(struct changes *c, const struct rulefile *was, const struct rulefile *is,
                 const struct wire_parts *p);
/* One line in the log, none when nothing changed. `in_part`: some file was refused. */
void changes_log(const struct changes *c, bool in_part);
void changes_json(const struct changes *c, struct json *out); /* {"added","changed","removed"} */
void changes_clear(struct changes *c);

/* The rule of that name in a file (may be NULL); NULL: none. */
const struct rule_def *changes_find(const struct rulefile *f, const char *name);

#endif
