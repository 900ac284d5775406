/* A calendar in seconds, as schedules put calendars together. */
#ifndef ROSTER_CALENDAR_H
#define ROSTER_CALENDAR_H

#include "tocsin/calendar.h"

/* Does it hold, and until when does that stay so at least? (It may go on after that.) -1: no memory. */
int calendar_step(struct calendar *c, int64_t at_s, bool *holds, int64_t *until_s) MUST_USE;

#endif
