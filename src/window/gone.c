/* Which series have ended while their source goes on: what the header says, done in turns.
 * Nearly always everything reports, and then a block costs its source some counting. Only where somebody is
 * missing the tracks are walked, WALK_BUDGET of them for a block, going on where the last block stopped; so
 * a source of 100,000 series never holds the loop. Links to other tracks lie in pages beside the tracks:
 * sources that are no instance pay nothing for them. Memory that lacks leaves a series unwatched, never
 * gone. */
#include "window/gone.h"

#include <assert.h>

#include "window/kind.h"
#include "window/windows.h"

#define GONE_INTERVALS  4
#define BREAK_INTERVALS 2     /* a source that paused for more began anew after it */
#define UNKNOWN_MS      64000 /* stands for the interval of what has not shown its own yet */
#define FIRST_WALK_MS   5000
#define WALK_EVERY_MS   INT64_C(300000) /* also where all report: how often may have changed */
#define WALK_BUDGET     2048

static struct life *life_of(const struct windows *w, uint32_t source)
{
    return source < w->cap_lives ? &w->lives[source] : NULL;
}

struct life *gone_life(struct windows *w, uint32_t source)
{
    if (source >= w->cap_lives &&
        wmem_grow(&w->mem, (void **)&w->lives, &w->cap_lives, source + 1u, sizeof *w->lives) != 0)
        return NULL;
    return &w->lives[source];
}

/* --- the list of a source's tracks --- */

static struct peer *peer_at(const struct windows *w, uint32_t use)
{
    uint32_t n = use - USE_TRACK, page = n / TRACK_PAGE;

    return page < w->cap_peers && w->peers[page] ? &w->peers[page][n % TRACK_PAGE] : NULL;
}

bool gone_is(const struct windows *w, uint32_t use)
{
    const struct peer *p = peer_at(w, use);

    return p && p->gone;
}

static struct peer *peer_new(struct windows *w, uint32_t use)
{
    uint32_t page = (use - USE_TRACK) / TRACK_PAGE;

    if (wmem_grow(&w->mem, (void **)&w->peers, &w->cap_peers, page + 1u, sizeof(struct peer *)) !=
        0)
        return NULL;
    if (!w->peers[page])
        w->peers[page] = wmem_alloc(&w->mem, TRACK_PAGE * sizeof(struct peer));
    return peer_at(w, use);
}

static bool is_listed(const struct windows *w, const struct life *l, uint32_t use)
{
    const struct peer *p = peer_at(w, use);

    return p && (p->before != 0 || l->first == use);
}

/* Increments, observations and members have no time of their own that could stand still. */
static bool has_times(const struct series *s)
{
    return s->kind == SAMPLE_GAUGE || s->kind == SAMPLE_CUMULATIVE;
}

void gone_link(struct windows *w, uint32_t use)
{
    const struct series *s = series_get(w->series, track_at(w, use)->series);
    struct life *l;
    struct peer *p;

    if (!s || !has_times(s) || !series_source_is_instance(w->series, s->source))
        return;
    l = gone_life(w, s->source);
    p = l ? peer_new(w, use) : NULL;
    if (!p)
        return;
    assert(p->before == 0 && p->after == 0 && l->first != use);
    *p = (struct peer){.after = l->first};
    if (l->first)
        peer_at(w, l->first)->before = use & INT32_MAX;
    l->first = use;
    l->n++;
}

void gone_unlink(struct windows *w, uint32_t use)
{
    const struct track *t = track_at(w, use);
    const struct series *s = series_get(w->series, t->series);
    struct life *l = s ? life_of(w, s->source) : NULL;
    struct peer *p;

    if (!l || !is_listed(w, l, use))
        return;
    p = peer_at(w, use);
    l->n_gone -= p->gone;
    if (l->cursor == use)
        l->cursor = p->after;
    if (p->before)
        peer_at(w, p->before)->after = p->after;
    else
        l->first = p->after;
    if (p->after)
        peer_at(w, p->after)->before = p->before;
    *p = (struct peer){0};
    l->n_marked -= track_time(t) != 0 && (t->when & TRACK_MARKED) != 0;
    if (--l->n == 0) {
        assert(l->first == 0 && l->n_gone == 0 && l->n_marked == 0);
        *l = (struct life){.next_walk = l->next_walk, .queued = l->queued};
    }
}

