#include "net_test.h"

#include "net_cert.h"
#include "net/network.h"
#include "net/retry_after.h"
#include "tocsin/http.h"
#include "tocsin/outbound.h"

/* --- the peer: our own server --- */

static struct http_server *server;
static struct outbound *out;
static char base_url[100];
static unsigned n_handled;
static struct http_request *kept[10];
static unsigned n_kept;
static char seen[4096];

static void handle(struct http_request *r, void *arg)
{
    size_t len;
    const char *body = http_body(r, &len);
    const char *auth = http_header(r, "Authorization"), *type = http_header(r, "Content-Type");

    (void)arg;
    n_handled++;
    snprintf(seen, sizeof seen, "%s %s %.*s auth=%s type=%s expect=%s", http_method(r),
             http_path(r), len < 100 ? (int)len : 100, body, auth ? auth : "-", type ? type : "-",
             http_header(r, "Expect") ? "yes" : "no");
    if (strcmp(http_path(r), "/keep") == 0) {
        kept[n_kept++] = r;
    } else if (strcmp(http_path(r), "/busy") == 0) {
        http_reply_header(r, "Retry-After", "120");
        http_reply(r, 429, "text/plain", "slow down", 9);
    } else if (strcmp(http_path(r), "/move") == 0) {
        http_reply_header(r, "Location", "/moved");
        http_reply(r, 302, NULL, NULL, 0);
    } else if (strcmp(http_path(r), "/size") == 0) {
        struct buf b = BUF_INIT;

        for (int n = atoi(http_query(r, "n", 0)); n > 0; n--)
            buf_addc(&b, 'x');
        http_reply_buf(r, 200, "text/plain", &b);
    } else {
        http_reply(r, 200, "text/plain", body, len);
    }
}

static void open_with(struct outbound_options o, bool tls)
{
    struct http_server_options so = {.listen = "127.0.0.1:0", .handle = handle};
    struct err e = {0};

    loop_open();
    if (tls) {
        cert_make();
        so.cert_file = cert_path;
        so.key_file = key_path;
    }
    n_handled = n_kept = 0;
    server = http_server_new(t_loop, &so, &e);
    ck_assert_msg(server != NULL, "%s", e.text);
    ck_assert_int_eq(http_server_is_tls(server), tls);
    snprintf(base_url, sizeof base_url, "%s://localhost:%d", tls ? "https" : "http",
             http_server_port(server));
    out = outbound_new(t_loop, &o, &e);
    ck_assert_msg(out != NULL, "%s", e.text);
}

static void shut(void)
{
    outbound_free(out);
    http_server_free(server);
    loop_close();
    if (cert_dir[0])
        cert_remove();
}

/* --- what came of a call --- */

struct outcome {
    int n;
    struct outbound_result r;
    char body[70000], error[300];
};

static void on_done(const struct outbound_result *r, void *arg)
{
    struct outcome *o = arg;

    o->n++;
    o->r = *r;
    ck_assert_uint_lt(r->len, sizeof o->body);
    memcpy(o->body, r->body, r->len);
    o->body[r->len] = 0;
    snprintf(o->error, sizeof o->error, "%s", r->error);
}

static struct outcome last;

static struct outbound_call *post(const char *url, struct outbound_http h)
{
    struct err e = {0};
    struct outbound_call *c;

    memset(&last, 0, sizeof last);
    h.url = url;
    if (!h.method)
        h.method = "POST";
    c = outbound_http(out, &h, on_done, &last, &e);
    ck_assert_msg(c != NULL, "%s", e.text);
    ck_assert_int_eq(last.n, 0);
    return c;
}

static const char *at(const char *path)
{
    static char url[300];

    snprintf(url, sizeof url, "%s%s", base_url, path);
    return url;
}

static void exchange(const char *url, struct outbound_http h)
{
    post(url, h);
    WAIT_FOR(last.n > 0);
    ck_assert_int_eq(last.n, 1);
    ck_assert_uint_eq(outbound_in_flight(out), 0);
}

