/* Tocsin watching itself: what it tells its own rules, when it says that it is ready, and when the dead man's
 * switch is pinged. What it watches is said by the test; rules and windows are the real ones, with the
 * built-in rules, so that what is told is also what alerts. */
#include "stage.h"

#include "app/selfwatch_impl.h"
#include "base/builtin.h"
#include "base/log.h"

#define MINUTE (60 * SEC)

static const char config_text[] = "receiver 'ops' { inbox {} }\n"
                                  "route { receiver = 'ops' }\n"
                                  "deadman { url = 'http://deadman/', every = '1m' }\n";

/* All that is watched, as it is now. */
static struct watched {
    struct wire_parts parts;
    enum lease_state lease;
    bool live, up, behind, refuses, answers_late;
    const char *trouble, *phase;
    struct db_health health;
    struct lane_stats lane;
    struct intake_stats input;
    unsigned n_rejected;
    struct damage loss;
    int ping_status;
} w;

static struct stage s;
static struct rulefile *own;
static struct selfwatch *self;
static const struct config *config;
static unsigned turns, pings, fires; /* of the timer of samples */

/* --- in place of what is watched --- */

enum lease_state lease_state(const struct lease *l)
{
    (void)l;
    return w.lease;
}

const char *lease_state_name(enum lease_state state)
{
    return state == LEASE_STANDBY ? "standby" : "held";
}

const struct lease_holder *lease_holder(const struct lease *l)
{
    static const struct lease_holder other = {"other:9393", "http://10.0.0.5:9393", "", 7};

    (void)l;
    return &other;
}

const char *lease_refusal(const struct lease *l)
{
    (void)l;
    return "";
}

int64_t lease_age_ms(const struct lease *l)
{
    (void)l;
    return 250;
}

void forward_stats(const struct forward *f, struct forward_stats *out)
{
    (void)f;
    *out = (struct forward_stats){0};
}

const struct wire_parts *wire_parts(const struct wire *wire)
{
    (void)wire;
    return &w.parts;
}

bool wire_is_live(const struct wire *wire)
{
    (void)wire;
    return w.live;
}

const char *wire_phase(const struct wire *wire)
{
    (void)wire;
    return w.phase;
}

const char *wire_redis_trouble(const struct wire *wire)
{
    (void)wire;
    return w.trouble;
}

void wire_take_stats(struct wire *wire, struct wire_stats *out)
{
    (void)wire;
    *out = (struct wire_stats){0};
}

bool db_is_up(const struct db *d)
{
    (void)d;
    return w.up;
}

const char *db_why_down(const struct db *d)
{
    (void)d;
    return "connection refused";
}

const struct db_health *db_health(const struct db *d)
{
    (void)d;
    return &w.health;
}

bool store_is_behind(const struct store *store)
{
    (void)store;
    return w.behind;
}

struct store_table *store_table(struct store *st, const char *key,
                                void (*rewrite)(struct store_table *t, void *arg), void *arg)
{
    (void)st, (void)key, (void)rewrite, (void)arg;
    return NULL;
}

void store_put(struct store_table *t, const char *field, const void *value, size_t len)
{
    (void)t, (void)field, (void)value, (void)len;
}

void store_del(struct store_table *t, const char *field)
{
    (void)t, (void)field;
}

void store_append(struct store *st, const char *key, uint64_t max_len, const char *id,
                  const char *const *pairs)
{
    (void)st, (void)key, (void)max_len, (void)id, (void)pairs;
}

void deliver_lanes(const struct deliver *d, void (*each)(const struct lane_stats *l, void *arg),
                   void *arg)
{
    (void)d;
    if (w.lane.lane)
        each(&w.lane, arg);
}

void intake_stats(const struct intake *g, struct intake_stats *out)
{
    (void)g;
    *out = w.input;
}

void rulebook_rejected(const struct rulebook *b,
                       void (*each)(const char *path, const char *error, void *arg), void *arg)
{
    char path[32];

    (void)b;
    for (unsigned i = 0; i < w.n_rejected; i++) {
        snprintf(path, sizeof path, "%u.lua", i);
        each(path, "it does not load", arg);
    }
}

void dataset_damage(const struct dataset *d, const struct journal *j,
                    void (*each)(const struct damage *x, void *arg), void *arg)
{
    (void)d, (void)j;
    if (w.loss.count)
        each(&w.loss, arg);
}

bool journal_accepts(const struct journal *j, struct err *e)
{
    (void)j;
    if (w.refuses)
        err_set(e, ERR_BUSY, "too much waits for Redis");
    return !w.refuses;
}

