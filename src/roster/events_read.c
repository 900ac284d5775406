/* iCalendar texts and rules into events.
 * What is not understood is refused by name instead of left out: an event that is silently missing is a person
 * who is not called. Kept small on purpose: whether somebody is busy, alarms, attendees mean nothing here.
 * Zones are the system's where it knows the name, else the text's own (Outlook's), whose rules must be yearly, as
 * all that exist are: libical works them out year by year. Rules finer than daily are refused, for a span says the
 * same; and a rule without any occurrence, for which libical searches centuries: here, once, and not while
 * somebody waits. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "roster/civil.h"
#include "roster/events_impl.h"

#define EXCEPTS_MAX 1000 /* of one event: each of its occurrences is compared with them */

struct reading {
    struct events *ev;
    icalcomponent *calendar;
    struct tz zone;      /* of times without one */
    struct map *masters; /* uid -> place in ev->list + 1, as a pointer */
    struct err *e;
};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory");
}

/* --- rules --- */

static int listed(const short *by, int size)
{
    int n = 0;

    while (n < size && by[n] != ICAL_RECURRENCE_ARRAY_MAX)
        n++;
    return n > 0 ? n : 1;
}

static int a_day(const struct icalrecurrencetype *r)
{
    return listed(r->by_hour, ICAL_BY_HOUR_SIZE) * listed(r->by_minute, ICAL_BY_MINUTE_SIZE) *
           listed(r->by_second, ICAL_BY_SECOND_SIZE);
}

/* libical takes any digits: month 0, the 53rd. */
static bool is_moment(struct icaltimetype t)
{
    return t.year >= 1600 && t.month >= 1 && t.month <= 12 && t.day >= 1 &&
           t.day <= civil_days_in(t.year, t.month) && t.hour >= 0 && t.hour <= 23 &&
           t.minute >= 0 && t.minute <= 59 && t.second >= 0 && t.second <= 60;
}

static int check_rule(const struct icalrecurrencetype *r, struct err *e)
{
    if (r->freq == ICAL_NO_RECURRENCE)
        return err_set(e, ERR_INPUT,
                       "the rule is not understood; one is written \"FREQ=MONTHLY;BYDAY=2TU\"");
    if (!icaltime_is_null_time(r->until) && !is_moment(r->until))
        return err_set(e, ERR_INPUT, "UNTIL is no date or time: write UNTIL=20271231T235959Z");
    if (r->freq == ICAL_SECONDLY_RECURRENCE || r->freq == ICAL_MINUTELY_RECURRENCE ||
        r->freq == ICAL_HOURLY_RECURRENCE)
        return err_set(e, ERR_INPUT,
                       "a rule recurs daily or less often: FREQ=DAILY, WEEKLY, MONTHLY or YEARLY");
    if (r->rscale || r->count > EVENTS_COUNT_MAX || a_day(r) > EVENTS_A_DAY_MAX)
        return err_set(e, ERR_LIMIT, "a rule has %s",
                       r->rscale                     ? "no RSCALE here"
                       : r->count > EVENTS_COUNT_MAX ? "a COUNT of at most 10000"
                                                     : "at most 24 times a day");
    return 0;
}

/* UNTIL on the wall clock of the event, of the kind that its starts have. */
static void set_until(const struct event *v, struct icalrecurrencetype *r)
{
    struct icaltimetype u = r->until;
    int64_t wall;
    struct civil c;

    if (icaltime_is_null_time(u))
        return;
    wall = event_wall(u);
    if (icaltime_is_utc(u) && !u.is_date)
        wall = tz_wall(v->zone, wall);
    if (u.is_date && !v->is_date)
        wall += DAY_S - 1;
    c = civil_of(civil_div(wall, DAY_S));
    wall -= civil_div(wall, DAY_S) * DAY_S;
    r->until = (struct icaltimetype){
        .year = c.year, .month = c.month, .day = c.day, .is_date = v->is_date};
    if (!v->is_date) {
        r->until.hour = (int)(wall / 3600);
        r->until.minute = (int)(wall / 60 % 60);
        r->until.second = (int)(wall % 60);
    }
}

