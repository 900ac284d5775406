/* Changes that people make of schedules and rotations, and what they mean.
 *
 * The temporary schedule made last, of those that cover the moment, replaces everything; then remove, replace and add
 * act in the order in which they were made, each seeing the result of those before it. A newer replace of the same
 * person takes the place of the older. Changes of a rotation act wherever it is used. Where they are kept, and who may
 * make them, is the caller's. Times are Unix milliseconds. */
#ifndef TOCSIN_CHANGES_H
#define TOCSIN_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/roster.h"

enum roster_change_kind { ROSTER_TEMPORARY, ROSTER_REMOVE, ROSTER_REPLACE, ROSTER_ADD };
extern const char *const roster_change_names[]; /* "temporary" "remove" "replace" "add" */

struct roster_shift_plan { /* of a temporary schedule */
    const char *person;
    int64_t from_ms, until_ms;
};

/* Borrowed as long as it stands among the changes. */
struct roster_change {
    const char *id;
    enum roster_change_kind kind;
    const char *on;     /* "schedule:payments" or "rotation:payments" */
    const char *person; /* removed, replaced, added */
    const char *with;   /* of a replace: who is on call instead */
    int64_t from_ms, until_ms;
    const struct roster_shift_plan *shifts; /* of a temporary schedule */
    size_t n_shifts;
};

#define ROSTER_CHANGES_MAX \
    500 /* of one schedule or rotation; those that are over are to be removed */

struct roster_changes;
struct roster_changes *roster_changes_new(void); /* NULL: no memory */
void roster_changes_free(struct roster_changes *c);
/* In the order in which they were made. -1 with `e`: no memory, or too many of that schedule or rotation. */
int roster_changes_add(struct roster_changes *c, const struct roster_change *change,
                       struct err *e) MUST_USE;
void roster_changes_remove(struct roster_changes *c, const struct roster_change *change);
/* Before it is made: -1 with `e`: an unknown name, or it ends before it begins. `*acts` is false where it would change
 * nobody (who is replaced or removed is not on call then), which is to be said. Cost: as roster_shifts_between(). */
int roster_changes_try(const struct roster *r, struct roster_changes *c,
                       const struct roster_change *change, bool *acts, struct err *e) MUST_USE;

#endif
