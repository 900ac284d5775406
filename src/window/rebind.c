/* After leaves have come or gone: the series of their metric names are bound anew.
 *
 *   series ids   0 ........ next ........................ end
 *                 as they    with their next sample, or
 *                 should be  when `next` comes by
 *
 * A reload over a million series would hold the loop for a second if they were all bound at once.
 * So each is bound before its next sample is applied, which is when it matters, and `next` moves
 * over the rest a slice at a time, with each block and with windows_expire(); until it is through,
 * plans of silent series name dead leaves, which take nothing. Noting which were bound already was
 * dropped: a series reports once or twice meanwhile, and binding it again changes nothing.
 *
 * Leaves that died before the walk began are freed when it is through: no plan names them then. What
 * changes during a walk begins it anew. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "window/windows.h"

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static bool is_changed(const struct windows *w, uint32_t name)
{
    return w->n_changed > 0 &&
           bsearch(&name, w->changed, w->n_changed, sizeof name, compare_u32) != NULL;
}

/* The symbols of the dirty names, sorted. -1: no memory. Cost: the names that rules look at. */
static int gather_changed(struct windows *w)
{
    const struct name_leaves *l;
    size_t at = 0, len;
    const char *key;

    w->n_changed = 0;
    while ((l = map_next(w->by_name, &at, &key, &len))) {
        uint32_t symbol = l->dirty ? series_name_find(w->series, key, len) : UINT32_MAX;

        if (symbol == UINT32_MAX)
            continue;
        if (mem_grow((void **)&w->changed, &w->cap_changed, w->n_changed + 1, sizeof *w->changed))
            return -1;
        w->changed[w->n_changed++] = symbol;
    }
    if (w->n_changed > 1)
        qsort(w->changed, w->n_changed, sizeof *w->changed, compare_u32);
    return 0;
}

static void all_dirty(struct windows *w)
{
    struct name_leaves *l;
    size_t at = 0;

    while ((l = map_next(w->by_name, &at, NULL, NULL)))
        l->dirty = true;
}

void rebind_begin(struct windows *w)
{
    assert(w->dirty);
    if (w->refused && w->mem.held + w->mem.max / 20 < w->refused_held) {
        all_dirty(w); /* there is room again for groups that were refused */
        w->refused = false;
    }
    if (gather_changed(w) < 0) { /* tried again before the next block */
        w->n_changed = 0;
        return;
    }
    w->dirty = false;
    w->rebind_next = 0;
    w->rebind_end = series_end(w->series);
    w->free_next = 0;
}

/* Names that no leaf looks at any more go; the others are as they should be. */
static void settle_names(struct windows *w)
{
    struct name_leaves *l;
    const char *key;
    size_t at = 0, len;

    while ((l = map_next(w->by_name, &at, &key, &len))) {
        l->dirty = false;
        if (matcher_index_count(l->index) == 0)
            name_leaves_free(map_remove(w->by_name, key, len));
    }
}

bool rebind_series(struct windows *w, uint32_t id)
{
    const struct series *s = series_get(w->series, id);

    if (!s || use_of(w, id) == USE_NEVER || !is_changed(w, s->name))
        return false;
    (void)bind_series(w, id, true);
    return true;
}

/* Moves on over series; false: the budget is used up before their end. */
static bool walk_series(struct windows *w, size_t *budget)
{
    while (w->n_changed > 0 && w->rebind_next < w->rebind_end) {
        uint32_t id = w->rebind_next, page = id / USE_PAGE;
        size_t cost;

        if (*budget == 0)
            return false;
        if (id % USE_PAGE == 0 && (page >= w->n_use || !w->use[page])) {
            w->rebind_next += USE_PAGE;
            continue;
        }
        cost = rebind_series(w, id) ? BIND_COST : 1;
        w->rebind_next++;
        *budget -= *budget < cost ? *budget : cost;
    }
    return true;
}

static bool free_dead(struct windows *w, size_t *budget)
{
    for (; w->free_next < w->n_leaves; w->free_next++) {
        struct leaf *l = w->leaves[w->free_next];

        if (*budget == 0)
            return false;
        if (!l || !l->dead)
            continue;
        leaf_free(w, l);
        w->leaves[w->free_next] = NULL;
        if (w->free_next < w->free_leaf)
            w->free_leaf = w->free_next;
        *budget -= *budget < BIND_COST ? *budget : BIND_COST;
    }
    return true;
}

void rebind_walk(struct windows *w, size_t budget)
{
    if (w->dirty)
        rebind_begin(w);
    if (w->dirty || w->rebind_next == REBIND_DONE || !walk_series(w, &budget) ||
        !free_dead(w, &budget))
        return;
    settle_names(w);
    w->n_changed = 0;
    w->rebind_next = REBIND_DONE;
    assert(!w->dirty);
}
