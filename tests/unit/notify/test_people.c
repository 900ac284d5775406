/* What people do and ask: guard rails of silences, scopes, notices in detail, answers that parse,
 * records that cannot be read, and a start that compares with the book of alerts. */
#include "scene.h"

#include <cjson/cJSON.h>

#include "base/mem.h"
#include "notify/incident.h"
#include "notify/notify_impl.h"
#include "notify/restore.h"
#include "notify/silence_rails.h"

static struct scene *s;

static void setup(void)
{
    s = scene_new();
}

static void teardown(void)
{
    scene_free(s);
}

static void fire_many(int n, const char *team)
{
    char words[96];

    for (int i = 0; i < n; i++) {
        struct actor_alert x = {.used = false};
        struct label l[4];
        struct buf key = BUF_INIT;
        snprintf(words, sizeof words, "i%03d", i);
        l[0] = label_of("alertname", "Many");
        l[1] = label_of("instance", words);
        l[2] = label_of("svc", i % 2 ? "web" : "db");
        l[3] = label_of("team", team);
        x.a.origin = "rule:Many";
        x.a.state.firing = 3;
        x.a.started_ms = clock_wall_ms(s->clock);
        x.a.labels = l;
        x.a.n_labels = 4;
        x.a.fingerprint = labels_fingerprint(l, 4);
        alert_key_text(x.a.origin, l, 4, &key);
        x.a.key = key.data;
        notify_alert(s->n, &x.a, CHANGE_FIRED, clock_wall_ms(s->clock));
        buf_free(&key);
    }
    notify_run(s->n);
}

/* --- guard rails ---------------------------------------------------------------------------------------- */

struct rail {
    const char *matchers;
    int64_t hours, wide;
    bool admin, ok;
    const char *says;
};

static const struct rail rails[] = {
    {"alertname=Many,svc=web", 1, 0, true, true, ""}, /* 6 of 12: a handful */
    {"svc!=web", 1, 0, true, false, "negative or matches the empty"},
    {"svc=~\".*\"", 1, 0, true, false, "negative or matches the empty"},
    {"svc!=web", 1, -1, true, true, ""}, /* Alertmanager's API: warned */
    {"alertname=Many", 1, 0, true, false, "(--wide 12)"},
    {"alertname=Many", 1, 11, true, false, "(--wide 12)"},
    {"alertname=Many", 1, 12, true, true, ""},
    {"alertname=Many", 1, 13, true, true, ""},
    {"svc=web", 168, 0, true, true, ""},
    {"svc=web", 169, 0, true, false, "at most 7 days"},
    {"svc=web", 0, 0, true, false, "ends before it starts"},
    {"svc=web", -1, 0, true, false, "in the past"},
    {"alertname=RuleBroken", 1, 0, false, false, "admin"},
    {"alertname=RuleBroken", 1, 0, true, true, ""},
    /* whatever would hold one of them when it fires, also by what is not its name */
    {"alertname=RedisAway", 1, 0, false, false, "team!="},
    {"alertname=~Redis.*", 1, 0, false, false, "admin"},
    {"team=tocsin", 1, 0, false, false, "admin"},
    {"alertname!=Many,team=~toc.*", 1, 0, false, false, "admin"},
    {"rule=a", 1, 0, false, false, "admin"}, /* groups of RuleBroken have that label */
    {"rule=a,team!=tocsin", 1, 0, false, true, ""},
    {"alertname=RedisAway,host=a", 1, 0, false, true, ""}, /* it has no host */
    /* what takes every value asks, however little it mutes now */
    {"none=~\".+\"", 1, 0, true, false, "--wide 1"},
    {"none=~\".+\",svc!=web", 1, 0, true, false, "takes every value"},
    {"none=~\"(.|x)+\",host=~\".*\"", 1, 0, true, false, "takes every value"},
    {"none=~\"\\\\S+\"", 1, 0, true, false, "takes every value"},
    {"none=~\"[a-z0-9.-]+\"", 1, 0, true, false, "takes every value"},
    {"none=~\"\\\\w+\"", 1, 0, true, false, "takes every value"},
    {"none=~\"..+\"", 1, 0, true, false, "takes every value"},
    {"none=~\"web-.*\"", 1, 0, true, true, ""},
    {"none=~\"[0-9]+\"", 1, 0, true, true, ""},
    {"none=~\".+\"", 1, 1, true, true, ""},
    {"none=~\"web.*\"", 1, 0, true, true, ""},
    {"svc=none,host=~\".*\"", 1, 0, true, true, ""}, /* svc says what is meant */
    {"svc=none", 1, 0, false, true, ""},
};

