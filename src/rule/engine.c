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
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "rule/cold.h"
#include "rule/derived.h"
#include "rule/touched.h"

#define CATCH_UP_MAX_MS (15 * 60 * 1000) /* ticks further back than this are passed over */

struct uses { /* the rules that look early at what touches a leaf */
    struct rule **list;
    size_t n, cap;
};

struct rules {
    struct rules_context c;
    /* of evaluation; with the room to sort it and for the grids of as many, so that linking never
     * fails half way */
    struct rule **order, **scratch;
    size_t n, n_independent; /* the first of `order` depend on no other rule */
    bool adoptions_left;     /* some alerts of renamed rules found no memory: tried again */
    struct rule **retired;   /* replaced by a reload, until rules_link() is done */
    size_t n_retired, retired_cap;
    struct map *by_name;
    struct uses *uses; /* [leaf id] */
    size_t n_uses;
    int64_t *grids; /* the distinct `every` of all rules, ms */
    size_t n_grids;
    int64_t tick_ms;    /* the last instant of the grids that was run */
    int64_t delayed_ms; /* next delayed look, INT64_MAX: none */
    int64_t decided_ms; /* instants up to here were decided by an earlier run */
    int64_t now_ms;
    bool ticks_only;
};

struct rules *rules_new(const struct rules_options *o)
{
    struct rules *e = mem_zalloc(sizeof *e);

    if (!e)
        return NULL;
    e->c = (struct rules_context){.labels = o->labels,
                                  .windows = o->windows,
                                  .book = o->book,
                                  .clock = o->clock,
                                  .redact = o->redact};
    e->delayed_ms = INT64_MAX;
    e->ticks_only = o->ticks_only;
    e->by_name = map_new();
    if (!e->by_name) {
        mem_free(e);
        return NULL;
    }
    return e;
}

const struct rules_context *rules_context(const struct rules *e)
{
    return &e->c;
}

static void clear_uses(struct rules *e)
{
    for (size_t i = 0; i < e->n_uses; i++)
        mem_free(e->uses[i].list);
    mem_free(e->uses);
    e->uses = NULL;
    e->n_uses = 0;
}

void rules_free(struct rules *e)
{
    if (!e)
        return;
    clear_uses(e);
    for (size_t i = 0; i < e->n; i++)
        running_free(e->order[i]);
    for (size_t i = 0; i < e->n_retired; i++)
        running_free(e->retired[i]);
    map_free(e->by_name, NULL);
    mem_free(e->order);
    mem_free(e->scratch);
    mem_free(e->retired);
    mem_free(e->grids);
    mem_free(e);
}

/* --- loading --- */

static int retire(struct rules *e, struct rule *r)
{
    if (mem_grow((void **)&e->retired, &e->retired_cap, e->n_retired + 1, sizeof *e->retired) < 0)
        return -1;
    e->retired[e->n_retired++] = r;
    return 0;
}

/* Nothing of them was put: what ran before goes on as it is. */
static void drop_new(struct rules *e, struct rule **fresh, size_t n)
{
    for (size_t i = 0; i < n && fresh[i]; i++) {
        alert_rule_unreserve(e->c.book, fresh[i]->d);
        running_free(fresh[i]);
    }
    mem_free(fresh);
}

/* The rules of other files stay; those of `path` are replaced by `fresh`. */
static int swap_file(struct rules *e, const char *path, struct rule **fresh, size_t n_fresh)
{
    size_t most = e->n + n_fresh + 1, n = 0, before = e->n_retired;
    struct rule **order = mem_alloc(most * sizeof *order);
    struct rule **scratch = mem_alloc(most * sizeof *scratch);
    int64_t *grids = mem_realloc(e->grids, most * sizeof *grids);

    if (grids)
        e->grids = grids;
    if (!order || !scratch || !grids)
        goto fail;
    for (size_t i = 0; i < e->n; i++) {
        if (strcmp(e->order[i]->d->file, path) != 0)
            order[n++] = e->order[i];
        else if (retire(e, e->order[i]) < 0)
            goto fail;
    }
    for (size_t i = 0; i < n_fresh; i++)
        order[n++] = fresh[i];
    mem_free(e->order);
    mem_free(e->scratch);
    e->order = order;
    e->scratch = scratch;
    e->n = n;
    e->n_independent = 0; /* until rules_link() */
    return 0;
fail:
    e->n_retired = before;
    mem_free(order);
    mem_free(scratch);
    return -1;
}

