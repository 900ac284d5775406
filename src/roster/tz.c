#include "roster/tz.h"

#include <assert.h>
#include <libical/ical.h>
#include <string.h>

#include "base/zone.h"
#include "roster/civil.h"

int tz_open(const char *name, struct tz *out, struct err *e)
{
    out->zone = NULL;
    if (!name || strcmp(name, "UTC") == 0)
        return 0;
    if (zone_check(name, e) < 0)
        return -1;
    out->zone = icaltimezone_get_builtin_timezone(name);
    if (!out->zone)
        return err_set(e, ERR_INPUT, "the time zone \"%.64s\" cannot be read", name);
    return 0;
}

/* How far clocks there are ahead of UTC, in seconds. */
static int64_t offset_at(struct tz z, int64_t at_s)
{
    int64_t day = civil_div(at_s, DAY_S), first = civil_day(YEAR_MIN, 1, 1),
            last = civil_day(YEAR_MAX, 12, 31);
    int64_t s = at_s - day * DAY_S;
    struct civil c = civil_of(day < first ? first : day > last ? last : day);
    struct icaltimetype t = {.year = c.year,
                             .month = c.month,
                             .day = c.day,
                             .hour = (int)(s / 3600),
                             .minute = (int)(s / 60 % 60),
                             .second = (int)(s % 60)};
    int is_daylight;

    return z.zone ? icaltimezone_get_utc_offset_of_utc_time(z.zone, &t, &is_daylight) : 0;
}

int64_t tz_wall(struct tz z, int64_t at_s)
{
    return at_s + offset_at(z, at_s);
}

int64_t tz_change(struct tz z, int64_t from_s, int64_t until_s)
{
    int64_t offset = offset_at(z, from_s), same = from_s, other = until_s;

    assert(from_s <= until_s);
    if (offset_at(z, until_s) == offset)
        return until_s;
    while (other - same > 1) {
        int64_t middle = same + (other - same) / 2;

        if (offset_at(z, middle) == offset)
            same = middle;
        else
            other = middle;
    }
    return other;
}

/* A day before and a day after, read as UTC, lie on both sides of whatever change concerns that time: no
 * offset is a day. */
int64_t tz_instant(struct tz z, int64_t wall_s)
{
    int64_t before = wall_s - offset_at(z, wall_s - DAY_S),
            after = wall_s - offset_at(z, wall_s + DAY_S);
    int64_t first = before < after ? before : after, second = before < after ? after : before;

    if (tz_wall(z, first) == wall_s)
        return first;
    if (tz_wall(z, second) == wall_s)
        return second;
    return tz_change(z, first, second);
}
