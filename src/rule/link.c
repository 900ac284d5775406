/* Which rules there are, and who looks when what changes.
 *
 * A reload puts files one by one and then links once. Putting makes sure of all memory that linking
 * needs; linking then finds out, for all rules together:
 *
 *   order       ranks of evaluation: a rule after those it names in firing()
 *   dependents  of a rule, those that name it
 *   uses        of a leaf, the rules that look early at what touches it
 *   grids       of an `every`, the rules whose ticks it makes
 *   attaching   of a log event, the rules that may keep it for their messages
 *
 * so that an instant, a block and an event cost the rules they concern. Linking walks all rules, some
 * tens of nanoseconds each, and does more for those that came and went: names and uses stay for the
 * others. Keeping ranks as well was dropped: they move with any new dependence. */
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
    for (size_t i = 0; i < e->n; i++)
        running_free(e->order[i]);
    for (size_t i = 0; i < e->n_retired; i++)
        running_free(e->retired[i]);
    map_free(e->by_name, NULL);
    map_free(e->by_path, NULL);
    matcher_index_free(e->attaching);
    matcher_candidates_free(&e->attach_candidates);
    mem_free(e->order);
    mem_free(e->scratch);
    mem_free(e->retired);
    mem_free(e->grids);
    mem_free(e->grid_ranks);
    mem_free(e->first_dependent);
    mem_free(e->dependents);
}

/* --- putting a file --- */

/* Nothing of them was put: what ran before goes on as it is. */
static void drop_new(struct rules *e, struct rule **fresh, size_t n)
{
    for (size_t i = 0; i < n && fresh[i]; i++) {
        alert_rule_unreserve(e->c.book, fresh[i]->d);
        running_free(fresh[i]);
    }
    mem_free(fresh);
}

static int fit(void **column, size_t n, size_t size)
{
    void *grown = mem_realloc(*column, n * size);

    if (!grown)
        return -1;
    *column = grown;
    return 0;
}

/* Room for `n` rules in everything that has a place for each. */
static int fit_ranks(struct rules *e, size_t n)
{
    n++;
    if (n <= e->cap)
        return 0;
    n += n / 2; /* a start puts thousands of files */
    if (fit((void **)&e->order, n, sizeof(struct rule *)) < 0 ||
        fit((void **)&e->scratch, n, sizeof(struct rule *)) < 0 ||
        fit((void **)&e->grids, n, sizeof *e->grids) < 0 ||
        fit((void **)&e->grid_ranks, n, sizeof *e->grid_ranks) < 0 ||
        fit((void **)&e->first_dependent, n, sizeof *e->first_dependent) < 0 ||
        agenda_fit(&e->agenda, n) < 0)
        return -1;
    e->cap = n;
    return 0;
}

static size_t count_deps(struct rule *const *list, size_t n)
{
    size_t deps = 0;

    for (size_t i = 0; i < n; i++)
        deps += list[i]->d->n_deps;
    return deps;
}

/* Without memory there is no index, and rules_find() walks until one can be made. */
static void enter_name(struct rules *e, struct rule *r)
{
    if (!e->by_name || map_puts(e->by_name, r->d->name, r, NULL) == 0)
        return;
    map_free(e->by_name, NULL);
    e->by_name = NULL;
}

/* Another file may have the name by now. */
static void leave_name(struct rules *e, const struct rule *r)
{
    if (e->by_name && map_gets(e->by_name, r->d->name) == r)
        (void)map_removes(e->by_name, r->d->name);
}

static size_t count_in_file(const struct rule *first)
{
    size_t n = 0;

    for (const struct rule *r = first; r; r = r->next_in_file)
        n++;
    return n;
}

