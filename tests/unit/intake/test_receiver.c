#include "net/net_test.h"

#include <zlib.h>

#include "base/log.h"
#include "decode/decoding.h"
#include "decode/protobuf.h"
#include "tocsin/http.h"
#include "tocsin/intake.h"
#include "tocsin/udp.h"
#include "model/identity.h"

#define HOST "Host: x\r\n"

static struct http_server *server;
static struct labelsets *ls;
static struct series_table *t;
static struct intake *g;

/* the sink: what it took, and how it answers */
static struct {
    size_t n, samples, events;
    uint64_t hash;
    enum intake_answer answer;
    enum err_code code;
    bool later;
    intake_done done;
    void *done_arg;
} sink;
static const char *closed; /* why nothing is accepted; NULL: it is */
static enum err_code closed_code;

static void answer(intake_done done, void *arg)
{
    struct err e = {0};

    if (sink.code)
        err_set(&e, sink.code, "the journal says no");
    done(sink.answer, &e, arg);
}

static void append(const struct decode_batch *b, uint64_t hash, intake_done done, void *done_arg,
                   void *arg)
{
    (void)arg;
    sink.n++;
    sink.samples += b->n_samples;
    sink.events += b->n_events;
    sink.hash = hash;
    sink.done = done;
    sink.done_arg = done_arg;
    if (done && !sink.later)
        answer(done, done_arg);
}

static bool accepts(struct err *e, void *arg)
{
    (void)arg;
    if (closed)
        err_set(e, closed_code, "%s", closed);
    return closed == NULL;
}

static struct matcher *team_a;

static bool sender(struct http_request *r, struct decode_sender *out, void *arg)
{
    const char *token = http_header(r, "Authorization");

    (void)arg;
    if (token && strcmp(token, "wrong") == 0) {
        http_reply(r, 401, NULL, NULL, 0);
        return false;
    }
    out->token = token ? token : "";
    if (team_a && token && strcmp(token, "scoped") == 0) {
        out->scope = &team_a;
        out->n_scope = 1;
    }
    return true;
}

static void handle(struct http_request *r, void *arg)
{
    (void)arg;
    if (!intake_handle(g, r))
        http_reply(r, 404, NULL, NULL, 0);
}

static size_t max_body = 1000;
static bool (*only)(const char *name, struct err *e, void *arg);

static void open_all(void)
{
    struct http_server_options o = {.listen = "127.0.0.1:0", .handle = handle};
    struct intake_options io = {
        .append = append, .accepts = accepts, .sender = sender, .heartbeat = only};
    struct err e = {0};

    loop_open();
    memset(&sink, 0, sizeof sink);
    closed = NULL;
    ls = labelsets_new(0);
    t = series_table_new(ls, 0);
    io.series = t;
    io.clock = t_clock;
    io.limits.max_body = max_body;
    g = intake_new(&io, &e);
    ck_assert_msg(g != NULL, "%s", e.text);
    server = http_server_new(t_loop, &o, &e);
    ck_assert_msg(server != NULL, "%s", e.text);
}

static void close_all(void)
{
    http_server_free(server);
    intake_free(g);
    series_table_free(t);
    labelsets_free(ls);
    loop_close();
}

static const struct intake_protocol_stats *stats(enum decode_protocol p)
{
    static struct intake_stats s;

    intake_stats(g, &s);
    return &s.of[p];
}

/* Sends a request and waits for the answer, which is left in static memory. */
static const char *ask(const char *line, const char *headers, const void *body, size_t len)
{
    static char got[4096];
    struct buf b = BUF_INIT;
    struct raw *r = raw_connect(http_server_port(server));

    buf_addf(&b, "%s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\nConnection: close\r\n\r\n", line,
             headers, len);
    buf_add(&b, body, len);
    raw_send_n(r, b.data, b.len);
    WAIT_FOR(raw_poll(r));
    snprintf(got, sizeof got, "%.4000s", r->got);
    raw_close(r);
    buf_free(&b);
    return got;
}

static const char *post(const char *path, const char *type, const char *body)
{
    char line[200], headers[200];

    snprintf(line, sizeof line, "POST %s", path);
    snprintf(headers, sizeof headers, "Content-Type: %s\r\n", type);
    return ask(line, headers, body, strlen(body));
}

