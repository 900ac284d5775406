#include "net_test.h"

#include "tocsin/udp.h"

static struct udp *udp;
static unsigned n_got, n_drained, most_per_drain, since_drain;
static size_t last_len, sum_len;
static char last_data[70000];

static void on_datagram(const char *data, size_t len, void *arg)
{
    (void)arg;
    n_got++;
    since_drain++;
    sum_len += len;
    last_len = len;
    ck_assert_int_eq(data[len], 0);
    memcpy(last_data, data, len + 1);
}

static void on_drained(void *arg)
{
    (void)arg;
    n_drained++;
    ck_assert_uint_gt(since_drain, 0);
    if (since_drain > most_per_drain)
        most_per_drain = since_drain;
    since_drain = 0;
}

static void open_with(struct udp_options o)
{
    struct err e = {0};

    loop_open();
    n_got = n_drained = most_per_drain = since_drain = 0;
    last_len = sum_len = 0;
    if (!o.listen)
        o.listen = "127.0.0.1:0";
    o.datagram = on_datagram;
    o.drained = on_drained;
    udp = udp_open(t_loop, &o, &e);
    ck_assert_msg(udp != NULL, "%s", e.text);
}

static void shut(void)
{
    udp_close(udp);
    loop_close();
}

static int sender(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)udp_port(udp))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static struct udp_stats stats(void)
{
    struct udp_stats s;

    udp_stats(udp, &s);
    return s;
}

START_TEST(a_burst_is_drained_with_a_bound_per_turn)
{
    int fd;

    open_with((struct udp_options){0});
    fd = sender();
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(send(fd, "abcdefgh", (size_t)(i % 9), 0), i % 9);
    loop_turn(t_loop, 0);
    ck_assert_uint_le(n_got, 2048);
    WAIT_FOR(n_got + stats().dropped_by_kernel == 3000);
    ck_assert_uint_eq(stats().datagrams, n_got);
    ck_assert_uint_ge(n_drained, 2);
    ck_assert_uint_le(most_per_drain, 2048);
    ck_assert_uint_gt(most_per_drain, 32);
    ck_assert_uint_eq(since_drain, 0);
    close(fd);
    shut();
}
END_TEST

START_TEST(what_the_kernel_drops_is_counted)
{
    char data[1000] = {0};
    int fd;

    open_with((struct udp_options){.receive_buffer = 20000});
    fd = sender();
    for (int i = 0; i < 500; i++)
        send(fd, data, sizeof data, 0);
    for (int i = 0; i < 10; i++)
        loop_turn(t_loop, 0);
    ck_assert_uint_lt(n_got, 500);
    send(fd, "last", 4, 0); /* carries the count */
    WAIT_FOR(last_len == 4);
    ck_assert_uint_eq(stats().dropped_by_kernel, 501 - n_got);
    close(fd);
    shut();
}
END_TEST

START_TEST(long_datagrams_are_cut_and_counted)
{
    char data[200];
    int fd;

    memset(data, 'x', sizeof data);
    open_with((struct udp_options){.max_datagram = 100});
    fd = sender();
    for (size_t n = 99; n <= 101; n++) {
        unsigned had = n_got;

        send(fd, data, n, 0);
        WAIT_FOR(n_got > had);
        ck_assert_uint_eq(last_len, n < 100 ? n : 100);
        ck_assert_uint_eq(stats().cut, n > 100);
    }
    close(fd);
    shut();
}
END_TEST

START_TEST(the_longest_datagram_passes_and_taken_ports_are_told)
{
    struct udp_options o = {.datagram = on_datagram};
    char *data = calloc(1, 65507), address[40];
    struct err e;
    int fd;

    open_with((struct udp_options){0});
    fd = sender();
    ck_assert_int_eq(send(fd, data, 65507, 0), 65507);
    WAIT_FOR(n_got == 1);
    ck_assert_uint_eq(last_len, 65507);
    ck_assert_uint_eq(stats().cut, 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", udp_port(udp));
    o.listen = address;
    ck_assert_ptr_null(udp_open(t_loop, &o, &e));
    ck_assert_int_eq(e.code, ERR_IO);
    free(data);
    close(fd);
    shut();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_burst_is_drained_with_a_bound_per_turn);
    tcase_add_test(t, what_the_kernel_drops_is_counted);
    tcase_add_test(t, long_datagrams_are_cut_and_counted);
    tcase_add_test(t, the_longest_datagram_passes_and_taken_ports_are_told);
}

UNIT_MAIN("udp", add)