START_TEST(requests_go_out_as_ordered)
{
    static const char *const headers[] = {"Content-Type: application/json", "X-A: b", NULL};
    struct http_stats s;

    open_with((struct outbound_options){0}, false);
    exchange(at("/a"), (struct outbound_http){.body = "{}", .len = 2, .headers = headers});
    ck_assert(last.r.ok);
    ck_assert_int_eq(last.r.status, 200);
    ck_assert_str_eq(last.body, "{}");
    ck_assert_str_eq(last.error, "");
    ck_assert(!last.r.maybe_done);
    ck_assert_int_eq(last.r.retry_after_ms, -1);
    ck_assert_str_eq(seen, "POST /a {} auth=- type=application/json expect=no");
    exchange(at("/b"), (struct outbound_http){.method = "GET", .bearer = "t0k"});
    ck_assert_str_eq(seen, "GET /b  auth=Bearer t0k type=- expect=no");
    exchange(at("/c"), (struct outbound_http){.method = "PUT", .user = "u", .password = "p"});
    ck_assert_str_eq(seen, "PUT /c  auth=Basic dTpw type=- expect=no");
    exchange(at("/d"), (struct outbound_http){.method = "HEAD"});
    ck_assert(last.r.ok);
    ck_assert_str_eq(seen, "HEAD /d  auth=- type=- expect=no");
    exchange(at("/d"), (struct outbound_http){.method = "DELETE", .body = "x", .len = 1});
    ck_assert_str_eq(seen, "DELETE /d x auth=- type=- expect=no");
    http_server_stats(server, &s);
    ck_assert_uint_eq(s.connections, 1); /* one, used again */
    shut();
}
END_TEST

START_TEST(large_bodies_go_without_expect)
{
    char *data = calloc(1, 2000000);

    open_with((struct outbound_options){0}, false);
    exchange(at("/a"), (struct outbound_http){.body = data, .len = 2000000});
    ck_assert_int_eq(last.r.status, 200);
    ck_assert_ptr_nonnull(strstr(seen, "expect=no"));
    free(data);
    shut();
}
END_TEST

START_TEST(answers_are_cut_at_64_kib)
{
    open_with((struct outbound_options){0}, false);
    for (int n = 65535; n <= 65537; n++) {
        char path[40];

        snprintf(path, sizeof path, "/size?n=%d", n);
        exchange(at(path), (struct outbound_http){0});
        ck_assert(last.r.ok);
        ck_assert_int_eq(last.r.status, 200);
        ck_assert_uint_eq(last.r.len, n < 65536 ? n : 65536);
    }
    exchange(at("/size?n=5000000"), (struct outbound_http){0});
    ck_assert(last.r.ok);
    ck_assert_uint_eq(last.r.len, 65536);
    shut();
}
END_TEST

START_TEST(redirects_are_not_followed_and_waits_are_told)
{
    open_with((struct outbound_options){0}, false);
    exchange(at("/move"), (struct outbound_http){0});
    ck_assert(last.r.ok);
    ck_assert_int_eq(last.r.status, 302);
    ck_assert_uint_eq(n_handled, 1);
    exchange(at("/busy"), (struct outbound_http){0});
    ck_assert(last.r.ok);
    ck_assert_int_eq(last.r.status, 429);
    ck_assert_int_eq(last.r.retry_after_ms, 120000);
    ck_assert_str_eq(last.body, "slow down");
    shut();
}
END_TEST

START_TEST(retry_after_is_read_in_both_forms)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"1", 1000},
        {" 30 ", 30000},
        {"30\r\n", 30000},
        {"99999999999999999999999", RETRY_AFTER_MOST_MS},
        {"Wed, 21 Oct 2015 07:28:30 GMT", 30000},
        {"Wed, 21 Oct 2015 07:27:00 GMT", 0},
        {"Wednesday, 21-Oct-15 07:28:30 GMT", 30000},
        {"Wed Oct 21 07:28:30 2015", 30000},
        {"", -1},
        {"-5", -1},
        {"soon", -1},
        {"1.5", -1},
        {"5 s", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(retry_after_parse(cases[i].text, strlen(cases[i].text),
                                        INT64_C(1445412480000)) == cases[i].ms,
                      "%s", cases[i].text);
}
END_TEST

/* --- failures, and what may have been done --- */

/* A listening socket whose connections the test answers by hand. */
static int listen_raw(int *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&sa, &len);
    *port = ntohs(sa.sin_port);
    return fd;
}

static struct raw *accept_raw(int fd)
{
    int got = -1;

    WAIT_FOR((got = accept(fd, NULL, NULL)) >= 0);
    return raw_of(got);
}

