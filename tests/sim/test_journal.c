#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "fake_db.h"
#include "fake_loop.h"
#include "tocsin/journal.h"
#include "model/identity.h"

/* A sender's requests carry a serial number each, as the value of their first sample. What a
 * process has applied is the list of serials in order: that is its "windows", and what a cut
 * holds. */

#define START_MS   1700000000000
#define MAX_SERIAL 512
#define N_SERIES   40

struct process {
    struct loop *loop;
    struct db *db;
    struct labelsets *labels;
    struct series_table *series;
    struct journal *journal;
    int applied[4 * MAX_SERIAL], n_applied; /* serials in order */
    struct journal_id last;
    int64_t last_recv_ms;
    int blocks, replayed, events, regressed, discarded, cut_chunks;
    int ready; /* 1: fine, -1: failed */
    char why[256];
    int cuts, failed_cuts;
};

struct world {
    struct clock *clock;
    struct fake_redis *redis;
    struct process *p;
    struct journal_options o;
    int stored[MAX_SERIAL], waiting[MAX_SERIAL], refused[MAX_SERIAL]; /* answers of each serial */
    int applied_at_answer[MAX_SERIAL];
};

static struct world *world; /* of the test: callbacks of senders have a serial only */

static void on_apply(const struct journal_block *b, void *arg)
{
    struct process *p = arg;

    ck_assert_msg(journal_id_compare(b->id, p->last) > 0, "blocks are out of order");
    ck_assert_int_ge(b->recv_ms, p->last_recv_ms);
    p->last = b->id;
    p->last_recv_ms = b->recv_ms;
    p->blocks++;
    p->replayed += b->replayed;
    p->events += (int)b->n_events;
    for (size_t i = 0; i < b->n_samples; i++)
        if (b->samples[i].kind == SAMPLE_DELTA) {
            ck_assert_int_lt(p->n_applied, 4 * MAX_SERIAL);
            p->applied[p->n_applied++] = (int)b->samples[i].v;
        }
}

static void on_regressed(void *arg)
{
    ((struct process *)arg)->regressed++;
}

static int on_cut_chunk(const void *chunk, size_t len, void *arg, struct err *e)
{
    struct process *p = arg;

    (void)e;
    ck_assert_uint_le(len, sizeof p->applied - (size_t)p->n_applied * sizeof(int));
    memcpy(p->applied + p->n_applied, chunk, len);
    p->n_applied += (int)(len / sizeof(int));
    p->cut_chunks++;
    return 0;
}

static void on_discard(void *arg)
{
    struct process *p = arg;

    p->n_applied = 0;
    p->discarded++;
}

static void on_ready(const struct err *e, void *arg)
{
    struct process *p = arg;

    ck_assert_int_eq(p->ready, 0);
    p->ready = e ? -1 : 1;
    snprintf(p->why, sizeof p->why, "%.255s", e ? e->text : "");
}

static struct process *process_start(struct world *w)
{
    struct process *p = mem_zalloc(sizeof *p);
    struct db_options o = {.url = "fake:"};
    struct err e = {0};

    p->loop = loop_new(w->clock, NULL);
    fake_db_serve(w->redis);
    p->db = db_open(p->loop, &o, NULL);
    p->labels = labelsets_new(0);
    p->series = series_table_new(p->labels, 0);
    w->o.loop = p->loop;
    w->o.db = p->db;
    w->o.series = p->series;
    w->o.apply = on_apply;
    w->o.regressed = on_regressed;
    w->o.arg = p;
    p->journal = journal_new(&w->o, &e);
    ck_assert_msg(p->journal != NULL, "%s", e.text);
    return p;
}

static void process_recover(struct process *p)
{
    struct journal_recovery r = {on_cut_chunk, on_discard, on_ready, p};

    journal_recover(p->journal, &r);
}

static void process_end(struct process *p)
{
    journal_free(p->journal);
    db_close(p->db);
    loop_free(p->loop);
    series_table_free(p->series);
    labelsets_free(p->labels);
    mem_free(p);
}

static struct process *process_ready(struct world *w)
{
    struct process *p = process_start(w);

    process_recover(p);
    fake_loop_run_for(p->loop, 500);
    ck_assert_msg(p->ready == 1, "not ready: %s", p->why);
    return p;
}

static struct world *world_new(void)
{
    struct world *w = mem_zalloc(sizeof *w);

    w->clock = clock_virtual(START_MS);
    w->redis = fake_redis_new(w->clock);
    w->p = process_ready(w);
    world = w;
    return w;
}

static void world_free(struct world *w)
{
    if (w->p)
        process_end(w->p);
    fake_redis_free(w->redis);
    clock_free(w->clock);
    mem_free(w);
}

static uint32_t series_of(struct process *p, int i)
{
    char value[16];
    struct label l[2];
    bool is_new;

    snprintf(value, sizeof value, "%d", i);
    l[0] = label_of("__name__", "m");
    l[1] = label_of("i", value);
    return series_resolve(p->series, l, 2, "tok", SAMPLE_GAUGE, &is_new);
}

static int count_applied(const struct process *p, int serial)
{
    int n = 0;

    for (int i = 0; i < p->n_applied; i++)
        n += p->applied[i] == serial;
    return n;
}

static void on_answer(enum journal_answer answer, const struct err *e, void *arg)
{
    int serial = (int)(intptr_t)arg;

    if (answer == JOURNAL_STORED) {
        ck_assert(!e);
        world->stored[serial]++;
        world->applied_at_answer[serial] = count_applied(world->p, serial);
    } else if (answer == JOURNAL_WAITING) {
        world->waiting[serial]++;
    } else {
        ck_assert(e && e->text[0]);
        world->refused[serial]++;
    }
}

/* One delta with the serial, and a gauge of another series. */
static void append(struct world *w, int serial, uint64_t hash)
{
    struct sample m[2];
    struct journal_request r = {.hash = hash, .samples = m, .n_samples = 2};
    int64_t now_ms = clock_wall_ms(w->clock);

    m[0] = (struct sample){.t_ms = now_ms, .v = serial, .weight = 1, .kind = SAMPLE_DELTA};
    m[0].series = series_of(w->p, serial % N_SERIES);
    m[1] = (struct sample){.t_ms = now_ms, .v = serial / 4.0, .weight = 1, .kind = SAMPLE_GAUGE};
    m[1].series = series_of(w->p, 100 + serial % N_SERIES);
    journal_append(w->p->journal, &r, on_answer, (void *)(intptr_t)serial);
}

static void send(struct world *w, int serial)
{
    append(w, serial, 1000 + (uint64_t)serial);
}

static struct journal_stats stats(struct world *w)
{
    struct journal_stats st;

    journal_stats(w->p->journal, &st);
    return st;
}

static int64_t xlen(struct world *w)
{
    return fake_redis_ask(w->redis, "XLEN", KEY_JOURNAL, NULL)->number;
}

static void same_as_recovered(struct world *w, const char *when)
{
    struct process *q = process_ready(w);

    ck_assert_msg(q->n_applied == w->p->n_applied, "%s: %d applied, %d recovered", when,
                  w->p->n_applied, q->n_applied);
    for (int i = 0; i < q->n_applied; i++)
        ck_assert_msg(q->applied[i] == w->p->applied[i], "%s: place %d has %d, not %d", when, i,
                      q->applied[i], w->p->applied[i]);
    process_end(q);
}

/* --- group commit --------------------------------------------------------------------------------------- */

