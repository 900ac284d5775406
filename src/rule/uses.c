/* Who is to be told what comes: of a leaf the rules that look early at what touches it, of a log event
 * the rules that may keep it for their messages. So a block and an event cost the rules they concern.
 *
 * A rule that comes is entered, one that goes is taken out; those that stay cost nothing. Of a leaf that a
 * hundred thousand rules share all that go leave in one pass over its list: to look for each of them there
 * was dropped, since it costs the square of what goes. Without memory a rule looks on its ticks only, and
 * all rules are asked whether they keep an event. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "rule/derived.h"
#include "rule/rules.h"

void uses_free(struct rules *e)
{
    for (size_t i = 0; i < e->n_uses; i++)
        mem_free(e->uses[i].list);
    mem_free(e->uses);
    matcher_index_free(e->attaching);
    matcher_candidates_free(&e->attach_candidates);
    mem_free(e->attachers);
    mem_free(e->free_attaching);
}

static void note_use(struct rules *e, struct rule *r, leaf_id leaf)
{
    struct uses *u;

    if (leaf >= e->n_uses) {
        size_t n = (size_t)leaf + 64;
        struct uses *grown = mem_realloc(e->uses, n * sizeof *grown);

        if (!grown)
            return; /* its ticks look */
        memset(grown + e->n_uses, 0, (n - e->n_uses) * sizeof *grown);
        e->uses = grown;
        e->n_uses = n;
    }
    u = &e->uses[leaf];
    if (u->n > 0 && u->list[u->n - 1] == r)
        return;
    if (mem_grow((void **)&u->list, &u->cap, u->n + 1, sizeof *u->list) == 0)
        u->list[u->n++] = r;
    windows_watch(e->c.windows, leaf, r->d->delay_ms);
}

static void note_leaves(struct rules *e, struct rule *r, const struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        if (rs->sources[i].derived)
            note_leaves(e, r, &rs->sources[i].derived->in);
        else
            note_use(e, r, rs->sources[i].leaf);
    }
}

/* All that go leave the list of a leaf at once, when the first of them does. */
static void forget_use(struct rules *e, leaf_id leaf)
{
    struct uses *u = leaf < e->n_uses ? &e->uses[leaf] : NULL;
    size_t n = 0;

    if (!u || u->swept == e->n_exchanges)
        return;
    u->swept = e->n_exchanges;
    for (size_t i = 0; i < u->n; i++)
        if (!u->list[i]->leaving)
            u->list[n++] = u->list[i];
    u->n = n;
}

static void forget_leaves(struct rules *e, const struct rowset *rs)
{
    for (size_t i = 0; i < rs->n_sources; i++) {
        if (rs->sources[i].derived)
            forget_leaves(e, &rs->sources[i].derived->in);
        else
            forget_use(e, rs->sources[i].leaf);
    }
}

static void note_uses(struct rules *e, struct rule *r)
{
    assert(!r->uses_noted);
    if (e->ticks_only || !r->early)
        return;
    note_leaves(e, r, &r->rs);
    r->uses_noted = true;
}

/* Ids stay as long as their rules, so that a reload costs the rules that it changes. Without memory there is
 * no index, and all rules are asked until one can be made. */
static int enter_attaching(struct rules *e, struct rule *r)
{
    const struct leaf_spec *from = r->attached.from;
    size_t id = e->n_free_attaching ? e->free_attaching[e->n_free_attaching - 1] : e->n_attachers;

    if (mem_grow((void **)&e->attachers, &e->attachers_cap, id + 1, sizeof *e->attachers) < 0 ||
        mem_grow((void **)&e->free_attaching, &e->free_attaching_cap, e->n_attachers + 1,
                 sizeof *e->free_attaching) < 0 ||
        matcher_index_add(e->attaching, from->matchers, from->n_matchers, (uint32_t)id) < 0)
        return -1;
    if (id == e->n_attachers)
        e->n_attachers++;
    else
        e->n_free_attaching--;
    e->attachers[id] = r;
    r->attach_id = (uint32_t)id;
    return 0;
}

static void note_attaching(struct rules *e, struct rule *r)
{
    if (!r->attached.from || !e->attaching || enter_attaching(e, r) == 0)
        return;
    matcher_index_free(e->attaching);
    e->attaching = NULL;
}

static void forget_attaching(struct rules *e, const struct rule *r)
{
    const struct leaf_spec *from = r->attached.from;

    if (!from || !e->attaching)
        return;
    assert(e->attachers[r->attach_id] == r);
    matcher_index_remove(e->attaching, from->matchers, from->n_matchers, r->attach_id);
    e->attachers[r->attach_id] = NULL;
    e->free_attaching[e->n_free_attaching++] = r->attach_id;
}

/* Bound: the rules; after memory was short. */
void uses_mend(struct rules *e)
{
    if (e->attaching)
        return;
    e->attaching = matcher_index_new();
    e->n_attachers = e->n_free_attaching = 0;
    for (size_t i = 0; e->attaching && i < e->n; i++)
        note_attaching(e, e->order[i]);
}

void uses_enter(struct rules *e, struct rule *r)
{
    note_uses(e, r);
    note_attaching(e, r);
}

void uses_leave(struct rules *e, struct rule *r)
{
    assert(r->leaving);
    if (r->uses_noted)
        forget_leaves(e, &r->rs);
    r->uses_noted = false;
    forget_attaching(e, r);
}
