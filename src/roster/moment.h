/* One moment: what is on call then. Everything about longer times is a walk over these (scan.c). */
#ifndef ROSTER_MOMENT_H
#define ROSTER_MOMENT_H

#include "roster/registry.h"
#include "tocsin/changes.h"
#include "tocsin/oncall.h"

/* One moment, and how long nothing of it moves. -1: no memory. */
int moment_step(const struct roster *r, const struct roster_changes *c,
                const struct roster_ref *who, int64_t at_ms, struct roster_on_call *out,
                int64_t *until_ms) MUST_USE;

#endif
