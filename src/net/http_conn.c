/* The life of a connection, beside evhttp's own.
 *
 * evhttp 2.1 tells of a connection only when its first request is whole, which is too late for
 * every guard here. So: http_conn_open(), asked by evhttp for a bufferevent, notes the connection
 * and activates `chores`. That event is called after the accepting one and before libevent looks
 * at sockets again, thus before anything can have been read; it finds evhttp's connection as the
 * argument of the callbacks that evhttp has set by then, and adopts it. A reference to the
 * bufferevent is held from open to adoption, so that one which evhttp has dropped in between is
 * seen (it has no callbacks left) and not touched after its death. */
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/http_server.h"

/* evhttp waits without limit for the end of a chunk's first line. What it may leave unread is a
 * body that is not yet whole, a head, and a read's worth of what follows. (A high watermark would
 * be the natural bound, but above it libevent calls the reader again and again.) */
#define UNREAD_SLACK 65536

static void link_into(struct http_conn **list, struct http_conn *c)
{
    c->prev = NULL;
    c->next = *list;
    if (c->next)
        c->next->prev = c;
    *list = c;
}

static void unlink_from(struct http_conn **list, struct http_conn *c)
{
    *(c->prev ? &c->prev->next : list) = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

static void stop_waiting(struct http_conn *c)
{
    struct http_server *s = c->server;

    if (!c->waits)
        return;
    *(c->louder ? &c->louder->quieter : &s->loudest) = c->quieter;
    *(c->quieter ? &c->quieter->louder : &s->quietest) = c->louder;
    c->louder = c->quieter = NULL;
    c->waits = false;
    assert(!c->waits && !c->louder && !c->quieter);
}

/* Something has come from it: it is the last to go. */
static void wait_again(struct http_conn *c)
{
    struct http_server *s = c->server;

    stop_waiting(c);
    c->quieter = s->loudest;
    *(c->quieter ? &c->quieter->louder : &s->quietest) = c;
    s->loudest = c;
    c->heard_ms = clock_mono_ms(loop_clock(s->loop));
    c->waits = true;
    assert(!c->louder && s->quietest);
}

static void forget_received(struct http_conn *c)
{
    assert(c->server->receiving >= c->received);
    c->server->receiving -= c->received;
    c->received = 0;
}

static void enter(struct http_conn *c, enum http_phase phase, int limit_ms)
{
    c->phase = phase;
    timer_in(c->deadline, limit_ms);
    if (phase == HTTP_IDLE || phase == HTTP_RECEIVING)
        wait_again(c);
    else
        stop_waiting(c);
    assert(c->waits == (phase == HTTP_IDLE || phase == HTTP_RECEIVING));
}

static void doom(struct http_conn *c)
{
    c->doomed = true;
    event_active(c->server->chores, EV_TIMEOUT, 0);
}

/* evhttp's connection goes, for whatever reason; the bufferevent is still there. */
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct http_conn *c = arg;

    (void)evcon;
    if (c->request)
        http_request_orphan(c->request);
    forget_received(c);
    stop_waiting(c);
    unlink_from(&c->server->conns, c);
    assert(c->server->by_fd[c->fd] == c);
    c->server->by_fd[c->fd] = NULL;
    assert(c->server->stats.connections > 0);
    c->server->stats.connections--;
    evbuffer_remove_cb_entry(bufferevent_get_input(c->bev), c->on_input);
    evbuffer_remove_cb_entry(bufferevent_get_output(c->bev), c->on_output);
    timer_free(c->deadline);
    mem_free(c);
}

static void on_deadline(void *arg)
{
    struct http_conn *c = arg;

    if (c->phase == HTTP_RECEIVING)
        c->server->stats.timed_out++;
    evhttp_connection_free(c->evcon); /* frees `c`, by on_close() */
}

/* --- what arrives --- */

/* A TLS record of a handshake begins 16 03: someone calls the plain port by https. evhttp would
 * wait for the end of the line. */
