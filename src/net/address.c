#include "tocsin/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int address_split(const char *text, char *host, size_t host_size, char port[6], struct err *e)
{
    const char *colon = strrchr(text, ':'), *start = text, *end = colon;
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    size_t len;

    assert(host_size > 0);
    if (!colon || digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535)
        goto bad;
    if (text[0] == '[') {
        start++;
        end--;
        if (end < start || *end != ']')
            goto bad;
    } else if (memchr(text, ':', (size_t)(colon - text))) {
        goto bad; /* an IPv6 address without brackets: where does the port begin? */
    }
    len = (size_t)(end - start);
    if (len >= host_size)
        goto bad;
    memcpy(host, start, len);
    host[len] = 0;
    memcpy(port, colon + 1, digits + 1);
    return 0;
bad:
    return err_set(e, ERR_INPUT,
                   "\"%s\" is not an address: write \"127.0.0.1:9393\" or \"[::1]:9393\"", text);
}

bool address_is_loopback(const char *text)
{
    char host[256], port[6];
    struct in6_addr six;
    struct in_addr four;
    struct err e;

    if (address_split(text, host, sizeof host, port, &e) != 0)
        return false;
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, host, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return strcasecmp(host, "localhost") == 0;
}

static int bind_one(const struct addrinfo *a)
{
    int on = 1, off = 0, saved;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

    if (fd < 0)
        return -1;
    /* a restart must not wait for old connections; for datagrams it would let two share a port */
    if (a->ai_socktype == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int address_bind(const char *text, int type, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_PASSIVE}, *found = NULL;
    char host[256], port[6];
    int rc, fd = -1;

    if (address_split(text, host, sizeof host, port, e) != 0)
        return -1;
    /* "::" takes IPv4 too; a machine without IPv6 has only the other wildcard */
    rc = getaddrinfo(host[0] ? host : "::", port, &hints, &found);
    for (const struct addrinfo *a = rc == 0 ? found : NULL; a && fd < 0; a = a->ai_next)
        fd = bind_one(a);
    if (rc == 0)
        freeaddrinfo(found);
    if (fd < 0 && !host[0] && (rc != 0 || errno == EAFNOSUPPORT)) {
        rc = getaddrinfo("0.0.0.0", port, &hints, &found);
        if (rc == 0) {
            fd = bind_one(found);
            freeaddrinfo(found);
        }
    }
    if (fd >= 0)
        return fd;
    if (rc == 0 && errno == EADDRINUSE)
        return err_set(e, ERR_IO,
                       "cannot listen on %s: the port is in use, perhaps by a Tocsin that runs "
                       "already; take another one, or 0 for any free one",
                       text);
    return err_set(e, ERR_IO, "cannot listen on %s: %s", text,
                   rc != 0 ? gai_strerror(rc) : strerror(errno));
}

int address_of(int fd, char out[ADDRESS_LEN])
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    char host[NI_MAXHOST], port[NI_MAXSERV];

    out[0] = 0;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0 ||
        getnameinfo((struct sockaddr *)&sa, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return 0;
    snprintf(out, ADDRESS_LEN, sa.ss_family == AF_INET6 ? "[%.60s]:%.6s" : "%.60s:%.6s", host,
             port);
    return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port
                                          : ((struct sockaddr_in *)&sa)->sin_port);
}
