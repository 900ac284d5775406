/* The doors of the running program, and what goes through them: callbacks between stages that do not
 * know each other (ingest and journal, API and rulebook, HTTP and both). Each is a few lines without a
 * decision; whatever decides belongs to a stage. */
#include "app/serve_impl.h"

#include "base/mem.h"

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
    intake_done done;
    void *arg;
};

static void stored(enum journal_answer answer, const struct err *e, void *arg)
{
    static const enum intake_answer answers[] = {[JOURNAL_STORED] = INTAKE_STORED,
                                                 [JOURNAL_WAITING] = INTAKE_WAITING,
                                                 [JOURNAL_REFUSED] = INTAKE_REFUSED};
    struct pending *w = arg;

    w->done(answers[answer], e, w->arg);
    mem_free(w);
}

static void append(const struct decode_batch *b, uint64_t hash, intake_done done, void *done_arg,
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
        done(INTAKE_REFUSED, &e, done_arg);
        return;
    }
    if (w)
        *w = (struct pending){.done = done, .arg = done_arg};
    journal_append(wire_parts(p->wire)->journal, &r, w ? stored : NULL, w);
}

static void handle(struct http_request *r, void *arg)
{
    struct program *p = arg;

    if (serve_hand_on(p, r))
        return;
    if (!intake_handle(p->ingest, r))
        api_handle(p->api, r);
}

static const struct config *current_config(void *arg)
{
    struct program *p = arg;

    return p->settings.config;
}

static bool sender(struct http_request *r, struct decode_sender *out, void *arg)
{
    struct program *p = arg;
    struct api_sender who;

    if (!api_sender(p->api, r, &who))
        return false;
    *out = (struct decode_sender){who.name, who.scope, who.n_scope};
    return true;
}

/* Where there is none the name may be misspelt, or its rule not loaded. The nearest is looked for among as many
 * as one look can afford. */
static bool heartbeat(const char *name, struct err *e, void *arg)
{
    const struct program *p = arg;
    const struct rule *r = rules_find(wire_parts(p->wire)->rules, name);
    const char *near;

    if (r && rule_definition(r)->heartbeat)
        return true;
    near = heartbeats_nearest(p->heartbeats, name);
    err_set(e, ERR_INPUT,
            "no heartbeat is named \"%.100s\"%s%s%s; declare it in a rule file: heartbeat "
            "\"%.100s\" { every "
            "= \"1d\", grace = \"30m\" }",
            name, near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "", name);
    return false;
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
    return wire_is_live(p->wire) || lease_state(p->lease) == LEASE_STANDBY;
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
    struct intake_stats s;

    intake_stats(p->ingest, &s);
    json_array(out);
    for (enum decode_protocol k = 0; k < DECODE_PROTOCOLS; k++)
        for (size_t i = 0; i < INTAKE_LOSSES; i++) {
            uint64_t n = intake_lost(&s, k, &intake_losses[i]);

            if (n == 0)
                continue;
            json_object(out);
            json_kstr(out, "protocol", decode_table[k].name);
            json_kstr(out, "reason", intake_losses[i].name);
            json_kstr(out, "what", intake_losses[i].text);
            json_kint(out, "count", (int64_t)n);
            json_object_end(out);
        }
    json_array_end(out);
}

static void damage(struct json *out, void *arg)
{
    const struct program *p = arg;

    dataset_damage_json(p->dataset, wire_parts(p->wire)->journal, out);
}

static const char *phase(void *arg)
{
    const struct program *p = arg;

    return lease_state(p->lease) == LEASE_STANDBY ? "standing by" : wire_phase(p->wire);
}

int serve_make_doors(struct program *p, struct err *e)
{
    const struct wire_parts *w = wire_parts(p->wire);
    struct intake_options in = {.series = w->series,
                                .clock = p->clock,
                                .sender = sender,
                                .heartbeat = heartbeat,
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
                              .reload = serve_reload,
                              .live = is_live,
                              .ready = is_ready,
                              .started = is_started,
                              .metrics = metrics,
                              .rejected = rejected,
                              .left_out = left_out,
                              .damage = damage,
                              .phase = phase,
                              .shadow = p->o->shadow,
                              .arg = p};
    struct http_server_options http = {.listen = p->settings.listen,
                                       .cert_file = p->settings.config->server.tls_cert,
                                       .key_file = p->settings.config->server.tls_key,
                                       .max_connections = p->descriptors.clients,
                                       .handle = handle,
                                       .arg = p};
    struct udp_options udp = {.listen = p->settings.statsd,
                              .datagram = serve_datagram,
                              .drained = serve_datagrams_drained};
    struct selfwatch_options self = {
        .wire = p->wire, .rulebook = p->rulebook, .dataset = p->dataset, .outbound = p->outbound};

    p->ingest = intake_new(&in, e);
    if (!p->ingest)
        return -1;
    p->api = api_new(&api);
    self.ingest = p->ingest;
    udp.arg = p;
    self.http = p->http = http_server_new(p->loop, &http, e);
    if (!p->http)
        return -1;
    if (udp.listen && !(p->statsd = udp_open(p->loop, &udp, e)))
        return -1;
    if (serve_make_lease(p, e) < 0)
        return -1;
    self.lease = p->lease;
    self.forward = p->forward;
    p->self = selfwatch_new(&self);
    p->clock_watch = clock_watch_new(p->loop, p->db, p->wire);
    if (!p->api || !p->self || !p->clock_watch)
        return err_set(e, ERR_MEMORY, "no memory");
    return 0;
}
