/* People, rotations, schedules and the changes that people make: each sentence of their meaning, a model minute for
 * minute, and what is refused when names are read. */
#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "tocsin/changes.h"
#include "tocsin/icalendar.h"
#include "tocsin/told.h"
#include "zones.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__})
#define N(list)   (sizeof(list) / sizeof *(list))

static const struct roster_person people[] = {{.name = "ana", .receiver = "everyone"},
                                              {.name = "bo", .receiver = "everyone"},
                                              {.name = "cy", .receiver = "everyone"},
                                              {.name = "dee", .receiver = "everyone"}};
static const char *const three[] = {"ana", "bo", "cy"}, *const day_shift[] = {"ana", "bo"},
                         *const night_shift[] = {"cy", "dee"};
static const struct roster_rotation rotations[] = {
    {.name = "week", .start = "2026-11-02 09:00", .every = "1w", .people = three, .n_people = 3},
    {.name = "day",
     .zone = "Europe/Paris",
     .start = "2026-01-05 09:00",
     .every = "1w",
     .people = day_shift,
     .n_people = 2},
    {.name = "night",
     .zone = "Europe/Paris",
     .start = "2026-01-05 18:00",
     .every = "1d",
     .people = night_shift,
     .n_people = 2},
    {.name = "both", .start = "2026-11-02 09:00", .every = "1d", .people = three, .n_people = 3}};
static const char *const all_hours[] = {"00:00-24:00"}, *const work[] = {"Mon-Fri 09:00-18:00"},
                         *const evening[] = {"Mon-Fri 18:00-09:00"},
                         *const weekend[] = {"Sat 09:00 - Mon 00:00"},
                         *const week[] = {"rotation:week"}, *const day[] = {"rotation:day"},
                         *const night[] = {"rotation:night"}, *const ana[] = {"person:ana"},
                         *const payments[] = {"schedule:payments"};
static const struct roster_row payment_rows[] = {
    {work, 1, day, 1}, {evening, 1, night, 1}, {weekend, 1, ana, 1}};
static const struct roster_row shift_rows[] = {{work, 1, day, 1}, {work, 1, ana, 1}};
static const struct roster_schedule schedules[] = {
    {.name = "week", .otherwise = week, .n_otherwise = 1},
    {.name = "payments",
     .zone = "Europe/Paris",
     .rows = payment_rows,
     .n_rows = 3,
     .otherwise = LIST("person:dee"),
     .n_otherwise = 1},
    {.name = "office", .zone = "Europe/Paris", .rows = shift_rows, .n_rows = 2},
    {.name = "nested", .otherwise = payments, .n_otherwise = 1},
    {.name = "both", .rows = (const struct roster_row[]){{all_hours, 1, ana, 1}}, .n_rows = 1}};
static const struct escalation_step steps[] = {
    {.notify = LIST("schedule:office"), .n_notify = 1},
    {.notify = LIST("person:ana", "receiver:managers"), .n_notify = 2, .wait_ms = 60000}};
static const struct roster_escalation escalations[] = {
    {.policy = {.name = "payments", .steps = steps, .n_steps = 2, .rounds = 1, .only = 2}}};
static const char *const receivers[] = {"everyone", "managers"};
static const struct roster_config config = {.people = people,
                                            .n_people = N(people),
                                            .rotations = rotations,
                                            .n_rotations = N(rotations),
                                            .schedules = schedules,
                                            .n_schedules = N(schedules),
                                            .escalations = escalations,
                                            .n_escalations = 1,
                                            .receivers = receivers,
                                            .n_receivers = 2};

static struct roster *roster;
static struct roster_changes *changes;

static void open_roster(void)
{
    struct err e = {0};

    roster = roster_new(&config, NULL, &e);
    ck_assert_msg(roster != NULL, "%s", e.text);
    changes = roster_changes_new();
}

static void close_roster(void)
{
    roster_changes_free(changes);
    roster_free(roster);
}

static int64_t ms(const char *time)
{
    int64_t at;

    ck_assert_msg(text_parse_time(time, strlen(time), &at) == 0, "%s", time);
    return at;
}

static struct roster_ref ref(const char *name)
{
    struct roster_ref r = {0};
    struct err e = {0};

    ck_assert_msg(roster_find(roster, name, &r, &e) == 0, "%s", e.text);
    return r;
}

/* "ana rotation:week, bo …" */
static const char *said(const struct roster_on_call *o)
{
    static char text[400];

    text[0] = '\0';
    for (size_t i = 0; i < o->n; i++)
        sprintf(text + strlen(text), "%s%s %s:%s", i ? ", " : "", o->list[i].person->name,
                o->list[i].via_kind, o->list[i].via_name);
    return text;
}

