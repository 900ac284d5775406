/* Writing HTML: the one escaping function, and the few pieces that all pages share. */
#ifndef PAGE_HTML_H
#define PAGE_HTML_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/field.h"
#include "tocsin/page.h"

/* Text or the value of an attribute in double quotes. Bytes that are not UTF-8 and control
 * characters become U+FFFD. NULL writes nothing. */
void html_text(struct buf *b, const char *s);
/* One segment of a path or one value of a query. */
void html_url(struct buf *b, const char *s);
/* A link where `url` is http or https, else its text. */
void html_link(struct buf *b, const char *url);
/* <time>08:00:00 · 4m ago</time> of an RFC 3339 text; nothing for NULL. */
void html_time(struct buf *b, const struct page_frame *f, const char *rfc3339);

/* <p class="pair"><b>name</b> value</p>-like lines */
void html_labels(struct buf *b, const cJSON *object);
/* Any JSON, readably: for what is shown as it is. At most 12 deep and 64 KiB. */
void html_json(struct buf *b, const cJSON *v);

/* Reading the data; NULL, "" or 0 where it is not there. */
const char *data_time(const cJSON *o, const char *key);                      /* NULL when missing */
void html_count(struct buf *b, double n, const char *one, const char *many); /* "3 alerts" */

/* Head and menu; end of the page. `refresh_s`: the page loads itself anew, 0: never. */
void page_begin(struct buf *b, const struct page_frame *f, const char *title, int refresh_s);
void page_end(struct buf *b);
/* <form …> with the CSRF token; `action` is escaped. */
void form_begin(struct buf *b, const struct page_frame *f, const char *action);
/* The field for who acts, where no token says it. */
void form_who(struct buf *b, const struct page_frame *f, const char *value);

#endif