void journal_progress(const struct journal *j, struct buf *out)
{
    (void)j;
    buf_adds(out, "replaying 7 of 9 blocks");
}

/* What is appended is applied, unless the test holds the engine up. */
void journal_append(struct journal *j, const struct journal_request *r, journal_done done,
                    void *arg)
{
    (void)j, (void)arg;
    ck_assert(!done); /* it waits for no answer */
    turns++;
    if (w.answers_late)
        return;
    engine_apply(s.engine, &(struct engine_block){.recv_ms = clock_wall_ms(s.clock),
                                                  .samples = r->samples,
                                                  .n_samples = r->n_samples});
    engine_advance(s.engine, clock_wall_ms(s.clock));
}

static outbound_done ping_done;
static void *ping_arg;

struct outbound_call *outbound_http(struct outbound *o, const struct outbound_http *h,
                                    outbound_done done, void *arg, struct err *e)
{
    (void)o, (void)e;
    ck_assert_str_eq(h->url, "http://deadman/");
    ck_assert(!ping_done); /* not two at a time */
    pings++;
    ping_done = done;
    ping_arg = arg;
    return (struct outbound_call *)(uintptr_t)1;
}

static void answer_ping(void)
{
    struct outbound_result r = {.ok = w.ping_status != 0, .status = w.ping_status, .error = "x"};
    outbound_done done = ping_done;

    ping_done = NULL;
    if (done)
        done(&r, ping_arg);
}

/* --- a loop of two timers --- */

static struct timer {
    void (*fire)(void *arg);
    void *arg;
    int64_t due_ms; /* 0: not ordered */
} timers[2];
static size_t n_timers;

struct timer *timer_new(struct loop *l, enum loop_stage stage, void (*fire)(void *arg), void *arg)
{
    (void)l, (void)stage;
    ck_assert_uint_lt(n_timers, 2);
    timers[n_timers] = (struct timer){.fire = fire, .arg = arg};
    return &timers[n_timers++];
}

void timer_free(struct timer *t)
{
    if (t)
        *t = (struct timer){0};
}

void timer_in(struct timer *t, int64_t ms)
{
    t->due_ms = clock_wall_ms(s.clock) + ms;
}

void loop_take_lag(struct loop *l, struct loop_lag *out)
{
    (void)l;
    *out = (struct loop_lag){0};
}

static void run_for(int64_t ms)
{
    int64_t end_ms = clock_wall_ms(s.clock) + ms;

    for (;;) {
        struct timer *next = NULL;

        for (size_t i = 0; i < n_timers; i++)
            if (timers[i].due_ms && (!next || timers[i].due_ms < next->due_ms))
                next = &timers[i];
        if (!next || next->due_ms > end_ms)
            break;
        if (next->due_ms > clock_wall_ms(s.clock))
            clock_set(s.clock, next->due_ms);
        next->due_ms = 0;
        fires += next == timers;
        next->fire(next->arg);
    }
    clock_set(s.clock, end_ms);
    if (!w.answers_late)
        engine_advance(s.engine, end_ms);
}

/* --- asking --- */

/* The sample of the last turn; -1: none. `label` is the value of its only label, NULL: any. */
static double told(const char *name, const char *label)
{
    for (size_t i = 0; i < self->n_samples; i++) {
        struct label l[LABELS_MAX + 1];
        size_t n = series_labels(s.series, self->samples[i].series, l);
        bool named = false, fits = !label;

        for (size_t k = 0; k < n; k++) {
            named = named || (strcmp(l[k].name, "__name__") == 0 && strcmp(l[k].value, name) == 0);
            fits = fits || (label && strcmp(l[k].value, label) == 0);
        }
        if (named && fits)
            return self->samples[i].v;
    }
    return -1;
}

static bool ready(const char *part)
{
    struct buf b = BUF_INIT;
    struct json j = json_into(&b);
    bool is_ready = selfwatch_ready(self, &j);

    ck_assert_msg(!part || strstr(buf_str(&b), part), "no \"%s\" in %s", part, buf_str(&b));
    ck_assert(strstr(buf_str(&b), is_ready ? "{\"ready\":true" : "{\"ready\":false") ==
              buf_str(&b));
    buf_free(&b);
    return is_ready;
}

static void no_line(const char *line, void *arg)
{
    (void)line, (void)arg;
}

