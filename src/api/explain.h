/* The document of one incident, with why, where to and its history. */
#ifndef API_EXPLAIN_H
#define API_EXPLAIN_H

#include "api/later.h"

/* Answers the request when its history has been read (as JSON, or through `finish`). -1: there is
 * no such incident that the caller may see; the request is the caller's. */
int explain_incident(struct call *c, uint64_t number, void (*finish)(struct later *l)) MUST_USE;

#endif
