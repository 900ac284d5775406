/* Silences where so many alerts fire that counting and carrying over takes several turns of the loop: what is
 * told is right in each of them. */
#include "scene.h"

#include "base/mem.h"
#include "notify/alert_index.h"
#include "notify/incident.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "notify/slice.h"
#include "tocsin/loop.h"

#define MANY  40 /* alerts, each an incident of its own */
#define LOOKS 4  /* at alerts in one turn */
#define LANE  "ops/webhook"

static struct scene *s;
static struct loop *loop;

static void set_up(void)
{
    struct err e;

    (void)scene_fire, (void)scene_end, (void)scene_silence, (void)scene_go; /* of others */
    s = scene_new();
    loop = loop_new(s->clock, &e);
    notify_free(s->n);
    s->n = notify_new(&(struct notify_options){.clock = s->clock,
                                               .loop = loop,
                                               .store = s->store,
                                               .config = &s->config->config,
                                               .tells = stage_tells,
                                               .looks_a_turn = LOOKS});
    notify_start(s->n, NULL);
}

static void tear_down(void)
{
    notify_free(s->n);
    s->n = NULL;
    loop_free(loop);
    scene_free(s);
}

static void tell(int i, int priority, const char *zone)
{
    char host[16], svc[16], key[96];
    struct label l[4];
    struct alert a = {.key = key, .origin = "rule:test", .labels = l, .n_labels = 4};

    snprintf(host, sizeof host, "h%d", i);
    snprintf(svc, sizeof svc, "s%d", i);
    snprintf(key, sizeof key, "alertname=Down,host=%s,svc=%s,", host, svc);
    l[0] = label_of("alertname", "Down");
    l[1] = label_of("host", host);
    l[2] = label_of("svc", svc);
    l[3] = label_of("zone", zone);
    a.state.firing = priority;
    a.started_ms = clock_wall_ms(s->clock);
    a.end_reason = priority ? NULL : "condition cleared";
    a.fingerprint = labels_fingerprint(l, 4);
    a.relabelled = priority != 0;
    notify_alert(s->n, &a, priority ? CHANGE_FIRED : CHANGE_RESOLVED, clock_wall_ms(s->clock));
}

static int settle(void)
{
    int turns = 0;
    int64_t at_ms = clock_wall_ms(s->clock), next_ms;

    while ((next_ms = notify_next_ms(s->n)) != 0 && next_ms <= at_ms) {
        ck_assert_msg(++turns < 5000, "it never ends");
        loop_turn(loop, 0);
    }
    return turns;
}

/* Due at once, and not claimed. */
static void all_fire(void)
{
    for (int i = 0; i < MANY; i++)
        tell(i, 1, "a");
    settle();
}

/* Messages that are due, which are sent. */
static size_t told(void)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct notice *x;
    size_t n = 0;

    while ((x = notify_claim(s->n, LANE))) {
        notify_commit(s->n, x, &o);
        n++;
    }
    return n;
}

static size_t held(void)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n->n_open; i++)
        for (size_t k = 0; k < s->n->open[i]->n_members; k++)
            n += s->n->open[i]->members[k]->hold == HOLD_SILENCE;
    return n;
}

static bool is_spreading(void)
{
    return s->n->spread.done != s->n->spread.version;
}

struct answer {
    int times;
    bool made;
    struct silence_preview p;
    struct err e;
};

static void note_answer(const struct silence *made, const struct silence_preview *p,
                        const struct err *e, void *arg)
{
    struct answer *a = arg;

    a->times++;
    a->made = made != NULL;
    if (p)
        a->p = *p;
    if (e)
        a->e = *e;
}

static void order(const char *matcher, bool dry_run, int64_t wide, struct answer *a)
{
    struct err e;
    struct matcher *m = matcher_parse(matcher, strlen(matcher), &e);
    struct silence_request r = {.matchers = &m,
                                .n_matchers = 1,
                                .ends_ms = clock_wall_ms(s->clock) + 3600 * SEC,
                                .wide = wide};

    ck_assert_ptr_nonnull(m);
    *a = (struct answer){0};
    notify_silence_order(s->n, &r, &ana, dry_run, note_answer, a);
    matcher_unref(m);
}

static int until_answered(const struct answer *a)
{
    int turns = 0;

    while (!a->times) {
        ck_assert_int_lt(++turns, 1000);
        loop_turn(loop, 0);
    }
    return turns;
}