static int add_rule(struct event *v, const struct icalrecurrencetype *rule, struct err *e)
{
    struct icalrecurrencetype *r;
    struct event_walk walk = {0};
    size_t cap = v->n_rules;
    int64_t end = civil_day(YEAR_MAX + 1, 1, 1) * DAY_S;

    if (check_rule(rule, e) < 0)
        return -1;
    if (mem_grow((void **)&v->rules, &cap, v->n_rules + 1, sizeof(void *)) ||
        !(r = mem_alloc(sizeof *r)))
        return no_memory(e);
    *r = *rule;
    set_until(v, r);
    v->rules[v->n_rules++] = r;
    if (!event_rule_next(v, r, v->start_wall, end, &walk))
        return err_set(e, ERR_INPUT, "the rule never holds: no day is all that it says");
    icalrecur_iterator_free(walk.iterator);
    if (v->n_rules == 1 || walk.wall < v->first_wall)
        v->first_wall = walk.wall;
    return 0;
}

static int new_event(struct events *ev, const struct event *v, struct err *e)
{
    if (ev->n == EVENTS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d events", EVENTS_MAX);
    if (mem_grow((void **)&ev->list, &ev->cap, ev->n + 1, sizeof *ev->list))
        return no_memory(e);
    ev->list[ev->n++] = *v;
    return 0;
}

static int read_rule(struct event *v, const char *start, const char *lasts, const char *rule,
                     struct err *e)
{
    struct words w = {start, start, start + strlen(start)};
    struct icalrecurrencetype r;
    int64_t ms;

    if (!words_date_time(&w, &v->start_wall) || w.at != w.end)
        return err_set(e, ERR_INPUT,
                       "start = \"%.40s\" is no time of the form \"2026-01-06T02:00\"", start);
    if (text_parse_duration(lasts, strlen(lasts), &ms) < 0 || ms % 1000 || ms > 366 * DAY_S * 1000)
        return err_set(e, ERR_INPUT,
                       "lasts = \"%.40s\" is no duration of at most a year, such as \"3h\"", lasts);
    v->days = ms % (DAY_S * 1000) ? 0 : ms / (DAY_S * 1000);
    v->seconds = v->days ? 0 : ms / 1000;
    r = icalrecurrencetype_from_string(rule);
    if (add_rule(v, &r, e) < 0)
        return err_prefix(e, "rule = \"%.100s\"", rule);
    return 0;
}

int events_add_rule(struct events *ev, const char *start, const char *lasts, const char *rule,
                    struct tz zone, struct err *e)
{
    struct event v = {.zone = zone};

    icalerror_set_errors_are_fatal(0);
    if (read_rule(&v, start, lasts, rule, e) == 0 && new_event(ev, &v, e) == 0)
        return 0;
    event_clear(&v);
    return -1;
}

/* --- times of a text --- */

static bool zone_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/_+-", *p))
            return false;
    return *name && *name != '/' && strlen(name) < 64;
}

/* Its own rules, each of which must be yearly. */
static int own_zone(struct reading *r, const char *name, struct tz *out)
{
    icaltimezone *z = icalcomponent_get_timezone(r->calendar, name);
    icalcomponent *c = z ? icaltimezone_get_component(z) : NULL;

    if (!c)
        return err_set(
            r->e, ERR_INPUT,
            "the time zone \"%.64s\" is neither one of the system nor defined in the file", name);
    for (icalcomponent *part = icalcomponent_get_first_component(c, ICAL_ANY_COMPONENT); part;
         part = icalcomponent_get_next_component(c, ICAL_ANY_COMPONENT))
        for (icalproperty *p = icalcomponent_get_first_property(part, ICAL_RRULE_PROPERTY); p;
             p = icalcomponent_get_next_property(part, ICAL_RRULE_PROPERTY)) {
            struct icalrecurrencetype rule = icalproperty_get_rrule(p);

            if (rule.freq != ICAL_YEARLY_RECURRENCE || a_day(&rule) > 1 || rule.interval > 1)
                return err_set(r->e, ERR_INPUT,
                               "the time zone \"%.64s\" has a rule that is not yearly", name);
        }
    out->zone = z;
    return 0;
}

struct when {
    bool is_date;
    int64_t wall;
    struct tz zone;
};

static int read_when(struct reading *r, icalproperty *p, struct icaltimetype t, struct when *out)
{
    icalparameter *param = icalproperty_get_first_parameter(p, ICAL_TZID_PARAMETER);
    const char *name = param ? icalparameter_get_tzid(param) : NULL;

    if (!is_moment(t) || t.year > YEAR_MAX)
        return err_set(r->e, ERR_INPUT, "%s is no date or time up to %d",
                       icalproperty_get_property_name(p), YEAR_MAX);
    out->is_date = t.is_date;
    out->wall = event_wall(t);
    out->zone = r->zone;
    if (icaltime_is_utc(t))
        out->zone.zone = NULL;
    else if (name && !t.is_date) {
        out->zone.zone = zone_name(name) ? icaltimezone_get_builtin_timezone(name) : NULL;
        if (!out->zone.zone && own_zone(r, name, &out->zone) < 0)
            return -1;
    }
    return 0;
}

