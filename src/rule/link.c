/* Which rules look when: found out for all of them at an exchange (exchange.c), a few a call.
 *
 *   order       ranks of evaluation: a rule after those it names in firing()
 *   dependents  of a rule, those that name it
 *   grids       of an `every`, the rules whose ticks it makes
 *
 * so that an instant costs the rules it concerns. Each is a walk over all rules, some tens of nanoseconds
 * each; keeping them from one exchange to the next was dropped: ranks move with any new dependence. What has
 * a place for each rule was made large enough when files were put (puts.c), so nothing here fails, but what
 * alerts of renamed rules and firing() need, which is tried again with the next instant. */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "rule/rules.h"

#define RANK_NONE UINT32_MAX

void link_free(struct rules *e)
{
    puts_free(e);
    for (size_t i = 0; i < e->n; i++)
        running_free(e->order[i]);
    for (size_t i = e->n_tidied; i < e->n_retired; i++)
        running_free(e->retired[i]);
    uses_free(e);
    map_free(e->by_name, NULL);
    map_free(e->by_path, NULL);
    mem_free(e->order);
    mem_free(e->scratch);
    mem_free(e->busy);
    mem_free(e->retired);
    mem_free(e->grids);
    mem_free(e->grid_ranks);
    mem_free(e->first_dependent);
    mem_free(e->dependents);
}

/* Those on the agenda, whose places in the order will be others. Bound: the rules, a few ns each. */
size_t link_list_busy(struct rules *e)
{
    size_t n = 0;
    uint32_t rank;

    for (size_t at = 0; agenda_each(&e->agenda, &at, &rank);)
        e->busy[n++] = e->order[rank];
    assert(n <= e->cap);
    return n;
}

/* --- the order --- */

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

/* The many that depend on nothing come first, as they stand: no search for them. */
bool link_sort_plain(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    if (x->at == 0)
        e->n_grids = e->n_deps = e->n_renamed = 0;
    for (; x->at < x->n_next; x->at++) {
        struct rule *r = e->order[x->at];
        const struct rule_def *d = r->d;

        if (*most == 0)
            return false;
        --*most;
        if (r->leaving)
            continue;
        count_grid(e, d->every_ms);
        e->n_deps += d->n_deps;
        e->n_renamed += d->renamed_from != NULL;
        r->rank = d->n_deps == 0 ? (uint32_t)x->n_sorted : RANK_NONE;
        if (d->n_deps == 0)
            e->scratch[x->n_sorted++] = r;
    }
    e->n_plain = x->n_sorted;
    if (!e->by_name) { /* bound: the rules; after memory was short */
        e->by_name = map_new();
        for (size_t i = 0; e->by_name && i < x->n_next; i++)
            if (!e->order[i]->leaving)
                puts_enter_name(e, e->order[i]);
    }
    return true;
}

/* The rule of that name that will run. */
static struct rule *find_staying(const struct rules *e, const char *name)
{
    struct rule *r = rules_find(e, name);

    return r && !r->leaving ? r : NULL;
}

/* Rules after those they depend on; rulefiles_check() has refused circles. */
static void place(struct rules *e, struct rule *r, size_t depth)
{
    struct exchange *x = &e->exchange;

    for (size_t i = 0; depth < x->n_next && i < r->d->n_deps; i++) {
        struct rule *other = find_staying(e, r->d->deps[i]);

        if (other && other != r && other->rank == RANK_NONE)
            place(e, other, depth + 1);
    }
    if (r->rank != RANK_NONE)
        return;
    r->rank = (uint32_t)x->n_sorted;
    e->scratch[x->n_sorted++] = r;
}

/* Bound of a call beside `most`: a rule with all it depends on. */
bool link_sort_rest(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; x->at < x->n_next && x->n_sorted + x->n_gone < x->n_next; x->at++) {
        struct rule *r = e->order[x->at];

        if (*most == 0)
            return false;
        --*most;
        if (!r->leaving && r->rank == RANK_NONE)
            place(e, r, 0);
    }
    return true;
}

