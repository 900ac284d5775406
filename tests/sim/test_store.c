#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/keys.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "fake_db.h"
#include "fake_loop.h"
#include "tocsin/store.h"

#define START_MS 1000000

/* One process: a store with two tables whose owner keeps the truth in `truth`. */
struct world {
    struct clock *clock;
    struct fake_redis *redis;
    struct loop *loop;
    struct db *db;
    struct store *store;
    struct store_table *alerts, *acks;
    char truth[64][16]; /* of alerts: field "f<i>", "" for none */
    int durable, lost;  /* what store_after() said */
    int order[64], n_order;
    int fields, loads;
};

static void rewrite_alerts(struct store_table *t, void *arg)
{
    struct world *w = arg;
    char field[16];

    for (int i = 0; i < 64; i++) {
        snprintf(field, sizeof field, "f%d", i);
        if (w->truth[i][0])
            store_put(t, field, w->truth[i], strlen(w->truth[i]));
    }
}

static void rewrite_acks(struct store_table *t, void *arg)
{
    (void)t, (void)arg;
}

static void start_process(struct world *w)
{
    struct db_options o = {.url = "fake:"};

    w->loop = loop_new(w->clock, NULL);
    fake_db_serve(w->redis);
    w->db = db_open(w->loop, &o, NULL);
    w->store = store_new(w->loop, w->db);
    w->alerts = store_table(w->store, KEY_ALERTS, rewrite_alerts, w);
    w->acks = store_table(w->store, KEY_ACKS, rewrite_acks, w);
    fake_loop_settle(w->loop);
}

static void end_process(struct world *w)
{
    store_free(w->store);
    db_close(w->db);
    fake_loop_settle(w->loop);
    loop_free(w->loop);
}

static struct world *world_new(void)
{
    struct world *w = mem_zalloc(sizeof *w);

    w->clock = clock_virtual(START_MS);
    w->redis = fake_redis_new(w->clock);
    start_process(w);
    return w;
}

static void world_free(struct world *w)
{
    end_process(w);
    fake_redis_free(w->redis);
    clock_free(w->clock);
    mem_free(w);
}

static void set(struct world *w, int i, const char *value)
{
    char field[16];

    snprintf(field, sizeof field, "f%d", i);
    snprintf(w->truth[i], sizeof w->truth[i], "%s", value);
    if (*value)
        store_put(w->alerts, field, value, strlen(value));
    else
        store_del(w->alerts, field);
}

static const char *in_redis(struct world *w, const char *key, const char *field)
{
    const struct reply *r = fake_redis_ask(w->redis, "HGET", key, field, NULL);

    return r->kind == REPLY_TEXT ? r->text : NULL;
}

static void redis_equals_truth(struct world *w, const char *when)
{
    char field[16];

    for (int i = 0; i < 64; i++) {
        const char *have;

        snprintf(field, sizeof field, "f%d", i);
        have = in_redis(w, KEY_ALERTS, field);
        ck_assert_msg(strcmp(have ? have : "", w->truth[i]) == 0, "%s: %s is '%s', not '%s'", when,
                      field, have ? have : "(nil)", w->truth[i]);
    }
}

static void after(bool durable, void *arg)
{
    struct world *w = arg;

    *(durable ? &w->durable : &w->lost) += 1;
}

static uint64_t commits(struct world *w)
{
    struct store_stats st;

    store_stats(w->store, &st);
    return st.commits;
}

START_TEST(changes_of_a_turn_are_one_transaction)
{
    struct world *w = world_new();

    set(w, 1, "a");
    set(w, 1, "b");
    set(w, 2, "c");
    set(w, 2, "");
    store_zadd(w->store, KEY_DUE, "m", 7);
    store_zadd(w->store, KEY_DUE, "gone", 8);
    store_zrem(w->store, KEY_DUE, "gone");
    store_after(w->store, after, w);
    ck_assert(!store_is_clean(w->store));
    fake_loop_settle(w->loop);
    ck_assert_int_eq(w->durable, 1);
    ck_assert(store_is_clean(w->store));
    ck_assert_uint_eq(commits(w), 1);
    ck_assert_str_eq(in_redis(w, KEY_CONTROL_META, "seq"), "1");
    redis_equals_truth(w, "after one turn");
    ck_assert_uint_eq(fake_redis_ask(w->redis, "ZRANGE", KEY_DUE, "0", "-1", NULL)->n_items, 1);
    set(w, 1, "");
    fake_loop_settle(w->loop);
    redis_equals_truth(w, "after a removal");
    world_free(w);
}
END_TEST

