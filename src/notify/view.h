/* Incidents as answers. */
#ifndef TOCSIN_NOTIFY_VIEW_H
#define TOCSIN_NOTIFY_VIEW_H

#include "base/json.h"

struct actor;
struct incident;

/* The members of one, without braces, as far as the actor may see it. */
void view_incident(struct json *j, const struct incident *inc, const struct actor *a);

#endif
