/* When a calendar holds, and when that changes next.
 *
 *   spans ──► minutes of a day ─┐
 *   ical, rules ──► events ─────┴─ any of them, less: dates ─ other calendars
 *
 * calendar_step() says for one instant what holds and how long nothing of it moves; calendar_look() walks such steps
 * to the next real change, and keeps what it found. A step ends at the latest with the local day or a change of the
 * zone's offset, so that between two steps clock and instants run in parallel, and daylight saving needs no cases
 * of its own. Dropped: computing the next boundary of each span, which is faster and has a case for each kind of
 * span in each kind of hour. */
#include "roster/calendar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "roster/events.h"
#include "roster/span.h"
#include "roster/tz.h"

#define HORIZON_S  (CALENDAR_HORIZON_MS / 1000)
#define FIRST_YEAR 2024 /* where a calendar without dates is tried, and */
#define YEARS      28   /* weekdays and dates come together again */
#define DEPTH_MAX  16

struct calendar {
    struct tz zone;
    struct span *spans;
    size_t n_spans;
    int64_t *except_days; /* sorted */
    size_t n_except_days;
    uint32_t except_yearly[13]; /* of a month, bit 1: its first day */
    struct events *events;      /* NULL: none */
    struct calendar *except[CALENDAR_EXCEPTS_MAX];
    size_t n_except;
    /* the day worked out last */
    bool day_known, day_excepted;
    int64_t day;
    uint64_t minutes[DAY_WORDS];
    /* the last answer: it holds, or not, from … up to same; and changes there */
    bool known, holds, changes;
    int64_t from_s, same_s;
};

/* --- as it is written --- */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory");
}

