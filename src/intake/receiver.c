/* HTTP and UDP around the decoders.
 * A request passes decode, scope and resolve in this order, and none of them leaves anything behind when a
 * later one refuses: only then it is handed on, and answered when that is stored. One batch serves all
 * requests in turn, so that the hot path allocates nothing. What a request is known by when it comes again
 * is its body, or what its sender calls it; a body without times of its own has no identity, since two equal
 * ones may be two measurements. Datagrams have nobody to answer: they are gathered for one turn and decoded
 * as one. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "intake/answer.h"
#include "intake/losses.h"
#include "model/heartbeat.h"
#include "model/identity.h"
#include "tocsin/http.h"

/* Datagrams of one wake-up; beyond, the batch is handed on at once. */
#define DATAGRAMS_MAX ((size_t)512 * 1024)

struct intake {
    struct intake_options o;
    struct decode_batch *batch; /* one, used by each request in turn */
    struct decode_memory *memory;
    struct decode_budget budget;
    uint64_t seed; /* of identities; of the installation once it is known */
    struct buf datagrams;
    struct intake_stats stats;
};

struct intake *intake_new(const struct intake_options *o, struct err *e)
{
    struct intake *g = mem_zalloc(sizeof *g);

    assert(o->series && o->clock && o->append);
    if (!g)
        goto fail;
    g->o = *o;
    decode_limits_fill(&g->o.limits);
    g->seed = random_u64();
    g->batch = decode_batch_new();
    g->memory = decode_memory_new();
    if (g->batch && g->memory)
        return g;
fail:
    intake_free(g);
    err_set(e, ERR_MEMORY, "no memory for ingest");
    return NULL;
}

void intake_set_seed(struct intake *g, uint64_t seed)
{
    assert(seed != 0);
    g->seed = seed;
}

void intake_free(struct intake *g)
{
    if (!g)
        return;
    decode_batch_free(g->batch);
    decode_memory_free(g->memory);
    buf_free(&g->datagrams);
    mem_free(g);
}

void intake_stats(const struct intake *g, struct intake_stats *out)
{
    *out = g->stats;
}

static void count(struct intake *g, enum decode_protocol p)
{
    struct intake_protocol_stats *s = &g->stats.of[p];
    const struct decode_counts *c = &g->batch->counts;

    s->samples += g->batch->n_samples;
    s->events += g->batch->n_events;
    s->metadata += c->metadata;
    s->outside += g->batch->series_outside;
    losses_count(s, p, g->batch);
    g->stats.new_series += c->new_series;
}

static void count_refusal(struct intake *g, enum decode_protocol p, enum err_code code)
{
    struct intake_protocol_stats *s = &g->stats.of[p];

    switch (code) {
    case ERR_LIMIT:
        s->too_large++;
        break;
    case ERR_MEMORY:
        s->no_memory++;
        break;
    case ERR_BUSY:
    case ERR_IO:
    case ERR_REFUSED:
        s->busy++;
        break;
    default:
        s->bad++;
    }
}

static void refuse(struct intake *g, enum decode_protocol p, struct http_request *r,
                   const struct err *e)
{
    count_refusal(g, p, e->code);
    answer_refused(r, refusal_of(e->code), e);
}

/* --- HTTP --- */

static bool is_head(const char *method)
{
    return strcmp(method, "HEAD") == 0;
}

static bool reads(const char *method)
{
    return strcmp(method, "GET") == 0 || is_head(method);
}

/* What a path takes, for the answer and for the header Allow. */
static const char *methods_of(const struct decode_protocol_row *d)
{
    return d->below ? "POST, GET, HEAD" : d->get ? "POST, GET" : "POST";
}

static bool takes_method(const struct decode_protocol_row *d, const char *method)
{
    return strcmp(method, "POST") == 0 ||
           (d->get && reads(method) && (d->below || !is_head(method)));
}

static bool takes_type(const struct decode_protocol_row *d, const char *type)
{
    size_t n = sizeof d->types / sizeof *d->types;

    if (type[0] == 0 || !d->types[0])
        return true;
    for (size_t i = 0; i < n && d->types[i]; i++)
        if (strcmp(d->types[i], type) == 0)
            return true;
    return false;
}

