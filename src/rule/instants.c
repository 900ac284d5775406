/* When rules look.
 *
 *            block r=10.2      tick 20       block r=20.4        (receive times, seconds)
 *   ---|---------|---------------|---------------|-----------> engine time
 *      ^before:  ^after: early   ^all rules      ^before: tick 20 has been; after: early looks
 *      ticks     looks of what   whose `every`
 *      <= 10.1   was touched     divides 20
 *
 * Live, a timer calls rules_advance() when a tick or a delayed look is due and all that was
 * received until then is applied; in a replay the blocks themselves move time. Both run the same
 * instants in the same order. */
#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rule/cold.h"
#include "rule/rules.h"
#include "rule/touched.h"

#define CATCH_UP_MAX_MS (15 * 60 * 1000) /* ticks further back than this are passed over */

struct rules *rules_new(const struct rules_options *o)
{
    struct rules *e = mem_zalloc(sizeof *e);

    assert(o->labels && o->windows && o->book);
    if (!e)
        return NULL;
    e->c = (struct rules_context){.labels = o->labels,
                                  .windows = o->windows,
                                  .book = o->book,
                                  .clock = o->clock,
                                  .redact = o->redact};
    e->ticks_only = o->ticks_only;
    e->slice_ns = o->slice_ns;
    e->by_name = map_new();
    e->by_path = map_new();
    if (e->by_name && e->by_path && agenda_fit(&e->agenda, 0) == 0)
        return e;
    rules_free(e);
    return NULL;
}

void rules_free(struct rules *e)
{
    if (!e)
        return;
    link_free(e);
    agenda_clear(&e->agenda);
    mem_free(e);
}

/* --- instants --- */

void rules_decide_after(struct rules *e, int64_t at_ms)
{
    e->decided_ms = at_ms;
}

void rules_skip_to(struct rules *e, int64_t at_ms)
{
    if (at_ms > e->tick_ms)
        e->tick_ms = at_ms;
}

/* Bound: rules, and the groups that wait; only for steps of the clock. */
void rules_shift(struct rules *e, int64_t by_ms)
{
    e->c.stepped_ms += by_ms;
    clock_move(&e->tick_ms, by_ms);
    agenda_shift(&e->agenda, by_ms);
    clock_move(&e->decided_ms, by_ms);
    clock_move(&e->now_ms, by_ms);
    clock_move(&e->exchange.at_ms, by_ms);
    for (size_t i = 0; i < e->n || i < e->exchange.n_next; i++) {
        struct rule *r = e->order[i];

        clock_move(&r->last_look_ms, by_ms);
        clock_move(&r->look.at_ms, by_ms);
        clock_move(&r->stats.last_tick_ms, by_ms);
        clock_move(&r->stats.retry_ms, by_ms);
        clock_move(&r->stats.since_ms, by_ms);
        for (size_t k = r->first_waiting; k < r->n_waiting; k++)
            clock_move(&r->waiting[k].first_ms, by_ms);
    }
}

/* Bound: the distinct `every` there are. */
static int64_t next_tick(const struct rules *e)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < e->n_grids; i++) {
        int64_t every_ms = e->grids[i].every_ms, at_ms = (e->tick_ms / every_ms + 1) * every_ms;

        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}

int64_t rules_next_ms(const struct rules *e)
{
    int64_t tick_ms = next_tick(e), waited_ms = agenda_next_ms(&e->agenda);

    if (e->in_instant)
        return e->now_ms;
    return tick_ms < waited_ms ? tick_ms : waited_ms;
}

int64_t rules_now_ms(const struct rules *e)
{
    return e->now_ms;
}

/* Rules that name this one in firing() look at the same instant. */
static void wake_dependents(struct rules *e, const struct rule *changed)
{
    for (uint32_t i = e->first_dependent[changed->rank]; i < e->first_dependent[changed->rank + 1];
         i++) {
        e->order[e->dependents[i]]->look_due = true;
        agenda_mark(&e->agenda, e->dependents[i]);
    }
}

static void after_look(struct rules *e, struct rule *r)
{
    if (!r->changed)
        return;
    r->changed = false;
    wake_dependents(e, r);
}

/* Bound: the rules that tick, some ns each. */
static void mark_ticks(struct rules *e, int64_t at_ms)
{
    for (size_t i = 0; i < e->n_grids; i++) {
        const struct grid *g = &e->grids[i];

        if (at_ms % g->every_ms != 0)
            continue;
        for (uint32_t k = g->first; k < g->first + g->n; k++)
            agenda_mark_whole(&e->agenda, e->grid_ranks[k]);
    }
}

/* False: the time is over, and the rule is to look on at the same instant. */
static bool look(struct rules *e, struct rule *r, uint64_t until_ns)
{
    if (!look_on(r, until_ns))
        return false;
    if (r->n_ready > 0 || r->first_waiting < r->n_waiting)
        look_touched(r, e->now_ms);
    if (!look_on(r, until_ns))
        return false;
    if (r->look_due) {
        r->look_due = false;
        look_all(r, e->now_ms);
    }
    if (!look_on(r, until_ns))
        return false;
    after_look(e, r);
    return true;
}

/* Ticks that fall on the instant, touched groups that are complete or have waited long enough, and
 * rules whose dependencies change. What was decided by an earlier run is not decided again; who
 * waits is found out all the same, so that the instants behind it are those of a run without a
 * break. */
static void begin_instant(struct rules *e, int64_t at_ms, bool is_tick)
{
    assert(!e->in_instant);
    e->passing = at_ms <= e->decided_ms;
    if (at_ms > e->now_ms)
        e->now_ms = at_ms;
    if (!e->passing && e->adoptions_left) {
        link_adopt_again(e, at_ms);
        (void)rules_tidy(e, at_ms, SIZE_MAX);
    }
    agenda_mark_due(&e->agenda, at_ms);
    if (is_tick && !e->passing)
        mark_ticks(e, at_ms);
    e->in_instant = true;
}

