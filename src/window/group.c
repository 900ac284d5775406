/* The groups of a leaf: slots by label set.
 * A slot's number stays the group's for as long as it is there, because rules keep it; freed ones are given
 * again, which the leaf's epoch tells. Slots lie in pages of a fixed stride that come and go with their
 * groups, so that an hour of many does not hold memory for ever. All columns are grown before anything is
 * changed: a group is there whole or refused, and counted. Shapes of labels are counted as groups become
 * visible, for rules that match by subset. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "window/kind.h"
#include "window/quantile.h"
#include "window/windows.h"

#define SIGNATURES_MAX 256
#define TOUCH_MAX      ((1u << 28) - 1) /* what fits slot.touch */

static uint32_t tag_of(labelset labels)
{
    return labels * UINT32_C(0x9E3779B1);
}

uint32_t leaf_group_find(const struct leaf *l, labelset labels)
{
    uint32_t tag = tag_of(labels), at = idtable_home(&l->index, tag);

    for (; l->index.slots[at].id_plus_1; at = idtable_next(&l->index, at)) {
        uint32_t slot = l->index.slots[at].id_plus_1 - 1;

        if (l->index.slots[at].tag == tag && l->labels[slot] == labels)
            return slot;
    }
    return SLOT_NONE;
}

static int reserve_page(struct windows *w, struct leaf *l, uint32_t slot)
{
    size_t at = slot >> l->pages.shift;

    if (wmem_grow(&w->mem, (void **)&l->pages.page, &l->pages.cap, at + 1, sizeof(char *)) != 0 ||
        wmem_grow(&w->mem, (void **)&l->pages.live, &l->pages.cap_live, at + 1, sizeof(uint16_t)) !=
            0)
        return -1;
    if (!l->pages.page[at])
        l->pages.page[at] = wmem_alloc(&w->mem, (size_t)l->pages.stride << l->pages.shift);
    return l->pages.page[at] ? 0 : -1;
}

static void release_page(struct windows *w, struct leaf *l, uint32_t slot)
{
    size_t at = slot >> l->pages.shift;

    assert(l->pages.live[at] > 0);
    if (--l->pages.live[at] > 0)
        return;
    wmem_free(&w->mem, l->pages.page[at], (size_t)l->pages.stride << l->pages.shift);
    l->pages.page[at] = NULL;
}

static int reserve_index(struct windows *w, struct leaf *l)
{
    size_t before = idtable_bytes(&l->index), growth = idtable_growth(&l->index);

    if (growth > 0 && !wmem_room(&w->mem, growth))
        return -1;
    if (idtable_reserve(&l->index) != 0)
        return -1;
    w->mem.held += idtable_bytes(&l->index) - before;
    return 0;
}

static int reserve(struct windows *w, struct leaf *l)
{
    size_t need = l->n_slots + 1u;

    if (l->used >= w->max_groups || reserve_index(w, l) != 0)
        return -1;
    if (l->free_slot != SLOT_NONE)
        return reserve_page(w, l, l->free_slot);
    if (reserve_page(w, l, l->n_slots) != 0 ||
        wmem_grow(&w->mem, (void **)&l->labels, &l->cap_labels, need, sizeof *l->labels) != 0 ||
        wmem_grow(&w->mem, (void **)&l->refs, &l->cap_refs, need, sizeof *l->refs) != 0)
        return -1;
    if (leaf_covers(l) &&
        wmem_grow(&w->mem, (void **)&l->since, &l->cap_since, need, sizeof *l->since) != 0)
        return -1;
    if (l->spec->grouping != LEAF_PER_SERIES)
        return 0;
    return wmem_grow(&w->mem, (void **)&l->owner, &l->cap_owner, need, sizeof *l->owner);
}