START_TEST(a_silence_is_counted_over_turns_and_holds_from_its_answer)
{
    struct answer a;

    all_fire();
    order("host=~h.*", false, -1, &a);
    ck_assert_int_ge(until_answered(&a), MANY / LOOKS);
    ck_assert(a.made && is_spreading());
    ck_assert_uint_eq(a.p.now, MANY);
    ck_assert_uint_eq(a.p.active, MANY);
    ck_assert_uint_eq(a.p.incidents, MANY);
    ck_assert_uint_eq(a.p.week, MANY);
    ck_assert_uint_eq(a.p.rules, 1);
    ck_assert_uint_eq(a.p.first_incidents[0], 1);
    ck_assert_uint_eq(a.p.first_incidents[7], 8);
    ck_assert_uint_eq(told(), 0); /* all were due when it was made, and none was looked at again */
    ck_assert(is_spreading());
    settle();
    ck_assert_uint_eq(told(), 0);
    ck_assert_uint_eq(held(), MANY);
    ck_assert_int_eq(a.times, 1);
    ck_assert_uint_eq(notify_silence_find(s->n, "s1")->muted, MANY);
}
END_TEST

START_TEST(an_alert_that_comes_while_a_silence_is_carried_over_is_held)
{
    struct answer a;

    all_fire();
    order("host=~h.*", false, -1, &a);
    until_answered(&a);
    ck_assert(is_spreading());
    tell(MANY, 1, "a");
    loop_turn(loop, 0);
    ck_assert(is_spreading());
    ck_assert_uint_eq(told(), 0);
    settle();
    ck_assert_uint_eq(told(), 0);
    ck_assert_uint_eq(held(), MANY + 1);
}
END_TEST

START_TEST(an_end_is_carried_over_turns_and_frees_all_and_no_others)
{
    struct answer a;
    struct err e;

    all_fire();
    order("host=~h[0-9]", false, -1, &a);
    until_answered(&a);
    order("host=~h1.", false, -1, &a);
    until_answered(&a);
    settle();
    ck_assert_uint_eq(held(), 20);
    ck_assert_uint_eq(told(), MANY - 20);
    settle();
    ck_assert_int_eq(notify_silence_expire(s->n, "s1", &ana, &e), 0);
    loop_turn(loop, 0);
    ck_assert(is_spreading());
    settle();
    ck_assert_uint_eq(held(), 10);
    ck_assert_uint_eq(told(), 10);
}
END_TEST

START_TEST(a_silence_by_an_exact_value_looks_at_what_has_it_alone)
{
    struct answer a;

    all_fire();
    tell(MANY, 1, "b");
    settle();
    /* starts of the week are counted as well */
    s->n->starts_added = s->n->n_starts = s->n->starts_at = 0;
    order("zone=b", false, -1, &a);
    ck_assert_int_le(until_answered(&a), 1);
    ck_assert(a.made);
    ck_assert_uint_eq(a.p.now, 1);
    ck_assert_uint_eq(a.p.active, MANY + 1);
    loop_turn(loop, 0);
    ck_assert(!is_spreading());
    ck_assert_uint_eq(held(), 1);
}
END_TEST

static void make_for_later(const char *matcher, int64_t from_ms)
{
    struct err e;
    struct matcher *m = matcher_parse(matcher, strlen(matcher), &e);
    struct silence_request r = {.matchers = &m,
                                .n_matchers = 1,
                                .starts_ms = from_ms,
                                .ends_ms = from_ms + 60 * SEC,
                                .wide = -1};

    ck_assert_ptr_nonnull(notify_silence(s->n, &r, &ana, NULL, &e));
    matcher_unref(m);
}

/* More than one run takes notice of: those whose turn has not come hold as well. */
START_TEST(of_many_silences_that_begin_and_end_at_one_instant_none_lets_a_message_pass)
{
    int64_t from_ms = clock_wall_ms(s->clock) + 60 * SEC,
            forgotten_ms = from_ms + 60 * SEC + SILENCE_KEEP_MS;

    all_fire();
    for (int i = 0; i < 2500; i++) {
        char text[32];

        snprintf(text, sizeof text, "host=h%d", 2499 - i);
        make_for_later(text, from_ms);
    }
    settle();
    ck_assert_uint_eq(held(), 0);
    clock_set(s->clock, from_ms);
    loop_turn(loop, 0);
    ck_assert(is_spreading());
    ck_assert_uint_eq(told(), 0);
    ck_assert_int_ge(settle(), 2);
    ck_assert_uint_eq(held(), MANY);
    ck_assert_uint_eq(told(), 0);
    clock_set(s->clock, from_ms + 60 * SEC);
    ck_assert_int_ge(settle(), 3);
    ck_assert_uint_eq(held(), 0);
    make_for_later("host=~h.*", forgotten_ms + 1);
    settle();
    clock_set(s->clock, forgotten_ms + 1);
    loop_turn(loop, 0); /* forgets the first of them; the new one has begun behind the last */
    ck_assert_uint_gt(holds_count(s->n->holds), 1);
    ck_assert_uint_eq(told(), 0);
    settle();
    ck_assert_uint_eq(holds_count(s->n->holds), 1);
    ck_assert_uint_eq(held(), MANY);
}
END_TEST

