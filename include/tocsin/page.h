/* The pages: pure functions from the API's JSON (docs/api.md) to HTML.
 *
 * No page needs a script, none loads anything from elsewhere. Everything that comes from outside
 * is escaped by one function. Forms post to the page's own paths with the frame's CSRF token; a
 * GET never changes anything, since mail scanners follow links. */
#ifndef TOCSIN_PAGE_H
#define TOCSIN_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct cJSON;

/* What every page needs beside its data; all borrowed. */
struct page_frame {
    const char *path;   /* of this page, for the menu */
    const char *who;    /* name of the token, "" where there are none: forms then ask */
    bool may_respond;   /* forms are shown */
    const char *csrf;   /* token that the forms carry */
    const char *notice; /* one line on top ("Acknowledged."), NULL: none */
    int64_t now_ms;
};

/* Content-Security-Policy of all pages: nothing but the own style sheet and forms. */
#define PAGE_CSP                                                                  \
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; " \
    "frame-ancestors 'none'"
extern const char page_style[]; /* /style.css */

/* {"status":…, "incidents":[open ones], "ended":[the last ones], "silences":[active ones],
 * "broken":[rules]} */
void page_overview(struct buf *out, const struct page_frame *f, const struct cJSON *data);
/* GET explain?incident=N */
void page_incident(struct buf *out, const struct page_frame *f, const struct cJSON *data);
/* What a silence would do, and the form that confirms it: {"action":path, "back":path,
 * "matchers":[{"text","on":bool}], "for":"4h", "comment", "by", "preview":{…}|null,
 * "error":text|null}. */
void page_preview(struct buf *out, const struct page_frame *f, const struct cJSON *data);
void page_inbox(struct buf *out, const struct page_frame *f, const struct cJSON *data);
void page_silences(struct buf *out, const struct page_frame *f, const struct cJSON *data);
/* {"rules":[…], "rejected":[…]} */
void page_rules(struct buf *out, const struct page_frame *f, const struct cJSON *data);
/* A page of one sentence: not found, refused, not possible now. */
void page_message(struct buf *out, const struct page_frame *f, const char *title, const char *text);

#endif