#define METRICS   "/api/tocsin/v1/metrics"
#define EVENTS    "/api/tocsin/v1/events"
#define FORM      "/api/tocsin/v1/form"
#define JSON      "application/json"
#define ONE       "{\"name\":\"up\",\"value\":1}"
#define HAS(a, b) ck_assert_msg(strstr(a, b) != NULL, "%s", a)

START_TEST(each_path_takes_its_protocol)
{
    struct buf plain = BUF_INIT, body = BUF_INIT;

    open_all();
    HAS(post(METRICS, JSON, ONE), "HTTP/1.1 204");
    HAS(post(METRICS, "application/x-ndjson; charset=utf-8", ONE "\n" ONE), "HTTP/1.1 204");
    HAS(post(EVENTS, JSON, "[{\"message\":\"a\"},{\"message\":\"b\"}]"), "HTTP/1.1 204");
    HAS(post(FORM, "application/x-www-form-urlencoded", "msg=hi&args=()"), "HTTP/1.1 204");
    HAS(ask("GET " FORM "?msg=user+%25s&args=('bob',)&levelname=INFO&exc_text=None", "", "", 0),
        "HTTP/1.1 204");
    pb_series(&plain, "__name__=up,job=api", 1, clock_wall_ms(t_clock));
    pb_snappy(&plain, &body);
    HAS(ask("POST /api/v1/write",
            "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n", body.data,
            body.len),
        "HTTP/1.1 204");
    ck_assert_uint_eq(sink.n, 6);
    ck_assert_uint_eq(sink.samples, 4);
    ck_assert_uint_eq(sink.events, 4);
    ck_assert_uint_eq(series_count(t), 2);
    ck_assert_uint_eq(stats(DECODE_JSON_METRICS)->requests, 2);
    ck_assert_uint_eq(stats(DECODE_JSON_METRICS)->samples, 3);
    ck_assert_uint_eq(stats(DECODE_FORM)->events, 2);
    HAS(post("/api/tocsin/v1/other", JSON, ONE), "HTTP/1.1 404");
    buf_free(&plain);
    buf_free(&body);
    close_all();
}
END_TEST

static bool heartbeat(const char *name, struct err *e, void *arg)
{
    (void)arg;
    if (strcmp(name, "backup") == 0)
        return true;
    err_set(e, ERR_INPUT, "no heartbeat is named \"%s\"", name);
    return false;
}

START_TEST(a_ping_is_its_address_and_is_answered_when_it_is_stored)
{
    only = heartbeat;
    open_all();
    HAS(ask("GET /ping/backup", "", "", 0), "HTTP/1.1 204");
    HAS(ask("HEAD /ping/backup/0", "", "", 0), "HTTP/1.1 204");
    HAS(ask("POST /ping/backup/start", "", "", 0), "HTTP/1.1 204");
    HAS(ask("POST /ping/backup/3", "Content-Type: image/png\r\n", "no\nspace", 8), "HTTP/1.1 204");
    HAS(ask("GET /ping/backup?status=fail&duration=2.5", "", "", 0), "HTTP/1.1 204");
    ck_assert_uint_eq(sink.n, 5);
    ck_assert_uint_eq(sink.events, 2);
    ck_assert_uint_eq(sink.samples,
                      7); /* the run that began was measured, one told how long it took */
    ck_assert_uint_eq(sink.hash, 0); /* a ping that comes again is another one */
    ck_assert_uint_eq(stats(DECODE_HEARTBEAT)->requests, 5);
    sink.answer = INTAKE_REFUSED;
    HAS(ask("GET /ping/backup", "", "", 0), "HTTP/1.1 503");
    closed = "starting";
    closed_code = ERR_BUSY;
    HAS(ask("GET /ping/backup", "", "", 0), "HTTP/1.1 503");
    close_all();
    only = NULL;
}
END_TEST

