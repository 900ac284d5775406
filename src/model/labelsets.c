/* Interned sets in three levels, each found by hash and compared by bytes: names, pairs, sets.
 *
 * The same pods appear under fifty metrics and the same values under thousands of pods; three levels store
 * each of them once, in an arena of 32-bit references, half as long as pointers. Freed things are used
 * again at once, since pods come and go for months. Every growth is asked of the bound before, so that
 * what has no room leaves everything as it was. One level (whole sets by their text) was dropped: grouping
 * needs the pairs.
 *
 * Sets that are interned one behind the other share most pairs, or all: a target's metrics, at its first batch
 * as at a start. They are compared with the set before, which costs a tenth of finding them by hash. */
#include "model/labelsets.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define RECENT_SKIP 3 /* labels that one set has and the next has not */

static uint64_t name_hash(const struct labelsets *ls, const char *text, size_t len)
{
    return XXH3_64bits_withSeed(text, len, ls->seed);
}

static uint64_t pair_hash(const struct labelsets *ls, uint32_t name, const char *value, size_t len)
{
    return XXH3_64bits_withSeed(value, len, ls->seed + name * UINT64_C(0x9E3779B97F4A7C15));
}

static uint64_t set_hash(const struct labelsets *ls, const uint32_t *pairs, uint32_t n)
{
    return XXH3_64bits_withSeed(pairs, n * sizeof *pairs, ls->seed);
}

static size_t pair_size(size_t value_len)
{
    return offsetof(struct label_pair, value) + value_len + 1;
}

static size_t set_size(uint32_t n)
{
    return sizeof(struct label_set) + n * sizeof(uint32_t);
}

static bool has_room(const struct labelsets *ls, size_t growth)
{
    return growth == 0 || ls->max_bytes == 0 || labelsets_bytes(ls) + growth <= ls->max_bytes;
}

struct labelsets *labelsets_new(size_t max_bytes)
{
    struct labelsets *ls = mem_zalloc(sizeof *ls);

    if (!ls)
        return NULL;
    ls->seed = random_u64();
    ls->free_symbol = SYMBOL_NONE;
    arena_init(&ls->arena);
    if (idtable_init(&ls->sets) != 0 || idtable_init(&ls->pairs) != 0 ||
        idtable_init(&ls->names) != 0)
        goto fail;
    ls->empty = labelsets_of_pairs(ls, NULL, 0);
    if (ls->empty == LABELSET_NONE)
        goto fail;
    ls->max_bytes = max_bytes;
    return ls;
fail:
    labelsets_free(ls);
    return NULL;
}

void labelsets_free(struct labelsets *ls)
{
    if (!ls)
        return;
    for (uint32_t i = 0; i < ls->n_symbols; i++)
        mem_free(ls->symbols[i].text);
    mem_free(ls->symbols);
    idtable_clear(&ls->sets);
    idtable_clear(&ls->pairs);
    idtable_clear(&ls->names);
    arena_clear(&ls->arena);
    mem_free(ls);
}

size_t labelsets_bytes(const struct labelsets *ls)
{
    return sizeof *ls + arena_bytes(&ls->arena) + idtable_bytes(&ls->sets) +
           idtable_bytes(&ls->pairs) + idtable_bytes(&ls->names) + ls->symbol_bytes +
           ls->cap_symbols * sizeof *ls->symbols;
}

size_t labelsets_held(const struct labelsets *ls)
{
    return ls->arena.held + ls->symbol_bytes;
}

size_t labelsets_count(const struct labelsets *ls)
{
    return ls->sets.count;
}

/* --- symbols --- */

static uint32_t find_symbol(const struct labelsets *ls, const char *text, size_t len, uint32_t tag)
{
    const struct idtable *t = &ls->names;

    for (uint32_t i = idtable_home(t, tag); t->slots[i].id_plus_1; i = idtable_next(t, i))
        if (t->slots[i].tag == tag && symbol_is(ls, t->slots[i].id_plus_1 - 1, text, len))
            return t->slots[i].id_plus_1 - 1;
    return SYMBOL_NONE;
}

