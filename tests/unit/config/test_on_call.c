/* calendar, person, rotation, schedule, escalation: what the blocks become, and what is refused, with file and line. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "tocsin/config.h"
#include "tocsin/oncall.h"

#define HOLIDAYS                                                               \
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\n" \
    "UID:1\r\nSUMMARY:New year\r\nDTSTART;VALUE=DATE:20260101\r\n"             \
    "RRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

static char *read_file(const char *path, size_t *len, void *arg, struct err *e)
{
    const char *text = strcmp(path, "etc/holidays.ics") == 0 ? HOLIDAYS
                       : strcmp(path, "etc/bad.ics") == 0    ? "hello"
                                                             : NULL;

    (void)arg;
    if (text)
        return mem_dup(text, *len = strlen(text));
    err_set(e, ERR_IO, "there is no such file");
    return NULL;
}

static struct config *load(const char *source, struct err *e)
{
    static const struct config_options options = {.read = read_file};

    return config_load("etc/tocsin.lua", source, strlen(source), &options, e);
}

static const char whole[] =
    "receiver \"everyone\" { inbox {} } receiver \"ana-sms\" { inbox {} }\n"
    "route { receiver = { \"everyone\", \"ana-sms\" } }\n"
    "calendar \"business-hours\" { zone = \"Europe/Paris\",\n"
    "  \"Mon-Fri 08:00-20:00\", \"Sat 10:00-14:00 in Jan-Mar\",\n"
    "  except = { \"2026-12-25\", \"05-01\", calendar \"holidays\" },\n"
    "  rrule = { start = \"2026-01-06T02:00\", lasts = \"3h\", rule = \"FREQ=MONTHLY;BYDAY=2TU\" } "
    "}\n"
    "calendar \"holidays\" { zone = \"Europe/Paris\", ical = file \"holidays.ics\" }\n"
    "person \"ana\" { email = \"ana@example.com\", slack = \"U123\", zone = \"Europe/Paris\",\n"
    "  notify = { \"everyone\", { after = \"3m\", \"ana-sms\" } } }\n"
    "person \"bo\" { receiver = \"everyone\" }\n"
    "rotation \"payments\" { zone = \"Europe/Paris\", start = \"2026-11-02 09:00\", every = "
    "\"1w\",\n"
    "  people = { \"ana\", \"bo\" } }\n"
    "schedule \"payments\" { zone = \"Europe/Paris\",\n"
    "  { \"Mon-Fri 09:00-18:00\", \"rotation:payments\" },\n"
    "  { \"Sat 00:00 - Mon 00:00\", \"person:ana\", \"person:bo\" },\n"
    "  otherwise = \"person:bo\" }\n"
    "escalation \"payments\" {\n"
    "  step { notify = \"schedule:payments\" },\n"
    "  step { notify = { \"person:ana\", \"receiver:everyone\" }, wait = \"15m\" },\n"
    "  step { notify = \"receiver:everyone\", wait = \"30m\", every_round = false },\n"
    "  rounds = 3, unanswered = \"everyone\" }\n";

static bool holds(struct calendar *c, const char *at)
{
    struct calendar_state s;
    int64_t at_ms;

    ck_assert_int_eq(text_parse_time(at, strlen(at), &at_ms), 0);
    ck_assert_int_eq(calendar_look(c, at_ms, &s), 0);
    return s.holds;
}

START_TEST(the_blocks_become_a_roster_that_answers)
{
    struct err e = {0};
    struct config *c = load(whole, &e);
    const struct escalation_policy *p;
    struct calendar *hours;
    struct roster_on_call o;
    struct roster_ref who;
    int64_t at_ms;

    ck_assert_msg(c != NULL, "%s", e.text);
    hours = roster_calendar_named(c->roster, "business-hours", &e);
    ck_assert(holds(hours, "2026-01-05T07:00:00Z"));
    ck_assert(!holds(hours, "2026-01-01T12:00:00Z")); /* of the file */
    ck_assert(!holds(hours, "2026-05-01T12:00:00Z"));
    ck_assert(!holds(hours, "2026-12-25T12:00:00Z"));
    ck_assert(holds(hours, "2026-01-13T01:30:00Z")); /* of the rule */
    ck_assert_uint_eq(c->n_inputs, 1);               /* the file is watched */
    ck_assert_uint_eq(c->on_call->n_people, 2);
    ck_assert_str_eq(c->on_call->people[0].email, "ana@example.com");
    ck_assert_str_eq(c->on_call->people[0].slack, "U123");
    ck_assert_uint_eq(c->on_call->people[0].n_notify, 2);
    ck_assert_int_eq(c->on_call->people[0].notify[1].after_ms, 180000);
    ck_assert_str_eq(c->on_call->people[0].notify[1].receivers[0], "ana-sms");
    ck_assert_int_eq(roster_find(c->roster, "payments", &who, &e), 0);
    ck_assert_int_eq(text_parse_time("2026-11-07T12:00:00Z", 20, &at_ms), 0); /* a Saturday */
    ck_assert_int_eq(roster_at(c->roster, NULL, &who, at_ms, &o, &e), 0);
    ck_assert_uint_eq(o.n, 2);
    p = roster_policy_named(c->roster, "payments", &e);
    ck_assert_uint_eq(p->n_steps, 3);
    ck_assert_uint_eq(p->rounds, 3);
    ck_assert_str_eq(p->unanswered, "everyone");
    ck_assert_uint_eq(p->only, ESCALATION_ONLY_USUAL);
    ck_assert_int_eq(p->steps[1].wait_ms, 900000);
    ck_assert_uint_eq(p->steps[1].n_notify, 2);
    ck_assert(p->steps[2].not_each_round && !p->steps[1].not_each_round);
    config_unref(c);
}
END_TEST

