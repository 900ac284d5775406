/* The server: options, listening socket, evhttp's limits.
 * Connections are in http_conn.c, requests and answers in http_request.c. Bounds are for all connections
 * together as well as for one: arriving bodies share a budget, and where connections run out the one that
 * was quiet for longest makes room, so that a fleet which never closes does not shut out who comes last.
 * Without descriptors accepting pauses, since libevent would try again in every turn. */
#include "net/http_server.h"

#include <assert.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* Connections that wait to be accepted: a fleet of agents comes back at once after a restart. */
#define BACKLOG 1024
/* Out of descriptors: try again after. libevent would try in every turn. */
#define ACCEPT_PAUSE_MS 200

static void set_defaults(struct http_server_options *o)
{
    if (o->max_body == 0)
        o->max_body = 16 << 20;
    if (o->max_head == 0)
        o->max_head = 32 << 10;
    if (o->max_receiving == 0)
        o->max_receiving = 256 << 20;
    if (o->request_ms == 0)
        o->request_ms = 30000;
    if (o->idle_ms == 0)
        o->idle_ms = 120000;
    if (o->quiet_ms == 0)
        o->quiet_ms = 3000;
    if (o->max_connections == 0)
        o->max_connections = 4096;
}

static void accept_again(void *arg)
{
    struct http_server *s = arg;

    if (s->bound)
        evconnlistener_enable(evhttp_bound_socket_get_listener(s->bound));
}

/* evhttp takes the listener over, and its argument with it; so the server is found by the listener.
 * There is one server in the program. */
static struct http_server *servers;

static struct http_server *server_of(const struct evconnlistener *listener)
{
    struct http_server *s = servers;

    while (s && !(s->bound && evhttp_bound_socket_get_listener(s->bound) == listener))
        s = s->next;
    return s;
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct http_server *s = server_of(listener);
    int why = errno;

    (void)arg;
    if (!s)
        return;
    s->stats.accept_failed++;
    (void)http_conn_close_quietest(s); /* its descriptor is what the newcomer needs */
    if ((s->stats.accept_failed & (s->stats.accept_failed - 1)) == 0) /* the 1st, 2nd, 4th, 8th … */
        log_warn("cannot accept a connection", "address", s->address, "error", strerror(why), NULL);
    evconnlistener_disable(listener);
    timer_in(s->accept_again, ACCEPT_PAUSE_MS);
}

static int listen_on(struct http_server *s, const char *text, struct err *e)
{
    struct evconnlistener *listener;
    int on = 1, fd = address_bind(text, SOCK_STREAM, e);

    if (fd < 0)
        return -1;
    /* accepted sockets inherit it: without, the second segment of an answer waits 40 ms for a
     * delayed ACK */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (listen(fd, BACKLOG) != 0) {
        err_set(e, ERR_IO, "cannot listen on %s: %s", text, strerror(errno));
        close(fd);
        return -1;
    }
    listener = evconnlistener_new(loop_base(s->loop), NULL, NULL,
                                  LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener) {
        close(fd);
        return err_set(e, ERR_MEMORY, "cannot listen on %s", text);
    }
    s->bound = evhttp_bind_listener(s->http, listener);
    if (!s->bound) {
        evconnlistener_free(listener);
        return err_set(e, ERR_MEMORY, "cannot listen on %s", text);
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    s->port = address_of(fd, s->address);
    return 0;
}

static int set_up_evhttp(struct http_server *s, struct err *e)
{
    s->http = evhttp_new(loop_base(s->loop));
    s->chores = event_new(loop_base(s->loop), -1, 0, http_conn_chores, s);
    s->accept_again = timer_new(s->loop, LOOP_CONTROL, accept_again, s);
    if (!s->http || !s->chores || !s->accept_again)
        return err_set(e, ERR_MEMORY, "cannot create the HTTP server");
    evhttp_set_max_body_size(s->http, (ev_ssize_t)s->o.max_body);
    evhttp_set_max_headers_size(s->http, (ev_ssize_t)s->o.max_head);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_default_content_type(s->http, NULL);
    /* read a too large body to its end, within the deadline: closing at once would reset the
     * connection and the client would not see the 413 */
    evhttp_set_flags(s->http, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_bevcb(s->http, http_conn_open, s);
    evhttp_set_gencb(s->http, http_request_arrived, s);
    return 0;
}

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o,
                                    struct err *e)
{
    struct http_server *s = mem_zalloc(sizeof *s);

    assert(o->handle && o->listen);
    if (!s) {
        err_set(e, ERR_MEMORY, "cannot create the HTTP server");
        return NULL;
    }
    s->loop = l;
    s->o = *o;
    set_defaults(&s->o);
    assert(s->o.max_body < SSIZE_MAX / 2 && s->o.max_head < SSIZE_MAX / 2);
    if (o->cert_file || o->key_file) {
        if (!o->cert_file || !o->key_file) {
            err_set(e, ERR_INPUT, "TLS needs both a certificate and a key");
            goto failed;
        }
        s->tls = http_tls_context(o->cert_file, o->key_file, e);
        if (!s->tls)
            goto failed;
    }
    if (set_up_evhttp(s, e) != 0 || listen_on(s, o->listen, e) != 0)
        goto failed;
    s->next = servers;
    servers = s;
    /* these belong to the caller and are not looked at again */
    s->o.listen = s->o.cert_file = s->o.key_file = NULL;
    return s;
failed:
    http_server_free(s);
    return NULL;
}

static void forget_server(const struct http_server *s)
{
    struct http_server **at = &servers;

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    forget_server(s);
    for (struct http_conn *c = s->conns; c; c = c->next)
        if (c->request)
            c->request->server = NULL;
    if (s->http)
        evhttp_free(s->http); /* closes every connection */
    http_conn_drop_fresh(s);
    assert(!s->conns);
    if (s->chores)
        event_free(s->chores);
    timer_free(s->accept_again);
    SSL_CTX_free(s->tls);
    mem_free(s->by_fd);
    mem_free(s);
}

const char *http_server_address(const struct http_server *s)
{
    return s->address;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

int http_server_certificate(struct http_server *s, const char *cert_file, const char *key_file,
                            struct err *e)
{
    SSL_CTX *fresh = http_tls_context(cert_file, key_file, e);

    assert(s->tls);
    if (!fresh)
        return -1;
    SSL_CTX_free(s->tls); /* connections hold their own reference */
    s->tls = fresh;
    return 0;
}

bool http_server_is_tls(const struct http_server *s)
{
    return s->tls != NULL;
}

void http_server_pause(struct http_server *s)
{
    if (!s->bound)
        return;
    timer_stop(s->accept_again);
    evhttp_del_accept_socket(s->http, s->bound);
    s->bound = NULL;
    http_conn_close_idle(s);
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
    *out = s->stats;
}
