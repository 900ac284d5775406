/* One pass over a text, from word to word; each byte is looked at a bounded number of times.
 *
 *   db: password='hunter 2' at https://bob:pw@host/x?sig=ab%3D  Authorization: Bearer abc
 *       ^name    ^quoted       ^userinfo ^^      ^name ^to the &  ^header        ^to the line's end
 *
 * What was hidden is never looked at again, and a look ahead that may fail stops after AHEAD bytes:
 * that makes it linear. Hiding too much is the safe side: an open quote hides the rest of its line, an
 * open PEM block or list of locals the rest of the text. */
#include "base/redact.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define AHEAD 256

struct scan {
    const struct redact_also *also;
    const char *begin, *end;
    const char *p;    /* where it looks */
    const char *kept; /* what is before it was written */
    const char *last; /* the word before, for what it says about the next */
    size_t last_len;
    struct buf *out;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' ||
           ((c & 0x80) && c != '\xe2'); /* \xe2 begins what draws boxes */
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'' || c == '`';
}

static char at(const struct scan *x, const char *p)
{
    return p < x->end ? *p : '\0';
}

static const char *blanks(const struct scan *x, const char *p)
{
    while (p < x->end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* [from, to) is a secret; the scan goes on behind it. */
static void hide(struct scan *x, const char *from, const char *to)
{
    assert(from >= x->kept && to >= from && to <= x->end);
    x->p = to;
    if (to == from)
        return;
    buf_add(x->out, x->kept, (size_t)(from - x->kept));
    buf_adds(x->out, REDACTED);
    x->kept = to;
}

static const char *line_end(const struct scan *x, const char *p)
{
    const char *nl = memchr(p, '\n', (size_t)(x->end - p));

    return nl ? nl : x->end;
}

/* --- values --- */

/* Behind an opening quote with `escapes` backslashes before it (JSON within JSON): where the same one
 * closes it, or the end of the line. */
static const char *quoted_end(const struct scan *x, const char *p, char quote, size_t escapes)
{
    size_t run = 0;

    for (; p < x->end && *p != '\n'; p++) {
        if (*p == quote && (escapes ? run <= escapes : run % 2 == 0))
            return p - (escapes ? run : 0);
        run = *p == '\\' ? run + 1 : 0;
    }
    return p;
}

/* "[…]" or "{…}" to the bracket that closes it; quotes inside are not understood, an open one hides
 * the rest of the text. */
static const char *bracket_end(const struct scan *x, const char *p)
{
    size_t depth = 0;

    for (; p < x->end; p++) {
        if (*p == '[' || *p == '{')
            depth++;
        else if ((*p == ']' || *p == '}') && --depth == 0)
            return p + 1;
    }
    return p;
}

/* Is there a further "name=" or "name:" at `p`? */
static bool begins_name(const struct scan *x, const char *p)
{
    const char *from = p;

    while (p < x->end && is_word(*p) && p - from < 64)
        p++;
    return p > from && (at(x, p) == '=' || at(x, p) == ':');
}

/* A bare value: to a blank or a bracket of a tag; other signs belong to it where a letter follows,
 * unless that begins the next name. */
static const char *bare_end(const struct scan *x, const char *p)
{
    for (; p < x->end && !isspace((unsigned char)*p) && *p != '<' && *p != '>'; p++) {
        bool goes_on = p + 1 < x->end && isalnum((unsigned char)p[1]);

        if (strchr(")]}|'\"`", *p) && !goes_on)
            break;
        if (strchr(",;&", *p) && (!goes_on || begins_name(x, p + 1)))
            break;
    }
    return p;
}

static bool is_scheme(const char *s, size_t n)
{
    static const char *const schemes[] = {"Bearer", "Basic",    "Digest",   "Token",
                                          "Apikey", "GenieKey", "Negotiate"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strlen(schemes[i]) == n && strncasecmp(schemes[i], s, n) == 0)
            return true;
    return false;
}

/* The quote that a value opens with, behind a letter or a call around it: b'…', SecretStr('…'). */
static const char *opening(const struct scan *x, const char *p, size_t *escapes)
{
    const char *from = p;

    while (p < x->end && p - from < 32 && (isalpha((unsigned char)*p) || *p == '_' || *p == '.'))
        p++;
    if (at(x, p) == '(')
        p++;
    else if (p - from > 2)
        p = from;
    for (*escapes = 0; at(x, p) == '\\'; p++)
        (*escapes)++;
    return is_quote(at(x, p)) ? p : NULL;
}

static void hide_value(struct scan *x, const char *p, bool to_line_end)
{
    size_t escapes;
    const char *quote = opening(x, p, &escapes), *to;

    if (quote) {
        to = quoted_end(x, quote + 1, *quote, escapes);
        if (!redact_is_harmless(quote + 1, (size_t)(to - quote) - 1))
            hide(x, quote + 1, to);
        x->p = to > x->p ? to : x->p;
        return;
    }
    if (at(x, p) == '[' || at(x, p) == '{') {
        hide(x, p, bracket_end(x, p));
        return;
    }
    to = bare_end(x, p);
    if (redact_is_harmless(p, (size_t)(to - p))) {
        x->p = to;
        return;
    }
    if (to_line_end)
        for (to = p; to < x->end && *to != '\n' && !is_quote(*to);)
            to++;
    else if (is_scheme(p, (size_t)(to - p)) && at(x, to) == ' ')
        to = bare_end(x, blanks(x, to));
    hide(x, p, to);
}

/* --- names --- */

static bool last_is(const struct scan *x, const char *word)
{
    return x->last_len == strlen(word) && strncasecmp(x->last, word, x->last_len) == 0;
}

/* "Unexpected token: }" is a parser's. */
static bool is_parsers(const struct scan *x, const char *w, size_t n)
{
    return n == 5 && strncasecmp(w, "token", 5) == 0 &&
           (last_is(x, "unexpected") || last_is(x, "syntax") || last_is(x, "illegal"));
}

/* Behind a name: where its value begins, NULL: there is none. */
static const char *value_of(const struct scan *x, const char *name, const char *p, bool *colon)
{
    const char *quote = p;

    *colon = false;
    while (at(x, quote) == '\\')
        quote++;
    if (is_quote(at(x, quote)))
        p = quote + 1;
    if (at(x, p) == ']') /* params['password'] = … */
        p++;
    if (at(x, p) == '>' && name > x->begin && name[-1] == '<')
        return p + 1;
    quote = blanks(x, p);
    if (quote > p && is_quote(at(x, quote))) /* ALTER USER bob PASSWORD '…' */
        return quote;
    if (quote == p + 1 && name[0] == '-' && at(x, quote) != '-') /* --password … */
        return quote;
    p = quote;
    if (at(x, p) == ':' && (at(x, p + 1) == ':' || at(x, p + 1) == '/'))
        return NULL;
    if (at(x, p) == '=' && at(x, p + 1) == '=')
        return NULL;
    if (at(x, p) != ':' && at(x, p) != '=')
        return NULL;
    *colon = *p == ':';
    p++;
    if (at(x, p) == '=' || at(x, p) == '>') /* := => */
        p++;
    p = blanks(x, p);
    return p < x->end && *p != '\n' && *p != '\r' ? p : NULL;
}

static bool is_locals(const char *w, size_t n)
{
    return (n == 6 && memcmp(w, "locals", 6) == 0) || (n == 8 && memcmp(w, "f_locals", 8) == 0) ||
           (n == 4 && memcmp(w, "vars", 4) == 0);
}

/* "Bearer abc…" without a header's name; "Bearer authentication failed" is prose. */
static bool hide_scheme(struct scan *x, const char *w, const char *to)
{
    const char *p = blanks(x, to), *end = p;
    bool random = false;

    if (p == to || !is_scheme(w, (size_t)(to - w)))
        return false;
    for (; end < x->end && (is_word(*end) || strchr("+/=~", *end)); end++)
        random |= isdigit((unsigned char)*end) || (end > p && isupper((unsigned char)*end)) ||
                  *end == '=';
    if (!random || end - p < 8)
        return false;
    hide(x, p, end);
    return true;
}

/* A known form may begin at any segment of a word: "key-AKIA…". */
static bool hide_shape(struct scan *x, const char *w, const char *to)
{
    for (const char *p = w; p < to; p++) {
        size_t n =
            p == w || !isalnum((unsigned char)p[-1]) ? redact_shape(p, (size_t)(x->end - p)) : 0;
        if (n > 0) {
            hide(x, p, p + n);
            return true;
        }
    }
    return false;
}

static bool hide_named(struct scan *x, const char *w, const char *to)
{
    bool colon;
    size_t n = (size_t)(to - w);
    const char *value = value_of(x, w, to, &colon);
    bool by = value && n == 2 && strncasecmp(w, "by", 2) == 0 && last_is(x, "identified");

    if (!value)
        return false;
    if (is_locals(w, n) && at(x, value) == '{') {
        hide(x, value, bracket_end(x, value));
        return true;
    }
    if (!by && (!redact_is_secret(x->also, w, n) || is_parsers(x, w, n)))
        return false;
    hide_value(x, value, colon && redact_is_header(w, n));
    return true;
}

static void word(struct scan *x)
{
    const char *w = x->p, *to = w;

    while (to < x->end && is_word(*to))
        to++;
    if (hide_shape(x, w, to)) {
        ;
    } else if (redact_matches(x->also, w, (size_t)(to - w)) && at(x, to) != '=' &&
               at(x, to) != ':') {
        hide(x, w, to);
    } else if (!hide_named(x, w, to) && !hide_scheme(x, w, to)) {
        x->p = to;
    }
    x->last = w;
    x->last_len = (size_t)(to - w);
}

/* --- what is no word --- */

/* At "://": hides the password of user:password@. One with a slash in it is found, too. */
static bool userinfo(struct scan *x)
{
    const char *from = x->p + 3, *colon = NULL, *mark = NULL;

    for (const char *p = from; p < x->end && p - from < AHEAD; p++) {
        if (isspace((unsigned char)*p) || is_quote(*p) || *p == '<' || *p == '>')
            break;
        if ((*p == '/' || *p == '?') && (!colon || isdigit((unsigned char)colon[1])))
            break;
        if (*p == ':' && !colon)
            colon = p;
        if (*p == '@')
            mark = p;
    }
    if (!colon || !mark || mark <= colon + 1)
        return false;
    hide(x, colon + 1, mark);
    return true;
}

static bool begins(const struct scan *x, const char *with)
{
    size_t n = strlen(with);

    return (size_t)(x->end - x->p) >= n && memcmp(x->p, with, n) == 0;
}

/* A certificate may be shown, a private key not. */
static bool pem(struct scan *x)
{
    const char *from = x->p + 11, *key, *to;
    size_t left = (size_t)(x->end - from);

    key = memmem(from, left < 48 ? left : 48, "PRIVATE KEY", 11);
    if (!key)
        return false;
    to = memmem(key, (size_t)(x->end - key), "-----END", 8);
    hide(x, x->p, to ? to : x->end);
    if (!to)
        return true;
    to = memmem(x->p + 8, (size_t)(x->end - x->p) - 8, "-----", 5);
    x->p = x->kept = to ? to + 5 : x->end;
    return true;
}

/* Values of variables as loguru ("└ 'x'") and rich (a box "─ locals ─") draw them under a frame. */
static bool drawn_locals(struct scan *x)
{
    const char *to;

    if (begins(x, "└ ")) {
        hide(x, x->p + strlen("└ "), line_end(x, x->p));
        return true;
    }
    if (!begins(x, "─ locals ─"))
        return false;
    to = memmem(x->p, (size_t)(x->end - x->p), "╰", strlen("╰"));
    hide(x, x->p + strlen("─ locals ─"), to ? to : x->end);
    return true;
}

static bool special(struct scan *x)
{
    switch (*x->p) {
    case ':':
        return begins(x, "://") && userinfo(x);
    case '-':
        return begins(x, "-----BEGIN ") && pem(x);
    case '\xe2':
        return drawn_locals(x);
    default:
        return false;
    }
}

void redact_text(const struct redact_also *also, const char *s, size_t n, struct buf *out)
{
    struct scan x = {
        .also = also, .begin = s, .end = s + n, .p = s, .kept = s, .last = s, .out = out};

    while (x.p < x.end) {
        const char *was = x.p;

        if (special(&x))
            ;
        else if (*x.p == '\xe2')
            x.p++;
        else if (is_word(*x.p))
            word(&x);
        else
            x.p++;
        assert(x.p >= was && x.p <= x.end);
        if (x.p == was)
            x.p++;
    }
    buf_add(out, x.kept, (size_t)(x.end - x.kept));
}
