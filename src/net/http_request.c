/* A whole request: what evhttp let through is checked, then handed over; and its answer.
 * What two programs could read differently is refused, and the connection closed, since one of them may be a
 * proxy. A request belongs to who handles it until it is answered, which may be long after the client has
 * gone: then it is a request without a connection, and its answer goes nowhere. So handlers never ask
 * whether somebody still listens. Bodies are made contiguous once, on arrival: decoders read them in place. */
#include <assert.h>
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h> /* the version of a request is nowhere else */
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/json.h"
#include "base/mem.h"
#include "net/http_inflate.h"
#include "net/http_server.h"

/* --- checks --- */

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    return true;
}

static int count(struct evkeyvalq *headers, const char *name)
{
    struct evkeyval *h;
    int n = 0;

    TAILQ_FOREACH(h, headers, next)
    n += strcasecmp(h->key, name) == 0;
    return n;
}

/* What two programs could read differently is refused, since one of them may be a proxy in front
 * of us. evhttp takes the first Content-Length, ignores one beside Transfer-Encoding and takes a
 * coding that it does not know for none: the connection is closed after the refusal, so what it
 * might take for a next request is never read. */
static const char *what_is_wrong(struct evhttp_request *req)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
    const char *length = evhttp_find_header(headers, "Content-Length");
    const char *coding = evhttp_find_header(headers, "Transfer-Encoding");
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    struct evkeyval *h;

    TAILQ_FOREACH(h, headers, next)
    if (!is_token(h->key))
        return "a header's name is not well formed";
    if (count(headers, "Content-Length") > 1)
        return "more than one Content-Length";
    if (count(headers, "Transfer-Encoding") > 1)
        return "more than one Transfer-Encoding";
    if (length && coding)
        return "both Content-Length and Transfer-Encoding";
    if (length && (!*length || length[strspn(length, "0123456789")]))
        return "Content-Length is not a number";
    if (coding && strcasecmp(coding, "chunked") != 0)
        return "only the transfer coding \"chunked\" is known";
    if (method == EVHTTP_REQ_HEAD && (coding || (length && strcmp(length, "0") != 0)))
        return "a HEAD request has no body"; /* evhttp would read it as the next request */
    if (count(headers, "Host") != 1 && (count(headers, "Host") > 1 || req->minor > 0))
        return "a request has exactly one Host";
    return NULL;
}

static void close_after(struct http_request *r)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(r->req);

    evhttp_remove_header(headers, "Connection");
    evhttp_add_header(headers, "Connection", "close");
}

static void request_free(struct http_request *r)
{
    if (!r->conn)
        evhttp_request_free(r->req);
    http_target_free(&r->target);
    buf_free(&r->plain);
    mem_free(r);
}

/* --- arrival --- */

static void copy_content_type(struct http_request *r)
{
    const char *from = http_header(r, "Content-Type");
    size_t n = 0;

    for (; from && from[n] && from[n] != ';' && n < sizeof r->content_type - 1; n++)
        r->content_type[n] = (char)tolower((unsigned char)from[n]);
    while (n > 0 && r->content_type[n - 1] == ' ')
        n--;
    r->content_type[n] = 0;
}

static void refuse(struct http_request *r, struct err *e)
{
    r->server->stats.refused_head++;
    close_after(r);
    http_reply_err(r, e->code == ERR_MEMORY ? 503 : 400, e);
}

void http_request_arrived(struct evhttp_request *req, void *server)
{
    struct http_server *s = server;
    struct http_request *r = mem_zalloc(sizeof *r);
    const char *uri = evhttp_request_get_uri(req), *wrong;
    struct evbuffer *body = evhttp_request_get_input_buffer(req);
    struct err e = {0};

    assert(r);
    s->stats.requests++;
    r->server = s;
    r->req = req;
    r->conn = http_conn_of(s, evhttp_request_get_connection(req));
    r->received_ms = clock_wall_ms(loop_clock(s->loop));
    http_conn_handling(r->conn, r);
    copy_content_type(r);
    wrong = what_is_wrong(req);
    if (wrong) {
        err_set(&e, ERR_INPUT, "%s", wrong);
        refuse(r, &e);
    } else if (http_target_parse(&r->target, uri, strlen(uri), &e) != 0) {
        refuse(r, &e);
    } else if (evbuffer_get_length(body) > 0 && !evbuffer_pullup(body, -1)) {
        err_set(&e, ERR_MEMORY, "no memory for the body");
        refuse(r, &e);
    } else {
        s->o.handle(r, s->o.arg);
    }
}

void http_request_orphan(struct http_request *r)
{
    assert(r->conn && r->conn->request == r);
    evhttp_request_own(r->req); /* evhttp leaves it to us, freed with the answer */
    r->conn = NULL;
}

/* --- reading it --- */

static const char *const method_names[] = {"GET",     "POST",  "HEAD",    "PUT",  "DELETE",
                                           "OPTIONS", "TRACE", "CONNECT", "PATCH"};

const char *http_method(const struct http_request *r)
{
    unsigned bit = (unsigned)evhttp_request_get_command(r->req), i = 0;

    while (bit > 1 && i < sizeof method_names / sizeof *method_names - 1) {
        bit >>= 1;
        i++;
    }
    return method_names[i];
}

const char *http_path(const struct http_request *r)
{
    return r->target.path;
}

const char *http_query(const struct http_request *r, const char *name, int nth)
{
    return http_target_param(&r->target, name, nth);
}

const char *http_header(const struct http_request *r, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(r->req), name);
}

