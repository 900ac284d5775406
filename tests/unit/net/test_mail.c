#include "net_test.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include "net/mail_text.h"
#include "net_cert.h"
#include "tocsin/outbound.h"

/* A mail server that can be told to misbehave. */
static struct {
    const char *offers; /* an EHLO line more, or NULL */
    const char *refuse; /* the command that is refused… */
    const char *with;   /* …with this reply; "" : hang up; NULL: stay silent */
    SSL_CTX *tls;
    struct evconnlistener *listener;
    struct bufferevent *bev;
    int port, connections, mails;
    bool in_data, in_auth, is_encrypted, wants_tls, was_encrypted;
    char log[4096]; /* the commands */
    char mail[200000];
    size_t mail_len;
} sink;

static void reply(const char *text)
{
    bufferevent_write(sink.bev, text, strlen(text));
}

static void hang_up(void)
{
    bufferevent_free(sink.bev);
    sink.bev = NULL;
}

static bool refuses(const char *line)
{
    if (!sink.refuse || strncmp(line, sink.refuse, strlen(sink.refuse)) != 0)
        return false;
    if (sink.with && !sink.with[0])
        hang_up();
    else if (sink.with)
        reply(sink.with);
    return true;
}

static void on_command(const char *line)
{
    snprintf(sink.log + strlen(sink.log), sizeof sink.log - strlen(sink.log), "%s|", line);
    if (refuses(line))
        return;
    if (sink.in_auth) {
        sink.in_auth = false;
        reply("235 welcome\r\n");
    } else if (strncmp(line, "EHLO", 4) == 0) {
        reply("250-sink\r\n250-SIZE 1000000\r\n");
        if (sink.offers && !sink.is_encrypted)
            reply(sink.offers);
        reply("250 8BITMIME\r\n");
    } else if (strcmp(line, "DATA") == 0) {
        reply("354 go on\r\n");
        sink.in_data = true;
        sink.mail_len = 0;
    } else if (strcmp(line, "STARTTLS") == 0) {
        reply("220 go ahead\r\n");
        sink.wants_tls = true;
    } else if (strncmp(line, "AUTH PLAIN", 10) == 0) {
        reply("334 \r\n");
        sink.in_auth = true;
    } else if (strcmp(line, "QUIT") == 0) {
        reply("221 bye\r\n");
    } else {
        reply("250 fine\r\n");
    }
}

static void on_data_line(const char *line, size_t len)
{
    if (strcmp(line, ".") == 0) {
        sink.in_data = false;
        sink.mails++;
        sink.was_encrypted = sink.is_encrypted;
        if (!refuses("."))
            reply("250 queued\r\n");
        return;
    }
    if (line[0] == '.') /* the stuffed one */
        line++, len--;
    ck_assert_uint_lt(sink.mail_len + len + 3, sizeof sink.mail);
    memcpy(sink.mail + sink.mail_len, line, len);
    memcpy(sink.mail + sink.mail_len + len, "\r\n", 3);
    sink.mail_len += len + 2;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    char *line;
    size_t len;

    (void)arg;
    while (sink.bev &&
           (line = evbuffer_readln(bufferevent_get_input(bev), &len, EVBUFFER_EOL_CRLF))) {
        if (sink.in_data)
            on_data_line(line, len);
        else
            on_command(line);
        free(line);
    }
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)bev, (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        hang_up();
}