START_TEST(what_no_heartbeat_has_or_is_no_ping_is_refused_and_counted)
{
    only = heartbeat;
    open_all();
    HAS(ask("GET /ping/bakup", "", "", 0), "HTTP/1.1 404");
    HAS(ask("POST /ping/bakup/0", "", "x", 1), "no heartbeat is named");
    HAS(ask("GET /ping/", "", "", 0), "HTTP/1.1 404");
    HAS(ask("GET /ping/backup/later", "", "", 0), "HTTP/1.1 400");
    HAS(ask("GET /ping/backup/0?status=1", "", "", 0), "HTTP/1.1 400");
    HAS(ask("GET /ping/backup?duration=soon", "", "", 0), "HTTP/1.1 400");
    HAS(ask("DELETE /ping/backup", "", "", 0), "Allow: POST, GET, HEAD");
    HAS(ask("HEAD " FORM, "", "", 0), "HTTP/1.1 405");
    HAS(ask("GET /ping/backup", "Authorization: wrong\r\n", "", 0), "HTTP/1.1 401");
    ck_assert_uint_eq(sink.n, 0);
    ck_assert_uint_eq(series_count(t), 0);
    ck_assert_uint_eq(stats(DECODE_HEARTBEAT)->unknown, 3);
    ck_assert_uint_eq(stats(DECODE_HEARTBEAT)->bad, 4);
    close_all();
    only = NULL;
}
END_TEST

static int n_logged;

static void note_line(const char *line, void *arg)
{
    n_logged += strstr(line, arg) != NULL;
}

static const char *write_series(const char *const *labels, size_t n)
{
    struct buf plain = BUF_INIT, body = BUF_INIT;
    const char *got;

    for (size_t i = 0; i < n; i++)
        pb_series(&plain, labels[i], 1, clock_wall_ms(t_clock));
    pb_snappy(&plain, &body);
    got = ask("POST /api/v1/write",
              "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n", body.data,
              body.len);
    buf_free(&plain);
    buf_free(&body);
    return got;
}

START_TEST(a_bad_series_costs_itself_and_the_rest_is_stored_before_it_is_told)
{
    static const char *const labels[] = {"__name__=a", "job=nameless", "__name__=b"};
    static const char *const bad[] = {"job=nameless"};
    const char *got;

    open_all();
    n_logged = 0;
    log_divert(note_line, "series that are not well formed");
    got = write_series(labels, 3);
    HAS(got, "HTTP/1.1 400");
    HAS(got, "time series 2: a series has no name");
    HAS(got, "\"accepted\":2");
    ck_assert_uint_eq(sink.samples, 2);
    sink.answer = INTAKE_WAITING; /* not safe yet: it has to come again, whole */
    HAS(write_series(labels, 3), "HTTP/1.1 503");
    sink.answer = INTAKE_REFUSED;
    sink.code = ERR_LIMIT;
    HAS(write_series(labels, 3), "HTTP/1.1 429");
    ck_assert_uint_eq(sink.n, 3);
    got = write_series(bad, 1); /* nothing is left of it */
    HAS(got, "HTTP/1.1 400");
    HAS(got, "\"accepted\":0");
    ck_assert_uint_eq(sink.n, 3);
    ck_assert_uint_eq(stats(DECODE_REMOTE_WRITE)->series_refused, 4);
    ck_assert_int_eq(n_logged, 1); /* once */
    log_divert(NULL, NULL);
    close_all();
}
END_TEST

START_TEST(names_that_cannot_be_shown_are_refused_with_their_place)
{
    static const struct {
        const char *path, *body, *field;
        int line;
    } rows[] = {
        {METRICS, ONE "\n{\"name\":\"a\\nb\",\"value\":1}", "name", 2},
        {METRICS, "{\"name\":\"a\",\"value\":1,\"labels\":{\"x\\u0001\":\"y\"}}", "labels", 1},
        {METRICS, "{\"name\":\"a\",\"value\":1,\"labels\":{\"service\":\"x\\ny\"}}", "service", 1},
        {EVENTS, "{\"message\":\"a\"}\n{\"a\\u0085b\":1}", "fields", 2},
        {EVENTS, "{\"service\":\"a\\u001b[2J\"}", "service", 1},
    };

    open_all();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char field[60];
        const char *got = post(rows[i].path, JSON, rows[i].body);

        snprintf(field, sizeof field, "\"line\":%d,\"field\":\"%s\"", rows[i].line, rows[i].field);
        HAS(got, "HTTP/1.1 400");
        HAS(got, "cannot be a name");
        HAS(got, field);
    }
    ck_assert_uint_eq(sink.n, 0);
    HAS(post(METRICS, JSON,
             "{\"name\":\"h\xc3\xb6he.m-1\",\"value\":1,\"labels\":{\"a b\":\"x\\ny\"}}"),
        "HTTP/1.1 204");
    close_all();
}
END_TEST

