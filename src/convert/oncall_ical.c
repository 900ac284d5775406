/* iCalendar files (RFC 5545) of who is on call: an event is a shift, its summary a name.
 *
 *   BEGIN:VEVENT  SUMMARY:Ana Ruiz  DTSTART;TZID=Europe/Paris:20261102T090000  DTEND;…  RRULE:FREQ=WEEKLY;INTERVAL=2
 *
 * Lines are read here, since the roster takes iCalendar only as times that hold, not as whose they are. What comes each
 * day or week is a span. Of n events that come each n days or weeks, one after the other, it is a rotation: so calendars
 * write one. Shifts without a rule stay dates; there can be as many as a schedule has rows. */
#include "convert/oncall_plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "roster/civil.h"

#define EVENTS_MAX 2000
#define LINE_MAX   1000
#define LASTS_MAX  (400 * DAY_S)
#define ROWS_MAX   95 /* below ROSTER_ROWS_MAX, with room for what else there is */

struct event {
    const char *who;
    int64_t from_wall, lasts_s, until_wall; /* until: of the rule, 0: for ever */
    bool utc, done;
    char freq; /* 'D' 'W', 0: once, '?': another rule */
    int interval;
    unsigned by_day;
};

struct file {
    struct plan *p;
    const char *name, *zone;
    struct tz z;
    struct event *events;
    size_t n, cap;
};

/* The next line, unfolded; false at the end. */
static bool next_line(const char **at, const char *end, char out[LINE_MAX])
{
    size_t n = 0;

    if (*at >= end)
        return false;
    for (;;) {
        while (*at < end && **at != '\n') {
            if (n < LINE_MAX - 1 && **at != '\r' && **at)
                out[n++] = **at;
            (*at)++;
        }
        if (*at < end)
            (*at)++;
        if (*at == end || (**at != ' ' && **at != '\t'))
            break;
        (*at)++;
    }
    out[n] = '\0';
    return true;
}

/* "20261102T090000Z", "20261102"; in seconds on the clock it is written for. */
static bool time_of(const char *s, int64_t *wall_s, bool *utc)
{
    char digits[9] = "";
    int v[6] = {0}, at = 0;
    static const int widths[] = {4, 2, 2, 2, 2, 2};

    for (int i = 0; i < 6; i++) {
        if (i == 3 && s[at] != 'T')
            break;
        at += i == 3;
        for (int k = 0; k < widths[i]; k++, at++) {
            if (!isdigit((unsigned char)s[at]))
                return false;
            digits[k] = s[at];
            digits[k + 1] = '\0';
        }
        v[i] = atoi(digits);
    }
    if (!civil_exists(v[0], v[1], v[2]) || v[3] > 23 || v[4] > 59)
        return false;
    *utc = s[at] == 'Z';
    *wall_s = civil_day(v[0], v[1], v[2]) * DAY_S + v[3] * 3600 + v[4] * 60;
    return true;
}

/* "PT8H", "P1W", "P1DT12H" */
static int64_t lasts_of(const char *s)
{
    int64_t total = 0, v = 0;
    bool time = false;

    for (s += *s == '+', s += *s == 'P'; *s; s++) {
        if (isdigit((unsigned char)*s) && v < 1000000)
            v = 10 * v + (*s - '0');
        else if (*s == 'T')
            time = true;
        else {
            total += v * (*s == 'W'           ? 7 * DAY_S
                          : *s == 'D'         ? DAY_S
                          : *s == 'H'         ? 3600
                          : time && *s == 'M' ? 60
                                              : 0);
            v = 0;
        }
    }
    return total;
}

static const char *part(const char *rule, const char *key)
{
    size_t n = strlen(key);

    while (rule) {
        if (strncmp(rule, key, n) == 0 && rule[n] == '=')
            return rule + n + 1;
        rule = strchr(rule, ';');
        if (rule)
            rule++;
    }
    return NULL;
}

