/* `tocsin serve`: the order of a start, of the coming and going of Redis, and of an end.
 *
 * A start goes through callbacks, since nothing may hold the loop: Redis is up -> the wire reads and
 * replays -> it is live -> the inbox is read back -> the ready line. Until then the doors are open and
 * answer "starting", so that probes and senders see more than a closed port. An end only drains: what
 * was said to be done is in Redis already, so a second signal may cut it short. Everything is freed in
 * close_program() alone, from whatever point a start has reached. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/serve_impl.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/zone.h"
#include "tocsin/address.h"

#define DRAIN_MS       10000 /* sends in flight get this long at the end */
#define INBOX_RESTORE  1000
#define REDIS_HANGS_MS 2500 /* a Redis without an answer for this long is away: pages go on */

static void refuse(struct program *p, const char *why)
{
    fprintf(stderr, "tocsin: %s\n", why);
    p->exit_code = 1;
    loop_stop(p->loop);
}

/* --- Redis comes and goes --- */

static void check_redis(struct program *p)
{
    const struct db_health *h = db_health(p->db);

    /* a newcomer's mistake ends the start; one that comes later is trouble, shown and alerted on */
    if (db_health_unfit(h) && !wire_is_live(p->wire)) {
        refuse(p, db_health_unfit(h));
        return;
    }
    if (h->known && !h->aof)
        log_warn("this Redis keeps nothing on disk (appendonly no); what that means is in /readyz",
                 NULL);
}

static void redis_up(void *arg)
{
    struct program *p = arg;

    if (!p->wire)
        return;
    if (p->redis_away)
        log_info("Redis is back", NULL);
    p->redis_away = false;
    if (p->self)
        selfwatch_db(p->self, true);
    check_redis(p);
    if (p->exit_code != 0)
        return;
    dataset_check(p->dataset);
    lease_db_up(p->lease);
    if (lease_state(p->lease) == LEASE_HELD)
        wire_db_up(p->wire);
}

static void redis_down(const char *why, void *arg)
{
    struct program *p = arg;

    if (p->ending)
        return;
    if (!p->redis_away) /* told again when the reason changes: that is no news */
        log_warn(p->wire && wire_is_live(p->wire)
                     ? "Redis is away: pages go on from memory, senders are told to repeat"
                     : "Redis is away",
                 "reason", why, NULL);
    p->redis_away = true;
    if (p->self)
        selfwatch_db(p->self, false);
    if (p->wire)
        wire_db_down(p->wire);
}

/* --- ready --- */

static size_t user_rules(const struct program *p)
{
    return rules_count(wire_parts(p->wire)->rules) -
           (p->own_rules ? rulefile_count(p->own_rules) : 0);
}

static void greet(const struct program *p, const char *url)
{
    printf("%s · %s in ./%s · %zu starter rules\n", p->o->welcome,
           p->embedded ? "private Redis" : "Redis; files", p->settings.data_dir, user_rules(p));
    printf("page   %s\ninbox  %s/inbox  (messages are kept here; nothing leaves this machine)\n",
           url, url);
    printf("next:  build/tocsin demo            (in a second terminal)\n");
}

static void restored_inbox_entry(const char *id, const char *const *pairs, size_t n, void *arg)
{
    struct program *p = arg;

    deliver_inbox_restore(wire_parts(p->wire)->deliver, id, pairs, n);
}

/* The address as bound, with the port that a 0 became. */
static void say_statsd(const struct program *p)
{
    char host[256], port[6];
    struct err e;

    if (address_split(p->settings.bound_statsd, host, sizeof host, port, &e) != 0)
        return;
    if (!host[0])
        snprintf(host, sizeof host, "::"); /* every address */
    if (strchr(host, ':'))
        printf(" statsd=[%s]:%d", host, udp_port(p->statsd));
    else
        printf(" statsd=%s:%d", host, udp_port(p->statsd));
}

void serve_say_doors(const struct program *p, const char *state)
{
    printf("tocsin %s http=%s://%s", state, http_server_is_tls(p->http) ? "https" : "http",
           http_server_address(p->http));
    if (p->statsd)
        say_statsd(p);
}

