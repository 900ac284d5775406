/* Notify: who should know what by now, and who was told what.
 *
 * Alerts come in, are routed and grouped into incidents; for each lane (one channel of one
 * receiver) and incident a ledger entry holds what was last delivered and what is owed. What
 * should be known is computed from (alerts, configuration, silences, acknowledgements, time)
 * whenever one of them changes, and the difference becomes due. Nothing is queued: a message is
 * made when deliver claims it.
 *
 * Promises: who was told "firing" is told "resolved" (also through a silence); nobody hears
 * "resolved" of what was not announced, except that a send which had become due and could not be
 * delivered in time is told afterwards with both times; what is silenced is not announced; when a
 * silence ends with the alert still on it is announced at once; nothing owed is cleared but by
 * delivery or by an expiry that is recorded in tocsin:{c}:audit.
 *
 * All state is in memory and mirrored through the store (keys tocsin:{c}:groups, :ledger,
 * :silences, :meta, :due, :audit). */
#ifndef TOCSIN_NOTIFY_H
#define TOCSIN_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "model/matcher.h"
#include "model/notice.h"
#include "tocsin/alert.h"
#include "tocsin/hold.h"
#include "tocsin/loop.h"
#include "tocsin/store.h"

struct config; /* tocsin/config.h */
struct notify;

/* An alert about Tocsin itself, as far as it is known before it fires: what a silence may hold only
 * by someone with the role admin. */
struct own_alert {
    const char *name;
    const struct label *labels; /* those that its rule gives: team … */
    size_t n_labels;
    const char *const *by; /* labels that its groups have, of any value */
    size_t n_by;
};

struct notify_options {
    struct clock *clock; /* borrowed */
    struct loop *loop;   /* NULL: the caller calls notify_run() when notify_next_ms() is due */
    struct store *store; /* NULL: nothing is kept */
    const struct config *config; /* borrowed until notify_configure() */
    /* Told (from the loop, at most once a turn per lane) that a lane has something to send:
     * deliver answers with notify_claim(). NULL: whoever delivers asks by itself. */
    void (*due)(const char *lane, void *arg);
    /* Which changes a channel type is told. NULL: CHANGES, of all types. */
    enum tells (*tells)(const char *channel);
    void *arg;
    size_t max_incidents;      /* that ended and are kept; 0: 10,000 */
    int64_t keep_incidents_ms; /* 0: 30 days */
    size_t max_silences;       /* 0: 10,000 */
    /* seams of tests; 0 or NULL, as in the program: what is said */
    /* A send that is later than this says so (`late_ms`, reason text); 0: 10 min. */
    int64_t late_ms;
    /* Alerts that silences look at in one turn of the loop; 0: as many as fit into 5 ms. */
    size_t looks_a_turn;
};

struct notify *notify_new(const struct notify_options *o); /* NULL: no memory */
/* The alerts about Tocsin itself; borrowed until the next call. */
void notify_set_own(struct notify *n, const struct own_alert *own, size_t n_own);
void notify_free(struct notify *n);

/* --- restoring: notify_new, store_load -> notify_load for each field, notify_start --- */

/* True when `t` is a table of notify (the field was taken, or logged and left out). */
bool notify_load(struct notify *n, struct store_table *t, const char *field, size_t field_len,
                 const char *value, size_t len);
/* Before it alerts may come in already (the journal is replayed): they are kept, nothing is sent.
 * Compares with the alerts of the book (may be NULL): what is on there and unknown here is taken
 * in, what is on here and not there has ended. Sends that were claimed when the program ended are
 * due once more, with the same key while their content is the same. */
void notify_start(struct notify *n, struct alert_book *book);

/* --- what comes in --- */

/* An alert changed, or its value did (CHANGE_NONE): alert_book_options.changed. */
void notify_alert(struct notify *n, const struct alert *a, enum alert_change change, int64_t at_ms);
/* Another configuration: routes every alert again. Lanes that no longer receive an alert they
 * were told of get an end with the reason "moved"; those of receivers that are gone are recorded
 * as expired. `c` is borrowed; the old one may be freed when this returns. The one that it has: nothing is done. Cost:
 * all alerts of open incidents are placed again, in one turn. */
