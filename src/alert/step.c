/* The decision about one alert, pure.
 *
 *            lasting runs out            false for clear_after
 *   ok ──► pending ──────────► on (per level) ──────────► off
 *
 * Each level has its own timer; the alert's priority is the most severe level that is on. One
 * number, held_ms, serves both timers: while a level is off it is the time its condition held
 * before a pause, while it is on the time it was false before a pause. A look without data stops
 * the timer that runs at the last look with data, so that the gap itself counts for neither side. */
#include "tocsin/alert.h"

#include <assert.h>
#include <string.h>

const char *const alert_change_names[] = {
    [CHANGE_NONE] = "none",         [CHANGE_PENDING] = "pending",     [CHANGE_DROPPED] = "dropped",
    [CHANGE_FIRED] = "fired",       [CHANGE_RAISED] = "raised",       [CHANGE_LOWERED] = "lowered",
    [CHANGE_RESOLVED] = "resolved", [CHANGE_GONE] = "gone",           [CHANGE_NODATA] = "no data",
    [CHANGE_DATA] = "data is back", [CHANGE_FORGOTTEN] = "forgotten",
};

/* missing = "P5" in a rule that has no P5: data that stops has a priority of its own. */
static void add_missing_level(const struct rule_def *d, struct alert_policy *out)
{
    int n = out->n_levels;

    for (int i = 0; i < n; i++)
        if (out->priority[i] == out->missing_priority)
            return;
    if (n == PRIORITIES || out->missing_priority == 0)
        return;
    out->priority[n] = out->missing_priority;
    out->lasting_ms[n] = d->lasting_ms;
    out->n_levels++;
    out->missing_only = true;
    assert(out->n_levels <= PRIORITIES);
}

void alert_policy_of(const struct rule_def *d, struct alert_policy *out)
{
    *out = (struct alert_policy){.clear_after_ms = d->clear_after_ms,
                                 .forget_ms = d->forget_ms,
                                 .gone_ms = d->gone_ms,
                                 .missing = d->missing,
                                 .missing_priority = d->missing_priority};
    if (d->n_levels == 0) { /* a `when` rule may return any priority */
        out->n_levels = PRIORITIES;
        for (int i = 0; i < PRIORITIES; i++) {
            out->priority[i] = i + 1;
            out->lasting_ms[i] = d->lasting_ms;
        }
        if (out->missing_priority == 0)
            out->missing_priority = d->priority;
        return;
    }
    out->n_levels = (int)d->n_levels;
    for (int i = 0; i < out->n_levels; i++) {
        out->priority[i] = d->levels[i].priority;
        out->lasting_ms[i] = d->levels[i].lasting_ms;
    }
    if (d->missing == MISSING_FIRE)
        add_missing_level(d, out);
    assert(out->n_levels >= 1 && out->n_levels <= PRIORITIES);
}

static int64_t span(int64_t from, int64_t to)
{
    return to > from ? to - from : 0;
}

/* Stops whichever timer runs. A pause right after the start keeps 1 ms, so that the level still
 * counts as one that began. */
static void level_pause(struct alert_level *l, int64_t last_known_ms)
{
    int64_t *since = l->on ? &l->false_ms : &l->true_ms;

    if (*since == 0)
        return;
    l->held_ms += span(*since, last_known_ms);
    if (l->held_ms == 0)
        l->held_ms = 1;
    *since = 0;
}

static void level_true(struct alert_level *l, int64_t lasting_ms, int64_t at_ms)
{
    if (l->on) {
        l->held_ms = l->false_ms = 0;
        l->true_ms = l->true_ms ? l->true_ms : at_ms;
        return;
    }
    if (l->true_ms == 0)
        l->true_ms = at_ms;
    if (l->held_ms + span(l->true_ms, at_ms) < lasting_ms)
        return;
    l->on = true;
    l->held_ms = 0;
}

