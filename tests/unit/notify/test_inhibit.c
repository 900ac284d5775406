/* What is not told while something else is on, and when it is told after all. */
#include "base/mem.h"
#include "notify/member.h"
#include "notify/notify_impl.h"
#include "scene.h"

static struct scene *s;
static struct inhibit_rule rule;
static struct config inhibiting; /* that of the scene, and the rule */
static struct matcher *source, *target;
static const char *equal[] = {"dc"};

static void setup(void)
{
    struct err e;

    (void)scene_silence, (void)scene_restart; /* of others */
    s = scene_new();
    source = matcher_parse("tier=db", 7, &e);
    target = matcher_parse("tier=app", 8, &e);
    rule = (struct inhibit_rule){.name = "db down",
                                 .source = &source,
                                 .target = &target,
                                 .n_source = 1,
                                 .n_target = 1,
                                 .equal = equal,
                                 .n_equal = 1};
    inhibiting = s->config->config;
    inhibiting.inhibits = &rule;
    inhibiting.n_inhibits = 1;
    notify_configure(s->n, &inhibiting);
    scene_pump(s);
}

static void teardown(void)
{
    scene_free(s);
    matcher_unref(source);
    matcher_unref(target);
}

static void told(const char *line)
{
    ck_assert_msg(s->read < s->n_lines, "nothing is told, want: %s", line);
    ck_assert_str_eq(s->lines[s->read++], line);
}

static void nothing(void)
{
    ck_assert_msg(s->read == s->n_lines, "told: %s", s->lines[s->read]);
}

static void look(const char *name)
{
    alert_tell(s, scene_alert(s, name), CHANGE_NONE);
}

START_TEST(a_dependent_is_not_told_and_its_parent_says_so)
{
    char text[64] = "";
    struct notice *x;

    scene_fire(s, "App P1 svc=web tier=app dc=a");
    scene_fire(s, "Db P1 svc=db tier=db dc=a");
    scene_fire(s, "Far P1 svc=web tier=app dc=b");
    s->hold = true;
    scene_pump(s);
    for (int i = 0; i < 2 && (x = s->held); i++) {
        if (strcmp(notice_label(x->alerts, "alertname"), "Db") == 0)
            snprintf(text, sizeof text, "%zu %s", x->alerts->n_dependents, x->alerts->dependents);
        s->held = NULL;
        scene_commit(s, x, OUTCOME_DELIVERED);
        scene_round(s);
    }
    s->hold = false;
    scene_go(s, 0);
    ck_assert_str_eq(text, "1 App");
    ck_assert_uint_eq(s->n_lines, 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert_msg(!strstr(s->lines[i], "App"), "%s", s->lines[i]);
    s->read = 2;
    scene_end(s, "App"); /* nobody heard of it */
    scene_go(s, 3600 * SEC);
    nothing();
}
END_TEST

START_TEST(a_dependent_that_is_still_on_is_told_when_it_was_looked_at_after_its_parent_ended)
{
    scene_fire(s, "Db P1 svc=db tier=db dc=a");
    scene_fire(s, "App P1 svc=web tier=app dc=a");
    scene_fire(s, "Gone P1 svc=other tier=app dc=a");
    scene_go(s, 120 * SEC);
    told("0 ops/webhook #1 first notification F Db+");
    scene_end(s, "Db");
    scene_go(s, 1 * SEC);
    told("120 ops/webhook #1 all alerts resolved R Db-");
    nothing(); /* both were true during the outage */
    scene_end(s, "Gone");
    look("App");
    scene_go(s, 1 * SEC);
    told("121 ops/webhook #2 was inhibited until now by db down F App+");
    scene_go(s, 3600 * SEC);
    nothing();
}
END_TEST

START_TEST(who_was_told_of_a_dependent_before_is_told_its_end)
{
    scene_fire(s, "App P1 svc=web tier=app dc=a");
    scene_go(s, 10 * SEC);
    told("0 ops/webhook #1 first notification F App+");
    scene_fire(s, "Db P1 svc=db tier=db dc=a");
    scene_go(s, 100 * SEC);
    told("10 ops/webhook #2 first notification F Db+");
    scene_end(s, "App");
    scene_go(s, 0);
    told("110 ops/webhook #1 all alerts resolved R App-");
    nothing();
}
END_TEST

START_TEST(a_silenced_parent_holds_its_dependents_too)
{
    struct err e;

    ck_assert_ptr_nonnull(scene_silence(s, "tier=db", 600, &e));
    scene_fire(s, "Db P1 svc=db tier=db dc=a");
    scene_fire(s, "App P1 svc=web tier=app dc=a");
    scene_go(s, 60 * SEC);
    nothing();
}
END_TEST

START_TEST(nothing_leaks_before_every_rule_was_looked_at_once_after_a_start)
{
    scene_reload(s);
    notify_sources_known_at(s->n, clock_wall_ms(s->clock) + 15 * SEC);
    notify_configure(s->n, &inhibiting);
    notify_start(s->n, NULL);
    scene_fire(s, "App P1 svc=web tier=app dc=a");
    scene_fire(s, "Free P1 svc=free");
    scene_go(s, 14 * SEC);
    told("0 ops/webhook #2 first notification F Free+");
    nothing();
    scene_fire(s, "Db P1 svc=db tier=db dc=a");
    scene_fire(s, "Far P1 svc=far tier=app dc=b");
    scene_go(s, 0);
    told("14 ops/webhook #3 first notification F Db+");
    nothing();
    scene_go(s, 1 * SEC);
    told("15 ops/webhook #4 was inhibited until now by db down F Far+");
    scene_go(s, 600 * SEC);
    nothing();
}
END_TEST

START_TEST(what_no_rule_holds_after_a_reload_is_told)
{
    scene_fire(s, "Db P1 svc=db tier=db dc=a");
    scene_fire(s, "App P1 svc=web tier=app dc=a");
    scene_go(s, 60 * SEC);
    told("0 ops/webhook #1 first notification F Db+");
    notify_configure(s->n, &s->config->config);
    scene_go(s, 0);
    told("60 ops/webhook #2 was inhibited until now by db down F App+");
    nothing();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_dependent_is_not_told_and_its_parent_says_so);
    tcase_add_test(
        t, a_dependent_that_is_still_on_is_told_when_it_was_looked_at_after_its_parent_ended);
    tcase_add_test(t, who_was_told_of_a_dependent_before_is_told_its_end);
    tcase_add_test(t, a_silenced_parent_holds_its_dependents_too);
    tcase_add_test(t, nothing_leaks_before_every_rule_was_looked_at_once_after_a_start);
    tcase_add_test(t, what_no_rule_holds_after_a_reload_is_told);
}

UNIT_MAIN("notify_inhibit", add)