static void setup(void)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    struct err e = {0};
    struct selfwatch_options o = {.wire = (struct wire *)(uintptr_t)1,
                                  .rulebook = (struct rulebook *)(uintptr_t)1,
                                  .dataset = (struct dataset *)(uintptr_t)1,
                                  .ingest = (struct intake *)(uintptr_t)1,
                                  .outbound = (struct outbound *)(uintptr_t)1,
                                  .lease = (struct lease *)(uintptr_t)1,
                                  .forward = (struct forward *)(uintptr_t)1};

    stage_open(&s);
    own = rulefile_load(f->path, f->text, f->len, NULL, &e);
    ck_assert_msg(own != NULL, "%s", e.text);
    stage_put(&s, own);
    config = config_load("tocsin.lua", config_text, sizeof config_text - 1, NULL, &e);
    ck_assert_msg(config != NULL, "%s", e.text);
    w = (struct watched){.parts = {.clock = s.clock,
                                   .labels = s.labels,
                                   .series = s.series,
                                   .windows = engine_windows(s.engine),
                                   .book = engine_book(s.engine),
                                   .rules = engine_rules(s.engine),
                                   .config = config},
                         .live = true,
                         .lease = LEASE_HELD,
                         .up = true,
                         .trouble = "",
                         .phase = "live",
                         .health = {.known = true, .aof = true, .aof_always = true},
                         .ping_status = 200};
    n_timers = 0;
    turns = pings = fires = 0;
    ping_done = NULL;
    log_divert(no_line, NULL);
    self = selfwatch_new(&o);
    ck_assert_ptr_nonnull(self);
    selfwatch_start(self);
}

static void teardown(void)
{
    log_divert(NULL, NULL);
    selfwatch_free(self);
    config_unref(config);
    rulefile_unref(own);
    stage_close(&s);
}

/* --- samples --- */

START_TEST(every_ten_seconds_the_canary_goes_in)
{
    run_for(MINUTE - SEC);
    ck_assert_uint_eq(turns, 6);
    ck_assert(told("tocsin_canary", NULL) == 1);
    ck_assert_uint_eq(stage_firing(&s, "Canary"), 1);
}
END_TEST

/* Another Tocsin's metrics that are forwarded here must not look like ours. */
START_TEST(all_samples_carry_the_label_that_is_ours)
{
    w.n_rejected = 2;
    w.lane = (struct lane_stats){.lane = "ops/inbox", .last_error = ""};
    run_for(SEC);
    ck_assert_uint_gt(self->n_samples, 4);
    for (size_t i = 0; i < self->n_samples; i++) {
        const struct series *x = series_get(s.series, self->samples[i].series);
        size_t len;

        ck_assert_str_eq(labelset_value(s.labels, x->labels, SERIES_OWN_LABEL, &len), SERIES_OWN);
    }
}
END_TEST

START_TEST(what_was_mended_is_told_until_its_alert_ends)
{
    w.n_rejected = 1;
    run_for(30 * SEC);
    ck_assert(told("tocsin_rule_file_rejected", "0.lua") == 1);
    ck_assert_uint_eq(stage_firing(&s, "RuleFileRejected"), 1);
    w.n_rejected = 0;
    run_for(10 * SEC);
    ck_assert(told("tocsin_rule_file_rejected", "0.lua") == 0);
    run_for(2 * MINUTE);
    ck_assert_uint_eq(stage_firing(&s, "RuleFileRejected"), 0);
    ck_assert(told("tocsin_rule_file_rejected", "0.lua") == -1);
}
END_TEST

START_TEST(an_outage_of_redis_counts_from_its_first_word)
{
    run_for(SEC);
    ck_assert(told("tocsin_redis_away_seconds", NULL) == 0);
    run_for(9 * SEC); /* to the next turn */
    selfwatch_db(self, false);
    run_for(10 * SEC);
    ck_assert(told("tocsin_redis_away_seconds", NULL) == 10);
    selfwatch_db(self, false); /* told again: it is the same outage */
    run_for(10 * SEC);
    ck_assert(told("tocsin_redis_away_seconds", NULL) == 20);
    selfwatch_db(self, true);
    run_for(10 * SEC);
    ck_assert(told("tocsin_redis_away_seconds", NULL) == 0);
}
END_TEST

START_TEST(a_redis_that_refuses_is_told_by_its_word)
{
    w.trouble = "OOM command not allowed";
    run_for(20 * SEC);
    ck_assert(told("tocsin_redis_refusing_seconds", "OOM") == 20);
    w.trouble = "it says something else";
    run_for(10 * SEC);
    ck_assert(told("tocsin_redis_refusing_seconds", "other") == 30);
    w.trouble = "";
    run_for(10 * SEC);
    ck_assert(told("tocsin_redis_refusing_seconds", "other") <= 0);
}
END_TEST