/* Remote write 2.0 has the same path and type and would decode as an empty 1.0 request. */
static bool is_remote_write_2(const struct http_request *r)
{
    const char *type = http_header(r, "Content-Type");

    return type && strstr(type, "io.prometheus.write.v2");
}

static bool takes_encoding(const struct decode_protocol_row *d, const char *encoding)
{
    static const char *const known[] = {"", "identity", "gzip", "x-gzip", "deflate"};

    if (!encoding)
        return true;
    if (d == &decode_table[DECODE_REMOTE_WRITE])
        return strcasecmp(encoding, "snappy") == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(encoding, known[i]) == 0)
            return true;
    return false;
}

static bool check_request(const struct decode_protocol_row *d, struct http_request *r)
{
    const char *method = http_method(r), *type = http_content_type(r);
    struct err e = {0};

    if (!takes_method(d, method)) {
        err_set(&e, ERR_INPUT, "%s takes %s, not %s", d->path, methods_of(d), method);
        http_reply_header(r, "Allow", methods_of(d));
        answer_refused(r, (struct refusal){405, "method_not_allowed", NULL}, &e);
        return false;
    }
    if (reads(method))
        return true;
    if (!takes_type(d, type)) {
        err_set(&e, ERR_INPUT, "%s takes content type %s, not %s", d->path, d->types[0], type);
        answer_refused(r, (struct refusal){415, "content_type", NULL}, &e);
        return false;
    }
    if (!takes_encoding(d, http_header(r, "Content-Encoding"))) {
        err_set(&e, ERR_INPUT, "%s takes Content-Encoding %s, not %.40s", d->path,
                d == &decode_table[DECODE_REMOTE_WRITE] ? "snappy" : "gzip, deflate or none",
                http_header(r, "Content-Encoding"));
        answer_refused(r, (struct refusal){415, "content_encoding", NULL}, &e);
        return false;
    }
    if (d == &decode_table[DECODE_REMOTE_WRITE] && is_remote_write_2(r)) {
        err_set(&e, ERR_INPUT, "remote write 2.0 is not spoken here, 1.0 is");
        answer_refused(r, (struct refusal){415, "content_type", NULL}, &e);
        return false;
    }
    return true;
}

static void add_urlencoded(struct buf *out, const char *s)
{
    for (; *s; s++) {
        if (strchr("%&=+", *s) || (unsigned char)*s < 33)
            buf_addf(out, "%%%02x", (unsigned char)*s);
        else
            buf_addc(out, *s);
    }
}

/* A GET carries the record in its query. The attributes of a LogRecord are known; what the caller
 * put there besides (extra=) comes only by POST. */
static void form_of_query(const struct http_request *r, struct buf *out)
{
    static const char *const names[] = {
        "name",     "msg",     "args",      "levelname", "levelno",    "pathname",
        "filename", "module",  "exc_info",  "exc_text",  "stack_info", "lineno",
        "funcName", "created", "thread",    "process",   "threadName", "processName",
        "taskName", "message", "asctime",   "service",   "event",      "request_id",
        "trace_id", "span_id", "exception", "level",     "logger",     "stack",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = http_query(r, names[i], 0);

        if (!value)
            continue;
        buf_addf(out, "%s%s=", out->len ? "&" : "", names[i]);
        add_urlencoded(out, value);
    }
}

/* --- pings --- */

/* NAME of /ping/NAME and /ping/NAME/STATE. */
static void ping_name(const char *path, char *out, size_t size)
{
    const char *name = path + strlen(decode_table[DECODE_HEARTBEAT].path);

    snprintf(out, size, "%.*s", (int)strcspn(name, "/"), name);
}

static void add_line(struct buf *out, const char *s)
{
    buf_add(out, s, strcspn(s, "\r\n"));
    buf_addc(out, '\n');
}

