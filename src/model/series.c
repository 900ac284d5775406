/* Dense numbers for series, by pages that are found by division and given back when they are empty.
 *
 * Numbers are never used again: blocks in the journal name series by them, and one that came back would be
 * another's. So the table is sparse after months and its empty pages cost a pointer. A series is looked up
 * by a hash of its labels as they came, without interning them first: nearly all are known, and interning
 * costs several look-ups. Creating one is undone as a whole where any part finds no room. */
#include "model/series.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/series_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct series_table *series_table_new(struct labelsets *ls, uint32_t max_series)
{
    struct series_table *t = mem_zalloc(sizeof *t);

    assert(ls);
    if (!t)
        return NULL;
    t->ls = ls;
    t->max_series = max_series ? max_series : SERIES_NONE;
    t->seed = random_u64();
    if (idtable_init(&t->ids) == 0 && idtable_init(&t->source_ids) == 0)
        return t;
    series_table_free(t);
    return NULL;
}

void series_table_free(struct series_table *t)
{
    if (!t)
        return;
    for (uint32_t id = 0; id < t->end && t->count > 0; id++)
        series_forget(t, id);
    assert(t->count == 0);
    for (size_t i = 0; i < t->n_pages; i++)
        mem_free(t->pages[i]);
    mem_free(t->pages);
    mem_free(t->sources);
    mem_free(t->shares);
    idtable_clear(&t->ids);
    idtable_clear(&t->source_ids);
    mem_free(t);
}

struct labelsets *series_labelsets(struct series_table *t)
{
    return t->ls;
}

/* One hash of each string, folded into a polynomial: the strings' hashes do not depend on each
 * other, so the processor works on several at a time. */
uint64_t series_hash(const struct series_table *t, const struct label *l, size_t n)
{
    uint64_t h = t->seed;

    for (size_t i = 0; i < n; i++) {
        uint64_t name = XXH3_64bits_withSeed(l[i].name, l[i].name_len, t->seed);
        uint64_t value = XXH3_64bits_withSeed(l[i].value, l[i].value_len, ~t->seed);

        h = (h ^ name) * UINT64_C(0x9E3779B97F4A7C15) + value;
    }
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ (h >> 32);
}

void series_prefetch(const struct series_table *t, uint64_t hash)
{
    __builtin_prefetch(&t->ids.slots[idtable_home(&t->ids, idtable_tag(hash))]);
}

static bool is_name_label(const struct label *l)
{
    return l->name_len == sizeof NAME_LABEL - 1 &&
           memcmp(l->name, NAME_LABEL, sizeof NAME_LABEL - 1) == 0;
}

bool series_is(const struct series_table *t, const struct series *s, const struct label *l,
               size_t n)
{
    const struct label_set *set = set_at(t->ls, s->labels);
    size_t at = 0;

    if (set->n + 1 != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (at == i && is_name_label(&l[i])) {
            if (!symbol_is(t->ls, s->name, l[i].value, l[i].value_len))
                return false;
            continue;
        }
        if (at >= set->n || !pair_is(t->ls, set->pairs[at], &l[i]))
            return false;
        at++;
    }
    return at == set->n;
}

static uint32_t find(const struct series_table *t, uint32_t tag, const struct label *l, size_t n)
{
    const struct idtable *ids = &t->ids;

    for (uint32_t i = idtable_home(ids, tag); ids->slots[i].id_plus_1; i = idtable_next(ids, i)) {
        uint32_t id = ids->slots[i].id_plus_1 - 1;

        if (ids->slots[i].tag == tag && series_is(t, series_slot(t, id), l, n))
            return id;
    }
    return SERIES_NONE;
}

static struct series_page *page_for(struct series_table *t, uint32_t id)
{
    size_t at = id / SERIES_PAGE;
    struct series_page *page;

    if (mem_grow((void **)&t->pages, &t->cap_pages, at + 1, sizeof *t->pages) != 0)
        return NULL;
    while (t->n_pages <= at)
        t->pages[t->n_pages++] = NULL;
    if (t->pages[at])
        return t->pages[at];
    page = mem_alloc(sizeof *page);
    if (!page)
        return NULL;
    page->live = 0;
    for (size_t i = 0; i < SERIES_PAGE; i++)
        page->series[i].labels = LABELSET_NONE;
    t->pages_held++;
    return t->pages[at] = page;
}

static void release_page(struct series_table *t, uint32_t id)
{
    size_t at = id / SERIES_PAGE;

    if (t->pages[at]->live > 0 || t->end < (at + 1) * SERIES_PAGE)
        return;
    assert(t->pages_held > 0);
    mem_free(t->pages[at]);
    t->pages[at] = NULL;
    t->pages_held--;
}