int rules_put(struct rules *e, const char *path, struct rulefile *file, int64_t at_ms,
              struct err *e_out)
{
    size_t n = file ? rulefile_count(file) : 0;
    struct rule **fresh = mem_zalloc((n + 1) * sizeof *fresh);

    if (!fresh)
        return err_set(e_out, ERR_MEMORY, "no memory for the rules of %s", path);
    for (size_t i = 0; i < n; i++) {
        fresh[i] = running_new(e, file, rulefile_rule(file, i), at_ms, e_out);
        if (!fresh[i]) {
            drop_new(e, fresh, n);
            return -1;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (alert_rule_reserve(e->c.book, fresh[i]->d) < 0)
            goto no_memory;
    if (swap_file(e, path, fresh, n) < 0)
        goto no_memory;
    /* only when nothing can meet a bound any more: it restarts what is pending */
    for (size_t i = 0; i < n; i++)
        running_register(fresh[i], at_ms);
    mem_free(fresh);
    return 0;
no_memory:
    drop_new(e, fresh, n);
    return err_set(e_out, ERR_MEMORY, "no memory for the rules of %s", path);
}

/* Without memory there is none, and rules_find() walks. */
static void index_names(struct rules *e)
{
    map_free(e->by_name, NULL);
    e->by_name = map_new();
    for (size_t i = 0; e->by_name && i < e->n; i++)
        if (map_puts(e->by_name, e->order[i]->d->name, e->order[i], NULL) < 0) {
            map_free(e->by_name, NULL);
            e->by_name = NULL;
        }
}

struct rule *rules_find(const struct rules *e, const char *name)
{
    if (e->by_name)
        return map_gets(e->by_name, name);
    for (size_t i = 0; i < e->n; i++)
        if (strcmp(e->order[i]->d->name, name) == 0)
            return e->order[i];
    return NULL;
}

/* Rules after those they depend on; rulefiles_check() has refused circles. */
static void place(struct rules *e, struct rule *r, struct rule **out, size_t *n, size_t depth)
{
    for (size_t i = 0; i < *n; i++)
        if (out[i] == r)
            return;
    for (size_t i = 0; depth < e->n && i < r->d->n_deps; i++) {
        struct rule *other = rules_find(e, r->d->deps[i]);

        if (other && other != r)
            place(e, other, out, n, depth + 1);
    }
    out[(*n)++] = r;
}

static void sort_by_dependence(struct rules *e)
{
    struct rule **out = e->scratch;
    size_t n = 0;

    /* The many that depend on nothing come first, as they stand: no search for them. */
    for (size_t i = 0; i < e->n; i++)
        if (e->order[i]->d->n_deps == 0)
            out[n++] = e->order[i];
    e->n_independent = n;
    for (size_t i = 0; i < e->n && e->n_independent < e->n; i++)
        if (e->order[i]->d->n_deps > 0)
            place(e, e->order[i], out, &n, 0);
    assert(n == e->n);
    e->scratch = e->order;
    e->order = out;
}

static void note_use(struct rules *e, struct rule *r, leaf_id leaf)
{
    struct uses *u;

    if (leaf >= e->n_uses) {
        size_t n = (size_t)leaf + 64;
        struct uses *grown = mem_realloc(e->uses, n * sizeof *grown);

        if (!grown)
            return; /* its ticks look */
        memset(grown + e->n_uses, 0, (n - e->n_uses) * sizeof *grown);
        e->uses = grown;
        e->n_uses = n;
    }
    u = &e->uses[leaf];
    if (u->n > 0 && u->list[u->n - 1] == r)
        return;
    if (mem_grow((void **)&u->list, &u->cap, u->n + 1, sizeof *u->list) == 0)
        u->list[u->n++] = r;
    windows_watch(e->c.windows, leaf, r->d->delay_ms);
}

static void note_leaves(struct rules *e, struct rule *r, const struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        if (rs->sources[i].derived)
            note_leaves(e, r, &rs->sources[i].derived->in);
        else
            note_use(e, r, rs->sources[i].leaf);
    }
}

static void index_uses(struct rules *e)
{
    clear_uses(e);
    for (size_t i = 0; i < e->n && !e->ticks_only; i++)
        if (e->order[i]->early)
            note_leaves(e, e->order[i], &e->order[i]->rs);
}

static void find_grids(struct rules *e)
{
    size_t n = 0, k;

    for (size_t i = 0; i < e->n; i++) {
        for (k = 0; k < n && e->grids[k] != e->order[i]->d->every_ms; k++)
            continue;
        if (k == n)
            e->grids[n++] = e->order[i]->d->every_ms;
    }
    e->n_grids = n;
}

static bool runs(const struct rules *e, const struct rule_def *d)
{
    const struct rule *r = d ? rules_find(e, d->name) : NULL;

    return r && r->d == d;
}

/* Alerts of rules that have another name now. Bound: the rules with `renamed_from`. */
static void adopt_renamed(struct rules *e, int64_t at_ms)
{
    e->adoptions_left = false;
    for (size_t i = 0; i < e->n; i++) {
        const char *was = e->order[i]->d->renamed_from;
        struct alert_rule *old = was ? alert_rule_find(e->c.book, was) : NULL;

        if (!old || old == e->order[i]->alerts || runs(e, alert_rule_def(old)))
            continue; /* it is long done, or both names are in use */
        if (alert_rule_adopt(e->order[i]->alerts, old, at_ms) < 0)
            e->adoptions_left = true;
        running_pin_alerts(e->order[i]);
    }
}

/* Of a rule that no file defines any more the alerts end; those of a renamed one wait for memory. */
static void end_retired(struct rules *e, int64_t at_ms)
{
    for (size_t i = 0; i < e->n_retired; i++) {
        struct rule *old = e->retired[i];
        struct alert_rule *alerts = alert_rule_find(e->c.book, old->d->name);

        if (alerts && alert_rule_def(alerts) == old->d && !runs(e, old->d))
            alert_rule_remove(e->c.book, alerts, "rule removed", at_ms);
        running_free(old);
    }
    e->n_retired = 0;
}

void rules_link(struct rules *e, int64_t at_ms)
{
    struct err err;

    index_names(e);
    sort_by_dependence(e);
    adopt_renamed(e, at_ms);
    if (!e->adoptions_left)
        end_retired(e, at_ms);
    for (size_t i = 0; i < e->n; i++)
        if (running_link(e->order[i], &err) < 0)
            log_error("a rule could not be linked", "error", err.text, NULL);
    index_uses(e);
    find_grids(e);
    e->delayed_ms = INT64_MAX;
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
    clock_move(&e->delayed_ms, by_ms);
    clock_move(&e->decided_ms, by_ms);
    clock_move(&e->now_ms, by_ms);
    for (size_t i = 0; i < e->n; i++) {
        struct rule *r = e->order[i];

        clock_move(&r->last_look_ms, by_ms);
        clock_move(&r->stats.last_tick_ms, by_ms);
        clock_move(&r->stats.retry_ms, by_ms);
        clock_move(&r->stats.since_ms, by_ms);
        for (size_t k = r->first_waiting; k < r->n_waiting; k++)
            clock_move(&r->waiting[k].first_ms, by_ms);
    }
}

static int64_t next_tick(const struct rules *e)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < e->n_grids; i++) {
        int64_t at_ms = (e->tick_ms / e->grids[i] + 1) * e->grids[i];

        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}

