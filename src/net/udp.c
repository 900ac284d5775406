/* Datagrams, several per system call. One recv() for each wake-up loses a tenth and more of a
 * burst: the kernel's buffer fills while the loop turns. So each wake-up drains the socket, up to
 * a bound, after which the rest of the loop has its turn. */
#include "tocsin/udp.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "tocsin/address.h"

#define BATCH        32 /* datagrams per system call */
#define BATCHES_MOST 64 /* calls per wake-up: 2,048 datagrams, a few milliseconds of decoding */
#define LONGEST      65507
#define BUFFER_BYTES (4 << 20)

struct udp {
    struct udp_options o;
    int fd, port;
    struct event *ev;
    char *memory; /* BATCH times one byte more than max_datagram */
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    union {
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
        struct cmsghdr align;
    } control[BATCH];
    uint32_t overflow; /* the kernel's counter, which wraps */
    struct udp_stats stats;
};

static void prepare(struct udp *u)
{
    size_t each = u->o.max_datagram + 1;

    for (size_t i = 0; i < BATCH; i++) {
        u->parts[i] = (struct iovec){.iov_base = u->memory + i * each, .iov_len = each - 1};
        u->headers[i].msg_hdr = (struct msghdr){
            .msg_iov = &u->parts[i],
            .msg_iovlen = 1,
            .msg_control = u->control[i].bytes,
            .msg_controllen = sizeof u->control[i].bytes,
        };
    }
}

/* Each datagram carries how many were dropped since the socket was opened, once any was. */
static void count_drops(struct udp *u, struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t now;

            memcpy(&now, CMSG_DATA(c), sizeof now);
            u->stats.dropped_by_kernel += (uint32_t)(now - u->overflow);
            u->overflow = now;
        }
}

static void take(struct udp *u, struct mmsghdr *m)
{
    char *data = m->msg_hdr.msg_iov->iov_base;

    u->stats.datagrams++;
    if (m->msg_hdr.msg_flags & MSG_TRUNC)
        u->stats.cut++;
    count_drops(u, &m->msg_hdr);
    assert(m->msg_len <= u->o.max_datagram);
    data[m->msg_len] = 0;
    u->o.datagram(data, m->msg_len, u->o.arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct udp *u = arg;
    bool any = false;

    (void)what;
    for (int calls = 0; calls < BATCHES_MOST; calls++) {
        int n;

        prepare(u);
        n = recvmmsg(fd, u->headers, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            take(u, &u->headers[i]);
        any |= n > 0;
        if (n < BATCH)
            break;
    }
    if (any && u->o.drained)
        u->o.drained(u->o.arg);
}

static int open_socket(struct udp *u, struct err *e)
{
    int on = 1, bytes = u->o.receive_buffer;
    char address[ADDRESS_LEN];

    u->fd = address_bind(u->o.listen, SOCK_DGRAM, e);
    if (u->fd < 0)
        return -1;
    /* past the system's limit, where we may */
    if (setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (setsockopt(u->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0)
        log_warn("lost datagrams cannot be counted", "error", strerror(errno), NULL);
    u->port = address_of(u->fd, address);
    return 0;
}

struct udp *udp_open(struct loop *l, const struct udp_options *o, struct err *e)
{
    struct udp *u = mem_zalloc(sizeof *u);

    assert(o->datagram && o->listen);
    if (!u) {
        err_set(e, ERR_MEMORY, "no memory to receive datagrams");
        return NULL;
    }
    u->fd = -1;
    u->o = *o;
    if (u->o.max_datagram == 0 || u->o.max_datagram > LONGEST)
        u->o.max_datagram = LONGEST;
    if (u->o.receive_buffer == 0)
        u->o.receive_buffer = BUFFER_BYTES;
    u->memory = mem_alloc(BATCH * (u->o.max_datagram + 1));
    if (!u->memory) {
        err_set(e, ERR_MEMORY, "no memory to receive datagrams");
        goto failed;
    }
    if (open_socket(u, e) != 0)
        goto failed;
    u->ev = event_new(loop_base(l), u->fd, EV_READ | EV_PERSIST, on_readable, u);
    if (u->ev && event_add(u->ev, NULL) == 0)
        return u;
    err_set(e, ERR_MEMORY, "no memory to receive datagrams");
failed:
    udp_close(u);
    return NULL;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    if (u->ev)
        event_free(u->ev);
    if (u->fd >= 0)
        close(u->fd);
    mem_free(u->memory);
    mem_free(u);
}

void udp_address(const struct udp *u, char out[ADDRESS_LEN])
{
    (void)address_of(u->fd, out);
}

int udp_port(const struct udp *u)
{
    return u->port;
}

void udp_stats(const struct udp *u, struct udp_stats *out)
{
    *out = u->stats;
}
