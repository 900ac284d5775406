#include "net_test.h"

#include <sys/resource.h>
#include <zlib.h>

#include "tocsin/http.h"

static struct http_server *server;
static struct http_request *kept; /* by /later */
static unsigned n_handled;
static char seen_path[4096];

static void handle(struct http_request *r, void *arg)
{
    const void *body;
    size_t len;
    struct buf out = BUF_INIT;
    struct err e = {0};

    (void)arg;
    n_handled++;
    snprintf(seen_path, sizeof seen_path, "%s", http_path(r));
    if (strcmp(http_path(r), "/later") == 0) {
        kept = r;
    } else if (strcmp(http_path(r), "/plain") == 0) {
        if (http_body_plain(r, 1000000, &body, &len, &e) != 0)
            http_reply_err(r, 0, &e);
        else
            http_reply(r, 200, "application/octet-stream", body, len);
    } else if (strcmp(http_path(r), "/large") == 0) {
        for (int i = 0; i < 100000; i++)
            buf_adds(&out, "0123456789");
        http_reply_buf(r, 200, "text/plain", &out);
    } else {
        body = http_body(r, &len);
        buf_addf(&out, "[%s %s type=%s q=%s body=%zu:", http_method(r), http_path(r),
                 http_content_type(r), http_query(r, "q", 0) ? http_query(r, "q", 0) : "-", len);
        buf_add(&out, body, len < 40 ? len : 40);
        buf_addc(&out, ']');
        http_reply_header(r, "X-Test", "yes");
        http_reply_buf(r, 200, "text/plain", &out);
    }
}

static void open_with(struct http_server_options o)
{
    struct err e = {0};

    loop_open();
    n_handled = 0;
    kept = NULL;
    if (!o.listen)
        o.listen = "127.0.0.1:0";
    o.handle = handle;
    server = http_server_new(t_loop, &o, &e);
    ck_assert_msg(server != NULL, "%s", e.text);
}

static void shut(void)
{
    http_server_free(server);
    loop_close();
}

static struct http_stats stats(void)
{
    struct http_stats s;

    http_server_stats(server, &s);
    return s;
}

static struct raw *ask(const char *request)
{
    struct raw *r = raw_connect(http_server_port(server));

    raw_send(r, request);
    return r;
}

#define HOST "Host: x\r\n"

