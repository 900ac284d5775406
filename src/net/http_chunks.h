/* Chunk lines, brought into the one form that evhttp reads right.
 *
 *   POST /x HTTP/1.1        1a;name=value\r\n        0x1a\r\n
 *   Transfer-Encoding:      ^^ size  ^ extension     ^^ no size
 *     chunked
 *
 * RFC 9112, 7.1: a chunk's size is hex digits only, and extensions are allowed behind it. evhttp reads
 * the size as C does (0x1a, +1a, -1 pass for numbers) and refuses extensions. What arrives is looked
 * at as it arrives, in place: the sign in front of an extension becomes a space, which ends the size
 * for evhttp; a byte that no size has becomes one that evhttp refuses.
 *
 * Only a request whose framing is beyond doubt is touched: POST, PUT or PATCH with one
 * `Transfer-Encoding: chunked` and no Content-Length. Whatever else a head says, the rest of the
 * connection is left as it is, and http_request.c judges it. */
#ifndef NET_HTTP_CHUNKS_H
#define NET_HTTP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_CHUNKS_LINE 64 /* bytes of a head's line that are looked at */

enum http_chunks_state {
    HTTP_CHUNKS_HEAD,    /* lines of the head */
    HTTP_CHUNKS_SIZE,    /* a chunk's size */
    HTTP_CHUNKS_BEHIND,  /* the rest of that line */
    HTTP_CHUNKS_DATA,    /* `left` bytes of data */
    HTTP_CHUNKS_TRAILER, /* lines behind the last chunk */
    HTTP_CHUNKS_BODY,    /* `left` bytes of a body with a length */
    HTTP_CHUNKS_OFF,     /* nothing is touched any more */
};

struct http_chunks {
    enum http_chunks_state state;
    char line[HTTP_CHUNKS_LINE]; /* lower case, of a head or trailer */
    size_t len;                  /* of the line; may be beyond what is kept */
    bool first;                  /* the next line of the head is the request line */
    bool may_have_body, chunked, sized;
    uint64_t left;
    unsigned digits;
};

void http_chunks_init(struct http_chunks *c);
/* Looks at the next `n` bytes of the connection, and changes some in place. O(1) per body with a
 * length or chunk of data, O(n) for heads and chunk lines. */
void http_chunks_look(struct http_chunks *c, char *bytes, size_t n);

#endif