const char *http_target(const struct http_request *r)
{
    return evhttp_request_get_uri(r->req);
}

void http_each_header(const struct http_request *r,
                      void (*each)(const char *name, const char *value, void *arg), void *arg)
{
    const struct evkeyvalq *all = evhttp_request_get_input_headers(r->req);

    for (const struct evkeyval *h = all->tqh_first; h; h = h->next.tqe_next)
        each(h->key, h->value, arg);
}

const char *http_content_type(const struct http_request *r)
{
    return r->content_type;
}

int64_t http_received_ms(const struct http_request *r)
{
    return r->received_ms;
}

const void *http_body(const struct http_request *r, size_t *len)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(r->req);

    *len = evbuffer_get_length(body);
    return *len ? evbuffer_pullup(body, -1)
                : (const unsigned char *)""; /* contiguous since arrival */
}

int http_body_plain(struct http_request *r, size_t max, const void **body, size_t *len,
                    struct err *e)
{
    const char *encoding = http_header(r, "Content-Encoding");
    size_t n;
    const void *raw = http_body(r, &n);

    if (!encoding || strcasecmp(encoding, "identity") == 0) {
        if (n > max)
            return err_set(e, ERR_LIMIT, "the body is more than %zu bytes", max);
        *body = raw;
        *len = n;
        return 0;
    }
    if (!r->is_plain && http_inflate(encoding, raw, n, max, &r->plain, e) != 0) {
        buf_free(&r->plain);
        return -1;
    }
    r->is_plain = true;
    if (r->plain.len > max) /* asked again with a smaller bound */
        return err_set(e, ERR_LIMIT, "the body is more than %zu bytes when decompressed", max);
    *body = buf_str(&r->plain);
    *len = r->plain.len;
    return 0;
}

/* --- the answer --- */

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(r->req), name, value);
}

static void add_unless_given(struct http_request *r, const char *name, const char *value)
{
    if (!evhttp_find_header(evhttp_request_get_output_headers(r->req), name))
        http_reply_header(r, name, value);
}

/* Hands the answer to evhttp; takes the bytes in `body` (may be NULL). */
static void send_reply(struct http_request *r, int status, const char *type, struct evbuffer *body)
{
    bool is_head = evhttp_request_get_command(r->req) == EVHTTP_REQ_HEAD;
    bool may_have_body = status != 204 && status != 304;
    char length[24];

    assert(r->conn && r->server && status >= 200 && status < 600);
    add_unless_given(r, "Cache-Control", "no-store");
    add_unless_given(r, "X-Content-Type-Options", "nosniff");
    if (type && may_have_body)
        add_unless_given(r, "Content-Type", type);
    if (is_head && may_have_body) {
        snprintf(length, sizeof length, "%zu", body ? evbuffer_get_length(body) : (size_t)0);
        add_unless_given(r, "Content-Length", length); /* one that is handed on knows better */
    }
    if (!r->server->bound)
        close_after(r);
    http_conn_sending(r->conn);
    evhttp_send_reply(r->req, status, NULL, is_head || !may_have_body ? NULL : body);
    request_free(r);
}

static void release(const void *data, size_t len, void *arg)
{
    (void)len, (void)arg;
    mem_free((void *)(uintptr_t)data);
}

void http_reply(struct http_request *r, int status, const char *type, const void *body, size_t len)
{
    struct evbuffer *out;

    if (!r->conn) {
        request_free(r);
        return;
    }
    out = evbuffer_new();
    if (!out || (len && evbuffer_add(out, body, len) != 0)) {
        status = 503;
        type = NULL;
        if (out)
            evbuffer_drain(out, evbuffer_get_length(out));
    }
    send_reply(r, status, type, out);
    if (out)
        evbuffer_free(out);
}

void http_reply_buf(struct http_request *r, int status, const char *type, struct buf *body)
{
    struct evbuffer *out = r->conn ? evbuffer_new() : NULL;
    size_t len = 0;
    char *data;

    if (!out || !buf_ok(body)) {
        buf_free(body);
        http_reply(r, 503, NULL, NULL, 0);
    } else {
        data = buf_take(body, &len);
        if (data && evbuffer_add_reference(out, data, len, release, NULL) != 0) {
            mem_free(data);
            data = NULL;
        }
        send_reply(r, data ? status : 503, data ? type : NULL, out);
    }
    if (out)
        evbuffer_free(out);
}

static const struct {
    int status;
    const char *name;
} errors[] = {
    [ERR_NONE] = {500, "internal"},    [ERR_INPUT] = {400, "bad_request"},
    [ERR_LIMIT] = {413, "limit"},      [ERR_BUSY] = {503, "busy"},
    [ERR_MEMORY] = {503, "no_memory"}, [ERR_IO] = {503, "unavailable"},
    [ERR_REFUSED] = {409, "refused"},
};

void http_reply_err(struct http_request *r, int status, const struct err *e)
{
    struct buf out = BUF_INIT;
    struct json j = json_into(&out);

    if (status == 0)
        status = errors[e->code].status;
    json_object(&j);
    json_key(&j, "error");
    json_object(&j);
    json_kstr(&j, "code", errors[e->code].name);
    json_kstr(&j, "message", e->text);
    if (e->line > 0)
        json_kint(&j, "line", e->line);
    if (e->at[0])
        json_kstr(&j, "field", e->at);
    json_object_end(&j);
    json_object_end(&j);
    if (status == 503 || status == 429)
        add_unless_given(r, "Retry-After", "1");
    http_reply_buf(r, status, "application/json", &out);
}