static int read_spans(struct calendar *c, const struct calendar_config *w, struct err *e)
{
    if (w->n_spans > CALENDAR_SPANS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d spans", CALENDAR_SPANS_MAX);
    c->spans = mem_alloc((w->n_spans + 1) * sizeof *c->spans);
    if (!c->spans)
        return no_memory(e);
    for (; c->n_spans < w->n_spans; c->n_spans++)
        if (span_parse(w->spans[c->n_spans], strlen(w->spans[c->n_spans]), &c->spans[c->n_spans],
                       e) < 0)
            return -1;
    return 0;
}

static int read_except(struct calendar *c, const char *text, struct err *e)
{
    struct words w = {text, text, text + strlen(text)};
    int64_t day;
    int month, of_month;

    if (words_date(&w, &day) && w.at == w.end) {
        c->except_days[c->n_except_days++] = day;
        return 0;
    }
    w.at = w.start;
    if (words_number(&w, 2, &month) && words_char(&w, '-') && words_number(&w, 2, &of_month) &&
        w.at == w.end && civil_exists(2024, month, of_month)) {
        c->except_yearly[month] |= UINT32_C(1) << of_month;
        return 0;
    }
    return err_set(e, ERR_INPUT,
                   "except: \"%.40s\" is no date: \"2026-12-25\", or \"12-25\" for each year",
                   text);
}

static int by_day(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int read_excepts(struct calendar *c, const struct calendar_config *w, struct err *e)
{
    if (w->n_except_dates > CALENDAR_DATES_MAX)
        return err_set(e, ERR_LIMIT, "except: more than %d dates", CALENDAR_DATES_MAX);
    c->except_days = mem_alloc((w->n_except_dates + 1) * sizeof *c->except_days);
    if (!c->except_days)
        return no_memory(e);
    for (size_t i = 0; i < w->n_except_dates; i++)
        if (read_except(c, w->except_dates[i], e) < 0)
            return -1;
    if (c->n_except_days)
        qsort(c->except_days, c->n_except_days, sizeof *c->except_days, by_day);
    return 0;
}

static int read_events(struct calendar *c, const struct calendar_config *w, struct err *e)
{
    if (!w->ical && w->n_rules == 0)
        return 0;
    if (w->n_rules > CALENDAR_RULES_MAX)
        return err_set(e, ERR_LIMIT, "rrule: more than %d rules", CALENDAR_RULES_MAX);
    c->events = events_new();
    if (!c->events)
        return no_memory(e);
    if (w->ical && events_add_text(c->events, w->ical, w->ical_len, c->zone, e) < 0)
        return err_prefix(e, "ical");
    for (size_t i = 0; i < w->n_rules; i++)
        if (events_add_rule(c->events, w->rules[i].start, w->rules[i].lasts, w->rules[i].rule,
                            c->zone, e) < 0)
            return err_prefix(e, "rrule");
    return 0;
}

struct calendar *calendar_new(const struct calendar_config *w, struct err *e)
{
    struct calendar *c = mem_zalloc(sizeof *c);

    if (!c) {
        no_memory(e);
        return NULL;
    }
    if (tz_open(w->zone, &c->zone, e) < 0 || read_spans(c, w, e) < 0 || read_excepts(c, w, e) < 0 ||
        read_events(c, w, e) < 0) {
        calendar_free(c);
        return NULL;
    }
    return c;
}

void calendar_free(struct calendar *c)
{
    if (!c)
        return;
    events_free(c->events);
    mem_free(c->spans);
    mem_free(c->except_days);
    mem_free(c);
}

int calendar_except(struct calendar *c, struct calendar *other, struct err *e)
{
    assert(c != other);
    if (c->n_except == CALENDAR_EXCEPTS_MAX)
        return err_set(e, ERR_LIMIT, "except: more than %d calendars", CALENDAR_EXCEPTS_MAX);
    c->except[c->n_except++] = other;
    c->known = false;
    return 0;
}

/* --- an instant --- */

static void work_out_day(struct calendar *c, int64_t day)
{
    struct civil date = civil_of(day);
    struct span_days days;

    if (c->day_known && c->day == day)
        return;
    memset(c->minutes, 0, sizeof c->minutes);
    span_days_of(day, &days);
    for (size_t i = 0; i < c->n_spans; i++)
        span_mark(&c->spans[i], &days, c->minutes);
    c->day_excepted =
        (c->except_yearly[date.month] >> date.day & 1) ||
        (c->n_except_days && bsearch(&day, c->except_days, c->n_except_days, sizeof day, by_day));
    c->day = day;
    c->day_known = true;
}

static void look_at_clock(struct calendar *c, int64_t at_s, bool *holds, int64_t *until_s)
{
    int64_t wall = tz_wall(c->zone, at_s), day = civil_div(wall, DAY_S);
    int minute = (int)((wall - day * DAY_S) / 60), next;

    work_out_day(c, day);
    *holds = span_bit(c->minutes, minute);
    next = c->day_excepted ? DAY_MIN : span_bits_until(c->minutes, minute);
    *until_s = tz_change(c->zone, at_s, at_s + day * DAY_S + next * 60 - wall);
    assert(*until_s > at_s);
}

static int step(struct calendar *c, int64_t at_s, bool *holds, int64_t *until_s, int depth)
{
    int64_t until;
    bool other;

    assert(depth < DEPTH_MAX); /* who connected them let no chain be longer */
    look_at_clock(c, at_s, holds, until_s);
    if (c->day_excepted) {
        *holds = false;
        return 0;
    }
    if (c->events) {
        if (events_look(c->events, at_s, &other, &until))
            return -1;
        *holds = *holds || other;
        *until_s = until < *until_s ? until : *until_s;
    }
    for (size_t i = 0; *holds && i < c->n_except; i++) {
        if (step(c->except[i], at_s, &other, &until, depth + 1))
            return -1;
        *holds = !other;
        *until_s = until < *until_s ? until : *until_s;
    }
    return 0;
}

int calendar_step(struct calendar *c, int64_t at_s, bool *holds, int64_t *until_s)
{
    return step(c, at_s, holds, until_s, 0);
}

/* --- the next change --- */

/* Goes on from what is known up to the next change, as far as the horizon of that question. */
static int find_change(struct calendar *c, int64_t at_s)
{
    int64_t until;
    bool holds;

    while (!c->changes && c->same_s <= at_s + HORIZON_S) {
        if (calendar_step(c, c->same_s, &holds, &until))
            return -1;
        if (holds != c->holds)
            c->changes = true;
        else
            c->same_s = until;
    }
    return 0;
}

int calendar_look(struct calendar *c, int64_t at_ms, struct calendar_state *out)
{
    int64_t at_s = civil_div(at_ms, 1000), until;
    bool holds;

    if (!c->known || at_s < c->from_s || at_s >= c->same_s) {
        if (calendar_step(c, at_s, &holds, &until))
            return -1;
        c->known = true;
        c->changes = false;
        c->holds = holds;
        c->from_s = at_s;
        c->same_s = until;
    }
    if (find_change(c, at_s))
        return -1;
    out->holds = c->holds;
    out->from_ms = c->from_s * 1000;
    out->until_ms = c->changes && c->same_s <= at_s + HORIZON_S ? c->same_s * 1000 : CALENDAR_NEVER;
    return 0;
}

int calendar_instant(const char *text, const char *zone, int64_t *at_ms, struct err *e)
{
    struct words w = {text, text, text + strlen(text)};
    struct tz tz;
    int64_t wall;

    if (tz_open(zone, &tz, e) < 0)
        return -1;
    if (!words_date_time(&w, &wall) || w.at != w.end)
        return err_set(e, ERR_INPUT, "\"%.40s\" is no time of the form \"2026-11-09 08:00\"", text);
    *at_ms = tz_instant(tz, wall) * 1000;
    return 0;
}

/* --- can it hold at all? --- */

static int tried(struct calendar *c, int64_t at_s, bool *found)
{
    struct calendar_state s;

    if (*found)
        return 0;
    if (calendar_look(c, at_s * 1000, &s))
        return -1;
    *found = s.holds || s.until_ms != CALENDAR_NEVER;
    return 0;
}

int calendar_check(struct calendar *c, struct err *e)
{
    bool found = false;
    int failed = 0;

    for (size_t i = 0; i < c->n_spans; i++)
        if (c->spans[i].once)
            failed |= tried(c, tz_instant(c->zone, c->spans[i].from_min * 60), &found);
    for (size_t i = 0; c->events && i < events_count(c->events); i++)
        failed |= tried(c, events_first(c->events, i), &found);
    for (int year = FIRST_YEAR; year < FIRST_YEAR + YEARS; year += 2)
        failed |= tried(c, civil_day(year, 1, 1) * DAY_S, &found);
    if (failed)
        return no_memory(e);
    if (found)
        return 0;
    if (c->n_spans == 0 && (!c->events || events_count(c->events) == 0))
        return err_set(e, ERR_INPUT,
                       "it has no times, so it never holds; give it a span such as \"Mon-Fri "
                       "08:00-20:00\"");
    return err_set(e, ERR_INPUT,
                   "it can never hold: no day is all that a span says, or `except` "
                   "takes out all of them");
}