/* The lines that the decoder reads before the body: the name, the state, the duration. */
static int heartbeat_lines(const struct http_request *r, struct buf *out, struct err *e)
{
    const char *name = http_path(r) + strlen(decode_table[DECODE_HEARTBEAT].path);
    const char *state = strchr(name, '/'), *status = http_query(r, "status", 0);
    const char *duration = http_query(r, "duration", 0);

    if (state && state[1] && status)
        return err_at(e, ERR_INPUT, 0, "status", "the state stands in the path already: /%.20s",
                      state + 1);
    buf_add(out, name, strcspn(name, "/\r\n"));
    buf_addc(out, '\n');
    add_line(out, state && state[1] ? state + 1 : status ? status : "");
    add_line(out, duration ? duration : "");
    return 0;
}

static int heartbeat_body(struct intake *g, struct http_request *r, struct buf *lines,
                          struct decode_input *in, struct err *e)
{
    const void *body = NULL;
    size_t len = 0;

    if (heartbeat_lines(r, lines, e) != 0)
        return -1;
    if (!reads(http_method(r)) && http_body_plain(r, g->o.limits.max_body, &body, &len, e) != 0)
        return -1;
    if (len > 0)
        buf_add(lines, body, len);
    in->body = buf_str(lines);
    in->len = lines->len;
    return buf_ok(lines) ? 0 : err_set(e, ERR_MEMORY, "no memory for the request");
}

static bool is_known_ping(struct intake *g, struct http_request *r)
{
    char name[HEARTBEAT_NAME_MAX + 2];
    struct err e = {0};

    ping_name(http_path(r), name, sizeof name);
    if (!g->o.heartbeat || g->o.heartbeat(name, &e, g->o.arg))
        return true;
    g->stats.of[DECODE_HEARTBEAT].unknown++;
    answer_refused(r, (struct refusal){404, "unknown_heartbeat", NULL}, &e);
    return false;
}

/* The body as the decoder wants it. Remote write is compressed in a way of its own. */
static int plain_body(struct intake *g, const struct decode_protocol_row *d, struct http_request *r,
                      struct buf *query, struct decode_input *in, struct err *e)
{
    if (d == &decode_table[DECODE_HEARTBEAT])
        return heartbeat_body(g, r, query, in, e);
    if (reads(http_method(r))) {
        form_of_query(r, query);
        in->body = buf_str(query);
        in->len = query->len;
        return buf_ok(query) ? 0 : err_set(e, ERR_MEMORY, "no memory for the request");
    }
    if (d != &decode_table[DECODE_REMOTE_WRITE])
        return http_body_plain(r, g->o.limits.max_body, &in->body, &in->len, e);
    in->body = http_body(r, &in->len);
    return 0;
}

/* The same body sent again by the same client to the same path, under the same key if there is one. A
 * key alone says too little: under one that never changes all but the first request would be lost. */
static uint64_t request_identity(const struct intake *g, const struct decode_protocol_row *d,
                                 const struct decode_input *in, const char *token, const char *key)
{
    const struct decode_batch *b = g->batch;
    bool named = (key && *key) || (b->n_samples == 0 && b->n_named == b->n_events);
    uint64_t h;

    if (!named && b->n_untimed > 0)
        return 0;
    h = hash_seeded(in->body, in->len, g->seed);
    h = key && *key ? hash_seeded(key, strlen(key), h) : h;
    h = hash_seeded(d->path, strlen(d->path), h);
    return identity_of(hash_seeded(token, strlen(token), h), named);
}

/* The batch is decoded and resolved. */
static void hand_on(struct intake *g, struct http_request *r, uint64_t identity)
{
    const struct decode_batch *b = g->batch;
    size_t n = b->n_samples + b->n_events;
    struct partial *p;
    struct err e;

    if (b->part_error.code == ERR_NONE && n == 0) {
        http_reply(r, 204, NULL, NULL, 0);
    } else if (b->part_error.code == ERR_NONE) {
        g->o.append(b, identity, answer_appended, r, g->o.arg);
    } else if (n == 0) {
        answer_partial(r, 0, &b->part_error);
    } else if ((p = partial_new(r, n, &b->part_error)) != NULL) {
        g->o.append(b, identity, partial_appended, p, g->o.arg);
    } else {
        (void)err_set(&e, ERR_MEMORY, "no memory for the request");
        answer_appended(INTAKE_REFUSED, &e, r);
    }
}

