/* Two servers on TCP and a connection, to which of them? */
#ifndef TOCSIN_TESTS_REDIS_PAIR_H
#define TOCSIN_TESTS_REDIS_PAIR_H

#include "driver.h"

static struct server a, b;
static struct driver v;
static char whys[8192]; /* all that on_down was told */

static inline void pair_start(void)
{
    server_make_dir(&a);
    server_make_dir(&b);
    server_start_tcp(&a, NULL, NULL);
    server_start_tcp(&b, NULL, NULL);
}

static inline void pair_close(void)
{
    if (v.loop)
        driver_close(&v);
    v = (struct driver){0};
    whys[0] = 0;
}

static inline void pair_stop(void)
{
    pair_close();
    server_stop(&a);
    server_stop(&b);
}

static inline void pair_on_down(const char *why, void *arg)
{
    driver_on_down(why, arg);
    snprintf(whys + strlen(whys), sizeof whys - strlen(whys), "%s\n", why);
}

/* After driver_loop(&v). */
static inline void pair_open(const char *url, int command_ms)
{
    struct db_options o = {.url = url,
                           .command_ms = command_ms,
                           .on_up = driver_on_up,
                           .on_down = pair_on_down,
                           .arg = &v,
                           .backoff_max_ms = 50};
    struct err e = {0};

    v.db = db_open(v.loop, &o, &e);
    ck_assert_msg(v.db != NULL, "%s", e.text);
}

/* A command to a server beside the connection that is tested; "" for no text. */
static inline const char *on_server(const char *url, const char *command)
{
    static struct told t;
    struct driver other;

    t = (struct told){0};
    driver_up(&other, url);
    db_sendf(other.db, told_done, &t, command);
    AWAIT(&other, t.times == 1);
    ck_assert_msg(t.fate == DB_DONE, "%s: %s", command, t.text);
    driver_close(&other);
    return t.text;
}

static inline void replicate(const struct server *s, const struct server *of)
{
    char command[64];

    snprintf(command, sizeof command, "REPLICAOF 127.0.0.1 %d", of->port);
    on_server(s->url, command);
}

/* Which server is the connection to? */
static inline bool is_at(const struct server *s)
{
    char url[DB_URL_MAX], want[64];

    snprintf(want, sizeof want, "@127.0.0.1:%d/", s->port);
    return db_is_up(v.db) && db_resolved_url(v.db, url) &&
           strstr(url, strchr(url, '@') ? want : want + 1);
}

#endif