START_TEST(a_turn_is_one_block_and_is_told_after_it_was_applied)
{
    struct world *w = world_new();

    for (int i = 0; i < 5; i++)
        send(w, i);
    ck_assert_int_eq(w->p->n_applied, 0);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(xlen(w), 1);
    ck_assert_int_eq(w->p->n_applied, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(w->stored[i], 1);
        ck_assert_int_eq(w->applied_at_answer[i], 1);
    }
    same_as_recovered(w, "one block");
    world_free(w);
}
END_TEST

START_TEST(what_comes_during_a_transaction_gathers_in_the_next)
{
    struct world *w = world_new();

    fake_db_latency(w->p->db, 50);
    for (int i = 0; i < 40; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    fake_loop_run_for(w->p->loop, 500);
    ck_assert_int_le(xlen(w), 12);
    ck_assert_int_eq(w->p->n_applied, 40);
    same_as_recovered(w, "slow Redis");
    world_free(w);
}
END_TEST

START_TEST(blocks_are_split_at_their_bound)
{
    struct world *w = world_new();

    process_end(w->p);
    w->o.max_block_samples = 6;
    w->p = process_ready(w);
    for (int i = 0; i < 7; i++) /* two samples each: 3, 3, 1 */
        send(w, i);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(xlen(w), 3);
    ck_assert_int_eq(w->p->n_applied, 7);
    same_as_recovered(w, "split");
    world_free(w);
}
END_TEST

START_TEST(applied_time_is_behind_every_block_to_come)
{
    struct world *w = world_new();
    int64_t at_ms;

    fake_db_latency(w->p->db, 20);
    for (int i = 0; i < 20; i++) {
        int64_t before = w->p->last_recv_ms;

        at_ms = journal_applied_ms(w->p->journal);
        send(w, i);
        fake_loop_run_for(w->p->loop, 7);
        if (w->p->last_recv_ms != before)
            ck_assert_int_gt(w->p->last_recv_ms, at_ms - 21);
    }
    fake_loop_run_for(w->p->loop, 100);
    at_ms = journal_applied_ms(w->p->journal);
    ck_assert_int_eq(at_ms, clock_wall_ms(w->clock) - 1);
    send(w, 20);
    fake_loop_run_for(w->p->loop, 100);
    ck_assert_int_gt(w->p->last_recv_ms, at_ms);
    world_free(w);
}
END_TEST

START_TEST(events_come_back_too)
{
    struct world *w = world_new();
    struct label f[] = {label_of("event", "login"), label_of("message", "who")};
    struct logevent ev = {.t_ms = START_MS, .fields = f, .n_fields = 2};
    struct journal_request r = {.hash = 5, .events = &ev, .n_events = 1};
    struct process *q;

    journal_append(w->p->journal, &r, on_answer, (void *)1);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(w->stored[1], 1);
    q = process_ready(w);
    ck_assert_int_eq(q->events, 1);
    process_end(q);
    world_free(w);
}
END_TEST

/* --- faults ------------------------------------------------------------------------------------------------ */

/* Senders as they are: told to come again, they do, with the identical request. */
static void send_again(struct world *w, int n)
{
    for (int i = 0; i < n; i++)
        if (!w->stored[i])
            send(w, i);
}

static void story(enum fake_fault fault, uint64_t n, bool *bitten)
{
    struct world *w = world_new();
    char when[64];

    snprintf(when, sizeof when, "fault %d at %llu", fault, (unsigned long long)n);
    fake_db_fault(w->p->db, fault, fake_db_sent(w->p->db) + n);
    for (int i = 0; i < 12; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, i % 3 ? 1 : 400);
    }
    for (int round = 0; round < 4; round++) {
        fake_loop_run_for(w->p->loop, 1500);
        send_again(w, 12);
    }
    fake_loop_run_for(w->p->loop, 5000);
    *bitten = fake_db_bitten(w->p->db);
    for (int i = 0; i < 12; i++) {
        ck_assert_msg(w->stored[i] == 1, "%s: serial %d stored %d times", when, i, w->stored[i]);
        ck_assert_msg(count_applied(w->p, i) == 1, "%s: serial %d applied %d times", when, i,
                      count_applied(w->p, i));
    }
    ck_assert_int_eq(stats(w).pending_blocks, 0);
    ck_assert_uint_eq(stats(w).pending_bytes, 0);
    ck_assert_int_eq(stats(w).stored_blocks, xlen(w));
    ck_assert_msg(w->p->regressed == 0, "%s: regressed", when);
    same_as_recovered(w, when);
    world_free(w);
}

START_TEST(every_single_fault_counts_each_request_once)
{
    for (int fault = FAKE_LOSE_ANSWER; fault <= FAKE_RESTART; fault++) {
        bool bitten = true;
        uint64_t n = 1;

        for (; bitten; n++)
            story((enum fake_fault)fault, n, &bitten);
        ck_assert_uint_gt(n, 12);
    }
}
END_TEST

/* kill -9 with some of what is on its way carried out: what was acknowledged is there. */
START_TEST(nothing_acknowledged_is_lost_by_a_crash)
{
    for (int stop = 0; stop < 40; stop++) {
        for (size_t executed = 0; executed < 2; executed++) {
            struct world *w = world_new();
            struct process *q;

            fake_db_latency(w->p->db, 3);
            for (int i = 0; i < 10; i++)
                for (int ms = 0; ms < 4 && 4 * i + ms < stop; ms++) {
                    if (ms == 0)
                        send(w, i);
                    fake_loop_run_for(w->p->loop, 1);
                }
            fake_db_crash(w->p->db, executed);
            q = process_ready(w);
            for (int i = 0; i < 10; i++) {
                ck_assert_int_le(count_applied(q, i), 1);
                if (w->stored[i])
                    ck_assert_msg(count_applied(q, i) == 1, "stop %d: serial %d is gone", stop, i);
            }
            process_end(q);
            world_free(w);
        }
    }
}
END_TEST

START_TEST(while_redis_is_away_everything_is_applied_at_once)
{
    struct world *w = world_new();

    send(w, 0);
    fake_loop_settle(w->p->loop);
    fake_db_down(w->p->db, 0);
    for (int i = 1; i < 6; i++) {
        send(w, i);
        fake_loop_settle(w->p->loop);
        ck_assert_int_eq(w->waiting[i], 1);
        ck_assert_int_eq(count_applied(w->p, i), 1);
    }
    ck_assert_uint_eq(stats(w).pending_blocks, 5);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 500);
    ck_assert_uint_eq(stats(w).pending_blocks, 0);
    ck_assert_int_eq(w->p->n_applied, 6);
    same_as_recovered(w, "after the return");
    world_free(w);
}
END_TEST

START_TEST(an_identical_retry_joins_and_is_counted_once)
{
    struct world *w = world_new();

    fake_db_down(w->p->db, 0);
    send(w, 1);
    fake_loop_settle(w->p->loop);
    send(w, 1);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(w->waiting[1], 2);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 500);
    ck_assert_int_eq(w->stored[1], 0);
    send(w, 1); /* the block has landed meanwhile */
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(w->stored[1], 1);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    send(w, 1); /* the same again is a new one */
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(count_applied(w->p, 1), 2);
    ck_assert_uint_eq(stats(w).joined_retries, 2);
    world_free(w);
}
END_TEST

START_TEST(a_retry_that_comes_while_the_block_flies_hears_of_it)
{
    struct world *w = world_new();

    fake_db_down(w->p->db, 0);
    send(w, 1);
    fake_loop_settle(w->p->loop);
    fake_db_latency(w->p->db, 100);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 150);
    send(w, 1);
    fake_loop_run_for(w->p->loop, 20);
    ck_assert_int_eq(w->stored[1], 0);
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(w->stored[1], 1);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    send(w, 1); /* it has been told: the next is a new one */
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(count_applied(w->p, 1), 2);
    world_free(w);
}
END_TEST

