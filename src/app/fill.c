/* A new leaf is filled beside the running ones: the journal is read into windows of its own, whose leaf is
 * then merged into the one that has been counting since it was made.
 *
 * Reading into the running windows would count blocks twice, or hold back those that arrive meanwhile. The
 * leaf there wakes with the first block that was read, so that it is as old as what it was filled with. A
 * reload may bring a hundred thousand leaves: they are listed, made, taken over and freed some at a time, and
 * blocks wait while they are listed and taken over, as they do while rules are exchanged.
 * References to both leaves are held until the end, because a reload may drop the rule while the journal
 * is read. A fill that fails leaves a leaf that is young and says so (it warms up); nothing is retried,
 * since after its window's length the leaf is full by itself. */
#include "app/fill.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "tocsin/engine.h"

#define LIST_LEAVES 5000   /* of a slice: about a millisecond */
#define MAKE_LEAVES 200    /* about two */
#define ADOPT_LOOKS 100000 /* the same */
#define LET_GO      1000   /* leaves: the same */

enum stage {
    STAGE_LIST,
    STAGE_WAIT,
    STAGE_MAKE,
    STAGE_READ,
    STAGE_HOLD,
    STAGE_ADOPT,
    STAGE_SETTLE,
    STAGE_RELEASE,
    STAGE_FREE
};

struct fill {
    struct fills *all;
    struct fill *next;
    enum stage stage;
    size_t at;               /* where the stage goes on */
    struct windows *windows; /* hold only these leaves, while the journal is read into them */
    leaf_id *from,
        *to; /* the leaf there, which wakes with the first block; the leaf that is filled */
    size_t n, cap_from, cap_to;
    struct journal_id before;
    bool begun, empty; /* empty: some found no memory to be listed */
    uint64_t refusals; /* of memory, when it began: with more of them the windows have holes */
    struct windows_adoption adoption;
    struct err why; /* it cannot be filled; "": it can */
};

struct fills {
    struct fills_options o;
    struct fill *first;   /* is being read; the others wait */
    struct fill *listing; /* finds its leaves, while blocks are held back */
    uint8_t *reading;     /* [leaf]: in one of these */
    size_t cap_reading;
    uint64_t done;
};

struct fills *fills_new(const struct fills_options *o)
{
    struct fills *f = mem_zalloc(sizeof *f);

    assert(o->journal && o->windows && o->series && o->work && o->hold && o->release);
    if (f)
        f->o = *o;
    return f;
}

static void fill_free(struct fill *f)
{
    if (!f)
        return;
    for (; f->n > 0; f->n--)
        windows_leaf_release(f->all->o.windows, f->to[f->n - 1]);
    windows_free(f->windows);
    mem_free(f->from);
    mem_free(f->to);
    mem_free(f);
}

void fills_free(struct fills *f)
{
    if (!f)
        return;
    fill_free(f->listing);
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
    size_t n = f->listing != NULL;

    for (const struct fill *i = f->first; i; i = i->next)
        n++;
    return n;
}

uint64_t fills_done(const struct fills *f)
{
    return f->done;
}

/* --- reading --- */