void notify_configure(struct notify *n, const struct config *c);
/* Does what is due by the clock. Called by notify itself when it has a loop. */
void notify_run(struct notify *n);
/* Redis is away, or is back: notices say so (`degraded`), since their claims are not stored. */
void notify_set_degraded(struct notify *n, bool degraded);
/* Before notify_start(): what was loaded may hold times after now, of a clock that was ahead; what
 * happened then has happened by now. */
void notify_clock_was_ahead(struct notify *n);
/* Before notify_start(): until `at_ms` not every rule was looked at, so what may be inhibited is held. */
void notify_sources_known_at(struct notify *n, int64_t at_ms);
/* The clock has stepped by `by_ms`: how long ago things were, and how long what waits has to wait,
 * stays as it is. When alerts began and silences that have not begun keep their times. Cost: all
 * incidents, silences and what they hold; all of them are stored by the caller (store_rewrite). */
void notify_clock_stepped(struct notify *n, int64_t by_ms);
/* When notify_run() has something to do next, 0: nothing waits. */
int64_t notify_next_ms(const struct notify *n);

/* --- what goes out: deliver's side --- */

/* What is to be sent next on a lane, most severe and then oldest first; NULL: nothing is due. At
 * most one is claimed per lane and incident; different incidents of a lane may be in flight side by
 * side. The claim is stored with the turn. The notice ends with notify_commit(). */
struct notice *notify_claim(struct notify *n, const char *lane);

struct outcome {
    enum outcome_kind kind;
    int64_t retry_ms;  /* instant of the next try (TEMPORARY, UNKNOWN, RETURNED); 0: in 10 s */
    const char *error; /* for people; at most 300 bytes are kept; NULL: none */
    const char *data;  /* to be kept for later messages of this lane and incident (message ids):
                          a JSON value of at most 2 KiB; NULL: as it was */
};
/* Records the outcome and frees the notice. */
void notify_commit(struct notify *n, struct notice *x, const struct outcome *o);

/* Every lane of the configuration, and those that still owe something. */
void notify_lanes(struct notify *n,
                  void (*each)(const char *lane, const char *receiver, const char *channel,
                               size_t channel_index, void *arg),
                  void *arg);
/* How much waits on a lane now, and since when the oldest does (0: nothing). */
size_t notify_waiting(const struct notify *n, const char *lane, int64_t *since_ms);

/* A notice for `receiver test`: to be sent as it is; free with notify_notice_free(). NULL: no such
 * receiver or channel. */
struct notice *notify_test_notice(struct notify *n, const char *receiver, size_t channel_index);
void notify_notice_free(struct notice *x); /* only of notices that are never committed */

/* --- who acts: a person through the page, a command or a channel --- */

struct actor {
    const char *who;              /* "ana"; required */
    const char *origin;           /* "cli", "page", "slack", "api v2"; may be NULL */
    struct matcher *const *scope; /* implied matchers on everything; borrowed */
    size_t n_scope;
    bool admin;
};

/* A scope is a matcher on everything. An incident that holds alerts within and outside of it is seen
 * in part: its other alerts, what is said of them and messages that tell of them are not shown, and
 * only who sees it whole may act on it. An actor of NULL sees everything. */
enum sight { SIGHT_NONE, SIGHT_PART, SIGHT_WHOLE };
/* An alert with these labels; `priority` is matched as the label of that name, 0: it has none. */
bool actor_sees(const struct actor *a, const struct label *l, size_t n, int priority);
/* An incident; SIGHT_NONE also when there is none. Cost: the alerts of the incident. */
enum sight notify_sight(const struct notify *n, uint64_t incident, const struct actor *a);

/* Calls `then` when everything done so far is stored (durable), or at once with durable = false
 * while Redis is away: answer a request only then, and say so when it is not durable. */
void notify_after(struct notify *n, void (*then)(bool durable, void *arg), void *arg);

/* --- silences --- */

struct silence_request {
    const char *id;                  /* UUID or short id to update; NULL or "": a new one */
    struct matcher *const *matchers; /* references are taken */
    size_t n_matchers;
    uint64_t incident;          /* instead of matchers: the incident's exact alertname and group
                                   labels (0: not) */
    int64_t starts_ms, ends_ms; /* starts_ms 0 or past: now */
    bool until_resolved;        /* of an incident: at most 24 h */
    const char *comment;
    int64_t wide;      /* the count the person has seen and typed; -1: any (Alertmanager's
                                   API: warned and recorded instead of refused) */
    bool any_priority; /* also hold a rise in priority */
};

