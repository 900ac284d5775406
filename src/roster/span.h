/* A span of a calendar as people write it, and the minutes of a day that lie in it. No zone: wall-clock time.
 *
 *   [days of the week] [day DAYS OF THE MONTH] [times] [in MONTHS]
 *     Mon-Fri 08:00-20:00        Sat,Sun       Sat 10:00-14:00 in Jan-Mar      22:00-06:00
 *     day -1 22:00-24:00         day 1-7       Tue day 8-14 02:00-05:00        Mon 08:00-12:00,13:00-17:00
 *   DAY TIME - DAY TIME          Fri 22:00 - Mon 06:00
 *   DATE [TIME] [- [DATE] TIME]  2026-12-24    2026-12-24 12:00 - 2026-12-27 08:00    2026-12-24 - 2026-12-27
 *
 * All that is given must hold of the day on which a time begins; one that ends before it begins ends on the
 * next day. What is left out holds always. */
#ifndef ROSTER_SPAN_H
#define ROSTER_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "roster/civil.h"

#define SPAN_TIMES_MAX 8
#define SPAN_TEXT_MAX  200
#define DAY_WORDS      ((DAY_MIN + 63) / 64) /* of 64 minutes */

struct span {
    bool once;                   /* from_min … until_min, else the days and times below */
    int64_t from_min, until_min; /* since 1970, on the wall clock */
    unsigned weekdays;           /* bit 0: Monday; all of them unless given */
    unsigned months;             /* bit 1: January */
    bool by_day;                 /* days of the month are given */
    uint32_t days, days_back;    /* bit 1: the first, the last */
    struct {
        int from, until; /* minutes from midnight; until is above from, also beyond a day */
    } times[SPAN_TIMES_MAX];
    size_t n_times; /* at least one */
};

/* -1 with `e`, which quotes the text, says the column and what may be meant. */
int span_parse(const char *text, size_t len, struct span *out, struct err *e) MUST_USE;
/* A day and those before it on which a span that reaches into it can begin: worked out once for all spans of a calendar,
 * which is most of what a day costs. */
#define SPAN_DAYS 9 /* DAY TIME - DAY TIME lasts a week and a part of two days at most */
struct span_days {
    int64_t day;
    struct span_day {
        unsigned weekday, month;   /* as bits */
        uint32_t of_month, to_end; /* as bits, from the first and from the last */
    } back[SPAN_DAYS];             /* back[0] is the day itself */
};
void span_days_of(int64_t day, struct span_days *out);
/* Sets the bits of those minutes of the day that lie in it. Cost: a comparison for each day that it lasts. */
void span_mark(const struct span *s, const struct span_days *d, uint64_t minutes[DAY_WORDS]);
/* The first minute at or after `minute` whose bit differs from that of `minute`; DAY_MIN: none. */
int span_bits_until(const uint64_t minutes[DAY_WORDS], int minute);
static inline bool span_bit(const uint64_t minutes[DAY_WORDS], int minute)
{
    return minutes[minute / 64] >> (minute % 64) & 1;
}

#endif