START_TEST(whether_the_peer_may_have_acted_is_known)
{
    static const struct {
        const char *answer; /* NULL: none, wait for the time-out */
        bool sent_whole, ok, maybe;
        int status;
    } cases[] = {
        {"", true, false, true, 0}, /* closes without an answer */
        {NULL, true, false, true, 0},
        {"HTTP/1.1 100 Continue\r\n\r\n", true, false, true, 100},
        {"HTTP/1.1 200 OK\r\nContent-Le", true, true, false, 200}, /* the status is known */
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true, true, false, 200},
        {"HTTP/1.1 503 No\r\nRetry-After: 7\r\n\r\n", true, true, false, 503},
        {"nonsense", true, false, true, 0},
        {"", false, false, false, 0},
    };
    size_t huge = 20000000; /* more than the socket buffers hold */
    char url[100], *data = calloc(1, huge);
    int port, fd;

    open_with((struct outbound_options){0}, false);
    fd = listen_raw(&port);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw *r;

        post(url, (struct outbound_http){.body = data,
                                         .len = cases[i].sent_whole ? 100 : huge,
                                         .timeout_ms = cases[i].answer ? 20000 : 300});
        r = accept_raw(fd);
        WAIT_FOR((raw_poll(r), r->len > 100));
        if (cases[i].answer) {
            send(r->fd, cases[i].answer, strlen(cases[i].answer), MSG_NOSIGNAL);
            if (cases[i].sent_whole)
                shutdown(r->fd, SHUT_WR);
            else
                raw_close(r); /* a reset, since much is unread */
        }
        WAIT_FOR(last.n > 0);
        ck_assert_msg(last.r.ok == cases[i].ok && last.r.maybe_done == cases[i].maybe &&
                          last.r.status == cases[i].status,
                      "case %zu: ok %d maybe %d status %d %s", i, last.r.ok, last.r.maybe_done,
                      last.r.status, last.error);
        ck_assert_int_eq(last.error[0] == 0, last.r.ok);
        if (i == 1)
            ck_assert_int_ge(last.r.took_ms, 300);
        if (cases[i].sent_whole)
            raw_close(r);
    }
    close(fd);
    free(data);
    shut();
}
END_TEST

START_TEST(what_never_left_was_not_done)
{
    char url[100];
    int port, fd;

    open_with((struct outbound_options){0}, false);
    fd = listen_raw(&port);
    close(fd);
    exchange(at("/a"),
             (struct outbound_http){.body = "x", .len = 1}); /* fills a handle's counters */
    ck_assert(last.r.ok);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    exchange(url, (struct outbound_http){.body = "x", .len = 1});
    ck_assert(!last.r.ok && !last.r.maybe_done);
    ck_assert_int_eq(last.r.status, 0);
    ck_assert_str_ne(last.error, "");
    exchange("http://name.invalid/", (struct outbound_http){.body = "x", .len = 1});
    ck_assert(!last.r.ok && !last.r.maybe_done);
    exchange(at("/a"), (struct outbound_http){.body = "x", .len = 1});
    ck_assert(last.r.ok);
    shut();
}
END_TEST

START_TEST(waiting_for_a_connection_counts_for_the_deadline)
{
    static struct outcome a, b;
    struct outbound_http h = {.method = "POST", .body = "x", .len = 1, .timeout_ms = 20000};
    struct err e;

    open_with((struct outbound_options){.max_connections = 1}, false);
    exchange(at("/a"), h);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    h.url = at("/keep");
    ck_assert_ptr_nonnull(outbound_http(out, &h, on_done, &a, &e));
    WAIT_FOR(n_kept == 1);
    h.timeout_ms = 200;
    ck_assert_ptr_nonnull(outbound_http(out, &h, on_done, &b, &e));
    WAIT_FOR(b.n == 1);
    ck_assert(!b.r.ok && !b.r.maybe_done);
    ck_assert_int_eq(a.n, 0);
    ck_assert_uint_eq(outbound_in_flight(out), 1);
    http_reply(kept[0], 204, NULL, NULL, 0);
    WAIT_FOR(a.n == 1);
    ck_assert_int_eq(a.r.status, 204);
    shut();
}
END_TEST

/* --- cancelling, and calls out of callbacks --- */

static struct outbound_call *to_cancel;
static int chained;

static void cancel_and_chain(const struct outbound_result *r, void *arg)
{
    struct outbound_http h = {.method = "POST", .url = at("/chained")};

    (void)arg;
    ck_assert(r->ok);
    if (to_cancel)
        outbound_cancel(to_cancel);
    to_cancel = NULL;
    if (chained++ < 3)
        ck_assert_ptr_nonnull(outbound_http(out, &h, cancel_and_chain, NULL, NULL));
}