static void say_ready(const struct err *e, void *arg)
{
    struct program *p = arg;
    char url[160];

    if (e)
        log_warn("the stored inbox could not be read", "error", e->text, NULL);
    else
        deliver_inbox_restored(wire_parts(p->wire)->deliver);
    snprintf(url, sizeof url, "%s://%s", http_server_is_tls(p->http) ? "https" : "http",
             http_server_address(p->http));
    serve_say_doors(p, "ready");
    printf("\n");
    if (p->o->welcome)
        greet(p, url);
    fflush(stdout);
    p->said_ready = true;
}

static void went_live(const struct err *e, void *arg)
{
    struct program *p = arg;

    if (e) {
        refuse(p, e->text);
        return;
    }
    intake_set_seed(p->ingest, journal_seed(wire_parts(p->wire)->journal));
    api_open(p->api);
    selfwatch_start(p->self);
    if (p->reload_waits)
        serve_reload_quietly(p);
    store_read_stream(wire_parts(p->wire)->store, KEY_INBOX, NULL, INBOX_RESTORE,
                      restored_inbox_entry, say_ready, p);
}

/* --- the end --- */

static void stop(void *arg)
{
    struct program *p = arg;

    loop_stop(p->loop);
}

/* Everything that was said to be done is in Redis: nothing has to be saved, only sends in flight
 * get their time. */
static void given_back(void *arg)
{
    struct program *p = arg;

    timer_in(p->quit_timer, 0);
}

static void written(bool durable, void *arg)
{
    struct program *p = arg;

    (void)durable;
    lease_give_back(p->lease, given_back, p);
}

static void drained(void *arg)
{
    struct program *p = arg;

    store_after(wire_parts(p->wire)->store, written, p);
}

static void end(void *arg)
{
    struct program *p = arg;

    if (p->ending) {
        loop_stop(p->loop);
        return;
    }
    p->ending = true;
    http_server_pause(p->http);
    if (!wire_is_live(p->wire)) {
        loop_stop(p->loop);
        return;
    }
    deliver_drain(wire_parts(p->wire)->deliver, DRAIN_MS, drained, p);
}

static void dump_state(void *arg)
{
    struct program *p = arg;
    struct buf b = BUF_INIT;

    selfwatch_metrics(p->self, &b);
    for (char *line = strtok(b.data, "\n"); line; line = strtok(NULL, "\n"))
        if (*line != '#')
            fprintf(stderr, "%s\n", line);
    buf_free(&b);
}

static int take_signals(struct program *p)
{
    return loop_signal(p->loop, SIGTERM, end, p) < 0 || loop_signal(p->loop, SIGINT, end, p) < 0 ||
                   loop_signal(p->loop, SIGHUP, serve_reload_quietly, p) < 0 ||
                   loop_signal(p->loop, SIGUSR2, dump_state, p) < 0
               ? -1
               : 0;
}

/* --- construction --- */

static int open_redis(struct program *p, struct err *e)
{
    struct embedded_options em = {.dir = p->settings.data_dir,
                                  .max_memory = p->settings.config->limits.redis_memory};
    struct db_options o = {.url = p->settings.redis,
                           .ca_file = p->settings.config->server.redis_ca,
                           .command_ms = REDIS_HANGS_MS,
                           .on_up = redis_up,
                           .on_down = redis_down,
                           .on_fenced = serve_fenced,
                           .arg = p};

    if (!o.url) {
        p->embedded = embedded_open(p->loop, &em, e);
        if (!p->embedded)
            return -1;
        o.url = embedded_url(p->embedded);
    }
    p->db_url = mem_strdup(o.url);
    p->db = db_open(p->loop, &o, e);
    if (!p->db)
        return -1;
    p->dataset = dataset_new(p->loop, p->db, p->settings.data_dir);
    return p->dataset ? 0 : err_set(e, ERR_MEMORY, "no memory");
}

static int make_wire(struct program *p, struct err *e)
{
    struct wire_options o = {.loop = p->loop,
                             .db = p->db,
                             .db_url = p->db_url,
                             .config = p->settings.config,
                             .templates = p->settings.templates,
                             .shadow = p->o->shadow,
                             /* the rest is for the deadman's ping */
                             .max_sends =
                                 (unsigned)(p->descriptors.sends - p->descriptors.sends / 8),
                             .load_rules = serve_load_rules,
                             .kept_rule_file = serve_kept_rule_file,
                             .rewrite_rule_files = serve_rewrite_rule_files,
                             .ready = went_live,
                             .arg = p};
    struct outbound_options out = {.max_connections = p->descriptors.sends};

    p->outbound = outbound_new(p->loop, &out, e);
    if (!p->outbound || serve_deny_outgoing(p, e) < 0)
        return -1;
    o.outbound = p->outbound;
    p->rulebook = rulebook_new();
    p->heartbeats = heartbeats_new();
    p->wire = p->rulebook && p->heartbeats ? wire_new(&o, e) : NULL;
    return p->wire ? 0 : -1;
}

