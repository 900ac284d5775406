/* Buckets of ids by label name and value; what no exact value fixes lies in `rest`.
 * How a list finds its bucket is told in the header. A removal looks where the list may stand instead of
 * noting where it does: that costs the lists under its values, and saves a field for each. Empty buckets and
 * names go at once, so memory follows what stands there. Candidates are a superset, each once: the caller
 * tests them whole. */
#include "model/matcher_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct bucket { /* ids under one value, in the order they came */
    uint32_t *ids;
    size_t n, cap;
};

struct matcher_index {
    struct map *names; /* label name -> struct map of value -> struct bucket */
    struct bucket rest;
    size_t n;
};

struct matcher_index *matcher_index_new(void)
{
    struct matcher_index *ix = mem_zalloc(sizeof *ix);

    if (ix && !(ix->names = map_new())) {
        mem_free(ix);
        ix = NULL;
    }
    return ix;
}

static void drop_bucket(void *value)
{
    struct bucket *b = value;

    mem_free(b->ids);
    mem_free(b);
}

static void drop_name(void *value)
{
    map_free(value, drop_bucket);
}

void matcher_index_free(struct matcher_index *ix)
{
    if (!ix)
        return;
    map_free(ix->names, drop_name);
    mem_free(ix->rest.ids);
    mem_free(ix);
}

size_t matcher_index_count(const struct matcher_index *ix)
{
    return ix->n;
}

/* --- buckets --- */

static struct bucket *bucket_find(const struct matcher_index *ix, const char *name, size_t name_len,
                                  const char *value, size_t len)
{
    struct map *values = map_get(ix->names, name, name_len);

    return values ? map_get(values, value, len) : NULL;
}

static struct bucket *bucket_take(struct matcher_index *ix, const char *name, const char *value)
{
    struct map *values = map_gets(ix->names, name);
    struct bucket *b = values ? map_gets(values, value) : NULL;

    if (b)
        return b;
    if (!values) {
        values = map_new();
        if (!values || map_puts(ix->names, name, values, NULL) < 0) {
            map_free(values, NULL);
            return NULL;
        }
    }
    b = mem_zalloc(sizeof *b);
    if (b && map_puts(values, value, b, NULL) < 0) {
        mem_free(b);
        b = NULL;
    }
    if (!b && map_count(values) == 0)
        map_free(map_removes(ix->names, name), NULL);
    return b;
}

static bool bucket_remove(struct bucket *b, uint32_t id)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->ids[i] != id)
            continue;
        b->ids[i] = b->ids[--b->n];
        return true;
    }
    return false;
}

static int bucket_add(struct bucket *b, uint32_t id)
{
    if (mem_grow((void **)&b->ids, &b->cap, b->n + 1, sizeof *b->ids) < 0)
        return -1;
    b->ids[b->n++] = id;
    return 0;
}

/* Takes the id out of one value; what is empty then goes. False: it does not stand there. */
static bool leave(struct matcher_index *ix, const char *name, const char *value, uint32_t id)
{
    struct map *values = map_gets(ix->names, name);
    struct bucket *b = values ? map_gets(values, value) : NULL;

    if (!b || (b->n > 0 && !bucket_remove(b, id)))
        return false;
    if (b->n == 0)
        drop_bucket(map_removes(values, value));
    if (map_count(values) == 0)
        map_free(map_removes(ix->names, name), NULL);
    return true;
}

static int enter(struct matcher_index *ix, const char *name, const char *value, uint32_t id)
{
    struct bucket *b = bucket_take(ix, name, value);

    if (b && bucket_add(b, id) == 0)
        return 0;
    if (b && b->n == 0)
        (void)leave(ix, name, value, id);
    return -1;
}

/* --- which label a list stands under --- */

