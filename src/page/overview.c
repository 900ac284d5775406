/* The first page: what is on, who has it, and what is wrong with Tocsin itself.
 * What is on stands first, and right below it what is wrong with Tocsin itself: an empty list means little
 * while rules are refused or a receiver fails. Who has an incident is part of its line, because that is what
 * a second person comes to see. A few that have ended follow, since the question after a page is what it
 * was. It loads itself again, without a script. */
#include <stdio.h>

#include "page/html.h"

#define REFRESH_S 15

static void incident_line(struct buf *b, const struct page_frame *f, const cJSON *i)
{
    const cJSON *ack = field(i, "acknowledged");
    bool open = field_true(i, "open");
    const char *priority = field_text(i, "priority");
    double number = field_number(i, "number");

    buf_adds(b, "<article class=\"");
    html_text(b, open ? priority : "ended");
    buf_addf(b, "\"><h3><a href=\"/i/%.0f\">#%.0f</a> · ", number, number);
    html_text(b, priority);
    buf_adds(b, " · ");
    html_text(b, field_text(i, "summary"));
    buf_adds(b, "</h3>");
    html_labels(b, field(i, "groupLabels"));
    buf_adds(b, "<div>");
    if (open) {
        html_count(b, field_number(i, "firing"), "alert", "alerts");
        if (field_number(i, "held") > 0)
            buf_addf(b, " (%.0f held back)", field_number(i, "held"));
        buf_adds(b, " · since ");
        html_time(b, f, data_time(i, "openedAt"));
        buf_adds(b, " · ");
        if (cJSON_IsObject(ack)) {
            html_text(b, field_text(ack, "by"));
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
        html_text(b, field_text(v, "file"));
        buf_adds(b, "</code> is refused, its last good version runs on: ");
        html_text(b, field_text(v, "error"));
        buf_adds(b, "</li>");
    }
}

static void broken_rules(struct buf *b, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        buf_adds(b, "<li class=\"bad\">Rule <b>");
        html_text(b, field_text(v, "name"));
        buf_adds(b, "</b> is broken, its alerts stand still: ");
        html_text(b, field_text(v, "error"));
        buf_adds(b, "</li>");
    }
}

static void failing_lanes(struct buf *b, const struct page_frame *f, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        if (!data_time(v, "failingSince"))
            continue;
        buf_adds(b, "<li class=\"bad\">Receiver <b>");
        html_text(b, field_text(v, "lane"));
        buf_adds(b, "</b> has been failing since ");
        html_time(b, f, data_time(v, "failingSince"));
        buf_adds(b, ": ");
        html_text(b, field_text(v, "lastError"));
        buf_adds(b, "</li>");
    }
}

static void bad_reasons(struct buf *b, const cJSON *list)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, list)
    {
        if (field_true(v, "ok"))
            continue;
        buf_adds(b, "<li class=\"bad\"><b>");
        html_text(b, field_text(v, "check"));
        buf_adds(b, "</b>: ");
        html_text(b, field_text(v, "text"));
        buf_adds(b, "</li>");
    }
}

static void own_troubles(struct buf *b, const struct page_frame *f, const cJSON *data)
{
    const cJSON *status = field(data, "status");
    const cJSON *redis = field(status, "redis");
    const cJSON *deliveries = field(status, "deliveries");
    struct buf list = BUF_INIT;

    if (cJSON_IsObject(redis) && !field_true(redis, "up")) {
        buf_adds(&list, "<li class=\"bad\">Redis is away; pages go on from memory. ");
        html_text(&list, field_text(redis, "why"));
        buf_adds(&list, "</li>");
    }
    bad_reasons(&list, field(status, "reasons"));
    rejected_files(&list, field(status, "rejected"));
    broken_rules(&list, field(data, "broken"));
    failing_lanes(&list, f, field(status, "lanes"));
    if (field_number(deliveries, "dead") > 0)
        buf_addf(&list, "<li class=\"bad\">%.0f messages could not be delivered at all</li>",
                 field_number(deliveries, "dead"));
    if (!buf_ok(&list))
        b->failed = true;
    else if (list.len > 0) {
        buf_adds(b, "<h2>Tocsin itself</h2><ul>");
        buf_add(b, list.data, list.len);
        buf_adds(b, "</ul>");
    }
    buf_free(&list);
}

static void active_silences(struct buf *b, const struct page_frame *f, const cJSON *list)
{
    const cJSON *v;

    if (cJSON_GetArraySize(list) == 0)
        return;
    buf_adds(b, "<h2>Silences</h2><ul>");
    cJSON_ArrayForEach(v, list)
    {
        buf_adds(b, "<li><a href=\"/silences\">");
        html_text(b, field_text(v, "short"));
        buf_adds(b, "</a> until ");
        html_time(b, f, data_time(v, "endsAt"));
        buf_adds(b, " by ");
        html_text(b, field_text(v, "createdBy"));
        buf_adds(b, ": ");
        html_text(b, field_text(v, "comment"));
        buf_adds(b, "</li>");
    }
    buf_adds(b, "</ul>");
}

void page_overview(struct buf *out, const struct page_frame *f, const cJSON *data)
{
    const cJSON *open = field(data, "incidents"), *ended = field(data, "ended"), *v;
    const cJSON *status = field(data, "status");
    int n = cJSON_GetArraySize(open);
    char title[48];

    snprintf(title, sizeof title, "%d open", n);
    page_begin(out, f, title, REFRESH_S);
    buf_adds(out, "<h1>Incidents</h1>");
    if (field_true(status, "shadow"))
        buf_adds(out, "<p class=\"notice\">Shadow: nothing is sent.</p>");
    if (n == 0)
        buf_adds(out, "<p class=\"good\">Nothing is on.</p>");
    cJSON_ArrayForEach(v, open)
    {
        incident_line(out, f, v);
    }
    own_troubles(out, f, data);
    active_silences(out, f, field(data, "silences"));
    if (cJSON_GetArraySize(ended) > 0)
        buf_adds(out, "<h2>Resolved lately</h2>");
    cJSON_ArrayForEach(v, ended)
    {
        incident_line(out, f, v);
    }
    buf_adds(out, "<p class=\"soft\">Tocsin ");
    html_text(out, field_text(status, "version"));
    buf_addf(out, " · %.0f rules</p>", field_number(field(status, "rules"), "count"));
    page_end(out);
}
