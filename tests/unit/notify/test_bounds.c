/* What does not all have room: a bound never hides what is more severe, nor what a message is
 * about. */
#include "scene.h"

#define FULL 10000 /* alerts of one incident that are as severe as a newcomer, or more */

static struct scene *s;

static void setup(void)
{
    s = scene_new();
    (void)scene_fire, (void)scene_end, (void)scene_silence, (void)scene_restart; /* of others */
}

static void teardown(void)
{
    scene_free(s);
}

/* Alert `name` of host `i`, all of service web: on with that priority, or over (0). */
static void tell(const char *name, int i, int priority)
{
    char host[16] = "", key[96];
    struct label l[3] = {label_of("alertname", name), label_of("host", host),
                         label_of("svc", "web")};
    struct alert a = {.key = key, .origin = "rule:test", .labels = l, .n_labels = 3};

    snprintf(host, sizeof host, "h%d", i);
    snprintf(key, sizeof key, "alertname=%s,host=%s,svc=web,", name, host);
    l[1] = label_of("host", host);
    a.state.firing = priority;
    a.started_ms = clock_wall_ms(s->clock);
    a.end_reason = priority ? NULL : "condition cleared";
    a.fingerprint = labels_fingerprint(l, 3);
    notify_alert(s->n, &a, priority ? CHANGE_FIRED : CHANGE_RESOLVED, clock_wall_ms(s->clock));
}

/* The message that is due to ops; delivered. What it showed of `name`: '+' new, '-' over … or 0. */
static char shown_of(const char *name, const char *host, struct notice *out)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED};
    struct notice *x;
    char sign = 0;

    notify_run(s->n);
    x = notify_claim(s->n, "ops/webhook");
    ck_assert_msg(x != NULL, "no message that should show %s", name);
    for (size_t i = 0; i < x->n_alerts; i++)
        if (strcmp(notice_label(&x->alerts[i], "alertname"), name) == 0 &&
            strcmp(notice_label(&x->alerts[i], "host"), host) == 0)
            sign = notice_sign(&x->alerts[i]);
    *out = *x; /* figures only: its lists end with it */
    notify_commit(s->n, x, &o);
    notify_run(s->n);
    return sign;
}

START_TEST(a_full_incident_does_not_swallow_a_higher_priority)
{
    struct notice x;

    for (int i = 0; i <= FULL; i++)
        tell("Disk", i, 3);
    scene_go(s, 0);
    clock_set(s->clock, clock_wall_ms(s->clock) + 10 * SEC);
    ck_assert_int_eq(shown_of("Disk", "h0", &x), '+');
    ck_assert_uint_eq(x.n_alerts + x.truncated, FULL); /* one more is counted: */
    {
        struct notify_stats st;
        notify_stats(s->n, &st);
        ck_assert_uint_eq(st.overflow, 1);
    }
    tell("Down", 0, 1); /* another rule's P1 pages at once */
    ck_assert_int_eq(shown_of("Down", "h0", &x), '+');
    ck_assert_int_eq(x.priority, 1);
    ck_assert_uint_eq(x.n_alerts + x.truncated, FULL + 1);
}
END_TEST

START_TEST(what_a_message_is_about_is_in_it_however_full)
{
    struct notice x;

    for (int i = 2; i < FULL; i++)
        tell("Disk", i, 3);
    tell("Down", 0, 1);
    ck_assert_int_eq(shown_of("Down", "h0", &x), '+');
    clock_set(s->clock, clock_wall_ms(s->clock) + 120 * SEC);
    tell("Late", 0, 5); /* new, and the least severe of all */
    ck_assert_int_eq(shown_of("Late", "h0", &x), '+');
    ck_assert_int_eq(x.priority, 1);
    clock_set(s->clock, clock_wall_ms(s->clock) + 120 * SEC);
    tell("Disk", FULL - 1, 0); /* over */
    ck_assert_int_eq(shown_of("Disk", "h9999", &x), '-');
    clock_set(s->clock, clock_wall_ms(s->clock) + 120 * SEC);
    tell("Disk", FULL - 2, 2); /* rose */
    ck_assert_int_eq(shown_of("Disk", "h9998", &x), '^');
}
END_TEST

START_TEST(an_incident_full_of_what_is_over_takes_what_is_new)
{
    struct notice x;

    tell("Down", 0, 3); /* goes on all the time */
    for (int i = 1; i < FULL; i++)
        tell("Disk", i, 3);
    notify_run(s->n);
    clock_set(s->clock, clock_wall_ms(s->clock) + 10 * SEC);
    shown_of("Down", "h0", &x);
    clock_set(s->clock, clock_wall_ms(s->clock) + 120 * SEC);
    for (int i = 1; i < FULL; i++)
        tell("Disk", i, 0);
    shown_of("Down", "h0", &x);
    clock_set(s->clock, clock_wall_ms(s->clock) + 120 * SEC);
    tell("Disk", FULL, 3);
    ck_assert_int_eq(shown_of("Disk", "h10000", &x), '+');
}
END_TEST

START_TEST(eighty_receivers_of_one_route_are_all_told)
{
    struct config eighty; /* another one: a configuration never changes */
    struct config_receiver receivers[80];
    const struct config_receiver *to[80];
    char names[80][16], lane[32];
    struct stage_config *c = s->config;
    struct outcome o = {.kind = OUTCOME_DELIVERED};

    for (int i = 0; i < 80; i++) {
        snprintf(names[i], sizeof names[i], "r%d", i);
        receivers[i] = c->receivers[OPS];
        receivers[i].name = names[i];
        to[i] = &receivers[i];
    }
    c->config.receivers = receivers;
    c->config.n_receivers = 80;
    c->root.receivers = to;
    c->root.n_receivers = 80;
    c->root.n_children = 0;
    eighty = c->config;
    notify_configure(s->n, &eighty);
    tell("Down", 0, 1);
    notify_run(s->n);
    for (int i = 0; i < 80; i++) {
        struct notice *x;
        snprintf(lane, sizeof lane, "r%d/webhook", i);
        x = notify_claim(s->n, lane);
        ck_assert_msg(x != NULL, "%s is not told", lane);
        notify_commit(s->n, x, &o);
    }
    notify_run(s->n);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_full_incident_does_not_swallow_a_higher_priority);
    tcase_add_test(t, what_a_message_is_about_is_in_it_however_full);
    tcase_add_test(t, an_incident_full_of_what_is_over_takes_what_is_new);
    tcase_add_test(t, eighty_receivers_of_one_route_are_all_told);
}

UNIT_MAIN("notify/bounds", add)
