#include "window/plan.h"

#include <string.h>

#include "base/hash.h"
#include "window/quantile.h"
#include "window/windows.h"

static size_t size_of(uint32_t n)
{
    return sizeof(struct plan) + n * sizeof(struct plan_entry);
}

int plans_init(struct plans *p)
{
    arena_init(&p->arena);
    return idtable_init(&p->shared);
}

void plans_clear(struct plans *p)
{
    arena_clear(&p->arena);
    idtable_clear(&p->shared);
}

size_t plans_bytes(const struct plans *p)
{
    return arena_bytes(&p->arena) + idtable_bytes(&p->shared);
}

static uint32_t tag_of(const struct plan_entry *e, uint32_t n)
{
    return idtable_tag(hash_bytes(e, n * sizeof *e));
}

static uint32_t find(const struct plans *p, const struct plan_entry *e, uint32_t n, uint32_t tag)
{
    uint32_t at = idtable_home(&p->shared, tag);

    for (; p->shared.slots[at].id_plus_1; at = idtable_next(&p->shared, at)) {
        uint32_t id = p->shared.slots[at].id_plus_1 - 1;
        const struct plan *there = plan_at(p, id);

        if (p->shared.slots[at].tag == tag && there->n == n &&
            memcmp(there->e, e, n * sizeof *e) == 0)
            return id;
    }
    return PLAN_NONE;
}

/* Functions that put a sample where its time says, also when it comes late. Increments, and the newest
 * sample, look at no late one. */
static bool places_values(const struct windows *w, const struct plan_entry *e)
{
    const struct leaf_spec *s = w->leaves[e->leaf_row % LEAVES_MAX]->spec;

    switch (s->fn) {
    case LEAF_COUNT:
    case LEAF_SUM:
    case LEAF_AVG:
    case LEAF_STDDEV:
    case LEAF_MIN:
    case LEAF_MAX:
    case LEAF_FIRST:
    case LEAF_DELTA:
        return true;
    case LEAF_LAST:
        return s->offset_ms > 0;
    case LEAF_QUANTILE:
    case LEAF_FRACTION_BELOW:
        return e->leaf_row >> PLAN_ROW_SHIFT == ROW_NONE; /* of histograms it is increments */
    default:
        return false;
    }
}

static uint32_t create(struct windows *w, const struct plan_entry *e, uint32_t n, bool shared)
{
    struct plans *p = &w->plans;
    size_t before = plans_bytes(p);
    struct plan *made;
    uint32_t id;

    if (!wmem_room(&w->mem, arena_growth(&p->arena, size_of(n)) + idtable_growth(&p->shared) + 1) ||
        (shared && idtable_reserve(&p->shared) != 0))
        return PLAN_NONE;
    id = arena_alloc(&p->arena, size_of(n));
    w->mem.held += plans_bytes(p) - before;
    if (id == PLAN_NONE)
        return PLAN_NONE;
    made = plan_at(p, id);
    made->refs = 1;
    made->n = n & (UINT32_MAX >> 2);
    made->shared = shared;
    made->places_values = false;
    memcpy(made->e, e, n * sizeof *e);
    for (uint32_t i = 0; i < n; i++) {
        w->leaves[e[i].leaf_row % LEAVES_MAX]->refs[e[i].slot]++;
        made->places_values |= places_values(w, &e[i]);
    }
    return id;
}

uint32_t plan_take(struct windows *w, const struct plan_entry *e, uint32_t n, bool shared)
{
    uint32_t tag = 0, id;

    if (shared) {
        tag = tag_of(e, n);
        id = find(&w->plans, e, n, tag);
        if (id != PLAN_NONE) {
            plan_at(&w->plans, id)->refs++;
            return id;
        }
    }
    id = create(w, e, n, shared);
    if (id != PLAN_NONE && shared)
        idtable_insert(&w->plans.shared, tag, id);
    return id;
}

void plan_drop(struct windows *w, uint32_t id)
{
    struct plan *p = plan_at(&w->plans, id);

    if (--p->refs > 0)
        return;
    if (p->shared)
        idtable_remove(&w->plans.shared, tag_of(p->e, p->n), id);
    for (uint32_t i = 0; i < p->n; i++) {
        struct leaf *l = w->leaves[p->e[i].leaf_row % LEAVES_MAX];

        if (!l->dead)
            leaf_group_unref(w, l, p->e[i].slot);
    }
    arena_free(&w->plans.arena, id, size_of(p->n));
}
