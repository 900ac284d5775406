#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "driver.h"

static struct server server;
static struct driver v;
static char cert[96];
static int port;

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

/* A certificate for localhost and 127.0.0.1 that signs itself. */
static void make_certificate(const char *dir)
{
    char command[512];

    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost "
             "-keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
             dir, dir);
    ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
    char port_text[8];
    const char *more[] = {
        "--tls-port", port_text,
        "--bind",     "127.0.0.1",
        "127.0.0.2",  "--tls-cert-file",
        "cert.pem",   "--tls-key-file",
        "key.pem",    "--tls-ca-cert-file",
        "cert.pem",   "--tls-auth-clients",
        "no",         NULL,
    };

    server = (struct server){.dir = "/tmp/tocsin-test-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(server.dir));
    make_certificate(server.dir);
    snprintf(cert, sizeof cert, "%s/cert.pem", server.dir);
    port = free_port();
    snprintf(port_text, sizeof port_text, "%d", port);
    server_start_in(&server, more);
}

static void teardown(void)
{
    driver_close(&v);
    server_stop(&server);
}

static void open_to(const char *scheme, const char *host, const char *ca_file)
{
    char url[96];

    snprintf(url, sizeof url, "%s://%s:%d", scheme, host, port);
    driver_open(&v, (struct db_options){.url = url, .ca_file = ca_file, .connect_ms = 10000});
}

static void check_bytes(void)
{
    size_t n = 2 << 20;
    char *big = malloc(n);
    struct told set = {0}, get = {0};

    memset(big, 'b', n);
    db_sendf(v.db, told_done, &set, "SET big %b", (const void *)big, n);
    db_sendf(v.db, told_done, &get, "GET big");
    AWAIT(&v, get.times == 1);
    ck_assert_int_eq(set.fate, DB_DONE);
    ck_assert_uint_eq(get.len, n);
    free(big);
}

START_TEST(tls_to_an_address_carries_megabytes)
{
    open_to("rediss", "127.0.0.1", cert);
    AWAIT(&v, db_is_up(v.db));
    check_bytes();
}
END_TEST

/* The name has two addresses where IPv6 is there, and the server listens on one. */
START_TEST(tls_to_a_name_is_checked_against_the_name)
{
    open_to("rediss", "localhost", cert);
    AWAIT(&v, db_is_up(v.db));
    check_bytes();
}
END_TEST

START_TEST(a_certificate_for_another_address_is_refused)
{
    open_to("rediss", "127.0.0.2", cert);
    AWAIT(&v, v.downs == 1);
    ck_assert_msg(strstr(v.why, "mismatch") != NULL, "%s", v.why);
    ck_assert_int_eq(v.ups, 0);
}
END_TEST

START_TEST(a_certificate_that_nobody_vouches_for_is_refused)
{
    open_to("rediss", "127.0.0.1", NULL);
    AWAIT(&v, v.downs == 1);
    ck_assert_msg(strstr(v.why, "self-signed") || strstr(v.why, "self signed"), "%s", v.why);
    ck_assert_int_eq(v.ups, 0);
}
END_TEST

START_TEST(plain_text_to_a_tls_port_fails_and_says_so)
{
    open_to("redis", "127.0.0.1", NULL);
    AWAIT(&v, v.downs == 1);
    ck_assert_str_ne(v.why, "");
    ck_assert_int_eq(v.ups, 0);
}
END_TEST

START_TEST(a_server_killed_over_tls_leaves_the_same_fates)
{
    struct told t[2] = {0};

    open_to("rediss", "127.0.0.1", cert);
    AWAIT(&v, db_is_up(v.db));
    server_signal(&server, SIGSTOP);
    db_sendf(v.db, told_done, &t[0], "INCR n");
    loop_turn(v.loop, 10);
    loop_turn(v.loop, 10);
    server_kill(&server);
    AWAIT(&v, v.downs == 1);
    ck_assert_int_eq(t[0].fate, DB_UNKNOWN);
    db_sendf(v.db, told_done, &t[1], "INCR n");
    AWAIT(&v, t[1].times == 1);
    ck_assert_int_eq(t[1].fate, DB_UNSENT);
}
END_TEST

#define N_LARGE 200

/* OpenSSL writes parts of what it was given without telling: they must not pass for unsent. */
START_TEST(what_tls_may_have_sent_is_never_told_as_unsent)
{
    static struct told large[N_LARGE];
    static char value[64 << 10];
    struct db_options o = {.on_up = driver_on_up, .on_down = driver_on_down, .arg = &v};
    struct told list = {0};
    char url[64];
    int n_unknown = 0;

    driver_loop(&v);
    snprintf(url, sizeof url, "rediss://127.0.0.1:%d", port);
    o.url = url;
    o.ca_file = cert;
    o.command_ms = 100;
    v.db = db_open(v.loop, &o, NULL);
    AWAIT(&v, db_is_up(v.db));
    memset(large, 0, sizeof large);
    server_signal(&server, SIGSTOP);
    for (int i = 0; i < N_LARGE; i++)
        db_sendf(v.db, told_done, &large[i], "RPUSH list %b", (const void *)value, sizeof value);
    AWAIT(&v, v.downs == 1);
    for (int i = 0; i < N_LARGE; i++) {
        ck_assert_int_eq(large[i].times, 1);
        n_unknown += large[i].fate == DB_UNKNOWN;
    }
    ck_assert_int_gt(n_unknown, 0);
    ck_assert_int_lt(n_unknown, N_LARGE);
    server_signal(&server, SIGCONT);
    AWAIT(&v, db_is_up(v.db));
    db_sendf(v.db, told_done, &list, "LLEN list");
    AWAIT(&v, list.times == 1);
    ck_assert_int_gt(list.number, 0);
    ck_assert_int_le(list.number, n_unknown);
}
END_TEST

START_TEST(the_blocking_connection_declines_tls)
{
    struct err e = {0};

    open_to("rediss", "127.0.0.1", cert);
    ck_assert_ptr_null(db_blocking_open("rediss://127.0.0.1", 100, &e));
    ck_assert_int_eq(e.code, ERR_REFUSED);
}
END_TEST

START_TEST(a_name_that_is_not_there_is_told)
{
    open_to("redis", "nothing.invalid", NULL);
    AWAIT(&v, v.downs == 1);
    ck_assert_msg(strstr(v.why, "nothing.invalid") != NULL, "%s", v.why);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, tls_to_an_address_carries_megabytes);
    tcase_add_test(c, tls_to_a_name_is_checked_against_the_name);
    tcase_add_test(c, a_certificate_for_another_address_is_refused);
    tcase_add_test(c, a_certificate_that_nobody_vouches_for_is_refused);
    tcase_add_test(c, plain_text_to_a_tls_port_fails_and_says_so);
    tcase_add_test(c, a_server_killed_over_tls_leaves_the_same_fates);
    tcase_add_test(c, what_tls_may_have_sent_is_never_told_as_unsent);
    tcase_add_test(c, the_blocking_connection_declines_tls);
    tcase_add_test(c, a_name_that_is_not_there_is_told);
}

UNIT_MAIN("tls", add)
