/* The API over HTTP: all that the page and the commands use (docs/api.md), the pages themselves,
 * probes and metrics. Ingest paths are not here: they are asked first, by whoever owns the server.
 *
 * Every answer comes from memory, or from Redis without blocking the loop (history, inbox). A
 * write is answered when it is durable, and says so when it is not (Redis away). */
#ifndef TOCSIN_API_H
#define TOCSIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/labels.h"
#include "tocsin/http.h"
#include "tocsin/loop.h"

struct api;
struct alert_book;
struct config;
struct db;
struct deliver;
struct journal;
struct notify;
struct rules;
struct series_table;
struct store;
struct windows;

/* What the API looks at; all borrowed. `config` is asked for each time: a reload replaces it. */
/* What a reload did: an object as text, with the member "ok". NULL: no memory. */
typedef void (*reload_done)(const struct buf *body, bool ok, void *arg);

struct api_options {
    struct loop *loop;
    struct labelsets *labels;
    struct series_table *series;
    struct rules *rules;
    struct alert_book *book;
    struct windows *windows;
    struct notify *notify;
    struct deliver *deliver;
    struct journal *journal;
    struct store *store;
    struct db *db;
    const struct config *(*config)(void *arg);
    /* Loads configuration and rules anew; `dry_run`: only says what would change. Writes
     * {"ok","files":[{"path","status","error"}],"rules":{"added","changed","removed"},
     * "would_resolve":[…]}. */
    /* Loads configuration and rules again, and calls `done` (may be NULL) once, now or later. */
    void (*reload)(bool dry_run, reload_done done, void *done_arg, void *arg);
    /* {"ready":bool,"reasons":[{"check","ok","text"}]}; the three probes. */
    bool (*live)(struct json *out, void *arg);
    bool (*ready)(struct json *out, void *arg);
    bool (*started)(struct json *out, void *arg);
    /* Own metrics in the exposition format. */
    void (*metrics)(struct buf *out, void *arg);
    /* For status; each may be NULL. Rule files that are refused now, as an array of
     * {"file","error"}; what was left out of what came in, as an array of
     * {"protocol","reason","what","count"}; what the start is doing, in a few words. */
    void (*rejected)(struct json *out, void *arg);
    void (*left_out)(struct json *out, void *arg);
    /* Writes what was damaged or missing in Redis: [{"reason","what","count","lost"}]. */
    void (*damage)(struct json *out, void *arg);
    const char *(*phase)(void *arg);
    bool shadow; /* everything but sending: told by status and the page */
    void *arg;
};

struct api *api_new(const struct api_options *o); /* NULL: no memory */
/* Answers what still waits. To be freed after deliver, notify, store and db, which may call back
 * until they are gone; nothing of them is touched here. */
void api_free(struct api *a);
/* Answers the request (now or later); anything that is no ingest path: unknown ones get 404. */
void api_handle(struct api *a, struct http_request *r);
/* Who sends this ingest request. False: it has been refused (401, 403) and answered. */
struct api_sender {
    const char *name;             /* of its token; "" where the configuration has none */
    struct matcher *const *scope; /* all it sends must match; of the configuration */
    size_t n_scope;
};
bool api_sender(struct api *a, struct http_request *r, struct api_sender *out);
/* Until everything is restored only the probes are answered; others get 503. */
void api_open(struct api *a);

#endif
