#include "roster/duty.h"

void duty_add(struct roster_on_call *o, const struct roster_person *p, const char *via_kind,
              const char *via_name)
{
    if (duty_of(o, p))
        return;
    if (o->n == ROSTER_DUTY_MAX) {
        o->left_out++;
        return;
    }
    o->list[o->n++] = (struct roster_duty){.person = p, .via_kind = via_kind, .via_name = via_name};
}

struct roster_duty *duty_of(struct roster_on_call *o, const struct roster_person *p)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->list[i].person == p)
            return &o->list[i];
    return NULL;
}

bool duty_same(const struct roster_on_call *a, const struct roster_on_call *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        size_t k = 0;

        while (k < b->n && b->list[k].person != a->list[i].person)
            k++;
        if (k == b->n)
            return false;
    }
    return true;
}