static void take(struct intake *g, enum decode_protocol p, struct http_request *r,
                 const struct decode_sender *sender)
{
    const struct decode_protocol_row *d = &decode_table[p];
    struct decode_input in = {
        .now_ms = http_received_ms(r), .limits = &g->o.limits, .memory = g->memory};
    struct buf query = BUF_INIT;
    struct err e = {0}, outside = {0};

    assert(sender->token && d->decode);
    decode_batch_clear(g->batch);
    if (plain_body(g, d, r, &query, &in, &e) != 0 || d->decode(g->batch, &in, &e) != 0) {
        refuse(g, p, r, &e);
    } else if (decode_scope(g->batch, sender, p == DECODE_REMOTE_WRITE, &outside) != 0) {
        g->stats.of[p].outside++;
        answer_refused(r, refusal_of_part(ERR_REFUSED), &outside);
    } else if (decode_resolve(g->batch, &in, g->o.series, sender->token, &g->budget, &e) != 0) {
        refuse(g, p, r, &e);
    } else {
        count(g, p);
        if (g->batch->series_outside > 0 && g->batch->part_error.code == ERR_NONE)
            g->batch->part_error = outside;
        hand_on(g, r,
                request_identity(g, d, &in, sender->token, http_header(r, "Idempotency-Key")));
    }
    buf_free(&query);
}

static bool is_path_of(const struct decode_protocol_row *d, const char *path)
{
    if (!d->path)
        return false;
    return d->below ? strncmp(path, d->path, strlen(d->path)) == 0 : strcmp(path, d->path) == 0;
}

bool intake_handle(struct intake *g, struct http_request *r)
{
    const char *path = http_path(r);
    struct decode_sender sender = {.token = ""};
    struct err e = {0};
    int p = 0;

    while (p < DECODE_PROTOCOLS && !is_path_of(&decode_table[p], path))
        p++;
    if (p == DECODE_PROTOCOLS)
        return false;
    if (g->o.sender && !g->o.sender(r, &sender, g->o.arg))
        return true;
    g->stats.of[p].requests++;
    if (!check_request(&decode_table[p], r)) {
        g->stats.of[p].bad++;
        return true;
    }
    if (g->o.accepts && !g->o.accepts(&e, g->o.arg)) {
        g->stats.of[p].busy++;
        answer_appended(INTAKE_REFUSED, &e, r);
        return true;
    }
    if (p != DECODE_HEARTBEAT || is_known_ping(g, r))
        take(g, (enum decode_protocol)p, r, &sender);
    return true;
}

/* --- StatsD --- */

void intake_datagram(const char *data, size_t len, void *ingest)
{
    struct intake *g = ingest;

    g->stats.of[DECODE_STATSD].requests++;
    if (g->datagrams.len + len > DATAGRAMS_MAX)
        intake_drained(g);
    buf_add(&g->datagrams, data, len);
    buf_addc(&g->datagrams, '\n');
}

void intake_drained(void *ingest)
{
    struct intake *g = ingest;
    struct decode_input in = {.body = buf_str(&g->datagrams),
                              .len = g->datagrams.len,
                              .now_ms = clock_wall_ms(g->o.clock),
                              .limits = &g->o.limits,
                              .memory = g->memory};
    struct err e = {0};

    if (!buf_ok(&g->datagrams))
        err_set(&e, ERR_MEMORY, "no memory for datagrams");
    decode_batch_clear(g->batch);
    if (e.code != ERR_NONE || (g->o.accepts && !g->o.accepts(&e, g->o.arg)) ||
        decode_table[DECODE_STATSD].decode(g->batch, &in, &e) != 0 ||
        decode_resolve(g->batch, &in, g->o.series, "", &g->budget, &e) != 0) {
        if (e.code == ERR_LIMIT)
            e.code = ERR_BUSY; /* the sink's bound, not the datagrams' */
        count_refusal(g, DECODE_STATSD, e.code);
    } else {
        count(g, DECODE_STATSD);
        if (g->batch->n_samples > 0)
            g->o.append(g->batch, 0, NULL, NULL, g->o.arg);
    }
    buf_clear(&g->datagrams);
    assert(g->datagrams.len == 0);
}