START_TEST(faults_are_told_with_their_place)
{
    const char *got;

    open_all();
    got = post(METRICS, JSON, ONE "\n{\"name\":\"b\",\"valeu\":1}");
    HAS(got, "HTTP/1.1 400");
    HAS(got, "{\"error\":{\"code\":\"bad_request\",\"message\":\"unknown field \\\"valeu\\\": did "
             "you mean \\\"value\\\"?\",\"line\":2,\"field\":\"valeu\"},\"accepted\":0}");
    got = post(METRICS, "text/html", ONE);
    HAS(got, "HTTP/1.1 415");
    HAS(got, "takes content type application/json, not text/html");
    got = ask("GET " METRICS, "", "", 0);
    HAS(got, "HTTP/1.1 405");
    HAS(got, "Allow: POST");
    got =
        ask("POST /api/v1/write",
            "Content-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n", "", 0);
    HAS(got, "HTTP/1.1 415");
    got = ask("POST /api/v1/write",
              "Content-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\n", "x", 1);
    HAS(got, "HTTP/1.1 415");
    got =
        ask("POST " METRICS, "Content-Type: application/json\r\nContent-Encoding: br\r\n", "x", 1);
    HAS(got, "HTTP/1.1 415");
    HAS(got, "takes Content-Encoding gzip, deflate or none, not br");
    ck_assert_uint_eq(sink.n, 0);
    ck_assert_uint_eq(series_count(t), 0);
    ck_assert_uint_eq(stats(DECODE_JSON_METRICS)->bad, 4);
    ck_assert_uint_eq(stats(DECODE_REMOTE_WRITE)->bad, 2);
    close_all();
}
END_TEST

static void long_labels(char *to, int i)
{
    to += sprintf(to, "__name__=wide%d", i);
    for (int k = 0; k < 4; k++)
        to += sprintf(to, ",l%d=%0190d", k, i * 4 + k);
}

/* What is known goes on, what would be new is refused and told; memory stays under the bound. */
START_TEST(labels_are_bounded_by_their_bytes_and_known_series_go_on)
{
    static char text[60][900];
    const char *labels[61] = {"__name__=known"}, *got;
    struct series_memory m;

    max_body = 1 << 20;
    open_all();
    max_body = 1000;
    HAS(write_series(labels, 1), "HTTP/1.1 204");
    series_label_limits(t, 0, 40000);
    for (int i = 0; i < 60; i++) {
        long_labels(text[i], i);
        labels[1 + i] = text[i];
    }
    got = write_series(labels, 61);
    HAS(got, "HTTP/1.1 400");
    HAS(got, "limits { label_memory_per_token }");
    series_memory(t, &m);
    ck_assert_uint_le(m.fullest, 40000);
    ck_assert_uint_gt(m.fullest, 20000);
    ck_assert_uint_eq(sink.samples,
                      1 + series_count(t)); /* all that found room, and the known one */
    ck_assert_uint_eq(stats(DECODE_REMOTE_WRITE)->series_over, 61 - series_count(t));
    HAS(write_series(labels, 1), "HTTP/1.1 204"); /* the known one */
    series_label_limits(t, m.all, 0);
    got = post(METRICS, JSON, "{\"name\":\"another\",\"value\":1}"); /* whole or not at all */
    HAS(got, "HTTP/1.1 429");
    HAS(got, "limits { label_memory }");
    HAS(post(METRICS, JSON, "{\"name\":\"known\",\"value\":1}"), "HTTP/1.1 204");
    series_label_limits(t, m.all + 1000, 0);
    HAS(post(METRICS, JSON, "{\"name\":\"another\",\"value\":1}"), "HTTP/1.1 204");
    close_all();
}
END_TEST

