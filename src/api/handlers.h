/* Every handler, for the table in routes.c. The role has been checked, `c->actor` is filled and
 * the body of a write is an object. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/call.h"

/* alerts.c */
void get_alerts(struct call *c);
void get_alert(struct call *c);
void post_retire(struct call *c);
/* incidents.c */
void get_incidents(struct call *c);
void get_incident(struct call *c);
void post_ack(struct call *c);
void post_release(struct call *c);
/* silences.c */
void get_silences(struct call *c);
void get_silence(struct call *c);
void post_silence(struct call *c);
void delete_silence(struct call *c);
/* explain.c, history.c */
void get_explain(struct call *c);
void get_route(struct call *c);
void get_history(struct call *c);
/* messages.c */
void get_receivers(struct call *c);
void post_test(struct call *c);
void get_deliveries(struct call *c);
void get_delivery(struct call *c);
void post_retry(struct call *c);
void post_drop(struct call *c);
void get_inbox(struct call *c);
/* rules.c */
void get_rules(struct call *c);
void get_rule(struct call *c);
/* status.c */
void get_status(struct call *c);
void post_reload(struct call *c);
void post_plain_reload(struct call *c); /* /-/reload */
void get_whoami(struct call *c);
/* probes.c */
void get_livez(struct call *c);
void get_readyz(struct call *c);
void get_startupz(struct call *c);
void get_healthy(struct call *c);
void get_ready(struct call *c);
void get_metrics(struct call *c);
/* prometheus.c */
void get_prom_rules(struct call *c);
void get_prom_alerts(struct call *c);
/* am.c, am_alerts.c, am_post.c, am_silences.c: Alertmanager's API */
void get_am_status(struct call *c);
void get_am_receivers(struct call *c);
void am_v1_gone(struct call *c);
void get_am_alerts(struct call *c);
void get_am_groups(struct call *c);
void post_am_alerts(struct call *c);
void get_am_silences(struct call *c);
void post_am_silence(struct call *c);
void get_am_silence(struct call *c);
void delete_am_silence(struct call *c);
/* pages.c */
void get_page_overview(struct call *c);
void get_page_incident(struct call *c);
void get_page_inbox(struct call *c);
void get_page_silences(struct call *c);
void get_page_rules(struct call *c);
void get_page_style(struct call *c);
/* A page instead of a JSON error. */
void reply_page_error(struct call *c, int status, const char *title, const char *text);
/* Of an expected failure, with its status. */
void reply_page_err(struct call *c, const struct err *e);
/* The frame of a page at `path` that is answered later; borrows from `l`. */
struct page_frame frame_of_later(const struct later *l, const char *path);
/* Answers with HTML; frees it. */
void reply_page(struct http_request *r, int status, struct buf *html);
/* forms.c */
void form_ack(struct call *c);
void form_release(struct call *c);
void form_silence_incident(struct call *c);
void form_silence(struct call *c);
void form_expire(struct call *c);

#endif
