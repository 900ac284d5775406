#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "driver.h"

static struct server server;
static struct driver v;

static void setup(void)
{
    server_start(&server, NULL);
}

static void teardown(void)
{
    if (v.loop)
        driver_close(&v);
    server_stop(&server);
}

static void open_with(struct db_options o)
{
    o.url = server.url;
    driver_open(&v, o);
    AWAIT(&v, db_is_up(v.db));
}

static void ask(struct told *t, const char *command)
{
    *t = (struct told){0};
    db_sendf(v.db, told_done, t, command);
    AWAIT(&v, t->times == 1);
}

/* --- what was sent, what was not ------------------------------------------------------------------ */

static int told_at_down;
static struct told outstanding[3];

static void note_down(const char *why, void *arg)
{
    driver_on_down(why, arg);
    told_at_down = outstanding[0].times + outstanding[1].times + outstanding[2].times;
}

START_TEST(a_killed_server_leaves_what_was_sent_unknown_and_comes_back)
{
    struct db_options o = {
        .url = server.url, .on_up = driver_on_up, .on_down = note_down, .arg = &v};
    struct told away = {0}, back;
    struct db_stats stats;

    driver_loop(&v);
    v.db = db_open(v.loop, &o, NULL);
    AWAIT(&v, db_is_up(v.db));
    server_signal(&server, SIGSTOP);
    for (int i = 0; i < 3; i++)
        db_sendf(v.db, told_done, &outstanding[i], "INCR n");
    loop_turn(v.loop, 10);
    loop_turn(v.loop, 10);
    server_kill(&server);
    AWAIT(&v, !db_is_up(v.db));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(outstanding[i].times, 1);
        ck_assert_int_eq(outstanding[i].fate, DB_UNKNOWN);
    }
    ck_assert_int_eq(v.downs, 1);
    ck_assert_int_eq(told_at_down, 3); /* the owner hears of its commands first */
    ck_assert_str_ne(db_why_down(v.db), "");
    db_sendf(v.db, told_done, &away, "INCR n");
    ck_assert_int_eq(away.times, 0);
    AWAIT(&v, away.times == 1);
    ck_assert_int_eq(away.fate, DB_UNSENT);
    server_start_in(&server, NULL);
    AWAIT(&v, db_is_up(v.db));
    ck_assert_int_eq(v.ups, 2);
    ck_assert_str_eq(db_why_down(v.db), "");
    ask(&back, "INCR n");
    ck_assert_int_eq(back.number, 1);
    db_stats(v.db, &stats);
    ck_assert_uint_eq(stats.connects, 2);
    ck_assert_uint_eq(stats.losses, 1);
    ck_assert_uint_eq(stats.unknown, 3);
}
END_TEST

#define N_LARGE 200

/* A stopped server still takes what fits into the socket. What is told as unsent must never have
 * happened; what is told as unknown may have. */
START_TEST(a_stopped_server_is_dropped_at_the_deadline)
{
    static struct told large[N_LARGE];
    static char value[64 << 10];
    struct told list;
    int n_unknown = 0;

    memset(large, 0, sizeof large);
    open_with((struct db_options){.command_ms = 100});
    server_signal(&server, SIGSTOP);
    for (int i = 0; i < N_LARGE; i++)
        db_sendf(v.db, told_done, &large[i], "RPUSH list %b", (const void *)value, sizeof value);
    AWAIT(&v, v.downs == 1);
    ck_assert_ptr_nonnull(strstr(v.why, "has not answered"));
    for (int i = 0; i < N_LARGE; i++) {
        ck_assert_int_eq(large[i].times, 1);
        ck_assert_int_ge(large[i].fate, DB_UNSENT);
        if (large[i].fate == DB_UNKNOWN) {
            ck_assert_int_eq(n_unknown, i); /* the sent ones come first */
            n_unknown++;
        }
    }
    ck_assert_int_gt(n_unknown, 0);
    ck_assert_int_lt(n_unknown, N_LARGE);
    server_signal(&server, SIGCONT);
    AWAIT(&v, db_is_up(v.db));
    ask(&list, "LLEN list");
    ck_assert_int_le(list.number, n_unknown);
}
END_TEST

