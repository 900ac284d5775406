/* Transactions that carry a token: carried out while it stands, refused whole once another one does. */
#include "unit.h"

#include <string.h>

#include "driver.h"

static struct server server;
static struct driver v;
static char stands[64]; /* the token that the last refusal told */
static int refused;

static void on_fenced(const char *token, void *arg)
{
    (void)arg;
    refused++;
    snprintf(stands, sizeof stands, "%s", token);
}

static void setup(void)
{
    server_start(&server, NULL);
    driver_open(&v, (struct db_options){.url = server.url, .on_fenced = on_fenced});
    AWAIT(&v, db_is_up(v.db));
    refused = 0;
    stands[0] = 0;
}

static void teardown(void)
{
    driver_close(&v);
    server_stop(&server);
}

static struct told ask(const char *what, const char *key)
{
    struct told t = {0};

    const char *field = strchr(key, ' ');

    if (field)
        db_sendf(v.db, told_done, &t, "HGET lease token");
    else
        db_sendf(v.db, told_done, &t, "%s %s", what, key);
    AWAIT(&v, t.times == 1);
    return t;
}

static void take(const char *token)
{
    struct told t = {0};

    db_sendf(v.db, told_done, &t, "HSET lease token %s", token);
    AWAIT(&v, t.times == 1);
    ck_assert_int_eq(db_fence(v.db, "lease", token), 0);
}

static void somebody_takes(const char *token)
{
    struct told t = {0};

    db_sendf(v.db, told_done, &t, "HSET lease token %s", token);
    AWAIT(&v, t.times == 1);
}

static struct told commit(struct db_tx *t)
{
    struct told told = {0};

    db_tx_commit(t, told_done, &told);
    AWAIT(&v, told.times == 1);
    return told;
}

/* As the store's: the number of the last one is read and the next is written. */
static struct told commit_number(void)
{
    struct db_tx *t = db_tx_new(v.db);

    db_tx_addf(t, "HGET meta seq");
    db_tx_addf(t, "HSET meta seq 1");
    return commit(t);
}

START_TEST(a_transaction_is_carried_out_while_its_token_stands)
{
    struct db_tx *t;
    struct told told;
    char block[3000];

    memset(block, 0, sizeof block);
    take("1-a");
    t = db_tx_new(v.db);
    db_tx_addf(t, "SET k %b", block, sizeof block);
    db_tx_addf(t, "RPUSH list one two");
    db_tx_addf(t, "GET nothing");
    told = commit(t);
    ck_assert_int_eq(told.fate, DB_DONE);
    ck_assert_int_eq(told.kind, REPLY_LIST);
    ck_assert_uint_eq(told.n_items, 3);
    ck_assert_int_eq(ask("STRLEN", "k").number, 3000);
    ck_assert_int_eq(ask("LLEN", "list").number, 2);
    ck_assert_int_eq(refused, 0);
}
END_TEST

START_TEST(nothing_of_a_transaction_happens_once_another_token_stands)
{
    struct db_tx *t;
    struct told told;

    take("1-a");
    t = db_tx_new(v.db);
    db_tx_addf(t, "SET k late");
    db_tx_addf(t, "SET l late");
    somebody_takes("2-b");
    told = commit(t);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_uint_eq(told.n_items, 0);
    ck_assert_str_eq(told.text, "FENCED 2-b");
    ck_assert_int_eq(refused, 1);
    ck_assert_str_eq(stands, "2-b");
    ck_assert_int_eq(ask("EXISTS", "k").number + ask("EXISTS", "l").number, 0);
}
END_TEST

START_TEST(a_redis_that_lost_the_token_gets_it_back_with_the_first_write)
{
    static const char *const lost[] = {"", "6-older", "0"};

    take("7-a");
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        struct told told = {0};

        ask("DEL", "lease");
        if (lost[i][0])
            somebody_takes(lost[i]);
        db_writef(v.db, told_done, &told, "INCR n");
        AWAIT(&v, told.times == 1);
        ck_assert_int_eq(told.fate, DB_DONE);
        ck_assert_int_eq(told.number, (int64_t)i + 1);
        ck_assert_str_eq(ask("HGET", "lease token").text, "7-a");
    }
    ck_assert_int_eq(refused, 0);
}
END_TEST

