/* Incidents: alerts of one group that are told together, from the first of them until nobody is owed a word. */
#ifndef TOCSIN_NOTIFY_INCIDENT_H
#define TOCSIN_NOTIFY_INCIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/labels.h"

/* Alerts of one incident that are as severe as a newcomer, or more: with as many it is counted and
 * left out. Lesser ones never keep it out, so an incident holds at most five times as many. */
#define MEMBERS_MAX 10000
#define PRIORITIES  5

struct entry;
struct member;
struct notify;

struct incident {
    uint64_t number;
    char *key; /* names and values of its group labels; unique among open ones */
    struct label *labels;
    size_t n_labels;
    int64_t opened_ms, ended_ms, settled_ms;
    uint64_t previous;
    int64_t previous_ms, previous_for_ms;
    int priority;
    char *ack_who, *ack_note, *ack_origin;
    int64_t ack_ms, ack_until_ms; /* ack_ms 0: nobody has it */
    int64_t unacked_ms;           /* nobody has it any more since then */
    int64_t ack_ended_ms;         /* the last one ran out then */
    struct member **members;      /* by number */
    size_t n_members, cap_members;
    struct member *dirty_members;
    uint32_t n_at[PRIORITIES + 1]; /* members of each priority; 0: not known yet */
    int64_t swept_ms;              /* what nobody is owed any more was looked for, last */
    uint32_t next_n;
    struct entry **entries; /* at most as many as the configuration had lanes */
    size_t n_entries, cap_entries;
    int64_t next_ms; /* when it must be reviewed for time alone, 0: never */
    size_t heap_at;  /* place in the heap + 1, 0: not in it */
    size_t open_at;  /* place among the open ones + 1, 0: not there */
    size_t plan_at,
        to_plan;  /* the lane that is planned next; how many are, since the last change */
    bool changed; /* since all were */
    struct incident *prev_marked, *next_marked;
    uint32_t counted; /* by the last count that met it: silence_count.c */
    bool dirty, marked;
    bool
        one_record; /* its row in Redis holds its alerts as well, until all have rows of their own */
    bool incomplete; /* memory was short: it is reviewed again soon */
};

/* Empty, known by its number, in no list yet. NULL: no memory. */
struct incident *incident_new(struct notify *n, uint64_t number);
/* A new one of that group, with the next number, open under its key. The labels are copied. NULL: no
 * memory, and nothing has changed. */
struct incident *incident_open(struct notify *n, const char *key, const struct label *l,
                               size_t n_labels, int64_t at_ms);
/* NULL: there is none. Cost: one look-up, as for all that asks by number or key. */
struct incident *incident_by_number(const struct notify *n, uint64_t number);
/* Among the open ones, in any order. -1: no memory. */
int incident_list(struct notify *n, struct incident *inc);
void incident_unlist(struct notify *n, struct incident *inc);
/* It has ended and every lane knows: from the open ones to the kept. Without memory it stays open, and the
 * next review comes here again. Cost: its alerts. */
void incident_settle(struct notify *n, struct incident *inc, int64_t at_ms);
/* Out of all maps, with its entries and alerts; the lists and the store are the caller's. */
void incident_free(struct notify *n, struct incident *inc);
/* Something of it has changed: to be reviewed as a whole with the next run; in the order of the marks. */
void incident_mark(struct notify *n, struct incident *inc);
/* Its review goes on with the next run. */
void incident_mark_rest(struct notify *n, struct incident *inc);
/* Something of it has changed, or rows of it wait to be written: no lane may speak of it before its review. */
bool incident_is_behind(const struct incident *inc);
void incident_unmark(struct notify *n, struct incident *inc);
/* When it is reviewed for time alone; 0: never. It replaces an earlier time, and cannot fail: there is room
 * since it was made. Cost: the logarithm of how many wait. */
void incident_schedule(struct notify *n, struct incident *inc, int64_t at_ms);
/* The one whose time comes first; NULL: none waits. */
struct incident *heap_top(const struct notify *n);
/* Kept ones that are too old or too many go, the oldest first; not behind one whose message is on its way.
 * So many as one turn has room for: false when some are left. */
bool incidents_sweep(struct notify *n, int64_t at_ms);
/* The order of lists that people read, for qsort(): of struct incident *. */
int incident_newest_first(const void *a, const void *b);
/* Whether an alert of that priority may join; makes room by forgetting what is over and told,
 * unless `at_ms` is 0. */
bool incident_has_room(struct notify *n, struct incident *inc, int priority, int64_t at_ms);
/* NULL: there is none. Cost: the logarithm of its members. */
struct member *incident_member(const struct incident *inc, uint32_t n);
bool incident_acked(const struct incident *inc, int64_t at_ms);

#endif
