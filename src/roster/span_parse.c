/* Spans as people write them (the forms: roster/span.h).
 * Read from the left, each part at most once, so that an error has one column and one thing to say: which
 * word it is, and what is meant. Forgiving where nothing can be confused (capitals, whole names of days,
 * blanks around a hyphen), strict where it can: "8:00-17" could be an hour or a minute, "20:00-20:00" all or
 * nothing. Dropped: cron's five fields, in which nobody sees a mistake. */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "roster/span.h"

#define ALL_DAYS   0x7Fu
#define ALL_MONTHS 0x1FFEu

static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

struct reader {
    struct words w;
    struct err *e;
};

/* "Mon-Fry 08:00", column 5: … */
static int fail(const struct reader *r, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int fail(const struct reader *r, const char *at, const char *fmt, ...)
{
    char said[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(said, sizeof said, fmt, ap);
    va_end(ap);
    return err_set(r->e, ERR_INPUT, "\"%.*s\", column %d: %s", (int)(r->w.end - r->w.start),
                   r->w.start, (int)(at - r->w.start) + 1, said);
}

/* The word here, for a message: at most what a name can have, at least one character. */
static void word_at(const struct reader *r, char out[24])
{
    size_t n = 0, left = (size_t)(r->w.end - r->w.at);

    while (n < left && n < 23 && !strchr(" ,-", r->w.at[n]))
        n++;
    n = n > 0 ? text_utf8_cut(r->w.at, n, n) : text_utf8(r->w.at, left);
    memcpy(out, r->w.at, n);
    out[n] = '\0';
}

static bool letters(const struct reader *r)
{
    return r->w.at < r->w.end && isalpha((unsigned char)*r->w.at);
}

/* "Fri", "friday": its place among the names; -1: none of them, the cursor stays. */
static int name_at(struct reader *r, const char *const *names, int n)
{
    size_t len = 0;

    while (r->w.at + len < r->w.end && isalpha((unsigned char)r->w.at[len]))
        len++;
    for (int i = 0; i < n; i++)
        if ((len == 3 || len == strlen(names[i])) && strncasecmp(r->w.at, names[i], len) == 0) {
            r->w.at += len;
            return i;
        }
    return -1;
}

static int fail_name(struct reader *r, const char *const *names, int n, const char *what)
{
    char word[24], shorts[12][4];
    const char *list[24], *near;

    word_at(r, word);
    for (int i = 0; i < n; i++) {
        snprintf(shorts[i], sizeof shorts[i], "%.3s", names[i]);
        list[2 * i] = shorts[i];
        list[2 * i + 1] = names[i];
    }
    near = text_nearest(word, list, (size_t)n * 2);
    if (near)
        return fail(r, r->w.at, "\"%s\" is no %s — did you mean \"%s\"?", word, what, near);
    return fail(r, r->w.at, "\"%s\" is no %s, such as \"%s\"", word, what, shorts[0]);
}

/* Also with blanks around it; the cursor stands on the letter then. */
static bool hyphen_and_letter(struct reader *r)
{
    struct reader t = *r;

    words_skip(&t.w);
    if (!words_char(&t.w, '-'))
        return false;
    words_skip(&t.w);
    if (!letters(&t))
        return false;
    r->w = t.w;
    return true;
}

/* "Mon-Fri,Sun" into bits from `first`; a range may pass the end of the list ("Fri-Mon"). */
static int read_names(struct reader *r, const char *const *names, int n, int first,
                      const char *what, unsigned *bits)
{
    *bits = 0;
    do {
        int from, until;

        words_skip(&r->w);
        if ((from = until = name_at(r, names, n)) < 0)
            return fail_name(r, names, n, what);
        if (hyphen_and_letter(r) && (until = name_at(r, names, n)) < 0)
            return fail_name(r, names, n, what);
        for (int i = from;; i = (i + 1) % n) {
            *bits |= 1u << (i + first);
            if (i == until)
                break;
        }
    } while (words_char(&r->w, ','));
    return 0;
}

static int read_clock(struct reader *r, int *minute)
{
    char word[24];

    words_skip(&r->w);
    if (words_clock(&r->w, minute))
        return 0;
    word_at(r, word);
    if (isdigit((unsigned char)word[0]) && word[1] == ':')
        return fail(r, r->w.at, "\"%s\" is no time — did you mean \"0%s\"?", word, word);
    return fail(r, r->w.at, "%s%s%s is no time, which is written \"08:00\", from 00:00 to 24:00",
                word[0] ? "\"" : "", word[0] ? word : "nothing", word[0] ? "\"" : "");
}

static int read_hyphen(struct reader *r, const char *between)
{
    words_skip(&r->w);
    if (words_char(&r->w, '-')) {
        words_skip(&r->w);
        return 0;
    }
    return fail(r, r->w.at, "a hyphen and %s are missing", between);
}

static int keep_time(struct reader *r, struct span *s, const char *at, int from, int until)
{
    if (from == until)
        return fail(r, at, "it ends when it begins; the whole day is \"00:00-24:00\"");
    if (s->n_times == SPAN_TIMES_MAX)
        return fail(r, at, "more than %d times in one span: write a second one", SPAN_TIMES_MAX);
    if (from == DAY_MIN)
        return fail(r, at, "a time begins at \"00:00\" of the next day, not at \"24:00\"");
    s->times[s->n_times].from = from;
    s->times[s->n_times++].until = until < from ? until + DAY_MIN : until;
    return 0;
}

/* What comes behind the first time of the list. */
static int read_times(struct reader *r, struct span *s, const char *at, int from)
{
    int until;

    for (;;) {
        if (read_hyphen(r, "the time at which it ends") < 0 || read_clock(r, &until) < 0 ||
            keep_time(r, s, at, from, until) < 0)
            return -1;
        if (!words_char(&r->w, ','))
            return 0;
        words_skip(&r->w);
        at = r->w.at;
        if (read_clock(r, &from) < 0)
            return -1;
    }
}

/* "Fri 22:00 - Mon 06:00": the words behind the hyphen. */
static int read_week_end(struct reader *r, struct span *s, int from)
{
    int first = 0, last = name_at(r, days, 7), until;

    if (last < 0)
        return fail_name(r, days, 7, "day of the week");
    while (!(s->weekdays >> first & 1))
        first++;
    if (s->weekdays != 1u << first)
        return fail(r, r->w.start, "one day begins it: write a span for each of them");
    if (read_clock(r, &until) < 0)
        return -1;
    until += (last - first + 7) % 7 * DAY_MIN;
    if (until == from)
        return fail(r, r->w.start, "it ends when it begins");
    s->times[0].from = from;
    s->times[0].until = until < from ? until + 7 * DAY_MIN : until;
    s->n_times = 1;
    return 0;
}

static int read_day_times(struct reader *r, struct span *s)
{
    const char *at = r->w.at;
    struct words behind;
    int from;

    if (read_clock(r, &from) < 0)
        return -1;
    behind = r->w;
    words_skip(&behind);
    if (words_char(&behind, '-')) {
        words_skip(&behind);
        if (behind.at < behind.end && isalpha((unsigned char)*behind.at)) {
            if (from == DAY_MIN)
                return fail(r, at, "it begins at \"00:00\" of the next day, not at \"24:00\"");
            r->w = behind;
            return read_week_end(r, s, from);
        }
    }
    return read_times(r, s, at, from);
}

/* --- days of the month --- */

static int read_day_number(struct reader *r, int *v)
{
    const char *at = r->w.at;
    bool back = words_char(&r->w, '-');

    if (!words_number(&r->w, 2, v) && !words_number(&r->w, 1, v))
        return fail(r, at, "a day of the month is a number: \"day 1\", from the end \"day -1\"");
    if (*v < 1 || *v > 31)
        return fail(r, at, "there is no day %d in a month", *v);
    *v = back ? -*v : *v;
    return 0;
}

static int read_month_days(struct reader *r, struct span *s)
{
    s->by_day = true;
    do {
        const char *at;
        int from, until;

        words_skip(&r->w);
        at = r->w.at;
        if (read_day_number(r, &from) < 0)
            return -1;
        until = from;
        if (words_char(&r->w, '-') && read_day_number(r, &until) < 0)
            return -1;
        if ((from < 0) != (until < 0))
            return fail(r, at, "both ends are counted from the same end of the month");
        if (until < from)
            return fail(r, at, "it ends before it begins: \"day %d-%d\"?", until, from);
        for (int d = from; d <= until; d++)
            *(d < 0 ? &s->days_back : &s->days) |= UINT32_C(1) << (d < 0 ? -d : d);
    } while (words_char(&r->w, ','));
    return 0;
}

/* --- a date --- */

static int read_date(struct reader *r, int64_t *day)
{
    char word[24];
    size_t n = 0;

    if (words_date(&r->w, day))
        return 0;
    for (const char *p = r->w.at; p < r->w.end && *p != ' ' && n < 23; p++)
        word[n++] = *p;
    word[n] = '\0';
    return fail(r, r->w.at, "\"%s\" is no date from %d to %d, which is written \"2026-12-24\"",
                word, YEAR_MIN, YEAR_MAX);
}

static bool date_ahead(const struct reader *r)
{
    struct words t = r->w;
    int year;

    return words_number(&t, 4, &year);
}

static int read_once(struct reader *r, struct span *s)
{
    int64_t first, last;
    int from = 0, until = DAY_MIN;
    bool with_time = false;

    if (read_date(r, &first) < 0)
        return -1;
    last = first;
    words_skip(&r->w);
    if (r->w.at < r->w.end && *r->w.at != '-') {
        with_time = true;
        if (read_clock(r, &from) < 0)
            return -1;
        words_skip(&r->w);
        if (r->w.at == r->w.end)
            return fail(r, r->w.at, "a hyphen and the time at which it ends are missing");
    }
    if (r->w.at < r->w.end) {
        if (read_hyphen(r, "the date at which it ends") < 0)
            return -1;
        if (date_ahead(r)) {
            if (read_date(r, &last) < 0)
                return -1;
            words_skip(&r->w);
            if (with_time && r->w.at == r->w.end)
                return fail(r, r->w.at, "the time at which it ends is missing");
            if (r->w.at < r->w.end && read_clock(r, &until) < 0)
                return -1;
        } else {
            if (!with_time)
                return fail(r, r->w.at, "the date at which it ends is missing");
            if (read_clock(r, &until) < 0)
                return -1;
            last += until < from; /* across midnight */
        }
    }
    s->once = true;
    s->from_min = first * DAY_MIN + from;
    s->until_min = last * DAY_MIN + until;
    return s->until_min > s->from_min ? 0 : fail(r, r->w.start, "it ends before it begins");
}

/* --- the whole --- */

static bool keyword_ahead(const struct reader *r, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(r->w.end - r->w.at) > n && strncasecmp(r->w.at, word, n) == 0 &&
           r->w.at[n] == ' ';
}

static bool keyword(struct reader *r, const char *word)
{
    if (!keyword_ahead(r, word))
        return false;
    r->w.at += strlen(word);
    return true;
}

/* "05-01" stands where dates are left out; here it would be a time to no clock. */
static int refuse_yearly(struct reader *r)
{
    struct words t = r->w;
    int month, day;

    if (words_number(&t, 2, &month) && words_char(&t, '-') && words_number(&t, 2, &day) &&
        t.at == t.end && civil_exists(2024, month, day))
        return fail(r, r->w.at, "a day of each year is written \"day %d in %.3s\"", day,
                    months[month - 1]);
    return 0;
}

static int read_parts(struct reader *r, struct span *s)
{
    char word[24];

    if (refuse_yearly(r) < 0)
        return -1;
    if (letters(r) && !keyword_ahead(r, "day") && !keyword_ahead(r, "in") &&
        read_names(r, days, 7, 0, "day of the week", &s->weekdays) < 0)
        return -1;
    words_skip(&r->w);
    if (keyword(r, "day") && read_month_days(r, s) < 0)
        return -1;
    words_skip(&r->w);
    if (r->w.at < r->w.end && isdigit((unsigned char)*r->w.at) && read_day_times(r, s) < 0)
        return -1;
    words_skip(&r->w);
    if (keyword(r, "in") && read_names(r, months, 12, 1, "month", &s->months) < 0)
        return -1;
    words_skip(&r->w);
    if (r->w.at == r->w.end)
        return 0;
    word_at(r, word);
    return fail(r, r->w.at,
                "\"%s\" is not understood here: first days, then times, then \"in\" and months",
                word);
}

int span_parse(const char *text, size_t len, struct span *out, struct err *e)
{
    struct reader r = {{text, text, text + len}, e};

    *out = (struct span){.weekdays = ALL_DAYS, .months = ALL_MONTHS};
    if (len > SPAN_TEXT_MAX)
        return err_set(e, ERR_INPUT, "a span has at most %d characters", SPAN_TEXT_MAX);
    if (memchr(text, 0, len))
        return err_set(e, ERR_INPUT, "a span contains a zero byte");
    words_skip(&r.w);
    if (r.w.at == r.w.end)
        return err_set(e, ERR_INPUT,
                       "a span is empty; days and times are written \"Mon-Fri "
                       "08:00-20:00\"");
    if ((date_ahead(&r) ? read_once(&r, out) : read_parts(&r, out)) < 0)
        return -1;
    if (out->once) {
        words_skip(&r.w);
        return r.w.at == r.w.end ? 0 : fail(&r, r.w.at, "nothing may follow the end");
    }
    if (out->n_times == 0)
        out->times[out->n_times++].until = DAY_MIN;
    assert(out->weekdays && out->months && out->times[0].until > out->times[0].from);
    return 0;
}
