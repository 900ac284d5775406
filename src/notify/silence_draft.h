/* A wish for a silence made into one. */
#ifndef TOCSIN_NOTIFY_SILENCE_DRAFT_H
#define TOCSIN_NOTIFY_SILENCE_DRAFT_H

#include "base/err.h"
#include "tocsin/notify.h"

/* Everything of a silence but its ids; silence_free() it. NULL with `e`. */
struct silence *silence_draft(struct notify *n, const struct silence_request *r,
                              const struct actor *a, struct err *e);

#endif