/* --- groups --- */

static struct group_ends *ends_of(const struct leaf *l, uint32_t slot)
{
    return slot < l->cap_ends ? &l->ends[slot] : NULL;
}

void gone_join(struct windows *w, const struct plan *p, uint32_t use)
{
    bool gone = gone_is(w, use);

    for (uint32_t i = 0; i < p->n; i++) {
        struct leaf *l = w->leaves[p->e[i].leaf_row % LEAVES_MAX];
        struct group_ends *g;

        if (l->dead || !leaf_merges(l) ||
            wmem_grow(&w->mem, (void **)&l->ends, &l->cap_ends, p->e[i].slot + 1u,
                      sizeof *l->ends) != 0)
            continue;
        g = ends_of(l, p->e[i].slot);
        g->series++;
        g->ended += gone;
    }
}

void gone_leave(struct windows *w, const struct plan *p, uint32_t use)
{
    bool gone = gone_is(w, use);

    for (uint32_t i = 0; i < p->n; i++) {
        struct leaf *l = w->leaves[p->e[i].leaf_row % LEAVES_MAX];
        struct group_ends *g = l->dead ? NULL : ends_of(l, p->e[i].slot);

        if (!g || g->series == 0)
            continue; /* there was no memory when it came */
        g->series--;
        g->ended -= gone && g->ended > 0;
        if (g->series == 0)
            *g = (struct group_ends){0};
    }
}

static int64_t ended_ms(const struct life *l, const struct track *t)
{
    return track_time(t) > l->resumed_ms ? track_time(t) : l->resumed_ms;
}

enum group_life windows_group_life(const struct windows *w, leaf_id leaf, uint32_t slot,
                                   int64_t *ended)
{
    const struct leaf *l = w->leaves[leaf];
    const struct group_ends *g;
    const struct series *s;
    uint32_t use;

    if (slot >= l->n_slots || l->labels[slot] == LABELSET_NONE || l->spec->source == LEAF_LOGS)
        return GROUP_UNKNOWN;
    if (leaf_merges(l)) {
        g = ends_of(l, slot);
        if (!g || g->series == 0)
            return GROUP_UNKNOWN;
        *ended = g->last_ms + w->stepped_ms;
        return g->ended == g->series ? GROUP_ENDED : GROUP_LIVES;
    }
    use = l->owner[slot] == SERIES_NONE ? USE_NEVER : use_of(w, l->owner[slot]);
    s = use < USE_TRACK ? NULL : series_get(w->series, l->owner[slot]);
    if (!s)
        return GROUP_UNKNOWN;
    if (!gone_is(w, use))
        return GROUP_LIVES;
    *ended = ended_ms(&w->lives[s->source], track_at(w, use)) + w->stepped_ms;
    return GROUP_ENDED;
}

/* --- a series ends, and comes back --- */

static void end_in(struct windows *w, const struct plan_entry *e, int64_t at_ms)
{
    struct leaf *l = w->leaves[e->leaf_row % LEAVES_MAX];
    struct group_ends *g;
    struct slot *s;

    if (l->dead)
        return;
    s = leaf_slot(l, e->slot);
    g = leaf_merges(l) ? ends_of(l, e->slot) : NULL;
    if (g) {
        g->ended++;
        g->last_ms = at_ms > g->last_ms ? at_ms : g->last_ms;
    }
    if (s->flags & SLOT_HIDDEN)
        return;
    if (l->kind->wants_stale)
        slot_flag(s, SLOT_STALE);
    leaf_touch(w, l, e->slot, s);
}

static void series_ended(struct windows *w, struct life *l, uint32_t use)
{
    struct track *t = track_at(w, use);
    const struct plan *p = plan_at(&w->plans, t->plan);

    assert(track_time(t) != 0 && !gone_is(w, use));
    l->n_marked -= (t->when & TRACK_MARKED) != 0;
    t->when &= ~TRACK_MARKED;
    peer_at(w, use)->gone = true;
    l->n_gone++;
    assert(l->n_gone <= l->n && l->n_marked <= l->n - l->n_gone);
    for (uint32_t i = 0; i < p->n; i++)
        end_in(w, &p->e[i], ended_ms(l, t));
    w->stats.gone++;
}

