#include "app/own_alerts.h"

#include "base/mem.h"

static int fill(struct own_alert *a, const struct rule_def *d)
{
    struct label *labels = mem_alloc((d->n_labels + 1) * sizeof *labels);

    if (!labels)
        return -1;
    *a = (struct own_alert){
        .name = d->name, .labels = labels, .by = d->keys.names, .n_by = d->keys.n};
    if (d->team)
        labels[a->n_labels++] = label_of("team", d->team);
    for (size_t i = 0; i < d->n_labels; i++)
        labels[a->n_labels++] = label_of(d->labels[i].name, d->labels[i].value);
    return 0;
}

struct own_alert *own_alerts_new(const struct rulefile *own, size_t *n)
{
    struct own_alert *list;

    *n = rulefile_count(own);
    list = mem_zalloc((*n + 1) * sizeof *list);
    for (size_t i = 0; list && i < *n; i++)
        if (fill(&list[i], rulefile_rule(own, i)) < 0) {
            own_alerts_free(list, i);
            return NULL;
        }
    return list;
}

void own_alerts_free(struct own_alert *list, size_t n)
{
    for (size_t i = 0; list && i < n; i++)
        mem_free((void *)list[i].labels);
    mem_free(list);
}
