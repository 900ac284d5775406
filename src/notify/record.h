/* What stands in Redis: a row for each incident ("412"), each of its alerts ("412#17"), each entry of the
 * ledger ("ops/webhook|412"), and each alert that this entry was told or is owed ("ops/webhook|412#17"). */
#ifndef TOCSIN_NOTIFY_RECORD_H
#define TOCSIN_NOTIFY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/labels.h"

struct entry;
struct incident;
struct member;
struct notify;
struct silence;

void incident_store(struct notify *n, struct incident *inc); /* its own row */
/* Rows of its dirty alerts, at most `most`. Returns how many were written; without memory those that
 * were not stay dirty. */
size_t members_store(struct notify *n, struct incident *inc, size_t most);
void incident_store_all(struct notify *n, struct incident *inc); /* with all alerts, dirty or not */
void incident_unstore(struct notify *n, const struct incident *inc); /* with its alerts */
void member_unstore(struct notify *n, const struct member *m);
void ledger_store(struct notify *n, struct entry *e);     /* its own row */
void ledger_store_all(struct notify *n, struct entry *e); /* with all of its rows */
/* What it knows of that member differs from its row. */
void ledger_touch_row(struct entry *e, uint32_t n);
/* Writes such rows, or deletes those that say nothing any more: at most `most`. Returns how many; without
 * memory fewer, and ledger_rows_wait() stays true. */
size_t ledger_rows_store(struct entry *e, size_t most);
bool ledger_rows_wait(const struct entry *e);
void ledger_unstore(struct notify *n, const struct entry *e);
void numbers_store(struct notify *n); /* the next ones of incidents and silences */
void silence_store(struct notify *n, const struct silence *s);
/* Who did what, into the capped stream for people. */
void notify_audit(struct notify *n, int64_t at_ms, const char *who, const char *what,
                  uint64_t incident, const char *detail);
void record_labels(struct json *j, const char *key, const struct label *l, size_t n);
void record_time(struct json *j, const char *key, int64_t at_ms); /* nothing when 0 */

#endif
