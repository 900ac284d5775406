/* Messages of rules: text with placeholders, "{service}: {value:percent} of requests fail".
 * A placeholder is a name and a formatter and nothing else: no expressions, so a text cannot fail at 3 a.m.;
 * what it names is checked at load. Labels may have any UTF-8 name, so what does not parse as a plain name
 * is a placeholder only where a label of that name is there; other braces are text. Filled texts are scanned
 * again for each alert: they are short, and a compiled form of each would cost memory for all rules. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/rulefile_impl.h"

#define MESSAGE_MAX  4096
#define NAME_MAX_LEN 128

enum format {
    FORMAT_NONE,
    FORMAT_PERCENT,
    FORMAT_DURATION,
    FORMAT_BYTES,
    FORMAT_NUMBER,
    FORMAT_ROUND,
    FORMAT_X,
    FORMAT_SIGMA,
    FORMAT_RAW,
    FORMATS
};

static const char *const format_names[FORMATS] = {
    [FORMAT_NONE] = "",       [FORMAT_PERCENT] = "percent", [FORMAT_DURATION] = "duration",
    [FORMAT_BYTES] = "bytes", [FORMAT_NUMBER] = "number",   [FORMAT_ROUND] = "round",
    [FORMAT_X] = "x",         [FORMAT_SIGMA] = "sigma",     [FORMAT_RAW] = "raw"};

struct placeholder {
    const char *name, *format; /* in the template */
    size_t name_len, format_len;
    size_t len; /* of all of it, braces included */
};

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

/* {name} or {name:format} at `s`; other braces are text. */
static bool parse(const char *s, struct placeholder *p)
{
    size_t i = 1;

    p->name = s + i;
    while (name_char(s[i]))
        i++;
    p->name_len = i - 1;
    p->format = "";
    p->format_len = 0;
    if (s[i] == ':') {
        p->format = s + ++i;
        while (name_char(s[i]))
            i++;
        p->format_len = (size_t)(s + i - p->format);
    }
    p->len = i + 1;
    return s[i] == '}' && p->name_len > 0 && p->name_len < NAME_MAX_LEN;
}

/* Any text in braces: a label may have any UTF-8 name, `{http.status-code}`, `{größe 1}`. With `split`
 * what stands behind the last colon is the formatter, for a name may have colons itself. It is a
 * placeholder only where a label has that name. */
static bool parse_any(const char *s, bool split, struct placeholder *p)
{
    size_t n = strcspn(s + 1, "{}\n");
    const char *colon = NULL;

    *p = (struct placeholder){.name = s + 1, .name_len = n, .format = "", .len = n + 2};
    if (s[n + 1] != '}' || n >= NAME_MAX_LEN)
        return false;
    for (size_t i = 0; split && i < n; i++)
        if (s[i + 1] == ':')
            colon = s + i + 1;
    if (colon) {
        p->name_len = (size_t)(colon - p->name);
        p->format = colon + 1;
        p->format_len = n - p->name_len - 1;
    }
    return p->name_len > 0 && (colon || !split);
}

static enum format format_of(const struct placeholder *p)
{
    for (int f = 0; f < FORMATS; f++)
        if (strlen(format_names[f]) == p->format_len &&
            memcmp(format_names[f], p->format, p->format_len) == 0)
            return (enum format)f;
    return FORMATS;
}

static bool named(const struct placeholder *p, const char *name)
{
    return strlen(name) == p->name_len && memcmp(name, p->name, p->name_len) == 0;
}

static bool is_event(const struct placeholder *p)
{
    return p->name_len > 6 && memcmp(p->name, "event_", 6) == 0;
}

/* --- filling --- */

