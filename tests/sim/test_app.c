/* Rule files, what their reloads say and fill, and the program watching itself, from files on disk to
 * alerts, on a virtual clock with a Redis in memory. Everything has the defaults of a user's first file:
 * rules look every 10 s. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/dataset.h"
#include "app/rulebook.h"
#include "app/selfwatch.h"
#include "app/wire.h"
#include "base/builtin.h"
#include "base/files.h"
#include "base/mem.h"
#include "fake_db.h"
#include "fake_loop.h"
#include "fake_outbound.h"

#define SEC      INT64_C(1000)
#define MINUTE   (60 * SEC)
#define START_MS INT64_C(1767571200000)

static const char config_text[] =
    "receiver 'ops' { webhook { url = 'http://ops/' } }\n"
    "route { receiver = 'ops', group_by = { 'alertname' }, group_wait = '1s' }\n"
    "deadman { url = 'http://deadman/', every = '1m' }\n";

static struct world {
    struct clock *clock;
    struct fake_redis *redis;
    struct loop *loop;
    struct db *db;
    struct outbound *outbound;
    struct config *config;
    struct rulefile *own;
    struct rulebook *book;
    struct wire *wire;
    struct intake *ingest;
    struct dataset *dataset;
    struct lease *lease;
    struct forward *forward;
    struct selfwatch *self;
    char folder[64], pattern[80];
    const char *patterns[1];
    bool ready, ending, receiver_fails;
    int pings, firing_told, gone_told;
} w;

/* --- the world --- */

static const char *at(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", w.folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    struct err e;

    ck_assert_int_eq(file_write(at(name), text, strlen(text), &e), 0);
}

static void load_rules(struct wire *wire, void *arg)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    struct err e = {0};

    (void)arg;
    w.own = rulefile_load(f->path, f->text, f->len, NULL, &e);
    ck_assert_msg(w.own != NULL, "%s", e.text);
    ck_assert_int_eq(rules_put(wire_parts(wire)->rules, f->path, w.own, clock_wall_ms(w.clock), &e),
                     0);
    rulebook_reserve(w.book, w.own);
    rulebook_load(w.book, wire, w.patterns, 1);
    wire_rules_loaded(wire);
}

static void kept(const char *path, const char *text, size_t len, void *arg)
{
    (void)arg;
    rulebook_keep(w.book, path, text, len);
}

static void rewrite(struct store_table *t, void *arg)
{
    (void)arg;
    rulebook_rewrite(w.book, t);
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
    if (w.wire && !w.ending) {
        lease_db_up(w.lease);
        wire_db_up(w.wire);
    }
    if (w.self)
        selfwatch_db(w.self, true);
}

static void on_down(const char *why, void *arg)
{
    (void)why, (void)arg;
    if (w.wire && !w.ending)
        wire_db_down(w.wire);
    if (w.self)
        selfwatch_db(w.self, false);
}

static bool is_ready(void *arg)
{
    (void)arg;
    return w.ready;
}

static struct fake_plan receive(const struct fake_message *m, void *arg)
{
    (void)arg;
    if (strstr(m->url, "deadman"))
        w.pings++;
    else if (w.receiver_fails)
        return (struct fake_plan){FAKE_FAILS, 10};
    else if (strstr(m->body, "\"alertname\":\"A\""))
        *(strstr(m->body, "\"end_reason\":\"gone\"") ? &w.gone_told : &w.firing_told) += 1;
    return (struct fake_plan){FAKE_TAKES, 10};
}

static const struct fake_receiver receiver = {.receive = receive};

static void append(const struct decode_batch *b, uint64_t identity, intake_done done,
                   void *done_arg, void *arg)
{
    (void)b, (void)identity, (void)done, (void)done_arg, (void)arg;
}

static void nobody(struct lease_holder *out, void *arg)
{
    (void)arg;
    *out = (struct lease_holder){.name = "one"};
}

static void nothing(void *arg)
{
    (void)arg;
}

