/* A new leaf is filled beside the running ones: the journal is read into windows of its own, whose leaf is
 * then merged into the one that has been counting since it was made.
 *
 * Reading into the running windows would count blocks twice, or hold back those that arrive meanwhile. The
 * leaf there begins with the first block that was read, so that it is as old as what it was filled with.
 * References to both leaves are held until the end, because a reload may drop the rule while the journal
 * is read. A fill that fails leaves a leaf that is young and says so (it warms up); nothing is retried,
 * since after its window's length the leaf is full by itself. */
#include "app/fill.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"

struct fill {
    struct fills *all;
    struct fill *next;
    struct windows *windows; /* hold only these leaves, while the journal is read into them */
    leaf_id *from, *to;      /* the leaf there (made at the first block), the leaf that is filled */
    size_t n;
    struct journal_id before;
    bool begun;
};

struct fills {
    struct fills_options o;
    struct fill *first; /* is being read; the others wait */
    uint64_t done;
};

struct fills *fills_new(const struct fills_options *o)
{
    struct fills *f = mem_zalloc(sizeof *f);

    assert(o->journal && o->windows && o->series);
    if (f)
        f->o = *o;
    return f;
}

static void fill_free(struct fill *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->from[i] != LEAF_NONE)
            windows_leaf_release(f->windows, f->from[i]);
        windows_leaf_release(f->all->o.windows, f->to[i]);
    }
    windows_free(f->windows);
    mem_free(f->from);
    mem_free(f->to);
    mem_free(f);
}

void fills_free(struct fills *f)
{
    if (!f)
        return;
    while (f->first) {
        struct fill *next = f->first->next;

        fill_free(f->first);
        f->first = next;
    }
    mem_free(f);
}

size_t fills_running(const struct fills *f)
{
    size_t n = 0;

    for (const struct fill *i = f->first; i; i = i->next)
        n++;
    return n;
}

uint64_t fills_done(const struct fills *f)
{
    return f->done;
}

/* --- reading --- */

static void start_next(struct fills *all);

/* A filled leaf is as old as what it was filled with. */
static void begin(struct fill *f, int64_t recv_ms)
{
    assert(!f->begun);
    f->begun = true;
    for (size_t i = 0; i < f->n; i++)
        f->from[i] =
            windows_leaf(f->windows, windows_leaf_spec(f->all->o.windows, f->to[i]), recv_ms, NULL);
}

static void take_block(const struct journal_block *b, void *arg)
{
    struct fill *f = arg;

    if (journal_id_compare(b->id, f->before) >= 0)
        return;
    if (!f->begun)
        begin(f, b->recv_ms);
    windows_heard(f->windows, b->recv_ms, true);
    windows_apply(f->windows, b->recv_ms, b->samples, b->n_samples, b->events, b->n_events);
    windows_clear_touched(f->windows);
}

static void have_read(const struct err *e, void *arg)
{
    struct fill *f = arg;
    struct fills *all = f->all;
    struct err err;

    assert(all->first == f); /* one at a time, in order */
    if (e)
        log_warn("new windows could not be filled from the journal; they start empty", "error",
                 e->text, NULL);
    for (size_t i = 0; i < f->n; i++) {
        if (f->begun && !e &&
            (f->from[i] == LEAF_NONE ||
             windows_adopt_leaf(all->o.windows, f->to[i], f->windows, f->from[i], &err) < 0))
            log_warn("a new window starts empty", "error",
                     f->from[i] == LEAF_NONE ? "no memory" : err.text, NULL);
        windows_leaf_settle(all->o.windows, f->to[i]);
    }
    all->first = f->next;
    all->done++;
    fill_free(f);
    start_next(all);
}

static void start_next(struct fills *all)
{
    struct fill *f = all->first;

    if (f)
        journal_scan(all->o.journal, 0, INT64_MAX, take_block, have_read, f);
}

