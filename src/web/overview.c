/* The first page: what is on, who has it, and what is wrong with Tocsin itself. */
#include <stdio.h>

#include "web/html.h"

#define REFRESH_S 15

static void incident_line(struct buf *b, const struct web_frame *f, const cJSON *i)
{
    const cJSON *ack = data_get(i, "acknowledged");
    bool open = data_flag(i, "open");
    const char *priority = data_text(i, "priority");
    double number = data_num(i, "number");

    buf_adds(b, "<article class=\"");
    html_text(b, open ? priority : "ended");
    buf_addf(b, "\"><h3><a href=\"/i/%.0f\">#%.0f</a> · ", number, number);
    html_text(b, priority);
    buf_adds(b, " · ");
    html_text(b, data_text(i, "summary"));
    buf_adds(b, "</h3>");
    html_labels(b, data_get(i, "groupLabels"));
    buf_adds(b, "<div>");
    if (open) {
        html_count(b, data_num(i, "firing"), "alert", "alerts");
        if (data_num(i, "held") > 0)
            buf_addf(b, " (%.0f held back)", data_num(i, "held"));
        buf_adds(b, " · since ");
        html_time(b, f, data_time(i, "openedAt"));
        buf_adds(b, " · ");
        if (cJSON_IsObject(ack)) {
            html_text(b, data_text(ack, "by"));
            buf_adds(b, " has it");
        } else {
            buf_adds(b, "<b>nobody has it</b>");
        }
    } else {
        buf_adds(b, "resolved ");
        html_time(b, f, data_time(i, "endedAt"));
    }
    buf_adds(b, "</div></article>\n");
}

static void rejected_files(struct buf *b, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        buf_adds(b, "<li class=\"bad\">Rule file <code>");
        html_text(b, data_text(v, "file"));
        buf_adds(b, "</code> is refused, its last good version runs on: ");
        html_text(b, data_text(v, "error"));
        buf_adds(b, "</li>");
    }
}

static void broken_rules(struct buf *b, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        buf_adds(b, "<li class=\"bad\">Rule <b>");
        html_text(b, data_text(v, "name"));
        buf_adds(b, "</b> is broken, its alerts stand still: ");
        html_text(b, data_text(v, "error"));
        buf_adds(b, "</li>");
    }
}

static void failing_lanes(struct buf *b, const struct web_frame *f, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        if (!data_time(v, "failingSince"))
            continue;
        buf_adds(b, "<li class=\"bad\">Receiver <b>");
        html_text(b, data_text(v, "lane"));
        buf_adds(b, "</b> has been failing since ");
        html_time(b, f, data_time(v, "failingSince"));
        buf_adds(b, ": ");
        html_text(b, data_text(v, "lastError"));
        buf_adds(b, "</li>");
    }
}

static void bad_reasons(struct buf *b, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        if (data_flag(v, "ok"))
            continue;
        buf_adds(b, "<li class=\"bad\"><b>");
        html_text(b, data_text(v, "check"));
        buf_adds(b, "</b>: ");
        html_text(b, data_text(v, "text"));
        buf_adds(b, "</li>");
    }
}

static void own_troubles(struct buf *b, const struct web_frame *f, const cJSON *data)
{
    const cJSON *status = data_get(data, "status");
    const cJSON *redis = data_get(status, "redis");
    const cJSON *deliveries = data_get(status, "deliveries");
    struct buf list = BUF_INIT;

    if (cJSON_IsObject(redis) && !data_flag(redis, "up")) {
        buf_adds(&list, "<li class=\"bad\">Redis is away; pages go on from memory. ");
        html_text(&list, data_text(redis, "why"));
        buf_adds(&list, "</li>");
    }
    bad_reasons(&list, data_get(status, "reasons"));
    rejected_files(&list, data_get(status, "rejected"));
    broken_rules(&list, data_get(data, "broken"));
    failing_lanes(&list, f, data_get(status, "lanes"));
    if (data_num(deliveries, "dead") > 0)
        buf_addf(&list, "<li class=\"bad\">%.0f messages could not be delivered at all</li>",
                 data_num(deliveries, "dead"));
    if (!buf_ok(&list))
        b->failed = true;
    else if (list.len > 0) {
        buf_adds(b, "<h2>Tocsin itself</h2><ul>");
        buf_add(b, list.data, list.len);
        buf_adds(b, "</ul>");
    }
    buf_free(&list);
}

static void active_silences(struct buf *b, const struct web_frame *f, const cJSON *list)
{
    const cJSON *v;

    if (cJSON_GetArraySize(list) == 0)
        return;
    buf_adds(b, "<h2>Silences</h2><ul>");
    cJSON_ArrayForEach(v, list)
    {
        buf_adds(b, "<li><a href=\"/silences\">");
        html_text(b, data_text(v, "short"));
        buf_adds(b, "</a> until ");
        html_time(b, f, data_time(v, "endsAt"));
        buf_adds(b, " by ");
        html_text(b, data_text(v, "createdBy"));
        buf_adds(b, ": ");
        html_text(b, data_text(v, "comment"));
        buf_adds(b, "</li>");
    }
    buf_adds(b, "</ul>");
}

void web_overview(struct buf *out, const struct web_frame *f, const cJSON *data)
{
    const cJSON *open = data_get(data, "incidents"), *ended = data_get(data, "ended"), *v;
    const cJSON *status = data_get(data, "status");
    int n = cJSON_GetArraySize(open);
    char title[48];

    snprintf(title, sizeof title, "%d open", n);
    page_begin(out, f, title, REFRESH_S);
    buf_adds(out, "<h1>Incidents</h1>");
    if (data_flag(status, "shadow"))
        buf_adds(out, "<p class=\"notice\">Shadow: nothing is sent.</p>");
    if (n == 0)
        buf_adds(out, "<p class=\"good\">Nothing is on.</p>");
    cJSON_ArrayForEach(v, open)
    {
        incident_line(out, f, v);
    }
    own_troubles(out, f, data);
    active_silences(out, f, data_get(data, "silences"));
    if (cJSON_GetArraySize(ended) > 0)
        buf_adds(out, "<h2>Resolved lately</h2>");
    cJSON_ArrayForEach(v, ended)
    {
        incident_line(out, f, v);
    }
    buf_adds(out, "<p class=\"soft\">Tocsin ");
    html_text(out, data_text(status, "version"));
    buf_addf(out, " · %.0f rules</p>", data_num(data_get(status, "rules"), "count"));
    page_end(out);
}
