/* A notice in words: the one line that a lock screen shows, and the plain text that goes out when
 * there is no template, or when it fails. */
#ifndef CHANNEL_WORDING_H
#define CHANNEL_WORDING_H

#include "base/buf.h"
#include "model/notice.h"

/* "P1 checkout: 23% of requests fail (limit 2%) · 3 alerts · 02:41 CET · #412" */
void wording_title(const struct notice *x, struct buf *out);
/* "checkout · payments": the values of the group's labels, or the alert's name. */
void wording_group(const struct notice *x, struct buf *out);
/* "23% of requests fail (limit 2%)": of one alert, without the group's name in front of it. */
void wording_alert(const struct notice *x, const struct notice_alert *a, struct buf *out);
/* The same without the alert's name where it has no summary; may be empty. */
void wording_detail(const struct notice *x, const struct notice_alert *a, struct buf *out);
/* What tells this alert from the others of its incident: "eu-1", "orders"; may be empty. */
void wording_where(const struct notice *x, const struct notice_alert *a, struct buf *out);
/* "no data since 15:19 CET", nothing while it has data. */
void wording_nodata(const struct notice *x, const struct notice_alert *a, struct buf *out);
/* "resolved 02:58 CET after 17m · 0.4% now, peak 31%", "since 02:41 CET, 4m" */
void wording_when(const struct notice *x, const struct notice_alert *a, struct buf *out);
/* Why it comes now, to this receiver, in lines; empty for most first messages. */
void wording_notes(const struct notice *x, struct buf *out);
/* All of it, in lines; at most 64 KiB, most of the time 2. `broken` (may be NULL): the error of the template, put at the end. */
void wording_plain(const struct notice *x, const char *broken, struct buf *out);
/* The runbook of the alert that heads the message, when it is an address that may stand in a link. */
void wording_runbook(const struct notice *x, struct buf *out);
/* The receiver's name as Alertmanager sends it: a regular expression that matches itself. */
void wording_receiver(const struct notice *x, struct buf *out);
/* The value in the unit of its threshold: "23.1%". Empty when there is none. */
void wording_value(const struct notice_alert *a, double v, struct buf *out);
const char *notice_label(const struct label *l, size_t n, const char *name); /* "" when missing */

#endif
