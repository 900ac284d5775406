/* The pages that are lists: inbox, silences, rules.
 * Each shows what the API gives for it, bounded there; a page of its own for each would be three times the
 * same frame. What changes by itself is loaded again after REFRESH_S, without a script, so that a screen on
 * the wall stays true. A form stands beside what it acts on and says whose silence it ends. */
#include <stdio.h>
#include <string.h>

#include "page/html.h"

#define REFRESH_S 15

void page_inbox(struct buf *out, const struct page_frame *f, const cJSON *data)
{
    const cJSON *v;

    page_begin(out, f, "Inbox", REFRESH_S);
    buf_adds(out, "<h1>Inbox</h1><p class=\"soft\">Messages of receivers with the inbox channel: "
                  "kept here, sent nowhere.</p>");
    if (cJSON_GetArraySize(data) == 0)
        buf_adds(out, "<p>No message yet.</p>");
    cJSON_ArrayForEach(v, data)
    {
        bool firing = strcmp(field_text(v, "status"), "firing") == 0;
        const char *priority = field_text(field(v, "payload"), "priority");

        buf_adds(out, "<article class=\"");
        html_text(out, firing ? priority : "ended");
        buf_addf(out, "\" id=\"n%.0f\"><small>%.0f · ", field_number(v, "n"), field_number(v, "n"));
        html_time(out, f, data_time(v, "at"));
        buf_adds(out, " · to ");
        html_text(out, field_text(v, "receiver"));
        buf_adds(out, " · ");
        html_text(out, field_text(v, "status"));
        if (field_number(v, "incident") > 0)
            buf_addf(out, " · <a href=\"/i/%.0f\">#%.0f</a>", field_number(v, "incident"),
                     field_number(v, "incident"));
        buf_adds(out, "</small><pre>");
        html_text(out, field_text(v, "text"));
        buf_adds(out, "</pre></article>\n");
    }
    page_end(out);
}

/* --- silences ----------------------------------------------------------------------------------- */

static void matcher(struct buf *b, const cJSON *m)
{
    bool regex = field_true(m, "isRegex"), equal = !cJSON_IsFalse(field(m, "isEqual"));

    buf_adds(b, "<code>");
    html_text(b, field_text(m, "name"));
    buf_adds(b, equal ? (regex ? "=~" : "=") : (regex ? "!~" : "!="));
    buf_addc(b, '"');
    html_text(b, field_text(m, "value"));
    buf_adds(b, "\"</code> ");
}

static void silence(struct buf *b, const struct page_frame *f, const cJSON *s)
{
    const char *state = field_text(field(s, "status"), "state");
    const cJSON *m;

    buf_adds(b, "<article><h3>");
    html_text(b, field_text(s, "short"));
    buf_adds(b, " · ");
    html_text(b, state);
    buf_adds(b, "</h3>");
    cJSON_ArrayForEach(m, field(s, "matchers"))
    {
        matcher(b, m);
    }
    buf_adds(b, "<div>");
    html_text(b, field_text(s, "comment"));
    buf_adds(b, "</div><div>by ");
    html_text(b, field_text(s, "createdBy"));
    buf_adds(b, " · from ");
    html_time(b, f, data_time(s, "startsAt"));
    buf_adds(b, " · until ");
    html_time(b, f, data_time(s, "endsAt"));
    if (field_number(s, "incident") > 0)
        buf_addf(b, " · <a href=\"/i/%.0f\">#%.0f</a>", field_number(s, "incident"),
                 field_number(s, "incident"));
    buf_addf(b, " · has held back %.0f</div>", field_number(s, "muted"));
    if (f->may_respond && strcmp(state, "expired") != 0) {
        struct buf action = BUF_INIT;

        buf_adds(&action, "/silences/");
        html_url(&action, field_text(s, "id"));
        buf_adds(&action, "/expire");
        form_begin(b, f, buf_str(&action));
        buf_free(&action);
        form_who(b, f, "");
        buf_adds(b, "<button>End it now</button></form>");
    }
    buf_adds(b, "</article>\n");
}

void page_silences(struct buf *out, const struct page_frame *f, const cJSON *data)
{
    const cJSON *v;

    page_begin(out, f, "Silences", 0);
    buf_adds(out, "<h1>Silences</h1>");
    if (f->may_respond) {
        form_begin(out, f, "/silences");
        buf_adds(out, "<label>Matchers, one a line<br><textarea name=\"matchers\" rows=\"3\" "
                      "cols=\"40\" placeholder=\"service=&quot;checkout&quot;\"></textarea></label>"
                      "<label>For <input name=\"for\" value=\"2h\" size=\"6\"></label>"
                      "<button>Preview…</button></form>");
    }
    if (cJSON_GetArraySize(data) == 0)
        buf_adds(out, "<p>No silences.</p>");
    cJSON_ArrayForEach(v, data)
    {
        silence(out, f, v);
    }
    page_end(out);
}