static const char *on_call(const char *name, const char *at)
{
    static struct roster_on_call o;
    struct roster_ref who = ref(name);
    struct err e;

    ck_assert_int_eq(roster_at(roster, changes, &who, ms(at), &o, &e), 0);
    return said(&o);
}

static void change(struct roster_change *x, enum roster_change_kind kind, const char *on,
                   const char *person, const char *with, const char *from, const char *until)
{
    static char ids[20][8];
    static int n;
    struct err e = {0};

    sprintf(ids[n % 20], "o%d", n + 1);
    *x =
        (struct roster_change){ids[n++ % 20], kind, on, person, with, ms(from), ms(until), NULL, 0};
    ck_assert_msg(roster_changes_add(changes, x, &e) == 0, "%s", e.text);
    x->id = roster_change_names[kind];
}

START_TEST(every_row_that_holds_puts_its_people_on_call_and_otherwise_where_none_does)
{
    open_roster();
    ck_assert_str_eq(on_call("payments", "2026-01-05T12:00:00Z"), "ana rotation:day");
    ck_assert_str_eq(on_call("payments", "2026-01-12T12:00:00Z"), "bo rotation:day");
    ck_assert_str_eq(on_call("payments", "2026-01-05T20:00:00Z"), "cy rotation:night");
    ck_assert_str_eq(on_call("payments", "2026-01-06T20:00:00Z"), "dee rotation:night");
    ck_assert_str_eq(on_call("payments", "2026-01-10T12:00:00Z"), "ana person:ana");
    ck_assert_str_eq(on_call("payments", "2026-01-12T00:30:00Z"), "dee person:dee"); /* no row */
    ck_assert_str_eq(on_call("office", "2026-01-12T12:00:00Z"), "bo rotation:day, ana person:ana");
    ck_assert_str_eq(on_call("office", "2026-01-05T12:00:00Z"), "ana rotation:day"); /* once */
    ck_assert_str_eq(on_call("office", "2026-01-05T20:00:00Z"), ""); /* nobody is an answer */
    ck_assert_str_eq(on_call("nested", "2026-01-05T12:00:00Z"), "ana rotation:day");
    ck_assert_str_eq(on_call("week", "2026-11-02T08:59:59Z"), "");
    close_roster();
}
END_TEST

START_TEST(a_name_that_is_both_is_the_schedule)
{
    open_roster();
    ck_assert_int_eq(ref("both").kind, ROSTER_SCHEDULE);
    ck_assert_int_eq(ref("rotation:both").kind, ROSTER_ROTATION);
    ck_assert_int_eq(ref("day").kind, ROSTER_ROTATION);
    close_roster();
}
END_TEST

/* --- changes --- */

START_TEST(changes_act_in_the_order_in_which_they_were_made_each_on_the_result_so_far)
{
    struct roster_change a, b, c;

    open_roster();
    change(&a, ROSTER_REPLACE, "schedule:week", "ana", "bo", "2026-11-03T00:00:00Z",
           "2026-11-06T00:00:00Z");
    change(&b, ROSTER_REPLACE, "schedule:week", "bo", "cy", "2026-11-04T00:00:00Z",
           "2026-11-05T00:00:00Z");
    ck_assert_str_eq(on_call("week", "2026-11-02T12:00:00Z"), "ana rotation:week");
    ck_assert_str_eq(on_call("week", "2026-11-03T00:00:00Z"), "bo override:replace");
    ck_assert_str_eq(on_call("week", "2026-11-04T00:00:00Z"), "cy override:replace");
    ck_assert_str_eq(on_call("week", "2026-11-05T00:00:00Z"), "bo override:replace");
    ck_assert_str_eq(on_call("week", "2026-11-06T00:00:00Z"), "ana rotation:week");
    change(&c, ROSTER_ADD, "schedule:week", "dee", NULL, "2026-11-03T00:00:00Z",
           "2026-11-04T00:00:00Z");
    ck_assert_str_eq(on_call("week", "2026-11-03T00:00:00Z"),
                     "bo override:replace, dee override:add");
    roster_changes_remove(changes, &a);
    ck_assert_str_eq(on_call("week", "2026-11-04T00:00:00Z"),
                     "ana rotation:week"); /* bo is not on call */
    close_roster();
}
END_TEST

