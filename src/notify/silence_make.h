/* Silences that end with their incident. */
#ifndef TOCSIN_NOTIFY_SILENCE_MAKE_H
#define TOCSIN_NOTIFY_SILENCE_MAKE_H

#include <stdint.h>

struct notify;

/* Those that last until it is resolved; recorded, and their alerts looked at again. */
void silences_end_with(struct notify *n, uint64_t incident);

#endif
