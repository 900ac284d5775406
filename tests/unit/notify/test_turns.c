/* Turns of the loop: what one does is bounded, and what is left goes on in the next. */
#include "scene.h"

#include "tocsin/loop.h"

#define FULL 10000 /* alerts of one incident */

static struct scene *s;
static struct loop *loop;

static struct notify *with_loop(struct store *store)
{
    struct notify_options o = {.clock = s->clock,
                               .loop = loop,
                               .store = store,
                               .config = &s->config->config,
                               .tells = stage_tells};

    return notify_new(&o);
}

/* Alerts of team=both go to ops and to both webhooks of two: three lanes. */
static void set_up(void)
{
    struct err e;

    (void)scene_fire, (void)scene_end, (void)scene_silence, (void)scene_restart; /* of others */
    (void)scene_go;
    s = scene_new();
    s->config->to[1][1] = &s->config->receivers[TWO];
    loop = loop_new(s->clock, &e);
    notify_free(s->n);
    s->n = with_loop(NULL);
    notify_start(s->n, NULL);
}

static void tear_down(void)
{
    notify_free(s->n);
    s->n = NULL;
    loop_free(loop);
    scene_free(s);
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

/* Turns until nothing is left to do now; how many there were. */
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
    for (int i = 0; i < FULL; i++)
        tell(i, 1);
    settle();
    ck_assert_uint_eq(told("ops/webhook"), FULL);
    ck_assert_uint_eq(told("two/webhook"), FULL);
    ck_assert_uint_eq(told("two/webhook:2"), FULL);
    ck_assert_uint_eq(told("two/webhook"), 0);
    clock_set(s->clock, clock_wall_ms(s->clock) + 120 * SEC);
    tell(7, 0); /* and what changes later */
    settle();
    ck_assert_uint_eq(told("two/webhook:2"), FULL);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_full_incident_is_told_on_however_many_lanes);
}

UNIT_MAIN("notify/turns", add)