START_TEST(nothing_to_write_is_durable_at_once)
{
    struct world *w = world_new();

    store_after(w->store, after, w);
    ck_assert_int_eq(w->durable, 0); /* never inside the call */
    fake_loop_settle(w->loop);
    ck_assert_int_eq(w->durable, 1);
    ck_assert_uint_eq(commits(w), 0);
    world_free(w);
}
END_TEST

static void first(bool durable, void *arg)
{
    struct world *w = arg;

    ck_assert(durable && commits(w) == 1);
    w->order[w->n_order++] = 1;
}

static void second(bool durable, void *arg)
{
    struct world *w = arg;

    ck_assert(durable && commits(w) == 2);
    w->order[w->n_order++] = 2;
}

START_TEST(each_waits_for_its_own_changes_only)
{
    struct world *w = world_new();

    fake_db_latency(w->db, 10);
    set(w, 1, "a");
    store_after(w->store, first, w);
    fake_loop_run_for(w->loop, 12); /* the check of the server, then the commit leaves */
    set(w, 2, "b");
    store_after(w->store, second, w);
    fake_loop_run_for(w->loop, 200);
    ck_assert_int_eq(w->n_order, 2);
    ck_assert_int_eq(w->order[0], 1);
    ck_assert_int_eq(w->order[1], 2);
    world_free(w);
}
END_TEST

START_TEST(while_redis_is_away_the_newest_value_is_kept)
{
    struct world *w = world_new();
    const char *pairs[] = {"what", "x", NULL};
    struct store_stats st;

    set(w, 1, "a");
    fake_loop_settle(w->loop);
    fake_db_down(w->db, 0);
    for (int i = 0; i < 5; i++) {
        set(w, 1, i % 2 ? "odd" : "even");
        set(w, 3, "new");
        store_append(w->store, KEY_HISTORY, 100, NULL, pairs);
        fake_loop_run_for(w->loop, 1000);
    }
    store_after(w->store, after, w);
    fake_loop_settle(w->loop);
    ck_assert_int_eq(w->lost, 1);
    store_stats(w->store, &st);
    ck_assert_uint_eq(st.waiting_fields, 2 + 5);
    fake_db_up(w->db);
    fake_loop_run_for(w->loop, 1000);
    redis_equals_truth(w, "after the return");
    ck_assert(store_is_clean(w->store));
    ck_assert_int_eq(fake_redis_ask(w->redis, "XLEN", KEY_HISTORY, NULL)->number, 5);
    world_free(w);
}
END_TEST

START_TEST(what_waited_is_written_as_soon_as_redis_is_back)
{
    struct world *w = world_new();

    ck_assert(!store_is_behind(w->store));
    fake_db_down(w->db, 0);
    fake_loop_run_for(w->loop, 30);
    ck_assert(!store_is_behind(w->store)); /* nothing was put meanwhile */
    set(w, 1, "told meanwhile");
    fake_loop_run_for(w->loop, 30);
    ck_assert(store_is_behind(w->store));
    fake_db_up(w->db);
    ck_assert(store_is_behind(w->store));
    store_redis_is_back(w->store);
    fake_loop_settle(w->loop); /* no time passes */
    redis_equals_truth(w, "in the turn in which it is back");
    ck_assert(!store_is_behind(w->store));
    world_free(w);
}
END_TEST

/* The claim flies when Redis hangs, its outcome comes while the fate of that is not known: Redis
 * gets the outcome, whether the claim got there or not, and nobody is told "stored" before. */
