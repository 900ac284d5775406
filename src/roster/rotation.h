/* One rotation: whose turn it is at an instant, and the shift around it. */
#ifndef ROSTER_ROTATION_H
#define ROSTER_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "roster/tz.h"

#define ROTATION_EVERY_MAX 1000 /* hours, days, weeks or months */

enum rotation_unit { ROTATION_DAYS, ROTATION_MONTHS, ROTATION_GRID_HOURS, ROTATION_REAL_HOURS };

struct rotation {
    struct tz zone;
    int64_t start_wall; /* of the first hand-off */
    enum rotation_unit unit;
    int64_t every; /* days, months or hours */
};

/* "2026-11-02 09:00" and "8h" "1d" "1w" "1mo". -1 with `e`. */
int rotation_read(const char *zone, const char *start, const char *every, struct rotation *out,
                  struct err *e) MUST_USE;
/* The hand-off of turn k (from 0). */
int64_t rotation_handoff(const struct rotation *r, int64_t k);
/* The turn at that instant and its shift [from, until). False before the start, with `until` the start. Cost: a
 * division and a few hand-offs. */
bool rotation_turn(const struct rotation *r, int64_t at_s, int64_t *k, int64_t *from_s,
                   int64_t *until_s);

#endif
