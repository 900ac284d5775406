/* The ledger: what each lane was told of each incident, and what it is owed. */
#ifndef TOCSIN_NOTIFY_LEDGER_H
#define TOCSIN_NOTIFY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/notice.h"
#include "tocsin/config.h"

#define ERROR_MAX        300
#define DATA_MAX         2048
#define ENTRY_FIELD_MAX  512   /* a lane's name and a number: names of receivers have 200 at most */
#define RETRY_DEFAULT_MS 10000 /* after a temporary failure that says nothing better */

struct entry;
struct incident;
struct notify;

/* One channel of one receiver. Lives as long as an entry names it. */
struct lane {
    char *name, *receiver, *channel;
    size_t index;                         /* of the channel in the receiver */
    const struct config_receiver *config; /* NULL: gone from the configuration */
    const struct config_channel *options;
    enum tells tells;
    bool told_due; /* deliver is to be told at the end of this run */
    struct notify *notify;
    struct entry **due; /* entries that may be claimed now: a heap, see ledger_set_due() */
    size_t n_due, cap_due;
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
    int64_t muted_until_ms;    /* calendars hold something of it until then, 0 */
    int64_t claimed_ms, dead_ms;
    int64_t told_ack_ms; /* the acknowledgement it knows of */
    int attempts;
    bool uncertain;     /* a send of unknown fate */
    bool fell_back;     /* the fallback owes it as well */
    char *fallback_for; /* NULL: its own */
    char *error, *data;
    bool dirty;
    bool stored;    /* its own row is in Redis */
    uint32_t *rows; /* members whose row differs from told and owed: record.c writes it */
    size_t n_rows, cap_rows;
    bool rows_dirty;  /* any may */
    size_t due_at;    /* place among the lane's due + 1, 0: not there */
    int due_priority; /* what orders it there: as they were when it was put there, last */
    int64_t due_since_ms;
    int64_t mirrored_ms; /* score in tocsin:{c}:due */
};

/* The lane of that name, made when it is not known. NULL: no memory, or no name of a lane. */
struct lane *lane_get(struct notify *n, const char *name);
/* Ties the lanes to the configuration; those that it has no more stay, untied. -1: no memory for some. */
int lanes_configure(struct notify *n);
void lane_free(struct lane *l); /* when no entry is due there; NULL is fine */
/* NULL: the lane has nothing of it. Cost: its entries, as many as it has lanes. */
struct entry *ledger_find(const struct incident *inc, const struct lane *lane);
struct entry *ledger_get(struct incident *inc, struct lane *lane); /* made; NULL: no memory */
/* Out of its incident and the store, and freed; not while its message is on its way. */
void ledger_drop(struct notify *n, struct entry *e);
void ledger_release(struct entry *e); /* frees it alone */
/* The lane knows all that it should, and nothing is on its way. */
bool ledger_settled(const struct entry *e);
/* Among what its lane may claim now, or not; also when what orders it has changed. Cost: the logarithm
 * of how many are due there. */
void ledger_set_due(struct notify *n, struct entry *e, bool due);
/* Its due time into the sorted set of Redis, for people: it decides nothing. */
void ledger_mirror(struct notify *n, struct entry *e);
/* It will never be told of that member: recorded, with the reason, and counted. */
void ledger_expire(struct notify *n, struct entry *e, uint32_t member, const char *why,
                   int64_t at_ms);

#endif
