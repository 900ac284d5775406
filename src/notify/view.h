/* Incidents as answers. */
#ifndef TOCSIN_NOTIFY_VIEW_H
#define TOCSIN_NOTIFY_VIEW_H

#include "base/json.h"

struct actor;
struct incident;

void view_incident(struct json *j, const struct incident *inc, const struct actor *a);

#endif
