/* Which rules there are, and who looks when what changes.
 *
 * Files are put in one by one (puts.c), which makes sure of all memory that is needed here, and exchanged
 * with those that run in one step, which finds out for all rules together:
 *
 *   order       ranks of evaluation: a rule after those it names in firing()
 *   dependents  of a rule, those that name it
 *   uses        of a leaf, the rules that look early at what touches it
 *   grids       of an `every`, the rules whose ticks it makes
 *   attaching   of a log event, the rules that may keep it for their messages
 *
 * so that an instant, a block and an event cost the rules they concern. The step walks all rules, some
 * tens of nanoseconds each, and does more for those that came and went: names, uses and events stay for
 * the others. Keeping ranks as well was dropped: they move with any new dependence. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "rule/derived.h"
#include "rule/rules.h"

#define RANK_NONE UINT32_MAX

static void clear_uses(struct rules *e)
{
    for (size_t i = 0; i < e->n_uses; i++)
        mem_free(e->uses[i].list);
    mem_free(e->uses);
    e->uses = NULL;
    e->n_uses = 0;
}

void link_free(struct rules *e)
{
    clear_uses(e);
    puts_free(e);
    for (size_t i = 0; i < e->n; i++)
        running_free(e->order[i]);
    for (size_t i = e->n_tidied; i < e->n_retired; i++)
        running_free(e->retired[i]);
    map_free(e->by_name, NULL);
    map_free(e->by_path, NULL);
    matcher_index_free(e->attaching);
    matcher_candidates_free(&e->attach_candidates);
    mem_free(e->order);
    mem_free(e->scratch);
    mem_free(e->busy);
    mem_free(e->attachers);
    mem_free(e->free_attaching);
    mem_free(e->retired);
    mem_free(e->grids);
    mem_free(e->grid_ranks);
    mem_free(e->first_dependent);
    mem_free(e->dependents);
}

/* --- linking --- */

static void mend_names(struct rules *e)
{
    if (e->by_name)
        return;
    e->by_name = map_new();
    for (size_t i = 0; i < e->n; i++)
        puts_enter_name(e, e->order[i]);
}

/* The place of an `every` among the grids, which are sorted; where it is or would stand. */
static size_t grid_place(const struct rules *e, int64_t every_ms)
{
    size_t low = 0, high = e->n_grids;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (e->grids[mid].every_ms < every_ms)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void count_grid(struct rules *e, int64_t every_ms)
{
    size_t at = grid_place(e, every_ms);

    if (at == e->n_grids || e->grids[at].every_ms != every_ms) {
        memmove(e->grids + at + 1, e->grids + at, (e->n_grids - at) * sizeof *e->grids);
        e->grids[at] = (struct grid){.every_ms = every_ms};
        e->n_grids++;
    }
    e->grids[at].n++;
}

/* Rules after those they depend on; rulefiles_check() has refused circles. */
static void place(struct rules *e, struct rule *r, size_t *n, size_t depth)
{
    for (size_t i = 0; depth < e->n && i < r->d->n_deps; i++) {
        struct rule *other = rules_find(e, r->d->deps[i]);

        if (other && other != r && other->rank == RANK_NONE)
            place(e, other, n, depth + 1);
    }
    if (r->rank != RANK_NONE)
        return;
    r->rank = (uint32_t)*n;
    e->scratch[(*n)++] = r;
}

/* What was taken out leaves the order. */
static void close_gaps(struct rules *e)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++)
        if (e->order[i])
            e->order[n++] = e->order[i];
    e->n = n;
}

/* The many that depend on nothing come first, as they stand: no search for them. */
static void sort_by_dependence(struct rules *e)
{
    struct rule **sorted = e->scratch;
    size_t n = 0;

    e->n_grids = e->n_deps = e->n_renamed = 0;
    for (size_t i = 0; i < e->n; i++) {
        struct rule *r = e->order[i];
        const struct rule_def *d = r->d;

        count_grid(e, d->every_ms);
        e->n_deps += d->n_deps;
        e->n_renamed += d->renamed_from != NULL;
        r->rank = d->n_deps == 0 ? (uint32_t)n : RANK_NONE;
        if (d->n_deps == 0)
            sorted[n++] = r;
    }
    e->n_plain = n;
    for (size_t i = 0; i < e->n && n < e->n; i++)
        if (e->order[i]->rank == RANK_NONE)
            place(e, e->order[i], &n, 0);
    assert(n == e->n);
    e->scratch = e->order;
    e->order = sorted;
}

