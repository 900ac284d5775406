/* What follows when a silence begins or ends. */
#ifndef TOCSIN_NOTIFY_SILENCE_H
#define TOCSIN_NOTIFY_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

struct notify;

bool silences_tick(struct notify *n, int64_t at_ms); /* false: some are left for the next run */

#endif