START_TEST(an_outcome_that_comes_during_the_outage_is_what_a_start_finds)
{
    for (size_t executed = 0; executed < 2; executed++) {
        struct world *w = world_new();

        fake_db_latency(w->db, 5);
        set(w, 1, "claimed");
        fake_loop_run_for(w->loop, 1); /* on its way */
        fake_db_down(w->db, executed);
        store_after(w->store, after, w);
        fake_loop_run_for(w->loop, 20);
        ck_assert_int_eq(w->lost, 1);
        set(w, 1, "delivered");
        fake_loop_run_for(w->loop, 20);
        ck_assert(store_is_behind(w->store));
        fake_db_up(w->db);
        store_redis_is_back(w->store);
        while (store_is_behind(w->store)) { /* ready is told at its end, and a kill may come then */
            ck_assert(!in_redis(w, KEY_ALERTS, "f1") ||
                      strcmp(in_redis(w, KEY_ALERTS, "f1"), "claimed") == 0);
            fake_loop_run_for(w->loop, 1);
        }
        redis_equals_truth(w, executed ? "the claim was there" : "the claim was not there");
        world_free(w);
    }
}
END_TEST

START_TEST(waiting_entries_are_bounded_and_the_oldest_go)
{
    struct world *w = world_new();
    struct store_stats st;
    char id[24];
    const char *pairs[] = {"n", id, NULL};

    fake_db_down(w->db, 0);
    for (int i = 1; i <= 10001; i++) {
        snprintf(id, sizeof id, "%d-0", i);
        store_append(w->store, KEY_HISTORY, 100000, id, pairs);
        store_stats(w->store, &st);
        ck_assert_uint_eq(st.dropped_entries, i > 10000);
    }
    fake_db_up(w->db);
    fake_loop_run_for(w->loop, 1000);
    ck_assert_int_eq(fake_redis_ask(w->redis, "XLEN", KEY_HISTORY, NULL)->number, 10000);
    ck_assert_str_eq(fake_redis_ask(w->redis, "XRANGE", KEY_HISTORY, "-", "+", "COUNT", "1", NULL)
                         ->items[0]
                         .items[0]
                         .text,
                     "2-0");
    world_free(w);
}
END_TEST

START_TEST(memory_of_redis_out_keeps_changes_until_there_is_some)
{
    struct world *w = world_new();
    struct store_stats st;

    set(w, 1, "a");
    fake_loop_settle(w->loop);
    fake_redis_refuse_writes(w->redis, true);
    set(w, 1, "b");
    store_after(w->store, after, w);
    fake_loop_run_for(w->loop, 3000);
    ck_assert_int_eq(w->lost, 1);
    store_stats(w->store, &st);
    ck_assert_uint_ge(st.failures, 2); /* tried again, and again */
    fake_redis_refuse_writes(w->redis, false);
    fake_loop_run_for(w->loop, 2000);
    redis_equals_truth(w, "with memory again");
    world_free(w);
}
END_TEST

START_TEST(every_refusal_keeps_changes_and_is_told)
{
    static const char *const errors[] = {
        "READONLY You can't write against a read only replica.",
        "NOREPLICAS Not enough good replicas to write.",
        "NOPERM this user has no permissions to run the 'hset' command",
        "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist on disk.",
        "LOADING Redis is loading the dataset in memory",
        "BUSY Redis is busy running a script.",
        "NOAUTH Authentication required.",
        "CLUSTERDOWN The cluster is down",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "MOVED 3999 127.0.0.1:6381",
        "UNKILLABLE Sorry the script already executed write commands",
        "ERR max number of clients reached"};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct world *w = world_new();

        set(w, 1, "a");
        fake_loop_settle(w->loop);
        fake_redis_refuse_with(w->redis, errors[i]);
        set(w, 1, "b");
        store_after(w->store, after, w);
        fake_loop_run_for(w->loop, 3000);
        ck_assert_int_eq(w->lost, 1); /* who waits goes on */
        ck_assert_str_eq(store_trouble(w->store), errors[i]);
        ck_assert(store_is_behind(w->store));
        fake_redis_refuse_with(w->redis, NULL);
        fake_loop_run_for(w->loop, 2000);
        redis_equals_truth(w, errors[i]);
        ck_assert_str_eq(store_trouble(w->store), "");
        ck_assert(!store_is_behind(w->store));
        world_free(w);
    }
}
END_TEST

