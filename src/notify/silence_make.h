/* Silences come, change, and end with their incident. */
#ifndef TOCSIN_NOTIFY_SILENCE_MAKE_H
#define TOCSIN_NOTIFY_SILENCE_MAKE_H

#include <stdint.h>

#include "base/err.h"

struct actor;
struct notify;
struct silence;
struct silence_preview;
struct silence_request;

/* -1 with `e`: the silence that is to change is not there, or not his. One that is new is fine. */
int silence_known_id(struct notify *n, const struct silence_request *r, const struct actor *a,
                     struct err *e) MUST_USE;
/* Decides of a draft by what was counted. NULL with `e`: a rail or a bound. `*draft` is NULL where it was taken
 * over, else still the caller's: also where what it says went into the silence that changed. */
const struct silence *silence_take(struct notify *n, struct silence **draft,
                                   const struct silence_request *r, const struct actor *a,
                                   const struct silence_preview *seen, struct err *e);

/* Those that last until it is resolved; recorded, and their alerts looked at again. */
void silences_end_with(struct notify *n, uint64_t incident);

#endif
