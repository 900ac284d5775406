/* Opsgenie (and Jira Service Management), as its API v2 gives schedules: GET /v2/schedules/ID, lists with
 * ?expand=rotation, beside them "overrides" and "timeline" of the same schedule.
 *
 *   rotations: each puts one of its participants on call, all at once; turns of `length` hours, days or weeks
 *   timeRestriction: when the rotation has anybody */
#include "convert/oncall_plan.h"

#include <string.h>

#include "base/json_in.h"
#include "roster/civil.h"

#define USERS_MAX 200

static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
                                   "friday", "saturday", "sunday"};

static const char *user(struct plan *p, const cJSON *u)
{
    const char *name = json_in_text(u, "username"), *id = json_in_text(u, "id");

    name = *name ? name : json_in_text(u, "name");
    return plan_person(p, *id ? id : name, name, strchr(name, '@') ? name : "");
}

static int minute_of(const cJSON *r, const char *hour, const char *min)
{
    int64_t h = json_in_whole(r, hour), m = json_in_whole(r, min);

    return h < 0 || h > 24 || m < 0 || m > 59 ? 0 : (int)(h * 60 + m) % 1440;
}

static int day_of(const char *name)
{
    for (int i = 0; i < 7; i++)
        if (strcasecmp(days[i], name) == 0)
            return i;
    return -1;
}

static void restrict_to(struct plan *p, const cJSON *rotation, struct plan_layer *out,
                        const char *who)
{
    const cJSON *t = json_in_item(rotation, "timeRestriction"), *r = json_in_item(t, "restriction");

    if (r) {
        int from = minute_of(r, "startHour", "startMin"), until = minute_of(r, "endHour", "endMin");

        plan_row(p, out, plan_day(p, from, until > from ? until - from : until + 1440 - from), who);
        return;
    }
    cJSON_ArrayForEach(r, json_in_item(t, "restrictions"))
    {
        int first = day_of(json_in_text(r, "startDay")), last = day_of(json_in_text(r, "endDay"));
        int from = first * 1440 + minute_of(r, "startHour", "startMin");
        int until = last * 1440 + minute_of(r, "endHour", "endMin");

        if (first < 0 || last < 0)
            element_manual(&p->c, "a restriction without days is left out");
        else
            plan_row(p, out,
                     plan_week(p, from, until > from ? until - from : until + 7 * 1440 - from),
                     who);
    }
    if (!t)
        plan_row(p, out, NULL, who);
}

static int64_t turn_of(const cJSON *r)
{
    const char *type = json_in_text(r, "type");
    int64_t length = json_in_whole(r, "length");

    length = length < 1 ? 1 : length > 100000 ? 100000 : length; /* more is refused as no turn */
    if (strcasecmp(type, "hourly") == 0)
        return 3600 * length;
    return (strcasecmp(type, "daily") == 0 ? 1 : 7) * DAY_S * length;
}

static void rotation(struct plan *p, const char *schedule, const char *zone, struct tz z,
                     const cJSON *r, struct plan_layer *out)
{
    const char *people[USERS_MAX], *every, *name = json_in_text(r, "name");
    int64_t start = plan_time(r, "startDate"), end = plan_time(r, "endDate");
    const cJSON *u;
    size_t n = 0;

    element_begin(&p->c, 0, "schedule \"%.100s\", rotation \"%.100s\"", schedule, name);
    if (end && end <= p->now_ms) {
        element_differs(&p->c, "it has ended and is left out");
        return;
    }
    cJSON_ArrayForEach(u, json_in_item(r, "participants"))
    {
        const char *type = json_in_text(u, "type");

        if (*type && strcmp(type, "user") != 0)
            element_manual(
                &p->c, "the participant \"%s\" is a %s: write its people, or its schedule as a row",
                json_in_text(u, "name"), type);
        else if (n < USERS_MAX)
            people[n++] = user(p, u);
    }
    every = plan_every(p, turn_of(r));
    if (!start || n == 0 || !every) {
        if (n == 0)
            element_manual(&p->c, "it has no people and is left out");
        else if (!start)
            element_manual(&p->c, "it does not say when it began (startDate)");
        return;
    }
    if (end)
        element_manual(&p->c, "it ends at %s: take it out then", json_in_text(r, "endDate"));
    restrict_to(p, r, out,
                plan_rotation(p, plan_text(p, "%.80s %.80s", schedule, name), zone,
                              tz_wall(z, civil_div(start, 1000)), every, people, n));
}