static void process_start(void)
{
    struct db_options d = {.url = "fake:", .on_up = on_up, .on_down = on_down};
    struct wire_options o = {.load_rules = load_rules,
                             .kept_rule_file = kept,
                             .rewrite_rule_files = rewrite,
                             .ready = on_ready};
    struct intake_options in = {.clock = w.clock, .append = append};
    struct selfwatch_options self = {0};
    struct err e = {0};

    w.ready = w.ending = false;
    w.loop = o.loop = loop_new(w.clock, NULL);
    fake_db_serve(w.redis);
    w.db = o.db = db_open(w.loop, &d, NULL);
    w.outbound = o.outbound = outbound_new(w.loop, NULL, NULL);
    w.config = config_load("tocsin.lua", config_text, sizeof config_text - 1, NULL, &e);
    ck_assert_msg(w.config != NULL, "%s", e.text);
    o.config = w.config;
    w.book = rulebook_new();
    w.wire = wire_new(&o, &e);
    ck_assert_msg(w.wire != NULL, "%s", e.text);
    in.series = wire_parts(w.wire)->series;
    w.ingest = intake_new(&in, &e);
    w.dataset = dataset_new(w.loop, w.db, at("none")); /* no such directory: no mark */
    w.lease = lease_new(&(struct lease_options){.loop = w.loop,
                                                .db = w.db,
                                                .alone = true,
                                                .self = nobody,
                                                .held = nothing,
                                                .standby = nothing,
                                                .lost = nothing});
    w.forward = forward_new(w.loop, "one", NULL, &e);
    ck_assert(w.lease && w.forward);
    self = (struct selfwatch_options){.wire = w.wire,
                                      .rulebook = w.book,
                                      .ingest = w.ingest,
                                      .dataset = w.dataset,
                                      .outbound = w.outbound,
                                      .lease = w.lease,
                                      .forward = w.forward};
    w.self = selfwatch_new(&self);
    ck_assert(fake_loop_wait(w.loop, is_ready, NULL, MINUTE));
    selfwatch_start(w.self);
}

static void process_kill(void)
{
    w.ending = true;
    selfwatch_free(w.self);
    w.self = NULL;
    fake_db_crash(w.db, 0);
    forward_free(w.forward);
    lease_free(w.lease);
    dataset_free(w.dataset);
    intake_free(w.ingest);
    wire_free(w.wire);
    w.wire = NULL;
    rulefile_unref(w.own);
    rulebook_free(w.book);
    outbound_free(w.outbound);
    db_close(w.db);
    loop_free(w.loop);
    config_unref(w.config);
}

static void begin(void)
{
    memset(&w, 0, sizeof w);
    strcpy(w.folder, "/tmp/tocsin-app-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w.folder));
    snprintf(w.pattern, sizeof w.pattern, "%s/*.lua", w.folder);
    w.patterns[0] = w.pattern;
    w.clock = clock_virtual(START_MS);
    w.redis = fake_redis_new(w.clock);
    fake_outbound_serve(&receiver);
}

static void end(void)
{
    static const char *const names[] = {"a.lua", "b.lua", "c.lua"};

    fake_loop_run_for(w.loop, SEC); /* what is on its way arrives: nobody would free it */
    process_kill();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(at(names[i]));
    ck_assert_int_eq(rmdir(w.folder), 0);
    fake_redis_free(w.redis);
    clock_free(w.clock);
}

/* --- asking --- */

static bool runs(const char *rule)
{
    return rules_find(wire_parts(w.wire)->rules, rule) != NULL;
}

static void add_rejected(const char *path, const char *error, void *arg)
{
    buf_addf(arg, "%s: %s\n", strrchr(path, '/') + 1, error);
}

static const char *rejected(void)
{
    static struct buf b;

    buf_free(&b);
    rulebook_rejected(w.book, add_rejected, &b);
    return buf_str(&b);
}

/* In slices of nothing, as a busy loop would get them; what it says. */
static const char *reload(bool dry_run, size_t refused)
{
    static struct buf b;
    struct json j;
    int turns = 0;

    buf_free(&b);
    j = json_into(&b);
    json_object(&j);
    rulebook_begin(w.book, w.wire, w.patterns, 1, dry_run);
    while (!rulebook_step(w.book, 1))
        ck_assert_int_lt(++turns, 10000);
    ck_assert_uint_eq(rulebook_end(w.book, w.wire, &j), refused);
    json_object_end(&j);
    fake_loop_settle(w.loop);
    return buf_str(&b);
}

static void says(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "%s\nis not in %s", part, text);
}

