/* Guard rails of a silence: what it would hold, and who has to have seen that. */
#ifndef TOCSIN_NOTIFY_SILENCE_RAILS_H
#define TOCSIN_NOTIFY_SILENCE_RAILS_H

#include "base/err.h"
#include "tocsin/notify.h"

/* What it would hold. Cost: all alerts of open incidents, and the starts of the last week. */
void silence_preview(const struct notify *n, const struct silence *s, struct silence_preview *p);
/* Rails that stand whatever is confirmed, and those that give way to who has seen the count. */
int silence_hard_rails(struct notify *n, const struct silence *s, const struct silence_request *r,
                       const struct actor *a, struct err *e) MUST_USE;
int silence_soft_rails(struct notify *n, const struct silence_preview *p,
                       const struct silence_request *r, const struct actor *a,
                       struct err *e) MUST_USE;

#endif
