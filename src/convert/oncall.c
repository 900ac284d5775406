/* Exports of on-call schedules, of whichever program: found out by what stands in them.
 * People save answers of an API one by one, so several files are one export: what belongs to a schedule and came by
 * itself (overrides, a timeline) is put into the file before it. */
#include <stdio.h>
#include <string.h>

#include "base/json_in.h"
#include "base/mem.h"
#include "convert/oncall_plan.h"

#define FILES_MAX 32

/* Overrides or a timeline that came by themselves. */
static bool joins(cJSON *before, cJSON *file)
{
    cJSON *overrides = cJSON_GetObjectItemCaseSensitive(file, "overrides");
    cJSON *data = cJSON_GetObjectItemCaseSensitive(file, "data");
    const cJSON *first = cJSON_IsArray(data) ? data->child : data;

    if (!cJSON_IsObject(before))
        return false;
    if (overrides && !json_in_item(file, "schedule") && !data)
        return cJSON_AddItemReferenceToObject(before, "overrides", overrides);
    if (data && json_in_item(first, "alias"))
        return cJSON_AddItemReferenceToObject(before, "overrides", data);
    if (data && json_in_item(first, "finalTimeline"))
        return cJSON_AddItemReferenceToObject(before, "timeline", data);
    return false;
}

static void read_json(struct plan *p, cJSON **files, const bool *joined, size_t n)
{
    bool any = oncall_grafana(p, (const cJSON *const *)files, n);

    for (size_t i = 0; !any && i < n; i++) {
        if (!joined[i] && !oncall_pagerduty(p, files[i]) && !oncall_opsgenie(p, files[i]))
            conversion_fail(
                &p->c, NULL,
                "file %zu is no export of PagerDuty, Opsgenie, Grafana OnCall or iCalendar "
                "that holds a schedule",
                i + 1);
    }
}

static void read_all(struct plan *p, const struct convert_file *in, size_t n)
{
    cJSON *files[FILES_MAX] = {NULL};
    bool joined[FILES_MAX] = {false};
    size_t n_json = 0;

    for (size_t i = 0; i < n && !p->c.failed; i++) {
        if (in[i].len > CONVERT_INPUT_MAX) {
            conversion_fail(&p->c, NULL, "%s: longer than %zu MiB", in[i].name,
                            CONVERT_INPUT_MAX >> 20);
        } else if (!oncall_ical(p, in[i].name, in[i].text, in[i].len)) {
            files[n_json] = cJSON_ParseWithLength(in[i].text, in[i].len);
            if (!files[n_json])
                conversion_fail(&p->c, NULL, "%s: neither JSON nor iCalendar", in[i].name);
            else
                n_json++;
        }
    }
    for (size_t i = 1; i < n_json; i++)
        joined[i] = joins(files[i - 1], files[i]) ||
                    (joined[i - 1] && i > 1 && joins(files[i - 2], files[i]));
    if (n_json > 0 && !p->c.failed)
        read_json(p, files, joined, n_json);
    for (size_t i = 0; i < n_json; i++)
        cJSON_Delete(files[i]);
}

int convert_oncall(const struct convert_file *files, size_t n, int64_t now_ms,
                   struct converted *out, struct err *e)
{
    struct err local = {0};
    struct plan p = {.now_ms = now_ms - now_ms % 60000};
    int rc;

    *out = (struct converted){0};
    e = e ? e : &local;
    p.c = (struct conversion){.name = n ? files[0].name : "", .out = out, .e = e};
    region_init(&p.region, (size_t)64 << 20);
    if (n == 0 || n > FILES_MAX)
        conversion_fail(&p.c, NULL, "1 to %d files are read", FILES_MAX);
    else
        read_all(&p, files, n);
    if (!p.c.failed && p.n_schedules == 0)
        conversion_fail(&p.c, NULL, "it holds no schedule");
    if (!p.c.failed) {
        buf_addf(&out->lua, "-- Who is on call, from %s.\n\n", p.c.name);
        plan_write(&p);
        plan_compare(&p);
        element_end(&p.c);
    }
    rc = p.c.failed ? -1 : 0;
    if (rc == 0 && (!buf_ok(&out->lua) || !buf_ok(&out->report) || !buf_ok(&out->beside)))
        rc = err_set(e, ERR_MEMORY, "%s: no memory", p.c.name);
    buf_free(&p.c.element.what);
    buf_free(&p.c.element.notes);
    plan_clear(&p);
    if (rc < 0)
        converted_clear(out);
    return rc;
}