static void find_firing(struct alert *a, void *arg)
{
    *(size_t *)arg += a->state.firing != 0;
}

static size_t firing(const char *rule)
{
    struct alert_rule *r = alert_rule_find(wire_parts(w.wire)->book, rule);
    size_t n = 0;

    if (r)
        alert_each_of(r, find_firing, &n);
    return n;
}

static void send(const char *name, const char *g, enum sample_kind kind, double v)
{
    struct label l[] = {label_of("__name__", name), label_of("g", g)};
    struct sample s = {.t_ms = clock_wall_ms(w.clock), .v = v, .weight = 1, .kind = (uint8_t)kind};
    struct journal_request r = {.samples = &s, .n_samples = 1};
    bool is_new;

    s.series = series_resolve(wire_parts(w.wire)->series, l, 2, "", kind, &is_new);
    journal_append(wire_parts(w.wire)->journal, &r, NULL, NULL);
    fake_loop_settle(w.loop);
}

#define ALERT(name, limit)                                                                    \
    "alert '" name "' { priority = 'P3', value = m.x:last():max_by('g'), fire = above(" limit \
    ") }\n"

/* --- rule files --- */

START_TEST(each_file_is_accepted_or_refused_by_itself)
{
    begin();
    put("a.lua", ALERT("A", "10"));
    put("b.lua", "alert 'B' {\n");
    process_start();
    ck_assert(runs("A") && !runs("B"));
    says(rejected(), "b.lua: b.lua:");
    ck_assert_ptr_null(strstr(rejected(), "a.lua"));
    put("b.lua", ALERT("B", "10"));
    says(reload(false, 0), "\"added\":\"B\"");
    ck_assert(runs("A") && runs("B"));
    ck_assert_str_eq(rejected(), "");
    end();
}
END_TEST

START_TEST(a_file_that_breaks_keeps_its_version_also_over_a_kill)
{
    begin();
    put("a.lua", ALERT("A", "10"));
    process_start();
    send("x", "one", SAMPLE_GAUGE, 50);
    ck_assert_uint_eq(firing("A"), 1);
    put("a.lua", "alert 'A' { priority = 'P9' }\n");
    says(reload(false, 1), "\"status\":\"rejected\"");
    ck_assert(runs("A"));
    ck_assert_uint_eq(firing("A"), 1);
    fake_loop_run_for(w.loop, SEC);
    process_kill();
    process_start();
    ck_assert(runs("A"));
    says(rejected(), "a.lua");
    ck_assert_uint_eq(firing("A"), 1);
    end();
}
END_TEST

START_TEST(of_two_files_that_quarrel_the_newcomer_is_at_fault)
{
    begin();
    put("b.lua", ALERT("A", "10"));
    process_start();
    put("a.lua", ALERT("A", "20")); /* sorted before the one that runs */
    reload(false, 1);
    says(rejected(), "a.lua: ");
    ck_assert_ptr_null(strstr(rejected(), "b.lua: "));
    put("c.lua", ALERT("Canary", "1")); /* a name of Tocsin's own */
    reload(false, 2);
    says(rejected(), "c.lua: ");
    unlink(at("b.lua"));
    says(reload(false, 1), "\"status\":\"removed\"");
    ck_assert(runs("A")); /* the name is free */
    end();
}
END_TEST