START_TEST(a_retry_after_a_crash_is_known_by_the_block)
{
    struct world *w = world_new();

    fake_db_down(w->p->db, 0);
    send(w, 1);
    fake_loop_settle(w->p->loop);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 500);
    fake_db_crash(w->p->db, 0);
    process_end(w->p);
    w->p = process_ready(w);
    send(w, 1);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(w->stored[1], 1);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    world_free(w);
}
END_TEST

static void send_named(struct world *w, int serial)
{
    append(w, serial, IDENTITY_NAMED | (uint64_t)serial);
}

/* An Idempotency-Key or ids of events: whenever it comes again, it counts once. */
START_TEST(a_named_request_counts_once_also_after_its_answer)
{
    struct world *w = world_new();

    fake_db_latency(w->p->db, 100);
    send_named(w, 1);
    fake_loop_run_for(w->p->loop, 20);
    send_named(w, 1); /* while it flies: both hear of it */
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(w->stored[1], 2);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    send_named(w, 1);
    send_named(w, 1);
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(w->stored[1], 4);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    fake_db_crash(w->p->db, 0);
    process_end(w->p);
    w->p = process_ready(w);
    send_named(w, 1); /* known by its block */
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(w->stored[1], 5);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    world_free(w);
}
END_TEST

START_TEST(a_named_request_counts_once_through_an_outage)
{
    struct world *w = world_new();

    fake_db_down(w->p->db, 0);
    for (int i = 0; i < 3; i++) {
        send_named(w, 1);
        fake_loop_settle(w->p->loop);
    }
    ck_assert_int_eq(w->waiting[1], 3);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 500);
    for (int i = 0; i < 2; i++) {
        send_named(w, 1);
        fake_loop_settle(w->p->loop);
    }
    ck_assert_int_eq(w->stored[1], 2);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    world_free(w);
}
END_TEST

/* 95, 20, 95 without times: three readings, also while Redis is away. */
START_TEST(what_has_no_identity_is_no_repetition)
{
    struct world *w = world_new();

    fake_db_down(w->p->db, 0);
    for (int i = 0; i < 3; i++) {
        append(w, 1, 0);
        fake_loop_settle(w->p->loop);
    }
    ck_assert_int_eq(count_applied(w->p, 1), 3);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 500);
    append(w, 1, 0);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(count_applied(w->p, 1), 4);
    world_free(w);
}
END_TEST

START_TEST(stored_retries_are_remembered_for_ten_minutes)
{
    for (int late = 0; late < 2; late++) {
        struct world *w = world_new();

        fake_db_down(w->p->db, 0);
        send(w, 1);
        fake_loop_settle(w->p->loop);
        fake_db_up(w->p->db);
        fake_loop_run_for(w->p->loop, 500);
        fake_loop_run_for(w->p->loop, 10 * 60 * 1000 - 2000 + late * 5000);
        send(w, 1);
        fake_loop_settle(w->p->loop);
        ck_assert_int_eq(count_applied(w->p, 1), 1 + late);
        world_free(w);
    }
}
END_TEST

START_TEST(requests_without_identity_never_join)
{
    struct world *w = world_new();

    fake_db_down(w->p->db, 0);
    append(w, 1, 0);
    fake_loop_settle(w->p->loop);
    append(w, 1, 0);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(count_applied(w->p, 1), 2);
    world_free(w);
}
END_TEST

/* Each of these counts as away: rules see what comes, senders repeat, and it heals by itself. */
START_TEST(a_redis_that_refuses_writes_is_as_good_as_away)
{
    static const char *const errors[] = {
        "OOM command not allowed when used memory > 'maxmemory'.",
        "READONLY You can't write against a read only replica.",
        "NOREPLICAS Not enough good replicas to write.",
        "NOPERM this user has no permissions to run the 'xadd' command",
        "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist on disk.",
        "LOADING Redis is loading the dataset in memory",
        "BUSY Redis is busy running a script.",
        "NOAUTH Authentication required.",
        "CLUSTERDOWN The cluster is down",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "MOVED 3999 127.0.0.1:6381",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "UNKILLABLE Sorry the script already executed write commands",
        "ERR max number of clients reached"};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct world *w = world_new();
        struct err e = {0};

        ck_assert_str_eq(journal_trouble(w->p->journal), "");
        fake_redis_refuse_with(w->redis, errors[i]);
        send(w, 1);
        fake_loop_settle(w->p->loop);
        ck_assert_int_eq(w->waiting[1], 1);
        ck_assert_int_eq(count_applied(w->p, 1), 1);
        ck_assert(journal_accepts(w->p->journal, &e));
        ck_assert_str_eq(journal_trouble(w->p->journal), errors[i]);
        for (int more = 2; more < 10; more++) {
            send(w, more);
            fake_loop_run_for(w->p->loop, 700); /* also over what is tried again */
            ck_assert_int_eq(w->waiting[more], 1);
            ck_assert_int_eq(count_applied(w->p, more), 1);
        }
        fake_redis_refuse_with(w->redis, NULL);
        fake_loop_run_for(w->p->loop, 3000);
        ck_assert_str_eq(journal_trouble(w->p->journal), "");
        for (int serial = 1; serial < 10; serial++)
            send(w, serial);
        fake_loop_settle(w->p->loop);
        for (int serial = 1; serial < 10; serial++) {
            ck_assert_int_eq(w->stored[serial], 1);
            ck_assert_int_eq(count_applied(w->p, serial), 1);
        }
        same_as_recovered(w, errors[i]);
        world_free(w);
    }
}
END_TEST

START_TEST(a_redis_of_the_wrong_kind_is_not_written_to)
{
    for (int replica = 0; replica < 2; replica++) {
        struct world *w = world_new();
        uint64_t n;

        send(w, 0);
        fake_loop_settle(w->p->loop);
        n = (uint64_t)xlen(w);
        fake_redis_memory(w->redis, 1 << 30, 0);
        fake_redis_kind(w->redis, replica, !replica);
        fake_loop_run_for(w->p->loop, 2000);
        ck_assert_ptr_nonnull(
            strstr(journal_trouble(w->p->journal), replica ? "REPLICA" : "EVICTING"));
        send(w, 1);
        fake_loop_run_for(w->p->loop, 5000);
        ck_assert_int_eq(w->waiting[1], 1);
        ck_assert_int_eq(count_applied(w->p, 1), 1);
        ck_assert_uint_eq((uint64_t)xlen(w), n);
        fake_redis_kind(w->redis, false, false);
        fake_loop_run_for(w->p->loop, 3000);
        ck_assert_str_eq(journal_trouble(w->p->journal), "");
        ck_assert_uint_eq((uint64_t)xlen(w), n + 1);
        same_as_recovered(w, "after the wrong kind");
        world_free(w);
    }
}
END_TEST

START_TEST(a_key_of_another_type_is_told_and_nothing_is_lost)
{
    struct world *w = world_new();

    fake_redis_ask(w->redis, "SET", KEY_JOURNAL, "x", NULL);
    send(w, 1);
    fake_loop_run_for(w->p->loop, 3000);
    ck_assert_int_eq(w->waiting[1], 1);
    ck_assert_ptr_nonnull(strstr(journal_trouble(w->p->journal), "WRONGTYPE"));
    fake_redis_ask(w->redis, "DEL", KEY_JOURNAL, NULL);
    fake_loop_run_for(w->p->loop, 3000);
    ck_assert_int_eq(xlen(w), 1);
    same_as_recovered(w, "after a wrong type");
    world_free(w);
}
END_TEST

