/* What an alert of a sender is made of, beside what all alerts are. */
#ifndef TOCSIN_ALERT_EXTERNAL_H
#define TOCSIN_ALERT_EXTERNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/external_part.h"
#include "base/json.h"

struct alert_book;
struct alert_entry;
struct alert_rule;

/* Its texts are those of that part. */
void external_show(struct alert_entry *e, const struct external_part *p);
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
