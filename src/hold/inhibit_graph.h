/* Alerts that are on, tied to what they hold and are held by: written by inhibit.c only.
 *
 *   subject ──link (source)──► group ◄──link (target)── subject
 *
 * A group is one inhibit rule with one set of values of its `equal` labels. */
#ifndef TOCSIN_HOLD_INHIBIT_GRAPH_H
#define TOCSIN_HOLD_INHIBIT_GRAPH_H

#include "base/map.h"
#include "model/matcher_index.h"
#include "tocsin/inhibit.h"

enum inhibit_side {
    SIDE_SOURCE,      /* matches the source alone: holds every target */
    SIDE_SOURCE_BOTH, /* matches both sides: holds those that match the target alone */
    SIDE_TARGET,
    SIDE_TARGET_BOTH, /* matches both sides: held by those that match the source alone */
    SIDES
};

struct inhibit_link {
    struct inhibit_subject *subject;
    struct inhibit_group *group;
    struct inhibit_link *prev, *next; /* in the group, of one side */
    enum inhibit_side side;
};

struct inhibit_group {
    uint32_t rule;
    struct inhibit_link *first[SIDES], *last[SIDES];
    size_t n[SIDES];
    int64_t
        freed_ms; /* a source ended then and left targets without one; 0: nothing waits for a look */
    struct inhibit_group *prev_freed, *next_freed; /* by freed_ms */
    struct inhibit_group *prev_told, *next_told;   /* its targets are to be told */
    struct inhibit_link *told_to;                  /* the next of them */
    bool queued;
    uint64_t visit; /* the last walk that came by */
    size_t key_len;
    char key[];
};

struct inhibit_subject {
    uint64_t content; /* hash of labels and priority, as the links were made */
    uint64_t fingerprint;
    int64_t starts_ms, looked_ms;
    uint64_t visit; /* the last walk that came by */
    struct inhibit_link *links;
    size_t n_links;
    char key[];
};

struct inhibits {
    struct inhibit_rule *rules; /* own copies */
    size_t n_rules;
    bool *in_circle; /* of each rule: its alerts may hold each other in a circle */
    struct matcher_index *sources, *targets; /* ids: places in `rules` */
    struct matcher_candidates as_source, as_target;
    struct map *subjects, *groups;
    struct inhibit_group *first_freed, *last_freed, *first_told, *last_told;
    bool ready;
    int64_t at_ms;                 /* the latest instant that was said */
    uint64_t walk;                 /* number of the last one */
    struct inhibit_subject **todo; /* of a walk: CIRCLE_WALK of them */
};

#define CIRCLE_WALK 256 /* alerts that a walk for circles looks at, at most */

/* Which rules may form circles, by what their matchers do not rule out. -1: no memory. Cost: the square of the rules. */
int inhibit_circles_find(struct inhibits *h) MUST_USE;
/* May this source hold that target, of a rule that may form circles? Not where the target holds it, directly
 * or through others, and is older; where that cannot be found out in CIRCLE_WALK steps, the older one holds. */
bool inhibit_circle_holds(const struct inhibits *h, const struct inhibit_subject *source,
                          const struct inhibit_subject *target);
/* Calls for each group whose answers may differ when something in `g` has changed: those that lead on from its
 * targets, in rules that may form circles. false: they are too many, all groups of such rules may differ. */
bool inhibit_circle_each(struct inhibits *h, struct inhibit_group *g,
                         void (*each)(struct inhibits *h, struct inhibit_group *g));

#endif
