/* What calendars of a route hold back, and what is told when they do not any more. */
#include "scene.h"

static struct scene *s;
static struct calendar *night, *day;
static struct config_hours mute, active;

/* START is a Monday morning in UTC. */
static struct calendar *calendar(const char *span)
{
    struct err e = {0};
    struct calendar *c =
        calendar_new(&(struct calendar_config){.name = "hours", .spans = &span, .n_spans = 1}, &e);

    ck_assert_msg(c != NULL, "%s", e.text);
    return c;
}

static int64_t at(int hour, int minute)
{
    int64_t day_ms = 24 * 3600 * SEC;

    return START - START % day_ms + (hour * 60 + minute) * 60 * SEC;
}

static void go_to(int hour, int minute)
{
    scene_go(s, at(hour, minute) - clock_wall_ms(s->clock));
}

static void setup(void)
{
    (void)scene_silence, (void)scene_restart; /* of others */
    s = scene_new();
    night = calendar("20:00-22:00");
    day = calendar("08:00-20:00");
    mute = (struct config_hours){"night", night};
    active = (struct config_hours){"day", day};
    s->config->child[1].mute = &mute; /* team=both */
    s->config->child[1].n_mute = 1;
    s->config->child[0].active = &active; /* team=quiet */
    s->config->child[0].n_active = 1;
    go_to(19, 0);
    scene_go(s, 0);
}

static void teardown(void)
{
    scene_free(s);
    calendar_free(night);
    calendar_free(day);
}

/* The words behind the instant of the next message. */
static void told(int hour, int minute, const char *words)
{
    char want[256];

    snprintf(want, sizeof want, "%lld %s", (long long)((at(hour, minute) - START) / SEC), words);
    ck_assert_msg(s->read < s->n_lines, "nothing is told, want: %s", want);
    ck_assert_str_eq(s->lines[s->read++], want);
}

static void nothing(void)
{
    ck_assert_msg(s->read == s->n_lines, "told: %s", s->lines[s->read]);
}

START_TEST(what_comes_in_a_muted_hour_is_told_at_its_end_with_the_reason)
{
    go_to(20, 30);
    scene_fire(s, "A P1 svc=web team=both");
    scene_fire(s, "B P1 svc=other");
    go_to(21, 59);
    told(20, 30, "ops/webhook #2 first notification F B+");
    nothing();
    go_to(22, 0);
    told(22, 0, "ops/webhook #1 was muted until now by calendar \"night\" F A+");
    told(22, 0, "quiet/webhook #1 was muted until now by calendar \"night\" F A+");
    nothing();
}
END_TEST

START_TEST(what_comes_and_goes_in_a_muted_hour_is_not_told)
{
    go_to(20, 30);
    scene_fire(s, "A P1 svc=web team=both");
    go_to(21, 0);
    scene_end(s, "A");
    go_to(23, 59);
    nothing();
}
END_TEST

START_TEST(an_end_is_told_in_a_muted_hour_too)
{
    go_to(19, 30);
    scene_fire(s, "A P1 svc=web team=both");
    go_to(20, 30);
    told(19, 30, "ops/webhook #1 first notification F A+");
    told(19, 30, "quiet/webhook #1 first notification F A+");
    scene_end(s, "A");
    scene_go(s, 0);
    told(20, 30, "ops/webhook #1 all alerts resolved R A-");
    go_to(23, 59);
    nothing();
}
END_TEST

START_TEST(a_reminder_and_a_rise_wait_for_the_end_of_a_muted_hour)
{
    s->config->child[1].repeat_interval_ms = 40 * 60 * SEC;
    go_to(19, 30);
    scene_fire(s, "A P1 svc=web team=both");
    scene_fire(s, "B P3 svc=db team=both");
    go_to(19, 59);
    s->read = s->n_lines;
    go_to(20, 30);
    scene_fire(s, "B P1");
    go_to(21, 59);
    nothing();
    go_to(22, 0);
    told(22, 0, "ops/webhook #1 repeat F A=");
    told(22, 0, "ops/webhook #2 priority raised F B^");
    told(22, 0, "quiet/webhook #1 repeat F A=");
    told(22, 0, "quiet/webhook #2 priority raised F B^");
}
END_TEST

START_TEST(an_active_route_speaks_only_in_its_hours)
{
    go_to(19, 30);
    scene_fire(s, "A P1 svc=web team=quiet");
    go_to(20, 30);
    told(19, 30, "quiet/webhook #1 first notification F A+");
    scene_fire(s, "B P1 svc=db team=quiet");
    go_to(31, 59);
    nothing();
    go_to(32, 0); /* eight in the morning: A is overdue as well */
    told(32, 0, "quiet/webhook #1 repeat F A=");
    told(32, 0, "quiet/webhook #2 was muted until now by calendar \"day\" F B+");
    nothing();
}
END_TEST

START_TEST(a_start_in_a_muted_hour_keeps_what_waits)
{
    go_to(20, 30);
    scene_fire(s, "A P1 svc=web team=both");
    scene_go(s, 60 * SEC);
    scene_restart(s);
    go_to(21, 59);
    nothing();
    go_to(22, 0);
    told(22, 0, "ops/webhook #1 was muted until now by calendar \"night\" F A+");
    told(22, 0, "quiet/webhook #1 was muted until now by calendar \"night\" F A+");
    nothing();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_comes_in_a_muted_hour_is_told_at_its_end_with_the_reason);
    tcase_add_test(t, what_comes_and_goes_in_a_muted_hour_is_not_told);
    tcase_add_test(t, an_end_is_told_in_a_muted_hour_too);
    tcase_add_test(t, a_reminder_and_a_rise_wait_for_the_end_of_a_muted_hour);
    tcase_add_test(t, an_active_route_speaks_only_in_its_hours);
    tcase_add_test(t, a_start_in_a_muted_hour_keeps_what_waits);
}

UNIT_MAIN("notify_mute", add)
