#include "redis/link.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "redis/answer.h"
#include "redis/resolve.h"
#include "redis/tls.h"

/* libevent reads 4 KiB in a turn and writes 16. A block of the journal is hundreds, and a turn
 * holds work of other rooms, so we write more at once and, without TLS, read the socket ourselves
 * after libevent has told that there is something. */
#define WRITE_PER_TURN ((size_t)1 << 20)
#define READ_PER_TURN  ((size_t)1 << 20)
#define READ_AT_ONCE   ((size_t)64 << 10)

struct link {
    struct loop *loop;
    const struct url *url;
    struct tls *tls;
    struct link_events events;
    unsigned turn;
    struct bufferevent *bev;
    struct lookup *lookup; /* NULL: none under way */
    struct answer *answer;
    struct evbuffer_iovec room; /* what link_room() gave */
    uint64_t put;
    int busy;          /* inside a function that goes on after a callback: only mark as closed */
    struct err *early; /* inside link_open(): where a failure goes instead of on_closed */
    bool looked_up;
    bool over;   /* on_closed was called */
    bool closed; /* by link_close() */
};

/* --- ends ------------------------------------------------------------------------------------------ */

static void free_now(struct link *k)
{
    if (k->lookup)
        lookup_forget(k->lookup);
    if (k->bev)
        bufferevent_free(k->bev);
    answer_free(k->answer);
    mem_free(k);
}

void link_close(struct link *k)
{
    if (!k)
        return;
    k->closed = true;
    k->events = (struct link_events){0};
    if (k->busy == 0)
        free_now(k);
}

static void enter(struct link *k)
{
    k->busy++;
}

static void leave(struct link *k)
{
    if (--k->busy == 0 && k->closed)
        free_now(k);
}

static void fail(struct link *k, const char *why)
{
    if (k->over || k->closed)
        return;
    k->over = true;
    if (k->early) {
        err_set(k->early, ERR_IO, "%s", why);
        return;
    }
    if (k->bev)
        bufferevent_disable(k->bev, EV_READ | EV_WRITE);
    enter(k);
    k->events.on_closed(why, k->events.arg);
    leave(k);
}

static void fail_err(struct link *k, const char *what, const char *why)
{
    char text[1200];

    snprintf(text, sizeof text, "%s %s: %s", what, k->url->shown, why);
    fail(k, text);
}

/* --- bytes ----------------------------------------------------------------------------------------- */

char *link_room(struct link *k, size_t n)
{
    struct evbuffer *out = bufferevent_get_output(k->bev);

    if (evbuffer_reserve_space(out, (ev_ssize_t)n, &k->room, 1) != 1)
        return NULL;
    return k->room.iov_base;
}

void link_commit(struct link *k, size_t n)
{
    struct evbuffer *out = bufferevent_get_output(k->bev);
    int rc;

    assert(n <= k->room.iov_len);
    k->room.iov_len = n;
    rc = evbuffer_commit_space(out, &k->room, 1);
    assert(rc == 0); /* it fails only when the space is not the one that was reserved */
    k->put += n;
}

uint64_t link_put(const struct link *k)
{
    return k->put;
}

uint64_t link_sent(const struct link *k)
{
    struct evbuffer *out = k->bev ? bufferevent_get_output(k->bev) : NULL;
    size_t left = out ? evbuffer_get_length(out) : 0;
    struct evbuffer_iovec first;

    /* OpenSSL is given one run of bytes at a time and may have written records of it without
     * telling, until it has written all */
    if (k->tls && left > 0 && evbuffer_peek(out, -1, NULL, &first, 1) > 0)
        left -= first.iov_len;
    return k->put - left;
}

/* Feeds bytes and tells all replies that are whole. False: stop reading. */
static bool take_bytes(struct link *k, const void *p, size_t n)
{
    const struct reply *reply;
    struct err e = {0};
    int rc = answer_feed(k->answer, p, n, &e);

    while (rc >= 0 && (rc = answer_next(k->answer, &reply, &e)) == 1) {
        k->events.on_reply(reply, k->events.arg);
        if (k->over || k->closed)
            return false;
    }
    if (rc == 0)
        return true;
    fail_err(k, "broken connection to", e.text);
    return false;
}

static bool take_buffered(struct link *k)
{
    struct evbuffer *in = bufferevent_get_input(k->bev);
    struct evbuffer_iovec part;

    while (evbuffer_get_length(in) > 0 && evbuffer_peek(in, -1, NULL, &part, 1) > 0) {
        if (!take_bytes(k, part.iov_base, part.iov_len))
            return false;
        evbuffer_drain(in, part.iov_len);
    }
    return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct link *k = arg;
    static char bytes[READ_AT_ONCE];
    size_t total = 0;
    bool go_on;

    if (k->over || k->closed)
        return;
    enter(k);
    go_on = take_buffered(k);
    while (go_on && !k->tls && total < READ_PER_TURN) {
        ssize_t n = recv(bufferevent_getfd(bev), bytes, sizeof bytes, MSG_DONTWAIT);

        if (n <= 0)
            break; /* nothing there; an end or an error is libevent's to find again and tell */
        total += (size_t)n;
        go_on = take_bytes(k, bytes, (size_t)n) && (size_t)n == sizeof bytes;
    }
    leave(k);
}

