/* Answers that wait: until what was done is stored, until a stream has been read, until providers
 * have answered. The request and the body so far are kept here; api_free() answers what is left. */
#ifndef API_LATER_H
#define API_LATER_H

#include "api/call.h"

struct later {
    struct api *api;
    struct later *next, **at; /* in api->later */
    struct http_request *r;
    int status;
    struct buf body;
    /* Ends it when `body` is complete; NULL: as JSON. Takes the request. */
    void (*finish)(struct later *l);
    /* of pages: what their frame needs */
    bool may_respond;
    const char *notice;
    char who[WHO_MAX + 1];
    char *location; /* of a redirect */
    bool flag;
    void *extra; /* of whoever waits; freed with mem_free() */
};

/* Takes over the request of `c`. NULL: no memory (answered). */
struct later *later_new(struct call *c);
/* l->body is a whole JSON object: answered, with the member "durable" added, when everything done so
 * far is stored. */
void later_durable(struct later *l);
/* 303 to l->location when everything done so far is stored. */
void later_redirect(struct later *l);
/* Answers with l->body (through l->finish) and frees it. */
void later_end(struct later *l);
void later_fail(struct later *l, const struct err *e);
void later_free_all(struct api *a);

/* `body`: a whole JSON object with at least one member; is taken. Answered, with the member
 * "durable" added, when everything done so far is stored. */
void reply_durable(struct call *c, int status, struct buf *body);
/* 303 to `location` when everything is stored; "&durable=0" is added when it is not. */
void redirect_durable(struct call *c, const char *location);

#endif
