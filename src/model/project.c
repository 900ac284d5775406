/* Projections of label sets: which pairs stay when labels are kept or dropped. */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/labelsets.h"

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int label_names_init(struct labelsets *ls, struct label_names *out, bool without,
                     const char *const *names, size_t n)
{
    const char **sorted = mem_alloc(n * sizeof *sorted);
    struct label_names made = {.without = without, .symbols = mem_alloc(n * sizeof(uint32_t))};

    assert(names || n == 0);
    if (!sorted || !made.symbols)
        goto fail;
    if (n > 0) {
        memcpy(sorted, names, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_strings);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t id;

        if (i > 0 && strcmp(sorted[i - 1], sorted[i]) == 0)
            continue;
        id = symbol_intern(ls, sorted[i], strlen(sorted[i]));
        if (id == SYMBOL_NONE)
            goto fail;
        made.symbols[made.n++] = id;
    }
    mem_free(sorted);
    *out = made;
    return 0;
fail:
    label_names_clear(ls, &made);
    mem_free(sorted);
    return -1;
}

void label_names_clear(struct labelsets *ls, struct label_names *names)
{
    for (uint32_t i = 0; i < names->n; i++)
        symbol_unref(ls, names->symbols[i]);
    mem_free(names->symbols);
    *names = (struct label_names){0};
}

static bool is_named(const struct label_names *names, uint32_t symbol)
{
    for (uint32_t i = 0; i < names->n; i++)
        if (names->symbols[i] == symbol)
            return true;
    return false;
}

static uint32_t choose(const struct labelsets *ls, labelset id, const struct label_names *names,
                       uint32_t pairs[LABELS_MAX])
{
    const struct label_set *s = set_at(ls, id);
    uint32_t n = 0;

    assert(s->n <= LABELS_MAX);
    for (uint32_t i = 0; i < s->n; i++)
        if (is_named(names, pair_at(ls, s->pairs[i])->name) != names->without)
            pairs[n++] = s->pairs[i];
    return n;
}

labelset labelset_project(struct labelsets *ls, labelset id, const struct label_names *names)
{
    uint32_t pairs[LABELS_MAX];
    uint32_t n = choose(ls, id, names, pairs);

    return labelsets_of_pairs(ls, pairs, n);
}

labelset labelset_project_find(const struct labelsets *ls, labelset id,
                               const struct label_names *names)
{
    uint32_t pairs[LABELS_MAX];
    uint32_t n = choose(ls, id, names, pairs);

    return labelsets_find_pairs(ls, pairs, n);
}

uint64_t labelset_signature(const struct labelsets *ls, labelset id)
{
    const struct label_set *s = set_at(ls, id);
    uint32_t names[LABELS_MAX];

    assert(s->n <= LABELS_MAX);
    for (uint32_t i = 0; i < s->n; i++)
        names[i] = pair_at(ls, s->pairs[i])->name;
    return hash_bytes(names, s->n * sizeof *names);
}
