/* Alerts as incidents know them: copies, since an alert may be freed once it has ended.
 * A member of each incident that the alert is in, tied together by `next_same`: holds, routes and what was
 * told differ from one to the other. Numbers are given once and never again, so they name a member in the
 * ledger and in Redis. Whoever changes a member touches it, and the next review writes its row; counts by
 * priority are kept beside the members, because a full incident asks them for every newcomer. */
#include "notify/member.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "notify/incident.h"

void member_text(char **to, const char *text, size_t max)
{
    char *copy = NULL;

    if (text && text[0]) {
        size_t len = strlen(text);
        copy = mem_dup(text, len > max ? text_utf8_cut(text, len, max) : len);
        if (!copy)
            return;
    }
    mem_free(*to);
    *to = copy;
}

int member_priority(const struct member *m)
{
    return m->firing || m->worst == 0 ? m->priority : m->worst;
}

int member_order(const struct member *a, const struct member *b)
{
    int pa = member_priority(a), pb = member_priority(b);

    if (a->firing != b->firing)
        return a->firing ? -1 : 1;
    if (pa != pb)
        return pa < pb ? -1 : 1;
    if (a->starts_ms != b->starts_ms)
        return a->starts_ms < b->starts_ms ? -1 : 1;
    return (a->n > b->n) - (a->n < b->n);
}

struct member *member_new(struct incident *inc, const char *key)
{
    struct member *m;

    if (mem_grow((void **)&inc->members, &inc->cap_members, inc->n_members + 1,
                 sizeof *inc->members))
        return NULL;
    m = mem_zalloc(sizeof *m);
    if (!m || !(m->key = mem_strdup(key))) {
        mem_free(m);
        return NULL;
    }
    m->incident = inc;
    m->n = ++inc->next_n;
    assert(inc->n_members == 0 || inc->members[inc->n_members - 1]->n < m->n); /* sorted */
    inc->n_at[0]++;
    inc->members[inc->n_members++] = m;
    return m;
}

void member_touch(struct member *m)
{
    struct incident *inc = m->incident;

    if (m->dirty)
        return;
    assert(!m->next_dirty);
    m->dirty = true;
    m->next_dirty = inc->dirty_members;
    inc->dirty_members = m;
}

void member_free(struct member *m)
{
    mem_free(m->key);
    mem_free(m->origin);
    mem_free(m->labels);
    mem_free(m->annotations);
    mem_free(m->unit_name);
    mem_free(m->end_reason);
    mem_free(m->why);
    mem_free(m->routes);
    mem_free(m);
}

void member_values(struct member *m, const struct alert *a)
{
    m->has_value = a->has_value;
    m->value = a->value;
    if (a->state.firing)
        m->peak = a->peak;
    m->has_threshold = a->has_threshold;
    m->threshold = a->threshold;
    m->unit = a->unit;
    m->nodata_ms = a->state.nodata_ms;
    m->gone_ms = a->state.gone_ms;
    m->suppressed = a->suppressed;
}

void member_set_priority(struct member *m, int priority)
{
    struct incident *inc = m->incident;

    assert(m->priority >= 0 && m->priority <= PRIORITIES && inc->n_at[m->priority] > 0);
    assert(priority >= 0 && priority <= PRIORITIES);
    inc->n_at[m->priority]--;
    m->priority = priority;
    inc->n_at[priority]++;
}

int member_copy(struct member *m, const struct alert *a)
{
    struct label *labels = labels_dup(a->labels, a->n_labels);
    struct rule_pair *annotations = rule_pairs_dup(a->annotations, a->n_annotations);
    const struct rule_def *d = a->rule ? alert_rule_def(a->rule) : NULL;

    if (!labels || !annotations) {
        mem_free(labels);
        mem_free(annotations);
        return -1;
    }
    mem_free(m->labels);
    mem_free(m->annotations);
    m->labels = labels;
    m->n_labels = a->n_labels;
    m->annotations = annotations;
    m->n_annotations = a->n_annotations;
    m->fingerprint = a->fingerprint;
    member_text(&m->origin, a->origin, 256);
    member_text(&m->why, a->why, WHY_MAX);
    if (d)
        member_text(&m->unit_name, d->unit, 32);
    member_values(m, a);
    m->hold_known = false;
    return 0;
}
