/* The page is written by hand into a buffer: every text goes through html_text(), every time through
 * html_time(). A template language would be a second sandbox, for a few pages. What is hostile
 * becomes a replacement character rather than an escape, because a person reads it and copies it nowhere. */
#include "page/html.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/zone.h"
#include "base/visible.h"

#define JSON_DEPTH_MAX 12
#define JSON_BYTES_MAX 65536

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(struct buf *b, const char *s)
{
    size_t left = s ? strlen(s) : 0;

    while (left > 0) {
        unsigned char c = (unsigned char)*s;
        size_t n = text_utf8(s, left);
        const char *as = entity(c);

        if (as)
            buf_adds(b, as);
        else if (c != '\n' && c != '\t' && visible_hostile(s, left) > 0)
            buf_adds(b, "\xef\xbf\xbd");
        else
            buf_add(b, s, n);
        n = n ? n : 1;
        s += n;
        left -= n;
    }
}

void html_url(struct buf *b, const char *s)
{
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-_.~", c))
            buf_addc(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
}

void html_link(struct buf *b, const char *url)
{
    bool safe = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;

    if (safe) {
        buf_adds(b, "<a rel=\"noopener noreferrer\" href=\"");
        html_text(b, url);
        buf_adds(b, "\">");
    }
    html_text(b, url);
    if (safe)
        buf_adds(b, "</a>");
}

static bool read_time(const char *s, int64_t *at_ms)
{
    return s && text_parse_time(s, strlen(s), at_ms) == 0;
}

/* "4m30s" between a time and now, "" for NULL. */
static void html_age(struct buf *b, const struct page_frame *f, const char *rfc3339)
{
    int64_t at_ms;

    if (!read_time(rfc3339, &at_ms))
        return;
    if (at_ms > f->now_ms)
        text_duration(b, at_ms - f->now_ms);
    else
        text_duration(b, f->now_ms - at_ms);
}

void html_time(struct buf *b, const struct page_frame *f, const char *rfc3339)
{
    char clock[ZONE_TIME_LEN];
    int64_t at_ms;

    if (!read_time(rfc3339, &at_ms))
        return;
    zone_time(clock, at_ms, true);
    buf_adds(b, "<time datetime=\"");
    html_text(b, rfc3339);
    buf_adds(b, "\" title=\"");
    html_text(b, rfc3339);
    buf_addf(b, "\">%s</time> <small>", clock);
    if (at_ms / 1000 == f->now_ms / 1000) {
        buf_adds(b, "now</small>");
        return;
    }
    if (at_ms > f->now_ms)
        buf_adds(b, "in ");
    html_age(b, f, rfc3339);
    buf_adds(b, at_ms > f->now_ms ? "</small>" : " ago</small>");
}

/* --- data ------------------------------------------------------------------------------------- */

const char *data_time(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(field(o, key));
}

void html_count(struct buf *b, double n, const char *one, const char *many)
{
    text_number(b, n);
    buf_addf(b, " %s", n >= 1 && n < 2 ? one : many);
}

void html_labels(struct buf *b, const cJSON *object)
{
    const cJSON *v;

    buf_adds(b, "<span class=\"labels\">");
    cJSON_ArrayForEach(v, object)
    {
        buf_adds(b, "<code>");
        html_text(b, v->string);
        buf_addc(b, '=');
        html_text(b, cJSON_GetStringValue(v));
        buf_adds(b, "</code> ");
    }
    buf_adds(b, "</span>");
}

/* --- JSON as it is ------------------------------------------------------------------------------- */

static void json_value(struct buf *b, const cJSON *v, int depth, size_t end);

static void json_members(struct buf *b, const cJSON *v, int depth, size_t end)
{
    const cJSON *m;

    buf_adds(b, "<ul>");
    cJSON_ArrayForEach(m, v)
    {
        if (b->len > end)
            break;
        buf_adds(b, "<li>");
        if (cJSON_IsObject(v)) {
            buf_adds(b, "<b>");
            html_text(b, m->string);
            buf_adds(b, "</b> ");
        }
        json_value(b, m, depth + 1, end);
        buf_adds(b, "</li>");
    }
    buf_adds(b, "</ul>");
}

static void json_value(struct buf *b, const cJSON *v, int depth, size_t end)
{
    if (cJSON_IsString(v))
        html_text(b, v->valuestring);
    else if (cJSON_IsNumber(v))
        text_plain(b, v->valuedouble);
    else if (cJSON_IsBool(v))
        buf_adds(b, cJSON_IsTrue(v) ? "yes" : "no");
    else if (!v || cJSON_IsNull(v) || !v->child)
        buf_adds(b, "none");
    else if (depth < JSON_DEPTH_MAX && b->len <= end)
        json_members(b, v, depth, end);
    else
        buf_adds(b, "…");
}

void html_json(struct buf *b, const cJSON *v)
{
    json_value(b, v, 0, b->len + JSON_BYTES_MAX);
}

/* --- the frame ------------------------------------------------------------------------------------ */

static const struct {
    const char *path, *name;
} menu[] = {
    {"/", "Incidents"}, {"/silences", "Silences"}, {"/rules", "Rules"}, {"/inbox", "Inbox"}};

void page_begin(struct buf *b, const struct page_frame *f, const char *title, int refresh_s)
{
    buf_adds(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                "<meta name=\"color-scheme\" content=\"light dark\">");
    if (refresh_s > 0)
        buf_addf(b, "<meta http-equiv=\"refresh\" content=\"%d\">", refresh_s);
    buf_adds(b, "<title>");
    html_text(b, title);
    buf_adds(b, " · Tocsin</title><link rel=\"stylesheet\" href=\"/style.css\"></head>\n"
                "<body><header><b>Tocsin</b><nav>");
    for (size_t i = 0; i < sizeof menu / sizeof *menu; i++)
        buf_addf(b, "<a href=\"%s\"%s>%s</a>", menu[i].path,
                 strcmp(f->path, menu[i].path) == 0 ? " aria-current=\"page\"" : "", menu[i].name);
    buf_adds(b, "</nav>");
    if (f->who && *f->who) {
        buf_adds(b, "<span class=\"who\">");
        html_text(b, f->who);
        buf_adds(b, "</span>");
    }
    buf_adds(b, "</header>\n<main>");
    if (f->notice) {
        buf_adds(b, "<p class=\"notice\" role=\"status\">");
        html_text(b, f->notice);
        buf_adds(b, "</p>");
    }
}

void page_end(struct buf *b)
{
    buf_adds(b, "</main></body></html>\n");
}

void form_begin(struct buf *b, const struct page_frame *f, const char *action)
{
    buf_adds(b, "<form method=\"post\" action=\"");
    html_text(b, action);
    buf_adds(b, "\"><input type=\"hidden\" name=\"csrf\" value=\"");
    html_text(b, f->csrf);
    buf_adds(b, "\">");
}

void form_who(struct buf *b, const struct page_frame *f, const char *value)
{
    if (f->who && *f->who)
        return;
    buf_adds(b, "<label>Your name <input name=\"by\" maxlength=\"80\" autocomplete=\"nickname\""
                " required value=\"");
    html_text(b, value);
    buf_adds(b, "\"></label>");
}

void page_message(struct buf *out, const struct page_frame *f, const char *title, const char *text)
{
    page_begin(out, f, title, 0);
    buf_adds(out, "<h1>");
    html_text(out, title);
    buf_adds(out, "</h1><p>");
    html_text(out, text);
    buf_adds(out, "</p><p><a href=\"/\">Incidents</a></p>");
    page_end(out);
}
