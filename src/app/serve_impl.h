/* What the running program is made of, for its three files: life (serve.c), rules and configuration
 * (serve_reload.c), the callbacks of its doors (serve_doors.c). */
#ifndef APP_SERVE_IMPL_H
#define APP_SERVE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/dataset.h"
#include "app/clockwatch.h"
#include "app/descriptors.h"
#include "app/forward.h"
#include "app/heartbeats.h"
#include "app/own_alerts.h"
#include "app/rulebook.h"
#include "app/selfwatch.h"
#include "app/settings.h"
#include "app/watch.h"
#include "app/wire.h"
#include "tocsin/address.h"
#include "tocsin/api.h"
#include "tocsin/embedded.h"
#include "tocsin/http.h"
#include "tocsin/intake.h"
#include "tocsin/lease.h"
#include "tocsin/udp.h"

struct reload;

struct program {
    struct descriptors descriptors;
    const struct app_options *o;
    struct settings settings;
    struct clock *clock;
    struct loop *loop;
    struct embedded *embedded;
    struct db *db;
    struct dataset *dataset;
    struct lease *lease;
    struct forward *forward;
    char *db_url;
    struct outbound *outbound;
    struct rulebook *rulebook;
    struct heartbeats *heartbeats;
    struct rulefile *own_rules; /* built in: Tocsin's own alerts */
    struct own_alert *own_alerts;
    size_t n_own_alerts;
    struct wire *wire;
    struct intake *ingest;
    struct api *api;
    struct http_server *http;
    struct udp *statsd;
    struct selfwatch *self;
    struct file_watch *watch;
    struct clock_watch *clock_watch;
    struct timer *quit_timer;
    int64_t started_ms;
    int exit_code;
    bool ending, said_ready, redis_away;
    bool said_standby;
    char kept_listen[ADDRESS_LEN], kept_statsd[ADDRESS_LEN]; /* as bound; "": not yet */
    bool again;                 /* the lease is lost: begins anew, as a standby */
    bool loads_first;           /* the rules of the start */
    bool reload_waits;          /* ordered during the start */
    struct reload *reloads;     /* the first one is under way */
    struct timer *reload_timer; /* its next slice */
};

/* --- serve.c --- */
/* "tocsin STATE http=… statsd=…", without the end of the line. */
void serve_say_doors(const struct program *p, const char *state);

/* --- serve_reload.c --- */
/* Of the wire: rule files at the start, as they were kept, and once more. */
void serve_load_rules(struct wire *w, void *arg);
void serve_kept_rule_file(const char *path, const char *text, size_t len, void *arg);
void serve_rewrite_rule_files(struct store_table *t, void *arg);
int serve_deny_outgoing(struct program *p, struct err *e) MUST_USE;
/* Orders a reload; behind those that were ordered before. `done` (may be NULL) is told at its end. */
void serve_reload(bool dry_run, reload_done done, void *done_arg, void *arg);
/* For saved files and signals: one that waits already will see what they changed. */
void serve_reload_quietly(void *arg);
void serve_reload_step(void *arg); /* of reload_timer: the next slice */
void serve_reloads_free(struct program *p);

/* --- serve_lease.c --- */
int serve_make_lease(struct program *p,
                     struct err *e) MUST_USE;    /* behind the doors, whose addresses it tells */
void serve_fenced(const char *token, void *arg); /* on_fenced of db_options */
/* A standby answers probes itself and sends the rest on to the holder. False: `r` is not answered. */
bool serve_hand_on(struct program *p, struct http_request *r);
void serve_datagram(const char *data, size_t len, void *arg);
void serve_datagrams_drained(void *arg);

/* --- serve_doors.c --- */
/* Ingest, API, HTTP, StatsD, and what watches all of it: once the wire is there. */
int serve_make_doors(struct program *p, struct err *e) MUST_USE;

#endif
