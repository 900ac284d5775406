/* Inside of notify: all that it remembers, which the files of this room share.
 *
 *   known alerts ──► members of incidents ──► desired (pure) ──► plan per ledger entry
 *                        ▲ held by hooks              │
 *                        │ (silences, unless)         ▼
 *   ledger entry: told, owed ◄── commit ◄── deliver ◄── claim
 *
 * Whatever changes marks incidents for review; a review computes every entry's plan and when it
 * is due. Reviews run once a turn, so that a thousand alerts of one group cost one of them.
 * Lists and maps of incidents are written by incident.c, lanes by ledger.c, starts by intake.c,
 * pending rows by start.c. */
#ifndef TOCSIN_NOTIFY_NOTIFY_IMPL_H
#define TOCSIN_NOTIFY_NOTIFY_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "notify/hold_spread.h"
#include "notify/stats.h"
#include "tocsin/config.h"
#include "tocsin/hold.h"
#include "tocsin/inhibit.h"
#include "tocsin/notify.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct alert_index;
struct incident;
struct lane;
struct pending_row;
struct silence_job;
struct start;

struct notify {
    struct notify_options o;
    const struct own_alert *own; /* about Tocsin itself; borrowed */
    size_t n_own;
    const struct config *config;
    struct alert_book *book; /* since the start; NULL: there is none */
    struct store_table *groups, *ledger, *silences_table;
    struct timer *timer;
    bool deferred, closing, running, degraded;
    bool indexed;               /* what was loaded can be found: start.c */
    bool clock_was_ahead;       /* in the run that wrote what was loaded */
    bool started;               /* before that nothing is sent */
    struct map *lanes;          /* name -> struct lane */
    struct map *by_number;      /* 8 bytes -> struct incident */
    struct map *by_key;         /* key -> the open incident of that group */
    struct map *last_of;        /* key -> the last ended incident that is kept */
    struct map *members;        /* alert key -> struct member, those of open incidents */
    struct alert_index *firing; /* of them those that fire, by label */
    struct incident **open;     /* not settled */
    size_t n_open, cap_open;
    struct incident **kept; /* settled, oldest first */
    size_t n_kept, cap_kept;
    struct incident *first_marked, *last_marked; /* to be reviewed, in this order */
    int budget;                                  /* what is left of this run's REVIEW_A_RUN */
    int claims;                                  /* of CLAIMS_A_RUN, until the next run */
    bool behind;                                 /* the last run has left work for the next */
    bool lanes_wait;        /* some were left no claims: they come first in the next run */
    size_t first_lane;      /* the first of them, as the map counts */
    struct incident **heap; /* by next_ms */
    size_t n_heap, cap_heap;
    uint64_t next_number, next_silence;
    int64_t born_ms;                          /* starts are known since then */
    struct holds *holds;                      /* all silences */
    struct hold_spread spread;                /* of those that changed */
    struct silence_job *first_job, *last_job; /* silences that are counted: silence_job.c */
    uint32_t counts;                          /* begun so far */
    struct inhibits *inhibits;                /* by the present configuration; never NULL */
    int64_t
        sources_ms;   /* before it sources may be on that nobody looked at yet; 0: all are known */
    int64_t sweep_ms; /* next look for what is too old */
    struct start *starts; /* ring */
    size_t n_starts, starts_at;
    uint64_t starts_added;     /* in all */
    struct notify_stats stats; /* what only grows */
    struct stats_walk counted;
    struct pending_row *pending; /* read, until what they belong to is there: start.c */
    size_t n_pending, cap_pending;
    struct buf scratch;
    const char **answer_ids, **answer_receivers; /* of notify_standing() */
    size_t cap_answer_receivers;
};

static inline int64_t notify_now(const struct notify *n)
{
    return clock_wall_ms(n->o.clock);
}

/* At the end of the turn, when there is a loop. */
static inline void notify_run_soon(struct notify *n)
{
    if (!n->o.loop || n->deferred)
        return;
    n->deferred = true;
    timer_in(n->timer, 0);
}

/* Whether there is room for another claim before the next run; else that run tells the lane again. */
bool notify_may_claim(struct notify *n, struct lane *l, int64_t at_ms);
/* Every alert, by the present configuration. Bound: all members of open incidents. */
void notify_reroute(struct notify *n, int64_t at_ms);

#endif
