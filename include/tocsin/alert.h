/* Alerts: what a rule says about one group, over time.
 *
 * The decision is a pure state machine (alert_step): policy, state and an observation in, the next
 * state and what changed out. The book holds every alert that remembers anything (pending, firing,
 * clearing, without data, or a condition that is sticky); a group about which nothing is
 * remembered has no alert. The book writes alerts and their history to the store, human-readable,
 * and tells `changed`.
 *
 * Identity: origin (the rule, or the token of an external sender) + group labels as the data has
 * them; never the priority, the rule's severity or the value. A rule's own labels never replace one
 * of the group: such a group is refused, so that two alerts never come out as one. When an edit of
 * the rule changes what others know an alert by (its labels, its name), the old one is told as
 * ended and the new one goes on with its timers. Alerts of senders (alert_post) are decided elsewhere and
 * follow the wall clock; of those of rules all times are the instants of looks (engine time), never
 * the live clock, so that a replay decides the same. */
#ifndef TOCSIN_ALERT_H
#define TOCSIN_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/rule_def.h"
#include "tocsin/store.h"

/* --- the pure part --- */

enum truth { FALSE_ = 0, TRUE_ = 1, UNKNOWN_ = 2 };

enum alert_phase {
    ALERT_OK,      /* nothing on; kept only for its memory */
    ALERT_PENDING, /* a condition holds, its time has not run out */
    ALERT_FIRING,
    ALERT_CLEARING, /* still firing; the condition is false, clear_after runs */
};

struct alert_policy {
    int n_levels;             /* most severe first */
    int priority[PRIORITIES]; /* 1…5 of each level */
    int64_t lasting_ms[PRIORITIES];
    int64_t clear_after_ms, forget_ms, gone_ms;
    enum rule_missing missing;
    int missing_priority;
    bool missing_only; /* the last level has no condition: only missing data raises it */
};
void alert_policy_of(const struct rule_def *d, struct alert_policy *out);

/* One level's timers. A timer that meets missing data stands still and goes on after it. */
struct alert_level {
    bool on;          /* its time had run out: part of what is firing */
    int64_t held_ms;  /* time it held before the last pause */
    int64_t true_ms;  /* instant since which it holds without a pause, 0: it does not */
    int64_t false_ms; /* instant since which it is false, 0: it is not */
};

struct alert_state {
    struct alert_level level[PRIORITIES];
    int firing;           /* priority that is on, most severe; 0: none */
    int64_t active_ms;    /* instant it began to fire (kept over changes of priority) */
    int64_t pending_ms;   /* instant its first condition began to hold, 0 */
    int64_t nodata_ms;    /* instant since which it has no data, 0: it has */
    int64_t last_data_ms; /* of the last look with data; while there is none, its newest sample */
    int64_t
        gone_ms; /* when the last of its series ended while its source went on; 0: they have not */
    int64_t last_look_ms;
};

struct observation {
    enum truth level[PRIORITIES]; /* per level of the policy that has a condition */
    int64_t sample_ms; /* newest sample behind the group, for looks without data; 0: not known */
    int64_t gone_ms; /* of looks without data: when the last of its series ended, 0: they have not,
                          -1: not known */
    bool warming;    /* what is unknown is so because a window was not seen whole */
    bool expected;   /* exists without data: never forgotten */
    bool has_value;
    double value;
};

enum alert_change {
    CHANGE_NONE,
    CHANGE_PENDING, /* began to hold */
    CHANGE_DROPPED, /* pending, and no longer */
    CHANGE_FIRED,
    CHANGE_RAISED, /* to a more severe priority */
    CHANGE_LOWERED,
    CHANGE_RESOLVED,
    CHANGE_GONE,      /* its series ended, and `gone` has passed */
    CHANGE_FORGOTTEN, /* no data for `forget` */
    CHANGE_NODATA,    /* still firing; its data stopped */
    CHANGE_DATA,      /* its data is back */
};
extern const char *const alert_change_names[];
/* Is it the end of one that fired? */
static inline bool alert_change_ends(enum alert_change change)
{
    return change == CHANGE_RESOLVED || change == CHANGE_GONE || change == CHANGE_FORGOTTEN;
}