/* The rules of other files stay; those of `path` are replaced by `fresh`. Cost: these. */
static int swap_file(struct rules *e, const char *path, struct rule **fresh, size_t n_fresh)
{
    struct rule *first = map_gets(e->by_path, path);
    size_t deps = e->n_deps + count_deps(fresh, n_fresh);

    if (fit_ranks(e, e->n + n_fresh) < 0 ||
        fit((void **)&e->dependents, deps + 1, sizeof *e->dependents) < 0 ||
        mem_grow((void **)&e->retired, &e->retired_cap, e->n_retired + count_in_file(first) + 1,
                 sizeof(struct rule *)) < 0)
        return -1;
    if (n_fresh > 0 && map_puts(e->by_path, path, fresh[0], NULL) < 0)
        return -1;
    if (n_fresh == 0)
        (void)map_removes(e->by_path, path);
    for (size_t i = 0; i < n_fresh; i++) {
        fresh[i]->rank = (uint32_t)e->n;
        fresh[i]->next_in_file = i + 1 < n_fresh ? fresh[i + 1] : NULL;
        e->order[e->n++] = fresh[i];
        enter_name(e, fresh[i]);
    }
    for (; first; first = first->next_in_file) {
        assert(e->order[first->rank] == first);
        e->order[first->rank] = NULL;
        e->retired[e->n_retired++] = first;
        leave_name(e, first);
    }
    e->n_deps = deps;
    e->unlinked = true;
    assert(e->n < e->cap);
    return 0;
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

/* --- linking --- */

static void mend_names(struct rules *e)
{
    if (e->by_name)
        return;
    e->by_name = map_new();
    for (size_t i = 0; i < e->n; i++)
        enter_name(e, e->order[i]);
}

struct rule *rules_find(const struct rules *e, const char *name)
{
    if (e->by_name)
        return map_gets(e->by_name, name);
    for (size_t i = 0; i < e->n; i++)
        if (e->order[i] && strcmp(e->order[i]->d->name, name) == 0)
            return e->order[i];
    return NULL;
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

static void sort_by_dependence(struct rules *e)
{
    struct rule **sorted = e->scratch;
    size_t n = 0;

    /* The many that depend on nothing come first, as they stand: no search for them. */
    for (size_t i = 0; i < e->n; i++) {
        struct rule *r = e->order[i];

        r->rank = r->d->n_deps == 0 ? (uint32_t)n : RANK_NONE;
        if (r->d->n_deps == 0)
            sorted[n++] = r;
    }
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
    for (size_t i = 0; i < e->n; i++)
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
    for (size_t i = e->n; i-- > 0;)
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

/* Cost: the rules that came and went, and those that share their leaves. */
static void index_uses(struct rules *e)
{
    for (size_t i = 0; i < e->n && !e->ticks_only; i++) {
        struct rule *r = e->order[i];

        if (r->early && !r->uses_noted)
            note_leaves(e, r, &r->rs);
        r->uses_noted = r->early;
    }
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

static void index_grids(struct rules *e)
{
    uint32_t first = 0;

    e->n_grids = 0;
    for (size_t i = 0; i < e->n; i++)
        count_grid(e, e->order[i]->d->every_ms);
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

static int enter_attaching(struct rules *e, const struct rule *r)
{
    const struct leaf_spec *from = r->attached.from;

    return from ? matcher_index_add(e->attaching, from->matchers, from->n_matchers, r->rank) : 0;
}

static void index_attaching(struct rules *e)
{
    matcher_index_free(e->attaching);
    e->attaching = matcher_index_new();
    for (size_t i = 0; e->attaching && i < e->n; i++)
        if (enter_attaching(e, e->order[i]) < 0) {
            matcher_index_free(e->attaching);
            e->attaching = NULL;
        }
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

    close_gaps(e);
    mend_names(e);
    sort_by_dependence(e);
    for (size_t i = 0; i < e->n_retired; i++)
        if (e->retired[i]->uses_noted)
            forget_leaves(e, e->retired[i], &e->retired[i]->rs);
    adopt_renamed(e, at_ms);
    if (!e->adoptions_left)
        end_retired(e, at_ms);
    for (size_t i = 0; i < e->n; i++)
        if (!(e->order[i]->linked && e->order[i]->d->n_deps == 0) &&
            running_link(e->order[i], &err) < 0)
            log_error("a rule could not be linked", "error", err.text, NULL);
    e->n_deps = count_deps(e->order, e->n);
    index_dependents(e);
    index_uses(e);
    index_grids(e);
    index_attaching(e);
    agenda_reset(&e->agenda, e->n);
    for (size_t i = 0; i < e->n; i++)
        rules_note(e, e->order[i], at_ms);
    e->unlinked = false;
}
