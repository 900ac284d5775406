/* An event as it is read (events_read.c) and laid out (events.c). */
#ifndef ROSTER_EVENTS_IMPL_H
#define ROSTER_EVENTS_IMPL_H

#include <libical/ical.h>

#include "roster/events.h"

struct event_except {
    bool is_day;
    int64_t at; /* the instant of a start, or a day on the wall clock */
};

struct event {
    int64_t start_wall, first_wall; /* as written; of the first occurrence */
    bool is_date;
    struct tz zone;
    int64_t days, seconds; /* how long it lasts: days of the calendar, then time that passes */
    struct icalrecurrencetype **rules;
    size_t n_rules;
    int64_t *dates; /* RDATE, on the wall clock */
    size_t n_dates;
    struct event_except *excepts; /* EXDATE, and occurrences that stand in an event of their own */
    size_t n_excepts;
};

struct events {
    struct event *list;
    size_t n, cap;
    icalcomponent **texts; /* their zones are used */
    size_t n_texts, cap_texts;
    struct kept_years *kept;
};

struct event_walk { /* all zero: at the beginning */
    icalrecur_iterator *iterator;
    int64_t wall;
};

void event_clear(struct event *e);
int64_t event_wall(struct icaltimetype t);
/* The next occurrence that begins before `until`, in their order; those before `from` may be left out. False:
 * there is none, and nothing to free. */
bool event_rule_next(const struct event *e, const struct icalrecurrencetype *rule, int64_t from,
                     int64_t until, struct event_walk *walk);

#endif
