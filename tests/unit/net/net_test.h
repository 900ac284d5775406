/* What the tests of the room share: a loop on the real clock, turned until a condition holds, and
 * a bare socket that is read and written between the turns. */
#ifndef NET_TEST_H
#define NET_TEST_H

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tocsin/loop.h"

#define PATIENCE_MS 20000

static struct clock *t_clock;
static struct loop *t_loop;

static void __attribute__((unused)) loop_open(void)
{
    t_clock = clock_system();
    t_loop = loop_new(t_clock, NULL);
    ck_assert_ptr_nonnull(t_loop);
}

static void __attribute__((unused)) loop_close(void)
{
    loop_free(t_loop);
    clock_free(t_clock);
}

/* Turns the loop until `condition`; fails the test after PATIENCE_MS. */
#define WAIT_FOR(condition)                                                                      \
    do {                                                                                         \
        int64_t wait_until_ms = clock_mono_ms(t_clock) + PATIENCE_MS;                            \
        while (!(condition)) {                                                                   \
            ck_assert_msg(clock_mono_ms(t_clock) < wait_until_ms, "never came: %s", #condition); \
            loop_turn(t_loop, 5);                                                                \
        }                                                                                        \
    } while (0)

/* A client or peer without a protocol. */
struct raw {
    int fd;
    char got[1 << 17]; /* what came, as a string */
    size_t len;
    bool ended; /* the peer has closed or reset */
};

static struct raw *raw_of(int fd)
{
    struct raw *r = calloc(1, sizeof *r);

    ck_assert_int_ge(fd, 0);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    r->fd = fd;
    return r;
}

static __attribute__((unused)) struct raw *raw_connect(int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return raw_of(fd);
}

static void __attribute__((unused)) raw_close(struct raw *r)
{
    close(r->fd);
    free(r);
}

/* Reads what there is. */
static bool raw_poll(struct raw *r)
{
    while (!r->ended && r->len < sizeof r->got - 1) {
        ssize_t n = read(r->fd, r->got + r->len, sizeof r->got - 1 - r->len);

        if (n > 0)
            r->len += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            r->ended = true;
        else
            break;
    }
    r->got[r->len] = 0;
    return r->ended;
}

static bool __attribute__((unused)) raw_has(struct raw *r, const char *text)
{
    raw_poll(r);
    return strstr(r->got, text) != NULL;
}

/* Sends everything, turning the loop where the socket is full. */
static void raw_send_n(struct raw *r, const char *data, size_t len)
{
    int64_t until_ms = clock_mono_ms(t_clock) + PATIENCE_MS;

    while (len > 0) {
        ssize_t n = send(r->fd, data, len, MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN) {
            return; /* closed: the test looks at what was answered */
        }
        ck_assert_int_lt(clock_mono_ms(t_clock), until_ms);
        loop_turn(t_loop, len > 0 ? 1 : 0);
    }
}

static void __attribute__((unused)) raw_send(struct raw *r, const char *text)
{
    raw_send_n(r, text, strlen(text));
}

static void __attribute__((unused)) raw_clear(struct raw *r)
{
    r->len = 0;
    r->got[0] = 0;
}

#define WAIT_TEXT(r, text) WAIT_FOR(raw_has(r, text) || (r)->ended)
#define WAIT_END(r)        WAIT_FOR(raw_poll(r))

#endif