static void series_back(struct windows *w, struct life *l, uint32_t use)
{
    struct track *t = track_at(w, use);
    const struct plan *p = plan_at(&w->plans, t->plan);
    bool gone = gone_is(w, use);

    assert(track_time(t) != 0);
    l->n_gone -= gone;
    l->n_marked -= (t->when & TRACK_MARKED) != 0;
    t->when &= ~TRACK_MARKED;
    peer_at(w, use)->gone = false;
    for (uint32_t i = 0; gone && i < p->n; i++) {
        struct leaf *of = w->leaves[p->e[i].leaf_row % LEAVES_MAX];
        struct group_ends *g = of->dead ? NULL : ends_of(of, p->e[i].slot);

        if (g && g->ended > 0)
            g->ended--;
    }
}

void gone_set_back(struct windows *w, uint32_t use)
{
    const struct track *t = track_at(w, use);
    const struct series *s = series_get(w->series, t->series);
    struct life *l = s ? life_of(w, s->source) : NULL;

    if (!l || !is_listed(w, l, use))
        return;
    if (track_time(t) != 0 && (gone_is(w, use) || t->when & TRACK_MARKED))
        series_back(w, l, use);
    l->real_ms = l->epoch_ms = l->due_ms = l->mark_ms = 0;
}

void gone_restore_mark(struct windows *w, uint32_t use)
{
    struct track *t = track_at(w, use);
    const struct series *s = series_get(w->series, t->series);
    struct life *l = s ? life_of(w, s->source) : NULL;

    if (track_time(t) == 0 || !(t->when & TRACK_MARKED))
        return;
    if (l && is_listed(w, l, use))
        l->n_marked++;
    else
        t->when &= ~TRACK_MARKED;
}

void gone_restore(struct windows *w, uint32_t use)
{
    const struct track *t = track_at(w, use);
    const struct series *s = series_get(w->series, t->series);
    struct life *l = s ? life_of(w, s->source) : NULL;

    if (l && is_listed(w, l, use) && track_time(t) != 0 && !gone_is(w, use))
        series_ended(w, l, use);
}

/* --- what comes in --- */

static void queue_walk(struct windows *w, uint32_t source)
{
    struct life *l = &w->lives[source];

    if (l->queued)
        return;
    l->queued = true;
    l->next_walk = 0;
    if (w->last_walk)
        w->lives[w->last_walk - 1].next_walk = source + 1;
    else
        w->first_walk = source + 1;
    w->last_walk = source + 1;
}

/* The source goes on at `t_ms`, later than all before. */
static void go_on(struct windows *w, struct life *l, uint32_t source, int64_t t_ms)
{
    int64_t usual_ms = l->usual_ms ? l->usual_ms : UNKNOWN_MS;
    uint32_t live = l->n - l->n_gone;
    bool was_silent = l->mark_ms != 0 && t_ms > l->mark_ms && l->n_marked >= live;

    if (l->real_ms == 0 || was_silent || t_ms - l->real_ms > BREAK_INTERVALS * usual_ms) {
        l->resumed_ms = t_ms;
        l->mark_ms = 0;
    }
    l->real_ms = t_ms;
    if (t_ms - l->epoch_ms >= usual_ms + usual_ms / 2) {
        int64_t due_ms = l->epoch_ms + GONE_INTERVALS * usual_ms;

        if (l->n_reported >= live && due_ms > l->due_ms && l->usual_ms &&
            t_ms - l->swept_ms < WALK_EVERY_MS)
            l->due_ms = due_ms;
        l->epoch_ms = t_ms;
        l->n_reported = 0;
    }
    if (t_ms >= l->due_ms || (l->mark_ms != 0 && t_ms >= l->mark_ms))
        queue_walk(w, source);
}

static void hear_marker(struct windows *w, struct life *l, uint32_t use, int64_t t_ms)
{
    struct track *t = track_at(w, use);

    if (track_time(t) == 0 || t_ms <= track_time(t) || gone_is(w, use))
        return;
    if (t_ms <= l->real_ms) {
        series_ended(w, l, use);
        return;
    }
    l->n_marked += (t->when & TRACK_MARKED) == 0;
    t->when |= TRACK_MARKED;
    l->mark_ms = t_ms > l->mark_ms ? t_ms : l->mark_ms;
}

