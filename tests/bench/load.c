/* A sender of Prometheus remote write, for measuring receivers: N series in the proportions of a
 * real fleet, K scrapes, as fast as the receiver takes them. The same bytes go to whoever is
 * measured.
 *
 *   load --port P --series N --scrapes K [--per-request 2000] [--connections 4] [--interval-ms 15000]
 *        [--end-ms T] [--metric-prefix X] [--only METRIC]
 *
 * --only sends one metric under that name, instead of the mixture. Sample times end at T (default: now). Prints one JSON line with the samples sent, refused and
 * the seconds it took. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LABEL_BYTES 640

struct series {
    uint16_t len;
    bool counter;
    double v;
    unsigned char labels[]; /* the TimeSeries' label fields, encoded */
};

static struct {
    int port, per_request, connections;
    long n_series, scrapes;
    int64_t interval_ms, end_ms;
    const char *prefix, *only, *path;
} o = {.per_request = 2000,
       .connections = 4,
       .interval_ms = 15000,
       .prefix = "",
       .only = NULL,
       .path = "/api/v1/write"};

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t put_varint(unsigned char *p, uint64_t v)
{
    size_t n = 0;

    while (v >= 0x80) {
        p[n++] = (unsigned char)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (unsigned char)v;
    return n;
}

static size_t put_label(unsigned char *p, const char *name, const char *value)
{
    size_t ln = strlen(name), lv = strlen(value), n = 0;

    p[n++] = 0x0a; /* TimeSeries.labels */
    n += put_varint(p + n, 2 + ln + 2 + lv);
    p[n++] = 0x0a;
    n += put_varint(p + n, ln);
    memcpy(p + n, name, ln);
    n += ln;
    p[n++] = 0x12;
    n += put_varint(p + n, lv);
    memcpy(p + n, value, lv);
    return n + lv;
}

/* Twenty metrics a target, 200 series each metric group: most names are those of a service and
 * its host, two in twenty are what the shipped rules look at. */
static const char *const names[] = {"http_requests_total",
                                    "go_goroutines",
                                    "process_cpu_seconds_total",
                                    "process_resident_memory_bytes",
                                    "grpc_server_handled_total",
                                    "db_pool_in_use",
                                    "cache_hits_total",
                                    "cache_misses_total",
                                    "queue_length",
                                    "jobs_processed_total",
                                    "node_cpu_seconds_total",
                                    "node_memory_MemAvailable_bytes",
                                    "node_network_receive_bytes_total",
                                    "node_network_transmit_bytes_total",
                                    "node_disk_io_time_seconds_total",
                                    "container_memory_working_set_bytes",
                                    "container_cpu_usage_seconds_total",
                                    "kube_pod_container_status_ready",
                                    "http_response_size_bytes",
                                    "node_load1"};

static struct series *make_series(long i)
{
    unsigned char bytes[LABEL_BYTES];
    char name[96], pod[48], instance[32], route[32], service[24];
    struct series *s;
    size_t n = 0;
    const char *base = o.only ? o.only : names[i % 20];
    long target = o.only ? i : i / 20;
    static const char *const codes[] = {"200", "404", "500"};

    snprintf(name, sizeof name, "%s%s", o.prefix, base);
    snprintf(service, sizeof service, "service-%ld", target % 50);
    snprintf(pod, sizeof pod, "service-%ld-7f9c6d%04lx-%05lx", target % 50, target & 0xffff,
             target);
    snprintf(instance, sizeof instance, "10.%ld.%ld.%ld:8080", target >> 16 & 255,
             target >> 8 & 255, target & 255);
    snprintf(route, sizeof route, "/api/v1/resource/%ld", target % 17);
    n += put_label(bytes + n, "__name__", name);
    n += put_label(bytes + n, "cluster", "eu-west-1");
    if (strstr(base, "http_requests"))
        n += put_label(bytes + n, "code", codes[target % 3]);
    n += put_label(bytes + n, "instance", instance);
    n += put_label(bytes + n, "job", "kubernetes-pods");
    if (strstr(base, "node_cpu"))
        n += put_label(bytes + n, "mode", "idle");
    n += put_label(bytes + n, "namespace", "production");
    n += put_label(bytes + n, "pod", pod);
    if (strstr(base, "queue") || strstr(base, "jobs"))
        n += put_label(bytes + n, "queue", service);
    n += put_label(bytes + n, "route", route);
    n += put_label(bytes + n, "service", service);
    n += put_label(bytes + n, "team", target % 2 ? "payments" : "platform");
    s = malloc(sizeof *s + n);
    if (!s)
        abort();
    s->len = (uint16_t)n;
    s->counter = strstr(base, "_total") != NULL;
    s->v = s->counter ? (double)(rnd() % 100000) : (double)(rnd() % 100000) / 100;
    memcpy(s->labels, bytes, n);
    return s;
}

static void step(struct series *s)
{
    if (s->counter)
        s->v += (double)(rnd() % 200);
    else if (rnd() % 4) /* what a process prints: two decimals, not the sum of rounding errors */
        s->v = round(s->v * 100 + (double)((int64_t)(rnd() % 201) - 100)) / 100;
}

static size_t put_sample(unsigned char *p, const struct series *s, int64_t t_ms)
{
    unsigned char sample[32];
    size_t ns = 0, n = 0;

    sample[ns++] = 0x09; /* value */
    memcpy(sample + ns, &s->v, 8);
    ns += 8;
    sample[ns++] = 0x10; /* timestamp */
    ns += put_varint(sample + ns, (uint64_t)t_ms);
    p[n++] = 0x0a; /* WriteRequest.timeseries */
    n += put_varint(p + n, s->len + 2 + ns);
    memcpy(p + n, s->labels, s->len);
    n += s->len;
    p[n++] = 0x12; /* TimeSeries.samples */
    n += put_varint(p + n, ns);
    memcpy(p + n, sample, ns);
    return n + ns;
}

static int connect_to(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        ssize_t sent = write(fd, at, n);

        if (sent < 0) {
            perror("write");
            exit(1);
        }
        at += sent;
        n -= (size_t)sent;
    }
}

