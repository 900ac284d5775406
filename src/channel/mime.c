/* Mail as RFC 5322 and 2047 want it, made by hand: libraries for it bring a tree of parts, and a page is one
 * text. Headers are folded at spaces, or encoded in words that may be folded anywhere; a name with a comma
 * is quoted or it would be two addresses. What is hostile becomes a blank: a header has no escape that people
 * could read. */
#include "channel/mime.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/visible.h"

#define LINE_WORDS \
    76 /* of a line that holds an encoded word (RFC 2047, 2); a word has at most 75 */
#define LINE_FOLDED 78  /* other lines are folded behind this where they have a space (RFC 5322) */
#define WORD_BYTES  42  /* of UTF-8 in one encoded word: 56 characters of base64 */
#define WORD_FRAME  12  /* =?utf-8?B?…?= */
#define LINE_MAX_QP 73  /* 72 and an escape are 75, and the = of a soft line end makes 76 */
#define PLAIN_MAX   900 /* longer values are encoded in words, which can be folded anywhere */

static int is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What may stand in a header as it is. "=?" would be read as the start of an encoded word. */
static int is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] >= 0x80 || (s[i] == '=' && i + 1 < n && s[i + 1] == '?'))
            return 0;
    return n <= PLAIN_MAX;
}

static void base64(struct buf *out, const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0u);

        buf_addc(out, digits[v >> 18]);
        buf_addc(out, digits[v >> 12 & 63]);
        buf_addc(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
        buf_addc(out, i + 2 < n ? digits[v & 63] : '=');
    }
}

/* Bytes in the line that `out` ends with. */
static size_t column(const struct buf *out)
{
    size_t n = 0;

    while (n < out->len && out->data[out->len - 1 - n] != '\n')
        n++;
    return n;
}

/* As it is, folded at spaces. */
static void add_clean(struct buf *out, const char *s, size_t n)
{
    size_t at = column(out);

    for (size_t i = 0; i < n; i++) {
        size_t word = 1;

        while (i + word < n && s[i + word] != ' ' && !is_control(s[i + word]))
            word++;
        if (s[i] == ' ' && i > 0 && s[i - 1] != ' ' && word > 1 && at + word > LINE_FOLDED) {
            buf_adds(out, "\r\n");
            at = 0;
        }
        buf_addc(out, is_control(s[i]) ? ' ' : s[i]);
        at++;
    }
}

/* How many bytes of text an encoded word may have that begins in this column. */
static size_t word_room(size_t at)
{
    size_t room = at + WORD_FRAME < LINE_WORDS ? (LINE_WORDS - at - WORD_FRAME) / 4 * 3 : 0;

    return room < WORD_BYTES ? room : WORD_BYTES;
}

/* "=?utf-8?B?…?=" as often as needed, folded. Bytes that are not UTF-8 go in as they are: whoever
 * reads them shows a replacement character. */
static void add_words(struct buf *out, const char *s, size_t n)
{
    char word[WORD_BYTES];

    for (size_t i = 0; i < n;) {
        size_t room = i ? 0 : word_room(column(out)), len;

        if (room < 4) { /* not even one character of the longest kind */
            buf_adds(out, "\r\n ");
            room = WORD_BYTES;
        }
        len = text_utf8_cut(s + i, n - i, room);
        if (len == 0)
            len = n - i < room ? n - i : room;
        memcpy(word, s + i, len);
        for (size_t k = 0, bad; k < len; k += bad ? bad : 1) {
            bad = text_utf8(word + k, len - k) ? visible_hostile(word + k, len - k) : 0;
            memset(word + k, ' ', bad);
        }
        buf_adds(out, "=?utf-8?B?");
        base64(out, (const unsigned char *)word, len);
        buf_adds(out, "?=");
        i += len;
    }
}

void mime_header(struct buf *out, const char *name, const char *value)
{
    size_t n = strlen(value);

    buf_addf(out, "%s: ", name);
    if (is_plain(value, n))
        add_clean(out, value, n);
    else
        add_words(out, value, n);
    buf_adds(out, "\r\n");
}

