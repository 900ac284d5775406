/* Mail as bytes: headers (RFC 5322, RFC 2047) and a body of text and HTML (RFC 2046,
 * quoted-printable as RFC 2045 has it). */
#ifndef TOCSIN_DELIVER_MIME_H
#define TOCSIN_DELIVER_MIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* "Name: value" with CRLF; values that are not ASCII are encoded in words, line breaks in them
 * become spaces (a header cannot be smuggled in). */
void mime_header(struct buf *out, const char *name, const char *value);
void mime_date(struct buf *out, int64_t at_ms);
void mime_quoted_printable(struct buf *out, const char *s, size_t n);
/* multipart/alternative of text and HTML (`html` may be NULL: text alone). */
void mime_alternative(struct buf *out, const char *boundary, const char *text, const char *html);

#endif
