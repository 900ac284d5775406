#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "pair.h"

/* Sentinels are played: what they say, and that one is silent, is up to the test. */

/* --- played sentinels -------------------------------------------------------------------------------- */

struct player {
    int listener, port;
    int fd; /* the one connection; -1 */
    struct watch *accepting, *reading;
    int master_port; /* 0: no such master */
    int epoch;
    const char *password; /* NULL: none is asked for */
    const char *instead;  /* what is answered to the first question, and nothing after it */
    bool authenticated;
    char got[1024];
    size_t n_got;
    int asked;
};

static void on_question(void *arg)
{
    struct player *p = arg;
    ssize_t n = read(p->fd, p->got + p->n_got, sizeof p->got - 1 - p->n_got);
    char out[512], port[8], epoch[16], auth[64];
    bool opens, denied;

    if (n <= 0) {
        watch_free(p->reading);
        p->reading = NULL;
        close(p->fd);
        p->fd = -1;
        return;
    }
    p->n_got += (size_t)n;
    p->got[p->n_got] = 0;
    if (!strstr(p->got, "\r\nMASTER\r\n$8\r\nmymaster\r\n"))
        return;
    ck_assert_ptr_nonnull(strstr(p->got, "GET-MASTER-ADDR-BY-NAME\r\n$8\r\nmymaster\r\n"));
    snprintf(auth, sizeof auth, "AUTH\r\n$%zu\r\n%s\r\n", strlen(p->password ? p->password : ""),
             p->password ? p->password : "");
    opens = strstr(p->got, auth);
    p->authenticated = p->authenticated || opens;
    denied = p->password && !p->authenticated;
    p->n_got = 0;
    snprintf(port, sizeof port, "%d", p->master_port);
    snprintf(epoch, sizeof epoch, "%d", p->epoch);
    if (p->instead)
        snprintf(out, sizeof out, "%s", p->instead);
    else if (denied)
        snprintf(out, sizeof out,
                 "-NOAUTH Authentication required.\r\n-NOAUTH Authentication.\r\n");
    else if (!p->master_port)
        snprintf(out, sizeof out, "*-1\r\n-ERR No such master with that name\r\n");
    else
        snprintf(out, sizeof out,
                 "%s*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n"
                 "*4\r\n$4\r\nname\r\n$8\r\nmymaster\r\n$12\r\nconfig-epoch\r\n$%zu\r\n%s\r\n",
                 opens ? "+OK\r\n" : "", strlen(port), port, strlen(epoch), epoch);
    ck_assert_int_eq(write(p->fd, out, strlen(out)), (ssize_t)strlen(out));
    p->asked++;
}

static void on_accept(void *arg)
{
    struct player *p = arg;
    int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_lt(p->fd, 0); /* one connection is enough */
    p->fd = fd;
    p->n_got = 0;
    p->authenticated = false;
    p->reading = watch_new(v.loop, fd, on_question, p);
    if (!p->reading) { /* a test without memory: it is dialed again */
        close(fd);
        p->fd = -1;
    }
}

