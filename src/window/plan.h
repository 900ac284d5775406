/* Where the samples of a series go: a list of (leaf, group), shared by all series that have the
 * same one. Thousands of series of one service then cost four bytes each.
 *
 *   plan (arena):  refs | n | (leaf and row, slot) …
 *
 * A plan holds a reference on each group it names. Lists that no other series can have (a leaf
 * with a window per series) are not looked up, which saves their place in the table. */
#ifndef TOCSIN_WINDOW_PLAN_H
#define TOCSIN_WINDOW_PLAN_H

#include "model/arena.h"
#include "model/idtable.h"
#include "window/leaf.h"

#define PLAN_NONE      ARENA_NONE
#define PLAN_ENTRIES   4096 /* leaves that look at one series */
#define LEAVES_MAX     (1u << 22)
#define PLAN_ROW_SHIFT 22

struct plan_entry {
    uint32_t leaf_row; /* leaf | row of a histogram << 22 */
    uint32_t slot;
};

struct plan {
    uint32_t refs;
    uint32_t n : 30, shared : 1;
    uint32_t places_values : 1; /* to some leaf a late repetition would be a value */
    struct plan_entry e[];
};

struct plans {
    struct arena arena;
    struct idtable shared;
};

int plans_init(struct plans *p) MUST_USE;
void plans_clear(struct plans *p);
size_t plans_bytes(const struct plans *p);

static inline struct plan *plan_at(const struct plans *p, uint32_t id)
{
    return arena_at(&p->arena, id);
}

/* The plan with these entries, with one reference more; PLAN_NONE: no memory or over the bound. */
uint32_t plan_take(struct windows *w, const struct plan_entry *e, uint32_t n, bool shared);
void plan_drop(struct windows *w, uint32_t id);

#endif
