/* Inside the API: one request being handled, and what all handlers use.
 *
 *   api_handle -> route (routes.c) -> may he? (api.c, access.c) -> handler -> answer
 *                                                                     '-> later.c, when durable
 *
 * A handler answers its request exactly once, at once or through later.c. */
#ifndef API_CALL_H
#define API_CALL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/access.h"
#include "base/buf.h"
#include "base/json.h"
#include "tocsin/alert.h"
#include "tocsin/api.h"
#include "tocsin/config.h"
#include "tocsin/db.h"
#include "tocsin/deliver.h"
#include "tocsin/journal.h"
#include "tocsin/notify.h"
#include "tocsin/rule.h"
#include "tocsin/store.h"
#include "tocsin/page.h"
#include "tocsin/view.h"
#include "tocsin/window.h"

#define BODY_MAX       (1 << 20)
#define ARG_MAX        512 /* of a part of the path: names of receivers and lanes are shorter */
#define WHO_MAX        128
#define LIMIT          100
#define LIMIT_MAX      1000
#define ALERTS_DEFAULT 1000
#define ALERTS_MAX     10000
#define CSRF_LEN       32

struct form;
struct later;
struct history_search;
struct sliced;

struct api {
    struct api_options o;
    bool open;
    int64_t started_ms;
    char csrf[CSRF_LEN + 1];
    struct later *later; /* requests that are answered when something has happened */
    struct history_search *searches;
    struct sliced *sliced; /* requests that are worked on in slices, in turns */
    size_t n_sliced;
    struct timer *slice_timer;
    struct am_counts { /* of /api/v2/alerts, since the start */
        uint64_t firing, resolved, invalid;
        unsigned lists; /* of alerts that are made now */
    } am;
};

struct call {
    struct api *api;
    struct http_request *r;
    const struct config *config;
    struct access access;
    struct actor actor;
    struct view view;        /* what he may read */
    char arg[2][ARG_MAX];    /* parts of the path */
    const cJSON *body;       /* of writes: an object */
    const struct form *form; /* of a page's form */
    const char *notice;      /* of a page that is answered later */
};

/* --- call.c: reading the request, answering it --- */
int64_t call_now_ms(const struct call *c);
/* Unsigned number in all of `s`; -1: it is none. */
int number_read(const char *s, uint64_t *out) MUST_USE;
/* A query parameter that is a number; `*out` stays where it is not given. -1: answered with 400. */
int call_number(struct call *c, const char *name, uint64_t *out) MUST_USE;
/* ?limit, between 1 and `max`. -1: answered. */
int call_limit(struct call *c, size_t normal, size_t max, size_t *out) MUST_USE;
bool call_flag(const struct call *c, const char *name); /* "1" or "true" */
/* Incident number in arg[0]. -1: answered with 404. */
int call_incident(struct call *c, uint64_t *number) MUST_USE;
/* May the caller see this incident? */
bool call_sees_incident(const struct call *c, uint64_t number);
bool call_sees_alert(const struct call *c, const struct alert *a);

struct matcher_list {
    struct matcher **m;
    size_t n;
};
void matcher_list_free(struct matcher_list *l);
int matcher_list_add(struct matcher_list *l, struct matcher *m) MUST_USE; /* takes `m` (NULL: -1) */
/* ?filter=…, repeated. -1 with `e`: nothing is answered. */
int read_filters(struct call *c, struct matcher_list *out, struct err *e) MUST_USE;
/* The same. -1: answered with 400. */
int call_filters(struct call *c, struct matcher_list *out) MUST_USE;

/* Labels with their text. */
struct label_list {
    struct label l[LABELS_MAX];
    size_t n;
    char *text;
};
void label_list_free(struct label_list *l);
/* ?label=service=checkout, repeated; sorted. -1: answered with 400. */
int call_labels(struct call *c, struct label_list *out) MUST_USE;

/* Of the body: text, "" when missing; -1: is there and is no text (answered). */
int body_text(struct call *c, const char *key, const char **out) MUST_USE;
int body_number(struct call *c, const char *key, uint64_t *out) MUST_USE; /* also "#412" */
int body_flag(struct call *c, const char *key, bool *out) MUST_USE;
int body_time(struct call *c, const char *key, int64_t *at_ms) MUST_USE;
int body_duration(struct call *c, const char *key, int64_t *ms) MUST_USE;

void reply_json(struct http_request *r, int status, struct buf *body); /* frees it */
void reply_error(struct http_request *r, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* 404 for a rule that is not there or not to be seen, with the name that may have been meant. */
void reply_no_rule(struct call *c, const char *name);
struct origin call_origin(const struct http_request *r);
/* Of an expected failure: status by its code. */
void reply_err(struct http_request *r, const struct err *e);

/* --- parts of answers, also used by the pages; the rest is tocsin/view.h --- */
/* Array of {"file","error"}: what is refused of a file may be another team's, so who has a scope is
 * told the file alone. */
void rejected_json(const struct call *c, struct json *j);
void status_json(const struct call *c, struct json *j);
void inbox_json_of(const struct call *c, struct json *j, uint64_t after, uint64_t before,
                   size_t limit);

#endif
