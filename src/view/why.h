/* The words of an explanation: what is compared with what, how long it has held, and why nothing
 * fires. */
#ifndef VIEW_WHY_H
#define VIEW_WHY_H

#include "tocsin/view.h"

/* Lines of what rule_explain() wrote, one for each comparison: "P1: ratio 23.1% > 2%: true". */
void why_lines(struct json *j, const char *levels, size_t len);
/* [{"level","truth","for_ms","lasting_ms","firesAt","text"}]; `a` NULL: nothing is remembered. */
void why_timers(struct json *j, const struct rule_def *d, const struct alert *a, int64_t at_ms);
/* What `when` returned, since when there are no data, the timers; `a` may be NULL. */
void why_timer_lines(struct json *j, struct rule *r, labelset group, const struct alert *a,
                     int64_t at_ms);
/* "warming until 15:04:05: …" where the windows of a group were not seen whole yet. */
void why_warming_line(struct json *j, const struct rule *r, labelset group);
/* Member "whyNot"; `n_groups` match `want`. */
void why_not(const struct view *v, struct json *j, struct rule *r, const struct view_labels *want,
             size_t n_groups);

#endif
