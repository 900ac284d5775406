/* Inside of notify: the records and who works on them. Shared by the files of this room only.
 *
 *   known alerts ──► members of incidents ──► desired (pure) ──► plan per ledger entry
 *                        ▲ held by hooks              │
 *                        │ (silences, unless)         ▼
 *   ledger entry: told, owed ◄── commit ◄── deliver ◄── claim
 *
 * Whatever changes marks incidents for review; a review computes every entry's plan and when it
 * is due. Reviews run once a turn, so that a thousand alerts of one group cost one of them. */
#ifndef TOCSIN_NOTIFY_IMPL_H
#define TOCSIN_NOTIFY_IMPL_H

#include <stddef.h>

#include "base/json.h"
#include "base/map.h"
#include "model/matcher_alert.h"
#include "tocsin/config.h"
#include "tocsin/hold.h"
#include "tocsin/notify.h"

/* Alerts of one incident that are as severe as a newcomer, or more: with as many it is counted and
 * left out. Lesser ones never keep it out, so an incident holds at most five times as many. */
#define MEMBERS_MAX     10000
#define PRIORITIES      5
#define ERROR_MAX       300
#define DATA_MAX        2048
#define WHY_MAX         4096
#define ENTRY_FIELD_MAX 512   /* a lane's name and a number: names of receivers have 200 at most */
#define STARTS_MAX      16384 /* alert starts kept for "14 in 7 days" */
#define WEEK_MS         (INT64_C(7) * 24 * 3600 * 1000)
#define DAY_MS          (INT64_C(24) * 3600 * 1000)
/* A run reviews and writes so much, in rows of some 20 us; the rest waits for the next turn. */
#define REVIEW_A_RUN     250
#define LOOKS_A_RUN      20000 /* at alerts, because silences begin or end: some 100 ns each */
#define RETRY_DEFAULT_MS 10000
#define RETRY_FOR_MS     (INT64_C(60) * 60 * 1000) /* a temporary failure, then it is a dead letter */

struct incident;
struct entry;

/* One channel of one receiver. Lives as long as an entry names it. */
struct lane {
    char *name, *receiver, *channel;
    size_t index;                         /* of the channel in the receiver */
    const struct config_receiver *config; /* NULL: gone from the configuration */
    const struct config_channel *options;
    enum tells tells;
    bool told_due; /* deliver is to be told at the end of this run */
    struct notify *notify;
    struct entry **due; /* entries that may be claimed now: a heap, see claim.c */
    size_t n_due, cap_due;
};

/* An alert as one incident knows it. */
struct member {
    uint32_t n; /* number within the incident, never used again */
    struct incident *incident;
    struct member *next_same; /* the same alert in other incidents */
    char *key;                /* origin + labels without severity: its identity */
    char *origin;
    struct label *labels; /* one block; sorted */
    size_t n_labels;
    struct rule_pair *annotations; /* one block */
    size_t n_annotations;
    uint64_t fingerprint;
    bool firing, suppressed, has_value, has_threshold;
    bool moved;   /* ended here because it is routed to other incidents */
    int priority; /* now, or the last */
    int worst;    /* the most severe since it started: what its end is told as */
    double value, peak, threshold;
    enum unit unit;
    char *unit_name;
    int64_t starts_ms, ends_ms, nodata_ms, gone_ms;
    char *end_reason, *why;
    enum hold_kind hold;
    char held_by[UUID_LEN + 1]; /* "s31"; "" of `unless` */
    int64_t held_ms;
    int64_t visible_ms; /* fires and is not held since then, 0: is not */
    int64_t raised_ms;  /* its priority changed, last */
    int64_t routed_ms;  /* its routes changed, last */
    int64_t freed_ms;   /* a hold ended with it still on, last */
    char freed_by[UUID_LEN + 1];
    const struct config_route **routes; /* that lead it here; of the present configuration */
    size_t n_routes;
    bool hold_known; /* `hold` is by the silences there are; false: to be computed */
    bool dirty;      /* differs from its row: among the incident's dirty_members */
    struct member *next_dirty;
};

