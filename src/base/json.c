/* JSON is written straight into a buffer. A tree first (cJSON) would hold every answer twice and allocate
 * for each value; commas are all that a writer has to remember, and one bit for each depth does.
 *
 * Numbers are the shortest decimal that reads back, tried from 15 digits up: an exact algorithm is
 * faster, and long. What is not finite is null, since JSON has no word for it. */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct json json_into(struct buf *out)
{
    return (struct json){.out = out};
}

/* A comma before every member but the first; a value right after its key needs none, which
 * json_key() arranges by clearing the bit and setting it again. */
static void comma(struct json *j)
{
    uint64_t bit = UINT64_C(1) << j->depth;

    if (j->has_member & bit)
        buf_addc(j->out, ',');
    j->has_member |= bit;
}

static void open(struct json *j, char c)
{
    comma(j);
    buf_addc(j->out, c);
    j->depth++;
    assert(j->depth <= 60);
    j->has_member &= ~(UINT64_C(1) << j->depth);
}

static void close(struct json *j, char c)
{
    assert(j->depth > 0);
    j->depth--;
    buf_addc(j->out, c);
}

void json_object(struct json *j)
{
    open(j, '{');
}

void json_object_end(struct json *j)
{
    close(j, '}');
}

void json_array(struct json *j)
{
    open(j, '[');
}

void json_array_end(struct json *j)
{
    close(j, ']');
}

void json_key_n(struct json *j, const char *key, size_t len)
{
    assert(j->depth > 0); /* a key stands within an object */
    comma(j);
    json_quote(j->out, key, len);
    buf_addc(j->out, ':');
    j->has_member &= ~(UINT64_C(1) << j->depth);
}

void json_key(struct json *j, const char *key)
{
    json_key_n(j, key, strlen(key));
}

void json_str_n(struct json *j, const char *s, size_t n)
{
    comma(j);
    json_quote(j->out, s, n);
}

void json_str(struct json *j, const char *s)
{
    if (s)
        json_str_n(j, s, strlen(s));
    else
        json_null(j);
}

void json_num(struct json *j, double v)
{
    comma(j);
    if (!isfinite(v)) {
        buf_adds(j->out, "null");
        return;
    }
    text_plain(j->out, v);
}

void json_int(struct json *j, int64_t v)
{
    comma(j);
    buf_addf(j->out, "%lld", (long long)v);
}

void json_bool(struct json *j, bool v)
{
    comma(j);
    buf_adds(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    comma(j);
    buf_adds(j->out, "null");
}

void json_raw(struct json *j, const char *text, size_t n)
{
    comma(j);
    buf_add(j->out, text, n);
}

void json_kstr(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_knum(struct json *j, const char *key, double v)
{
    json_key(j, key);
    json_num(j, v);
}

void json_kint(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_int(j, v);
}

void json_kbool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}

void json_ktime(struct json *j, const char *key, int64_t at_ms)
{
    char text[TEXT_TIME_LEN];

    text_time(text, at_ms);
    json_kstr(j, key, text);
}

/* How many bytes stand for themselves: what a text is made of but for a few. */
static size_t plain_run(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        unsigned char c = (unsigned char)s[i];
        size_t good = c < 0x80 ? 1 : text_utf8(s + i, n - i);

        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || good == 0)
            break;
        i += good;
    }
    assert(i <= n);
    return i;
}

static void quote_byte(struct buf *out, unsigned char c)
{
    if (c == '"' || c == '\\') {
        buf_addc(out, '\\');
        buf_addc(out, (char)c);
    } else if (c == '\n') {
        buf_adds(out, "\\n");
    } else if (c < 0x20 || c == 0x7f) {
        buf_addf(out, "\\u%04x", c);
    } else {
        buf_adds(out, "\xef\xbf\xbd");
    }
}

void json_quote(struct buf *out, const char *s, size_t n)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        size_t run = plain_run(s + i, n - i);

        buf_add(out, s + i, run);
        i += run;
        if (i < n)
            quote_byte(out, (unsigned char)s[i]);
    }
    buf_addc(out, '"');
}
