/* One incident: its alerts, why, where it went, what happened; acknowledge, release, silence.
 * Drawn from the document that the API gives, with nothing but links and forms: it works without scripts, on
 * a phone, and in a text browser. All that comes from elsewhere goes through html_text(), html_link() and
 * the like. Trees are cut at TREE_DEPTH_MAX, since they are drawn by recursion. What acts stands right below
 * the head: who opens this at night wants to say "I have it" first. */
#include <stdio.h>
#include <string.h>

#include "page/html.h"

#define TREE_DEPTH_MAX 30

/* --- the tree of a condition ------------------------------------------------------------------ */

static void tree_node(struct buf *b, const cJSON *node, int depth)
{
    const cJSON *child, *children = field(node, "children");
    const char *truth = field_text(node, "truth");

    buf_adds(b, "<li><code>");
    html_text(b, field_text(node, "node"));
    buf_adds(b, "</code> ");
    if (*truth) {
        buf_addf(b, "<b class=\"%s\">", strcmp(truth, "true") == 0 ? "bad" : "soft");
        html_text(b, truth);
        buf_adds(b, "</b>");
    } else if (cJSON_IsNumber(field(node, "value"))) {
        buf_adds(b, "<b>");
        html_text(b, field_text(node, "shown"));
        buf_adds(b, "</b>");
    } else {
        buf_adds(b, "<span class=\"soft\">no data</span>");
    }
    if (cJSON_GetArraySize(children) > 0 && depth < TREE_DEPTH_MAX) {
        buf_adds(b, "<ul>");
        cJSON_ArrayForEach(child, children)
        {
            tree_node(b, child, depth + 1);
        }
        buf_adds(b, "</ul>");
    }
    buf_adds(b, "</li>");
}

/* A list of {"level" or "input", "tree"}, as explain has it. */
static void trees(struct buf *b, const cJSON *levels)
{
    const cJSON *v;

    buf_adds(b, "<ul>");
    cJSON_ArrayForEach(v, levels)
    {
        buf_adds(b, "<li><b>");
        html_text(b, field_text(v, "level"));
        html_text(b, field_text(v, "input"));
        buf_adds(b, "</b><ul>");
        tree_node(b, field(v, "tree"), 0);
        buf_adds(b, "</ul></li>");
    }
    buf_adds(b, "</ul>");
}

/* --- alerts -------------------------------------------------------------------------------------- */

static const cJSON *explained(const cJSON *data, const char *fingerprint)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, field(data, "alerts"))
    {
        if (strcmp(field_text(v, "fingerprint"), fingerprint) == 0)
            return v;
    }
    return NULL;
}

static void annotations(struct buf *b, const cJSON *object)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, object)
    {
        const char *text = cJSON_GetStringValue(v);

        if (!text || !*text || strcmp(v->string, "summary") == 0)
            continue;
        buf_adds(b, "<div><span class=\"soft\">");
        html_text(b, v->string);
        buf_adds(b, "</span> ");
        html_link(b, text);
        buf_adds(b, "</div>");
    }
}

static void alert_why(struct buf *b, const struct page_frame *f, const cJSON *alert,
                      const cJSON *now)
{
    const cJSON *line, *levels = field(now, "levels"), *why = field(alert, "why");

    cJSON_ArrayForEach(line, field(now, "text"))
    {
        buf_adds(b, "<div>");
        html_text(b, cJSON_GetStringValue(line));
        buf_adds(b, "</div>");
    }
    if (cJSON_GetArraySize(levels) > 0) {
        buf_adds(b, "<details><summary>Why: what its rule sees now</summary>");
        trees(b, levels);
        buf_adds(b, "</details>");
    }
    if (cJSON_IsArray(field(why, "tree"))) {
        buf_adds(b, "<details><summary>Why: when it last changed, ");
        html_time(b, f, data_time(why, "at"));
        buf_adds(b, "</summary>");
        trees(b, field(why, "tree"));
        buf_adds(b, "</details>");
    } else if (cJSON_GetArraySize(why) > 0) {
        buf_adds(b, "<details><summary>Why: when it last changed</summary>");
        html_json(b, why);
        buf_adds(b, "</details>");
    }
}

