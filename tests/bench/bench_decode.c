/* Prices of the decoders: nanoseconds a sample, event or line, and MB/s of the body as sent.
 * Remote write also with series ids (100,000 series), as the receiver does it.
 *
 *   bench_decode [SECONDS]       (for each, half a second unless given) */
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "tocsin/decode.h"

#define NOW      INT64_C(1767600000000)
#define N        2000 /* samples, events or lines in one body */
#define REQUESTS 50   /* of remote write, each with other series */

static double seconds = 0.5;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_field(struct buf *b, unsigned number, const void *p, size_t n)
{
    buf_add_varint(b, number << 3 | 2);
    buf_add_bytes(b, p, n);
}

static void add_label(struct buf *series, const char *name, const char *value)
{
    struct buf label = BUF_INIT;

    add_field(&label, 1, name, strlen(name));
    add_field(&label, 2, value, strlen(value));
    add_field(series, 1, label.data, label.len);
    buf_free(&label);
}

static void add_sample(struct buf *series, double v)
{
    struct buf sample = BUF_INIT;

    buf_add_varint(&sample, 1 << 3 | 1);
    buf_add_f64(&sample, v);
    buf_add_varint(&sample, 2 << 3);
    buf_add_varint(&sample, (uint64_t)NOW);
    add_field(series, 2, sample.data, sample.len);
    buf_free(&sample);
}

/* Ten labels, as node and container exporters have them. */
static void remote_write_body(struct buf *body, unsigned request)
{
    struct buf plain = BUF_INIT;
    size_t n;
    char *to;

    for (unsigned i = 0; i < N; i++) {
        struct buf series = BUF_INIT;
        char name[64], pod[64], path[64];

        snprintf(name, sizeof name, "http_requests_%u_total", i % 40);
        snprintf(pod, sizeof pod, "shop-7d9f8b6c5d-%05u", request * 50 + i / 40);
        snprintf(path, sizeof path, "/item/%u", i);
        add_label(&series, "__name__", name);
        add_label(&series, "cluster", "eu-west-1");
        add_label(&series, "container", "shop");
        add_label(&series, "env", "production");
        add_label(&series, "instance", "10.2.3.4:9090");
        add_label(&series, "job", "kubernetes-pods");
        add_label(&series, "namespace", "shop");
        add_label(&series, "path", path);
        add_label(&series, "pod", pod);
        add_label(&series, "status", "200");
        add_sample(&series, i);
        add_field(&plain, 1, series.data, series.len);
        buf_free(&series);
    }
    n = snappy_max_compressed_length(plain.len);
    to = buf_reserve(body, n);
    snappy_compress(plain.data, plain.len, to, &n);
    buf_commit(body, n);
    buf_free(&plain);
}

static void metrics_body(struct buf *b)
{
    for (int i = 0; i < N; i++)
        buf_addf(b,
                 "{\"name\":\"api.latency\",\"labels\":{\"service\":\"shop\",\"pod\":\"p-%d\"},"
                 "\"value\":%d.25,\"time\":1767600000}\n",
                 i, i);
}

static void events_body(struct buf *b)
{
    for (int i = 0; i < N; i++)
        buf_addf(b,
                 "{\"timestamp\":\"2026-01-05T08:00:00.000Z\",\"level\":\"info\",\"service\":"
                 "\"billing\",\"event\":\"charge\",\"message\":\"%0420d\"}\n",
                 i);
}

static void tracebacks_body(struct buf *b)
{
    for (int i = 0; i < N; i++)
        buf_addf(b,
                 "{\"asctime\": \"2026-01-05 08:00:00,123\", \"levelname\": \"ERROR\", \"name\": "
                 "\"app.db\", \"message\": \"query %d failed\", \"exc_info\": \"Traceback (most "
                 "recent call last):\\n  File \\\"/app/db.py\\\", line 42, in run\\n    "
                 "cur.execute(sql)\\n  File \\\"/app/x.py\\\", line 7, in execute\\n    raise "
                 "Broken(n)\\napp.Broken: no %d\", \"request_id\": \"7f%d\"}\n",
                 i, i, i);
}

