#include "base/visible.h"

#include <assert.h>

#include "base/text.h"

static unsigned code_point(const unsigned char *s, size_t n)
{
    unsigned c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3fu);
    return c;
}

static bool is_hostile(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

size_t visible_hostile(const char *s, size_t n)
{
    size_t len = text_utf8(s, n);

    assert(n > 0);
    if (len == 0)
        return 1;
    return is_hostile(code_point((const unsigned char *)s, len)) ? len : 0;
}

static void escape(struct buf *out, const char *s, size_t len)
{
    unsigned char c = (unsigned char)*s;

    if (c == '\n' || c == '\t' || c == '\r')
        buf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    else if (len == 1)
        buf_addf(out, "\\x%02x", c);
    else
        buf_addf(out, "\\u%04x", code_point((const unsigned char *)s, len));
}

/* Of what may be shown: the length of its character. */
static size_t harmless_run(const char *s, size_t n)
{
    size_t len = text_utf8(s, n);

    return len ? len : 1;
}

static void add(struct buf *out, const char *s, size_t n, bool lines)
{
    size_t from = 0, bad;

    for (size_t i = 0; i < n; i += bad ? bad : harmless_run(s + i, n - i)) {
        bad = lines && (s[i] == '\n' || s[i] == '\t') ? 0 : visible_hostile(s + i, n - i);
        if (bad == 0)
            continue;
        buf_add(out, s + from, i - from);
        escape(out, s + i, bad);
        from = i + bad;
    }
    buf_add(out, s + from, n - from);
}

void visible_line(struct buf *out, const char *s, size_t n)
{
    add(out, s, n, false);
}

void visible_lines(struct buf *out, const char *s, size_t n)
{
    add(out, s, n, true);
}

void visible_json(struct buf *out, const char *s, size_t n)
{
    size_t from = 0, bad;

    for (size_t i = 0; i < n; i += bad ? bad : harmless_run(s + i, n - i)) {
        bad = (unsigned char)s[i] < 0x7f ? 0 : visible_hostile(s + i, n - i);
        if (bad == 0)
            continue;
        buf_add(out, s + from, i - from);
        /* a byte that is no UTF-8 is no JSON either: the replacement character */
        buf_addf(out, "\\u%04x",
                 text_utf8(s + i, n - i) ? code_point((const unsigned char *)s + i, bad) : 0xfffdu);
        from = i + bad;
    }
    buf_add(out, s + from, n - from);
}
