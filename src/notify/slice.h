/* A slice of work over many alerts: what is left when it is over goes on in the next turn of the loop. */
#ifndef TOCSIN_NOTIFY_SLICE_H
#define TOCSIN_NOTIFY_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify/notify_impl.h"

#define SLICE_NS   UINT64_C(5000000)
#define CLOCK_EACH 16 /* looks; one takes 0.1 us, with a hostile expression 300 */

struct slice {
    struct clock *clock; /* NULL: there is no loop, and no end */
    uint64_t until_ns;
    size_t looks, most;
};

static inline struct slice slice_of(const struct notify *n)
{
    struct slice s = {.most = n->o.looks_a_turn ? n->o.looks_a_turn : SIZE_MAX};

    if (!n->o.loop)
        return s;
    s.clock = n->o.clock;
    s.until_ns = clock_mono_ns(n->o.clock) + SLICE_NS;
    return s;
}

/* Before each look at an alert: true when it has to wait for the next slice. */
static inline bool slice_over(struct slice *s)
{
    if (!s->clock)
        return false;
    if (s->looks < s->most && ++s->looks % CLOCK_EACH == 0 &&
        clock_mono_ns(s->clock) >= s->until_ns)
        s->most = s->looks; /* from now on */
    return s->looks >= s->most;
}

#endif
