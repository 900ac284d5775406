/* The address of a Redis: redis://, rediss://, unix: and sentinel://, read by hand.
 * Passwords hold characters that URLs may not, and people paste them as they are: the last '@' of the
 * authority counts. What is shown is a text of its own without user and password, so that no error can print
 * them. libcurl's parser was dropped: it belongs to another room, and refuses such passwords. Errors name
 * the part, never its content. */
#include "redis/url.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Copies with %XX decoded. NUL is refused, because the values are C strings. */
static int decode(const char *p, size_t n, char *out, size_t cap, const char *part, struct err *e)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        int byte = (unsigned char)p[i];

        if (p[i] == '%') {
            if (n - i < 3 || hex(p[i + 1]) < 0 || hex(p[i + 2]) < 0)
                return err_set(e, ERR_INPUT, "the %s has a %% without two hex digits", part);
            byte = hex(p[i + 1]) * 16 + hex(p[i + 2]);
            i += 2;
        }
        if (byte == 0)
            return err_set(e, ERR_INPUT, "the %s has a zero byte", part);
        if (len + 1 >= cap)
            return err_set(e, ERR_INPUT, "the %s is longer than %zu bytes", part, cap - 1);
        out[len++] = (char)byte;
    }
    out[len] = 0;
    return 0;
}

static int parse_int(const char *p, size_t n, int min, int max, int *out)
{
    long v = 0;

    if (n == 0 || n > 6)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    if (v < min || v > max)
        return -1;
    *out = (int)v;
    return 0;
}

static int parse_database(const char *p, size_t n, struct url *u, struct err *e)
{
    if (parse_int(p, n, 0, URL_MAX_DATABASE, &u->database) == 0)
        return 0;
    return err_set(e, ERR_INPUT, "the database is not a number from 0 to %d", URL_MAX_DATABASE);
}

/* user[:password] */
static int parse_user(const char *p, size_t n, struct url *u, struct err *e)
{
    const char *colon = memchr(p, ':', n);
    size_t n_user = colon ? (size_t)(colon - p) : n;

    if (decode(p, n_user, u->user, sizeof u->user, "user", e) != 0)
        return -1;
    if (!colon && n > 0)
        return err_set(e, ERR_INPUT, "there is a user but no password: write user:password@");
    if (!colon)
        return 0;
    return decode(colon + 1, n - n_user - 1, u->password, sizeof u->password, "password", e);
}

/* Takes user and password off the front of [*p, end). The last '@' of the authority counts, so
 * that a raw '@' in a password works. */
static int take_user(const char **p, const char *end, struct url *u, struct err *e)
{
    const char *at = memrchr(*p, '@', (size_t)(end - *p));

    if (!at)
        return 0;
    if (parse_user(*p, (size_t)(at - *p), u, e) != 0)
        return -1;
    *p = at + 1;
    return 0;
}

static bool is_host(const char *p, size_t n, bool in_brackets)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];

        if (c <= ' ' || c >= 127 || strchr("/?#@[]%\\\"'<>", c) || (c == ':' && !in_brackets))
            return false;
    }
    return n > 0;
}

static void show(struct url *u)
{
    snprintf(u->shown, sizeof u->shown, strchr(u->host, ':') ? "[%s]:%d" : "%s:%d", u->host,
             u->port);
}

/* host[:port] or [address][:port]; `to` holds the port that counts where none is given */
static int parse_place(const char *p, const char *end, struct url_place *to, struct err *e)
{
    bool in_brackets = p < end && *p == '[';
    const char *stop = memchr(p, in_brackets ? ']' : ':', (size_t)(end - p));
    const char *after;
    size_t n;

    if (in_brackets && !stop)
        return err_set(e, ERR_INPUT, "the host begins with [ and has no ]");
    p += in_brackets;
    n = (size_t)((stop ? stop : end) - p);
    if (!is_host(p, n, in_brackets) || n >= sizeof to->host)
        return err_set(e, ERR_INPUT,
                       n == 0 ? "the host is missing" : "the host is not a name or address");
    memcpy(to->host, p, n);
    to->host[n] = 0;
    after = stop ? stop + in_brackets : end;
    if (after < end && (*after != ':' ||
                        parse_int(after + 1, (size_t)(end - after - 1), 1, 65535, &to->port) != 0))
        return err_set(e, ERR_INPUT, "the port is not a number from 1 to 65535");
    return 0;
}

static int parse_host(const char *p, const char *end, struct url *u, struct err *e)
{
    struct url_place place = {.port = URL_DEFAULT_PORT};

    if (parse_place(p, end, &place, e) != 0)
        return -1;
    memcpy(u->host, place.host, sizeof u->host);
    u->port = place.port;
    show(u);
    return 0;
}

int url_point(struct url *u, const char *host, int port)
{
    size_t n = strlen(host);

    if (!is_host(host, n, true) || n >= sizeof u->host || port < 1 || port > 65535)
        return -1;
    memcpy(u->host, host, n + 1);
    u->port = port;
    show(u);
    return 0;
}

