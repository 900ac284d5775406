/* Who acts, as the program lives it: nothing is read or replayed before the lease is held, so that a takeover is a
 * start like the one after a kill -9, with the tests of that one. Standing by with warm windows was dropped: they
 * would have to follow the journal, and a start takes seconds at a million series.
 *
 * A holder that sees another one's token ends as it stands, without sending or writing one thing more, and begins
 * anew as a standby, in the same process and at the same address: what it remembers is no longer true. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/serve_impl.h"
#include "base/log.h"
#include "tocsin/address.h"

/* The address as others reach it: that of a wildcard is this machine's towards Redis, else its name. */
static void reachable(const struct program *p, const char *bound, int port, char *out, size_t size)
{
    char host[256], text[6];
    struct err e;

    if (address_split(bound, host, sizeof host, text, &e) != 0)
        host[0] = 0;
    if (!host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        if (db_local_host(p->db, host, sizeof host) != 0 && gethostname(host, sizeof host) != 0)
            snprintf(host, sizeof host, "localhost");
    host[sizeof host - 1] = 0;
    snprintf(out, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

static void own_name(const struct program *p, char *out, size_t size)
{
    char host[64];

    if (gethostname(host, sizeof host) != 0)
        snprintf(host, sizeof host, "tocsin");
    host[sizeof host - 1] = 0;
    snprintf(out, size, "%s:%d", host, http_server_port(p->http));
}

static void describe_self(struct lease_holder *out, void *arg)
{
    const struct program *p = arg;
    const char *given = p->settings.config->server.peer_url;
    char address[200];

    *out = (struct lease_holder){0};
    own_name(p, out->name, sizeof out->name);
    reachable(p, http_server_address(p->http), http_server_port(p->http), address, sizeof address);
    if (given)
        snprintf(out->url, sizeof out->url, "%s", given);
    else
        snprintf(out->url, sizeof out->url, "%s://%s",
                 http_server_is_tls(p->http) ? "https" : "http", address);
    if (p->statsd)
        reachable(p, p->settings.bound_statsd, udp_port(p->statsd), out->statsd,
                  sizeof out->statsd);
}

static void held(void *arg)
{
    struct program *p = arg;
    char number[24];

    snprintf(number, sizeof number, "%llu", (unsigned long long)lease_holder(p->lease)->number);
    if (!p->embedded)
        log_info("this Tocsin holds the lease: it acts", "token", number, NULL);
    forward_abandon(p->forward);
    wire_db_up(p->wire);
}

static void standing_by(void *arg)
{
    struct program *p = arg;
    const struct lease_holder *h = lease_holder(p->lease);

    log_info("another Tocsin holds the lease: this one stands by, and sends what comes to it on",
             "holder", h->name, "url", h->url, NULL);
    forward_abandon(p->forward);
    if (p->said_standby)
        return;
    p->said_standby = true;
    serve_say_doors(p, "standby");
    printf(" holder=%s\n", h->name);
    fflush(stdout);
}

static void lost(void *arg)
{
    struct program *p = arg;

    log_error("another Tocsin has taken the lease (this one was stopped, or cut off from Redis): "
              "nothing is sent or written any more, it begins anew as a standby",
              NULL);
    deliver_halt(wire_parts(p->wire)->deliver);
    p->again = true;
    p->ending = true;
    loop_stop(p->loop);
}

int serve_make_lease(struct program *p, struct err *e)
{
    struct lease_options o = {.loop = p->loop,
                              .db = p->db,
                              .alone = p->embedded != NULL,
                              .self = describe_self,
                              .held = held,
                              .standby = standing_by,
                              .lost = lost,
                              .arg = p};
    char name[128];

    p->lease = lease_new(&o);
    if (!p->lease)
        return err_set(e, ERR_MEMORY, "no memory");
    own_name(p, name, sizeof name);
    p->forward = forward_new(p->loop, name, p->settings.config->server.peer_ca, e);
    return p->forward ? 0 : -1;
}

void serve_fenced(const char *token, void *arg)
{
    struct program *p = arg;

    if (p->lease)
        lease_fenced(p->lease, token);
}

static bool is_own(const char *path)
{
    static const char *const own[] = {"/livez",   "/readyz",    "/startupz",
                                      "/metrics", "/-/healthy", "/-/ready"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(path, own[i]) == 0)
            return true;
    return false;
}

bool serve_hand_on(struct program *p, struct http_request *r)
{
    if (!p->lease || lease_state(p->lease) != LEASE_STANDBY || is_own(http_path(r)))
        return false;
    forward_request(p->forward, r, lease_holder(p->lease));
    return true;
}

void serve_datagram(const char *data, size_t len, void *arg)
{
    struct program *p = arg;

    if (p->lease && lease_state(p->lease) == LEASE_STANDBY)
        forward_datagram(p->forward, data, len, lease_holder(p->lease));
    else
        intake_datagram(data, len, p->ingest);
}

void serve_datagrams_drained(void *arg)
{
    struct program *p = arg;

    intake_drained(p->ingest);
}