START_TEST(compressed_bodies_are_unpacked_up_to_the_limit)
{
    for (size_t n = 999; n <= 1001; n++) {
        static char plain[2000];
        unsigned char packed[2000];
        z_stream z = {0};
        const char *got;

        open_all();
        snprintf(plain, sizeof plain, "{\"name\":\"up\",\"value\":1,\"labels\":{\"a\":\"%0*d\"}}",
                 (int)n - 41, 1);
        ck_assert_uint_eq(strlen(plain), n);
        ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0), Z_OK);
        z.next_in = (unsigned char *)plain;
        z.avail_in = (unsigned)n;
        z.next_out = packed;
        z.avail_out = sizeof packed;
        ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        got = ask("POST " METRICS, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
                  packed, sizeof packed - z.avail_out);
        deflateEnd(&z);
        HAS(got, n <= 1000 ? "HTTP/1.1 204" : "HTTP/1.1 413");
        ck_assert_uint_eq(stats(DECODE_JSON_METRICS)->too_large, n > 1000);
        close_all();
    }
}
END_TEST

static const struct {
    enum intake_answer answer;
    enum err_code code;
    const char *status, *retry_after;
} answers[] = {
    {INTAKE_STORED, ERR_NONE, "HTTP/1.1 204", NULL},
    {INTAKE_WAITING, ERR_NONE, "HTTP/1.1 503", "Retry-After: 5"},
    {INTAKE_REFUSED, ERR_LIMIT, "HTTP/1.1 429", "Retry-After: 10"},
    {INTAKE_REFUSED, ERR_BUSY, "HTTP/1.1 503", "Retry-After: 5"},
    {INTAKE_REFUSED, ERR_IO, "HTTP/1.1 503", "Retry-After: 5"},
};

START_TEST(the_sink_decides_the_answer)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const char *got;

        open_all();
        sink.answer = answers[i].answer;
        sink.code = answers[i].code;
        got = post(METRICS, JSON, ONE);
        HAS(got, answers[i].status);
        if (answers[i].retry_after)
            HAS(got, answers[i].retry_after);
        if (answers[i].answer != INTAKE_STORED)
            HAS(got, "\"accepted\":0");
        if (answers[i].code)
            HAS(got, "the journal says no");
        close_all();
    }
}
END_TEST

START_TEST(answers_may_come_later)
{
    struct raw *r;

    open_all();
    sink.later = true;
    r = raw_connect(http_server_port(server));
    raw_send(r, "POST " METRICS " HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
                "Content-Length: 23\r\n\r\n" ONE);
    WAIT_FOR(sink.n == 1);
    ck_assert(!raw_has(r, "HTTP"));
    answer(sink.done, sink.done_arg);
    WAIT_FOR(raw_has(r, "HTTP/1.1 204"));
    raw_close(r);
    close_all();
}
END_TEST

START_TEST(nothing_is_decoded_while_nothing_is_accepted)
{
    const char *got;

    open_all();
    closed = "the queue is full";
    closed_code = ERR_LIMIT;
    got = post(METRICS, JSON, "not JSON at all");
    HAS(got, "HTTP/1.1 429");
    HAS(got, "the queue is full");
    closed_code = ERR_BUSY;
    HAS(post(METRICS, JSON, ONE), "HTTP/1.1 503");
    ck_assert_uint_eq(sink.n, 0);
    ck_assert_uint_eq(stats(DECODE_JSON_METRICS)->busy, 2);
    close_all();
}
END_TEST

#define TIMED "{\"name\":\"up\",\"value\":1,\"time\":1767600000}"