START_TEST(a_file_without_these_blocks_has_an_empty_roster)
{
    struct config *c = config_default();
    struct roster_ref who;
    struct err e;

    ck_assert_uint_eq(c->on_call->n_people, 0);
    ck_assert_int_eq(roster_find(c->roster, "payments", &who, &e), -1);
    config_unref(c);
}
END_TEST

#define T "tocsin.lua:1: "
#define BASE \
    "receiver \"x\" { inbox {} } route { receiver = \"x\" } person \"ana\" { receiver = \"x\" } "
#define ROTA \
    "rotation \"r\" { start = \"2026-11-02 09:00\", every = \"1w\", people = { \"ana\" } } "
static const struct {
    const char *source, *want;
} refused[] = {
    {"calendar \"a\" {}", T "calendar \"a\": it has no times, so it never holds"},
    {"calendar \"a\" { \"Mon-Fry\" }", T "calendar \"a\": \"Mon-Fry\", column 5: \"Fry\" is no day "
                                         "of the week — did you mean \"Fri\"?"},
    {"\n\ncalendar \"a\" { \"Mon\",\n zone = \"Europe/Pari\" }",
     "tocsin.lua:3: calendar \"a\": there is no time zone \"Europe/Pari\"; did you mean "
     "\"Europe/Paris\"?"},
    {"calendar \"a\" { \"Mon\", expect = { \"05-01\" } }",
     T "calendar \"a\": calendar: unknown key \"expect\" — did you mean \"except\"?"},
    {"calendar \"a\" { \"Mon\", except = { 5 } }",
     T "calendar \"a\": an entry of `except` is a text such as \"2026-12-25\", or calendar "
       "\"holidays\", got number"},
    {"calendar \"a\" { \"Mon\", except = \"25.12.\" }",
     T "calendar \"a\": except: \"25.12.\" is no date"},
    {"calendar \"a\" { \"Mon\", except = calendar \"holidys\" } calendar \"holidays\" { \"05-02\" "
     "}",
     T "calendar \"holidys\" is not defined — did you mean \"holidays\"?"},
    {"calendar \"a\"", T "calendar \"a\" is not defined: it needs its { … }"},
    {"calendar \"a\" { \"Mon\", except = calendar \"b\" } calendar \"b\" { \"Mon\", except = "
     "calendar "
     "\"a\" }",
     T "\"a\" leads back to itself"},
    {"calendar \"a\" { \"Mon\" } calendar \"a\" { \"Tue\" }",
     T "calendar \"a\": defined twice (first at tocsin.lua:1)"},
    {"calendar \"a\" { ical = \"holidays.ics\" }",
     T "calendar \"a\": `ical` takes file \"holidays.ics\", got string"},
    {"calendar \"a\" { ical = file \"bad.ics\" }",
     T "calendar \"a\": ical: it is no iCalendar text"},
    {"calendar \"a\" { ical = file \"nope.ics\" }", T "\"nope.ics\": there is no such file"},
    {"calendar \"a\" { rrule = { start = \"2026-01-06T02:00\", rule = \"FREQ=DAILY\" } }",
     T "calendar \"a\": rrule: `lasts` is missing"},
    {"calendar \"a\" { \"day 30 in Feb\" }", T "calendar \"a\": it can never hold"},
    {"person \"ana\" {}", T "person \"ana\": nothing says how to reach them"},
    {"person \"ana\" { receiver = \"evryone\" }",
     T "person \"ana\": there is no receiver \"evryone\" — did you mean \"everyone\"?"},
    {"person \"ana\" { receiver = \"everyone\" } person \"ana\" { receiver = \"everyone\" }",
     T "person \"ana\" is defined twice"},
    {"person \"ana\" { notify = { { after = \"3m\" } } }",
     T "person \"ana\": notify: { after = \"3m\", \"ana-sms\" } is the form"},
    {BASE "rotation \"r\" { start = \"2026-11-02 09:00\", every = \"1w\" }",
     T "rotation \"r\": it has no people"},
    {BASE "rotation \"r\" { every = \"1w\", people = { \"ana\" } }",
     T "rotation \"r\": `start` is missing"},
    {BASE "rotation \"r\" { start = \"2026-11-02 09:00\", every = \"1w\", people = { \"anna\" } }",
     T "rotation \"r\": there is no person \"anna\" — did you mean \"ana\"?"},
    {BASE
     "rotation \"r\" { start = \"2026-11-02 09:00\", every = \"weekly\", people = { \"ana\" } }",
     T "rotation \"r\": every = \"weekly\" is none of"},
    {BASE ROTA "schedule \"s\" { { \"Mon\", \"rotaton:r\" } }",
     T "schedule \"s\": row 1: \"rotaton:r\": did you mean \"rotation:\"?"},
    {BASE ROTA "schedule \"s\" { { \"Mon 9:00-10:00\", \"rotation:r\" } }",
     T "schedule \"s\": row 1: \"Mon 9:00-10:00\", column 5: \"9:00\" is no time"},
    {BASE "schedule \"s\" { { \"Mon\" } }", T "schedule \"s\": row 1: it names nobody"},
    {BASE "schedule \"s\" {}", T "schedule \"s\": it has neither a row nor `otherwise`"},
    {BASE "schedule \"s\" { otherwise = \"schedule:s\" }", T "\"s\" leads back to itself"},
    {BASE "schedule \"s\" { \"Mon\" }", T "schedule \"s\": a row is written"},
    {BASE "escalation \"e\" {}", T "escalation \"e\": it has no step"},
    {BASE "escalation \"e\" { { notify = \"person:ana\" } }",
     T "escalation \"e\": entry 1 is table, not a step { … }"},
    {BASE "escalation \"e\" { step { notify = \"ana\" } }",
     T "escalation \"e\": step 1: \"ana\" does not say what it is — did you mean \"person:ana\"?"},
    {BASE "escalation \"e\" { step { notify = \"person:ana\" }, step { notify = \"receiver:x\" } }",
     T "escalation \"e\": step 2: `wait` is missing"},
    {BASE "escalation \"e\" { step { notify = \"person:ana\" }, only = { \"P9\" } }",
     T "escalation \"e\": `only`: \"P9\" is no priority, P1 to P5"},
    {BASE
     "escalation \"e\" { step { notify = \"person:ana\", wait = \"5m\" }, unanswered = \"y\" }",
     T "escalation \"e\": unanswered: there is no receiver \"y\""},
};

START_TEST(a_mistake_is_refused_with_its_line_and_what_is_meant)
{
    struct err e = {0};
    struct config *c = load(refused[_i].source, &e);

    ck_assert_msg(c == NULL, "%s was taken", refused[_i].source);
    ck_assert_msg(strncmp(e.text, refused[_i].want, strlen(refused[_i].want)) == 0, "%s\n  said %s",
                  refused[_i].source, e.text);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, the_blocks_become_a_roster_that_answers);
    tcase_add_test(c, a_file_without_these_blocks_has_an_empty_roster);
    tcase_add_loop_test(c, a_mistake_is_refused_with_its_line_and_what_is_meant, 0,
                        (int)(sizeof refused / sizeof *refused));
}

UNIT_MAIN("config/on_call", add)