START_TEST(guard_rails)
{
    const struct rail *r = &rails[_i];
    struct actor who = {.who = "bo", .admin = r->admin};
    struct silence_request q = {.wide = r->wide};
    struct matcher *m[4];
    char copy[128], *at = copy, *w;
    struct err e = {0};
    const struct silence *made;

    static const struct label team[] = {
        {.name = "team", .value = "tocsin", .name_len = 4, .value_len = 6}};
    static const char *const by[] = {"rule"};
    static const struct own_alert own[] = {
        {.name = "RuleBroken", .labels = team, .n_labels = 1, .by = by, .n_by = 1},
        {.name = "RedisAway", .labels = team, .n_labels = 1}};

    notify_set_own(s->n, own, 2);
    fire_many(12, "core");
    snprintf(copy, sizeof copy, "%s", r->matchers);
    while ((w = strsep(&at, ",")))
        m[q.n_matchers++] = matcher_parse(w, strlen(w), &e);
    q.matchers = m;
    q.ends_ms = START + r->hours * 3600 * SEC + (r->hours == 0 ? 0 : 0);
    if (r->hours == 0)
        q.starts_ms = START + 10 * SEC, q.ends_ms = START + 5 * SEC;
    made = notify_silence(s->n, &q, &who, NULL, &e);
    ck_assert_msg((made != NULL) == r->ok, "%s: %s", r->matchers, e.text);
    ck_assert_msg(r->ok || strstr(e.text, r->says), "%s: %s", r->matchers, e.text);
    for (size_t i = 0; i < q.n_matchers; i++)
        matcher_unref(m[i]);
}
END_TEST

/* svc is missing in that incident: to have none is what its alerts have in common. */
START_TEST(the_silence_of_an_incident_without_its_group_label_holds_no_other)
{
    struct label l[2] = {label_of("alertname", "Errors"), label_of("team", "core")};
    struct label other[3] = {l[0], label_of("svc", "web"), l[1]};
    struct silence_request q = {.incident = 1, .ends_ms = START + 3600 * SEC};
    struct actor who = {.who = "bo", .admin = true};
    struct actor_alert x = {.used = false};
    const struct silence *made;
    struct err e = {0};

    x.a.key = "alertname=Errors,team=core,";
    x.a.origin = "rule:Errors";
    x.a.state.firing = 3;
    x.a.started_ms = clock_wall_ms(s->clock);
    x.a.labels = l;
    x.a.n_labels = 2;
    x.a.fingerprint = labels_fingerprint(l, 2);
    notify_alert(s->n, &x.a, CHANGE_FIRED, clock_wall_ms(s->clock));
    notify_run(s->n);
    made = notify_silence(s->n, &q, &who, NULL, &e);
    ck_assert_msg(made != NULL, "%s", e.text);
    ck_assert(silence_matches(made, l, 2, 3));
    ck_assert(!silence_matches(made, other, 3, 3));
}
END_TEST

