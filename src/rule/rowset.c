/* The rows of an expression, kept in step with the groups of its sources.
 * How rows and sources relate is drawn in the header. Groups are met when they come: each source remembers
 * how far it has been seen, so a look costs the newcomers and not all groups. A slot that was freed and
 * given again is known by the leaf's epoch, on which the rows are resolved anew. Labels that are a subset of
 * a row's are found by the few shapes of label sets that a leaf has (SHAPES_MAX), not by trying its groups.
 * No memory for a row refuses the row, not the look. */
#include "rule/rowset.h"

#include <string.h>

#include "base/mem.h"
#include "rule/derived.h"

static bool is_source(const struct expr *x)
{
    return x->kind == EXPR_LEAF || x->kind == EXPR_AGG || x->kind == EXPR_ON || x->kind == COND_ON;
}

struct source *rowset_source(const struct rowset *rs, const struct expr *x)
{
    for (size_t i = 0; i < rs->n_sources; i++)
        if (rs->sources[i].x == x)
            return &rs->sources[i];
    return NULL;
}

static bool same_keys(const struct expr_keys *a, const struct expr_keys *b)
{
    if (a->all || b->all)
        return a->all && b->all;
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    return true;
}

static int add_source(struct rowset *rs, const struct expr *x, int64_t now_ms, struct err *e)
{
    struct source *grown, *s;

    if (rowset_source(rs, x))
        return 0;
    grown = mem_realloc(rs->sources, (rs->n_sources + 1) * sizeof *grown);
    if (!grown)
        return err_set(e, ERR_MEMORY, "no memory for the rule's sources");
    rs->sources = grown;
    s = &grown[rs->n_sources++];
    *s = (struct source){.x = x, .leaf = LEAF_NONE, .driver = same_keys(&x->keys, rs->keys)};
    if (!x->keys.all) {
        s->by_names = true;
        if (label_names_init(rs->labels, &s->names, false, x->keys.names, x->keys.n) < 0)
            return err_set(e, ERR_MEMORY, "no memory for the rule's labels");
    }
    if (x->kind == EXPR_LEAF) {
        s->leaf = windows_leaf_ahead(rs->windows, x->leaf, now_ms, e);
        return s->leaf == LEAF_NONE ? -1 : 0;
    }
    s->derived = derived_new(rs->windows, rs->labels, x, now_ms, e);
    return s->derived ? 0 : -1;
}

static int find_sources(struct rowset *rs, const struct expr *x, int64_t now_ms, struct err *e)
{
    if (!x)
        return 0;
    if (is_source(x))
        return add_source(rs, x, now_ms, e);
    if (find_sources(rs, x->a, now_ms, e) < 0 || find_sources(rs, x->b, now_ms, e) < 0)
        return -1;
    return find_sources(rs, x->c, now_ms, e);
}

void rowset_set_enough(struct rowset *rs, int64_t enough_ms)
{
    rs->enough_ms = enough_ms;
    for (size_t i = 0; i < rs->n_sources; i++)
        if (rs->sources[i].derived)
            rowset_set_enough(&rs->sources[i].derived->in, enough_ms);
}

int rowset_init(struct rowset *rs, struct windows *w, struct labelsets *ls,
                const struct expr_keys *keys, struct expr *const *roots, size_t n_roots,
                int64_t now_ms, struct err *e)
{
    *rs = (struct rowset){
        .labels = ls, .windows = w, .keys = keys, .reused = ROW_NONE, .enough_ms = INT64_MAX};
    for (size_t i = 0; i < n_roots; i++) {
        if (find_sources(rs, roots[i], now_ms, e) < 0) {
            rowset_clear(rs);
            return -1;
        }
    }
    /* A number has one row, from the start. */
    if (keys->scalar && rowset_row(rs, labelsets_empty(ls)) == ROW_NONE) {
        rowset_clear(rs);
        return err_set(e, ERR_MEMORY, "no memory for the rule's rows");
    }
    if (keys->scalar)
        rs->pinned[0] = true;
    return 0;
}

void rowset_clear(struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        struct source *s = &rs->sources[i];

        if (s->leaf != LEAF_NONE)
            windows_leaf_release(rs->windows, s->leaf);
        derived_free(s->derived);
        if (s->by_names)
            label_names_clear(rs->labels, &s->names);
        mem_free(s->slot);
        mem_free(s->row_of);
    }
    for (uint32_t row = 0; row < rs->n_rows; row++)
        if (rs->group[row] != LABELSET_NONE)
            labelset_unref(rs->labels, rs->group[row]);
    mem_free(rs->sources);
    mem_free(rs->group);
    mem_free(rs->pinned);
    mem_free(rs->free_rows);
    mem_free(rs->round);
    mem_free(rs->touched);
    idmap_free(&rs->index);
    *rs = (struct rowset){0};
}

uint32_t source_slots(const struct rowset *rs, const struct source *s)
{
    return s->derived ? s->derived->n : windows_slots(rs->windows, s->leaf);
}