static void look_for_tls(struct http_conn *c, struct evbuffer *input)
{
    unsigned char head[2];
    char *peer = NULL;
    ev_uint16_t port;

    if (evbuffer_copyout(input, head, 2) != 2)
        return;
    c->has_spoken = true;
    if (c->server->tls || head[0] != 0x16 || head[1] != 3)
        return;
    evhttp_connection_get_peer(c->evcon, &peer, &port);
    log_info("a TLS client called the plain HTTP port: use http://, or set a certificate",
             "address", c->server->address, "client", peer, NULL);
    c->server->stats.refused_head++;
    doom(c);
}

/* The bytes that have just come, in the pieces in which they lie. */
static void look_at_chunks(struct http_conn *c, struct evbuffer *input,
                           const struct evbuffer_cb_info *info)
{
    struct evbuffer_iovec pieces[16];
    struct evbuffer_ptr at;
    size_t left = info->n_added, from = evbuffer_get_length(input) - left;

    while (left > 0 && c->chunks.state != HTTP_CHUNKS_OFF) {
        int n;

        if (evbuffer_ptr_set(input, &at, from, EVBUFFER_PTR_SET) != 0)
            return;
        n = evbuffer_peek(input, (ev_ssize_t)left, &at, pieces, 16);
        for (int i = 0; i < n && i < 16 && left > 0; i++) {
            size_t len = pieces[i].iov_len < left ? pieces[i].iov_len : left;

            http_chunks_look(&c->chunks, pieces[i].iov_base, len);
            left -= len;
            from += len;
        }
        if (n <= 0)
            return;
    }
}

/* All requests that are arriving, together, are held in at most max_receiving bytes; the largest
 * makes room. */
static void make_room(struct http_server *s)
{
    struct http_conn *largest = NULL;

    for (struct http_conn *c = s->conns; c; c = c->next)
        if (!c->doomed && (!largest || c->received > largest->received))
            largest = c;
    if (!largest)
        return;
    forget_received(largest);
    s->stats.over_memory++;
    doom(largest);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *c = arg;

    if (info->n_added == 0 || c->doomed)
        return;
    look_at_chunks(c, input, info);
    if (c->waits)
        wait_again(c);
    if (!c->has_spoken)
        look_for_tls(c, input);
    if (c->phase == HTTP_IDLE)
        enter(c, HTTP_RECEIVING, c->server->o.request_ms);
    if (c->phase != HTTP_RECEIVING || c->refused)
        return;
    c->received += info->n_added;
    c->server->receiving += info->n_added;
    if (evbuffer_get_length(input) > c->server->o.max_body + c->server->o.max_head + UNREAD_SLACK)
        doom(c);
    else if (c->server->receiving > c->server->o.max_receiving)
        make_room(c->server);
}

/* What leaves while a request is still arriving is evhttp's own refusal (or "100 Continue"). */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_conn *c = arg;
    char line[13] = {0};
    int status;

    if (info->n_added == 0 || c->phase != HTTP_RECEIVING || c->refused)
        return;
    if (evbuffer_copyout(output, line, sizeof line - 1) < 12)
        return;
    status = atoi(line + strlen("HTTP/1.1 "));
    if (status < 400)
        return;
    c->refused = true;
    forget_received(c);
    if (status == 413)
        c->server->stats.refused_body++;
    else
        c->server->stats.refused_head++;
}

/* --- opening --- */

static struct bufferevent *new_bufferevent(struct event_base *base, struct http_server *s)
{
    struct bufferevent *bev;
    SSL *ssl;

    if (!s->tls)
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    ssl = SSL_new(s->tls);
    bev = ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                               BEV_OPT_CLOSE_ON_FREE)
              : NULL;
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

struct bufferevent *http_conn_open(struct event_base *base, void *server)
{
    struct http_server *s = server;
    struct bufferevent *bev = new_bufferevent(base, s);
    struct http_conn *c = mem_zalloc(sizeof *c);

    /* without a bufferevent evhttp would make an unguarded plain one: memory for a few hundred
     * bytes is assumed, as the rest of libevent does */
    assert(bev && c);
    c->server = s;
    c->bev = bev;
    bufferevent_incref(bev);
    link_into(&s->fresh, c);
    event_active(s->chores, EV_TIMEOUT, 0);
    return bev;
}

static void drop_fresh(struct http_conn *c)
{
    unlink_from(&c->server->fresh, c);
    bufferevent_decref(c->bev);
    mem_free(c);
}

void http_conn_drop_fresh(struct http_server *s)
{
    while (s->fresh)
        drop_fresh(s->fresh);
}