START_TEST(a_dry_run_says_it_all_and_changes_nothing)
{
    const char *text;

    begin();
    put("a.lua", ALERT("A", "10"));
    put("b.lua", ALERT("B", "10"));
    process_start();
    send("x", "one", SAMPLE_GAUGE, 50);
    put("a.lua", ALERT("A", "60"));
    put("c.lua", "nonsense\n");
    unlink(at("b.lua"));
    text = reload(true, 1);
    says(text, "A limit 10 → 60");
    says(text, "#1 will resolve");
    says(text, "\"removed\":\"B\"");
    says(text, "\"would_resolve\":[\"{");
    says(text, "rejected");
    ck_assert(runs("B"));
    ck_assert_str_eq(rejected(), "");
    ck_assert_uint_eq(firing("A"), 1);
    end();
}
END_TEST

/* --- what a reload says --- */

START_TEST(an_incident_that_will_resolve_is_told_once_and_only_when_all_of_it_does)
{
    const char *text, *first;

    begin();
    put("a.lua", ALERT("A", "10"));
    process_start();
    send("x", "one", SAMPLE_GAUGE, 50);
    send("x", "two", SAMPLE_GAUGE, 55);
    ck_assert_uint_eq(firing("A"), 2);
    put("a.lua", ALERT("A", "52"));
    text = reload(true, 0);
    says(text, "A limit 10 → 52");
    ck_assert_msg(!strstr(text, "will resolve"), "two stays on: %s", text);
    put("a.lua", ALERT("A", "60"));
    text = reload(true, 0);
    first = strstr(text, "#1 will resolve");
    ck_assert_msg(first && !strstr(first + 1, "#1 will resolve"), "%s", text);
    end();
}
END_TEST

/* --- windows of a rule that a reload adds --- */

START_TEST(a_new_rule_has_the_past_that_the_journal_holds_once)
{
    struct wire_stats st;

    begin();
    put("a.lua", ALERT("A", "10"));
    process_start();
    for (int i = 0; i < 60; i++) {
        send("hits", "one", SAMPLE_DELTA, 1);
        fake_loop_run_for(w.loop, 5 * SEC);
    }
    put("b.lua",
        "alert 'Sum' { priority = 'P3', value = m.hits:sum('10m'):by('g'), fire = at_least(60) }\n"
        "alert 'Twice' { priority = 'P3', value = m.hits:sum('10m'):by('g'), fire = above(62) }\n");
    reload(false, 0);
    send("hits", "one", SAMPLE_DELTA, 1); /* while, or after, the journal is read */
    fake_loop_run_for(w.loop, 15 * SEC);
    wire_take_stats(w.wire, &st);
    ck_assert(st.fills >= 1 && st.fills_running == 0);
    ck_assert_uint_eq(firing("Sum"), 1);
    ck_assert_uint_eq(firing("Twice"), 0);
    end();
}
END_TEST

/* --- watching itself --- */

static void scrape(bool with_x)
{
    for (int i = 0; i < 2; i++) {
        struct label l[] = {label_of("__name__", i ? "x" : "y"), label_of("g", "one"),
                            label_of("instance", "host:1"), label_of("job", "node")};
        struct sample s = {
            .t_ms = clock_wall_ms(w.clock), .v = 50, .weight = 1, .kind = SAMPLE_GAUGE};
        struct journal_request r = {.samples = &s, .n_samples = 1};
        bool is_new;

        if (i && !with_x)
            break;
        s.series = series_resolve(wire_parts(w.wire)->series, l, 4, "", SAMPLE_GAUGE, &is_new);
        journal_append(wire_parts(w.wire)->journal, &r, NULL, NULL);
    }
    fake_loop_run_for(w.loop, 15 * SEC);
}