static void hidden(struct buf *b, const char *name, const char *value)
{
    buf_addf(b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
    html_text(b, value);
    buf_adds(b, "\">");
}

static void preview_form(struct buf *b, const struct page_frame *f, const cJSON *data)
{
    const cJSON *m, *preview = field(data, "preview");

    form_begin(b, f, field_text(data, "action"));
    buf_adds(b, "<fieldset><legend>All of these must match; untick one to hold back more</legend>");
    cJSON_ArrayForEach(m, field(data, "matchers"))
    {
        hidden(b, "all", field_text(m, "text"));
        buf_addf(b, "<label><input type=\"checkbox\" name=\"m\"%s value=\"",
                 field_true(m, "on") ? " checked" : "");
        html_text(b, field_text(m, "text"));
        buf_adds(b, "\"> <code>");
        html_text(b, field_text(m, "text"));
        buf_adds(b, "</code></label>");
    }
    buf_adds(b, "</fieldset><label>For <input name=\"for\" size=\"6\" value=\"");
    html_text(b, field_text(data, "for"));
    buf_adds(b, "\"></label>");
    form_who(b, f, field_text(data, "by"));
    buf_adds(b, "<label>Why <input name=\"comment\" maxlength=\"1000\" value=\"");
    html_text(b, field_text(data, "comment"));
    buf_adds(b, "\"></label>");
    if (field_true(preview, "wide"))
        buf_addf(b,
                 "<label>This is wide. Type %.0f to confirm "
                 "<input name=\"wide\" inputmode=\"numeric\" size=\"6\"></label>",
                 field_number(preview, "confirm"));
    buf_adds(b, "<button name=\"step\" value=\"preview\">Count again</button>");
    if (cJSON_IsObject(preview))
        buf_adds(b, "<button name=\"step\" value=\"confirm\">Silence</button>");
    buf_adds(b, "</form>");
}

void page_preview(struct buf *out, const struct page_frame *f, const cJSON *data)
{
    const char *error = field_text(data, "error");

    page_begin(out, f, "Silence", 0);
    buf_adds(out, "<h1>What this silence would do</h1>");
    if (*error) {
        buf_adds(out, "<p class=\"bad\">");
        html_text(out, error);
        buf_adds(out, "</p>");
    }
    if (cJSON_IsObject(field(data, "preview"))) {
        buf_adds(out, "<p>");
        html_text(out, field_text(field(data, "preview"), "text"));
        buf_adds(out, "</p>");
    }
    preview_form(out, f, data);
    buf_adds(out, "<p><a href=\"");
    html_text(out, field_text(data, "back"));
    buf_adds(out, "\">Back</a></p>");
    page_end(out);
}

/* --- rules --------------------------------------------------------------------------------------- */

static void rule_row(struct buf *b, const struct page_frame *f, const cJSON *r)
{
    const cJSON *alerts = field(r, "alerts");
    bool broken = strcmp(field_text(r, "state"), "broken") == 0;

    buf_adds(b, "<tr><td><b>");
    html_text(b, field_text(r, "name"));
    buf_adds(b, "</b><br><small>");
    html_text(b, field_text(r, "file"));
    buf_addf(b, ":%.0f</small></td><td%s>", field_number(r, "line"),
             broken ? " class=\"bad\"" : "");
    html_text(b, field_text(r, "state"));
    if (*field_text(r, "error")) {
        buf_adds(b, "<br><small>");
        html_text(b, field_text(r, "error"));
        buf_adds(b, "</small>");
    }
    buf_addf(b, "</td><td>%.0f</td><td>%.0f firing, %.0f pending</td><td>",
             field_number(r, "groups"), field_number(alerts, "firing"),
             field_number(alerts, "pending"));
    html_time(b, f, data_time(r, "lastLook"));
    buf_adds(b, "</td></tr>\n");
}

void page_rules(struct buf *out, const struct page_frame *f, const cJSON *data)
{
    const cJSON *v, *rejected = field(data, "rejected");

    page_begin(out, f, "Rules", 0);
    buf_adds(out, "<h1>Rules</h1>");
    cJSON_ArrayForEach(v, rejected)
    {
        buf_adds(out, "<p class=\"bad\">");
        html_text(out, field_text(v, "file"));
        buf_adds(out, " is refused, its last good version runs on: ");
        html_text(out, field_text(v, "error"));
        buf_adds(out, "</p>");
    }
    buf_adds(out, "<table><tr><th>Rule</th><th>State</th><th>Groups</th><th>Alerts</th>"
                  "<th>Last look</th></tr>");
    cJSON_ArrayForEach(v, field(data, "rules"))
    {
        rule_row(out, f, v);
    }
    buf_adds(out, "</table>");
    page_end(out);
}