START_TEST(a_newer_replace_of_the_same_person_takes_the_place_of_the_older_where_they_overlap)
{
    struct roster_change a, b, c;

    open_roster();
    change(&a, ROSTER_REPLACE, "schedule:week", "ana", "bo", "2026-11-03T00:00:00Z",
           "2026-11-06T00:00:00Z");
    change(&b, ROSTER_REPLACE, "schedule:week", "bo", "cy", "2026-11-03T00:00:00Z",
           "2026-11-06T00:00:00Z");
    change(&c, ROSTER_REPLACE, "schedule:week", "ana", "dee", "2026-11-04T00:00:00Z",
           "2026-11-05T00:00:00Z");
    ck_assert_str_eq(on_call("week", "2026-11-03T12:00:00Z"), "cy override:replace");
    ck_assert_str_eq(on_call("week", "2026-11-04T12:00:00Z"), "dee override:replace");
    ck_assert_str_eq(on_call("week", "2026-11-05T12:00:00Z"), "cy override:replace");
    close_roster();
}
END_TEST

START_TEST(temporary_schedules_replace_everything_first_and_the_later_one_counts)
{
    const struct roster_shift_plan plan[] = {
        {"bo", ms("2026-11-03T00:00:00Z"), ms("2026-11-03T12:00:00Z")},
        {"cy", ms("2026-11-03T06:00:00Z"), ms("2026-11-04T00:00:00Z")}};
    struct roster_change add_dee, first, second;

    open_roster();
    change(&add_dee, ROSTER_ADD, "schedule:week", "dee", NULL, "2026-11-03T07:00:00Z",
           "2026-11-03T08:00:00Z");
    change(&first, ROSTER_TEMPORARY, "schedule:week", NULL, NULL, "2026-11-03T00:00:00Z",
           "2026-11-05T00:00:00Z");
    first.shifts = plan;
    first.n_shifts = 2;
    ck_assert_str_eq(on_call("week", "2026-11-02T23:00:00Z"), "ana rotation:week");
    ck_assert_str_eq(on_call("week", "2026-11-03T01:00:00Z"), "bo temporary:temporary");
    ck_assert_str_eq(on_call("week", "2026-11-03T07:00:00Z"),
                     "bo temporary:temporary, cy temporary:temporary, dee override:add");
    ck_assert_str_eq(on_call("week", "2026-11-04T12:00:00Z"), ""); /* no shift: nobody */
    change(&second, ROSTER_TEMPORARY, "schedule:week", NULL, NULL, "2026-11-03T00:00:00Z",
           "2026-11-03T03:00:00Z");
    ck_assert_str_eq(on_call("week", "2026-11-03T01:00:00Z"), "");
    ck_assert_str_eq(on_call("week", "2026-11-03T03:00:00Z"), "bo temporary:temporary");
    close_roster();
}
END_TEST

START_TEST(a_change_of_a_rotation_acts_in_every_schedule_that_uses_it)
{
    struct roster_change a;

    open_roster();
    change(&a, ROSTER_REPLACE, "rotation:day", "ana", "cy", "2026-01-05T00:00:00Z",
           "2026-01-06T00:00:00Z");
    ck_assert_str_eq(on_call("payments", "2026-01-05T12:00:00Z"), "cy override:replace");
    ck_assert_str_eq(on_call("nested", "2026-01-05T12:00:00Z"), "cy override:replace");
    ck_assert_str_eq(on_call("day", "2026-01-05T12:00:00Z"), "cy override:replace");
    /* in the office ana is on call by herself as well */
    ck_assert_str_eq(on_call("office", "2026-01-05T12:00:00Z"),
                     "cy override:replace, ana person:ana");
    close_roster();
}
END_TEST

START_TEST(a_change_that_changes_nobody_says_so_before_it_is_made)
{
    struct roster_change x = {.id = "o1",
                              .kind = ROSTER_REPLACE,
                              .on = "schedule:week",
                              .person = "bo",
                              .with = "dee",
                              .from_ms = ms("2026-11-03T00:00:00Z"),
                              .until_ms = ms("2026-11-05T00:00:00Z")};
    struct roster_change older;
    struct err e = {0};
    bool acts = true;

    open_roster();
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), 0);
    ck_assert(!acts); /* it is ana's week */
    x.person = "ana";
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), 0);
    ck_assert(acts);
    change(&older, ROSTER_REPLACE, "schedule:week", "ana", "bo", "2026-11-02T09:00:00Z",
           "2026-11-09T09:00:00Z");
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), 0);
    ck_assert(acts); /* it takes the older one's place */
    x.kind = ROSTER_REMOVE;
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), 0);
    ck_assert(!acts);
    ck_assert_str_eq(on_call("week", "2026-11-03T12:00:00Z"),
                     "bo override:replace"); /* only tried */
    x.person = "anna";
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), -1);
    ck_assert_str_eq(e.text, "there is no person \"anna\" — did you mean \"ana\"?");
    x.person = "ana";
    x.until_ms = x.from_ms;
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), -1);
    ck_assert_str_eq(e.text, "it ends before it begins");
    x.on = "schedule:weak";
    ck_assert_int_eq(roster_changes_try(roster, changes, &x, &acts, &e), -1);
    ck_assert_str_eq(e.text, "there is no schedule \"weak\" — did you mean \"week\"?");
    close_roster();
}
END_TEST