static void hear_value(struct windows *w, struct life *l, uint32_t use, int64_t t_ms)
{
    const struct track *t = track_at(w, use);
    int64_t before_ms = track_time(t);

    if (t_ms <= before_ms)
        return;
    l->n_reported += before_ms < l->epoch_ms;
    if (before_ms != 0 && (gone_is(w, use) || t->when & TRACK_MARKED))
        series_back(w, l, use);
}

void gone_hear(struct windows *w, const struct series *from, uint32_t use, const struct sample *s,
               int64_t now_ms)
{
    struct life *l = &w->lives[from->source];
    int64_t t_ms = s->t_ms < now_ms ? s->t_ms : now_ms;

    if (!s->stale && t_ms > l->real_ms && !from->about_scrape)
        go_on(w, l, from->source, t_ms);
    if (use < USE_TRACK || !has_times(from) || !is_listed(w, l, use))
        return;
    if (s->stale)
        hear_marker(w, l, use, t_ms);
    else
        hear_value(w, l, use, s->t_ms);
}

/* --- the walk --- */

static void judge(struct windows *w, struct life *l, uint32_t use)
{
    const struct track *t = track_at(w, use);
    int64_t usual_ms = track_usual_ms(t), absent_ms = l->real_ms - ended_ms(l, t), limit_ms;
    bool marked = (t->when & TRACK_MARKED) != 0;

    if (track_time(t) == 0 || gone_is(w, use))
        return;
    if (usual_ms == 0 && !marked)
        return; /* nobody knows how often it comes */
    limit_ms = GONE_INTERVALS * (usual_ms ? usual_ms : UNKNOWN_MS);
    if ((marked && track_time(t) >= l->resumed_ms && l->real_ms >= l->mark_ms) ||
        absent_ms >= limit_ms) {
        series_ended(w, l, use);
        return;
    }
    if (usual_ms && usual_ms < l->shortest_ms)
        l->shortest_ms = usual_ms;
    if (ended_ms(l, t) + limit_ms < l->next_ms)
        l->next_ms = ended_ms(l, t) + limit_ms;
}

/* A young source soon shows how often it sends. */
static int64_t until_known_ms(int64_t age_ms)
{
    return age_ms < FIRST_WALK_MS ? FIRST_WALK_MS : age_ms < UNKNOWN_MS ? age_ms : UNKNOWN_MS;
}

/* True when the walk is over. */
static bool walk_source(struct windows *w, struct life *l, size_t *budget)
{
    if (l->cursor == 0) {
        l->cursor = l->first;
        l->shortest_ms = INT64_MAX;
        l->next_ms = l->real_ms + WALK_EVERY_MS;
    }
    while (l->cursor) {
        uint32_t use = l->cursor;

        if (*budget == 0)
            return false;
        --*budget;
        l->cursor = peer_at(w, use)->after;
        judge(w, l, use);
    }
    if (l->real_ms >= l->mark_ms)
        l->mark_ms = 0;
    l->usual_ms = l->shortest_ms == INT64_MAX ? 0 : l->shortest_ms;
    l->due_ms = l->usual_ms ? l->next_ms : l->real_ms + until_known_ms(l->real_ms - l->resumed_ms);
    l->swept_ms = l->real_ms;
    return true;
}

void gone_walk(struct windows *w, size_t n)
{
    size_t budget = WALK_BUDGET + n / 4;

    while (w->first_walk != 0 && budget > 0) {
        struct life *l = &w->lives[w->first_walk - 1];

        if (!walk_source(w, l, &budget))
            return;
        w->first_walk = l->next_walk;
        if (w->first_walk == 0)
            w->last_walk = 0;
        l->queued = false;
    }
}

void gone_free(struct windows *w)
{
    for (size_t i = 0; i < w->cap_peers; i++)
        wmem_free(&w->mem, w->peers[i], TRACK_PAGE * sizeof(struct peer));
    wmem_free(&w->mem, w->peers, w->cap_peers * sizeof(struct peer *));
    wmem_free(&w->mem, w->lives, w->cap_lives * sizeof *w->lives);
}