/* Does any level hold? Unknown when none does and some are unknown: then there is no data. */
enum truth alert_verdict(const struct alert_policy *p, const struct observation *o);
enum alert_change alert_step(const struct alert_policy *p, struct alert_state *s,
                             const struct observation *o, int64_t at_ms);
enum alert_phase alert_phase(const struct alert_policy *p, const struct alert_state *s);
/* True when the state holds nothing that must be remembered. */
bool alert_is_blank(const struct alert_state *s);

/* --- the book --- */

struct alert_book;
struct alert_rule; /* the alerts of one rule */

#define ALERT_SINCE_MAX 8 /* nested :lasting conditions of one rule */

struct alert {
    struct alert_rule *rule;
    labelset group;     /* the group's labels; a reference is held */
    const char *origin; /* "rule:HighErrorRate", "token:ci" */
    const char *scope;  /* label scope of the origin; "" for rules */
    struct alert_state state;
    uint64_t sticky;                   /* hysteresis bits of the rule's conditions */
    int64_t since_ms[ALERT_SINCE_MAX]; /* of nested :lasting conditions: instant since true, 0;
                                          -1 - ms: held that long before data went missing */
    uint32_t sticky_used;              /* (internal) */
    bool relabelled; /* during `changed`: its labels are not those that were told before */
    bool suppressed; /* `unless` holds: messages are held, state goes on */
    bool warming;    /* no verdict at the last look: see observation */
    bool expected;   /* from `expect`: exists without data */
    bool has_value;
    double value, peak; /* last value; the most extreme one since it began to fire */
    double threshold;   /* of the level that fires or is pending */
    bool has_threshold;
    enum unit unit;
    int64_t started_ms; /* = state.active_ms while firing; kept after the resolve */
    int64_t ended_ms;   /* of the last resolve, 0 while firing */
    char *end_reason;   /* "condition cleared", "gone", "forgotten", "rule removed", … or NULL */
    char *why;          /* JSON: the evaluated tree at the last change; redacted */
    char **when_state;  /* g.state of `when` rules, n_state strings or NULL */
    struct label *labels; /* all: alertname, group, the rule's own, team, severity; sorted */
    size_t n_labels;
    bool external;      /* of a sender, see alert_post() */
    const char *url;    /* of one of a sender: what it gave as generatorURL, may be ""; else NULL */
    int64_t expires_ms; /* of one of a sender, while it fires: its end unless it is repeated */
    uint64_t fingerprint; /* Alertmanager's, of its labels without a severity of the rule's own */
    char *key;            /* origin and the labels behind the fingerprint: who is told "firing" of a
                             key is told its end; there with the labels, else NULL */
    /* annotations, filled from the rule's templates at the last change or look while firing */
    struct rule_pair *annotations;
    size_t n_annotations;
};

struct alert_book_options {
    struct labelsets *labels;    /* borrowed */
    struct store *store;         /* NULL: nothing is written (tests, backtests) */
    const char *const *severity; /* [PRIORITIES + 1]: severity label of each priority (index 1…5) */
    uint64_t history_max;        /* entries of the history stream; 0: 100,000 */
    /* Told after each step that changed an alert or refreshed the value of a firing one (then
     * CHANGE_NONE). The alert is valid during the call; after its end and after DROPPED it may be
     * freed when it returns. */
    void (*changed)(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg);
    void *arg;
    /* seams of tests; 0 or NULL, as in the program: what is said */
    size_t external_max, external_max_each; /* alerts of all senders, of one; 0: 200,000, 100,000 */
};

struct alert_book *alert_book_new(const struct alert_book_options *o);
void alert_book_free(struct alert_book *b);

/* Restores alerts written by an earlier run: declare the table (alert_book_new did), let
 * store_load() feed this, then put the rules, then call alert_book_restored(): what no rule
 * claims ends with the reason "rule removed". */