uint32_t leaf_group_take(struct windows *w, struct leaf *l, labelset labels, uint32_t owner)
{
    uint32_t slot = leaf_group_find(l, labels);

    if (slot != SLOT_NONE) {
        labelset_unref(w->labels, labels);
        if (l->owner)
            l->owner[slot] = owner;
        return slot;
    }
    if (reserve(w, l) != 0) {
        labelset_unref(w->labels, labels);
        w->stats.refused_groups++;
        w->refused = true;
        w->refused_held = w->mem.held;
        return SLOT_NONE;
    }
    slot = l->free_slot;
    if (slot == SLOT_NONE)
        slot = l->n_slots++;
    else
        l->free_slot = l->refs[slot];
    l->used++;
    l->pages.live[slot >> l->pages.shift]++;
    l->labels[slot] = labels;
    l->refs[slot] = 0;
    if (l->owner)
        l->owner[slot] = owner;
    memset(leaf_slot(l, slot), 0, l->pages.stride);
    leaf_slot(l, slot)->flags = SLOT_HIDDEN;
    idtable_insert(&l->index, tag_of(labels), slot);
    assert(l->used <= w->max_groups && l->used <= l->n_slots);
    return slot;
}

/* --- signatures: which lists of label names the visible groups have --- */

static void signature_add(struct windows *w, struct leaf *l, uint32_t slot)
{
    uint64_t names = labelset_signature(w->labels, l->labels[slot]);
    size_t i = 0;

    while (i < l->n_signatures && l->signatures[i].names != names)
        i++;
    if (i == l->n_signatures) {
        if (i >= SIGNATURES_MAX || mem_grow((void **)&l->signatures, &l->cap_signatures, i + 1,
                                            sizeof *l->signatures) != 0)
            return;
        l->signatures[l->n_signatures++] = (struct signature){names, 0, slot};
    }
    l->signatures[i].count++;
    l->signatures[i].example = slot;
}

static void signature_remove(struct windows *w, struct leaf *l, uint32_t slot)
{
    uint64_t names = labelset_signature(w->labels, l->labels[slot]);

    for (size_t i = 0; i < l->n_signatures; i++) {
        if (l->signatures[i].names != names)
            continue;
        if (l->signatures[i].example == slot)
            l->signatures[i].example = SLOT_NONE;
        assert(l->signatures[i].count > 0);
        if (--l->signatures[i].count == 0)
            l->signatures[i] = l->signatures[--l->n_signatures];
        return;
    }
}

static uint32_t example_of(const struct windows *w, struct leaf *l, struct signature *s)
{
    for (uint32_t slot = 0; slot < l->n_slots && s->example == SLOT_NONE; slot++)
        if (l->labels[slot] != LABELSET_NONE && !(leaf_slot(l, slot)->flags & SLOT_HIDDEN) &&
            labelset_signature(w->labels, l->labels[slot]) == s->names)
            s->example = slot;
    return s->example;
}

size_t windows_signatures(const struct windows *w, leaf_id leaf, uint64_t *signatures,
                          labelset *examples, size_t max)
{
    struct leaf *l = w->leaves[leaf];

    for (size_t i = 0; i < l->n_signatures && i < max; i++) {
        signatures[i] = l->signatures[i].names;
        examples[i] = l->labels[example_of(w, l, &l->signatures[i])];
    }
    return l->n_signatures;
}

/* --- showing, hiding, freeing --- */

void leaf_group_show(struct windows *w, struct leaf *l, uint32_t slot)
{
    slot_unflag(leaf_slot(l, slot), SLOT_HIDDEN);
    l->visible++;
    w->stats.groups++;
    if (slot < l->shown_end)
        l->epoch++;
    else
        l->shown_end = slot + 1;
    signature_add(w, l, slot);
    leaf_group_began(l, slot, second_of(leaf_slot(l, slot)->newest_ms));
}

void leaf_group_began(struct leaf *l, uint32_t slot, uint32_t second)
{
    if (!l->since)
        return;
    assert(slot < l->cap_since);
    l->since[slot] = second;
    if (second > l->newest_since)
        l->newest_since = second;
}

static void free_slot(struct windows *w, struct leaf *l, uint32_t slot)
{
    assert(l->used > 0 && l->refs[slot] == 0);
    idtable_remove(&l->index, tag_of(l->labels[slot]), slot);
    labelset_unref(w->labels, l->labels[slot]);
    l->labels[slot] = LABELSET_NONE;
    l->refs[slot] = l->free_slot;
    l->free_slot = slot;
    l->used--;
    release_page(w, l, slot);
}

