/* The minutes of a day that a span holds, as a map of bits.
 * A day is the unit because everything that people write is said of days, and because the map makes spans
 * that overlap, touch or cross midnight one thing: two years are 731 maps. Dropped: lists of intervals, which
 * have to be sorted and joined for each day, and rules by libical, which knows no "across midnight". */
#include "roster/span.h"

#include <assert.h>

static void mark(uint64_t minutes[DAY_WORDS], int64_t from, int64_t until)
{
    if (from < 0)
        from = 0;
    if (until > DAY_MIN)
        until = DAY_MIN;
    while (from < until) {
        int64_t word = from / 64, end = (word + 1) * 64 < until ? (word + 1) * 64 : until;
        int64_t n = end - from;

        minutes[word] |= (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << (from % 64);
        from = end;
    }
}

void span_days_of(int64_t day, struct span_days *out)
{
    out->day = day;
    for (int i = 0; i < SPAN_DAYS; i++) {
        struct civil c = civil_of(day - i);

        out->back[i] = (struct span_day){.weekday = 1u << civil_weekday(day - i),
                                         .month = 1u << c.month,
                                         .of_month = UINT32_C(1) << c.day,
                                         .to_end = UINT32_C(1)
                                                   << (civil_days_in(c.year, c.month) - c.day + 1)};
    }
}

static bool begins_on(const struct span *s, const struct span_day *d)
{
    return (s->weekdays & d->weekday) && (s->months & d->month) &&
           (!s->by_day || (s->days & d->of_month) || (s->days_back & d->to_end));
}

void span_mark(const struct span *s, const struct span_days *d, uint64_t minutes[DAY_WORDS])
{
    int longest = 0;

    if (s->once) {
        mark(minutes, s->from_min - d->day * DAY_MIN, s->until_min - d->day * DAY_MIN);
        return;
    }
    for (size_t i = 0; i < s->n_times; i++)
        longest = s->times[i].until > longest ? s->times[i].until : longest;
    assert(longest <= SPAN_DAYS * DAY_MIN);
    for (int back = 0; back * DAY_MIN < longest; back++) {
        if (!begins_on(s, &d->back[back]))
            continue;
        for (size_t i = 0; i < s->n_times; i++)
            mark(minutes, s->times[i].from - back * DAY_MIN, s->times[i].until - back * DAY_MIN);
    }
}

int span_bits_until(const uint64_t minutes[DAY_WORDS], int minute)
{
    bool is = span_bit(minutes, minute);

    assert(minute >= 0 && minute < DAY_MIN);
    for (int at = minute; at < DAY_MIN;) {
        uint64_t rest = (is ? ~minutes[at / 64] : minutes[at / 64]) >> (at % 64);

        if (rest)
            return at + __builtin_ctzll(rest) < DAY_MIN ? at + __builtin_ctzll(rest) : DAY_MIN;
        at = (at / 64 + 1) * 64;
    }
    return DAY_MIN;
}