/* --- bounds ------------------------------------------------------------------------------------------------ */

START_TEST(waiting_blocks_are_bounded)
{
    const size_t one = 2 * sizeof(struct sample); /* of one request */

    for (int more = -1; more <= 1; more++) {
        struct world *w = world_new();

        process_end(w->p);
        w->o.max_pending = 4 * one + (size_t)(more + 1) - 1;
        w->p = process_ready(w);
        fake_db_latency(w->p->db, 10);
        for (int i = 0; i < 4; i++)
            send(w, i);
        fake_loop_run_for(w->p->loop, 1);
        ck_assert_int_eq(w->refused[3], more < 0);
        ck_assert(!journal_accepts(w->p->journal, NULL));
        fake_loop_run_for(w->p->loop, 2000);
        ck_assert_int_eq(w->stored[3], more >= 0);
        ck_assert(journal_accepts(w->p->journal, NULL));
        world_free(w);
    }
}
END_TEST

START_TEST(blocks_wait_at_three_quarters_of_redis_memory)
{
    struct world *w = world_new();

    fake_redis_memory(w->redis, 1000000, 749999);
    fake_loop_run_for(w->p->loop, 2500);
    ck_assert_str_eq(journal_trouble(w->p->journal), "");
    fake_redis_memory(w->redis, 1000000, 750000);
    fake_loop_run_for(w->p->loop, 2500);
    ck_assert_ptr_nonnull(strstr(journal_trouble(w->p->journal), "FULL"));
    send(w, 1);
    fake_loop_settle(w->p->loop);
    ck_assert_int_eq(w->waiting[1], 1);
    ck_assert_int_eq(count_applied(w->p, 1), 1);
    fake_redis_memory(w->redis, 1000000, 740000); /* not at once again */
    fake_loop_run_for(w->p->loop, 2500);
    ck_assert_ptr_nonnull(strstr(journal_trouble(w->p->journal), "FULL"));
    fake_redis_memory(w->redis, 1000000, 720000);
    fake_loop_run_for(w->p->loop, 2500);
    ck_assert_str_eq(journal_trouble(w->p->journal), "");
    ck_assert_int_eq(xlen(w), 1);
    world_free(w);
}
END_TEST

/* --- cuts and trimming ------------------------------------------------------------------------------------- */

static int encode(int (*emit)(const void *chunk, size_t len, void *arg), void *emit_arg, void *arg)
{
    struct process *p = arg;

    for (int i = 0; i < p->n_applied; i += 5) { /* several pieces */
        int n = p->n_applied - i < 5 ? p->n_applied - i : 5;

        if (emit(p->applied + i, (size_t)n * sizeof *p->applied, emit_arg) != 0)
            return -1;
    }
    return 0;
}

static void on_cut(bool ok, const char *why, int64_t took_ms, void *arg)
{
    struct process *p = arg;

    ck_assert(ok == !why && took_ms >= 0);
    *(ok ? &p->cuts : &p->failed_cuts) += 1;
}

static int start_cut(struct world *w)
{
    struct journal_cut c = {encode, on_cut, w->p};

    return journal_cut(w->p->journal, &c, NULL);
}

START_TEST(a_start_takes_the_cut_and_the_blocks_behind_it)
{
    struct world *w = world_new();
    struct process *q;

    for (int i = 0; i < 20; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
        if (i == 11)
            ck_assert_int_eq(start_cut(w), 0);
    }
    fake_loop_run_for(w->p->loop, 100);
    ck_assert_int_eq(w->p->cuts, 1);
    q = process_ready(w);
    ck_assert_int_eq(q->cut_chunks, 3);
    ck_assert_int_lt(q->replayed, 10);
    ck_assert_int_eq(q->discarded, 0);
    process_end(q);
    same_as_recovered(w, "cut");
    ck_assert_int_eq(start_cut(w), 0); /* the second takes the place of the first */
    fake_loop_run_for(w->p->loop, 100);
    ck_assert_int_eq(w->p->cuts, 2);
    ck_assert_int_eq(fake_redis_ask(w->redis, "EXISTS", KEY_CUT_CHUNKS "1", NULL)->number, 0);
    same_as_recovered(w, "second cut");
    world_free(w);
}
END_TEST

START_TEST(a_cut_waits_for_what_is_in_flight)
{
    struct world *w = world_new();

    fake_db_latency(w->p->db, 40);
    for (int i = 0; i < 30; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 7);
        if (i == 15)
            ck_assert_int_eq(start_cut(w), 0);
        if (i == 16)
            ck_assert_int_eq(start_cut(w), -1); /* one at a time */
    }
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(w->p->cuts, 1);
    same_as_recovered(w, "cut under load");
    world_free(w);
}
END_TEST

START_TEST(every_single_fault_of_a_cut_leaves_a_good_start)
{
    for (int fault = FAKE_LOSE_ANSWER; fault <= FAKE_RESTART; fault++) {
        bool bitten = true;

        for (uint64_t n = 1; bitten; n++) {
            struct world *w = world_new();
            char when[64];

            snprintf(when, sizeof when, "cut with fault %d at %llu", fault, (unsigned long long)n);
            for (int i = 0; i < 12; i++) {
                send(w, i);
                fake_loop_run_for(w->p->loop, 10);
            }
            ck_assert_int_eq(start_cut(w), 0);
            fake_loop_run_for(w->p->loop, 200);
            ck_assert_int_eq(w->p->cuts, 1);
            send(w, 12);
            fake_loop_run_for(w->p->loop, 50);
            fake_db_fault(w->p->db, (enum fake_fault)fault, fake_db_sent(w->p->db) + n);
            ck_assert_int_eq(start_cut(w), 0);
            fake_loop_run_for(w->p->loop, 3000);
            bitten = fake_db_bitten(w->p->db);
            ck_assert_msg(w->p->cuts + w->p->failed_cuts == 2, "%s: not told", when);
            same_as_recovered(w, when);
            send(w, 13);
            fake_loop_run_for(w->p->loop, 60000);
            ck_assert_int_eq(start_cut(w), 0);
            fake_loop_run_for(w->p->loop, 200);
            same_as_recovered(w, when);
            world_free(w);
        }
    }
}
END_TEST