/* One that begins anew is where it was: senders and the other one know it by its address. */
static void keep_address(struct program *p)
{
    if (p->kept_listen[0])
        p->settings.listen = p->kept_listen;
    if (p->kept_statsd[0] && p->settings.statsd)
        p->settings.statsd = p->kept_statsd;
}

static void remember_address(struct program *p)
{
    snprintf(p->kept_listen, sizeof p->kept_listen, "%s", http_server_address(p->http));
    if (p->statsd)
        udp_address(p->statsd, p->kept_statsd);
}

static int open_program(struct program *p, struct err *e)
{
    struct err why;

    if (settings_load(&p->settings, p->o, e) < 0)
        return -1;
    if (zone_use(p->settings.config->server.zone) < 0)
        return err_set(e, ERR_MEMORY, "no memory");
    keep_address(p);
    p->clock = clock_system();
    log_setup(p->o->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              p->o->log_json || p->settings.config->server.log_json, p->clock);
    p->descriptors = descriptors_take();
    p->loop = p->clock ? loop_new(p->clock, e) : NULL;
    if (!p->loop)
        return -1;
    p->quit_timer = timer_new(p->loop, LOOP_CONTROL, stop, p);
    p->reload_timer = timer_new(p->loop, LOOP_INGEST, serve_reload_step, p);
    if (!p->reload_timer)
        return err_set(e, ERR_MEMORY, "no memory");
    p->watch = file_watch_new(p->loop, serve_reload_quietly, p, &why);
    if (!p->watch)
        log_warn("files are not watched; use SIGHUP", "reason", why.text, NULL);
    if (open_redis(p, e) < 0 || make_wire(p, e) < 0 || serve_make_doors(p, e) < 0)
        return -1;
    remember_address(p);
    if (take_signals(p) < 0)
        return err_set(e, ERR_IO, "signals cannot be taken");
    if (db_is_up(p->db))
        redis_up(p);
    return 0;
}

static void close_program(struct program *p)
{
    forward_free(p->forward);
    serve_reloads_free(p);
    if (p->http)
        http_server_free(p->http);
    udp_close(p->statsd);
    selfwatch_free(p->self);
    clock_watch_free(p->clock_watch);
    intake_free(p->ingest);
    wire_free(p->wire);
    own_alerts_free(p->own_alerts, p->n_own_alerts);
    rulefile_unref(p->own_rules);
    rulebook_free(p->rulebook);
    heartbeats_free(p->heartbeats);
    outbound_free(p->outbound);
    dataset_free(p->dataset);
    lease_free(p->lease);
    if (p->db)
        db_close(p->db);
    api_free(p->api); /* answers what still waits for something of the above */
    if (p->embedded)
        embedded_close(p->embedded, false);
    file_watch_free(p->watch);
    timer_free(p->quit_timer);
    timer_free(p->reload_timer);
    if (p->loop)
        loop_free(p->loop);
    mem_free(p->db_url);
    log_setup(LOG_LEVEL_INFO, false, NULL);
    clock_free(p->clock);
    settings_clear(&p->settings);
}

static void run_program(struct program *p)
{
    struct err e = {.text = "no memory"};

    if (open_program(p, &e) < 0) {
        fprintf(stderr, "tocsin: %s\n", e.text);
        p->exit_code = 1;
    } else if (p->exit_code == 0) {
        loop_run(p->loop);
    }
    p->ending = true;
    close_program(p);
}

int app_serve(const struct app_options *o)
{
    struct program p = {.o = o};

    run_program(&p);
    while (p.again && p.exit_code == 0) {
        struct program next = {.o = o};

        memcpy(next.kept_listen, p.kept_listen, sizeof next.kept_listen);
        memcpy(next.kept_statsd, p.kept_statsd, sizeof next.kept_statsd);
        p = next;
        run_program(&p);
    }
    return p.exit_code;
}
