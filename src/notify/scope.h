/* What a person may see and touch; an actor of NULL may everything. */
#ifndef TOCSIN_NOTIFY_SCOPE_H
#define TOCSIN_NOTIFY_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/notify.h"

struct entry;
struct incident;
struct member;

bool actor_sees_member(const struct actor *a, const struct member *m);
/* Ends at the first that he sees, for lists. */
bool actor_sees_some(const struct actor *a, const struct incident *inc);
bool actor_sees_entry(const struct actor *a, const struct entry *e);
enum sight actor_sight(const struct actor *a, const struct incident *inc);
/* The incident, to be acted on. NULL with `e`: there is none that he may see (ERR_INPUT), or it holds
 * alerts outside his scope that fire, or with `ended_too` any (ERR_REFUSED). */
struct incident *actor_incident(const struct notify *n, uint64_t number, const struct actor *a,
                                bool ended_too, struct err *e);

#endif
