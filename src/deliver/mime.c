#include "deliver/mime.h"

#include <string.h>
#include <time.h>

#include "base/text.h"

#define WORD_BYTES  42 /* of UTF-8 in one encoded word: 56 characters of base64, below 75 in all */
#define LINE_MAX_QP 73

static int is_plain(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x7f || (unsigned char)*s < 0x20)
            return 0;
    return 1;
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

void mime_header(struct buf *out, const char *name, const char *value)
{
    struct buf clean = BUF_INIT;

    for (const char *p = value; *p; p++)
        buf_addc(&clean, *p == '\r' || *p == '\n' || *p == '\t' ? ' ' : *p);
    buf_addf(out, "%s:", name);
    if (is_plain(buf_str(&clean))) {
        buf_addf(out, " %s\r\n", buf_str(&clean));
    } else {
        for (size_t i = 0; i < clean.len;) {
            size_t n = text_utf8_cut(clean.data + i, clean.len - i, WORD_BYTES);

            if (n == 0)
                n = 1;
            buf_adds(out, i ? "\r\n =?utf-8?B?" : " =?utf-8?B?");
            base64(out, (const unsigned char *)clean.data + i, n);
            buf_adds(out, "?=");
            i += n;
        }
        buf_adds(out, "\r\n");
    }
    buf_free(&clean);
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
        int end_of_line = i + 1 == n || s[i + 1] == '\n';

        if (c == '\n') {
            buf_adds(out, "\r\n");
            line = 0;
            continue;
        }
        if (line >= LINE_MAX_QP) {
            buf_adds(out, "=\r\n");
            line = 0;
        }
        /* a space at the end of a line would be lost, a point at its start is SMTP's */
        if (c < 0x20 || c >= 0x7f || c == '=' || (c == ' ' && end_of_line) ||
            (c == '.' && line == 0)) {
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
