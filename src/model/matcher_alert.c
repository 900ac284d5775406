#include "model/matcher_alert.h"

#include <assert.h>
#include <string.h>

#include "model/rule_def.h"

void alert_subject(struct alert_subject *s, const struct label *l, size_t n, int priority)
{
    bool has_priority = false;

    s->n = 0;
    for (size_t i = 0; i < n && s->n < 2 * LABELS_MAX + 6; i++) {
        s->l[s->n++] = l[i];
        has_priority = has_priority || strcmp(l[i].name, "priority") == 0;
    }
    if (!has_priority && priority > 0)
        s->l[s->n++] = label_of("priority", priority_name(priority));
    if (labels_sort(s->l, s->n) < 0)
        assert(0 && "labels of an alert are distinct");
}

bool matchers_allow(struct matcher *const *m, size_t n, const struct label *l, size_t n_labels,
                    int priority)
{
    struct alert_subject s;
    bool plain = true;

    for (size_t i = 0; i < n && plain; i++)
        plain = strcmp(matcher_name(m[i]), "priority") != 0;
    if (plain)
        return matchers_test_labels(m, n, l, n_labels);
    alert_subject(&s, l, n_labels, priority);
    return matchers_test_labels(m, n, s.l, s.n);
}

int matcher_index_candidates(const struct matcher_index *ix, const struct label *l, size_t n,
                             int priority, struct matcher_candidates *out)
{
    struct alert_subject s;

    alert_subject(&s, l, n, priority);
    return matcher_index_find(ix, s.l, s.n, out);
}