START_TEST(an_older_redis_is_written_again)
{
    struct world *w = world_new();
    struct fake_dump *dump;
    struct store_stats st;

    set(w, 1, "old");
    set(w, 2, "goes");
    store_zadd(w->store, KEY_DUE, "stale", 1);
    fake_loop_settle(w->loop);
    dump = fake_redis_dump(w->redis);
    set(w, 1, "new");
    set(w, 2, "");
    set(w, 5, "more");
    fake_loop_settle(w->loop);
    fake_db_down(w->db, 0);
    fake_redis_restore(w->redis, dump);
    fake_db_up(w->db);
    fake_loop_run_for(w->loop, 5000); /* nobody puts anything */
    redis_equals_truth(w, "after the lost tail");
    store_stats(w->store, &st);
    ck_assert_uint_eq(st.rewrites, 1);
    ck_assert_uint_eq(fake_redis_ask(w->redis, "ZRANGE", KEY_DUE, "0", "-1", NULL)->n_items, 0);
    fake_dump_free(dump);
    world_free(w);
}
END_TEST

START_TEST(flushed_data_is_noticed_by_the_next_transaction)
{
    struct world *w = world_new();

    set(w, 1, "a");
    set(w, 2, "b");
    fake_loop_settle(w->loop);
    fake_redis_ask(w->redis, "FLUSHALL", NULL); /* same run id */
    set(w, 3, "c");
    fake_loop_run_for(w->loop, 1000);
    redis_equals_truth(w, "after FLUSHALL");
    world_free(w);
}
END_TEST

START_TEST(a_refused_command_inside_does_not_block_the_rest)
{
    struct world *w = world_new();
    struct store_stats st;

    fake_redis_ask(w->redis, "SET", KEY_ACKS, "not a hash", NULL);
    store_put(w->acks, "x", "y", 1);
    set(w, 1, "a");
    store_after(w->store, after, w);
    fake_loop_run_for(w->loop, 5000);
    ck_assert_int_eq(w->lost, 1);
    redis_equals_truth(w, "beside a wrong type");
    ck_assert(store_is_clean(w->store));
    /* mended: it is a hash again, or nothing */
    ck_assert_int_eq(fake_redis_ask(w->redis, "HGETALL", KEY_ACKS, NULL)->kind, REPLY_LIST);
    store_stats(w->store, &st);
    ck_assert_uint_eq(st.failures, 1);
    world_free(w);
}
END_TEST

/* Walks every fault over every command of a little story: at the end Redis holds the truth, each
 * entry of the stream once, and nobody is told twice. */
static void story(enum fake_fault fault, uint64_t n, bool *bitten)
{
    struct world *w = world_new();
    struct store_stats st;
    char text[16];
    const char *pairs[] = {"n", text, NULL};
    char when[64];

    snprintf(when, sizeof when, "fault %d at %llu", fault, (unsigned long long)n);
    fake_db_fault(w->db, fault, n);
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "v%d", i);
        set(w, i % 3, text);
        set(w, 10 + i, i % 2 ? "x" : "");
        store_append(w->store, KEY_HISTORY, 1000, NULL, pairs);
        store_after(w->store, after, w);
        fake_loop_run_for(w->loop, 20);
    }
    fake_loop_run_for(w->loop, 10000);
    *bitten = fake_db_bitten(w->db);
    redis_equals_truth(w, when);
    ck_assert_msg(store_is_clean(w->store), "%s: not clean", when);
    ck_assert_msg(w->durable + w->lost == 8, "%s: told %d + %d", when, w->durable, w->lost);
    ck_assert_int_eq(fake_redis_ask(w->redis, "XLEN", KEY_HISTORY, NULL)->number, 8);
    store_stats(w->store, &st);
    ck_assert_msg(st.rewrites == 0, "%s: rewritten without need", when);
    world_free(w);
}

START_TEST(every_single_fault_leaves_the_truth_once)
{
    for (int fault = FAKE_LOSE_ANSWER; fault <= FAKE_RESTART; fault++) {
        bool bitten = true;
        uint64_t n = 1;

        while (bitten)
            story((enum fake_fault)fault, n++, &bitten);
        ck_assert_uint_gt(n, 8);
    }
}
END_TEST

static void field(struct store_table *t, const char *name, size_t name_len, const char *value,
                  size_t len, void *arg)
{
    struct world *w = arg;
    int i = atoi(name + 1);

    ck_assert_uint_eq(name_len, strlen(name));
    ck_assert_ptr_eq(t, w->alerts);
    ck_assert_uint_eq(len, strlen(w->truth[i]));
    ck_assert_int_eq(memcmp(value, w->truth[i], len), 0);
    w->fields++;
}