/* A filled leaf is as old as what it was filled with. Bound: 0.3 us a leaf. */
static void begin(struct fill *f, int64_t recv_ms)
{
    assert(!f->begun);
    f->begun = windows_wake(f->windows, recv_ms, SIZE_MAX);
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

static void give_up(struct fill *f, const char *why)
{
    err_set(&f->why, ERR_MEMORY, "%s", why);
}

/* When all went well, or the journal is empty, it is taken over. */
static void have_read(const struct err *e, void *arg)
{
    struct fill *f = arg;
    size_t n = f->begun ? part(f) : 0;

    assert(f->all->first == f && f->stage == STAGE_READ); /* one at a time, in order */
    if (e)
        give_up(f, e->text);
    else if (f->begun && mem_refusals() != f->refusals)
        give_up(f, "no memory"); /* a young leaf says that it is; one with holes would not */
    f->adoption =
        (struct windows_adoption){.to = f->to, .leaves = f->from, .n = f->why.text[0] ? 0 : n};
    if (f->begun && n < f->n && !f->why.text[0])
        give_up(f, "no memory");
    f->stage = STAGE_HOLD;
    f->all->o.work(f->all->o.arg);
}

/* --- what is done in slices; each is true when it is done --- */

static bool make_some(struct fill *f)
{
    for (size_t most = MAKE_LEAVES; f->at < f->n && most > 0; most--, f->at++)
        f->from[f->at] = windows_leaf_ahead(
            f->windows, windows_leaf_spec(f->all->o.windows, f->to[f->at]), 0, NULL);
    return f->at == f->n;
}

static bool adopt_some(struct fill *f)
{
    if (f->adoption.n > 0 &&
        !windows_adopt_some(f->all->o.windows, f->windows, &f->adoption, ADOPT_LOOKS))
        return false;
    if (f->adoption.short_of_memory)
        give_up(f, "no memory for the groups of an adopted leaf");
    if (f->why.text[0])
        log_warn("new windows could not be filled from the journal; they start empty", "error",
                 f->why.text, NULL);
    return true;
}

static bool settle_some(struct fill *f)
{
    for (size_t most = LIST_LEAVES; f->at < f->n && most > 0; most--, f->at++) {
        windows_leaf_settle(f->all->o.windows, f->to[f->at]);
        f->all->reading[f->to[f->at]] = 0;
    }
    return f->at == f->n;
}

static bool let_go_some(struct fill *f)
{
    size_t most = LET_GO;

    for (; f->n > 0 && most > 0; f->n--, most--)
        windows_leaf_release(f->all->o.windows, f->to[f->n - 1]);
    return f->n == 0;
}

static bool free_some(struct fill *f)
{
    if (f->windows && !windows_free_some(f->windows, LET_GO))
        return false;
    f->windows = NULL;
    return true;
}

static void read_on(struct fill *f)
{
    f->stage = STAGE_READ;
    journal_scan(f->all->o.journal, 0, INT64_MAX, take_block, have_read, f);
}

static void end_first(struct fills *all)
{
    struct fill *f = all->first;

    all->first = f->next;
    fill_free(f);
    if (all->first)
        all->first->stage = STAGE_MAKE;
}

static bool work(struct fill *f)
{
    struct fills *all = f->all;

    switch (f->stage) {
    case STAGE_MAKE:
        return make_some(f);
    case STAGE_HOLD:
        return all->o.hold(all->o.arg);
    case STAGE_ADOPT:
        return adopt_some(f);
    case STAGE_SETTLE:
        return settle_some(f);
    case STAGE_RELEASE:
        return let_go_some(f);
    case STAGE_FREE:
        return free_some(f);
    case STAGE_LIST:
    case STAGE_WAIT:
    case STAGE_READ:
        break;
    }
    return false;
}

static void next_stage(struct fill *f)
{
    struct fills *all = f->all;

    f->at = 0;
    switch (f->stage) {
    case STAGE_MAKE:
        read_on(f);
        return;
    case STAGE_SETTLE:
        all->o.release(all->o.arg);
        all->done++;
        break;
    case STAGE_FREE:
        end_first(all);
        return;
    default:
        break;
    }
    f->stage = (enum stage)(f->stage + 1);
}

static bool list_some(struct fill *f);

/* Its leaves are known, and blocks may come. */
static void have_listed(struct fills *all)
{
    struct fill *f = all->listing, **end = &all->first;

    all->listing = NULL;
    while (*end)
        end = &(*end)->next;
    if (f->n > 0) {
        f->stage = end == &all->first ? STAGE_MAKE : STAGE_WAIT;
        *end = f;
    } else {
        fill_free(f);
    }
    all->o.release(all->o.arg);
}

bool fills_work(struct fills *all)
{
    struct fill *f = all->first;

    if (all->listing) {
        if (list_some(all->listing))
            have_listed(all);
    } else if (f && f->stage != STAGE_READ && work(f)) {
        next_stage(f);
    }
    f = all->first;
    return all->listing || (f && f->stage != STAGE_READ);
}

/* The blocks still to be read are moved by the journal. What is bounded here is an id, so the end in
 * time need not be exact. */
void fills_shift(struct fills *all, int64_t by_ms)
{
    if (all->listing)
        windows_shift(all->listing->windows, by_ms);
    for (struct fill *f = all->first; f; f = f->next)
        if (f->windows && f->stage != STAGE_FREE)
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
static bool list_some(struct fill *f)
{
    struct fills *all = f->all;
    leaf_id leaf = (leaf_id)f->at;

    for (size_t most = LIST_LEAVES; most > 0; most--, leaf++) {
        leaf = next_unread(all, leaf);
        if (leaf == LEAF_NONE)
            break;
        if (mem_grow((void **)&f->from, &f->cap_from, f->n + 1, sizeof *f->from) < 0 ||
            mem_grow((void **)&f->to, &f->cap_to, f->n + 1, sizeof *f->to) < 0 ||
            note_reading(all, leaf) < 0) {
            windows_leaf_settle(all->o.windows, leaf);
            f->empty = true;
            continue;
        }
        windows_leaf_await(all->o.windows, leaf);
        windows_leaf_hold(all->o.windows, leaf);
        f->from[f->n] = LEAF_NONE;
        f->to[f->n++] = leaf;
    }
    f->at = leaf;
    if (leaf != LEAF_NONE)
        return false;
    f->at = 0;
    if (f->empty)
        tell_no_memory();
    return true;
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
    bool held;

    if (all->listing) { /* no block has come since: what is new now is found with it */
        assert(journal_id_compare(all->listing->before, before) == 0);
        all->listing->at = 0;
        return;
    }
    all->listing = fill_new(all, before);
    if (!all->listing) {
        tell_no_memory();
        each_unread(all, windows_leaf_settle);
        return;
    }
    held = all->o.hold(all->o.arg);
    assert(held);
    (void)held;
    all->o.work(all->o.arg);
}