static void alert_block(struct buf *b, const struct page_frame *f, const cJSON *data,
                        const cJSON *alert)
{
    const cJSON *labels = field(alert, "labels");
    bool firing = strcmp(field_text(alert, "state"), "resolved") != 0;
    const char *summary = field_text(field(alert, "annotations"), "summary");

    buf_adds(b, "<article id=\"");
    html_text(b, field_text(alert, "fingerprint"));
    buf_adds(b, "\" class=\"");
    html_text(b, firing ? field_text(alert, "priority") : "ended");
    buf_adds(b, "\"><h3>");
    html_text(b, firing ? field_text(alert, "priority") : "resolved");
    buf_addc(b, ' ');
    html_text(b, field_text(labels, "alertname"));
    buf_adds(b, "</h3><div>");
    html_text(b, summary);
    buf_adds(b, "</div>");
    html_labels(b, labels);
    buf_adds(b, "<div>since ");
    html_time(b, f, data_time(alert, "startsAt"));
    if (!firing) {
        buf_adds(b, " · ended ");
        html_time(b, f, data_time(alert, "endsAt"));
        buf_adds(b, " · ");
        html_text(b, field_text(alert, "endReason"));
        if (data_time(alert, "goneSince")) {
            buf_adds(b, ": its series ended at ");
            html_time(b, f, data_time(alert, "goneSince"));
            buf_adds(b, " while its source goes on");
        }
    }
    if (*field_text(alert, "heldBy")) {
        buf_adds(b, " · held back by ");
        html_text(b, field_text(alert, "heldBy"));
    }
    if (firing && data_time(alert, "goneSince")) {
        buf_adds(b, " · gone: its series ended at ");
        html_time(b, f, data_time(alert, "goneSince"));
        buf_adds(b, " while its source goes on");
    } else if (data_time(alert, "noDataSince")) {
        buf_adds(b, " · no data since ");
        html_time(b, f, data_time(alert, "noDataSince"));
    }
    buf_adds(b, "</div>");
    annotations(b, field(alert, "annotations"));
    alert_why(b, f, alert, explained(data, field_text(alert, "fingerprint")));
    buf_adds(b, "</article>\n");
}

/* --- what a person can do ------------------------------------------------------------------------- */

static void forms(struct buf *b, const struct page_frame *f, const cJSON *i)
{
    bool taken = cJSON_IsObject(field(i, "acknowledged"));
    double number = field_number(i, "number");
    char action[64];

    if (!f->may_respond || !field_true(i, "open"))
        return;
    snprintf(action, sizeof action, "/i/%.0f/ack", number);
    form_begin(b, f, action);
    form_who(b, f, "");
    buf_adds(b, "<label>For <select name=\"for\"><option value=\"\">until resolved</option>"
                "<option>30m</option><option>2h</option><option>8h</option></select></label>"
                "<label>Note <input name=\"note\" maxlength=\"500\"></label>"
                "<button>Acknowledge</button></form>");
    if (taken) {
        snprintf(action, sizeof action, "/i/%.0f/release", number);
        form_begin(b, f, action);
        form_who(b, f, "");
        buf_adds(b, "<button>Release</button></form>");
    }
    snprintf(action, sizeof action, "/i/%.0f/silence", number);
    form_begin(b, f, action);
    buf_adds(b, "<label>For <select name=\"for\"><option>1h</option><option>4h</option>"
                "<option>24h</option>"
                "<option value=\"resolved\">until "
                "resolved</option></select></label><button>Silence…</button>"
                "<small>shows first what it would hold back</small></form>");
}

static void ack_line(struct buf *b, const struct page_frame *f, const cJSON *ack)
{
    if (!cJSON_IsObject(ack)) {
        buf_adds(b, "<b>nobody has it</b>");
        return;
    }
    html_text(b, field_text(ack, "by"));
    buf_adds(b, " has it since ");
    html_time(b, f, data_time(ack, "at"));
    if (data_time(ack, "until")) {
        buf_adds(b, " until ");
        html_time(b, f, data_time(ack, "until"));
    }
    if (*field_text(ack, "note")) {
        buf_adds(b, ": ");
        html_text(b, field_text(ack, "note"));
    }
}

static void head(struct buf *b, const struct page_frame *f, const cJSON *i)
{
    bool open = field_true(i, "open");

    buf_adds(b, "<h1>");
    html_text(b, open ? field_text(i, "priority") : "Resolved");
    buf_addf(b, " · #%.0f · ", field_number(i, "number"));
    html_text(b, field_text(i, "summary"));
    buf_adds(b, "</h1>");
    html_labels(b, field(i, "groupLabels"));
    buf_adds(b, "<p>");
    html_count(b, field_number(i, "firing"), "alert fires", "alerts fire");
    if (field_number(i, "held") > 0)
        buf_addf(b, ", %.0f held back", field_number(i, "held"));
    buf_adds(b, " · since ");
    html_time(b, f, data_time(i, "openedAt"));
    buf_adds(b, " · ");
    if (open) {
        ack_line(b, f, field(i, "acknowledged"));
    } else {
        buf_adds(b, "ended ");
        html_time(b, f, data_time(i, "endedAt"));
    }
    buf_adds(b, "</p>");
}