static void form_body(struct buf *b)
{
    buf_adds(b, "name=shop.cart&msg=user+%25s+has+%25d+items&args=%28%27bob%27%2C+3%29&levelname="
                "ERROR&levelno=40&pathname=%2Fapp%2Fcart.py&filename=cart.py&module=cart&exc_info="
                "None&exc_text=None&stack_info=None&lineno=17&funcName=add&created=1767599999.75&"
                "msecs=750.0&relativeCreated=12.5&thread=140&threadName=MainThread&processName="
                "MainProcess&process=9&taskName=None");
}

static void statsd_body(struct buf *b)
{
    static const char *const types[] = {"c", "ms|@0.1", "h", "g"};

    for (int i = 0; i < N; i++)
        buf_addf(b, "api.requests.%d:%d|%s|#service:shop,env:prod\n", i % 100, i, types[i % 4]);
}

struct bench {
    struct labelsets *ls;
    struct series_table *t;
    struct decode_limits limits;
    struct decode_memory *memory;
    struct decode_batch *batch;
};

static void run(struct bench *x, const char *what, enum decode_protocol p, const struct buf *bodies,
                size_t n_bodies, bool resolve)
{
    struct err e = {0};
    double began = 0, took = 0;
    size_t items = 0, bytes = 0;

    for (int round = 0; round < 2; round++) { /* the first warms up */
        items = bytes = 0;
        began = now();
        for (size_t i = 0; (took = now() - began) < seconds || i < n_bodies; i++) {
            const struct buf *body = &bodies[i % n_bodies];
            struct decode_input in = {body->data, body->len, NOW, &x->limits, x->memory};

            decode_batch_clear(x->batch);
            if (decode_table[p].decode(x->batch, &in, &e) != 0 ||
                (resolve && decode_resolve(x->batch, &in, x->t, "", NULL, &e) != 0)) {
                printf("%-28s failed: %s\n", what, e.text);
                return;
            }
            items += x->batch->n_samples + x->batch->n_events;
            bytes += body->len;
        }
    }
    printf("%-28s %7.0f ns each %7.0f MB/s   %4zu bytes each\n", what, took * 1e9 / (double)items,
           (double)bytes / took / 1e6, bytes / items);
}

int main(int argc, char **argv)
{
    static struct buf bodies[REQUESTS];
    static const struct {
        const char *what;
        enum decode_protocol protocol;
        void (*make)(struct buf *b);
    } rows[] = {
        {"JSON metrics", DECODE_JSON_METRICS, metrics_body},
        {"JSON events", DECODE_JSON_EVENTS, events_body},
        {"JSON events, tracebacks", DECODE_JSON_EVENTS, tracebacks_body},
        {"form", DECODE_FORM, form_body},
        {"StatsD", DECODE_STATSD, statsd_body},
    };
    struct bench x = {.ls = labelsets_new(0), .batch = decode_batch_new()};

    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    x.t = series_table_new(x.ls, 0);
    x.memory = decode_memory_new();
    decode_limits_fill(&x.limits);
    for (unsigned i = 0; i < REQUESTS; i++)
        remote_write_body(&bodies[i], i);
    run(&x, "remote write", DECODE_REMOTE_WRITE, bodies, REQUESTS, false);
    run(&x, "remote write, series ids", DECODE_REMOTE_WRITE, bodies, REQUESTS, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_clear(&bodies[0]);
        rows[i].make(&bodies[0]);
        run(&x, rows[i].what, rows[i].protocol, bodies, 1, true);
    }
    for (unsigned i = 0; i < REQUESTS; i++)
        buf_free(&bodies[i]);
    decode_batch_free(x.batch);
    decode_memory_free(x.memory);
    series_table_free(x.t);
    labelsets_free(x.ls);
    return 0;
}
