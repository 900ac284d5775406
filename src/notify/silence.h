/* What follows when a silence begins or ends. */
#ifndef TOCSIN_NOTIFY_SILENCE_H
#define TOCSIN_NOTIFY_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

struct notify;
struct slice;

/* Silences that begin, end or are forgotten by now, and the alerts that it concerns; false: some are left for
 * the next run. */
bool silences_tick(struct notify *n, int64_t at_ms, struct slice *slice);

#endif