START_TEST(preview_counts)
{
    struct silence_request q = {.ends_ms = START + 3600 * SEC};
    struct silence_preview p;
    struct matcher *m;
    struct err e = {0};

    fire_many(12, "core");
    m = matcher_parse("svc=web", 7, &e);
    q.matchers = &m;
    q.n_matchers = 1;
    ck_assert_int_eq(notify_silence_preview(s->n, &q, &ana, &p, &e), 0);
    ck_assert_uint_eq(p.now, 6);
    ck_assert_uint_eq(p.active, 12);
    ck_assert_uint_eq(p.incidents, 1);
    ck_assert_uint_eq(p.rules, 1);
    ck_assert_uint_eq(p.week, 6);
    ck_assert_int_eq(p.priority, 3);
    ck_assert(!p.wide && !p.own && !p.week_complete);
    ck_assert_ptr_null(notify_silence_find(s->n, "s1")); /* nothing was made */
    matcher_unref(m);
}
END_TEST

START_TEST(updates)
{
    struct err e = {0};
    const struct silence *a = scene_silence(s, "svc=web", 3600, &e);
    char id[UUID_LEN + 1];
    struct matcher *m = matcher_parse("svc=web", 7, &e), *other = matcher_parse("svc=db", 6, &e);
    struct silence_request q = {
        .id = "s1", .matchers = &m, .n_matchers = 1, .ends_ms = START + 7200 * SEC};

    memcpy(id, a->id, sizeof id);
    a = notify_silence(s->n, &q, &ana, NULL, &e); /* longer: the same one */
    ck_assert_str_eq(a->id, id);
    ck_assert_int_eq(a->ends_ms, START + 7200 * SEC);
    q.id = id;
    q.matchers = &other;
    a = notify_silence(s->n, &q, &ana, NULL, &e); /* other matchers: another one */
    ck_assert_str_eq(a->short_id, "s2");
    ck_assert_int_eq(silence_state(notify_silence_find(s->n, "s1"), START), SILENCE_EXPIRED);
    q.id = "s99";
    ck_assert_ptr_null(notify_silence(s->n, &q, &ana, NULL, &e));
    ck_assert_int_eq(e.code, ERR_INPUT);
    matcher_unref(m);
    matcher_unref(other);
}
END_TEST

/* A token's scope is an implied matcher on all that it does. */
START_TEST(scope)
{
    struct err e = {0};
    struct matcher *team = matcher_parse("team=live", 9, &e), *m = matcher_parse("svc=web", 7, &e);
    struct actor who = {.who = "bo", .scope = &team, .n_scope = 1};
    struct silence_request q = {.matchers = &m, .n_matchers = 1, .ends_ms = START + 3600 * SEC};

    scene_fire(s, "A P2 svc=web team=live");
    scene_pump(s);
    ck_assert_int_eq(notify_sight(s->n, 1, &who), SIGHT_WHOLE);
    ck_assert_int_eq(notify_ack(s->n, 1, 0, "", &who, &e), 0);
    ck_assert_int_eq(notify_release(s->n, 1, &who, &e), 0);
    scene_fire(s, "B P2 svc=web team=pager");
    scene_pump(s);
    ck_assert_int_eq(notify_sight(s->n, 1, &who), SIGHT_PART);
    ck_assert_int_eq(notify_sight(s->n, 1, NULL), SIGHT_WHOLE);
    ck_assert_int_eq(notify_ack(s->n, 1, 0, "", &who, &e), -1); /* it is B's as well */
    ck_assert_int_eq(e.code, ERR_REFUSED);
    ck_assert_int_eq(notify_drop(s->n, 1, "pager/webhook", &who, &e), -1);
    ck_assert_int_eq(e.code, ERR_REFUSED);
    ck_assert_ptr_nonnull(notify_silence(s->n, &q, &who, NULL, &e));
    scene_fire(s, "C P1 svc=db team=pager");
    scene_pump(s);
    ck_assert_int_eq(notify_sight(s->n, 2, &who), SIGHT_NONE);
    ck_assert_int_eq(notify_sight(s->n, 99, NULL), SIGHT_NONE);
    ck_assert_int_eq(notify_ack(s->n, 2, 0, "", &who, &e), -1);
    ck_assert_int_eq(e.code, ERR_INPUT); /* there is none, for him */
    ck_assert_int_eq(notify_silence_expire(
                         s->n, "s1", &(struct actor){.who = "x", .scope = &m, .n_scope = 1}, &e),
                     -1);
    s->read = s->n_lines;
    scene_go(s, 5 * 3600 * SEC); /* A is held for an hour, B never was */
    ck_assert(strstr(s->lines[s->read], "silenced until now by s1") != NULL ||
              strstr(s->lines[s->read], "repeat") != NULL);
    matcher_unref(team);
    matcher_unref(m);
}
END_TEST