static void level_false(struct alert_level *l, int64_t clear_after_ms, int64_t at_ms)
{
    if (!l->on) {
        *l = (struct alert_level){0};
        return;
    }
    l->true_ms = 0;
    if (l->false_ms == 0)
        l->false_ms = at_ms;
    if (l->held_ms + span(l->false_ms, at_ms) >= clear_after_ms)
        *l = (struct alert_level){0};
    assert(l->true_ms == 0);
}

static bool level_holds(const struct alert_level *l)
{
    return l->on || l->true_ms != 0 || l->held_ms != 0;
}

/* The level that missing data stands for. */
static int missing_level(const struct alert_policy *p)
{
    for (int i = 0; i < p->n_levels; i++)
        if (p->priority[i] == p->missing_priority)
            return i;
    return 0;
}

enum truth alert_verdict(const struct alert_policy *p, const struct observation *o)
{
    enum truth verdict = FALSE_;

    for (int i = 0; i < p->n_levels - p->missing_only; i++) {
        if (o->level[i] == TRUE_)
            return TRUE_;
        if (o->level[i] == UNKNOWN_)
            verdict = UNKNOWN_;
    }
    return verdict;
}

static bool any_holds(const struct alert_policy *p, const struct alert_state *s)
{
    for (int i = 0; i < p->n_levels; i++)
        if (level_holds(&s->level[i]))
            return true;
    return false;
}

static int most_severe(const struct alert_policy *p, const struct alert_state *s)
{
    int best = 0;

    for (int i = 0; i < p->n_levels; i++)
        if (s->level[i].on && (best == 0 || p->priority[i] < best))
            best = p->priority[i];
    return best;
}

static void levels_step(const struct alert_policy *p, struct alert_state *s,
                        const struct observation *o, bool data, int64_t at_ms)
{
    int raised = !data && !o->warming && p->missing == MISSING_FIRE ? missing_level(p) : -1;

    for (int i = 0; i < p->n_levels; i++) {
        struct alert_level *l = &s->level[i];
        enum truth t = p->missing_only && i == p->n_levels - 1 ? FALSE_ : o->level[i];

        if (i == raised)
            t = TRUE_;
        if (t == UNKNOWN_ && p->missing == MISSING_CLEAR && !o->warming) {
            *l = (struct alert_level){0};
            continue;
        }
        if (t == TRUE_)
            level_true(l, p->lasting_ms[i], at_ms);
        else if (t == FALSE_)
            level_false(l, p->clear_after_ms, at_ms);
        else
            level_pause(l, s->last_look_ms);
        assert(l->true_ms == 0 || l->false_ms == 0);
    }
}

/* What became of the alert as a whole, once its levels have been stepped. */
static enum alert_change settle(const struct alert_policy *p, struct alert_state *s, int64_t at_ms)
{
    int was = s->firing;
    bool holds = any_holds(p, s);

    s->firing = most_severe(p, s);
    assert(s->firing >= 0 && s->firing <= PRIORITIES);
    if (was == 0 && s->firing != 0) {
        s->active_ms = at_ms;
        if (s->pending_ms == 0)
            s->pending_ms = at_ms;
        return CHANGE_FIRED;
    }
    if (was != 0 && s->firing == 0) {
        s->active_ms = 0;
        s->pending_ms = holds ? at_ms : 0;
        s->nodata_ms = holds ? s->nodata_ms : 0;
        return CHANGE_RESOLVED;
    }
    if (was != s->firing)
        return s->firing < was ? CHANGE_RAISED : CHANGE_LOWERED;
    if (was != 0)
        return CHANGE_NONE;
    if (holds && s->pending_ms == 0) {
        s->pending_ms = at_ms;
        return CHANGE_PENDING;
    }
    if (!holds && s->pending_ms != 0) {
        s->pending_ms = s->nodata_ms = 0;
        return CHANGE_DROPPED;
    }
    return CHANGE_NONE;
}

