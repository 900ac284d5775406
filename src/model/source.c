/* The sources of series: token, `job` and `instance`. */
#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/series_table.h"

static uint32_t source_tag(const struct series_table *t, labelset labels, uint32_t token)
{
    uint32_t key[2] = {labels, token};

    return idtable_tag(hash_seeded(key, sizeof key, t->seed));
}

static uint32_t find(const struct series_table *t, labelset labels, uint32_t token, uint32_t tag)
{
    const struct idtable *ids = &t->source_ids;

    for (uint32_t i = idtable_home(ids, tag); ids->slots[i].id_plus_1; i = idtable_next(ids, i)) {
        uint32_t id = ids->slots[i].id_plus_1 - 1;

        if (ids->slots[i].tag == tag && t->sources[id].labels == labels &&
            t->sources[id].token == token)
            return id;
    }
    return SERIES_NONE;
}

static labelset labels_of(struct series_table *t, const struct label *l, size_t n)
{
    struct label kept[2];
    size_t n_kept = 0;

    for (size_t i = 0; i < n && n_kept < 2; i++)
        if ((l[i].name_len == 3 && memcmp(l[i].name, "job", 3) == 0) ||
            (l[i].name_len == 8 && memcmp(l[i].name, "instance", 8) == 0))
            kept[n_kept++] = l[i];
    return labelsets_intern(t->ls, kept, n_kept);
}

uint32_t series_source_take(struct series_table *t, const struct label *l, size_t n,
                            const char *token)
{
    labelset labels = labels_of(t, l, n);
    uint32_t id = SERIES_NONE, symbol, tag;

    if (labels == LABELSET_NONE)
        return SERIES_NONE;
    symbol = symbol_intern(t->ls, token, strlen(token));
    if (symbol == SYMBOL_NONE)
        goto release_labels;
    tag = source_tag(t, labels, symbol);
    id = find(t, labels, symbol, tag);
    if (id != SERIES_NONE) {
        t->sources[id].refs++;
        goto release;
    }
    if (t->n_sources >= SERIES_NONE - 1 || idtable_reserve(&t->source_ids) != 0 ||
        mem_grow((void **)&t->sources, &t->cap_sources, t->n_sources + 1u, sizeof *t->sources) != 0)
        goto release;
    id = t->n_sources++;
    t->sources[id] = (struct series_source){labels, symbol, 1};
    idtable_insert(&t->source_ids, tag, id);
    return id;
release:
    symbol_unref(t->ls, symbol);
release_labels:
    labelset_unref(t->ls, labels);
    return id;
}

void series_source_drop(struct series_table *t, uint32_t source)
{
    struct series_source *s = &t->sources[source];

    assert(s->labels != LABELSET_NONE && s->refs > 0);
    if (--s->refs > 0)
        return;
    idtable_remove(&t->source_ids, source_tag(t, s->labels, s->token), source);
    labelset_unref(t->ls, s->labels);
    symbol_unref(t->ls, s->token);
    s->labels = LABELSET_NONE;
}

uint32_t series_source_count(const struct series_table *t)
{
    return t->n_sources;
}

const char *series_token(const struct series_table *t, uint32_t id)
{
    const struct series *s = series_get((struct series_table *)t, id);

    return s ? t->ls->symbols[t->sources[s->source].token].text : "";
}
