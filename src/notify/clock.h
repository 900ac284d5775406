/* A clock that was set: times of incidents that are moved along. */
#ifndef TOCSIN_NOTIFY_CLOCK_H
#define TOCSIN_NOTIFY_CLOCK_H

#include <stdint.h>

struct incident;

/* The clock was ahead when they were noted: those that lie after now happened by now. */
void incident_not_after(struct incident *inc, int64_t now_ms);
/* The clock was set by so much. When its alerts began is part of what they are, and stays. */
void incident_move(struct incident *inc, int64_t by_ms);

#endif
