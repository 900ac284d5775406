/* `tocsin serve`: the order of a start, of a reload and of an end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/clockwatch.h"
#include "app/descriptors.h"
#include "app/own_alerts.h"
#include "app/rulebook.h"
#include "app/selfwatch.h"
#include "app/settings.h"
#include "app/watch.h"
#include "app/wire.h"
#include "base/builtin.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tocsin/address.h"
#include "tocsin/api.h"
#include "tocsin/embedded.h"
#include "tocsin/http.h"
#include "tocsin/ingest.h"
#include "tocsin/udp.h"

#define DRAIN_MS       10000 /* sends in flight get this long at the end */
#define INBOX_RESTORE  1000
#define REDIS_HANGS_MS 2500 /* a Redis without an answer for this long is away: pages go on */

struct program {
    struct descriptors descriptors;
    const struct app_options *o;
    struct settings settings;
    struct clock *clock;
    struct loop *loop;
    struct embedded *embedded;
    struct db *db;
    char *db_url;
    struct outbound *outbound;
    struct rulebook *rulebook;
    struct rulefile *own_rules; /* built in: Tocsin's own alerts */
    struct own_alert *own_alerts;
    size_t n_own_alerts;
    struct wire *wire;
    struct ingest *ingest;
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
    bool reload_waits;          /* ordered during the start */
    struct reload *reloads;     /* the first one is under way */
    struct timer *reload_timer; /* its next slice */
};

static void refuse(struct program *p, const char *why)
{
    fprintf(stderr, "tocsin: %s\n", why);
    p->exit_code = 1;
    loop_stop(p->loop);
}

/* --- rules and configuration --- */

static void load_own_rules(struct program *p)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    struct err e;

    if (p->own_rules)
        return;
    p->own_rules = f ? rulefile_load(f->path, f->text, f->len, NULL, &e) : NULL;
    if (!p->own_rules || rules_put(wire_parts(p->wire)->rules, f->path, p->own_rules,
                                   clock_wall_ms(p->clock), &e) < 0)
        log_error("Tocsin's own alerts do not load", "error", e.text, NULL);
    else
        rulebook_reserve(p->rulebook, p->own_rules);
    p->own_alerts = p->own_rules ? own_alerts_new(p->own_rules, &p->n_own_alerts) : NULL;
    if (p->own_alerts)
        notify_set_own(wire_parts(p->wire)->notify, p->own_alerts, p->n_own_alerts);
}

static void watch_input(const char *path, void *arg)
{
    struct program *p = arg;

    file_watch_add(p->watch, path);
}

static void watch_files(struct program *p)
{
    /* a first one counts as soon as it is there */
    file_watch_add(p->watch, p->settings.path ? p->settings.path : SETTINGS_USUAL);
    if (p->settings.config->server.tls_cert) {
        file_watch_add(p->watch, p->settings.config->server.tls_cert);
        file_watch_add(p->watch, p->settings.config->server.tls_key);
    }
    for (size_t i = 0; i < p->settings.config->n_inputs; i++)
        file_watch_add(p->watch, p->settings.config->inputs[i]);
    for (size_t i = 0; i < p->settings.n_rules; i++)
        file_watch_below(p->watch, p->settings.rules[i]);
    rulebook_inputs(p->rulebook, watch_input, p);
}

static void load_rules(struct wire *w, void *arg)
{
    struct program *p = arg;

    (void)w;
    load_own_rules(p);
    rulebook_load(p->rulebook, p->wire, p->settings.rules, p->settings.n_rules);
    watch_files(p);
}

static void kept_rule_file(const char *path, const char *text, size_t len, void *arg)
{
    struct program *p = arg;

    rulebook_keep(p->rulebook, path, text, len);
}

static void rewrite_rule_files(struct store_table *t, void *arg)
{
    struct program *p = arg;

    rulebook_rewrite(p->rulebook, t);
}

/* A certificate that does not load leaves the old one: an expired one is better than none. */
static void renew_certificate(struct program *p)
{
    const struct config_server *s = &p->settings.config->server;
    struct err e;

    if (p->http && http_server_is_tls(p->http) && s->tls_cert &&
        http_server_certificate(p->http, s->tls_cert, s->tls_key, &e) < 0)
        log_error("the certificate does not load; the previous one is used on", "error", e.text,
                  NULL);
}

static int deny_outgoing(struct program *p, struct err *e)
{
    const struct config_server *s = &p->settings.config->server;

    return outbound_forbid(p->outbound, (const char *const *)s->deny_outgoing, s->n_deny_outgoing,
                           e);
}

