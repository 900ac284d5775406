/* Samples into windows.
 *
 * A sample that some leaf needs costs a chain of cache misses: use, track, plan, slot. They are
 * taken for sixteen samples at a time, step by step, so that they overlap. */
#include <math.h>

#include "window/kind.h"
#include "window/quantile.h"
#include "window/windows.h"

#define BATCH            16
#define REBIND_PER_BLOCK 2000 /* series passed over with each block: about 0.1 ms */

static int64_t not_ahead(const struct windows *w, int64_t own_ms)
{
    return own_ms > w->now_ms + AHEAD_MS ? w->now_ms : own_ms;
}

int64_t windows_clamp(struct windows *w, struct source_clock *from, int64_t t_ms)
{
    if (t_ms > 0 && t_ms <= TIME_MAX_MS)
        t_ms = from ? source_time(w, from, t_ms) : t_ms - w->stepped_ms;
    w->stats.future += t_ms > w->now_ms + AHEAD_MS;
    t_ms = not_ahead(w, t_ms);
    if (t_ms <= 0 || t_ms > TIME_MAX_MS) {
        w->stats.late++;
        return 0;
    }
    return t_ms;
}

static inline struct series *series_entry(const struct windows *w, uint32_t id)
{
    const struct series_table *t = w->series;

    if (id / SERIES_PAGE >= t->n_pages || !t->pages[id / SERIES_PAGE])
        return NULL;
    return series_slot(t, id);
}

static void prefetch_slot(const struct windows *w, const struct plan_entry *e, int64_t t_ms)
{
    const struct leaf *l = w->leaves[e->leaf_row % LEAVES_MAX];
    uint32_t second;
    const char *s;

    if (l->dead)
        return;
    s = (const char *)leaf_slot(l, e->slot);
    __builtin_prefetch(s, 1);
    second = second_of(t_ms - l->moved_ms);
    if (l->kind->cell)
        __builtin_prefetch(s + sizeof(struct slot) +
                               (size_t)mod32(l->ring, pane_of(l->pane, second)) * l->kind->cell,
                           1);
}

static void prefetch(const struct windows *w, const struct sample *s, size_t n)
{
    uint32_t use[BATCH];

    for (size_t i = 0; i < n; i++) {
        const struct series *entry = series_entry(w, s[i].series);

        if (entry)
            __builtin_prefetch(entry, 1);
        use[i] = use_of(w, s[i].series);
        if (use[i] >= USE_TRACK)
            __builtin_prefetch(track_at(w, use[i]), 1);
    }
    for (size_t i = 0; i < n; i++)
        if (use[i] >= USE_TRACK)
            __builtin_prefetch(plan_at(&w->plans, track_at(w, use[i])->plan));
    for (size_t i = 0; i < n; i++) {
        const struct plan *p;

        if (use[i] < USE_TRACK)
            continue;
        p = plan_at(&w->plans, track_at(w, use[i])->plan);
        if (p->places_values)
            __builtin_prefetch(recent_at(w, use[i]), 1);
        for (uint32_t j = 0; j < p->n && j < 4; j++)
            prefetch_slot(w, &p->e[j], s[i].t_ms);
    }
}

void step_into(const struct leaf *l, int64_t wall_ms, struct step *x)
{
    int64_t t_ms = wall_ms - l->moved_ms;

    if (x->t_ms == t_ms)
        return;
    x->t_ms = t_ms;
    x->second = second_of(t_ms);
}

bool windows_add_to_leaf(struct windows *w, const struct plan_entry *e, int64_t wall_ms,
                         struct step *x)
{
    struct leaf *l = w->leaves[e->leaf_row % LEAVES_MAX];
    struct slot *s;

    if (l->dead)
        return false;
    s = leaf_slot(l, e->slot);
    step_into(l, wall_ms, x);
    if (x->flags & STEP_STALE && (!l->kind->wants_stale || s->flags & SLOT_HIDDEN))
        return false;
    if (!l->kind->add(w, l, s, x, e->leaf_row >> PLAN_ROW_SHIFT))
        return false;
    if (s->flags & SLOT_HIDDEN) {
        leaf_group_show(w, l, e->slot);
        report_new_group(w, l, e->slot);
    }
    leaf_touch(w, l, e->slot, s);
    return true;
}

