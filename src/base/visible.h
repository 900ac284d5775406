/* Texts of strangers where people read them: nothing in them moves a cursor, turns the direction of
 * writing, or looks like a line of ours.
 *
 * What is hostile: control characters (C0, DEL, C1), line and paragraph separators, overrides and isolates
 * of direction (Unicode TR 36, "Trojan Source"), bytes that are no UTF-8. Each sink has its function and
 * its own form of escape: here terminal and log, html_text() the page, mime_header() mail. */
#ifndef TOCSIN_BASE_VISIBLE_H
#define TOCSIN_BASE_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Length of what is hostile at `s` (n > 0), 0: the character there may be shown as it is. */
size_t visible_hostile(const char *s, size_t n);

/* Appends a text that stands within one line: what is hostile as \n, \t, \x1b, \u202e. At most four
 * times as long, and 6 for 3 bytes. */
void visible_line(struct buf *out, const char *s, size_t n);
/* The same, but newlines and tabs stay: for a page of lines that are ours, whose parts went through
 * visible_line(). */
void visible_lines(struct buf *out, const char *s, size_t n);
/* JSON (well-formed): what it may hold raw and a terminal would obey, as \u escapes of the same value. */
void visible_json(struct buf *out, const char *s, size_t n);

#endif