static bool reload_config(struct program *p, struct json *out)
{
    struct err e;

    if (settings_reload(&p->settings, &e) < 0) {
        log_error("configuration refused; the previous one runs on", "error", e.text, NULL);
        if (out)
            json_kstr(out, "config_error", e.text);
        return false;
    }
    wire_configure(p->wire, p->settings.config);
    if (deny_outgoing(p, &e) < 0)
        log_error("the networks of deny_outgoing stay as they were", "error", e.text, NULL);
    renew_certificate(p);
    return true;
}

/* --- reloads: one at a time, in slices ------------------------------------------------------------- */

#define SLICE_US 5000 /* of loading rule files, in one turn of the loop */

struct reload { /* one that was ordered */
    struct reload *next;
    bool dry_run, ok;
    struct buf body;
    struct json out;
    reload_done done; /* NULL: nobody waits for it */
    void *done_arg;
};

static void reload_free(struct reload *r)
{
    buf_free(&r->body);
    mem_free(r);
}

static void begin_reload(struct program *p)
{
    struct reload *r = p->reloads;

    r->out = json_into(&r->body);
    json_object(&r->out);
    r->ok = r->dry_run || reload_config(p, &r->out);
    rulebook_begin(p->rulebook, p->wire, p->settings.rules, p->settings.n_rules, r->dry_run);
    timer_in(p->reload_timer, 0);
}

static void end_reload(struct program *p)
{
    struct reload *r = p->reloads;

    r->ok = rulebook_end(p->rulebook, p->wire, &r->out) == 0 && r->ok;
    json_kbool(&r->out, "ok", r->ok);
    json_object_end(&r->out);
    if (!r->dry_run)
        watch_files(p);
    p->reloads = r->next;
    if (r->done)
        r->done(&r->body, r->ok, r->done_arg);
    reload_free(r);
    if (p->reloads)
        begin_reload(p);
}

static void go_on_reloading(void *arg)
{
    struct program *p = arg;

    if (rulebook_step(p->rulebook, SLICE_US))
        end_reload(p);
    else
        timer_in(p->reload_timer, 0);
}

/* Orders one; behind those that were ordered before. */
static void reload(bool dry_run, reload_done done, void *done_arg, void *arg)
{
    struct program *p = arg;
    struct reload *r = mem_zalloc(sizeof *r), **at = &p->reloads;

    if (!r) {
        log_error("no memory for a reload", NULL);
        if (done)
            done(NULL, false, done_arg);
        return;
    }
    *r = (struct reload){.dry_run = dry_run, .done = done, .done_arg = done_arg};
    while (*at)
        at = &(*at)->next;
    *at = r;
    if (p->reloads == r)
        begin_reload(p);
}

/* Saved files and signals: one that waits already will see what they changed. */
static void reload_quietly(void *arg)
{
    struct program *p = arg;
    const struct reload *r;

    p->reload_waits = !wire_is_live(p->wire);
    if (p->reload_waits)
        return;
    for (r = p->reloads ? p->reloads->next : NULL; r; r = r->next)
        if (!r->dry_run)
            return;
    reload(false, NULL, NULL, p);
}

/* --- between stages that do not know each other --- */

static bool journal_takes(struct err *e, void *arg)
{
    struct program *p = arg;

    if (!wire_is_live(p->wire)) {
        err_set(e, ERR_BUSY, "starting: %s", wire_phase(p->wire));
        return false;
    }
    return journal_accepts(wire_parts(p->wire)->journal, e);
}

struct pending {
    ingest_done done;
    void *arg;
};

static void stored(enum journal_answer answer, const struct err *e, void *arg)
{
    static const enum ingest_answer answers[] = {[JOURNAL_STORED] = INGEST_STORED,
                                                 [JOURNAL_WAITING] = INGEST_WAITING,
                                                 [JOURNAL_REFUSED] = INGEST_REFUSED};
    struct pending *w = arg;

    w->done(answers[answer], e, w->arg);
    mem_free(w);
}

static void append(const struct ingest_batch *b, uint64_t hash, ingest_done done, void *done_arg,
                   void *arg)
{
    struct program *p = arg;
    struct journal_request r = {.hash = hash,
                                .samples = b->samples,
                                .n_samples = b->n_samples,
                                .events = b->events,
                                .n_events = b->n_events};
    struct pending *w = done ? mem_alloc(sizeof *w) : NULL;
    struct err e;

    if (done && !w) {
        err_set(&e, ERR_MEMORY, "no memory");
        done(INGEST_REFUSED, &e, done_arg);
        return;
    }
    if (w)
        *w = (struct pending){.done = done, .arg = done_arg};
    journal_append(wire_parts(p->wire)->journal, &r, w ? stored : NULL, w);
}