/* What a sample that adds directly means: an increment, some observations, or a member. */
static void step_of_delta(const struct sample *s, struct step *x)
{
    switch (s->kind) {
    case SAMPLE_DELTA:
        x->flags = STEP_VALUE | STEP_DELTA | STEP_INC;
        x->inc = s->v;
        break;
    case SAMPLE_DISTRIBUTION:
        x->flags = STEP_VALUE | STEP_DELTA | STEP_INC;
        x->weight = s->weight > 0 ? s->weight : 1;
        x->inc = x->weight;
        break;
    default:
        x->flags = STEP_SET;
        break;
    }
}

/* What a sample tells of its source's process. */
static void witness(const struct windows *w, struct source *from, const struct series *entry,
                    const struct sample *s)
{
    uint32_t use = use_of(w, s->series);
    const struct track *t;

    if (s->t_ms < from->round_ms)
        return;
    if (entry->name == w->start_name)
        source_started(from, s->v);
    if (s->kind != SAMPLE_CUMULATIVE || use < USE_TRACK)
        return;
    t = track_at(w, use);
    if (track_time(t) != 0 && s->t_ms > track_time(t))
        source_count(from, t->v, s->v);
}

/* A counter that appears is judged by all that the block tells of its source: in one scrape the
 * series come in any order. Each source has its next round counted, those after it as they come.
 * Cost: one pass over the rest of a block in which some counter is born. */
static void look_ahead(struct windows *w, const struct sample *samples, size_t n)
{
    w->looked_ahead = w->block;
    for (size_t i = 0; i < n; i++) {
        struct sample s = samples[i];
        const struct series *entry = series_entry(w, s.series);
        struct source *from;

        if (!entry || entry->labels == LABELSET_NONE || s.stale || !isfinite(s.v))
            continue;
        from = source_at(w, entry->source);
        if (!from || s.t_ms <= 0)
            continue;
        if (s.t_ms <= TIME_MAX_MS)
            s.t_ms = source_time(w, &from->clock, s.t_ms);
        s.t_ms = not_ahead(w, s.t_ms);
        if (s.t_ms <= 0 || s.t_ms > TIME_MAX_MS)
            continue;
        if (from->counted != w->block) {
            source_note(from, s.t_ms);
            from->counted = w->block;
        }
        if (s.t_ms - from->round_ms < ROUND_MS)
            witness(w, from, entry, &s);
    }
}

/* Older than every window that asks for it: no look will ever see it. The one before a window is where
 * a counter's increments begin. */
static bool is_past(const struct windows *w, const struct plan *p, const struct sample *s,
                    int64_t age_ms)
{
    int64_t base_ms = s->kind == SAMPLE_CUMULATIVE ? STALENESS_MS : 0;

    if (age_ms < FRESH_MS)
        return false;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct leaf *l = w->leaves[p->e[i].leaf_row % LEAVES_MAX];

        if (!l->dead &&
            (l->spec->window_ms == 0 || age_ms < l->spec->window_ms + l->spec->offset_ms + base_ms))
            return false;
    }
    return true;
}

/* What is ahead by that much is not behind itself. A counter below its value is an old one, sent
 * again. */
static bool is_set_back(const struct windows *w, const struct track *t, const struct sample *s)
{
    return track_time(t) > w->now_ms + FRESH_MS && s->t_ms < track_time(t) - FRESH_MS &&
           (s->kind == SAMPLE_GAUGE || s->v >= t->v);
}

/* A sample keeps its own time as what it is known by among those of its series; where it counts is
 * never after its block. */
