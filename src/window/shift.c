/* The clock has stepped: windows keep how long ago things were, and only call the instants by other
 * names. So they have times of their own, which no step touches: what comes from outside is brought
 * into them, what is asked for out of them. A step costs one addition for each leaf.
 *
 * Panes must end where ticks lie, so a leaf is moved by whole ones. The rest of all steps together,
 * less than a pane, is taken into the past, so that many small ones lose no more than a large one. */
#include <assert.h>

#include "base/clock.h"
#include "window/windows.h"

void leaf_move(const struct windows *w, struct leaf *l)
{
    int64_t pane_ms = (int64_t)l->pane.d * 1000;

    l->moved_ms = whole_of(w->stepped_ms, pane_ms) * pane_ms;
    assert(l->moved_ms <= w->stepped_ms && l->moved_ms > w->stepped_ms - pane_ms);
}

/* Bound: all leaves; only for steps of the clock. */
void windows_shift(struct windows *w, int64_t by_ms)
{
    w->stepped_ms += by_ms;
    clock_move(&w->heard_ms, by_ms);
    for (size_t i = 0; i < w->n_leaves; i++) {
        struct leaf *l = w->leaves[i];

        if (!l || l->dead)
            continue;
        leaf_move(w, l);
        clock_move(&l->made_ms, by_ms);
        clock_move(&l->since_ms, by_ms);
    }
}
