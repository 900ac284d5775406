/* A request is handed on as it came: target, headers (Host and Origin too: it is the holder that judges them, with
 * the configuration both have), body as sent. What belongs to one connection stays behind (RFC 9110, 7.6.1). A
 * redirect to the holder was dropped: senders of metrics seldom follow one, and the holder's address need not be
 * one that they reach.
 *
 * One header says that a standby sent it, so that two that each take the other for the holder, while the lease
 * moves, do not send one request in circles. It is judged by standbys alone: a holder answers as to anybody. */
#include "app/forward.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "tocsin/outbound.h"
#include "tocsin/udp.h"

#define SENT_BY    "Tocsin-Forwarded"
#define ANSWER_MAX ((size_t)64 << 20)
#define WAIT_MS    30000
#define LINES_MAX  128

struct forward {
    struct outbound *outbound;
    char name[128], ca_file[512];
    struct udp_sender *udp;
    char udp_to[128];
    struct forward_stats stats;
    struct passage *first;
};

/* One request on its way. */
struct passage {
    struct forward *f;
    struct passage *prev, *next;
    struct http_request *r;
    struct outbound_call *call;
    char to[128], url[256];
};

static bool is_hop(const char *name, size_t len)
{
    static const char *const names[] = {
        "Connection",     "Keep-Alive",        "Proxy-Connection", "TE",     "Trailer",
        "Content-Length", "Transfer-Encoding", "Upgrade",          "Expect", SENT_BY};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && strncasecmp(name, names[i], len) == 0)
            return true;
    return false;
}

/* One name of a list with commas, as Connection has them. */
static bool is_in_list(const char *list, const char *name, size_t len)
{
    while (*list) {
        size_t n;

        list += strspn(list, ", \t");
        n = strcspn(list, ", \t");
        if (n == len && strncasecmp(list, name, len) == 0)
            return true;
        list += n;
    }
    return false;
}

PRINTF_LIKE(3, 4)
static void refuse(struct forward *f, struct http_request *r, const char *fmt, ...)
{
    struct err e;
    va_list ap;

    f->stats.failed++;
    va_start(ap, fmt);
    err_setv(&e, ERR_BUSY, fmt, ap);
    va_end(ap);
    http_reply_err(r, 503, &e);
}

/* --- the way there --- */

/* Header lines as outbound wants them: one text, and where each begins. */
struct lines {
    struct buf text;
    size_t at[LINES_MAX];
    size_t n;
    bool too_many;
    const struct http_request *r;
};

struct named {
    const char *name;
    bool found;
};

static void look_in_connection(const char *name, const char *value, void *arg)
{
    struct named *n = arg;

    n->found |= strcasecmp(name, "Connection") == 0 && is_in_list(value, n->name, strlen(n->name));
}

/* Does a header of the request belong to its connection, because `Connection` names it? */
static bool is_named_by_connection(const struct http_request *r, const char *name)
{
    struct named n = {.name = name};

    http_each_header(r, look_in_connection, &n);
    return n.found;
}

static void put_line(struct lines *l, const char *name, const char *value)
{
    if (l->n == LINES_MAX)
        l->too_many = true;
    else
        l->at[l->n++] = l->text.len;
    /* curl takes "Name;" for a header without a value */
    buf_addf(&l->text, *value ? "%s: %s" : "%s;%s", name, value);
    buf_addc(&l->text, 0);
}

static void add_line(const char *name, const char *value, void *arg)
{
    struct lines *l = arg;

    if (!is_hop(name, strlen(name)) && !strpbrk(value, "\r\n") &&
        !is_named_by_connection(l->r, name))
        put_line(l, name, value);
}

static void on_answer(const struct outbound_result *result, void *arg);

/* The target behind the holder's address: "/path?query". One that names a server (RFC 9112, 3.2.2) loses that name;
 * whatever else does not begin with "/" could make another server of the holder's. NULL: such a one. */
static const char *origin_form(const char *target)
{
    const char *server = strstr(target, "://");

    if (target[0] != '/' && server)
        target = server + 3 + strcspn(server + 3, "/?#");
    return target[0] == '/' ? target : NULL;
}

static struct outbound_call *send_on(struct passage *p, struct lines *l, struct err *e)
{
    const char *headers[LINES_MAX + 1] = {0};
    struct buf url = BUF_INIT;
    const char *target = origin_form(http_target(p->r));
    struct outbound_http h = {.method = http_method(p->r),
                              .headers = headers,
                              .timeout_ms = WAIT_MS,
                              .ca_file = p->f->ca_file[0] ? p->f->ca_file : NULL,
                              .keep_head = true};
    struct outbound_call *call = NULL;

    for (size_t i = 0; i < l->n; i++)
        headers[i] = l->text.data + l->at[i];
    if (!target) {
        err_set(e, ERR_INPUT, "the target of the request is not a path");
        return NULL;
    }
    buf_addf(&url, "%s%s", p->url, target);
    h.url = buf_str(&url);
    h.body = http_body(p->r, &h.len);
    if (buf_ok(&url) && buf_ok(&l->text) && !l->too_many)
        call = outbound_http(p->f->outbound, &h, on_answer, p, e);
    else
        err_set(e, ERR_LIMIT, "too many headers, or no memory");
    buf_free(&url);
    return call;
}

