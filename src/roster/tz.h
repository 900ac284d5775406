/* A time zone of the system's database (IANA), through libical: what a clock there shows at an instant, and
 * when it shows a time. Never by the environment ($TZ), which belongs to the whole process. Instants and
 * wall-clock times are seconds since 1970. As libical knows them: compared with the database itself, all zones agree up to
 * the end of 2037; later a few (17 of 597) change at another hour. */
#ifndef ROSTER_TZ_H
#define ROSTER_TZ_H

#include <stdint.h>

#include "base/err.h"

struct _icaltimezone;

struct tz {
    struct _icaltimezone *zone; /* of libical, which keeps it for the process; NULL: UTC */
};

/* NULL and "UTC" are UTC. -1 with `e`: there is none of that name, with the one that may be meant. */
int tz_open(const char *name, struct tz *out, struct err *e) MUST_USE;
/* What the clock shows. Cost: some 60 ns; what the zone does in a year not asked for before is worked out once, in
 * milliseconds. */
int64_t tz_wall(struct tz z, int64_t at_s);
/* When the clock shows that: of a time that comes twice the first, of one that is skipped the jump. */
int64_t tz_instant(struct tz z, int64_t wall_s);
/* The first instant in (from_s, until_s] with another offset than from_s, else until_s. At most one change
 * may lie between, so a day at most. */
int64_t tz_change(struct tz z, int64_t from_s, int64_t until_s);

#endif