START_TEST(silences_are_forgotten)
{
    struct err e;

    scene_silence(s, "svc=web", 3600, &e);
    scene_go(s, 3600 * SEC + 5 * 24 * 3600 * SEC - 1);
    ck_assert_ptr_nonnull(notify_silence_find(s->n, "s1"));
    scene_go(s, 1);
    ck_assert_ptr_null(notify_silence_find(s->n, "s1"));
    ck_assert_uint_eq(fake_count(s->store, KEY_SILENCES), 1); /* the number of the next one */
}
END_TEST

/* --- notices ----------------------------------------------------------------------------------------------- */

static void look_at(const struct notice *x, enum outcome_kind fate, void *arg)
{
    (void)fate;
    (*(int *)arg)++;
    ck_assert_str_eq(x->receiver, "ops");
    ck_assert_str_eq(x->channel, "webhook");
    ck_assert_uint_eq(x->incident, 1);
    ck_assert_uint_eq(x->n_alerts, 2);
    ck_assert_uint_eq(x->n_firing, 2);
    ck_assert_int_eq(x->priority, 1);
    ck_assert_str_eq(x->alerts[0].end_reason, "");
    ck_assert_int_eq(x->alerts[0].priority, 1); /* the most severe first */
    ck_assert_str_eq(x->group_key, "{}:{svc=\"web\"}");
    ck_assert_uint_eq(x->n_group_labels, 1);
    ck_assert_uint_eq(x->n_common_labels, 1);
    ck_assert_str_eq(x->common_labels[0].value, "web");
    ck_assert_uint_eq(x->n_common_annotations, 1);
    ck_assert_str_eq(x->incident_url, "https://t.example/i/1");
    ck_assert(x->first && !x->quiet && !x->uncertain);
    ck_assert_int_eq(x->attempt, 1);
    ck_assert_str_eq(x->data, "");
}

START_TEST(a_notice)
{
    int seen = 0;

    s->hear = look_at;
    s->arg = &seen;
    scene_fire(s, "A P2 svc=web");
    scene_fire(s, "B P1 svc=web");
    scene_pump(s);
    ck_assert_int_eq(seen, 1);
}
END_TEST

START_TEST(data_is_kept)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED, .data = "{\"ts\":\"1.2\"}"};
    struct notice *x;

    scene_fire(s, "A P1 svc=web");
    notify_run(s->n);
    x = notify_claim(s->n, "ops/webhook");
    notify_commit(s->n, x, &o);
    scene_restart(s);
    clock_set(s->clock, START + 120 * SEC);
    scene_end(s, "A");
    notify_run(s->n);
    x = notify_claim(s->n, "ops/webhook");
    ck_assert_str_eq(x->data, "{\"ts\":\"1.2\"}");
    ck_assert_uint_eq(x->seq, 2);
    ck_assert(!x->first && !x->firing);
    notify_commit(s->n, x, &o);
}
END_TEST

