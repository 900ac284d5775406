/* Looks: the values of many groups at one instant. Sixty panes of a group are eight cache lines,
 * so what the time goes into is fetching them; groups a few places ahead are fetched while this
 * one is added up. */
#include <assert.h>
#include <math.h>

#include "window/kind.h"
#include "window/windows.h"

#define AHEAD       4 /* groups between two stages of fetching */
#define STAGES      3
#define FETCH_BYTES 1600 /* of a slot with a longer ring the processor sees the stream itself */

static const struct slot *visible(const struct leaf *l, uint32_t slot)
{
    if (slot >= l->n_slots || !l->pages.page[slot >> l->pages.shift])
        return NULL;
    return leaf_slot(l, slot);
}

static void fetch_slot(const struct leaf *l, const struct slot *s)
{
    uint32_t size = l->pages.stride < FETCH_BYTES ? l->pages.stride : FETCH_BYTES;

    for (uint32_t at = 0; at < size; at += 64)
        __builtin_prefetch((const char *)s + at);
}

/* A slot first, then, a few groups later each, what hangs on it. */
static void fetch(const struct leaf *l, const uint32_t *slots, size_t left, const struct span *p)
{
    const struct slot *s;
    size_t reach = l->kind->prefetch ? AHEAD * (STAGES + 1) : AHEAD;

    if (left > reach && (s = visible(l, slots[reach])))
        fetch_slot(l, s);
    for (int stage = 0; l->kind->prefetch && stage < STAGES; stage++) {
        size_t at = AHEAD * (size_t)(STAGES - stage);

        if (left > at && (s = visible(l, slots[at])))
            l->kind->prefetch(l, s, p, stage);
    }
}

void windows_eval(const struct windows *w, leaf_id leaf, int64_t at_ms, const uint32_t *slots,
                  size_t n, double *v, uint8_t *ok)
{
    const struct leaf *l = w->leaves[leaf];
    struct span p = leaf_span(l, at_ms);

    assert(!l->dead);
    for (size_t i = 0; i < n; i++) {
        const struct slot *s = visible(l, slots[i]);

        fetch(l, slots + i, n - i, &p);
        ok[i] = s && !(s->flags & SLOT_HIDDEN) && l->kind->value(l, s, &p, &v[i]) && isfinite(v[i]);
        if (!ok[i])
            v[i] = 0;
    }
}