static labelset source_labels(const struct rowset *rs, const struct source *s, uint32_t slot)
{
    return s->derived ? s->derived->group[slot] : windows_group_labels(rs->windows, s->leaf, slot);
}

static uint32_t source_find(const struct rowset *rs, const struct source *s, labelset group)
{
    return s->derived ? derived_find(s->derived, group)
                      : windows_group_find(rs->windows, s->leaf, group);
}

static uint64_t source_epoch(const struct rowset *rs, const struct source *s)
{
    return s->derived ? s->derived->epoch : windows_epoch(rs->windows, s->leaf);
}

#define SHAPES_MAX 8 /* shapes of label sets under one selector that subset matching looks at */

/* The names of `example` are all among those of `group`: the group projected to them, or NONE. */
static labelset project_like(const struct rowset *rs, labelset group, labelset example)
{
    struct label picked[LABELS_MAX];
    size_t n = labelset_size(rs->labels, example);

    if (n >= labelset_size(rs->labels, group))
        return LABELSET_NONE;
    for (size_t i = 0; i < n; i++) {
        struct label like = labelset_at(rs->labels, example, i);
        size_t len;
        const char *value = labelset_value(rs->labels, group, like.name, &len);

        if (len == 0)
            return LABELSET_NONE;
        picked[i] = like;
        picked[i].value = value;
        picked[i].value_len = (uint32_t)len;
    }
    return labelsets_find(rs->labels, picked, n);
}

static uint32_t find_by_shape(const struct rowset *rs, const struct source *s, labelset group)
{
    uint64_t signatures[SHAPES_MAX];
    labelset examples[SHAPES_MAX];
    size_t n;

    if (s->derived)
        return SLOT_NONE;
    n = windows_signatures(rs->windows, s->leaf, signatures, examples, SHAPES_MAX);
    for (size_t i = 0; i < n && i < SHAPES_MAX; i++) {
        labelset smaller = project_like(rs, group, examples[i]);
        uint32_t slot = smaller == LABELSET_NONE ? SLOT_NONE : source_find(rs, s, smaller);

        if (slot != SLOT_NONE)
            return slot;
    }
    return SLOT_NONE;
}

/* Does another source have the group itself? */
static bool another_has(const struct rowset *rs, const struct source *s, labelset group)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        const struct source *t = &rs->sources[i];

        if (t != s && t->driver && source_find(rs, t, group) != SLOT_NONE)
            return true;
    }
    return false;
}

/* Where a row finds its value in a source: the group with the same labels, or, where the row is
 * another source's, with those of its labels that this one has. A group that has ended takes its
 * value from no other one. */
static uint32_t lookup(const struct rowset *rs, const struct source *s, labelset group)
{
    labelset key = group;
    uint32_t slot;

    if (s->by_names)
        key = labelset_project_find(rs->labels, group, &s->names);
    if (key == LABELSET_NONE)
        return SLOT_NONE;
    slot = source_find(rs, s, key);
    if (slot == SLOT_NONE && !s->by_names && another_has(rs, s, group))
        slot = find_by_shape(rs, s, group);
    return slot;
}

static int grow_columns(struct rowset *rs)
{
    size_t cap = rs->cap ? rs->cap * 2 : 16;
    labelset *group = mem_realloc(rs->group, cap * sizeof *group);
    bool *pinned;

    if (!group)
        return -1;
    rs->group = group;
    pinned = mem_realloc(rs->pinned, cap * sizeof *pinned);
    if (!pinned)
        return -1;
    rs->pinned = pinned;
    for (size_t i = 0; i < rs->n_sources; i++) {
        uint32_t *slot = mem_realloc(rs->sources[i].slot, cap * sizeof *slot);

        if (!slot)
            return -1;
        rs->sources[i].slot = slot;
    }
    rs->cap = cap;
    return 0;
}

uint32_t rowset_row(struct rowset *rs, labelset group)
{
    uint32_t row = idmap_get(&rs->index, group);

    if (row != IDMAP_NONE)
        return row;
    if (rs->n_free == 0 && rs->n_rows == rs->cap && grow_columns(rs) < 0)
        return ROW_NONE;
    row = rs->n_free ? rs->free_rows[rs->n_free - 1] : rs->n_rows;
    if (idmap_put(&rs->index, group, row) < 0)
        return ROW_NONE;
    if (rs->n_free && row < rs->reused)
        rs->reused = row;
    if (rs->n_free)
        rs->n_free--;
    else
        rs->n_rows++;
    rs->n_live++;
    labelset_ref(rs->labels, group);
    rs->group[row] = group;
    rs->pinned[row] = false;
    if (row < rs->round_cap)
        rs->round[row] = (struct row_round){0};
    for (size_t i = 0; i < rs->n_sources; i++) {
        struct source *s = &rs->sources[i];

        s->slot[row] = lookup(rs, s, group);
        if (s->slot[row] == SLOT_NONE)
            s->unresolved = true;
    }
    return row;
}