START_TEST(changes_of_one_schedule_are_bounded)
{
    struct roster_change x = {.id = "o", .kind = ROSTER_ADD, .on = "schedule:week", .person = "bo"};
    struct err e = {0};

    open_roster();
    for (int i = 0; i < ROSTER_CHANGES_MAX; i++)
        ck_assert_int_eq(roster_changes_add(changes, &x, &e), 0);
    ck_assert_int_eq(roster_changes_add(changes, &x, &e), -1);
    ck_assert_int_eq(e.code, ERR_LIMIT);
    close_roster();
}
END_TEST

/* --- since, until, next --- */

static struct roster_state *look(const char *name, const char *at)
{
    static struct roster_state s;
    struct roster_ref who = ref(name);
    struct err e;

    ck_assert_int_eq(roster_look(roster, changes, &who, ms(at), &s, &e), 0);
    return &s;
}

START_TEST(since_and_until_are_those_of_unbroken_time_also_over_several_shifts_and_rows)
{
    struct roster_change a;
    struct roster_state *s;

    open_roster();
    s = look("week", "2026-11-10T12:00:00Z");
    ck_assert_str_eq(said(&s->now), "bo rotation:week");
    ck_assert_int_eq(s->now.list[0].since_ms, ms("2026-11-09T09:00:00Z"));
    ck_assert_int_eq(s->now.list[0].until_ms, ms("2026-11-16T09:00:00Z"));
    ck_assert_int_eq(s->next_ms, ms("2026-11-16T09:00:00Z"));
    ck_assert_str_eq(said(&s->next), "cy rotation:week");
    /* bo also takes the first two days of cy's week */
    change(&a, ROSTER_REPLACE, "schedule:week", "cy", "bo", "2026-11-16T09:00:00Z",
           "2026-11-18T09:00:00Z");
    s = look("week", "2026-11-17T12:00:00Z");
    ck_assert_str_eq(said(&s->now), "bo override:replace");
    ck_assert_int_eq(s->now.list[0].since_ms, ms("2026-11-09T09:00:00Z"));
    ck_assert_int_eq(s->now.list[0].until_ms, ms("2026-11-18T09:00:00Z"));
    /* by two rows at once, of which one ends */
    s = look("office", "2026-01-05T12:00:00Z");
    ck_assert_int_eq(s->now.list[0].since_ms, ms("2026-01-05T08:00:00Z"));
    ck_assert_int_eq(s->now.list[0].until_ms, ms("2026-01-05T17:00:00Z"));
    ck_assert_int_eq(s->next_ms, ms("2026-01-05T17:00:00Z"));
    ck_assert_uint_eq(s->next.n, 0);
    s = look("both", "2026-01-05T12:00:00Z");
    ck_assert_int_eq(s->now.list[0].since_ms, 0);
    ck_assert_int_eq(s->now.list[0].until_ms, ROSTER_NEVER);
    ck_assert_int_eq(s->next_ms, ROSTER_NEVER);
    close_roster();
}
END_TEST