/* A program that slept for longer than silences are kept. */
START_TEST(what_a_forgotten_silence_held_is_free)
{
    struct answer a;

    all_fire();
    order("host=~h.*", false, -1, &a);
    settle();
    ck_assert_uint_eq(held(), MANY);
    clock_set(s->clock, clock_wall_ms(s->clock) + 3600 * SEC + SILENCE_KEEP_MS);
    settle();
    ck_assert_uint_eq(holds_count(s->n->holds), 0);
    ck_assert_uint_eq(held(), 0);
}
END_TEST

START_TEST(answers_come_in_the_order_of_the_questions)
{
    struct answer wide, narrow, own, late;

    all_fire();
    order("host=~h.*", true, 0, &wide);
    order("host=h7", false, 0, &narrow);
    order("host!=h7", false, 0, &own);
    until_answered(&wide);
    ck_assert_int_eq(narrow.times, 0);
    ck_assert(!wide.made && wide.p.now == MANY && wide.p.wide);
    until_answered(&own);
    ck_assert(narrow.made && narrow.p.now == 1);
    ck_assert(!own.made);
    ck_assert_int_eq(own.e.code, ERR_REFUSED);
    order("zone=a", false, 1, &late);
    until_answered(&late);
    ck_assert_int_eq(late.e.code, ERR_REFUSED);
    ck_assert_uint_eq(late.p.confirm, MANY);
    order("zone=a", false, MANY, &late);
    tear_down(); /* with one that waits: nobody is told */
    ck_assert_int_eq(late.times, 0);
    set_up();
}
END_TEST

/* kill -9 before and after the decision: the silence is not there, or holds all. */
START_TEST(a_kill_amid_the_slices_is_one_before_or_after)
{
    struct answer a;

    all_fire();
    order("host=~h.*", false, -1, &a);
    loop_turn(loop, 0);
    ck_assert_int_eq(a.times, 0);
    scene_restart(s);
    ck_assert_ptr_null(notify_silence_find(s->n, "s1"));
    ck_assert_uint_eq(held(), 0);
    tear_down();
    set_up();
    all_fire();
    order("host=~h.*", false, -1, &a);
    until_answered(&a);
    ck_assert(is_spreading());
    scene_restart(s);
    ck_assert_uint_eq(held(), MANY);
    ck_assert_uint_eq(told(), 0);
}
END_TEST

START_TEST(a_clock_that_steps_while_a_silence_is_counted_leaves_it_as_long)
{
    struct answer a;
    const struct silence *made;

    all_fire();
    order("host=~h.*", false, -1, &a);
    loop_turn(loop, 0);
    clock_set(s->clock, clock_wall_ms(s->clock) + 7200 * SEC);
    notify_clock_stepped(s->n, 7200 * SEC);
    until_answered(&a);
    made = notify_silence_find(s->n, "s1");
    ck_assert_int_eq(made->starts_ms, clock_wall_ms(s->clock));
    ck_assert_int_eq(made->ends_ms, clock_wall_ms(s->clock) + 3600 * SEC);
}
END_TEST

START_TEST(without_memory_for_what_has_changed_everybody_is_looked_at_again)
{
    const struct silence *made;
    struct answer a;

    all_fire();
    order("host=~h.*", false, -1, &a);
    settle();
    made = notify_silence_find(s->n, "s1");
    s->n->spread.cap = 0; /* as if the list had to grow */
    mem_free(s->n->spread.list);
    s->n->spread.list = NULL;
    mem_fail_at(1);
    hold_spread_add(s->n, made);
    mem_fail_at(0);
    ck_assert(s->n->spread.everybody && is_spreading());
    notify_run(s->n);
    settle();
    ck_assert(!is_spreading());
    ck_assert_uint_eq(held(), MANY);
}
END_TEST

/* --- the index --------------------------------------------------------------------------------------------- */

