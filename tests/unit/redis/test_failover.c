#include "unit.h"

#include <string.h>

#include "pair.h"

/* Real sentinels and real fail-overs. On a machine that stands still for a while the sentinels may
 * have moved the master before a test begins; a sentinel that stood still itself waits 30 s. */

#define N_SENTINELS     3
#define FAILOVER_MAX_MS 100000

static struct server sentinels[N_SENTINELS];

static void start_sentinel(struct server *s)
{
    char path[96];
    FILE *f;

    server_make_dir(s);
    snprintf(path, sizeof path, "%.64s/sentinel.conf", s->dir);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f,
            "sentinel monitor mymaster 127.0.0.1 %d 2\n"
            "sentinel down-after-milliseconds mymaster 2000\n"
            "sentinel failover-timeout mymaster 3000\n",
            a.port);
    fclose(f);
    server_start_tcp(s, "sentinel.conf", (const char *const[]){"--sentinel", NULL});
}

static bool sentinels_know(const char *words)
{
    for (int i = 0; i < N_SENTINELS; i++)
        if (!strstr(on_server(sentinels[i].url, "INFO sentinel"), words))
            return false;
    return true;
}

static bool is_in_sync(void)
{
    return strstr(on_server(b.url, "INFO replication"), "master_link_status:up");
}

#define AWAIT_SERVERS(cond)                                                          \
    do {                                                                             \
        int64_t until_ms_ = server_now_ms() + FAILOVER_MAX_MS;                       \
        while (!(cond)) {                                                            \
            ck_assert_msg(server_now_ms() < until_ms_, "waited in vain for " #cond); \
            usleep(20000);                                                           \
        }                                                                            \
    } while (0)

/* The master a, its replica b, three sentinels that know each other, a connection whose own
 * deadlines are later than any fail-over. */
static void setup_real(void)
{
    char url[128];

    pair_start();
    on_server(a.url, "CONFIG SET repl-diskless-sync-delay 0");
    replicate(&b, &a);
    AWAIT_SERVERS(is_in_sync());
    for (int i = 0; i < N_SENTINELS; i++)
        start_sentinel(&sentinels[i]);
    AWAIT_SERVERS(sentinels_know("slaves=1,sentinels=3"));
    driver_loop(&v);
    snprintf(url, sizeof url, "sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/mymaster",
             sentinels[0].port, sentinels[1].port, sentinels[2].port);
    pair_open(url, 10 * FAILOVER_MAX_MS);
    AWAIT_FOR(&v, FAILOVER_MAX_MS, db_is_up(v.db));
}

static void teardown_real(void)
{
    pair_stop();
    for (int i = 0; i < N_SENTINELS; i++)
        server_stop(&sentinels[i]);
}

static bool set_and_replicated(void)
{
    struct told set = {0}, wait = {0};

    db_sendf(v.db, told_done, &set, "SET kept yes");
    db_sendf(v.db, told_done, &wait, "WAIT 1 30000");
    AWAIT_FOR(&v, FAILOVER_MAX_MS, wait.times == 1);
    return set.fate == DB_DONE && wait.fate == DB_DONE && wait.number == 1;
}

/* Stores a value on both; which is the master? */
static struct server *settle(void)
{
    AWAIT_FOR(&v, FAILOVER_MAX_MS, db_is_up(v.db) && set_and_replicated());
    return is_at(&a) ? &a : &b;
}

static void has_what_was_set(void)
{
    struct told get = {0}, set = {0};

    db_sendf(v.db, told_done, &get, "GET kept");
    db_sendf(v.db, told_done, &set, "SET later yes");
    AWAIT(&v, set.times == 1);
    ck_assert_str_eq(get.text, "yes");
    ck_assert_int_eq(set.fate, DB_DONE);
}

START_TEST(a_killed_master_is_followed_to_the_promoted_replica)
{
    struct server *master = settle();

    server_kill(master);
    AWAIT_FOR(&v, FAILOVER_MAX_MS, is_at(master == &a ? &b : &a));
    has_what_was_set();
}
END_TEST

START_TEST(a_master_that_hangs_is_left_when_another_is_promoted)
{
    struct server *master = settle();
    struct told ignored = {0};

    server_signal(master, SIGSTOP);
    db_sendf(v.db, told_done, &ignored, "PING");
    AWAIT_FOR(&v, FAILOVER_MAX_MS, is_at(master == &a ? &b : &a));
    ck_assert_int_eq(ignored.times, 1);
    has_what_was_set();
}
END_TEST

static void add(TCase *c)
{
    tcase_set_timeout(c, 8 * FAILOVER_MAX_MS / 1000);
    tcase_add_checked_fixture(c, setup_real, teardown_real);
    tcase_add_test(c, a_killed_master_is_followed_to_the_promoted_replica);
    tcase_add_test(c, a_master_that_hangs_is_left_when_another_is_promoted);
}

UNIT_MAIN("failover", add)
