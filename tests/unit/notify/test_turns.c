/* Turns of the loop: what one does is bounded, and what is left goes on in the next. */
#include "scene.h"

#include "notify/incident.h"
#include "notify/ledger.h"
#include "notify/notify_impl.h"
#include "tocsin/loop.h"

#define FULL  10000 /* alerts of one incident */
#define MANY  2000
#define LANES 3

static const char *const lanes[LANES] = {"ops/webhook", "two/webhook", "two/webhook:2"};
static struct scene *s;

/* Alerts of team=both go to ops and to both webhooks of two: three lanes. */
static void set_up(void)
{
    struct err e;

    (void)scene_fire, (void)scene_end, (void)scene_silence, (void)scene_go; /* of others */
    s = scene_new();
    s->config->to[1][1] = &s->config->receivers[TWO];
    notify_free(s->n);
    s->loop = loop_new(s->clock, &e);
    s->n = scene_notify(s);
    notify_start(s->n, NULL);
}

static void tear_down(void)
{
    struct outcome o = {.kind = OUTCOME_RETURNED};
    struct loop *loop = s->loop;

    if (s->held)
        notify_commit(s->n, s->held, &o);
    s->held = NULL;
    notify_free(s->n);
    loop_free(loop);
    s->loop = NULL;
    s->n = NULL;
    scene_free(s);
}

/* It keeps nothing: looking for a row among thousands takes the fake store its time. */
static void without_store(void)
{
    struct notify_options o = {
        .clock = s->clock, .loop = s->loop, .config = &s->config->config, .tells = stage_tells};

    notify_free(s->n);
    s->n = notify_new(&o);
    notify_start(s->n, NULL);
}

/* Host `i` of service web is down with that priority, or up (0). */
static void tell(int i, int priority)
{
    char host[16] = "", key[96];
    struct label l[4] = {label_of("alertname", "Down"), label_of("host", host),
                         label_of("svc", "web"), label_of("team", "both")};
    struct alert a = {.key = key, .origin = "rule:test", .labels = l, .n_labels = 4};

    snprintf(host, sizeof host, "h%d", i);
    snprintf(key, sizeof key, "alertname=Down,host=%s,svc=web,team=both,", host);
    l[1] = label_of("host", host);
    a.state.firing = priority;
    a.started_ms = clock_wall_ms(s->clock);
    a.end_reason = priority ? NULL : "condition cleared";
    a.fingerprint = labels_fingerprint(l, 4);
    notify_alert(s->n, &a, priority ? CHANGE_FIRED : CHANGE_RESOLVED, clock_wall_ms(s->clock));
}

static bool has_work(void)
{
    int64_t next_ms = notify_next_ms(s->n);

    return next_ms != 0 && next_ms <= clock_wall_ms(s->clock);
}

/* Turns until nothing is left to do now. The most rows that one of them wrote. */
static size_t settle(void)
{
    size_t most = 0;

    for (int turns = 0; has_work(); turns++) {
        size_t before = s->store->puts;
        ck_assert_msg(turns < 5000, "it never ends");
        loop_turn(s->loop, 0);
        most = s->store->puts - before > most ? s->store->puts - before : most;
    }
    return most;
}

static void pass(int64_t ms)
{
    clock_set(s->clock, clock_wall_ms(s->clock) + ms);
}

/* What a claim on the lane tells of, shown or counted, and takes; 0: nothing is due. */
static size_t told(const char *lane)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct notice *x = notify_claim(s->n, lane);
    size_t n = x ? x->n_alerts + x->truncated : 0;

    if (x)
        notify_commit(s->n, x, &o);
    settle();
    return n;
}

START_TEST(a_full_incident_is_told_on_however_many_lanes)
{
    without_store();
    for (int i = 0; i < FULL; i++)
        tell(i, 1);
    settle();
    ck_assert_uint_eq(told("ops/webhook"), FULL);
    ck_assert_uint_eq(told("two/webhook"), FULL);
    ck_assert_uint_eq(told("two/webhook:2"), FULL);
    ck_assert_uint_eq(told("two/webhook"), 0);
    pass(120 * SEC);
    tell(7, 0); /* and what changes later */
    settle();
    ck_assert_uint_eq(told("two/webhook:2"), FULL);
}
END_TEST

