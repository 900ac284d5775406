/* Grafana OnCall, as its HTTP API v1 gives it: schedules, on_call_shifts and users, each as a list ("results"), in any
 * of the files, and schedules/ID/final_shifts, which say who is on call.
 *
 *   rolling_users: groups take turns, a turn each `interval` hours, days or weeks; all of a group are on call
 *   recurring and single events, overrides: users are on call at those times
 *   level: the highest that has anybody counts
 *
 * Turns of several weeks with days of their own are left to people: there are gaps between them that no span has. */
#include "convert/oncall_plan.h"

#include <limits.h>
#include <string.h>

#include "base/json_in.h"
#include "roster/civil.h"

#define ITEMS_MAX  2000
#define LEVELS_MAX 32
#define GROUPS_MAX 100

enum item { SHIFT, SCHEDULE, USER, FINAL, ITEMS };

struct found {
    const cJSON *list[ITEMS][ITEMS_MAX];
    size_t n[ITEMS];
};

struct levels {
    int level[LEVELS_MAX];
    struct plan_layer layers[LEVELS_MAX];
    size_t n;
};

struct shift {
    const cJSON *json;
    const char *name, *zone, *frequency;
    int64_t start_wall, lasts_min, interval, period_s; /* period: of one turn */
    int from_min;                                      /* of the day */
    unsigned by_day;                                   /* bit 0: Monday */
    int week_start;
    struct plan_layer *layer;
};

static const char day_words[7][3] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

/* --- what there is in the files --- */

static void classify(struct found *f, const cJSON *o)
{
    const char *type = json_in_text(o, "type");
    enum item kind = ITEMS;

    if (json_in_item(o, "shift_start"))
        kind = FINAL;
    else if (json_in_item(o, "duration") && json_in_item(o, "start"))
        kind = SHIFT;
    else if (json_in_item(o, "shifts") || strcmp(type, "ical") == 0)
        kind = SCHEDULE;
    else if (json_in_item(o, "username"))
        kind = USER;
    if (kind < ITEMS && f->n[kind] < ITEMS_MAX)
        f->list[kind][f->n[kind]++] = o;
}

static void look(struct found *f, const cJSON *file)
{
    static const char *const lists[] = {"results", "schedules", "on_call_shifts", "users",
                                        "final_shifts"};
    const cJSON *o;

    if (cJSON_IsArray(file)) {
        cJSON_ArrayForEach(o, file)
        {
            classify(f, o);
        }
    } else {
        classify(f, file);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const cJSON *list = json_in_item(file, lists[i]);

        if (!cJSON_IsArray(list))
            list = json_in_item(list, "results");
        cJSON_ArrayForEach(o, list)
        {
            classify(f, o);
        }
    }
}

static const char *user(struct plan *p, const char *id)
{
    return plan_person(p, id, id, "");
}

/* --- one shift --- */

static int day_of(const char *word)
{
    for (int i = 0; i < 7; i++)
        if (strncmp(word, day_words[i], 2) == 0)
            return i;
    return -1;
}

static bool read_shift(struct plan *p, const cJSON *o, const char *zone, struct shift *s)
{
    const char *start = json_in_text(o, "start"), *own = json_in_text(o, "time_zone");
    struct words w = {start, start, start + strlen(start)};
    const cJSON *day;

    *s = (struct shift){.json = o, .name = json_in_text(o, "name"), .zone = zone};
    s->frequency = json_in_text(o, "frequency");
    s->interval = json_in_whole(o, "interval");
    s->interval = s->interval < 1 ? 1 : s->interval;
    s->lasts_min = json_in_whole(o, "duration") / 60;
    s->week_start = day_of(json_in_text(o, "week_start"));
    if (s->week_start < 0)
        s->week_start = 0;
    cJSON_ArrayForEach(day, json_in_item(o, "by_day"))
    {
        int d = cJSON_IsString(day) ? day_of(day->valuestring) : -1;

        s->by_day |= d < 0 ? 0 : 1u << d;
    }
    if (!words_date_time(&w, &s->start_wall) || s->lasts_min < 1 || s->lasts_min > 400 * 1440 ||
        s->interval > 1000) {
        element_manual(&p->c,
                       "it does not say when it begins, or how long it lasts (at most 400 days)");
        return false;
    }
    if (*own && strcmp(own, zone) != 0) {
        element_manual(&p->c, "its zone %s is not the schedule's (%s): write it by hand", own,
                       zone);
        return false;
    }
    s->from_min = (int)((s->start_wall - civil_div(s->start_wall, DAY_S) * DAY_S) / 60);
    s->period_s = s->interval * (strcmp(s->frequency, "hourly") == 0  ? 3600
                                 : strcmp(s->frequency, "daily") == 0 ? DAY_S
                                                                      : 7 * DAY_S);
    return true;
}

