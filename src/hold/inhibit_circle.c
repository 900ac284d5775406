/* Circles of inhibition: alerts that hold each other, so that nobody would be told of any.
 *
 * Where the rules alone show one, the configuration is refused (model/inhibit_rule.h). Most circles are only possible: a rule for
 * `severity = "warning"` and one for a node that is down may meet in an alert of both. Such rules are marked once, and only
 * for theirs a walk is made from the source up to all that hold it. A target that is found there and is older is not
 * held: so of each circle the oldest is free. Dropped: "only the older one holds", which is wrong where there is
 * no circle; a source that is held holds nothing, which frees the third of a chain. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "hold/inhibit_graph.h"

/* --- in the rules --- */

/* Two sides that no alert matches both: one label, two exact values. */
static bool are_disjoint(struct matcher *const *a, size_t n_a, struct matcher *const *b, size_t n_b)
{
    for (size_t i = 0; i < n_a; i++)
        for (size_t k = 0; k < n_b; k++)
            if (matcher_op(a[i]) == MATCH_EQUAL && matcher_op(b[k]) == MATCH_EQUAL &&
                !matcher_negated(a[i]) && !matcher_negated(b[k]) &&
                strcmp(matcher_name(a[i]), matcher_name(b[k])) == 0 &&
                strcmp(matcher_value(a[i]), matcher_value(b[k])) != 0)
                return true;
    return false;
}

static bool may_lead_to(const struct inhibit_rule *a, const struct inhibit_rule *b)
{
    return !are_disjoint(a->target, a->n_target, b->source, b->n_source);
}

/* Which rule may lead to which, row by row. NULL: no memory. */
static bool *matrix(const struct inhibit_rule *rules, size_t n)
{
    bool *m = mem_alloc(n * n + 1);

    for (size_t i = 0; m && i < n; i++)
        for (size_t k = 0; k < n; k++)
            m[i * n + k] = i != k && may_lead_to(&rules[i], &rules[k]);
    return m;
}

/* Does it lead to one of those that are left (`out`), or one of them to it? */
static bool has_way(const bool *leads, const bool *in, size_t n, size_t rule, bool out)
{
    for (size_t k = 0; k < n; k++)
        if (in[k] && leads[out ? rule * n + k : k * n + rule])
            return true;
    return false;
}

/* Rules that nothing leads to, or that lead nowhere, are in no circle; nor are those that are so when these are
 * taken out. What is left may be. */
int inhibit_circles_find(struct inhibits *h)
{
    size_t n = h->n_rules;
    bool *leads = matrix(h->rules, n), *in = h->in_circle, changed = true;

    if (!leads)
        return -1;
    memset(in, 1, n);
    while (changed) {
        changed = false;
        for (size_t i = 0; i < n; i++) {
            if (!in[i] || (has_way(leads, in, n, i, true) && has_way(leads, in, n, i, false)))
                continue;
            in[i] = false;
            changed = true;
        }
    }
    mem_free(leads);
    return 0;
}

/* --- among alerts --- */

static bool is_older(const struct inhibit_subject *a, const struct inhibit_subject *b)
{
    return a->starts_ms != b->starts_ms ? a->starts_ms < b->starts_ms : strcmp(a->key, b->key) < 0;
}

/* Alerts met on a walk, each once. false: there is no room for it. */
static bool meet(const struct inhibits *h, struct inhibit_subject *s, uint64_t walk, size_t *n)
{
    if (s->visit == walk)
        return true;
    if (*n == CIRCLE_WALK)
        return false;
    s->visit = walk;
    h->todo[(*n)++] = s;
    return true;
}

/* Whatever may hold `s` joins the walk. */
static bool meet_holders(const struct inhibits *h, const struct inhibit_subject *s, uint64_t walk,
                         size_t *n)
{
    for (size_t i = 0; i < s->n_links; i++) {
        const struct inhibit_link *l = &s->links[i];
        int sides = l->side == SIDE_TARGET_BOTH ? 1 : 2;

        if (l->side < SIDE_TARGET || !h->in_circle[l->group->rule])
            continue;
        for (int side = 0; side < sides; side++)
            for (const struct inhibit_link *u = l->group->first[side]; u; u = u->next)
                if (!meet(h, u->subject, walk, n))
                    return false;
    }
    return true;
}

bool inhibit_circle_holds(const struct inhibits *h, const struct inhibit_subject *source,
                          const struct inhibit_subject *target)
{
    uint64_t walk = ++((struct inhibits *)h)->walk;
    size_t n = 0;

    assert(source != target);
    if (is_older(source, target))
        return true;
    if (!meet_holders(h, source, walk, &n))
        return false;
    for (size_t at = 0; at < n; at++)
        if (h->todo[at] == target || !meet_holders(h, h->todo[at], walk, &n))
            return false;
    return true;
}

bool inhibit_circle_each(struct inhibits *h, struct inhibit_group *g,
                         void (*each)(struct inhibits *h, struct inhibit_group *g))
{
    uint64_t walk = ++h->walk;
    size_t n = 0;

    for (int side = SIDE_TARGET; side < SIDES; side++)
        for (const struct inhibit_link *l = g->first[side]; l; l = l->next)
            if (!meet(h, l->subject, walk, &n))
                return false;
    for (size_t at = 0; at < n; at++) {
        const struct inhibit_subject *s = h->todo[at];

        for (size_t i = 0; i < s->n_links; i++) {
            struct inhibit_group *to = s->links[i].group;

            if (s->links[i].side >= SIDE_TARGET || !h->in_circle[to->rule] || to->visit == walk)
                continue;
            to->visit = walk;
            each(h, to);
            for (int side = SIDE_TARGET; side < SIDES; side++)
                for (const struct inhibit_link *l = to->first[side]; l; l = l->next)
                    if (!meet(h, l->subject, walk, &n))
                        return false;
        }
    }
    return true;
}
