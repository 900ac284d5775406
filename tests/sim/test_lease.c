/* Who holds the lease, on a virtual clock: several programs, one Redis, deaths, cuts and what Redis forgets. The
 * connection is the test's own (in place of fake_db): it carries out the lease's four scripts by what their
 * documentation says, and tests/unit/lease checks the scripts themselves. */
#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fake_loop.h"
#include "tocsin/lease.h"

#define T0 INT64_C(1767571200000)

/* --- one Redis, and a connection to it for each program --- */

#define FIELDS 8
struct hash {
    size_t n;
    char name[FIELDS][32], value[FIELDS][300];
};
static struct hash stored;

static bool takes_nothing; /* writes are refused */

static const char *get(const char *name)
{
    for (size_t i = 0; i < stored.n; i++)
        if (strcmp(stored.name[i], name) == 0)
            return stored.value[i];
    return "";
}

static void set(const char *name, const char *value)
{
    size_t i = 0;

    while (i < stored.n && strcmp(stored.name[i], name) != 0)
        i++;
    ck_assert_uint_lt(i, FIELDS);
    stored.n += i == stored.n;
    snprintf(stored.name[i], sizeof stored.name[i], "%s", name);
    snprintf(stored.value[i], sizeof stored.value[i], "%s", value);
}

struct call {
    struct call *next;
    int argc; /* of the script; 1: a look */
    char argv[7][300];
    db_done done;
    void *arg;
};

struct db {
    struct timer *timer;
    struct call *calls;
    bool cut; /* nothing arrives, nothing comes back */
    char fence[64];
};

static void carry_out(const struct call *c, struct reply *out, struct reply *items)
{
    static const char *const fields[] = {"name", "url", "statsd", "process"};
    const char *mine = c->argc == 1 ? "" : c->argc == 7 ? c->argv[2] : c->argv[1];
    bool stands = strcmp(get("token"), c->argv[1]) == 0;
    char number[24];

    if (c->argc == 0) { /* PING */
        *out = (struct reply){.kind = REPLY_TEXT, .text = "PONG", .len = 4};
        return;
    }
    if (c->argc == 1) {
        for (size_t i = 0; i < 2 * stored.n; i++) {
            items[i] = (struct reply){.kind = REPLY_TEXT,
                                      .text = i % 2 ? stored.value[i / 2] : stored.name[i / 2]};
            items[i].len = strlen(items[i].text);
        }
        *out = (struct reply){.kind = REPLY_LIST, .items = items, .n_items = 2 * stored.n};
        return;
    }
    *out = (struct reply){.kind = REPLY_INT};
    if (c->argc == 2) { /* given back */
        if (stands)
            set("given_back", "1");
        return;
    }
    if (c->argc == 6) { /* a beat */
        *out = (struct reply){.kind = REPLY_TEXT, .text = get("token")};
        if (stands && get("name")[0]) {
            snprintf(number, sizeof number, "%d", atoi(get("beat")) + 1);
            set("beat", number);
            return;
        }
        if (!stands && atoi(get("token")) >= atoi(mine))
            return;
        out->text = mine;
    } else if (!stands) {
        return;
    }
    out->number = 1;
    stored.n = 0;
    set("token", mine);
    set("beat", "0");
    for (int i = 0; i < 4; i++)
        set(fields[i], c->argv[c->argc - 4 + i]);
}

static void answer(void *arg)
{
    struct db *d = arg;
    struct call *c = d->calls;
    struct reply reply, items[2 * FIELDS];

    if (d->cut || !c)
        return;
    d->calls = c->next;
    if (d->calls)
        timer_in(d->timer, 1);
    if (takes_nothing && c->argc > 0) {
        reply = (struct reply){.kind = REPLY_ERROR, .text = "NOREPLICAS not enough"};
        c->done(DB_REFUSED, &reply, c->arg);
    } else {
        carry_out(c, &reply, items);
        c->done(DB_DONE, &reply, c->arg);
    }
    free(c);
}

static struct call *put(struct db *d, db_done done, void *arg)
{
    struct call *c = calloc(1, sizeof *c), **end = &d->calls;

    c->done = done;
    c->arg = arg;
    while (*end)
        end = &(*end)->next;
    *end = c;
    timer_in(d->timer, 1);
    return c;
}