/* Nobody writes another team's series: a batch is refused whole, of remote write only the series. */
START_TEST(a_scoped_token_sends_only_what_its_scope_covers)
{
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {METRICS, "[{\"name\":\"load\",\"value\":1,\"labels\":{\"team\":\"a\"}}]", 204},
        {METRICS, "[{\"name\":\"load\",\"value\":1,\"labels\":{\"team\":\"b\"}}]", 403},
        {METRICS, "[{\"name\":\"load\",\"value\":1}]", 403}, /* no team is not this one */
        {METRICS,
         "[{\"name\":\"load\",\"value\":1,\"labels\":{\"team\":\"a\"}},"
         "{\"name\":\"load\",\"value\":1,\"labels\":{\"team\":\"b\"}}]",
         403},
        {EVENTS, "[{\"message\":\"x\",\"team\":\"a\"}]", 204},
        {EVENTS, "[{\"message\":\"x\",\"team\":\"b\"}]", 403},
        {EVENTS, "[{\"message\":\"x\"}]", 403},
    };
    struct err e;

    open_all();
    team_a = matcher_parse("team=a", 6, &e);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64], status[32];
        const char *got;

        snprintf(path, sizeof path, "POST %s", cases[i].path);
        snprintf(status, sizeof status, "HTTP/1.1 %d", cases[i].status);
        got = ask(path, "Authorization: scoped\r\nContent-Type: application/json\r\n",
                  cases[i].body, strlen(cases[i].body));
        ck_assert_msg(strstr(got, status), "case %zu: %s", i, got);
        if (cases[i].status == 403)
            HAS(got, "team=\\\"a\\\"");
    }
    ck_assert_uint_eq(sink.n, 2);
    ck_assert_uint_eq(series_count(t), 1);
    ck_assert_uint_eq(stats(DECODE_JSON_METRICS)->outside, 3);
    ck_assert_uint_eq(stats(DECODE_JSON_EVENTS)->outside, 2);
    matcher_unref(team_a);
    team_a = NULL;
    close_all();
}
END_TEST

/* Prometheus sends many series at once: the others are stored, then the sender is told. */
START_TEST(of_remote_write_only_the_series_outside_of_the_scope_are_refused)
{
    static const char head[] = "Authorization: scoped\r\nContent-Type: application/x-protobuf\r\n"
                               "Content-Encoding: snappy\r\n";
    struct buf plain = BUF_INIT, body = BUF_INIT;
    int64_t now_ms;
    const char *got;
    struct err e;

    open_all();
    now_ms = clock_wall_ms(t_clock);
    team_a = matcher_parse("team=a", 6, &e);
    pb_series(&plain, "__name__=load,team=b", 1, now_ms);
    pb_series(&plain, "__name__=load,team=a", 2, now_ms);
    pb_series(&plain, "__name__=load", 3, now_ms);
    pb_series(&plain, "__name__=up,team=a", 4, now_ms);
    pb_snappy(&plain, &body);
    got = ask("POST /api/v1/write", head, body.data, body.len);
    HAS(got, "HTTP/1.1 403");
    HAS(got, "the series {__name__=\\\"load\\\",team=\\\"b\\\"}"); /* the first */
    ck_assert_uint_eq(sink.samples, 2);
    ck_assert_uint_eq(series_count(t), 2);
    ck_assert_uint_eq(stats(DECODE_REMOTE_WRITE)->outside, 2);
    sink.answer = INTAKE_WAITING; /* it comes again, whole: that must not be told as final */
    HAS(ask("POST /api/v1/write", head, body.data, body.len), "HTTP/1.1 503");
    sink.answer = INTAKE_STORED;
    buf_clear(&plain);
    buf_clear(&body);
    pb_series(&plain, "__name__=load,team=b", 1, now_ms);
    pb_snappy(&plain, &body);
    HAS(ask("POST /api/v1/write", head, body.data, body.len), "HTTP/1.1 403");
    ck_assert_uint_eq(sink.samples, 4); /* nothing was left to store */
    buf_free(&plain);
    buf_free(&body);
    matcher_unref(team_a);
    team_a = NULL;
    close_all();
}
END_TEST

START_TEST(hashes_name_the_body_its_path_and_its_sender)
{
    uint64_t first, second;

    open_all();
    post(METRICS, JSON, TIMED);
    first = sink.hash;
    ck_assert(first != 0 && !identity_is_named(first));
    post(METRICS, JSON, TIMED);
    ck_assert(sink.hash == first);
    ask("POST " METRICS, "Authorization: ana\r\n", TIMED, strlen(TIMED));
    second = sink.hash;
    ck_assert(second != first);
    post(EVENTS, JSON, TIMED);
    ck_assert(sink.hash != first);
    post(METRICS, JSON, TIMED " ");
    ck_assert(sink.hash != first && sink.hash != second);
    HAS(ask("POST " METRICS, "Authorization: wrong\r\n", TIMED, strlen(TIMED)), "HTTP/1.1 401");
    ck_assert_uint_eq(sink.n, 5);
    close_all();
}
END_TEST

