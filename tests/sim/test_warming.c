/* Conditions that ask for less, or for nothing, over windows that were not seen whole: from the
 * journal to the receiver, on a virtual clock, with the times that rules have by default. What must
 * hold for each of them, however its windows began:
 *
 *   - in healthy traffic nobody is told anything;
 *   - when the traffic falls ill, somebody is, at the latest a window later;
 *   - what was ill from the start is told at the latest a window after it. */
#include "unit.h"

#include <string.h>

#include "app/wire.h"
#include "base/mem.h"
#include "fake_db.h"
#include "fake_loop.h"
#include "fake_outbound.h"

#define SEC      INT64_C(1000)
#define MINUTE   (60 * SEC)
#define START_MS INT64_C(1767571200000)
#define FEED_MS  (15 * SEC)
#define SLACK_MS (30 * SEC) /* a sample, a tick, the wait of the group */

static const char config_text[] =
    "receiver 'ops' { webhook { url = 'http://ops/' } }\n"
    "route { receiver = 'ops', group_by = { 'alertname' }, group_wait = '1s' }\n";

static const struct {
    const char *text;
    int64_t window_ms;
    bool stops; /* ill is: no samples; else: a counter that stands */
} conditions[] = {
    {"alert 'A' { value = m.req_total:rate('5m'):by('g'), fire = below(5) }", 5 * MINUTE, false},
    {"alert 'A' { value = m.req_total:count('5m'):by('g'), fire = below(10) }", 5 * MINUTE, true},
    {"alert 'A' { value = m.req_total:increase('1m'):by('g') /\n"
     "  m.req_total:increase('5m'):by('g'), fire = below(0.1) }",
     5 * MINUTE, false},
    {"alert 'A' { fire = m.req_total:last('2m'):max_by():missing() }", 2 * MINUTE, true},
    {"alert 'A' { value = m.req_total:last('2m'):max_by('g'), fire = equals(-1),\n"
     "  missing = 'fire', expect = { { g = 'a' } } }",
     2 * MINUTE, true},
};
#define CONDITIONS ((int)(sizeof conditions / sizeof *conditions))

enum beginning { NEW_RULE, NO_DATA, NEW_GROUP, KILL, OUTAGE, BEGINNINGS };

static struct world {
    struct clock *clock;
    struct fake_redis *redis;
    struct loop *loop;
    struct db *db;
    struct outbound *outbound;
    struct config *config;
    struct rulefile *file;
    struct wire *wire;
    const char *rules; /* that a start loads; NULL: none */
    bool ready, dying;
    bool groups[2];
    bool ill, stops;
    double total;
    int told;
} w;

static void put_rules(void)
{
    struct err e = {0};
    int64_t at_ms = clock_wall_ms(w.clock);
    struct rules *rules = wire_parts(w.wire)->rules;

    w.file = rulefile_load("rules.lua", w.rules, strlen(w.rules), NULL, &e);
    ck_assert_msg(w.file != NULL, "%s", e.text);
    ck_assert_int_eq(rules_put(rules, "rules.lua", w.file, at_ms, &e), 0);
    rules_link(rules, at_ms);
}

static void load_rules(struct wire *wire, void *arg)
{
    (void)arg;
    w.wire = wire;
    if (w.rules)
        put_rules();
    wire_rules_loaded(wire);
}

static void reload(const char *rules)
{
    w.rules = rules;
    while (!wire_hold(w.wire))
        fake_loop_run_for(w.loop, 1);
    put_rules();
    wire_fill_new_leaves(w.wire);
    wire_release(w.wire);
}

static void kept(const char *path, const char *text, size_t len, void *arg)
{
    (void)path, (void)text, (void)len, (void)arg;
}

static void rewrite(struct store_table *t, void *arg)
{
    (void)t, (void)arg;
}

static void on_ready(const struct err *e, void *arg)
{
    (void)arg;
    ck_assert_msg(!e, "%s", e ? e->text : "");
    w.ready = true;
}