static void add_sample(struct windows *w, const struct sample *s, uint32_t use, bool alive)
{
    struct track *t = track_at(w, use);
    int64_t own_ms = s->t_ms < w->now_ms ? s->t_ms : w->now_ms;
    int64_t wall_ms = own_ms + w->stepped_ms;
    struct step x = {.t_ms = wall_ms, .second = second_of(wall_ms), .v = s->v, .weight = 1};
    const struct plan *p = plan_at(&w->plans, t->plan);
    bool taken = false, kept = false;

    if (s->stale) {
        x.flags = STEP_STALE;
    } else if (s->kind == SAMPLE_GAUGE || s->kind == SAMPLE_CUMULATIVE) {
        bool base = w->n_awaiting > 0 && track_time(t) == 0 && (t->when & TRACK_BASE_ONLY) != 0;

        x.flags = STEP_VALUE;
        if (is_set_back(w, t, s)) {
            gone_set_back(w, use);
            track_set_back(t);
        }
        if (!track_take(t, p->places_values ? recent_at(w, use) : NULL, s, alive, &x, &w->counts))
            return;
        if (s->t_ms > w->now_ms)
            x.flags &= ~(unsigned)STEP_REWRITE; /* what it replaces counts in another pane */
        kept = base && seam_keep(w, p, s);
    } else {
        step_of_delta(s, &x);
    }
    for (uint32_t i = 0; i < p->n; i++)
        if (!kept || !w->leaves[p->e[i].leaf_row % LEAVES_MAX]->awaits)
            taken |= windows_add_to_leaf(w, &p->e[i], wall_ms, &x);
    if (w->n_watched > 0 && taken && !s->stale)
        report_series(w, p, use);
    if (x.flags & (STEP_STALE | STEP_REWRITE))
        return;
    if ((!taken && !kept && s->kind != SAMPLE_CUMULATIVE) || is_past(w, p, s, w->now_ms - own_ms))
        w->stats.late++; /* older than all that is kept, or looked at */
}

/* Was its source alive before this sample, the first of its series? */
static bool is_birth(struct windows *w, const struct sample *s, const struct sample *rest, size_t n)
{
    const struct series *entry = series_entry(w, s->series);
    const struct source *from = source_at(w, entry->source);

    if (!from || !source_has_shown(from, s->t_ms))
        return false;
    if (s->kind == SAMPLE_CUMULATIVE && w->looked_ahead != w->block)
        look_ahead(w, rest, n);
    return source_alive(from, s->t_ms);
}

/* Takes the first of `n` samples; those after it are looked at where it is a birth. */
static void apply_sample(struct windows *w, const struct sample *rest, size_t n)
{
    struct sample s = *rest;
    struct series *entry = series_entry(w, s.series);
    struct source *from;
    uint32_t use, minute;
    bool born;

    w->stats.samples++;
    if (!entry || entry->labels == LABELSET_NONE) {
        w->stats.samples_unused++;
        return;
    }
    if (!s.stale && !isfinite(s.v)) {
        w->stats.nan_refused++;
        return;
    }
    from = source_at(w, entry->source);
    s.t_ms = windows_clamp(w, from ? &from->clock : NULL, s.t_ms);
    if (s.t_ms == 0)
        return;
    minute = (uint32_t)(s.t_ms / 60000);
    if (minute > entry->seen_min)
        entry->seen_min = minute;
    if (from && !s.stale) {
        source_note(from, s.t_ms);
        if (from->counted != w->block)
            witness(w, from, entry, &s);
    }
    if (s.series >= w->rebind_next)
        (void)rebind_series(w, s.series);
    use = use_of(w, s.series);
    if (use == USE_NEVER)
        use = bind_series(w, s.series, w->unrecorded);
    if (entry->source < w->cap_lives && w->lives[entry->source].n > 0)
        gone_hear(w, entry, use, &s, w->now_ms);
    if (use < USE_TRACK) {
        w->stats.samples_unused++;
        return;
    }
    born = from && !s.stale && track_time(track_at(w, use)) == 0 && is_birth(w, &s, rest, n);
    add_sample(w, &s, use, born);
}

void windows_apply(struct windows *w, int64_t recv_ms, const struct sample *samples, size_t n,
                   const struct logevent *events, size_t n_events)
{
    rebind_walk(w, REBIND_PER_BLOCK);
    if (++w->block == 0)
        w->block = 1; /* 0 is never */
    w->now_ms = recv_ms - w->stepped_ms;
    w->now = instant32(w->now_ms);
    w->times = (struct block_times){samples, n, events, n_events};
    for (size_t at = 0; at < n; at += BATCH) {
        size_t m = n - at < BATCH ? n - at : BATCH;

        prefetch(w, samples + at, m);
        for (size_t i = 0; i < m; i++)
            apply_sample(w, samples + at + i, n - at - i);
    }
    gone_walk(w, n);
    events_apply(w, events, n_events);
    w->times = (struct block_times){0};
}
