/* Shifts as a text that people's calendars subscribe to. */
#ifndef TOCSIN_ICALENDAR_H
#define TOCSIN_ICALENDAR_H

#include <stdint.h>

#include "base/buf.h"
#include "tocsin/oncall.h"

/* The shifts in [from, until), two years at most, as an iCalendar text (RFC 5545) with whole shifts also where they reach out of the span.
 * `person`: only theirs; NULL: all. `at_ms`: when it is made. */
int roster_icalendar(const struct roster *r, const struct roster_changes *changes,
                     const struct roster_ref *who, const struct roster_person *person,
                     int64_t from_ms, int64_t until_ms, int64_t at_ms, struct buf *out,
                     struct err *e) MUST_USE;

#endif