static void overrides(struct plan *p, const char *schedule, struct tz z, const cJSON *list,
                      size_t n_rotations, struct plan_layer *out)
{
    for (const cJSON *o = list ? list->child : NULL; o; o = o->next) {
        int64_t from = plan_time(o, "startDate"), until = plan_time(o, "endDate");
        int only = cJSON_GetArraySize(json_in_item(o, "rotations"));

        if (!from || until <= p->now_ms)
            continue;
        element_begin(&p->c, 0, "schedule \"%.100s\", override from %s", schedule,
                      json_in_text(o, "startDate"));
        if (only > 0 && (size_t)only < n_rotations)
            element_manual(&p->c, "it is of one rotation among several: tocsin oncall NAME "
                                  "override, with the rotation's "
                                  "name");
        else
            plan_row(p, out, plan_once(p, z, from, until),
                     plan_text(p, "person:%s", user(p, json_in_item(o, "user"))));
    }
}

static void timeline(struct plan *p, const char *schedule, const cJSON *t)
{
    const cJSON *r, *period,
        *rotations = json_in_item(json_in_item(t, "finalTimeline"), "rotations");

    cJSON_ArrayForEach(r, rotations)
    {
        cJSON_ArrayForEach(period, json_in_item(r, "periods"))
        {
            const cJSON *who = json_in_item(period, "recipient");

            if (who && strcmp(json_in_text(who, "type"), "none") != 0)
                plan_shift(p, schedule, user(p, who), plan_time(period, "startDate"),
                           plan_time(period, "endDate"));
        }
    }
}

static void schedule(struct plan *p, const cJSON *s, const cJSON *more, const cJSON *shown)
{
    struct plan_layer layers[2] = {{0}};
    const char *name = json_in_text(s, "name"),
               *zone = plan_text(p, "%.60s", json_in_text(s, "timezone"));
    const cJSON *r, *rotations = json_in_item(s, "rotations");
    struct tz z;

    element_begin(&p->c, 0, "schedule \"%.100s\"", name);
    z = plan_zone(p, &zone);
    if (json_in_item(s, "enabled") && !json_in_bool(s, "enabled"))
        element_differs(&p->c, "it is disabled there, and holds here");
    if (!rotations)
        element_manual(&p->c, "the export has no rotations: ask for GET /v2/schedules/ID");
    overrides(p, name, z, more, (size_t)cJSON_GetArraySize(rotations), &layers[0]);
    cJSON_ArrayForEach(r, rotations)
    {
        rotation(p, name, zone, z, r, &layers[1]);
    }
    plan_layers(p, name, zone, layers, 2);
    timeline(p, name, shown);
}

/* A part of its own, or the answer in which it came. */
static const cJSON *part(const cJSON *file, const char *key)
{
    const cJSON *n = json_in_item(file, key), *data = json_in_item(n, "data");

    return data ? data : n;
}

bool oncall_opsgenie(struct plan *p, const cJSON *file)
{
    const cJSON *data = json_in_item(file, "data"), *s = cJSON_IsArray(data) ? data->child : data;

    if (!json_in_item(s, "timezone"))
        return false;
    if (!cJSON_IsArray(data)) {
        schedule(p, data, part(file, "overrides"), part(file, "timeline"));
        return true;
    }
    cJSON_ArrayForEach(s, data)
    {
        schedule(p, s, NULL, NULL);
    }
    return true;
}
