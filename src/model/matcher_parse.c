/* Alertmanager's text of matchers, in both of its syntaxes:
 *
 *   classic   alertname = Disk full   code=~5..   {a="x\"y",b!=c,}
 *             ^name     ^op ^value: to the next comma
 *   UTF-8     "a name"!~"gr\u00fc.*"  grüße=hallo {foo="bar", baz=qux}
 *
 * The classic one is tolerant: values need no quotes, may be empty and hold spaces; \n, \" and \\ are known
 * and any other backslash stands for itself, so that regular expressions can be written as they are. The
 * UTF-8 one takes any text as a name, has Go's escapes between quotes, and needs them around whatever is
 * not one plain word. As in Alertmanager since 0.27 ("fallback"), what the classic syntax takes is read so,
 * also where the other would read something else; a file that worked goes on to mean the same.
 * Dropped: one grammar that takes the union of both. It read "a"="x\d", which is neither. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/matcher.h"

#define SHOWN_MAX 120 /* bytes of the input in an error text */
#define SPACES    " \t\r\n\f\v"
#define RESERVED  "{}!=~,\\\"'`" /* of the UTF-8 syntax, beside spaces */

struct scan {
    const char *at, *end;
};

struct draft {
    enum matcher_op op;
    bool negate;
    struct buf name, value;
};

/* One matcher or several; what the classic syntax read is forgotten when the other has its turn. */
struct drafts {
    struct draft list[MATCHERS_PARSE_MAX];
    size_t n;
};

static void drafts_clear(struct drafts *d)
{
    for (size_t i = 0; i < d->n; i++) {
        buf_free(&d->list[i].name);
        buf_free(&d->list[i].value);
    }
    d->n = 0;
}

static struct draft *next_draft(struct drafts *d)
{
    struct draft *next = d->n < MATCHERS_PARSE_MAX ? &d->list[d->n++] : NULL;

    if (next)
        *next = (struct draft){.name = BUF_INIT, .value = BUF_INIT};
    return next;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static void skip_spaces(struct scan *s)
{
    while (s->at < s->end && is_one_of(*s->at, SPACES))
        s->at++;
}

static void trim(struct scan *s)
{
    skip_spaces(s);
    while (s->end > s->at && is_one_of(s->end[-1], SPACES))
        s->end--;
}

static int read_op(struct scan *s, struct draft *d)
{
    static const struct {
        char text[3];
        enum matcher_op op;
        bool negate;
    } ops[] = {
        {"=~", MATCH_REGEX, false},
        {"!~", MATCH_REGEX, true},
        {"!=", MATCH_EQUAL, true},
        {"=", MATCH_EQUAL, false},
    };

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        size_t n = strlen(ops[i].text);

        if ((size_t)(s->end - s->at) < n || memcmp(s->at, ops[i].text, n) != 0)
            continue;
        s->at += n;
        d->op = ops[i].op;
        d->negate = ops[i].negate;
        return 0;
    }
    return -1;
}

/* --- classic --- */