/* The name without its quotes and escapes (RFC 5322, 3.2.4). */
static void add_unquoted(struct buf *out, const char *s, size_t n)
{
    bool quoted = n > 1 && s[0] == '"' && s[n - 1] == '"';

    for (size_t i = quoted, end = quoted ? n - 1 : n; i < end; i++) {
        if (quoted && s[i] == '\\' && i + 1 < end)
            i++;
        buf_addc(out, is_control(s[i]) ? ' ' : s[i]);
    }
}

/* A comma or a point in a name that stands there bare makes two addresses of one, or none. */
static void add_name(struct buf *out, const struct buf *name)
{
    const char *s = buf_str(name);

    if (!is_plain(s, name->len)) {
        add_words(out, s, name->len);
        return;
    }
    if (!strpbrk(s, "()<>[]:;@\\,.\"")) {
        add_clean(out, s, name->len);
        return;
    }
    buf_addc(out, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

static void add_address(struct buf *out, const char *s)
{
    const char *open = strrchr(s, '<');
    size_t n = open ? (size_t)(open - s) : 0;
    struct buf name = BUF_INIT;

    while (n > 0 && s[n - 1] == ' ')
        n--;
    if (n == 0) {
        add_clean(out, s, strlen(s));
        return;
    }
    add_unquoted(&name, s, n);
    add_name(out, &name);
    buf_adds(out, column(out) + 1 + strlen(open) > LINE_WORDS ? "\r\n " : " ");
    add_clean(out, open, strlen(open));
    out->failed = out->failed || !buf_ok(&name);
    buf_free(&name);
}

void mime_addresses(struct buf *out, const char *name, const char *const *list, size_t n)
{
    buf_addf(out, "%s: ", name);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_adds(out, ",\r\n ");
        add_address(out, list[i]);
    }
    buf_adds(out, "\r\n");
}

void mime_bare_address(const char *s, char out[MIME_ADDRESS_LEN])
{
    const char *open = strrchr(s, '<');
    size_t n = open ? strcspn(open + 1, ">") : strlen(s);

    n = n < MIME_ADDRESS_LEN ? n : MIME_ADDRESS_LEN - 1;
    memcpy(out, open ? open + 1 : s, n);
    out[n] = '\0';
}

void mime_date(struct buf *out, int64_t at_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t s = (time_t)(at_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    buf_addf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void mime_quoted_printable(struct buf *out, const char *s, size_t n)
{
    size_t line = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        int line_end = i + 1 == n || s[i + 1] == '\n' || s[i + 1] == '\r';

        if (c == '\n' || (c == '\r' && i + 1 < n && s[i + 1] == '\n')) {
            i += c == '\r';
            buf_adds(out, "\r\n");
            line = 0;
            continue;
        }
        if (line >= LINE_MAX_QP) {
            buf_adds(out, "=\r\n");
            line = 0;
        }
        /* a space at the end of a line would be lost */
        if (c < 0x20 || c >= 0x7f || c == '=' || (c == ' ' && line_end) ||
            ((c == '.' || c == '-') && line == 0)) {
            buf_addf(out, "=%02X", c);
            line += 3;
        } else {
            buf_addc(out, (char)c);
            line++;
        }
    }
}

static void part(struct buf *out, const char *type, const char *body)
{
    buf_addf(out,
             "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
             "\r\n\r\n",
             type);
    mime_quoted_printable(out, body, strlen(body));
    buf_adds(out, "\r\n");
}

void mime_alternative(struct buf *out, const char *boundary, const char *text, const char *html)
{
    if (!html) {
        part(out, "text/plain", text);
        return;
    }
    buf_addf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n", boundary);
    buf_addf(out, "--%s\r\n", boundary);
    part(out, "text/plain", text);
    buf_addf(out, "--%s\r\n", boundary);
    part(out, "text/html", html);
    buf_addf(out, "--%s--\r\n", boundary);
}
