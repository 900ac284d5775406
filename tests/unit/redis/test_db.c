#include "unit.h"

#include <string.h>

#include "driver.h"

static struct server server;
static struct driver v;

static void setup(void)
{
    server_start(&server, NULL);
    driver_up(&v, server.url);
}

static void teardown(void)
{
    driver_close(&v);
    server_stop(&server);
}

/* One command, its answer awaited. */
#define ASK(t, ...)                                   \
    do {                                              \
        db_sendf(v.db, told_done, &(t), __VA_ARGS__); \
        AWAIT(&v, (t).times > 0);                     \
        ck_assert_int_eq((t).times, 1);               \
    } while (0)

START_TEST(replies_of_each_kind_are_told)
{
    struct told set = {0}, get = {0}, nil = {0}, number = {0}, list = {0}, wrong = {0};
    const char bytes[] = {'a', 0, ' ', '\r', '\n', '%'};

    ASK(set, "SET key:%s:%lld %b", "x", -5LL, bytes, sizeof bytes);
    ck_assert_int_eq(set.fate, DB_DONE);
    ck_assert_str_eq(set.text, "OK");
    ASK(get, "GET key:x:-5");
    ck_assert_int_eq(get.kind, REPLY_TEXT);
    ck_assert_uint_eq(get.len, sizeof bytes);
    ASK(nil, "GET nothing");
    ck_assert_int_eq(nil.kind, REPLY_NIL);
    ck_assert_int_eq(nil.fate, DB_DONE);
    ASK(number, "INCRBY n %llu", 7ULL);
    ck_assert_int_eq(number.kind, REPLY_INT);
    ck_assert_int_eq(number.number, 7);
    ASK(list, "MGET n nothing key:x:-5");
    ck_assert_int_eq(list.kind, REPLY_LIST);
    ck_assert_uint_eq(list.n_items, 3);
    ASK(wrong, "LPUSH n %s", "");
    ck_assert_int_eq(wrong.fate, DB_REFUSED);
    ck_assert_ptr_nonnull(strstr(wrong.text, "WRONGTYPE"));
}
END_TEST

static struct {
    int next;
    bool out_of_order;
} sequence;

static void in_order(enum db_fate fate, const struct reply *r, void *arg)
{
    int want = (int)(intptr_t)arg;

    if (fate != DB_DONE || r->number != want + 1 || sequence.next != want)
        sequence.out_of_order = true;
    sequence.next++;
}

START_TEST(ten_thousand_commands_in_one_turn_keep_their_order)
{
    struct db_stats stats;

    sequence.next = 0;
    for (int i = 0; i < 10000; i++)
        db_sendf(v.db, in_order, (void *)(intptr_t)i, "INCR counter");
    ck_assert_int_eq(sequence.next, 0); /* never inside the call */
    ck_assert_uint_eq(db_outstanding(v.db),
                      10000 * strlen("*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n"));
    AWAIT(&v, sequence.next == 10000);
    ck_assert(!sequence.out_of_order);
    ck_assert_uint_eq(db_outstanding(v.db), 0);
    db_stats(v.db, &stats);
    ck_assert_uint_eq(stats.unsent + stats.unknown, 0);
}
END_TEST

static void compare_big(enum db_fate fate, const struct reply *r, void *arg)
{
    const char *want = arg;

    ck_assert_int_eq(fate, DB_DONE);
    ck_assert_uint_eq(r->n_items, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(r->items[i].len, 3 << 20);
        ck_assert_int_eq(memcmp(r->items[i].text, want, 3 << 20), 0);
        ck_assert_int_eq(r->items[i].text[3 << 20], 0);
    }
    sequence.next = -1;
}

START_TEST(megabytes_go_out_and_come_back)
{
    size_t n = 3 << 20;
    char *big = malloc(n);
    struct told set = {0};

    for (size_t i = 0; i < n; i++)
        big[i] = (char)(i * 31 + i / 4096);
    ASK(set, "SET big %b", (const void *)big, n);
    ck_assert_int_eq(set.fate, DB_DONE);
    sequence.next = 0;
    db_sendf(v.db, compare_big, big, "MGET big big");
    AWAIT(&v, sequence.next == -1);
    free(big);
}
END_TEST

