/* Which leaves look at a series, found out once.
 * That is when the series is born, and again when leaves of its metric name come or go (rebind.c): a sample
 * then costs a look into an array. Leaves of one name stand in an index by their matchers, so a birth tries
 * those that may look and not all; 20,000 rules that each watch one host cost each series its own few. What
 * a series goes to is a plan, shared by all that go to the same: most have one of a few. A group that was
 * made for a plan which could not be is taken back. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "window/kind.h"
#include "window/quantile.h"
#include "window/windows.h"

void name_leaves_free(void *p)
{
    struct name_leaves *n = p;

    if (n)
        matcher_index_free(n->index);
    mem_free(n);
}

static struct name_leaves *leaves_of(struct windows *w, const char *name)
{
    struct name_leaves *n = map_gets(w->by_name, name);

    if (n)
        return n;
    n = mem_zalloc(sizeof *n);
    if (!n || !(n->index = matcher_index_new()) || map_puts(w->by_name, name, n, NULL) != 0) {
        name_leaves_free(n);
        return NULL;
    }
    return n;
}

static int enter(struct windows *w, const struct leaf *l, const char *name, uint32_t entry)
{
    struct name_leaves *n = leaves_of(w, name);

    if (!n || matcher_index_add(n->index, l->spec->matchers, l->spec->n_matchers, entry) != 0)
        return -1;
    if (!l->asleep)
        n->dirty = w->dirty = true;
    return 0;
}

static void wake_name(struct windows *w, const char *name)
{
    struct name_leaves *n = name ? map_gets(w->by_name, name) : NULL;

    assert(n || !name);
    if (n)
        n->dirty = w->dirty = true;
}

void bind_woken(struct windows *w, const struct leaf *l)
{
    assert(!l->asleep && l->spec->source == LEAF_METRIC);
    wake_name(w, l->spec->metric);
    wake_name(w, l->bucket_metric);
}

static void leave(struct windows *w, const struct leaf *l, const char *name, uint32_t entry)
{
    struct name_leaves *n = map_gets(w->by_name, name);

    assert(n);
    matcher_index_remove(n->index, l->spec->matchers, l->spec->n_matchers, entry);
    n->dirty = true;
    w->dirty = true;
}

/* With -1 the index may keep a name without leaves; it looks at nothing. */
int bind_leaf(struct windows *w, struct leaf *l)
{
    if (l->bucket_metric && enter(w, l, l->bucket_metric, l->id | AS_BUCKET) != 0)
        return -1;
    if (enter(w, l, l->spec->metric, l->id) == 0)
        return 0;
    if (l->bucket_metric)
        leave(w, l, l->bucket_metric, l->id | AS_BUCKET);
    return -1;
}

void unbind_leaf(struct windows *w, struct leaf *l)
{
    leave(w, l, l->spec->metric, l->id);
    if (l->bucket_metric)
        leave(w, l, l->bucket_metric, l->id | AS_BUCKET);
}

labelset bind_labels(struct windows *w, const struct leaf *l, const struct series *s,
                     bool as_bucket)
{
    if (as_bucket && l->spec->grouping != LEAF_BY)
        return labelset_project(w->labels, s->labels, &l->bucket_names);
    if (l->spec->grouping != LEAF_PER_SERIES)
        return labelset_project(w->labels, s->labels, &l->names);
    labelset_ref(w->labels, s->labels);
    return s->labels;
}

/* The upper bound of a bucket series; false: it has none. */
static bool bound_of(const struct windows *w, labelset labels, double *bound)
{
    size_t len;
    const char *le = labelset_value(w->labels, labels, "le", &len);
    char *end;

    *bound = strtod(le, &end);
    return len > 0 && end == le + len && !isnan(*bound) && *bound > (double)-INFINITY;
}

/* The entry of one leaf for one series; false: it does not look at it, or was refused. */
static bool entry_for(struct windows *w, struct leaf *l, bool as_bucket, uint32_t id,
                      const struct series *s, struct plan_entry *e)
{
    uint32_t row = ROW_NONE, slot;
    double bound = 0;
    labelset labels;

    if (l->dead || l->asleep ||
        !matchers_test_set(l->spec->matchers, l->spec->n_matchers, w->labels, s->labels))
        return false;
    if (as_bucket && !bound_of(w, s->labels, &bound))
        return false;
    labels = bind_labels(w, l, s, as_bucket);
    if (labels == LABELSET_NONE) {
        w->stats.refused_groups++;
        return false;
    }
    slot = leaf_group_take(w, l, labels, id);
    if (slot == SLOT_NONE)
        return false;
    if (as_bucket) {
        row = buckets_row(w, l, leaf_slot(l, slot), bound);
        if (row == ROW_NONE) { /* an unnamed new group would stay for ever */
            w->stats.refused_groups++;
            if (l->refs[slot] == 0 && leaf_slot(l, slot)->flags & SLOT_HIDDEN)
                leaf_group_forget(w, l, slot);
            return false;
        }
    }
    e->leaf_row = l->id | row << PLAN_ROW_SHIFT;
    e->slot = slot;
    return true;
}