struct told {
    uint32_t n;
    int priority;
    int64_t starts_ms, told_ms;
    bool maybe_ended; /* an attempt of unknown fate told of its end: if it is on again it is new */
};
struct owed { /* a firing that became due and was not delivered yet */
    uint32_t n;
    int64_t due_ms;
    bool maybe; /* an attempt of unknown fate told of it: it is owed its end as if it was told */
};

enum entry_state {
    ENTRY_IDLE,
    ENTRY_WAITING,
    ENTRY_DUE,
    ENTRY_CLAIMED,
    ENTRY_RETRYING,
    ENTRY_DEAD
};
extern const char *const entry_state_names[];

/* The ledger: what one lane was told of one incident, and what it is owed. */
struct entry {
    struct incident *incident;
    struct lane *lane;
    char *field; /* "payments-oncall/slack|412" */
    struct told *told;
    size_t n_told, cap_told;
    struct owed *owed;
    size_t n_owed, cap_owed;
    enum entry_state state;
    enum notice_reason reason; /* of the plan, or of the last message when idle */
    uint64_t seq;
    uint64_t digest,
        dead_digest;           /* of the content claimed last and not delivered; of the dead one */
    int64_t first_ms, last_ms; /* delivered */
    int64_t sent_ms;           /* claim of the last one that was delivered */
    int64_t due_ms;            /* of the plan, 0: nothing is due */
    int64_t since_ms;          /* what is owed now became due then, 0 */
    int64_t not_before_ms;     /* the next try after a failure, 0 */
    int64_t claimed_ms, dead_ms;
    int64_t told_ack_ms; /* the acknowledgement it knows of */
    int attempts;
    bool uncertain;     /* a send of unknown fate */
    bool fell_back;     /* the fallback owes it as well */
    char *fallback_for; /* NULL: its own */
    char *error, *data;
    bool dirty;
    bool rows_dirty;  /* of told and owed any may differ from its row */
    size_t due_at;    /* place among the lane's due + 1, 0: not there */
    int due_priority; /* what orders it there: as they were when it was put there, last */
    int64_t due_since_ms;
    int64_t mirrored_ms; /* score in tocsin:{c}:due */
};

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
    struct incident *prev_marked, *next_marked;
    bool dirty, marked;
    bool
        one_record; /* its row in Redis holds its alerts as well, until all have rows of their own */
    bool incomplete; /* memory was short: it is reviewed again soon */
};

struct pending_row {
    enum {
        ROW_ALERT,
        ROW_ENTRY,
        ROW_OF_ENTRY
    } kind; /* in the order in which they find their place */
    uint64_t incident;
    uint32_t member; /* 0: none, the row is of an entry as a whole */
    char *field, *json;
    size_t len;
};

struct start { /* of the ring of recent starts */
    int64_t at_ms;
    struct label *labels;
    size_t n_labels;
};

struct notify {
    struct notify_options o;
    const struct own_alert *own; /* about Tocsin itself; borrowed */
    size_t n_own;
    const struct config *config;
    struct store_table *groups, *ledger, *silences_table;
    struct timer *timer;
    bool deferred, closing, running, degraded;
    bool indexed;           /* what was loaded can be found: start.c */
    bool clock_was_ahead;   /* in the run that wrote what was loaded */
    bool started;           /* before that nothing is sent */
    struct map *lanes;      /* name -> struct lane */
    struct map *by_number;  /* 8 bytes -> struct incident */
    struct map *by_key;     /* key -> the open incident of that group */
    struct map *last_of;    /* key -> the last ended incident that is kept */
    struct map *members;    /* alert key -> struct member, those of open incidents */
    struct incident **open; /* not settled */
    size_t n_open, cap_open;
    struct incident **kept; /* settled, oldest first */
    size_t n_kept, cap_kept;
    struct incident *first_marked, *last_marked; /* to be reviewed, in this order */
    int budget;                                  /* what is left of this run's REVIEW_A_RUN */
    bool behind;            /* the last run has left marked ones for the next */
    struct incident **heap; /* by next_ms */
    size_t n_heap, cap_heap;
    uint64_t next_number, next_silence;
    int64_t born_ms;      /* starts are known since then */
    struct holds *holds;  /* all silences */
    int64_t sweep_ms;     /* next look for what is too old */
    struct start *starts; /* ring */
    size_t n_starts, starts_at;
    struct notify_stats stats;
    struct pending_row *pending; /* read, until what they belong to is there: start.c */
    size_t n_pending, cap_pending;
    struct buf scratch;
    const char **answer_ids, **answer_receivers; /* of notify_standing() */
    size_t cap_answer_receivers;
};