START_TEST(a_server_that_never_greets_is_given_up_at_the_deadline)
{
    server_signal(&server, SIGSTOP);
    driver_open(&v, (struct db_options){.url = server.url, .connect_ms = 60});
    AWAIT(&v, v.downs == 1);
    ck_assert_ptr_nonnull(strstr(v.why, "within 60 ms"));
    server_signal(&server, SIGCONT);
    AWAIT(&v, db_is_up(v.db));
}
END_TEST

START_TEST(before_the_connection_is_up_nothing_is_kept)
{
    struct told t = {0}, in_tx = {0}, by_script = {0};
    struct db_tx *tx;
    const char *argv[] = {"k"};

    driver_open(&v, (struct db_options){.url = server.url});
    db_sendf(v.db, told_done, &t, "PING");
    tx = db_tx_new(v.db);
    db_tx_addf(tx, "PING");
    db_tx_commit(tx, told_done, &in_tx);
    db_script(v.db, "return 1", 1, 1, argv, NULL, told_done, &by_script);
    ck_assert_int_eq(t.times + in_tx.times + by_script.times, 0);
    AWAIT(&v, t.times + in_tx.times + by_script.times == 3);
    ck_assert_int_eq(t.fate, DB_UNSENT);
    ck_assert_int_eq(in_tx.fate, DB_UNSENT);
    ck_assert_int_eq(by_script.fate, DB_UNSENT);
}
END_TEST

START_TEST(outstanding_bytes_are_bounded)
{
    const size_t one = strlen("*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n");

    open_with((struct db_options){.max_outstanding = 3 * one});
    for (size_t n = 2; n <= 4; n++) {
        struct told t[4] = {0};

        for (size_t i = 0; i < n; i++)
            db_sendf(v.db, told_done, &t[i], "INCR counter");
        AWAIT(&v, t[n - 1].times == 1 && t[0].times == 1 && db_outstanding(v.db) == 0);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(t[i].fate, i < 3 ? DB_DONE : DB_UNSENT);
    }
    for (size_t size = 3 * one - 1; size <= 3 * one + 1; size++) {
        struct told t = {0};
        char value[128] = "";

        memset(value, 'x', size - strlen("*2\r\n$4\r\nECHO\r\n$62\r\n\r\n"));
        db_sendf(v.db, told_done, &t, "ECHO %s", value);
        AWAIT(&v, t.times == 1);
        ck_assert_int_eq(t.fate, size <= 3 * one ? DB_DONE : DB_UNSENT);
    }
}
END_TEST

START_TEST(a_killed_connection_comes_back_each_time)
{
    open_with((struct db_options){0});
    for (int round = 1; round <= 5; round++) {
        struct told t = {0};

        db_sendf(v.db, told_done, &t, "CLIENT KILL TYPE normal SKIPME no");
        AWAIT(&v, v.downs == round && t.times == 1);
        AWAIT(&v, db_is_up(v.db));
        ck_assert_int_eq(v.ups, round + 1);
    }
}
END_TEST

START_TEST(a_missing_server_is_told_once_and_found_when_it_comes)
{
    server_kill(&server);
    driver_open(&v, (struct db_options){.url = server.url, .backoff_max_ms = 20});
    AWAIT(&v, v.downs == 1);
    for (int64_t until_ms = server_now_ms() + 150; server_now_ms() < until_ms;)
        loop_turn(v.loop, 10); /* several attempts fail for the same reason */
    ck_assert_int_eq(v.downs, 1);
    server_start_in(&server, NULL);
    AWAIT(&v, db_is_up(v.db));
}
END_TEST

START_TEST(closing_is_safe_at_any_moment)
{
    for (int turns = 0; turns < 12; turns++) {
        struct told t = {0};

        driver_open(&v, (struct db_options){.url = server.url});
        for (int i = 0; i < turns; i++)
            loop_turn(v.loop, 1);
        db_sendf(v.db, told_done, &t, "PING");
        driver_close(&v);
        v = (struct driver){0};
        ck_assert_int_eq(t.times, 1);
        ck_assert_int_eq(t.fate, DB_UNSENT);
    }
}
END_TEST

static void close_on_up(void *arg)
{
    (void)arg;
    db_close(v.db);
    v.db = NULL;
}

static void close_on_down(const char *why, void *arg)
{
    (void)why;
    close_on_up(arg);
}

