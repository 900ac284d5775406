/* When events hold: the occurrences of a year, laid out as intervals that do not touch.
 *
 *   rules, dates ──► occurrences that reach into the year ──► sorted, joined ──► [from, until) …
 *
 * A rule can have no end, so occurrences are made as far as somebody asks, a year at a time, and the years asked
 * for last are kept. Rules run on the wall clock of their zone, without any zone of libical's; each start becomes
 * an instant as everywhere in this room. Dropped: asking libical for the next occurrence at each question, which
 * counts a daily rule from its first day on. */
#include "roster/events.h"

#include <assert.h>
#include <libical/ical.h>
#include <stdlib.h>

#include "base/mem.h"
#include "roster/civil.h"
#include "roster/events_impl.h"

#define YEARS_KEPT 4

struct interval {
    int64_t from, until;
};

struct year {
    int64_t from, until; /* of the year in UTC; both 0: not laid out */
    struct interval *list;
    size_t n, cap;
    uint64_t used;
};

struct kept_years {
    struct year years[YEARS_KEPT];
    uint64_t uses;
};

struct events *events_new(void)
{
    struct events *ev = mem_zalloc(sizeof *ev);

    if (ev)
        ev->kept = mem_zalloc(sizeof *ev->kept);
    if (ev && ev->kept)
        return ev;
    mem_free(ev);
    return NULL;
}

void event_clear(struct event *e)
{
    for (size_t i = 0; i < e->n_rules; i++)
        mem_free(e->rules[i]);
    mem_free(e->rules);
    mem_free(e->dates);
    mem_free(e->excepts);
    *e = (struct event){0};
}

void events_free(struct events *ev)
{
    if (!ev)
        return;
    for (size_t i = 0; i < ev->n; i++)
        event_clear(&ev->list[i]);
    for (size_t i = 0; i < YEARS_KEPT; i++)
        mem_free(ev->kept->years[i].list);
    for (size_t i = 0; i < ev->n_texts; i++)
        icalcomponent_free(ev->texts[i]);
    mem_free(ev->texts);
    mem_free(ev->list);
    mem_free(ev->kept);
    mem_free(ev);
}

size_t events_count(const struct events *ev)
{
    return ev->n;
}

/* --- occurrences --- */

static struct icaltimetype time_of(int64_t wall_s, bool is_date)
{
    int64_t day = civil_div(wall_s, DAY_S), s = is_date ? 0 : wall_s - day * DAY_S;
    struct civil c = civil_of(day);

    return (struct icaltimetype){.year = c.year,
                                 .month = c.month,
                                 .day = c.day,
                                 .hour = (int)(s / 3600),
                                 .minute = (int)(s / 60 % 60),
                                 .second = (int)(s % 60),
                                 .is_date = is_date};
}

int64_t event_wall(struct icaltimetype t)
{
    return civil_day(t.year, t.month, t.day) * DAY_S +
           (t.is_date ? 0 : t.hour * 3600 + t.minute * 60 + t.second);
}

bool event_rule_next(const struct event *e, const struct icalrecurrencetype *rule, int64_t from,
                     int64_t until, struct event_walk *walk)
{
    struct icaltimetype t;

    if (!walk->iterator) {
        struct icalrecurrencetype r = *rule;

        if (r.count == 0) { /* libical looks for an occurrence up to the end of a rule */
            if (!icaltime_is_null_time(r.until) && event_wall(r.until) < from)
                return false;
            if (icaltime_is_null_time(r.until) || event_wall(r.until) > until)
                r.until = time_of(until, e->is_date);
        }
        walk->iterator = icalrecur_iterator_new(r, time_of(e->start_wall, e->is_date));
        if (walk->iterator && r.count == 0 && from > e->start_wall)
            icalrecur_iterator_set_start(walk->iterator, time_of(from, e->is_date));
    }
    t = walk->iterator ? icalrecur_iterator_next(walk->iterator) : icaltime_null_time();
    walk->wall = icaltime_is_null_time(t) ? 0 : event_wall(t);
    if (!icaltime_is_null_time(t) && walk->wall < until)
        return true;
    if (walk->iterator)
        icalrecur_iterator_free(walk->iterator);
    walk->iterator = NULL;
    return false;
}

