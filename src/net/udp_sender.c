#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tocsin/address.h"
#include "tocsin/udp.h"

struct udp_sender {
    int fd;
};

struct udp_sender *udp_sender_new(const char *to, struct err *e)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    struct udp_sender *s = mem_zalloc(sizeof *s);
    char host[256], port[6];

    if (!s) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    s->fd = -1;
    if (address_split(to, host, sizeof host, port, e) != 0)
        goto failed;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        err_set(e, ERR_INPUT, "\"%.80s\" is not an address with a port", to);
        goto failed;
    }
    s->fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || connect(s->fd, found->ai_addr, found->ai_addrlen) != 0) {
        err_set(e, ERR_IO, "no datagrams to %.80s: %s", to, strerror(errno));
        goto failed;
    }
    freeaddrinfo(found);
    return s;
failed:
    if (found)
        freeaddrinfo(found);
    udp_sender_free(s);
    return NULL;
}

void udp_sender_free(struct udp_sender *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s);
}

void udp_sender_put(struct udp_sender *s, const char *data, size_t len)
{
    (void)!send(s->fd, data, len,
                MSG_NOSIGNAL); /* one that does not leave is lost, as any may be */
}
