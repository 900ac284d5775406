/* Mail as bytes: headers (RFC 5322, RFC 2047) and a body of text and HTML (RFC 2046,
 * quoted-printable as RFC 2045 has it). Every line ends with CRLF and has at most 998 bytes. Pure;
 * a failed allocation marks `out`. */
#ifndef CHANNEL_MIME_H
#define CHANNEL_MIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* "Name: value". A value that is not ASCII, or too long for a line, is encoded in words of at most
 * 75 bytes in lines of at most 76 (RFC 2047), none of which cuts a character; others are folded at
 * spaces behind 78. Control characters become spaces (a header cannot be smuggled in). */
void mime_header(struct buf *out, const char *name, const char *value);
/* "Name: Ana <ana@example.com>, bo@example.com", one address a line. Only the names before <…> are
 * encoded, since an address inside an encoded word is none, and quoted where they need it: one
 * entry of the list is one address. */
void mime_addresses(struct buf *out, const char *name, const char *const *list, size_t n);
/* The address of "Ana <ana@example.com>", or all of it: what an envelope takes. */
#define MIME_ADDRESS_LEN 324 /* RFC 5321: 64 before the @, 255 behind it, and the NUL */
void mime_bare_address(const char *s, char out[MIME_ADDRESS_LEN]);
void mime_date(struct buf *out, int64_t at_ms);
/* Line ends in `s` are LF or CRLF. No line that comes out starts with a point (SMTP's end) or with
 * a minus (a boundary's start), so no text can end the mail or its part. */
void mime_quoted_printable(struct buf *out, const char *s, size_t n);
/* multipart/alternative of text and HTML (`html` may be NULL: text alone). */
void mime_alternative(struct buf *out, const char *boundary, const char *text, const char *html);

#endif