int64_t rules_next_ms(const struct rules *e)
{
    int64_t tick_ms = next_tick(e);

    return tick_ms < e->delayed_ms ? tick_ms : e->delayed_ms;
}

int64_t rules_now_ms(const struct rules *e)
{
    return e->now_ms;
}

/* Rules that name this one in firing() look at the same instant. */
static void wake_dependents(struct rules *e, const struct rule *changed)
{
    for (size_t i = e->n_independent; i < e->n; i++)
        for (size_t k = 0; k < e->order[i]->d->n_deps; k++)
            if (strcmp(e->order[i]->d->deps[k], changed->d->name) == 0)
                e->order[i]->look_due = true;
}

static void after_look(struct rules *e, struct rule *r)
{
    if (!r->changed)
        return;
    r->changed = false;
    wake_dependents(e, r);
}

/* What was decided by an earlier run is not decided again; who waits is found out all the same, so
 * that the instants behind it are those of a run without a break. */
static void pass_instant(struct rules *e, int64_t at_ms)
{
    for (size_t i = 0; i < e->n; i++)
        (void)touched_pick(e->order[i], at_ms);
}

/* Runs one instant: ticks that fall on it, touched groups that are complete or have waited long
 * enough, and rules whose dependencies changed. Cost without any of these: two comparisons a
 * rule. */