START_TEST(closing_is_safe_in_on_up_and_on_down)
{
    struct db_options o = {.url = server.url, .on_up = close_on_up};

    driver_loop(&v);
    v.db = db_open(v.loop, &o, NULL);
    AWAIT(&v, v.db == NULL);
    o = (struct db_options){.url = "unix:/nowhere/r.sock", .on_down = close_on_down};
    v.db = db_open(v.loop, &o, NULL);
    AWAIT(&v, v.db == NULL);
    loop_turn(v.loop, 0);
}
END_TEST

/* Each allocation in turn fails: the command is carried out or told as unsent, exactly once. */
START_TEST(without_memory_commands_are_told_as_unsent)
{
    const char *argv[] = {"k", "v"};
    bool failed = true;
    int n_unsent = 0;

    open_with((struct db_options){0});
    for (long at = 1; failed; at++) {
        struct told t[3] = {0};
        struct db_tx *tx;

        mem_fail_at(at);
        db_sendf(v.db, told_done, &t[0], "SET %s %s", "a", "b");
        tx = db_tx_new(v.db);
        if (tx) {
            db_tx_addf(tx, "SET %s %s", "a", "b");
            db_tx_commit(tx, told_done, &t[1]);
        }
        db_script(v.db, "return redis.call('SET', KEYS[1], ARGV[1])", 1, 2, argv, NULL, told_done,
                  &t[2]);
        failed = mem_failed();
        mem_fail_at(0);
        AWAIT(&v, t[0].times == 1 && (!tx || t[1].times == 1) && t[2].times == 1);
        for (int i = 0; i < 3; i++)
            n_unsent += t[i].times == 1 && t[i].fate == DB_UNSENT;
    }
    ck_assert_int_gt(n_unsent, 5);
    ck_assert(db_is_up(v.db));
}
END_TEST

/* --- users and passwords -------------------------------------------------------------------------- */

static void as_user(const char *user, const char *password)
{
    char url[160];

    snprintf(url, sizeof url, "unix://%s:%s@%s", user, password, server.socket_path);
    driver_open(&v, (struct db_options){.url = url});
}

static void admin(const char *command)
{
    struct told t;

    open_with((struct db_options){0});
    ask(&t, command);
    ck_assert_int_eq(t.fate, DB_DONE);
    driver_close(&v);
}

START_TEST(a_user_of_few_rights_is_served_within_them)
{
    struct told t;

    admin("ACL SETUSER alice on >secret ~tocsin:* +@read +@write");
    as_user("alice", "secret");
    AWAIT(&v, db_is_up(v.db));
    ck_assert(!db_health(v.db)->known); /* INFO was not allowed */
    ask(&t, "SET tocsin:x 1");
    ck_assert_int_eq(t.fate, DB_DONE);
    ask(&t, "SET other 1");
    ck_assert_int_eq(t.fate, DB_REFUSED);
    ck_assert_ptr_nonnull(strstr(t.text, "NOPERM"));
}
END_TEST

START_TEST(a_wrong_password_is_told_without_the_password)
{
    char url[160];
    struct err e = {0};

    admin("ACL SETUSER alice on >secret ~* +@all");
    as_user("alice", "guessed");
    AWAIT(&v, v.downs == 1);
    ck_assert_ptr_nonnull(strstr(v.why, "user or password"));
    ck_assert_ptr_null(strstr(v.why, "guessed"));
    ck_assert_int_eq(v.ups, 0);
    snprintf(url, sizeof url, "unix://alice:guessed@%s", server.socket_path);
    ck_assert_ptr_null(db_blocking_open(url, 1000, &e));
    ck_assert_int_eq(e.code, ERR_REFUSED);
    ck_assert_ptr_null(strstr(e.text, "guessed"));
}
END_TEST

START_TEST(a_missing_password_is_told)
{
    struct db_blocking *b;
    struct err e = {0};
    char url[160];

    admin("CONFIG SET requirepass hush");
    driver_open(&v, (struct db_options){.url = server.url});
    AWAIT(&v, v.downs == 1);
    ck_assert_ptr_nonnull(strstr(v.why, "NOAUTH"));
    driver_close(&v);
    as_user("", "hush");
    AWAIT(&v, db_is_up(v.db));
    snprintf(url, sizeof url, "unix://:hush@%s?db=3", server.socket_path);
    b = db_blocking_open(url, 1000, &e);
    ck_assert_msg(b != NULL, "%s", e.text);
    db_blocking_close(b);
}
END_TEST

