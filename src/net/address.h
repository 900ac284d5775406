/* "host:port" and "[v6]:port" as people write them, to a bound socket and back. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stddef.h>

#include "base/err.h"

#define ADDRESS_LEN 80 /* of the longest text that address_of() writes, with its NUL */

/* Splits at the last colon. An empty host means every address, IPv6 and IPv4. Returns 0, or -1. */
int address_split(const char *text, char *host, size_t host_size, char port[6],
                  struct err *e) MUST_USE;
/* A non-blocking socket of `type` (SOCK_STREAM, SOCK_DGRAM), bound to `text`. Names are resolved,
 * blocking: for start-up only. Returns the descriptor, or -1. */
int address_bind(const char *text, int type, struct err *e) MUST_USE;
/* Where `fd` is bound: "127.0.0.1:9393", "[::1]:9393". Returns its port. */
int address_of(int fd, char out[ADDRESS_LEN]);

#endif