static int64_t instant(const struct when *w)
{
    return tz_instant(w->zone, w->wall);
}

/* --- one event --- */

static int read_length(struct reading *r, icalcomponent *c, const struct when *start,
                       struct event *v)
{
    icalproperty *end = icalcomponent_get_first_property(c, ICAL_DTEND_PROPERTY),
                 *length = icalcomponent_get_first_property(c, ICAL_DURATION_PROPERTY);

    if (end) {
        struct when w;

        if (read_when(r, end, icalproperty_get_dtend(end), &w) < 0)
            return -1;
        if (start->is_date && w.is_date)
            v->days = (w.wall - start->wall) / DAY_S;
        else
            v->seconds = instant(&w) - instant(start);
    } else if (length) {
        struct icaldurationtype d = icalproperty_get_duration(length);

        v->days = d.is_neg ? -1 : (int64_t)d.weeks * 7 + d.days;
        v->seconds = (int64_t)d.hours * 3600 + (int64_t)d.minutes * 60 + d.seconds;
    } else
        v->days = start->is_date; /* RFC 5545 3.6.1: else it takes no time */
    if (v->days < 0 || v->seconds < 0 || v->days * DAY_S + v->seconds > 100 * 366 * DAY_S)
        return err_set(r->e, ERR_INPUT, "it ends before it begins, or after a hundred years");
    return 0;
}

static int add_except(struct event *v, const struct when *w, struct err *e)
{
    size_t cap = v->n_excepts;

    if (v->n_excepts == EXCEPTS_MAX)
        return err_set(e, ERR_LIMIT, "it has more than %d exceptions", EXCEPTS_MAX);
    if (mem_grow((void **)&v->excepts, &cap, v->n_excepts + 1, sizeof *v->excepts))
        return no_memory(e);
    v->excepts[v->n_excepts++] = (struct event_except){
        .is_day = w->is_date, .at = w->is_date ? civil_div(w->wall, DAY_S) : instant(w)};
    return 0;
}

static int add_date(struct reading *r, struct event *v, icalproperty *p)
{
    struct icaldatetimeperiodtype d = icalproperty_get_rdate(p);
    struct when w;
    size_t cap = v->n_dates;

    if (icaltime_is_null_time(d.time))
        return err_set(r->e, ERR_INPUT,
                       "RDATE with a PERIOD is not read: write an event of its own");
    if (read_when(r, p, d.time, &w) < 0)
        return -1;
    if (mem_grow((void **)&v->dates, &cap, v->n_dates + 1, sizeof *v->dates))
        return no_memory(r->e);
    v->dates[v->n_dates++] =
        w.is_date == v->is_date && w.is_date ? w.wall : tz_wall(v->zone, instant(&w));
    return 0;
}

static int read_property(struct reading *r, struct event *v, icalproperty *p)
{
    struct icalrecurrencetype rule;
    struct when w;

    switch ((int)icalproperty_isa(p)) {
    case ICAL_RRULE_PROPERTY:
        rule = icalproperty_get_rrule(p);
        return add_rule(v, &rule, r->e);
    case ICAL_RDATE_PROPERTY:
        return add_date(r, v, p);
    case ICAL_EXDATE_PROPERTY:
        if (read_when(r, p, icalproperty_get_exdate(p), &w) < 0)
            return -1;
        return add_except(v, &w, r->e);
    case ICAL_EXRULE_PROPERTY:
        return err_set(r->e, ERR_INPUT, "EXRULE is not read: RFC 5545 has given it up; use EXDATE");
    case ICAL_XLICERROR_PROPERTY:
        return err_set(r->e, ERR_INPUT, "%.200s", icalproperty_get_xlicerror(p));
    default:
        return 0;
    }
}