struct silence_preview {
    size_t now, incidents;       /* alerts firing now that it would hold; incidents they are in */
    size_t active;               /* firing alerts in all */
    size_t week;                 /* alert starts of the last 7 days that it matches */
    bool week_complete;          /* false: older starts were not kept */
    size_t rules;                /* different alertnames among `now` */
    int priority;                /* most severe among `now`, 0: none */
    bool open_ended;             /* a matcher takes every value */
    bool wide;                   /* more than 50 or 20 % of those firing, or open-ended */
    size_t confirm;              /* a wide one needs wide = this: `now`, at least 1 */
    bool own;                    /* would hold Tocsin's own alerts: needs admin */
    uint64_t first_incidents[8]; /* numbers, for the text */
};

/* What has become of it. Of a preview `s` is NULL and `e` too; of a silence `s` is valid during the call. NULL
 * with `e`: refused, ERR_REFUSED and a sentence that names the guard rail, ERR_INPUT, ERR_LIMIT; `p` is NULL
 * when nothing was counted. */
typedef void silence_answer(const struct silence *s, const struct silence_preview *p,
                            const struct err *e, void *arg);
/* Makes or changes a silence, as notify_silence(), or with `dry_run` says what it would do, as
 * notify_silence_preview(): counted in slices over turns of the loop, while others go on. `then` is called
 * exactly once, perhaps before this returns; not after notify_free(). What it is given is copied. The silence
 * holds from the moment of the answer whatever it matches. */
void notify_silence_order(struct notify *n, const struct silence_request *r, const struct actor *a,
                          bool dry_run, silence_answer *then, void *arg);
/* Seam of tests: what a silence would do, in one turn. -1 with `e`: refused whatever is confirmed (no
 * matcher, all match the empty string or are negative, unknown incident …). */
int notify_silence_preview(struct notify *n, const struct silence_request *r, const struct actor *a,
                           struct silence_preview *out, struct err *e) MUST_USE;
/* Seam of tests: creates or updates, in one turn. Effective at once. NULL with `e`: ERR_REFUSED and a sentence that names the guard rail, ERR_INPUT, ERR_LIMIT. An update that changes
 * matchers or scope of a silence that has begun ends the old one and makes a new one, as Alertmanager
 * does. The result is valid until the next call. `p` (may be NULL) gets the preview. */
const struct silence *notify_silence(struct notify *n, const struct silence_request *r,
                                     const struct actor *a, struct silence_preview *p,
                                     struct err *e);
/* Ends a silence now. `id`: UUID or short id. ERR_INPUT when there is none. */
int notify_silence_expire(struct notify *n, const char *id, const struct actor *a,
                          struct err *e) MUST_USE;
const struct silence *notify_silence_find(const struct notify *n, const char *id);
/* Active by soonest end, pending by soonest start, expired by latest end. Nothing may be changed
 * during the walk. */
void notify_silences(const struct notify *n, void (*each)(const struct silence *s, void *arg),
                     void *arg);
/* {"id","short","matchers":[{"name","value","isRegex","isEqual"}],"startsAt","endsAt","createdBy",
 * "comment","updatedAt","status":{"state"},"priority","incident","scope","origin","muted"} and,
 * with a preview, "mutes":{"now","week"}. */
void silence_json(const struct silence *s, const struct silence_preview *p, int64_t at_ms,
                  struct buf *out);

/* --- acknowledgements --- */

/* for_ms 0: until resolved. Repeats stop; new alerts and a rise in priority break through. */
int notify_ack(struct notify *n, uint64_t incident, int64_t for_ms, const char *note,
               const struct actor *a, struct err *e) MUST_USE;
int notify_release(struct notify *n, uint64_t incident, const struct actor *a,
                   struct err *e) MUST_USE;

/* --- questions --- */

