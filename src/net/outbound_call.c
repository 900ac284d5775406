#include "net/outbound_call.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/retry_after.h"

#define DEFAULT_TIMEOUT_MS 10000
#define ANSWER_MOST        65536

static bool is_one_line(const char *s)
{
    return !s || !strpbrk(s, "\r\n");
}

/* --- what curl calls --- */

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct outbound_call *c = arg;
    size_t len = size * n, room = ANSWER_MOST - c->answer.len;

    buf_add(&c->answer, data, len < room ? len : room);
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
    if (len <= 2) { /* the empty line below a head */
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        c->is_final = status >= 200;
    }
    return len;
}

/* A reply is "250-first", "250-second", "250 last": keeps the latest one. */
static size_t on_mail_line(char *line, size_t size, size_t n, void *arg)
{
    struct outbound_call *c = arg;
    size_t len = size * n;

    if (c->reply_is_whole)
        buf_clear(&c->answer);
    c->reply_is_whole = len < 4 || line[3] != '-';
    if (c->answer.len + len <= ANSWER_MOST)
        buf_add(&c->answer, line, len);
    return len;
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
    struct outbound_call *c = arg;
    size_t room = size * n, left = c->len - c->read;

    if (room > left)
        room = left;
    if (room)
        memcpy(to, c->data + c->read, room);
    c->read += room;
    return room;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct outbound_call *c = arg;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset > c->len)
        return CURL_SEEKFUNC_FAIL;
    c->read = (size_t)offset;
    return CURL_SEEKFUNC_OK;
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

static int check_url(const char *url, const char *const *schemes, struct err *e)
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

static int set_common(struct outbound_call *c, const void *data, size_t len, struct err *e)
{
    c->data = mem_dup(data ? data : "", data ? len : 0);
    if (!c->data)
        return err_set(e, ERR_MEMORY, "no memory for the message");
    c->len = data ? len : 0;
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
    return 0;
}

static void set_access(struct outbound_call *c, const char *user, const char *password,
                       const char *ca_file, bool insecure, int timeout_ms)
{
    if (user)
        curl_easy_setopt(c->easy, CURLOPT_USERNAME, user);
    if (password)
        curl_easy_setopt(c->easy, CURLOPT_PASSWORD, password);
    if (ca_file)
        curl_easy_setopt(c->easy, CURLOPT_CAINFO, ca_file);
    if (insecure) {
        curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    c->timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS;
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)c->timeout_ms);
}

static int set_headers(struct outbound_call *c, const struct outbound_http *h, struct err *e)
{
    struct buf bearer = BUF_INIT;
    bool has_type = false;
    int rc = 0;

    for (const char *const *p = h->headers; p && *p && rc == 0; p++) {
        has_type |= strncasecmp(*p, "Content-Type:", 13) == 0;
        rc = is_one_line(*p) && strchr(*p, ':')
                 ? set_list(c, *p, e)
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

    if (check_url(h->url, schemes, e) != 0 || set_common(c, h->body, h->len, e) != 0 ||
        set_headers(c, h, e) != 0)
        return -1;
    if (!h->method[0] || h->method[strspn(h->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        return err_set(e, ERR_INPUT, "\"%.20s\" is not an HTTP method", h->method);
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
    set_access(c, h->user, h->password, h->ca_file, h->insecure_skip_verify, h->timeout_ms);
    return 0;
}

int outbound_call_mail(struct outbound_call *c, const struct outbound_mail *m, struct err *e)
{
    static const char *const schemes[] = {"smtp", "smtps", NULL};
    static const long use_ssl[] = {
        [MAIL_TLS_NONE] = CURLUSESSL_NONE,
        [MAIL_TLS_IF_OFFERED] = CURLUSESSL_TRY,
        [MAIL_TLS_REQUIRED] = CURLUSESSL_ALL,
    };

    c->is_mail = true;
    if (check_url(m->url, schemes, e) != 0 || set_common(c, m->data, m->len, e) != 0)
        return -1;
    if (!m->to || !m->to[0] || !is_one_line(m->from))
        return err_set(e, ERR_INPUT, "a mail needs a sender and recipients");
    for (const char *const *p = m->to; *p; p++)
        if (!is_one_line(*p))
            return err_set(e, ERR_INPUT, "a recipient's address has a line break");
        else if (set_list(c, *p, e) != 0)
            return -1;
    curl_easy_setopt(c->easy, CURLOPT_URL, m->url);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c->easy, CURLOPT_USE_SSL, use_ssl[m->tls]);
    curl_easy_setopt(c->easy, CURLOPT_MAIL_FROM, m->from);
    curl_easy_setopt(c->easy, CURLOPT_MAIL_RCPT, c->list);
    curl_easy_setopt(c->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)c->len);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_mail_line);
    set_access(c, m->user, m->password, m->ca_file, m->insecure_skip_verify, m->timeout_ms);
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
        .retry_after_ms = c->retry_after_ms,
        .error = "",
    };
    if (c->is_mail) {
        /* a refusal is an answer; one to STARTTLS is not about the mail */
        out->ok = code == CURLE_OK || (status >= 400 && code != CURLE_OPERATION_TIMEDOUT &&
                                       code != CURLE_USE_SSL_FAILED);
        /* 354 was "go on", and then came the end of the message */
        out->maybe_done = !out->ok && status == 354 && c->read == c->len;
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