/* Call it after driver_loop(). */
static void play(struct player *p, const struct server *master, int epoch)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    *p = (struct player){.fd = -1, .master_port = master ? master->port : 0, .epoch = epoch};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(p->listener, 4), 0);
    ck_assert_int_eq(getsockname(p->listener, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
    p->accepting = watch_new(v.loop, p->listener, on_accept, p);
}

static void play_ends(struct player *p)
{
    watch_free(p->accepting);
    watch_free(p->reading);
    close(p->listener);
    if (p->fd >= 0)
        close(p->fd);
}

static void open_to(const struct player *p)
{
    char url[64];

    snprintf(url, sizeof url, "sentinel://127.0.0.1:%d/mymaster", p->port);
    pair_open(url, 0);
}

START_TEST(the_master_that_a_sentinel_names_is_connected_also_by_a_child)
{
    struct player p;
    struct db_blocking *child;
    char url[DB_URL_MAX], want[64];
    const char *set[] = {"SET", "from", "child"};
    struct err e = {0};

    driver_loop(&v);
    play(&p, &b, 1);
    open_to(&p);
    ck_assert(!db_resolved_url(v.db, url));
    ck_assert_str_eq(db_server(v.db), "mymaster");
    AWAIT(&v, db_is_up(v.db));
    ck_assert(db_resolved_url(v.db, url));
    snprintf(want, sizeof want, "redis://127.0.0.1:%d/0", b.port);
    ck_assert_str_eq(url, want);
    snprintf(want, sizeof want, "127.0.0.1:%d", b.port);
    ck_assert_str_eq(db_server(v.db), want);
    child = db_blocking_open(url, 5000, &e);
    ck_assert_msg(child != NULL, "%s", e.text);
    ck_assert_int_eq(db_blocking_add(child, 3, set, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_flush(child, &e), 0);
    db_blocking_close(child);
    ck_assert_str_eq(on_server(b.url, "GET from"), "child");
    ck_assert_ptr_null(db_blocking_open("sentinel://h/m", 100, &e));
    ck_assert_int_eq(e.code, ERR_REFUSED);
    play_ends(&p);
}
END_TEST

START_TEST(the_answer_of_the_last_failover_counts_whoever_is_quicker)
{
    for (int i = 0; i < 2; i++) {
        struct player former, latter;
        char url[96];

        driver_loop(&v);
        play(&former, &a, 9);
        play(&latter, &b, 10);
        snprintf(url, sizeof url, "sentinel://127.0.0.1:%d,127.0.0.1:%d/mymaster",
                 i ? former.port : latter.port, i ? latter.port : former.port);
        pair_open(url, 0);
        AWAIT(&v, is_at(&b));
        play_ends(&former);
        play_ends(&latter);
        pair_close();
    }
}
END_TEST

/* One is dead, one hangs, one is no sentinel, one says nonsense, one has never heard of the name. */
START_TEST(one_sentinel_that_knows_is_enough)
{
    struct player deaf, mad, empty, good;
    char url[256];

    driver_loop(&v);
    play(&deaf, NULL, 0);
    watch_free(deaf.accepting); /* the kernel takes the connection, and nobody answers */
    deaf.accepting = NULL;
    play(&mad, NULL, 0);
    mad.instead = "*2\r\n$3\r\na b\r\n$1\r\n1\r\n*0\r\n";
    play(&empty, NULL, 0);
    play(&good, &a, 3);
    snprintf(url, sizeof url,
             "sentinel://127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d,"
             "127.0.0.1:%d/mymaster",
             deaf.port, b.port, mad.port, empty.port, good.port);
    pair_open(url, 0);
    AWAIT(&v, db_is_up(v.db));
    ck_assert(is_at(&a));
    AWAIT(&v, good.asked >= 3); /* it goes on, beside those that fail */
    ck_assert_int_eq(v.ups, 1);
    play_ends(&deaf);
    play_ends(&mad);
    play_ends(&empty);
    play_ends(&good);
}
END_TEST

START_TEST(when_nobody_knows_each_reason_is_told_and_the_next_answer_is_taken)
{
    struct player deaf, empty;
    char url[256];

    driver_loop(&v);
    play(&deaf, NULL, 0);
    watch_free(deaf.accepting);
    deaf.accepting = NULL;
    play(&empty, NULL, 0);
    snprintf(url, sizeof url,
             "sentinel://127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/mymaster", deaf.port,
             b.port, empty.port);
    pair_open(url, 0);
    AWAIT(&v, strstr(v.why, "no sentinel says where \"mymaster\" is") &&
                  strstr(v.why, "127.0.0.1:1: Connection refused") &&
                  strstr(v.why, "no answer within 500 ms") && strstr(v.why, "unknown command") &&
                  strstr(v.why, "knows no master of this name"));
    ck_assert_int_eq(v.ups, 0);
    empty.master_port = b.port;
    AWAIT(&v, db_is_up(v.db));
    play_ends(&deaf);
    play_ends(&empty);
}
END_TEST

START_TEST(a_replica_is_not_taken_for_the_master)
{
    struct player p;

    replicate(&b, &a);
    driver_loop(&v);
    play(&p, &b, 1);
    open_to(&p);
    AWAIT(&v, strstr(whys, "which the sentinels call the master \"mymaster\", is a replica"));
    ck_assert_int_eq(v.ups, 0);
    on_server(b.url, "REPLICAOF NO ONE");
    AWAIT(&v, db_is_up(v.db));
    ck_assert(is_at(&b));
    play_ends(&p);
}
END_TEST

START_TEST(a_failover_is_followed_while_the_old_master_still_answers)
{
    struct player p;

    driver_loop(&v);
    play(&p, &a, 1);
    open_to(&p);
    AWAIT(&v, is_at(&a));
    p.master_port = b.port;
    p.epoch = 2;
    AWAIT(&v, is_at(&b));
    ck_assert_ptr_nonnull(strstr(whys, "the sentinels have made"));
    play_ends(&p);
}
END_TEST

/* As from a sentinel that was cut off, or has come back with the files of last week. */
START_TEST(an_older_answer_moves_nobody_who_works)
{
    struct player p;
    int asked, downs;

    driver_loop(&v);
    play(&p, &a, 5);
    open_to(&p);
    AWAIT(&v, is_at(&a));
    p.master_port = b.port;
    p.epoch = 4;
    asked = p.asked;
    downs = v.downs;
    AWAIT(&v, p.asked >= asked + 3);
    ck_assert(is_at(&a));
    ck_assert_int_eq(v.downs, downs);
    server_kill(&a);
    AWAIT(&v, is_at(&b)); /* it is all there is */
    play_ends(&p);
}
END_TEST

/* The sentinel's answer is no later one: the refusal alone must do. */
static void demote(bool in_transaction)
{
    struct told told = {0};
    struct player p;

    driver_loop(&v);
    play(&p, &a, 5);
    open_to(&p);
    AWAIT(&v, is_at(&a));
    replicate(&a, &b);
    p.master_port = b.port;
    if (in_transaction) {
        struct db_tx *tx = db_tx_new(v.db);

        db_tx_addf(tx, "SET x 1");
        db_tx_addf(tx, "SET y 1");
        db_tx_commit(tx, told_done, &told);
    } else {
        db_sendf(v.db, told_done, &told, "SET x 1");
    }
    AWAIT(&v, told.times > 0);
    ck_assert_int_eq(told.times, 1);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_msg(strncmp(told.text, "READONLY", 8) == 0, "%s", told.text);
    ck_assert_ptr_nonnull(strstr(whys, "is not the master any more"));
    AWAIT(&v, is_at(&b));
    play_ends(&p);
}

START_TEST(a_refusal_because_of_a_demotion_is_followed)
{
    demote(false);
}
END_TEST

START_TEST(a_refused_transaction_because_of_a_demotion_is_followed)
{
    demote(true);
}
END_TEST

START_TEST(a_sentinel_that_asks_for_a_password_gets_that_of_the_master)
{
    struct player p;
    char url[96];

    on_server(a.url, "CONFIG SET requirepass hush");
    driver_loop(&v);
    play(&p, &a, 1);
    p.password = "hush";
    snprintf(url, sizeof url, "sentinel://:hush@127.0.0.1:%d/mymaster?db=2", p.port);
    pair_open(url, 0);
    AWAIT(&v, is_at(&a));
    p.password = "other";
    p.authenticated = false;
    server_kill(&a);
    AWAIT(&v, strstr(whys, "NOAUTH"));
    ck_assert_ptr_null(strstr(whys, "hush"));
    play_ends(&p);
}
END_TEST

START_TEST(without_memory_it_is_tried_again)
{
    bool failed = true;
    struct player p;
    char url[64];

    for (long at = 1; failed; at++) {
        struct db_options o = {.url = url, .backoff_max_ms = 10};
        struct err e = {0};

        driver_loop(&v);
        play(&p, &a, 1);
        snprintf(url, sizeof url, "sentinel://127.0.0.1:%d/mymaster", p.port);
        mem_fail_at(at);
        v.db = db_open(v.loop, &o, &e);
        if (v.db)
            AWAIT(&v, is_at(&a));
        else
            ck_assert_int_eq(e.code, ERR_MEMORY);
        failed = mem_failed();
        mem_fail_at(0);
        play_ends(&p);
        pair_close();
    }
}
END_TEST

START_TEST(closing_is_safe_at_any_moment)
{
    for (int turns = 0; turns < 25; turns++) {
        struct player p, none;
        char url[96];

        driver_loop(&v);
        play(&p, &a, 1);
        play(&none, NULL, 0);
        snprintf(url, sizeof url, "sentinel://127.0.0.1:%d,127.0.0.1:1,127.0.0.1:%d/mymaster",
                 p.port, none.port);
        pair_open(url, 0);
        for (int i = 0; i < turns; i++)
            loop_turn(v.loop, 1);
        db_close(v.db);
        v.db = NULL;
        loop_turn(v.loop, 1);
        play_ends(&p);
        play_ends(&none);
        pair_close();
    }
}
END_TEST

static void close_now(const char *why, void *arg)
{
    driver_on_down(why, arg);
    db_close(v.db);
    v.db = NULL;
}

START_TEST(closing_is_safe_when_it_is_told_that_nobody_knows)
{
    struct db_options o = {
        .url = "sentinel://127.0.0.1:1/mymaster", .on_down = close_now, .arg = &v};

    driver_loop(&v);
    v.db = db_open(v.loop, &o, NULL);
    AWAIT(&v, v.downs == 1);
    ck_assert_ptr_null(v.db);
    loop_turn(v.loop, 1);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_checked_fixture(c, pair_start, pair_stop);
    tcase_add_test(c, the_master_that_a_sentinel_names_is_connected_also_by_a_child);
    tcase_add_test(c, the_answer_of_the_last_failover_counts_whoever_is_quicker);
    tcase_add_test(c, one_sentinel_that_knows_is_enough);
    tcase_add_test(c, when_nobody_knows_each_reason_is_told_and_the_next_answer_is_taken);
    tcase_add_test(c, a_replica_is_not_taken_for_the_master);
    tcase_add_test(c, a_failover_is_followed_while_the_old_master_still_answers);
    tcase_add_test(c, an_older_answer_moves_nobody_who_works);
    tcase_add_test(c, a_refusal_because_of_a_demotion_is_followed);
    tcase_add_test(c, a_refused_transaction_because_of_a_demotion_is_followed);
    tcase_add_test(c, a_sentinel_that_asks_for_a_password_gets_that_of_the_master);
    tcase_add_test(c, without_memory_it_is_tried_again);
    tcase_add_test(c, closing_is_safe_at_any_moment);
    tcase_add_test(c, closing_is_safe_when_it_is_told_that_nobody_knows);
}

UNIT_MAIN("sentinel", add)
