/* Mail from any bytes: every line is short and ends with CRLF, no header is smuggled in, no line of
 * a body ends the mail or its part, and the text can be read back. The first byte says where the
 * header's value ends and the body begins. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "channel/mime.h"

static int hex(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Lines of at most `max` bytes; headers go on with a space only. */
static void check_lines(const struct buf *b, size_t max, int header)
{
    size_t line = 0, n = 0;

    for (size_t i = 0; i < b->len; i++) {
        unsigned char c = (unsigned char)b->data[i];

        if (c == '\r') {
            assert(i + 1 < b->len && b->data[i + 1] == '\n');
            assert(line <= max);
            continue;
        }
        if (c == '\n') {
            assert(i > 0 && b->data[i - 1] == '\r');
            line = 0;
            n++;
            continue;
        }
        assert(c >= 0x20 && c < 0x7f);
        assert(!header || n == 0 || line > 0 || c == ' ');
        assert(header || line > 0 || (c != '.' && c != '-'));
        line++;
    }
}

/* What a reader makes of the body: soft ends gone, escapes resolved, CRLF as LF. */
static void decode(const struct buf *b, struct buf *out)
{
    for (size_t i = 0; i < b->len; i++) {
        char c = b->data[i];

        if (c == '=' && b->data[i + 1] == '\r') {
            i += 2;
        } else if (c == '=') {
            buf_addc(out, (char)(hex(b->data[i + 1]) * 16 + hex(b->data[i + 2])));
            i += 2;
        } else if (c != '\r') {
            buf_addc(out, c);
        }
    }
}

static void check_body(const char *s, size_t n)
{
    struct buf b = BUF_INIT, back = BUF_INIT, want = BUF_INIT;

    mime_quoted_printable(&b, s, n);
    check_lines(&b, 76, 0);
    decode(&b, &back);
    for (size_t i = 0; i < n; i++)
        if (s[i] != '\r' || i + 1 == n || s[i + 1] != '\n')
            buf_addc(&want, s[i]);
    assert(back.len == want.len && (back.len == 0 || memcmp(back.data, want.data, back.len) == 0));
    buf_free(&b);
    buf_free(&back);
    buf_free(&want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = size ? data[0] : 0;
    char *value;
    const char *list[2];
    struct buf b = BUF_INIT;

    if (size == 0 || size > 100000)
        return 0;
    data++;
    size--;
    at = at < size ? at : size;
    value = malloc(at + 1);
    memcpy(value, data, at);
    value[at] = '\0';
    mime_header(&b, "Subject", value);
    check_lines(&b, 998, 1);
    buf_clear(&b);
    list[0] = list[1] = value;
    mime_addresses(&b, "To", list, 2);
    for (size_t i = 0; i + 1 < b.len;
         i++) /* addresses are the configuration's, only their lines count */
        assert(b.data[i] != '\n' || b.data[i + 1] == ' ');
    buf_free(&b);
    free(value);
    check_body((const char *)data + at, size - at);
    return 0;
}