/* Splits off __name__; returns false when there is none, or too many others. */
static bool split_name(const struct label *l, size_t n, struct label *others,
                       const struct label **name)
{
    size_t kept = 0;

    *name = NULL;
    if (n > LABELS_MAX + 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!*name && is_name_label(&l[i]))
            *name = &l[i];
        else
            others[kept++] = l[i];
    }
    return *name && kept <= LABELS_MAX;
}

/* What a scraper writes of its own about each target. */
static bool is_about_scrape(const struct label *name)
{
    return (name->value_len == 2 && memcmp(name->value, "up", 2) == 0) ||
           (name->value_len > 7 && memcmp(name->value, "scrape_", 7) == 0);
}

/* Name and labels of a series, each with one reference more. False: it is no series, or no memory. */
static bool intern(struct series_table *t, struct series *s, const struct label *l, size_t n,
                   enum sample_kind kind)
{
    struct label others[LABELS_MAX + 1];
    const struct label *name;

    if (!split_name(l, n, others, &name))
        return false;
    *s = (struct series){.kind = (uint8_t)kind, .about_scrape = is_about_scrape(name)};
    s->name = symbol_intern(t->ls, name->value, name->value_len);
    if (s->name == SYMBOL_NONE)
        return false;
    s->labels = labelsets_intern(t->ls, others, n - 1);
    if (s->labels != LABELSET_NONE)
        return true;
    symbol_unref(t->ls, s->name);
    return false;
}

static void release(struct series_table *t, const struct series *s)
{
    labelset_unref(t->ls, s->labels);
    symbol_unref(t->ls, s->name);
}

/* Puts a series that is interned into the table, and charges its source for what labels grew by since they
 * held `before`. False: over the bound or no memory; its references are released. */
static bool put(struct series_table *t, uint32_t id, uint32_t tag, struct series *s, size_t before,
                const struct label *l, size_t n, const char *token)
{
    struct series_page *page;

    if (t->count >= t->max_series || idtable_reserve(&t->ids) != 0 || !(page = page_for(t, id)))
        goto refuse;
    s->source = series_source_take(t, l, n, token); /* last: nothing is to be uncharged */
    if (s->source == SERIES_NONE)
        goto refuse;
    page->series[id % SERIES_PAGE] = *s;
    page->live++;
    t->count++;
    idtable_insert(&t->ids, tag, id);
    series_source_charge(t, s->source, labelsets_held(t->ls) - before + SERIES_BYTES);
    assert(t->count <= t->max_series && s->source < t->n_sources);
    return true;
refuse:
    release(t, s);
    return false;
}

static bool create(struct series_table *t, uint32_t id, uint32_t tag, const struct label *l,
                   size_t n, const char *token, enum sample_kind kind)
{
    size_t before = labelsets_held(t->ls);
    struct series s;

    return intern(t, &s, l, n, kind) && put(t, id, tag, &s, before, l, n, token);
}

uint32_t series_resolve_hashed(struct series_table *t, uint64_t hash, const struct label *l,
                               size_t n, const char *token, enum sample_kind kind, bool *is_new)
{
    uint32_t tag = idtable_tag(hash), id = find(t, tag, l, n);

    *is_new = false;
    if (id != SERIES_NONE) {
        struct series *s = series_slot(t, id);

        if (s->kind != kind)
            s->kind = (uint8_t)kind;
        return id;
    }
    if (t->end >= SERIES_NONE - 1 || !create(t, t->end, tag, l, n, token, kind))
        return SERIES_NONE;
    *is_new = true;
    return t->end++;
}

uint32_t series_resolve(struct series_table *t, const struct label *l, size_t n, const char *token,
                        enum sample_kind kind, bool *is_new)
{
    return series_resolve_hashed(t, series_hash(t, l, n), l, n, token, kind, is_new);
}

uint32_t series_find(const struct series_table *t, uint64_t hash, const struct label *l, size_t n)
{
    return find(t, idtable_tag(hash), l, n);
}

/* What is interned is found by its numbers. */
static uint32_t find_interned(const struct series_table *t, uint32_t tag, const struct series *s)
{
    const struct idtable *ids = &t->ids;

    for (uint32_t i = idtable_home(ids, tag); ids->slots[i].id_plus_1; i = idtable_next(ids, i)) {
        const struct series *there = series_slot(t, ids->slots[i].id_plus_1 - 1);

        if (ids->slots[i].tag == tag && there->labels == s->labels && there->name == s->name)
            return ids->slots[i].id_plus_1 - 1;
    }
    return SERIES_NONE;
}

