/* What clocks show, worked out apart from the program: the files of the zone database (RFC 8536) are read here
 * byte by byte, and dates are gmtime_r()'s. The brute-force models of this folder stand on it. */
#ifndef TESTS_UNIT_ROSTER_ZONES_H
#define TESTS_UNIT_ROSTER_ZONES_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const zones[] = {"Europe/Paris", "America/New_York",  "Australia/Lord_Howe",
                                    "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca"};
#define ZONES (sizeof zones / sizeof *zones)

#define MINUTES (400 * 1440)
#define FIRST_S INT64_C(1768867200) /* 2026-01-20T00:00:00Z, a Tuesday */

static int64_t big_endian(const unsigned char *p, int n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;

    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* The clock of `zone` at each minute from FIRST_S on, as seconds since 1970. */
static int64_t *read_clock_of(const char *zone)
{
    static unsigned char file[65536];
    int64_t *wall = malloc(MINUTES * sizeof *wall), counts[6];
    char path[128];
    unsigned char *p, *times, *kinds, *types;
    int64_t n, at = 0;
    FILE *f;

    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
    f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    ck_assert(fread(file, 1, sizeof file, f) > 88);
    fclose(f);
    for (int i = 0; i < 6; i++)
        counts[i] = big_endian(file + 20 + 4 * i, 4);
    p = file + 44 + counts[3] * 5 + counts[4] * 6 + counts[5] + counts[2] * 8 + counts[1] +
        counts[0];
    ck_assert(memcmp(p, "TZif", 4) == 0); /* the second part, with times of 8 bytes */
    for (int i = 0; i < 6; i++)
        counts[i] = big_endian(p + 20 + 4 * i, 4);
    n = counts[3];
    times = p + 44;
    kinds = times + 8 * n;
    types = kinds + n;
    for (int64_t i = 0; i < MINUTES; i++) {
        int64_t s = FIRST_S + i * 60;

        while (at < n && big_endian(times + 8 * at, 8) <= s)
            at++;
        wall[i] = s + big_endian(types + 6 * (at ? kinds[at - 1] : 0), 4);
    }
    return wall;
}

struct shown {
    int weekday; /* 0: Monday */
    int minute, day, month, year, days_in, yearday;
};

static inline struct shown shown_at(int64_t wall_s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    time_t t = (time_t)wall_s;
    struct shown s;
    struct tm tm;

    gmtime_r(&t, &tm);
    s = (struct shown){(tm.tm_wday + 6) % 7,
                       tm.tm_hour * 60 + tm.tm_min,
                       tm.tm_mday,
                       tm.tm_mon + 1,
                       tm.tm_year + 1900,
                       days[tm.tm_mon],
                       tm.tm_yday};
    s.days_in += s.month == 2 && s.year % 4 == 0; /* no year of these tests is 2100 */
    return s;
}

#endif