static int parse_tcp(const char *p, struct url *u, struct err *e)
{
    const char *end = p + strcspn(p, "/?#");

    /* a raw '/' in a password ends the authority early: say what to do about it */
    if (*end == '/' && strchr(end, '@'))
        return err_set(e, ERR_INPUT, "there is an @ after the host: write / in a password as %%2F");
    if (take_user(&p, end, u, e) != 0 || parse_host(p, end, u, e) != 0)
        return -1;
    if (*end == '/' && end[1])
        return parse_database(end + 1, strlen(end + 1), u, e);
    if (*end && *end != '/')
        return err_set(e, ERR_INPUT, "there is something after the host: only /database may be");
    return 0;
}

/* host[:port],host[:port],… */
static int parse_sentinels(const char *p, const char *end, struct url *u, struct err *e)
{
    const char *stop;

    for (;; p = stop + 1) {
        if (u->n_sentinels == URL_MAX_SENTINELS)
            return err_set(e, ERR_INPUT, "there are more than %d sentinels", URL_MAX_SENTINELS);
        stop = memchr(p, ',', (size_t)(end - p));
        u->sentinels[u->n_sentinels].port = URL_SENTINEL_PORT;
        if (parse_place(p, stop ? stop : end, &u->sentinels[u->n_sentinels++], e) != 0)
            return err_prefix(e, "sentinel %zu of the list", u->n_sentinels);
        if (!stop)
            return 0;
    }
}

static int parse_master(const char *p, struct url *u, struct err *e)
{
    size_t n = strcspn(p, "/?#");

    if (n == 0)
        return err_set(e, ERR_INPUT,
                       "the name of the master is missing: write /name after the sentinels");
    if (decode(p, n, u->master, sizeof u->master, "name of the master", e) != 0)
        return -1;
    snprintf(u->shown, sizeof u->shown, "%s", u->master);
    p += n;
    if (!*p)
        return 0;
    if (strncmp(p, "?db=", 4) != 0)
        return err_set(e, ERR_INPUT, "after the name of the master only ?db=number may stand");
    return parse_database(p + 4, strlen(p + 4), u, e);
}

static int parse_sentinel(const char *p, struct url *u, struct err *e)
{
    const char *end = p + strcspn(p, "/?#");

    if (*end == '/' && strchr(end, '@'))
        return err_set(e, ERR_INPUT,
                       "there is an @ after the sentinels: write / in a password as %%2F");
    if (take_user(&p, end, u, e) != 0 || parse_sentinels(p, end, u, e) != 0)
        return -1;
    return parse_master(*end == '/' ? end + 1 : "", u, e);
}

static int parse_unix(const char *p, struct url *u, struct err *e)
{
    const char *query = strchr(p, '?');
    const char *end = query ? query : p + strlen(p);

    u->is_unix = true;
    if (strncmp(p, "//", 2) == 0) {
        const char *path = strchr(p + 2, '/');

        if (!path || path >= end)
            return err_set(e, ERR_INPUT, "the path of the socket is missing");
        p += 2;
        if (take_user(&p, path, u, e) != 0)
            return -1;
        if (p != path)
            return err_set(e, ERR_INPUT, "unix:// takes no host: write unix:/path");
    }
    if (p == end)
        return err_set(e, ERR_INPUT, "the path of the socket is missing");
    if (decode(p, (size_t)(end - p), u->path, sizeof u->path, "path of the socket", e) != 0)
        return -1;
    snprintf(u->shown, sizeof u->shown, "%s", u->path);
    if (!query)
        return 0;
    if (strncmp(query, "?db=", 4) != 0)
        return err_set(e, ERR_INPUT, "after the path only ?db=number may stand");
    return parse_database(query + 4, strlen(query + 4), u, e);
}

int url_parse(const char *text, struct url *u, struct err *e)
{
    *u = (struct url){0};
    if (strncmp(text, "redis://", 8) == 0)
        return parse_tcp(text + 8, u, e);
    if (strncmp(text, "rediss://", 9) == 0) {
        u->is_tls = true;
        return parse_tcp(text + 9, u, e);
    }
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, u, e);
    if (strncmp(text, "sentinel://", 11) == 0)
        return parse_sentinel(text + 11, u, e);
    return err_set(e, ERR_INPUT,
                   "it does not begin with redis://, rediss://, unix: or sentinel://");
}

/* Every byte that could end a part is written as %XX. */
static char *encode(char *out, const char *p)
{
    for (; *p; p++)
        out += sprintf(out, strchr(":/?#@%", *p) || (unsigned char)*p <= ' ' ? "%%%02X" : "%c",
                       (unsigned char)*p);
    return out;
}

void url_write(const struct url *u, char out[URL_TEXT_MAX])
{
    _Static_assert(URL_TEXT_MAX > 3 * (sizeof u->user + sizeof u->password) + sizeof u->shown + 32,
                   "the longest text fits");
    char *p = out + sprintf(out, u->is_tls ? "rediss://" : "redis://");

    assert(!u->is_unix && u->host[0]);
    if (u->user[0] || u->password[0]) {
        p = encode(p, u->user);
        *p++ = ':';
        p = encode(p, u->password);
        *p++ = '@';
    }
    sprintf(p, "%s/%d", u->shown, u->database);
}
