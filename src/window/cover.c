/* How much of its window a group has seen.
 *
 * A leaf has seen all that came since it was made, or since the oldest block that was read into it;
 * a group, since its first sample; neither what came while nobody listened. A window that begins
 * earlier is not covered: what it says is less than what was, and no verdict may rest on it. One
 * number a leaf and, where the function looks at a whole window, four bytes a group; the functions
 * of the newest sample need none, since what they say does not depend on what was before. */
#include <assert.h>

#include "window/windows.h"

/* Journals have blocks at least that often while a server runs: it watches itself. */
#define UNHEARD_MIN_MS 15000

int64_t windows_leaf_since_ms(const struct windows *w, leaf_id leaf)
{
    return w->leaves[leaf]->since_ms;
}

bool windows_leaf_is_fresh(const struct windows *w, leaf_id leaf)
{
    return w->leaves[leaf]->fresh;
}

leaf_id windows_next_fresh(const struct windows *w, leaf_id from)
{
    for (size_t i = from; i < w->n_leaves; i++)
        if (w->leaves[i] && !w->leaves[i]->dead && w->leaves[i]->fresh && !w->leaves[i]->asleep)
            return (leaf_id)i;
    return LEAF_NONE;
}

bool windows_covered(const struct windows *w, leaf_id leaf, int64_t from_ms)
{
    const struct leaf *l = w->leaves[leaf];

    return w->covered || (l->since_ms <= from_ms &&
                          (int64_t)leaf_wall_s(l, l->newest_since) * 1000 <= from_ms + 999);
}

int64_t windows_covered_from_ms(const struct windows *w, leaf_id leaf, uint32_t slot)
{
    const struct leaf *l = w->leaves[leaf];
    int64_t from_ms = l->since_ms, began_ms;

    if (w->covered)
        return INT64_MIN;
    if (!l->since || slot >= l->n_slots || l->labels[slot] == LABELSET_NONE)
        return from_ms;
    began_ms = ((int64_t)leaf_wall_s(l, l->since[slot]) - 1) * 1000;
    return began_ms > from_ms ? began_ms : from_ms;
}

/* A quarter of a window that was not seen halves no count and no sum; more may. Cost: one look at
 * each leaf, at the start and for each such gap in a replay. */
static void unheard(struct windows *w, int64_t from_ms, int64_t to_ms)
{
    for (size_t i = 0; i < w->n_leaves; i++) {
        struct leaf *l = w->leaves[i];

        if (l && !l->dead && l->since_ms < to_ms && to_ms - from_ms > l->spec->window_ms / 4)
            l->since_ms = to_ms;
    }
}

void windows_missed(struct windows *w, int64_t from_ms, int64_t to_ms)
{
    assert(from_ms <= to_ms && !w->replaying);
    unheard(w, from_ms, to_ms);
    if (to_ms > w->heard_ms)
        w->heard_ms = to_ms;
}

void windows_heard(struct windows *w, int64_t at_ms, bool replayed)
{
    if (replayed && !w->replaying)
        for (size_t i = 0; i < w->n_leaves; i++)
            if (w->leaves[i] && w->leaves[i]->fresh && w->leaves[i]->since_ms > at_ms)
                w->leaves[i]->since_ms = at_ms;
    w->replaying = replayed;
    if (replayed && w->heard_ms > 0 && at_ms - w->heard_ms > UNHEARD_MIN_MS)
        unheard(w, w->heard_ms, at_ms);
    if (at_ms > w->heard_ms)
        w->heard_ms = at_ms;
    assert(w->heard_ms >= at_ms);
}
