/* Events of iCalendar (RFC 5545) as times that hold: single ones and those that recur by RRULE. The only file
 * that gives libical texts to read. Instants are seconds since 1970. */
#ifndef ROSTER_EVENTS_H
#define ROSTER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "roster/tz.h"

#define EVENTS_MAX       2000 /* of one calendar */
#define EVENTS_TEXT_MAX  (1024 * 1024)
#define EVENTS_COUNT_MAX 10000 /* COUNT of a rule, which has to be counted from its start */
#define EVENTS_A_DAY_MAX 24    /* of one rule, by BYHOUR, BYMINUTE and BYSECOND */

struct events;

struct events *events_new(void);     /* NULL: no memory */
void events_free(struct events *ev); /* NULL is fine */
/* All VEVENT of a text; times without zone are those of `zone`. -1 with `e`, which names the event. */
int events_add_text(struct events *ev, const char *text, size_t len, struct tz zone,
                    struct err *e) MUST_USE;
/* One event that recurs: "2026-01-06T02:00" in `zone`, "3h", "FREQ=MONTHLY;BYDAY=2TU". */
int events_add_rule(struct events *ev, const char *start, const char *lasts, const char *rule,
                    struct tz zone, struct err *e) MUST_USE;
size_t events_count(const struct events *ev);
/* When the first occurrence of one begins. */
int64_t events_first(const struct events *ev, size_t i);
/* Does one of them hold, and until when does that stay so at least? -1: no memory. Cost: the events of a year
 * are laid out once (a step for each occurrence), then a search in them. */
int events_look(struct events *ev, int64_t at_s, bool *holds, int64_t *until_s) MUST_USE;

#endif