START_TEST(a_request_is_answered_and_the_connection_kept)
{
    struct raw *r;

    open_with((struct http_server_options){0});
    r = ask("POST /a/b?q=1%202+3&x HTTP/1.1\r\n" HOST "Content-Type: Text/Plain ; charset=utf-8\r\n"
            "Content-Length: 5\r\n\r\nhello");
    WAIT_TEXT(r, "]");
    ck_assert_ptr_nonnull(strstr(r->got, "HTTP/1.1 200 OK\r\n"));
    ck_assert_ptr_nonnull(strstr(r->got, "[POST /a/b type=text/plain q=1 2 3 body=5:hello]"));
    ck_assert_ptr_nonnull(strstr(r->got, "Cache-Control: no-store\r\n"));
    ck_assert_ptr_nonnull(strstr(r->got, "X-Content-Type-Options: nosniff\r\n"));
    ck_assert_ptr_nonnull(strstr(r->got, "X-Test: yes\r\n"));
    raw_clear(r);
    raw_send(r, "GET /again HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(r, "[GET /again");
    ck_assert(!r->ended);
    raw_close(r);
    WAIT_FOR(stats().connections == 0);
    ck_assert_uint_eq(stats().requests, 2);
    shut();
}
END_TEST

START_TEST(head_has_no_body_but_its_length)
{
    struct raw *r;

    open_with((struct http_server_options){0});
    r = ask("HEAD /h HTTP/1.1\r\n" HOST "\r\nGET /g HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(r, "[GET /g");
    ck_assert_ptr_null(strstr(r->got, "[HEAD"));
    ck_assert_ptr_nonnull(strstr(r->got, "\r\n\r\nHTTP/1.1 200"));
    ck_assert_ptr_nonnull(strstr(r->got, "Content-Length: 27\r\n"));
    raw_close(r);
    shut();
}
END_TEST

START_TEST(a_pipeline_is_answered_in_order)
{
    struct raw *r;

    open_with((struct http_server_options){0});
    r = ask("GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
            "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\n" HOST "\r\nGET /4 HTTP/1.1\r\n");
    WAIT_TEXT(r, "[GET /3");
    ck_assert(strstr(r->got, "[GET /1") < strstr(r->got, "[POST /2"));
    ck_assert(strstr(r->got, "[POST /2") < strstr(r->got, "[GET /3"));
    raw_send(r, HOST "\r\n");
    WAIT_TEXT(r, "[GET /4");
    ck_assert_uint_eq(n_handled, 4);
    raw_close(r);
    shut();
}
END_TEST

/* Requests that must get 400 (or what is given), never reach the handler, and end the connection:
 * the "smuggled" one behind them must not be answered. */
static const struct {
    const char *status, *request;
} refused[] = {
    {"400", "GET / HTTP/1.1\r\n\r\n"},              /* no Host */
    {"400", "GET / HTTP/1.1\r\n" HOST HOST "\r\n"}, /* two */
    {"400", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\n\r\n"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
            "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc"},
    {"400", "POST / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc"},
    {"400", "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\n"},
    {"400", "HEAD / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"},
    {"400", "GET /../etc/passwd HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET /a/%2e%2e/b HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET /a%2f..%2fb HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET /a%00b HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET /a?q=%00 HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET //a HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET /a b HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "GET a HTTP/1.1\r\n" HOST "\r\n"},
    {"400", "garbage\r\n\r\n"},
    {"400", "GET / HTTP/9.9\r\n" HOST "\r\n"},
    {"400", "GET / HTTP/1.1\r\n" HOST "no colon here\r\n\r\n"},
    {"400", "GET / HTTP/1.1\r\n" HOST ": empty\r\n\r\n"},
    {"400", "GET / HTTP/1.1\r\n" HOST "a b: c\r\n\r\n"},
    {"501", "TRACE / HTTP/1.1\r\n" HOST "\r\n"},
    {"501", "BREW / HTTP/1.1\r\n" HOST "\r\n"},
    {"413", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
    {"413", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"},
    {"413", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n"},
    {"413", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n"},
    {"413", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3x\r\nabc\r\n0\r\n\r\n"},
    {"417", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: magic\r\n\r\nabc"},
};

START_TEST(what_can_be_read_in_two_ways_is_refused)
{
    char status[32], request[4096];

    open_with((struct http_server_options){.request_ms = 5000});
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct raw *r;

        snprintf(request, sizeof request, "%sGET /smuggled HTTP/1.1\r\n" HOST "\r\n",
                 refused[i].request);
        snprintf(status, sizeof status, " %s ", refused[i].status);
        r = ask(request);
        WAIT_END(r);
        ck_assert_msg(strncmp(r->got, "HTTP/1.", 7) == 0 && strncmp(r->got + 8, status, 5) == 0,
                      "%s gave %.80s", refused[i].request, r->got);
        ck_assert_msg(n_handled == 0, "%s was handled", refused[i].request);
        raw_close(r);
    }
    WAIT_FOR(stats().connections == 0);
    ck_assert_uint_eq(stats().refused_head + stats().refused_body,
                      sizeof refused / sizeof *refused);
    shut();
}
END_TEST

START_TEST(paths_are_decoded_once)
{
    static const char *const paths[][2] = {
        {"/", "/"},
        {"/a%20b", "/a b"},
        {"/%252e%252e/x", "/%2e%2e/x"},
        {"/a/", "/a/"},
        {"/...", "/..."},
        {"/%C3%A4", "/\xc3\xa4"},
        {"http://other/abs", "/abs"},
        {"/a%2Fb", "/a/b"},
    };
    char request[256];

    open_with((struct http_server_options){0});
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct raw *r;

        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i][0]);
        r = ask(request);
        WAIT_TEXT(r, "]");
        ck_assert_str_eq(seen_path, paths[i][1]);
        raw_close(r);
    }
    shut();
}
END_TEST

/* A body of `n` bytes; `chunk` > 0: in chunks of so many bytes. Returns the status. */
static int post_sized(size_t n, size_t chunk)
{
    struct raw *r = raw_connect(http_server_port(server));
    char head[200], *data = malloc(n + 1);
    int status;

    memset(data, 'x', n);
    if (chunk == 0) {
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", n);
        raw_send(r, head);
        raw_send_n(r, data, n);
    } else {
        raw_send(r, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0, m; at < n; at += m) {
            m = n - at < chunk ? n - at : chunk;
            snprintf(head, sizeof head, "%zx\r\n", m);
            raw_send(r, head);
            raw_send_n(r, data + at, m);
            raw_send(r, "\r\n");
        }
        raw_send(r, "0\r\n\r\n");
    }
    WAIT_FOR(raw_has(r, "\r\n\r\n") || r->ended);
    status = atoi(r->got + 9);
    free(data);
    raw_close(r);
    return status;
}

START_TEST(bodies_are_bounded_to_the_byte)
{
    open_with((struct http_server_options){.max_body = 100000});
    for (size_t chunk = 0; chunk <= 7000; chunk += 7000) {
        ck_assert_int_eq(post_sized(99999, chunk), 200);
        ck_assert_int_eq(post_sized(100000, chunk), 200);
        ck_assert_int_eq(post_sized(100001, chunk), 413);
    }
    ck_assert_int_eq(post_sized(3000000, 0), 413); /* read to its end, so that 413 is seen */
    ck_assert_uint_eq(n_handled, 4);
    ck_assert_uint_eq(stats().refused_body, 3);
    shut();
}
END_TEST

START_TEST(heads_are_bounded)
{
    struct raw *r;
    char *line = malloc(5001);

    open_with((struct http_server_options){.max_head = 1000});
    memset(line, 'a', 5000);
    line[900] = 0;
    r = ask("GET / HTTP/1.1\r\n" HOST "A: ");
    raw_send(r, line);
    raw_send(r, "\r\n\r\n");
    WAIT_TEXT(r, "]");
    ck_assert_uint_eq(n_handled, 1);
    raw_close(r);
    line[900] = 'a';
    line[1100] = 0;
    r = ask("GET / HTTP/1.1\r\n" HOST "A: "); /* a line that never ends */
    raw_send(r, line);
    WAIT_END(r);
    ck_assert_ptr_nonnull(strstr(r->got, " 400 "));
    raw_close(r);
    r = ask("GET / HTTP/1.1\r\n" HOST); /* many short lines */
    for (int i = 0; i < 300; i++)
        raw_send(r, "A: b\r\n");
    WAIT_END(r);
    ck_assert_uint_eq(n_handled, 1);
    raw_close(r);
    ck_assert_uint_eq(stats().refused_head, 2);
    free(line);
    shut();
}
END_TEST

START_TEST(slow_clients_are_cut_off_whatever_they_drip)
{
    static const char *const starts[] = {
        "",
        "G",
        "GET / HTTP/1.1\r\nA: ",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
    };
    enum { N = sizeof starts / sizeof *starts };
    struct raw *r[N];
    int64_t began_ms;

    open_with((struct http_server_options){.request_ms = 200, .idle_ms = 100000});
    began_ms = clock_mono_ms(t_clock);
    for (int i = 0; i < N; i++)
        r[i] = ask(starts[i]);
    WAIT_FOR(stats().connections == N);
    while (stats().connections > 0) {
        ck_assert_int_lt(clock_mono_ms(t_clock) - began_ms, PATIENCE_MS);
        for (int i = 1; i < N; i++)
            if (!raw_poll(r[i]))
                send(r[i]->fd, "1", 1, MSG_NOSIGNAL); /* each byte would restart a read timeout */
        loop_turn(t_loop, 10);
    }
    ck_assert_int_ge(clock_mono_ms(t_clock) - began_ms, 190);
    ck_assert_uint_eq(stats().timed_out, N);
    ck_assert_uint_eq(n_handled, 0);
    for (int i = 0; i < N; i++)
        raw_close(r[i]);
    shut();
}
END_TEST

START_TEST(an_endless_chunk_line_holds_bounded_memory)
{
    struct raw *r;
    char junk[65536];
    size_t sent = 0;

    memset(junk, '0', sizeof junk);
    open_with((struct http_server_options){.request_ms = 100000, .max_body = 100000});
    r = ask("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int64_t until = clock_mono_ms(t_clock) + PATIENCE_MS; !raw_poll(r);) {
        ssize_t n = send(r->fd, junk, sizeof junk, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        ck_assert_int_lt(clock_mono_ms(t_clock), until);
        loop_turn(t_loop, 1);
    }
    /* the rest lies in the kernel's socket buffers */
    ck_assert_uint_lt(sent, 20000000);
    ck_assert_uint_eq(stats().connections, 0);
    raw_close(r);
    shut();
}
END_TEST

START_TEST(idle_connections_end_but_not_those_that_wait_for_an_answer)
{
    struct raw *idle, *waiting;

    open_with((struct http_server_options){.request_ms = 100, .idle_ms = 150});
    waiting = ask("GET /later HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(kept != NULL);
    idle = ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT_END(idle);
    ck_assert_ptr_nonnull(strstr(idle->got, "[GET /"));
    ck_assert(!raw_poll(waiting));
    http_reply(kept, 200, "text/plain", "late", 4);
    WAIT_TEXT(waiting, "late");
    ck_assert(!waiting->ended);
    WAIT_END(waiting);
    ck_assert_uint_eq(stats().timed_out, 0);
    raw_close(idle);
    raw_close(waiting);
    shut();
}
END_TEST

START_TEST(a_late_answer_after_the_client_left_is_dropped)
{
    struct raw *r;

    open_with((struct http_server_options){0});
    r = ask("POST /later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    WAIT_FOR(kept != NULL);
    raw_close(r);
    for (int i = 0; i < 20; i++)
        loop_turn(t_loop, 1);
    ck_assert_str_eq(http_path(kept), "/later");
    http_reply(kept, 200, "text/plain", "late", 4);
    WAIT_FOR(stats().connections == 0);
    shut();
}
END_TEST

START_TEST(a_request_outlives_its_server)
{
    struct raw *r;
    size_t len;

    open_with((struct http_server_options){0});
    r = ask("POST /later?q=1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
    WAIT_FOR(kept != NULL);
    http_server_free(server);
    for (int i = 0; i < 5; i++)
        loop_turn(t_loop, 1);
    ck_assert_mem_eq(http_body(kept, &len), "abc", 3);
    ck_assert_str_eq(http_query(kept, "q", 0), "1");
    http_reply_header(kept, "A", "b");
    http_reply(kept, 200, "text/plain", "late", 4);
    raw_close(r);
    loop_close();
}
END_TEST

START_TEST(connections_are_capped)
{
    struct raw *r[5];

    open_with((struct http_server_options){.max_connections = 3});
    for (int i = 0; i < 5; i++) {
        r[i] = raw_connect(http_server_port(server));
        loop_turn(t_loop, 5);
    }
    WAIT_FOR(raw_poll(r[3]) && raw_poll(r[4]));
    ck_assert_uint_eq(stats().over_connections, 2);
    ck_assert_uint_eq(stats().connections, 3);
    raw_send(r[2], "GET /third HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(r[2], "[GET /third");
    raw_close(r[0]);
    WAIT_FOR(stats().connections == 2);
    r[0] = ask("GET /again HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(r[0], "[GET /again");
    for (int i = 0; i < 5; i++)
        raw_close(r[i]);
    shut();
}
END_TEST

/* However many are silent, a newcomer is heard: the one that was quiet for longest goes. */
START_TEST(silent_connections_do_not_lock_a_newcomer_out)
{
    struct raw *silent[8], *talks, *r;

    open_with((struct http_server_options){.max_connections = 4, .quiet_ms = 1});
    talks = ask("GET /first HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(talks, "[GET /first");
    for (int i = 0; i < 8; i++) {
        int64_t heard_ms = clock_mono_ms(t_clock);

        silent[i] = raw_connect(http_server_port(server));
        WAIT_FOR(stats().closed_quiet == (uint64_t)(i < 3 ? 0 : i - 2) &&
                 clock_mono_ms(t_clock) > heard_ms + 1);
    }
    ck_assert_uint_eq(stats().connections, 4);
    r = ask("GET /newcomer HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(r, "[GET /newcomer");
    ck_assert_uint_eq(stats().connections, 4);
    ck_assert(raw_poll(silent[0]));
    raw_close(r);
    raw_close(talks);
    for (int i = 0; i < 8; i++)
        raw_close(silent[i]);
    shut();
}
END_TEST

/* Out of descriptors: the process lives, and whoever was there is served. */
START_TEST(running_out_of_descriptors_ends_nothing)
{
    struct rlimit have, few;
    struct raw *there, *late;
    int fd;

    open_with((struct http_server_options){.quiet_ms = 60000});
    there = ask("GET /there HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(there, "[GET /there");
    late = raw_connect(http_server_port(server)); /* the kernel has it, we have not accepted it */
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &have), 0);
    fd = dup(0);
    close(fd);
    few = have;
    few.rlim_cur = (rlim_t)fd;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    WAIT_FOR(stats().accept_failed > 0);
    raw_send(there, "GET /still HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(there, "[GET /still");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &have), 0);
    raw_send(late, "GET /late HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(late, "[GET /late");
    raw_close(there);
    raw_close(late);
    shut();
}
END_TEST

/* RFC 9112, 7.1.1: extensions of a chunk are allowed, and mean nothing here. */
START_TEST(extensions_of_chunks_are_passed_over)
{
    static const char *const bodies[] = {
        "3;name=value\r\nabc\r\n0\r\n\r\n", "3 ; name=\"a;b\"\r\nabc\r\n0;last\r\n\r\n",
        "1;x\r\na\r\n00002\r\nbc\r\n0\r\nTrailer: 1\r\n\r\n",
        "3\r\n;x;\r\n0\r\n\r\n", /* data that looks like an extension stays as it is */
    };
    char request[512];

    open_with((struct http_server_options){0});
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct raw *r;

        /* at once, and byte by byte; then a second request on the same connection */
        for (int whole = 0; whole < 2; whole++) {
            snprintf(request, sizeof request,
                     "POST /c HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
            r = raw_connect(http_server_port(server));
            for (size_t k = 0; !whole && k < strlen(request); k++) {
                raw_send_n(r, request + k, 1);
                loop_turn(t_loop, 1);
            }
            if (whole)
                raw_send(r, request);
            WAIT_TEXT(r, i == 3 ? "body=3:;x;]" : "body=3:abc]");
            raw_send(r, "GET /after HTTP/1.1\r\n" HOST "\r\n");
            WAIT_TEXT(r, "[GET /after");
            raw_close(r);
        }
    }
    shut();
}
END_TEST

START_TEST(all_bodies_together_are_bounded)
{
    struct raw *r[4];
    char *data = malloc(60000);

    memset(data, 'x', 60000);
    open_with((struct http_server_options){.max_body = 100000, .max_receiving = 150000});
    for (int i = 0; i < 3; i++) {
        r[i] = ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 70000\r\n\r\n");
        raw_send_n(r[i], data, i == 1 ? 60000 : 50000);
    }
    WAIT_END(r[1]); /* the largest went */
    ck_assert_uint_eq(stats().over_memory, 1);
    raw_send_n(r[0], data, 20000);
    WAIT_TEXT(r[0], "body=70000");
    raw_send_n(r[2], data, 20000);
    WAIT_TEXT(r[2], "body=70000");
    for (int i = 0; i < 50; i++) { /* what was counted is given back */
        r[3] = ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n");
        raw_send_n(r[3], data, 60000);
        WAIT_TEXT(r[3], "body=60000");
        raw_close(r[3]);
    }
    ck_assert_uint_eq(stats().over_memory, 1);
    for (int i = 0; i < 3; i++)
        raw_close(r[i]);
    free(data);
    shut();
}
END_TEST

START_TEST(a_tls_hello_on_the_plain_port_is_closed_at_once)
{
    struct raw *r;

    open_with((struct http_server_options){.request_ms = 100000});
    r = raw_connect(http_server_port(server));
    raw_send_n(r, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9);
    WAIT_END(r);
    ck_assert_uint_eq(r->len, 0);
    ck_assert_uint_eq(stats().connections, 0);
    raw_close(r);
    shut();
}
END_TEST

static size_t gzip(const void *in, size_t len, void *out, size_t cap, int window)
{
    z_stream z = {0};

    deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY);
    z.next_in = (void *)in;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

/* Sends `plain` compressed to /plain, which allows 1,000,000 bytes. */
static struct raw *post_packed(const char *encoding, int window, size_t plain, int cut)
{
    char *in = calloc(1, plain + 1), *out = malloc(plain + 1000), head[300];
    size_t n = gzip(in, plain, out, plain + 1000, window) - (size_t)cut;
    struct raw *r;

    snprintf(head, sizeof head,
             "POST /plain HTTP/1.1\r\n" HOST "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
             encoding, n);
    r = ask(head);
    raw_send_n(r, out, n);
    WAIT_TEXT(r, "\r\n\r\n");
    free(in);
    free(out);
    return r;
}

START_TEST(compressed_bodies_are_bounded_by_what_they_become)
{
    static const struct {
        const char *encoding;
        int window;
        size_t plain;
        int cut;
        const char *answer;
    } cases[] = {
        {"gzip", 31, 999999, 0, "Content-Length: 999999\r\n"},
        {"gzip", 31, 1000000, 0, "Content-Length: 1000000\r\n"},
        {"gzip", 31, 1000001, 0, " 413 "},
        {"gzip", 31, 100000000, 0, " 413 "}, /* a bomb of 1:1000 */
        {"gzip", 31, 0, 0, "Content-Length: 0\r\n"},
        {"GZIP", 31, 10, 0, "Content-Length: 10\r\n"},
        {"gzip", 31, 1000, 1, " 400 "},
        {"gzip", 15, 1000, 0, " 400 "},
        {"deflate", 15, 1000, 0, "Content-Length: 1000\r\n"},
        {"deflate", -15, 1000, 0, "Content-Length: 1000\r\n"},
        {"br", 15, 1000, 0, " 400 "},
    };

    open_with((struct http_server_options){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw *r =
            post_packed(cases[i].encoding, cases[i].window, cases[i].plain, cases[i].cut);

        ck_assert_msg(strstr(r->got, cases[i].answer) != NULL, "case %zu: %.200s", i, r->got);
        raw_close(r);
    }
    shut();
}
END_TEST

START_TEST(large_answers_arrive_whole_and_slow_readers_are_cut)
{
    struct raw *r;
    size_t total = 0;

    open_with((struct http_server_options){.idle_ms = 300});
    r = ask("GET /large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    while (!raw_poll(r)) {
        total += r->len;
        raw_clear(r);
        loop_turn(t_loop, 5);
    }
    total += r->len;
    ck_assert_uint_gt(total, 1000000);
    ck_assert_uint_lt(total, 1001000);
    raw_close(r);
    r = raw_connect(http_server_port(server));
    for (int i = 0; i < 30; i++)
        raw_send(r, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(n_handled > 1);
    WAIT_FOR(stats().connections == 0); /* although it never reads */
    ck_assert_uint_lt(n_handled, 31);
    raw_close(r);
    shut();
}
END_TEST

START_TEST(old_clients_and_expect_continue_are_served)
{
    struct raw *r;

    open_with((struct http_server_options){0});
    r = ask("GET /old HTTP/1.0\r\n\r\n");
    WAIT_END(r);
    ck_assert_ptr_nonnull(strstr(r->got, "[GET /old"));
    raw_close(r);
    r = ask("POST /c HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    WAIT_TEXT(r, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_send(r, "ab");
    WAIT_TEXT(r, "body=2:ab]");
    ck_assert_uint_eq(stats().refused_head, 0);
    raw_close(r);
    shut();
}
END_TEST

START_TEST(ipv6_is_served_and_bad_addresses_are_told)
{
    static const char *const bad[] = {
        "",        "9393",        "127.0.0.1", "::1:80", "[::1]", "127.0.0.1:x", "127.0.0.1:123456",
        "[::1:80", "256.0.0.1:80"};
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct err e;
    struct raw *r;
    int fd;

    open_with((struct http_server_options){.listen = "[::1]:0"});
    ck_assert_int_eq(strncmp(http_server_address(server), "[::1]:", 6), 0);
    sa.sin6_port = htons((uint16_t)http_server_port(server));
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    r = raw_of(fd);
    raw_send(r, "GET /six HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(r, "[GET /six");
    raw_close(r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_server_options o = {.listen = bad[i], .handle = handle};

        ck_assert_msg(http_server_new(t_loop, &o, &e) == NULL, "%s", bad[i]);
    }
    { /* a port that is taken */
        struct http_server_options o = {.listen = http_server_address(server), .handle = handle};

        ck_assert_ptr_null(http_server_new(t_loop, &o, &e));
        ck_assert_int_eq(e.code, ERR_IO);
        ck_assert_ptr_nonnull(strstr(e.text, "in use"));
    }
    shut();
}
END_TEST

START_TEST(a_paused_server_finishes_what_it_has)
{
    struct raw *idle, *waiting;
    struct sockaddr_in sa = {.sin_family = AF_INET};
    int fd;

    open_with((struct http_server_options){0});
    idle = ask("GET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT_TEXT(idle, "]");
    loop_turn(t_loop, 5);
    waiting = ask("GET /later HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(kept != NULL);
    http_server_pause(server);
    WAIT_END(idle);
    http_reply(kept, 200, "text/plain", "late", 4);
    WAIT_END(waiting);
    ck_assert_ptr_nonnull(strstr(waiting->got, "Connection: close"));
    ck_assert_ptr_nonnull(strstr(waiting->got, "late"));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    sa.sin_port = htons((uint16_t)http_server_port(server));
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), -1);
    close(fd);
    raw_close(idle);
    raw_close(waiting);
    shut();
}
END_TEST

START_TEST(random_bytes_do_no_harm)
{
    static const char *const words[] = {"GET ",
                                        "POST ",
                                        "/",
                                        " HTTP/1.1\r\n",
                                        HOST,
                                        "\r\n",
                                        "Content-Length: 5\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "5\r\nhello\r\n",
                                        "0\r\n\r\n",
                                        "\x16\x03",
                                        "%2e",
                                        "?a=b",
                                        "Connection: close\r\n",
                                        "Expect: 100-continue\r\n",
                                        ": "};
    unsigned seed = 4711;

    open_with((struct http_server_options){.request_ms = 30});
    for (int i = 0; i < 300; i++) {
        struct raw *r = raw_connect(http_server_port(server));

        for (int n = rand_r(&seed) % 15; n >= 0; n--) {
            const char *word = words[(unsigned)rand_r(&seed) % (sizeof words / sizeof *words)];

            raw_send(r, word);
        }
        if (kept) {
            http_reply(kept, 200, NULL, NULL, 0);
            kept = NULL;
        }
        raw_close(r);
    }
    WAIT_FOR(stats().connections == 0);
    shut();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_request_is_answered_and_the_connection_kept);
    tcase_add_test(t, head_has_no_body_but_its_length);
    tcase_add_test(t, a_pipeline_is_answered_in_order);
    tcase_add_test(t, what_can_be_read_in_two_ways_is_refused);
    tcase_add_test(t, paths_are_decoded_once);
    tcase_add_test(t, bodies_are_bounded_to_the_byte);
    tcase_add_test(t, heads_are_bounded);
    tcase_add_test(t, slow_clients_are_cut_off_whatever_they_drip);
    tcase_add_test(t, an_endless_chunk_line_holds_bounded_memory);
    tcase_add_test(t, idle_connections_end_but_not_those_that_wait_for_an_answer);
    tcase_add_test(t, a_late_answer_after_the_client_left_is_dropped);
    tcase_add_test(t, a_request_outlives_its_server);
    tcase_add_test(t, connections_are_capped);
    tcase_add_test(t, silent_connections_do_not_lock_a_newcomer_out);
    tcase_add_test(t, running_out_of_descriptors_ends_nothing);
    tcase_add_test(t, extensions_of_chunks_are_passed_over);
    tcase_add_test(t, all_bodies_together_are_bounded);
    tcase_add_test(t, a_tls_hello_on_the_plain_port_is_closed_at_once);
    tcase_add_test(t, compressed_bodies_are_bounded_by_what_they_become);
    tcase_add_test(t, large_answers_arrive_whole_and_slow_readers_are_cut);
    tcase_add_test(t, old_clients_and_expect_continue_are_served);
    tcase_add_test(t, ipv6_is_served_and_bad_addresses_are_told);
    tcase_add_test(t, a_paused_server_finishes_what_it_has);
    tcase_add_test(t, random_bytes_do_no_harm);
}

UNIT_MAIN("http", add)
