#include <assert.h>

#include "journal/journal_impl.h"

void pending_list_add(struct pending_list *l, struct pending *p)
{
    p->next = NULL;
    *(l->last ? &l->last->next : &l->first) = p;
    l->last = p;
    l->n++;
    assert(l->first && l->last == p);
}

struct pending *pending_list_take(struct pending_list *l)
{
    struct pending *p = l->first;

    if (!p)
        return NULL;
    l->first = p->next;
    if (!l->first)
        l->last = NULL;
    assert(l->n > 0);
    l->n--;
    assert((l->n == 0) == (l->first == NULL));
    return p;
}
