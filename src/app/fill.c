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
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "tocsin/engine.h"

struct fill {
    struct fills *all;
    struct fill *next;
    struct windows *windows; /* hold only these leaves, while the journal is read into them */
    leaf_id *from, *to;      /* the leaf there (made at the first block), the leaf that is filled */
    size_t n, cap_from, cap_to;
    struct journal_id before;
    bool begun;
    uint64_t refusals; /* of memory, when it began: with more of them the windows have holes */
};

struct fills {
    struct fills_options o;
    struct fill *first; /* is being read; the others wait */
    uint8_t *reading;   /* [leaf]: in one of these */
    size_t cap_reading;
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
    mem_free(f->reading);
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
    f->refusals = mem_refusals();
}

static void take_block(const struct journal_block *b, void *arg)
{
    struct fill *f = arg;

    if (journal_id_compare(b->id, f->before) >= 0)
        return;
    if (!f->begun)
        begin(f, b->recv_ms);
    engine_fill(f->windows, &(struct engine_block){.recv_ms = b->recv_ms,
                                                   .replayed = true,
                                                   .samples = b->samples,
                                                   .n_samples = b->n_samples,
                                                   .events = b->events,
                                                   .n_events = b->n_events});
}

/* Leaves that had no memory to be read go to the end. Returns how many are before them. */
static size_t part(struct fill *f)
{
    size_t n = f->n;

    for (size_t i = 0; i < n;) {
        leaf_id to = f->to[i];

        if (f->from[i] != LEAF_NONE) {
            i++;
            continue;
        }
        f->from[i] = f->from[--n];
        f->from[n] = LEAF_NONE;
        f->to[i] = f->to[n];
        f->to[n] = to;
    }
    return n;
}

/* NULL: all went well, or the journal is empty. */
static const char *take_over(struct fill *f, struct err *err)
{
    size_t n = f->begun ? part(f) : 0;

    if (f->begun && mem_refusals() != f->refusals)
        return "no memory"; /* a young leaf says that it is; one with holes would not */
    if (n > 0 && windows_adopt(f->all->o.windows, f->windows, f->to, f->from, n, err) < 0)
        return err->text;
    return f->begun && n < f->n ? "no memory" : NULL;
}

static void have_read(const struct err *e, void *arg)
{
    struct fill *f = arg;
    struct fills *all = f->all;
    struct err err = {0};
    const char *why = e ? e->text : take_over(f, &err);

    assert(all->first == f); /* one at a time, in order */
    if (why)
        log_warn("new windows could not be filled from the journal; they start empty", "error", why,
                 NULL);
    for (size_t i = 0; i < f->n; i++) {
        windows_leaf_settle(all->o.windows, f->to[i]);
        all->reading[f->to[i]] = 0;
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

/* Those whose past nobody is reading. Cost: a look at each leaf. */
static leaf_id next_unread(const struct fills *all, leaf_id from)
{
    leaf_id leaf = windows_next_fresh(all->o.windows, from);

    while (leaf != LEAF_NONE && leaf < all->cap_reading && all->reading[leaf])
        leaf = windows_next_fresh(all->o.windows, leaf + 1);
    return leaf;
}

static void each_unread(struct fills *all, void (*act)(struct windows *w, leaf_id leaf))
{
    for (leaf_id leaf = 0; (leaf = next_unread(all, leaf)) != LEAF_NONE; leaf++)
        act(all->o.windows, leaf);
}

void fills_expect(struct fills *all)
{
    each_unread(all, windows_leaf_await);
}

static int note_reading(struct fills *all, leaf_id leaf)
{
    size_t before = all->cap_reading;

    if (mem_grow((void **)&all->reading, &all->cap_reading, leaf + 1u, sizeof *all->reading) < 0)
        return -1;
    memset(all->reading + before, 0, all->cap_reading - before);
    all->reading[leaf] = 1;
    return 0;
}

static void tell_no_memory(void)
{
    log_warn("no memory to fill new windows; they start empty", NULL);
}

/* A reference is kept on those that are listed: a reload may drop the rule while the journal is
 * read. What there is no memory for starts empty. */
static void list_leaves(struct fill *f)
{
    struct fills *all = f->all;
    bool empty = false;

    for (leaf_id leaf = 0; (leaf = next_unread(all, leaf)) != LEAF_NONE; leaf++) {
        if (mem_grow((void **)&f->from, &f->cap_from, f->n + 1, sizeof *f->from) < 0 ||
            mem_grow((void **)&f->to, &f->cap_to, f->n + 1, sizeof *f->to) < 0 ||
            note_reading(all, leaf) < 0) {
            windows_leaf_settle(all->o.windows, leaf);
            empty = true;
            continue;
        }
        windows_leaf_await(all->o.windows, leaf);
        windows_leaf_hold(all->o.windows, leaf);
        f->from[f->n] = LEAF_NONE;
        f->to[f->n++] = leaf;
    }
    if (empty)
        tell_no_memory();
}

static struct fill *fill_new(struct fills *all, struct journal_id before)
{
    struct windows_options o = {.series = all->o.series,
                                .max_bytes = all->o.window_bytes,
                                .max_groups = all->o.groups,
                                .redact = all->o.redact,
                                .like = all->o.windows};
    struct fill *f = mem_zalloc(sizeof *f);

    if (!f)
        return NULL;
    f->all = all;
    f->before = before;
    f->windows = windows_new(&o);
    if (f->windows)
        return f;
    fill_free(f);
    return NULL;
}

void fills_add(struct fills *all, struct journal_id before)
{
    struct fill *f = fill_new(all, before), **end = &all->first;

    if (!f) {
        tell_no_memory();
        each_unread(all, windows_leaf_settle);
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
