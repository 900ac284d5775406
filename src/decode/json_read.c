/* A reader of its own, because the others build trees: an event of a stranger is read once, token by token,
 * into labels, and most strings are never copied. It is strict where a mistake would be taken for data
 * (numbers, escapes, depth) and mends what is only encoded badly, since a log line that says why something
 * is broken must not be refused for one wrong byte. */
#include "decode/json_read.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/text.h"

enum { TOP, VALUE, VALUE_OR_END, KEY, KEY_OR_END, AFTER };

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

struct json_reader json_reader_of(const char *text, size_t len, struct text_pool *pool)
{
    assert(text || len == 0);
    return (struct json_reader){
        .start = text, .at = text, .end = text + len, .token = text, .pool = pool, .expects = TOP};
}

static enum json_token fail(struct json_reader *r, const char *why)
{
    r->why = why;
    r->token = r->at;
    return JSON_ERROR;
}

static void skip_spaces(struct json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* The first byte that is not plain: a quote, a backslash, a control character, or not ASCII.
 * Read as signed numbers, the last two are those below 32. */
static const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\'),
                  space = _mm_set1_epi8(32);

    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i odd =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, escape)),
                         _mm_cmplt_epi8(x, space));
        int mask = _mm_movemask_epi8(odd);

        if (mask != 0)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= 32)
        p++;
    return p;
}