static void on_up(void *arg)
{
    (void)arg;
    if (w.wire && !w.dying)
        wire_db_up(w.wire);
}

static void on_down(const char *why, void *arg)
{
    (void)why, (void)arg;
    if (w.wire && !w.dying)
        wire_db_down(w.wire);
}

static bool is_ready(void *arg)
{
    (void)arg;
    return w.ready;
}

static struct fake_plan receive(const struct fake_message *m, void *arg)
{
    (void)m, (void)arg;
    w.told++;
    return (struct fake_plan){FAKE_TAKES, 10};
}

static const struct fake_receiver receiver = {.receive = receive};

static void process_start(void)
{
    struct db_options d = {.url = "fake:", .on_up = on_up, .on_down = on_down};
    struct wire_options o = {.load_rules = load_rules,
                             .kept_rule_file = kept,
                             .rewrite_rule_files = rewrite,
                             .ready = on_ready};
    struct err e = {0};

    w.ready = w.dying = false;
    w.loop = o.loop = loop_new(w.clock, NULL);
    fake_db_serve(w.redis);
    w.db = o.db = db_open(w.loop, &d, NULL);
    w.outbound = o.outbound = outbound_new(w.loop, NULL, NULL);
    w.config = config_load("tocsin.lua", config_text, sizeof config_text - 1, NULL, &e);
    ck_assert_msg(w.config != NULL, "%s", e.text);
    o.config = w.config;
    w.wire = wire_new(&o, &e);
    ck_assert_msg(w.wire != NULL, "%s", e.text);
    ck_assert(fake_loop_wait(w.loop, is_ready, NULL, MINUTE));
}

static void process_kill(void)
{
    w.dying = true;
    fake_db_crash(w.db, 0);
    wire_free(w.wire);
    outbound_free(w.outbound);
    db_close(w.db);
    loop_free(w.loop);
    rulefile_unref(w.file);
    config_unref(w.config);
    w.file = NULL;
    w.wire = NULL;
}

static void begin(const char *rules)
{
    memset(&w, 0, sizeof w);
    w.clock = clock_virtual(START_MS);
    w.redis = fake_redis_new(w.clock);
    w.rules = rules;
    w.groups[0] = true;
    fake_outbound_serve(&receiver);
    process_start();
}

static void end(void)
{
    process_kill();
    fake_redis_free(w.redis);
    clock_free(w.clock);
}

static struct sample sample_of(const char *name, const char *group, double v)
{
    struct label l[] = {label_of("__name__", name), label_of("g", group)};
    struct sample s = {
        .t_ms = clock_wall_ms(w.clock), .v = v, .weight = 1, .kind = (uint8_t)SAMPLE_CUMULATIVE};
    bool is_new;

    s.series = series_resolve(wire_parts(w.wire)->series, l, 2, "t", SAMPLE_CUMULATIVE, &is_new);
    return s;
}

/* Ten requests a second in each group, one sample each 15 s; something else always reports. */
static void run(int64_t ms)
{
    for (int64_t until_ms = clock_mono_ms(w.clock) + ms; clock_mono_ms(w.clock) < until_ms;) {
        struct sample s[3];
        struct journal_request r = {.samples = s};

        s[r.n_samples++] = sample_of("other_total", "a", 1);
        w.total += w.ill ? 0 : 150;
        for (int g = 0; g < 2; g++)
            if (w.groups[g] && !(w.ill && w.stops))
                s[r.n_samples++] = sample_of("req_total", g ? "b" : "a", w.total);
        journal_append(wire_parts(w.wire)->journal, &r, NULL, NULL);
        fake_loop_run_for(w.loop, FEED_MS);
    }
}

