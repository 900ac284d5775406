/* Matchers on alerts: their priority is matched as the label of that name. */
#ifndef MODEL_MATCHER_ALERT_H
#define MODEL_MATCHER_ALERT_H

#include <stdbool.h>

#include "model/labels.h"
#include "model/matcher.h"
#include "model/matcher_index.h"

/* An alert's labels, with `priority` among them; views. */
struct alert_subject {
    struct label l[2 * LABELS_MAX + 8];
    size_t n;
};
/* Labels include severity; `priority` 0: it has none. */
void alert_subject(struct alert_subject *s, const struct label *l, size_t n, int priority);
/* All match. */
bool matchers_allow(struct matcher *const *m, size_t n, const struct label *l, size_t n_labels,
                    int priority);
/* The lists that may match such an alert. -1: no memory. */
int matcher_index_candidates(const struct matcher_index *ix, const struct label *l, size_t n,
                             int priority, struct matcher_candidates *out) MUST_USE;

#endif