#define ULID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

/* The same reading may come twice: only what carries a time, or a name of its own, is known again. */
START_TEST(a_body_without_times_is_not_known_by_its_hash)
{
    static const char *const anonymous[] = {
        "{\"name\":\"t\",\"value\":95}",
        "[{\"name\":\"t\",\"value\":95,\"time\":1767600000},{\"name\":\"t\",\"value\":96}]",
    };
    static const char *const kinds[] = {
        "{\"message\":\"failed logon\",\"event_id\":4625}",
        "{\"message\":\"x\",\"eventId\":\"123456789012345\"}", /* one short of an id */
        "{\"message\":\"x\",\"event.id\":\"ORDER_PAYMENT_FAILED\"}",
    };
    uint64_t key;

    open_all();
    for (size_t i = 0; i < 2; i++) {
        post(METRICS, JSON, anonymous[i]);
        ck_assert_uint_eq(sink.hash, 0);
    }
    post(EVENTS, JSON, "{\"message\":\"no stock\"}");
    ck_assert_uint_eq(sink.hash, 0);
    post(EVENTS, JSON, "{\"message\":\"no stock\",\"time\":1.5}");
    ck_assert_uint_eq(sink.hash, 0);
    post(EVENTS, JSON, "[{\"message\":\"x\",\"event_id\":\"" ULID "\"},{\"message\":\"x\"}]");
    ck_assert_uint_eq(sink.hash, 0);
    post(EVENTS, JSON, "{\"message\":\"no stock\",\"event_id\":\"" ULID "\"}");
    ck_assert(identity_is_named(sink.hash));
    post(EVENTS, JSON, "{\"message\":\"no stock\",\"event.id\":\"1234567890123456\"}");
    ck_assert(identity_is_named(sink.hash));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        post(EVENTS, JSON, kinds[i]);
        ck_assert_msg(sink.hash == 0, "%s", kinds[i]);
    }
    ask("POST " METRICS, "Idempotency-Key: k1\r\n", anonymous[0], strlen(anonymous[0]));
    key = sink.hash;
    ck_assert(identity_is_named(key));
    ask("POST " METRICS, "Idempotency-Key: k1\r\n", anonymous[0], strlen(anonymous[0]));
    ck_assert(sink.hash == key);
    ask("POST " METRICS, "Idempotency-Key: k2\r\n", anonymous[0], strlen(anonymous[0]));
    ck_assert(sink.hash != key && identity_is_named(sink.hash));
    ask("POST " METRICS, "Idempotency-Key: k1\r\n", anonymous[1], strlen(anonymous[1]));
    ck_assert(sink.hash != key && identity_is_named(sink.hash)); /* another body is no repetition */
    close_all();
}
END_TEST

/* What a process before this one has stored is known again. */
START_TEST(an_identity_is_of_the_installation_not_of_the_process)
{
    static const char body[] = "{\"name\":\"t\",\"value\":95}";
    uint64_t of[3], seeds[3] = {7, 7, 8};

    for (size_t i = 0; i < 3; i++) {
        open_all();
        intake_set_seed(g, seeds[i]);
        ask("POST " METRICS, "Idempotency-Key: k1\r\n", body, strlen(body));
        of[i] = sink.hash;
        close_all();
    }
    ck_assert(of[0] == of[1]);
    ck_assert(of[0] != of[2]);
}
END_TEST

START_TEST(empty_requests_need_no_sink)
{
    open_all();
    HAS(post(METRICS, JSON, "[]"), "HTTP/1.1 204");
    ck_assert_uint_eq(sink.n, 0);
    close_all();
}
END_TEST

static void send_datagram(int fd, int port, const char *text)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&sa, sizeof sa),
                     (int)strlen(text));
}