static bool is_classic(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

static const char *classic_value(struct scan s, struct buf *out)
{
    static const char *const quotes =
        "the value is not well quoted: a \" in it is written \\\", one at its end closes it";
    bool quoted = s.at < s.end && *s.at == '"';

    s.at += quoted;
    for (; s.at < s.end; s.at++) {
        char c = *s.at;

        if (c == '"')
            return quoted && s.at + 1 == s.end ? NULL : quotes;
        if (c == '\\' && s.at + 1 < s.end) {
            c = *++s.at;
            if (c != 'n' && c != '"' && c != '\\')
                buf_addc(out, '\\');
            c = c == 'n' ? '\n' : c;
        }
        buf_addc(out, c);
    }
    return quoted ? quotes : NULL;
}

/* NULL, or why it is none. */
static const char *classic_one(struct scan s, struct drafts *all)
{
    struct draft *d = next_draft(all);

    if (!d)
        return "it holds more than 64 matchers";
    trim(&s);
    while (s.at < s.end && is_classic(*s.at, d->name.len == 0))
        buf_addc(&d->name, *s.at++);
    if (d->name.len == 0)
        return "it must begin with a label name, as in team=\"web\"";
    skip_spaces(&s);
    if (read_op(&s, d) < 0)
        return "after the name one of = != =~ !~ is expected";
    skip_spaces(&s);
    return classic_value(s, &d->value);
}

static const char *classic_list(struct scan s, struct drafts *all)
{
    struct scan one = {s.at, s.at};
    bool quoted = false, escaped = false;
    const char *why = NULL;

    if (s.at < s.end && *s.at == '{')
        one.at = ++s.at;
    if (s.end > s.at && s.end[-1] == '}')
        s.end--;
    for (; s.at < s.end && !why; s.at++) {
        if (*s.at == ',' && !quoted) {
            one.end = s.at;
            why = classic_one(one, all);
            one.at = s.at + 1;
        }
        if (*s.at == '"')
            quoted = escaped ? quoted : !quoted;
        escaped = *s.at == '\\' && !escaped;
    }
    one.end = s.end;
    skip_spaces(&one);
    return why || one.at == one.end ? why : classic_one(one, all);
}

/* --- UTF-8 --- */

/* The code point at the front, and how long it is; the text is known to be UTF-8. */
static uint32_t code_at(const struct scan *s, size_t *len)
{
    const unsigned char *p = (const unsigned char *)s->at;
    uint32_t code;

    *len = text_utf8(s->at, (size_t)(s->end - s->at));
    assert(*len >= 1 && *len <= 4);
    code = *len == 1 ? p[0] : p[0] & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}

static bool is_space(uint32_t c)
{
    return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static void skip_all_spaces(struct scan *s)
{
    size_t len;

    while (s->at < s->end && is_space(code_at(s, &len)))
        s->at += len;
}

static void add_code(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_addc(out, (char)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_addc(out, (char)(0xe0 | c >> 12));
        } else {
            buf_addc(out, (char)(0xf0 | c >> 18));
            buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_addc(out, (char)(0x80 | (c & 0x3f)));
}

/* `n` digits of base 16 or 8. -1: they are none. */
static long digits(struct scan *s, int n, int base)
{
    long v = 0;

    for (int i = 0; i < n; i++, s->at++) {
        static const char all[] = "0123456789abcdef";
        const char *at = s->at < s->end && *s->at ? strchr(all, *s->at | 0x20) : NULL;

        if (s->at < s->end && *s->at >= '0' && *s->at <= '9')
            at = all + (*s->at - '0');
        if (!at || at - all >= base)
            return -1;
        v = v * base + (at - all);
    }
    return v;
}

/* Behind the backslash: what Go knows in a string of double quotes. */
static int read_escape(struct scan *s, struct buf *out)
{
    static const char names[] = "abfnrtv\\\"", values[] = "\a\b\f\n\r\t\v\\\"";
    const char *known = s->at < s->end && *s->at ? strchr(names, *s->at) : NULL;
    char kind = s->at < s->end ? *s->at : 0;
    long v;

    if (known) {
        s->at++;
        buf_addc(out, values[known - names]);
        return 0;
    }
    if (kind >= '0' && kind <= '7') {
        v = digits(s, 3, 8);
    } else {
        s->at += s->at < s->end;
        v = kind == 'x'   ? digits(s, 2, 16)
            : kind == 'u' ? digits(s, 4, 16)
            : kind == 'U' ? digits(s, 8, 16)
                          : -1;
    }
    if (v < 0 ||
        (kind == 'u' || kind == 'U' ? v > 0x10ffff || (v >= 0xd800 && v < 0xe000) : v > 255))
        return -1;
    if (kind == 'u' || kind == 'U')
        add_code(out, (uint32_t)v);
    else
        buf_addc(out, (char)v);
    return 0;
}

static bool is_text(const char *s, size_t n)
{
    for (size_t step; n > 0; s += step, n -= step)
        if (*s == 0 || (step = text_utf8(s, n)) == 0)
            return false;
    return true;
}

static int utf8_quoted(struct scan *s, struct buf *out)
{
    for (s->at++; s->at < s->end && *s->at != '"' && *s->at != '\n';) {
        if (*s->at != '\\')
            buf_addc(out, *s->at++);
        else if (s->at++, read_escape(s, out) < 0)
            return -1;
    }
    if (s->at == s->end || *s->at != '"')
        return -1;
    s->at++;
    return is_text(out->data, out->len) ? 0 : -1; /* \x may make what is none */
}

/* A name or a value. */
static int utf8_word(struct scan *s, struct buf *out)
{
    const char *began = s->at;
    size_t len;

    skip_all_spaces(s);
    if (s->at < s->end && *s->at == '"')
        return utf8_quoted(s, out);
    for (began = s->at; s->at < s->end; s->at += len)
        if (is_one_of(*s->at, RESERVED) || is_space(code_at(s, &len)))
            break;
    buf_add(out, began, (size_t)(s->at - began));
    return s->at > began ? 0 : -1;
}

static bool take(struct scan *s, char c)
{
    skip_all_spaces(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static int utf8_list(struct scan s, struct drafts *all)
{
    bool braces = take(&s, '{'), more = true;

    skip_all_spaces(&s);
    while (more && s.at < s.end && *s.at != '}') {
        struct draft *d = next_draft(all);

        if (!d || utf8_word(&s, &d->name) < 0 || d->name.len == 0)
            return -1;
        skip_all_spaces(&s);
        if (read_op(&s, d) < 0 || utf8_word(&s, &d->value) < 0)
            return -1;
        more = take(&s, ',');
        skip_all_spaces(&s);
    }
    if (braces != take(&s, '}'))
        return -1;
    skip_all_spaces(&s);
    return s.at == s.end ? 0 : -1;
}

/* --- both --- */

static int refuse(struct err *e, const char *text, size_t len, const char *why)
{
    return err_set(e, ERR_INPUT, "matcher `%.*s`: %s", (int)text_utf8_cut(text, len, SHOWN_MAX),
                   text, why);
}

/* All of them or none. */
static int build(const struct drafts *d, struct matcher **out, struct err *e)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct draft *one = &d->list[i];

        out[i] = NULL;
        if (buf_ok(&one->name) && buf_ok(&one->value))
            out[i] =
                matcher_new(buf_str(&one->name), one->op, one->negate, buf_str(&one->value), e);
        else
            err_set(e, ERR_MEMORY, "no memory for a matcher");
        if (out[i])
            continue;
        while (i-- > 0)
            matcher_unref(out[i]);
        return -1;
    }
    return (int)d->n;
}

static int parse(const char *text, size_t len, bool alone, struct matcher **out, struct err *e)
{
    struct scan s = {text, text + len};
    struct err local = {0};
    struct drafts *d;
    const char *why;
    int n = -1;

    e = e ? e : &local;
    if (!is_text(text, len))
        return refuse(e, "", 0, "it is not UTF-8 text");
    d = mem_zalloc(sizeof *d);
    if (!d)
        return err_set(e, ERR_MEMORY, "no memory for a matcher");
    why = alone ? classic_one(s, d) : classic_list(s, d);
    if (!why)
        n = build(d, out, e);
    else
        refuse(e, text, len, why);
    if (n < 0 && e->code != ERR_MEMORY) { /* the error of the classic syntax is the one to tell */
        drafts_clear(d);
        if (utf8_list(s, d) == 0)
            n = build(d, out, why ? e : &local);
    }
    drafts_clear(d);
    mem_free(d);
    return n;
}

struct matcher *matcher_parse(const char *text, size_t len, struct err *e)
{
    static const char *const one_at_a_time =
        "one matcher at a time, without braces and commas around it";
    struct matcher *m[MATCHERS_PARSE_MAX];
    struct scan s = {text, text + len};
    bool quoted;
    int n;

    trim(&s);
    quoted = s.end > s.at && s.end[-1] == '"';
    if (s.end > s.at && (*s.at == '{' || (!quoted && is_one_of(s.end[-1], "},")))) {
        refuse(e, text, len, is_text(text, len) ? one_at_a_time : "it is not UTF-8 text");
        return NULL;
    }
    n = parse(text, len, true, m, e);
    if (n == 1 && !(matcher_value(m[0])[0] == '{' && !quoted))
        return m[0];
    for (int i = 0; i < n; i++)
        matcher_unref(m[i]);
    if (n >= 0)
        refuse(e, text, len, one_at_a_time);
    return NULL;
}

int matchers_parse(const char *text, size_t len, struct matcher **out, struct err *e)
{
    return parse(text, len, false, out, e);
}
