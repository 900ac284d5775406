/* The shop of the demo: four services that count requests, one of which can be broken. Pure and repeatable
 * (its noise begins with a constant), so that a test can run an hour of it at once. Errors are owed in
 * fractions instead of drawn, or a quiet minute would look like a recovery. */
#include "cli/shop.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

static const struct {
    const char *name;
    int requests;   /* a second */
    double seconds; /* of a typical request */
} services[SHOP_SERVICES] = {
    {"cart", 20, 0.03}, {"checkout", 40, 0.06}, {"search", 25, 0.05}, {"web", 30, 0.02}};
enum { CHECKOUT = 1 };

static const double bounds[SHOP_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};

#define HEALTHY_SHARE 0.002 /* of requests that fail */
/* The new version fails more while it starts, and stays below a third afterwards. */
#define STARTING_SECONDS 5
#define STARTING_SHARE   0.34
#define BAD_SHARE        0.23
#define ERROR_EVERY      4 /* seconds between two logged errors */

/* xorshift64*: enough for a shop. */
static uint64_t next_noise(struct shop *s)
{
    s->noise ^= s->noise >> 12;
    s->noise ^= s->noise << 25;
    s->noise ^= s->noise >> 27;
    return s->noise * UINT64_C(2685821657736338717);
}

static double uniform(struct shop *s) /* 0 … 1 */
{
    return (double)(next_noise(s) >> 11) / 9007199254740992.0;
}

void shop_open(struct shop *s)
{
    memset(s, 0, sizeof *s);
    s->noise = UINT64_C(0x9e3779b97f4a7c15);
}

static void count_request(struct shop_service *v, double seconds, bool failed)
{
    v->ok += !failed;
    v->failed += failed;
    v->seconds += seconds;
    for (int b = 0; b < SHOP_BUCKETS; b++)
        v->bucket[b] += seconds <= bounds[b];
}

void shop_second(struct shop *s, bool bad)
{
    s->bad_for = bad ? s->bad_for + 1 : 0;
    for (int i = 0; i < SHOP_SERVICES; i++) {
        struct shop_service *v = &s->service[i];
        bool broken = bad && i == CHECKOUT;
        double share = !broken                          ? HEALTHY_SHARE
                       : s->bad_for <= STARTING_SECONDS ? STARTING_SHARE
                                                        : BAD_SHARE;
        int n = services[i].requests + (int)(uniform(s) * 5) - 2;

        v->owed += share * n;
        for (int k = 0; k < n; k++) {
            bool failed = v->owed >= 1;
            double seconds = services[i].seconds * (0.5 + uniform(s)) * (broken ? 1.5 : 1);

            v->owed -= failed;
            count_request(v, seconds, failed);
        }
    }
}

/* --- as JSON --- */

static void open_sample(struct json *j, struct buf *out, const char *name, double value)
{
    *j = json_into(out);
    json_object(j);
    json_kstr(j, "name", name);
    json_knum(j, "value", value);
    json_key(j, "labels");
    json_object(j);
    json_kstr(j, "job", "demo");
}

static void close_sample(struct json *j, struct buf *out)
{
    json_object_end(j);
    json_object_end(j);
    buf_addc(out, '\n');
}

static void service_sample(struct buf *out, const char *name, int i, const char *label,
                           const char *label_value, double value)
{
    struct json j;

    open_sample(&j, out, name, value);
    json_kstr(&j, "service", services[i].name);
    if (label)
        json_kstr(&j, label, label_value);
    close_sample(&j, out);
}

static void host_sample(struct buf *out, const char *name, const char *label,
                        const char *label_value, double value)
{
    struct json j;

    open_sample(&j, out, name, value);
    json_kstr(&j, "instance", "shop-1");
    if (label)
        json_kstr(&j, label, label_value);
    close_sample(&j, out);
}

static void add_service(const struct shop_service *v, int i, struct buf *out)
{
    uint64_t n = v->ok + v->failed;

    service_sample(out, "http_requests_total", i, "code", "200", (double)v->ok);
    service_sample(out, "http_requests_total", i, "code", "500", (double)v->failed);
    for (int b = 0; b < SHOP_BUCKETS; b++) {
        char le[24];

        snprintf(le, sizeof le, "%g", bounds[b]);
        service_sample(out, "http_request_duration_seconds_bucket", i, "le", le,
                       (double)v->bucket[b]);
    }
    service_sample(out, "http_request_duration_seconds_bucket", i, "le", "+Inf", (double)n);
    service_sample(out, "http_request_duration_seconds_sum", i, NULL, NULL, v->seconds);
    service_sample(out, "http_request_duration_seconds_count", i, NULL, NULL, (double)n);
}

void shop_metrics(const struct shop *s, struct buf *out)
{
    struct json j;

    for (int i = 0; i < SHOP_SERVICES; i++)
        add_service(&s->service[i], i, out);
    open_sample(&j, out, "queue_length", 12 + (double)(s->noise % 20));
    json_kstr(&j, "queue", "orders");
    close_sample(&j, out);
    host_sample(out, "node_filesystem_avail_bytes", "mountpoint", "/", 42e9);
    host_sample(out, "node_filesystem_size_bytes", "mountpoint", "/", 100e9);
    host_sample(out, "node_memory_MemAvailable_bytes", NULL, NULL, 9e9);
    host_sample(out, "node_memory_MemTotal_bytes", NULL, NULL, 16e9);
}

static void add_id(struct shop *s, struct json *j, const char *key, int digits)
{
    char id[40];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)next_noise(s));
    id[digits] = 0;
    json_kstr(j, key, id);
}

static void add_error(struct shop *s, struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    json_kstr(&j, "level", "ERROR");
    json_kstr(&j, "service", services[CHECKOUT].name);
    json_kstr(&j, "logger", "checkout.payment");
    json_kstr(&j, "message", "order not placed: db-pool exhausted");
    json_kstr(&j, "exception", "TimeoutError: db-pool exhausted");
    json_kstr(&j, "stack",
              "Traceback (most recent call last):\n"
              "  File \"/srv/checkout/orders.py\", line 88, in place\n"
              "    with pool.connection(timeout=2) as db:\n"
              "  File \"/srv/checkout/pool.py\", line 41, in connection\n"
              "    raise TimeoutError(\"db-pool exhausted\")\n"
              "TimeoutError: db-pool exhausted");
    add_id(s, &j, "trace_id", 16);
    add_id(s, &j, "request_id", 8);
    json_object_end(&j);
    buf_addc(out, '\n');
}

void shop_events(struct shop *s, struct buf *out)
{
    struct json j = json_into(out);
    int i = (int)(next_noise(s) % SHOP_SERVICES);

    json_object(&j);
    json_kstr(&j, "level", "INFO");
    json_kstr(&j, "service", services[i].name);
    json_kstr(&j, "event", "request");
    json_kstr(&j, "message", "request done");
    json_kint(&j, "duration_ms", 5 + (int64_t)(next_noise(s) % 60));
    add_id(s, &j, "trace_id", 16);
    json_object_end(&j);
    buf_addc(out, '\n');
    if (s->bad_for % ERROR_EVERY == 1)
        add_error(s, out);
}

void shop_deploy_event(const char *version, struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    json_kstr(&j, "level", "INFO");
    json_kstr(&j, "service", services[CHECKOUT].name);
    json_kstr(&j, "event", "deploy");
    json_kstr(&j, "version", version);
    json_kstr(&j, "message", "deployed");
    json_object_end(&j);
    buf_addc(out, '\n');
}
