/* Alertmanager's API, version 2: what its files share. */
#ifndef API_AM_H
#define API_AM_H

#include "api/call.h"

/* Error of a handler: a bare JSON string. */
void am_reply_text(struct http_request *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Error of the form of a request: {"code","message"}. */
void am_reply_code(struct http_request *r, int status, int code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* A write must be JSON. False: answered 415. */
bool am_is_json(struct call *c);
/* A query parameter as go-openapi reads it: true where it is not given, false where it is no boolean. */
bool am_flag(const struct call *c, const char *name);
/* ?filter=…, repeated. -1: answered 400. */
int am_filters(struct call *c, struct matcher_list *out) MUST_USE;

/* Those names of Alertmanager's own metrics that tools look for. */
void am_metrics(const struct api *a, struct buf *out);

#endif
