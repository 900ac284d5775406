/* What the lease's scripts do in a real Redis, also in one that is full. */
#include "unit.h"

#include <string.h>

#include "../redis/driver.h"
#include "base/keys.h"
#include "tocsin/lease.h"

static struct server server;

/* A connection with a lease on it. */
struct one {
    struct driver v;
    struct lease *lease;
    const char *name;
    int lost;
};

static void self(struct lease_holder *out, void *arg)
{
    const struct one *o = arg;

    *out = (struct lease_holder){0};
    snprintf(out->name, sizeof out->name, "%s", o->name);
    snprintf(out->url, sizeof out->url, "http://%s:9393", o->name);
    snprintf(out->statsd, sizeof out->statsd, "%s:8125", o->name);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void lost(void *arg)
{
    ((struct one *)arg)->lost++;
}

static void connect_one(struct one *o, const char *name)
{
    *o = (struct one){.name = name};
    driver_up(&o->v, server.url);
}

static void begin(struct one *o)
{
    o->lease = lease_new(&(struct lease_options){.loop = o->v.loop,
                                                 .db = o->v.db,
                                                 .self = self,
                                                 .held = nothing,
                                                 .standby = nothing,
                                                 .lost = lost,
                                                 .arg = o});
    lease_db_up(o->lease);
}

static void open_one(struct one *o, const char *name)
{
    connect_one(o, name);
    begin(o);
}

static void close_one(struct one *o)
{
    lease_free(o->lease);
    driver_close(&o->v);
}

/* Does a field of the lease begin so? */
static bool stands(struct one *o, const char *field, const char *begin)
{
    struct told t = {0};

    db_sendf(o->v.db, told_done, &t, "HGET %s %s", KEY_CONTROL_LEASE, field);
    AWAIT(&o->v, t.times == 1);
    return strncmp(t.text, begin, strlen(begin)) == 0;
}

static void put_token(struct one *o, const char *token)
{
    struct told t = {0};

    db_sendf(o->v.db, told_done, &t, "HSET %s token %s", KEY_CONTROL_LEASE, token);
    AWAIT(&o->v, t.times == 1);
}

static void configure(struct one *o, const char *name, const char *value)
{
    struct told t = {0};

    db_sendf(o->v.db, told_done, &t, "CONFIG SET %s %s", name, value);
    AWAIT(&o->v, t.times == 1);
    ck_assert_int_eq(t.fate, DB_DONE);
}

static void setup(void)
{
    server_start(&server, NULL);
}

static void teardown(void)
{
    server_stop(&server);
}

START_TEST(taking_writes_who_and_where)
{
    struct one a;

    open_one(&a, "a");
    AWAIT(&a.v, lease_state(a.lease) == LEASE_HELD);
    ck_assert(stands(&a, "token", "1-"));
    ck_assert(stands(&a, "name", "a"));
    ck_assert(stands(&a, "url", "http://a:9393"));
    ck_assert(stands(&a, "statsd", "a:8125"));
    AWAIT(&a.v, !stands(&a, "beat", "0"));
    close_one(&a);
}
END_TEST

START_TEST(another_token_ends_it_and_an_older_one_is_replaced)
{
    struct one a;

    open_one(&a, "a");
    AWAIT(&a.v, lease_state(a.lease) == LEASE_HELD);
    put_token(&a, "0-older");
    AWAIT(&a.v, stands(&a, "token", "1-"));
    ck_assert_int_eq(lease_state(a.lease), LEASE_HELD);
    put_token(&a, "2-other");
    AWAIT(&a.v, lease_state(a.lease) == LEASE_LOST);
    ck_assert_int_eq(a.lost, 1);
    ck_assert(stands(&a, "token", "2-other"));
    close_one(&a);
}
END_TEST

START_TEST(what_is_given_back_is_taken_with_the_next_look)
{
    struct one a, b;

    open_one(&a, "a");
    AWAIT(&a.v, lease_state(a.lease) == LEASE_HELD);
    open_one(&b, "b");
    AWAIT(&b.v, lease_state(b.lease) == LEASE_STANDBY);
    ck_assert_str_eq(lease_holder(b.lease)->name, "a");
    lease_give_back(a.lease, nothing, NULL);
    AWAIT(&a.v, stands(&a, "given_back", "1"));
    AWAIT(&b.v, lease_state(b.lease) == LEASE_HELD);
    ck_assert_uint_eq(lease_holder(b.lease)->number, 2);
    ck_assert(!stands(&b, "given_back", "1"));
    close_one(&a);
    close_one(&b);
}
END_TEST

START_TEST(a_server_that_is_full_takes_a_lease_and_its_beats)
{
    struct one a;

    connect_one(&a, "a");
    configure(&a, "maxmemory", "1");
    begin(&a);
    AWAIT(&a.v, lease_state(a.lease) == LEASE_HELD);
    AWAIT(&a.v, !stands(&a, "beat", "0"));
    close_one(&a);
}
END_TEST

START_TEST(one_that_may_not_write_waits_and_says_why)
{
    struct one a;

    connect_one(&a, "a");
    configure(&a, "min-replicas-to-write", "1");
    begin(&a);
    AWAIT(&a.v, lease_refusal(a.lease)[0]);
    ck_assert_ptr_nonnull(strstr(lease_refusal(a.lease), "NOREPLICAS"));
    ck_assert_int_ne(lease_state(a.lease), LEASE_HELD);
    configure(&a, "min-replicas-to-write", "0");
    AWAIT(&a.v, lease_state(a.lease) == LEASE_HELD);
    ck_assert_str_eq(lease_refusal(a.lease), "");
    close_one(&a);
}
END_TEST

START_TEST(one_that_may_not_write_does_not_judge_silence_either)
{
    struct one a, b;

    open_one(&a, "a");
    AWAIT(&a.v, lease_state(a.lease) == LEASE_HELD);
    open_one(&b, "b");
    AWAIT(&b.v, lease_state(b.lease) == LEASE_STANDBY);
    configure(&a, "min-replicas-to-write", "1");
    AWAIT(&b.v, strstr(lease_refusal(b.lease), "NOREPLICAS"));
    ck_assert_int_eq(lease_state(b.lease), LEASE_STANDBY);
    configure(&a, "min-replicas-to-write", "0");
    AWAIT(&b.v, !lease_refusal(b.lease)[0]);
    close_one(&a);
    close_one(&b);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, taking_writes_who_and_where);
    tcase_add_test(t, another_token_ends_it_and_an_older_one_is_replaced);
    tcase_add_test(t, what_is_given_back_is_taken_with_the_next_look);
    tcase_add_test(t, a_server_that_is_full_takes_a_lease_and_its_beats);
    tcase_add_test(t, one_that_may_not_write_waits_and_says_why);
    tcase_add_test(t, one_that_may_not_write_does_not_judge_silence_either);
}

UNIT_MAIN("scripts", add)