START_TEST(one_claim_an_incident)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct notice *a, *b;

    scene_fire(s, "A P2 svc=web");
    scene_fire(s, "B P1 svc=db");
    notify_run(s->n);
    a = notify_claim(s->n, "ops/webhook");
    b = notify_claim(s->n, "ops/webhook");
    ck_assert_int_eq(a->priority, 1); /* the most severe first */
    ck_assert_ptr_nonnull(b);
    scene_fire(s, "C P1 svc=web");
    notify_run(s->n);
    ck_assert_ptr_null(notify_claim(s->n, "ops/webhook"));
    notify_commit(s->n, a, &o);
    notify_commit(s->n, b, &o);
    notify_run(s->n);
    a = notify_claim(s->n, "ops/webhook"); /* C outranks what was told: at once */
    ck_assert_ptr_nonnull(a);
    notify_commit(s->n, a, &o);
}
END_TEST

START_TEST(truncated)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct notice *x;

    fire_many(2 * NOTICE_ALERTS_MAX + 2, "core");
    clock_set(s->clock, START + 10 * SEC);
    notify_run(s->n);
    x = notify_claim(s->n, "ops/webhook");
    ck_assert_uint_eq(x->n_alerts, NOTICE_ALERTS_MAX);
    ck_assert_uint_eq(x->truncated, 1);
    ck_assert_uint_eq(x->n_firing, NOTICE_ALERTS_MAX + 1);
    notify_commit(s->n, x, &o);
}
END_TEST

START_TEST(a_test_message)
{
    struct notice *x = notify_test_notice(s->n, "live", 0);

    ck_assert_str_eq(x->lane, "live/slack");
    ck_assert_uint_eq(x->n_alerts, 1);
    notify_notice_free(x);
    ck_assert_ptr_null(notify_test_notice(s->n, "live", 1));
    ck_assert_ptr_null(notify_test_notice(s->n, "nobody", 0));
}
END_TEST

/* --- answers ------------------------------------------------------------------------------------------------- */

static void parses(struct buf *b)
{
    cJSON *o = cJSON_Parse(buf_str(b));

    ck_assert_msg(o != NULL, "%s", buf_str(b));
    cJSON_Delete(o);
    buf_clear(b);
}

START_TEST(answers_parse)
{
    struct buf b = BUF_INIT;
    struct err e;
    struct label l[] = {label_of("svc", "web"), label_of("team", "both")};
    struct silence_preview p = {.now = 1};

    scene_fire(s, "A P2 svc=web team=both");
    scene_pump(s);
    scene_silence(s, "svc=web", 3600, &e);
    ck_assert_int_eq(notify_ack(s->n, 1, 3600 * SEC, "a \"note\"", &ana, &e), 0);
    s->fate[scene_lane(s, "ops/webhook")] = OUTCOME_PERMANENT;
    scene_fire(s, "B P1 svc=web");
    scene_go(s, 60 * SEC);
    ck_assert_int_eq(notify_incident_json(s->n, 1, NULL, &b), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "a \\\"note\\\""));
    parses(&b);
    ck_assert_int_eq(notify_explain_incident(s->n, 1, NULL, &b), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "silenced by s1"));
    parses(&b);
    notify_deliveries_json(s->n, true, 100, NULL, &b);
    parses(&b);
    notify_explain_route(s->n, l, 2, 2, START, &b);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"quiet\""));
    parses(&b);
    ck_assert_int_eq(notify_delivery_json(s->n, 1, "ops/webhook", NULL, &b), 0);
    parses(&b);
    silence_json(notify_silence_find(s->n, "s1"), &p, START, &b);
    parses(&b);
    ck_assert_int_eq(notify_incident_json(s->n, 2, NULL, &b), -1);
    buf_free(&b);
}
END_TEST

