/* What the commands share when they print: times as people say them,
 * tables. Nothing here asks the server, so that all of it is tested with files. */
#ifndef TOCSIN_CLI_SHOW_H
#define TOCSIN_CLI_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/field.h"

size_t list_size(const cJSON *list); /* members; 0 when it is no list */

/* --- words --- */
/* "20:14:21" today, else "12 Oct 20:14", in the local zone; "-" for 0. */
void show_clock(struct buf *out, int64_t at_ms, int64_t now_ms);
/* An instant to come: "06:41" within the next 23 hours, else "12 Oct 06:41". */
void show_until(struct buf *out, int64_t at_ms, int64_t now_ms);
/* "3 alerts", "1 alert" */
void show_count(struct buf *out, size_t n, const char *one);
/* {service=checkout, zone=a}, without alertname and severity; "" when nothing is left. */
void show_labels(struct buf *out, const cJSON *labels);
/* Their values only: "checkout eu-1"; "everything" when there are none. */
void show_group(struct buf *out, const cJSON *labels);

/* --- tables: cells are copied, columns as wide as their widest cell --- */
#define TABLE_COLUMNS 8
struct table {
    struct buf text; /* all cells, each ended by a NUL */
    size_t n_cells;
    size_t columns;
};
void table_add(struct table *t, const char *cell);
void table_addf(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Takes a cell that was written piece by piece; leaves `cell` empty. */
void table_take(struct table *t, struct buf *cell);
void table_print(struct table *t, struct buf *out); /* and frees it */

/* --- what the API answers, in words; in the file of its command --- */
void show_alerts(const cJSON *list, int64_t now_ms, struct buf *out);
void show_incidents(const cJSON *list, int64_t now_ms, struct buf *out);
void show_incident(const cJSON *incident, int64_t now_ms, struct buf *out);
void show_ack(const cJSON *incident, int64_t now_ms, struct buf *out);
void show_silence_made(const cJSON *silence, int64_t now_ms, struct buf *out);
void show_silences(const cJSON *list, int64_t now_ms, struct buf *out);
void show_on_call(const cJSON *list, int64_t now_ms, struct buf *out);
void show_calendar(const cJSON *answer, int64_t now_ms, struct buf *out);
void show_routes(const cJSON *answer, int64_t now_ms, struct buf *out);
bool show_receiver_test(const cJSON *answer, struct buf *out); /* false: a channel failed */
void show_deliveries(const cJSON *list, int64_t now_ms, struct buf *out);
void show_delivery(const cJSON *entry, int64_t now_ms, struct buf *out);
void show_history(const cJSON *list, int64_t now_ms, struct buf *out);
void show_status(const cJSON *status, int64_t now_ms, struct buf *out);
bool show_reload(const cJSON *answer, bool dry_run, struct buf *out); /* false: something refused */
void show_explained_incident(const cJSON *answer, bool tree, int64_t now_ms, struct buf *out);
void show_explained_rule(const cJSON *answer, bool tree, int64_t now_ms, struct buf *out);
/* of history entries, newest first: how things stood at `at_ms` */
void show_explained_past(const cJSON *list, int64_t at_ms, int64_t now_ms, struct buf *out);
void show_tree(const cJSON *node, int depth, struct buf *out);
void show_matched(const cJSON *rule, int64_t now_ms, struct buf *out); /* check --live */

#endif
