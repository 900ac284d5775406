/* Forgetting: groups without data, series without samples.
 * A few at a time, in the order of their numbers, going on where the last call stopped, so that the loop
 * never waits for it. A heap by age was dropped: every sample would move its series in it, and whether
 * something is forgotten a minute sooner does not matter. A series lives for as long as the longest window
 * that looks at it. */
#include <string.h>

#include "window/kind.h"
#include "window/windows.h"

#define SERIES_TTL_MS INT64_C(3600000)

static void expire_group(struct windows *w, struct leaf *l, uint32_t slot, int64_t now_ms)
{
    struct slot *s;

    if (l->labels[slot] == LABELSET_NONE)
        return;
    s = leaf_slot(l, slot);
    if (!(s->flags & SLOT_HIDDEN) && now_ms - leaf_wall_ms(l, s->newest_ms) > l->ttl_ms)
        leaf_group_forget(w, l, slot);
}

/* One round over all groups of all leaves; true when it is over. */
static bool expire_groups(struct windows *w, int64_t now_ms, size_t *budget)
{
    for (; w->expire_leaf < w->n_leaves; w->expire_leaf++, w->expire_slot = 0) {
        struct leaf *l = w->leaves[w->expire_leaf];

        if (!l || l->dead)
            continue;
        for (; w->expire_slot < l->n_slots; w->expire_slot++, --*budget) {
            if (*budget == 0)
                return false;
            expire_group(w, l, w->expire_slot, now_ms);
        }
    }
    w->expire_leaf = 0;
    w->expire_slot = 0;
    return true;
}

static int64_t series_ttl_ms(const struct windows *w, uint32_t use)
{
    int64_t ttl = SERIES_TTL_MS;
    const struct plan *p;

    if (use < USE_TRACK)
        return ttl;
    p = plan_at(&w->plans, track_at(w, use)->plan);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct leaf *l = w->leaves[p->e[i].leaf_row % LEAVES_MAX];

        if (!l->dead && l->ttl_ms > ttl)
            ttl = l->ttl_ms;
    }
    return ttl;
}

static void expire_one_series(struct windows *w, uint32_t id, int64_t now_ms,
                              void (*forgotten)(uint32_t series, void *arg), void *arg)
{
    struct series *s = series_get(w->series, id);
    uint32_t use = use_of(w, id);

    if (!s)
        return;
    if (s->seen_min == 0) /* known from a dictionary, no sample yet: its time begins now */
        s->seen_min = (uint32_t)(now_ms / 60000);
    if (now_ms - (int64_t)s->seen_min * 60000 <= series_ttl_ms(w, use) + 60000)
        return;
    if (forgotten)
        forgotten(id, arg);
    if (use >= USE_TRACK)
        track_free(w, use);
    if (use != USE_NEVER)
        w->use[id / USE_PAGE][id % USE_PAGE] = USE_NEVER;
    series_forget(w->series, id);
}

static bool expire_series(struct windows *w, int64_t now_ms, size_t *budget,
                          void (*forgotten)(uint32_t series, void *arg), void *arg)
{
    uint32_t end = series_end(w->series);

    for (; w->expire_series < end; w->expire_series++, --*budget) {
        if (*budget == 0)
            return false;
        expire_one_series(w, w->expire_series, now_ms, forgotten, arg);
    }
    w->expire_series = 0;
    return true;
}

/* Pages of series that are all forgotten, and will stay so: ids are not used again. */
static void drop_use_page(struct windows *w, size_t page)
{
    for (size_t i = 0; i < USE_PAGE; i++)
        if (w->use[page][i] != USE_NEVER)
            return;
    wmem_free(&w->mem, w->use[page], USE_PAGE * sizeof(uint32_t));
    w->use[page] = NULL;
}

static void drop_use_pages(struct windows *w)
{
    for (size_t page = 0; page < w->n_use; page++)
        if (w->use[page] && (page + 1) * USE_PAGE <= series_end(w->series))
            drop_use_page(w, page);
}

void windows_expire(struct windows *w, int64_t now_ms, size_t budget,
                    void (*forgotten)(uint32_t series, void *arg), void *arg)
{
    size_t left = budget;

    if (!w->expire_in_series)
        w->expire_in_series = expire_groups(w, now_ms, &left);
    if (w->expire_in_series && expire_series(w, now_ms - w->stepped_ms, &left, forgotten, arg)) {
        w->expire_in_series = false;
        drop_use_pages(w);
    }
    if (w->refused)
        w->dirty = true; /* looks before the next block whether there is room again */
    rebind_walk(w, budget);
}

void windows_reset(struct windows *w)
{
    for (size_t page = 0; page < w->n_use; page++) {
        for (size_t i = 0; w->use[page] && i < USE_PAGE; i++) {
            if (w->use[page][i] >= USE_TRACK)
                track_free(w, w->use[page][i]);
            w->use[page][i] = USE_NEVER;
        }
    }
    for (size_t i = 0; i < w->n_leaves; i++) {
        struct leaf *l = w->leaves[i];

        if (l && !l->dead) {
            l->since_ms = l->made_ms;
            l->fresh = true;
        }
        for (uint32_t slot = 0; l && !l->dead && slot < l->n_slots; slot++)
            if (l->labels[slot] != LABELSET_NONE)
                leaf_group_forget(w, l, slot);
    }
    if (w->cap_sources)
        memset(w->sources, 0, w->cap_sources * sizeof *w->sources);
    w->n_kept = 0;
    w->log_clock = (struct source_clock){0};
    w->heard_ms = 0;
    w->replaying = false;
    windows_clear_touched(w);
}