static void remember_fd(struct http_conn *c)
{
    struct http_server *s = c->server;
    size_t had = s->cap_fd;
    int fd = bufferevent_getfd(c->bev);

    assert(fd >= 0);
    c->fd = (size_t)fd;
    if (mem_grow((void **)&s->by_fd, &s->cap_fd, c->fd + 1, sizeof *s->by_fd) != 0)
        abort(); /* a few bytes, as above */
    for (; had < s->cap_fd; had++)
        s->by_fd[had] = NULL;
    s->by_fd[c->fd] = c;
}

struct http_conn *http_conn_of(struct http_server *s, struct evhttp_connection *evcon)
{
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
    struct http_conn *c = fd >= 0 && (size_t)fd < s->cap_fd ? s->by_fd[fd] : NULL;

    assert(c && c->evcon == evcon);
    return c;
}

static void adopt(struct http_conn *c)
{
    struct http_server *s = c->server;
    struct evbuffer *input = bufferevent_get_input(c->bev);
    void *evcon = NULL;

    bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
    if (!evcon) {
        drop_fresh(c);
        return;
    }
    if (s->stats.connections >= (uint32_t)s->o.max_connections) {
        s->stats.over_connections++;
        if (!http_conn_close_quietest(s)) {
            evhttp_connection_free(evcon);
            drop_fresh(c);
            return;
        }
    }
    assert(s->stats.connections < (uint32_t)s->o.max_connections);
    unlink_from(&s->fresh, c);
    link_into(&s->conns, c);
    s->stats.connections++;
    c->evcon = evcon;
    remember_fd(c);
    http_chunks_init(&c->chunks);
    c->deadline = timer_new(s->loop, LOOP_CONTROL, on_deadline, c);
    c->on_input = evbuffer_add_cb(input, on_input, c);
    c->on_output = evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c);
    assert(c->deadline && c->on_input && c->on_output);
    evhttp_connection_set_closecb(c->evcon, on_close, c);
    enter(c, HTTP_RECEIVING, s->o.request_ms);
    bufferevent_decref(c->bev);
}

void http_conn_chores(evutil_socket_t fd, short what, void *server)
{
    struct http_server *s = server;

    (void)fd, (void)what;
    while (s->fresh)
        adopt(s->fresh);
    for (struct http_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->doomed)
            evhttp_connection_free(c->evcon);
    }
}

/* --- the phases --- */

void http_conn_handling(struct http_conn *c, struct http_request *r)
{
    assert(!c->request && r);
    forget_received(c);
    c->phase = HTTP_HANDLING;
    c->request = r;
    stop_waiting(c);
    timer_stop(c->deadline);
}

static void on_sent(struct evhttp_request *req, void *arg)
{
    struct http_conn *c = arg;
    size_t waiting = evbuffer_get_length(bufferevent_get_input(c->bev));

    (void)req;
    if (waiting == 0) {
        enter(c, HTTP_IDLE, c->server->o.idle_ms);
        return;
    }
    /* the next one of a pipeline is there already, at least in part */
    c->received = waiting;
    c->server->receiving += waiting;
    enter(c, HTTP_RECEIVING, c->server->o.request_ms);
}

void http_conn_sending(struct http_conn *c)
{
    assert(c->request && c->phase == HTTP_HANDLING);
    evhttp_request_set_on_complete_cb(c->request->req, on_sent, c);
    c->request = NULL;
    enter(c, HTTP_SENDING, c->server->o.idle_ms);
}

bool http_conn_close_quietest(struct http_server *s)
{
    struct http_conn *c = s->quietest;

    while (c && c->doomed)
        c = c->louder; /* at most one event's worth of them */
    if (!c || clock_mono_ms(loop_clock(s->loop)) - c->heard_ms < s->o.quiet_ms)
        return false;
    assert(c->phase == HTTP_IDLE || c->phase == HTTP_RECEIVING);
    s->stats.closed_quiet++;
    evhttp_connection_free(c->evcon); /* frees `c`, by on_close() */
    return true;
}

void http_conn_close_idle(struct http_server *s)
{
    for (struct http_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->phase == HTTP_IDLE)
            evhttp_connection_free(c->evcon);
    }
}