void rowset_pin(struct rowset *rs, uint32_t row, bool pinned)
{
    rs->unpinned = rs->unpinned || (rs->pinned[row] && !pinned);
    rs->pinned[row] = pinned;
}

static void free_row(struct rowset *rs, uint32_t row)
{
    if (mem_grow((void **)&rs->free_rows, &rs->free_cap, rs->n_free + 1, sizeof *rs->free_rows) < 0)
        return; /* it stays, without values */
    idmap_remove(&rs->index, rs->group[row]);
    labelset_unref(rs->labels, rs->group[row]);
    rs->group[row] = LABELSET_NONE;
    rs->free_rows[rs->n_free++] = row;
    rs->n_live--;
    rs->generation++;
}

static void note_row(struct source *s, uint32_t slot, uint32_t row)
{
    size_t before = s->row_of_cap;

    if (mem_grow((void **)&s->row_of, &s->row_of_cap, (size_t)slot + 1, sizeof *s->row_of) < 0)
        return; /* no early look for it; its tick finds it */
    for (size_t i = before; i < s->row_of_cap; i++)
        s->row_of[i] = ROW_NONE;
    s->row_of[slot] = row;
}

/* New groups of a driver are rows. */
static void take_new_groups(struct rowset *rs, struct source *s)
{
    uint32_t end = source_slots(rs, s);

    for (uint32_t slot = s->synced; slot < end; slot++) {
        labelset group = source_labels(rs, s, slot);
        uint32_t row;

        if (group == LABELSET_NONE)
            continue;
        row = rowset_row(rs, group);
        if (row == ROW_NONE)
            return; /* no memory: tried again at the next look */
        s->slot[row] = slot;
        note_row(s, slot, row);
    }
    s->synced = end;
}

static void resolve_again(struct rowset *rs, struct source *s)
{
    s->unresolved = false;
    for (uint32_t row = 0; row < rs->n_rows; row++) {
        if (rs->group[row] == LABELSET_NONE || s->slot[row] != SLOT_NONE)
            continue;
        s->slot[row] = lookup(rs, s, rs->group[row]);
        if (s->slot[row] == SLOT_NONE)
            s->unresolved = true;
    }
}

static void drop_undriven(struct rowset *rs)
{
    rs->unpinned = false;
    for (uint32_t row = 0; row < rs->n_rows; row++) {
        bool driven = rs->group[row] == LABELSET_NONE || rs->pinned[row];

        for (size_t i = 0; i < rs->n_sources && !driven; i++)
            driven = rs->sources[i].driver && rs->sources[i].slot[row] != SLOT_NONE;
        if (!driven)
            free_row(rs, row);
    }
}

/* A slot was freed somewhere: every slot is looked up again, and rows that no driver has go. */
static void start_over(struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        struct source *s = &rs->sources[i];

        s->epoch = source_epoch(rs, s);
        s->synced = 0;
        s->unresolved = false;
        if (s->row_of)
            memset(s->row_of, 0xff, s->row_of_cap * sizeof *s->row_of);
        for (uint32_t row = 0; row < rs->n_rows; row++)
            s->slot[row] =
                rs->group[row] == LABELSET_NONE ? SLOT_NONE : lookup(rs, s, rs->group[row]);
        s->unresolved = true;
        if (s->driver)
            take_new_groups(rs, s);
        else
            s->synced = source_slots(rs, s);
    }
    drop_undriven(rs);
}

void rowset_sync(struct rowset *rs, bool whole)
{
    bool void_slots = false;

    for (size_t i = 0; i < rs->n_sources; i++) {
        if (rs->sources[i].derived)
            derived_sync(rs->sources[i].derived, whole);
        void_slots = void_slots || rs->sources[i].epoch != source_epoch(rs, &rs->sources[i]);
    }
    if (void_slots)
        start_over(rs);
    else if (whole && rs->unpinned)
        drop_undriven(rs);
    for (size_t i = 0; i < rs->n_sources; i++) {
        struct source *s = &rs->sources[i];
        bool grown = s->synced != source_slots(rs, s);

        if (s->driver && grown)
            take_new_groups(rs, s);
        if (whole && s->unresolved && (grown || s->driver))
            resolve_again(rs, s);
        if (whole && !s->driver)
            s->synced = source_slots(rs, s);
    }
}

static int64_t source_newest_ms(struct rowset *rs, struct source *s, uint32_t slot)
{
    if (slot == SLOT_NONE)
        return 0;
    return s->derived ? derived_newest_ms(s->derived, slot)
                      : windows_newest_ms(rs->windows, s->leaf, slot);
}

int64_t rowset_newest_ms(struct rowset *rs, uint32_t row)
{
    int64_t newest_ms = 0;

    for (int driver = 1; driver >= 0 && newest_ms == 0; driver--) {
        for (size_t i = 0; i < rs->n_sources; i++) {
            struct source *s = &rs->sources[i];
            int64_t t_ms = s->driver == driver ? source_newest_ms(rs, s, s->slot[row]) : 0;

            newest_ms = t_ms > newest_ms ? t_ms : newest_ms;
        }
    }
    return newest_ms;
}