/* Who names whom in firing(): of each rank, the ranks of its dependents, one list behind the
 * other. */
static void index_dependents(struct rules *e)
{
    uint32_t *first = e->first_dependent, n = 0;

    assert(first || e->n == 0);
    if (!first)
        return; /* no rule has been put yet */
    memset(first, 0, (e->n + 1) * sizeof *first);
    for (size_t i = e->n_plain; i < e->n; i++)
        for (size_t k = 0; k < e->order[i]->d->n_deps; k++) {
            const struct rule *on = rules_find(e, e->order[i]->d->deps[k]);

            if (on)
                first[on->rank]++;
        }
    for (size_t i = 0; i <= e->n; i++) {
        n += first[i];
        first[i] = n; /* the end of its list, until they are filled in from behind */
    }
    assert(n <= e->n_deps);
    for (size_t i = e->n; i-- > e->n_plain;)
        for (size_t k = 0; k < e->order[i]->d->n_deps; k++) {
            const struct rule *on = rules_find(e, e->order[i]->d->deps[k]);

            if (on)
                e->dependents[--first[on->rank]] = (uint32_t)i;
        }
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

static void forget_use(struct rules *e, const struct rule *r, leaf_id leaf)
{
    struct uses *u = leaf < e->n_uses ? &e->uses[leaf] : NULL;

    for (size_t i = 0; u && i < u->n; i++)
        if (u->list[i] == r) {
            u->list[i] = u->list[--u->n];
            return;
        }
}

static void forget_leaves(struct rules *e, struct rule *r, const struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        if (rs->sources[i].derived)
            forget_leaves(e, r, &rs->sources[i].derived->in);
        else
            forget_use(e, r, rs->sources[i].leaf);
    }
    r->uses_noted = false;
}

static void note_uses(struct rules *e, struct rule *r)
{
    assert(!r->uses_noted);
    if (e->ticks_only || !r->early)
        return;
    note_leaves(e, r, &r->rs);
    r->uses_noted = true;
}

/* Cost: the rules that share its leaves. */
static void forget_uses(struct rules *e, struct rule *r)
{
    if (r->uses_noted)
        forget_leaves(e, r, &r->rs);
    assert(!r->uses_noted);
}

static void index_grids(struct rules *e)
{
    uint32_t first = 0;

    for (size_t i = 0; i < e->n_grids; i++) {
        e->grids[i].first = first;
        first += e->grids[i].n;
        e->grids[i].n = 0;
    }
    for (size_t i = 0; i < e->n; i++) {
        struct grid *g = &e->grids[grid_place(e, e->order[i]->d->every_ms)];

        e->grid_ranks[g->first + g->n++] = (uint32_t)i;
    }
    assert(first == e->n && e->n_grids <= e->n);
}

/* Ids stay as long as their rules, so that a reload costs the rules that it changes. Without memory there is
 * no index, and all rules are asked until one can be made. */
static int enter_attaching(struct rules *e, struct rule *r)
{
    const struct leaf_spec *from = r->attached.from;
    size_t id = e->n_free_attaching ? e->free_attaching[e->n_free_attaching - 1] : e->n_attachers;

    if (mem_grow((void **)&e->attachers, &e->attachers_cap, id + 1, sizeof *e->attachers) < 0 ||
        mem_grow((void **)&e->free_attaching, &e->free_attaching_cap, e->n_attachers + 1,
                 sizeof *e->free_attaching) < 0 ||
        matcher_index_add(e->attaching, from->matchers, from->n_matchers, (uint32_t)id) < 0)
        return -1;
    if (id == e->n_attachers)
        e->n_attachers++;
    else
        e->n_free_attaching--;
    e->attachers[id] = r;
    r->attach_id = (uint32_t)id;
    return 0;
}

static void note_attaching(struct rules *e, struct rule *r)
{
    if (!r->attached.from || !e->attaching || enter_attaching(e, r) == 0)
        return;
    matcher_index_free(e->attaching);
    e->attaching = NULL;
}

static void forget_attaching(struct rules *e, const struct rule *r)
{
    const struct leaf_spec *from = r->attached.from;

    if (!from || !e->attaching)
        return;
    assert(e->attachers[r->attach_id] == r);
    matcher_index_remove(e->attaching, from->matchers, from->n_matchers, r->attach_id);
    e->attachers[r->attach_id] = NULL;
    e->free_attaching[e->n_free_attaching++] = r->attach_id;
}