static void handle(struct http_request *r, void *arg)
{
    struct program *p = arg;

    if (!ingest_handle(p->ingest, r))
        api_handle(p->api, r);
}

static const struct config *current_config(void *arg)
{
    struct program *p = arg;

    return p->settings.config;
}

static bool sender(struct http_request *r, struct ingest_sender *out, void *arg)
{
    struct program *p = arg;
    struct api_sender who;

    if (!api_sender(p->api, r, &who))
        return false;
    *out = (struct ingest_sender){who.name, who.scope, who.n_scope};
    return true;
}

static bool is_live(struct json *out, void *arg)
{
    (void)arg;
    json_object(out);
    json_kbool(out, "live", true);
    json_object_end(out);
    return true;
}

static bool is_ready(struct json *out, void *arg)
{
    struct program *p = arg;

    return selfwatch_ready(p->self, out);
}

static bool is_started(struct json *out, void *arg)
{
    struct program *p = arg;

    (void)selfwatch_ready(p->self, out);
    return wire_is_live(p->wire);
}

static void metrics(struct buf *out, void *arg)
{
    struct program *p = arg;

    selfwatch_metrics(p->self, out);
}

static void write_rejected(const char *path, const char *error, void *arg)
{
    struct json *j = arg;

    json_object(j);
    json_kstr(j, "file", path);
    json_kstr(j, "error", error);
    json_object_end(j);
}

static void rejected(struct json *out, void *arg)
{
    const struct program *p = arg;

    json_array(out);
    rulebook_rejected(p->rulebook, write_rejected, out);
    json_array_end(out);
}

static void left_out(struct json *out, void *arg)
{
    const struct program *p = arg;
    struct ingest_stats s;

    ingest_stats(p->ingest, &s);
    json_array(out);
    for (enum ingest_protocol k = 0; k < INGEST_PROTOCOLS; k++)
        for (size_t i = 0; i < INGEST_LOSSES; i++) {
            uint64_t n = ingest_lost(&s, k, &ingest_losses[i]);

            if (n == 0)
                continue;
            json_object(out);
            json_kstr(out, "protocol", ingest_decoders[k].name);
            json_kstr(out, "reason", ingest_losses[i].name);
            json_kstr(out, "what", ingest_losses[i].text);
            json_kint(out, "count", (int64_t)n);
            json_object_end(out);
        }
    json_array_end(out);
}

static const char *phase(void *arg)
{
    const struct program *p = arg;

    return wire_phase(p->wire);
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
    if (p->exit_code == 0)
        wire_db_up(p->wire);
}

static void redis_down(const char *why, void *arg)
{
    struct program *p = arg;

    if (p->ending)
        return;
    if (!p->redis_away) /* told again when the reason changes: that is no news */
        log_warn("Redis is away: pages go on from memory, senders are told to repeat", "reason",
                 why, NULL);
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
    printf("tocsin ready http=%s", url);
    if (p->statsd)
        say_statsd(p);
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
    api_open(p->api);
    selfwatch_start(p->self);
    if (p->reload_waits)
        reload_quietly(p);
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
static void written(bool durable, void *arg)
{
    struct program *p = arg;

    (void)durable;
    timer_in(p->quit_timer, 0);
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
                   loop_signal(p->loop, SIGHUP, reload_quietly, p) < 0 ||
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
                           .arg = p};

    if (!o.url) {
        p->embedded = embedded_open(p->loop, &em, e);
        if (!p->embedded)
            return -1;
        o.url = embedded_url(p->embedded);
    }
    p->db_url = mem_strdup(o.url);
    p->db = db_open(p->loop, &o, e);
    return p->db ? 0 : -1;
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
                             .load_rules = load_rules,
                             .kept_rule_file = kept_rule_file,
                             .rewrite_rule_files = rewrite_rule_files,
                             .ready = went_live,
                             .arg = p};
    struct outbound_options out = {.max_connections = p->descriptors.sends};

    p->outbound = outbound_new(p->loop, &out, e);
    if (!p->outbound || deny_outgoing(p, e) < 0)
        return -1;
    o.outbound = p->outbound;
    p->rulebook = rulebook_new();
    p->wire = p->rulebook ? wire_new(&o, e) : NULL;
    return p->wire ? 0 : -1;
}

