/* What the demo says while it runs: it asks the server as any client would and tells each incident when a
 * receiver has heard of it, so that what is shown is what happened, not what was meant to happen. Polling is
 * enough for a person who watches; a stream of changes would be an interface of the server for one reader. */
#include "cli/demo.h"

#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

/* --- words --- */

/* True when a receiver has been told (what → names). */
static bool demo_is_told(const cJSON *incident)
{
    const cJSON *d;

    cJSON_ArrayForEach(d, field(incident, "deliveries"))
    {
        if (field_ms(d, "first_sent"))
            return true;
    }
    return false;
}

/* The summary without the group in front, where the rule's text begins with it. */
static const char *summary_of(const cJSON *incident, const char *group)
{
    const char *s = field_text(incident, "summary");
    size_t n = strlen(group);

    return strncmp(s, group, n) == 0 && strncmp(s + n, ": ", 2) == 0 ? s + n + 2 : s;
}

static void add_arrows(const cJSON *incident, int64_t *first_ms, struct buf *out)
{
    const cJSON *d;
    size_t n = 0;

    *first_ms = 0;
    cJSON_ArrayForEach(d, field(incident, "deliveries"))
    {
        int64_t at_ms = field_ms(d, "first_sent");

        if (!at_ms)
            continue;
        buf_addf(out, "%s%s", n++ ? ", " : " → ", field_text(d, "channel"));
        if (*first_ms == 0 || at_ms < *first_ms)
            *first_ms = at_ms;
    }
}

void show_demo_opened(const cJSON *i, int64_t data_ms, struct buf *out)
{
    struct buf group = BUF_INIT;
    int64_t told_ms;

    show_group(&group, field(i, "groupLabels"));
    buf_addf(out, "#%.0f %s %s: %s", field_number(i, "number"), field_text(i, "priority"),
             buf_str(&group), summary_of(i, buf_str(&group)));
    add_arrows(i, &told_ms, out);
    if (told_ms && data_ms && told_ms >= data_ms) {
        if (told_ms - data_ms < 100)
            buf_addf(out, " (%lld ms after the data)", (long long)(told_ms - data_ms));
        else
            buf_addf(out, " (%.1f s after the data)", (double)(told_ms - data_ms) / 1000);
    }
    buf_free(&group);
}

void show_demo_resolved(const cJSON *i, struct buf *out)
{
    int64_t took_ms = field_ms(i, "endedAt") - field_ms(i, "openedAt");
    const cJSON *a, *last = NULL;

    buf_addf(out, "#%.0f resolved", field_number(i, "number"));
    if (took_ms > 0) {
        buf_adds(out, " after ");
        text_duration(out, took_ms);
    }
    cJSON_ArrayForEach(a, field(i, "alerts"))
    {
        if (!last || field_ms(a, "endsAt") >= field_ms(last, "endsAt"))
            last = a;
    }
    if (field_text(last, "valueText")[0])
        buf_addf(out, ", value %s", field_text(last, "valueText"));
    if (field_text(last, "endReason")[0])
        buf_addf(out, ", %s", field_text(last, "endReason"));
}

/* --- asking --- */

static cJSON *get(const char *path, struct answer *a)
{
    cJSON *j;

    server_call("GET", path, NULL, 2000, a);
    j = a->status == 200 ? cJSON_ParseWithLength(buf_str(&a->body), a->body.len) : NULL;
    if (j && answer_make_visible(j) == 0)
        return j;
    cJSON_Delete(j);
    return NULL;
}

static struct demo_incident *follow(struct demo_watch *w, uint64_t number)
{
    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i].number == number)
            return &w->open[i];
    if (number <= w->last)
        return NULL;
    if (w->n_open == DEMO_INCIDENTS)
        memmove(w->open, w->open + 1, --w->n_open * sizeof *w->open);
    w->open[w->n_open] = (struct demo_incident){.number = number, .data_ms = w->data_ms};
    return &w->open[w->n_open++];
}

int demo_watch_open(struct demo_watch *w)
{
    struct answer a;
    cJSON *list = get(API "incidents?limit=50", &a);
    int code = answer_check(&a);

    for (int i = cJSON_GetArraySize(list); i-- > 0;) {
        const cJSON *listed = cJSON_GetArrayItem(list, i);
        struct demo_incident *d;

        if (field_true(listed, "open") && (d = follow(w, (uint64_t)field_number(listed, "number"))))
            d->told = true;
    }
    if (list)
        w->last = (uint64_t)field_number(cJSON_GetArrayItem(list, 0), "number");
    cJSON_Delete(list);
    answer_clear(&a);
    return code;
}

void demo_watch_close(struct demo_watch *w)
{
    w->n_open = 0;
}

static void tell(const cJSON *listed, struct demo_incident *d, void (*say)(const char *line))
{
    struct buf path = BUF_INIT, line = BUF_INIT;
    bool open = field_true(listed, "open");
    struct answer a;
    cJSON *full;

    buf_addf(&path, API "incidents/%llu", (unsigned long long)d->number);
    full = get(buf_str(&path), &a);
    /* a P3 waits for its group: told when a receiver has heard of it */
    if (full && !d->told && (demo_is_told(full) || !open)) {
        show_demo_opened(full, d->data_ms, &line);
        say(buf_str(&line));
        d->told = true;
        buf_clear(&line);
    }
    if (full && d->told && !open && !d->ended) {
        show_demo_resolved(full, &line);
        say(buf_str(&line));
        d->ended = true;
    }
    cJSON_Delete(full);
    answer_clear(&a);
    buf_free(&path);
    buf_free(&line);
}

static void tell_growth(const cJSON *listed, struct demo_incident *d, void (*say)(const char *line))
{
    int rank = field_text(listed, "priority")[0] ? field_text(listed, "priority")[1] : '5';
    int firing = (int)field_number(listed, "firing");
    struct buf line = BUF_INIT;

    if (d->told && d->priority_rank && (firing > d->firing || rank < d->priority_rank)) {
        buf_addf(&line, "#%.0f %s · ", field_number(listed, "number"),
                 field_text(listed, "priority"));
        show_count(&line, (size_t)firing, "alert");
        buf_addf(&line, " · %s", field_text(listed, "summary"));
        say(buf_str(&line));
    }
    d->priority_rank = rank;
    d->firing = firing;
    buf_free(&line);
}

void demo_watch(struct demo_watch *w, void (*say)(const char *line))
{
    struct answer a;
    cJSON *list = get(API "incidents?limit=50", &a);

    /* newest first: told in the order in which they opened */
    for (int i = cJSON_GetArraySize(list); i-- > 0;) {
        const cJSON *listed = cJSON_GetArrayItem(list, i);
        struct demo_incident *d = follow(w, (uint64_t)field_number(listed, "number"));

        if (!d || d->ended)
            continue;
        if (d->told)
            tell_growth(listed, d, say);
        if (!d->told || !field_true(listed, "open"))
            tell(listed, d, say);
    }
    cJSON_Delete(list);
    answer_clear(&a);
}