static int64_t end_of(const struct event *e, int64_t wall, int64_t start_s)
{
    return (e->days ? tz_instant(e->zone, wall + e->days * DAY_S) : start_s) + e->seconds;
}

static bool is_except(const struct event *e, int64_t wall, int64_t start_s)
{
    for (size_t i = 0; i < e->n_excepts; i++)
        if (e->excepts[i].is_day ? e->excepts[i].at == civil_div(wall, DAY_S)
                                 : e->excepts[i].at == start_s)
            return true;
    return false;
}

static int add(struct year *y, const struct event *e, int64_t wall)
{
    int64_t start = tz_instant(e->zone, wall), end = end_of(e, wall, start);

    if (start >= y->until || end <= y->from || end <= start || is_except(e, wall, start))
        return 0;
    if (mem_grow((void **)&y->list, &y->cap, y->n + 1, sizeof *y->list))
        return -1;
    y->list[y->n++] = (struct interval){start, end};
    return 0;
}

static int add_event(struct year *y, const struct event *e)
{
    int64_t margin = 2 * DAY_S; /* more than zones are apart */
    int64_t from = y->from - e->days * DAY_S - e->seconds - margin, until = y->until + margin;

    if (e->n_rules == 0 && add(y, e, e->start_wall))
        return -1;
    for (size_t i = 0; i < e->n_dates; i++)
        if (add(y, e, e->dates[i]))
            return -1;
    for (size_t i = 0; i < e->n_rules; i++) {
        struct event_walk walk = {0};
        int failed = 0;

        while (event_rule_next(e, e->rules[i], from, until, &walk))
            failed |= walk.wall >= from && add(y, e, walk.wall);
        if (failed)
            return -1;
    }
    return 0;
}

int64_t events_first(const struct events *ev, size_t i)
{
    const struct event *e = &ev->list[i];

    assert(i < ev->n);
    return tz_instant(e->zone, e->first_wall);
}

/* --- a year --- */

static int by_start(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;

    return (x->from > y->from) - (x->from < y->from);
}

static void join(struct year *y)
{
    size_t n = 0;

    if (y->n > 0)
        qsort(y->list, y->n, sizeof *y->list, by_start);
    for (size_t i = 0; i < y->n; i++) {
        if (n > 0 && y->list[i].from <= y->list[n - 1].until) {
            if (y->list[i].until > y->list[n - 1].until)
                y->list[n - 1].until = y->list[i].until;
        } else
            y->list[n++] = y->list[i];
    }
    y->n = n;
}

static struct year *year_at(struct events *ev, int64_t at_s)
{
    struct year *years = ev->kept->years, *y = &years[0];
    int year = civil_of(civil_div(at_s, DAY_S)).year;

    for (size_t i = 0; i < YEARS_KEPT; i++) {
        if (at_s >= years[i].from && at_s < years[i].until) {
            years[i].used = ++ev->kept->uses;
            return &years[i];
        }
        if (years[i].used < y->used)
            y = &years[i];
    }
    y->n = 0;
    y->used = 0;
    y->from = civil_day(year, 1, 1) * DAY_S;
    y->until = civil_day(year + 1, 1, 1) * DAY_S;
    for (size_t i = 0; i < ev->n; i++)
        if (add_event(y, &ev->list[i])) {
            y->from = y->until = 0;
            return NULL;
        }
    join(y);
    y->used = ++ev->kept->uses;
    assert(at_s >= y->from && at_s < y->until);
    return y;
}

int events_look(struct events *ev, int64_t at_s, bool *holds, int64_t *until_s)
{
    struct year *y = year_at(ev, at_s);
    size_t low = 0, high;

    if (!y)
        return -1;
    for (high = y->n; low < high;) { /* the first that ends later */
        size_t middle = low + (high - low) / 2;

        if (y->list[middle].until <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    *holds = low < y->n && y->list[low].from <= at_s;
    *until_s = low == y->n ? y->until : *holds ? y->list[low].until : y->list[low].from;
    if (*until_s > y->until)
        *until_s = y->until;
    assert(*until_s > at_s);
    return 0;
}
