/* "host:port" and "[v6]:port" as people write them, to a bound socket and back. */
#ifndef TOCSIN_ADDRESS_H
#define TOCSIN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ADDRESS_LEN 80 /* of the longest text that address_of() writes, with its NUL */

/* Splits at the last colon. An empty host means every address, IPv6 and IPv4. Returns 0, or -1. */
int address_split(const char *text, char *host, size_t host_size, char port[6],
                  struct err *e) MUST_USE;
/* Whether "host:port" is reached from this machine only: 127.0.0.0/8, ::1 or localhost, nothing that
 * merely begins so. False for text that address_split() refuses. */
bool address_is_loopback(const char *text);
/* A non-blocking socket of `type` (SOCK_STREAM, SOCK_DGRAM), bound to `text`. Names are resolved,
 * blocking: for start-up only. Returns the descriptor, or -1. */
int address_bind(const char *text, int type, struct err *e) MUST_USE;
/* Where `fd` is bound: "127.0.0.1:9393", "[::1]:9393". Returns its port. */
int address_of(int fd, char out[ADDRESS_LEN]);

#endif