static int make_doors(struct program *p, struct err *e)
{
    const struct wire_parts *w = wire_parts(p->wire);
    struct ingest_options in = {.series = w->series,
                                .clock = p->clock,
                                .sender = sender,
                                .accepts = journal_takes,
                                .append = append,
                                .limits.new_series_per_minute =
                                    (uint32_t)p->settings.config->limits.new_series_per_minute,
                                .arg = p};
    struct api_options api = {.loop = p->loop,
                              .labels = w->labels,
                              .series = w->series,
                              .rules = w->rules,
                              .book = w->book,
                              .windows = w->windows,
                              .notify = w->notify,
                              .deliver = w->deliver,
                              .journal = w->journal,
                              .store = w->store,
                              .db = p->db,
                              .config = current_config,
                              .reload = reload,
                              .live = is_live,
                              .ready = is_ready,
                              .started = is_started,
                              .metrics = metrics,
                              .rejected = rejected,
                              .left_out = left_out,
                              .phase = phase,
                              .shadow = p->o->shadow,
                              .arg = p};
    struct http_server_options http = {.listen = p->settings.listen,
                                       .cert_file = p->settings.config->server.tls_cert,
                                       .key_file = p->settings.config->server.tls_key,
                                       .max_connections = p->descriptors.clients,
                                       .handle = handle,
                                       .arg = p};
    struct udp_options udp = {
        .listen = p->settings.statsd, .datagram = ingest_datagram, .drained = ingest_drained};
    struct selfwatch_options self = {
        .wire = p->wire, .rulebook = p->rulebook, .outbound = p->outbound};

    p->ingest = ingest_new(&in, e);
    if (!p->ingest)
        return -1;
    p->api = api_new(&api);
    self.ingest = udp.arg = p->ingest;
    self.http = p->http = http_server_new(p->loop, &http, e);
    if (!p->http)
        return -1;
    if (udp.listen && !(p->statsd = udp_open(p->loop, &udp, e)))
        return -1;
    p->self = selfwatch_new(&self);
    p->clock_watch = clock_watch_new(p->loop, p->db, p->wire);
    if (!p->api || !p->self || !p->clock_watch)
        return err_set(e, ERR_MEMORY, "no memory");
    return 0;
}

static int open_program(struct program *p, struct err *e)
{
    struct err why;

    if (settings_load(&p->settings, p->o, e) < 0)
        return -1;
    p->clock = clock_system();
    log_setup(p->o->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              p->o->log_json || p->settings.config->server.log_json, p->clock);
    p->descriptors = descriptors_take();
    p->loop = p->clock ? loop_new(p->clock, e) : NULL;
    if (!p->loop)
        return -1;
    p->quit_timer = timer_new(p->loop, LOOP_CONTROL, stop, p);
    p->reload_timer = timer_new(p->loop, LOOP_INGEST, go_on_reloading, p);
    if (!p->reload_timer)
        return err_set(e, ERR_MEMORY, "no memory");
    p->watch = file_watch_new(p->loop, reload_quietly, p, &why);
    if (!p->watch)
        log_warn("files are not watched; use SIGHUP", "reason", why.text, NULL);
    if (open_redis(p, e) < 0 || make_wire(p, e) < 0 || make_doors(p, e) < 0)
        return -1;
    if (take_signals(p) < 0)
        return err_set(e, ERR_IO, "signals cannot be taken");
    if (db_is_up(p->db))
        redis_up(p);
    return 0;
}

static void close_program(struct program *p)
{
    while (p->reloads) { /* who waits is answered by the API */
        struct reload *next = p->reloads->next;

        reload_free(p->reloads);
        p->reloads = next;
    }
    if (p->http)
        http_server_free(p->http);
    udp_close(p->statsd);
    selfwatch_free(p->self);
    clock_watch_free(p->clock_watch);
    ingest_free(p->ingest);
    wire_free(p->wire);
    own_alerts_free(p->own_alerts, p->n_own_alerts);
    rulefile_unref(p->own_rules);
    rulebook_free(p->rulebook);
    outbound_free(p->outbound);
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

int app_serve(const struct app_options *o)
{
    struct program p = {.o = o};
    struct err e = {.text = "no memory"};

    if (open_program(&p, &e) < 0) {
        fprintf(stderr, "tocsin: %s\n", e.text);
        p.exit_code = 1;
    } else if (p.exit_code == 0) {
        loop_run(p.loop);
    }
    p.ending = true;
    close_program(&p);
    return p.exit_code;
}