/* How often a walk by that matcher meets each host; `between` is called after each step. */
static void meet(const char *matcher, int *met, void (*between)(int step))
{
    struct err e;
    struct matcher *m = matcher_parse(matcher, strlen(matcher), &e);
    struct alert_walk w;
    struct member *x;
    int step = 0;

    ck_assert_ptr_nonnull(m);
    memset(met, 0, 3 * MANY * sizeof *met);
    alert_walk_begin(&w, s->n->firing, &m, 1);
    while ((x = alert_walk_next(&w))) {
        ck_assert(x->firing);
        if (matchers_test_labels(&m, 1, x->labels, x->n_labels))
            met[atoi(strstr(x->key, "host=h") + 6)]++;
        if (between)
            between(step++);
    }
    alert_walk_end(&w);
    matcher_unref(m);
}

static const char *zones[3 * MANY]; /* NULL: does not fire */

static void change(int i, const char *zone)
{
    zones[i] = zone;
    tell(i, zone ? 1 : 0, zone ? zone : "a");
}

START_TEST(the_index_has_what_fires_by_its_labels_of_now)
{
    static const char *const values[] = {"a", "b", "c", NULL};
    int met[3 * MANY];
    unsigned r = 7;

    for (int i = 0; i < 2000; i++) {
        size_t firing = 0;

        r = r * 1103515245 + 12345;
        change((int)(r >> 8) % (3 * MANY), values[(r >> 20) % 4]);
        if (i % 100)
            continue;
        meet("zone=b", met, NULL);
        for (int k = 0; k < 3 * MANY; k++) {
            ck_assert_int_eq(met[k], zones[k] && strcmp(zones[k], "b") == 0);
            firing += zones[k] != NULL;
        }
        ck_assert_uint_eq(alert_index_alerts(s->n->firing), firing);
        meet("zone!=b", met, NULL);
        for (int k = 0; k < 3 * MANY; k++)
            ck_assert_int_eq(met[k], zones[k] && strcmp(zones[k], "b") != 0);
    }
}
END_TEST

/* Odd ones end and new ones come, before the walk, behind it and under it. */
static void come_and_go(int step)
{
    if (step < MANY / 2) {
        change(2 * step + 1, NULL);
        change(MANY - 2 * step - 1, NULL);
        change(MANY + step, "a");
    }
}

START_TEST(a_walk_that_rests_meets_each_that_stays_once)
{
    int met[3 * MANY];

    for (int i = 0; i < MANY; i++)
        change(i, "a");
    meet("zone=a", met, come_and_go);
    for (int i = 0; i < MANY; i += 2)
        ck_assert_int_eq(met[i], 1);
    for (int i = 1; i < MANY; i += 2)
        ck_assert_int_le(met[i], 1);
    for (int i = MANY; i < 3 * MANY; i++)
        ck_assert_int_eq(met[i], 0);
}
END_TEST

START_TEST(without_memory_for_its_labels_an_alert_is_found_among_all)
{
    int met[3 * MANY];
    struct member *m;

    for (int i = 0; i < MANY; i++)
        change(i, "a");
    m = map_gets(s->n->members, "alertname=Down,host=h3,svc=s3,");
    for (int i = 1; i <= 3; i++) {
        alert_index_remove(s->n, m);
        mem_fail_at(i);
        alert_index_add(s->n, m);
        mem_fail_at(0);
        meet("host=h3", met, NULL);
        ck_assert_int_eq(met[3], 1);
        ck_assert_uint_eq(alert_index_alerts(s->n->firing), MANY);
    }
    alert_index_add(s->n, m); /* with memory it stands there again */
    ck_assert_uint_eq(m->n_places, 4);
    change(3, NULL);
    meet("host=h3", met, NULL);
    ck_assert_int_eq(met[3], 0);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_silence_is_counted_over_turns_and_holds_from_its_answer);
    tcase_add_test(t, an_alert_that_comes_while_a_silence_is_carried_over_is_held);
    tcase_add_test(t, an_end_is_carried_over_turns_and_frees_all_and_no_others);
    tcase_add_test(t, a_silence_by_an_exact_value_looks_at_what_has_it_alone);
    tcase_add_test(t, of_many_silences_that_begin_and_end_at_one_instant_none_lets_a_message_pass);
    tcase_add_test(t, what_a_forgotten_silence_held_is_free);
    tcase_add_test(t, answers_come_in_the_order_of_the_questions);
    tcase_add_test(t, a_kill_amid_the_slices_is_one_before_or_after);
    tcase_add_test(t, a_clock_that_steps_while_a_silence_is_counted_leaves_it_as_long);
    tcase_add_test(t, without_memory_for_what_has_changed_everybody_is_looked_at_again);
    tcase_add_test(t, the_index_has_what_fires_by_its_labels_of_now);
    tcase_add_test(t, a_walk_that_rests_meets_each_that_stays_once);
    tcase_add_test(t, without_memory_for_its_labels_an_alert_is_found_among_all);
}

UNIT_MAIN("notify/spread", add)
