/* Inside outbound: one request, from its options to its result. */
#ifndef NET_OUTBOUND_CALL_H
#define NET_OUTBOUND_CALL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "net/network.h"
#include "tocsin/outbound.h"

struct outbound_call {
    struct outbound *o;
    struct outbound_call *prev, *next;
    CURL *easy;
    struct timer *deadline;
    outbound_done done;
    void *arg;
    bool is_forbidden;
    struct curl_slist *list; /* headers or recipients */
    char *data;              /* the body; curl reads it in place */
    size_t len;
    struct mail_talk *mail;           /* NULL: HTTP */
    struct outbound_refusal *refused; /* recipients, by the mail server */
    size_t n_refused, cap_refused;
    struct buf head; /* kept header lines */
    bool keeps_head, is_cut;
    struct buf answer;   /* the body of an answer, the last reply of a mail server */
    bool reply_is_whole; /* the next line of a mail server begins another reply */
    bool is_final;       /* the head of a final HTTP answer came */
    int64_t retry_after_ms;
    int64_t began_ms; /* monotonic */
    int timeout_ms;
    bool is_over; /* with `code`; `deadline` is due at once */
    CURLcode code;
    char error[CURL_ERROR_SIZE];
};

/* outbound.c: the socket function refuses the forbidden networks. */
bool outbound_is_forbidden(const struct outbound *o, const struct sockaddr *sa);
int64_t outbound_wall_ms(const struct outbound *o);
size_t outbound_max_answer(const struct outbound *o);

/* Has `done` called, with `code`, at the end of the turn. */
void outbound_over(struct outbound_call *c, CURLcode code);
struct event_base *outbound_base(const struct outbound *o);

/* outbound_call.c: fill c->easy. Return 0, or -1. */
int outbound_call_http(struct outbound_call *c, const struct outbound_http *h,
                       struct err *e) MUST_USE;
/* The parts of it that mail uses as well. */
int outbound_call_url(const char *url, const char *const *schemes, struct err *e) MUST_USE;
void outbound_call_common(struct outbound_call *c);
struct outbound_access {
    const char *user, *password, *ca_file;
    bool insecure;
    int timeout_ms;
};
void outbound_call_access(struct outbound_call *c, const struct outbound_access *a);
void outbound_call_result(struct outbound_call *c, CURLcode code, struct outbound_result *out);

/* outbound_mail.c */
int outbound_call_mail(struct outbound_call *c, const struct outbound_mail *m,
                       struct err *e) MUST_USE;
void mail_begin(struct outbound_call *c);         /* curl has connected */
void mail_free(struct outbound_call *c);          /* before curl closes the connection */
void mail_refusals_free(struct outbound_call *c); /* they outlive it, for the result */
void mail_result(struct outbound_call *c, CURLcode code, struct outbound_result *out);

#endif