static void loaded(const struct err *e, void *arg)
{
    struct world *w = arg;

    w->loads += e ? 100 : 1;
}

START_TEST(what_was_acknowledged_is_loaded_after_kill)
{
    struct world *w = world_new();
    struct store_stats st;

    set(w, 1, "a");
    set(w, 2, "b");
    fake_loop_settle(w->loop);
    fake_db_crash(w->db, 0);
    end_process(w);
    start_process(w);
    store_load(w->store, field, loaded, w);
    fake_loop_settle(w->loop);
    ck_assert_int_eq(w->loads, 1);
    ck_assert_int_eq(w->fields, 2);
    set(w, 3, "c");
    fake_loop_settle(w->loop);
    ck_assert_str_eq(in_redis(w, KEY_CONTROL_META, "seq"), "2");
    store_stats(w->store, &st);
    ck_assert_uint_eq(st.rewrites, 0);
    world_free(w);
}
END_TEST

START_TEST(loading_from_a_redis_that_is_away_waits_for_it)
{
    struct world *w = world_new();

    set(w, 1, "a");
    fake_loop_settle(w->loop);
    end_process(w);
    start_process(w);
    fake_db_down(w->db, 0);
    store_load(w->store, field, loaded, w);
    fake_loop_run_for(w->loop, 60000);
    ck_assert_int_eq(w->loads, 0);
    fake_db_up(w->db);
    fake_loop_run_for(w->loop, 2000);
    ck_assert_int_eq(w->loads, 1);
    ck_assert_int_eq(w->fields, 1);
    store_load(w->store, field, loaded, w);
    fake_db_down(w->db, 0);
    end_process(w); /* while it waits */
    start_process(w);
    world_free(w);
}
END_TEST

START_TEST(a_refusal_that_passes_is_waited_for_at_the_start_and_another_is_told)
{
    static const struct {
        const char *error;
        bool passes;
    } rows[] = {{"LOADING Redis is loading the dataset in memory", true},
                {"BUSY Redis is busy running a script.", true},
                {"TRYAGAIN Multiple keys request during rehashing of slot", true},
                {"CLUSTERDOWN The cluster is down", true},
                {"MASTERDOWN Link with MASTER is down", true},
                {"BUSYKEY Target key name already exists.", false},
                {"NOPERM User default has no permissions", false}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = world_new();

        fake_redis_refuse_all_with(w->redis, rows[i].error);
        store_load(w->store, field, loaded, w);
        fake_loop_run_for(w->loop, 5000);
        ck_assert_msg(w->loads == (rows[i].passes ? 0 : 100), "%s", rows[i].error);
        fake_redis_refuse_all_with(w->redis, NULL);
        fake_loop_run_for(w->loop, 2000);
        ck_assert_msg(w->loads == (rows[i].passes ? 1 : 100), "%s", rows[i].error);
        world_free(w);
    }
}
END_TEST

static void page_entry(const char *id, const char *const *pairs, size_t n_pairs, void *arg)
{
    struct world *w = arg;

    ck_assert_uint_eq(n_pairs, 1);
    ck_assert_str_eq(pairs[0], "n");
    ck_assert_int_eq(atoi(pairs[1]), atoi(id));
    w->order[w->n_order++] = atoi(id);
}

/* As the store of a program that stands by. */
START_TEST(one_that_has_read_nothing_gives_a_redis_that_went_back_nothing)
{
    struct world *w = world_new();
    struct fake_dump *dump;

    set(w, 1, "a");
    fake_loop_settle(w->loop);
    dump = fake_redis_dump(w->redis);
    set(w, 2, "b");
    fake_loop_settle(w->loop);
    end_process(w);
    start_process(w);
    fake_loop_run_for(w->loop, 60000);
    for (int i = 0; i < 2; i++) {
        fake_db_down(w->db, 0);
        fake_redis_restart(w->redis);
        if (i == 1)
            fake_redis_restore(w->redis, dump);
        fake_db_up(w->db);
        fake_loop_run_for(w->loop, 60000);
    }
    ck_assert_uint_eq(commits(w), 0);
    ck_assert_str_eq(in_redis(w, KEY_ALERTS, "f1"), "a");
    fake_dump_free(dump);
    world_free(w);
}
END_TEST