/* A word is told with 23 bytes at most. */
START_TEST(a_word_of_redis_has_a_bound)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (int n = TROUBLE_KIND - 2; n <= TROUBLE_KIND; n++) {
        char trouble[64], kind[64];
        int len = n < TROUBLE_KIND ? n : TROUBLE_KIND - 1;

        snprintf(trouble, sizeof trouble, "%.*s and more", n, word);
        snprintf(kind, sizeof kind, "%.*s", len, word);
        w.trouble = trouble;
        run_for(10 * SEC);
        ck_assert(told("tocsin_redis_refusing_seconds", kind) >= 0);
    }
}
END_TEST

START_TEST(input_is_missed_only_once_there_was_some)
{
    run_for(MINUTE);
    ck_assert(told("tocsin_input_quiet_seconds", NULL) == -1);
    w.input.of[0].samples = 5;
    run_for(10 * SEC);
    ck_assert(told("tocsin_input_quiet_seconds", NULL) == 0);
    run_for(20 * SEC);
    ck_assert(told("tocsin_input_quiet_seconds", NULL) == 20);
    w.input.of[0].events = 1;
    run_for(10 * SEC);
    ck_assert(told("tocsin_input_quiet_seconds", NULL) == 0);
}
END_TEST

START_TEST(a_turn_has_a_bound_and_the_canary_is_within_it)
{
    w.n_rejected = SELF_SAMPLES_MAX + 10;
    run_for(SEC);
    ck_assert_uint_eq(self->n_samples, SELF_SAMPLES_MAX);
    ck_assert(told("tocsin_canary", NULL) == 1);
}
END_TEST

#define MANY_RULES 6000

START_TEST(many_rules_are_asked_over_several_turns_and_told_in_one_request)
{
    struct buf text = BUF_INIT;
    struct rulefile *many;

    for (unsigned i = 0; i < MANY_RULES; i++)
        buf_addf(&text, "alert 'R%u' { value = m.x:last(), fire = above(5) }\n", i);
    buf_adds(&text, "alert 'Late' { value = m.never:last(), fire = above(5) }\n");
    many = stage_rules(buf_str(&text));
    stage_put(&s, many);
    stage_send(&s, "x", "one", 1);
    clock_set(s.clock, s.at_ms + 4 * 60 * MINUTE);
    run_for(SEC);
    ck_assert_uint_eq(turns, 1);
    ck_assert_uint_ge(fires, 2);
    ck_assert(told("tocsin_rule_unmatched_seconds", "Late") == 4 * 3600 + 1);
    ck_assert(told("tocsin_rule_unmatched_seconds", "R0") == -1);
    rulefile_unref(many);
    buf_free(&text);
}
END_TEST

START_TEST(what_the_start_has_lost_is_told_for_an_hour)
{
    w.loss = (struct damage){.reason = "blocks", .what = "blocks", .count = 3, .lost = true};
    run_for(59 * MINUTE);
    ck_assert(told("tocsin_data_lost", "blocks") == 3);
    run_for(2 * MINUTE);
    ck_assert(told("tocsin_data_lost", "blocks") <= 0);
    w.loss.lost = false; /* made good */
    teardown();
    setup();
    w.loss = (struct damage){.reason = "blocks", .what = "blocks", .count = 3};
    run_for(SEC);
    ck_assert(told("tocsin_data_lost", "blocks") == -1);
}
END_TEST

/* --- readiness --- */

START_TEST(ready_is_only_what_keeps_and_takes_everything)
{
    ck_assert(ready("every write on disk before it is answered"));
    w.live = false;
    w.phase = "replaying";
    ck_assert(!ready("replaying: replaying 7 of 9 blocks"));
    w.live = true;
    w.behind = true;
    ck_assert(!ready("wait to be stored"));
    w.behind = false;
    w.refuses = true;
    ck_assert(!ready("too much waits for Redis"));
    w.refuses = false;
    w.trouble = "OOM command not allowed";
    ck_assert(!ready("Redis refuses"));
    w.trouble = "";
    w.up = false;
    ck_assert(!ready("Redis is away: pages go on from memory"));
    w.up = true;
    ck_assert(ready(NULL));
}
END_TEST