/* --- connecting ----------------------------------------------------------------------------------- */

static void set_tcp_options(evutil_socket_t fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct link *k = arg;
    const char *why = NULL;

    if (k->over || k->closed)
        return;
    if (what & BEV_EVENT_CONNECTED) {
        if (!k->url->is_unix)
            set_tcp_options(bufferevent_getfd(bev));
        enter(k);
        k->events.on_ready(k->events.arg);
        leave(k);
        return;
    }
    enter(k);
    if (take_buffered(k)) { /* a last word, such as -ERR max number of clients reached */
        if (k->tls)
            why = tls_why(bufferevent_openssl_get_ssl(bev), bufferevent_get_openssl_error(bev));
        if (!why && (what & BEV_EVENT_ERROR) && errno)
            why = strerror(errno);
        fail_err(k, what & BEV_EVENT_EOF ? "connection closed by" : "connection failed to",
                 why ? why : "no reason given");
    }
    leave(k);
}

static int make_bufferevent(struct link *k, struct err *e)
{
    /* deferred: the end of a connection is told only after the bytes that left are off the buffer,
     * and no callback runs inside a call of ours */
    const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
    struct event_base *base = loop_base(k->loop);
    SSL *ssl = NULL;

    if (k->tls) {
        ssl = tls_session(k->tls, k->url->host);
        if (ssl)
            k->bev =
                bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, options);
        if (k->bev)
            bufferevent_openssl_set_allow_dirty_shutdown(k->bev, 1);
        else if (ssl)
            SSL_free(ssl);
    } else {
        k->bev = bufferevent_socket_new(base, -1, options);
    }
    if (!k->bev)
        return err_set(e, ERR_MEMORY, "no memory for a connection to Redis");
    bufferevent_set_max_single_write(k->bev, WRITE_PER_TURN);
    bufferevent_setcb(k->bev, on_read, NULL, on_event, k);
    bufferevent_enable(k->bev, EV_READ | EV_WRITE);
    return 0;
}

/* A failure at once is reported as EOF or error through the event callback as well, or not at all:
 * both are covered, since on_closed is told once. */
static int dial(struct link *k, const struct sockaddr *address, socklen_t len, struct err *e)
{
    if (bufferevent_socket_connect(k->bev, address, (int)len) == 0)
        return 0;
    return err_set(e, ERR_IO, "cannot connect to %s: %s", k->url->shown, strerror(errno));
}

static int dial_unix(struct link *k, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", k->url->path);
    return dial(k, (struct sockaddr *)&address, sizeof address, e);
}

/* Which of several addresses: another one at each attempt. */
static int dial_list(struct link *k, const struct addrinfo *list, struct err *e)
{
    const struct addrinfo *a = list;
    unsigned n = 0, pick;

    for (; a; a = a->ai_next)
        n++;
    pick = k->turn % n;
    for (a = list; pick > 0; pick--)
        a = a->ai_next;
    return dial(k, a->ai_addr, a->ai_addrlen, e);
}

static void on_address(const struct addrinfo *list, const char *why, void *arg)
{
    struct link *k = arg;
    struct err e = {0};

    k->lookup = NULL;
    k->looked_up = true;
    if (why)
        fail_err(k, "cannot find the address of", why);
    else if (dial_list(k, list, &e) != 0)
        fail(k, e.text);
}

/* An address needs no resolver; a name is looked up by libevent's, which does not block. */
static int dial_tcp(struct link *k, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    struct lookup *lookup;
    char port[8];
    int rc;

    snprintf(port, sizeof port, "%d", k->url->port);
    if (getaddrinfo(k->url->host, port, &hints, &list) == 0) {
        rc = dial_list(k, list, e);
        freeaddrinfo(list);
        return rc;
    }
    lookup = lookup_begin(k->loop, k->url->host, k->url->port, on_address, k, e);
    if (!lookup || k->over)
        return -1;
    if (!k->looked_up)
        k->lookup = lookup;
    return 0;
}

struct link *link_open(struct loop *l, const struct url *u, struct tls *t, unsigned turn,
                       const struct link_events *events, struct err *e)
{
    struct link *k = mem_zalloc(sizeof *k);

    if (!k || !(k->answer = answer_new())) {
        mem_free(k);
        err_set(e, ERR_MEMORY, "no memory for a connection to Redis");
        return NULL;
    }
    k->loop = l;
    k->url = u;
    k->tls = t;
    k->turn = turn;
    k->events = *events;
    k->early = e;
    if (make_bufferevent(k, e) == 0 && (u->is_unix ? dial_unix(k, e) : dial_tcp(k, e)) == 0) {
        k->early = NULL;
        return k;
    }
    link_close(k);
    return NULL;
}

int link_local_host(const struct link *k, char *out, size_t size)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;

    if (!k->bev || getsockname(bufferevent_getfd(k->bev), (struct sockaddr *)&ss, &len) != 0 ||
        (ss.ss_family != AF_INET && ss.ss_family != AF_INET6))
        return -1;
    return getnameinfo((struct sockaddr *)&ss, len, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST)
               ? -1
               : 0;
}
