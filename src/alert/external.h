/* What an alert of a sender is made of, beside what all alerts are. */
#ifndef TOCSIN_ALERT_EXTERNAL_H
#define TOCSIN_ALERT_EXTERNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/labels.h"
#include "model/rule_def.h"

struct alert_book;
struct alert_entry;
struct alert_posted;
struct alert_rule;

#define EXTERNAL_PARTS 8 /* severities of one alert; a table of severities has about five */
/* After its end: Prometheus repeats for so long that an alert has ended, and one that comes back
 * meanwhile is compared with it. */
#define EXTERNAL_KEEP_MS (INT64_C(15) * 60 * 1000)

/* The alert at one severity, with a life of its own: two rules of a sender's that differ in severity
 * alone are one alert here, which rises when the second fires and falls when it ends. */
struct external_part {
    char *severity; /* the label; "": it has none */
    int priority;
    int64_t starts_ms, ends_ms; /* ended where ends_ms is not later than now */
    int64_t updated_ms;
    bool on;      /* had not ended when it was last looked at */
    bool timeout; /* ends_ms is not its sender's word: it was not given */
    char *url;
    struct rule_pair *annotations; /* one block */
    size_t n_annotations;
};

struct external {
    struct external_part part[EXTERNAL_PARTS];
    size_t n;
    size_t due_at; /* place in the book's heap */
};

/* The part that is said: times that are not given are filled in. -1: no memory. */
int external_part_make(struct external_part *out, const struct alert_posted *p,
                       const char *severity, int priority, int64_t at_ms) MUST_USE;
/* What the alert is shown as: the most severe part that is on, else the one that ended last; NULL: it
 * has none. */
const struct external_part *external_shown(const struct external *x, int64_t at_ms);
void external_show(struct alert_entry *e, const struct external_part *p);
/* When something is due of it: an end, or forgetting what ended. */
int64_t external_due_ms(const struct external *x, int64_t at_ms);
/* A sender as the book keeps it: a rule without a definition. NULL: no memory. */
struct alert_rule *external_sender(struct alert_book *b, const char *origin);
void external_free(struct alert_entry *e); /* its parts; out of the heap */
/* All of it ends now, for that reason. */
void external_end(struct alert_entry *e, const char *reason, int64_t at_ms);
/* Nobody listened for `outage_ms`, so senders have as much longer to repeat what they said. */
void external_bridge(struct alert_book *b, int64_t outage_ms);
/* Ends that were counted by our clock move with it; those that a sender gave stay. */
void external_move(struct alert_entry *e,
                   void (*change)(int64_t *at_ms, int64_t by_ms, int64_t now_ms), int64_t by_ms,
                   int64_t now_ms);

/* --- external_record.c --- */
/* Of all that a restart must not lose. */
uint64_t external_hash(const struct external *x);
/* The member "severities" of its record, and what it says read back. -1: no memory, or it has none. */
void external_write(const struct external *x, struct json *j);
int external_read(const cJSON *o, struct alert_entry *e) MUST_USE;

#endif
