/* From options to curl's: everything that a message may not do by accident is said here (no redirects, no
 * proxy from the environment, no other protocols, no signals).
 *
 * Addresses are judged when the socket is opened, the one place where the address is known that a name has
 * resolved to: a check of the name before would be passed by a name that changes. Errors do not repeat the
 * URL, which may be a secret. */
#include "net/outbound_call.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/retry_after.h"

#define DEFAULT_TIMEOUT_MS 10000
#define HEAD_MAX           ((size_t)64 << 10) /* of an answer's header lines that are kept */

static bool is_one_line(const char *s)
{
    return !s || !strpbrk(s, "\r\n");
}

/* --- what curl calls --- */

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct outbound_call *c = arg;
    size_t len = size * n, room = outbound_max_answer(c->o) - c->answer.len;

    buf_add(&c->answer, data, len < room ? len : room);
    c->is_cut |= len > room;
    return len <= room ? len : 0; /* more is not wanted: ends the transfer */
}

static size_t on_http_line(char *line, size_t size, size_t n, void *arg)
{
    static const char name[] = "Retry-After:";
    struct outbound_call *c = arg;
    size_t len = size * n, skip = sizeof name - 1;
    long status = 0;

    if (len > skip && strncasecmp(line, name, skip) == 0)
        c->retry_after_ms = retry_after_parse(line + skip, len - skip, outbound_wall_ms(c->o));
    if (c->keeps_head && strncmp(line, "HTTP/", 5) == 0)
        c->head.len = 0; /* one that came before was not the final one */
    else if (c->keeps_head && len > 2)
        buf_add(&c->head, line, len);
    if (len <= 2) { /* the empty line below a head */
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        c->is_final = status >= 200;
    }
    return len;
}

/* The one place where the address is known that a name has resolved to, just before it is used. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct outbound_call *c = arg;

    (void)purpose;
    if (outbound_is_forbidden(c->o, &a->addr)) {
        c->is_forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* --- from options to curl's --- */

int outbound_call_url(const char *url, const char *const *schemes, struct err *e)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL;
    bool good = false;

    if (u && url && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        for (; *schemes; schemes++)
            good |= strcmp(scheme, *schemes) == 0;
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    /* the URL may hold a secret: not repeated */
    return good ? 0 : err_set(e, ERR_INPUT, "the URL is not one that can be sent to");
}

static int set_list(struct outbound_call *c, const char *line, struct err *e)
{
    struct curl_slist *list = curl_slist_append(c->list, line);

    if (!list)
        return err_set(e, ERR_MEMORY, "out of memory");
    c->list = list;
    return 0;
}

void outbound_call_common(struct outbound_call *c)
{
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    /* without it, giving up on a name that does not resolve waits for the resolving thread */
    curl_easy_setopt(c->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c->easy, CURLOPT_PROXY, ""); /* not from the environment */
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
}

void outbound_call_access(struct outbound_call *c, const struct outbound_access *a)
{
    if (a->user)
        curl_easy_setopt(c->easy, CURLOPT_USERNAME, a->user);
    if (a->password)
        curl_easy_setopt(c->easy, CURLOPT_PASSWORD, a->password);
    if (a->ca_file)
        curl_easy_setopt(c->easy, CURLOPT_CAINFO, a->ca_file);
    if (a->insecure) {
        curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    c->timeout_ms = a->timeout_ms > 0 ? a->timeout_ms : DEFAULT_TIMEOUT_MS;
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)c->timeout_ms);
}

static bool is_header(const char *line)
{
    size_t len = strlen(line);

    return is_one_line(line) && (strchr(line, ':') || (len > 1 && line[len - 1] == ';'));
}

static int set_headers(struct outbound_call *c, const struct outbound_http *h, struct err *e)
{
    struct buf bearer = BUF_INIT;
    bool has_type = false;
    int rc = 0;

    for (const char *const *p = h->headers; p && *p && rc == 0; p++) {
        has_type |= strncasecmp(*p, "Content-Type:", 13) == 0;
        rc = is_header(*p) ? set_list(c, *p, e)
                           : err_set(e, ERR_INPUT, "a header is not of the form \"Name: value\"");
    }
    if (rc == 0 && !has_type)
        rc = set_list(c, "Content-Type:", e); /* curl would claim that it is a form */
    if (rc == 0)
        rc = set_list(c, "Expect:", e); /* saves a round trip, or a second with old servers */
    if (rc == 0 && h->bearer) {
        buf_addf(&bearer, "Authorization: Bearer %s", h->bearer);
        rc = buf_ok(&bearer) && is_one_line(h->bearer)
                 ? set_list(c, buf_str(&bearer), e)
                 : err_set(e, ERR_INPUT, "the bearer token has a line break");
        buf_free(&bearer);
    }
    return rc;
}

int outbound_call_http(struct outbound_call *c, const struct outbound_http *h, struct err *e)
{
    static const char *const schemes[] = {"http", "https", NULL};
    bool is_head = strcmp(h->method, "HEAD") == 0;

    if (outbound_call_url(h->url, schemes, e) != 0 || set_headers(c, h, e) != 0)
        return -1;
    if (!h->method[0] || h->method[strspn(h->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        return err_set(e, ERR_INPUT, "\"%.20s\" is not an HTTP method", h->method);
    c->keeps_head = h->keep_head;
    c->head.limit = HEAD_MAX;
    c->len = h->body ? h->len : 0;
    c->data = mem_dup(h->body, c->len);
    if (!c->data)
        return err_set(e, ERR_MEMORY, "no memory for the message");
    outbound_call_common(c);
    curl_easy_setopt(c->easy, CURLOPT_URL, h->url);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "tocsin/" TOCSIN_VERSION);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->list);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_http_line);
    if (is_head) {
        curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(h->method, "GET") != 0 || c->len > 0) {
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->len);
        curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->data);
    }
    curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, h->method);
    if (h->user)
        curl_easy_setopt(c->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    outbound_call_access(c, &(struct outbound_access){h->user, h->password, h->ca_file,
                                                      h->insecure_skip_verify, h->timeout_ms});
    return 0;
}

/* --- the result --- */

/* The request had left whole: its head, and all bytes of its body. */
static bool http_was_sent(struct outbound_call *c)
{
    curl_off_t uploaded = 0;
    long head = 0;

    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &head);
    curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    return head > 0 && (size_t)uploaded >= c->len;
}

void outbound_call_result(struct outbound_call *c, CURLcode code, struct outbound_result *out)
{
    long status = 0;

    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    *out = (struct outbound_result){
        .status = (int)status,
        .body = buf_str(&c->answer),
        .len = c->answer.len,
        .is_cut = c->is_cut,
        .head = buf_str(&c->head),
        .retry_after_ms = c->retry_after_ms,
        .error = "",
    };
    if (c->mail) {
        mail_result(c, code, out);
    } else {
        out->ok = code == CURLE_OK || c->is_final;
        out->maybe_done = !out->ok && http_was_sent(c);
    }
    if (out->ok)
        return;
    if (c->is_forbidden)
        out->error = "the address is in a forbidden network";
    else
        out->error = c->error[0] ? c->error : curl_easy_strerror(code);
}
