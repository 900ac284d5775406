/* People on call at a moment, and what changes of people make of them. */
#ifndef ROSTER_DUTY_H
#define ROSTER_DUTY_H

#include "roster/registry.h"
#include "tocsin/changes.h"
#include "tocsin/oncall.h"

void duty_add(struct roster_on_call *o, const struct roster_person *p, const char *via_kind,
              const char *via_name); /* nothing where they are on call already */
struct roster_duty *duty_of(struct roster_on_call *o, const struct roster_person *p); /* NULL */
bool duty_same(const struct roster_on_call *a,
               const struct roster_on_call *b); /* the same people */
/* What the changes of "rotation:payments" make of those on call; `*until_ms` is lowered to the next moment at which
 * one of them begins or ends. `c` may be NULL. Cost: the changes of that name, with each other where they overlap. */
void changes_apply(const struct roster_changes *c, const struct roster *r, const char *kind,
                   const char *name, int64_t at_ms, struct roster_on_call *o, int64_t *until_ms);

#endif
