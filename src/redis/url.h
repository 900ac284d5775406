/* Where a Redis is, read from text:
 *
 *   redis://[user[:password]@]host[:port][/database]     rediss:// the same over TLS
 *   unix:/path[?db=n]    unix://[user[:password]@]/path[?db=n]
 *   sentinel://[user[:password]@]host[:port],host[:port],…/master[?db=n]
 *                                    user and password are the master's; the hosts are sentinels
 *
 * User, password, path and the name of a master may hold %XX. An error names the part that is wrong and never repeats
 * any of the text, since a password may stand anywhere in a mistyped one. Pure: bytes in, values or an error out. */
#ifndef TOCSIN_REDIS_URL_H
#define TOCSIN_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define URL_DEFAULT_PORT  6379
#define URL_MAX_DATABASE  65535 /* what servers allow is told by SELECT */
#define URL_SENTINEL_PORT 26379
#define URL_MAX_SENTINELS 16
/* Bytes of the longest text that url_write() makes, with its zero. */
#define URL_TEXT_MAX 2560

struct url_place {
    char host[256]; /* name or address without brackets */
    int port;
};

struct url {
    bool is_tls;
    bool is_unix;
    char host
        [256]; /* name or address without brackets; "" for unix, and of a master until url_point() */
    char path[108]; /* size of sockaddr_un.sun_path; "" unless unix */
    int port;
    int database;
    char user[128];
    char password[512];
    char shown
        [320]; /* for people: "127.0.0.1:6379", "[::1]:6379", "/run/redis.sock", the master's name */
    char master[128]; /* its name, with sentinel://; else "" */
    size_t n_sentinels;
    struct url_place sentinels[URL_MAX_SENTINELS];
};

/* 0, or -1 with ERR_INPUT and `u` in no particular state. */
int url_parse(const char *text, struct url *u, struct err *e) MUST_USE;
/* Points `u` at another server (host, port, shown) and leaves the rest. -1: that is no host or no
 * port, and `u` is as it was. */
int url_point(struct url *u, const char *host, int port) MUST_USE;
/* The text of the one server that `u` (not unix) points at: redis:// or rediss:// with user,
 * password and database; url_parse() reads the same of it. */
void url_write(const struct url *u, char out[URL_TEXT_MAX]);

#endif