int64_t notify_now(const struct notify *n);
void notify_run_soon(struct notify *n); /* at the end of the turn, when there is a loop */

/* --- route.c: pure ------------------------------------------------------------------------------- */
#define ROUTES_MAX CONFIG_ROUTES_MAX
/* Routes that an alert reaches, in tree order; labels include severity, `priority` is matched as
 * the label "priority". Returns how many, at most ROUTES_MAX. */
size_t route_find(const struct config_route *root, const struct label *l, size_t n, int priority,
                  const struct config_route **out);
/* The labels a route groups by, of an alert (views into `l`); and the incident's key. */
size_t route_group(const struct config_route *r, const struct label *l, size_t n, struct label *out,
                   size_t max);
void route_key(const struct config_route *r, const struct label *group, size_t n, struct buf *out);
int64_t route_wait(const struct config_route *r, int priority);
bool route_reaches(const struct config_route *r, const struct lane *lane);

/* --- member.c ------------------------------------------------------------------------------------- */
struct member *member_new(struct incident *inc, const char *key); /* joins it; NULL: memory */
void member_set_priority(struct member *m, int priority);
/* It differs from its row, which the next review of its incident writes. */
void member_touch(struct member *m);
void member_free(struct member *m);
int member_copy(struct member *m, const struct alert *a); /* labels, annotations, value … */
void member_values(struct member *m, const struct alert *a);
struct rule_pair *member_pairs(const struct rule_pair *p, size_t n);
/* What it is shown as: its priority while it is on, then the most severe that it had. */
int member_priority(const struct member *m);
/* Firing first, most severe first, oldest first: the order everywhere. */
int member_order(const struct member *a, const struct member *b);
void member_text(char **to, const char *text,
                 size_t max); /* NULL: none; keeps the old without memory */

/* --- incident.c ----------------------------------------------------------------------------------- */
struct incident *incident_new(struct notify *n, uint64_t number);
struct incident *incident_open(struct notify *n, const char *key, const struct label *l,
                               size_t n_labels, int64_t at_ms);
struct incident *incident_by_number(const struct notify *n, uint64_t number);
int incident_list(struct notify *n, struct incident *inc); /* into open or kept, maps */
void incident_settle(struct notify *n, struct incident *inc, int64_t at_ms);
void incident_free(struct notify *n, struct incident *inc);
void incident_mark(struct notify *n, struct incident *inc);
void incident_unmark(struct notify *n, struct incident *inc);
void incident_schedule(struct notify *n, struct incident *inc, int64_t at_ms);
struct incident *heap_top(const struct notify *n);
void incidents_sweep(struct notify *n, int64_t at_ms);
/* Whether an alert of that priority may join; makes room by forgetting what is over and told,
 * unless `at_ms` is 0. */
bool incident_has_room(struct notify *n, struct incident *inc, int priority, int64_t at_ms);
struct member *incident_member(const struct incident *inc, uint32_t n);
bool incident_acked(const struct incident *inc, int64_t at_ms);

/* --- intake.c ------------------------------------------------------------------------------------- */
void intake_alert(struct notify *n, const struct alert *a, int64_t at_ms);
void notify_reroute(struct notify *n,
                    int64_t at_ms); /* every alert, by the present configuration */
