/* Numbers, durations and times, as people write and read them.
 *
 * One table of suffixes serves durations and quantities, so that "5m" means the same wherever it stands.
 * Numbers are parsed by hand up to the digits that strtod() then reads, since strtod() also takes hex, "inf"
 * and blanks. Dates are computed (Hinnant): the C library's functions take "31 February" for a day in March.
 * What is written is for reading: four digits, two units; text_plain() is the form that reads back. */
#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct suffix {
    const char *name;
    double factor;
    enum unit unit;
};

const char *const text_unit_names[UNITS] = {"none", "ratio", "seconds", "bytes", "percent"};

enum unit text_unit(const char *name)
{
    for (int u = 0; u < UNITS; u++)
        if (strcmp(name, text_unit_names[u]) == 0)
            return (enum unit)u;
    return UNIT_NONE;
}

/* Durations are the rows with UNIT_SECONDS. */
static const struct suffix suffixes[] = {
    {"%", 0.01, UNIT_RATIO},
    {"ms", 0.001, UNIT_SECONDS},
    {"us", 1e-6, UNIT_SECONDS},
    {"s", 1, UNIT_SECONDS},
    {"m", 60, UNIT_SECONDS},
    {"h", 3600, UNIT_SECONDS},
    {"d", 86400, UNIT_SECONDS},
    {"w", 604800, UNIT_SECONDS},
    {"k", 1e3, UNIT_NONE},
    {"K", 1e3, UNIT_NONE},
    {"M", 1e6, UNIT_NONE},
    {"G", 1e9, UNIT_NONE},
    {"B", 1, UNIT_BYTES},
    {"kB", 1e3, UNIT_BYTES},
    {"KB", 1e3, UNIT_BYTES},
    {"MB", 1e6, UNIT_BYTES},
    {"GB", 1e9, UNIT_BYTES},
    {"TB", 1e12, UNIT_BYTES},
    {"KiB", 1024, UNIT_BYTES},
    {"MiB", 1048576, UNIT_BYTES},
    {"GiB", 1073741824, UNIT_BYTES},
    {"TiB", 1099511627776, UNIT_BYTES},
};

static const struct suffix *suffix_of(const char *s, size_t n)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strlen(suffixes[i].name) == n && memcmp(suffixes[i].name, s, n) == 0)
            return &suffixes[i];
    return NULL;
}

/* Plain decimal at `s`: digits with at most one point. Returns its length, 0 when there is none. */
static size_t decimal(const char *s, size_t n, double *v)
{
    char text[32];
    size_t len = 0;
    bool digit = false, point = false;

    while (len < n && (isdigit((unsigned char)s[len]) || (s[len] == '.' && !point))) {
        if (s[len] == '.')
            point = true;
        else
            digit = true;
        len++;
    }
    if (!digit || len >= sizeof text)
        return 0;
    memcpy(text, s, len);
    text[len] = 0;
    *v = strtod(text, NULL);
    return len;
}

static size_t letters(const char *s, size_t n)
{
    size_t len = 0;

    while (len < n && isalpha((unsigned char)s[len]))
        len++;
    return len;
}

int text_parse_duration(const char *s, size_t n, int64_t *ms)
{
    double total = 0;

    if (n == 0)
        return -1;
    while (n > 0) {
        double v;
        size_t digits = decimal(s, n, &v), unit;
        const struct suffix *x;

        if (digits == 0)
            return -1;
        unit = letters(s + digits, n - digits);
        x = suffix_of(s + digits, unit);
        if (!x || x->unit != UNIT_SECONDS)
            return -1;
        total += v * x->factor;
        s += digits + unit;
        n -= digits + unit;
    }
    total = round(total * 1000);
    if (total < 1 || total > 1e15)
        return -1;
    *ms = (int64_t)total;
    assert(*ms > 0);
    return 0;
}

