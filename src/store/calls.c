#include <stdlib.h>

#include "base/mem.h"
#include "store/store_impl.h"

void store_call(struct store *s)
{
    s->calls++;
}

bool store_returned(struct store *s)
{
    s->calls--;
    if (!s->closing)
        return true;
    if (s->calls == 0)
        mem_free(s);
    return false;
}

uint64_t store_seq_of(const struct reply *r)
{
    return r && r->kind == REPLY_TEXT ? strtoull(r->text, NULL, 10) : 0;
}