/* Runs the instant on until `until_ns`. False: it is not done. Cost: the rules that have something
 * to do. */
static bool run_instant(struct rules *e, uint64_t until_ns)
{
    uint32_t rank;

    while (e->in_instant && agenda_take(&e->agenda, &rank)) {
        struct rule *r = e->order[rank];

        r->look_due = agenda_take_whole(&e->agenda, rank) || r->look_due;
        if (e->passing)
            (void)touched_pick(r, e->now_ms);
        else if (!look(e, r, until_ns)) {
            agenda_mark(&e->agenda, rank);
            return false;
        }
        rules_note(e, r, e->now_ms);
        if (clock_mono_ns(e->c.clock) >= until_ns)
            return false;
    }
    if (e->in_instant && !e->passing)
        alert_book_set_evaluated_to(e->c.book, e->now_ms);
    e->in_instant = false;
    return true;
}

static uint64_t slice_end(const struct rules *e)
{
    return e->slice_ns ? clock_mono_ns(e->c.clock) + e->slice_ns : UINT64_MAX;
}

bool rules_advance(struct rules *e, int64_t at_ms)
{
    uint64_t until_ns = slice_end(e);

    assert(!e->exchange.on); /* who exchanges holds instants back */
    if (!run_instant(e, until_ns))
        return false;
    if (e->tick_ms == 0 || at_ms - e->tick_ms > CATCH_UP_MAX_MS)
        e->tick_ms = e->tick_ms == 0 ? at_ms - 1 : at_ms - CATCH_UP_MAX_MS;
    for (;;) {
        int64_t tick_ms = next_tick(e);
        int64_t waited_ms = agenda_next_ms(&e->agenda);
        bool is_tick = tick_ms <= waited_ms;
        int64_t next_ms = is_tick ? tick_ms : waited_ms;

        if (next_ms > at_ms || next_ms == INT64_MAX)
            return true;
        if (is_tick)
            e->tick_ms = tick_ms;
        begin_instant(e, next_ms, is_tick);
        if (!run_instant(e, until_ns))
            return false;
    }
}

bool rules_are_looking(const struct rules *e)
{
    return e->in_instant;
}

void rules_finish_instant(struct rules *e)
{
    bool done = run_instant(e, UINT64_MAX);

    assert(done && !e->in_instant);
    (void)done;
}

void rules_before_block(struct rules *e, int64_t recv_ms)
{
    while (!rules_advance(e, recv_ms - 1))
        continue;
}

/* For messages of the rules that keep such events. Without an index all rules are asked. */
static void attach_event(struct rules *e, const struct logevent *event)
{
    struct matcher_candidates *c = &e->attach_candidates;

    if (!e->attaching || matcher_index_find(e->attaching, event->fields, event->n_fields, c) < 0) {
        for (size_t i = 0; i < e->n; i++)
            attachments_note(&e->order[i]->attached, event);
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        attachments_note(&e->attachers[c->ids[i]]->attached, event);
}

void rules_after_block(struct rules *e, int64_t recv_ms, const struct logevent *events,
                       size_t n_events)
{
    int64_t at_ms = recv_ms;
    const leaf_id *leaves;
    size_t n_leaves = windows_touched_leaves(e->c.windows, &leaves);
    uint32_t block = windows_block(e->c.windows);
    bool any = false;

    if (at_ms < e->now_ms)
        at_ms = e->now_ms;
    for (size_t i = 0; i < n_events; i++)
        attach_event(e, &events[i]);
    for (size_t i = 0; i < n_leaves; i++) {
        const struct uses *u = leaves[i] < e->n_uses ? &e->uses[leaves[i]] : NULL;

        for (size_t k = 0; u && k < u->n; k++) {
            if (u->list[k]->taken_block == block)
                continue;
            u->list[k]->taken_block = block;
            touched_take(u->list[k], at_ms);
            rules_note(e, u->list[k], at_ms);
            any = true;
        }
    }
    windows_clear_touched(e->c.windows);
    if (!any)
        return;
    begin_instant(e, at_ms, false);
    (void)run_instant(e, slice_end(e));
}

/* --- for people --- */

const struct rule_def *rule_definition(const struct rule *r)
{
    return r->d;
}

void rule_stats(const struct rule *r, struct rule_stats *out)
{
    *out = r->stats;
    out->groups = r->rs.n_live;
    out->overflow = (uint32_t)alert_rule_overflow(r->alerts);
    out->hidden = (uint32_t)alert_rule_hidden(r->alerts, &out->hides);
    out->error = r->error;
    for (size_t i = 0; i < r->rs.n_sources && !out->matched; i++)
        out->matched = source_slots(&r->rs, &r->rs.sources[i]) > 0;
}

int64_t rule_warm_ms(const struct rule *r)
{
    int64_t until_ms = cold_leaves_until_ms(&r->rs);

    return until_ms > r->all->now_ms ? until_ms : 0;
}

size_t rules_dearest(const struct rules *e, const struct rule **out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++) {
        const struct rule *r = e->order[i];
        size_t at;

        if (n == max && (max == 0 || r->stats.busy_ns <= out[n - 1]->stats.busy_ns))
            continue;
        n += n < max;
        at = n - 1;
        for (; at > 0 && out[at - 1]->stats.busy_ns < r->stats.busy_ns; at--)
            out[at] = out[at - 1];
        out[at] = r;
    }
    assert(n <= max && n <= e->n);
    return n;
}