START_TEST(turns_of_one_person_after_another_are_one)
{
    struct roster_rotation list[] = {{.name = "twice",
                                      .start = "2026-11-02 09:00",
                                      .every = "1d",
                                      .people = LIST("ana", "ana", "bo"),
                                      .n_people = 3},
                                     {.name = "alone",
                                      .start = "2026-11-02 09:00",
                                      .every = "1h",
                                      .people = three,
                                      .n_people = 1}};
    struct roster_config c = config;
    struct roster_state s;
    struct roster_ref who;
    struct err e = {0};
    static const char *const days[] = {"ana", "ana", "bo"};

    c.rotations = list;
    c.n_rotations = 2;
    c.n_schedules = c.n_escalations = 0;
    roster = roster_new(&c, NULL, &e);
    ck_assert_msg(roster != NULL, "%s", e.text);
    who = ref("rotation:twice");
    for (int d = 30; d >= 0; d--) { /* backwards: nothing known helps */
        int64_t at_ms = ms("2026-11-02T12:00:00Z") + d * INT64_C(86400000);

        ck_assert_int_eq(roster_look(roster, NULL, &who, at_ms, &s, &e), 0);
        ck_assert_uint_eq(s.now.n, 1);
        ck_assert_str_eq(s.now.list[0].person->name, days[d % 3]);
        ck_assert_int_eq(s.next_ms, ms("2026-11-02T09:00:00Z") +
                                        (d / 3 * 3 + (d % 3 < 2 ? 2 : 3)) * INT64_C(86400000));
        ck_assert_int_eq(s.now.list[0].since_ms,
                         ms("2026-11-02T09:00:00Z") +
                             (d / 3 * 3 + (d % 3 < 2 ? 0 : 2)) * INT64_C(86400000));
    }
    who = ref("rotation:alone");
    ck_assert_int_eq(roster_look(roster, NULL, &who, ms("2026-11-12T12:00:00Z"), &s, &e), 0);
    ck_assert_int_eq(s.now.list[0].since_ms, ms("2026-11-02T09:00:00Z"));
    ck_assert_int_eq(s.now.list[0].until_ms, ROSTER_NEVER);
    ck_assert_int_eq(roster_look(roster, NULL, &who, ms("2026-11-02T08:00:00Z"), &s, &e), 0);
    ck_assert_uint_eq(s.now.n, 0);
    roster_free(roster);
}
END_TEST

START_TEST(a_gap_of_a_minute_breaks_the_time_on_call)
{
    struct roster_change a;
    struct roster_state *s;

    open_roster();
    change(&a, ROSTER_REMOVE, "schedule:week", "bo", NULL, "2026-11-10T09:00:00Z",
           "2026-11-10T09:01:00Z");
    s = look("week", "2026-11-10T12:00:00Z");
    ck_assert_int_eq(s->now.list[0].since_ms, ms("2026-11-10T09:01:00Z"));
    s = look("week", "2026-11-10T08:00:00Z");
    ck_assert_int_eq(s->now.list[0].until_ms, ms("2026-11-10T09:00:00Z"));
    close_roster();
}
END_TEST

/* The model: of each minute, who "payments" puts on call by the clock of Paris; and the joined shifts of that. */
static const char *expected_at(int64_t wall_s)
{
    struct shown s = shown_at(wall_s);
    int64_t days = wall_s / 86400, day_turn = (wall_s / 60 - (20458 * 1440 + 540)) / (7 * 1440),
            night_turn = (wall_s / 60 - (20458 * 1440 + 1080)) / 1440;

    (void)days;
    if (s.weekday < 5 && s.minute >= 540 && s.minute < 1080)
        return day_shift[day_turn % 2];
    if ((s.weekday < 5 && s.minute >= 1080) || (s.weekday >= 1 && s.weekday <= 5 && s.minute < 540))
        return night_shift[night_turn % 2];
    if ((s.weekday == 5 && s.minute >= 540) || s.weekday == 6)
        return "ana";
    return "dee";
}

START_TEST(each_minute_of_400_days_has_the_people_and_the_joined_shifts_of_a_model)
{
    int64_t *wall = read_clock_of("Europe/Paris"), until;
    struct roster_ref who;
    struct roster_shifts shifts;
    struct roster_on_call o;
    struct err e = {0};
    size_t at = 0;

    open_roster();
    who = ref("payments");
    until = (FIRST_S + MINUTES * INT64_C(60)) * 1000;
    ck_assert_int_eq(
        roster_shifts_between(roster, changes, &who, FIRST_S * 1000, until, &shifts, &e), 0);
    for (int64_t i = 0; i < MINUTES; i++) {
        int64_t t = (FIRST_S + i * 60) * 1000;
        const char *expected = expected_at(wall[i]);

        if (roster_at(roster, changes, &who, t, &o, &e) || o.n != 1 ||
            strcmp(o.list[0].person->name, expected) != 0)
            ck_abort_msg("minute %lld: %s not %s", (long long)i, said(&o), expected);
        if (i > 0 && strcmp(expected, expected_at(wall[i - 1])) != 0)
            at++;
        if (at >= shifts.n || strcmp(shifts.list[at].person->name, expected) != 0 ||
            t < shifts.list[at].start_ms || t >= shifts.list[at].end_ms)
            ck_abort_msg("minute %lld: shift %zu", (long long)i, at);
    }
    ck_assert_uint_eq(at + 1, shifts.n);
    for (size_t i = 1; i < shifts.n; i++)
        ck_assert_int_eq(shifts.list[i - 1].end_ms, shifts.list[i].start_ms);
    mem_free(shifts.list);
    free(wall);
    close_roster();
}
END_TEST

