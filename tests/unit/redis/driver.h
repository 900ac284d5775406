/* A loop with one connection, turned until a condition holds. */
#ifndef TOCSIN_TESTS_REDIS_DRIVER_H
#define TOCSIN_TESTS_REDIS_DRIVER_H

#include "server.h"
#include "tocsin/db.h"
#include "tocsin/loop.h"

struct driver {
    struct clock *clock;
    struct loop *loop;
    struct db *db;
    int ups, downs;
    char why[512];
};

static inline void driver_on_up(void *arg)
{
    ((struct driver *)arg)->ups++;
}

static inline void driver_on_down(const char *why, void *arg)
{
    struct driver *v = arg;

    v->downs++;
    snprintf(v->why, sizeof v->why, "%s", why);
}

static inline void driver_loop(struct driver *v)
{
    *v = (struct driver){.clock = clock_system()};
    v->loop = loop_new(v->clock, NULL);
    ck_assert_ptr_nonnull(v->loop);
}

/* Turns the loop until `cond` is true; a deadline is a failure of the test. */
#define AWAIT(v, cond) AWAIT_FOR(v, 20000, cond)
#define AWAIT_FOR(v, ms, cond)                                                              \
    do {                                                                                    \
        int64_t until_ms_ = server_now_ms() + (ms);                                         \
        while (!(cond)) {                                                                   \
            ck_assert_msg(server_now_ms() < until_ms_, "waited in vain for " #cond " (%s)", \
                          (v)->why);                                                        \
            loop_turn((v)->loop, 10);                                                       \
        }                                                                                   \
    } while (0)

/* `o` without callbacks; they are set here. */
static inline void driver_open(struct driver *v, struct db_options o)
{
    struct err e = {0};

    driver_loop(v);
    o.on_up = driver_on_up;
    o.on_down = driver_on_down;
    o.arg = v;
    v->db = db_open(v->loop, &o, &e);
    ck_assert_msg(v->db != NULL, "%s", e.text);
}

static inline void driver_up(struct driver *v, const char *url)
{
    driver_open(v, (struct db_options){.url = url});
    AWAIT(v, db_is_up(v->db));
}

static inline void driver_close(struct driver *v)
{
    db_close(v->db);
    loop_free(v->loop);
    clock_free(v->clock);
}

/* What one command was told. */
struct told {
    int times;
    enum db_fate fate;
    enum reply_kind kind;
    int64_t number;
    char text[1024];
    size_t len, n_items;
};

static inline void told_done(enum db_fate fate, const struct reply *r, void *arg)
{
    struct told *t = arg;

    t->times++;
    t->fate = fate;
    if (!r)
        return;
    t->kind = r->kind;
    t->number = r->number;
    t->len = r->len;
    t->n_items = r->n_items;
    snprintf(t->text, sizeof t->text, "%s", r->text ? r->text : "");
}

#endif