static void add_number(struct buf *out, double v, enum format f)
{
    switch (f) {
    case FORMAT_PERCENT:
        text_percent(out, v);
        break;
    case FORMAT_DURATION:
        text_seconds(out, v);
        break;
    case FORMAT_BYTES:
        text_bytes(out, v);
        break;
    case FORMAT_ROUND:
        text_number(out, round(v));
        break;
    case FORMAT_X:
        text_number(out, v);
        buf_addc(out, 'x');
        break;
    case FORMAT_SIGMA:
        text_number(out, v);
        buf_adds(out, "σ");
        break;
    case FORMAT_RAW:
        text_plain(out, v);
        break;
    default:
        text_number(out, v);
    }
}

/* Without a formatter: as the rule's unit says, else as its threshold was written. */
static void add_value(struct buf *out, const struct message_values *v, double x, enum format f)
{
    if (f != FORMAT_NONE)
        add_number(out, x, f);
    else
        expr_number(out, x, v->unit_name ? text_unit(v->unit_name) : v->unit);
}

static const struct label *find_label(const struct label *l, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (l[i].name_len == len && memcmp(l[i].name, name, len) == 0)
            return &l[i];
    return NULL;
}

/* A label whose value is a number can be formatted as one. */
static void add_text(struct buf *out, const struct label *l, enum format f)
{
    char text[64], *end;
    double v;

    if (f != FORMAT_NONE && l->value_len < sizeof text) {
        memcpy(text, l->value, l->value_len);
        text[l->value_len] = 0;
        v = strtod(text, &end);
        if (end != text && !*end && isfinite(v)) {
            add_number(out, v, f);
            return;
        }
    }
    buf_add(out, l->value, l->value_len);
}

static bool fill_own(const struct placeholder *p, const struct message_values *v, enum format f,
                     struct buf *out)
{
    if (named(p, "value") && v->has_value) {
        add_value(out, v, v->value, f);
    } else if (named(p, "threshold") && v->has_threshold) {
        add_value(out, v, v->threshold, f);
    } else if (named(p, "priority") || named(p, "level")) {
        buf_adds(out, priority_name(v->priority));
    } else if (named(p, "duration")) {
        if (f == FORMAT_NONE || f == FORMAT_DURATION)
            text_duration(out, v->active_ms);
        else
            add_number(out, (double)v->active_ms / 1000, f);
    } else {
        return false;
    }
    return true;
}

/* A reason is a template of its own, without a {reason} in it. */
static void fill_reason(const struct message_values *v, struct buf *out)
{
    struct message_values inner = *v;

    inner.reason = NULL;
    message_fill(v->reason, &inner, out);
}

static void fill(const struct placeholder *p, const struct message_values *v, struct buf *out)
{
    enum format f = format_of(p);
    const struct label *l;

    if (fill_own(p, v, f, out))
        return;
    if (v->reason && named(p, "reason")) {
        fill_reason(v, out);
        return;
    }
    for (size_t i = 0; i < v->n_inputs; i++)
        if (named(p, v->inputs[i].name) && v->input_ok[i]) {
            add_number(out, v->input_values[i], f);
            return;
        }
    l = find_label(v->labels, v->n_labels, p->name, p->name_len);
    if (!l && is_event(p))
        l = find_label(v->event, v->n_event, p->name + 6, p->name_len - 6);
    if (l)
        add_text(out, l, f);
    else
        buf_addc(out, '?');
}

/* A placeholder of a name that only a label can have. */
static bool fill_any(const char *s, const struct message_values *v, struct placeholder *p,
                     struct buf *out)
{
    for (int split = 0; split <= 1; split++) {
        const struct label *l;

        if (!parse_any(s, split, p))
            continue;
        l = find_label(v->labels, v->n_labels, p->name, p->name_len);
        if (l && format_of(p) != FORMATS) {
            add_text(out, l, format_of(p));
            return true;
        }
    }
    return false;
}

