/* A delivery as an answer: what a lane knows, what it waits for, and why. */
#ifndef TOCSIN_NOTIFY_EXPLAIN_H
#define TOCSIN_NOTIFY_EXPLAIN_H

#include <stdint.h>

#include "base/json.h"

struct actor;
struct entry;

/* One entry as an object. Cost: the incident's members (it is planned anew). */
void explain_delivery(struct json *j, const struct entry *e, const struct actor *a, int64_t at_ms);

#endif
