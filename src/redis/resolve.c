#include "redis/resolve.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/mem.h"

/* A lookup that nobody waits for any more runs to its end, and libevent's resolver is freed a
 * while after its last answer: cancelling makes libevent call back later into a resolver that must
 * still be there, which a resolver shared by lookups or freed at once would not be. */
#define KEEP_AFTER_SECONDS 2

struct lookup {
    struct lookup *next, **link; /* in `all` */
    struct event_base *base;
    struct evdns_base *dns;
    lookup_done done; /* NULL: forgotten */
    void *arg;
};

/* All that libevent still has. One whose loop ended before it did stays here, and nothing else
 * knows it. */
static struct lookup *all;

static void list_add(struct lookup *q)
{
    q->next = all;
    q->link = &all;
    if (all)
        all->link = &q->next;
    all = q;
}

static void list_remove(struct lookup *q)
{
    *q->link = q->next;
    if (q->next)
        q->next->link = q->link;
}

static void free_later(evutil_socket_t fd, short what, void *arg)
{
    struct lookup *q = arg;

    (void)fd, (void)what;
    list_remove(q);
    evdns_base_free(q->dns, 0);
    mem_free(q);
}

static void on_answer(int rc, struct evutil_addrinfo *list, void *arg)
{
    struct lookup *q = arg;
    struct timeval after = {.tv_sec = KEEP_AFTER_SECONDS};

    /* scheduled first: `done` may free whatever it likes, but not this */
    event_base_once(q->base, -1, EV_TIMEOUT, free_later, q, &after);
    if (q->done)
        q->done(list, rc == 0 ? NULL : evutil_gai_strerror(rc), q->arg);
    if (list)
        evutil_freeaddrinfo(list);
}

struct lookup *lookup_begin(struct loop *l, const char *host, int port, lookup_done done, void *arg,
                            struct err *e)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct lookup *q = mem_zalloc(sizeof *q);
    char port_text[8];

    if (!q) {
        err_set(e, ERR_MEMORY, "no memory to look up %s", host);
        return NULL;
    }
    q->base = loop_base(l);
    q->done = done;
    q->arg = arg;
    q->dns = evdns_base_new(q->base,
                            EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!q->dns) {
        err_set(e, ERR_IO, "cannot look up %s: /etc/resolv.conf cannot be used", host);
        mem_free(q);
        return NULL;
    }
    list_add(q);
    snprintf(port_text, sizeof port_text, "%d", port);
    evdns_getaddrinfo(q->dns, host, port_text, &hints, on_answer, q);
    return q;
}

void lookup_forget(struct lookup *q)
{
    q->done = NULL;
}