START_TEST(shifts_are_cut_to_what_was_asked_for_and_bounded)
{
    struct roster_shifts s;
    struct roster_ref who;
    struct err e = {0};

    open_roster();
    who = ref("week");
    ck_assert_int_eq(roster_shifts_between(roster, changes, &who, ms("2026-11-10T00:00:00Z"),
                                           ms("2026-11-17T00:00:00Z"), &s, &e),
                     0);
    ck_assert_uint_eq(s.n, 2);
    ck_assert_str_eq(s.list[0].person->name, "bo");
    ck_assert_int_eq(s.list[0].start_ms, ms("2026-11-10T00:00:00Z"));
    ck_assert_int_eq(s.list[1].end_ms, ms("2026-11-17T00:00:00Z"));
    mem_free(s.list);
    ck_assert_int_eq(roster_shifts_between(roster, changes, &who, ms("2026-11-10T00:00:00Z"),
                                           ms("2026-11-10T00:00:00Z"), &s, &e),
                     -1);
    ck_assert_int_eq(
        roster_shifts_between(roster, changes, &who, 0, CALENDAR_HORIZON_MS + 1, &s, &e), -1);
    close_roster();
}
END_TEST

/* What is written is read again, as a calendar that holds while somebody is on call. */
START_TEST(the_icalendar_text_has_whole_shifts_and_can_be_read)
{
    struct calendar_config text = {0};
    struct calendar_state s;
    struct calendar *c;
    struct buf out = BUF_INIT;
    struct roster_ref who;
    struct err e = {0};

    open_roster();
    who = ref("week");
    ck_assert_int_eq(roster_icalendar(roster, changes, &who, roster_person_named(roster, "bo"),
                                      ms("2026-11-10T00:00:00Z"), ms("2026-12-02T00:00:00Z"),
                                      ms("2026-11-01T12:00:00Z"), &out, &e),
                     0);
    ck_assert(strstr(buf_str(&out), "UID:week/bo/20261109T090000Z@tocsin\r\n") != NULL);
    ck_assert(strstr(buf_str(&out), "DTSTAMP:20261101T120000Z\r\n") != NULL);
    ck_assert(strstr(buf_str(&out), "SUMMARY:bo on call: week\r\n") != NULL);
    ck_assert(strstr(buf_str(&out), "ana") == NULL);
    text.ical = out.data;
    text.ical_len = out.len;
    c = calendar_new(&text, &e);
    ck_assert_msg(c != NULL, "%s", e.text);
    ck_assert_int_eq(calendar_look(c, ms("2026-11-09T10:00:00Z"), &s), 0);
    ck_assert(s.holds && s.until_ms == ms("2026-11-16T09:00:00Z"));
    ck_assert_int_eq(calendar_look(c, ms("2026-11-20T00:00:00Z"), &s), 0);
    ck_assert(!s.holds && s.until_ms == ms("2026-11-30T09:00:00Z"));
    ck_assert_int_eq(calendar_look(c, ms("2026-12-01T00:00:00Z"), &s), 0);
    ck_assert_int_eq(s.until_ms, ms("2026-12-07T09:00:00Z")); /* beyond the span */
    calendar_free(c);
    buf_free(&out);
    close_roster();
}
END_TEST

START_TEST(a_step_tells_each_person_once_and_receivers_by_name)
{
    const struct escalation_policy *p;
    struct roster_told told;
    struct err e = {0};

    open_roster();
    p = roster_policy_named(roster, "payments", &e);
    ck_assert_int_eq(roster_told(roster, changes, p, 1, 2, ms("2026-01-12T12:00:00Z"), &told, &e),
                     0);
    ck_assert_str_eq(said(&told.people), "bo rotation:day, ana person:ana");
    ck_assert_uint_eq(told.n_receivers, 1);
    ck_assert_str_eq(told.receivers[0], "managers");
    ck_assert_int_eq(roster_told(roster, changes, p, 1, 1, ms("2026-01-12T22:00:00Z"), &told, &e),
                     0);
    ck_assert_uint_eq(told.people.n + told.n_receivers, 0);
    ck_assert_ptr_null(roster_policy_named(roster, "paymants", &e));
    ck_assert_str_eq(e.text, "there is no escalation \"paymants\" — did you mean \"payments\"?");
    close_roster();
}
END_TEST

/* --- refused --- */