/* The status of one answer; its body (Content-Length, short) is read and dropped. */
static int read_answer(int fd)
{
    char head[8192];
    size_t n = 0;
    int status = 0;

    for (;;) {
        ssize_t got = read(fd, head + n, sizeof head - 1 - n);
        char *end, *length;
        size_t body;

        if (got <= 0) {
            fprintf(stderr, "load: the receiver closed the connection\n");
            exit(1);
        }
        n += (size_t)got;
        head[n] = 0;
        end = strstr(head, "\r\n\r\n");
        if (!end)
            continue;
        sscanf(head, "HTTP/1.1 %d", &status);
        length = strcasestr(head, "\r\ncontent-length:");
        body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if (n >= (size_t)(end - head) + 4 + body)
            return status;
    }
}

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct sink {
    int fd;
    bool waiting;
};

static long sent, refused;

static void settle(struct sink *s)
{
    if (!s->waiting)
        return;
    if (read_answer(s->fd) / 100 != 2)
        refused++;
    s->waiting = false;
}

static void send_request(struct sink *s, const unsigned char *raw, size_t n, long samples,
                         char *packed, size_t packed_cap)
{
    size_t len = packed_cap;
    char head[400];
    int h;

    settle(s);
    snappy_compress((const char *)raw, n, packed, &len);
    h = snprintf(
        head, sizeof head,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
        "Content-Length: %zu\r\n\r\n",
        o.path, o.port, len);
    send_all(s->fd, head, (size_t)h);
    send_all(s->fd, packed, len);
    s->waiting = true;
    sent += samples;
}

static void parse(int argc, char **argv)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    o.end_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *k = argv[i], *v = argv[i + 1];

        if (!strcmp(k, "--port"))
            o.port = atoi(v);
        else if (!strcmp(k, "--series"))
            o.n_series = atol(v);
        else if (!strcmp(k, "--scrapes"))
            o.scrapes = atol(v);
        else if (!strcmp(k, "--per-request"))
            o.per_request = atoi(v);
        else if (!strcmp(k, "--connections"))
            o.connections = atoi(v);
        else if (!strcmp(k, "--interval-ms"))
            o.interval_ms = atoll(v);
        else if (!strcmp(k, "--end-ms"))
            o.end_ms = atoll(v);
        else if (!strcmp(k, "--metric-prefix"))
            o.prefix = v;
        else if (!strcmp(k, "--only"))
            o.only = v;
    }
    if (!o.port || !o.n_series || !o.scrapes || o.connections < 1 || o.connections > 64) {
        fprintf(stderr, "load: --port, --series and --scrapes are needed\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct series **all;
    struct sink sinks[64] = {{0}};
    unsigned char *raw;
    char *packed;
    size_t raw_cap, packed_cap;
    double start;

    parse(argc, argv);
    raw_cap = (size_t)o.per_request * (LABEL_BYTES + 64);
    packed_cap = snappy_max_compressed_length(raw_cap);
    all = malloc((size_t)o.n_series * sizeof *all);
    raw = malloc(raw_cap);
    packed = malloc(packed_cap);
    if (!all || !raw || !packed)
        abort();
    for (long i = 0; i < o.n_series; i++)
        all[i] = make_series(i);
    for (int i = 0; i < o.connections; i++)
        sinks[i].fd = connect_to(o.port);
    start = now_s();
    for (long k = 0; k < o.scrapes; k++) {
        int64_t t_ms = o.end_ms - (o.scrapes - 1 - k) * o.interval_ms;
        size_t n = 0;
        long in_request = 0, request = 0;

        for (long i = 0; i < o.n_series; i++) {
            step(all[i]);
            n += put_sample(raw + n, all[i], t_ms);
            if (++in_request < o.per_request && i + 1 < o.n_series)
                continue;
            send_request(&sinks[request++ % o.connections], raw, n, in_request, packed, packed_cap);
            n = 0;
            in_request = 0;
        }
        for (int i = 0; i < o.connections; i++)
            settle(&sinks[i]); /* a series' samples stay in order */
    }
    printf("{\"samples\":%ld,\"refused_requests\":%ld,\"seconds\":%.3f}\n", sent, refused,
           now_s() - start);
    return refused ? 1 : 0;
}
