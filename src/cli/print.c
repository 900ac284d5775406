#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/visible.h"
#include "cli/cli.h"

void print_lines(const struct buf *lines)
{
    struct buf shown = BUF_INIT;

    visible_lines(&shown, buf_str(lines), lines->len);
    fputs(buf_str(&shown), stdout);
    buf_free(&shown);
}

void print_error(const char *fmt, ...)
{
    struct buf text = BUF_INIT, shown = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    visible_line(&shown, buf_str(&text), text.len);
    fprintf(stderr, "%s\n", buf_str(&shown));
    buf_free(&text);
    buf_free(&shown);
}

bool is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

static size_t columns_of(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

void print_table_row(struct buf *out, const char *const *cells, const int *widths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t width = columns_of(cells[i]);

        buf_adds(out, cells[i]);
        if (i + 1 == n)
            break;
        for (; width < (size_t)widths[i]; width++)
            buf_addc(out, ' ');
        buf_adds(out, "  ");
    }
    buf_addc(out, '\n');
}
