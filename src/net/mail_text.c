#include "net/mail_text.h"

void mail_text(struct buf *out, const char *data, size_t len)
{
    const char *p = data, *end = data + len;

    while (p < end) {
        const char *line = p;

        while (p < end && *p != '\r' && *p != '\n')
            p++;
        if (*line == '.' && p > line)
            buf_addc(out, '.');
        buf_add(out, line, (size_t)(p - line));
        buf_add(out, "\r\n", 2);
        if (p < end)
            p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
    }
    buf_add(out, ".\r\n", 3);
}