/* The blocks still to be read are moved by the journal. What is bounded here is an id, so the end in
 * time need not be exact. */
void fills_shift(struct fills *all, int64_t by_ms)
{
    for (struct fill *f = all->first; f; f = f->next)
        windows_shift(f->windows, by_ms);
}

/* --- which leaves --- */

static bool is_awaited(const struct fills *all, leaf_id leaf)
{
    for (const struct fill *f = all->first; f; f = f->next)
        for (size_t i = 0; i < f->n; i++)
            if (f->to[i] == leaf)
                return true;
    return false;
}

static bool is_listed(const struct fill *f, leaf_id leaf)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->to[i] == leaf)
            return true;
    return false;
}

/* Those whose past nobody is reading. */
static void each_fresh(struct fills *all, void (*act)(struct windows *w, leaf_id leaf))
{
    for (size_t i = 0; i < rules_count(all->o.rules); i++) {
        const struct rule_def *d = rule_definition(rules_at(all->o.rules, i));

        for (size_t k = 0; k < d->n_leaves; k++) {
            leaf_id leaf = windows_leaf(all->o.windows, d->leaves[k]->leaf, INT64_MAX, NULL);

            if (leaf == LEAF_NONE)
                continue;
            if (windows_leaf_is_fresh(all->o.windows, leaf) && !is_awaited(all, leaf))
                act(all->o.windows, leaf);
            windows_leaf_release(all->o.windows, leaf);
        }
    }
}

void fills_expect(struct fills *all)
{
    each_fresh(all, windows_leaf_await);
}

/* The reference taken by asking is kept for those that are listed: a reload may drop the rule
 * while the journal is read. */
static void list_leaves(struct fill *f)
{
    struct fills *all = f->all;

    for (size_t i = 0; i < rules_count(all->o.rules); i++) {
        const struct rule_def *d = rule_definition(rules_at(all->o.rules, i));

        for (size_t k = 0; k < d->n_leaves; k++) {
            leaf_id leaf = windows_leaf(all->o.windows, d->leaves[k]->leaf, INT64_MAX, NULL);

            if (leaf == LEAF_NONE)
                continue;
            if (!windows_leaf_is_fresh(all->o.windows, leaf) || is_listed(f, leaf) ||
                is_awaited(all, leaf)) {
                windows_leaf_release(all->o.windows, leaf);
                continue;
            }
            windows_leaf_await(all->o.windows, leaf);
            f->from[f->n] = LEAF_NONE;
            f->to[f->n++] = leaf;
        }
    }
}

static struct fill *fill_new(struct fills *all, struct journal_id before)
{
    struct windows_options o = {.series = all->o.series,
                                .max_bytes = all->o.window_bytes,
                                .max_groups = all->o.groups,
                                .redact = all->o.redact,
                                .like = all->o.windows};
    struct fill *f = mem_zalloc(sizeof *f);
    size_t max = 1;

    if (!f)
        return NULL;
    for (size_t i = 0; i < rules_count(all->o.rules); i++)
        max += rule_definition(rules_at(all->o.rules, i))->n_leaves;
    f->all = all;
    f->before = before;
    f->windows = windows_new(&o);
    f->from = mem_alloc(max * sizeof *f->from);
    f->to = mem_alloc(max * sizeof *f->to);
    if (f->windows && f->from && f->to)
        assert(f->n == 0 && !f->begun);
    return f;
    fill_free(f);
    return NULL;
}

void fills_add(struct fills *all, struct journal_id before)
{
    struct fill *f = fill_new(all, before), **end = &all->first;

    if (!f) {
        log_warn("no memory to fill new windows; they start empty", NULL);
        each_fresh(all, windows_leaf_settle);
        return;
    }
    list_leaves(f);
    if (f->n == 0) {
        fill_free(f);
        return;
    }
    while (*end)
        end = &(*end)->next;
    *end = f;
    if (all->first == f)
        start_next(all);
}
