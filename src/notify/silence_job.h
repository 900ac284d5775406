/* Silences and previews that are asked for, one after another, in slices. */
#ifndef TOCSIN_NOTIFY_SILENCE_JOB_H
#define TOCSIN_NOTIFY_SILENCE_JOB_H

#include <stdbool.h>
#include <stdint.h>

struct notify;
struct slice;

/* Goes on with them; true: none is left. */
bool silence_jobs_step(struct notify *n, struct slice *slice);
/* The clock has stepped: those that begin at once begin by the new one. Bound: those that wait. */
void silence_jobs_shift(struct notify *n, int64_t by_ms);
void silence_jobs_free(struct notify *n); /* nobody is told */

#endif
