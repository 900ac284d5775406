/* Where the master of a name is, asked of its sentinels: at once when the connection needs to know,
 * and each second while it stands, so that a fail-over is noticed also when the old master still
 * answers. https://redis.io/docs/latest/develop/reference/sentinel-clients/ */
#ifndef TOCSIN_REDIS_SENTINEL_H
#define TOCSIN_REDIS_SENTINEL_H

#include <stdbool.h>

#include "base/err.h"
#include "redis/url.h"
#include "tocsin/loop.h"

#define SENTINEL_ANSWER_MS 500  /* a sentinel that needs longer does not count in this round */
#define SENTINEL_WATCH_MS  1000 /* between rounds */

struct sentinel;

/* What a round of questions found. Both are called from the loop, and may call sentinel_free(). */
struct sentinel_events {
    /* `is_later`: by its epoch this is a later arrangement than the one told before, or nothing is
     * known of epochs; else a server that works should not be left for it. */
    void (*on_master)(const char *host, int port, bool is_later, void *arg);
    void (*on_nobody)(const char *why, void *arg); /* no sentinel could say; `why` is for people */
    void *arg;
};

/* `u` (of a sentinel://) is borrowed: name of the master, its sentinels, and the password, which is
 * given to a sentinel that asks for one. NULL: no memory. Nothing is asked before sentinel_ask(). */
struct sentinel *sentinel_new(struct loop *l, const struct url *u,
                              const struct sentinel_events *events, struct err *e);
void sentinel_free(struct sentinel *s); /* NULL is fine */
/* Begins a round now, unless one is under way, whose end will do: one of the two events is called
 * within SENTINEL_ANSWER_MS, never inside the call. Later rounds follow by themselves. */
void sentinel_ask(struct sentinel *s);

#endif