static struct {
    struct told exec;
    enum reply_kind kinds[8];
} tx;

static void tx_done(enum db_fate fate, const struct reply *r, void *arg)
{
    (void)arg;
    told_done(fate, r, &tx.exec);
    for (size_t i = 0; r && i < r->n_items && i < 8; i++)
        tx.kinds[i] = r->items[i].kind;
}

static void commit(struct db_tx *t)
{
    memset(&tx, 0, sizeof tx);
    db_tx_commit(t, tx_done, NULL);
    ck_assert_int_eq(tx.exec.times, 0);
    AWAIT(&v, tx.exec.times == 1);
}

START_TEST(a_transaction_tells_the_list_of_exec)
{
    struct db_tx *t = db_tx_new(v.db);
    struct told get = {0};

    db_tx_addf(t, "SET a %s", "1");
    db_tx_addf(t, "INCR a");
    commit(t);
    ck_assert_int_eq(tx.exec.fate, DB_DONE);
    ck_assert_uint_eq(tx.exec.n_items, 2);
    ck_assert_int_eq(tx.kinds[1], REPLY_INT);
    ASK(get, "GET a");
    ck_assert_str_eq(get.text, "2");
}
END_TEST

START_TEST(an_error_inside_a_transaction_tells_what_was_done)
{
    struct db_tx *t = db_tx_new(v.db);
    struct told get = {0};

    db_tx_addf(t, "SET text x");
    db_tx_addf(t, "INCR text");
    db_tx_addf(t, "SET after y");
    commit(t);
    ck_assert_int_eq(tx.exec.fate, DB_REFUSED);
    ck_assert_ptr_nonnull(strstr(tx.exec.text, "not an integer"));
    ck_assert_uint_eq(tx.exec.n_items, 3);
    ck_assert_int_eq(tx.kinds[0], REPLY_TEXT);
    ck_assert_int_eq(tx.kinds[1], REPLY_ERROR);
    ck_assert_int_eq(tx.kinds[2], REPLY_TEXT);
    ASK(get, "GET after"); /* the connection is still in step */
    ck_assert_str_eq(get.text, "y");
}
END_TEST

START_TEST(a_transaction_with_a_wrong_command_does_nothing)
{
    struct db_tx *t = db_tx_new(v.db);
    struct told get = {0};

    db_tx_addf(t, "SET never 1");
    db_tx_addf(t, "NOSUCHCOMMAND");
    commit(t);
    ck_assert_int_eq(tx.exec.fate, DB_REFUSED);
    ck_assert_ptr_nonnull(strstr(tx.exec.text, "unknown command"));
    ck_assert_uint_eq(tx.exec.n_items, 0);
    ASK(get, "GET never");
    ck_assert_int_eq(get.kind, REPLY_NIL);
}
END_TEST

START_TEST(an_empty_transaction_is_done)
{
    commit(db_tx_new(v.db));
    ck_assert_int_eq(tx.exec.fate, DB_DONE);
    ck_assert_uint_eq(tx.exec.n_items, 0);
    db_tx_drop(db_tx_new(v.db));
    db_tx_drop(NULL);
}
END_TEST

static const char adder[] = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

static void run_script(struct told *t, const char *script)
{
    const char *argv[] = {"sum", "3"};

    *t = (struct told){0};
    db_script(v.db, script, 1, 2, argv, NULL, told_done, t);
    AWAIT(&v, t->times == 1);
}

