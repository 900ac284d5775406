/* The windows as a whole: their life, leaves shared by text, and pages by series number.
 * A leaf is asked for by its definition, and equal ones are one, counted: a hundred rules on the same window
 * cost one. What is kept by series lies in pages that exist only where a series needs them, so most of a
 * million series cost one number. All memory is counted against one bound (wmem.h), and what meets it is
 * refused and counted, never taken from a leaf that is there. New leaves of a reload are filled in a set of
 * their own and adopted. */
#include "window/windows.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "window/kind.h"

#define DEFAULT_BYTES  ((size_t)1 << 30)
#define DEFAULT_GROUPS 2000000

struct windows *windows_new(const struct windows_options *o)
{
    struct windows *w = mem_zalloc(sizeof *w);

    assert(o->series);
    if (!w)
        return NULL;
    w->series = o->series;
    w->labels = series_labelsets(o->series);
    w->mem.max = o->max_bytes ? o->max_bytes : DEFAULT_BYTES;
    w->redact = o->redact;
    w->covered = o->covered;
    w->stepped_ms = o->like ? o->like->stepped_ms : 0;
    w->max_groups = o->max_groups ? o->max_groups : DEFAULT_GROUPS;
    w->free_track = SERIES_NONE;
    w->rebind_next = REBIND_DONE;
    w->by_text = map_new();
    w->by_name = map_new();
    w->by_matcher = map_new();
    w->log_leaves = matcher_index_new();
    w->start_name = symbol_intern(w->labels, START_METRIC, sizeof START_METRIC - 1);
    if (plans_init(&w->plans) == 0 && w->by_text && w->by_name && w->by_matcher && w->log_leaves &&
        w->start_name != SYMBOL_NONE) {
        w->mem.held = sizeof *w + plans_bytes(&w->plans);
        return w;
    }
    windows_free(w);
    return NULL;
}

void leaf_free(struct windows *w, struct leaf *l)
{
    leaf_groups_clear(w, l);
    if (l->names.symbols)
        label_names_clear(w->labels, &l->names);
    if (l->bucket_names.symbols)
        label_names_clear(w->labels, &l->bucket_names);
    mem_free(l->signatures);
    mem_free(l->touched);
    mem_free(l->log_matchers);
    leaf_spec_free(l->spec);
    mem_free(l->text);
    mem_free(l->bucket_metric);
    mem_free(l);
}

/* The leaf is out of all indexes, which are empty in the end. */
static void take_out(struct windows *w, struct leaf *l)
{
    struct name_leaves *n;

    if (l->dead)
        return;
    map_removes(w->by_text, l->text);
    if (l->spec->source == LEAF_LOGS) {
        events_unbind(w, l);
        return;
    }
    unbind_leaf(w, l);
    n = map_gets(w->by_name, l->spec->metric);
    if (n && matcher_index_count(n->index) == 0)
        name_leaves_free(map_removes(w->by_name, l->spec->metric));
}

bool windows_free_some(struct windows *w, size_t most)
{
    for (; w->n_leaves > 0 && most > 0; most--) {
        struct leaf *l = w->leaves[--w->n_leaves];

        if (!l)
            continue;
        take_out(w, l);
        leaf_free(w, l);
    }
    if (w->n_leaves > 0)
        return false;
    windows_free(w);
    return true;
}

void windows_free(struct windows *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_leaves; i++)
        if (w->leaves[i])
            leaf_free(w, w->leaves[i]);
    for (size_t i = 0; i < w->n_log_matchers; i++) {
        matcher_unref(w->log_matchers[i].m);
        mem_free(w->log_matchers[i].text);
    }
    for (size_t i = 0; i < w->n_use; i++)
        mem_free(w->use[i]);
    for (size_t i = 0; i < w->n_track_pages; i++)
        mem_free(w->tracks[i]);
    for (size_t i = 0; i < w->cap_recent; i++)
        mem_free(w->recent[i]);
    if (w->start_name != SYMBOL_NONE)
        symbol_unref(w->labels, w->start_name);
    map_free(w->by_text, NULL);
    map_free(w->by_name, name_leaves_free);
    map_free(w->by_matcher, NULL);
    matcher_index_free(w->log_leaves);
    matcher_candidates_free(&w->candidates);
    mem_free(w->changed);
    plans_clear(&w->plans);
    mem_free(w->leaves);
    mem_free(w->sleepers);
    mem_free(w->use);
    mem_free(w->tracks);
    for (size_t i = 0; i < w->cap_reported; i++)
        mem_free(w->reported[i]);
    mem_free(w->reported);
    mem_free(w->recent);
    gone_free(w);
    mem_free(w->sources);
    mem_free(w->scratch);
    mem_free(w->kept);
    mem_free(w->log_matchers);
    mem_free(w->touched);
    mem_free(w);
}