void link_turn(struct rules *e)
{
    struct rule **sorted = e->scratch;

    e->scratch = e->order;
    e->order = sorted;
}

/* --- who names whom, and who ticks when --- */

bool link_runs(const struct rules *e, const struct rule_def *d)
{
    const struct rule *r = d ? rules_find(e, d->name) : NULL;

    return r && r->d == d;
}

/* Alerts of a rule that had another name. */
static void adopt_renamed(struct rules *e, struct rule *r, int64_t at_ms)
{
    const char *was = r->d->renamed_from;
    struct alert_rule *old = was ? alert_rule_find(e->c.book, was) : NULL;

    if (!old || old == r->alerts || link_runs(e, alert_rule_def(old)))
        return; /* it is long done, or both names are in use */
    if (alert_rule_adopt(r->alerts, old, at_ms) < 0)
        e->adoptions_left = true;
    running_pin_alerts(r);
}

bool link_renamed(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    if (x->at == 0)
        e->adoptions_left = false;
    for (; e->n_renamed > 0 && x->at < e->n; x->at++) {
        if (*most == 0)
            return false;
        --*most;
        adopt_renamed(e, e->order[x->at], x->at_ms);
    }
    return true;
}

bool link_firing(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;
    struct err err;

    for (; e->n_plain + x->at < e->n; x->at++) {
        if (*most == 0)
            return false;
        --*most;
        if (running_link(e->order[e->n_plain + x->at], &err) < 0)
            log_error("a rule could not be linked", "error", err.text, NULL);
    }
    return true;
}

/* Of each rank, the ranks of its dependents, one list behind the other: first how many they are. */
bool link_count_dependents(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;
    uint32_t *first = e->first_dependent, n = 0;

    assert(first || e->n == 0);
    if (!first)
        return true; /* no rule has been put yet */
    if (x->at == 0)
        memset(first, 0, (e->n + 1) * sizeof *first);
    for (; e->n_plain + x->at < e->n; x->at++) {
        const struct rule_def *d = e->order[e->n_plain + x->at]->d;

        if (*most == 0)
            return false;
        --*most;
        for (size_t k = 0; k < d->n_deps; k++) {
            const struct rule *on = rules_find(e, d->deps[k]);

            if (on)
                first[on->rank]++;
        }
    }
    for (size_t i = 0; i <= e->n; i++) { /* a nanosecond each */
        n += first[i];
        first[i] = n; /* the end of its list, until they are filled in from behind */
    }
    assert(n <= e->n_deps);
    return true;
}

bool link_dependents(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;

    for (; e->n_plain + x->at < e->n; x->at++) {
        size_t i = e->n - 1 - x->at;
        const struct rule_def *d = e->order[i]->d;

        if (*most == 0)
            return false;
        --*most;
        for (size_t k = 0; k < d->n_deps; k++) {
            const struct rule *on = rules_find(e, d->deps[k]);

            if (on)
                e->dependents[--e->first_dependent[on->rank]] = (uint32_t)i;
        }
    }
    return true;
}

bool link_grids(struct rules *e, size_t *most)
{
    struct exchange *x = &e->exchange;
    uint32_t first = 0;

    for (size_t i = 0; x->at == 0 && i < e->n_grids; i++) {
        e->grids[i].first = first;
        first += e->grids[i].n;
        e->grids[i].n = 0;
    }
    for (; x->at < e->n; x->at++) {
        struct grid *g = &e->grids[grid_place(e, e->order[x->at]->d->every_ms)];

        if (*most == 0)
            return false;
        --*most;
        e->grid_ranks[g->first + g->n++] = (uint32_t)x->at;
    }
    assert(e->n_grids <= e->n);
    return true;
}

void link_adopt_again(struct rules *e, int64_t at_ms)
{
    e->adoptions_left = false;
    for (size_t i = 0; e->n_renamed > 0 && i < e->n; i++)
        adopt_renamed(e, e->order[i], at_ms);
}