/* Rows of who is on call at the times that come again. False: they cannot be said. */
static bool rows(struct plan *p, const struct shift *s, const char *who)
{
    int64_t period_min = s->period_s / 60;
    int monday = civil_weekday(civil_div(s->start_wall, DAY_S));

    if (!s->by_day && s->lasts_min == period_min) {
        plan_row(p, s->layer, NULL, who);
        return true;
    }
    if (s->interval > 1 || cJSON_GetArraySize(json_in_item(s->json, "by_month")) > 0 ||
        cJSON_GetArraySize(json_in_item(s->json, "by_monthday")) > 0)
        return false;
    if (strcmp(s->frequency, "daily") == 0 && !s->by_day) {
        plan_row(p, s->layer, plan_day(p, s->from_min, s->lasts_min), who);
    } else if (strcmp(s->frequency, "weekly") == 0 && !s->by_day) {
        plan_row(p, s->layer, plan_week(p, monday * 1440 + s->from_min, s->lasts_min), who);
    } else if (strcmp(s->frequency, "hourly") == 0 || strcmp(s->frequency, "monthly") == 0) {
        return false;
    } else if (s->lasts_min < 1440 || (s->lasts_min == 1440 && s->from_min == 0)) {
        plan_row(p, s->layer, plan_days(p, s->by_day, plan_day(p, s->from_min, s->lasts_min)), who);
    } else {
        for (int i = 0; i < 7; i++)
            if (s->by_day >> i & 1)
                plan_row(p, s->layer, plan_week(p, i * 1440 + s->from_min, s->lasts_min), who);
    }
    return true;
}

static const char *member(struct plan *p, const cJSON *group, int at)
{
    const cJSON *u = cJSON_GetArrayItem(group, at);

    if (cJSON_IsString(u))
        return user(p, u->valuestring);
    return NULL;
}

static void rolling(struct plan *p, const struct shift *s)
{
    const cJSON *groups = json_in_item(s->json, "rolling_users");
    int n = cJSON_GetArraySize(groups), width = 0;
    int64_t first = json_in_whole(s->json, "start_rotation_from_user_index"), start = s->start_wall;
    const char *every = plan_every(p, s->period_s);

    if (n < 1 || n > GROUPS_MAX || !every || strcmp(s->frequency, "monthly") == 0) {
        element_manual(&p->c, n > GROUPS_MAX ? "more than 100 groups"
                                             : "its turns cannot be said: write it by hand");
        return;
    }
    for (int i = 0; i < n; i++) {
        int size = cJSON_GetArraySize(cJSON_GetArrayItem(groups, i));

        if (i > 0 && size != width)
            element_manual(
                &p->c, "its groups have different sizes: who has no place in a group is missing");
        width = size > width ? size : width;
    }
    if (s->by_day) { /* turns change with the week */
        int64_t day = civil_div(start, DAY_S);

        start = (day - (civil_weekday(day) - s->week_start + 7) % 7) * DAY_S;
    }
    first = first < 0 || first >= n ? 0 : first;
    for (int k = 0; k < width && k < 16; k++) {
        const char *people[GROUPS_MAX];
        size_t count = 0;

        for (int i = 0; i < n; i++) {
            const cJSON *group = cJSON_GetArrayItem(groups, (int)((first + i) % n));
            const char *one = member(p, group, k < cJSON_GetArraySize(group) ? k : 0);

            if (one)
                people[count++] = one;
        }
        if (count > 0 &&
            !rows(p, s, plan_rotation(p, s->name, s->zone, start, every, people, count)))
            element_manual(&p->c, "turns of %lld periods with times of their own: write it by hand",
                           (long long)s->interval);
    }
}

static void events(struct plan *p, const struct shift *s)
{
    const cJSON *u;

    cJSON_ArrayForEach(u, json_in_item(s->json, "users"))
    {
        const char *who =
            cJSON_IsString(u) ? plan_text(p, "person:%s", user(p, u->valuestring)) : "";

        if (!*s->frequency)
            plan_row(p, s->layer,
                     plan_text(p, "%s - %s", plan_clock(p, s->start_wall),
                               plan_clock(p, s->start_wall + 60 * s->lasts_min)),
                     who);
        else if (!rows(p, s, who))
            element_manual(&p->c, "it comes again in a way that no span says: write it by hand");
    }
}

static struct plan_layer *layer_of(struct levels *l, int level)
{
    size_t at = 0;