uint32_t symbol_find(const struct labelsets *ls, const char *text, size_t len)
{
    return find_symbol(ls, text, len, idtable_tag(name_hash(ls, text, len)));
}

static uint32_t new_symbol(struct labelsets *ls, const char *text, size_t len, uint32_t tag)
{
    uint32_t id = ls->free_symbol;
    char *copy;

    if (!has_room(ls, idtable_growth(&ls->names) + len + 1) || idtable_reserve(&ls->names) != 0)
        return SYMBOL_NONE;
    if (id == SYMBOL_NONE) {
        if (mem_grow((void **)&ls->symbols, &ls->cap_symbols, ls->n_symbols + 1,
                     sizeof *ls->symbols) != 0)
            return SYMBOL_NONE;
        id = ls->n_symbols;
    }
    copy = mem_dup(text, len);
    if (!copy)
        return SYMBOL_NONE;
    assert(id <= ls->n_symbols);
    if (id == ls->n_symbols)
        ls->n_symbols++;
    else
        ls->free_symbol = ls->symbols[id].refs;
    ls->symbols[id] = (struct symbol){copy, (uint32_t)len, 1};
    ls->symbol_bytes += len + 1;
    idtable_insert(&ls->names, tag, id);
    return id;
}

uint32_t symbol_intern(struct labelsets *ls, const char *text, size_t len)
{
    uint32_t tag = idtable_tag(name_hash(ls, text, len));
    uint32_t id = find_symbol(ls, text, len, tag);

    if (id == SYMBOL_NONE)
        return new_symbol(ls, text, len, tag);
    ls->symbols[id].refs++;
    return id;
}

void symbol_unref(struct labelsets *ls, uint32_t id)
{
    struct symbol *y = &ls->symbols[id];

    assert(y->text && y->refs > 0);
    if (--y->refs > 0)
        return;
    idtable_remove(&ls->names, idtable_tag(name_hash(ls, y->text, y->len)), id);
    ls->symbol_bytes -= y->len + 1u;
    mem_free(y->text);
    *y = (struct symbol){.refs = ls->free_symbol};
    ls->free_symbol = id;
}

/* --- pairs --- */

static uint32_t find_pair(const struct labelsets *ls, const struct label *l, uint32_t tag)
{
    const struct idtable *t = &ls->pairs;

    for (uint32_t i = idtable_home(t, tag); t->slots[i].id_plus_1; i = idtable_next(t, i))
        if (t->slots[i].tag == tag && pair_is(ls, t->slots[i].id_plus_1 - 1, l))
            return t->slots[i].id_plus_1 - 1;
    return ARENA_NONE;
}

/* `name` is referenced already; the new pair takes that reference over. */
static uint32_t new_pair(struct labelsets *ls, uint32_t name, const struct label *l, uint32_t tag)
{
    size_t size = pair_size(l->value_len);
    struct label_pair *p;
    uint32_t id;

    if (!has_room(ls, idtable_growth(&ls->pairs) + arena_growth(&ls->arena, size)) ||
        idtable_reserve(&ls->pairs) != 0)
        return ARENA_NONE;
    id = arena_alloc(&ls->arena, size);
    if (id == ARENA_NONE)
        return ARENA_NONE;
    p = pair_at(ls, id);
    p->refs = 1;
    p->name = name;
    p->len = (uint16_t)l->value_len;
    memcpy(p->value, l->value, l->value_len);
    p->value[l->value_len] = 0;
    idtable_insert(&ls->pairs, tag, id);
    return id;
}