static void on_written(struct bufferevent *bev, void *arg)
{
    int fd = bufferevent_getfd(bev);

    if (!sink.wants_tls)
        return;
    sink.wants_tls = false;
    sink.is_encrypted = true;
    fd = dup(fd); /* the plain one goes with its descriptor */
    bufferevent_free(bev);
    sink.bev = bufferevent_openssl_socket_new(loop_base(t_loop), fd, SSL_new(sink.tls),
                                              BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(sink.bev, on_read, on_written, on_end, arg);
    bufferevent_enable(sink.bev, EV_READ | EV_WRITE);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
                      void *arg)
{
    (void)l, (void)sa, (void)len;
    ck_assert_ptr_null(sink.bev); /* one at a time */
    sink.connections++;
    sink.in_data = sink.is_encrypted = false;
    sink.bev = bufferevent_socket_new(loop_base(t_loop), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(sink.bev, on_read, on_written, on_end, arg);
    bufferevent_enable(sink.bev, EV_READ | EV_WRITE);
    if (!refuses("connect"))
        reply("220 sink\r\n");
}

static struct outbound *out;

static void open_sink(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;

    memset(&sink, 0, sizeof sink);
    loop_open();
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sink.listener = evconnlistener_new_bind(loop_base(t_loop), on_accept, NULL,
                                            LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&sa, len);
    ck_assert_ptr_nonnull(sink.listener);
    getsockname(evconnlistener_get_fd(sink.listener), (struct sockaddr *)&sa, &len);
    sink.port = ntohs(sa.sin_port);
    out = outbound_new(t_loop, &(struct outbound_options){0}, NULL);
    ck_assert_ptr_nonnull(out);
}

static void shut(void)
{
    outbound_free(out);
    if (sink.bev)
        hang_up();
    evconnlistener_free(sink.listener);
    SSL_CTX_free(sink.tls);
    loop_turn(t_loop, 0);
    loop_close();
}

static struct outbound_result result;
static int n_done;
static char answer[1000], error[300], refused[400];

static void on_done(const struct outbound_result *r, void *arg)
{
    (void)arg;
    n_done++;
    result = *r;
    snprintf(answer, sizeof answer, "%s", r->body);
    snprintf(error, sizeof error, "%s", r->error);
    refused[0] = 0;
    for (size_t i = 0; i < r->n_refused; i++)
        snprintf(refused + strlen(refused), sizeof refused - strlen(refused), "%s %d %s|",
                 r->refused[i].to, r->refused[i].status, r->refused[i].reply);
}

static int n_ticks;
static int64_t tick_ms, began_ms;

static void count_tick(void *arg)
{
    (void)arg;
    n_ticks++;
    tick_ms = clock_mono_ms(t_clock);
}

static const char message[] = "Subject: a\r\n\r\nhello\r\n.dot\r\n..\r\nend\r\n";

static void send_mail(struct outbound_mail m)
{
    static const char *const to[] = {"ops@example.org", "dev@example.org", NULL};
    char url[100];
    struct err e = {0};

    snprintf(url, sizeof url, "smtp://localhost:%d", sink.port);
    m.url = url;
    m.from = "tocsin@example.org";
    m.to = to;
    if (!m.data) {
        m.data = message;
        m.len = sizeof message - 1;
    }
    n_done = 0;
    began_ms = clock_mono_ms(t_clock);
    sink.log[0] = 0;
    ck_assert_msg(outbound_mail(out, &m, on_done, NULL, &e) != NULL, "%s", e.text);
    WAIT_FOR(n_done > 0);
    ck_assert_int_eq(n_done, 1);
}

START_TEST(a_mail_arrives_as_it_was_written)
{
    open_sink();
    send_mail((struct outbound_mail){0});
    ck_assert_msg(result.ok, "%s", error);
    ck_assert_int_eq(result.status, 250);
    ck_assert_str_eq(answer, "250 queued\r\n");
    ck_assert(!result.maybe_done);
    ck_assert_str_eq(sink.mail, message);
    ck_assert_ptr_nonnull(strstr(sink.log, "|MAIL FROM:<tocsin@example.org>"));
    ck_assert_ptr_nonnull(
        strstr(sink.log, "|RCPT TO:<ops@example.org>|RCPT TO:<dev@example.org>|"));
    send_mail((struct outbound_mail){0});
    ck_assert(result.ok);
    ck_assert_int_eq(sink.mails, 2);
    WAIT_FOR(!sink.bev); /* it was left, not only forgotten */
    shut();
}
END_TEST

START_TEST(a_long_mail_arrives_whole)
{
    static char text[150001];

    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 100 == 98 ? '\r' : i % 100 == 99 ? '\n' : 'x';
    open_sink();
    send_mail((struct outbound_mail){.data = text, .len = sizeof text - 1});
    ck_assert_msg(result.ok, "%s", error);
    ck_assert_uint_eq(sink.mail_len, sizeof text - 1);
    shut();
}
END_TEST

START_TEST(refusals_and_losses_are_told_apart)
{
    static const struct {
        const char *refuse, *with;
        bool ok, maybe;
        int status;
        const char *answer;
    } cases[] = {
        {"RCPT TO:<", "550 no such user\r\n", true, false, 550, "550 no such user\r\n"},
        {"RCPT TO:<dev", "421 closing\r\n", true, false, 421, "421 closing\r\n"},
        {"MAIL", "451-try\r\n451 later\r\n", true, false, 451, "451-try\r\n451 later\r\n"},
        {"DATA", "554 no\r\n", true, false, 554, "554 no\r\n"},
        {".", "552 too long\r\n", true, false, 552, "552 too long\r\n"},
        {"connect", "421 busy\r\n", true, false, 421, "421 busy\r\n"},
        {"RCPT", "", false, false, 250, NULL},
        {"RCPT", NULL, false, false, 250, NULL},
        {"connect", "", false, false, 0, NULL},
        {"connect", NULL, false, false, 0, NULL},
        {"DATA", NULL, false, false, 250, NULL},
        {".", "", false, true, 354, NULL},
        {".", NULL, false, true, 354, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_sink();
        sink.refuse = cases[i].refuse;
        sink.with = cases[i].with;
        send_mail((struct outbound_mail){.timeout_ms = cases[i].with ? 20000 : 300});
        ck_assert_msg(result.ok == cases[i].ok && result.maybe_done == cases[i].maybe &&
                          result.status == cases[i].status,
                      "case %zu: ok %d maybe %d status %d %s", i, result.ok, result.maybe_done,
                      result.status, error);
        if (cases[i].answer)
            ck_assert_str_eq(answer, cases[i].answer);
        ck_assert_int_eq(error[0] == 0, result.ok);
        shut();
    }
}
END_TEST

START_TEST(a_refused_recipient_costs_only_himself)
{
    static const char *const replies[][2] = {
        {"550-5.1.1 gone\r\n550 since May\r\n",
         "dev@example.org 550 550-5.1.1 gone  550 since May|"},
        {"450 greylisted\r\n", "dev@example.org 450 450 greylisted|"}};

    for (size_t i = 0; i < 2; i++) {
        open_sink();
        sink.refuse = "RCPT TO:<dev";
        sink.with = replies[i][0];
        send_mail((struct outbound_mail){0});
        ck_assert_msg(result.ok && result.status == 250, "status %d %s", result.status, error);
        ck_assert_int_eq(sink.mails, 1);
        ck_assert_str_eq(sink.mail, message);
        ck_assert_str_eq(refused, replies[i][1]);
        shut();
    }
    open_sink(); /* nobody is left: no mail, and no list of the refused */
    sink.refuse = "RCPT TO:<";
    sink.with = "550 no\r\n";
    send_mail((struct outbound_mail){0});
    ck_assert(result.ok && result.status == 550 && result.n_refused == 0);
    ck_assert_int_eq(sink.mails, 0);
    shut();
}
END_TEST

START_TEST(a_slow_mail_server_stops_nothing_else)
{
    struct timer *t;

    open_sink();
    sink.refuse = ".";
    sink.with = NULL;
    t = timer_new(t_loop, LOOP_CONTROL, count_tick, NULL);
    n_ticks = 0;
    timer_in(t, 10);
    send_mail((struct outbound_mail){.timeout_ms = 400});
    ck_assert(!result.ok && result.maybe_done);
    ck_assert_int_eq(n_ticks, 1);
    ck_assert_int_ge(result.took_ms, 400);
    ck_assert_int_lt(tick_ms - began_ms, 300); /* while the reply was waited for */
    timer_free(t);
    shut();
}
END_TEST

START_TEST(a_message_cannot_end_itself)
{
    static const struct {
        const char *data, *text;
    } cases[] = {
        {"", ".\r\n"},
        {"a", "a\r\n.\r\n"},
        {"a\r\n", "a\r\n.\r\n"},
        {".", "..\r\n.\r\n"},
        {".\r\nx", "..\r\nx\r\n.\r\n"},
        {"a\n.\nMAIL FROM:<x>\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"},
        {"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"},
        {"a\n\n.b\r\n\r\n", "a\r\n\r\n..b\r\n\r\n.\r\n"},
        {"a\r\r\n.\r\n", "a\r\n\r\n..\r\n.\r\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT;

        mail_text(&b, cases[i].data, strlen(cases[i].data));
        ck_assert_str_eq(buf_str(&b), cases[i].text);
        buf_free(&b);
    }
}
END_TEST

START_TEST(nonsense_from_the_server_is_an_error)
{
    static const struct {
        const char *refuse, *with;
    } cases[] = {
        {"MAIL", "hello?\r\n"},
        {"MAIL", "354 go on\r\n"},
        {"DATA", "250 fine\r\n"},
        {"RCPT", "\r\n"},
        {"MAIL", "250 a\r\n250 b\r\n250 c\r\n250 d\r\n"},
    };
    static char endless[70001];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_sink();
        sink.refuse = cases[i].refuse;
        sink.with = cases[i].with;
        send_mail((struct outbound_mail){0});
        ck_assert_msg(!result.ok && !result.maybe_done && error[0], "case %zu", i);
        ck_assert_int_eq(sink.mails, 0);
        shut();
    }
    memset(endless, '2', sizeof endless - 1);
    open_sink();
    sink.refuse = "MAIL";
    sink.with = endless;
    send_mail((struct outbound_mail){0});
    ck_assert_str_eq(error, "the mail server's reply is too long");
    shut();
}
END_TEST

START_TEST(a_refused_port_was_not_reached)
{
    open_sink();
    evconnlistener_disable(sink.listener);
    close(evconnlistener_get_fd(sink.listener));
    send_mail((struct outbound_mail){0});
    ck_assert(!result.ok && !result.maybe_done);
    ck_assert_int_eq(result.status, 0);
    shut();
}
END_TEST

START_TEST(passwords_are_sent_and_their_refusal_told)
{
    open_sink();
    sink.offers = "250-AUTH PLAIN\r\n";
    send_mail((struct outbound_mail){.user = "u", .password = "p"});
    ck_assert_msg(result.ok, "%s", error);
    ck_assert_ptr_nonnull(strstr(sink.log, "|AUTH PLAIN|AHUAcA==|"));
    shut();
    open_sink();
    sink.offers = "250-AUTH PLAIN\r\n";
    sink.refuse = "AUTH";
    sink.with = "535 wrong\r\n";
    send_mail((struct outbound_mail){.user = "u", .password = "p"});
    ck_assert(result.ok);
    ck_assert_int_eq(result.status, 535);
    ck_assert_int_eq(sink.mails, 0);
    shut();
}
END_TEST

static void offer_tls(void)
{
    open_sink();
    sink.offers = "250-STARTTLS\r\n";
    sink.tls = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(sink.tls, cert_path), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(sink.tls, key_path, SSL_FILETYPE_PEM), 1);
}

START_TEST(mail_is_encrypted_as_demanded)
{
    cert_make();
    offer_tls();
    send_mail((struct outbound_mail){.tls = MAIL_TLS_REQUIRED, .ca_file = cert_path});
    ck_assert_msg(result.ok, "%s", error);
    ck_assert(sink.was_encrypted);
    ck_assert_str_eq(sink.mail, message);
    shut();
    offer_tls();
    send_mail((struct outbound_mail){.tls = MAIL_TLS_IF_OFFERED, .ca_file = cert_path});
    ck_assert(result.ok && sink.was_encrypted);
    shut();
    offer_tls();
    send_mail((struct outbound_mail){.tls = MAIL_TLS_NONE});
    ck_assert(result.ok && !sink.was_encrypted);
    shut();
    offer_tls(); /* nobody vouches for it: that costs no page unless it was demanded */
    send_mail((struct outbound_mail){.tls = MAIL_TLS_IF_OFFERED});
    ck_assert_msg(result.ok && sink.was_encrypted, "%s", error);
    shut();
    offer_tls();
    send_mail((struct outbound_mail){.tls = MAIL_TLS_REQUIRED});
    ck_assert(!result.ok && !result.maybe_done);
    ck_assert_int_eq(sink.mails, 0);
    shut();
    open_sink(); /* not offered */
    send_mail((struct outbound_mail){.tls = MAIL_TLS_REQUIRED});
    ck_assert(!result.ok && !result.maybe_done);
    ck_assert_int_eq(sink.mails, 0);
    shut();
    open_sink();
    send_mail((struct outbound_mail){.tls = MAIL_TLS_IF_OFFERED});
    ck_assert(result.ok && !sink.was_encrypted);
    shut();
    offer_tls(); /* offered, then refused */
    sink.refuse = "STARTTLS";
    sink.with = "454 not now\r\n";
    send_mail((struct outbound_mail){.tls = MAIL_TLS_REQUIRED});
    ck_assert(!result.ok && !result.maybe_done);
    shut();
    cert_remove();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_mail_arrives_as_it_was_written);
    tcase_add_test(t, a_long_mail_arrives_whole);
    tcase_add_test(t, refusals_and_losses_are_told_apart);
    tcase_add_test(t, a_refused_recipient_costs_only_himself);
    tcase_add_test(t, a_slow_mail_server_stops_nothing_else);
    tcase_add_test(t, a_message_cannot_end_itself);
    tcase_add_test(t, nonsense_from_the_server_is_an_error);
    tcase_add_test(t, a_refused_port_was_not_reached);
    tcase_add_test(t, passwords_are_sent_and_their_refusal_told);
    tcase_add_test(t, mail_is_encrypted_as_demanded);
}

UNIT_MAIN("mail", add)