static int read_event(struct reading *r, icalcomponent *c, struct event *v)
{
    icalproperty *p = icalcomponent_get_first_property(c, ICAL_DTSTART_PROPERTY);
    struct when start;

    if (!p)
        return err_set(r->e, ERR_INPUT, "it has no DTSTART");
    if (read_when(r, p, icalproperty_get_dtstart(p), &start) < 0)
        return -1;
    *v = (struct event){.start_wall = start.wall,
                        .first_wall = start.wall,
                        .is_date = start.is_date,
                        .zone = start.zone};
    if (read_length(r, c, &start, v) < 0)
        return -1;
    for (p = icalcomponent_get_first_property(c, ICAL_ANY_PROPERTY); p;
         p = icalcomponent_get_next_property(c, ICAL_ANY_PROPERTY))
        if (read_property(r, v, p) < 0)
            return -1;
    return 0;
}

static const char *uid_of(icalcomponent *c)
{
    const char *uid = icalcomponent_get_uid(c);

    return uid ? uid : "";
}

static int take_event(struct reading *r, icalcomponent *c)
{
    struct event v = {0};
    int rc = read_event(r, c, &v);

    if (rc == 0 && icalcomponent_get_status(c) != ICAL_STATUS_CANCELLED) {
        rc = new_event(r->ev, &v, r->e);
        if (rc == 0 && !icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY) &&
            *uid_of(c) && map_puts(r->masters, uid_of(c), (void *)(uintptr_t)r->ev->n, NULL))
            return no_memory(r->e); /* the list has it */
    } else {
        event_clear(&v);
    }
    if (rc < 0)
        event_clear(&v);
    return rc;
}

/* The occurrence that this event stands for is taken out of the one that recurs. */
static int take_out(struct reading *r, icalcomponent *c)
{
    icalproperty *p = icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY);
    uintptr_t place = p ? (uintptr_t)map_gets(r->masters, uid_of(c)) : 0;
    struct when w;

    if (place == 0)
        return 0;
    if (read_when(r, p, icalproperty_get_recurrenceid(p), &w) < 0)
        return -1;
    return add_except(&r->ev->list[place - 1], &w, r->e);
}

static int each_event(struct reading *r, icalcomponent *calendar,
                      int (*take)(struct reading *r, icalcomponent *c))
{
    icalcompiter at = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);

    r->calendar = calendar;
    for (icalcomponent *c; (c = icalcompiter_deref(&at)); icalcompiter_next(&at))
        if (take(r, c) < 0) {
            const char *summary = icalcomponent_get_summary(c);

            return err_prefix(r->e, "the event \"%.60s\"", summary ? summary : uid_of(c));
        }
    return 0;
}

static int each_calendar(struct reading *r, icalcomponent *root,
                         int (*take)(struct reading *r, icalcomponent *c))
{
    if (icalcomponent_isa(root) == ICAL_VCALENDAR_COMPONENT)
        return each_event(r, root, take);
    for (icalcompiter at = icalcomponent_begin_component(root, ICAL_VCALENDAR_COMPONENT);
         icalcompiter_deref(&at); icalcompiter_next(&at))
        if (each_event(r, icalcompiter_deref(&at), take) < 0)
            return -1;
    return 0;
}

static int read_text(struct events *ev, const char *text, struct tz zone, struct err *e)
{
    struct reading r = {.ev = ev, .zone = zone, .e = e};
    icalcomponent *root = icalparser_parse_string(text);
    int rc;

    if (!root)
        return err_set(e, ERR_INPUT, "it is no iCalendar text (BEGIN:VCALENDAR …)");
    if (mem_grow((void **)&ev->texts, &ev->cap_texts, ev->n_texts + 1, sizeof(void *))) {
        icalcomponent_free(root);
        return no_memory(e);
    }
    ev->texts[ev->n_texts++] = root;
    if (icalcomponent_isa(root) != ICAL_VCALENDAR_COMPONENT &&
        !icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT))
        return err_set(e, ERR_INPUT, "it is no iCalendar text (BEGIN:VCALENDAR …)");
    r.masters = map_new();
    if (!r.masters)
        return no_memory(e);
    rc = each_calendar(&r, root, take_event) < 0 || each_calendar(&r, root, take_out) < 0 ? -1 : 0;
    map_free(r.masters, NULL);
    return rc;
}

int events_add_text(struct events *ev, const char *text, size_t len, struct tz zone, struct err *e)
{
    char *copy;
    int rc;

    icalerror_set_errors_are_fatal(0);
    if (len > EVENTS_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "it is larger than 1 MiB");
    if (memchr(text, 0, len))
        return err_set(e, ERR_INPUT, "it contains a zero byte");
    copy = mem_dup(text, len);
    if (!copy)
        return no_memory(e);
    rc = read_text(ev, copy, zone, e);
    mem_free(copy);
    return rc;
}
