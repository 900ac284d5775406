/* Where a Redis is, read from text:
 *
 *   redis://[user[:password]@]host[:port][/database]     rediss:// the same over TLS
 *   unix:/path[?db=n]    unix://[user[:password]@]/path[?db=n]
 *
 * User, password and path may hold %XX. An error names the part that is wrong and never repeats
 * any of the text, since a password may stand anywhere in a mistyped one. Pure: bytes in, values or an error out. */
#ifndef TOCSIN_REDIS_URL_H
#define TOCSIN_REDIS_URL_H

#include <stdbool.h>

#include "base/err.h"

#define URL_DEFAULT_PORT 6379
#define URL_MAX_DATABASE 65535 /* what servers allow is told by SELECT */

struct url {
    bool is_tls;
    bool is_unix;
    char host[256]; /* name or address without brackets; "" for unix */
    char path[108]; /* size of sockaddr_un.sun_path; "" unless unix */
    int port;
    int database;
    char user[128];
    char password[512];
    char shown[320]; /* for people: "127.0.0.1:6379", "[::1]:6379", "/run/redis.sock" */
};

/* 0, or -1 with ERR_INPUT and `u` in no particular state. */
int url_parse(const char *text, struct url *u, struct err *e) MUST_USE;

#endif