START_TEST(another_one_of_the_same_number_is_not_ours)
{
    struct told told = {0};

    take("7-a");
    somebody_takes("7-b");
    db_writef(v.db, told_done, &told, "INCR n");
    AWAIT(&v, told.times == 1);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_str_eq(stands, "7-b");
}
END_TEST

START_TEST(who_holds_nothing_writes_nothing_where_there_is_no_token)
{
    struct told told = {0};

    ck_assert_int_eq(db_fence(v.db, "lease", "0"), 0);
    db_writef(v.db, told_done, &told, "INCR n");
    AWAIT(&v, told.times == 1);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_int_eq(ask("EXISTS", "n").number, 0);
}
END_TEST

START_TEST(one_write_tells_its_own_answer_with_a_fence_and_without)
{
    struct told told = {0}, fenced = {0}, wrong = {0};

    db_writef(v.db, told_done, &told, "INCRBY n %llu", 5ull);
    AWAIT(&v, told.times == 1);
    ck_assert_int_eq(told.number, 5);
    take("1-a");
    db_writef(v.db, told_done, &fenced, "INCRBY n 2");
    db_writef(v.db, told_done, &wrong, "LPUSH n x");
    AWAIT(&v, fenced.times == 1 && wrong.times == 1);
    ck_assert_int_eq(fenced.fate, DB_DONE);
    ck_assert_int_eq(fenced.kind, REPLY_INT);
    ck_assert_int_eq(fenced.number, 7);
    ck_assert_int_eq(wrong.fate, DB_REFUSED);
    ck_assert_int_eq(strncmp(wrong.text, "WRONGTYPE", 9), 0);
}
END_TEST

START_TEST(an_error_before_anything_is_written_ends_it_and_a_later_one_does_not)
{
    struct db_tx *t;
    struct told told;

    take("1-a");
    ask("INCR", "n");
    t = db_tx_new(v.db);
    db_tx_addf(t, "HGET meta seq");
    db_tx_addf(t, "LPUSH n x");
    db_tx_addf(t, "SET k v");
    told = commit(t);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_uint_eq(told.n_items, 0); /* nothing was done */
    ck_assert_int_eq(ask("EXISTS", "k").number, 0);
    t = db_tx_new(v.db);
    db_tx_addf(t, "SET k v");
    db_tx_addf(t, "LPUSH n x");
    db_tx_addf(t, "SET l v");
    told = commit(t);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_uint_eq(told.n_items, 3); /* as EXEC: the others were */
    ck_assert_int_eq(ask("EXISTS", "k").number + ask("EXISTS", "l").number, 2);
}
END_TEST

START_TEST(a_user_that_may_not_write_is_refused_in_the_words_of_redis)
{
    struct told told = {0};

    take("1-a");
    db_sendf(v.db, NULL, NULL, "ACL SETUSER default -@write");
    told = commit_number();
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_str_eq(told.text, "NOPERM this user may not run HSET on meta");
    ck_assert_uint_eq(told.n_items, 0);
}
END_TEST

START_TEST(one_that_has_become_a_replica_refuses_the_whole_of_it)
{
    struct told told;

    take("1-a");
    db_sendf(v.db, NULL, NULL, "REPLICAOF 127.0.0.1 1");
    told = commit_number();
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_int_eq(strncmp(told.text, "READONLY", 8), 0);
    ck_assert_uint_eq(told.n_items, 0);
}
END_TEST

static void want_replicas(const char *n)
{
    struct told t = {0};

    db_sendf(v.db, told_done, &t, "CONFIG SET min-replicas-to-write %s", n);
    AWAIT(&v, t.times == 1);
    ck_assert_int_eq(t.fate, DB_DONE);
}