START_TEST(a_cut_that_cannot_be_read_is_discarded)
{
    struct world *w = world_new();
    struct journal_stats st;
    struct process *q;

    for (int i = 0; i < 12; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    ck_assert_int_eq(start_cut(w), 0);
    fake_loop_run_for(w->p->loop, 100);
    fake_redis_ask(w->redis, "HSET", KEY_CUT_CHUNKS "1", "1", "rubbish rubbish", NULL);
    q = process_ready(w);
    journal_stats(q->journal, &st);
    ck_assert_uint_eq(st.damage.lost_cuts, 1);
    ck_assert_int_eq(q->discarded, 1);
    ck_assert_int_eq(q->n_applied, 12);
    ck_assert(journal_wants_cut(q->journal));
    process_end(q);
    world_free(w);
}
END_TEST

START_TEST(a_cut_is_wanted_after_two_minutes_of_load)
{
    struct world *w = world_new();

    fake_loop_run_for(w->p->loop, 600000);
    ck_assert(!journal_wants_cut(w->p->journal)); /* nothing came */
    send(w, 1);
    fake_loop_run_for(w->p->loop, 100);
    ck_assert(journal_wants_cut(w->p->journal));
    ck_assert_int_eq(start_cut(w), 0);
    ck_assert(!journal_wants_cut(w->p->journal));
    fake_loop_run_for(w->p->loop, 100);
    send(w, 2);
    fake_loop_run_for(w->p->loop, 119000);
    ck_assert(!journal_wants_cut(w->p->journal));
    fake_loop_run_for(w->p->loop, 2000);
    ck_assert(journal_wants_cut(w->p->journal));
    fake_db_down(w->p->db, 0);
    ck_assert(!journal_wants_cut(w->p->journal));
    ck_assert_int_eq(start_cut(w), -1);
    world_free(w);
}
END_TEST

START_TEST(trimming_never_passes_the_cut)
{
    struct world *w = world_new();

    for (int i = 0; i < 60; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 60000);
        if (i < 40) /* an hour without a cut: all is kept */
            ck_assert_int_eq(xlen(w), i + 1);
        if (i == 40)
            ck_assert_int_eq(start_cut(w), 0);
    }
    ck_assert_int_eq(w->p->cuts, 1);
    ck_assert_int_eq(xlen(w), 30); /* one a minute for 30 minutes, though the cut is younger */
    fake_loop_run_for(w->p->loop, 3600000);
    ck_assert_int_eq(xlen(w), 19); /* 41 to 59 are behind the cut and stay, whatever their age */
    ck_assert_int_eq(stats(w).stored_blocks, 19);
    ck_assert_uint_eq(stats(w).trimmed_blocks, 41);
    same_as_recovered(w, "trimmed to the cut");
    world_free(w);
}
END_TEST

START_TEST(the_bound_in_bytes_trims_behind_the_cut_only)
{
    struct world *w = world_new();

    process_end(w->p);
    w->o.max_bytes = 2000; /* of about 200 a block, as the fake weighs them */
    w->p = process_ready(w);
    for (int i = 0; i < 40; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 2000);
    }
    ck_assert_int_eq(xlen(w), 40);
    ck_assert(journal_wants_cut(w->p->journal)); /* so that they can go */
    ck_assert_int_eq(start_cut(w), 0);
    fake_loop_run_for(w->p->loop, 5000);
    ck_assert_int_lt(xlen(w), 25);
    ck_assert_int_gt(xlen(w), 4);
    same_as_recovered(w, "trimmed by size");
    world_free(w);
}
END_TEST

/* --- Redis older than memory ------------------------------------------------------------------------------ */

START_TEST(a_lost_tail_is_appended_again)
{
    struct world *w = world_new();
    struct fake_dump *dump = NULL;

    for (int i = 0; i < 10; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
        if (i == 6)
            dump = fake_redis_dump(w->redis);
    }
    fake_db_down(w->p->db, 0);
    send(w, 10);
    fake_loop_settle(w->p->loop);
    fake_redis_restore(w->redis, dump);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 2000);
    ck_assert_int_eq(w->p->regressed, 1);
    ck_assert_int_eq(w->p->n_applied, 11);
    ck_assert_int_eq(xlen(w), 11);
    ck_assert_uint_eq(stats(w).pending_bytes, 0);
    ck_assert_uint_eq(stats(w).blocks, 11);
    same_as_recovered(w, "after the lost tail");
    fake_dump_free(dump);
    world_free(w);
}
END_TEST

