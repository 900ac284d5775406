#include "roster/rotation.h"

#include <assert.h>
#include <string.h>

#include "roster/civil.h"

#define HOUR_S 3600

/* "8h" "1d" "1w" "1mo": no duration, for a month is none and a day is one of the calendar. */
static int read_every(const char *every, struct rotation *out, struct err *e)
{
    const char *p = every;
    int64_t n = 0;

    for (; *p >= '0' && *p <= '9' && n <= ROTATION_EVERY_MAX; p++)
        n = n * 10 + (*p - '0');
    if (p == every || n < 1 || n > ROTATION_EVERY_MAX ||
        (strcmp(p, "h") && strcmp(p, "d") && strcmp(p, "w") && strcmp(p, "mo")))
        return err_set(
            e, ERR_INPUT,
            "every = \"%.40s\" is none of \"8h\", \"1d\", \"1w\", \"1mo\": a number up to %d "
            "and h, d, w or mo",
            every, ROTATION_EVERY_MAX);
    out->every = *p == 'w' ? 7 * n : n;
    out->unit = *p == 'm' ? ROTATION_MONTHS : ROTATION_DAYS;
    if (*p != 'h')
        return 0;
    if (n % 24 == 0)
        out->every = n / 24;
    else
        out->unit = 24 % n == 0 ? ROTATION_GRID_HOURS : ROTATION_REAL_HOURS;
    return 0;
}

int rotation_read(const char *zone, const char *start, const char *every, struct rotation *out,
                  struct err *e)
{
    struct words w = {start, start, start + strlen(start)};

    if (tz_open(zone, &out->zone, e) < 0)
        return -1;
    if (!words_date_time(&w, &out->start_wall) || w.at != w.end)
        return err_set(e, ERR_INPUT,
                       "start = \"%.40s\" is no time of the form \"2026-11-02 09:00\"", start);
    return read_every(every, out, e);
}

static int64_t months_later(int64_t wall, int64_t months)
{
    int64_t day = civil_div(wall, DAY_S), month;
    struct civil c = civil_of(day);
    int last;

    month = c.year * 12 + c.month - 1 + months;
    c.year = (int)civil_div(month, 12);
    c.month = (int)(month - c.year * 12) + 1;
    last = civil_days_in(c.year, c.month);
    return civil_day(c.year, c.month, c.day < last ? c.day : last) * DAY_S + wall - day * DAY_S;
}

int64_t rotation_handoff(const struct rotation *r, int64_t k)
{
    int64_t n = k * r->every;

    switch (r->unit) {
    case ROTATION_REAL_HOURS:
        return tz_instant(r->zone, r->start_wall) + n * HOUR_S;
    case ROTATION_GRID_HOURS:
        return tz_instant(r->zone, r->start_wall + n * HOUR_S);
    case ROTATION_MONTHS:
        return tz_instant(r->zone, months_later(r->start_wall, n));
    case ROTATION_DAYS:
    default:
        return tz_instant(r->zone, r->start_wall + n * DAY_S);
    }
}

/* Near enough: at most a few turns beside it, by daylight saving and the lengths of months. */
static int64_t guess(const struct rotation *r, int64_t at_s)
{
    int64_t passed = tz_wall(r->zone, at_s) - r->start_wall;

    switch (r->unit) {
    case ROTATION_REAL_HOURS:
        return civil_div(at_s - tz_instant(r->zone, r->start_wall), r->every * HOUR_S);
    case ROTATION_GRID_HOURS:
        return civil_div(passed, r->every * HOUR_S);
    case ROTATION_MONTHS:
        return civil_div(passed, r->every * 30 * DAY_S + r->every * DAY_S / 2);
    case ROTATION_DAYS:
    default:
        return civil_div(passed, r->every * DAY_S);
    }
}

bool rotation_turn(const struct rotation *r, int64_t at_s, int64_t *k, int64_t *from_s,
                   int64_t *until_s)
{
    int64_t at = guess(r, at_s);

    at = at < 0 ? 0 : at;
    while (at > 0 && rotation_handoff(r, at) > at_s)
        at--;
    *k = at;
    *until_s = rotation_handoff(r, at);
    if (*until_s > at_s)
        return false;
    /* also past turns that have no time of their own, at a skipped hour */
    for (*from_s = *until_s; (*until_s = rotation_handoff(r, *k + 1)) <= at_s; (*k)++)
        *from_s = *until_s;
    assert(*from_s <= at_s && at_s < *until_s);
    return true;
}