static void unlink_passage(struct passage *p)
{
    if (p->prev)
        p->prev->next = p->next;
    else
        p->f->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
}

void forward_request(struct forward *f, struct http_request *r, const struct lease_holder *holder)
{
    struct passage *p;
    struct lines l = {.text = BUF_INIT, .r = r};
    struct err e = {.text = "no memory"};

    if (http_header(r, SENT_BY)) {
        refuse(f, r, "%s stands by and so does who sent this on (%.100s); try again in a second",
               f->name, http_header(r, SENT_BY));
        return;
    }
    if (!holder->url[0]) {
        refuse(f, r, "%s stands by, and nobody is known who acts; try again in a second", f->name);
        return;
    }
    p = mem_zalloc(sizeof *p);
    if (p) {
        *p = (struct passage){.f = f, .r = r, .next = f->first};
        snprintf(p->to, sizeof p->to, "%s", holder->name);
        snprintf(p->url, sizeof p->url, "%s", holder->url);
        http_each_header(r, add_line, &l);
        put_line(&l, SENT_BY, f->name);
        p->call = send_on(p, &l, &e);
    }
    buf_free(&l.text);
    if (!p || !p->call) {
        refuse(f, r, "this could not be sent on to %s: %s", holder->name, e.text);
        mem_free(p);
        return;
    }
    if (f->first)
        f->first->prev = p;
    f->first = p;
    f->stats.requests++;
}

/* --- and back --- */

/* The length of a body that HEAD does not get is told by who knows it. */
static bool is_length_of_head(const struct http_request *r, const char *name, size_t len)
{
    return strcmp(http_method(r), "HEAD") == 0 && len == strlen("Content-Length") &&
           strncasecmp(name, "Content-Length", len) == 0;
}

/* The header lines of the answer, but for those that this server writes itself. `type` gets the content type. */
static void reply_lines(struct http_request *r, const char *head, char *type, size_t size)
{
    char value[4096], name[128];

    while (*head) {
        size_t len = strcspn(head, "\r\n"), n = strcspn(head, ":");
        const char *v = head + n + 1;

        if (n < len && n < sizeof name && len - n < sizeof value &&
            (!is_hop(head, n) || is_length_of_head(r, head, n))) {
            snprintf(name, sizeof name, "%.*s", (int)n, head);
            while (*v == ' ')
                v++;
            snprintf(value, sizeof value, "%.*s", (int)(len - (size_t)(v - head)), v);
            if (strcasecmp(name, "Content-Type") == 0)
                snprintf(type, size, "%.200s", value);
            else if (strcasecmp(name, "Date") != 0)
                http_reply_header(r, name, value);
        }
        head += len;
        head += strspn(head, "\r\n");
    }
}

static void on_answer(const struct outbound_result *result, void *arg)
{
    struct passage *p = arg;
    char type[256] = "";

    unlink_passage(p);
    if (!result->ok) {
        refuse(p->f, p->r, "%s, which acts, does not answer this standby: %s", p->to,
               result->error);
    } else if (result->is_cut) {
        refuse(p->f, p->r, "the answer of %s is too long for a standby; ask it itself, at %s",
               p->to, p->url);
    } else {
        reply_lines(p->r, result->head, type, sizeof type);
        http_reply(p->r, result->status, type[0] ? type : NULL, result->body, result->len);
    }
    mem_free(p);
}

/* --- datagrams --- */

void forward_datagram(struct forward *f, const char *data, size_t len,
                      const struct lease_holder *holder)
{
    struct err e;

    if (strcmp(holder->statsd, f->udp_to) != 0) {
        udp_sender_free(f->udp);
        f->udp = holder->statsd[0] ? udp_sender_new(holder->statsd, &e) : NULL;
        snprintf(f->udp_to, sizeof f->udp_to, "%s", holder->statsd);
    }
    if (!f->udp) {
        f->stats.failed++;
        return;
    }
    f->stats.datagrams++;
    udp_sender_put(f->udp, data, len);
}

/* --- life --- */

struct forward *forward_new(struct loop *l, const char *name, const char *ca_file, struct err *e)
{
    struct forward *f = mem_zalloc(sizeof *f);
    struct outbound_options o = {.max_answer = ANSWER_MAX};

    assert(name[0]);
    if (!f) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(f->ca_file, sizeof f->ca_file, "%s", ca_file ? ca_file : "");
    f->outbound = outbound_new(l, &o, e);
    if (f->outbound)
        return f;
    mem_free(f);
    return NULL;
}

void forward_abandon(struct forward *f)
{
    struct passage *p;

    while ((p = f->first)) {
        unlink_passage(p);
        outbound_cancel(p->call);
        refuse(f, p->r, "%s ends, or no longer waits for %s, which acts no more; try again",
               f->name, p->to);
        mem_free(p);
    }
    assert(!f->first);
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    forward_abandon(f);
    outbound_free(f->outbound);
    udp_sender_free(f->udp);
    mem_free(f);
}

void forward_stats(const struct forward *f, struct forward_stats *out)
{
    *out = f->stats;
}
