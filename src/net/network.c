#include "net/network.h"

#include <assert.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int network_parse(struct network *n, const char *text, struct err *e)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;
    unsigned most;

    *n = (struct network){0};
    if (len >= sizeof address || (slash && (digits == 0 || digits > 3 || slash[1 + digits])))
        goto bad;
    memcpy(address, text, len);
    address[len] = 0;
    n->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(n->family, address, n->address) != 1)
        goto bad;
    most = n->family == AF_INET ? 32 : 128;
    n->bits = slash ? (unsigned)atoi(slash + 1) : most;
    if (n->bits <= most)
        return 0;
bad:
    return err_set(e, ERR_INPUT,
                   "\"%s\" is not a network: write \"169.254.0.0/16\" or \"fd00::/8\"", text);
}

/* The IPv4 address within an IPv6 one, or NULL. */
static const uint8_t *embedded_v4(const uint8_t *v6)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

    return memcmp(v6, mapped, 12) == 0 || memcmp(v6, nat64, 12) == 0 ? v6 + 12 : NULL;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    assert(bits <= 128);
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool network_has(const struct network *n, const struct sockaddr *sa)
{
    const uint8_t *v6, *v4 = NULL;

    if (sa->sa_family == AF_INET)
        v4 = (const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr;
    if (sa->sa_family == AF_INET6) {
        v6 = ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr;
        if (n->family == AF_INET6 && same_prefix(n->address, v6, n->bits))
            return true;
        v4 = embedded_v4(v6);
    }
    return n->family == AF_INET && v4 && same_prefix(n->address, v4, n->bits);
}