int text_parse_quantity(const char *s, size_t n, double *v, enum unit *unit)
{
    double sign = 1, number;
    size_t digits;
    const struct suffix *x;
    int64_t ms;

    *unit = UNIT_NONE;
    if (n > 0 && (*s == '-' || *s == '+')) {
        sign = *s == '-' ? -1 : 1;
        s++;
        n--;
    }
    digits = decimal(s, n, &number);
    if (digits == 0)
        return -1;
    *v = sign * number;
    if (digits == n)
        return 0;
    while (digits < n && s[digits] == ' ')
        digits++;
    x = suffix_of(s + digits, n - digits);
    if (x) {
        *v *= x->factor;
        *unit = x->unit;
        return 0;
    }
    if (text_parse_duration(s, n, &ms) < 0)
        return -1;
    *v = sign * (double)ms / 1000;
    *unit = UNIT_SECONDS;
    return 0;
}

static int digits_at(const char **s, const char *end, int width, int *v)
{
    *v = 0;
    if (end - *s < width)
        return -1;
    for (int i = 0; i < width; i++, (*s)++) {
        if (!isdigit((unsigned char)**s))
            return -1;
        *v = *v * 10 + (**s - '0');
    }
    return 0;
}

static int skip(const char **s, const char *end, const char *any)
{
    if (*s >= end || !strchr(any, **s) || **s == 0)
        return -1;
    (*s)++;
    return 0;
}