/* --- leaves --- */

static int make_names(struct windows *w, struct leaf *l)
{
    const struct leaf_spec *s = l->spec;
    const char **with_le;
    int made;

    if (s->source == LEAF_LOGS)
        return 0;
    if (s->grouping != LEAF_PER_SERIES &&
        label_names_init(w->labels, &l->names, s->grouping == LEAF_WITHOUT, s->labels,
                         s->n_labels) != 0)
        return -1;
    if (l->kind != &kind_quantile || s->grouping == LEAF_BY)
        return 0;
    with_le = mem_alloc((s->n_labels + 1) * sizeof *with_le);
    if (!with_le)
        return -1;
    with_le[0] = "le";
    for (size_t i = 0; i < s->n_labels; i++)
        with_le[i + 1] = s->labels[i];
    made = label_names_init(w->labels, &l->bucket_names, true, with_le, s->n_labels + 1);
    mem_free(with_le);
    return made;
}

static int make_bucket_metric(struct leaf *l)
{
    struct buf name = BUF_INIT;

    if (l->kind != &kind_quantile || l->spec->source == LEAF_LOGS)
        return 0;
    buf_addf(&name, "%s_bucket", l->spec->metric);
    l->bucket_metric = buf_take(&name, NULL);
    return l->bucket_metric ? 0 : -1;
}

static struct leaf *leaf_new(struct windows *w, const struct leaf_spec *spec, const char *text,
                             struct err *e)
{
    struct leaf *l = mem_zalloc(sizeof *l);

    if (!l)
        goto no_memory;
    l->free_slot = SLOT_NONE;
    if (leaf_measure(l, spec, e) != 0) {
        mem_free(l);
        return NULL;
    }
    if (idtable_init(&l->index) != 0)
        goto no_memory;
    w->mem.held += idtable_bytes(&l->index);
    l->text = mem_strdup(text);
    l->spec = leaf_spec_dup(spec);
    if (l->text && l->spec && make_names(w, l) == 0 && make_bucket_metric(l) == 0)
        return l;
no_memory:
    if (l)
        leaf_free(w, l);
    err_set(e, ERR_MEMORY, "no memory for one more leaf");
    return NULL;
}

static uint32_t free_id(struct windows *w)
{
    uint32_t id = w->free_leaf;

    while (id < w->n_leaves && w->leaves[id])
        id++;
    w->free_leaf = id;
    if (id >= LEAVES_MAX ||
        mem_grow((void **)&w->leaves, &w->cap_leaves, id + 1u, sizeof(struct leaf *)) != 0)
        return LEAF_NONE;
    if (id == w->n_leaves)
        w->leaves[w->n_leaves++] = NULL;
    return id;
}

static int enter(struct windows *w, struct leaf *l)
{
    l->id = free_id(w);
    if (l->id == LEAF_NONE || mem_grow((void **)&w->sleepers, &w->cap_sleepers, w->n_sleepers + 1,
                                       sizeof *w->sleepers) != 0)
        return -1;
    if (map_puts(w->by_text, l->text, l, NULL) != 0)
        return -1;
    if ((l->spec->source == LEAF_LOGS ? events_bind(w, l) : bind_leaf(w, l)) != 0) {
        map_removes(w->by_text, l->text);
        return -1;
    }
    w->leaves[l->id] = l;
    if (l->asleep)
        w->sleepers[w->n_sleepers++] = l->id;
    w->stats.leaves++;
    return 0;
}

static bool merges_series(const struct leaf_spec *s)
{
    return s->source == LEAF_METRIC && s->grouping != LEAF_PER_SERIES;
}

/* Of several series these have no one answer: the language asks for :sum_by and the like. */
static bool needs_one_series(enum leaf_fn fn)
{
    return fn == LEAF_LAST || fn == LEAF_IRATE || fn == LEAF_FIRST || fn == LEAF_DELTA;
}