START_TEST(streams_are_read_backwards_in_pages)
{
    struct world *w = world_new();
    char id[24];
    const char *pairs[] = {"n", id, NULL};

    for (int i = 1; i <= 5; i++) {
        snprintf(id, sizeof id, "%d-0", i);
        store_append(w->store, KEY_AUDIT, 100, id, pairs);
    }
    fake_loop_settle(w->loop);
    store_read_stream(w->store, KEY_AUDIT, NULL, 2, page_entry, loaded, w);
    store_read_stream(w->store, KEY_AUDIT, "4-0", 2, page_entry, loaded, w);
    fake_loop_settle(w->loop);
    ck_assert_int_eq(w->loads, 2);
    ck_assert_int_eq(w->n_order, 4);
    ck_assert_int_eq(w->order[0], 5);
    ck_assert_int_eq(w->order[1], 4);
    ck_assert_int_eq(w->order[2], 3);
    ck_assert_int_eq(w->order[3], 2);
    world_free(w);
}
END_TEST

START_TEST(large_changes_go_out_in_bounded_transactions)
{
    struct world *w = world_new();
    size_t len = (size_t)12 << 20;
    char *large = mem_zalloc(len + 1);
    char name[16];

    memset(large, 'x', len);
    for (int i = 0; i < 4; i++) { /* 48 MiB: more than one transaction holds */
        snprintf(name, sizeof name, "big%d", i);
        store_put(w->acks, name, large, len);
    }
    store_after(w->store, after, w);
    fake_loop_settle(w->loop);
    ck_assert_int_eq(w->durable, 1);
    ck_assert_uint_eq(commits(w), 2);
    ck_assert_int_eq(fake_redis_ask(w->redis, "HLEN", KEY_ACKS, NULL)->number, 4);
    mem_free(large);
    world_free(w);
}
END_TEST

START_TEST(a_change_lost_for_lack_of_memory_is_written_from_the_truth)
{
    for (long n = 1;; n++) {
        struct world *w = world_new();
        bool did;

        set(w, 1, "a");
        fake_loop_settle(w->loop);
        mem_fail_at(n);
        set(w, 1, "b");
        set(w, 2, "c");
        did = mem_failed();
        mem_fail_at(0);
        fake_loop_run_for(w->loop, 3000);
        redis_equals_truth(w, "after a failed allocation");
        ck_assert(store_is_clean(w->store));
        world_free(w);
        if (!did)
            break;
    }
}
END_TEST

static void silent(const char *line, void *arg)
{
    (void)line, (void)arg;
}

static void add(TCase *t)
{
    log_divert(silent, NULL);
    tcase_add_test(t, changes_of_a_turn_are_one_transaction);
    tcase_add_test(t, nothing_to_write_is_durable_at_once);
    tcase_add_test(t, each_waits_for_its_own_changes_only);
    tcase_add_test(t, while_redis_is_away_the_newest_value_is_kept);
    tcase_add_test(t, what_waited_is_written_as_soon_as_redis_is_back);
    tcase_add_test(t, an_outcome_that_comes_during_the_outage_is_what_a_start_finds);
    tcase_add_test(t, waiting_entries_are_bounded_and_the_oldest_go);
    tcase_add_test(t, memory_of_redis_out_keeps_changes_until_there_is_some);
    tcase_add_test(t, every_refusal_keeps_changes_and_is_told);
    tcase_add_test(t, an_older_redis_is_written_again);
    tcase_add_test(t, flushed_data_is_noticed_by_the_next_transaction);
    tcase_add_test(t, a_refused_command_inside_does_not_block_the_rest);
    tcase_add_test(t, every_single_fault_leaves_the_truth_once);
    tcase_add_test(t, what_was_acknowledged_is_loaded_after_kill);
    tcase_add_test(t, loading_from_a_redis_that_is_away_waits_for_it);
    tcase_add_test(t, a_refusal_that_passes_is_waited_for_at_the_start_and_another_is_told);
    tcase_add_test(t, one_that_has_read_nothing_gives_a_redis_that_went_back_nothing);
    tcase_add_test(t, streams_are_read_backwards_in_pages);
    tcase_add_test(t, large_changes_go_out_in_bounded_transactions);
    tcase_add_test(t, a_change_lost_for_lack_of_memory_is_written_from_the_truth);
}

UNIT_MAIN("store", add)