/* Both sets are sorted by name, so the place in the other one only goes on; it skips few. */
static uint32_t recent_pair(const struct labelsets *ls, const struct label *l, uint32_t *at)
{
    uint32_t end = ls->n_recent - *at > RECENT_SKIP ? *at + RECENT_SKIP : ls->n_recent;

    assert(*at <= ls->n_recent && ls->n_recent <= LABELS_MAX);
    for (uint32_t i = *at; i < end; i++)
        if (pair_is(ls, ls->recent[i], l)) {
            *at = i + 1;
            return ls->recent[i];
        }
    return ARENA_NONE;
}

static uint32_t pair_intern(struct labelsets *ls, const struct label *l, uint32_t *recent)
{
    uint32_t name, tag, id;

    if (l->value_len > LABEL_VALUE_MAX)
        return ARENA_NONE;
    id = recent_pair(ls, l, recent);
    if (id != ARENA_NONE) {
        pair_at(ls, id)->refs++;
        return id;
    }
    name = symbol_intern(ls, l->name, l->name_len);
    if (name == SYMBOL_NONE)
        return ARENA_NONE;
    tag = idtable_tag(pair_hash(ls, name, l->value, l->value_len));
    id = find_pair(ls, l, tag);
    if (id == ARENA_NONE) {
        id = new_pair(ls, name, l, tag);
        if (id == ARENA_NONE)
            symbol_unref(ls, name);
        return id;
    }
    symbol_unref(ls, name);
    pair_at(ls, id)->refs++;
    return id;
}

static void pair_unref(struct labelsets *ls, uint32_t id)
{
    struct label_pair *p = pair_at(ls, id);
    uint32_t name = p->name;

    assert(p->refs > 0);
    if (--p->refs > 0)
        return;
    ls->n_recent = 0;
    idtable_remove(&ls->pairs, idtable_tag(pair_hash(ls, name, p->value, p->len)), id);
    arena_free(&ls->arena, id, pair_size(p->len));
    symbol_unref(ls, name);
}

/* --- sets --- */

static labelset find_set(const struct labelsets *ls, const uint32_t *pairs, uint32_t n,
                         uint32_t tag)
{
    const struct idtable *t = &ls->sets;

    for (uint32_t i = idtable_home(t, tag); t->slots[i].id_plus_1; i = idtable_next(t, i)) {
        const struct label_set *s;

        if (t->slots[i].tag != tag)
            continue;
        s = set_at(ls, t->slots[i].id_plus_1 - 1);
        if (s->n == n && (n == 0 || memcmp(s->pairs, pairs, n * sizeof *pairs) == 0))
            return t->slots[i].id_plus_1 - 1;
    }
    return LABELSET_NONE;
}

labelset labelsets_find_pairs(const struct labelsets *ls, const uint32_t *pairs, uint32_t n)
{
    return find_set(ls, pairs, n, idtable_tag(set_hash(ls, pairs, n)));
}

labelset labelsets_of_pairs(struct labelsets *ls, const uint32_t *pairs, uint32_t n)
{
    uint32_t tag = idtable_tag(set_hash(ls, pairs, n));
    labelset id = find_set(ls, pairs, n, tag);
    struct label_set *s;

    assert(n <= LABELS_MAX);
    if (id != LABELSET_NONE) {
        set_at(ls, id)->refs++;
        return id;
    }
    if (!has_room(ls, idtable_growth(&ls->sets) + arena_growth(&ls->arena, set_size(n))) ||
        idtable_reserve(&ls->sets) != 0)
        return LABELSET_NONE;
    id = arena_alloc(&ls->arena, set_size(n));
    if (id == ARENA_NONE)
        return LABELSET_NONE;
    s = set_at(ls, id);
    s->refs = 1;
    s->n = n;
    for (uint32_t i = 0; i < n; i++) {
        s->pairs[i] = pairs[i];
        pair_at(ls, pairs[i])->refs++;
    }
    idtable_insert(&ls->sets, tag, id);
    return id;
}

static bool is_recent_set(const struct labelsets *ls, const struct label *l, size_t n)
{
    size_t same = 0;

    if (n != ls->n_recent)
        return false;
    while (same < n && pair_is(ls, ls->recent[same], &l[same]))
        same++;
    return n > 0 && same == n;
}