static const char *refused(const struct roster_config *c, int *line)
{
    static struct err e;
    const struct roster_place *where;
    struct roster *r;

    e = (struct err){0};
    r = roster_new(c, &where, &e);
    *line = where ? where->line : 0;
    if (r)
        roster_free(r);
    return r ? "it was taken" : e.text;
}

START_TEST(unknown_names_circles_and_nobody_are_refused_where_they_stand)
{
    const struct roster_rotation no_people = {.name = "r",
                                              .start = "2026-11-02 09:00",
                                              .every = "1w",
                                              .place = {"a.lua", 7}},
                                 unknown = {.name = "r",
                                            .start = "2026-11-02 09:00",
                                            .every = "1w",
                                            .people = LIST("anna"),
                                            .n_people = 1,
                                            .place = {"a.lua", 8}};
    const struct roster_schedule circle[] = {
        {.name = "a", .otherwise = LIST("schedule:b"), .n_otherwise = 1, .place = {"a.lua", 1}},
        {.name = "b", .otherwise = LIST("schedule:a"), .n_otherwise = 1, .place = {"a.lua", 2}}};
    const struct roster_schedule
        plain = {.name = "s", .otherwise = LIST("ana"), .n_otherwise = 1},
        kind = {.name = "s", .otherwise = LIST("persn:ana"), .n_otherwise = 1},
        other = {.name = "s", .otherwise = LIST("rotation:ana"), .n_otherwise = 1},
        receiver = {.name = "s", .otherwise = LIST("receiver:everyone"), .n_otherwise = 1},
        empty = {.name = "s"},
        span = {.name = "s",
                .rows = (const struct roster_row[]){{LIST("Mon-Fry"), 1, ana, 1}},
                .n_rows = 1};
    const struct roster_calendar calendars[] = {
        {.config = {.name = "a", .spans = work, .n_spans = 1},
         .except = LIST("b"),
         .n_except = 1,
         .place = {"a.lua", 3}},
        {.config = {.name = "b", .spans = work, .n_spans = 1},
         .except = LIST("a"),
         .n_except = 1,
         .place = {"a.lua", 4}},
        {.config = {.name = "c", .spans = work, .n_spans = 1}, .except = LIST("d"), .n_except = 1},
        {.config = {.name = "d", .spans = all_hours, .n_spans = 1}}};
    const struct roster_calendar lost = {.config = {.name = "a", .spans = work, .n_spans = 1},
                                         .except = LIST("holydays"),
                                         .n_except = 1},
                                 twice[] = {{.config = {.name = "a", .spans = work, .n_spans = 1}},
                                            {.config = {.name = "a", .spans = work, .n_spans = 1},
                                             .place = {"a.lua", 9}}};
    const struct roster_person silent = {.name = "ana"},
                               lost_receiver = {.name = "ana", .receiver = "evryone"};
    const struct escalation_step step = {.notify = LIST("schedule:weak"), .n_notify = 1};
    const struct roster_escalation policy = {
        .policy = {.name = "p", .steps = &step, .n_steps = 1, .rounds = 1, .only = 2}};
    const struct {
        struct roster_config c;
        const char *said;
        int line;
    } cases[] = {
        {{.rotations = &no_people, .n_rotations = 1}, "rotation \"r\": it has no people", 7},
        {{.rotations = &unknown,
          .n_rotations = 1,
          .people = people,
          .n_people = 1,
          .receivers = receivers,
          .n_receivers = 2},
         "rotation \"r\": there is no person \"anna\" — did you mean \"ana\"?",
         8},
        {{.schedules = circle, .n_schedules = 2}, "\"a\" leads back to itself", 2},
        {{.schedules = &plain,
          .n_schedules = 1,
          .people = people,
          .n_people = 1,
          .receivers = receivers,
          .n_receivers = 2},
         "schedule \"s\": otherwise: \"ana\" does not say what it is — did you mean "
         "\"person:ana\"?",
         0},
        {{.schedules = &kind, .n_schedules = 1}, "\"persn:ana\": did you mean \"person:\"?", 0},
        {{.schedules = &other,
          .n_schedules = 1,
          .people = people,
          .n_people = 1,
          .receivers = receivers,
          .n_receivers = 2},
         "there is no rotation \"ana\" — did you mean \"person:ana\"?",
         0},
        {{.schedules = &receiver, .n_schedules = 1, .receivers = receivers, .n_receivers = 2},
         "a receiver is never on call",
         0},
        {{.schedules = &empty, .n_schedules = 1}, "neither a row nor `otherwise`", 0},
        {{.schedules = &span, .n_schedules = 1}, "schedule \"s\": row 1: \"Mon-Fry\", column 5", 0},
        {{.calendars = calendars, .n_calendars = 2}, "\"a\" leads back to itself", 4},
        {{.calendars = calendars + 2, .n_calendars = 2}, "calendar \"c\": it can never hold", 0},
        {{.calendars = &lost, .n_calendars = 1}, "except: there is no calendar \"holydays\"", 0},
        {{.calendars = twice, .n_calendars = 2}, "calendar \"a\" is defined twice", 9},
        {{.people = &silent, .n_people = 1}, "person \"ana\": nothing says how to reach them", 0},
        {{.people = &lost_receiver, .n_people = 1, .receivers = receivers, .n_receivers = 2},
         "there is no receiver \"evryone\" — did you mean \"everyone\"?",
         0},
        {{.escalations = &policy,
          .n_escalations = 1,
          .schedules = schedules,
          .n_schedules = 1,
          .rotations = rotations,
          .n_rotations = 1,
          .people = people,
          .n_people = 3,
          .receivers = receivers,
          .n_receivers = 2},
         "escalation \"p\": step 1: there is no schedule \"weak\" — did you mean \"week\"?",
         0},
    };

    for (size_t i = 0; i < N(cases); i++) {
        int line;
        const char *text = refused(&cases[i].c, &line);

        ck_assert_msg(strstr(text, cases[i].said) != NULL, "%zu: %s", i, text);
        ck_assert_msg(cases[i].line == 0 || line == cases[i].line, "%s: line %d", text, line);
    }
}
END_TEST

