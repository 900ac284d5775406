/* Which routes an alert reaches, and which incident it belongs to. Pure. */
#ifndef TOCSIN_NOTIFY_ROUTE_H
#define TOCSIN_NOTIFY_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/labels.h"
#include "tocsin/config.h"

struct lane;

#define ROUTES_MAX CONFIG_ROUTES_MAX
/* Routes that an alert reaches, in tree order; labels include severity, `priority` is matched as
 * the label "priority". Returns how many, at most ROUTES_MAX. */
size_t route_find(const struct config_route *root, const struct label *l, size_t n, int priority,
                  const struct config_route **out);
/* The labels a route groups by, of an alert (views into `l`); and the incident's key. */
size_t route_group(const struct config_route *r, const struct label *l, size_t n, struct label *out,
                   size_t max);
void route_key(const struct config_route *r, const struct label *group, size_t n, struct buf *out);
/* How long the first message waits: as given, else by priority. */
int64_t route_wait(const struct config_route *r, int priority);
/* Does one of its receivers have that lane? */
bool route_reaches(const struct config_route *r, const struct lane *lane);

/* Do its calendars hold messages back at that moment (those that begin, rise or are repeated, never an end)? */
struct route_mute {
    bool muted;
    const char *
        by; /* the calendar that says so: one of `mute` that holds, else the first of `active`, none of which does */
    int64_t until_ms; /* while muted; CALENDAR_NEVER: not within two years */
    int64_t from_ms;  /* while not: for so long at least */
};
/* -1: no memory, nothing is decided. Cost: a comparison for each calendar, as long as what it worked out last is true. */
int route_mute(const struct config_route *r, int64_t at_ms, struct route_mute *out) MUST_USE;

#endif