START_TEST(the_database_is_selected)
{
    struct told t;
    char url[160];

    snprintf(url, sizeof url, "%s?db=3", server.url);
    driver_up(&v, url);
    ask(&t, "CLIENT INFO");
    ck_assert_ptr_nonnull(strstr(t.text, "db=3"));
    ck_assert_ptr_nonnull(strstr(t.text, "name=tocsin"));
    driver_close(&v);
    snprintf(url, sizeof url, "%s?db=99", server.url);
    driver_open(&v, (struct db_options){.url = url});
    AWAIT(&v, v.downs == 1);
    ck_assert_ptr_nonnull(strstr(v.why, "refuses the database"));
}
END_TEST

/* --- peers that are no Redis ----------------------------------------------------------------------- */

static int listen_somewhere(char *url, size_t cap)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(url, cap, "redis://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

#define LOADING "-LOADING Redis is loading the dataset in memory\r\n"

static const struct {
    const char *bytes, *why;
} peers[] = {
    {"HTTP/1.1 400 Bad Request\r\n\r\n", "not a reply of Redis"},
    {"*2147483647\r\n", "larger than"},
    {"", "connection closed by"},
    {"-ERR max number of clients reached\r\n", "max number of clients"},
    {LOADING LOADING LOADING LOADING LOADING LOADING LOADING LOADING, "LOADING"},
    {"+1\r\n+2\r\n+3\r\n+4\r\n+5\r\n+6\r\n+7\r\n+8\r\n+9\r\n", "without being asked"},
};

START_TEST(a_peer_that_is_no_redis_is_left)
{
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        char url[64], drain[4096];
        int at = listen_somewhere(url, sizeof url), fd = -1;

        driver_open(&v, (struct db_options){.url = url, .backoff_max_ms = 10});
        AWAIT(&v, (fd = accept4(at, NULL, NULL, SOCK_NONBLOCK)) >= 0);
        AWAIT(&v, read(fd, drain, sizeof drain) > 0); /* the greeting has come */
        ck_assert_int_ge(write(fd, peers[i].bytes, strlen(peers[i].bytes)), 0);
        shutdown(fd, SHUT_WR);
        AWAIT(&v, v.downs > 0);
        ck_assert_msg(strstr(v.why, peers[i].why) != NULL, "%s: %s", peers[i].bytes, v.why);
        driver_close(&v);
        close(fd);
        close(at);
    }
    v = (struct driver){0};
}
END_TEST

START_TEST(a_wrong_address_is_refused_at_once)
{
    struct db_options o = {.url = "redis://h:0"};
    struct err e = {0};

    driver_loop(&v);
    ck_assert_ptr_null(db_open(v.loop, &o, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "the address of Redis: the port"));
    o = (struct db_options){.url = "rediss://h", .ca_file = "/nowhere/ca.pem"};
    ck_assert_ptr_null(db_open(v.loop, &o, &e));
    ck_assert_ptr_nonnull(strstr(e.text, "/nowhere/ca.pem"));
}
END_TEST

static void add(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_killed_server_leaves_what_was_sent_unknown_and_comes_back);
    tcase_add_test(c, a_stopped_server_is_dropped_at_the_deadline);
    tcase_add_test(c, a_server_that_never_greets_is_given_up_at_the_deadline);
    tcase_add_test(c, before_the_connection_is_up_nothing_is_kept);
    tcase_add_test(c, outstanding_bytes_are_bounded);
    tcase_add_test(c, a_killed_connection_comes_back_each_time);
    tcase_add_test(c, a_missing_server_is_told_once_and_found_when_it_comes);
    tcase_add_test(c, closing_is_safe_at_any_moment);
    tcase_add_test(c, closing_is_safe_in_on_up_and_on_down);
    tcase_add_test(c, without_memory_commands_are_told_as_unsent);
    tcase_add_test(c, a_user_of_few_rights_is_served_within_them);
    tcase_add_test(c, a_wrong_password_is_told_without_the_password);
    tcase_add_test(c, a_missing_password_is_told);
    tcase_add_test(c, the_database_is_selected);
    tcase_add_test(c, a_peer_that_is_no_redis_is_left);
    tcase_add_test(c, a_wrong_address_is_refused_at_once);
}

UNIT_MAIN("fates", add)