/* How many stand under the fullest of the values that this matcher takes. */
static size_t crowd(const struct matcher_index *ix, const char *name, const char *const *values,
                    size_t n)
{
    size_t most = 0;

    for (size_t i = 0; i < n; i++) {
        const struct bucket *b = bucket_find(ix, name, strlen(name), values[i], strlen(values[i]));

        if (b && b->n > most)
            most = b->n;
    }
    return most;
}

/* The values of m[i], where it may be what a list stands under: of several on one label the first
 * that fixes it, so that no id stands under a value for two reasons. 0: it may not. */
static size_t key_values(struct matcher *const *m, size_t i, const char *const **values)
{
    const char *const *unused;

    for (size_t k = 0; k < i; k++)
        if (strcmp(matcher_name(m[k]), matcher_name(m[i])) == 0 && matcher_values(m[k], &unused))
            return 0;
    return matcher_values(m[i], values);
}

static const struct matcher *choose(const struct matcher_index *ix, struct matcher *const *m,
                                    size_t n)
{
    const struct matcher *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < n; i++) {
        const char *const *values;
        size_t n_values = key_values(m, i, &values), there;

        if (n_values == 0)
            continue;
        there = crowd(ix, matcher_name(m[i]), values, n_values);
        if (there < least) {
            best = m[i];
            least = there;
        }
    }
    return best;
}

int matcher_index_add(struct matcher_index *ix, struct matcher *const *m, size_t n, uint32_t id)
{
    const struct matcher *key = choose(ix, m, n);
    const char *const *values;
    size_t n_values, done = 0;

    if (!key) {
        if (bucket_add(&ix->rest, id) < 0)
            return -1;
        ix->n++;
        return 0;
    }
    n_values = matcher_values(key, &values);
    while (done < n_values && enter(ix, matcher_name(key), values[done], id) == 0)
        done++;
    if (done == n_values) {
        ix->n++;
        return 0;
    }
    while (done-- > 0)
        (void)leave(ix, matcher_name(key), values[done], id);
    return -1;
}

static bool leave_all(struct matcher_index *ix, struct matcher *const *m, size_t i, uint32_t id)
{
    const char *const *values;
    size_t n = key_values(m, i, &values);

    if (n == 0 || !leave(ix, matcher_name(m[i]), values[0], id))
        return false;
    for (size_t k = 1; k < n; k++) {
        bool there = leave(ix, matcher_name(m[i]), values[k], id);

        assert(there);
        (void)there;
    }
    return true;
}

void matcher_index_remove(struct matcher_index *ix, struct matcher *const *m, size_t n, uint32_t id)
{
    bool found = false;

    for (size_t i = 0; i < n && !found; i++)
        found = leave_all(ix, m, i, id);
    found = found || bucket_remove(&ix->rest, id);
    assert(found && ix->n > 0);
    ix->n--;
}

/* --- finding --- */

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int put_all(struct matcher_candidates *out, const struct bucket *b)
{
    if (b->n == 0)
        return 0;
    if (mem_grow((void **)&out->ids, &out->cap, out->n + b->n, sizeof *out->ids) < 0)
        return -1;
    memcpy(out->ids + out->n, b->ids, b->n * sizeof *b->ids);
    out->n += b->n;
    return 0;
}

int matcher_index_find(const struct matcher_index *ix, const struct label *l, size_t n_labels,
                       struct matcher_candidates *out)
{
    out->n = 0;
    if (put_all(out, &ix->rest) < 0)
        return -1;
    for (size_t i = 0; i < n_labels && map_count(ix->names) > 0; i++) {
        const struct bucket *b =
            bucket_find(ix, l[i].name, l[i].name_len, l[i].value, l[i].value_len);

        if (b && put_all(out, b) < 0)
            return -1;
    }
    if (out->n > 1)
        qsort(out->ids, out->n, sizeof *out->ids, compare_ids);
    return 0;
}

void matcher_candidates_free(struct matcher_candidates *c)
{
    mem_free(c->ids);
    *c = (struct matcher_candidates){0};
}
