/* Inside the HTTP server: what its files share. libevent's evhttp parses and writes; the guards
 * that it lacks are kept per connection here.
 *
 *              first byte                whole request             answer written
 *     IDLE ---------------> RECEIVING ------------------> HANDLING -> SENDING ----> IDLE
 *      |  idle_ms            |  request_ms                 (no limit)  |  idle_ms
 *      '---- closed          '---- closed                              '---- closed
 *
 * A new connection begins in RECEIVING, so that one that never speaks is gone after request_ms. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "tocsin/address.h"
#include "net/http_chunks.h"
#include "net/http_target.h"
#include "tocsin/http.h"

enum http_phase { HTTP_IDLE, HTTP_RECEIVING, HTTP_HANDLING, HTTP_SENDING };

struct http_conn {
    struct http_server *server;
    struct http_conn *prev, *next;
    struct http_conn *louder, *quieter; /* in the order of `loudest`, while `waits` */
    bool waits;                         /* IDLE or RECEIVING: may be closed for a newcomer */
    int64_t heard_ms;                   /* when something last came from it, monotonic */
    struct bufferevent *bev;
    struct evhttp_connection *evcon; /* NULL until adopted */
    struct evbuffer_cb_entry *on_input, *on_output;
    struct timer *deadline;
    size_t fd;
    struct http_request *request; /* while HANDLING */
    enum http_phase phase;
    bool doomed;  /* is closed when the present event has been handled */
    bool refused; /* evhttp has answered by itself */
    bool has_spoken;
    size_t received; /* bytes of the request that is arriving */
    struct http_chunks chunks;
};

struct http_server {
    struct loop *loop;
    struct http_server_options o;
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL: paused */
    struct event *chores;              /* adopts new connections, closes doomed ones */
    struct timer *accept_again;
    struct http_conn *conns, *fresh; /* adopted; not yet adopted */
    /* those that wait for bytes, by when the last of them came: the quietest one goes first where
     * there are too many */
    struct http_conn *loudest, *quietest;
    struct http_server *next; /* of all servers of the process */
    struct http_conn **by_fd; /* the adopted ones, to find one by evhttp's connection */
    size_t cap_fd;
    SSL_CTX *tls;
    size_t receiving; /* sum of `received` */
    struct http_stats stats;
    char address[ADDRESS_LEN];
    int port;
};

struct http_request {
    struct http_server *server; /* NULL: the server is gone */
    struct http_conn *conn;     /* NULL: the client is gone */
    struct evhttp_request *req; /* ours to free when `conn` is gone */
    struct http_target target;
    int64_t received_ms;
    struct buf plain;
    bool is_plain;
    char content_type[128];
};

/* http_conn.c */
struct bufferevent *http_conn_open(struct event_base *base, void *server);
void http_conn_chores(evutil_socket_t fd, short what, void *server);
struct http_conn *http_conn_of(struct http_server *s, struct evhttp_connection *evcon);
void http_conn_handling(struct http_conn *c, struct http_request *r);
void http_conn_sending(struct http_conn *c);
void http_conn_close_idle(struct http_server *s);
/* Closes the connection that has been quiet for longest; false: each has a request in work, or was
 * heard just now. */
bool http_conn_close_quietest(struct http_server *s);
void http_conn_drop_fresh(struct http_server *s);

/* http_request.c: evhttp's callback for a whole request. */
void http_request_arrived(struct evhttp_request *req, void *server);
/* The connection goes away while a handler holds the request. */
void http_request_orphan(struct http_request *r);

/* http_tls.c */
SSL_CTX *http_tls_context(const char *cert_file, const char *key_file, struct err *e);

#endif