void db_script(struct db *d, const char *script, int n_keys, int argc, const char *const *argv,
               const size_t *lens, db_done done, void *arg)
{
    struct call *c = put(d, done, arg);

    (void)script, (void)lens;
    ck_assert_int_eq(n_keys, 1);
    ck_assert_int_le(argc, 7);
    c->argc = argc;
    for (int i = 0; i < argc; i++)
        snprintf(c->argv[i], sizeof c->argv[i], "%s", argv[i]);
}

void db_sendf(struct db *d, db_done done, void *arg, const char *fmt, ...)
{
    (void)fmt;
    put(d, done, arg);
}

bool db_is_up(const struct db *d)
{
    return !d->cut;
}

int db_fence(struct db *d, const char *key, const char *token)
{
    (void)key;
    snprintf(d->fence, sizeof d->fence, "%s", token);
    return 0;
}

/* --- programs --- */

#define PROGRAMS 3
struct program {
    struct db db;
    struct lease *lease; /* NULL: dead */
    int number;
    int64_t held_at_ms;
    int times_held, times_lost;
    bool over;
};

static struct {
    struct clock *clock;
    struct loop *loop;
    struct program p[PROGRAMS];
} w;

static int64_t now_ms(void)
{
    return clock_mono_ms(w.clock);
}

static void self(struct lease_holder *out, void *arg)
{
    const struct program *p = arg;

    *out = (struct lease_holder){0};
    snprintf(out->name, sizeof out->name, "p%d", p->number);
    snprintf(out->url, sizeof out->url, "http://p%d", p->number);
}

static void held(void *arg)
{
    struct program *p = arg;

    p->times_held++;
    p->held_at_ms = now_ms();
    ck_assert_str_eq(p->db.fence, get("token"));
}

static void standby(void *arg)
{
    (void)arg;
}

static void lost(void *arg)
{
    ((struct program *)arg)->times_lost++;
}

static void begin_one(int i, bool alone)
{
    struct program *p = &w.p[i];
    struct lease_options o = {.loop = w.loop,
                              .db = &p->db,
                              .alone = alone,
                              .self = self,
                              .held = held,
                              .standby = standby,
                              .lost = lost,
                              .arg = p};

    p->number = i;
    if (!p->db.timer)
        p->db.timer = timer_new(w.loop, LOOP_CONTROL, answer, &p->db);
    p->lease = lease_new(&o);
    lease_db_up(p->lease);
}

static void begin(int i)
{
    begin_one(i, false);
}

/* What was on its way is answered with nothing, as by a connection that is closed. */
static void forget_calls(struct db *d, enum db_fate fate)
{
    struct call *c;

    while ((c = d->calls)) {
        d->calls = c->next;
        c->done(fate, NULL, c->arg);
        free(c);
    }
}

static void die(int i)
{
    lease_free(w.p[i].lease);
    w.p[i].lease = NULL;
    forget_calls(&w.p[i].db, DB_UNKNOWN);
}

static void cut(int i)
{
    w.p[i].db.cut = true;
    forget_calls(&w.p[i].db, DB_UNKNOWN);
}

static void heal(int i)
{
    w.p[i].db.cut = false;
    if (w.p[i].lease)
        lease_db_up(w.p[i].lease);
}

static enum lease_state state(int i)
{
    return lease_state(w.p[i].lease);
}

static void run(int64_t ms)
{
    fake_loop_run_for(w.loop, ms);
}

static void setup(void)
{
    memset(&w, 0, sizeof w);
    stored.n = 0;
    takes_nothing = false;
    w.clock = clock_virtual(T0);
    w.loop = loop_new(w.clock, NULL);
}

static void teardown(void)
{
    for (int i = 0; i < PROGRAMS; i++) {
        if (w.p[i].lease)
            die(i);
        timer_free(w.p[i].db.timer);
    }
    loop_free(w.loop);
    clock_free(w.clock);
}

/* Processes of the test are one and the same, so that none of them is seen to be gone. */
START_TEST(the_first_takes_it_at_once_and_the_second_stands_by)
{
    begin(0);
    run(10);
    ck_assert_int_eq(state(0), LEASE_HELD);
    ck_assert_uint_eq(lease_holder(w.p[0].lease)->number, 1);
    begin(1);
    run(10000);
    ck_assert_int_eq(state(0), LEASE_HELD);
    ck_assert_int_eq(state(1), LEASE_STANDBY);
    ck_assert_str_eq(lease_holder(w.p[1].lease)->url, "http://p0");
}
END_TEST

