/* Days and clock times of the civil calendar (Gregorian, also before it began), without any zone: a day is
 * a count from 1970-01-01, a wall-clock time the seconds since its midnight, as if there were no zones. */
#ifndef ROSTER_CIVIL_H
#define ROSTER_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAY_S    INT64_C(86400)
#define DAY_MIN  1440
#define YEAR_MIN 1970 /* years that are taken in; what people plan lies far inside */
#define YEAR_MAX 2199

struct civil {
    int year, month, day; /* month and day from 1 */
};

int64_t civil_day(int year, int month, int day);
struct civil civil_of(int64_t day);
int civil_weekday(int64_t day); /* 0: Monday … 6: Sunday */
int civil_days_in(int year, int month);
bool civil_exists(int year, int month, int day); /* and lies in the years that are taken in */
int64_t civil_div(int64_t a, int64_t b);         /* rounded down, b > 0 */

/* A cursor over what people write. Each reads what it names and moves on, or stays and says no. */
struct words {
    const char *start, *at, *end;
};
void words_skip(struct words *w);                      /* blanks */
bool words_char(struct words *w, char c);              /* without blanks before it */
bool words_number(struct words *w, int width, int *v); /* exactly `width` digits */
bool words_clock(struct words *w, int *minute);        /* "08:00" … "24:00" */
bool words_date(struct words *w, int64_t *day);        /* "2026-12-24", one that exists */
/* "2026-11-02 09:00", also with T between and with seconds, which must be 00. */
bool words_date_time(struct words *w, int64_t *wall_s);

#endif