START_TEST(schedules_lie_in_each_other_up_to_a_depth)
{
    char names[12][8], refs[12][24];
    const char *who[12];
    struct roster_schedule list[12];
    struct roster_config c = config;
    int line;

    for (int i = 0; i < 12; i++) {
        sprintf(names[i], "s%d", i);
        sprintf(refs[i], i ? "schedule:s%d" : "person:ana", i - 1);
        who[i] = refs[i];
        list[i] =
            (struct roster_schedule){.name = names[i], .otherwise = &who[i], .n_otherwise = 1};
    }
    c.schedules = list;
    c.n_escalations = 0;
    c.n_schedules = 9;
    ck_assert_str_eq(refused(&c, &line), "it was taken");
    c.n_schedules = 10;
    ck_assert(strstr(refused(&c, &line), "more than 8 inside each other") != NULL);
}
END_TEST

START_TEST(without_memory_there_is_no_roster)
{
    struct roster *r = NULL;
    struct err e;
    long n = 0;

    while (!r) {
        e = (struct err){0};
        mem_fail_at(++n);
        r = roster_new(&config, NULL, &e);
        if (!r)
            ck_assert_msg(e.code == ERR_MEMORY, "%ld: %s", n, e.text);
        ck_assert(n < 2000);
    }
    mem_fail_at(0);
    ck_assert_int_gt(n, 20);
    roster_free(r);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, every_row_that_holds_puts_its_people_on_call_and_otherwise_where_none_does);
    tcase_add_test(c, a_name_that_is_both_is_the_schedule);
    tcase_add_test(c, changes_act_in_the_order_in_which_they_were_made_each_on_the_result_so_far);
    tcase_add_test(
        c, a_newer_replace_of_the_same_person_takes_the_place_of_the_older_where_they_overlap);
    tcase_add_test(c, temporary_schedules_replace_everything_first_and_the_later_one_counts);
    tcase_add_test(c, a_change_of_a_rotation_acts_in_every_schedule_that_uses_it);
    tcase_add_test(c, a_change_that_changes_nobody_says_so_before_it_is_made);
    tcase_add_test(c, changes_of_one_schedule_are_bounded);
    tcase_add_test(c, since_and_until_are_those_of_unbroken_time_also_over_several_shifts_and_rows);
    tcase_add_test(c, turns_of_one_person_after_another_are_one);
    tcase_add_test(c, a_gap_of_a_minute_breaks_the_time_on_call);
    tcase_add_test(c, each_minute_of_400_days_has_the_people_and_the_joined_shifts_of_a_model);
    tcase_add_test(c, shifts_are_cut_to_what_was_asked_for_and_bounded);
    tcase_add_test(c, the_icalendar_text_has_whole_shifts_and_can_be_read);
    tcase_add_test(c, a_step_tells_each_person_once_and_receivers_by_name);
    tcase_add_test(c, unknown_names_circles_and_nobody_are_refused_where_they_stand);
    tcase_add_test(c, schedules_lie_in_each_other_up_to_a_depth);
    tcase_add_test(c, without_memory_there_is_no_roster);
}

UNIT_MAIN("roster/roster", add)
