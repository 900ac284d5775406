/* The clock has stepped: windows keep how long ago things were, and only call the instants by other
 * names. Data is not read again for it: the journal may take minutes, and what came a moment ago
 * must count in the next look.
 *
 * A ring moves by whole panes: its cells are turned, since pane k lives in cell k mod n. Times move
 * exactly. The rest, less than a pane, is taken into the past, so that nothing waits in the future. */
#include <assert.h>

#include "window/members.h"
#include "window/quantile.h"
#include "window/ring.h"
#include "window/windows.h"

static void move(int64_t *t_ms, int64_t by_ms)
{
    if (*t_ms > 0)
        *t_ms = *t_ms + by_ms > 0 ? *t_ms + by_ms : 1;
}

static int32_t whole(int64_t by_ms, int64_t unit_ms) /* rounded down */
{
    int64_t n = by_ms / unit_ms;

    return (int32_t)(by_ms % unit_ms < 0 ? n - 1 : n);
}

static void shift_slot(const struct leaf *l, struct slot *s, int64_t by_ms)
{
    int32_t panes = whole(by_ms, (int64_t)l->pane.d * 1000);
    int32_t wide = whole(by_ms, (int64_t)l->sketch.d * 1000);

    if (s->newest_ms == 0 && s->head == 0)
        return;
    if (s->flags & SLOT_SET) {
        members_shift(l, s, wide, whole(by_ms, 1000));
    } else if (l->kind->cell) {
        ring_turn(ring_cells(s), l->kind->cell, l->ring.d, panes);
        s->head = pane_moved(s->head, panes);
    } else if (l->kind == &kind_quantile && dist_of(s)) {
        switch (dist_of(s)->mode) {
        case DIST_RAW:
            raw_shift(l, s, by_ms);
            break;
        case DIST_SKETCH:
            sketch_shift(l, s, wide);
            break;
        default:
            buckets_shift(l, s, panes);
            break;
        }
    }
    move(&s->newest_ms, by_ms);
}

static void shift_series(struct windows *w, int64_t by_ms)
{
    uint32_t end = series_end(w->series);

    for (uint32_t id = 0; id < end; id++) {
        uint32_t use = use_of(w, id);
        struct recent *r;
        struct track *t;
        int64_t t_ms;

        if (use < USE_TRACK)
            continue;
        t = track_at(w, use);
        t_ms = track_time(t);
        move(&t_ms, by_ms);
        t->when = (t->when & ~TRACK_TIME_MASK) | ((uint64_t)t_ms & TRACK_TIME_MASK);
        r = recent_at(w, use);
        for (int i = 0; r && i < RECENT; i++)
            r->t[i] += (uint32_t)by_ms;
    }
}

void windows_shift(struct windows *w, int64_t by_ms)
{
    int32_t later_s = -whole(-by_ms, 1000); /* nothing is said to be covered that is not */

    move(&w->heard_ms, by_ms);
    w->stepped_ms += by_ms;
    shift_series(w, by_ms);
    seam_shift(w, by_ms);
    for (size_t i = 0; i < w->cap_sources; i++) {
        move(&w->sources[i].first_ms, by_ms);
        move(&w->sources[i].second_ms, by_ms);
        move(&w->sources[i].round_ms, by_ms);
    }
    for (size_t i = 0; i < w->n_leaves; i++) {
        struct leaf *l = w->leaves[i];

        if (!l || l->dead)
            continue;
        move(&l->made_ms, by_ms);
        move(&l->since_ms, by_ms);
        l->newest_since = pane_moved(l->newest_since, later_s);
        for (uint32_t slot = 0; slot < l->n_slots; slot++) {
            if (l->labels[slot] == LABELSET_NONE)
                continue;
            shift_slot(l, leaf_slot(l, slot), by_ms);
            if (l->since)
                l->since[slot] = pane_moved(l->since[slot], later_s);
        }
    }
}
