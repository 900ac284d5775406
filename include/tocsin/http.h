/* HTTP in: a server on the loop, over libevent's, with the guards that it lacks.
 *
 * Each request is held whole in memory (bounded) before its handler sees it. The handler answers
 * at once or keeps the request and answers later; a request must be answered exactly once, and
 * stays valid until then even when the client has gone (the answer is then dropped). */
#ifndef TOCSIN_HTTP_H
#define TOCSIN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "tocsin/loop.h"

struct http_server;
struct http_request;

struct http_server_options {
    const char *listen;  /* "127.0.0.1:9393", "[::1]:0"; port 0: any free one */
    int max_connections; /* beyond: the one that has been quiet for longest is closed, or, where
                             each has a request in work, the newest; 0: 4096 */
    const char *cert_file, *key_file; /* both: TLS */
    void (*handle)(struct http_request *r, void *arg);
    void *arg;
    /* seams of tests; 0 or NULL, as in the program: what is said */
    size_t max_body;      /* bytes as sent; beyond: 413. 0: 16 MiB */
    size_t max_head;      /* 0: 32 KiB */
    int request_ms;       /* a request must have arrived whole within; 0: 30000 */
    int idle_ms;          /* keep-alive without a request; 0: 120000 */
    int quiet_ms;         /* only one that has been quiet for so long is closed for a newcomer, so
                             that a flood of newcomers does not drive out who was there; 0: 3000 */
    size_t max_receiving; /* bytes of all requests that are still arriving; beyond: the largest
                                 is closed; 0: 256 MiB */
};

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o,
                                    struct err *e);
/* Closes all connections. Requests that handlers still hold stay valid and are to be answered as
 * ever, to nobody. */
void http_server_free(struct http_server *s);
const char *http_server_address(const struct http_server *s); /* "127.0.0.1:43121" */
int http_server_port(const struct http_server *s);
bool http_server_is_tls(const struct http_server *s);
/* Of a server with TLS: reads certificate and key anew, for connections from here on. On failure the
 * old ones stay. */
int http_server_certificate(struct http_server *s, const char *cert_file, const char *key_file,
                            struct err *e) MUST_USE;
void http_server_pause(struct http_server *s); /* accepts no further connections (draining) */

struct http_stats {
    uint64_t requests, refused_head, refused_body, timed_out, over_connections, over_memory;
    uint64_t closed_quiet;  /* connections closed for a newcomer */
    uint64_t accept_failed; /* connections that could not be accepted */
    uint32_t connections;
};
void http_server_stats(const struct http_server *s, struct http_stats *out);

/* --- the request; pointers live as long as it does --- */
const char *http_method(const struct http_request *r); /* "GET", "POST" … */
const char *http_path(const struct http_request *r);   /* decoded and normalised: no "..", no "//",
                                                          no NUL; such requests get 400 before */
const char *http_header(const struct http_request *r, const char *name); /* NULL: absent */
/* For who hands a request on: the target as it was sent ("/path?query"), and each header line in its order. */
const char *http_target(const struct http_request *r);
void http_each_header(const struct http_request *r,
                      void (*each)(const char *name, const char *value, void *arg), void *arg);
/* Value of a query parameter, decoded, or NULL; `nth` from 0 for repeated ones. */
const char *http_query(const struct http_request *r, const char *name, int nth);
const void *http_body(const struct http_request *r, size_t *len);
/* The body after Content-Encoding (identity, gzip, deflate), at most `max` bytes (ERR_LIMIT
 * beyond, checked before it is allocated). Owned by the request. */
int http_body_plain(struct http_request *r, size_t max, const void **body, size_t *len,
                    struct err *e) MUST_USE;
int64_t http_received_ms(const struct http_request *r); /* engine's wall clock */
/* The content type without parameters, lower case, "" when there is none. */
const char *http_content_type(const struct http_request *r);

/* --- the answer --- */
/* A value with a line break is dropped. */
void http_reply_header(struct http_request *r, const char *name, const char *value);
/* Answers; `r` is gone after it. `type` may be NULL for an empty body. Cache-Control: no-store
 * (unless the handler set another) and X-Content-Type-Options: nosniff are always sent. HEAD is
 * answered with the head alone. */
void http_reply(struct http_request *r, int status, const char *type, const void *body, size_t len);
void http_reply_buf(struct http_request *r, int status, const char *type,
                    struct buf *body); /* frees it */
/* {"error":{"code":…,"message":…,"line":…,"field":…}} with the status of e->code (400, 413, 503,
 * 409) when `status` is 0; 429 and 503 with "Retry-After: 1" unless the handler set another. */
void http_reply_err(struct http_request *r, int status, const struct err *e);

#endif