static bool is_forgotten(const struct alert_policy *p, const struct alert_state *s,
                         const struct observation *o, int64_t at_ms)
{
    return p->forget_ms > 0 && !o->expected && s->last_data_ms > 0 &&
           at_ms - s->last_data_ms >= p->forget_ms;
}

/* Its series ended while their source went on: nothing more will be heard of them. */
static bool is_gone(const struct alert_policy *p, const struct alert_state *s,
                    const struct observation *o, int64_t at_ms)
{
    return s->gone_ms > 0 && !o->expected && at_ms - s->gone_ms >= p->gone_ms;
}

/* Ends what will not be decided any more; it says nothing until it has data again. */
static enum alert_change end(struct alert_state *s, enum alert_change how)
{
    enum alert_change change = s->firing != 0       ? how
                               : s->pending_ms != 0 ? CHANGE_DROPPED
                                                    : CHANGE_NONE;
    struct alert_state kept = {.last_data_ms = s->last_data_ms, .last_look_ms = s->last_look_ms};

    if (how == CHANGE_GONE)
        kept.gone_ms = s->gone_ms;
    *s = kept;
    assert(alert_is_blank(s));
    return change;
}

/* Without data: since when, and is that its end? */
static enum alert_change step_without(const struct alert_policy *p, struct alert_state *s,
                                      const struct observation *o, int64_t at_ms, bool *over)
{
    if (o->sample_ms > 0)
        s->last_data_ms = o->sample_ms;
    if (o->gone_ms == 0)
        s->gone_ms = 0;
    else if (o->gone_ms > 0 && s->gone_ms == 0)
        s->gone_ms = o->gone_ms; /* and it stays: its source may pause later */
    *over = is_gone(p, s, o, at_ms) || is_forgotten(p, s, o, at_ms);
    if (!*over)
        return CHANGE_NONE;
    s->last_look_ms = at_ms;
    return end(s, is_gone(p, s, o, at_ms) ? CHANGE_GONE : CHANGE_FORGOTTEN);
}

enum alert_change alert_step(const struct alert_policy *p, struct alert_state *s,
                             const struct observation *o, int64_t at_ms)
{
    bool data = alert_verdict(p, o) != UNKNOWN_, had_data = s->nodata_ms == 0, over = false;
    enum alert_change change;

    if (data) {
        s->last_data_ms = at_ms;
        s->nodata_ms = s->gone_ms = 0;
    } else {
        change = step_without(p, s, o, at_ms, &over);
        if (over)
            return change;
    }
    levels_step(p, s, o, data, at_ms);
    s->last_look_ms = at_ms;
    change = settle(p, s, at_ms);
    assert(s->firing != 0 || any_holds(p, s) == (s->pending_ms != 0));
    assert((s->firing != 0) == (s->active_ms != 0));
    if (!data && o->warming)
        return change;
    if (!data && had_data && any_holds(p, s))
        s->nodata_ms = at_ms;
    if (change != CHANGE_NONE || s->firing == 0 || data == had_data)
        return change;
    return data ? CHANGE_DATA : CHANGE_NODATA;
}

enum alert_phase alert_phase(const struct alert_policy *p, const struct alert_state *s)
{
    if (s->firing != 0) {
        for (int i = 0; i < p->n_levels; i++) {
            const struct alert_level *l = &s->level[i];
            if (l->on && l->false_ms == 0 && l->held_ms == 0)
                return ALERT_FIRING;
        }
        return ALERT_CLEARING;
    }
    return s->pending_ms != 0 ? ALERT_PENDING : ALERT_OK;
}

bool alert_is_blank(const struct alert_state *s)
{
    if (s->firing != 0 || s->pending_ms != 0 || s->nodata_ms != 0)
        return false;
    for (int i = 0; i < PRIORITIES; i++)
        if (level_holds(&s->level[i]))
            return false;
    return true;
}