    while (at < l->n && l->level[at] > level)
        at++;
    if (at < l->n && l->level[at] == level)
        return &l->layers[at];
    if (l->n == LEVELS_MAX)
        return &l->layers[LEVELS_MAX - 1];
    memmove(&l->level[at + 1], &l->level[at], (l->n - at) * sizeof l->level[0]);
    memmove(&l->layers[at + 1], &l->layers[at], (l->n - at) * sizeof l->layers[0]);
    l->level[at] = level;
    l->layers[at] = (struct plan_layer){0};
    l->n++;
    return &l->layers[at];
}

static void shift(struct plan *p, const cJSON *o, const char *schedule, const char *zone,
                  struct tz z, struct levels *l)
{
    const char *type = json_in_text(o, "type"), *until = json_in_text(o, "until");
    bool override = strcmp(type, "override") == 0;
    struct words w = {until, until, until + strlen(until)};
    int64_t end_wall = 0, now_wall = tz_wall(z, civil_div(p->now_ms, 1000));
    struct shift s;

    element_begin(&p->c, 0, "schedule \"%.100s\", shift \"%.100s\"", schedule,
                  json_in_text(o, "name"));
    if (!read_shift(p, o, zone, &s))
        return;
    if (words_date_time(&w, &end_wall) && end_wall <= now_wall) {
        element_differs(&p->c, "it has ended and is left out");
        return;
    }
    if (!*s.frequency && s.start_wall + 60 * s.lasts_min <= now_wall)
        return; /* it is over */
    if (end_wall)
        element_manual(&p->c, "it ends at %s: take it out then", until);
    if (*s.frequency && s.start_wall > now_wall && strcmp(type, "rolling_users") != 0)
        element_manual(&p->c, "it begins at %s, and holds at once here", json_in_text(o, "start"));
    s.layer = layer_of(l, override ? INT_MAX : (int)json_in_whole(o, "level"));
    if (strcmp(type, "rolling_users") == 0)
        rolling(p, &s);
    else
        events(p, &s);
}

/* --- schedules --- */

static const cJSON *shift_named(const struct found *f, const char *id)
{
    for (size_t i = 0; i < f->n[SHIFT]; i++)
        if (strcmp(json_in_text(f->list[SHIFT][i], "id"), id) == 0)
            return f->list[SHIFT][i];
    return NULL;
}

static void schedule(struct plan *p, const struct found *f, const cJSON *o)
{
    const char *name = o ? json_in_text(o, "name") : "on call";
    const char *zone = plan_text(p, "%.60s", o ? json_in_text(o, "time_zone") : "");
    struct levels l = {.n = 0};
    const cJSON *id;
    struct tz z;

    element_begin(&p->c, 0, "schedule \"%.100s\"", name);
    z = plan_zone(p, &zone);
    if (strcmp(json_in_text(o, "type"), "ical") == 0)
        element_manual(&p->c, "it is made of iCalendar files: import those");
    cJSON_ArrayForEach(id, json_in_item(o, "shifts"))
    {
        const cJSON *one = cJSON_IsString(id) ? shift_named(f, id->valuestring) : NULL;

        if (one)
            shift(p, one, name, zone, z, &l);
        else
            element_manual(
                &p->c,
                "a shift of it is in none of the files: give the answer of on_call_shifts as well");
    }
    for (size_t i = 0; !o && i < f->n[SHIFT]; i++)
        shift(p, f->list[SHIFT][i], name, zone, z, &l);
    plan_layers(p, name, zone, l.layers, l.n);
    for (size_t i = 0; f->n[SCHEDULE] <= 1 && i < f->n[FINAL]; i++)
        plan_shift(p, name, user(p, json_in_text(f->list[FINAL][i], "user_pk")),
                   plan_time(f->list[FINAL][i], "shift_start"),
                   plan_time(f->list[FINAL][i], "shift_end"));
}

bool oncall_grafana(struct plan *p, const cJSON *const *files, size_t n)
{
    struct found *f = region_alloc(&p->region, sizeof *f);
    bool any;

    for (size_t i = 0; f && i < n; i++)
        look(f, files[i]);
    any = f && f->n[SCHEDULE] + f->n[SHIFT] > 0;
    for (size_t i = 0; any && i < f->n[FINAL]; i++)
        (void)plan_person(p, json_in_text(f->list[FINAL][i], "user_pk"),
                          json_in_text(f->list[FINAL][i], "user_username"),
                          json_in_text(f->list[FINAL][i], "user_email"));
    for (size_t i = 0; any && i < f->n[USER]; i++)
        (void)plan_person(p, json_in_text(f->list[USER][i], "id"),
                          json_in_text(f->list[USER][i], "username"),
                          json_in_text(f->list[USER][i], "email"));
    for (size_t i = 0; any && i < f->n[SCHEDULE] && !p->c.failed; i++)
        schedule(p, f, f->list[SCHEDULE][i]);
    if (any && f->n[SCHEDULE] == 0)
        schedule(p, f, NULL);
    return any;
}