/* After a start nothing older is in memory: only a cut makes Redis whole again. */
START_TEST(a_tail_lost_for_good_is_made_good_by_a_cut)
{
    struct world *w = world_new();
    struct fake_dump *dump;

    for (int i = 0; i < 5; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    dump = fake_redis_dump(w->redis);
    for (int i = 5; i < 10; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    process_end(w->p);
    w->p = process_ready(w);
    ck_assert_int_eq(w->p->n_applied, 10);
    fake_db_down(w->p->db, 0);
    fake_redis_restore(w->redis, dump);
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 2000);
    ck_assert_int_eq(w->p->regressed, 1);
    ck_assert(journal_wants_cut(w->p->journal));
    send(w, 10);
    fake_loop_run_for(w->p->loop, 50);
    ck_assert_int_eq(start_cut(w), 0);
    fake_loop_run_for(w->p->loop, 100);
    send(w, 11);
    fake_loop_run_for(w->p->loop, 100);
    ck_assert_int_eq(w->p->cuts, 1);
    same_as_recovered(w, "after the cut");
    fake_dump_free(dump);
    world_free(w);
}
END_TEST

START_TEST(flushed_data_is_noticed_and_made_good)
{
    struct world *w = world_new();

    for (int i = 0; i < 5; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    fake_loop_run_for(w->p->loop, 3000);
    fake_redis_ask(w->redis, "FLUSHALL", NULL); /* the same run id */
    fake_loop_run_for(w->p->loop, 600);         /* at once, also when nothing is sent */
    ck_assert_int_eq(w->p->regressed, 1);
    ck_assert(journal_wants_cut(w->p->journal));
    send(w, 5);
    fake_loop_run_for(w->p->loop, 3000);
    ck_assert_int_eq(w->p->regressed, 1);
    ck_assert(journal_wants_cut(w->p->journal));
    ck_assert_int_eq(start_cut(w), 0);
    fake_loop_run_for(w->p->loop, 500);
    send(w, 6);
    fake_loop_run_for(w->p->loop, 500);
    same_as_recovered(w, "after FLUSHALL");
    world_free(w);
}
END_TEST

/* The same data, as a run finds it whose clock is an hour behind that of the run that wrote it. */
START_TEST(a_clock_that_was_ahead_moves_nothing_into_the_future)
{
    for (int cut = 0; cut < 2; cut++) {
        struct world *w = world_new();
        struct clock *ahead = w->clock;
        int64_t right_ms = clock_wall_ms(ahead) + 60000;

        clock_set(ahead, right_ms + 3600000);
        send(w, 0);
        send(w, 1);
        fake_loop_run_for(w->p->loop, 1000);
        if (cut)
            ck_assert_int_eq(start_cut(w), 0);
        fake_loop_run_for(w->p->loop, 1000);
        process_end(w->p);
        w->clock = clock_virtual(right_ms);
        w->p = process_ready(w);
        ck_assert_int_eq(w->p->discarded, cut);
        ck_assert_int_eq(count_applied(w->p, 0), 1);
        ck_assert_int_eq(count_applied(w->p, 1), 1);
        ck_assert_int_le(w->p->last_recv_ms, clock_wall_ms(w->clock));
        ck_assert_int_ge(w->p->last_recv_ms, right_ms - 5000);
        ck_assert(journal_wants_cut(w->p->journal));
        fake_loop_run_for(w->p->loop, 2000);
        send(w, 2);
        fake_loop_run_for(w->p->loop, 100);
        ck_assert_int_eq(w->stored[2], 1); /* behind ids of the future, received when it was */
        ck_assert_int_ge(clock_wall_ms(w->clock), w->p->last_recv_ms);
        ck_assert_int_ge(w->p->last_recv_ms, right_ms + 2000);
        same_as_recovered(w, "after a clock that was ahead");
        world_free(w);
        clock_free(ahead);
    }
}
END_TEST

START_TEST(somebody_elses_blocks_are_stepped_over)
{
    for (int away = 0; away < 2; away++) {
        struct world *w = world_new();
        char id[48];

        send(w, 0);
        fake_loop_run_for(w->p->loop, 10);
        if (away)
            fake_db_fault(w->p->db, FAKE_LOSE_ANSWER, fake_db_sent(w->p->db) + 1);
        else
            fake_db_fault(w->p->db, FAKE_LOSE_COMMAND, fake_db_sent(w->p->db) + 1);
        send(w, 1);
        fake_loop_settle(w->p->loop);
        snprintf(id, sizeof id, "%lld-0", (long long)clock_wall_ms(w->clock) + 100000);
        fake_redis_ask(w->redis, "XADD", KEY_JOURNAL, id, "x", "not a block", NULL);
        fake_loop_run_for(w->p->loop, 3000);
        send(w, 2);
        fake_loop_run_for(w->p->loop, 3000);
        ck_assert_int_eq(w->stored[2], 1);
        ck_assert_int_eq(xlen(w), 4);
        same_as_recovered(w, "beside another writer");
        world_free(w);
    }
}
END_TEST

/* --- the start -------------------------------------------------------------------------------------------- */

START_TEST(a_newer_format_is_refused)
{
    struct world *w = world_new();
    struct process *q;

    ck_assert_str_eq(fake_redis_ask(w->redis, "HGET", KEY_META, "format", NULL)->text, "1");
    fake_redis_ask(w->redis, "HSET", KEY_META, "format", "2", NULL);
    q = process_start(w);
    process_recover(q);
    fake_loop_run_for(q->loop, 1000);
    ck_assert_int_eq(q->ready, -1);
    ck_assert_ptr_nonnull(strstr(q->why, "newer"));
    process_end(q);
    world_free(w);
}
END_TEST

START_TEST(the_start_survives_every_single_fault)
{
    struct world *w = world_new();

    for (int i = 0; i < 25; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
        if (i == 14) {
            ck_assert_int_eq(start_cut(w), 0);
            fake_loop_run_for(w->p->loop, 50);
        }
    }
    for (int fault = FAKE_LOSE_ANSWER; fault <= FAKE_RESTART; fault++) {
        bool bitten = true;

        if (fault == FAKE_REFUSE)
            continue;
        for (uint64_t n = 1; bitten; n++) {
            struct process *q = process_start(w);

            fake_db_fault(q->db, (enum fake_fault)fault, n);
            process_recover(q);
            fake_loop_run_for(q->loop, 3000);
            bitten = fake_db_bitten(q->db);
            ck_assert_int_eq(q->ready, 1);
            ck_assert_int_eq(q->n_applied, 25);
            process_end(q);
        }
    }
    world_free(w);
}
END_TEST

START_TEST(before_the_start_is_over_nothing_is_taken)
{
    struct world *w = world_new();
    struct buf text = BUF_INIT;
    struct err e = {0};

    process_end(w->p);
    w->p = process_start(w);
    ck_assert(!journal_accepts(w->p->journal, &e));
    send(w, 1);
    fake_loop_run_for(w->p->loop, 10);
    ck_assert_int_eq(w->refused[1], 1);
    fake_db_down(w->p->db, 0);
    process_recover(w->p);
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert(!journal_is_ready(w->p->journal));
    journal_progress(w->p->journal, &text);
    ck_assert_str_eq(buf_str(&text), "waiting for Redis");
    fake_db_up(w->p->db);
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert(journal_is_ready(w->p->journal));
    buf_free(&text);
    world_free(w);
}
END_TEST

/* --- damage ------------------------------------------------------------------------------------------------- */

#define BLOCKS 73

enum damage { DAMAGE_BYTES, DAMAGE_MISSING };

/* The stream again, with the blocks at these places changed or left out. */
static void damage_blocks(struct world *w, enum damage how, const int *places, int n_places)
{
    const struct reply *all = fake_redis_ask(w->redis, "XRANGE", KEY_JOURNAL, "-", "+", NULL);
    struct {
        char id[48], *bytes;
        size_t len;
    } blocks[BLOCKS];

    ck_assert_uint_eq(all->n_items, BLOCKS);
    for (int i = 0; i < BLOCKS; i++) {
        const struct reply *bytes = &all->items[i].items[1].items[1];

        snprintf(blocks[i].id, sizeof blocks[i].id, "%s", all->items[i].items[0].text);
        blocks[i].bytes = mem_dup(bytes->text, bytes->len);
        blocks[i].len = bytes->len;
    }
    fake_redis_ask(w->redis, "DEL", KEY_JOURNAL, NULL);
    for (int i = 0; i < BLOCKS; i++) {
        const char *argv[] = {"XADD", KEY_JOURNAL, blocks[i].id, "b", blocks[i].bytes};
        size_t lens[] = {4, strlen(KEY_JOURNAL), strlen(blocks[i].id), 1, blocks[i].len};
        bool wrong = false;

        for (int k = 0; k < n_places; k++)
            wrong |= places[k] == i;
        if (wrong)
            blocks[i].bytes[blocks[i].len / 2] ^= 4;
        if (!wrong || how == DAMAGE_BYTES)
            fake_redis_run(w->redis, 5, argv, lens);
        mem_free(blocks[i].bytes);
    }
}

static struct world *world_of_blocks(void)
{
    struct world *w = world_new();

    for (int i = 0; i < BLOCKS; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    ck_assert_int_eq(xlen(w), BLOCKS);
    process_end(w->p);
    w->p = NULL;
    return w;
}

START_TEST(a_damaged_block_is_read_from_its_copy)
{
    static const int places[][5] = {{0}, {36}, {72}, {0, 30, 31, 32, 72}};
    static const int n_places[] = {1, 1, 1, 5};

    for (int how = DAMAGE_BYTES; how <= DAMAGE_MISSING; how++)
        for (int i = 0; i < 4; i++) {
            struct world *w = world_of_blocks();
            struct journal_stats st;

            damage_blocks(w, (enum damage)how, places[i], n_places[i]);
            w->p = process_ready(w);
            ck_assert_int_eq(w->p->n_applied, BLOCKS);
            for (int b = 0; b < BLOCKS; b++)
                ck_assert_int_eq(w->p->applied[b], b);
            st = stats(w);
            ck_assert_uint_eq(st.damage.mended_blocks, (uint64_t)n_places[i]);
            ck_assert_uint_eq(st.damage.lost_blocks + st.damage.behind_blocks, 0);
            ck_assert(journal_wants_cut(w->p->journal)); /* the next start needs none of it */
            fake_loop_run_for(w->p->loop, 1000);
            append(w, 100, 0);
            fake_loop_run_for(w->p->loop, 1000);
            ck_assert_int_eq(w->stored[100], 1);
            world_free(w);
        }
}
END_TEST

/* Ids of one millisecond differ in their second half only. */
START_TEST(damaged_blocks_of_one_millisecond_are_counted_each)
{
    static const int places[] = {30, 31, 32};
    struct world *w = world_new();

    fake_db_latency(w->p->db, 0);
    for (int i = 0; i < BLOCKS; i++) {
        send(w, i);
        fake_loop_settle(w->p->loop);
    }
    ck_assert_int_eq(xlen(w), BLOCKS);
    process_end(w->p);
    damage_blocks(w, DAMAGE_BYTES, places, 3);
    w->p = process_ready(w);
    ck_assert_int_eq(w->p->n_applied, BLOCKS);
    for (int b = 0; b < BLOCKS; b++)
        ck_assert_int_eq(w->p->applied[b], b);
    ck_assert_uint_eq(stats(w).damage.mended_blocks, 3);
    world_free(w);
}
END_TEST

/* Under a running program: within half a second all is there again from memory. */
START_TEST(labels_or_a_cut_that_redis_loses_are_written_again)
{
    static const char *const lost[] = {KEY_SERIES, KEY_CUT, KEY_CUT_CHUNKS "1"};

    for (int i = 0; i < 3; i++) {
        struct world *w = world_new();
        struct process *q;

        for (int k = 0; k < 12; k++) {
            send(w, k);
            fake_loop_run_for(w->p->loop, 10);
        }
        ck_assert_int_eq(start_cut(w), 0);
        fake_loop_run_for(w->p->loop, 1000);
        ck_assert_int_eq(w->p->regressed, 0);
        fake_redis_ask(w->redis, "DEL", lost[i], NULL);
        fake_loop_run_for(w->p->loop, 600);
        ck_assert_int_eq(w->p->regressed, 1);
        ck_assert(journal_wants_cut(w->p->journal));
        ck_assert_int_eq(start_cut(w), 0);
        fake_loop_run_for(w->p->loop, 3000);
        ck_assert_int_eq(w->p->regressed, 1);
        q = process_ready(w);
        ck_assert_int_eq(q->n_applied, 12);
        ck_assert_uint_eq(series_of(q, 3), series_of(w->p, 3));
        process_end(q);
        world_free(w);
    }
}
END_TEST

START_TEST(a_damaged_block_without_a_copy_is_counted_with_those_behind_it)
{
    static const int middle[] = {30};
    struct world *w = world_of_blocks();
    struct journal_stats st;

    damage_blocks(w, DAMAGE_BYTES, middle, 1);
    fake_redis_ask(w->redis, "DEL", KEY_COPY, NULL);
    w->p = process_ready(w);
    ck_assert_int_eq(w->p->n_applied, 30);
    st = stats(w);
    ck_assert_uint_eq(st.damage.mended_blocks, 0);
    ck_assert_uint_eq(st.damage.lost_blocks, 1);
    ck_assert_uint_eq(st.damage.behind_blocks, 42);
    append(w, 100, 0); /* a new process, a new run */
    fake_loop_run_for(w->p->loop, 1000);
    same_as_recovered(w, "what came after the damage");
    world_free(w);
}
END_TEST

START_TEST(a_copy_of_another_type_keeps_no_block_from_being_stored)
{
    struct world *w = world_new();

    fake_redis_ask(w->redis, "SET", KEY_COPY, "rubbish", NULL);
    for (int i = 0; i < 4; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
        ck_assert_int_eq(w->stored[i], 1);
    }
    same_as_recovered(w, "without a copy");
    world_free(w);
}
END_TEST

START_TEST(the_copy_holds_what_no_cut_does)
{
    struct world *w = world_new();

    for (int i = 0; i < 12; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    ck_assert_int_eq(fake_redis_ask(w->redis, "XLEN", KEY_COPY, NULL)->number, 12);
    ck_assert_int_eq(start_cut(w), 0);
    fake_loop_run_for(w->p->loop, 3000);
    ck_assert_int_eq(fake_redis_ask(w->redis, "XLEN", KEY_COPY, NULL)->number, 0);
    send(w, 12);
    fake_loop_run_for(w->p->loop, 3000);
    ck_assert_int_eq(fake_redis_ask(w->redis, "XLEN", KEY_COPY, NULL)->number, 1);
    same_as_recovered(w, "the copy");
    world_free(w);
}
END_TEST

static void damage_labels(struct world *w, bool copies_too)
{
    const struct reply *all = fake_redis_ask(w->redis, "HGETALL", KEY_SERIES, NULL);
    char names[16][16];
    size_t n = 0;

    for (size_t i = 0; i + 1 < all->n_items && n < 16; i += 2)
        if (copies_too || !strchr(all->items[i].text, '+'))
            snprintf(names[n++], 16, "%s", all->items[i].text);
    ck_assert_uint_gt(n, 0);
    while (n-- > 0)
        fake_redis_ask(w->redis, "HSET", KEY_SERIES, names[n], "rubbish", NULL);
}

/* Rubbish; rubbish in the copy too; the key is gone. */
START_TEST(damaged_labels_are_read_from_their_copy_and_lost_ids_are_not_given_again)
{
    for (int how = 0; how < 3; how++) {
        struct world *w = world_new();
        struct journal_stats st;
        uint32_t before;

        for (int i = 0; i < 6; i++) {
            send(w, i);
            fake_loop_run_for(w->p->loop, 10);
        }
        before = series_of(w->p, 3);
        process_end(w->p);
        if (how < 2)
            damage_labels(w, how == 1);
        else
            fake_redis_ask(w->redis, "DEL", KEY_SERIES, NULL);
        w->p = process_ready(w);
        st = stats(w);
        if (how == 0) {
            ck_assert_uint_eq(st.damage.mended_chunks, 6);
            ck_assert_uint_eq(series_of(w->p, 3), before);
        } else {
            ck_assert_uint_eq(st.damage.lost_chunks, how == 1 ? 6 : 0);
            ck_assert_uint_eq(st.damage.nameless_samples, how == 2 ? 12 : 0);
            ck_assert_uint_gt(series_of(w->p, 3), 11); /* above all ids that blocks name */
        }
        ck_assert_uint_eq(st.damage.lost_blocks, 0);
        append(w, 100, 0);
        fake_loop_run_for(w->p->loop, 1000);
        same_as_recovered(w, "labels");
        world_free(w);
    }
}
END_TEST

/* --- the dictionary ----------------------------------------------------------------------------------------- */

static int64_t n_chunks(struct world *w)
{
    return fake_redis_ask(w->redis, "HLEN", KEY_SERIES, NULL)->number / 2; /* each twice */
}

START_TEST(labels_come_back_under_their_ids)
{
    struct world *w = world_new();
    struct process *q;

    for (int i = 0; i < 30; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 10);
    }
    q = process_ready(w);
    ck_assert_uint_eq(series_count(q->series), series_count(w->p->series));
    ck_assert_uint_eq(series_end(q->series), series_end(w->p->series));
    for (int i = 0; i < 30; i++)
        ck_assert_uint_eq(series_of(q, i), series_of(w->p, i));
    ck_assert_str_eq(series_token(q->series, series_of(q, 3)), "tok");
    process_end(q);
    world_free(w);
}
END_TEST

START_TEST(forgotten_series_go_when_no_block_needs_them)
{
    struct world *w = world_new();
    uint32_t a, b;

    send(w, 1);
    fake_loop_run_for(w->p->loop, 10);
    send(w, 2);
    fake_loop_run_for(w->p->loop, 10);
    ck_assert_int_eq(n_chunks(w), 2);
    a = series_of(w->p, 1), b = series_of(w->p, 101);
    series_forget(w->p->series, a);
    journal_forget_series(w->p->journal, a);
    series_forget(w->p->series, b);
    journal_forget_series(w->p->journal, b);
    fake_loop_run_for(w->p->loop, 3600000);
    ck_assert_int_eq(n_chunks(w), 2); /* without a cut its block is needed */
    send(w, 2);
    fake_loop_run_for(w->p->loop, 10);
    ck_assert_int_eq(start_cut(w), 0);
    fake_loop_run_for(w->p->loop, 3600000);
    ck_assert_int_eq(n_chunks(w), 1);
    world_free(w);
}
END_TEST

START_TEST(a_series_that_came_back_has_its_new_id)
{
    struct world *w = world_new();
    struct process *q;
    uint32_t old, new_id;

    send(w, 1);
    fake_loop_run_for(w->p->loop, 10);
    old = series_of(w->p, 1);
    series_forget(w->p->series, old);
    journal_forget_series(w->p->journal, old);
    send(w, 1);
    fake_loop_run_for(w->p->loop, 10);
    new_id = series_of(w->p, 1);
    ck_assert_uint_ne(old, new_id);
    q = process_ready(w);
    ck_assert_uint_eq(series_of(q, 1), new_id);
    ck_assert_ptr_null(series_get(q->series, old));
    process_end(q);
    same_as_recovered(w, "with a forgotten series");
    world_free(w);
}
END_TEST

/* --- reading back ------------------------------------------------------------------------------------------- */

struct scanned {
    int first, last, n, done;
};

static void on_scanned(const struct journal_block *b, void *arg)
{
    struct scanned *s = arg;

    if (s->n++ == 0)
        s->first = (int)b->samples[0].v;
    s->last = (int)b->samples[0].v;
}

static void on_scan_done(const struct err *e, void *arg)
{
    ((struct scanned *)arg)->done += e ? 100 : 1;
}

START_TEST(a_span_of_blocks_can_be_read_back)
{
    struct world *w = world_new();
    struct scanned s = {0};

    for (int i = 0; i < 100; i++) {
        send(w, i);
        fake_loop_run_for(w->p->loop, 30000);
    }
    journal_scan(w->p->journal, START_MS + 20 * 30000, START_MS + 60 * 30000, on_scanned,
                 on_scan_done, &s);
    fake_loop_run_for(w->p->loop, 1000);
    ck_assert_int_eq(s.done, 1);
    ck_assert_int_eq(s.first, 20);
    ck_assert_int_eq(s.last, 59);
    ck_assert_int_eq(s.n, 40);
    journal_scan(w->p->journal, START_MS, INT64_MAX, on_scanned, on_scan_done, &s);
    world_free(w); /* while it is under way: nothing is called any more */
    ck_assert_int_eq(s.done, 1);
}
END_TEST

static void note_damage(const char *line, void *arg)
{
    *(bool *)arg |= strstr(line, "damaged") != NULL;
}

static void silent(const char *line, void *arg)
{
    (void)line, (void)arg;
}

START_TEST(blocks_that_come_while_others_are_read_back_are_no_damage)
{
    struct world *w = world_new();
    struct scanned s = {0};
    bool damage = false;

    log_divert(note_damage, &damage);
    for (int i = 0; i < 60; i++) {
        s.done = 0;
        send(w, i);
        fake_loop_run_for(w->p->loop, 100);
        journal_scan(w->p->journal, START_MS, INT64_MAX, on_scanned, on_scan_done, &s);
        for (int ms = 0; ms < 20; ms++) {
            send(w, i);
            fake_loop_run_for(w->p->loop, 1);
        }
        fake_loop_run_for(w->p->loop, 1000);
        ck_assert_int_eq(s.done, 1);
    }
    ck_assert(!damage);
    log_divert(silent, NULL);
    world_free(w);
}
END_TEST

START_TEST(failed_allocations_lose_no_acknowledged_request)
{
    for (long n = 1; n < 400; n++) {
        struct world *w = world_new();
        bool did;

        send(w, 0);
        fake_loop_run_for(w->p->loop, 10);
        for (int i = 1; i < 4; i++)
            series_of(w->p, i), series_of(w->p, 100 + i);
        /* the fake asserts on its own allocations, so only the call itself is tried */
        mem_fail_at(n);
        send(w, 1);
        did = mem_failed();
        mem_fail_at(0);
        send(w, 2);
        fake_loop_run_for(w->p->loop, 3000);
        ck_assert_int_eq(w->stored[1] + w->refused[1], 1);
        ck_assert_int_eq(count_applied(w->p, 1), w->stored[1]);
        ck_assert_int_eq(w->stored[2], 1);
        same_as_recovered(w, "after a failed allocation");
        world_free(w);
        if (!did)
            break;
    }
}
END_TEST

static void add(TCase *t)
{
    log_divert(silent, NULL);
    tcase_add_test(t, a_turn_is_one_block_and_is_told_after_it_was_applied);
    tcase_add_test(t, what_comes_during_a_transaction_gathers_in_the_next);
    tcase_add_test(t, blocks_are_split_at_their_bound);
    tcase_add_test(t, applied_time_is_behind_every_block_to_come);
    tcase_add_test(t, events_come_back_too);
    tcase_add_test(t, every_single_fault_counts_each_request_once);
    tcase_add_test(t, nothing_acknowledged_is_lost_by_a_crash);
    tcase_add_test(t, while_redis_is_away_everything_is_applied_at_once);
    tcase_add_test(t, an_identical_retry_joins_and_is_counted_once);
    tcase_add_test(t, a_retry_that_comes_while_the_block_flies_hears_of_it);
    tcase_add_test(t, a_retry_after_a_crash_is_known_by_the_block);
    tcase_add_test(t, a_named_request_counts_once_also_after_its_answer);
    tcase_add_test(t, a_named_request_counts_once_through_an_outage);
    tcase_add_test(t, what_has_no_identity_is_no_repetition);
    tcase_add_test(t, stored_retries_are_remembered_for_ten_minutes);
    tcase_add_test(t, requests_without_identity_never_join);
    tcase_add_test(t, a_redis_that_refuses_writes_is_as_good_as_away);
    tcase_add_test(t, a_redis_of_the_wrong_kind_is_not_written_to);
    tcase_add_test(t, a_key_of_another_type_is_told_and_nothing_is_lost);
    tcase_add_test(t, waiting_blocks_are_bounded);
    tcase_add_test(t, blocks_wait_at_three_quarters_of_redis_memory);
    tcase_add_test(t, a_start_takes_the_cut_and_the_blocks_behind_it);
    tcase_add_test(t, a_cut_waits_for_what_is_in_flight);
    tcase_add_test(t, every_single_fault_of_a_cut_leaves_a_good_start);
    tcase_add_test(t, a_cut_that_cannot_be_read_is_discarded);
    tcase_add_test(t, a_cut_is_wanted_after_two_minutes_of_load);
    tcase_add_test(t, trimming_never_passes_the_cut);
    tcase_add_test(t, the_bound_in_bytes_trims_behind_the_cut_only);
    tcase_add_test(t, a_lost_tail_is_appended_again);
    tcase_add_test(t, a_tail_lost_for_good_is_made_good_by_a_cut);
    tcase_add_test(t, flushed_data_is_noticed_and_made_good);
    tcase_add_test(t, a_clock_that_was_ahead_moves_nothing_into_the_future);
    tcase_add_test(t, somebody_elses_blocks_are_stepped_over);
    tcase_add_test(t, a_newer_format_is_refused);
    tcase_add_test(t, the_start_survives_every_single_fault);
    tcase_add_test(t, before_the_start_is_over_nothing_is_taken);
    tcase_add_test(t, damaged_blocks_of_one_millisecond_are_counted_each);
    tcase_add_test(t, a_damaged_block_is_read_from_its_copy);
    tcase_add_test(t, a_damaged_block_without_a_copy_is_counted_with_those_behind_it);
    tcase_add_test(t, labels_or_a_cut_that_redis_loses_are_written_again);
    tcase_add_test(t, a_copy_of_another_type_keeps_no_block_from_being_stored);
    tcase_add_test(t, the_copy_holds_what_no_cut_does);
    tcase_add_test(t, damaged_labels_are_read_from_their_copy_and_lost_ids_are_not_given_again);
    tcase_add_test(t, labels_come_back_under_their_ids);
    tcase_add_test(t, forgotten_series_go_when_no_block_needs_them);
    tcase_add_test(t, a_series_that_came_back_has_its_new_id);
    tcase_add_test(t, a_span_of_blocks_can_be_read_back);
    tcase_add_test(t, blocks_that_come_while_others_are_read_back_are_no_damage);
    tcase_add_test(t, failed_allocations_lose_no_acknowledged_request);
}

UNIT_MAIN("journal", add)
