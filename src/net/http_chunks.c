/* Chunked bodies watched as they arrive, before evhttp reads them.
 * Which bytes are changed, and why, is drawn in the header. It reads in step with what arrives, in place and
 * with one line of memory, so a body costs no second copy and a chunk may be cut anywhere. A size is counted
 * again here only to know where the next one begins. Dropped: reading bodies ourselves, which needs all that
 * evhttp does around them. What it does not know it does not judge: it switches itself off for the rest of
 * that connection. */
#include "net/http_chunks.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 15 /* of a size: more would not fit into 63 bits */

void http_chunks_init(struct http_chunks *c)
{
    *c = (struct http_chunks){.state = HTTP_CHUNKS_HEAD, .first = true};
}

static void next_request(struct http_chunks *c)
{
    http_chunks_init(c);
}

/* --- the head --- */

static void request_line(struct http_chunks *c)
{
    static const char *const methods[] = {"post ", "put ", "patch "};

    c->first = false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strncmp(c->line, methods[i], strlen(methods[i])) == 0)
            c->may_have_body = true;
}

static const char *value_of(const struct http_chunks *c, const char *name)
{
    size_t n = strlen(name);
    const char *v;

    if (strncmp(c->line, name, n) != 0 || c->line[n] != ':')
        return NULL;
    v = c->line + n + 1;
    return v + strspn(v, " \t");
}

static void header_line(struct http_chunks *c)
{
    const char *length = value_of(c, "content-length");
    const char *encoding = value_of(c, "transfer-encoding");
    char *end;

    if (isspace((unsigned char)c->line[0]) || ((length || encoding) && (c->chunked || c->sized))) {
        c->state = HTTP_CHUNKS_OFF; /* a folded line, or two that say how long the body is */
    } else if (encoding) {
        c->chunked = strcmp(encoding, "chunked") == 0;
        c->state = c->chunked ? c->state : HTTP_CHUNKS_OFF;
    } else if (length) {
        c->sized = true;
        c->left = strtoull(length, &end, 10);
        if (!isdigit((unsigned char)*length) || *end || end - length > DIGITS_MAX)
            c->state = HTTP_CHUNKS_OFF;
    }
}

static void end_of_head(struct http_chunks *c)
{
    if (!c->may_have_body)
        next_request(c);
    else if (c->chunked)
        c->state = HTTP_CHUNKS_SIZE;
    else if (c->left > 0)
        c->state = HTTP_CHUNKS_BODY;
    else
        next_request(c);
    c->digits = 0;
    c->len = 0;
}

/* A whole line of a head or a trailer. */
static void whole_line(struct http_chunks *c)
{
    size_t kept = c->len < HTTP_CHUNKS_LINE - 1 ? c->len : HTTP_CHUNKS_LINE - 1;

    while (kept > 0 && kept == c->len && isspace((unsigned char)c->line[kept - 1]))
        kept = --c->len; /* the carriage return, and spaces behind a value */
    c->line[kept] = 0;
    if (c->state == HTTP_CHUNKS_TRAILER) {
        if (c->len == 0)
            next_request(c);
    } else if (c->first && c->len == 0) {
        c->state = HTTP_CHUNKS_OFF;
    } else if (c->len == 0) {
        end_of_head(c);
    } else if (c->first) {
        request_line(c);
    } else {
        header_line(c);
    }
    c->len = 0;
}

static void take_line_byte(struct http_chunks *c, char byte)
{
    if (byte == '\n') {
        whole_line(c);
        return;
    }
    if (c->len < HTTP_CHUNKS_LINE - 1)
        c->line[c->len] = (char)tolower((unsigned char)byte);
    c->len++;
}

/* --- chunks --- */

static void end_of_size(struct http_chunks *c)
{
    if (c->digits == 0)
        return; /* the empty line behind a chunk's data */
    c->state = c->left > 0 ? HTTP_CHUNKS_DATA : HTTP_CHUNKS_TRAILER;
    c->digits = 0;
    c->len = 0;
}

static void take_size_byte(struct http_chunks *c, char *byte)
{
    unsigned char b = (unsigned char)*byte;

    if (b == '\n') {
        end_of_size(c);
    } else if (isxdigit(b) && c->digits < DIGITS_MAX) {
        c->left = (c->digits ? c->left : 0) * 16 +
                  (uint64_t)(isdigit(b) ? b - '0' : tolower(b) - 'a' + 10);
        c->digits++;
    } else if (c->digits > 0 && (b == ';' || b == ' ' || b == '\t')) {
        *byte = ' ';
        c->state = HTTP_CHUNKS_BEHIND;
    } else if (b != '\r') {
        *byte = '!';
        c->state = HTTP_CHUNKS_OFF; /* evhttp refuses the request and closes */
    }
}

static size_t skip(struct http_chunks *c, size_t n)
{
    size_t part = c->left < n ? (size_t)c->left : n;

    assert(c->left > 0);
    c->left -= part;
    if (c->left > 0)
        return part;
    if (c->state == HTTP_CHUNKS_DATA)
        c->state = HTTP_CHUNKS_SIZE;
    else
        next_request(c);
    return part;
}

void http_chunks_look(struct http_chunks *c, char *bytes, size_t n)
{
    for (size_t i = 0; i < n && c->state != HTTP_CHUNKS_OFF;) {
        switch (c->state) {
        case HTTP_CHUNKS_DATA:
        case HTTP_CHUNKS_BODY:
            i += skip(c, n - i);
            continue;
        case HTTP_CHUNKS_SIZE:
            take_size_byte(c, &bytes[i]);
            break;
        case HTTP_CHUNKS_BEHIND:
            if (bytes[i] == '\n')
                end_of_size(c);
            break;
        default:
            take_line_byte(c, bytes[i]);
        }
        i++;
    }
}