static int hex4(const char *p, const char *end, uint32_t *out)
{
    *out = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];

        *out <<= 4;
        if (c >= '0' && c <= '9')
            *out |= (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            *out |= (uint32_t)((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return 0;
}

static char *put_utf8(char *to, uint32_t c)
{
    assert(c <= 0x10ffff);
    if (c == 0 || (c >= 0xd800 && c < 0xe000)) {
        memcpy(to, replacement, 3);
        return to + 3;
    }
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* From the backslash; writes at most 4 bytes for the 6 or 12 read. Returns the end of what was
 * written, NULL when the escape is wrong. */
static char *unescape(struct json_reader *r, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    uint32_t c, low;
    const char *found;

    if (r->end - r->at < 2)
        return NULL;
    if (r->at[1] != 'u') {
        found = r->at[1] ? strchr(from, r->at[1]) : NULL;
        if (!found)
            return NULL;
        *to = into[found - from];
        r->at += 2;
        return to + 1;
    }
    if (hex4(r->at + 2, r->end, &c) != 0)
        return NULL;
    r->at += 6;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' &&
        hex4(r->at + 2, r->end, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        r->at += 6;
    }
    return put_utf8(to, c);
}

/* The end of the string's bytes as they stand in the text, or NULL. A byte that is not UTF-8 is
 * counted: it takes three bytes in the copy. */
static const char *raw_end(const char *p, const char *end, size_t *wrong_bytes)
{
    while ((p = skip_plain(p, end)) < end && *p != '"') {
        size_t n;

        if (*p == '\\') {
            p += 2;
            continue;
        }
        if ((unsigned char)*p < 32)
            return NULL;
        n = text_utf8(p, (size_t)(end - p));
        *wrong_bytes += n == 0;
        p += n ? n : 1;
    }
    return p < end ? p : NULL;
}

static int copy_string(struct json_reader *r, const char *begin, const char *close, size_t room)
{
    char *copy = text_pool_take(r->pool, room), *to = copy;

    r->why = NULL;
    if (!copy)
        return -1;
    r->at = begin;
    while (r->at < close) {
        const char *plain = skip_plain(r->at, close);
        size_t n = (size_t)(plain - r->at);

        memcpy(to, r->at, n);
        to += n;
        r->at = plain;
        if (plain == close)
            break;
        if (*plain == '\\') {
            to = unescape(r, to);
            r->why = "an escape in a string is wrong";
            if (!to)
                return -1;
            continue;
        }
        n = text_utf8(plain, (size_t)(close - plain));
        memcpy(to, n ? plain : replacement, n ? n : 3);
        to += n ? n : 3;
        r->at += n ? n : 1;
    }
    r->s = copy;
    r->len = (size_t)(to - copy);
    assert(r->len <= room);
    text_pool_give_back(r->pool, room - r->len);
    return 0;
}

/* From behind the opening quote to behind the closing one. Most strings are plain ASCII and end
 * at the first odd byte. */
static int read_string(struct json_reader *r)
{
    const char *begin = ++r->at, *odd = skip_plain(begin, r->end), *close;
    size_t wrong = 0;

    if (odd < r->end && *odd == '"') {
        r->s = begin;
        r->len = (size_t)(odd - begin);
        r->at = odd + 1;
        return 0;
    }
    close = raw_end(odd, r->end, &wrong);
    if (!close) {
        r->why = "a string has no end, or a control character in it";
        return -1;
    }
    if (wrong == 0 && !memchr(odd, '\\', (size_t)(close - odd))) {
        r->s = begin;
        r->len = (size_t)(close - begin);
    } else if (copy_string(r, begin, close, (size_t)(close - begin) + 2 * wrong) != 0) {
        return -1;
    }
    r->at = close + 1;
    return 0;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static enum json_token read_number(struct json_reader *r)
{
    const char *p = r->at, *digits;

    if (p < r->end && *p == '-')
        p++;
    digits = p;
    p = skip_digits(p, r->end);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return fail(r, "a number is not well formed");
    if (p < r->end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return fail(r, "a number ends in its point");
    }
    if (p < r->end && (*p | 32) == 'e') {
        p++;
        if (p < r->end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, r->end);
        if (p == digits)
            return fail(r, "a number has no exponent after its e");
    }
    r->s = r->at;
    r->len = (size_t)(p - r->at);
    r->at = p;
    return JSON_NUMBER;
}

static enum json_token read_word(struct json_reader *r)
{
    static const struct {
        const char *text;
        enum json_token token;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].text);

        if ((size_t)(r->end - r->at) < n || memcmp(r->at, words[i].text, n) != 0)
            continue;
        r->s = r->at;
        r->len = n;
        r->at += n;
        return words[i].token;
    }
    return fail(r, "a value is expected here");
}

static enum json_token open(struct json_reader *r, bool object)
{
    if (r->depth == JSON_DEPTH_MAX)
        return fail(r, "nested too deep (at most 32)");
    r->depth++;
    r->in_object &= ~(UINT64_C(1) << r->depth);
    r->in_object |= (uint64_t)object << r->depth;
    r->expects = object ? KEY_OR_END : VALUE_OR_END;
    r->at++;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static bool is_in_object(const struct json_reader *r)
{
    return r->in_object >> r->depth & 1;
}

static enum json_token close(struct json_reader *r)
{
    bool object = is_in_object(r);

    assert(r->depth > 0);
    if (*r->at != (object ? '}' : ']'))
        return fail(r, object ? "a comma or } is expected here" : "a comma or ] is expected here");
    r->at++;
    r->depth--;
    r->expects = r->depth ? AFTER : TOP;
    return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_token read_key(struct json_reader *r)
{
    if (*r->at != '"')
        return fail(r, "a key in double quotes is expected here");
    if (read_string(r) != 0)
        return JSON_ERROR;
    skip_spaces(r);
    if (r->at == r->end || *r->at != ':')
        return fail(r, "a colon is expected after the key");
    r->at++;
    r->expects = VALUE;
    return JSON_KEY;
}

static enum json_token read_value(struct json_reader *r)
{
    char c = *r->at;
    int before = r->expects;

    if (c == '{' || c == '[')
        return open(r, c == '{');
    r->expects = r->depth ? AFTER : TOP;
    if (c == '"')
        return read_string(r) == 0 ? JSON_STRING : JSON_ERROR;
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r);
    if (before == VALUE_OR_END && c == ']')
        return close(r);
    return read_word(r);
}

enum json_token json_read(struct json_reader *r)
{
    skip_spaces(r);
    r->token = r->at;
    if (r->at == r->end)
        return r->depth == 0 && r->expects == TOP ? JSON_END : fail(r, "the text ends too early");
    if (r->expects == AFTER) {
        if (*r->at != ',')
            return close(r);
        r->at++;
        r->expects = is_in_object(r) ? KEY : VALUE;
        skip_spaces(r);
        r->token = r->at;
        if (r->at == r->end)
            return fail(r, "the text ends too early");
    }
    if (r->expects == KEY_OR_END && *r->at == '}')
        return close(r);
    if (r->expects == KEY || r->expects == KEY_OR_END)
        return read_key(r);
    return read_value(r);
}

static bool is_utf8(const char *s, size_t n)
{
    size_t step;

    for (; n > 0 && (step = text_utf8(s, n)) > 0; n -= step)
        s += step;
    return n == 0;
}

int json_read_whole(struct json_reader *r)
{
    const char *begin = r->token;
    unsigned depth = r->depth - 1;

    assert(r->depth > 0);
    while (r->depth > depth)
        if (json_read(r) == JSON_ERROR)
            return -1;
    r->token = r->s = begin;
    r->len = (size_t)(r->at - begin);
    if (is_utf8(begin, r->len))
        return 0;
    r->why = NULL;
    return text_pool_mend(r->pool, &r->s, &r->len);
}

/* Up to 15 digits and a small power of ten are exact in a double; the rest is strtod()'s work. */
bool json_short_number(const char *s, size_t len, double *v)
{
    const char *end = s + len;
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = s < end && *s == '-', point = false;
    uint64_t mantissa = 0;
    int digits = 0, after = 0;

    for (s += negative; s < end; s++) {
        if (*s == '.' && !point) {
            point = true;
            continue;
        }
        if (*s < '0' || *s > '9' || ++digits > 15)
            return false;
        mantissa = mantissa * 10 + (uint64_t)(*s - '0');
        after += point;
    }
    assert(after <= 15);
    *v = (double)mantissa / powers[after];
    if (negative)
        *v = -*v;
    return digits > 0;
}

int json_read_number(const char *s, size_t len, double *v)
{
    char text[400];

    if (json_short_number(s, len, v))
        return 0;
    if (len >= sizeof text)
        return -1;
    memcpy(text, s, len);
    text[len] = 0;
    *v = strtod(text, NULL);
    return isfinite(*v) ? 0 : -1;
}

int json_reader_line(const struct json_reader *r)
{
    int line = 1;

    for (const char *p = r->start; p < r->token; p++)
        line += *p == '\n';
    return line;
}

int json_reader_fail(const struct json_reader *r, const char *field, struct err *e)
{
    int line = json_reader_line(r);

    if (!r->why)
        return err_at(e, ERR_MEMORY, line, field, "no memory for the request");
    return err_at(e, ERR_INPUT, line, field, "not JSON, at byte %zu: %s",
                  (size_t)(r->token - r->start) + 1, r->why);
}

int json_reader_refuse(const struct json_reader *r, const char *field, struct err *e,
                       const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    err_setv(e, ERR_INPUT, fmt, ap);
    va_end(ap);
    e->line = json_reader_line(r);
    strncpy(e->at, field ? field : "", sizeof e->at - 1);
    e->at[sizeof e->at - 1] = 0;
    return -1;
}