struct incident_view {
    uint64_t number;
    struct label *group_labels;
    size_t n_group_labels;
    int64_t opened_ms, ended_ms; /* ended_ms 0: still on */
    bool settled;                /* every lane has been told everything */
    int priority;
    size_t firing, resolved, held; /* alerts; held: firing, and silenced or suppressed */
    size_t hidden;                 /* alerts outside the scope of who asks: counted nowhere else */
    struct notice_ack ack;
    const char *summary; /* of its most severe alert: annotation, else its name */
};
/* Those that `a` sees, each with his alerts in it alone. Newest first, those before number `before` (0: from the newest), at most `limit`; `open_only`:
 * not ended. Views are valid during the call. */
void notify_incidents(const struct notify *n, uint64_t before, size_t limit, bool open_only,
                      const struct actor *a, void (*each)(const struct incident_view *v, void *arg),
                      void *arg);
/* JSON of one incident with its alerts (labels, annotations, value, why, held by) and receivers.
 * -1: no such number, or outside the actor's scope. */
int notify_incident_json(const struct notify *n, uint64_t number, const struct actor *a,
                         struct buf *out) MUST_USE;
/* JSON: where it went, per lane what was told and when, what is owed, when it is sent next, what
 * holds it back (silences, acknowledgement, group wait, failing receiver), the next reminder. */
int notify_explain_incident(const struct notify *n, uint64_t number, const struct actor *a,
                            struct buf *out) MUST_USE;
/* The same of one alert: its incidents and receivers, or why it goes nowhere. */
void notify_explain_alert(const struct notify *n, const struct alert *a, const struct actor *who,
                          struct buf *out);
/* Of labels that need not exist: {"routes":[{"path","receivers","group_by",…}]}. */
void notify_explain_route(const struct notify *n, const struct label *l, size_t n_labels,
                          int priority, int64_t at_ms, struct buf *out);

/* What Alertmanager's API tells of an alert. Lists are valid until the next call of notify. */
struct alert_standing {
    bool suppressed; /* silenced, inhibited, or held by `unless` */
    bool inhibited;
    uint64_t inhibited_by; /* fingerprint of an alert that holds it; 0: it waits for a look */
    const char *const *silenced_by; /* UUIDs */
    size_t n_silenced_by;
    const char *
        muted_by; /* a calendar that holds it now, where all its routes are held by one; NULL: not */
    const char *const *receivers;
    size_t n_receivers;
    uint64_t incident; /* the first one, 0: none */
};
void notify_standing(struct notify *n, const struct alert *a, struct alert_standing *out);
/* Each incident that the alert is on in, with each receiver that it is routed to there. */
struct alert_place {
    uint64_t incident;
    const struct label *group;
    size_t n_group;
    const char *receiver;
};
void notify_places(const struct notify *n, const struct alert *a,
                   void (*each)(const struct alert_place *p, void *arg), void *arg);

/* Ledger entries as a JSON array: those with something in flight, retried, given to a fallback or
 * dead; `all`: every one of incidents that are not settled. Newest incident first. */
void notify_deliveries_json(const struct notify *n, bool all, size_t limit, const struct actor *a,
                            struct buf *out);
int notify_delivery_json(const struct notify *n, uint64_t incident, const char *lane,
                         const struct actor *a, struct buf *out) MUST_USE;
/* Tries a dead or waiting one again now; drops what is owed (recorded). */
int notify_retry(struct notify *n, uint64_t incident, const char *lane, const struct actor *a,
                 struct err *e) MUST_USE;
int notify_drop(struct notify *n, uint64_t incident, const char *lane, const struct actor *a,
                struct err *e) MUST_USE;

struct notify_stats {
    size_t incidents_open, incidents_kept, alerts, firing, held;
    size_t entries, due, claimed, retrying, fallback, dead;
    size_t silences_active, silences_pending, silences_expired;
    uint64_t delivered, failed, unknown, expired, missed; /* since the start */
    uint64_t overflow;     /* alerts or incidents refused by a bound */
    int64_t oldest_due_ms; /* since when the oldest due send waits, 0: none */
};
/* Cost: a walk over the alerts of open incidents, of which 20,000 take some 5 ms. Where there are more the figures of
 * what there is now are those of a walk in slices, which ended some turns ago; this call begins the next one. */
void notify_stats(struct notify *n, struct notify_stats *out);

#endif
