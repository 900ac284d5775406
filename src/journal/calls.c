#include <assert.h>

#include "base/mem.h"
#include "journal/journal_impl.h"

void journal_call(struct journal *j)
{
    j->calls++;
}

bool journal_returned(struct journal *j)
{
    assert(j->calls > 0);
    j->calls--;
    if (!j->closing)
        return true;
    if (j->calls == 0)
        mem_free(j);
    return false;
}

int64_t journal_now_ms(const struct journal *j)
{
    return clock_wall_ms(j->clock);
}

int64_t journal_mono_ms(const struct journal *j)
{
    return clock_mono_ms(j->clock);
}

void journal_push_soon(struct journal *j)
{
    timer_in(j->push, 0);
}