START_TEST(scripts_are_loaded_and_loaded_again_after_a_flush)
{
    struct told t, flushed = {0}, after = {0};

    run_script(&t, adder);
    ck_assert_int_eq(t.number, 3);
    run_script(&t, adder);
    ck_assert_int_eq(t.number, 6);
    ASK(flushed, "SCRIPT FLUSH");
    run_script(&t, adder);
    ck_assert_int_eq(t.fate, DB_DONE);
    ck_assert_int_eq(t.number, 9);
    run_script(&t, "this is not Lua");
    ck_assert_int_eq(t.fate, DB_REFUSED);
    ASK(after, "GET sum");
    ck_assert_str_eq(after.text, "9");
}
END_TEST

START_TEST(a_first_script_keeps_its_place_among_commands)
{
    const char *argv[] = {"sum", "3"};
    struct told t = {0}, get = {0};

    db_sendf(v.db, NULL, NULL, "SET sum 10");
    db_script(v.db, adder, 1, 2, argv, NULL, told_done, &t);
    db_sendf(v.db, told_done, &get, "GETSET sum 0");
    AWAIT(&v, get.times == 1);
    ck_assert_int_eq(t.number, 13);
    ck_assert_str_eq(get.text, "13");
}
END_TEST

START_TEST(what_the_server_is_was_asked_before_it_counts_as_up)
{
    const struct db_health *h = db_health(v.db);

    ck_assert(h->known);
    ck_assert_uint_eq(strlen(h->run_id), 40);
    ck_assert(h->version[0] >= '5');
    ck_assert(!h->evicting && !h->aof && !h->aof_always && !h->is_replica);
    ck_assert_uint_eq(h->max_memory, 0);
    ck_assert_uint_gt(h->used_memory, 100000);
    ck_assert_int_lt(llabs(h->clock_offset_ms), 50);
}
END_TEST

static void inspected(bool ok, void *arg)
{
    *(int *)arg = ok ? 1 : -1;
}

START_TEST(an_inspection_sees_changed_settings)
{
    const struct db_health *h = db_health(v.db);
    struct told t[4] = {0};
    int done = 0;

    ASK(t[0], "CONFIG SET maxmemory 100mb");
    ASK(t[1], "CONFIG SET maxmemory-policy allkeys-lru");
    ASK(t[2], "CONFIG SET appendonly yes");
    ASK(t[3], "CONFIG SET appendfsync always");
    db_inspect(v.db, inspected, &done);
    ck_assert_int_eq(done, 0);
    AWAIT(&v, done != 0);
    ck_assert_int_eq(done, 1);
    ck_assert(h->evicting && h->aof && h->aof_always);
    ck_assert_uint_eq(h->max_memory, 100 << 20);
}
END_TEST

/* --- a callback that sends, and one that closes ------------------------------------------------- */

static void send_more(enum db_fate fate, const struct reply *r, void *arg)
{
    (void)fate, (void)r;
    if (*(int *)arg < 5) {
        ++*(int *)arg;
        db_sendf(v.db, send_more, arg, "PING");
    }
}

START_TEST(a_callback_may_send)
{
    int sent = 0;

    db_sendf(v.db, send_more, &sent, "PING");
    AWAIT(&v, sent == 5 && db_outstanding(v.db) == 0);
}
END_TEST

static void close_now(enum db_fate fate, const struct reply *r, void *arg)
{
    (void)fate, (void)r, (void)arg;
    db_close(v.db);
    v.db = NULL;
}

START_TEST(a_callback_may_close_and_the_others_are_told_first)
{
    struct told before = {0}, after[3] = {0};

    db_sendf(v.db, told_done, &before, "PING");
    db_sendf(v.db, close_now, NULL, "PING");
    for (int i = 0; i < 3; i++)
        db_sendf(v.db, told_done, &after[i], "PING");
    AWAIT(&v, v.db == NULL);
    ck_assert_int_eq(before.fate, DB_DONE);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(after[i].times, 1);
        ck_assert_int_eq(after[i].fate, DB_UNKNOWN);
    }
    loop_turn(v.loop, 0);
}
END_TEST