labelset labelsets_intern(struct labelsets *ls, const struct label *l, size_t n)
{
    uint32_t pairs[LABELS_MAX], got = 0, recent = 0;
    labelset id = LABELSET_NONE;

    assert(l || n == 0);
    if (n > LABELS_MAX)
        return LABELSET_NONE;
    if (is_recent_set(ls, l, n)) {
        labelset_ref(ls, ls->recent_set);
        return ls->recent_set;
    }
    while (got < n && (pairs[got] = pair_intern(ls, &l[got], &recent)) != ARENA_NONE)
        got++;
    if (got == n)
        id = labelsets_of_pairs(ls, pairs, got);
    if (id != LABELSET_NONE) {
        memcpy(ls->recent, pairs, got * sizeof *pairs);
        ls->n_recent = got;
        ls->recent_set = id;
    }
    while (got > 0)
        pair_unref(ls, pairs[--got]);
    return id;
}

labelset labelsets_find(const struct labelsets *ls, const struct label *l, size_t n)
{
    uint32_t pairs[LABELS_MAX] = {0};

    if (n > LABELS_MAX)
        return LABELSET_NONE;
    for (size_t i = 0; i < n; i++) {
        uint32_t name = symbol_find(ls, l[i].name, l[i].name_len);

        if (name == SYMBOL_NONE)
            return LABELSET_NONE;
        pairs[i] =
            find_pair(ls, &l[i], idtable_tag(pair_hash(ls, name, l[i].value, l[i].value_len)));
        if (pairs[i] == ARENA_NONE)
            return LABELSET_NONE;
    }
    return labelsets_find_pairs(ls, pairs, (uint32_t)n);
}

labelset labelsets_empty(struct labelsets *ls)
{
    return ls->empty;
}

void labelset_ref(struct labelsets *ls, labelset id)
{
    assert(set_at(ls, id)->refs > 0);
    set_at(ls, id)->refs++;
}

void labelset_unref(struct labelsets *ls, labelset id)
{
    struct label_set *s = set_at(ls, id);

    assert(s->refs > 0);
    if (--s->refs > 0)
        return;
    if (id == ls->empty) { /* needs no reference: a stray release must not free it */
        s->refs = 1;
        return;
    }
    if (id == ls->recent_set)
        ls->n_recent = 0;
    idtable_remove(&ls->sets, idtable_tag(set_hash(ls, s->pairs, s->n)), id);
    for (uint32_t i = 0; i < s->n; i++)
        pair_unref(ls, s->pairs[i]);
    arena_free(&ls->arena, id, set_size(s->n));
}

size_t labelset_size(const struct labelsets *ls, labelset id)
{
    return set_at(ls, id)->n;
}

struct label labelset_at(const struct labelsets *ls, labelset id, size_t i)
{
    const struct label_set *s = set_at(ls, id);
    const struct label_pair *p;
    const struct symbol *name;

    assert(i < s->n);
    p = pair_at(ls, s->pairs[i]);
    name = &ls->symbols[p->name];
    return (struct label){name->text, p->value, name->len, p->len};
}

const char *labelset_value(const struct labelsets *ls, labelset id, const char *name, size_t *len)
{
    const struct label_set *s = set_at(ls, id);
    size_t name_len = strlen(name);

    for (uint32_t i = 0; i < s->n; i++) {
        const struct label_pair *p = pair_at(ls, s->pairs[i]);

        if (!symbol_is(ls, p->name, name, name_len))
            continue;
        *len = p->len;
        return p->value;
    }
    *len = 0;
    return "";
}

void labelset_text(const struct labelsets *ls, labelset id, struct buf *out)
{
    struct label l[LABELS_MAX];
    size_t n = labelset_size(ls, id);

    for (size_t i = 0; i < n; i++)
        l[i] = labelset_at(ls, id, i);
    labels_text(l, n, out);
}
