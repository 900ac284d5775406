/* Alertmanager's text of one matcher:
 *
 *   alertname = "Disk full"   code=~5..   team!=web   "a name"!~"x\"y"
 *   ^name     ^op ^value
 *
 * Quoted values know \n, \" and \\; any other backslash stands for itself, so that regular
 * expressions can be written as they are. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/matcher.h"

#define SHOWN_MAX 120 /* bytes of the input in an error text */

struct scan {
    const char *at, *end;
};

static void skip_spaces(struct scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
        s->at++;
}

/* From the opening quote behind the closing one. Returns -1 when there is none. */
static int read_quoted(struct scan *s, struct buf *out)
{
    for (s->at++; s->at < s->end; s->at++) {
        char c = *s->at;

        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c == '\\' && s->at + 1 < s->end && strchr("n\"\\", s->at[1]) && s->at[1])
            c = *++s->at == 'n' ? '\n' : *s->at;
        buf_addc(out, c);
    }
    return -1;
}

static int read_name(struct scan *s, struct buf *out)
{
    if (s->at < s->end && *s->at == '"')
        return read_quoted(s, out) == 0 && out->len > 0 ? 0 : -1;
    while (s->at < s->end && *s->at && !strchr(" \t\r\n{}!=~,\\\"'`", *s->at))
        buf_addc(out, *s->at++);
    return out->len > 0 ? 0 : -1;
}

static int read_op(struct scan *s, enum matcher_op *op, bool *negate)
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
        *op = ops[i].op;
        *negate = ops[i].negate;
        return 0;
    }
    return -1;
}

static int read_value(struct scan *s, struct buf *out)
{
    const char *end = s->end;

    if (s->at < s->end && *s->at == '"') {
        if (read_quoted(s, out) != 0)
            return -1;
        skip_spaces(s);
        return s->at == s->end ? 0 : -1;
    }
    while (end > s->at && strchr(" \t\r\n", end[-1]))
        end--;
    if (end > s->at && (*s->at == '{' || end[-1] == '}' || end[-1] == ','))
        return -1;
    if (memchr(s->at, '"', (size_t)(end - s->at)))
        return -1;
    buf_add(out, s->at, (size_t)(end - s->at));
    return 0;
}

static bool is_text(const char *s, size_t n)
{
    for (size_t step; n > 0; s += step, n -= step)
        if (*s == 0 || (step = text_utf8(s, n)) == 0)
            return false;
    return true;
}

static struct matcher *refuse(struct err *e, const char *text, size_t len, const char *why)
{
    err_set(e, ERR_INPUT, "matcher `%.*s`: %s", (int)text_utf8_cut(text, len, SHOWN_MAX), text,
            why);
    return NULL;
}

struct matcher *matcher_parse(const char *text, size_t len, struct err *e)
{
    struct scan s = {text, text + len};
    struct buf name = BUF_INIT, value = BUF_INIT;
    struct matcher *m = NULL;
    enum matcher_op op;
    bool negate;

    if (!is_text(text, len))
        return refuse(e, "", 0, "it is not UTF-8 text");
    skip_spaces(&s);
    if (read_name(&s, &name) != 0) {
        refuse(e, text, len, "it must begin with a label name, as in team=\"web\"");
        goto out;
    }
    skip_spaces(&s);
    if (read_op(&s, &op, &negate) != 0) {
        refuse(e, text, len, "after the name one of = != =~ !~ is expected");
        goto out;
    }
    skip_spaces(&s);
    if (read_value(&s, &value) != 0) {
        refuse(e, text, len,
               "the value is not well quoted: one matcher at a time, without braces and commas "
               "around it");
        goto out;
    }
    if (buf_ok(&name) && buf_ok(&value))
        m = matcher_new(buf_str(&name), op, negate, buf_str(&value), e);
out:
    if (!m && (!buf_ok(&name) || !buf_ok(&value)))
        err_set(e, ERR_MEMORY, "no memory for a matcher");
    buf_free(&name);
    buf_free(&value);
    return m;
}
