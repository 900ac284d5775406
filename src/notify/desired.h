/* What a lane should be told of an incident, and when: a pure comparison of its ledger entry with
 * the members. */
#ifndef TOCSIN_NOTIFY_DESIRED_H
#define TOCSIN_NOTIFY_DESIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/notice.h"

struct entry;
struct member;

enum item_kind {
    ITEM_STILL,
    ITEM_NEW,
    ITEM_RAISED,
    ITEM_LOWERED,
    ITEM_FREED,
    ITEM_RESOLVED,
    ITEM_MISSED,
    ITEM_MOVED
};
struct item {
    struct member *m;
    enum item_kind kind;
    int told_priority;
};
struct plan {
    int64_t due_ms; /* 0: nothing to say */
    enum notice_reason reason;
    bool firing; /* something stays on for this lane after it */
    int priority;
    size_t n_items, n_firing;
    struct item *items; /* what the message is about; NULL when only the plan was asked for */
    uint64_t digest;
    int64_t repeat_ms; /* the next reminder, 0: none */
    uint32_t n_held;   /* routed here, firing, and held */
    uint32_t n_later;  /* changes that are no reason for a message: the next one tells them */
    const char *freed_by;
    bool freed_by_hours; /* which is a calendar */
    bool muted; /* calendars of a route hold something of it until then: the plan is made again */
    const char *muted_by;
    int64_t muted_until_ms; /* the first of them; CALENDAR_NEVER: not within two years */
};
/* What the lane should be told, and when. `items` has room for all members, or is NULL. */
void plan_desired(const struct entry *e, int64_t at_ms, struct item *items, struct plan *out);
/* Whether a route of the present configuration leads the alert to that lane. */
bool ledger_routes(const struct entry *e, const struct member *m);

#endif