START_TEST(broken_records_are_left_out)
{
    static const char *const bad[] = {
        "",
        "x",
        "{}",
        "[]",
        "{\"v\":1}",
        "{\"v\":2,\"number\":1}",
        "{\"v\":1,\"number\":7,\"key\":\"k\",\"group\":{},\"alerts\":[{}]}",
        "{\"v\":1,\"lane\":\"a/b\",\"incident\":9}",
        "{\"v\":1,\"id\":\"short\"}"};
    struct store_table *t;
    int seen = 0;

    log_divert(NULL, NULL);
    for (t = s->store->tables; t; t = t->next)
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            seen += notify_load(s->n, t, "x", 1, bad[i], strlen(bad[i]));
    ck_assert_int_eq(seen, 3 * (int)(sizeof bad / sizeof *bad));
    notify_start(s->n, NULL);
    scene_fire(s, "A P1 svc=web");
    scene_pump(s);
    ck_assert_uint_eq(s->n_lines, 1);
}
END_TEST

/* At any allocation: the record is there whole, or not at all, and nothing points to what was not kept. */
START_TEST(a_record_without_memory_is_left_out_whole)
{
    static const char record[] =
        "{\"v\":1,\"number\":7,\"key\":\"svc|{svc=\\\"web\\\"}\",\"group\":{\"svc\":\"web\"},"
        "\"priority\":\"P1\",\"next_n\":2,\"alerts\":["
        "{\"v\":1,\"n\":1,\"key\":\"rule:A{}\",\"status\":\"firing\",\"priority\":\"P1\","
        "\"labels\":{\"alertname\":\"A\"}},"
        "{\"v\":1,\"n\":2,\"key\":\"rule:B{}\",\"status\":\"firing\",\"priority\":\"P1\","
        "\"labels\":{\"alertname\":\"B\"}}]}";
    bool whole = false;

    log_divert(NULL, NULL);
    for (long i = 1; !whole; i++) {
        struct err e = {0};
        int rc;

        teardown();
        setup();
        mem_fail_at(i);
        rc = restore_incident(s->n, record, sizeof record - 1, &e);
        whole = rc == 0 && !mem_failed();
        mem_fail_at(0);
        ck_assert_uint_eq(s->n->n_open, rc == 0);
        ck_assert_msg(rc == 0 || e.code != ERR_NONE, "allocation %ld", i);
        ck_assert((incident_by_number(s->n, 7) != NULL) == (rc == 0));
    }
}
END_TEST

START_TEST(redis_lost_everything)
{
    struct err e;

    scene_fire(s, "A P2 svc=web");
    scene_silence(s, "svc=db", 3600, &e);
    scene_pump(s);
    fake_rewrite(s->store);
    scene_restart(s);
    scene_go(s, 3600 * SEC);
    ck_assert_uint_eq(s->n_lines, 1); /* nothing is told twice */
    ck_assert_ptr_nonnull(notify_silence_find(s->n, "s1"));
}
END_TEST

/* --- the book ---------------------------------------------------------------------------------------------------- */

static void to_notify(const struct alert *a, enum alert_change change, int64_t at_ms, void *arg)
{
    struct scene *x = arg;

    if (x->n)
        notify_alert(x->n, a, change, at_ms);
}

/* Alerts are stored, and the process dies before notify has looked at them. */
START_TEST(the_start_compares)
{
    static const char *names[] = {"svc"};
    struct rule_def d = {.name = "R",
                         .levels = {{.priority = 1}},
                         .n_levels = 1,
                         .notify = true,
                         .keys = {.names = names, .n = 1}};
    struct labelsets *ls = labelsets_new(0);
    struct alert_book_options o = {.labels = ls, .changed = to_notify, .arg = s};
    struct alert_book *book = alert_book_new(&o);
    struct alert_rule *r = alert_rule_put(book, &d, START);
    struct label web = label_of("svc", "web"), db = label_of("svc", "db");
    labelset g[2] = {labelsets_intern(ls, &web, 1), labelsets_intern(ls, &db, 1)};
    struct alert_look on = {.o = {.level = {TRUE_}}};
    struct notify *kept = s->n;

    alert_observe(alert_get(r, g[0]), &on, START);
    scene_go(s, 120 * SEC);
    ck_assert_str_eq(s->lines[0], "0 ops/webhook #1 first notification F R+");
    s->n = NULL; /* nobody listens: web ends, db fires */
    alert_end(alert_find(r, g[0]), "condition cleared", START + 120 * SEC);
    alert_observe(alert_get(r, g[1]), &on, START + 120 * SEC);
    s->n = kept;
    notify_start(s->n, book);
    scene_pump(s);
    ck_assert_uint_eq(s->n_lines, 3);
    ck_assert_str_eq(s->lines[1], "120 ops/webhook #1 all alerts resolved R R-");
    ck_assert_str_eq(s->lines[2], "120 ops/webhook #2 first notification F R+");
    d.notify = false; /* a rule that sends no messages any more */
    clock_set(s->clock, START + 300 * SEC);
    alert_observe(alert_find(r, g[1]), &on, START + 300 * SEC);
    scene_pump(s);
    ck_assert_str_eq(s->lines[3], "300 ops/webhook #2 all alerts resolved R R-");
    labelset_unref(ls, g[0]);
    labelset_unref(ls, g[1]);
    alert_book_free(book);
    labelsets_free(ls);
}
END_TEST