void message_fill(const char *template, const struct message_values *v, struct buf *out)
{
    struct buf text = BUF_INIT;
    struct placeholder p;

    for (const char *s = template; *s && text.len <= MESSAGE_MAX;) {
        size_t plain = strcspn(s, "{");

        buf_add(&text, s, plain);
        s += plain;
        if (!*s)
            break;
        if (parse(s, &p) && format_of(&p) != FORMATS) {
            fill(&p, v, &text);
            s += p.len;
        } else if (fill_any(s, v, &p, &text)) {
            s += p.len;
        } else {
            buf_addc(&text, *s++);
        }
    }
    if (buf_ok(&text))
        buf_add(out, buf_str(&text), text_utf8_cut(buf_str(&text), text.len, MESSAGE_MAX));
    buf_free(&text);
}

/* --- the check while loading --- */

static bool known_label(const struct rule *r, const struct placeholder *p)
{
    const struct rule_def *d = &r->def;

    for (size_t i = 0; i < d->n_labels; i++)
        if (named(p, d->labels[i].name))
            return true;
    for (size_t i = 0; i < d->keys.n; i++)
        if (named(p, d->keys.names[i]))
            return true;
    return false;
}

static bool known(const struct rule *r, const struct placeholder *p)
{
    static const char *const own[] = {"value",    "threshold", "priority", "level",
                                      "duration", "alertname", "severity"};
    const struct rule_def *d = &r->def;

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (named(p, own[i]))
            return true;
    for (size_t i = 0; i < d->n_inputs; i++)
        if (named(p, d->inputs[i].name))
            return true;
    return known_label(r, p) || d->keys.all || is_event(p) || (named(p, "team") && d->team) ||
           (named(p, "reason") && d->n_reasons > 0);
}

static void fail_unknown(lua_State *L, const struct rule *r, const char *key,
                         const struct placeholder *p)
{
    char labels[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < r->def.keys.n && used < sizeof labels; i++)
        used += (size_t)snprintf(labels + used, sizeof labels - used, "%s%s", i ? ", " : "",
                                 r->def.keys.names[i]);
    sandbox_fail(L, "%s uses {%.*s}, but the alert has only the labels {%s}", key, (int)p->name_len,
                 p->name, labels);
}

static void fail_format(lua_State *L, const char *key, const struct placeholder *p)
{
    char format[NAME_MAX_LEN];
    const char *near;

    snprintf(format, sizeof format, "%.*s", (int)p->format_len, p->format);
    near = text_nearest(format, format_names + 1, FORMATS - 1);
    sandbox_fail(L, "%s: {%.*s:%s}: unknown formatter%s%s%s", key, (int)p->name_len, p->name,
                 format,
                 near ? " — did you mean \""
                      : " (there are percent, duration, bytes, "
                        "number, round, x, sigma, raw)",
                 near ? near : "", near ? "\"?" : "");
}

/* Of braces with other text in them only a name close to one of the rule's is taken for a mistake. */
static void check_any(lua_State *L, const struct rule *r, const char *key, const char *s)
{
    const struct rule_def *d = &r->def;
    struct placeholder p;
    char name[NAME_MAX_LEN];

    for (int split = 0; split <= 1; split++) {
        if (!parse_any(s, split, &p))
            continue;
        if (known_label(r, &p)) {
            if (format_of(&p) == FORMATS)
                fail_format(L, key, &p);
            return;
        }
        snprintf(name, sizeof name, "%.*s", (int)p.name_len, p.name);
        if (text_nearest(name, (const char *const *)d->keys.names, d->keys.n))
            fail_unknown(L, r, key, &p);
    }
}

void message_check(lua_State *L, const struct rule *r, const char *key, const char *text)
{
    struct placeholder p, whole;

    for (const char *s = strchr(text, '{'); s; s = strchr(s + 1, '{')) {
        if (!parse(s, &p)) {
            check_any(L, r, key, s);
            continue;
        }
        if (format_of(&p) == FORMATS && parse_any(s, false, &whole) && known_label(r, &whole))
            continue; /* a name with a colon */
        if (!known(r, &p))
            fail_unknown(L, r, key, &p);
        if (format_of(&p) == FORMATS)
            fail_format(L, key, &p);
    }
}