START_TEST(callbacks_may_start_and_cancel_calls)
{
    struct outbound_http h = {.method = "POST"};

    open_with((struct outbound_options){0}, false);
    chained = 0;
    to_cancel = post(at("/keep"), h);
    h.url = at("/first");
    ck_assert_ptr_nonnull(outbound_http(out, &h, cancel_and_chain, NULL, NULL));
    WAIT_FOR(chained == 4);
    ck_assert_int_eq(last.n, 0);
    ck_assert_uint_eq(outbound_in_flight(out), 0);
    outbound_cancel(post(at("/keep"), (struct outbound_http){0})); /* before it has begun */
    post(at("/a"), (struct outbound_http){0});
    post(at("/keep"), (struct outbound_http){0});
    shut(); /* with calls in flight: no callback */
    ck_assert_int_eq(last.n, 0);
    for (unsigned i = 0; i < n_kept; i++)
        http_reply(kept[i], 200, NULL, NULL, 0);
}
END_TEST

static int n_done;

static void count_done(const struct outbound_result *r, void *arg)
{
    (void)arg;
    ck_assert(r->ok);
    n_done++;
}

START_TEST(many_calls_share_few_connections)
{
    struct outbound_http h = {.method = "POST", .body = "x", .len = 1};
    struct http_stats s;

    open_with((struct outbound_options){.max_per_host = 4}, false);
    n_done = 0;
    h.url = at("/a");
    for (int i = 0; i < 500; i++)
        ck_assert_ptr_nonnull(outbound_http(out, &h, count_done, NULL, NULL));
    ck_assert_uint_eq(outbound_in_flight(out), 500);
    WAIT_FOR(n_done == 500);
    http_server_stats(server, &s);
    ck_assert_uint_le(s.connections, 4);
    shut();
}
END_TEST

/* --- refusals --- */

START_TEST(forbidden_networks_are_refused_when_connecting)
{
    static const char *const forbid[] = {"10.0.0.0/8", "127.0.0.0/8", "::1", NULL};
    static const char *const bad[] = {"127.0.0.0/33", NULL};
    struct outbound_options o = {.forbid = bad};
    struct err e;
    char url[100];

    open_with((struct outbound_options){.forbid = forbid}, false);
    exchange(at("/a"), (struct outbound_http){0}); /* by name */
    ck_assert(!last.r.ok && !last.r.maybe_done);
    ck_assert_str_eq(last.error, "the address is in a forbidden network");
    snprintf(url, sizeof url, "http://[::ffff:127.0.0.1]:%d/", http_server_port(server));
    exchange(url, (struct outbound_http){0});
    ck_assert_str_eq(last.error, "the address is in a forbidden network");
    snprintf(url, sizeof url, "http://0x7f000001:%d/", http_server_port(server));
    exchange(url, (struct outbound_http){0});
    ck_assert_str_eq(last.error, "the address is in a forbidden network");
    ck_assert_uint_eq(n_handled, 0);
    ck_assert_ptr_null(outbound_new(t_loop, &o, &e));
    shut();
}
END_TEST