/* Between loading and the start the journal is replayed: the same alerts are told of again. */
START_TEST(a_replay_changes_nothing_that_was_known)
{
    scene_fire(s, "A P1 svc=web");
    scene_go(s, 120 * SEC);
    ck_assert_uint_eq(s->n_lines, 1);
    scene_reload(s);
    alert_tell(s, scene_alert(s, "A"), CHANGE_NONE);
    scene_fire(s, "B P1 svc=db");
    scene_end(s, "B"); /* within the replay */
    scene_pump(s);
    ck_assert_uint_eq(s->n_lines, 1); /* nothing is sent before the start */
    notify_start(s->n, NULL);
    scene_go(s, 200 * SEC);
    ck_assert_uint_eq(s->n_lines, 2);
    ck_assert_str_eq(s->lines[1],
                     "120 ops/webhook #2 fired and ended before it could be told R B?");
    scene_end(s, "A");
    scene_go(s, 300 * SEC);
    ck_assert_str_eq(s->lines[2], "320 ops/webhook #1 all alerts resolved R A-");
}
END_TEST

/* Every allocation fails once, at any place: no crash, and the page goes out. */
START_TEST(memory_runs_out)
{
    log_divert(NULL, NULL);
    for (long i = 1; i < 400; i++) {
        struct notice *x;
        struct outcome o = {.kind = OUTCOME_DELIVERED};
        teardown();
        setup();
        mem_fail_at(i);
        scene_fire(s, "A P1 svc=web team=both");
        notify_run(s->n);
        x = notify_claim(s->n, "ops/webhook");
        mem_fail_at(0);
        if (x)
            notify_commit(s->n, x, &o);
        scene_fire(s, "A P1 svc=web team=both");
        scene_go(s, 120 * SEC);
        ck_assert_msg(x || s->n_lines > 0, "lost at allocation %ld", i);
    }
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, guard_rails, 0, sizeof rails / sizeof *rails);
    tcase_add_test(t, the_silence_of_an_incident_without_its_group_label_holds_no_other);
    tcase_add_test(t, preview_counts);
    tcase_add_test(t, updates);
    tcase_add_test(t, scope);
    tcase_add_test(t, silences_are_forgotten);
    tcase_add_test(t, a_notice);
    tcase_add_test(t, data_is_kept);
    tcase_add_test(t, one_claim_an_incident);
    tcase_add_test(t, truncated);
    tcase_add_test(t, a_test_message);
    tcase_add_test(t, answers_parse);
    tcase_add_test(t, broken_records_are_left_out);
    tcase_add_test(t, redis_lost_everything);
    tcase_add_test(t, the_start_compares);
    tcase_add_test(t, a_replay_changes_nothing_that_was_known);
    tcase_add_test(t, a_record_without_memory_is_left_out_whole);
    tcase_add_test(t, memory_runs_out);
}

UNIT_MAIN("notify/people", add)
