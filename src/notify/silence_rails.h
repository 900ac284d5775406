/* Guard rails of a silence: what it would hold, and who has to have seen that. */
#ifndef TOCSIN_NOTIFY_SILENCE_RAILS_H
#define TOCSIN_NOTIFY_SILENCE_RAILS_H

#include "base/err.h"
#include "tocsin/notify.h"

/* What follows from the figures that were counted. */
void silence_finish_preview(const struct notify *n, const struct silence *s,
                            struct silence_preview *p);
/* What it would hold, in one turn. Cost: that of a count (silence_count.h). */
void silence_preview(struct notify *n, const struct silence *s, struct silence_preview *p);
/* Rails that stand whatever is confirmed, and those that give way to who has seen the count. */
int silence_hard_rails(struct notify *n, const struct silence *s, const struct silence_request *r,
                       const struct actor *a, struct err *e) MUST_USE;
int silence_soft_rails(struct notify *n, const struct silence_preview *p,
                       const struct silence_request *r, const struct actor *a,
                       struct err *e) MUST_USE;

#endif