/* --- where it went ------------------------------------------------------------------------------- */

static void moment(struct buf *b, const struct page_frame *f, const char *before, const cJSON *lane,
                   const char *key)
{
    if (!data_time(lane, key))
        return;
    buf_adds(b, before);
    html_time(b, f, data_time(lane, key));
}

static void lane_row(struct buf *b, const struct page_frame *f, const cJSON *lane)
{
    const cJSON *held;

    buf_adds(b, "<tr><td><b>");
    html_text(b, field_text(lane, "lane"));
    buf_adds(b, "</b></td><td>");
    html_text(b, field_text(lane, "state"));
    buf_adds(b, "</td><td>");
    if (data_time(lane, "last_sent")) {
        html_text(b, field_text(lane, "last_reason"));
        moment(b, f, " ", lane, "last_sent");
    } else {
        buf_adds(b, "nothing yet");
    }
    buf_adds(b, "</td><td>");
    if (data_time(lane, "next")) {
        html_text(b, field_text(lane, "next_reason"));
        moment(b, f, " ", lane, "next");
    }
    moment(b, f, " reminder ", lane, "next_reminder");
    buf_adds(b, "</td><td>");
    cJSON_ArrayForEach(held, field(lane, "held"))
    {
        buf_adds(b, "<div>");
        html_text(b, cJSON_GetStringValue(held));
        buf_adds(b, "</div>");
    }
    if (*field_text(lane, "error")) {
        buf_adds(b, "<div class=\"bad\">");
        html_text(b, field_text(lane, "error"));
        buf_adds(b, "</div>");
    }
    buf_adds(b, "</td></tr>");
}

static void where_to(struct buf *b, const struct page_frame *f, const cJSON *notifications)
{
    const cJSON *lane, *lanes = field(notifications, "lanes");

    buf_adds(b, "<h2>Where it went</h2>");
    if (cJSON_GetArraySize(lanes) == 0) {
        buf_adds(b, "<p class=\"soft\">To nobody.</p>");
        return;
    }
    buf_adds(b, "<table><tr><th>To</th><th>State</th><th>Last</th><th>Next</th><th>Held back by"
                "</th></tr>");
    cJSON_ArrayForEach(lane, lanes)
    {
        lane_row(b, f, lane);
    }
    buf_adds(b, "</table>");
}

static void history(struct buf *b, const struct page_frame *f, const cJSON *list)
{
    const cJSON *v;

    buf_adds(b, "<h2>History</h2>");
    if (!cJSON_IsArray(list)) {
        buf_adds(b, "<p class=\"soft\">Redis is away: not known now.</p>");
        return;
    }
    buf_adds(b, "<table><tr><th>When</th><th>Alert</th><th>What</th><th></th></tr>");
    cJSON_ArrayForEach(v, list)
    {
        buf_adds(b, "<tr><td>");
        html_time(b, f, data_time(v, "at"));
        buf_adds(b, "</td><td>");
        html_text(b, field_text(v, "rule"));
        buf_addc(b, ' ');
        html_labels(b, field(v, "labels"));
        buf_adds(b, "</td><td>");
        html_text(b, field_text(v, "change"));
        buf_adds(b, ": ");
        html_text(b, field_text(v, "from"));
        buf_adds(b, " → ");
        html_text(b, field_text(v, "to"));
        buf_adds(b, "</td><td>");
        html_text(b, field_text(v, "reason"));
        buf_adds(b, "</td></tr>");
    }
    buf_adds(b, "</table>");
}

void page_incident(struct buf *out, const struct page_frame *f, const cJSON *data)
{
    const cJSON *i = field(data, "incident"), *v;
    char title[48];

    snprintf(title, sizeof title, "#%.0f", field_number(i, "number"));
    page_begin(out, f, title, 0);
    head(out, f, i);
    forms(out, f, i);
    buf_adds(out, "<h2>Alerts</h2>");
    cJSON_ArrayForEach(v, field(i, "alerts"))
    {
        alert_block(out, f, data, v);
    }
    where_to(out, f, field(data, "notifications"));
    history(out, f, field(data, "history"));
    page_end(out);
}