/* Days since 1970-01-01 of a civil date (H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int64_t days_of(int64_t y, int m, int d)
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int days_in(int y, int m)
{
    return (int)(days_of(m < 12 ? y : y + 1, m < 12 ? m + 1 : 1, 1) - days_of(y, m, 1));
}

static int zone_at(const char **s, const char *end, int *minutes)
{
    int sign, h, m = 0;

    *minutes = 0;
    if (*s == end)
        return -1;
    if (**s == 'Z' || **s == 'z') {
        (*s)++;
        return 0;
    }
    if (**s != '+' && **s != '-')
        return -1;
    sign = **s == '-' ? -1 : 1;
    (*s)++;
    if (digits_at(s, end, 2, &h) < 0)
        return -1;
    if (*s < end && **s == ':')
        (*s)++;
    if (*s < end && digits_at(s, end, 2, &m) < 0)
        return -1;
    if (h > 23 || m > 59)
        return -1;
    *minutes = sign * (h * 60 + m);
    return 0;
}

int text_parse_time(const char *s, size_t n, int64_t *at_ms)
{
    const char *end = s + n;
    int y, mo, d, h, mi, sec, zone;
    double fraction = 0;

    if (digits_at(&s, end, 4, &y) < 0 || skip(&s, end, "-") < 0 || digits_at(&s, end, 2, &mo) < 0 ||
        skip(&s, end, "-") < 0 || digits_at(&s, end, 2, &d) < 0 || skip(&s, end, "Tt ") < 0 ||
        digits_at(&s, end, 2, &h) < 0 || skip(&s, end, ":") < 0 || digits_at(&s, end, 2, &mi) < 0 ||
        skip(&s, end, ":") < 0 || digits_at(&s, end, 2, &sec) < 0)
        return -1;
    if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || sec > 60)
        return -1;
    if (s < end && (*s == '.' || *s == ',')) {
        double scale = 0.1;

        s++;
        if (s == end || !isdigit((unsigned char)*s))
            return -1;
        for (; s < end && isdigit((unsigned char)*s); s++, scale /= 10)
            fraction += scale * (*s - '0');
    }
    if (zone_at(&s, end, &zone) < 0 || s != end)
        return -1;
    *at_ms = (days_of(y, mo, d) * 86400 + h * 3600 + (mi - zone) * 60 + sec) * 1000 +
             (int64_t)(fraction * 1000 + 1e-6);
    return 0;
}

int64_t text_unix_ms(double v)
{
    return fabs(v) > 1e11 ? (int64_t)v : (int64_t)llround(v * 1000);
}

void text_time(char out[TEXT_TIME_LEN], int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000 - (at_ms % 1000 < 0));
    int ms = (int)(at_ms - (int64_t)seconds * 1000);
    struct tm tm;
    char head[TEXT_TIME_LEN - 6];

    gmtime_r(&seconds, &tm);
    strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, TEXT_TIME_LEN, "%.24s.%03dZ", head, ms % 1000);
}

void text_clock(char out[TEXT_TIME_LEN], int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;

    localtime_r(&seconds, &tm);
    strftime(out, TEXT_TIME_LEN, "%H:%M:%S", &tm);
}

void text_duration(struct buf *b, int64_t ms)
{
    static const struct {
        int64_t s;
        char name;
    } units[] = {{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    int64_t s = (ms < 0 ? -ms : ms) / 1000;
    int shown = 0;

    if (ms < 0)
        buf_addc(b, '-');
    if (s == 0) {
        buf_addf(b, ms % 1000 ? "%lldms" : "0s", (long long)(ms < 0 ? -ms : ms));
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units && shown < 2; i++) {
        int64_t n = s / units[i].s;

        if (n == 0 && shown == 0)
            continue;
        if (n > 0)
            buf_addf(b, "%lld%c", (long long)n, units[i].name);
        s %= units[i].s;
        shown++;
    }
}

void text_seconds(struct buf *b, double v)
{
    double a = fabs(v);

    if (!isfinite(v))
        buf_adds(b, v > 0 ? "forever" : "no time");
    else if (a >= 60)
        text_duration(b, (int64_t)llround(v * 1000));
    else if (a >= 1)
        buf_addf(b, "%.3gs", v);
    else if (a >= 0.001)
        buf_addf(b, "%.3gms", v * 1000);
    else if (a > 0)
        buf_addf(b, "%.3gus", v * 1e6);
    else
        buf_adds(b, "0s");
}

void text_number(struct buf *b, double v)
{
    char text[48];
    size_t n;

    if (isnan(v) || isinf(v)) {
        buf_adds(b, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (v != 0 && (fabs(v) >= 1e15 || fabs(v) < 1e-4)) {
        buf_addf(b, "%.4g", v);
        return;
    }
    if (fabs(v) < 1000) {
        snprintf(text, sizeof text, "%.4g", v);
        buf_adds(b, strcmp(text, "-0") == 0 ? "0" : text);
        return;
    }
    snprintf(text, sizeof text, "%.0f", fabs(v));
    if (v < 0)
        buf_addc(b, '-');
    n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            buf_addc(b, ',');
        buf_addc(b, text[i]);
    }
}

void text_percent(struct buf *b, double v)
{
    double p = v * 100;

    if (!isfinite(v))
        text_number(b, v);
    else if (fabs(p) >= 1000)
        text_number(b, round(p));
    else
        buf_addf(b, "%.3g", p);
    buf_addc(b, '%');
}

void text_bytes(struct buf *b, double v)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t i = 0;

    while (fabs(v) >= 1024 && i + 1 < sizeof names / sizeof *names) {
        v /= 1024;
        i++;
    }
    buf_addf(b, fabs(v) >= 100 || i == 0 ? "%.0f %s" : "%.3g %s", v, names[i]);
}

/* The number of at most three decimals that reads back as `v`, if there is one: nearly all are such. A
 * whole number over a thousand, divided, is the double next to it, which is what reading gives. */
static bool add_decimals(struct buf *b, double v)
{
    int64_t thousandths = llround(v * 1000), whole = thousandths / 1000;
    int part = (int)(thousandths % 1000);
    char text[32];
    int n;

    if ((double)thousandths / 1000 != v)
        return false;
    n = snprintf(text, sizeof text, "%s%lld.%03d", v < 0 ? "-" : "",
                 (long long)(whole < 0 ? -whole : whole), part < 0 ? -part : part);
    while (text[n - 1] == '0')
        n--;
    n -= text[n - 1] == '.';
    buf_add(b, text, (size_t)n);
    return true;
}

void text_plain(struct buf *b, double v)
{
    char text[40];

    if (!isfinite(v)) {
        buf_adds(b, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (fabs(v) >= 1e-4 && fabs(v) < 1e12 && add_decimals(b, v))
        return;
    if (v == floor(v) && fabs(v) < 1e15) {
        buf_addf(b, "%.0f", v);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_adds(b, text);
}
