/* Members and what holds messages of them back. */
#ifndef TOCSIN_NOTIFY_HOLDS_H
#define TOCSIN_NOTIFY_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct incident;
struct member;
struct notify;

/* Looks again at what holds a member; notes when a hold ended with it still on. Without memory the
 * hold stays as it was, and its incident is incomplete. */
void hold_update(struct notify *n, struct member *m, int64_t at_ms);
/* The same of all alerts of an incident, before anything is told of them. False: no memory, it is not known of
 * each. Bound: MEMBERS_MAX looks at one field; those that are not known ask the index of silences. */
bool holds_refresh(struct notify *n, struct incident *inc, int64_t at_ms) MUST_USE;

#endif