/* Settings that may lose something are said, and are no reason to take nothing. */
START_TEST(a_standby_is_ready_while_it_sees_a_holder)
{
    w.lease = LEASE_STANDBY;
    w.live = false;
    ck_assert(ready("stands by: other:9393 acts (token 7); what comes here is sent on to "
                    "http://10.0.0.5:9393"));
    ck_assert(ready("\"lease\":{\"state\":\"standby\",\"holder\":\"other:9393\""));
    w.up = false;
    ck_assert(!ready("this standby cannot see whether it is needed"));
}
END_TEST

START_TEST(a_redis_that_may_lose_something_is_said_so)
{
    w.health.aof_always = false;
    ck_assert(ready("may lose its last second"));
    w.health.aof = false;
    ck_assert(ready("keeps nothing when it ends"));
    w.health.known = false;
    ck_assert(ready("its settings are not known"));
}
END_TEST

/* --- the dead man's switch --- */

static unsigned pings_in(int64_t ms)
{
    unsigned before = pings;

    for (; ms > 0; ms -= SEC) {
        run_for(SEC);
        answer_ping();
    }
    return pings - before;
}

START_TEST(it_is_pinged_while_everything_works)
{
    ck_assert_uint_eq(pings_in(5 * MINUTE), 5);
    w.live = false;
    ck_assert_uint_eq(pings_in(5 * MINUTE), 0);
    w.live = true;
    ck_assert_uint_eq(pings_in(5 * MINUTE), 5);
}
END_TEST

START_TEST(it_is_not_pinged_when_samples_do_not_come_through)
{
    ck_assert_uint_eq(pings_in(2 * MINUTE), 2);
    w.answers_late = true; /* neither blocks nor looks */
    ck_assert_uint_le(pings_in(5 * MINUTE), 1);
    ck_assert_uint_eq(pings_in(5 * MINUTE), 0);
}
END_TEST

/* A receiver may fail for ten minutes; the eleventh is a reason to be missed. */
START_TEST(it_is_not_pinged_when_a_lane_has_failed_for_long)
{
    ck_assert_uint_eq(pings_in(MINUTE), 1);
    w.lane = (struct lane_stats){
        .lane = "ops/webhook", .failing_since_ms = clock_wall_ms(s.clock), .last_error = "refused"};
    ck_assert_uint_ge(pings_in(10 * MINUTE), 9);
    ck_assert_uint_eq(pings_in(10 * MINUTE), 0);
    w.lane.failing_since_ms = 0;
    ck_assert_uint_eq(pings_in(5 * MINUTE), 5);
}
END_TEST

START_TEST(a_ping_that_hangs_has_no_second_beside_it)
{
    run_for(MINUTE);
    ck_assert_uint_eq(pings, 1);
    run_for(5 * MINUTE); /* outbound_http() would notice */
    ck_assert_uint_eq(pings, 1);
    answer_ping();
    run_for(MINUTE);
    ck_assert_uint_eq(pings, 2);
    answer_ping();
    ck_assert_uint_eq(self->pings, 2);
    w.ping_status = 500;
    pings_in(2 * MINUTE);
    ck_assert_uint_eq(self->pings, 2);
    ck_assert_uint_eq(self->pings_failed, 2);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_ten_seconds_the_canary_goes_in);
    tcase_add_test(t, all_samples_carry_the_label_that_is_ours);
    tcase_add_test(t, what_was_mended_is_told_until_its_alert_ends);
    tcase_add_test(t, an_outage_of_redis_counts_from_its_first_word);
    tcase_add_test(t, a_redis_that_refuses_is_told_by_its_word);
    tcase_add_test(t, a_word_of_redis_has_a_bound);
    tcase_add_test(t, input_is_missed_only_once_there_was_some);
    tcase_add_test(t, a_turn_has_a_bound_and_the_canary_is_within_it);
    tcase_add_test(t, many_rules_are_asked_over_several_turns_and_told_in_one_request);
    tcase_add_test(t, what_the_start_has_lost_is_told_for_an_hour);
    tcase_add_test(t, ready_is_only_what_keeps_and_takes_everything);
    tcase_add_test(t, a_redis_that_may_lose_something_is_said_so);
    tcase_add_test(t, a_standby_is_ready_while_it_sees_a_holder);
    tcase_add_test(t, it_is_pinged_while_everything_works);
    tcase_add_test(t, it_is_not_pinged_when_samples_do_not_come_through);
    tcase_add_test(t, it_is_not_pinged_when_a_lane_has_failed_for_long);
    tcase_add_test(t, a_ping_that_hangs_has_no_second_beside_it);
}

UNIT_MAIN("app/selfwatch", add)
