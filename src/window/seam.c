/* The seam between what a new leaf is filled with and what comes meanwhile.
 *
 * Blocks before the leaf was made are read from the journal into other windows, those after it count
 * here. But the first sample of a series that nothing remembered here is only a base: what it grew
 * by is known to the other windows, which have the sample before it. So while a leaf awaits its fill
 * such a sample does not count here; it is kept, and given to the other windows before theirs are
 * taken over. Each series is then cut in two, at one sample, and every step lies on one side.
 *
 * Reading on into the other windows until they have caught up would need no seam, but there is no
 * instant at which they have: blocks come while pages are read, and while Redis is away they are in
 * no page at all. */
#include <assert.h>

#include "window/kind.h"
#include "window/seam.h"
#include "window/windows.h"

bool seam_keep(struct windows *w, const struct plan *p, const struct sample *s)
{
    bool awaits = false;

    for (uint32_t i = 0; i < p->n; i++)
        awaits |= w->leaves[p->e[i].leaf_row % LEAVES_MAX]->awaits;
    if (!awaits ||
        wmem_grow(&w->mem, (void **)&w->kept, &w->cap_kept, w->n_kept + 1, sizeof *w->kept) != 0)
        return false; /* without memory it counts as what it is: a base */
    w->kept[w->n_kept++] = (struct kept){.s = *s, .now_ms = w->now_ms, .block = w->block};
    return true;
}

static bool is_of(const struct leaf *l, const struct kept *k)
{
    return (int32_t)(k->block - l->made_block) > 0;
}

void seam_give(struct windows *w, const leaf_id *leaves, size_t n, struct windows *to)
{
    const struct leaf *first = NULL; /* that awaited: what is before it is of none */

    assert(to->stepped_ms == w->stepped_ms);
    for (size_t i = 0; i < n; i++) {
        const struct leaf *l = w->leaves[leaves[i]];

        if (l->awaits && (!first || (int32_t)(first->made_block - l->made_block) > 0))
            first = l;
    }
    for (size_t i = 0; first && i < w->n_kept; i++) {
        struct sample s = w->kept[i].s;

        if (!is_of(first, &w->kept[i]))
            continue;
        s.t_ms += w->stepped_ms;
        windows_apply(to, w->kept[i].now_ms + w->stepped_ms, &s, 1, NULL, 0);
    }
    windows_clear_touched(to);
    for (size_t i = 0; i < n; i++)
        if (w->leaves[leaves[i]]->awaits)
            seam_end(w, w->leaves[leaves[i]]);
}

void seam_end(struct windows *w, struct leaf *l)
{
    assert(w->n_awaiting > 0 && l->awaits);
    l->awaits = false;
    if (--w->n_awaiting > 0)
        return;
    wmem_free(&w->mem, w->kept, w->cap_kept * sizeof *w->kept);
    w->kept = NULL;
    w->n_kept = w->cap_kept = 0;
    assert(w->n_awaiting == 0);
}

/* The values, as those of series that began with them. */
static void count_here(struct windows *w, struct leaf *l, const struct kept *k)
{
    uint32_t use;
    int64_t wall_ms = (k->s.t_ms < k->now_ms ? k->s.t_ms : k->now_ms) + w->stepped_ms;
    struct step x = {.t_ms = wall_ms,
                     .second = second_of(wall_ms),
                     .v = k->s.v,
                     .weight = 1,
                     .flags = STEP_VALUE};
    const struct plan *p;

    if (k->s.series >= w->rebind_next)
        (void)rebind_series(w, k->s.series);
    use = use_of(w, k->s.series);
    if (use < USE_TRACK)
        return;
    p = plan_at(&w->plans, track_at(w, use)->plan);
    for (uint32_t i = 0; i < p->n; i++)
        if (p->e[i].leaf_row % LEAVES_MAX == l->id)
            (void)windows_add_to_leaf(w, &p->e[i], wall_ms, &x);
}

void windows_leaf_await(struct windows *w, leaf_id leaf)
{
    struct leaf *l = w->leaves[leaf];

    assert(l->fresh);
    if (l->awaits)
        return;
    l->awaits = true;
    l->made_block = w->block;
    w->n_awaiting++;
}

void windows_leaf_settle(struct windows *w, leaf_id leaf)
{
    struct leaf *l = w->leaves[leaf];

    l->fresh = false;
    if (!l->awaits)
        return;
    if (w->dirty)
        rebind_begin(w);
    for (size_t i = 0; i < w->n_kept; i++)
        if (is_of(l, &w->kept[i]))
            count_here(w, l, &w->kept[i]);
    seam_end(w, l);
}
