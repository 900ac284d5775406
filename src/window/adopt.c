/* The first window of a new rule: other windows were filled from the journal with its leaf alone,
 * and are joined with what has come in since. */
#include <assert.h>

#include "window/kind.h"
#include "window/windows.h"

static int refuse(struct err *e)
{
    return err_set(e, ERR_MEMORY, "no memory for the groups of an adopted leaf");
}

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

static void adopt_tracks(struct windows *w, const struct windows *from)
{
    uint32_t end = series_end(w->series);

    for (uint32_t id = 0; id < end; id++) {
        uint32_t use = use_of(from, id);

        if (use >= USE_TRACK)
            adopt_track(w, id, track_at(from, use), recent_of(from, use));
    }
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

static int adopt_groups(struct windows *w, struct leaf *l, const struct leaf *other)
{
    for (uint32_t slot = 0; slot < other->n_slots; slot++) {
        if (other->labels[slot] == LABELSET_NONE || leaf_slot(other, slot)->flags & SLOT_HIDDEN)
            continue;
        if (adopt_group(w, l, other, slot) != 0)
            return -1;
    }
    if (other->since_ms < l->since_ms)
        l->since_ms = other->since_ms;
    return 0;
}

int windows_adopt(struct windows *w, struct windows *from, const leaf_id *to, const leaf_id *leaves,
                  size_t n, struct err *e)
{
    int rc = 0;

    assert(from->stepped_ms == w->stepped_ms);
    if (w->dirty)
        rebind_begin(w);
    seam_give(w, to, n, from);
    adopt_tracks(w, from);
    for (size_t i = 0; i < n; i++) {
        struct leaf *l = w->leaves[to[i]];
        const struct leaf *other = from->leaves[leaves[i]];

        assert(other->moved_ms == l->moved_ms);
        if (adopt_groups(w, l, other) != 0)
            rc = refuse(e);
        else
            l->fresh = false;
    }
    return rc;
}
