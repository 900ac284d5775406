/* A notice: everything a message about one incident needs, for one lane, at one moment.
 *
 * Made by notify when deliver claims a send, from what the receiver should know and what it was
 * told last; immutable and self-contained (it borrows nothing), valid until it is committed.
 * Priorities are 1 (P1, now) to 5; all times are Unix milliseconds, 0: not set. Strings are never
 * NULL unless said. */
#ifndef TOCSIN_MODEL_NOTICE_H
#define TOCSIN_MODEL_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "model/labels.h"
#include "model/rule_def.h"

/* Why a message is sent: the weightiest of what changed. */
enum notice_reason {
    REASON_NONE,
    REASON_FIRST, /* the first message of this incident on this lane */
    REASON_NEW_ALERTS,
    REASON_RAISED,        /* an alert became more severe */
    REASON_SILENCE_ENDED, /* it was held back until now and is still on */
    REASON_REPEAT,
    REASON_ACK_ENDED, /* an acknowledgement ran out */
    REASON_LOWERED,
    REASON_SOME_RESOLVED,
    REASON_RESOLVED, /* all of them */
    REASON_MISSED,   /* fired and ended before it could be told */
    REASON_MOVED,    /* this receiver no longer gets these alerts */
    REASON_ACK,      /* only the acknowledgement changed (lanes that edit) */
    REASON_TEST,     /* `receiver test` */
    NOTICE_REASONS
};
/* "first notification", "new alerts", …: the text for people and for `notification_reason`. */
extern const char *const notice_reason_names[NOTICE_REASONS];

struct notice_alert {
    bool firing;       /* else resolved */
    bool is_new;       /* this receiver has not been told of it */
    bool changed;      /* is new, resolved now, freed, or of another priority than told */
    bool missed;       /* fired and ended before it could be told: say both times */
    bool moved;        /* ends for this receiver only: it is routed elsewhere */
    int priority;      /* most severe that is on; of a resolved one: what was told, else the last */
    int told_priority; /* what this receiver was told last, 0: nothing */
    uint64_t fingerprint;
    struct label *labels; /* sorted; with alertname, without priority */
    size_t n_labels;
    struct rule_pair *annotations;
    size_t n_annotations;
    int64_t starts_ms, ends_ms; /* ends_ms: 0 while firing */
    bool has_value, has_threshold;
    double value, peak, threshold;
    enum unit unit;
    const char *unit_name;     /* the rule's `unit`, "" when none */
    const char *origin;        /* "rule:HighErrorRate", "token:ci" */
    const char *generator_url; /* page of the alert, below the external URL */
    const char *end_reason;    /* "condition cleared", "gone", …; "" while firing */
    const char
        *freed_by; /* "s31", "unless", "inhibit NAME" when it was held back until now, else "" */
    size_t n_dependents;    /* alerts that are not told because this one is on */
    const char *dependents; /* "AppDown (12), HighLatency and 3 more"; "" for none */
    int64_t nodata_ms;      /* its data stopped then, 0: it has data */
    int64_t gone_ms;        /* its series ended then while their source went on, 0: they have not */
    const char *why;        /* JSON of the evaluated tree, "" when none; at most 4 KiB */
};

struct notice_ack {
    const char *who, *note;  /* who: "" when nobody has it */
    int64_t at_ms, until_ms; /* until_ms 0: until resolved */
};

struct notice {
    const char *lane; /* "payments-oncall/slack", "ops/webhook:2" */
    const char *receiver;
    const char *channel;  /* type: "slack", "webhook" */
    size_t channel_index; /* in the receiver's list of channels, 0 is the first */
    uint64_t incident;    /* number: #412 */
    uint64_t seq;         /* 1, 2, … of the contents of this lane and incident */
    const char *key;      /* idempotency key: the same for the same content */
    bool firing;          /* status: true while any alert in it fires */
    bool first;           /* nothing was delivered on this lane for this incident before */
    bool quiet;           /* nobody needs to be woken: an edit is enough */
    bool degraded;        /* Redis is away: the claim is not stored, it may come twice */
    bool uncertain;       /* an earlier attempt at this content may have arrived */
    enum notice_reason reason;
    const char *reason_text;     /* one line: "was silenced until now by s31" */
    int priority;                /* most severe that fires in it, else that was told */
    struct notice_alert *alerts; /* firing first, most severe first, oldest first */
    size_t n_alerts, n_firing;
    size_t truncated; /* alerts of the incident left out of `alerts` (see NOTICE_ALERTS_MAX) */
    struct label *group_labels, *common_labels;
    size_t n_group_labels, n_common_labels;
    struct rule_pair *common_annotations;
    size_t n_common_annotations;
    const char *group_key;    /* "{}:{service=\"checkout\"}" */
    const char *external_url; /* without a trailing slash; "" when not known */
    const char *incident_url; /* external_url/i/412 */
    struct notice_ack ack;
    size_t n_silenced, n_suppressed, n_inhibited; /* firing alerts of the incident held back now */
    int64_t at_ms;                                /* when it was claimed */
    int64_t since_ms;                             /* the incident began */
    int64_t ended_ms;                             /* its last alert ended, 0: still on */
    uint64_t previous; /* number of the group's previous incident, 0: none known */
    int64_t previous_ms, previous_for_ms; /* when it began and how long it was */
    int64_t next_repeat_ms;               /* 0: none */
    int64_t late_ms;          /* it should have gone out this much earlier; 0: in time */
    const char *fallback_for; /* lane that did not take it, "" when this is its own */
    int attempt;              /* 1: the first at this content */
    const char *data;         /* what the lane kept from earlier messages (JSON), "" when nothing */
    void *memory;             /* (internal) */
};

static inline size_t notice_held(const struct notice *x)
{
    return x->n_silenced + x->n_suppressed + x->n_inhibited;
}

/* In which order alerts of a message are kept when not all have room: rank[i] of alerts[i], 1 is kept
 * longest. The head (the most severe) first, then what the message is about (new, raised, ended …)
 * by severity, then the rest as it stands. `rank` has n_alerts entries. */
void notice_rank(const struct notice *x, size_t *rank);

#define NOTICE_ALERTS_MAX 1000 /* about 1 MiB of JSON; the rest is counted in `truncated` */

/* --- what a channel tells, and what became of it --- */
/* Which changes of an incident that a lane knows are told by a message of their own. Everybody is
 * told of the first, what is more severe than he knows, the end of a hold or of an acknowledgement
 * with it still on, reminders, and the end of all; every message carries the present state. */
enum tells {
    TELLS_CHANGES, /* also what joins and what ends meanwhile, with the group interval */
    TELLS_WORSE, /* nothing else, where each message rings and none can be changed. What no reminder
                      will tell is told all the same: what is on when all that was known is over or
                      held, and what joins or rises behind an acknowledgement */
    TELLS_ALL,   /* it edits its message: also a lowered priority and acknowledgements */
};

enum outcome_kind {
    OUTCOME_DELIVERED,
    OUTCOME_TEMPORARY, /* again at retry_ms */
    OUTCOME_PERMANENT, /* refused: a dead letter until its content changes or somebody retries */
    OUTCOME_UNKNOWN,   /* it may have arrived: sent again rather than not at all */
    OUTCOME_RETURNED,  /* was not tried (shutting down, lane paused): due again at retry_ms */
};

#endif