static void begin(struct windows *w, struct leaf *l, int64_t now_ms)
{
    l->made_ms = l->since_ms = now_ms;
    leaf_move(w, l);
    l->fresh = true;
}

static leaf_id take_leaf(struct windows *w, const struct leaf_spec *spec, int64_t now_ms,
                         bool asleep, struct err *e)
{
    struct buf text = BUF_INIT;
    struct leaf *l = NULL;

    if (merges_series(spec) && needs_one_series(spec->fn)) {
        err_set(e, ERR_INPUT, "%s cannot be merged over series", leaf_fn_names[spec->fn]);
        return LEAF_NONE;
    }
    leaf_text(spec, &text);
    if (!buf_ok(&text)) {
        err_set(e, ERR_MEMORY, "no memory for one more leaf");
        goto done;
    }
    l = map_gets(w->by_text, buf_str(&text));
    if (l)
        goto done;
    l = leaf_new(w, spec, buf_str(&text), e);
    if (!l)
        goto done;
    begin(w, l, now_ms);
    l->asleep = asleep;
    if (enter(w, l) != 0) {
        leaf_free(w, l);
        l = NULL;
        err_set(e, ERR_MEMORY, "no memory for one more leaf");
    }
done:
    buf_free(&text);
    if (l)
        l->users++;
    return l ? l->id : LEAF_NONE;
}

leaf_id windows_leaf(struct windows *w, const struct leaf_spec *spec, int64_t now_ms, struct err *e)
{
    return take_leaf(w, spec, now_ms, false, e);
}

leaf_id windows_leaf_ahead(struct windows *w, const struct leaf_spec *spec, int64_t now_ms,
                           struct err *e)
{
    return take_leaf(w, spec, now_ms, true, e);
}

bool windows_wake(struct windows *w, int64_t now_ms, size_t most)
{
    for (; w->n_sleepers > 0 && most > 0; most--) {
        struct leaf *l = w->leaves[w->sleepers[--w->n_sleepers]];

        if (!l || !l->asleep)
            continue;
        l->asleep = false;
        begin(w, l, now_ms);
        if (l->spec->source == LEAF_METRIC)
            bind_woken(w, l);
    }
    return w->n_sleepers == 0;
}

void windows_leaf_hold(struct windows *w, leaf_id leaf)
{
    assert(w->leaves[leaf] && w->leaves[leaf]->users > 0);
    w->leaves[leaf]->users++;
}

/* Plans may still name it; a walk frees it when none does (rebind.c). */
void windows_leaf_release(struct windows *w, leaf_id leaf)
{
    struct leaf *l = w->leaves[leaf];

    assert(l && !l->dead && l->users > 0);
    if (--l->users > 0)
        return;
    if (l->awaits)
        seam_end(w, l);
    map_removes(w->by_text, l->text);
    if (l->spec->source == LEAF_LOGS)
        events_unbind(w, l);
    else
        unbind_leaf(w, l);
    leaf_groups_clear(w, l);
    w->n_watched -= l->watched;
    l->watched = false;
    l->asleep = false;
    l->dead = true;
    w->dirty = true;
    w->stats.leaves--;
}

const struct leaf_spec *windows_leaf_spec(const struct windows *w, leaf_id leaf)
{
    return w->leaves[leaf]->spec;
}

/* --- per series and per source --- */

int use_set(struct windows *w, uint32_t series, uint32_t use)
{
    size_t page = series / USE_PAGE;

    if (wmem_grow(&w->mem, (void **)&w->use, &w->cap_use, page + 1, sizeof(uint32_t *)) != 0)
        return -1;
    if (page >= w->n_use)
        w->n_use = page + 1; /* wmem_grow() has zeroed the new places */
    if (!w->use[page]) {
        w->use[page] = wmem_alloc(&w->mem, USE_PAGE * sizeof(uint32_t));
        if (!w->use[page])
            return -1;
    }
    w->use[page][series % USE_PAGE] = use;
    return 0;
}

uint32_t track_new(struct windows *w)
{
    uint32_t n = w->free_track;

    if (n != SERIES_NONE) {
        w->free_track = track_at(w, n + USE_TRACK)->plan;
        return n + USE_TRACK;
    }
    if (w->n_tracks % TRACK_PAGE == 0) {
        size_t at = w->n_track_pages;

        if (wmem_grow(&w->mem, (void **)&w->tracks, &w->cap_track_pages, at + 1,
                      sizeof(struct track *)) != 0)
            return USE_NONE;
        w->tracks[at] = wmem_alloc(&w->mem, TRACK_PAGE * sizeof(struct track));
        if (!w->tracks[at])
            return USE_NONE;
        w->n_track_pages++;
    }
    return w->n_tracks++ + USE_TRACK;
}