static void read_rule(struct event *v, const char *rule)
{
    static const char *const days[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
    const char *freq = part(rule, "FREQ"), *interval = part(rule, "INTERVAL"),
               *until = part(rule, "UNTIL"), *by_day = part(rule, "BYDAY");
    bool utc;

    v->freq = freq && strncmp(freq, "DAILY", 5) == 0    ? 'D'
              : freq && strncmp(freq, "WEEKLY", 6) == 0 ? 'W'
                                                        : '?';
    v->interval = interval ? atoi(interval) : 1;
    if (v->interval < 1 || v->interval > 1000) {
        v->interval = 1;
        v->freq = '?';
    }
    if (part(rule, "COUNT") || part(rule, "BYMONTH") || part(rule, "BYMONTHDAY") ||
        part(rule, "BYSETPOS") || part(rule, "BYHOUR"))
        v->freq = '?';
    if (until && !time_of(until, &v->until_wall, &utc))
        v->freq = '?';
    while (by_day && *by_day && *by_day != ';') {
        int d = 0;

        while (d < 7 && strncmp(by_day, days[d], 2) != 0)
            d++;
        if (d == 7)
            v->freq = '?';
        v->by_day |= d < 7 ? 1u << d : 0;
        by_day += strcspn(by_day, ",;");
        by_day += *by_day == ',';
    }
}

static void text_of(char *s)
{
    char *to = s;

    for (; *s; s++)
        if (*s == '\\' && s[1])
            *to++ = *++s == 'n' ? ' ' : *s;
        else
            *to++ = *s;
    *to = '\0';
}

static void keep(struct file *f, const struct event *v)
{
    if (f->n == EVENTS_MAX)
        conversion_fail(&f->p->c, NULL, "%s: more than %d events", f->name, EVENTS_MAX);
    else if (mem_grow((void **)&f->events, &f->cap, f->n + 1, sizeof *f->events) < 0)
        plan_no_memory(f->p);
    else
        f->events[f->n++] = *v;
}

static void zone_of(struct file *f, const char *zone)
{
    if (f->zone)
        return;
    f->zone = plan_text(f->p, "%.60s", zone);
    f->z = plan_zone(f->p, &f->zone);
}

static void read_event(struct file *f, const char **at, const char *end)
{
    char line[LINE_MAX];
    struct event v = {.interval = 1};
    int64_t until = 0;
    bool utc = false, until_utc = false, begins = false;

    while (next_line(at, end, line) && strcmp(line, "END:VEVENT") != 0) {
        char *value = strchr(line, ':'), *zone = strstr(line, "TZID=");

        if (!value)
            continue;
        *value++ = '\0';
        if (strncmp(line, "SUMMARY", 7) == 0) {
            text_of(value);
            v.who = plan_text(f->p, "%.100s", value);
        } else if (strncmp(line, "DTSTART", 7) == 0) {
            if (zone) {
                zone[5 + strcspn(zone + 5, ";")] = '\0';
                zone_of(f, zone + 5);
                if (strcmp(f->zone, zone + 5) != 0)
                    element_manual(&f->p->c, "an event is in %.60s, and taken for one in %s",
                                   zone + 5, f->zone);
            }
            begins = time_of(value, &v.from_wall, &utc);
        } else if (strncmp(line, "DTEND", 5) == 0) {
            (void)time_of(value, &until, &until_utc);
        } else if (strncmp(line, "DURATION", 8) == 0) {
            v.lasts_s = lasts_of(value);
        } else if (strncmp(line, "RRULE", 5) == 0) {
            read_rule(&v, value);
        }
    }
    v.utc = utc;
    if (until)
        v.lasts_s = until - v.from_wall;
    if (!v.who || !*v.who || v.lasts_s < 60 || v.lasts_s > LASTS_MAX || !begins)
        element_manual(
            &f->p->c,
            "an event without a name, a beginning or a length (at most 400 days) is left out");
    else
        keep(f, &v);
}

/* Times of the file are those of its zone; those in UTC are moved there. */
static void to_zone(const struct file *f, struct event *v)
{
    if (v->utc)
        v->from_wall = tz_wall(f->z, v->from_wall);
    v->utc = false;
}

static int by_start(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return x->from_wall < y->from_wall ? -1 : x->from_wall > y->from_wall;
}

static int64_t period_of(const struct event *v)
{
    return v->freq == 'D' ? DAY_S : 7 * DAY_S;
}

/* The times of an event that comes each day or week, for one who then is on call. */
static void rows(struct file *f, const struct event *v, const char *who, struct plan_layer *l)
{
    int64_t day = civil_div(v->from_wall, DAY_S), lasts = v->lasts_s / 60;
    int minute = (int)((v->from_wall - day * DAY_S) / 60);

    if (v->freq == 'D') {
        plan_row(f->p, l, plan_day(f->p, minute, lasts), who);
        return;
    }
    for (int i = 0; i < 7; i++)
        if (v->by_day ? v->by_day >> i & 1 : i == civil_weekday(day))
            plan_row(f->p, l, plan_week(f->p, i * 1440 + minute, lasts), who);
}

/* n events that come each n periods, a period apart: a rotation. */
static bool rotation(struct file *f, size_t first, struct plan_layer *l)
{
    const struct event *v = &f->events[first];
    const char *people[ROSTER_PEOPLE_MAX];
    size_t members[ROSTER_PEOPLE_MAX], n = 0;
    const char *every, *who;

    for (size_t i = first; i < f->n && n < (size_t)v->interval && n < ROSTER_PEOPLE_MAX; i++) {
        const struct event *o = &f->events[i];

        if (o->done || o->freq != v->freq || o->interval != v->interval ||
            o->lasts_s != v->lasts_s || o->by_day != v->by_day ||
            o->from_wall != v->from_wall + (int64_t)n * period_of(v))
            continue;
        members[n] = i;
        people[n++] = plan_person(f->p, o->who, o->who, strchr(o->who, '@') ? o->who : "");
    }
    if (n != (size_t)v->interval)
        return false;
    every = plan_every(f->p, period_of(v));
    if (!every)
        return false;
    who = plan_rotation(f->p, f->name, f->zone, v->from_wall, every, people, n);
    rows(f, v, who, l);
    for (size_t i = 0; i < n; i++)
        f->events[members[i]].done = true;
    return true;
}

/* What the file itself says of the weeks to come. */
static void show(struct file *f, const char *schedule, const struct event *v, const char *person)
{
    int64_t now = tz_wall(f->z, civil_div(f->p->now_ms, 1000)), ahead = now + 29 * DAY_S;
    int64_t step = v->freq ? period_of(v) * v->interval : 1, day = civil_div(v->from_wall, DAY_S);
    int64_t k =
        v->freq && now > v->from_wall ? civil_div(now - v->lasts_s - v->from_wall, step) - 1 : 0;

    for (k = k < 0 ? 0 : k; v->freq != '?'; k++) {
        int64_t from = v->from_wall + k * step;

        if (from > ahead || (v->until_wall && from > v->until_wall))
            break;
        for (int i = 0; i < 7; i++) {
            int64_t at =
                v->by_day && v->freq == 'W' ? from + (i - civil_weekday(day)) * DAY_S : from;

            if (v->by_day && v->freq == 'W' ? !(v->by_day >> i & 1) || at < v->from_wall : i > 0)
                continue;
            plan_shift(f->p, schedule, person, 1000 * tz_instant(f->z, at),
                       1000 * tz_instant(f->z, at + v->lasts_s));
        }
        if (!v->freq)
            break;
    }
}

static void place(struct file *f, const char *schedule)
{
    struct plan_layer l = {0};
    int64_t now = tz_wall(f->z, civil_div(f->p->now_ms, 1000));
    size_t n_once = 0, n_left = 0;

    for (size_t i = 0; i < f->n && !f->p->c.failed; i++) {
        struct event *v = &f->events[i];
        const char *person;

        if ((!v->freq && v->from_wall + v->lasts_s <= now) ||
            (v->until_wall && v->until_wall <= now)) {
            v->done = true;
            continue;
        }
        person = plan_person(f->p, v->who, v->who, strchr(v->who, '@') ? v->who : "");
        show(f, schedule, v, person);
        if (v->done)
            continue;
        if (v->until_wall)
            element_manual(&f->p->c, "\"%.60s\" ends: take it out then", v->who);
        if (!v->freq && n_once++ < ROWS_MAX)
            plan_row(f->p, &l,
                     plan_text(f->p, "%s - %s", plan_clock(f->p, v->from_wall),
                               plan_clock(f->p, v->from_wall + v->lasts_s)),
                     plan_text(f->p, "person:%s", person));
        else if (!v->freq)
            n_left++;
        else if (v->freq != '?' && v->interval == 1)
            rows(f, v, plan_text(f->p, "person:%s", person), &l);
        else if (v->freq == '?' || (v->interval > 1 && !rotation(f, i, &l)))
            element_manual(&f->p->c,
                           "\"%.60s\" comes again in a way that neither a span nor a rotation says",
                           v->who);
        v->done = true;
    }
    if (n_left > 0)
        element_manual(&f->p->c,
                       "%zu shifts beyond the first %d are left out: make a rotation of them",
                       n_left, ROWS_MAX);
    else if (n_once > 0)
        element_differs(&f->p->c, "shifts without a rule are dates, and end with the last of them");
    plan_layers(f->p, schedule, f->zone, &l, 1);
}

bool oncall_ical(struct plan *p, const char *name, const char *text, size_t len)
{
    const char *at = text, *end = text + len, *schedule = NULL;
    struct file f = {.p = p};
    char line[LINE_MAX];

    if (len < 15 || strncmp(text, "BEGIN:VCALENDAR", 15) != 0)
        return false;
    f.name = plan_text(p, "%.*s", (int)strcspn(name, "."), name);
    element_begin(&p->c, 0, "calendar %s", name);
    while (next_line(&at, end, line) && !p->c.failed) {
        if (strcmp(line, "BEGIN:VEVENT") == 0)
            read_event(&f, &at, end);
        else if (strncmp(line, "X-WR-CALNAME:", 13) == 0)
            schedule = plan_text(p, "%.100s", line + 13);
        else if (strncmp(line, "X-WR-TIMEZONE:", 14) == 0)
            zone_of(&f, line + 14);
    }
    zone_of(&f, "UTC");
    for (size_t i = 0; i < f.n; i++)
        to_zone(&f, &f.events[i]);
    if (f.n > 0)
        qsort(f.events, f.n, sizeof *f.events, by_start);
    if (!p->c.failed)
        place(&f, schedule ? schedule : f.name);
    mem_free(f.events);
    return true;
}
