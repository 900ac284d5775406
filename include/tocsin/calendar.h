/* Calendars: when something holds, as people say it – hours of the week, days of the month, dates, exceptions,
 * iCalendar files and rules.
 *
 * A pure function of (what is written, time). Spans are wall-clock time of the calendar's zone, so that they keep
 * their hours across daylight saving: a time holds when the clock there shows one that lies in a span, start
 * included, end not. One that begins in an hour that the clock skips begins at the jump; an hour that comes twice
 * counts both times. Times are Unix milliseconds; zones are those of the system (IANA).
 *
 * A calendar answers from what it worked out for the last question, as long as that is true; so one belongs to one
 * thread, and asking it again costs a comparison. */
#ifndef TOCSIN_CALENDAR_H
#define TOCSIN_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CALENDAR_SPANS_MAX   200
#define CALENDAR_DATES_MAX   1000
#define CALENDAR_RULES_MAX   100
#define CALENDAR_EXCEPTS_MAX 16 /* other calendars taken out of one */
#define CALENDAR_HORIZON_MS  (INT64_C(731) * 24 * 3600 * 1000) /* two years */
#define CALENDAR_NEVER       INT64_MAX                         /* not within two years */

/* An event that recurs (RFC 5545, RRULE): { start = "2026-01-06T02:00", lasts = "3h", rule = "FREQ=…" }. The
 * start is an occurrence only where the rule says so. `lasts` in whole days is days of the calendar, else time
 * that passes. */
struct calendar_rule {
    const char *start, *lasts, *rule;
};

/* A calendar as it is written. Borrowed: read by calendar_new() and not kept. */
struct calendar_config {
    const char *name;
    const char *zone;         /* NULL: UTC */
    const char *const *spans; /* "Mon-Fri 08:00-20:00"; the forms: docs/configuration.md */
    size_t n_spans;
    const char *const *except_dates; /* "2026-12-25", each year "05-01" */
    size_t n_except_dates;
    const char *ical; /* text of an iCalendar file; NULL: none */
    size_t ical_len;
    const struct calendar_rule *rules;
    size_t n_rules;
};

struct calendar;

/* -1 by NULL with `e`: what is wrong, where in the text, and what may be meant. It names the key ("except: …") and
 * not the calendar. Cost: a parse, and a look for the first time at which it holds. */
struct calendar *calendar_new(const struct calendar_config *c, struct err *e);
void calendar_free(struct calendar *c); /* NULL is fine */
/* Takes out every time at which the other holds. The other is borrowed and lives as long. Whoever connects them
 * sees to it that no circle arises. -1 with `e`: too many. */
int calendar_except(struct calendar *c, struct calendar *other, struct err *e) MUST_USE;
/* -1 with `e`: it can never hold (a 30th of February, all taken out by `except`). Asked once all exceptions are
 * connected. Looked at from what it names, else for 28 years from 2024, after which days and weekdays repeat. */
int calendar_check(struct calendar *c, struct err *e) MUST_USE;

struct calendar_state {
    bool holds;
    int64_t from_ms;  /* the answer is true since then at least, and */
    int64_t until_ms; /* changes then; CALENDAR_NEVER */
};
/* -1: no memory, nothing is decided. Cost: a comparison within [from, until) of the last answer; else a map of
 * minutes for each day up to the next change, 731 days at most, and a step for each occurrence and change of
 * what is taken out. */
int calendar_look(struct calendar *c, int64_t at_ms, struct calendar_state *out) MUST_USE;

/* The instant at which a clock in `zone` (NULL: UTC) shows "2026-11-09 08:00": of a time that comes twice the first, of one
 * that is skipped the jump. -1 with `e`: no such form, no such zone. */
int calendar_instant(const char *text, const char *zone, int64_t *at_ms, struct err *e) MUST_USE;

#endif
