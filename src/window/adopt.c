/* The first window of a new rule: other windows were filled from the journal with its leaf alone,
 * and are joined with what has come in since.
 *
 * A reload may bring a hundred thousand leaves over a million series, which in one go held the loop for more
 * than a second. So it is done in slices, and blocks are held back until all is joined (app/fill.c): tracks,
 * which say where each series goes on, are taken over for all leaves at once, and a block between two leaves
 * would move them past what the later one has yet to take. Joining each leaf by itself, with its own series,
 * was dropped for that, and because it would walk the series once a leaf. */
#include <assert.h>

#include "window/kind.h"
#include "window/windows.h"

/* Goes on where the other windows stopped: a series that these windows had no track of, or an
 * older one, would lose the increment in between. */
static void adopt_track(struct windows *w, uint32_t id, const struct track *from,
                        const struct recent *times)
{
    struct recent *recent;
    struct track *t;
    uint64_t ends = 0;
    uint32_t use;

    if (id >= w->rebind_next)
        (void)rebind_series(w, id);
    use = use_of(w, id);
    if (use == USE_NEVER)
        use = bind_series(w, id, true);
    if (use < USE_TRACK)
        return;
    t = track_at(w, use);
    if (track_time(t) > track_time(from))
        return;
    if (track_time(t) != 0)
        ends = t->when & TRACK_MARKED; /* its source has counted them here */
    t->v = from->v;
    t->when = (from->when & ~TRACK_MARKED) | ends;
    t->steps = from->steps;
    recent = recent_at(w, use);
    if (recent && times)
        *recent = *times;
    else if (recent)
        recent_init(recent, t);
}

static const struct recent *recent_of(const struct windows *w, uint32_t use)
{
    bool kept = plan_at(&w->plans, track_at(w, use)->plan)->places_values;

    return kept ? recent_at(w, use) : NULL;
}

static bool adopt_tracks(struct windows *w, const struct windows *from, struct windows_adoption *a,
                         size_t *most)
{
    for (uint32_t end = series_end(w->series); a->at < end;) {
        uint32_t id = (uint32_t)a->at, page = id / USE_PAGE, use;
        size_t cost;

        if (id % USE_PAGE == 0 && (page >= from->n_use || !from->use[page])) {
            a->at += USE_PAGE;
            continue;
        }
        if (*most == 0)
            return false;
        use = use_of(from, id);
        if (use >= USE_TRACK)
            adopt_track(w, id, track_at(from, use), recent_of(from, use));
        cost = use >= USE_TRACK ? BIND_COST : 1;
        *most -= *most < cost ? *most : cost;
        a->at++;
    }
    return true;
}

static int adopt_group(struct windows *w, struct leaf *l, const struct leaf *other, uint32_t slot)
{
    const struct slot *from = leaf_slot(other, slot);
    int64_t ended_ms;
    uint32_t into;

    labelset_ref(w->labels, other->labels[slot]);
    into =
        leaf_group_take(w, l, other->labels[slot], other->owner ? other->owner[slot] : SERIES_NONE);
    if (into == SLOT_NONE || slot_merge(w, l, leaf_slot(l, into), other, from) != 0)
        return -1;
    if (l->kind->wants_stale && windows_group_life(w, l->id, into, &ended_ms) == GROUP_ENDED)
        slot_flag(leaf_slot(l, into), SLOT_STALE);
    if (leaf_slot(l, into)->flags & SLOT_HIDDEN && leaf_slot(l, into)->newest_ms > 0)
        leaf_group_show(w, l, into);
    if (l->since && other->since[slot] < l->since[into])
        leaf_group_began(l, into, other->since[slot]);
    return 0;
}

static bool is_live(const struct leaf *l, uint32_t slot)
{
    return l->labels[slot] != LABELSET_NONE && !(leaf_slot(l, slot)->flags & SLOT_HIDDEN);
}

/* Of one leaf, from a->slot on; false: the slice is over. */
static bool adopt_leaf(struct windows *w, struct leaf *l, const struct leaf *other,
                       struct windows_adoption *a, size_t *most)
{
    assert(other->moved_ms == l->moved_ms);
    for (; a->slot < other->n_slots; a->slot++) {
        if (*most == 0)
            return false;
        *most -= *most < BIND_COST ? *most : BIND_COST;
        if (is_live(other, a->slot) && adopt_group(w, l, other, a->slot) != 0) {
            a->short_of_memory = true;
            return true;
        }
    }
    if (other->since_ms < l->since_ms)
        l->since_ms = other->since_ms;
    l->fresh = false;
    return true;
}

static bool adopt_groups(struct windows *w, const struct windows *from, struct windows_adoption *a,
                         size_t *most)
{
    for (; a->at < a->n; a->at++, a->slot = 0) {
        if (*most == 0)
            return false;
        *most -= *most < LEAF_COST ? *most : LEAF_COST;
        if (!adopt_leaf(w, w->leaves[a->to[a->at]], from->leaves[a->leaves[a->at]], a, most))
            return false;
    }
    return true;
}

enum stage { STAGE_FIND, STAGE_GIVE, STAGE_END_WAIT, STAGE_TRACKS, STAGE_GROUPS, STAGES };

static bool work(struct windows *w, struct windows *from, struct windows_adoption *a, size_t *most)
{
    switch ((enum stage)a->stage) {
    case STAGE_FIND:
        return seam_find(w, a, most);
    case STAGE_GIVE:
        return seam_give(w, from, a, most);
    case STAGE_END_WAIT:
        return seam_end_all(w, a, most);
    case STAGE_TRACKS:
        return adopt_tracks(w, from, a, most);
    case STAGE_GROUPS:
        return adopt_groups(w, from, a, most);
    case STAGES:
        break;
    }
    return true;
}

bool windows_adopt_some(struct windows *w, struct windows *from, struct windows_adoption *a,
                        size_t most)
{
    assert(from->stepped_ms == w->stepped_ms && most > 0);
    if (w->dirty)
        rebind_begin(w);
    for (; a->stage < STAGES; a->stage++, a->at = 0)
        if (!work(w, from, a, &most))
            return false;
    return true;
}

int windows_adopt(struct windows *w, struct windows *from, const leaf_id *to, const leaf_id *leaves,
                  size_t n, struct err *e)
{
    struct windows_adoption a = {.to = to, .leaves = leaves, .n = n};

    while (!windows_adopt_some(w, from, &a, SIZE_MAX))
        continue;
    return a.short_of_memory ? err_set(e, ERR_MEMORY, "no memory for the groups of an adopted leaf")
                             : 0;
}