/* What a turn may write: the budget of a run in rows of lanes, and of alerts beside it. */
#define ROWS_A_TURN (4 * 250 + LANES * 100 + 50)

START_TEST(no_turn_writes_thousands_of_rows)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};

    for (int i = 0; i < MANY; i++)
        tell(i, 1);
    ck_assert_uint_le(settle(), ROWS_A_TURN);
    ck_assert_uint_ge(s->store->puts, (LANES + 1) * MANY); /* each alert, owed on each lane */
    for (int i = 0; i < LANES; i++) {
        size_t before = s->store->puts;
        struct notice *x = notify_claim(s->n, lanes[i]);
        ck_assert_msg(x != NULL, "%s is not told", lanes[i]);
        notify_commit(s->n, x, &o);
        ck_assert_uint_le(s->store->puts - before, ROWS_A_TURN);
        ck_assert_uint_le(settle(), ROWS_A_TURN);
    }
}
END_TEST

START_TEST(one_alert_of_thousands_writes_a_few_rows)
{
    size_t before;

    for (int i = 0; i < MANY; i++)
        tell(i, 1);
    settle();
    for (int i = 0; i < LANES; i++)
        ck_assert_uint_eq(told(lanes[i]), MANY);
    pass(120 * SEC);
    settle();
    before = s->store->puts;
    tell(7, 0);
    settle();
    for (int i = 0; i < LANES; i++)
        ck_assert_uint_eq(told(lanes[i]), MANY);
    /* the alert; of each lane it is due, claimed, over, and not known any more */
    ck_assert_uint_le(s->store->puts - before, 1 + LANES * 5);
}
END_TEST

/* Whether the row of ops says so. */
static bool row_says(const char *text)
{
    const char *row = fake_get(s->store, KEY_LEDGER, "ops/webhook|1");

    return row && strstr(row, text);
}

/* Else a start would find a delivery whose alerts are not told, or a fate unknown that no alert bears. */
START_TEST(what_a_lane_is_is_written_after_what_it_knows)
{
    struct outcome o = {.kind = OUTCOME_UNKNOWN};
    struct notice *x;
    const char *last;

    for (int i = 0; i < MANY; i++)
        tell(i, 1);
    settle();
    x = notify_claim(s->n, lanes[0]);
    ck_assert_ptr_nonnull(x);
    ck_assert(row_says("\"state\":\"claimed\"")); /* before it is sent */
    notify_commit(s->n, x, &o);
    ck_assert(row_says("\"state\":\"claimed\"")); /* rows wait */
    settle();
    ck_assert(row_says("\"state\":\"retrying\""));
    last = fake_get(s->store, KEY_LEDGER, "ops/webhook|1#1");
    ck_assert(last && strstr(last, "maybe_told"));
}
END_TEST

/* --- kill -9 after each turn ------------------------------------------------------------------------- */

static size_t heard_on[LANES], heard_over[LANES]; /* alerts, shown or counted, of all messages */
static int turns, kill_at, now_on;

static void tell_all(int priority)
{
    now_on = priority;
    for (int i = 0; i < MANY; i++)
        tell(i, priority);
}

/* One turn; messages are taken one after the other, each answered a turn later. True: a message was. */
static bool one_turn(void)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct notice *x = s->held;

    loop_turn(s->loop, 0);
    if (++turns == kill_at) {
        scene_restart(s);
        tell_all(now_on); /* the journal tells them again */
        return true;
    }
    s->held = NULL;
    if (x)
        notify_commit(s->n, x, &o);
    for (int i = 0; i < LANES && !s->held; i++)
        if ((s->held = notify_claim(s->n, lanes[i]))) {
            heard_on[i] += s->held->n_firing;
            heard_over[i] += s->held->n_alerts + s->held->truncated - s->held->n_firing;
        }
    return x || s->held;
}

static void go_on(void)
{
    while (one_turn() || has_work())
        ck_assert_msg(turns < 5000, "it never ends");
}

