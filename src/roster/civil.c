#include "roster/civil.h"

#include <assert.h>
#include <ctype.h>

int64_t civil_div(int64_t a, int64_t b)
{
    assert(b > 0);
    return a / b - (a % b < 0);
}

/* H. Hinnant, "chrono-compatible low-level date algorithms". */
int64_t civil_day(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = civil_div(y, 400), of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    assert(month >= 1 && month <= 12);
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil civil_of(int64_t day)
{
    int64_t z = day + 719468, era = civil_div(z, 146097), of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153; /* 0: March */
    struct civil c = {.month = (int)(shifted < 10 ? shifted + 3 : shifted - 9),
                      .day = (int)(of_year - (153 * shifted + 2) / 5 + 1)};

    c.year = (int)(year + era * 400) + (c.month <= 2);
    return c;
}

int civil_weekday(int64_t day)
{
    return (int)(day + 3 - 7 * civil_div(day + 3, 7)); /* 1970-01-01 was a Thursday */
}

int civil_days_in(int year, int month)
{
    return (int)(civil_day(month < 12 ? year : year + 1, month < 12 ? month + 1 : 1, 1) -
                 civil_day(year, month, 1));
}

bool civil_exists(int year, int month, int day)
{
    return year >= YEAR_MIN && year <= YEAR_MAX && month >= 1 && month <= 12 && day >= 1 &&
           day <= civil_days_in(year, month);
}

/* --- what people write --- */

void words_skip(struct words *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\t'))
        w->at++;
}

bool words_char(struct words *w, char c)
{
    if (w->at == w->end || *w->at != c)
        return false;
    w->at++;
    return true;
}

bool words_number(struct words *w, int width, int *v)
{
    const char *p = w->at;

    *v = 0;
    if (w->end - p < width)
        return false;
    for (int i = 0; i < width; i++, p++) {
        if (!isdigit((unsigned char)*p))
            return false;
        *v = *v * 10 + (*p - '0');
    }
    if (p < w->end && isdigit((unsigned char)*p))
        return false;
    w->at = p;
    return true;
}

bool words_clock(struct words *w, int *minute)
{
    struct words t = *w;
    int h, m;

    if (!words_number(&t, 2, &h) || !words_char(&t, ':') || !words_number(&t, 2, &m) || m > 59 ||
        h * 60 + m > DAY_MIN)
        return false;
    *minute = h * 60 + m;
    *w = t;
    return true;
}

bool words_date(struct words *w, int64_t *day)
{
    struct words t = *w;
    int y, m, d;

    if (!words_number(&t, 4, &y) || !words_char(&t, '-') || !words_number(&t, 2, &m) ||
        !words_char(&t, '-') || !words_number(&t, 2, &d) || !civil_exists(y, m, d))
        return false;
    *day = civil_day(y, m, d);
    *w = t;
    return true;
}

bool words_date_time(struct words *w, int64_t *wall_s)
{
    struct words t = *w;
    int64_t day;
    int minute;

    if (!words_date(&t, &day) || !(words_char(&t, ' ') || words_char(&t, 'T')) ||
        !words_clock(&t, &minute))
        return false;
    if (words_char(&t, ':') && !(words_char(&t, '0') && words_char(&t, '0')))
        return false;
    *wall_s = day * DAY_S + minute * 60;
    *w = t;
    return true;
}