/* Groups that were created for a plan that could not be made. */
static void drop_entries(struct windows *w, const struct plan_entry *e, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct leaf *l = w->leaves[e[i].leaf_row % LEAVES_MAX];

        if (l->refs[e[i].slot] == 0 && l->labels[e[i].slot] != LABELSET_NONE &&
            leaf_slot(l, e[i].slot)->flags & SLOT_HIDDEN)
            leaf_group_forget(w, l, e[i].slot);
    }
}

/* The leaves that may look at the series, into w->candidates. False: none, or no memory. */
static bool find_leaves(struct windows *w, const struct series *s)
{
    struct label labels[LABELS_MAX];
    size_t len, n = labelset_size(w->labels, s->labels);
    const char *name = series_name(w->series, s->name, &len);
    const struct name_leaves *looks = map_get(w->by_name, name, len);

    assert(n <= LABELS_MAX);
    if (!looks)
        return false;
    for (size_t i = 0; i < n; i++)
        labels[i] = labelset_at(w->labels, s->labels, i);
    if (matcher_index_find(looks->index, labels, n, &w->candidates) == 0)
        return w->candidates.n > 0;
    w->stats.refused_groups++;
    return false;
}

/* Cost: the leaves that share the label value under which the index holds them (see
 * model/matcher_index.h), not all that look at the name. */
static uint32_t collect(struct windows *w, uint32_t id, const struct series *s, bool *shared)
{
    const struct matcher_candidates *c = &w->candidates;
    uint32_t n = 0;

    *shared = true;
    if (!find_leaves(w, s))
        return 0;
    if (wmem_grow(&w->mem, (void **)&w->scratch, &w->cap_scratch,
                  c->n < PLAN_ENTRIES ? c->n : PLAN_ENTRIES, sizeof *w->scratch) != 0) {
        w->stats.refused_groups++;
        return 0;
    }
    for (size_t i = 0; i < c->n; i++) {
        bool as_bucket = (c->ids[i] & AS_BUCKET) != 0;
        struct leaf *l = w->leaves[c->ids[i] & ~AS_BUCKET];

        if (n == PLAN_ENTRIES) {
            w->stats.refused_groups++;
            break;
        }
        if (!entry_for(w, l, as_bucket, id, s, &w->scratch[n]))
            continue;
        *shared = *shared && (as_bucket || l->spec->grouping != LEAF_PER_SERIES);
        n++;
    }
    return n;
}

/* Increments and observations that are sent as such have no repetitions: each of them counts. */
static void give_recent(struct windows *w, uint32_t id, uint32_t use)
{
    uint8_t kind = series_get(w->series, id)->kind;

    if ((kind == SAMPLE_GAUGE || kind == SAMPLE_CUMULATIVE) &&
        plan_at(&w->plans, track_at(w, use)->plan)->places_values)
        recent_new(w, use);
}

static uint32_t put_track(struct windows *w, uint32_t id, uint32_t use, uint32_t plan,
                          bool base_only)
{
    struct track *t;

    if (use >= USE_TRACK) {
        uint32_t old = track_at(w, use)->plan;
        bool counted = plan_at(&w->plans, old)->places_values;

        gone_join(w, plan_at(&w->plans, plan), use);
        gone_leave(w, plan_at(&w->plans, old), use);
        track_at(w, use)->plan = plan;
        plan_drop(w, old);
        if (!counted)
            give_recent(w, id, use);
        return use;
    }
    use = track_new(w);
    if (use == USE_NONE) {
        plan_drop(w, plan);
        w->stats.refused_groups++;
        return USE_NONE;
    }
    t = track_at(w, use);
    track_init(t, id, plan, base_only);
    gone_join(w, plan_at(&w->plans, plan), use);
    gone_link(w, use);
    give_recent(w, id, use);
    return use;
}

uint32_t bind_series(struct windows *w, uint32_t id, bool base_only)
{
    const struct series *s = series_get(w->series, id);
    uint32_t use = use_of(w, id), n, plan = PLAN_NONE;
    bool shared;

    if (!s)
        return USE_NEVER;
    if (use_set(w, id, use) != 0) { /* makes the page, so that the last step cannot fail */
        w->stats.refused_groups++;
        w->unrecorded = true;
        return USE_NEVER;
    }
    n = collect(w, id, s, &shared);
    if (n > 0) {
        plan = plan_take(w, w->scratch, n, shared);
        if (plan == PLAN_NONE) {
            w->stats.refused_groups++;
            drop_entries(w, w->scratch, n);
        }
    }
    if (plan != PLAN_NONE) {
        use = put_track(w, id, use, plan, base_only);
    } else {
        if (use >= USE_TRACK)
            track_free(w, use);
        use = USE_NONE;
    }
    w->use[id / USE_PAGE][id % USE_PAGE] = use;
    return use;
}