START_TEST(of_two_that_begin_together_one_holds_it)
{
    begin(0);
    begin(1);
    run(5000);
    ck_assert_int_eq((state(0) == LEASE_HELD) + (state(1) == LEASE_HELD), 1);
    ck_assert_int_eq(w.p[0].times_held + w.p[1].times_held, 1);
}
END_TEST

/* Of the 5 s that a takeover may take, a second and more is left for the start. */
START_TEST(a_holder_that_dies_is_followed_within_four_seconds)
{
    teardown(); /* each round has its own */
    for (int64_t at_ms = 0; at_ms < 1000; at_ms += 37) {
        int64_t died_ms;

        setup();
        begin(0);
        run(10);
        begin(1);
        run(5000 + at_ms);
        died_ms = now_ms();
        die(0);
        run(10000);
        ck_assert_int_eq(state(1), LEASE_HELD);
        ck_assert_int_le(w.p[1].held_at_ms - died_ms, 4000);
        ck_assert_int_ge(w.p[1].held_at_ms - died_ms, LEASE_SILENT_MS - LEASE_BEAT_MS);
        teardown();
    }
    setup();
}
END_TEST

static void told(void *arg)
{
    *(bool *)arg = true;
}

START_TEST(one_that_gives_it_back_is_followed_at_the_next_look)
{
    bool done = false;
    int64_t began_ms;

    begin(0);
    run(10);
    begin(1);
    run(5000);
    began_ms = now_ms();
    lease_give_back(w.p[0].lease, told, &done);
    run(1000);
    ck_assert(done);
    ck_assert_int_eq(state(1), LEASE_HELD);
    ck_assert_int_le(w.p[1].held_at_ms - began_ms, LEASE_LOOK_MS + 10);
}
END_TEST

START_TEST(a_redis_that_was_away_costs_nobody_the_lease)
{
    teardown(); /* each round has its own */
    for (int64_t away_ms = 100; away_ms < 100000; away_ms = away_ms * 3 / 2) {
        setup();
        begin(0);
        run(10);
        begin(1);
        run(5000);
        cut(0), cut(1);
        run(away_ms);
        ck_assert_int_eq(state(0), LEASE_HELD);
        ck_assert_int_eq(state(1), LEASE_STANDBY);
        heal(1);
        /* as long as it may take to connect again: attempts are 10 ms, 20 … 2000 apart */
        run(away_ms < 1400 ? away_ms * 3 / 2 : 2100);
        heal(0);
        run(10000);
        ck_assert_int_eq(state(0), LEASE_HELD);
        ck_assert_int_eq(w.p[1].times_held, 0);
        teardown();
    }
    setup();
}
END_TEST

START_TEST(a_redis_that_refused_writes_costs_nobody_the_lease)
{
    teardown(); /* each round has its own */
    for (int64_t for_ms = 100; for_ms < 20000; for_ms += for_ms < 5000 ? 50 : 1000) {
        setup();
        begin(0);
        run(10);
        begin(1);
        run(5000);
        takes_nothing = true;
        run(for_ms);
        if (for_ms > LEASE_LOOK_MS + 10)
            ck_assert_str_eq(lease_refusal(w.p[1].lease), "NOREPLICAS not enough");
        takes_nothing = false;
        run(10000);
        ck_assert_int_eq(state(0), LEASE_HELD);
        ck_assert_int_eq(w.p[1].times_held, 0);
        ck_assert_str_eq(lease_refusal(w.p[1].lease), "");
        teardown();
    }
    setup();
}
END_TEST

START_TEST(a_holder_that_was_cut_off_knows_it_with_its_first_beat)
{
    begin(0);
    run(10);
    begin(1);
    run(5000);
    cut(0);
    run(10000);
    ck_assert_int_eq(state(0), LEASE_HELD); /* it cannot know: it pages on */
    ck_assert_int_eq(state(1), LEASE_HELD);
    ck_assert_str_ne(w.p[0].db.fence, get("token")); /* and writes nothing */
    heal(0);
    run(10);
    ck_assert_int_eq(state(0), LEASE_LOST);
    ck_assert_int_eq(w.p[0].times_lost, 1);
    run(60000);
    ck_assert_int_eq(state(0), LEASE_LOST);
    ck_assert_int_eq(state(1), LEASE_HELD);
}
END_TEST

START_TEST(a_refused_write_tells_it_at_once)
{
    begin(0);
    run(10);
    lease_fenced(w.p[0].lease, get("token")); /* one of before it was taken */
    ck_assert_int_eq(state(0), LEASE_HELD);
    lease_fenced(w.p[0].lease, "2-another");
    ck_assert_int_eq(state(0), LEASE_LOST);
    lease_fenced(w.p[0].lease, "3-another");
    ck_assert_int_eq(w.p[0].times_lost, 1);
}
END_TEST