START_TEST(datagrams_of_one_wake_up_are_one_batch)
{
    struct udp_options o = {
        .listen = "127.0.0.1:0", .datagram = intake_datagram, .drained = intake_drained};
    struct udp *u;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    open_all();
    o.arg = g;
    u = udp_open(t_loop, &o, NULL);
    ck_assert_ptr_nonnull(u);
    for (int i = 0; i < 10; i++)
        send_datagram(fd, udp_port(u), "a:1|c\nb:2|g");
    send_datagram(fd, udp_port(u), "wrong");
    WAIT_FOR(stats(DECODE_STATSD)->requests == 11);
    ck_assert_uint_eq(sink.samples, 20);
    ck_assert_uint_eq(sink.n, 1);
    ck_assert_uint_eq(sink.hash, 0);
    ck_assert_uint_eq(stats(DECODE_STATSD)->lines_refused, 1);
    close(fd);
    udp_close(u);
    close_all();
}
END_TEST

START_TEST(a_flood_of_datagrams_is_handed_on_in_parts)
{
    char line[1000];

    open_all();
    memset(line, 'x', sizeof line);
    memcpy(line + 990, ":1|c", 4);
    line[994] = 0;
    for (int i = 0; i < 2000; i++)
        intake_datagram("a:1|c|#some:tags,to:fill,it:up", 30, g);
    ck_assert_uint_eq(sink.n, 0);
    for (int i = 0; i < 1000; i++)
        intake_datagram(line, 994, g); /* a name that is too long */
    ck_assert_uint_eq(sink.n, 1);
    ck_assert_uint_eq(sink.samples, 2000);
    intake_drained(g);
    ck_assert_uint_eq(stats(DECODE_STATSD)->lines_refused, 1000);
    close_all();
}
END_TEST

START_TEST(datagrams_are_dropped_and_counted_while_nothing_is_accepted)
{
    open_all();
    closed = "the queue is full";
    closed_code = ERR_LIMIT;
    intake_datagram("a:1|c", 5, g);
    intake_drained(g);
    closed = NULL;
    intake_datagram("b:1|c", 5, g);
    intake_drained(g);
    ck_assert_uint_eq(sink.samples, 1);
    ck_assert_uint_eq(stats(DECODE_STATSD)->requests, 2);
    ck_assert_uint_eq(stats(DECODE_STATSD)->busy, 1);
    close_all();
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, each_path_takes_its_protocol);
    tcase_add_test(tc, a_ping_is_its_address_and_is_answered_when_it_is_stored);
    tcase_add_test(tc, what_no_heartbeat_has_or_is_no_ping_is_refused_and_counted);
    tcase_add_test(tc, a_bad_series_costs_itself_and_the_rest_is_stored_before_it_is_told);
    tcase_add_test(tc, names_that_cannot_be_shown_are_refused_with_their_place);
    tcase_add_test(tc, labels_are_bounded_by_their_bytes_and_known_series_go_on);
    tcase_add_test(tc, faults_are_told_with_their_place);
    tcase_add_test(tc, compressed_bodies_are_unpacked_up_to_the_limit);
    tcase_add_test(tc, the_sink_decides_the_answer);
    tcase_add_test(tc, answers_may_come_later);
    tcase_add_test(tc, nothing_is_decoded_while_nothing_is_accepted);
    tcase_add_test(tc, a_scoped_token_sends_only_what_its_scope_covers);
    tcase_add_test(tc, of_remote_write_only_the_series_outside_of_the_scope_are_refused);
    tcase_add_test(tc, hashes_name_the_body_its_path_and_its_sender);
    tcase_add_test(tc, a_body_without_times_is_not_known_by_its_hash);
    tcase_add_test(tc, an_identity_is_of_the_installation_not_of_the_process);
    tcase_add_test(tc, empty_requests_need_no_sink);
    tcase_add_test(tc, datagrams_of_one_wake_up_are_one_batch);
    tcase_add_test(tc, a_flood_of_datagrams_is_handed_on_in_parts);
    tcase_add_test(tc, datagrams_are_dropped_and_counted_while_nothing_is_accepted);
}

UNIT_MAIN("receiver", add)
