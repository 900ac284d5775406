/* What all conversions share: reading a tree with a first error, writing Lua, the report.
 * An error does not unwind: who reads a tree of thirty kinds of blocks would carry it through every call. It
 * is kept, reading goes on with what there is (the tree is bounded), and nothing is handed out in the end. */
#include "convert/conversion.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

#define SHOWN_MAX   80
#define LINE_COLUMN 56 /* where "-- line 12" stands */

const char *const convert_verdict_names[CONVERT_VERDICTS] = {"exact", "differs", "manual"};

void converted_clear(struct converted *c)
{
    buf_free(&c->lua);
    buf_free(&c->report);
    buf_free(&c->beside);
    *c = (struct converted){0};
}

void conversion_fail(struct conversion *c, const struct doc_node *at, const char *fmt, ...)
{
    va_list ap;

    if (c->failed)
        return;
    c->failed = true;
    va_start(ap, fmt);
    err_setv(c->e, ERR_INPUT, fmt, ap);
    va_end(ap);
    if (at)
        err_prefix(c->e, "%s:%d", c->name, at->line);
    else
        err_prefix(c->e, "%s", c->name);
}

/* --- the report --- */

void element_begin(struct conversion *c, int line, const char *fmt, ...)
{
    va_list ap;

    element_end(c);
    c->element.open = true;
    c->element.line = line;
    c->element.verdict = CONVERT_EXACT;
    va_start(ap, fmt);
    buf_addv(&c->element.what, fmt, ap);
    va_end(ap);
}

static void note(struct conversion *c, enum convert_verdict verdict, const char *fmt, va_list ap)
{
    if (verdict > c->element.verdict)
        c->element.verdict = verdict;
    if (c->element.notes.len > 0)
        buf_adds(&c->element.notes, "; ");
    buf_addv(&c->element.notes, fmt, ap);
}

void element_differs(struct conversion *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note(c, CONVERT_DIFFERS, fmt, ap);
    va_end(ap);
}

void element_manual(struct conversion *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note(c, CONVERT_MANUAL, fmt, ap);
    va_end(ap);
}

void element_end(struct conversion *c)
{
    if (!c->element.open)
        return;
    buf_adds(&c->out->report, c->name);
    if (c->element.line > 0)
        buf_addf(&c->out->report, ":%d", c->element.line);
    buf_addf(&c->out->report, ": %s: %s%s%s\n", buf_str(&c->element.what),
             convert_verdict_names[c->element.verdict], c->element.notes.len ? ": " : "",
             buf_str(&c->element.notes));
    c->out->n[c->element.verdict]++;
    buf_free(&c->element.what);
    buf_free(&c->element.notes);
    c->element.open = false;
}

/* --- reading --- */

void take_keys(struct conversion *c, const struct doc_node *map, const char *what,
               const char *const *known)
{
    size_t n = 0;

    if (doc_is_null(map))
        return;
    if (map->kind != DOC_MAP) {
        conversion_fail(c, map, "%s: keys and values are expected", what);
        return;
    }
    while (known[n])
        n++;
    for (size_t i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text, *near;
        size_t k = 0;

        while (k < n && strcmp(known[k], key) != 0)
            k++;
        if (k < n)
            continue;
        near = text_nearest(key, known, n);
        conversion_fail(c, map->keys[i], "%s: unknown key \"%.*s\"%s%s%s", what, SHOWN_MAX, key,
                        near ? " — did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return;
    }
}

const char *take_text(struct conversion *c, const struct doc_node *map, const char *key)
{
    const struct doc_node *n = doc_get(map, key);

    if (n && n->kind != DOC_TEXT) {
        conversion_fail(c, n, "%s: a text is expected", key);
        return NULL;
    }
    return n ? n->text : NULL;
}

const struct doc_node *take_list(struct conversion *c, const struct doc_node *map, const char *key)
{
    const struct doc_node *n = doc_get(map, key);

    if (n && n->kind != DOC_LIST) {
        conversion_fail(c, n, "%s: a list is expected", key);
        return NULL;
    }
    return n;
}

bool take_bool(struct conversion *c, const struct doc_node *map, const char *key, bool otherwise)
{
    static const char *const yes[] = {"true", "yes", "on", "y"}, *const no[] = {"false", "no",
                                                                                "off", "n"};
    const struct doc_node *n = doc_get(map, key);
    const char *text = take_text(c, map, key);

    for (size_t i = 0; text && i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return true;
        if (strcasecmp(text, no[i]) == 0)
            return false;
    }
    if (text)
        conversion_fail(c, n, "%s: true or false is expected, got \"%.*s\"", key, SHOWN_MAX, text);
    return otherwise;
}

/* 1y2w3d4h5m6s7ms: in this order, each once; or 0. */
int64_t duration_of(struct conversion *c, const struct doc_node *n, const char *key)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"y", INT64_C(365) * 86400000},
                 {"w", INT64_C(7) * 86400000},
                 {"d", 86400000},
                 {"h", 3600000},
                 {"m", 60000},
                 {"s", 1000},
                 {"ms", 1}};
    const char *s = n->text;
    int64_t total = 0;
    size_t next = 0;

    if (strcmp(s, "0") == 0)
        return 0;
    while (*s && next < sizeof units / sizeof *units && isdigit((unsigned char)*s)) {
        int64_t v = 0;
        size_t len, k = next;

        for (; isdigit((unsigned char)*s) && v < 100000000; s++)
            v = 10 * v + (*s - '0');
        len = strspn(s, "ymwdhs");
        while (k < sizeof units / sizeof *units &&
               !(strlen(units[k].unit) == len && strncmp(s, units[k].unit, len) == 0))
            k++;
        if (k == sizeof units / sizeof *units)
            break;
        total += v * units[k].ms;
        s += len;
        next = k + 1;
    }
    if (!*s && s > n->text && n->kind == DOC_TEXT)
        return total;
    conversion_fail(c, n, "%s: \"%.*s\" is no duration (30s, 5m, 1h30m, 7d)", key, SHOWN_MAX,
                    n->text);
    return -1;
}