int alert_book_restore(struct alert_book *b, const char *field, size_t field_len, const char *json,
                       size_t len, struct err *e) MUST_USE;
void alert_book_restored(struct alert_book *b, int64_t at_ms);
/* For store_load(): true when `t` is a table of the book. The field was restored, or is logged
 * with its key and left out. */
bool alert_book_load(struct alert_book *b, struct store_table *t, const char *field,
                     size_t field_len, const char *value, size_t len);
/* Instants up to this have been decided; kept in tocsin:{c}:meta with the alerts. */
int64_t alert_book_evaluated_to(const struct alert_book *b);
void alert_book_set_evaluated_to(struct alert_book *b, int64_t at_ms);
/* After loading, at `now_ms`: what is later comes from a clock that was ahead, and is moved back by
 * as much as that was, so that timers go on. Returns how far it was, in ms; 0: it was not. Cost: one
 * step per alert. */
int64_t alert_book_set_right(struct alert_book *b, int64_t now_ms);
/* The clock has stepped by `by_ms`: timers go on from where they are. When an alert began is part of
 * what receivers know it by, and stays. Cost: one step per alert. */
void alert_book_shift(struct alert_book *b, int64_t by_ms);
/* The first look after an outage of `outage_ms`: up to 15 minutes count as passed time; a longer
 * one is not counted, but nothing starts over (timers are moved by it). */
void alert_book_bridge(struct alert_book *b, int64_t outage_ms);

/* Registers a rule or a new version of it. Alerts are kept by (name, group labels). When the
 * group labels changed, those of the old shape end with "rule changed"; when fire_hash changed,
 * pending starts over and firing stays until the new condition has been false for clear_after.
 * The definition must outlive its registration. NULL: no memory, and nothing has changed. */
struct alert_rule *alert_rule_put(struct alert_book *b, const struct rule_def *d, int64_t at_ms);
/* Takes what alert_rule_put() of the same definition will need, so that it cannot fail; of several
 * rules either all are put or none. -1: no memory. What was reserved and is not to be put goes back
 * with alert_rule_unreserve() (harmless when nothing was). */
int alert_rule_reserve(struct alert_book *b, const struct rule_def *d) MUST_USE;
void alert_rule_unreserve(struct alert_book *b, const struct rule_def *d);
/* Alerts of `old`, which no file defines any more, go on as alerts of `r`, which carries on its
 * conditions under another name: each ends under the old name ("renamed to R") and goes on under
 * the new one with its start and timers. What cannot go on (other group labels, an alert that `r`
 * has already) ends. Removes `old`; -1: no memory, the rest stays as it is: to be called again. */
int alert_rule_adopt(struct alert_rule *r, struct alert_rule *old, int64_t at_ms) MUST_USE;
/* The label of the rule (own, team, severity, alertname) that would hide one of the group's, NULL:
 * none. Such a group has no alert. */
const char *alert_rule_hides(const struct alert_rule *r, labelset group);
void alert_rule_remove(struct alert_book *b, struct alert_rule *r, const char *reason,
                       int64_t at_ms);
struct alert_rule *alert_rule_find(struct alert_book *b, const char *name);
const struct rule_def *alert_rule_def(const struct alert_rule *r);
size_t alert_rule_count(const struct alert_rule *r);      /* alerts with memory */
uint64_t alert_rule_overflow(const struct alert_rule *r); /* groups refused by `limit`, now */
/* Groups refused now because a label of the rule (`label`, may be NULL) hides theirs. */
uint64_t alert_rule_hidden(const struct alert_rule *r, const char **label);
/* A look at all groups of the rule begins: from here on refused groups are counted anew. */
void alert_rule_begin_look(struct alert_rule *r, int64_t at_ms);

/* The alert of a group, or NULL when nothing is remembered of it. Cost: one hash lookup; at once
 * when the rule has none. */
struct alert *alert_find(struct alert_rule *r, labelset group);
/* The same, created when missing; NULL when the rule's `limit` is reached, when the rule's labels
 * hide one of the group's, or without memory. */
