/* People, rotations, schedules and policies as they are written, and their names.
 *
 * Configuration comes as plain structs, which whoever reads `tocsin.lua` fills; roster_new() resolves and checks all
 * names once, and everything else asks of what it made (tocsin/oncall.h, tocsin/told.h). Times are Unix milliseconds.
 *
 * Rotation: hand-offs are at start + k × every. Days, weeks and months are counted on the local calendar, so that a
 * hand-off keeps its clock time; one that the clock skips is at the jump, one that comes twice at the first. Hours that
 * divide a day keep a grid of clock times, whole days of hours are days, other hours are real ones. Of two hand-offs at
 * one instant the later one counts. Before the start nobody is on call. */
#ifndef TOCSIN_ROSTER_H
#define TOCSIN_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/calendar.h"
#include "tocsin/escalation.h"

#define ROSTER_NEVER      CALENDAR_NEVER /* not within two years */
#define ROSTER_ROWS_MAX   100            /* of a schedule */
#define ROSTER_PEOPLE_MAX 200            /* of a rotation */

/* --- configuration, as it is written. Borrowed: it lives as long as the roster. Lists are (pointer, n_…). --- */

struct roster_place { /* where it is written */
    const char *file;
    int line;
};

struct roster_calendar {
    struct calendar_config config;
    const char *const *except; /* names of calendars */
    size_t n_except;
    struct roster_place place;
};

struct roster_notify { /* { after = "3m", "ana-sms" } */
    int64_t after_ms;
    const char *const *receivers;
    size_t n_receivers;
};

struct roster_person {
    const char *name;
    const char *receiver;             /* told at once; NULL where `notify` says it */
    const char *email, *slack, *zone; /* NULL: not given */
    const struct roster_notify *notify;
    size_t n_notify;
    struct roster_place place;
};

struct roster_rotation {
    const char *name, *zone;
    const char *start; /* "2026-11-02 09:00" */
    const char *every; /* "8h" "1d" "1w" "1mo" */
    const char *const *people;
    size_t n_people;
    struct roster_place place;
};

struct roster_row { /* { "Mon-Fri 09:00-18:00", "rotation:payments-day" } */
    const char *const *spans;
    size_t n_spans;
    const char *const *who; /* "rotation:…" "person:…" "schedule:…" */
    size_t n_who;
};

struct roster_schedule {
    const char *name, *zone;
    const struct roster_row *rows;
    size_t n_rows;
    const char *const *otherwise;
    size_t n_otherwise;
    struct roster_place place;
};

struct roster_escalation {
    struct escalation_policy policy;
    struct roster_place place;
};

struct roster_config {
    const struct roster_calendar *calendars;
    size_t n_calendars;
    const struct roster_person *people;
    size_t n_people;
    const struct roster_rotation *rotations;
    size_t n_rotations;
    const struct roster_schedule *schedules;
    size_t n_schedules;
    const struct roster_escalation *escalations;
    size_t n_escalations;
    const char *const *receivers; /* names that exist */
    size_t n_receivers;
};

struct roster;
struct roster_changes; /* tocsin/changes.h */

/* NULL with `e`, which names what is wrong and what may be meant; `*where` (may be NULL) is the place of the entry it
 * is in. Refused: unknown names, a rotation without people, a calendar that can never hold, circles, twice the same
 * name. The config is borrowed and stays unchanged. Cost: what calendar_new() and calendar_check() cost. */
struct roster *roster_new(const struct roster_config *c, const struct roster_place **where,
                          struct err *e);
void roster_free(struct roster *r); /* NULL is fine */

/* --- names --- */

enum roster_kind { ROSTER_PERSON, ROSTER_ROTATION, ROSTER_SCHEDULE, ROSTER_RECEIVER };
extern const char *const roster_kind_names[]; /* "person" "rotation" "schedule" "receiver" */

struct roster_ref {
    enum roster_kind kind;
    size_t at;        /* place in the list of its kind */
    const char *name; /* of the configuration */
};

/* "rotation:payments"; or "payments", which is a schedule before it is a rotation. -1 with `e`: there is none, with
 * the one that may be meant. Cost: a look-up; of an unknown name, a walk over all of that kind. */
int roster_find(const struct roster *r, const char *name, struct roster_ref *out,
                struct err *e) MUST_USE;
/* NULL with `e` (may be NULL): there is none. */
struct calendar *roster_calendar_named(const struct roster *r, const char *name, struct err *e);
/* Seam of tests: no route names a policy yet. The same. */
const struct escalation_policy *roster_policy_named(const struct roster *r, const char *name,
                                                    struct err *e);
/* NULL: none of that name. */
const struct roster_person *roster_person_named(const struct roster *r, const char *name);

#endif
