/* Networks as "169.254.0.0/16", "fd00::/8" or a single address, and whether an address lies in
 * one. Pure. IPv4 addresses in IPv6 clothes (::ffff:a.b.c.d, 64:ff9b::a.b.c.d) count as IPv4. */
#ifndef NET_NETWORK_H
#define NET_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct network {
    int family; /* AF_INET, AF_INET6 */
    unsigned bits;
    uint8_t address[16];
};

int network_parse(struct network *n, const char *text, struct err *e) MUST_USE;
bool network_has(const struct network *n, const struct sockaddr *sa);

#endif
