/* HTTP and mail out: libcurl's multi interface on the loop.
 *
 * Every request has a total deadline. No redirects; only http, https, smtp and smtps; the address
 * that a name resolved to is checked against the forbidden networks when it is connected. Names
 * are resolved in threads by libcurl, so the loop does not wait for them. */
#ifndef TOCSIN_OUTBOUND_H
#define TOCSIN_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/loop.h"

struct outbound;
struct outbound_call; /* one request in flight */

struct outbound_options {
    int max_connections; /* in all; 0: 256 */
    size_t max_answer;   /* bytes of an answer that are kept; 0: 64 KiB */
    /* seams of tests; 0 or NULL, as in the program: what is said */
    int max_per_host;          /* 0: as many as in all: what hangs on one path of a host
                                  must not keep its other paths waiting */
    const char *const *forbid; /* networks ("169.254.0.0/16"), NULL-terminated; may be NULL */
};

struct outbound *outbound_new(struct loop *l, const struct outbound_options *o, struct err *e);
/* Other forbidden networks from now on, for calls that connect anew. -1: none is changed. */
int outbound_forbid(struct outbound *o, const char *const *list, size_t n, struct err *e) MUST_USE;
void outbound_free(struct outbound *o); /* ends calls in flight without calling back */

struct outbound_refusal {
    const char *to;
    int status;        /* 4yz: may be tried again, 5yz: never (RFC 5321, 4.2.1) */
    const char *reply; /* on one line */
};

/* What became of it. `maybe_done`: the whole request had left and no final answer came, so the
 * peer may have acted on it. */
struct outbound_result {
    bool ok;          /* a final answer came (any status) */
    int status;       /* HTTP status or last SMTP code; 0: none */
    const char *body; /* the answer, cut at max_answer; of a mail: the server's last reply, with
                               its code; valid during the callback */
    size_t len;
    bool is_cut; /* the answer was longer than max_answer */
    const char *
        head; /* with keep_head: the header lines of the final answer, each "Name: value\r\n"; else "" */
    int64_t retry_after_ms; /* Retry-After, seconds or date; -1: not given */
    bool maybe_done;
    const char *error; /* for people, "" when ok */
    int64_t took_ms;
    /* Of a mail that the server took for some of its recipients (`ok`): those it did not take.
     * One mailbox that is gone costs nobody else the mail. Valid during the callback. */
    const struct outbound_refusal *refused;
    size_t n_refused;
};
typedef void (*outbound_done)(const struct outbound_result *result, void *arg);

struct outbound_http {
    const char *method; /* "POST" */
    const char *url;
    const char *const
        *headers; /* "Name: value", or "Name;" without one; NULL-terminated; may be NULL */
    const void *body;
    size_t len;
    int timeout_ms;              /* 0: 10000 */
    const char *user, *password; /* basic authentication; may be NULL */
    const char *bearer;
    const char *ca_file;
    bool insecure_skip_verify;
    bool keep_head; /* the answer's header lines are wanted */
};

/* IF_OFFERED encrypts where the server can, with whatever certificate it has (RFC 7435): it guards
 * against listeners only, so a certificate that nobody signed is no reason to lose a page. With a
 * `ca_file`, and of REQUIRED and smtps:// in any case, the certificate is checked. */
enum mail_tls {
    MAIL_TLS_UNSET /* as none */,
    MAIL_TLS_NONE,
    MAIL_TLS_IF_OFFERED,
    MAIL_TLS_REQUIRED
};

struct outbound_mail {
    const char *url;             /* smtp://host:25, smtps://host:465 */
    enum mail_tls tls;           /* of smtp:// */
    const char *user, *password; /* may be NULL */
    const char *from;            /* envelope */
    const char *const *to;       /* envelope, NULL-terminated */
    const void *data;            /* the whole message, CRLF lines */
    size_t len;
    int timeout_ms;
    const char *ca_file;
    bool insecure_skip_verify;
};

/* Everything is copied. `done` runs once, from the loop, never inside the call, unless the call
 * was cancelled; when it runs the call is over and not to be cancelled. It may start and cancel
 * other calls, but not free the outbound. NULL: refused at once (`e` says why, without the URL). */
struct outbound_call *outbound_http(struct outbound *o, const struct outbound_http *h,
                                    outbound_done done, void *arg, struct err *e);
struct outbound_call *outbound_mail(struct outbound *o, const struct outbound_mail *m,
                                    outbound_done done, void *arg, struct err *e);
void outbound_cancel(struct outbound_call *c); /* no callback follows */
/* Seam of tests: calls that have no outcome yet. */
unsigned outbound_in_flight(const struct outbound *o);

#endif