void intake_reroute(struct notify *n, struct member *m, int64_t at_ms);
void intake_end(struct notify *n, struct member *m, const char *reason, int64_t at_ms);
void starts_add(struct notify *n, const struct member *m);
bool starts_oldest(const struct notify *n, int64_t *at_ms);

/* --- holds.c: members and what holds them ------------------------------------------------------------ */
/* Looks again at what holds a member; notes when a hold ended with it still on. Without memory the
 * hold stays as it was, and its incident is incomplete. */
void hold_update(struct notify *n, struct member *m, int64_t at_ms);
/* A silence began, ended or changed: the members that it matches are looked at again, and no others.
 * Bound: one test of its first label for each alert of the open incidents. */
void holds_look_again(struct notify *n, const struct silence *s);

/* --- desired.c: pure ------------------------------------------------------------------------------ */
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
};
/* What the lane should be told, and when. `items` has room for all members, or is NULL. */
void plan_desired(const struct entry *e, int64_t at_ms, struct item *items, struct plan *out);
bool ledger_routes(const struct entry *e, const struct member *m);
const struct config_route *ledger_route(const struct entry *e, const struct member *m);

/* --- ledger.c ------------------------------------------------------------------------------------- */
struct lane *lane_get(struct notify *n, const char *name);
int lanes_configure(struct notify *n);
void lane_free(struct lane *l);
struct entry *ledger_find(const struct incident *inc, const struct lane *lane);
struct entry *ledger_get(struct incident *inc, struct lane *lane);
void ledger_drop(struct notify *n, struct entry *e); /* out of its incident and the store */
void ledger_release(struct entry *e);
struct told *told_find(const struct entry *e, uint32_t n);
struct owed *owed_find(const struct entry *e, uint32_t n);
int told_put(struct entry *e, const struct told *t);
void told_remove(struct entry *e, uint32_t n);
int owed_put(struct entry *e, uint32_t n, int64_t due_ms);
void owed_remove(struct entry *e, uint32_t n);
bool ledger_settled(const struct entry *e);
bool ledger_failing(const struct entry *e);
/* Among what its lane may claim now, or not; also when what orders it has changed. Cost: the logarithm
 * of how many are due there. */
void ledger_set_due(struct notify *n, struct entry *e, bool due);
/* `maybe` of what it is owed, `maybe_ended` of what it was told: kept with their rows. */
void owed_may_be_told(struct entry *e, uint32_t n);
void told_may_be_ended(struct entry *e, uint32_t n);
void ledger_mirror(struct notify *n, struct entry *e);
void ledger_expire(struct notify *n, struct entry *e, uint32_t member, const char *why,
                   int64_t at_ms);

/* --- review.c ------------------------------------------------------------------------------------- */
void incident_review(struct notify *n, struct incident *inc, int64_t at_ms);
void ledger_fall_back(struct notify *n, struct entry *e, int64_t at_ms);

/* --- notice.c ------------------------------------------------------------------------------------- */
struct claim {     /* behind notice.memory */
    struct block { /* the notice's strings and lists */
        struct block *next;
        size_t used, size;
        max_align_t data[];
    } * blocks;
    struct entry *entry;
    struct notify *notify;
    size_t n_items;
    struct item_told {
        uint32_t n;
        enum item_kind kind;
        int priority;
        int64_t starts_ms;
    } * items;
    uint64_t digest;
    int64_t ack_ms;
};
struct notice *notice_build(struct notify *n, struct entry *e, const struct plan *p, int64_t at_ms);

/* --- silence_make.c ------------------------------------------------------------------------------- */
/* clock.c: all its times, see there. */
void incident_not_after(struct incident *inc, int64_t now_ms);
void incident_move(struct incident *inc, int64_t by_ms);

bool silences_tick(struct notify *n, int64_t at_ms); /* false: some are left for the next run */
void silences_end_with(struct notify *n, uint64_t incident);
void silence_store(struct notify *n, const struct silence *s);

