/* PagerDuty, as its REST API v2 gives schedules: GET /schedules/ID (with since and until also who is on call), lists of
 * them, /schedules/ID/overrides, /users.
 *
 *   schedule_layers: the first counts most; users take turns of rotation_turn_length_seconds from rotation_virtual_start;
 *   restrictions: daily or weekly, when the layer has anybody
 *
 * An override counts more than all layers. */
#include "convert/oncall_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/json_in.h"
#include "roster/civil.h"

#define LAYERS_MAX 100
#define USERS_MAX  200

static const char *user(struct plan *p, const cJSON *u)
{
    const char *name = json_in_text(u, "name");

    return plan_person(p, json_in_text(u, "id"), *name ? name : json_in_text(u, "summary"),
                       json_in_text(u, "email"));
}

/* "09:00:00", minutes. */
static int clock_of(const char *text)
{
    int h = 0, m = 0;

    return sscanf(text, "%2d:%2d", &h, &m) == 2 && h >= 0 && h < 24 && m >= 0 && m < 60 ? h * 60 + m
                                                                                        : 0;
}

static void restrict_to(struct plan *p, const cJSON *layer, struct plan_layer *out, const char *who)
{
    const cJSON *r;
    size_t n = 0;

    cJSON_ArrayForEach(r, json_in_item(layer, "restrictions"))
    {
        int from = clock_of(json_in_text(r, "start_time_of_day"));
        int64_t lasts = json_in_whole(r, "duration_seconds") / 60,
                day = json_in_whole(r, "start_day_of_week");
        bool weekly = strcmp(json_in_text(r, "type"), "weekly_restriction") == 0;

        n++;
        if (lasts < 1 || (weekly && (day < 1 || day > 7)))
            element_manual(&p->c, "a restriction without a length or a day is left out");
        else
            plan_row(p, out,
                     weekly ? plan_week(p, (int)(day - 1) * 1440 + from, lasts)
                            : plan_day(p, from, lasts),
                     who);
    }
    if (n == 0)
        plan_row(p, out, NULL, who);
}

static void layer(struct plan *p, const char *schedule, const char *zone, struct tz z,
                  const cJSON *l, struct plan_layer *out)
{
    const char *people[USERS_MAX], *name = json_in_text(l, "name"), *every;
    int64_t start = plan_time(l, "rotation_virtual_start"), end = plan_time(l, "end"),
            begins = plan_time(l, "start");
    const cJSON *u;
    size_t n = 0;

    element_begin(&p->c, 0, "schedule \"%.100s\", layer \"%.100s\"", schedule, name);
    if (end && end <= p->now_ms) {
        element_differs(&p->c, "it has ended and is left out");
        return;
    }
    cJSON_ArrayForEach(u, json_in_item(l, "users"))
    {
        const cJSON *inner = json_in_item(u, "user");

        if (n == USERS_MAX)
            element_manual(&p->c, "more than %d people", USERS_MAX);
        else
            people[n++] = user(p, inner ? inner : u);
    }
    every = plan_every(p, json_in_whole(l, "rotation_turn_length_seconds"));
    if (n == 0 || !every || !start) {
        if (n == 0)
            element_differs(&p->c, "it has nobody and is left out");
        else if (!start)
            element_manual(&p->c, "it does not say when it began (rotation_virtual_start)");
        return;
    }
    if (begins > p->now_ms)
        element_manual(&p->c, "it begins at %s: put it in then", json_in_text(l, "start"));
    if (end)
        element_manual(&p->c, "it ends at %s: take it out then", json_in_text(l, "end"));
    restrict_to(p, l, out,
                plan_rotation(p, plan_text(p, "%.80s %.80s", schedule, name), zone,
                              tz_wall(z, civil_div(start, 1000)), every, people, n));
}

static void overrides(struct plan *p, const char *schedule, struct tz z, const cJSON *list,
                      struct plan_layer *out)
{
    const cJSON *o;

    cJSON_ArrayForEach(o, list)
    {
        int64_t from = plan_time(o, "start"), until = plan_time(o, "end");

        if (!from || until <= p->now_ms)
            continue;
        element_begin(&p->c, 0, "schedule \"%.100s\", override from %s", schedule,
                      json_in_text(o, "start"));
        plan_row(p, out, plan_once(p, z, from, until),
                 plan_text(p, "person:%s", user(p, json_in_item(o, "user"))));
    }
}

static void schedule(struct plan *p, const cJSON *s, const cJSON *more)
{
    struct plan_layer layers[LAYERS_MAX] = {{0}};
    const char *name = json_in_text(s, "name"),
               *zone = plan_text(p, "%.60s", json_in_text(s, "time_zone"));
    const cJSON *l,
        *shown = json_in_item(json_in_item(s, "final_schedule"), "rendered_schedule_entries");
    const cJSON *own =
        json_in_item(json_in_item(s, "overrides_subschedule"), "rendered_schedule_entries");
    size_t n = 1;
    struct tz z;

    name = *name ? name : json_in_text(s, "summary");
    element_begin(&p->c, 0, "schedule \"%.100s\"", name);
    z = plan_zone(p, &zone);
    if (!json_in_item(s, "schedule_layers"))
        element_manual(&p->c, "the export has no layers: ask for GET /schedules/ID");
    overrides(p, name, z, more ? more : own, &layers[0]);
    cJSON_ArrayForEach(l, json_in_item(s, "schedule_layers"))
    {
        if (n < LAYERS_MAX)
            layer(p, name, zone, z, l, &layers[n++]);
        else
            element_manual(&p->c, "more than %d layers", LAYERS_MAX - 1);
    }
    plan_layers(p, name, zone, layers, n);
    cJSON_ArrayForEach(l, shown)
    {
        plan_shift(p, name, user(p, json_in_item(l, "user")), plan_time(l, "start"),
                   plan_time(l, "end"));
    }
}

bool oncall_pagerduty(struct plan *p, const cJSON *file)
{
    const cJSON *one = json_in_item(file, "schedule"), *list = json_in_item(file, "schedules"),
                *users = json_in_item(file, "users"), *u;

    if (!one && !list)
        return false;
    if (!json_in_item(one ? one : cJSON_GetArrayItem(list, 0), "time_zone") ||
        json_in_item(cJSON_GetArrayItem(list, 0), "shifts"))
        return false;
    cJSON_ArrayForEach(u, users)
    {
        (void)user(p, u);
    }
    if (one)
        schedule(p, one, json_in_item(file, "overrides"));
    cJSON_ArrayForEach(u, list)
    {
        schedule(p, u, NULL);
    }
    return true;
}
