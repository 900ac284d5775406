/* Chains of alerts that fire, by label and value.
 * A chain stands under the hash of its label, without the text: two labels under one hash share a chain, which
 * costs a test and decides nothing, as each candidate is tested whole. Places are linked and come to the front,
 * so that one goes without a search and a walk that rests between two turns only has to step over what goes:
 * what comes is behind it. Dropped: arrays of members, where the last fills the gap of one that goes and a
 * resting walk would meet it twice or never. Labels that all alerts share have a chain as well; nobody knows
 * which label people will name. A member has 32 bytes a label, a value of its own costs 80 more. */
#include "notify/alert_index.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "notify/member.h"
#include "notify/notify_impl.h"

struct index_chain {
    uint64_t hash;
    struct index_place *first;
    size_t n;
};

struct alert_index {
    struct index_chain all;
    struct map *chains; /* 8 bytes: hash -> struct index_chain */
    size_t alerts;
    size_t partial; /* members that stand among all only */
    struct alert_walk *walks;
};

struct alert_index *alert_index_new(void)
{
    struct alert_index *ix = mem_zalloc(sizeof *ix);

    if (ix && !(ix->chains = map_new())) {
        mem_free(ix);
        ix = NULL;
    }
    return ix;
}

void alert_index_free(struct alert_index *ix)
{
    if (!ix)
        return;
    assert(!ix->all.first && map_count(ix->chains) == 0 && !ix->walks);
    map_free(ix->chains, NULL);
    mem_free(ix);
}

size_t alert_index_alerts(const struct alert_index *ix)
{
    return ix->alerts;
}

/* --- chains --- */

static uint64_t hash_of(const char *name, size_t name_len, const char *value, size_t len)
{
    return hash_mix(hash_bytes(name, name_len), hash_bytes(value, len));
}

static struct index_chain *chain_find(const struct alert_index *ix, const char *name,
                                      const char *value)
{
    uint64_t hash = hash_of(name, strlen(name), value, strlen(value));

    return map_get(ix->chains, &hash, sizeof hash);
}

static struct index_chain *chain_take(struct alert_index *ix, uint64_t hash)
{
    struct index_chain *c = map_get(ix->chains, &hash, sizeof hash);

    if (c)
        return c;
    c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->hash = hash;
    if (map_put(ix->chains, &hash, sizeof hash, c, NULL) == 0)
        return c;
    mem_free(c);
    return NULL;
}

static void link_place(struct index_chain *c, struct index_place *p, struct member *m)
{
    assert(!p->in);
    *p = (struct index_place){.next = c->first, .in = c, .m = m};
    if (c->first)
        c->first->prev = p;
    c->first = p;
    c->n++;
}

static void unlink_place(struct alert_index *ix, struct index_place *p)
{
    struct index_chain *c = p->in;

    assert(c && c->n > 0);
    for (struct alert_walk *w = ix->walks; w; w = w->next) /* of which there are two at most */
        if (w->at == p)
            w->at = p->next;
    *(p->prev ? &p->prev->next : &c->first) = p->next;
    if (p->next)
        p->next->prev = p->prev;
    p->in = NULL;
    if (--c->n > 0 || c == &ix->all)
        return;
    map_remove(ix->chains, &c->hash, sizeof c->hash);
    mem_free(c);
}

/* --- members --- */

/* By its labels. False: no memory, it stands under none of them. */
static bool link_labels(struct alert_index *ix, struct member *m)
{
    m->places = mem_zalloc((m->n_labels + 1) * sizeof *m->places);
    for (m->n_places = 0; m->places && m->n_places < m->n_labels; m->n_places++) {
        const struct label *l = &m->labels[m->n_places];
        struct index_chain *c =
            chain_take(ix, hash_of(l->name, l->name_len, l->value, l->value_len));

        if (!c)
            break;
        link_place(c, &m->places[m->n_places], m);
    }
    return m->places && m->n_places == m->n_labels;
}

static void unlink_labels(struct alert_index *ix, struct member *m)
{
    for (size_t i = 0; i < m->n_places; i++)
        unlink_place(ix, &m->places[i]);
    mem_free(m->places);
    m->places = NULL;
    m->n_places = 0;
}

static bool same_labels(const struct member *m)
{
    bool same = m->places && m->n_places == m->n_labels;

    for (size_t i = 0; i < m->n_labels && same; i++) {
        const struct label *l = &m->labels[i];

        same = m->places[i].in->hash == hash_of(l->name, l->name_len, l->value, l->value_len);
    }
    return same;
}

/* Whether its alert fires in another incident as well. */
static bool is_elsewhere(const struct notify *n, const struct member *m)
{
    for (const struct member *x = map_gets(n->members, m->key); x; x = x->next_same)
        if (x != m && x->place.in)
            return true;
    return false;
}

void alert_index_add(struct notify *n, struct member *m)
{
    struct alert_index *ix = n->firing;

    assert(m->firing);
    if (m->place.in && same_labels(m))
        return;
    alert_index_remove(n, m);
    ix->alerts += !is_elsewhere(n, m);
    link_place(&ix->all, &m->place, m);
    if (link_labels(ix, m))
        return;
    unlink_labels(ix, m);
    ix->partial++;
}

void alert_index_remove(struct notify *n, struct member *m)
{
    struct alert_index *ix = n->firing;

    if (!m->place.in)
        return;
    assert(ix->all.n > 0 && (m->places || ix->partial > 0));
    ix->partial -= !m->places;
    unlink_labels(ix, m);
    unlink_place(ix, &m->place);
    ix->alerts -= !is_elsewhere(n, m);
}

/* --- walks --- */

static size_t candidates(const struct alert_index *ix, const struct matcher *m)
{
    const char *const *values;
    size_t n = matcher_values(m, &values), sum = 0;

    for (size_t i = 0; i < n; i++) {
        const struct index_chain *c = chain_find(ix, matcher_name(m), values[i]);

        sum += c ? c->n : 0;
    }
    return sum;
}

void alert_walk_begin(struct alert_walk *w, struct alert_index *ix, struct matcher *const *m,
                      size_t n)
{
    const char *const *values;
    size_t least = ix->all.n;

    *w = (struct alert_walk){.index = ix, .next = ix->walks, .self = &ix->walks};
    /* the priority is matched as a label and is none */
    for (size_t i = 0; i < n && ix->partial == 0; i++) {
        size_t sum;

        if (strcmp(matcher_name(m[i]), "priority") == 0 || matcher_values(m[i], &values) == 0 ||
            (sum = candidates(ix, m[i])) > least)
            continue;
        w->by = m[i];
        least = sum;
    }
    if (!w->by)
        w->at = ix->all.first;
    if (w->next)
        w->next->self = &w->next;
    ix->walks = w;
}

struct member *alert_walk_next(struct alert_walk *w)
{
    struct index_place *p;
    const char *const *values;
    size_t n = w->by ? matcher_values(w->by, &values) : 0;

    while (!w->at && w->value < n) {
        const struct index_chain *c = chain_find(w->index, matcher_name(w->by), values[w->value++]);

        w->at = c ? c->first : NULL;
    }
    p = w->at;
    if (p)
        w->at = p->next;
    return p ? p->m : NULL;
}

void alert_walk_end(struct alert_walk *w)
{
    if (!w->self)
        return;
    *w->self = w->next;
    if (w->next)
        w->next->self = w->self;
    *w = (struct alert_walk){0};
}
