/* The roster as its files share it: the configuration, with names resolved. */
#ifndef ROSTER_REGISTRY_H
#define ROSTER_REGISTRY_H

#include "base/map.h"
#include "roster/calendar.h"
#include "roster/rotation.h"
#include "tocsin/roster.h"

#define DEPTH_MAX 8 /* schedules in schedules, calendars taken out of calendars */

struct turns { /* a rotation */
    struct rotation rotation;
    const struct roster_person **people;
    /* the last answer: whose turn it is in [from, until) */
    const struct roster_person *person; /* NULL: before the start */
    int64_t from_s, until_s;            /* both 0: nothing is known */
};

struct duty_row { /* of a schedule */
    struct calendar *when;
    struct roster_ref *who;
    size_t n_who;
};

struct plan { /* a schedule */
    struct duty_row *rows;
    size_t n_rows;
    struct roster_ref *otherwise;
    size_t n_otherwise;
};

struct roster {
    const struct roster_config *config;
    struct map *names; /* "rotation:payments" -> its place + 1, as a pointer; also "calendar:…" */
    struct calendar **calendars; /* as in the configuration, all three */
    struct turns *turns;
    struct plan *plans;
};

/* Says that there is none, and which may be meant. Returns -1. */
int registry_unknown(const struct roster *r, const char *kind, const char *name, struct err *e);

#endif