START_TEST(a_redis_that_forgot_gets_the_token_back_from_its_holder)
{
    begin(0);
    run(10);
    begin(1);
    run(5000);
    for (int64_t at_ms = 0; at_ms < 1000; at_ms += 50) {
        run(at_ms);
        stored.n = 0;
        lease_fenced(w.p[0].lease, "");
        run(3000);
        ck_assert_int_eq(state(0), LEASE_HELD);
        ck_assert_str_eq(get("token"), w.p[0].db.fence);
        ck_assert_str_eq(get("name"), "p0");
    }
    ck_assert_int_eq(w.p[1].times_held, 0);
}
END_TEST

START_TEST(who_does_not_hold_it_is_behind_a_fence_that_no_token_opens)
{
    begin(0);
    ck_assert_str_eq(w.p[0].db.fence, "0");
    run(10);
    begin(1);
    run(5000);
    ck_assert_str_eq(w.p[0].db.fence, get("token"));
    ck_assert_str_eq(w.p[1].db.fence, "0");
}
END_TEST

START_TEST(one_that_is_alone_writes_nothing_about_it)
{
    begin_one(0, true);
    run(10000);
    ck_assert_int_eq(state(0), LEASE_HELD);
    ck_assert_uint_eq(stored.n, 0);
    ck_assert_str_eq(w.p[0].db.fence, "");
}
END_TEST

/* Whatever happens: what is written carries the token that stands, for one program at most; and once it is calm,
 * one acts. */
START_TEST(of_all_that_hold_it_one_at_most_can_write)
{
    unsigned seed = (unsigned)_i * 7919 + 1;

    for (int round = 0; round < 300; round++) {
        int i = rand_r(&seed) % PROGRAMS, writers = 0;
        struct program *p = &w.p[i];
        bool done = false;

        switch (rand_r(&seed) % 6) {
        case 0:
            cut(i);
            break;
        case 1:
        case 2:
            heal(i);
            break;
        case 3:
            if (p->lease && state(i) != LEASE_LOST && !p->db.cut && rand_r(&seed) % 2) {
                lease_give_back(p->lease, told, &done);
                run(5);
                die(i);
            }
            break;
        case 4:
            if (p->lease)
                die(i);
            break;
        default:
            if (!p->lease || state(i) == LEASE_LOST) {
                if (p->lease)
                    die(i);
                begin(i);
            }
        }
        if (rand_r(&seed) % 40 == 0)
            stored.n = 0;
        run(rand_r(&seed) % 3000);
        for (int k = 0; k < PROGRAMS; k++)
            writers += w.p[k].lease && state(k) == LEASE_HELD &&
                       strcmp(w.p[k].db.fence, get("token")) == 0;
        ck_assert_int_le(writers, 1);
    }
    for (int k = 0, holders = 0; k < PROGRAMS; k++) {
        if (w.p[k].lease && state(k) == LEASE_LOST)
            die(k);
        if (!w.p[k].lease)
            begin(k);
        heal(k);
        if (k < PROGRAMS - 1)
            continue;
        run(20000);
        for (int n = 0; n < PROGRAMS; n++)
            holders += state(n) == LEASE_HELD;
        ck_assert_int_eq(holders, 1);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_first_takes_it_at_once_and_the_second_stands_by);
    tcase_add_test(t, of_two_that_begin_together_one_holds_it);
    tcase_add_test(t, a_holder_that_dies_is_followed_within_four_seconds);
    tcase_add_test(t, one_that_gives_it_back_is_followed_at_the_next_look);
    tcase_add_test(t, a_redis_that_was_away_costs_nobody_the_lease);
    tcase_add_test(t, a_redis_that_refused_writes_costs_nobody_the_lease);
    tcase_add_test(t, a_holder_that_was_cut_off_knows_it_with_its_first_beat);
    tcase_add_test(t, a_refused_write_tells_it_at_once);
    tcase_add_test(t, a_redis_that_forgot_gets_the_token_back_from_its_holder);
    tcase_add_test(t, who_does_not_hold_it_is_behind_a_fence_that_no_token_opens);
    tcase_add_test(t, one_that_is_alone_writes_nothing_about_it);
    tcase_add_loop_test(t, of_all_that_hold_it_one_at_most_can_write, 0, 200);
}

UNIT_MAIN("lease", add)
