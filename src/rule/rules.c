#include <string.h>

#include "base/map.h"
#include "rule/rules.h"

const struct rules_context *rules_context(const struct rules *e)
{
    return &e->c;
}

size_t rules_count(const struct rules *e)
{
    return e->n;
}

const struct rule *rules_at(const struct rules *e, size_t i)
{
    return e->order[i];
}

struct rule *rules_find(const struct rules *e, const char *name)
{
    if (e->by_name)
        return map_gets(e->by_name, name);
    for (size_t i = 0; i < e->n || i < e->exchange.n_next; i++)
        if (!e->order[i]->leaving && strcmp(e->order[i]->d->name, name) == 0)
            return e->order[i];
    return NULL;
}