/* Bound: the rules; after memory was short. */
static void mend_attaching(struct rules *e)
{
    if (e->attaching)
        return;
    e->attaching = matcher_index_new();
    e->n_attachers = e->n_free_attaching = 0;
    for (size_t i = 0; e->attaching && i < e->n; i++)
        note_attaching(e, e->order[i]);
}

static bool runs(const struct rules *e, const struct rule_def *d)
{
    const struct rule *r = d ? rules_find(e, d->name) : NULL;

    return r && r->d == d;
}

/* Alerts of rules that have another name now. Bound: the rules, when one of them has `renamed_from`. */
static void adopt_renamed(struct rules *e, int64_t at_ms)
{
    e->adoptions_left = false;
    for (size_t i = 0; e->n_renamed > 0 && i < e->n; i++) {
        const char *was = e->order[i]->d->renamed_from;
        struct alert_rule *old = was ? alert_rule_find(e->c.book, was) : NULL;

        if (!old || old == e->order[i]->alerts || runs(e, alert_rule_def(old)))
            continue; /* it is long done, or both names are in use */
        if (alert_rule_adopt(e->order[i]->alerts, old, at_ms) < 0)
            e->adoptions_left = true;
        running_pin_alerts(e->order[i]);
    }
}

/* Of a rule that no file defines any more the alerts end. */
static void end_retired(struct rules *e, struct rule *old, int64_t at_ms)
{
    struct alert_rule *alerts = alert_rule_find(e->c.book, old->d->name);

    if (alerts && alert_rule_def(alerts) == old->d && !runs(e, old->d))
        alert_rule_remove(e->c.book, alerts, "rule removed", at_ms);
    running_free(old);
}

bool rules_tidy(struct rules *e, int64_t at_ms, size_t most)
{
    if (e->adoptions_left)
        return true; /* what may be renamed waits for memory */
    for (; e->n_tidied < e->n_retired && most > 0; most--)
        end_retired(e, e->retired[e->n_tidied++], at_ms);
    if (e->n_tidied < e->n_retired)
        return false;
    e->n_tidied = e->n_retired = 0;
    return true;
}

/* Those on the agenda, whose places in the order will be others. */
static size_t list_busy(struct rules *e)
{
    size_t n = 0;
    uint32_t rank;

    for (size_t at = 0; agenda_each(&e->agenda, &at, &rank);)
        if (e->order[rank])
            e->busy[n++] = e->order[rank];
    assert(n <= e->cap);
    return n;
}

/* Bound: a walk over the rules that touches each twice (50 ns), and a look-up of each name in firing(). */
static void link_all(struct rules *e, int64_t at_ms)
{
    size_t n_busy = list_busy(e);
    struct err err;

    close_gaps(e);
    mend_names(e);
    sort_by_dependence(e);
    adopt_renamed(e, at_ms);
    for (size_t i = e->n_plain; i < e->n; i++)
        if (running_link(e->order[i], &err) < 0)
            log_error("a rule could not be linked", "error", err.text, NULL);
    index_dependents(e);
    index_grids(e);
    mend_attaching(e);
    agenda_reset(&e->agenda, e->n);
    for (size_t i = 0; i < n_busy; i++)
        rules_note(e, e->busy[i], at_ms);
}

void rules_exchange(struct rules *e, int64_t at_ms)
{
    size_t before = e->n_retired;

    windows_wake(e->c.windows, at_ms);
    puts_exchange(e, at_ms);
    for (size_t i = before; i < e->n_retired; i++) {
        forget_uses(e, e->retired[i]);
        forget_attaching(e, e->retired[i]);
    }
    for (size_t i = 0; i < e->n_puts; i++)
        for (size_t k = 0; k < e->puts[i].n; k++) {
            note_uses(e, e->puts[i].rules[k]);
            note_attaching(e, e->puts[i].rules[k]);
        }
    puts_done(e);
    link_all(e, at_ms);
}

void rules_link(struct rules *e, int64_t at_ms)
{
    rules_exchange(e, at_ms);
    (void)rules_tidy(e, at_ms, SIZE_MAX);
}

void link_again(struct rules *e, int64_t at_ms)
{
    link_all(e, at_ms);
    (void)rules_tidy(e, at_ms, SIZE_MAX);
}