static void untouch(struct leaf *l, struct slot *s)
{
    struct touched *last;

    if (s->touch == 0)
        return;
    assert(s->touch <= l->n_touched);
    last = &l->touched[--l->n_touched];
    leaf_slot(l, last->slot)->touch = s->touch;
    l->touched[s->touch - 1] = *last;
    s->touch = 0;
}

void leaf_group_forget(struct windows *w, struct leaf *l, uint32_t slot)
{
    struct slot *s = leaf_slot(l, slot);
    bool keep = l->refs[slot] > 0;

    if (!(s->flags & SLOT_HIDDEN)) {
        assert(l->visible > 0 && w->stats.groups > 0);
        signature_remove(w, l, slot);
        slot_flag(s, SLOT_HIDDEN);
        l->visible--;
        l->epoch++;
        w->stats.groups--;
    }
    untouch(l, s);
    report_forget_group(l, slot);
    slot_clear(w, l, s, keep);
    if (!keep)
        free_slot(w, l, slot);
}

void leaf_group_unref(struct windows *w, struct leaf *l, uint32_t slot)
{
    assert(l->refs[slot] > 0);
    if (--l->refs[slot] == 0 && leaf_slot(l, slot)->flags & SLOT_HIDDEN)
        leaf_group_forget(w, l, slot);
}

void leaf_groups_clear(struct windows *w, struct leaf *l)
{
    for (uint32_t slot = 0; slot < l->n_slots; slot++) {
        if (l->labels[slot] == LABELSET_NONE)
            continue;
        slot_clear(w, l, leaf_slot(l, slot), false);
        labelset_unref(w->labels, l->labels[slot]);
    }
    for (size_t i = 0; i < l->pages.cap; i++)
        wmem_free(&w->mem, l->pages.page[i], (size_t)l->pages.stride << l->pages.shift);
    wmem_free(&w->mem, l->pages.page, l->pages.cap * sizeof(char *));
    wmem_free(&w->mem, l->pages.live, l->pages.cap_live * sizeof(uint16_t));
    wmem_free(&w->mem, l->labels, l->cap_labels * sizeof *l->labels);
    wmem_free(&w->mem, l->refs, l->cap_refs * sizeof *l->refs);
    wmem_free(&w->mem, l->owner, l->cap_owner * sizeof *l->owner);
    wmem_free(&w->mem, l->rounds, l->cap_rounds * sizeof *l->rounds);
    l->rounds = NULL;
    l->cap_rounds = 0;
    wmem_free(&w->mem, l->ends, l->cap_ends * sizeof *l->ends);
    l->ends = NULL;
    l->cap_ends = 0;
    wmem_free(&w->mem, l->since, l->cap_since * sizeof *l->since);
    w->mem.held -= idtable_bytes(&l->index);
    idtable_clear(&l->index);
    w->stats.groups -= l->visible;
    l->pages.page = NULL;
    l->pages.live = NULL;
    l->pages.cap = l->pages.cap_live = 0;
    l->labels = l->refs = l->owner = l->since = NULL;
    l->n_slots = l->used = l->visible = l->shown_end = 0;
    l->n_touched = l->n_signatures = 0;
}

/* --- touched groups --- */

static void touch_new(struct windows *w, struct leaf *l, uint32_t slot, struct slot *s)
{
    if (l->n_touched >= TOUCH_MAX ||
        mem_grow((void **)&l->touched, &l->cap_touched, l->n_touched + 1, sizeof *l->touched) != 0)
        return;
    if (!l->listed) {
        if (mem_grow((void **)&w->touched, &w->cap_touched, w->n_touched + 1, sizeof *w->touched) !=
            0)
            return;
        w->touched[w->n_touched++] = l->id;
        l->listed = true;
    }
    s->touch = (uint32_t)++l->n_touched & TOUCH_MAX;
    l->touched[s->touch - 1].slot = slot;
}

/* Without memory the group is not listed: it is looked at on the next tick. */
void leaf_touch(struct windows *w, struct leaf *l, uint32_t slot, struct slot *s)
{
    if (!s->touch)
        touch_new(w, l, slot, s);
}
