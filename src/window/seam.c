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

static bool is_after(uint32_t made_block, const struct kept *k)
{
    return (int32_t)(k->block - made_block) > 0;
}

static bool take(size_t *most, size_t n)
{
    if (*most == 0)
        return false;
    *most -= *most < n ? *most : n;
    return true;
}

bool seam_find(struct windows *w, struct windows_adoption *a, size_t *most)
{
    for (; a->at < a->n; a->at++) {
        const struct leaf *l = w->leaves[a->to[a->at]];

        if (!take(most, LEAF_COST))
            return false;
        if (!l->awaits || (a->awaited && (int32_t)(a->first_made - l->made_block) <= 0))
            continue;
        a->awaited = true;
        a->first_made = l->made_block; /* what came before it is of none */
    }
    return true;
}

bool seam_give(struct windows *w, struct windows *to, struct windows_adoption *a, size_t *most)
{
    assert(to->stepped_ms == w->stepped_ms);
    for (; a->awaited && a->at < w->n_kept; a->at++) {
        const struct kept *k = &w->kept[a->at];
        struct sample s = k->s;

        if (!take(most, is_after(a->first_made, k) ? BIND_COST : 1))
            return false;
        if (!is_after(a->first_made, k))
            continue;
        s.t_ms += w->stepped_ms;
        windows_apply(to, k->now_ms + w->stepped_ms, &s, 1, NULL, 0);
        windows_clear_touched(to);
    }
    return true;
}

bool seam_end_all(struct windows *w, struct windows_adoption *a, size_t *most)
{
    for (; a->at < a->n; a->at++) {
        if (!take(most, LEAF_COST))
            return false;
        if (w->leaves[a->to[a->at]]->awaits)
            seam_end(w, w->leaves[a->to[a->at]]);
    }
    return true;
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
        if (is_after(l->made_block, &w->kept[i]))
            count_here(w, l, &w->kept[i]);
    seam_end(w, l);
}