/* Nearly none is there already, so it is interned before it is looked for: meanwhile its place in the table
 * comes from memory. */
int series_restore(struct series_table *t, uint32_t id, const struct label *l, size_t n,
                   const char *token, enum sample_kind kind, struct err *e)
{
    uint64_t hash = series_hash(t, l, n);
    size_t before = labelsets_held(t->ls);
    uint32_t known, tag = idtable_tag(hash);
    struct series s;

    series_prefetch(t, hash);
    if (!intern(t, &s, l, n, kind))
        return err_set(e, ERR_MEMORY, "series %u cannot be restored: it has no name, or no memory",
                       id);
    known = find_interned(t, tag, &s);
    if (known == SERIES_NONE && id < SERIES_NONE - 1 && !series_get(t, id)) {
        if (!put(t, id, tag, &s, before, l, n, token))
            return err_set(e, ERR_MEMORY,
                           "series %u cannot be restored: over the bound of series, or no memory",
                           id);
        series_set_end(t, id + 1);
        return 0;
    }
    release(t, &s);
    if (known == id)
        return 0;
    if (known != SERIES_NONE)
        return err_set(e, ERR_INPUT, "series %u is also series %u in the dictionary", id, known);
    return err_set(e, ERR_INPUT, "series %u stands twice in the dictionary", id);
}

void series_forget(struct series_table *t, uint32_t id)
{
    struct label l[LABELS_MAX + 1];
    struct series *s = series_get(t, id);

    if (!s)
        return;
    idtable_remove(&t->ids, idtable_tag(series_hash(t, l, series_labels(t, id, l))), id);
    series_source_drop(t, s->source);
    labelset_unref(t->ls, s->labels);
    symbol_unref(t->ls, s->name);
    s->labels = LABELSET_NONE;
    assert(t->count > 0 && t->pages[id / SERIES_PAGE]->live > 0);
    t->pages[id / SERIES_PAGE]->live--;
    t->count--;
    release_page(t, id);
}

struct series *series_get(struct series_table *t, uint32_t id)
{
    struct series *s;

    if (id / SERIES_PAGE >= t->n_pages || !t->pages[id / SERIES_PAGE])
        return NULL;
    s = series_slot(t, id);
    return s->labels == LABELSET_NONE ? NULL : s;
}

const char *series_name(const struct series_table *t, uint32_t name, size_t *len)
{
    assert(name < t->ls->n_symbols && t->ls->symbols[name].text);
    *len = t->ls->symbols[name].len;
    return t->ls->symbols[name].text;
}

uint32_t series_name_find(const struct series_table *t, const char *name, size_t len)
{
    return symbol_find(t->ls, name, len);
}

uint32_t series_count(const struct series_table *t)
{
    return t->count;
}

uint32_t series_end(const struct series_table *t)
{
    return t->end;
}

void series_set_end(struct series_table *t, uint32_t end)
{
    if (end > t->end)
        t->end = end;
}

size_t series_bytes(const struct series_table *t)
{
    return sizeof *t + t->pages_held * sizeof(struct series_page) +
           t->cap_pages * sizeof *t->pages + idtable_bytes(&t->ids) +
           idtable_bytes(&t->source_ids) + t->cap_sources * sizeof *t->sources +
           t->cap_shares * sizeof *t->shares;
}

size_t series_labels(const struct series_table *t, uint32_t id, struct label *out)
{
    const struct series *s = series_get((struct series_table *)t, id);
    const struct symbol *name;
    size_t n, put = 0;
    bool named = false;

    if (!s)
        return 0;
    name = &t->ls->symbols[s->name];
    n = labelset_size(t->ls, s->labels);
    for (size_t i = 0; i < n; i++) {
        struct label l = labelset_at(t->ls, s->labels, i);

        if (!named && strcmp(l.name, NAME_LABEL) > 0) {
            out[put++] = (struct label){NAME_LABEL, name->text, sizeof NAME_LABEL - 1, name->len};
            named = true;
        }
        out[put++] = l;
    }
    if (!named)
        out[put++] = (struct label){NAME_LABEL, name->text, sizeof NAME_LABEL - 1, name->len};
    assert(put == n + 1);
    return put;
}

const char *series_token(const struct series_table *t, uint32_t id)
{
    const struct series *s = series_get((struct series_table *)t, id);

    return s ? t->ls->symbols[t->sources[s->source].token].text : "";
}