START_TEST(networks_hold_their_addresses_to_the_bit)
{
    static const struct {
        const char *network, *address;
        int has; /* -1: not a network */
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", 1},
        {"10.0.0.0/8", "11.0.0.0", 0},
        {"192.168.4.0/22", "192.168.7.255", 1},
        {"192.168.4.0/22", "192.168.8.0", 0},
        {"1.2.3.4", "1.2.3.4", 1},
        {"1.2.3.4", "1.2.3.5", 0},
        {"0.0.0.0/0", "9.9.9.9", 1},
        {"0.0.0.0/0", "::1", 0},
        {"127.0.0.0/8", "::ffff:127.0.0.1", 1},
        {"127.0.0.0/8", "64:ff9b::7f00:1", 1},
        {"fd00::/8", "fdff::1", 1},
        {"fd00::/8", "fe00::1", 0},
        {"::/0", "::1", 1},
        {"::/0", "1.2.3.4", 0},
        {"fe80::/10", "febf::1", 1},
        {"fe80::/10", "fec0::1", 0},
        {"1.2.3.4/33", "", -1},
        {"::1/129", "", -1},
        {"1.2.3", "", -1},
        {"1.2.3.4/", "", -1},
        {"1.2.3.4/x", "", -1},
        {"", "", -1},
        {"host", "", -1},
        {"1.2.3.4/8 ", "", -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool is_v6 = strchr(cases[i].address, ':') != NULL;
        struct network n;
        struct err e;
        int has = -1;

        if (network_parse(&n, cases[i].network, &e) == 0) {
            ck_assert_int_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, cases[i].address,
                                       is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr),
                             1);
            has = network_has(&n, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4);
        }
        ck_assert_msg(has == cases[i].has, "%s %s", cases[i].network, cases[i].address);
    }
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused_at_once)
{
    static const char *const bad_header[] = {"A: b\r\nHost: evil", NULL};
    static const char *const no_colon[] = {"A", NULL};
    static const char *const to[] = {"a@b\r\nDATA", NULL}, *const nobody[] = {NULL};
    const struct outbound_http http[] = {
        {.url = "ftp://x/"},
        {.url = "file:///etc/passwd"},
        {.url = "gopher://x/"},
        {.url = "smtp://x/"},
        {.url = ""},
        {.url = "x"},
        {.url = "http://"},
        {.url = "http://x/a\r\nb"},
        {.url = "http://x/", .headers = bad_header},
        {.url = "http://x/", .headers = no_colon},
        {.url = "http://x/", .bearer = "a\nb"},
        {.url = "http://x/", .method = "GET /"},
        {.url = "http://x/", .method = ""},
    };
    const struct outbound_mail mail[] = {
        {.url = "http://x/", .from = "a@b", .to = to},
        {.url = "smtp://x", .from = "a@b", .to = to},
        {.url = "smtp://x", .from = "a@b", .to = nobody},
        {.url = "smtp://x", .from = "a\r\nb", .to = nobody},
    };

    open_with((struct outbound_options){0}, false);
    for (size_t i = 0; i < sizeof http / sizeof *http; i++) {
        struct outbound_http h = http[i];
        struct err e = {0};

        h.method = h.method ? h.method : "POST";
        ck_assert_msg(outbound_http(out, &h, on_done, &last, &e) == NULL, "%s", h.url);
        ck_assert_int_eq(e.code, ERR_INPUT);
    }
    for (size_t i = 0; i < sizeof mail / sizeof *mail; i++) {
        struct err e = {0};

        ck_assert_ptr_null(outbound_mail(out, &mail[i], on_done, &last, &e));
        ck_assert_int_eq(e.code, ERR_INPUT);
    }
    ck_assert_uint_eq(outbound_in_flight(out), 0);
    shut();
}
END_TEST

START_TEST(tls_is_verified)
{
    open_with((struct outbound_options){0}, true);
    exchange(at("/a"), (struct outbound_http){.body = "x", .len = 1});
    ck_assert(!last.r.ok && !last.r.maybe_done); /* not signed by anyone known */
    exchange(at("/a"), (struct outbound_http){.body = "x", .len = 1, .ca_file = cert_path});
    ck_assert_msg(last.r.ok, "%s", last.error);
    ck_assert_str_eq(last.body, "x");
    exchange(at("/size?n=60000"), (struct outbound_http){.ca_file = cert_path});
    ck_assert_uint_eq(last.r.len, 60000);
    exchange(at("/a"), (struct outbound_http){.body = "x", .len = 1});
    ck_assert(!last.r.ok); /* the verified connection is not shared with one that did not ask */
    exchange(at("/a"), (struct outbound_http){.insecure_skip_verify = true});
    ck_assert(last.r.ok);
    { /* plain text to the TLS port */
        struct raw *r = raw_connect(http_server_port(server));

        raw_send(r, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        WAIT_END(r);
        raw_close(r);
    }
    { /* missing files are told */
        struct http_server_options o = {.listen = "127.0.0.1:0",
                                        .handle = handle,
                                        .cert_file = "/nowhere",
                                        .key_file = key_path};
        struct err e;

        ck_assert_ptr_null(http_server_new(t_loop, &o, &e));
        ck_assert_ptr_nonnull(strstr(e.text, "/nowhere"));
    }
    shut();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, requests_go_out_as_ordered);
    tcase_add_test(t, large_bodies_go_without_expect);
    tcase_add_test(t, answers_are_cut_at_64_kib);
    tcase_add_test(t, redirects_are_not_followed_and_waits_are_told);
    tcase_add_test(t, retry_after_is_read_in_both_forms);
    tcase_add_test(t, whether_the_peer_may_have_acted_is_known);
    tcase_add_test(t, what_never_left_was_not_done);
    tcase_add_test(t, waiting_for_a_connection_counts_for_the_deadline);
    tcase_add_test(t, callbacks_may_start_and_cancel_calls);
    tcase_add_test(t, many_calls_share_few_connections);
    tcase_add_test(t, forbidden_networks_are_refused_when_connecting);
    tcase_add_test(t, networks_hold_their_addresses_to_the_bit);
    tcase_add_test(t, what_cannot_be_sent_is_refused_at_once);
    tcase_add_test(t, tls_is_verified);
}

UNIT_MAIN("outbound", add)
