/* Levels and times, as logging libraries write them. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "decode/event.h"
#include "decode/json_read.h"

static const struct {
    const char *word, *level;
} words[] = {
    {"error", "ERROR"},
    {"info", "INFO"},
    {"warning", "WARN"},
    {"warn", "WARN"},
    {"debug", "DEBUG"},
    {"critical", "FATAL"},
    {"fatal", "FATAL"},
    {"err", "ERROR"},
    {"exception", "ERROR"},
    {"notice", "INFO"},
    {"success", "INFO"},
    {"information", "INFO"},
    {"informational", "INFO"},
    {"trace", "DEBUG"},
    {"verbose", "DEBUG"},
    {"fine", "DEBUG"},
    {"severe", "ERROR"},
    {"crit", "FATAL"},
    {"alert", "FATAL"},
    {"emerg", "FATAL"},
    {"emergency", "FATAL"},
    {"panic", "FATAL"},
    {"dpanic", "FATAL"},
    {"f", "FATAL"},
    {"e", "ERROR"},
    {"w", "WARN"},
    {"i", "INFO"},
    {"d", "DEBUG"},
};

static bool small_number(const char *s, size_t n, int *v)
{
    double x;

    if (n == 0 || n > 6 || !memchr("-0123456789", s[0], 11) || json_read_number(s, n, &x) != 0)
        return false;
    *v = (int)x;
    return true;
}

/* syslog counts 0 (emergency) to 7 (debug); bunyan and pino 10 (trace) to 60 (fatal). */
static const char *level_of_number(int v)
{
    if (v < 0)
        return "DEBUG"; /* slog: -4 */
    if (v < 8)
        return v <= 2 ? "FATAL" : v == 3 ? "ERROR" : v == 4 ? "WARN" : v <= 6 ? "INFO" : "DEBUG";
    return v < 30 ? "DEBUG" : v < 40 ? "INFO" : v < 50 ? "WARN" : v < 60 ? "ERROR" : "FATAL";
}

const char *event_level(const char *s, size_t n)
{
    int v;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && strncasecmp(words[i].word, s, n) == 0)
            return words[i].level;
    return small_number(s, n, &v) ? level_of_number(v) : NULL;
}

const char *event_level_python(const char *s, size_t n)
{
    int v;

    if (!small_number(s, n, &v))
        return NULL;
    return v < 20 ? "DEBUG" : v < 30 ? "INFO" : v < 40 ? "WARN" : v < 50 ? "ERROR" : "FATAL";
}

/* Seconds, or milli-, micro- or nanoseconds: told apart by their size, for all times from 1973 to
 * 5138. */
static int time_of_number(double v, int64_t *t_ms)
{
    if (!(v > 0) || v > 1e20)
        return -1;
    if (v > 1e17)
        v /= 1e6;
    else if (v > 1e14)
        v /= 1e3;
    *t_ms = text_unix_ms(v);
    return 0;
}

static bool is_number(const char *s, size_t n)
{
    size_t points = 0;

    for (size_t i = 0; i < n; i++) {
        if ((s[i] < '0' || s[i] > '9') && s[i] != '.')
            return false;
        points += s[i] == '.';
    }
    return points < 2;
}

#define NEAR_MS ((int64_t)20 * 60000)

int event_time(const char *s, size_t n, int64_t now_ms, int64_t *t_ms)
{
    char zoned[48];
    double v;

    if (n == 0)
        return -1;
    if (text_parse_time(s, n, t_ms) == 0)
        return 0;
    if (is_number(s, n))
        return json_read_number(s, n, &v) == 0 ? time_of_number(v, t_ms) : -1;
    if (n + 1 >= sizeof zoned)
        return -1;
    memcpy(zoned, s, n);
    zoned[n] = 'Z';
    if (text_parse_time(zoned, n + 1, t_ms) != 0 || *t_ms < now_ms - NEAR_MS ||
        *t_ms > now_ms + NEAR_MS)
        return -1;
    return 0;
}
