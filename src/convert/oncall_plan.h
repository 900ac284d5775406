/* Who is on call, as other programs' exports say it: people, rotations and schedules as the roster takes them, while
 * they are collected. All texts live in the plan's region. */
#ifndef CONVERT_ONCALL_PLAN_H
#define CONVERT_ONCALL_PLAN_H

#include <cjson/cJSON.h>

#include "convert/conversion.h"
#include "roster/tz.h"
#include "tocsin/roster.h"

#define PLAN_MAX 2000 /* of a kind: people, rotations, schedules, rows of a layer */

struct plan_row {
    const char *span; /* NULL: always */
    const char *who;  /* "rotation:…" */
};

/* Of several layers the first that has somebody counts; within one all rows that hold do. */
struct plan_layer {
    struct plan_row *rows;
    size_t n, cap;
};

struct plan_schedule {
    const char *name, *zone;
    bool top; /* one of the export, and not a layer of it */
    struct roster_row *rows;
    size_t n_rows;
    const char *otherwise; /* NULL: nobody */
};

struct plan_shift { /* as the export itself says who is on call */
    const char *schedule, *person;
    int64_t from_ms, until_ms;
};

struct plan_person {
    struct roster_person person;
    const char *id; /* in the export */
};

struct plan {
    struct conversion c;
    struct region region;
    int64_t now_ms;
    struct plan_person *people;
    struct roster_rotation *rotations;
    struct plan_schedule *schedules;
    struct plan_shift *shifts;
    size_t n_people, n_rotations, n_schedules, n_shifts;
    size_t cap_people, cap_rotations, cap_schedules, cap_shifts;
};

void plan_no_memory(struct plan *p); /* the conversion has failed */
/* Each of these: on a bound or without memory the conversion has failed, and what is returned can be used. */
const char *plan_text(struct plan *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "ana", known by the id of the export from here on; name and email may be "". */
const char *plan_person(struct plan *p, const char *id, const char *name, const char *email);
/* "rotation:NAME"; `people` are names of plan_person(). Name: made different from others where it must. */
const char *plan_rotation(struct plan *p, const char *name, const char *zone, int64_t start_wall_s,
                          const char *every, const char *const *people, size_t n);
void plan_row(struct plan *p, struct plan_layer *l, const char *span, const char *who);
/* A schedule of layers, the first the one that counts most. Frees their rows. */
void plan_layers(struct plan *p, const char *name, const char *zone, struct plan_layer *layers,
                 size_t n);
void plan_shift(struct plan *p, const char *schedule, const char *person, int64_t from_ms,
                int64_t until_ms);
void plan_clear(struct plan *p);

/* The Lua text. */
void plan_write(struct plan *p);
/* The export's shifts and the text's, four weeks from now, beside each other; a line of the report for each. */
void plan_compare(struct plan *p);

/* --- times --- */
/* UTC where there is none, or none of that name, which is noted. */
struct tz plan_zone(struct plan *p, const char **name);
/* RFC 3339; 0: none. */
int64_t plan_time(const cJSON *o, const char *key);
/* "2026-11-02 09:00" of seconds since 1970 on a clock. */
const char *plan_clock(struct plan *p, int64_t wall_s);
/* "2026-11-02 09:00 - 2026-11-03 09:00", of instants. */
const char *plan_once(struct plan *p, struct tz z, int64_t from_ms, int64_t until_ms);
/* Of minutes since Monday 00:00: "Mon 09:00-17:00", "Fri 22:00 - Mon 06:00"; NULL: all week. */
const char *plan_week(struct plan *p, int from_min, int64_t lasts_min);
/* "Mon-Wed,Sat 09:00-17:00"; bit 0: Monday; `times` NULL: all day. */
const char *plan_days(struct plan *p, unsigned by_day, const char *times);
/* "09:00-17:00"; NULL: all day. */
const char *plan_day(struct plan *p, int from_min, int64_t lasts_min);
/* "1w" "2d" "12h"; NULL, with a note: no such turns. */
const char *plan_every(struct plan *p, int64_t seconds);

/* --- one provider each: reads what it knows of a file, false: it is none of its own --- */
bool oncall_pagerduty(struct plan *p, const cJSON *file);
bool oncall_opsgenie(struct plan *p, const cJSON *file);
/* Shifts and schedules may stand in different files: first all are looked at for users and shifts. */
bool oncall_grafana(struct plan *p, const cJSON *const *files, size_t n);
bool oncall_ical(struct plan *p, const char *name, const char *text, size_t len);

#endif