int64_t take_duration(struct conversion *c, const struct doc_node *map, const char *key)
{
    const struct doc_node *n = doc_get(map, key);

    return n ? duration_of(c, n, key) : -1;
}

/* --- Lua --- */

void say_quoted(struct buf *out, const char *text)
{
    char quote = strchr(text, '"') && !strchr(text, '\'') ? '\'' : '"';

    buf_addc(out, quote);
    for (const char *s = text; *s; s++) {
        if (*s == '\n')
            buf_adds(out, "\\n");
        else if ((unsigned char)*s < ' ' || *s == 0x7f)
            buf_addf(out, "\\%03d", *s);
        else if (*s == quote || *s == '\\')
            buf_addf(out, "\\%c", *s);
        else
            buf_addc(out, *s);
    }
    buf_addc(out, quote);
}

void say_name(struct buf *out, const char *name)
{
    static const char *const reserved[] = {"and",   "break", "do",       "else", "elseif", "end",
                                           "false", "for",   "function", "goto", "if",     "in",
                                           "local", "nil",   "not",      "or",   "repeat", "return",
                                           "then",  "true",  "until",    "while"};
    bool plain = isalpha((unsigned char)*name) || *name == '_';

    for (const char *s = name; *s; s++)
        plain = plain && (isalnum((unsigned char)*s) || *s == '_');
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        plain = plain && strcmp(name, reserved[i]) != 0;
    if (plain) {
        buf_adds(out, name);
        return;
    }
    buf_addc(out, '[');
    say_quoted(out, name);
    buf_addc(out, ']');
}

void say_duration(struct buf *out, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

    buf_addc(out, '"');
    if (ms == 0)
        buf_adds(out, "0s");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (ms / units[i].ms > 0)
            buf_addf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
        ms %= units[i].ms;
    }
    buf_addc(out, '"');
}

void say_indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_adds(out, "  ");
}

void say_line_of(struct buf *out, int line)
{
    size_t began = out->len, column = 0;

    while (began > 0 && out->data[began - 1] != '\n')
        began--;
    for (size_t i = began; i < out->len; i++)
        column += ((unsigned char)out->data[i] & 0xc0) != 0x80;
    do
        buf_addc(out, ' ');
    while (++column < LINE_COLUMN);
    buf_addf(out, "-- line %d\n", line);
}

void say_comment(struct buf *out, const char *text, int depth)
{
    while (*text) {
        size_t n, skip = strspn(text, " ");

        text += skip < 2 * (size_t)depth ? skip : 2 * (size_t)depth;
        n = strcspn(text, "\n");
        say_indent(out, depth);
        buf_adds(out, "-- ");
        buf_add(out, text, n);
        buf_addc(out, '\n');
        text += n + (text[n] == '\n');
    }
}

void say_text(struct buf *out, int depth, const char *name, const char *value)
{
    say_indent(out, depth);
    say_name(out, name);
    buf_adds(out, " = ");
    say_quoted(out, value);
    buf_adds(out, ",\n");
}