static void all_are_told(size_t told_of)
{
    const struct incident *inc = incident_by_number(s->n, 1);

    ck_assert(inc && inc->n_entries == LANES);
    for (int i = 0; i < LANES; i++) {
        const struct entry *e = inc->entries[i];
        ck_assert_msg(e->n_told == told_of && e->n_owed == 0 && e->state != ENTRY_CLAIMED,
                      "killed after turn %d: %s was told of %zu, is owed %zu", kill_at, e->field,
                      e->n_told, e->n_owed);
    }
}

/* Twice at most: when its answer, or that it came, was not in Redis yet. */
static void each_was_heard(const size_t of[LANES])
{
    for (int i = 0; i < LANES; i++)
        ck_assert_msg(of[i] >= MANY && of[i] <= 2 * MANY, "killed after turn %d: %s heard of %zu",
                      kill_at, lanes[i], of[i]);
}

START_TEST(a_kill_after_any_turn_loses_no_page_and_no_resolve)
{
    bool killed = true;

    for (int k = 1; killed; k++) {
        memset(heard_on, 0, sizeof heard_on);
        memset(heard_over, 0, sizeof heard_over);
        turns = 0;
        kill_at = k;
        tell_all(1);
        go_on();
        all_are_told(MANY);
        each_was_heard(heard_on);
        pass(120 * SEC);
        tell_all(0);
        go_on();
        all_are_told(0);
        each_was_heard(heard_over);
        killed = turns >= k;
        tear_down();
        set_up();
    }
}
END_TEST

START_TEST(the_configuration_that_it_has_already_writes_nothing)
{
    size_t puts;

    for (int i = 0; i < 100; i++)
        tell(i, 1);
    settle();
    pass(1000);
    puts = s->store->puts;
    notify_configure(s->n, &s->config->config);
    settle();
    ck_assert_uint_eq(s->store->puts, puts);
}
END_TEST

/* Service `i` is down, or up again. */
static void tell_of(int i, bool down)
{
    char svc[16], key[96];
    struct label l[] = {label_of("alertname", "Down"), label_of("svc", svc)};
    struct alert a = {.key = key, .origin = "rule:test", .labels = l, .n_labels = 2};

    snprintf(svc, sizeof svc, "s%d", i);
    snprintf(key, sizeof key, "alertname=Down,svc=%s,", svc);
    l[1] = label_of("svc", svc);
    a.state.firing = down ? 3 : 0;
    a.started_ms = clock_wall_ms(s->clock);
    a.fingerprint = labels_fingerprint(l, 2);
    notify_alert(s->n, &a, down ? CHANGE_FIRED : CHANGE_RESOLVED, clock_wall_ms(s->clock));
}

static size_t firing(void)
{
    struct notify_stats st;

    notify_stats(s->n, &st);
    return st.firing;
}

/* Turns until the walk over all alerts has ended. */
static void count_all(void)
{
    for (int n = 0; s->n->counted.runs; n++) {
        ck_assert_int_lt(n, 10);
        loop_turn(s->loop, 0);
    }
}

START_TEST(very_many_alerts_are_counted_in_slices)
{
    without_store();
    for (int i = 0; i < 25000; i++)
        tell_of(i, true);
    settle();
    ck_assert_uint_eq(firing(), 25000); /* nothing was counted before: at once */
    tell_of(0, false);
    settle();
    count_all();
    tell_of(1, false);
    ck_assert_uint_eq(firing(), 24999); /* as the walk of the first question found it */
    ck_assert(s->n->counted.runs);
    loop_turn(s->loop, 0);
    ck_assert_msg(s->n->counted.runs && s->n->counted.at < 25000, "one turn does not count all");
    count_all();
    ck_assert_uint_eq(firing(), 24998);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_full_incident_is_told_on_however_many_lanes);
    tcase_add_test(t, no_turn_writes_thousands_of_rows);
    tcase_add_test(t, one_alert_of_thousands_writes_a_few_rows);
    tcase_add_test(t, what_a_lane_is_is_written_after_what_it_knows);
    tcase_add_test(t, a_kill_after_any_turn_loses_no_page_and_no_resolve);
    tcase_add_test(t, very_many_alerts_are_counted_in_slices);
    tcase_add_test(t, the_configuration_that_it_has_already_writes_nothing);
}

UNIT_MAIN("notify/turns", add)