static void how_it_begins(enum beginning how, const char *rule)
{
    begin(how == NEW_RULE ? NULL : rule);
    if (how == NO_DATA)
        return;
    run(how == NEW_RULE ? 2 * MINUTE : 12 * MINUTE);
    ck_assert_int_eq(w.told, 0);
    switch (how) {
    case NEW_RULE:
        reload(rule);
        break;
    case NEW_GROUP:
        w.groups[1] = true;
        break;
    case KILL:
        process_kill();
        process_start();
        break;
    default:
        process_kill();
        clock_set(w.clock, clock_wall_ms(w.clock) + 20 * MINUTE);
        w.total += 10 * 20 * 60;
        process_start();
        break;
    }
}

START_TEST(healthy_traffic_pages_nobody_and_ill_traffic_does_within_its_window)
{
    int c = _i % CONDITIONS;

    how_it_begins((enum beginning)(_i / CONDITIONS), conditions[c].text);
    run(12 * MINUTE);
    ck_assert_msg(w.told == 0, "beginning %d of %s", _i / CONDITIONS, conditions[c].text);
    w.stops = conditions[c].stops;
    w.ill = true;
    run(conditions[c].window_ms + SLACK_MS);
    ck_assert_msg(w.told == 1, "beginning %d of %s: told %d", _i / CONDITIONS, conditions[c].text,
                  w.told);
    end();
}
END_TEST

/* A series that never came is missed by those only that name it, and a standing counter has no
 * ratio. */
static const int from_the_start[] = {0, 3, 4};
#define FROM_THE_START ((int)(sizeof from_the_start / sizeof *from_the_start))

START_TEST(what_is_ill_from_the_start_is_told_at_the_latest_a_window_later)
{
    int c = from_the_start[_i % FROM_THE_START];

    begin(_i < FROM_THE_START ? conditions[c].text : NULL);
    w.stops = conditions[c].stops;
    w.ill = true;
    if (_i >= FROM_THE_START) {
        run(MINUTE);
        reload(conditions[c].text);
    }
    run(conditions[c].window_ms + SLACK_MS);
    ck_assert_msg(w.told == 1, "%s: told %d", conditions[c].text, w.told);
    end();
}
END_TEST

/* --- an exchange of rules, in slices --- */

static void note_answer(enum journal_answer got, const struct err *e, void *arg)
{
    (void)e;
    *(int *)arg = 1 + (int)got;
}

START_TEST(blocks_and_ticks_wait_while_rules_are_exchanged_and_come_at_once_afterwards)
{
    struct sample s;
    struct journal_request r = {.samples = &s, .n_samples = 1};
    const struct wire_parts *p;
    uint32_t block;
    int64_t looked_ms;
    int answer = 0;

    begin(conditions[0].text);
    run(MINUTE);
    p = wire_parts(w.wire);
    while (!wire_hold(w.wire))
        fake_loop_run_for(w.loop, 1);
    block = windows_block(p->windows);
    looked_ms = rules_now_ms(p->rules);
    s = sample_of("other_total", "a", 1);
    journal_append(p->journal, &r, note_answer, &answer);
    fake_loop_run_for(w.loop, 12 * SEC); /* over the next tick */
    ck_assert_uint_eq(windows_block(p->windows), block);
    ck_assert_int_eq(rules_now_ms(p->rules), looked_ms);
    ck_assert_int_eq(answer, 0);
    wire_release(w.wire);
    fake_loop_run_for(w.loop, 1);
    ck_assert_uint_eq(windows_block(p->windows), block + 1);
    ck_assert_int_gt(rules_now_ms(p->rules), looked_ms);
    ck_assert_int_eq(answer, 1 + (int)JOURNAL_STORED);
    end();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, blocks_and_ticks_wait_while_rules_are_exchanged_and_come_at_once_afterwards);
    tcase_add_loop_test(t, healthy_traffic_pages_nobody_and_ill_traffic_does_within_its_window, 0,
                        BEGINNINGS * CONDITIONS);
    tcase_add_loop_test(t, what_is_ill_from_the_start_is_told_at_the_latest_a_window_later, 0,
                        2 * FROM_THE_START);
}

UNIT_MAIN("warming", add)
