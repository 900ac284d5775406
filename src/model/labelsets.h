/* Inside of the interned label sets, shared by labelsets.c, project.c and series.c.
 *
 *   set  (arena):  refs | n | pair, pair, pair …       sorted by name
 *   pair (arena):  refs | name symbol | len | value … NUL
 *   symbol:        a label name or metric name, dense number, own allocation
 *
 * A pair stands for (name, value); most values appear under one name only, so they live in the
 * pair. A set holds a reference on each of its pairs, a pair one on its name. */
#ifndef TOCSIN_MODEL_LABELSETS_H
#define TOCSIN_MODEL_LABELSETS_H

#include <string.h>

#include "model/arena.h"
#include "model/idtable.h"
#include "model/labels.h"

#define SYMBOL_NONE     UINT32_MAX
#define LABEL_VALUE_MAX 65535 /* bytes; a longer value makes a set that cannot be interned */

struct symbol {
    char *text; /* NULL: free */
    uint32_t len;
    uint32_t refs; /* of a free one: the next free one */
};

struct label_pair {
    uint32_t refs;
    uint32_t name;
    uint16_t len;
    char value[];
};

struct label_set {
    uint32_t refs;
    uint32_t n;
    uint32_t pairs[];
};

struct labelsets {
    size_t max_bytes;
    uint64_t seed;
    struct arena arena;
    struct idtable sets, pairs, names;
    struct symbol *symbols;
    uint32_t n_symbols, free_symbol;
    size_t cap_symbols;
    size_t symbol_bytes; /* of their texts */
    labelset empty;
    uint32_t recent[LABELS_MAX]; /* pairs of the set interned last; none once any was freed */
    uint32_t n_recent;
    labelset recent_set;
};

uint32_t symbol_intern(struct labelsets *ls, const char *text, size_t len); /* one reference more */
uint32_t symbol_find(const struct labelsets *ls, const char *text, size_t len);
void symbol_unref(struct labelsets *ls, uint32_t id);
/* A set of pairs, sorted by name, with one reference more; and the same without creating. */
labelset labelsets_of_pairs(struct labelsets *ls, const uint32_t *pairs, uint32_t n);
labelset labelsets_find_pairs(const struct labelsets *ls, const uint32_t *pairs, uint32_t n);

static inline struct label_set *set_at(const struct labelsets *ls, labelset id)
{
    return arena_at(&ls->arena, id);
}

static inline struct label_pair *pair_at(const struct labelsets *ls, uint32_t id)
{
    return arena_at(&ls->arena, id);
}

/* memcmp() == 0 for the short strings that labels are: no call, no loop up to 16 bytes. */
static inline bool same_bytes(const char *a, const char *b, size_t n)
{
    uint64_t x, y;

    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8) {
        uint64_t x2, y2;

        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&x2, a + n - 8, 8);
        memcpy(&y2, b + n - 8, 8);
        return ((x ^ y) | (x2 ^ y2)) == 0;
    }
    if (n >= 4) {
        uint32_t p, q, p2, q2;

        memcpy(&p, a, 4);
        memcpy(&q, b, 4);
        memcpy(&p2, a + n - 4, 4);
        memcpy(&q2, b + n - 4, 4);
        return ((p ^ q) | (p2 ^ q2)) == 0;
    }
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static inline bool symbol_is(const struct labelsets *ls, uint32_t id, const char *s, size_t len)
{
    const struct symbol *y = &ls->symbols[id];

    return y->len == len && same_bytes(y->text, s, len);
}

static inline bool pair_is(const struct labelsets *ls, uint32_t id, const struct label *l)
{
    const struct label_pair *p = pair_at(ls, id);

    return p->len == l->value_len && same_bytes(p->value, l->value, l->value_len) &&
           symbol_is(ls, p->name, l->name, l->name_len);
}

#endif