START_TEST(a_server_that_takes_no_writes_has_done_nothing_of_it)
{
    struct db_tx *t;
    struct told told;

    take("1-a");
    somebody_takes("1-a");
    want_replicas("1");
    t = db_tx_new(v.db);
    db_tx_addf(t, "HGET meta seq"); /* as the store begins */
    db_tx_addf(t, "SET k v");
    told = commit(t);
    want_replicas("0");
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_uint_eq(told.n_items, 0);
    ck_assert_int_eq(strncmp(told.text, "NOREPLICAS", 10), 0);
    ck_assert_int_eq(refused, 0);
}
END_TEST

START_TEST(a_server_that_forgets_its_scripts_needs_no_second_try)
{
    struct told told = {0};

    take("1-a");
    db_writef(v.db, NULL, NULL, "INCR n");
    db_sendf(v.db, NULL, NULL, "SCRIPT FLUSH");
    db_writef(v.db, told_done, &told, "INCR n");
    AWAIT(&v, told.times == 1);
    ck_assert_int_eq(told.number, 2);
}
END_TEST

START_TEST(a_blocking_connection_carries_the_token_of_its_parent)
{
    struct err e = {0};
    struct db_blocking *b = db_blocking_open(server.url, 2000, &e);
    const char *early[] = {"HSET", "cut", "0", "piece"}, *late[] = {"HSET", "cut", "1", "piece"};

    ck_assert_msg(b != NULL, "%s", e.text);
    take("1-a");
    db_blocking_fence(b, v.db);
    ck_assert_int_eq(db_blocking_add(b, 4, early, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_flush(b, &e), 0);
    somebody_takes("2-b");
    ck_assert_int_eq(db_blocking_add(b, 4, late, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_flush(b, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "FENCED"));
    ck_assert_int_eq(ask("HLEN", "cut").number, 1);
    db_blocking_close(b);
}
END_TEST

START_TEST(a_server_that_is_full_refuses_the_whole_of_it)
{
    struct db_tx *t;
    struct told told;

    take("1-a");
    db_sendf(v.db, NULL, NULL, "CONFIG SET maxmemory 1");
    t = db_tx_new(v.db);
    db_tx_addf(t, "HGET meta seq");
    db_tx_addf(t, "HSET alerts a b");
    db_tx_addf(t, "HSET meta seq 1");
    told = commit(t);
    ck_assert_int_eq(told.fate, DB_REFUSED);
    ck_assert_int_eq(strncmp(told.text, "OOM", 3), 0);
    ck_assert_int_eq(ask("EXISTS", "alerts").number + ask("EXISTS", "meta").number, 0);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_transaction_is_carried_out_while_its_token_stands);
    tcase_add_test(c, nothing_of_a_transaction_happens_once_another_token_stands);
    tcase_add_test(c, a_redis_that_lost_the_token_gets_it_back_with_the_first_write);
    tcase_add_test(c, another_one_of_the_same_number_is_not_ours);
    tcase_add_test(c, who_holds_nothing_writes_nothing_where_there_is_no_token);
    tcase_add_test(c, one_write_tells_its_own_answer_with_a_fence_and_without);
    tcase_add_test(c, an_error_before_anything_is_written_ends_it_and_a_later_one_does_not);
    tcase_add_test(c, a_user_that_may_not_write_is_refused_in_the_words_of_redis);
    tcase_add_test(c, one_that_has_become_a_replica_refuses_the_whole_of_it);
    tcase_add_test(c, a_server_that_takes_no_writes_has_done_nothing_of_it);
    tcase_add_test(c, a_server_that_forgets_its_scripts_needs_no_second_try);
    tcase_add_test(c, a_blocking_connection_carries_the_token_of_its_parent);
    tcase_add_test(c, a_server_that_is_full_refuses_the_whole_of_it);
}

UNIT_MAIN("fence", add)