struct alert *alert_get(struct alert_rule *r, labelset group);

/* What a look found. `why` (may be NULL) is called only when the change is to be kept: it writes
 * the evaluated tree as JSON. `values` of the inputs and the last log event fill the messages. */
struct alert_look {
    struct observation o;
    bool suppressed;
    bool has_threshold; /* of the most severe level that holds, else of what fires */
    double threshold;
    enum unit unit;
    /* by priority less 1, of each level that holds or fires: what fires shows its own limit, also
     * while a more severe level is pending */
    struct alert_limit {
        bool ok;
        double v;
        enum unit unit;
    } limit[PRIORITIES];
    void (*why)(struct buf *out, void *arg);
    void *why_arg;
    const double *input_values;
    const bool *input_ok;
    const struct label *event; /* fields of the last matching log event, or NULL */
    size_t n_event;
    /* fills one template (rulefile.h: message_fill), so that alert need not know the language */
    void (*fill)(const char *template, const struct alert *a, int64_t at_ms, struct buf *out,
                 void *arg);
    void *fill_arg;
};
/* Steps the alert, writes what changed, tells `changed`. When nothing is left to remember the
 * alert is freed: do not use `a` afterwards. */
enum alert_change alert_observe(struct alert *a, const struct alert_look *look, int64_t at_ms);
/* Ends it by hand ("retired") or because its rule did. */
void alert_end(struct alert *a, const char *reason, int64_t at_ms);

/* --- alerts of senders (POST /api/v2/alerts) --- */

/* What a sender says of one alert. Its identity is the origin and the labels without `severity` and
 * without a `priority` that is P1 … P5; of each severity it has a life of its own, and it fires as
 * severely as the worst of them that is on. */
struct alert_posted {
    const char *origin;         /* "token:ci" */
    const struct label *labels; /* sorted, without empty values; at most LABELS_MAX - 1 */
    size_t n_labels;
    const struct rule_pair *annotations;
    size_t n_annotations;
    const char *url;            /* generatorURL; NULL or "": none */
    int64_t starts_ms, ends_ms; /* 0: not given */
    int64_t timeout_ms;         /* without an end it ends so long after it was last repeated */
    int priority;               /* 1…5: of its severity; a label `priority` goes before */
};
/* Takes it, merged with what is known of it as Alertmanager does (alert/external.c); one that has ended and was not
 * known is taken and forgotten. -1 with `e`: ERR_INPUT, ERR_LIMIT (a bound, named) or ERR_MEMORY, and
 * nothing has changed. Cost: a look-up and the logarithm of how many there are. */
int alert_post(struct alert_book *b, const struct alert_posted *p, int64_t at_ms,
               struct err *e) MUST_USE;
/* Ends those whose time has passed, and forgets what ended long ago; of `most` at most. False: there are
 * more. Cost: of those alone. */
bool alert_book_tick(struct alert_book *b, int64_t at_ms, size_t most);

/* For firing(): is any alert of the rule on, at least as severe as `priority` (0: any), whose
 * labels equal those of `group` on the names given? */
bool alert_rule_fires(const struct alert_rule *r, int priority, const struct label_names *by,
                      labelset group);

/* The form of an alert's key: its origin, then the labels of its identity as text. */
void alert_key_text(const char *origin, const struct label *identity, size_t n, struct buf *out);

/* Walks all alerts in no order; nothing may be created or ended during it. */
void alert_each(struct alert_book *b, void (*each)(const struct alert *a, void *arg), void *arg);
void alert_each_of(struct alert_rule *r, void (*each)(struct alert *a, void *arg), void *arg);
struct alert *alert_by_fingerprint(struct alert_book *b, uint64_t fingerprint);

struct alert_stats {
    uint32_t alerts, pending, firing, nodata; /* with memory; of them in each state */
    uint32_t external;                        /* of them, those of senders */
    uint64_t changes, overflow; /* since the start; groups refused now, by a limit or a label */
};
/* Cost: none, they are kept where states change. */
void alert_stats(const struct alert_book *b, struct alert_stats *out);

#endif