static void run_instant(struct rules *e, int64_t at_ms, bool is_tick)
{
    if (at_ms > e->now_ms)
        e->now_ms = at_ms;
    e->delayed_ms = INT64_MAX;
    if (at_ms <= e->decided_ms)
        pass_instant(e, at_ms);
    else if (e->adoptions_left)
        rules_link(e, at_ms);
    for (size_t i = 0; at_ms > e->decided_ms && i < e->n; i++) {
        struct rule *r = e->order[i];
        bool due = is_tick && at_ms % r->d->every_ms == 0;

        if (r->n_ready > 0 || r->first_waiting < r->n_waiting)
            look_touched(r, at_ms);
        if (due || r->look_due) {
            r->look_due = false;
            look_all(r, at_ms);
        }
        after_look(e, r);
    }
    for (size_t i = 0; i < e->n; i++) {
        int64_t next_ms = touched_next_ms(e->order[i]);

        e->delayed_ms = next_ms < e->delayed_ms ? next_ms : e->delayed_ms;
    }
    if (at_ms > e->decided_ms)
        alert_book_set_evaluated_to(e->c.book, at_ms);
}

void rules_advance(struct rules *e, int64_t at_ms)
{
    if (e->tick_ms == 0 || at_ms - e->tick_ms > CATCH_UP_MAX_MS)
        e->tick_ms = e->tick_ms == 0 ? at_ms - 1 : at_ms - CATCH_UP_MAX_MS;
    for (;;) {
        int64_t tick_ms = next_tick(e);
        bool is_tick = tick_ms <= e->delayed_ms;
        int64_t next_ms = is_tick ? tick_ms : e->delayed_ms;

        if (next_ms > at_ms || next_ms == INT64_MAX)
            break;
        if (is_tick)
            e->tick_ms = tick_ms;
        run_instant(e, next_ms, is_tick);
    }
}

void rules_before_block(struct rules *e, int64_t recv_ms)
{
    rules_advance(e, recv_ms - 1);
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
    for (size_t i = 0; n_events > 0 && i < e->n; i++)
        for (size_t k = 0; e->order[i]->attached.from && k < n_events; k++)
            attachments_note(&e->order[i]->attached, &events[k]);
    for (size_t i = 0; i < n_leaves; i++) {
        const struct uses *u = leaves[i] < e->n_uses ? &e->uses[leaves[i]] : NULL;

        for (size_t k = 0; u && k < u->n; k++) {
            if (u->list[k]->taken_block == block)
                continue;
            u->list[k]->taken_block = block;
            touched_take(u->list[k], at_ms);
            any = true;
        }
    }
    windows_clear_touched(e->c.windows);
    if (any)
        run_instant(e, at_ms, false);
}

/* --- for people --- */

size_t rules_count(const struct rules *e)
{
    return e->n;
}

const struct rule *rules_at(const struct rules *e, size_t i)
{
    return e->order[i];
}

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
    out->warm_ms = cold_leaves_until_ms(&r->rs);
    if (out->warm_ms <= r->engine->now_ms)
        out->warm_ms = 0;
    for (size_t i = 0; i < r->rs.n_sources && !out->matched; i++)
        out->matched = source_slots(&r->rs, &r->rs.sources[i]) > 0;
}