/* --- silence_draft.c, silence_rails.c ------------------------------------------------------------- */
/* Everything of a silence but its ids; silence_free() it. NULL with `e`. */
struct silence *silence_draft(struct notify *n, const struct silence_request *r,
                              const struct actor *a, struct err *e);
/* What it would hold. Cost: all alerts of open incidents, and the starts of the last week. */
void silence_preview(const struct notify *n, const struct silence *s, struct silence_preview *p);
/* Rails that stand whatever is confirmed, and those that give way to who has seen the count. */
int silence_hard_rails(struct notify *n, const struct silence *s, const struct silence_request *r,
                       const struct actor *a, struct err *e) MUST_USE;
int silence_soft_rails(struct notify *n, const struct silence_preview *p,
                       const struct silence_request *r, const struct actor *a,
                       struct err *e) MUST_USE;

/* --- start.c --------------------------------------------------------------------------------------- */
/* Makes what was loaded whole, once: the ledger joins its incidents, groups find theirs. */
void notify_index(struct notify *n);
void pending_rows_free(struct notify *n);

/* --- record.c, restore.c: what stands in Redis ---------------------------------------------------- */
/* A row for each incident ("412"), each of its alerts ("412#17"), each entry of the ledger
 * ("ops/webhook|412"), and each alert that this entry was told or is owed ("ops/webhook|412#17"). */
void incident_store(struct notify *n, struct incident *inc); /* its own row */
/* Rows of its dirty alerts, at most `most`. Returns how many were written; without memory those that
 * were not stay dirty. */
size_t members_store(struct notify *n, struct incident *inc, size_t most);
void incident_store_all(struct notify *n, struct incident *inc); /* with all alerts, dirty or not */
void incident_unstore(struct notify *n, const struct incident *inc);
void member_unstore(struct notify *n, const struct member *m);
void ledger_store(struct notify *n, struct entry *e); /* with rows_dirty also all of its rows */
void ledger_store_row(struct entry *e, uint32_t n);   /* or deletes it: neither told nor owed */
void ledger_unstore(struct notify *n, const struct entry *e);
void numbers_store(struct notify *n);
int restore_incident(struct notify *n, const char *json, size_t len, struct err *e) MUST_USE;
int restore_entry(struct notify *n, const char *json, size_t len, struct err *e) MUST_USE;
/* Of incidents and entries that are there already; an incident's in the order of their numbers. */
int restore_member(struct notify *n, uint64_t incident, const char *json, size_t len,
                   struct err *e) MUST_USE;
int restore_row(struct entry *e, uint32_t n, const char *json, size_t len,
                struct err *err) MUST_USE;
/* Once it is whole: nobody knows the fate of what was on its way. */
void restored_entry(struct entry *e);
int restore_silence(struct notify *n, const char *json, size_t len, struct err *e) MUST_USE;
void notify_audit(struct notify *n, int64_t at_ms, const char *who, const char *what,
                  uint64_t incident, const char *detail);
void record_labels(struct json *j, const char *key, const struct label *l, size_t n);
void record_time(struct json *j, const char *key, int64_t at_ms); /* nothing when 0 */

/* --- view.c, explain.c: answers ------------------------------------------------------------------ */
void view_incident(struct json *j, const struct incident *inc, const struct actor *a);
void explain_delivery(struct json *j, const struct entry *e, const struct actor *a, int64_t at_ms);

/* --- scope.c: what a person may see and touch; an actor of NULL may everything -------------------- */
bool actor_sees_member(const struct actor *a, const struct member *m);
/* Ends at the first that he sees, for lists. */
bool actor_sees_some(const struct actor *a, const struct incident *inc);
bool actor_sees_entry(const struct actor *a, const struct entry *e);
enum sight actor_sight(const struct actor *a, const struct incident *inc);
/* The incident, to be acted on. NULL with `e`: there is none that he may see (ERR_INPUT), or it holds
 * alerts outside his scope that fire, or with `ended_too` any (ERR_REFUSED). */
struct incident *actor_incident(const struct notify *n, uint64_t number, const struct actor *a,
                                bool ended_too, struct err *e);

#endif
