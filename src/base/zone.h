/* The time zone that people read times in: one for the process, the machine's own unless told.
 * Names are those of the IANA time zone database ("Europe/Berlin"), read by the C library from
 * /usr/share/zoneinfo, or from $TZDIR. */
#ifndef TOCSIN_BASE_ZONE_H
#define TOCSIN_BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define ZONE_NAME_MAX 64
#define ZONE_TIME_LEN 32 /* "20:14:07 CEST" and its NUL */

/* Is there such a zone here? -1 with `e`: none, with the one that may be meant. Cost: a file is
 * opened; of an unknown one, a walk over the database. */
int zone_check(const char *name, struct err *e) MUST_USE;
/* Shows times in that zone from now on; NULL: in that of the machine ($TZ, /etc/localtime, else UTC).
 * Before the first thread, since it changes the environment. -1: no memory. */
int zone_use(const char *name) MUST_USE;
/* "20:14 CEST", or with seconds "20:14:07 CEST": every time of day that people read is written here. */
void zone_time(char out[ZONE_TIME_LEN], int64_t at_ms, bool seconds);

#endif