void recent_new(struct windows *w, uint32_t use)
{
    size_t page = (use - USE_TRACK) / TRACK_PAGE;

    if (wmem_grow(&w->mem, (void **)&w->recent, &w->cap_recent, page + 1,
                  sizeof(struct recent *)) != 0)
        return;
    if (!w->recent[page])
        w->recent[page] = wmem_alloc(&w->mem, TRACK_PAGE * sizeof(struct recent));
    if (w->recent[page])
        recent_init(recent_at(w, use), track_at(w, use));
}

void track_free(struct windows *w, uint32_t use)
{
    struct track *t = track_at(w, use);

    gone_leave(w, plan_at(&w->plans, t->plan), use);
    gone_unlink(w, use);
    plan_drop(w, t->plan);
    report_forget(w, use);
    *t = (struct track){.series = SERIES_NONE, .plan = w->free_track};
    w->free_track = use - USE_TRACK;
}

struct source *source_at(struct windows *w, uint32_t source)
{
    if (source >= w->cap_sources && wmem_grow(&w->mem, (void **)&w->sources, &w->cap_sources,
                                              source + 1u, sizeof *w->sources) != 0)
        return NULL;
    return &w->sources[source];
}

/* --- touched --- */

size_t windows_touched_leaves(const struct windows *w, const leaf_id **leaves)
{
    *leaves = w->touched;
    return w->n_touched;
}

size_t windows_touched(const struct windows *w, leaf_id leaf, const struct touched **slots)
{
    *slots = w->leaves[leaf]->touched;
    return w->leaves[leaf]->n_touched;
}

void windows_clear_touched(struct windows *w)
{
    for (size_t i = 0; i < w->n_touched; i++) {
        struct leaf *l = w->leaves[w->touched[i]];

        for (size_t j = 0; l && j < l->n_touched; j++)
            leaf_slot(l, l->touched[j].slot)->touch = 0;
        if (l) {
            l->n_touched = 0;
            l->listed = false;
        }
    }
    w->n_touched = 0;
}

/* --- groups, from outside --- */

static const struct slot *shown(const struct leaf *l, uint32_t slot)
{
    const struct slot *s;

    if (slot >= l->n_slots || l->labels[slot] == LABELSET_NONE)
        return NULL;
    s = leaf_slot(l, slot);
    return s->flags & SLOT_HIDDEN ? NULL : s;
}

uint32_t windows_slots(const struct windows *w, leaf_id leaf)
{
    return w->leaves[leaf]->shown_end;
}

labelset windows_group_labels(const struct windows *w, leaf_id leaf, uint32_t slot)
{
    const struct leaf *l = w->leaves[leaf];

    return shown(l, slot) ? l->labels[slot] : LABELSET_NONE;
}

uint32_t windows_group_find(const struct windows *w, leaf_id leaf, labelset labels)
{
    const struct leaf *l = w->leaves[leaf];
    uint32_t slot = labels == LABELSET_NONE ? SLOT_NONE : leaf_group_find(l, labels);

    return slot != SLOT_NONE && shown(l, slot) ? slot : SLOT_NONE;
}

uint32_t windows_group_count(const struct windows *w, leaf_id leaf)
{
    return w->leaves[leaf]->visible;
}

uint64_t windows_epoch(const struct windows *w, leaf_id leaf)
{
    return w->leaves[leaf]->epoch;
}

int64_t windows_newest_ms(const struct windows *w, leaf_id leaf, uint32_t slot)
{
    const struct slot *s = shown(w->leaves[leaf], slot);

    return s ? leaf_wall_ms(w->leaves[leaf], s->newest_ms) : 0;
}

void windows_stats(const struct windows *w, struct windows_stats *out)
{
    *out = w->stats;
    out->bytes = w->mem.held;
    out->late += w->counts.late;
    out->duplicate = w->counts.duplicate;
    out->births = w->counts.births;
    out->resets = w->counts.resets;
    out->gaps = w->counts.gaps;
}