/* A scrape every 15 s, of which one series is missing from the fifth minute on; a kill at any time. */
START_TEST(an_alert_of_what_is_gone_ends_once_whenever_the_program_is_restarted)
{
    static const int kill_at[] = {-1, 0,  1,  2,  4,  5,  20,
                                  57, 58, 59, 60, 61, 62, 80}; /* scrapes later */

    begin();
    put("a.lua", "alert 'A' { priority = 'P3', value = m.x:last(), fire = above(10) }\n");
    process_start();
    for (int i = 0; i < 20; i++)
        scrape(true);
    ck_assert_uint_eq(firing("A"), 1);
    for (int i = 0; i < 100; i++) {
        if (i == kill_at[_i]) {
            process_kill();
            process_start();
        }
        if (i == 58) /* 14:45 after its last sample */
            ck_assert_uint_eq(firing("A"), 1);
        scrape(false);
        if (i >= 62) /* 15:45 after it */
            ck_assert_uint_eq(firing("A"), 0);
    }
    ck_assert_int_eq(w.firing_told, 1);
    ck_assert_int_eq(w.gone_told, 1);
    end();
}
END_TEST

START_TEST(a_refused_file_raises_an_alert_that_ends_when_it_is_mended)
{
    begin();
    put("a.lua", "alert 'A' {\n");
    process_start();
    fake_loop_run_for(w.loop, 30 * SEC);
    ck_assert_uint_eq(firing("RuleFileRejected"), 1);
    fake_loop_run_for(w.loop, SEC);
    process_kill();
    put("a.lua", ALERT("A", "10"));
    process_start(); /* nothing remembers that it was refused, but the alert */
    fake_loop_run_for(w.loop, 2 * MINUTE);
    ck_assert_uint_eq(firing("RuleFileRejected"), 0);
    end();
}
END_TEST

START_TEST(the_deadman_is_pinged_only_while_everything_works)
{
    int pings;

    begin();
    put("a.lua", ALERT("A", "10"));
    process_start();
    fake_loop_run_for(w.loop, 5 * MINUTE);
    ck_assert_int_ge(w.pings, 3);
    w.receiver_fails = true;
    send("x", "one", SAMPLE_GAUGE, 50);
    fake_loop_run_for(w.loop, 15 * MINUTE); /* a lane may fail for ten */
    pings = w.pings;
    fake_loop_run_for(w.loop, 10 * MINUTE);
    ck_assert_int_eq(w.pings, pings);
    w.receiver_fails = false;
    fake_loop_run_for(w.loop, 5 * MINUTE);
    ck_assert_int_gt(w.pings, pings);
    end();
}
END_TEST

START_TEST(readiness_says_what_is_missing)
{
    struct buf b = BUF_INIT;
    struct json j = json_into(&b);

    begin();
    process_start();
    ck_assert(selfwatch_ready(w.self, &j));
    buf_clear(&b);
    fake_db_down(w.db, 0);
    fake_loop_settle(w.loop);
    j = json_into(&b);
    ck_assert(!selfwatch_ready(w.self, &j));
    says(buf_str(&b), "Redis is away: pages go on from memory");
    fake_db_up(w.db);
    fake_loop_run_for(w.loop, SEC);
    buf_clear(&b);
    j = json_into(&b);
    ck_assert_msg(selfwatch_ready(w.self, &j), "%s", buf_str(&b));
    buf_free(&b);
    end();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, each_file_is_accepted_or_refused_by_itself);
    tcase_add_test(t, a_file_that_breaks_keeps_its_version_also_over_a_kill);
    tcase_add_test(t, of_two_files_that_quarrel_the_newcomer_is_at_fault);
    tcase_add_test(t, a_dry_run_says_it_all_and_changes_nothing);
    tcase_add_test(t, an_incident_that_will_resolve_is_told_once_and_only_when_all_of_it_does);
    tcase_add_test(t, a_new_rule_has_the_past_that_the_journal_holds_once);
    tcase_add_loop_test(t, an_alert_of_what_is_gone_ends_once_whenever_the_program_is_restarted, 0,
                        14);
    tcase_add_test(t, a_refused_file_raises_an_alert_that_ends_when_it_is_mended);
    tcase_add_test(t, the_deadman_is_pinged_only_while_everything_works);
    tcase_add_test(t, readiness_says_what_is_missing);
}

UNIT_MAIN("app", add)