START_TEST(closing_tells_what_never_left)
{
    struct told t[3] = {0};

    for (int i = 0; i < 3; i++)
        db_sendf(v.db, told_done, &t[i], "INCR n");
    db_close(v.db);
    v.db = NULL;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(t[i].times, 1);
        ck_assert_int_eq(t[i].fate, DB_UNSENT);
    }
}
END_TEST

static void send_while_closing(enum db_fate fate, const struct reply *r, void *arg)
{
    (void)r;
    ck_assert_int_eq(fate, DB_UNSENT);
    db_sendf(v.db, told_done, arg, "PING");
}

START_TEST(what_a_callback_sends_while_closing_is_told_as_well)
{
    struct told t = {0};

    db_sendf(v.db, send_while_closing, &t, "PING");
    db_close(v.db);
    v.db = NULL;
    ck_assert_int_eq(t.times, 1);
    ck_assert_int_eq(t.fate, DB_UNSENT);
}
END_TEST

/* --- the blocking connection ---------------------------------------------------------------------- */

START_TEST(a_blocking_connection_pipelines_and_finds_errors)
{
    struct err e = {0};
    struct db_blocking *b = db_blocking_open(server.url, 2000, &e);
    const char *set[] = {"SET", "k", "v"}, *wrong[] = {"INCR", "k"};
    struct told get = {0};

    ck_assert_msg(b != NULL, "%s", e.text);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(db_blocking_add(b, 3, set, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_flush(b, &e), 0);
    ASK(get, "GET k");
    ck_assert_str_eq(get.text, "v");
    ck_assert_int_eq(db_blocking_add(b, 2, wrong, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_add(b, 3, set, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_flush(b, &e), -1);
    ck_assert_ptr_nonnull(strstr(e.text, "not an integer"));
    ck_assert_int_eq(db_blocking_add(b, 3, set, NULL, &e), 0);
    ck_assert_int_eq(db_blocking_flush(b, &e), 0); /* in step again */
    db_blocking_close(b);
}
END_TEST

START_TEST(a_blocking_connection_moves_more_than_it_holds)
{
    struct err e = {0};
    struct db_blocking *b = db_blocking_open(server.url, 5000, &e);
    size_t n = 1 << 20, lens[] = {3, 1, n};
    char *big = calloc(1, n);
    const char *set[] = {"SET", "k", big};

    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(db_blocking_add(b, 3, set, lens, &e), 0);
    ck_assert_int_eq(db_blocking_flush(b, &e), 0);
    server_signal(&server, SIGSTOP);
    db_blocking_close(b);
    b = db_blocking_open(server.url, 50, &e);
    server_signal(&server, SIGCONT);
    ck_assert_ptr_null(b);
    ck_assert_ptr_nonnull(strstr(e.text, "no answer in time"));
    free(big);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, replies_of_each_kind_are_told);
    tcase_add_test(c, ten_thousand_commands_in_one_turn_keep_their_order);
    tcase_add_test(c, megabytes_go_out_and_come_back);
    tcase_add_test(c, a_transaction_tells_the_list_of_exec);
    tcase_add_test(c, an_error_inside_a_transaction_tells_what_was_done);
    tcase_add_test(c, a_transaction_with_a_wrong_command_does_nothing);
    tcase_add_test(c, an_empty_transaction_is_done);
    tcase_add_test(c, scripts_are_loaded_and_loaded_again_after_a_flush);
    tcase_add_test(c, a_first_script_keeps_its_place_among_commands);
    tcase_add_test(c, what_the_server_is_was_asked_before_it_counts_as_up);
    tcase_add_test(c, an_inspection_sees_changed_settings);
    tcase_add_test(c, a_callback_may_send);
    tcase_add_test(c, a_callback_may_close_and_the_others_are_told_first);
    tcase_add_test(c, closing_tells_what_never_left);
    tcase_add_test(c, what_a_callback_sends_while_closing_is_told_as_well);
    tcase_add_test(c, a_blocking_connection_pipelines_and_finds_errors);
    tcase_add_test(c, a_blocking_connection_moves_more_than_it_holds);
}

UNIT_MAIN("db", add)
